"""One device at work: saved before anything is done, and nothing but the saved bytes after a crash."""

from __future__ import annotations

from collections import Counter

import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.state import Device, load
from tercet.lab import Plan, World
from tercet.lab.growth import grow
from tercet.lab.machine import Machine
from tercet.lab.plan import DAY
from tercet.lab.sticks import Stick

HOUR = 3_600.0
QUIET = Plan(members=2, days=1, seed=5, loss=0, duplicates=0, crash_every=1e9)


@pytest.fixture
def world() -> World:
    made = World(QUIET)
    grow(made)
    made.network.observations = []
    return made


def asked(world: World, machine: Machine) -> Counter[str]:
    return Counter(o.operation for o in world.observations if o.address == machine.number)


def test_a_beat_s_operations_go_out_one_by_one_within_its_span(world: World) -> None:
    machine = world.machines[1]
    began = world.agenda.now
    assert machine.do(ev.Beat(1_000.0))
    world.agenda.run(began + 1_100)
    seen = [o for o in world.observations if o.address == 1]
    assert Counter(o.operation for o in seen if o.operation != "ack") == {"put": 1, "read": 2}
    assert len({o.sent for o in seen}) == len(seen)
    assert all(began <= o.sent <= began + 1_000.5 for o in seen)


def test_what_was_planned_and_not_done_is_gone_after_a_crash(world: World) -> None:
    machine = world.machines[1]
    machine.do(ev.Beat(1_000.0))
    machine.stop(10 * DAY, "crashes")
    world.agenda.run(world.agenda.now + 2_000)
    assert not asked(world, machine)


def test_an_answer_under_way_finds_nobody_after_a_crash(world: World) -> None:
    machine = world.machines[1]
    machine.do(ev.SendNow())
    before = machine.saved
    machine.stop(10 * DAY, "crashes")
    world.agenda.run(world.agenda.now + 60)
    assert asked(world, machine)["read"] > 5
    assert machine.saved == before


def test_it_starts_again_from_the_saved_bytes_and_nothing_else(world: World) -> None:
    machine = world.machines[1]
    machine.do(ev.WriteLetter("m2", "hello"))
    machine.device = Device()
    machine.stop(HOUR, "crashes")
    world.agenda.run(world.agenda.now + HOUR + 1)
    assert machine.on
    assert machine.device == load(machine.saved)
    assert [w.body for r in machine.device.relations for w in r.channel.waiting] == [b"hello"]
    assert machine.off_until(world.agenda.now) == HOUR


def test_a_device_that_is_off_does_nothing(world: World) -> None:
    machine = world.machines[1]
    machine.stop(HOUR, "is off")
    assert not machine.do(ev.WriteLetter("m2", "hello"))


def test_what_the_core_refuses_is_counted_and_changes_nothing(world: World) -> None:
    machine = world.machines[1]
    before = machine.saved
    assert not machine.do(ev.WriteLetter("nobody", "hello"))
    assert world.refusals == {"unknown_neighbour": 1}
    assert machine.saved == before


def test_a_put_goes_to_the_next_relay_when_the_first_was_silent_twice(world: World) -> None:
    machine = world.machines[1]
    first, second, _ = world.network.relays
    world.network.relays[first].up = False
    effect = fx.PutItem(b"", ((first, bytes(32)), (second, bytes([1]) * 32)), bytes(4_096))
    for there in (0, 1):
        machine._act(machine.life, effect)
        world.agenda.run(world.agenda.now + 60)
        assert [box for box, _, _ in world.network.relays[second].store.entries()].count(bytes([1]) * 32) == there


def test_crashes_come_about_as_often_as_planned_and_between_all_acts() -> None:
    world = World(Plan(members=2, days=2, seed=5, crash_every=0.1, naps=0.01))
    result = world.run()
    assert 10 < result.crashes < 200


def test_a_member_with_only_a_stick_sends_and_gets_letters_by_it(world: World) -> None:
    machine, other = world.machines[1], world.machines[2]
    machine.stick = Stick()
    machine.do(ev.WriteLetter("m2", "from a stick"))
    other.do(ev.WriteLetter("m1", "to a stick"))
    other.do(ev.SendNow())
    for _ in range(3):
        machine.visited()
        world.agenda.run(world.agenda.now + 60)
        machine.stick.carry(lambda relay, op: world.network.carry_out(9, relay, op))
        other.do(ev.SendNow())
        world.agenda.run(world.agenda.now + HOUR)
    assert not asked(world, machine)
    assert [n.text for r in machine.device.relations for n in r.notes] == ["to a stick"]
    assert [n.text for r in other.device.relations for n in r.notes] == ["from a stick"]
