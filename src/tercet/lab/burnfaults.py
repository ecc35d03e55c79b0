"""Planted faults of burning: cores that are wrong in one way each, which the law must catch.

Does        wraps the core's step so that one rule is broken.
Does not    stand in any device.
Spec        spec/95-lab.md, 14
Always      1. Each fault breaks one law, which names it.
Read first  FAULTS.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import parting
from tercet.core.burning import burns, point_of
from tercet.core.chain import lane
from tercet.core.days import day_of
from tercet.core.device import step as honest
from tercet.core.relation import Relation
from tercet.core.state import Device

Chance = Callable[[int], bytes]
Stepped = tuple[Device, tuple[fx.Effect, ...]]
Stepping = Callable[[Device, ev.Event, int, Chance], Stepped]


class Fault(NamedTuple):
    """A core with a fault.

    Attributes:
        law: which rule it breaks.
        core: gives the step of such a core, for one world.
    """

    law: str
    core: Callable[[], Stepping]


def _one_point_is_enough() -> Stepping:
    """A reader that drops whoever one posted point belongs to."""

    def take(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
        parting.burns = lambda share, *points: point_of(share) in points  # type: ignore[attr-defined]
        try:
            return honest(device, event, now, chance)
        finally:
            parting.burns = burns  # type: ignore[attr-defined]

    return take


def _dropped(before: Device, after: Device) -> list[Relation]:
    kept = {relation.id for relation in after.relations}
    return [relation for relation in before.relations if relation.id not in kept]


def _keeps_the_burned() -> Stepping:
    def take(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
        after, effects = honest(device, event, now, chance)
        back = (*after.relations, *_dropped(device, after))
        return msgspec.structs.replace(after, relations=back), effects

    return take


def _reads_on() -> Stepping:
    """In place of a beat's first read it looks for whom it dropped."""
    return _later(lambda device, gone, now: fx.ReadBox(_query(gone, now), gone.id * 2, device.relays[0]), fx.ReadBox)


def _query(gone: Relation, now: int) -> ev.Query:
    return ev.Query("relation", gone.id, day_of(now), alone=True)


def _writes_on() -> Stepping:
    """In place of a beat's put it writes to whom it dropped."""

    def put(device: Device, gone: Relation, now: int) -> fx.Effect:
        where = lane(gone.chain, max(day_of(now), gone.chain.day), "relation", gone.side)
        return fx.PutItem(b"", device.places(where), bytes(4_096))

    return _later(put, fx.PutItem)


def _later(order: Callable[[Device, Relation, int], fx.Effect], kind: type) -> Stepping:
    """A core whose next beat orders something about whom it dropped in place of its first order of a kind."""
    gone: dict[int, Relation] = {}

    def take(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
        after, effects = honest(device, event, now, chance)
        for each in _dropped(device, after):
            gone[id(chance)] = each
        place = next((i for i, effect in enumerate(effects) if isinstance(effect, kind)), None)
        if isinstance(event, ev.Beat) and place is not None and id(chance) in gone:
            other = order(after, gone.pop(id(chance)), now)
            effects = (*effects[:place], other, *effects[place + 1 :])
        return after, effects

    return take


def _takes_back() -> Stepping:
    """The burned one has its relation again with the next beat."""
    gone: dict[int, list[Relation]] = {}

    def take(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
        after, effects = honest(device, event, now, chance)
        if isinstance(event, ev.Beat) and id(chance) in gone:
            back = (*after.relations, *gone.pop(id(chance)))
            after = msgspec.structs.replace(after, relations=back)
        elif lost := _dropped(device, after):
            gone[id(chance)] = lost
        return after, effects

    return take


def _once_dropped(change: Callable[[Device], Device]) -> Stepping:
    """A step that drops somebody changes something else, too."""

    def take(device: Device, event: ev.Event, now: int, chance: Chance) -> Stepped:
        after, effects = honest(device, event, now, chance)
        return change(after) if _dropped(device, after) else after, effects

    return take


def _drops_another() -> Stepping:
    return _once_dropped(lambda after: msgspec.structs.replace(after, relations=after.relations[1:]))


def _forgets_reports() -> Stepping:
    return _once_dropped(lambda after: msgspec.structs.replace(after, reports=()))


FAULTS: Final = MappingProxyType(
    {
        "one point is enough": Fault("two voices", _one_point_is_enough),
        "keeps whom it was told of": Fault("gone", _keeps_the_burned),
        "reads on": Fault("gone", _reads_on),
        "writes on": Fault("gone", _writes_on),
        "takes the burned one back": Fault("stays out", _takes_back),
        "drops another one too": Fault("others stay", _drops_another),
        "forgets its reports": Fault("nothing lost", _forgets_reports),
    }
)
