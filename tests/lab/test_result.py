"""Percentiles of delays."""

from __future__ import annotations

from tercet.lab.result import Spread, spread


def test_half_ninety_five_percent_and_the_longest() -> None:
    assert spread([3_600.0 * hours for hours in range(100)]) == Spread(100, 50.0, 95.0, 99.0)


def test_nothing_has_no_delay() -> None:
    assert spread([]) == Spread(0, 0.0, 0.0, 0.0)
