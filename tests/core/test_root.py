"""The root: each rule of spec/61-root.md, its vectors, and the same documents before python-tuf's own judge."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, SSlibKey
from securesystemslib.signer import Signature as TheirSignature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role
from tuf.api.metadata import Root as TheirRoot
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from tercet.core import root as roots
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.root import ROLES, BoardKey, Other, Root, RootKey, Signature, Signed
from tercet.sealing import (
    FRAME_CONTENT,
    CannotOpen,
    UnknownWord,
    derive,
    paper_words,
    read_paper,
    sign_public,
    words_of,
)
from tercet.sealing.words import _list
from tests.sealing.cases import VECTORS, bad_cases, cases, hold_vectors

SPEC = (Path(__file__).parents[2] / "spec" / "61-root.md").read_text()
TESTS = "".join(Path(__file__).with_name(name).read_text() for name in ("test_root.py", "test_rooted.py"))
Case = dict[str, Any]
SEEDS = [derive(bytes([n]) * 32, "test root") for n in range(12)]
PUBLICS = [sign_public(seed) for seed in SEEDS]
BOARD = BoardKey(sign_public(bytes(32)), 20_800, 20_900, 0, bytes(32))
FIVE = (0, 1, 2, 3, 4)


def document(keys: tuple[int, ...] = FIVE, **fields: Any) -> bytes:
    """A payload; by default the first one, of five keys, threshold 3."""
    named = tuple(RootKey(role, PUBLICS[k]) for role, k in zip(ROLES, keys, strict=True))
    return encode(
        Root(**{"version": 1, "number": 1, "before": bytes(32), "threshold": 3, "board": BOARD} | fields, keys=named)
    )


def after(payload: bytes, keys: tuple[int, ...] = FIVE, **fields: Any) -> bytes:
    """A payload that follows another one."""
    number = roots.parse_root(payload).number + 1
    return document(keys, **{"number": number, "before": roots.digest(payload)} | fields)


def signed(payload: bytes, by: Any) -> Signed:
    return roots.with_signatures(Signed(payload, ()), [roots.sign_root(payload, SEEDS[n]) for n in by])


def verdict(payload: bytes, nxt: bytes, by: Any) -> str:
    """What becomes of a document that would follow another one."""
    try:
        roots.check_next(payload, signed(nxt, by))
    except Refusal as refusal:
        return refusal.code
    return "believed"


# ---- the spec and the vectors


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


@pytest.mark.parametrize(("name", "kind"), [("Root", Root), ("Board", BoardKey)])
def test_fields_stand_in_the_order_of_the_bytes(name: str, kind: type[msgspec.Struct]) -> None:
    assert [(int(row[0]), row[1]) for row in rows(name)] == list(enumerate(kind.__struct_fields__))
    assert kind.__struct_config__.array_like
    assert kind.__struct_config__.forbid_unknown_fields


def test_each_number_and_label_is_the_codes() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    written = {name: int(value) for name, value in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", SPEC, re.M)}
    assert written == {
        name: getattr(roots, name) for name in ("KEYS", "SIGNATURES_MOST", "DELEGATED_MOST", "ROOT_MOST")
    }
    assert f'"{roots.LABEL.decode()}"' in SPEC
    assert ", ".join(f"`{role}`" for role in ROLES) in SPEC


def test_the_table_of_bad_cases_names_every_code_of_a_root() -> None:
    source = Path(roots.__file__).read_text()
    assert set(re.findall(r'Refusal\("(\w+)"\)', source)) == {row[1].strip("`") for row in rows("cases")} - {
        "malformed"
    }


@pytest.mark.parametrize("case", cases("document", "root"))
def test_a_document_is_read_as_the_vectors_say(case: Case) -> None:
    read = roots.parse_signed(bytes.fromhex(case["input"]["signed"]))
    assert {"mark": read.mark.hex(), "number": read.root.number} == case["expected"]


@pytest.mark.parametrize("case", bad_cases("document", "root"))
def test_what_is_no_document_is_malformed(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        roots.parse_signed(bytes.fromhex(case["input"]["signed"]))


def walked(case: Case) -> bytes:
    given = case["input"]
    return roots.walk(bytes.fromhex(given["mark"]), [bytes.fromhex(each) for each in given["documents"]])


@pytest.mark.parametrize("case", cases("chain", "root"))
def test_a_chain_leads_where_the_vectors_say(case: Case) -> None:
    held = walked(case)
    board = roots.parse_root(held).board.public.hex()
    assert {"held": roots.digest(held).hex(), "board_key": board} == case["expected"]


@pytest.mark.parametrize("case", bad_cases("chain", "root"))
def test_a_chain_that_breaks_a_rule_is_refused_for_that_rule(case: Case) -> None:
    with pytest.raises((Refusal, Malformed)) as failure:
        walked(case)
    assert getattr(failure.value, "code", "malformed") == case["fails"]


@pytest.mark.parametrize("case", cases("day", "root"))
def test_the_board_s_key_counts_on_its_days(case: Case) -> None:
    board = roots.parse_signed(bytes.fromhex(case["input"]["signed"])).root.board
    assert board.on(case["input"]["day"]).hex() == case["expected"]["board_key"]


@pytest.mark.parametrize("case", bad_cases("day", "root"))
def test_the_board_s_key_counts_on_no_other_day(case: Case) -> None:
    with pytest.raises(Refusal) as refusal:
        roots.parse_signed(bytes.fromhex(case["input"]["signed"])).root.board.on(case["input"]["day"])
    assert refusal.value.code == case["fails"]


@pytest.mark.parametrize("case", cases("paper", "root"))
def test_a_key_on_paper_has_the_words_of_the_vectors(case: Case) -> None:
    secret, expected = bytes.fromhex(case["input"]["secret"]), case["expected"]
    public = sign_public(derive(secret, "root key"))
    assert " ".join(paper_words(secret)) == expected["words"]
    assert read_paper(expected["words"].upper().replace(" ", "\n")) == secret
    assert (public.hex(), " ".join(words_of(public, "root key", 8))) == (expected["public"], expected["compared"])


@pytest.mark.parametrize("case", bad_cases("paper", "root"))
def test_words_that_are_no_key_are_refused(case: Case) -> None:
    with pytest.raises((CannotOpen, UnknownWord)) as failure:
        read_paper(case["input"]["text"])
    assert failure.value.code == case["fails"]


def test_every_vector_says_why_and_how_it_ends_and_is_read_by_a_test() -> None:
    hold_vectors("root", TESTS)
    paths = sorted((VECTORS / "root").glob("*"))
    ended = {json.loads(path.read_text()).get("fails") for path in paths}
    assert {row[1].strip("`") for row in rows("cases")} <= ended, "a case of the spec without a vector"


# ---- rules


def test_a_root_with_ten_signatures_and_all_delegations_fits_its_size_and_a_frame() -> None:
    four = tuple(Other("x" * 16, bytes(32)) for _ in range(4))
    board = BoardKey(bytes(32), 2_932_000, 2_932_400, 2**32, b"\1" * 32)
    payload = document(number=2**32, before=b"\1" * 32, board=board, others=four)
    assert len(encode(signed(payload, range(10)))) <= roots.ROOT_MOST < FRAME_CONTENT // 2 + 40


@pytest.mark.parametrize("by", [s for n in range(6) for s in itertools.combinations(FIVE, n)])
def test_three_of_five_are_enough_and_any_two_are_not(by: tuple[int, ...]) -> None:
    payload = document()
    try:
        roots.check_first(roots.digest(payload), signed(payload, by))
        believed = True
    except Refusal as refusal:
        assert refusal.code == "root_new_few"
        believed = False
    assert believed == (len(by) >= 3)


def test_a_thief_of_the_board_key_and_of_two_papers_makes_no_root() -> None:
    held = document()
    theirs = after(held, (0, 1, 9, 10, 11))
    assert verdict(held, theirs, (0, 1, 9, 10, 11)) == "root_old_few"
    assert verdict(held, after(held), (0, 1)) == "root_old_few"


def test_a_reader_goes_forward_over_documents_in_any_order_and_passes_over_what_is_bad() -> None:
    chain = [document()]
    for keys in ((0, 1, 2, 3, 5), (6, 1, 2, 3, 5), (6, 1, 2, 7, 5)):
        chain.append(after(chain[-1], keys))
    good = [encode(signed(p, range(8))) for p in chain[1:]]
    few = encode(signed(after(chain[0], (8, 9, 10, 3, 4)), (3, 4, 8, 9, 10)))
    for order in itertools.permutations([*good, few, b"noise"]):
        assert roots.forward(chain[0], order) == chain[-1]
    assert roots.forward(chain[0], [few, good[1], good[2]]) == chain[0], "none is skipped"
    assert roots.forward(chain[-1], good) == chain[-1], "none goes back"


def test_no_documents_are_no_root() -> None:
    with pytest.raises(Malformed):
        roots.walk(bytes(32), [])


def test_a_signature_that_does_not_verify_gives_way_to_one_that_does() -> None:
    payload = document()
    bad = Signed(payload, (Signature(PUBLICS[0], bytes(64)),))
    good = roots.sign_root(payload, SEEDS[0])
    assert roots.with_signatures(bad, [good]).signatures == (good,)
    assert roots.with_signatures(Signed(payload, (good,)), bad.signatures).signatures == (good,)


@settings(max_examples=200, deadline=None)
@property_of(st.data())
def test_any_change_of_a_byte_takes_the_signatures_or_the_form(data: Any) -> None:
    whole = bytearray(encode(signed(document(), (0, 1, 2))))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = roots.parse_signed(bytes(whole))
        roots.check_first(roots.digest(document()), changed)
    except (Malformed, Refusal):
        return
    raise AssertionError("a changed document was believed")


@settings(max_examples=100, deadline=None)
@property_of(st.binary(min_size=16, max_size=16), st.integers(0, 12), st.integers(1, 2047))
def test_paper_is_read_back_and_a_slip_is_another_key_or_none(secret: bytes, place: int, step: int) -> None:
    words = list(paper_words(secret))
    assert read_paper(" ".join(words)) == secret
    words[place] = _list()[(_list().index(words[place]) + step) % 2048]
    try:
        assert read_paper(" ".join(words)) != secret
    except CannotOpen:
        return


# ---- The Update Framework judges the same


def theirs(payload: bytes, by: Any) -> bytes:
    """The same document as the framework's root, signed by the same keys."""
    ours = roots.parse_root(payload)
    names = {key.public: key.public.hex() for key in ours.keys}
    keys = {name: SSlibKey(name, "ed25519", "ed25519", {"public": name}) for name in names.values()}
    filler = SSlibKey("board", "ed25519", "ed25519", {"public": ours.board.public.hex()})
    roles = {"root": Role(list(keys), ours.threshold)} | {
        role: Role(["board"], 1) for role in ("timestamp", "snapshot", "targets")
    }
    last = datetime.fromtimestamp(ours.board.last * 86_400, UTC)
    metadata = Metadata(TheirRoot(ours.number, "1.0.31", last, keys | {"board": filler}, roles, False))
    content = metadata.signed_bytes
    for n in by:
        signature = roots.sign(SEEDS[n], content)
        metadata.signatures[PUBLICS[n].hex()] = TheirSignature(PUBLICS[n].hex(), signature.hex())
    return metadata.to_bytes()


def their_verdict(held: bytes, nxt: bytes, by: Any) -> bool:
    """Whether python-tuf follows from one root to the next."""
    trusted = TrustedMetadataSet(theirs(held, range(12)), EnvelopeType.METADATA)
    try:
        trusted.update_root(theirs(nxt, by))
    except RepositoryError:
        return False
    return True


@pytest.mark.full
@settings(max_examples=150, deadline=None)
@property_of(
    st.permutations(range(9)),
    st.permutations(range(9)),
    st.sets(st.integers(0, 9)),
    st.sampled_from([3, 4]),
    st.sampled_from([3, 4]),
    st.sampled_from([0, 1, 1, 1, 2]),
)
def test_python_tuf_believes_the_same_successors(
    old: list[int], new: list[int], by: set[int], was: int, now: int, step: int
) -> None:
    held = document(tuple(old[:5]), threshold=was)
    nxt = document(tuple(new[:5]), threshold=now, number=1 + step, before=roots.digest(held) if step else bytes(32))
    ours = verdict(held, nxt, by) == "believed"
    assert ours == their_verdict(held, nxt, by)


@pytest.mark.parametrize("by", [s for n in range(6) for s in itertools.combinations((2, 3, 4, 5, 6), n)])
def test_python_tuf_agrees_on_who_can_heal_the_loss_of_two(by: tuple[int, ...]) -> None:
    held = document()
    nxt = after(held, (5, 6, 2, 3, 4))
    assert (verdict(held, nxt, by) == "believed") == their_verdict(held, nxt, by) == ({2, 3, 4} <= set(by))


def test_securesystemslib_verifies_our_signatures_and_we_verify_its() -> None:
    payload = document()
    signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(SEEDS[0]))
    made = signer.sign(roots.LABEL + payload)
    ours = roots.sign_root(payload, SEEDS[0])
    assert bytes.fromhex(made.signature) == ours.signature
    key = SSlibKey("x", "ed25519", "ed25519", {"public": ours.public.hex()})
    key.verify_signature(TheirSignature("x", ours.signature.hex()), roots.LABEL + payload)
    assert roots.counted(Signed(payload, (Signature(PUBLICS[0], bytes.fromhex(made.signature)),)), frozenset(PUBLICS))


def test_a_judge_that_forgot_the_old_keys_would_be_told_apart() -> None:
    """The comparison is worth something: documents that only the new five signed are among those compared."""
    held = document()
    nxt = after(held, (5, 6, 7, 8, 9))
    assert not their_verdict(held, nxt, (5, 6, 7, 8, 9))
    assert their_verdict(held, nxt, (0, 1, 2, 5, 6, 7))
    roots.check_first(roots.digest(document((5, 6, 7, 8, 9))), signed(document((5, 6, 7, 8, 9)), (5, 6, 7)))
