"""Networks that are hunted cut out whom they lost and nobody else, and lose no report; what is planted is caught."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tercet.lab.burned import Burned, exposed, together
from tercet.lab.burnfaults import FAULTS
from tercet.lab.burns import BurnWorld
from tercet.lab.hunt import Hunt
from tercet.lab.plan import HOUR, Plan

SPEC = (Path(__file__).parents[2] / "spec" / "95-lab.md").read_text()
CALM = Plan(loss=0.05, naps=0.0, away=0.0, skewed=0.0, sticks=0.0, outage_every=10_000.0, pace=7_200, desk_pace=3_600)
SMALL = replace(CALM, members=6, days=4, seed=5, reports=1.0)
QUICK = Hunt(firsts=1, begin=1, end=1.2, second=1.0, malicious=0.5, tries=2.0)
QUICK = replace(QUICK, opens=HOUR / 2, acts=HOUR / 2, agrees=HOUR, leaves=HOUR, meets=6 * HOUR, comes_back=6 * HOUR)


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
    assert (burned.vain, burned.lost, burned.without) == (2, (3,), (5,))


def test_every_report_of_a_free_member_is_received(burned: Burned) -> None:
    assert burned.reports["received"] > 10
    assert burned.reports["waiting"] == 0


def test_the_same_seed_hunts_the_same(burned: Burned) -> None:
    assert BurnWorld(SMALL, QUICK).burned() == burned


def caught(name: str) -> bool:
    world = BurnWorld(replace(SMALL, crash_every=1_000.0), QUICK, FAULTS[name].core())
    world.live()
    return any(wrong.startswith(f"{FAULTS[name].law}: ") for wrong in world.law.wrong)


def test_a_reader_that_accepts_one_point_is_caught() -> None:
    assert caught("one point is enough")


@pytest.mark.full
@pytest.mark.parametrize("name", FAULTS)
def test_each_planted_fault_is_caught_by_its_law(name: str) -> None:
    assert caught(name)


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
