"""Cascades: how far captures spread when nobody is cut out, drawn and in closed form.

Does        draws whom each captured person gives up, and when; follows that through a tree; computes what to expect.
Does not    know devices: `burns` plays them, and with burning switched off loses exactly whom this loses.
Spec        spec/95-lab.md, 14
Always      1. Whom one person gives up hangs on the seed and on that person alone, whatever happened before.
Read first  Confessions, spread(), expected_loss().
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from tercet.lab.campaigns import Tree
from tercet.lab.chance import Stream


class Named(NamedTuple):
    """Somebody who is given up: `after` so many seconds in the captor's hands."""

    member: int
    after: float


class Loss(NamedTuple):
    """One person in the captor's hands.

    Attributes:
        at: seconds after the days began.
        origin: whose capture it came of, in the end; its own number for whoever was first.
    """

    at: float
    origin: int


class Confessions:
    """Whom everybody would give up.

    Args:
        seed: of the world.
        talks: the probability that a neighbour is given up, each for itself.
        holds: seconds until it is, on average.
    """

    def __init__(self, seed: int, talks: float, holds: float) -> None:
        self._seed, self._talks, self._holds = seed, talks, holds

    def of(self, member: int, neighbours: Iterable[int]) -> Iterator[Named]:
        """Those whom one member gives up, of so many neighbours; the desk (0) is out of reach."""
        for each in sorted(neighbours):
            chance = Stream(self._seed, f"member {member} about {each}")
            if each and chance.hit(self._talks):
                yield Named(each, chance.wait(self._holds))


def spread(
    tree: Tree, firsts: Sequence[Loss], confessions: Confessions, until: float = float("inf")
) -> dict[int, Loss]:
    """Who is lost where nobody is ever cut out or warned.

    Args:
        tree: who knows whom.
        firsts: those seized first; the origin of each is whom it speaks of.
        confessions: whom everybody would give up.
        until: seconds after the days began from which nobody is seized any more.
    """
    lost: dict[int, Loss] = {}
    coming = [(one.at, one.origin, one.origin) for one in firsts]
    coming.sort()
    while coming:
        at, member, origin = heappop(coming)
        if at >= until or member in lost:
            continue
        lost[member] = Loss(at, origin)
        for named in confessions.of(member, tree.neighbours[member]):
            heappush(coming, (at + named.after, named.member, origin))
    return lost


# ---- what to expect


def through(talks: float, people: int) -> float:
    """The probability that one of a cell leads to another of it: straight, or through the third."""
    return talks if people < 3 else talks + talks**2 - talks**3


def expected_loss(tree: Tree, talks: float) -> dict[int, float]:
    """For each member how many are lost on average when it is seized, itself among them.

    A tree of pairs is made of cells of three (link and pair below) and founding pairs, and two cells share one person
    at most: so who is reached hangs on a product along the one way through cells.
    """
    cells = list(_cells(tree))
    of: dict[int, list[tuple[int, ...]]] = {member: [c for c in cells if member in c] for member in tree.members}
    return {member: _from(member, of, talks) for member in tree.members}


def _cells(tree: Tree) -> Iterator[tuple[int, ...]]:
    for member in tree.members:
        below = tree.below.get(member)
        if below:
            yield (member, *below)
        if member not in tree.link and member < tree.partner.get(member, 0):
            yield member, tree.partner[member]


def _from(member: int, of: Mapping[int, list[tuple[int, ...]]], talks: float) -> float:
    total = 0.0
    ways: list[tuple[int, float, tuple[int, ...]]] = [(member, 1.0, ())]
    for one, share, came in ways:  # it grows while we go through it
        total += share
        for cell in of[one]:
            if cell != came:
                ways += [(other, share * through(talks, len(cell)), cell) for other in cell if other != one]
    return total


def expected_in_whole_tree(levels: int, talks: float) -> tuple[float, float]:
    """What is lost on average in a full tree of pairs under one top member: for a random one, and for the top.

    Args:
        levels: of the tree; the top alone is the first.
        talks: as ever.
    """
    step = through(talks, 3)
    down = [0.0] * (levels + 1)
    for level in range(levels, 0, -1):
        down[level - 1] = 1 + 2 * step * down[level] if level < levels else 1.0
    sums, out = down[0], 0.0
    for level in range(1, levels):
        out = step * (down[level] + 1 + out)
        sums += 2**level * (down[level] + out)
    return sums / (2**levels - 1), down[0]
