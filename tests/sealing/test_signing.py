"""Signatures."""

from __future__ import annotations

from typing import Any

import pytest

from tercet import sealing
from tests.sealing.cases import bad_cases, cases, unhex


@pytest.mark.parametrize("case", cases("sign"))
def test_signing_is_the_published_ed25519(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), unhex(case["expected"])
    assert sealing.sign_public(v["seed"]) == expected["public"]
    assert sealing.sign(v["seed"], v["message"]) == expected["signature"]
    sealing.verify(expected["public"], v["message"], expected["signature"])


@pytest.mark.parametrize("case", bad_cases("verify"))
def test_a_bad_signature_raises(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.verify(v["public"], v["message"], v["signature"])
    assert failure.value.code == case["fails"]


def test_a_key_for_which_one_signature_fits_every_message_is_refused() -> None:
    identity = b"\x01" + bytes(31)
    for message in (b"", b"anything"):
        with pytest.raises(sealing.CannotOpen):
            sealing.verify(identity, message, identity + bytes(32))


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_seed_of_another_length_is_the_callers_mistake(seed: bytes) -> None:
    with pytest.raises(ValueError):
        sealing.sign_public(seed)
    with pytest.raises(ValueError):
        sealing.sign(seed, b"")
