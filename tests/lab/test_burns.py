"""Networks that are hunted cut out whom they lost and nobody else, and lose no report; what is planted is caught."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from math import isclose
from pathlib import Path

import pytest

from tercet.core import effects as fx
from tercet.core.cell import ABOVE, Role
from tercet.lab.attempts import come_back, frames_of, intake_of
from tercet.lab.burned import Burned, exposed, together
from tercet.lab.burnfaults import FAULTS
from tercet.lab.burns import BurnWorld
from tercet.lab.chance import Stream
from tercet.lab.hunt import Hunt
from tercet.lab.machine import Machine
from tercet.lab.plan import DAY, HOUR, Plan

pytestmark = pytest.mark.full  # each hunts in whole worlds

SPEC = (Path(__file__).parents[2] / "spec" / "95-lab.md").read_text()
CALM = Plan(loss=0.05, naps=0.0, away=0.0, skewed=0.0, sticks=0.0, outage_every=10_000.0, pace=7_200, desk_pace=3_600)
SMALL = replace(CALM, members=6, days=4, seed=12, reports=1.0)
QUICK = Hunt(firsts=1, begin=1, end=1.2, second=1.0, malicious=0.5, tries=2.0)
QUICK = replace(QUICK, opens=HOUR / 2, acts=HOUR / 2, agrees=HOUR, leaves=HOUR, meets=6 * HOUR, comes_back=6 * HOUR)
SILENT = replace(QUICK, second=0.0, talks=0.0, malicious=0.0)


@pytest.fixture(scope="module")
def world() -> BurnWorld:
    made = BurnWorld(SMALL, QUICK)
    made.figures = made.burned()  # type: ignore[attr-defined]
    return made


@pytest.fixture
def burned(world: BurnWorld) -> Burned:
    figures: Burned = world.figures  # type: ignore[attr-defined]
    return figures


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]


# ---- the spec


def test_the_spec_names_each_number_of_a_hunt_with_its_value() -> None:
    assert {row[0]: float(row[1]) for row in rows("hunt")} == {f.name: float(f.default) for f in fields(Hunt)}


def test_each_law_of_the_spec_has_a_planted_fault_which_the_spec_names() -> None:
    assert {name: law for name, law in rows("burn faults")} == {name: fault.law for name, fault in FAULTS.items()}
    assert {row[0] for row in rows("burn laws")} == {fault.law for fault in FAULTS.values()}


# ---- the law


def test_whom_captors_took_is_cut_out_and_nobody_else(world: BurnWorld, burned: Burned) -> None:
    assert burned.wrong == ()
    assert burned.uncut == 0
    assert len(burned.by_alarm) == len(world.lost) == 3
    for number in world.lost:
        name = world.machines[number].name
        assert not any(relation.name == name for machine in world.free() for relation in machine.device.relations)
    assert len(burned.dropped) >= len(world.lost)


def test_one_neighbour_alone_burns_nobody_whatever_it_posts(burned: Burned) -> None:
    assert burned.strays > 3, "nothing of what it posted came onto the board"
    assert burned.wrong == ()


def test_who_left_in_time_is_named_in_vain_and_nobody_is_lost_who_would_not_be_without(
    world: BurnWorld, burned: Burned
) -> None:
    assert set(world.lost) < set(world.without())
    assert (burned.vain, burned.lost, burned.without) == (1, (3,), (4,))


def test_the_desk_adopts_those_below_who_was_cut_out_and_each_ends_with_one_link(
    world: BurnWorld, burned: Burned
) -> None:
    """Where somebody met a link sooner the desk keeps a neighbour that does not write."""
    unmet = {relation.name for relation in world.machines[0].device.relations if not relation.met}
    assert burned.unhealed == 0
    assert len(burned.healed) == 2
    assert unmet
    links = [r for m in world.free() if m.name in unmet for r in m.device.relations if r.role in ABOVE]
    assert len(links) == len(unmet)
    assert all(r.met is (r.role is Role.LINK) for r in links)


def test_every_report_of_a_free_member_is_received(burned: Burned) -> None:
    assert burned.reports["received"] > 10
    assert burned.reports["waiting"] == 0


def test_the_same_seed_hunts_the_same(burned: Burned) -> None:
    assert BurnWorld(SMALL, QUICK).burned() == burned


class Caught(Exception):
    """What was planted has shown."""


def caught(name: str) -> bool:
    """Whether the fault's law is broken in some world; in one of them nobody may do what it needs."""
    return any(caught_in(seed, name) for seed in (2, 3, 4, 11))


def caught_in(seed: int, name: str) -> bool:
    """Whether it is broken in this one, on the first day on which it is."""
    world = BurnWorld(replace(SMALL, seed=seed, crash_every=1_000.0), QUICK, FAULTS[name].core())

    def look(_: int) -> None:
        if any(wrong.startswith(f"{FAULTS[name].law}: ") for wrong in world.law.wrong):
            raise Caught

    try:
        world.live(look)
    except Caught:
        return True
    return False


def test_a_reader_that_accepts_one_point_is_caught() -> None:
    assert caught("one point is enough")


@pytest.mark.parametrize("name", FAULTS)
def test_each_planted_fault_is_caught_by_its_law(name: str) -> None:
    assert caught(name)


# ---- captors


def test_who_fell_silent_is_asked_about_cut_out_and_does_not_come_back_whatever_is_tried() -> None:
    world = BurnWorld(replace(SMALL, members=6, days=9, seed=1, reports=0.3), SILENT)
    burned = world.burned()
    assert burned.wrong == ()
    assert burned.by_silence
    assert not burned.by_alarm
    assert min(burned.told) > 2 * DAY
    back = [machine for machine in world.hunted if machine.number in world.lost and not machine.held]
    assert back
    assert burned.tried > 50 * len(back)
    assert any(machine.device.beats > 20 for machine in back)


class Listening(BurnWorld):
    """A world in which it is noted what devices say."""

    heard: set[tuple[str, str]] = set()

    def told(self, machine: Machine, tell: fx.Tell) -> None:
        """See `World.told`."""
        self.heard = self.heard | {(machine.name, tell.what)}
        super().told(machine, tell)


def test_before_a_burn_the_neighbours_hear_all_that_a_captor_tries_with_the_device() -> None:
    """Or that they hear nothing of it afterwards would prove nothing."""
    hunt = Hunt(firsts=0, malicious=0.0, talks=0.0, second=0.0, burning=False)
    world = Listening(replace(SMALL, days=3), hunt)
    world.live()
    machine = world.hunted[0]
    world._seize(machine.number, machine.number)
    tried = come_back(machine, machine.old, frames_of(world.machines[0].device), Stream(1, "captor"))
    world._calm()
    world.heard = set()
    intake = intake_of(machine.device)
    assert {one.box in intake for one in tried} == {True, False}
    world._try(machine, [one for one in tried if one.box not in intake])  # or its own points would burn it first
    world._live(world.agenda.now + 4 * DAY, None)
    said = {what for who, what in world.heard if who != machine.name}
    assert said >= {"letter_came", "in_danger", "burn_asked"}, said
    assert [name for name in tried if name.item in {one.item for one in machine.old}]


def test_where_nobody_is_cut_out_a_world_loses_exactly_whom_captors_take_of_its_tree() -> None:
    for seed in (1, 2):
        world = BurnWorld(replace(SMALL, members=8, seed=seed, pace=14_400), replace(QUICK, burning=False))
        burned = world.burned()
        assert burned.lost == burned.without
        assert {n: loss.origin for n, loss in world.lost.items()} == {n: o.origin for n, o in world.without().items()}
        assert all(isclose(loss.at, world.without()[n].at, abs_tol=0.01) for n, loss in world.lost.items())
        assert not burned.dropped
        assert not burned.safe


def test_with_both_founders_lost_on_one_day_the_others_keep_each_other_and_reports_arrive() -> None:
    plan = replace(SMALL, members=8, days=6, seed=3, founding=1, reports=0.6)
    world = BurnWorld(plan, replace(QUICK, founders=True, firsts=0, talks=0.0))
    burned = world.burned()
    assert set(world.lost) == {1, 2}
    assert burned.wrong == ()
    assert burned.uncut == 0
    assert all(relation.adopted for relation in world.machines[0].device.relations)
    for machine in world.free():
        kept = {world.by_name[relation.name].number for relation in machine.device.relations}
        assert machine.number == 0 or kept - {0} == world.tree.neighbours[machine.number] - {0, 1, 2}
    late = [fate for fate in world.ledger.reports.values() if fate.made > world.began + 2 * DAY]
    assert len(late) > 5
    assert all(fate.received for fate in late)


def test_in_a_thousand_hunted_member_days_of_bad_weather_no_report_is_lost_and_no_law_broken() -> None:
    """`bench/burns.py` hunts twenty times as long."""
    world = BurnWorld(Plan(members=50, days=20, seed=9, pace=3_600, desk_pace=1_800, sticks=0.0))
    burned = world.burned()
    assert burned.member_days == 1_000
    assert burned.wrong == ()
    assert burned.reports["received"] > 100
    assert burned.reports["waiting"] == 0
    assert len(world.lost) >= 5
    assert burned.by_alarm
    assert burned.by_silence
    assert burned.dropped
    assert burned.strays


# ---- figures


def test_worlds_are_joined() -> None:
    one = Burned(
        1, 6, 24, ("a",), (3,), (5,), (2.5,), 1, 2, (1.0,), (2.0,), (), (3.0,), (), 0, 1, 2, {"received": 3}, 4, ()
    )
    both = together([one, one])
    assert (both.worlds, both.members, both.traces, both.lost, both.reports) == (
        2,
        12,
        ("a", "a"),
        (3, 3),
        {"received": 6},
    )
    assert both.spreads()["dropped"].count == 2


def test_exposure_is_a_mean_a_percentile_and_the_worst() -> None:
    figures = exposed([1] * 19 + [21])
    assert (figures.firsts, figures.mean, figures.ninety_fifth, figures.worst) == (20, 2.0, 21, 21)
    assert exposed([]).worst == 0
