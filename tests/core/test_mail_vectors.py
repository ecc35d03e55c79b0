"""The vectors of letters and reports: the code, and the derivations once more by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core.cell import Role
from tercet.core.chain import DayChain, Lane, lane
from tercet.core.channel import Channel, Letter
from tercet.core.content import conversation_id, open_content, parse_content
from tercet.core.conversation import open_answer, seal_answer
from tercet.core.envelope import return_lane, return_root, unwrap
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, decode, encode
from tercet.core.relation import PLAIN, Relation, open_letter, parse_plain, wrap_letter
from tercet.core.report import ResendRequest
from tercet.sealing import FRAME, Box, CannotOpen
from tests.sealing.cases import VECTORS, bad_cases, cases

TESTS = Path(__file__).read_text()
Case = dict[str, Any]


def bare(value: Any) -> Any:
    """A message as its vector writes it: bytes in hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return {name: bare(field) for name, field in msgspec.structs.asdict(value).items()}
    return [bare(item) for item in value] if isinstance(value, tuple) else value


def by_hand(secret: bytes, label: str, *context: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 of spec/20-sealing.md, 3, from `hmac` alone."""
    info = b"tercet/1 " + label.encode() + b"".join(len(c).to_bytes(4, "big") + c for c in context)
    key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")[:length]


def personal(data: bytes, person: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32, person=person).digest()


def assert_lane(made: Lane, expected: Case) -> None:
    assert [bare_box(box) for box in made.boxes] == expected["boxes"]
    assert (made.key.hex(), made.turn) == (expected["key"], expected["turn"])


def bare_box(box: Box) -> dict[str, str]:
    return {"ack": box.ack.hex(), "read": box.read.hex(), "id": box.id.hex()}


def lane_by_hand(root: bytes, purpose: str, where: bytes) -> Case:
    boxes = []
    for place in (0, 1):
        ack = by_hand(root, f"{purpose} box", where, bytes([place]))
        read = personal(ack, b"tercet read")
        boxes.append({"ack": ack.hex(), "read": read.hex(), "id": personal(read, b"tercet box").hex()})
    turn = int.from_bytes(by_hand(root, f"{purpose} relay", where, length=4), "big")
    return {"boxes": boxes, "key": by_hand(root, f"{purpose} key", where).hex(), "turn": turn}


def letter_of(given: Case) -> Letter:
    return Letter(**{k: bytes.fromhex(v) if k == "body" else v for k, v in given.items()})


@pytest.mark.parametrize("case", cases("chain", "letters"))
def test_the_root_of_a_day(case: Case) -> None:
    given = case["input"]
    root = bytes.fromhex(given["root"])
    assert DayChain(given["day"], root).root_on(given["ask"]).hex() == case["expected"]["root"]
    for _ in range(given["ask"] - given["day"]):
        root = by_hand(root, "next day")
    assert root.hex() == case["expected"]["root"]


@pytest.mark.parametrize("case", bad_cases("chain", "letters"))
def test_a_day_out_of_reach(case: Case) -> None:
    given = case["input"]
    failure = {"forgotten": ValueError, "clock_far": Refusal}[case["fails"]]
    with pytest.raises(failure, match=case["fails"]):
        DayChain(given["day"], bytes.fromhex(given["root"])).root_on(given["ask"])


@pytest.mark.parametrize("case", cases("lane", "letters"))
def test_the_lane_of_a_day(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    chain = DayChain(given["day"], bytes.fromhex(given["root"]))
    made = lane(chain, given["ask"], given["purpose"], given["direction"])
    assert_lane(made, expected)
    root, where = chain.root_on(given["ask"]), given["direction"].to_bytes(2, "big")
    assert lane_by_hand(root, given["purpose"], where) == expected


@pytest.mark.parametrize("case", cases("letter", "letters"))
def test_the_bytes_of_a_letter(case: Case) -> None:
    letter = letter_of(case["input"])
    assert encode(letter).hex() == case["expected"]["encoded"]
    assert parse_plain(encode(letter)) == letter


@pytest.mark.parametrize("case", bad_cases("letter", "letters"))
def test_bytes_that_are_no_letter(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_plain(bytes.fromhex(case["input"]["encoded"]))


@pytest.mark.parametrize("case", cases("frame", "letters"))
def test_the_frame_of_an_empty_letter(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    chain, letter = DayChain(given["day"], bytes.fromhex(given["root"])), letter_of(given["letter"])
    ours, theirs = (
        Relation(bytes(16), "a", Role.PARTNER, chain, s, Channel(), b"") for s in (given["side"], 1 - given["side"])
    )
    where, frame = wrap_letter(ours, bytes([PLAIN]) + encode(letter), given["on"], bytes.fromhex(given["nonce"]))
    assert ([box.id.hex() for box in where.boxes], frame.hex()) == (expected["boxes"], expected["frame"])
    assert len(frame) == FRAME
    assert open_letter(theirs, given["on"], frame) == (theirs, letter)


@pytest.mark.parametrize("case", cases("content", "report"))
def test_the_bytes_of_a_report(case: Case) -> None:
    padded = bytes.fromhex(case["expected"]["padded"])
    given = {k: v for k, v in case["input"].items() if k != "week"}
    content = parse_content(padded, case["input"]["week"])
    assert bare(content) == given
    assert (encode(content) + b"\x80").ljust(len(padded), b"\0") == padded


@pytest.mark.parametrize("case", bad_cases("content", "report"))
def test_bytes_that_are_no_report(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_content(bytes.fromhex(case["input"]["padded"]), case["input"]["week"])


@pytest.mark.parametrize("case", cases("request", "report"))
def test_the_bytes_of_a_request(case: Case) -> None:
    data = bytes.fromhex(case["expected"]["encoded"])
    request = decode(data, ResendRequest)
    assert encode(request) == data
    assert (request.media, [[i, k.hex()] for i, k in request.blocks]) == tuple(case["input"].values())


@pytest.mark.parametrize("case", bad_cases("request", "report"))
def test_bytes_that_are_no_request(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        decode(bytes.fromhex(case["input"]["encoded"]), ResendRequest)


@pytest.mark.parametrize("case", cases("conversation", "report"))
def test_what_a_conversation_is_called(case: Case) -> None:
    reply = bytes.fromhex(case["input"]["reply"])
    assert conversation_id(reply) == by_hand(reply, "conversation id", length=16)
    assert conversation_id(reply).hex() == case["expected"]["id"]


@pytest.mark.parametrize("case", cases("word", "report"))
def test_the_bytes_of_a_word(case: Case) -> None:
    padded = bytes.fromhex(case["expected"]["padded"])
    content = parse_content(padded, case["input"]["week"])
    assert bare(content) == {k: v for k, v in case["input"].items() if k != "week"}
    assert (encode(content) + b"\x80").ljust(len(padded), b"\0") == padded


@pytest.mark.parametrize("case", bad_cases("word", "report"))
def test_bytes_that_are_no_word(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_content(bytes.fromhex(case["input"]["padded"]), case["input"]["week"])


@pytest.mark.parametrize("case", cases("return", "report"))
def test_the_box_of_an_answer(case: Case) -> None:
    back, nonce, salt = (bytes.fromhex(case["input"][name]) for name in ("back", "nonce", "salt"))
    root, expected = return_root(back, nonce, salt), dict(case["expected"])
    assert root.hex() == by_hand(back, "return root", nonce, salt).hex() == expected.pop("root")
    assert_lane(return_lane(root), expected)
    assert lane_by_hand(root, "return", bytes(2)) == expected


@pytest.mark.parametrize("case", cases("answer", "report"))
def test_the_frame_of_an_answer(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    where, letter = return_lane(bytes.fromhex(given["root"])), letter_of(given["letter"])
    frame = seal_answer(where, letter, bytes.fromhex(given["nonce"]))
    assert (where.boxes[0].id.hex(), frame.hex()) == (expected["box"], expected["frame"])
    assert open_answer(where, frame) == letter


@pytest.mark.parametrize("case", bad_cases("answer", "report"))
def test_a_frame_that_is_no_answer(case: Case) -> None:
    failure = {"malformed": Malformed, CannotOpen.code: CannotOpen}[case["fails"]]
    with pytest.raises(failure):
        open_answer(return_lane(bytes.fromhex(case["input"]["root"])), bytes.fromhex(case["input"]["frame"]))


@pytest.mark.parametrize("case", cases("sealed", "report"))
def test_a_report_sealed_long_ago_opens(case: Case) -> None:
    given = case["input"]
    content = open_content(bytes.fromhex(given["sealed"]), {given["week"]: bytes.fromhex(given["seed"])})
    assert bare(content) == case["expected"]


@pytest.mark.parametrize("case", bad_cases("sealed", "report"))
def test_a_report_that_does_not_open(case: Case) -> None:
    given = case["input"]
    assert case["fails"] == CannotOpen.code
    with pytest.raises(CannotOpen):
        open_content(bytes.fromhex(given["sealed"]), {given["week"]: bytes.fromhex(given["seed"])})


@pytest.mark.parametrize("case", cases("wrap", "report"))
def test_the_frame_of_a_report_put_long_ago_opens(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    where, seeds = _intake(given)
    frame = bytes.fromhex(given["frame"])
    assert (where.boxes[0].id.hex(), frame[:24].hex()) == (expected["box"], expected["nonce"])
    assert [part.hex() for part in unwrap(where, frame, seeds)] == [expected["salt"], expected["sealed"]]


@pytest.mark.parametrize("case", bad_cases("wrap", "report"))
def test_a_frame_that_is_no_report_of_that_day(case: Case) -> None:
    where, seeds = _intake(case["input"])
    assert case["fails"] == CannotOpen.code
    with pytest.raises(CannotOpen):
        unwrap(where, bytes.fromhex(case["input"]["frame"]), seeds)


def _intake(given: Case) -> tuple[Lane, dict[int, bytes]]:
    """The lane of a case, and the one week key that its desk holds."""
    where = lane(DayChain(given["day"], bytes.fromhex(given["root"])), given["day"], "intake", given["shard"])
    return where, {given["week"]: bytes.fromhex(given["seed"])}


@pytest.mark.parametrize("folder", ["letters", "report"])
def test_every_vector_says_why_and_how_it_ends_and_is_read_by_a_test(folder: str) -> None:
    paths = sorted((VECTORS / folder).glob("*"))
    assert paths
    for path in paths:
        case = json.loads(path.read_text())
        assert set(case) in ({"why", "input", "expected"}, {"why", "input", "fails"})
        assert case["why"]
        match = re.fullmatch(r"([a-z]+)-(?:(bad)-[a-z0-9-]+|[0-9]+)\.json", path.name)
        assert match, path.name
        assert ("fails" in case) == bool(match[2])
        assert f'{"bad_" if match[2] else ""}cases("{match[1]}", "{folder}")' in TESTS
