"""A meeting in any weather: two real cores, and a world that loses, repeats, mixes up, delays and kills."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.device import step
from tercet.core.meeting import CONFIRM_LIFETIME, OFFER_LIFETIME, Stage
from tercet.core.relation import Relation, Role
from tercet.core.state import Device, load, save
from tercet.drop import Ack, MemoryStore, Put, Read
from tercet.sealing import FRAME

from .stage import RELAY, START, Seeded


class Loose:
    """A device whose orders and answers wait until the weather lets them through, in any order or never."""

    def __init__(self, name: str, world: Weather) -> None:
        self.world = world
        self.name = name
        self.chance = Seeded(name)
        self.device = Device()
        self.pending: list[object] = []
        self.code = ""
        self.said_yes = False

    @property
    def stage(self) -> Stage | None:
        return self.device.meeting.stage if self.device.meeting else None

    @property
    def kept(self) -> Relation | None:
        return self.device.relations[0] if self.device.relations else None

    def tell(self, event: ev.Event) -> None:
        device, effects = step(self.device, event, self.world.now, self.chance)
        self.device = load(save(device))
        self.pending += effects

    def let(self, place: int) -> None:
        """One order or answer gets through."""
        one = self.pending.pop(place)
        store = self.world.store
        if isinstance(one, fx.Tell):
            self.code = one.facts.get("code", self.code) if one.what == "meeting_code" else self.code
        elif isinstance(one, fx.PutItem):
            ((_, box),) = one.places
            store.apply([Put(box, one.item)], self.world.now)
            self.world.ever.append((box, one.item))
            self.pending.append(ev.Stored(one.ref, RELAY))
        elif isinstance(one, fx.ReadBox) and not one.posted:
            (found,) = store.apply([Read(one.read, FRAME, one.query.start, one.limit)], self.world.now)
            items = list(found.items)
            self.world.mix.shuffle(items)
            self.pending.append(ev.Arrived(one.query, tuple(items), found.more, RELAY))
        elif isinstance(one, fx.AckItem):
            store.apply([Ack(one.ack, one.name)], self.world.now)
        elif isinstance(one, ev.Stored | ev.Arrived):
            self.tell(one)

    def settle(self) -> None:
        while self.pending:
            self.let(0)


@cache
def _founded(name: str) -> tuple[Device, bytes, tuple[fx.Effect, ...]]:
    """A new desk, the state of its chance, and what it ordered: the same in each example, so made once."""
    chance = Seeded(name)
    device, effects = step(Device(), ev.SetUpDesk((RELAY,), 1), START, chance)
    return device, chance.state, effects


class Weather(RuleBasedStateMachine):
    """What can happen while two people meet."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.store = MemoryStore()
        self.ever: list[tuple[bytes, bytes]] = []
        self.mix = Random(7)
        self.sides = (Loose("inviter", self), Loose("joiner", self))
        desk, new = self.sides
        desk.device, desk.chance.state, desk.pending[:] = _founded(desk.name)
        desk.tell(ev.Invite("new", Role.DESK))
        desk.settle()
        new.tell(ev.Join("desk", desk.code, RELAY))
        self.stopped = False

    who = st.sampled_from((0, 1))

    @initialize(fair=st.integers(0, 5))
    def fair_weather_at_first(self, fair: int) -> None:
        for _ in range(fair):
            self.both_lines_good()

    @rule()
    def both_lines_good(self) -> None:
        for side in (0, 1):
            self.good_line(side)

    @rule(who=who)
    def look(self, who: int) -> None:
        self.sides[who].tell(ev.Look())

    @rule(who=who)
    def good_line(self, who: int) -> None:
        self.sides[who].tell(ev.Look())
        self.sides[who].settle()

    @rule(who=who, data=st.data())
    def one_gets_through(self, who: int, data: st.DataObject) -> None:
        side = self.sides[who]
        if side.pending:
            side.let(data.draw(st.integers(0, len(side.pending) - 1)))

    @rule(who=who, data=st.data())
    def one_is_lost(self, who: int, data: st.DataObject) -> None:
        side = self.sides[who]
        if side.pending:
            side.pending.pop(data.draw(st.integers(0, len(side.pending) - 1)))

    @rule(who=who)
    def killed(self, who: int) -> None:
        self.sides[who].pending.clear()

    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        if self.ever:
            box, item = data.draw(st.sampled_from(self.ever))
            self.store.apply([Put(box, item)], self.now)

    @rule(who=who, noise=st.binary(min_size=1, max_size=8))
    def noise(self, who: int, noise: bytes) -> None:
        if self.ever:
            self.store.apply([Put(self.ever[-1 - who % len(self.ever)][0], noise.ljust(FRAME, b"n"))], self.now)

    @rule(seconds=st.sampled_from((1, 1, 5, 60)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(late=st.integers(0, 9))
    def much_time_passes(self, late: int) -> None:
        if late == 9:
            self.now += OFFER_LIFETIME

    @rule(who=who)
    def yes(self, who: int) -> None:
        side = self.sides[who]
        if side.stage is Stage.COMPARING:
            assert side.device.meeting is not None
            other = self.sides[1 - who].device.meeting
            if other is not None and other.compare:
                assert other.compare == side.device.meeting.compare
            side.tell(ev.SameWords())
            side.said_yes = side.stage is Stage.CONFIRMING or side.kept is not None

    @precondition(lambda self: not self.stopped)
    @rule(who=who, sure=st.integers(0, 9))
    def no(self, who: int, sure: int) -> None:
        if sure == 9 and self.sides[who].stage is not None:
            self.sides[who].tell(ev.OtherWords())
            self.stopped = True

    @invariant()
    def the_same_or_nothing(self) -> None:
        desk, new = self.sides
        for side, other in ((desk, new), (new, desk)):
            if side.kept is not None:
                assert side.said_yes
                assert other.said_yes
        if desk.kept and new.kept:
            assert desk.kept.id == new.kept.id
            assert desk.kept.chain == new.kept.chain
        for side in self.sides:
            assert len(side.device.relations) <= 1
            assert side.device.meeting is None or side.kept is None

    def teardown(self) -> None:
        """The weather clears: who can still keep the relation does; what stays one-sided is the documented case."""
        desk, new = self.sides
        over = [s for s in self.sides if s.stage is None and s.kept is None]
        for _ in range(6):
            for side in self.sides:
                side.tell(ev.Look())
                side.settle()
        for side in self.sides:
            if side.stage is Stage.COMPARING:
                self.yes(self.sides.index(side))
        for _ in range(2):
            for side in self.sides:
                side.tell(ev.Look())
                side.settle()
        self.the_same_or_nothing()
        type(self).steps += bool(desk.kept and new.kept)
        alone = [s for s in self.sides if s.kept is not None]
        if len(alone) == 1:
            assert over or self.now - START >= CONFIRM_LIFETIME or self.stopped
        elif not alone and not over:
            assert self.now - START >= 120


class TestMeetingInAnyWeather(Weather.TestCase):  # type: ignore[misc]
    settings = settings(
        max_examples=20,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def test_some_meetings_in_bad_weather_come_to_a_good_end() -> None:
    if Weather.steps == 0:
        TestMeetingInAnyWeather("runTest").runTest()
    assert Weather.steps > 0


@pytest.mark.full
class TestMeetingInAnyWeatherForLong(Weather.TestCase):  # type: ignore[misc]
    """Other examples in each run: what shows in one of a hundred is missed by one run in 150, by two in 22,500."""

    settings = settings(
        max_examples=500, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck)
    )
