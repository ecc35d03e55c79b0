"""Nameplates, codes and knocks against their vectors."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.core import knock as knocks
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.sealing import CannotOpen, derive
from tests.sealing.cases import bad_cases, cases

FAILURES = {"malformed": Malformed, "cannot_open": CannotOpen}


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("case", cases("code", "meeting"))
def test_a_code_is_read_as_the_vectors_say(case: Any) -> None:
    plate, words = knocks.parse_code(case["input"]["text"])
    assert {"plate": plate, "words": words} == case["expected"]


@pytest.mark.parametrize("case", bad_cases("code", "meeting"))
def test_what_is_no_code_is_refused(case: Any) -> None:
    with pytest.raises(Refusal) as refusal:
        knocks.parse_code(case["input"]["text"])
    assert refusal.value.code == case["fails"]


@pytest.mark.parametrize("case", cases("plate", "meeting"))
def test_boxes_and_keys_of_a_nameplate_are_those_of_the_vectors(case: Any) -> None:
    plate, offer = case["input"]["plate"], bytes_of(case["input"]["offer"])
    there, answers = knocks.plate_box(plate), knocks.answer_box(plate, offer)
    assert case["expected"] == {
        "plate_box_ack": there.ack.hex(),
        "plate_box_id": there.id.hex(),
        "plate_key": derive(plate.encode(), "plate key").hex(),
        "answer_box_ack": answers.ack.hex(),
        "answer_box_id": answers.id.hex(),
        "answer_key": derive(plate.encode(), "answer key", offer).hex(),
    }


def opened(given: dict[str, str]) -> knocks.Knock:
    frame = bytes_of(given["frame"])
    if given["lies_in"] == "plate":
        return knocks.open_knock(given["plate"], frame)
    return knocks.open_answer(given["plate"], bytes_of(given["offer"]), frame)


@pytest.mark.parametrize("case", cases("frame", "meeting"))
def test_a_knock_opens_and_is_sealed_as_the_vectors_say(case: Any) -> None:
    given, expected = case["input"], case["expected"]
    knock = opened(given)
    assert (knock.kind, knock.spake.hex(), knock.proof.hex(), knock.code) == (
        expected["kind"],
        expected["spake"],
        expected["proof"],
        expected["code"],
    )
    plate, offer = given["plate"], bytes_of(given["offer"])

    def nonce(count: int) -> bytes:
        return bytes(range(0x40, 0x40 + count))

    out = {
        "offer": lambda: knocks.seal_offer(plate, knock.spake, nonce),
        "refusal": lambda: knocks.seal_refusal(plate, offer, knock.code, nonce),
        "answer": lambda: knocks.seal_answer(plate, offer, knock.spake, knock.proof, nonce),
    }[knock.kind]()
    assert (out.item.hex(), out.box.hex()) == (given["frame"], expected["box"])


@pytest.mark.parametrize("case", bad_cases("frame", "meeting"))
def test_a_frame_that_is_no_knock_does_not_open(case: Any) -> None:
    with pytest.raises(FAILURES[case["fails"]]):
        opened(case["input"])


@pytest.mark.parametrize("case", cases("knock", "meeting"))
def test_a_knock_is_parsed_as_the_vectors_say(case: Any) -> None:
    content = bytes_of(case["input"]["content"])
    knock = knocks.parse_knock(content)
    assert case["expected"] == {
        "kind": knock.kind,
        "spake": knock.spake.hex(),
        "proof": knock.proof.hex(),
        "code": knock.code,
    }
    assert encode(knock) == content


@pytest.mark.parametrize("case", bad_cases("knock", "meeting"))
def test_what_is_no_knock_is_malformed(case: Any) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        knocks.parse_knock(bytes_of(case["input"]["content"]))


def test_a_plate_is_drawn_from_all_thousand() -> None:
    assert knocks.draw_plate(lambda n: bytes(n)) == "000"
    assert knocks.draw_plate(lambda n: (999).to_bytes(n, "big")) == "999"
    assert knocks.draw_plate(lambda n: (1042).to_bytes(n, "big")) == "042"
