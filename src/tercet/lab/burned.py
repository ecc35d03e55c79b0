"""What came of hunts: people lost with and without burning, delays, and what broke the law.

Does        holds figures of one world, and joins those of several.
Does not    hunt.
Spec        spec/95-lab.md, 14
Always      1. The same worlds give the same figures.
Read first  Burned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tercet.lab.result import Spread, spread

DELAYS: Final = ("told", "by_alarm", "by_silence", "dropped", "healed")


class Exposed(msgspec.Struct, frozen=True):
    """How many were lost for each who was seized first: on average, 95 % at most, and at worst."""

    firsts: int
    mean: float
    ninety_fifth: int
    worst: int


class Burned(msgspec.Struct, frozen=True):
    """One world that was hunted, or several. Delays in seconds.

    Attributes:
        worlds, members, member_days: how many.
        traces: of the worlds.
        lost: for each who was to be seized first how many were lost of it, itself among them; 0 if it had left, or was
            lost of another one, by then.
        without: how many the same captor takes of it where nobody is cut out.
        expected: for each world, what a single capture of a random member loses on average where nobody is cut out.
        vain: names that were given up of people who had left by then.
        safe: people who left.
        told: from each seizure to the first neighbour that is asked about it, in danger or silent.
        by_alarm, by_silence: from each seizure to the burn on the board, where an alarm was raised, and where none was.
        dropped: from the burn on the board to each free neighbour's drop.
        healed: from the burn of a link to each free one below who has a link again.
        uncut: people seized whom nobody burned.
        unhealed: free people below a burned link who have none at the end.
        strays: burns on the board whose points belong to no member.
        reports: by what became of them: `received`, `waiting`, `taken along`.
        tried: frames that captors and malicious neighbours put.
        wrong: breaches of the law, a sentence each.
    """

    worlds: int
    members: int
    member_days: int
    traces: tuple[str, ...]
    lost: tuple[int, ...]
    without: tuple[int, ...]
    expected: tuple[float, ...]
    vain: int
    safe: int
    told: tuple[float, ...]
    by_alarm: tuple[float, ...]
    by_silence: tuple[float, ...]
    dropped: tuple[float, ...]
    healed: tuple[float, ...]
    uncut: int
    unhealed: int
    strays: int
    reports: dict[str, int]
    tried: int
    wrong: tuple[str, ...]

    def spreads(self) -> dict[str, Spread]:
        """All delays, in hours."""
        return {name: spread(getattr(self, name)) for name in DELAYS}


FIELDS: Final = Burned.__struct_fields__


def exposed(lost: Sequence[int]) -> Exposed:
    """The figures of so many losses."""
    ordered = sorted(lost)
    if not ordered:
        return Exposed(0, 0.0, 0, 0)
    most = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Exposed(len(ordered), sum(ordered) / len(ordered), most, ordered[-1])


def together(some: Sequence[Burned]) -> Burned:
    """Several worlds as one."""
    return msgspec.convert({name: _join([getattr(one, name) for one in some]) for name in FIELDS}, Burned)


def _join(values: Sequence[Any]) -> object:
    if isinstance(values[0], tuple):
        return tuple(each for value in values for each in value)
    if isinstance(values[0], dict):
        return {name: sum(each.get(name, 0) for each in values) for name in values[0]}
    return sum(values)
