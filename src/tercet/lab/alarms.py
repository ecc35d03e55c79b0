"""Alarms: how long after the second passphrase was given each neighbour's device says *in danger*.

Does        takes members' devices in a world, no two of them neighbours, and notes when each neighbour is told.
Does not    help an alarm on its way, or count who was taken as one who looks.
Spec        spec/95-lab.md, 12; spec/75-understudy.md, 4
Always      1. An alarm that has not come by the end counts, as one that never came.
Read first  captures(), delays_of().
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from tercet.lab.chance import Stream
from tercet.lab.duress import DuressWorld, Kind
from tercet.lab.plan import DAY, HOUR, Plan

SPREAD: Final = 0.5  # days over which the moments lie
WAIT: Final = 1.0  # days from the last of them to the end
OF_AGE: Final = Plan(members=24, days=10, loss=0.05, naps=0.0, away=0.0, skewed=0.0, sticks=0.0, outage_every=10_000.0)


@dataclass(frozen=True)
class Capture:
    """One member whose second passphrase was given.

    Attributes:
        delays: seconds until each neighbour was told, shortest first; endless for one that was not told.
    """

    delays: tuple[float, ...]


def captures(seed: int, plan: Plan = OF_AGE, kind: Kind | None = None) -> list[Capture]:
    """What became of every alarm of a world.

    Args:
        seed: of the world, of who is taken, and when.
        plan: of the world; in the last day and a half of its days devices are taken.
        kind: how understudies are made and work.
    """
    busy = plan.days - 1 - SPREAD - WAIT  # the day before is at the plan's pace
    world = DuressWorld(replace(plan, seed=seed), kind, leisure=max(busy, 0.0) * DAY)
    chance = Stream(seed, "who is taken")
    moments = {m.number: (busy + 1 + chance.between(0, SPREAD)) * DAY for m in world.members}
    order = sorted(moments, key=lambda _: chance.random())
    taken: list[int] = []
    neighbours: dict[int, list[int]] = {}

    def choose() -> None:
        for number in order:
            names = [r.name for r in world.machines[number].device.relations]
            neighbours[number] = [world.by_name[name].number for name in names]
            if not set(neighbours[number]) & set(taken):
                taken.append(number)
                world.opens(number, moments[number], True)

    world.before_the_days.append(choose)
    world.live()
    came = {(one, of): at - world.began - moments[of] for (one, of), at in world.alarms.items()}
    return [Capture(tuple(sorted(came.get((one, of), inf) for one in neighbours[of]))) for of in taken]


def delays_of(some: Sequence[Capture]) -> dict[str, float | int | None]:
    """Figures of captures: of the first neighbour who is told, and of each; hours, and shares of those in time.

    Returns:
        None in place of hours that are endless.
    """
    first, each = sorted(c.delays[0] for c in some), sorted(d for c in some for d in c.delays)
    return {"captures": len(some), "alarms": len(each)} | _spread("first", first) | _spread("each", each)


def _spread(what: str, delays: Sequence[float]) -> dict[str, float | int | None]:
    def at(share: float) -> float | None:
        hours = delays[min(len(delays) - 1, int(share * len(delays)))] / HOUR if delays else inf
        return None if hours == inf else round(hours, 2)

    return {
        f"{what}_median_h": at(0.5),
        f"{what}_p95_h": at(0.95),
        f"{what}_longest_h": at(1.0),
        f"{what}_within_3h": round(within(delays, 3), 3),
        f"{what}_within_6h": round(within(delays, 6), 3),
    }


def within(delays: Sequence[float], hours: float) -> float:
    """The share of delays (seconds) of at most so many hours."""
    return sum(d <= hours * HOUR for d in delays) / max(1, len(delays))
