"""The watcher guesses no better than chance who reported, and catches what would give them away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tercet.lab.chance import Stream
from tercet.lab.network import Observation
from tercet.lab.watcher import DESK, Example, auc, deviation, figures_of, guess, sight_of
from tercet.lab.weeks import CALM, week

SMALL = replace(CALM, members=12, days=4)
CAUGHT = 3.5  # standard deviations
CHANCE = 3.0


def seen(address: int, operation: str, box: int, at: float, item: int = 0, hit: bool = True) -> Observation:
    return Observation(at, at, address, 0, operation, box, item, hit, 4_100, 30)


def test_a_perfect_order_has_area_one_and_a_wrong_one_none() -> None:
    assert auc([(1.0, False), (2.0, True)]) == 1.0
    assert auc([(2.0, False), (1.0, True)]) == 0.0
    assert auc([(1.0, False), (1.0, True)]) == 0.5


def test_an_area_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="both"):
        auc([(1.0, True), (2.0, True)])


def test_the_deviation_is_that_of_a_sum_of_ranks() -> None:
    scores = [(float(i), i >= 10) for i in range(20)]
    assert deviation(scores) == pytest.approx(0.5 / (21 / 1200) ** 0.5)


@pytest.mark.parametrize(("lean", "least", "most"), [(0.0, -CHANCE, CHANCE), (2.0, CAUGHT, 99.0)])
def test_learning_finds_a_lean_and_nothing_where_there_is_none(lean: float, least: float, most: float) -> None:
    chance = Stream(11, "examples")

    def example() -> Example:
        reported = chance.hit(0.5)
        return Example(tuple(chance.between(0, 4) + lean * reported * (i == 3) for i in range(8)), reported)

    scores = guess([example() for _ in range(80)], [example() for _ in range(80)])
    assert least < deviation(scores) < most


def test_intake_is_known_by_its_many_writers_and_its_one_reader() -> None:
    boxes = [seen(a, "put", 7, float(a), a) for a in (1, 2, 3)] + [seen(DESK, "read", 7, 9.0)]
    alone = [seen(1, "put", 8, 10.0, 9), seen(DESK, "read", 8, 11.0), seen(DESK, "put", 5, 12.0, 10)]
    sight = sight_of(boxes + alone)
    assert sight.intake == {7}
    assert sight.answers == {5: 1}


def test_an_item_put_twice_and_a_box_of_two_answers_are_figures() -> None:
    everything = [seen(a, "put", 7, float(a), a) for a in (1, 2, 3)] + [seen(DESK, "read", 7, 9.0)]
    everything += [seen(DESK, "put", 5, 12.0, 10), seen(DESK, "put", 5, 13.0, 11)]
    mine = [seen(1, "put", 7, 1.0, 1), seen(1, "put", 7, 5.0, 1), seen(1, "read", 5, 14.0)]
    figures = figures_of(mine, sight_of(everything + mine))
    assert figures["intake items put twice"] == 1
    assert figures["boxes of several answers"] == 1
    assert figures["answers fetched"] == 1


@pytest.mark.full
@pytest.mark.parametrize(("fault", "worlds"), [("curious", 6), ("repeating", 6)])
def test_each_planted_fault_is_caught(fault: str, worlds: int) -> None:
    """With 6 worlds 5.1 standard deviations can be had, and these faults have them; `bench/traffic.py` has another."""
    assert _sigma(fault, worlds) > CAUGHT


@pytest.mark.full
def test_of_the_real_beat_it_learns_nothing() -> None:
    assert abs(_sigma("honest")) < CHANCE


def _sigma(fault: str, count: int = 8) -> float:
    """The watcher's success on so many small worlds, learned on half of them."""
    worlds = [week(seed, fault, SMALL) for seed in range(1, count + 1)]
    known = [e for each in worlds[: count // 2] for e in each]
    return deviation(guess(known, [e for each in worlds[count // 2 :] for e in each]))
