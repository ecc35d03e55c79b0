"""Who is given the second passphrase cannot be told by a watcher, and neighbours learn of it."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from tercet.core import events as ev
from tercet.core import understudy
from tercet.core.state import Device
from tercet.lab import moments
from tercet.lab.alarms import OF_AGE, Capture, captures, delays_of, within
from tercet.lab.duress import KINDS, SILENT, DuressWorld
from tercet.lab.growth import grow
from tercet.lab.moments import TAKEN, figures_around, names_of_figures, seen_of
from tercet.lab.network import Observation
from tercet.lab.plan import HOUR
from tercet.lab.watcher import DESK, deviation, guess

pytestmark = pytest.mark.full  # each watches whole worlds

CAUGHT = 3.5  # standard deviations
CHANCE = 3.0
SMALL = replace(OF_AGE, members=12, days=3)


def seen(address: int, operation: str, box: int, at: float, hit: bool = True) -> Observation:
    return Observation(at, at, address, 0, operation, box, 0, hit, 4_100, 30)


@pytest.fixture(scope="module")
def world() -> DuressWorld:
    made = DuressWorld(replace(TAKEN, members=4, days=1, seed=3))
    grow(made)
    return made


def test_after_the_second_passphrase_nothing_of_the_real_side_is_left_and_beats_go_on(world: DuressWorld) -> None:
    one = world.members[0]
    relations = len(one.device.relations)
    one.opened(True)
    assert (one.device, one.saved) == (Device(), b"")
    drawn = understudy.unpack(one.area or b"")
    assert drawn is not None
    assert len(drawn.neighbours) == relations
    before = one.area
    world.agenda.run(world.agenda.now + HOUR)
    assert one.on
    assert one.area != before
    one.stop(HOUR, "crashes")
    after = one.area
    world.agenda.run(world.agenda.now + 3 * HOUR)
    assert one.on
    assert (one.device, one.saved) == (Device(), b"")
    assert one.area != after


def test_what_the_owner_wants_is_nothing_to_an_understudy(world: DuressWorld) -> None:
    one = world.members[1]
    one.opened(True)
    world.agenda.run(world.agenda.now + 1)
    area = understudy.unpack(one.area or b"")
    one.do(ev.WriteReport("what I saw", None, None, ()))
    assert understudy.unpack(one.area or b"") == area


def test_who_opens_with_the_first_passphrase_goes_on_as_before(world: DuressWorld) -> None:
    one = world.members[2]
    device = one.device
    one.opened(False)
    assert one.area is None
    world.agenda.run(world.agenda.now + 1)
    assert [r.id for r in one.device.relations] == [r.id for r in device.relations]


def test_an_understudy_is_drawn_from_what_was_saved_last(world: DuressWorld) -> None:
    one = world.members[3]
    one.do(ev.Beat(1_800.0))
    one.opened(True)
    drawn = understudy.unpack(one.area or b"")
    assert drawn is not None
    assert drawn.beats == one._drawn_from[0].beats > 0


def test_what_breaks_off_at_a_moment_is_a_figure() -> None:
    mine = [seen(1, "read", box, float(at)) for at, box in enumerate((5, 6, 5, 6))]
    mine += [seen(1, "read", box, 10.0 + at) for at, box in enumerate((7, 8, 7, 8))]
    rest = [seen(DESK, "put", 5, 5.0), seen(2, "put", 6, 0.0)]
    figures = figures_around(mine, 10.0, 10.0, seen_of([*rest, *mine]))
    assert figures["boxes dropped"] == 2
    assert figures["answers left"] == 1
    assert figures["reads of boxes known before"] == 0
    assert figures["change of reads of boxes nobody puts into"] == 4
    assert list(figures) == names_of_figures()


def test_a_neighbour_out_of_turn_is_a_figure() -> None:
    rest = [seen(10 + box, "read", box, 0.0) for box in (1, 2, 3)]
    order = (1, 2, 3, 1, 2, 3, 1, 2, 3, 1)
    mine = [seen(4, "put", box, 1.0 + at) for at, box in enumerate(order)]
    broken = [seen(4, "put", box, 20.0 + at) for at, box in enumerate((1, 3, 2))]
    known = seen_of([*rest, *mine, *broken])
    assert figures_around(mine, 8.0, 9.0, known)["turns broken at the moment"] == 0
    assert figures_around([*mine, *broken], 15.0, 20.0, known)["turns broken at the moment"] == 3


@pytest.mark.parametrize(("members", "least"), [(6, 2), (12, 4)])
def test_the_first_neighbour_is_told_within_three_hours_in_most_captures_and_each_within_a_day(
    members: int, least: int
) -> None:
    some = captures(1, replace(SMALL, members=members))
    assert len(some) >= least
    assert within([c.delays[0] for c in some], 3) >= 0.6
    assert within([d for c in some for d in c.delays], 24) == 1


def test_where_no_alarm_is_raised_nobody_is_told() -> None:
    some = captures(1, replace(SMALL, members=4), SILENT)
    assert some
    assert all(c.delays for c in some)
    figures = delays_of(some)
    assert (figures["each_within_6h"], figures["first_median_h"]) == (0, None)


def test_an_alarm_that_never_came_counts_among_those_that_are_late() -> None:
    figures = delays_of([Capture((HOUR, 2 * HOUR)), Capture((4 * HOUR, inf))])
    assert (figures["captures"], figures["alarms"]) == (2, 4)
    assert (figures["first_within_3h"], figures["each_within_3h"], figures["each_within_6h"]) == (0.5, 0.5, 0.75)
    assert (figures["first_longest_h"], figures["each_longest_h"]) == (4.0, None)


@pytest.mark.parametrize("kind", ["at another pace", "no acknowledgements", "alarms only", "one neighbour"])
def test_each_planted_fault_of_an_understudy_is_caught(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sigma(kind, 4, monkeypatch) > CAUGHT


def test_of_the_real_understudy_it_learns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(_sigma("honest", 4, monkeypatch)) < CHANCE


def _sigma(kind: str, worlds: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """The watcher's success on small and young worlds, learned on half of them."""
    monkeypatch.setattr(moments, "SETTLED", 2.0)
    monkeypatch.setattr(moments, "WINDOW", 1.0)
    around = [moments.moments(seed, kind, replace(TAKEN, members=12, days=4)) for seed in range(1, worlds + 1)]
    known = [e for each in around[: worlds // 2] for e in each]
    return deviation(guess(known, [e for each in around[worlds // 2 :] for e in each]))


def test_every_kind_of_understudy_has_a_row_of_its_own_in_the_spec() -> None:
    spec = (Path(__file__).parents[2] / "spec" / "95-lab.md").read_text()
    assert all(f"| {kind} |" in spec for kind in KINDS if kind != "honest")
