"""How far captures spread where nobody is cut out: drawn and computed the same, and as published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tercet.core.cell import Role
from tercet.lab.campaigns import Tree
from tercet.lab.cascade import Confessions, Loss, Named, expected_in_whole_tree, expected_loss, spread, through
from tercet.lab.plan import HOUR

TALKS = 0.4
FOUNDERS = [(0, 1, Role.DESK), (0, 2, Role.DESK), (1, 2, Role.PARTNER)]
# Founders 1 and 2, the pair 3 and 4 below 1, the pair 5 and 6 below 2, the pair 7 and 8 below 3.
PAIRS = ((1, 3, 4), (2, 5, 6), (3, 7, 8))
BELOW = [met for a, b, c in PAIRS for met in ((a, b, Role.LINK), (a, c, Role.LINK), (b, c, Role.PARTNER))]
TREE = Tree([*FOUNDERS, *BELOW])
WORLDS = 2_000
WITHIN = 0.25  # more than four standard deviations of a mean of so many losses


class Insistent(Confessions):
    """A planted fault: captors who ask about each neighbour twice."""

    def of(self, member: int, neighbours: Iterable[int]) -> Iterator[Named]:
        """See `Confessions.of`."""
        both = list(neighbours)
        yield from super().of(member, both)
        yield from Confessions(self._seed + WORLDS, TALKS, HOUR).of(member, both)


def mean_loss(member: int, kind: type[Confessions] = Confessions) -> float:
    """What many captors take of one who was seized first, on average."""
    lost = (len(spread(TREE, [Loss(0.0, member)], kind(seed, TALKS, HOUR))) for seed in range(WORLDS))
    return sum(lost) / WORLDS


def test_a_tree_of_a_million_loses_what_the_design_says() -> None:
    random, top = expected_in_whole_tree(20, TALKS)
    assert (round(random, 2), round(top, 2)) == (5.87, 18.55)


def test_one_of_a_cell_leads_to_another_straight_or_through_the_third() -> None:
    assert through(TALKS, 3) == pytest.approx(TALKS + (1 - TALKS) * TALKS**2)
    assert through(TALKS, 2) == TALKS


def test_both_ways_of_computing_agree_on_a_whole_tree() -> None:
    """Seven members under one top: the founder 2 is left out."""
    pairs = ((1, 3, 4), (3, 5, 6), (4, 7, 8))
    met = [(0, 1, Role.DESK)]
    met += [m for a, b, c in pairs for m in ((a, b, Role.LINK), (a, c, Role.LINK), (b, c, Role.PARTNER))]
    expected = expected_loss(Tree(met), TALKS)
    random, top = expected_in_whole_tree(3, TALKS)
    assert expected[1] == pytest.approx(top)
    assert sum(expected.values()) / len(expected) == pytest.approx(random)


@pytest.mark.parametrize("member", [1, 7])
def test_captors_lose_what_the_closed_form_says(member: int) -> None:
    assert abs(mean_loss(member) - expected_loss(TREE, TALKS)[member]) < WITHIN


def test_captors_who_ask_twice_are_told_from_it() -> None:
    assert mean_loss(7, Insistent) - expected_loss(TREE, TALKS)[7] > 2 * WITHIN


def test_who_is_never_given_up_is_never_lost_and_everybody_is_where_all_are() -> None:
    assert set(spread(TREE, [Loss(0.0, 7)], Confessions(1, 0.0, HOUR))) == {7}
    assert set(spread(TREE, [Loss(0.0, 7)], Confessions(1, 1.0, HOUR))) == set(TREE.members)


def test_whom_somebody_gives_up_hangs_on_nothing_but_the_seed_and_the_two() -> None:
    def named(*about: int) -> set[Named]:
        return {each for seed in range(9) for each in Confessions(seed, TALKS, HOUR).of(3, about)}

    assert named(1, 4, 7) == named(1) | named(4) | named(7)
    assert len({each.after for each in named(1, 4, 7)}) == len(named(1, 4, 7)) > 3


def test_nobody_is_seized_after_the_end_and_the_first_to_name_somebody_counts() -> None:
    every = spread(TREE, [Loss(0.0, 7), Loss(360.0, 2)], Confessions(1, 1.0, HOUR))
    assert {loss.origin for loss in every.values()} == {7, 2}
    some = spread(TREE, [Loss(0.0, 7), Loss(360.0, 2)], Confessions(1, 1.0, HOUR), until=HOUR)
    assert some == {member: loss for member, loss in every.items() if loss.at < HOUR}
    assert len(some) < len(every)
