"""Passphrases: drawn fairly, weighed without mercy, priced as the page says."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.sealing import Cost
from tercet.shell import passphrases
from tercet.shell.passphrases import (
    FLOOR,
    LIST,
    are_alike,
    guess_costs,
    guesses,
    how_long,
    is_weak,
    seconds_to_try,
    suggest,
    words,
)

HOUSE = Path(__file__).resolve().parents[2]
PAGE = (HOUSE / "docs" / "passphrases.md").read_text()
SPEC = (HOUSE / "spec" / "72-dialogue.md").read_text()
LICENCE = (HOUSE / "src" / "tercet" / "shell" / "eff-long.md").read_text()
GOOD = "cobra lamp distant ivory moth"


def test_the_list_is_the_effs_own() -> None:
    dice = ("".join(throws) for throws in itertools.product("123456", repeat=5))
    theirs = "".join(f"{throw}\t{word}\n" for throw, word in zip(dice, words(), strict=True))
    assert len(set(words())) == LIST
    assert sha256(theirs.encode()).hexdigest() in LICENCE
    assert sha256((HOUSE / "src/tercet/shell/eff-long.txt").read_bytes()).hexdigest() in LICENCE
    assert "Creative Commons Attribution 3.0 United States" in LICENCE


def test_a_suggestion_is_five_words_of_the_list() -> None:
    for _ in range(50):
        drawn = suggest(os.urandom).split(" ")
        assert len(drawn) == 5
        assert set(drawn) <= set(words())
        assert not is_weak(" ".join(drawn))


def test_each_word_is_as_likely_as_any_other() -> None:
    numbers = Counter(passphrases._below_list(_draws(n)) for n in range(2**16))
    numbers[0] -= (2**13 - LIST) * 8  # what was drawn again
    assert set(numbers) == set(range(LIST))
    assert set(numbers.values()) == {8}


def _draws(first):
    """Chance that gives a number of two bytes, then zeros."""
    draws = iter((first.to_bytes(2, "big"), bytes(2)))
    return lambda _: next(draws)


@pytest.mark.parametrize(
    "easy",
    [
        "",
        "   ",
        "twelve chars",
        "password123456",
        "P@ssw0rd-P@ssw0rd!",
        "qwertyuiopasdf",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabcabcabcabc" * 9,
        "cat dog cow",
        "cat-dog-cow",
        "cat. dog. cow",
        "1234567890123456789012345678901234567890",
        "shopping and sums",
        "ｐａｓｓｗｏｒｄ１２３４５６",  # noqa: RUF001 - as wide letters, which are the same to the vault
        "\ud800" * 40,
    ],
)
def test_what_is_easy_to_guess_is_below_the_floor(easy: str) -> None:
    assert is_weak(easy)


@pytest.mark.parametrize(
    "good", [GOOD, "five unrelated words are good", "кобра лампа слоновая даль моль", "x7$kQ!2pLm9#vT"]
)
def test_what_is_not_is_above_it(good: str) -> None:
    assert not is_weak(good)


@pytest.mark.parametrize(
    "other",
    [
        f"{GOOD}1",
        f"the {GOOD}",
        "cobra lamp distant ivory tulip",
        "moth ivory distant lamp cobra",
        "CobraLampDistantIvoryMoth",
        "Cobra-Lamp-Distant-Ivory-Moth",
    ],
)
def test_a_variant_of_a_passphrase_is_alike_from_either_side(other: str) -> None:
    assert are_alike(GOOD, other)
    assert are_alike(other, GOOD)


@pytest.mark.parametrize("draws", [8, pytest.param(50, marks=pytest.mark.full)])
def test_two_that_are_drawn_apart_are_not_alike(draws: int) -> None:
    assert not are_alike(GOOD, "tulip stove grain fable onion")
    for _ in range(draws):
        drawn, other = suggest(os.urandom).split(" "), suggest(os.urandom).split(" ")
        if not set(drawn) & set(other):
            assert not are_alike(" ".join(drawn), " ".join(other))


@pytest.mark.parametrize("examples", [15, pytest.param(60, marks=pytest.mark.full)])
def test_any_text_can_be_weighed(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.text(max_size=100), st.text(max_size=40))
    def weighed(text: str, other: str) -> None:
        assert guesses(text) >= 0
        assert guesses(text, other) >= 0

    weighed()


def test_nothing_of_a_passphrase_stays_with_the_library() -> None:
    from zxcvbn import matching

    guesses("tulip stove grain fable onion", GOOD)
    assert matching.RANKED_DICTIONARIES["user_inputs"] == {}


def test_five_words_cost_what_coverdrop_says_they_cost() -> None:
    assert round(seconds_to_try(LIST**5) / passphrases.YEAR) == 2_201


def test_a_guess_costs_its_memory_and_its_passes() -> None:
    whole = seconds_to_try(10**12)
    assert seconds_to_try(10**12, Cost(262_144, 6)) == pytest.approx(2 * whole)
    assert seconds_to_try(10**12, Cost(131_072, 3)) == pytest.approx(whole / 4)  # half as long, twice as many at once
    assert seconds_to_try(4_096_000) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 seconds"),
        (59, "59 seconds"),
        (3_000, "50 minutes"),
        (7_200, "2 hours"),
        (86_400 * 300, "300 days"),
        (passphrases.YEAR * 2_200.9, "2,201 years"),
        (passphrases.YEAR * 3e6, "3 million years"),
        (passphrases.YEAR * 3e12, "3,000 billion years"),
    ],
)
def test_a_time_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert how_long(seconds) == said


def test_the_page_has_the_table_that_the_function_computes() -> None:
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d,]+ [a-z ]+) \|$", PAGE, re.M)
    assert rows == [(str(row.words), row.bits, row.time) for row in guess_costs()]


def test_the_page_and_the_spec_state_the_floor_and_what_it_is_worth() -> None:
    assert FLOOR == 10**12
    assert "Below 10^12 guesses" in SPEC
    assert f"10^12 guesses take {how_long(seconds_to_try(FLOOR))}" in PAGE
    assert f"first {passphrases.LOOKED_AT} characters" in SPEC


def test_the_page_states_the_attacker_that_the_function_has() -> None:
    cost = Cost()
    assert f"{cost.memory_kib // 1_024} MiB, filled {cost.iterations} times" in PAGE
    assert f"{passphrases.ATTACKER_MEMORY // 2**40:,} TiB" in PAGE
    assert f"{passphrases.ATTACKER_MEMORY // (cost.memory_kib * 1_024):,} guesses at once" in PAGE
    assert f"{passphrases.FILLED // 2**30} GiB a second" in PAGE
