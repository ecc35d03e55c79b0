"""Names and keys."""

from __future__ import annotations

from typing import Any

import pytest

from tercet import sealing
from tests.sealing import by_hand
from tests.sealing.cases import cases, unhex

SECRET = bytes(range(32))


@pytest.mark.parametrize("case", cases("hkdf"))
def test_our_hkdf_by_hand_is_the_published_one(case: dict[str, Any]) -> None:
    given, expected = unhex(case["input"]), unhex(case["expected"])
    prk = by_hand.hkdf_extract(given["salt"], given["secret"])
    assert prk == expected["prk"]
    assert by_hand.hkdf_expand(prk, given["info"], given["length"]) == expected["okm"]


@pytest.mark.parametrize("case", cases("derive"))
def test_derive_matches_its_vectors(case: dict[str, Any]) -> None:
    given = case["input"]
    context = [bytes.fromhex(part) for part in given["context"]]
    key = sealing.derive(bytes.fromhex(given["secret"]), given["label"], *context, length=given["length"])
    assert key.hex() == case["expected"]["key"]
    secret = bytes.fromhex(given["secret"])
    assert key == by_hand.derive(secret, given["label"].encode(), context, given["length"])


def test_another_secret_label_context_or_order_gives_another_key() -> None:
    keys = [
        sealing.derive(SECRET, "a", b"x", b"y"),
        sealing.derive(SECRET[::-1], "a", b"x", b"y"),
        sealing.derive(SECRET, "b", b"x", b"y"),
        sealing.derive(SECRET, "a", b"y", b"x"),
        sealing.derive(SECRET, "a", b"xy"),
        sealing.derive(SECRET, "a", b"x", b"y", b""),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("label", ["", "caf\u00e9", "a\0", "a\n"])
def test_a_label_is_printable_ascii(label: str) -> None:
    with pytest.raises(ValueError):
        sealing.derive(SECRET, label)


@pytest.mark.parametrize("case", cases("chain"))
def test_a_day_chain_matches_its_vectors(case: dict[str, Any]) -> None:
    root = bytes.fromhex(case["input"]["root"])
    for day in case["expected"]["days"]:
        root = sealing.next_day(root)
        assert root.hex() == day


@pytest.mark.parametrize("case", cases("digest"))
def test_a_name_is_blake2b_256(case: dict[str, Any]) -> None:
    assert sealing.digest(bytes.fromhex(case["input"]["data"])).hex() == case["expected"]["name"]
