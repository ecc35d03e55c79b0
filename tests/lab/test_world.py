"""Whole networks in bad weather: no promise is broken, a seed repeats its trace, each planted fault is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.device import step
from tercet.core.report import ReportState
from tercet.core.state import Device, save
from tercet.drop import FRAME, Answer, MemoryStore, Put, Stored
from tercet.lab import Broken, Plan, World
from tercet.lab.machine import Machine
from tercet.lab.world import Step

Effects = tuple[fx.Effect, ...]
Change = Callable[[Device, ev.Event, Device, Effects], tuple[Device, Effects]]
SMALL = Plan(members=4, days=2, seed=7, letters=3, reports=1.5, crash_every=2, naps=0.5, pace=1_200)
TINY = Plan(members=2, days=1, seed=3, letters=12, reports=4, crash_every=1)
SLOW = Plan(members=2, days=9, seed=3, letters=3, pace=7_200, desk_pace=14_400, crash_every=1e9, naps=0.01)
PROCESS = """
import sys
from tercet.lab import Plan, World
print(World(Plan(members=2, days=1, seed=int(sys.argv[1]), letters=12, reports=4, crash_every=1)).run().trace)
"""
change_of = msgspec.structs.replace


def hash_of(seed: int, hash_seed: str) -> str:
    found = Path(__file__).parents[2] / "src"
    surroundings = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.environ.get("PYTHONPATH", str(found))}
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(seed)], env=surroundings, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# ---- what holds


@pytest.fixture(scope="module")
def lived() -> World:
    world = World(SMALL, observe=True)
    world.result = world.run()  # type: ignore[attr-defined]
    return world


@pytest.mark.full
def test_a_small_network_keeps_every_promise_in_bad_weather(lived: World) -> None:
    result = lived.result  # type: ignore[attr-defined]
    assert (result.members, result.days) == (4, 2)
    assert result.reports > 5
    assert result.letters > 10
    assert result.report_received.count == result.report_filed.count == result.reports
    assert result.letter.count == result.letters
    assert min(result.crashes, result.lost, result.duplicated, result.hits) > 0
    assert 0 < result.report_filed.median <= result.report_received.median


def test_members_stand_in_pairs_below_one_another(lived: World) -> None:
    roles = [sorted(r.role.value for r in machine.device.relations) for machine in lived.machines]
    assert roles[0] == ["founder", "founder"]
    assert sorted(roles[1:]) == sorted(
        [["below", "below", "desk", "partner"], ["desk", "partner"], *[["link", "partner"]] * 2]
    )


def test_watchers_see_every_device_beat_alike(lived: World) -> None:
    day = [o for o in lived.observations if o.address == 1 and o.sent < lived.began + SMALL.days * 86_400]
    puts, reads = (sum(o.operation == kind for o in day) for kind in ("put", "read"))
    assert puts > 20
    assert 1.5 < reads / puts < 2.5


@pytest.fixture(scope="module")
def tiny() -> World:
    world = World(TINY, step=unchanged(step), keep_lines=10**6)
    world.run()
    return world


def unchanged(core: Step) -> Step:
    """A core whose every step is looked at: a machine keeps a state, and makes its bytes when somebody looks."""

    def watched(before: Device, *given: object) -> tuple[Device, Effects]:
        data = save(before)
        try:
            return core(before, *given)
        finally:
            assert save(before) == data

    return watched


def test_a_step_that_changed_the_state_it_was_given_would_be_seen() -> None:
    def careless(before: Device, *given: object) -> tuple[Device, Effects]:
        before.looked[b"a box"] = before.beats
        return step(before, *given)  # type: ignore[arg-type]

    with pytest.raises(AssertionError):
        World(TINY, step=unchanged(careless)).run()


def test_no_line_of_the_trace_holds_a_sealed_byte_or_a_spoken_word(tiny: World) -> None:
    text = "".join(tiny.trace.lines)
    assert "meeting_kept" in text
    assert "report 1 of m1" in text
    assert "meeting_code" not in text
    assert "meeting_compare" not in text
    assert "b'" not in text


@pytest.mark.full
def test_a_thousand_member_days_break_nothing() -> None:
    result = World(Plan(members=40, days=25, seed=11)).run()
    assert result.members * result.days == 1_000
    assert result.report_received.count == result.reports > 100
    assert result.letter.count == result.letters > 300
    assert result.outages > 3


# ---- the same again


@pytest.mark.full
def test_the_same_seed_gives_the_same_trace_in_another_process_and_another_seed_another(tiny: World) -> None:
    assert hash_of(3, "1") == tiny.trace.digest
    assert World(replace(TINY, seed=4)).run().trace != tiny.trace.digest


def test_one_changed_decision_changes_the_trace(tiny: World) -> None:
    changed = []

    def once(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        if isinstance(event, ev.Beat) and after.beats == 30 and not after.is_desk and not changed:
            changed.append(after.beats)
            effects = tuple(e for e in effects if not isinstance(e, fx.PutItem))
        return after, effects

    other = World(TINY, step=faulty(once))
    other.ledger._hold_beat = lambda *_: None  # type: ignore[method-assign]
    assert other.run().trace != tiny.trace.digest
    assert changed


# ---- planted faults


def faulty(change: Change) -> Callable[..., tuple[Device, Effects]]:
    """The core with a fault in it."""

    def changed(device: Device, event: ev.Event, now: int, chance: Callable[[int], bytes]) -> tuple[Device, Effects]:
        return change(device, event, *step(device, event, now, chance))

    return changed


def covered(event: ev.Event, device: Device) -> bool:
    return isinstance(event, ev.Beat) and event.span > 0 and not device.is_desk


def third_read(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    reads = [e for e in effects if isinstance(e, fx.ReadBox)]
    return after, (*effects, reads[0]) if covered(event, after) and after.reports else effects


def forward_at_once(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if isinstance(event, ev.Arrived) and event.query.alone and any(isinstance(e, fx.Tell) for e in effects):
        effects = (*effects, fx.PutItem(b"", ((event.relay, bytes(32)),), bytes(FRAME)))
    return after, effects


def note_twice(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if isinstance(event, ev.Arrived):
        held = {r.id: len(r.notes) for r in before.relations}
        relations = tuple(
            change_of(r, notes=(*r.notes, change_of(r.notes[-1], number=r.notes[-1].number + 1)))
            if len(r.notes) > held.get(r.id, len(r.notes))
            else r
            for r in after.relations
        )
        after = change_of(after, relations=relations)
    return after, effects


def forget_unread(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if isinstance(event, ev.Beat):
        after = change_of(after, relations=tuple(change_of(r, notes=()) for r in after.relations))
    return after, effects


def lose_reports(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    return after, tuple(e for e in effects if not isinstance(e, fx.FileReport))


def file_twice(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    return after, (*effects, *(change_of(e, case=bytes(16)) for e in effects if isinstance(e, fx.FileReport)))


def say_received(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if isinstance(event, ev.Beat):
        reports = tuple(
            change_of(r, state=ReportState.RECEIVED) if r.state is ReportState.WAITING else r for r in after.reports
        )
        after = change_of(after, reports=reports)
    return after, effects


def more_neighbours(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if covered(event, after) and after.reports:
        after = change_of(after, relations=(*after.relations, after.relations[-1]))
    return after, effects


def one_nonce(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    if not covered(event, after):
        return after, effects
    return after, tuple(change_of(e, item=bytes(24) + e.item[24:]) if isinstance(e, fx.PutItem) else e for e in effects)


def never_read(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
    deaf = isinstance(event, ev.Arrived) and event.query.kind == "relation" and not before.is_desk
    return (before, ()) if deaf else (after, effects)


@pytest.mark.parametrize(
    ("name", "change", "plan", "words"),
    [
        ("received", lose_reports, TINY, "the desk has never filed it"),
        ("received", say_received, TINY, "the desk has never filed it"),
        ("filed once", file_twice, TINY, "was filed twice"),
        ("letters", note_twice, TINY, "delivered twice"),
        ("late", never_read, SLOW, "later than the late days"),
        ("unread", forget_unread, TINY, "vanished before it was read"),
        ("cell", more_neighbours, TINY, "beyond the cell rule"),
        ("beat", third_read, TINY, "not one put and 2 reads"),
        ("nothing follows", forward_at_once, TINY, "sent at once"),
        ("nonce", one_nonce, TINY, "under the same nonce"),
    ],
)
def test_a_core_with_a_fault_is_found_out(name: str, change: Change, plan: Plan, words: str) -> None:
    with pytest.raises(Broken, match=words):
        World(plan, step=faulty(change)).run()


def test_a_vault_that_loses_what_was_saved_is_found_out() -> None:
    """The invariant "kept"."""
    world = World(TINY)

    def keep(machine: Machine, state: Device) -> Device | None:
        return machine.kept if world.rough and machine.number else state

    world.keep = keep  # type: ignore[method-assign]
    with pytest.raises(Broken, match="gone after a crash"):
        world.run()


class Forgetful(MemoryStore):
    """A store that says it has what it has not, now and then, once the days have begun."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def apply(self, ops: object, now: int) -> list[Answer]:
        (op,) = ops  # type: ignore[misc]
        if self.world.rough and isinstance(op, Put) and op.item[0] < 32:
            return [Stored()]
        return super().apply([op], now)


def test_a_relay_that_forgets_what_it_stored_is_found_out() -> None:
    """The invariant "durable"."""
    world = World(TINY)
    for relay in world.network.relays.values():
        relay.store = Forgetful(world)
    with pytest.raises(Broken, match="had stored is gone"):
        world.run()


def test_what_does_not_settle_in_time_is_a_failure() -> None:
    with pytest.raises(Broken, match="quiet days"):
        World(Plan(members=2, days=1, seed=3, letters=12, reports=4, settle_days=0)).run()
