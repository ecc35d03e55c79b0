"""Passphrases."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tercet import sealing
from tests.sealing.cases import cases, unhex

SALT = bytes(range(32))


@pytest.mark.parametrize("case", cases("argon2id"))
def test_the_library_is_the_published_argon2id(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    kdf = Argon2id(
        salt=v["salt"],
        length=32,
        iterations=v["iterations"],
        lanes=v["lanes"],
        memory_cost=v["memory_kib"],
        ad=v["data"],
        secret=v["secret"],
    )
    assert kdf.derive(v["passphrase"]).hex() == case["expected"]["key"]


@pytest.mark.parametrize("case", cases("stretch"))
def test_stretching_matches_its_vectors(case: dict[str, Any]) -> None:
    v = case["input"]
    cost = sealing.Cost(v["memory_kib"], v["iterations"], v["lanes"])
    key = sealing.stretch(v["passphrase"], bytes.fromhex(v["salt"]), cost)
    assert key.hex() == case["expected"]["key"]


def test_every_part_of_the_cost_and_the_salt_counts() -> None:
    costs = [(64, 1, 1), (72, 1, 1), (64, 2, 1), (64, 1, 2)]
    keys = {sealing.stretch("five words", SALT, sealing.Cost(*cost)) for cost in costs}
    keys.add(sealing.stretch("five words", SALT[::-1], sealing.LOW_COST))
    keys.add(sealing.stretch("Five words", SALT, sealing.LOW_COST))
    assert len(keys) == 6


def test_what_one_guess_costs_by_default() -> None:
    assert sealing.Cost() == sealing.Cost(memory_kib=262_144, iterations=3, lanes=4)


def test_too_short_a_salt_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError):
        sealing.stretch("five words", bytes(7), sealing.LOW_COST)


def test_a_passphrase_of_bytes_that_are_no_text_is_stretched_and_never_lands_in_an_error() -> None:
    typed = b"caf\xe9 of old".decode("utf-8", "surrogateescape")
    first = sealing.stretch(typed, SALT, sealing.LOW_COST)
    assert len(first) == sealing.KEY
    assert first != sealing.stretch(typed + "e", SALT, sealing.LOW_COST)
