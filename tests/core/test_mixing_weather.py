"""Mixing in any weather: two real cores, and a world that loses, repeats, delays, kills and turns clocks."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.board import BoardView
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.mixing import MIX_EVERY
from tercet.core.relation import Relation
from tercet.core.state import load, save
from tercet.drop import Ack, Items, MemoryStore, Put, Read
from tercet.sealing import FRAME

from .scenes import DAY, HOUR, founders, letters, relation
from .stage import RELAY, START, Actor

SIDES = st.integers(0, 1)
CALM = 60  # days in which all must come right


class Loose:
    """A device with one neighbour, whose orders and answers wait until the weather lets them through."""

    def __init__(self, actor: Actor, other: str, world: Weather) -> None:
        device = msgspec.structs.replace(actor.device, relations=(relation(actor, other),), board=BoardView())
        self.actor, self.other, self.world = actor, other, world
        self.actor.device = self.before = device
        self.pending: list[object] = []
        self.skew = 0
        self.written: list[str] = []

    @property
    def kept(self) -> Relation:
        return self.actor.device.relations[0]

    def step(self, event: ev.Event) -> tuple[Any, tuple[fx.Effect, ...]]:
        return step(self.actor.device, event, self.world.now + self.skew, self.actor.chance)

    def tell(self, event: ev.Event) -> None:
        device, effects = self.step(event)
        self.before = self.actor.device
        self.actor.device = load(save(device))
        self.pending += [e for e in effects if not isinstance(e, fx.Tell)]

    def let(self, place: int, again: bool = False) -> None:
        """One order or answer gets through; `again`: and may once more."""
        one = self.pending[place]
        if not again:
            del self.pending[place]
        store = self.world.store
        if isinstance(one, fx.PutItem):
            store.apply([Put(one.places[0][1], one.item)], self.world.now)
            if one.ref:
                self.pending.append(ev.Stored(one.ref, RELAY))
        elif isinstance(one, fx.ReadBox) and not one.posted:
            (found,) = store.apply([Read(one.read, FRAME, one.query.start, one.limit)], self.world.now)
            assert isinstance(found, Items)
            self.pending.append(ev.Arrived(one.query, found.items, found.more, RELAY))
        elif isinstance(one, fx.AckItem):
            store.apply([Ack(one.ack, one.name)], self.world.now)
        elif isinstance(one, ev.Stored | ev.Arrived):
            self.tell(one)

    def settle(self) -> None:
        while self.pending:
            self.let(0)


class Weather(RuleBasedStateMachine):
    """What can happen to two neighbours."""

    def __init__(self) -> None:
        super().__init__()
        _, _, first, second = founders()
        self.store, self.now = MemoryStore(), START + HOUR
        self.sides = [Loose(copy.deepcopy(first), "second", self), Loose(copy.deepcopy(second), "first", self)]

    @initialize(seed=st.integers(0, 2**32))
    def begins(self, seed: int) -> None:
        self.chance = Random(seed)

    @rule(who=SIDES, covered=st.booleans(), goes_well=st.booleans())
    def beats(self, who: int, covered: bool, goes_well: bool) -> None:
        side = self.sides[who]
        side.tell(ev.Beat() if covered else ev.SendNow())
        if goes_well:
            side.settle()

    @rule(rounds=st.integers(1, 30), hours=st.sampled_from([3, 12, 24]))
    def both_beat(self, rounds: int, hours: int) -> None:
        for _ in range(rounds):
            self.now += hours * HOUR
            for side in self.sides:
                side.tell(ev.SendNow())
                side.settle()

    @rule(who=SIDES, count=st.integers(1, 20))
    def some_get_through(self, who: int, count: int) -> None:
        side = self.sides[who]
        for _ in range(count):
            if side.pending:
                side.let(self.chance.randrange(len(side.pending)), again=self.chance.random() < 0.2)

    @rule(who=SIDES)
    def writes(self, who: int) -> None:
        side = self.sides[who]
        text = f"{who} {len(side.written)}"
        try:
            side.tell(ev.WriteLetter(side.other, text))
        except Refusal:
            return
        side.written.append(text)
        side.before = side.actor.device  # what the owner was told is written is not lost again

    @rule(who=SIDES)
    def is_killed(self, who: int) -> None:
        self.sides[who].pending.clear()

    @rule(who=SIDES)
    def is_killed_before_saving(self, who: int) -> None:
        side = self.sides[who]
        side.step(ev.SendNow())
        side.pending.clear()

    @rule(who=SIDES)
    def goes_back(self, who: int) -> None:
        side = self.sides[who]
        side.pending.clear()
        side.actor.device = side.before
        side.tell(ev.WentBack())
        side.before = side.actor.device

    @rule(hours=st.integers(1, 60))
    def hours_pass(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(who=SIDES, weeks=st.integers(1, 8))
    def one_is_off(self, who: int, weeks: int) -> None:
        for _ in range(weeks * 7):
            self.now += DAY
            self.sides[1 - who].tell(ev.SendNow())
            self.sides[1 - who].settle()

    @rule(who=SIDES, days=st.integers(-4, 4))
    def turns_the_clock(self, who: int, days: int) -> None:
        self.sides[who].skew = days * DAY

    @rule()
    def the_relay_loses_all(self) -> None:
        self.store = MemoryStore()

    @invariant()
    def what_came_is_what_was_written(self) -> None:
        for side, other in (self.sides, self.sides[::-1]):
            came = letters(side.actor, side.other)
            assert came == other.written[: len(came)]

    @invariant()
    def chains_begin_a_week_apart(self) -> None:
        for side in self.sides:
            days = [later.day for later in side.kept.mix.later]
            assert all(after - before >= MIX_EVERY for before, after in zip(days, days[1:], strict=False))

    def teardown(self) -> None:
        """Calm: every letter comes, and another mix goes through."""
        goal = max(side.kept.mix.number for side in self.sides) + 1
        for side in self.sides:
            side.skew = 0
        for _ in range(2 * CALM):
            if self._came_right(goal):
                return
            self.now += DAY // 2
            for side in self.sides:
                side.tell(ev.SendNow())
                side.settle()
        raise AssertionError("letters or mixes are stuck")

    def _came_right(self, goal: int) -> bool:
        self.what_came_is_what_was_written()
        ours, theirs = (side.kept for side in self.sides)
        return (
            letters(self.sides[0].actor, "second") == self.sides[1].written
            and letters(self.sides[1].actor, "first") == self.sides[0].written
            and ours.mix.number == theirs.mix.number >= goal
            and ours.mix.proven
            and theirs.mix.proven
            and ours.mix.base == theirs.mix.base
        )


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Weather,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_letter_is_lost_and_mixes_go_on_in_some_weathers() -> None:
    run(4, 20)


@pytest.mark.full
def test_no_letter_is_lost_and_mixes_go_on_in_any_weather() -> None:
    run(15, 30)
