"""Duress: devices whose second passphrase is typed at a moment, and what beats on in their place.

Does        ends a device's real side at a moment, and lets its understudy beat over the same network, crashes included.
Does not    have a rule of the understudy's: its own step orders everything.
Spec        spec/95-lab.md, 12; spec/75-understudy.md
Always      1. From the moment on nothing of the real side is left.  2. It is drawn from a state that was saved before.
Read first  Taken.opened(), DuressWorld.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import drawing, understudy
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import day_of
from tercet.core.fields import encode
from tercet.core.passes import Held, WeekPass
from tercet.core.relation import PLAIN
from tercet.core.state import Device
from tercet.core.understudy import Awaited, Inlet, Neighbour, Understudy
from tercet.lab.machine import Machine
from tercet.lab.plan import Plan
from tercet.lab.world import World
from tercet.sealing import FRAME, NONCE, seal

Chance = Callable[[int], bytes]
Stood = tuple[Understudy, tuple[fx.Effect, ...]]
SLOWER: Final = 1.25  # times the pace, of a planted fault
LEISURE: Final = 4  # times the pace, in the days that nobody looks at: they only let devices come of age


@dataclass(frozen=True)
class Kind:
    """How an understudy is made and works: the product's way, or one with a planted fault.

    Attributes:
        step: its step.
        hangs_on: when this changes it is drawn anew.
        changed: what was drawn, as it is put into the notebook.
        pace: times the device's.
    """

    step: Callable[[Understudy, ev.Event, int, Chance], Stood] = understudy.step
    hangs_on: Callable[[Device, int], object] = drawing.what_it_hangs_on
    changed: Callable[[Understudy, Chance], Understudy] = lambda drawn, chance: drawn
    pace: float = 1.0


class Taken(Machine):
    """One device, that may be opened with its second passphrase.

    Attributes:
        area: what beats on, beside the notebook, from the moment on; none before.
    """

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.area: bytes | None = None
        self.understudy = Kind()
        self._hung_on: object = None
        self._drawn_from = (self.device, 0)
        self._opened = False

    def opened(self, second: bool) -> None:
        """Whoever has it opens it again, with the second passphrase or with the first; it beats at once."""
        if second:
            drawn = drawing.draw(*self._drawn_from, self._chance)
            if drawn is not None:
                drawn = self.understudy.changed(drawn, self._chance)
            self.area = understudy.pack(drawn, self._chance)
            self.device, self.kept = Device(), None
        self._opened = True
        self.stop(0.0, "is opened")

    def do(self, event: ev.Event) -> bool:
        """As for every machine; what the owner wants is nothing to an understudy."""
        if self.area is not None:
            return self._stand(self.area, event)
        done = super().do(event)
        if done and self.number:
            hangs_on = self.understudy.hangs_on(self.device, self.clock)
            if hangs_on != self._hung_on:
                self._hung_on, self._drawn_from = hangs_on, (self.device, self.clock)
        return done

    @property
    def passes(self) -> tuple[Held | WeekPass, ...]:
        """See `Machine.passes`."""
        state = understudy.unpack(self.area) if self.area is not None else None
        return super().passes if state is None else state.passes

    def _stand(self, area: bytes, event: ev.Event) -> bool:
        """One step of the understudy, saved and acted upon."""
        state = understudy.unpack(area) if self.on else None
        if state is None:
            return False
        after, effects = self.understudy.step(state, event, self.clock, self._chance)
        if self._dies():
            return False
        self.area = understudy.pack(after, self._chance)
        self._carry_out(effects)
        return True

    def begin(self) -> None:
        """Begin to beat: at once if somebody has opened it."""
        if self._opened:
            self._opened = False
            self._beat(self.life)
        else:
            super().begin()

    def _load(self) -> None:
        if self.area is None:
            super()._load()

    @property
    def _pace(self) -> float:
        world = self.world
        leisure = self.number and isinstance(world, DuressWorld) and world.agenda.now < world.began + world.leisure
        return super()._pace * (LEISURE if leisure else self.understudy.pace if self.area is not None else 1.0)


class DuressWorld(World):
    """A network in which devices are taken.

    Args:
        plan: as of every world.
        kind: how understudies are made and work.
        observe: as of every world.
        leisure: seconds after the set-up in which members beat at a fourth of the pace.

    Attributes:
        alarms: who was told *in danger* of whom, by their numbers, and the moment.
        before_the_days: called when everybody has met, before the days begin.
    """

    kind = Taken

    def __init__(self, plan: Plan, kind: Kind | None = None, observe: bool = False, leisure: float = 0.0) -> None:
        super().__init__(plan, observe=observe)
        self.leisure = leisure
        self.alarms: dict[tuple[int, int], float] = {}
        self.before_the_days: list[Callable[[], object]] = []
        self._openings: list[tuple[int, float, bool]] = []
        for machine in self.members:
            machine.understudy = kind or Kind()

    @property
    def members(self) -> list[Taken]:
        """All machines but the desk's."""
        return [machine for machine in self.machines[1:] if isinstance(machine, Taken)]

    def opens(self, number: int, after: float, second: bool) -> None:
        """So many seconds after the set-up a member's device is opened anew, by a captor if `second`."""
        self._openings.append((number, after, second))

    def _begin(self) -> None:
        for deed in self.before_the_days:
            deed()
        super()._begin()
        for machine in self.members:
            for _, after, second in (one for one in self._openings if one[0] == machine.number):
                self.agenda.after(after, machine.opened, second)

    def told(self, machine: Machine, tell: fx.Tell) -> None:
        """See `World.told`."""
        if tell.what == "in_danger":
            self.alarms[machine.number, self.by_name[tell.facts["name"]].number] = self.agenda.now
        super().told(machine, tell)


# ---- planted faults


def _without_acks(state: Understudy, event: ev.Event, now: int, chance: Chance) -> Stood:
    after, effects = understudy.step(state, event, now, chance)
    return after, tuple(e for e in effects if not isinstance(e, fx.AckItem))


def _alarms_only(state: Understudy, event: ev.Event, now: int, chance: Chance) -> Stood:
    return understudy.step(msgspec.structs.replace(state, intake=()), event, now, chance)


def _one_neighbour(state: Understudy, event: ev.Event, now: int, chance: Chance) -> Stood:
    """Everything goes to the first neighbour: its alarm would come soonest."""
    if isinstance(event, ev.Beat):
        state = msgspec.structs.replace(state, rounds=0)
    return understudy.step(state, event, now, chance)


def _no_alarm(state: Understudy, event: ev.Event, now: int, chance: Chance) -> Stood:
    """Empty letters in place of alarms."""
    after, effects = understudy.step(state, event, now, chance)
    keys = {out.boxes[0]: out.key for one in state.neighbours for lanes in one.out for out in lanes}
    calm = bytes([PLAIN]) + encode(Letter(1, 0, 0, 0, now, LetterKind.EMPTY, b""))
    return after, tuple(
        msgspec.structs.replace(e, item=seal(keys[e.places[0][1]], calm, FRAME, chance(NONCE)))
        if isinstance(e, fx.PutItem) and e.places[0][1] in keys
        else e
        for e in effects
    )


def _nobodys(chance: Chance, like: Inlet) -> Inlet:
    return Inlet(tuple(chance(len(ack)) for ack in like.acks), like.turn)


def _without_old_boxes(drawn: Understudy, chance: Chance) -> Understudy:
    """In place of boxes of days before yesterday it reads boxes that nobody has."""

    def cut(one: Neighbour) -> Neighbour:
        late = max(drawn.day - 1 - one.oldest, 0)
        strange = tuple(tuple(_nobodys(chance, lane) for lane in lanes) for lanes in one.into[:late])
        return msgspec.structs.replace(one, into=strange + one.into[late:])

    return msgspec.structs.replace(drawn, neighbours=tuple(cut(one) for one in drawn.neighbours))


def _without_answers(drawn: Understudy, chance: Chance) -> Understudy:
    """In place of boxes in which answers are awaited it reads boxes that nobody has."""
    strange = (Awaited(back.mark, _nobodys(chance, back.where), back.day) for back in drawn.returns)
    return msgspec.structs.replace(drawn, returns=tuple(strange))


def _once_a_day(device: Device, now: int) -> object:
    return day_of(now), device.card is None, device.relays, device.board.number


KINDS: Final = MappingProxyType(
    {
        "honest": Kind(),
        "at another pace": Kind(pace=SLOWER),
        "no acknowledgements": Kind(step=_without_acks),
        "alarms only": Kind(step=_alarms_only),
        "one neighbour": Kind(step=_one_neighbour),
        "no old boxes": Kind(changed=_without_old_boxes),
        "no answers": Kind(changed=_without_answers),
        "drawn once a day": Kind(hangs_on=_once_a_day),
    }
)
SILENT: Final = Kind(step=_no_alarm)  # a watcher cannot tell it; its neighbours learn nothing
