"""At relays that take passes of a week alone, members go on for weeks, and who was cut out posts for three at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.days import day_of, week_of
from tercet.core.device import Chance
from tercet.core.device import step as core_step
from tercet.core.passes import WEEKS_PASSED, Held, WeekPass, pass_of, shown_in
from tercet.core.state import Device
from tercet.drop import Answer, Op, Post, Put, Refused
from tercet.drop.passes import GRACE
from tercet.lab.burned import Burned
from tercet.lab.burns import BurnWorld, Hunted
from tercet.lab.cascade import Loss
from tercet.lab.hunt import Hunt
from tercet.lab.network import Network
from tercet.lab.people import Person
from tercet.lab.plan import DAY, HOUR, Plan
from tercet.lab.relinks import Relink
from tercet.lab.world import Step

pytestmark = pytest.mark.full  # each looks into whole worlds

PLAN = Plan(
    members=4, days=31, seed=3, pace=21_600, desk_pace=21_600, loss=0.1, duplicates=0.02, relays=1, founding=1,
    shards=1, reports=0.4, letters=0.0, looks=1.0, replies=0.0, crash_every=1e6, naps=0.1, away=0.0, skewed=0.5,
    outage_every=1e6, sticks=0.0, settle_days=20, weekly=1,
)  # fmt: skip
HUNT = Hunt(
    firsts=0, second=0.0, talks=0.0, malicious=0.0, acts=HOUR, agrees=HOUR, leaves=1e9, meets=0.0, comes_back=HOUR
)
TAKEN, AWAY, LINK, NEW = 3, 4, 2, 5  # members' numbers: the one taken and its partner, below the first founder
TAKEN_AT, AWAY_AT, AWAY_FOR, NEW_AT = 0.02, 5.5, 10.0, 14.0  # days; weeks begin on days 6, 13 and 20


@dataclass(frozen=True)
class Asked:
    """One request at a relay: when, world seconds; by whom; what; how it ended; the pass that was shown."""

    at: float
    member: int
    op: type[Op]
    refused: bool
    shown: bytes


class Noting(Network):
    """A network that notes who asks for what."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.asked: list[Asked] = []

    def answer(self, address: int, at: str, op: Op) -> Answer:
        answer = super().answer(address, at, op)
        self.asked.append(Asked(self._agenda.now, address, type(op), isinstance(answer, Refused), shown_in(at)))
        return answer


class Kept(Hunted):
    """A device whose captor keeps every pass that it ever held, and shows the last one."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.ever: dict[int, Held | WeekPass] = {}

    @property
    def passes(self) -> tuple[Held | WeekPass, ...]:
        """See `Machine.passes`."""
        world = self.world
        if not isinstance(world, BurnWorld) or self.number not in world.lost:
            return super().passes
        self.ever |= {one.week: one for one in super().passes}
        week = week_of(day_of(self.clock))
        best = self.ever.get(week) or self.ever.get(max(self.ever, default=0))
        return (WeekPass(best.relay, week, best.shown),) if best else ()


@dataclass
class CutOff(BurnWorld):
    """A network one member of which is taken, cut out, and beats on in a captor's hands; another is away; one joins."""

    kind = Kept
    plan: Plan
    fault: Step = core_step
    joined: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__init__(self.plan, HUNT, step=self.fault)
        self.network = Noting(self.plan, self.agenda, self.trace)

    def _begin(self) -> None:
        super()._begin()
        self._firsts = [Loss(TAKEN_AT * DAY, TAKEN)]
        self.agenda.after(TAKEN_AT * DAY, self._seize, TAKEN, TAKEN)
        self.agenda.after(AWAY_AT * DAY, self.machines[AWAY].stop, AWAY_FOR * DAY, "is away")
        self.agenda.after(NEW_AT * DAY, self._join)

    def _join(self) -> None:
        """Somebody who was never in the network meets a member."""
        new, link = self.kind(self, NEW), self.machines[LINK]
        if len(self.machines) == NEW:
            self.machines.append(new)
            self.by_name[new.name] = new
            self._owners.append(Person(self, new, self))
        Relink(self, link, self.machines[NEW], self._over)

    def _over(self, done: bool) -> None:
        if not done:
            self.agenda.after(HOUR, self._join)
            return
        self.joined = self.agenda.now
        self.met.append((LINK, NEW, Role.LINK))
        self.tree.neighbours[NEW] = {LINK}
        self.tree.neighbours[LINK].add(NEW)
        self.tree.link[NEW] = LINK
        self.machines[NEW].begin()
        self._owners[NEW].begin()

    @property
    def asked(self) -> list[Asked]:
        """All requests since the set-up."""
        assert isinstance(self.network, Noting)
        return [one for one in self.network.asked if one.at >= self.began]


@cache
def cut_off() -> tuple[CutOff, Burned]:
    world = CutOff(PLAN)
    return world, world.burned()


def weeks_of(world: CutOff) -> range:
    return range(week_of(day_of(int(world.began))), week_of(day_of(int(world.agenda.now))))


def posts(world: CutOff, member: int) -> list[Asked]:
    return [one for one in world.asked if one.member == member and one.op in (Put, Post)]


def last_moment(world: CutOff) -> float:
    """Until when whoever was burned can post: the end of the third week, and the days of grace."""
    week = week_of(day_of(int(world.law.dropped[world.tree.link[TAKEN], TAKEN])))
    return float((7 * (week + WEEKS_PASSED) - 3 + GRACE) * DAY)


def faults(world: CutOff, takes: Callable[[bytes], bool] = lambda shown: False) -> list[str]:
    """What does not hold; `takes` says what a relay with a fault would take besides."""
    wrong = [f"m{m} was refused" for m in (0, 1, LINK, AWAY, NEW) if any(one.refused for one in posts(world, m))]
    late = [one for one in posts(world, TAKEN) if one.at > last_moment(world)]
    wrong += ["nobody tried"] if not late else []
    wrong += ["who was cut out posts"] if any(not one.refused or takes(one.shown) for one in late) else []
    return wrong


def test_members_go_on_over_four_mondays_and_who_was_cut_out_is_refused() -> None:
    world, figures = cut_off()
    assert faults(world) == []
    assert figures.wrong == ()
    assert len(weeks_of(world)) > WEEKS_PASSED + 1
    assert (figures.reports["waiting"], figures.reports["taken along"]) == (0, 0)
    assert world.network.counts.barred == sum(one.refused for one in posts(world, TAKEN)) > 0


def test_whoever_is_free_puts_in_each_week_and_reports_until_the_end() -> None:
    world, _ = cut_off()
    for member in (1, LINK, AWAY, NEW):
        puts = {week_of(day_of(int(one.at))) for one in posts(world, member)}
        there = {week for week in weeks_of(world) if member != NEW or week > week_of(day_of(int(world.joined)))}
        assert there - puts <= ({min(there) + 1} if member == AWAY else set())
        reports = [one for one in world.ledger.reports.values() if one.member == member]
        assert all(one.received for one in reports)
        assert max(one.made for one in reports) > world.began + (AWAY_AT + AWAY_FOR) * DAY


def test_who_was_away_for_ten_days_posts_the_moment_it_is_back() -> None:
    world, _ = cut_off()
    away = [one.at for one in posts(world, AWAY)]
    gone = max(later - before for before, later in zip(away, away[1:], strict=False))
    assert gone > AWAY_FOR * DAY
    assert not any(one.refused for one in posts(world, AWAY))


def test_somebody_who_joins_in_the_third_week_posts_from_the_first_minute() -> None:
    world, _ = cut_off()
    assert world.joined > world.began + 13 * DAY
    first, *_ = posts(world, NEW)
    assert first.at < world.joined
    assert not any(one.refused for one in posts(world, NEW))


def test_reading_is_refused_to_nobody() -> None:
    world, _ = cut_off()
    reads = [one for one in world.asked if one.op not in (Put, Post)]
    assert {one.member for one in reads} == set(range(NEW + 1))
    assert not any(one.refused for one in reads)


def test_whom_its_link_still_hands_nothing_holds_no_pass_any_more() -> None:
    world, _ = cut_off()
    taken, link = world.machines[TAKEN], world.machines[world.tree.link[TAKEN]]
    assert not any(relation.name == taken.name for relation in link.device.relations)
    assert not taken.device.passes
    assert link.device.passes


def test_a_relay_that_took_a_pass_of_any_week_would_take_what_it_shows() -> None:
    """So the refusals are the relay's doing, and a relay with that fault would be found."""
    world, _ = cut_off()
    late = [one for one in posts(world, TAKEN) if one.at > last_moment(world)]
    (relay,) = world.network.relays.values()
    any_week = {pass_of(secret, week) for secret in relay.weekly for week in weeks_of(world)}
    assert late
    assert all(one.shown in any_week for one in late)
    assert faults(world, takes=lambda shown: shown in any_week) == ["who was cut out posts"]


def test_a_core_that_told_passes_to_whoever_reads_the_board_is_found() -> None:
    """Whoever was cut out reads the board as before."""
    desk: list[Device] = []

    def tells_all(device: Device, event: ev.Event, now: int, chance: Chance) -> tuple[Device, tuple[fx.Effect, ...]]:
        after, effects = core_step(device, event, now, chance)
        if after.is_desk:
            desk[:] = [after]
        elif isinstance(event, ev.Arrived) and event.query.kind == "board" and desk:
            after = msgspec.structs.replace(after, passes=desk[0].passes)
        return after, effects

    world = CutOff(PLAN, tells_all)
    world.live()
    assert faults(world) == ["who was cut out posts"]
