"""Hellos, keys, verdicts, consents and what is made of them, against their vectors."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.core import hello as hellos
from tercet.core.fields import Malformed, encode
from tercet.core.knock import proof_of
from tercet.sealing import CannotOpen, derive, words_of
from tests.sealing.cases import bad_cases, cases

from .stage import Seeded
from .test_knock import bytes_of


def hexed(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", cases("shared", "meeting"))
def test_boxes_keys_and_proof_come_from_the_shared_key(case: Any) -> None:
    shared = bytes_of(case["input"]["shared"])
    assert case["expected"] == {
        "proof": proof_of(shared).hex(),
        "box_0_id": hellos.shared_box(shared, 0).id.hex(),
        "box_1_id": hellos.shared_box(shared, 1).id.hex(),
        "key_0": derive(shared, "meeting key", b"\0").hex(),
        "key_1": derive(shared, "meeting key", b"\1").hex(),
    }


@pytest.mark.parametrize("case", cases("promise", "meeting"))
def test_a_promise_is_that_of_the_vectors(case: Any) -> None:
    assert hellos.promise_of(bytes_of(case["input"]["reveal"])).hex() == case["expected"]["promise"]


@pytest.mark.parametrize("case", cases("hello", "meeting"))
def test_a_hello_is_parsed_as_the_vectors_say(case: Any) -> None:
    content = bytes_of(case["input"]["content"])
    hello = hellos.parse_hello(content, case["input"]["side"])
    assert {name: hexed(getattr(hello, name)) for name in case["expected"]} == case["expected"]
    assert encode(hello) == content


@pytest.mark.parametrize("case", bad_cases("hello", "meeting"))
def test_what_is_no_hello_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        hellos.parse_hello(bytes_of(case["input"]["content"]), case["input"]["side"])


@pytest.mark.parametrize("case", cases("key", "meeting"))
def test_a_key_frame_is_parsed_as_the_vectors_say(case: Any) -> None:
    key = hellos.parse_key(bytes_of(case["input"]["content"]), case["input"]["side"])
    assert {name: hexed(getattr(key, name)) for name in case["expected"]} == case["expected"]


@pytest.mark.parametrize("case", bad_cases("key", "meeting"))
def test_what_is_no_key_frame_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        hellos.parse_key(bytes_of(case["input"]["content"]), case["input"]["side"])


@pytest.mark.parametrize("case", cases("verdict", "meeting"))
def test_a_verdict_is_parsed_as_the_vectors_say(case: Any) -> None:
    verdict = hellos.parse_verdict(bytes_of(case["input"]["content"]))
    assert case["expected"] == {"kind": verdict.kind, "code": hellos.REFUSALS[verdict.kind]}


@pytest.mark.parametrize("case", bad_cases("verdict", "meeting"))
def test_what_is_no_verdict_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        hellos.parse_verdict(bytes_of(case["input"]["content"]))


@pytest.mark.parametrize("case", cases("consent", "meeting"))
def test_a_consent_is_parsed_as_the_vectors_say(case: Any) -> None:
    consent = hellos.parse_consent(bytes_of(case["input"]["content"]), case["input"]["side"])
    card = encode(consent.card).hex() if consent.card else None
    assert case["expected"] == {"olm": consent.olm.hex(), "card": card, "pair": consent.pair.hex()}


@pytest.mark.parametrize("case", bad_cases("consent", "meeting"))
def test_what_is_no_consent_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        hellos.parse_consent(bytes_of(case["input"]["content"]), case["input"]["side"])


@pytest.mark.parametrize("case", cases("root", "meeting"))
def test_root_and_words_come_from_the_frames_as_the_vectors_say(case: Any) -> None:
    given = {name: bytes_of(value) for name, value in case["input"].items()}
    both = hellos.transcript_of(given["hello_0"], given["hello_1"])
    secrets, keys = (given["secret_0"], given["secret_1"]), (given["key_0"], given["key_1"])
    root = hellos.root_of(given["shared"], secrets, both, keys)
    likeness = hellos.likeness_of(given["shared"], given["reveal"], both, given["key_1"])
    assert case["expected"] == {
        "hellos": both.hex(),
        "root": root.hex(),
        "likeness": likeness.hex(),
        "words": " ".join(words_of(likeness, "compare words")),
        "relation_id": derive(root, "relation id", length=16).hex(),
        "chain": derive(root, "relation chain").hex(),
        "consent_key_0": derive(root, "meeting consent", b"\0").hex(),
        "consent_key_1": derive(root, "meeting consent", b"\1").hex(),
    }


def test_a_frame_of_one_side_does_not_open_as_the_others_and_a_consent_only_under_its_root() -> None:
    shared, root, chance = bytes(32), b"r" * 32, Seeded("x")
    out = hellos.seal_shared(shared, 0, hellos.FrameKind.VERDICT, b"x", chance)
    assert hellos.open_shared(shared, 0, out.item) == (hellos.FrameKind.VERDICT, b"x")
    assert out.box == hellos.shared_box(shared, 0).id
    with pytest.raises(CannotOpen):
        hellos.open_shared(shared, 1, out.item)
    consent = hellos.seal_consent(shared, root, 1, hellos.Consent(1, b"olm", None, b""), chance)
    assert hellos.open_consent(root, 1, consent.item).olm == b"olm"
    for wrong, side in ((root, 0), (shared, 1)):
        with pytest.raises(CannotOpen):
            hellos.open_consent(wrong, side, consent.item)
    with pytest.raises(CannotOpen):
        hellos.open_shared(shared, 1, consent.item)


def test_a_frame_without_content_has_no_kind() -> None:
    out = hellos.seal_shared(bytes(32), 0, hellos.FrameKind.HELLO, b"", Seeded("x"))
    assert hellos.open_shared(bytes(32), 0, out.item) == (1, b"")
