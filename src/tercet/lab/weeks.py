"""Weeks to guess at: worlds in which half of the members report, as a watcher of all relays sees them.

Does        runs a world for a week, half of its owners reporting, and turns what was seen into examples.
Does not    guess: the watcher does.
Spec        spec/95-lab.md, 10
Always      1. The weather is calm, so that nothing but the protocol hides who reports.
Read first  week().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.device import step as honest
from tercet.core.state import Device
from tercet.lab.chance import Stream
from tercet.lab.network import Observation
from tercet.lab.owners import Owner
from tercet.lab.plan import DAY, Plan
from tercet.lab.watcher import DESK, Example, figures_of, sight_of
from tercet.lab.world import World

Chance = Callable[[int], bytes]
Stepped = tuple[Device, tuple[fx.Effect, ...]]
REPORTS: Final = 3.0  # a day, of those who report: many, so that a fault shows in few weeks
CALM: Final = Plan(
    members=20,
    days=7,
    relays=2,
    founding=2,
    loss=0.02,
    duplicates=0.0,
    reports=REPORTS,
    letters=0.5,
    replies=0.5,
    crash_every=10_000.0,
    naps=0.0,
    away=0.0,
    skewed=0.0,
    outage_every=10_000.0,
    sticks=0.0,
)


class Silent(Owner):
    """An owner who does everything but report."""

    def _report(self) -> None:
        return


def hasty(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
    """A planted fault: the destination of a beat depends on content; a report goes at the next beat."""
    due = isinstance(event, ev.Beat) and any(r.sealed and not r.put for r in device.reports)
    drawn = False

    def loaded(count: int) -> bytes:
        nonlocal drawn
        if due and count == 1 and not drawn:
            drawn = True
            return b"\0"
        return chance(count)

    return honest(device, event, now, loaded)


def curious(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
    """A planted fault: the box of an open conversation is read beside the beat, as the design first had it."""
    after, effects = honest(device, event, now, chance)
    if isinstance(event, ev.Beat) and device.reports:
        box = fx.ReadBox(
            ev.Query("cover", alone=True), device.reports[0].id * 2, device.relays[0], after=event.span / 2
        )
        effects = (*effects, box)
    return after, effects


def repeating(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
    """A planted fault: what may not have arrived is put again, byte for byte."""
    after, effects = honest(device, event, now, chance)
    again = [
        msgspec.structs.replace(e, after=e.after + 60.0)
        for e in effects
        if isinstance(e, fx.PutItem) and e.ref and e.after and any(r.sealed for r in device.reports)
    ]
    return after, (*effects, *again)


FAULTS: Final = MappingProxyType({"honest": honest, "hasty": hasty, "curious": curious, "repeating": repeating})


def week(seed: int, fault: str = "honest", plan: Plan = CALM) -> list[Example]:
    """One example for each member of a world.

    Args:
        seed: of the world, and of who reports.
        fault: a key of `FAULTS`.
        plan: of the world; its days are what is looked at.
    """
    world = World(replace(plan, seed=seed), step=FAULTS[fault], observe=True)
    world.ledger.holds_beats = fault == "honest"
    coin = Stream(seed, "who reports")
    reporting = {m.number: coin.hit(0.5) for m in world.machines if m.number}
    for machine in world.machines:
        if machine.number and not reporting[machine.number]:
            world.replace_owner(machine, Silent)
    world.live()
    end = world.began + plan.days * DAY
    seen = [o for o in world.observations if o.came < end]
    sight, by_address = sight_of(seen), defaultdict[int, list[Observation]](list)
    for one in seen:
        by_address[one.address].append(one)
    return [
        Example(tuple(figures_of(by_address[number], sight).values()), reported)
        for number, reported in reporting.items()
        if number != DESK
    ]
