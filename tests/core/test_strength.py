"""What may be said of how many."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tercet.core import strength as strengths
from tercet.core.permits import ALLOWANCE, Mint
from tercet.core.strength import CAPTURED, abnormal, band, certain, strength
from tercet.core.tokens import TokenKeys

SPEC = (Path(__file__).parents[2] / "spec" / "51-tokens.md").read_text()


def mint(week: int, count: int, dealt: int = 0) -> Mint:
    return Mint(TokenKeys(week, bytes(256), bytes(256)), b"", b"", {b"founder": dealt}, (), count)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, (0, 10)), (9, (0, 10)), (10, (10, 30)), (29, (10, 30)), (30, (30, 100)), (99, (30, 100)), (100, (100, 300))]
    + [(299, (100, 300)), (300, (300, 1_000)), (1_000, (1_000, 3_000)), (3_000, (3_000, 10_000))],
)
def test_a_band_goes_by_threes_and_tens(count: int, expected: tuple[int, int]) -> None:
    assert band(count) == expected


@pytest.mark.parametrize(
    ("weeks", "captured", "expected"),
    [([], 3, 0), ([7], 0, 1), ([7] * 3, 3, 0), ([7] * 6, 3, 3), ([7] * 6, 0, 6), ([7, 7, 8, 8], 0, 2), ([7] * 2, 9, 0)],
)
def test_only_what_a_captor_cannot_have_made_is_certain(weeks: list[int], captured: int, expected: int) -> None:
    assert certain(weeks, captured) == expected


def test_a_captor_of_one_member_at_the_edge_is_assumed() -> None:
    assert certain([7] * 6) == 6 - CAPTURED == 3


def test_the_newest_week_that_is_over_counts() -> None:
    said = strength((mint(6, 40), mint(7, 120), mint(8, 3)), 8)
    assert (said.week, said.least, said.most) == (7, 100, 300)


def test_a_first_week_is_said_to_be_unfinished_and_none_is_no_band() -> None:
    assert strength((mint(8, 12),), 8).biases == ("unfinished",)
    assert strength((), 8).biases == strength((mint(9, 12),), 8).biases == ("no_week",)


def test_a_week_with_many_more_permits_than_those_before_is_abnormal() -> None:
    before = tuple(mint(week, 100 + week) for week in range(4))
    assert strength((*before, mint(4, 140)), 5).biases == ()
    assert strength((*before, mint(4, 170)), 5).biases == ("abnormal",)
    assert not abnormal(1_000, [])


def test_a_founder_that_was_dealt_all_of_its_allowance_is_a_bias() -> None:
    assert strength((mint(7, 20, ALLOWANCE),), 8).biases == ("allowance",)


def test_the_numbers_are_the_specs() -> None:
    found = re.search(r"<!-- table: strength -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]
    assert rows
    assert all(getattr(strengths, row[0]) == int(row[1]) for row in rows)
