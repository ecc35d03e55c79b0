"""What a captor's campaigns yielded: counts by order and state, people a seizure, and what broke the law.

Does        counts; joins the counts of several worlds.
Does not    seize or judge.
Spec        spec/95-lab.md, 11
Always      1. The same worlds give the same counts.
Read first  Captures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")
JOINED: Final = "all of a campaign"  # the row of a tally that counts campaigns


class Tally(msgspec.Struct, frozen=True):
    """All seizures of one order and one state.

    Attributes:
        order: a key of `campaigns.ORDERS`.
        row: a key of `campaigns.STATES`, or `JOINED` for all seizures of a campaign together.
        people: number of people named to how many seizures, or campaigns, named so many.
        lanes: likewise of neighbours that are there without a name.
        kinds: texts that could be read, by their kind, in all.
        sealed: sealed reports that lay there, in all; none of them opens.
        opened: frames of the relays' history that said something and opened, in all.
        breaches: how many.
    """

    order: str
    row: str
    people: dict[int, int]
    lanes: dict[int, int]
    kinds: dict[str, int] = {}
    sealed: int = 0
    opened: int = 0
    breaches: int = 0

    @property
    def seizures(self) -> int:
        """How many there were."""
        return sum(self.people.values())

    @property
    def mean(self) -> float:
        """People named by one, on average."""
        return sum(people * many for people, many in self.people.items()) / max(1, self.seizures)

    @property
    def ninety_fifth(self) -> int:
        """People that 95 % of them do not exceed."""
        ordered = sorted(Counter(self.people).elements())
        return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] if ordered else 0

    @property
    def worst(self) -> int:
        """People named by the worst."""
        return max(self.people, default=0)

    @property
    def worst_lanes(self) -> int:
        """Neighbours without a name that the worst shows."""
        return max(self.lanes, default=0)


class Captures(msgspec.Struct, frozen=True):
    """Everything that was seized in a world, or in several.

    Attributes:
        worlds, members, campaigns, reports: how many.
        taken: devices taken away for good.
        traces: of the worlds.
        tallies: by order and row.
        breaches: a sentence each.
    """

    worlds: int
    members: int
    campaigns: int
    taken: int
    reports: int
    traces: tuple[str, ...]
    tallies: tuple[Tally, ...]
    breaches: tuple[str, ...]

    @property
    def seizures(self) -> int:
        """How many there were."""
        return sum(tally.seizures for tally in self.tallies if tally.row != JOINED)


def together(captures: Sequence[Captures]) -> Captures:
    """The captures of several worlds as one."""
    groups: defaultdict[tuple[str, str], list[Tally]] = defaultdict(list)
    for tally in (tally for each in captures for tally in each.tallies):
        groups[tally.order, tally.row].append(tally)
    return Captures(
        worlds=sum(each.worlds for each in captures),
        members=sum(each.members for each in captures),
        campaigns=sum(each.campaigns for each in captures),
        taken=sum(each.taken for each in captures),
        reports=sum(each.reports for each in captures),
        traces=tuple(trace for each in captures for trace in each.traces),
        tallies=tuple(_sum(order, row, group) for (order, row), group in groups.items()),
        breaches=tuple(breach for each in captures for breach in each.breaches),
    )


def _sum(order: str, row: str, group: Sequence[Tally]) -> Tally:
    return Tally(
        order,
        row,
        _counts(tally.people for tally in group),
        _counts(tally.lanes for tally in group),
        _counts(tally.kinds for tally in group),
        sum(tally.sealed for tally in group),
        sum(tally.opened for tally in group),
        sum(tally.breaches for tally in group),
    )


def _counts(every: Iterable[dict[T, int]]) -> dict[T, int]:
    total: Counter[T] = Counter()
    for each in every:
        total.update(each)
    return dict(total)
