"""Meetings by codes in any weather: two real cores that scan in any order, twice, late, stray codes too, and crash."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.meeting import CONFIRM_LIFETIME, OFFER_LIFETIME, Stage
from tercet.core.relation import Relation
from tercet.core.state import Device, load, save

from .stage import RELAY, START, Seeded

EXPECTED = {"bad_scan", "code_not_awaited", "code_used", "meeting_under_way", "name_taken", "no_meeting"} | {
    *("scan_late", "scan_other", "scan_own"),
}


class Holder:
    """A device, and what its screen shows; each step begins from saved bytes."""

    def __init__(self, name: str, world: Weather) -> None:
        self.world = world
        self.name = name
        self.chance = Seeded(name)
        self.device = Device()
        self.shows = b""
        self.said_yes = False
        self.failed = False

    @property
    def stage(self) -> Stage | None:
        return self.device.meeting.stage if self.device.meeting else None

    @property
    def kept(self) -> Relation | None:
        return self.device.relations[0] if self.device.relations else None

    def tell(self, event: ev.Event, dies: bool = False) -> None:
        """One step; a device that dies has saved it, and its screen is dark."""
        try:
            device, effects = step(load(save(self.device)), event, self.world.now, self.chance)
        except Refusal as refusal:
            assert refusal.code in EXPECTED
            return
        self.device = device
        for effect in effects:
            self.failed |= isinstance(effect, fx.Tell) and effect.what == "meeting_failed"
            assert not isinstance(effect, fx.PutItem | fx.AckItem)
            if isinstance(effect, fx.ShowCode):
                self.shows = b"" if dies else effect.content
                self.world.ever |= {effect.content: None} if effect.content else {}


@cache
def _founded(name: str) -> tuple[Device, bytes]:
    """A new desk and the state of its chance: the same in each example, so made once."""
    chance = Seeded(name)
    return step(Device(), ev.SetUpDesk((RELAY,), 1), START, chance)[0], chance.state


class Weather(RuleBasedStateMachine):
    """What can happen while two people hold their screens to each other's cameras."""

    good: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.ever: dict[bytes, None] = {}
        self.sides = (Holder("inviter", self), Holder("joiner", self))
        self.strangers = (Holder("stranger", self), Holder("other stranger", self))
        for desk in (self.sides[0], self.strangers[0]):
            desk.device, desk.chance.state = _founded(desk.name)
        self.strangers[0].tell(ev.InviteByCode("x", Role.DESK, True))
        self.strangers[1].tell(ev.JoinByCode("y", self.strangers[0].shows))
        self.sides[0].tell(ev.InviteByCode("new", Role.DESK, True))
        self.invitation = self.sides[0].shows
        self.stopped = False

    who = st.sampled_from((0, 1))

    @initialize(rounds=st.integers(0, 4))
    def fair_weather_at_first(self, rounds: int) -> None:
        for _ in range(rounds):
            self.joins(False)
            self.scans(0, False)
            self.scans(1, False)

    @rule(dies=st.booleans())
    def joins(self, dies: bool) -> None:
        self.sides[1].tell(ev.JoinByCode("desk", self.invitation), dies)

    @rule(who=who, dies=st.booleans())
    def scans(self, who: int, dies: bool) -> None:
        if self.sides[1 - who].shows:
            self.sides[who].tell(ev.Scanned(self.sides[1 - who].shows), dies)

    @rule(who=who, data=st.data())
    def scans_what_was_ever_shown(self, who: int, data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(list(self.ever)))
        if content != self.strangers[0].shows:  # whoever is invited elsewhere first is somebody else's newcomer
            self.sides[who].tell(ev.Scanned(content))

    @rule(who=who, data=st.data())
    def joins_what_was_ever_shown(self, who: int, data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(list(self.ever)))
        if content not in (self.strangers[0].shows, self.invitation):
            self.sides[who].tell(ev.JoinByCode("z", content))

    @rule(who=who, data=st.data(), noise=st.binary(max_size=40), place=st.integers(0, 5_000))
    def scans_what_is_damaged(self, who: int, data: st.DataObject, noise: bytes, place: int) -> None:
        content = data.draw(st.sampled_from(list(self.ever)))
        if content[:1] != b"\x01":  # an invitation is read whole or not at all: its name is a digest
            self.sides[who].tell(ev.Scanned(content[: place % len(content)] + noise))

    @rule(who=who)
    def wakes_after_a_crash(self, who: int) -> None:
        self.sides[who].tell(ev.ShowCodes())

    @rule(who=who)
    def looks(self, who: int) -> None:
        self.sides[who].tell(ev.Look())

    @rule(seconds=st.sampled_from((1, 5, 60)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(late=st.integers(0, 9))
    def much_time_passes(self, late: int) -> None:
        self.now += OFFER_LIFETIME if late == 9 else 0

    @rule(who=who, dies=st.booleans())
    def yes(self, who: int, dies: bool) -> None:
        side, other = self.sides[who], self.sides[1 - who].device.meeting
        if side.stage is Stage.COMPARING:
            assert side.device.meeting is not None
            if other is not None and other.compare:
                assert other.compare == side.device.meeting.compare
            side.tell(ev.SameWords(), dies)
            side.said_yes = side.stage is Stage.CONFIRMING or side.kept is not None

    @rule(who=who, sure=st.integers(0, 9))
    def no(self, who: int, sure: int) -> None:
        if sure == 9 and self.sides[who].stage is not None:
            self.sides[who].tell(ev.OtherWords())
            self.stopped = True

    @invariant()
    def the_same_or_nothing(self) -> None:
        desk, new = self.sides
        for side in self.sides:
            if side.kept is not None:
                assert desk.said_yes
                assert new.said_yes
            assert len(side.device.relations) <= 1
            assert side.device.meeting is None or side.kept is None
        if desk.kept and new.kept:
            assert desk.kept.id == new.kept.id
            assert desk.kept.chain == new.kept.chain
            assert new.device.card is not None
        if new.kept is None:
            assert new.device.card is None

    def teardown(self) -> None:
        """The weather clears: who can still keep it does; one side alone is the documented case."""
        desk, new = self.sides
        over = [s for s in self.sides if s.failed]
        self.joins(False)
        for _ in range(3):
            for who in (0, 1):
                self.sides[who].tell(ev.ShowCodes())
                self.scans(1 - who, False)
            for who in (0, 1):
                self.yes(who, False)
        self.the_same_or_nothing()
        type(self).good += bool(desk.kept and new.kept)
        alone = [s for s in self.sides if s.kept is not None]
        if len(alone) == 1:
            assert over or self.now - START >= CONFIRM_LIFETIME or self.stopped
        elif not alone:
            assert over or self.now - START >= OFFER_LIFETIME


class TestMeetingByCodeInAnyWeather(Weather.TestCase):  # type: ignore[misc]
    settings = settings(
        max_examples=15,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


def test_some_meetings_by_code_in_bad_weather_come_to_a_good_end() -> None:
    if Weather.good == 0:
        TestMeetingByCodeInAnyWeather("runTest").runTest()
    assert Weather.good > 0


@pytest.mark.full
class TestMeetingByCodeInAnyWeatherForLong(Weather.TestCase):  # type: ignore[misc]
    """Other examples in each run: what shows in one of a hundred is missed by one run in 150, by two in 22,500."""

    settings = settings(
        max_examples=500, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck)
    )
