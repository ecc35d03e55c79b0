"""An introduction in any weather: three real cores, and a world that loses, repeats, mixes up, delays and kills."""

from __future__ import annotations

import copy
from functools import cache
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import introducing
from tercet.core.cell import Role
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.introduction import Introductions
from tercet.core.relation import Relation
from tercet.core.state import load, save
from tercet.drop import Ack, Items, Put, Read
from tercet.sealing import FRAME

from .stage import RELAY, Actor, Stage
from .test_introduction import pair, partner

HOUR = 3_600
DAY = 24 * HOUR


@cache
def _scene(kind: str) -> tuple[Stage, Actor, Actor, Actor]:
    stage, link, first, second = partner() if kind == "partner" else pair()
    return (stage, first, link, second) if kind == "partner" else (stage, link, first, second)


class Weather(RuleBasedStateMachine):
    """What can happen while one introduces two."""

    kind: ClassVar[str] = "partner"
    may_decline: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.by, *self.two = copy.deepcopy(_scene(self.kind))
        self.all = (self.by, *self.two)
        self.before = {actor.name: len(actor.device.relations) for actor in self.all}
        self.pending: dict[str, list[object]] = {actor.name: [] for actor in self.all}
        self.ever: list[tuple[bytes, bytes]] = []
        self.declined = False
        self.tell(self.by, ev.Introduce(self.two[0].name, self.two[1].name))

    who = st.integers(0, 2)

    def tell(self, actor: Actor, event: ev.Event) -> None:
        device, effects = step(actor.device, event, self.stage.now, actor.chance)
        actor.device = load(save(device))
        self.pending[actor.name] += effects

    def let(self, actor: Actor, place: int) -> None:
        """One order or answer gets through."""
        one = self.pending[actor.name].pop(place)
        store, back = self.stage.relays[RELAY], self.pending[actor.name]
        if isinstance(one, fx.PutItem):
            ((_, box),) = one.places
            store.apply([Put(box, one.item)], self.stage.now)
            self.ever.append((box, one.item))
            back.append(ev.Stored(one.ref, RELAY))
        elif isinstance(one, fx.ReadBox):
            (found,) = store.apply([Read(one.read, FRAME, one.query.start, one.limit, one.posted)], self.stage.now)
            if isinstance(found, Items):
                back.append(ev.Arrived(one.query, found.items, found.more, RELAY))
        elif isinstance(one, fx.AckItem):
            store.apply([Ack(one.ack, one.name)], self.stage.now)
        elif isinstance(one, ev.Stored | ev.Arrived):
            self.tell(actor, one)

    def settle(self, actor: Actor) -> None:
        while self.pending[actor.name]:
            self.let(actor, 0)

    def owners_agree(self) -> None:
        for actor, other in ((self.two[0], self.two[1]), (self.two[1], self.two[0])):
            brought = actor.device.introductions.brought
            if brought is not None and brought.meeting is None:
                self.tell(actor, ev.AcceptIntroduction(other.name))

    def kept(self, actor: Actor, other: Actor) -> Relation | None:
        return next((r for r in actor.device.relations if r.name == other.name), None)

    @initialize(fair=st.integers(0, 20))
    def fair_weather_at_first(self, fair: int) -> None:
        for _ in range(fair):
            self.good_round()

    @rule()
    def good_round(self) -> None:
        self.stage.now += 60
        for actor in self.all:
            self.tell(actor, ev.SendNow())
            self.settle(actor)

    @rule(who=who)
    def good_line(self, who: int) -> None:
        self.tell(self.all[who], ev.SendNow())
        self.settle(self.all[who])

    @rule(who=who)
    def beat(self, who: int) -> None:
        self.tell(self.all[who], ev.SendNow())

    @rule()
    def yes(self) -> None:
        self.owners_agree()

    @rule(who=st.integers(1, 2))
    def no(self, who: int) -> None:
        actor = self.all[who]
        if self.may_decline and actor.device.introductions.brought is not None:
            try:
                self.tell(actor, ev.DeclineIntroduction())
            except Refusal as refusal:
                assert refusal.code == "introduction_bound"
                return
            self.declined = True

    @rule(who=who, data=st.data())
    def one_gets_through(self, who: int, data: st.DataObject) -> None:
        waiting = self.pending[self.all[who].name]
        if waiting:
            self.let(self.all[who], data.draw(st.integers(0, len(waiting) - 1)))

    @rule(who=who, data=st.data())
    def one_is_lost(self, who: int, data: st.DataObject) -> None:
        waiting = self.pending[self.all[who].name]
        if waiting:
            waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))

    @rule(who=who)
    def killed(self, who: int) -> None:
        self.pending[self.all[who].name].clear()

    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        if self.ever:
            box, item = data.draw(st.sampled_from(self.ever))
            self.stage.relays[RELAY].apply([Put(box, item)], self.stage.now)

    @rule(hours=st.integers(1, 30))
    def time(self, hours: int) -> None:
        if self.stage.now < _scene(self.kind)[0].now + 5 * DAY:
            self.stage.now += hours * HOUR

    @invariant()
    def nobody_has_a_neighbour_too_many_or_two_of_the_same(self) -> None:
        for actor in self.all:
            assert len(actor.device.relations) <= self.before[actor.name] + (actor is not self.by)
            assert not any(r.likeness for r in actor.device.relations if r.met)

    @invariant()
    def what_both_keep_is_the_same(self) -> None:
        ours, theirs = self.kept(self.two[0], self.two[1]), self.kept(self.two[1], self.two[0])
        if ours is not None:
            assert theirs is not None
        if ours is not None and theirs is not None:
            assert (ours.id, ours.likeness) == (theirs.id, theirs.likeness)
            assert {ours.role, theirs.role} <= {Role.PARTNER} or {ours.role, theirs.role} == {Role.LINK, Role.BELOW}

    def teardown(self) -> None:
        """When the weather clears, all three are through with it, and the two have the same."""
        for actor in self.all:
            self.pending[actor.name].clear()
        for round_ in range(80):
            self.stage.now += DAY // 3 if round_ % 4 == 0 else 60
            self.owners_agree()
            for actor in self.all:
                self.tell(actor, ev.SendNow())
                self.settle(actor)
            if all(a.device.introductions == Introductions() for a in self.all):
                break
        assert all(a.device.introductions == Introductions() for a in self.all)
        ours, theirs = self.kept(self.two[0], self.two[1]), self.kept(self.two[1], self.two[0])
        assert (ours is None) == (theirs is None) == self.declined or (ours and theirs)
        if not self.declined:
            assert ours is not None
            assert theirs is not None


class PairWeather(Weather):
    kind = "pair"


class DecliningWeather(Weather):
    may_decline = True


QUICK = settings(
    max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
LONG = settings(QUICK, max_examples=60, stateful_step_count=40, derandomize=False)


def _case(machine: type[Weather], how: settings) -> type:
    """A case of its own: a machine has one, and settings laid upon that would hold for every tier."""
    return type("Case", (machine.TestCase,), {"settings": how})


class TestPartnerQuick(_case(Weather, QUICK)):
    pass


class TestPairQuick(_case(PairWeather, QUICK)):
    pass


class TestDecliningQuick(_case(DecliningWeather, QUICK)):
    pass


@pytest.mark.full
class TestPartnerLong(_case(Weather, LONG)):
    pass


@pytest.mark.full
class TestPairLong(_case(PairWeather, LONG)):
    pass


@pytest.mark.full
class TestDecliningLong(_case(DecliningWeather, LONG)):
    pass


def test_a_planted_fault_is_found_by_the_weather() -> None:
    """An introducer that forgets to remember how far it is passes frames on twice, or out of turn: it must show."""
    keep = introducing._remember

    def forgetful(turn: object, **fields: object) -> None:
        if getattr(fields.get("bringing"), "way", "") != "keyed":
            keep(turn, **fields)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(introducing, "_remember", forgetful)
        world = Weather()
        for _ in range(20):
            world.good_round()
            world.owners_agree()
        with pytest.raises(AssertionError):
            world.teardown()
