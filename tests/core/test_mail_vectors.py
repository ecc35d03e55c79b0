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

from tercet.core import channel as letters
from tercet.core.chain import DayChain, lane
from tercet.core.channel import Letter
from tercet.core.conversation import open_word, seal_word
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, decode, encode
from tercet.core.relation import parse_plain
from tercet.core.report import (
    ResendRequest,
    conversation,
    conversation_id,
    open_content,
    parse_content,
    unwrap,
    wrap,
)
from tercet.sealing import FRAME, CannotOpen
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
    assert bare(made.key) == expected["key"]
    assert (made.turn, made.box.ack.hex()) == (expected["turn"], expected["ack"])
    assert (made.box.read.hex(), made.box.id.hex()) == (expected["read"], expected["id"])
    root, where = chain.root_on(given["ask"]), given["direction"].to_bytes(2, "big")
    ack = by_hand(root, f"{given['purpose']} box", where)
    read = personal(ack, b"tercet read")
    assert [v.hex() for v in (ack, read, personal(read, b"tercet box"))] == [expected[k] for k in ("ack", "read", "id")]
    assert by_hand(root, f"{given['purpose']} key", where).hex() == expected["key"]
    assert int.from_bytes(by_hand(root, f"{given['purpose']} relay", where, length=4), "big") == expected["turn"]


@pytest.mark.parametrize("case", cases("letter", "letters"))
def test_the_bytes_of_a_letter(case: Case) -> None:
    letter = Letter(**{k: bytes.fromhex(v) if k == "body" else v for k, v in case["input"].items()})
    assert encode(letter).hex() == case["expected"]["encoded"]
    assert parse_plain(encode(letter)) == letter


@pytest.mark.parametrize("case", bad_cases("letter", "letters"))
def test_bytes_that_are_no_letter(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_plain(bytes.fromhex(case["input"]["encoded"]))


@pytest.mark.parametrize("case", cases("frame", "letters"))
def test_the_frame_of_a_word(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    talk, other = (
        conversation(bytes.fromhex(given["reply"]), given["day"], s) for s in (given["side"], 1 - given["side"])
    )
    if given["number"]:
        talk = letters.write(talk, given["kind"], bytes.fromhex(given["body"]))
    day = given.get("on", given["day"])
    waiting = talk.waiting[0] if talk.waiting else None
    _, where, frame = seal_word(talk, waiting, given["now"], day, bytes.fromhex(given["nonce"]))
    assert (where.box.id.hex(), frame.hex()) == (expected["box"], expected["frame"])
    assert len(frame) == FRAME
    opened = open_word(other, day, frame)
    assert (opened.number, opened.kind, opened.body.hex()) == (given["number"], given["kind"], given["body"])


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
def test_the_conversation_of_a_report(case: Case) -> None:
    reply, expected = bytes.fromhex(case["input"]["reply"]), case["expected"]
    talk = conversation(reply, case["input"]["day"], 0)
    assert conversation_id(reply) == by_hand(reply, "conversation id", length=16) == bytes.fromhex(expected["id"])
    assert talk.chain.root == by_hand(reply, "conversation root") == bytes.fromhex(expected["root"])
    assert talk.chain.day == expected["first"]


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
def test_the_frame_of_a_report(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    where = lane(DayChain(given["day"], bytes.fromhex(given["root"])), given["day"], "intake", given["shard"])
    sealed = bytes.fromhex(given["sealed"])
    frame = wrap(where, sealed)
    assert (where.box.id.hex(), frame.hex()) == (expected["box"], expected["frame"])
    assert frame[:24] == hashlib.blake2b(sealed, digest_size=32).digest()[:24]
    assert unwrap(where, frame) == sealed


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
