"""A network grows by meetings, in pairs, to any depth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tercet.core import events as ev
from tercet.core.device import step
from tercet.core.effects import Effect
from tercet.core.relation import Role
from tercet.core.state import Device
from tercet.lab import Plan, World
from tercet.lab.growth import NotGrown, grow


@pytest.fixture(scope="module")
def grown() -> tuple[World, dict[int, int]]:
    world = World(Plan(members=10, seed=2))
    return world, grow(world)


def test_everybody_has_a_partner_and_a_link_one_level_up(grown: tuple[World, dict[int, int]]) -> None:
    world, levels = grown
    assert set(levels) == set(range(1, 11))
    for machine in world.machines[1:]:
        roles = {r.role: world.by_name[r.name] for r in machine.device.relations if r.role is not Role.BELOW}
        assert levels[roles[Role.PARTNER].number] == levels[machine.number]
        above = roles.get(Role.LINK) or roles[Role.DESK]
        assert levels.get(above.number, 0) == levels[machine.number] - 1


def test_it_goes_down_more_than_one_level(grown: tuple[World, dict[int, int]]) -> None:
    assert max(grown[1].values()) > 2


def test_both_sides_of_a_relation_hold_the_same_id_and_root(grown: tuple[World, dict[int, int]]) -> None:
    world, _ = grown
    for machine in world.machines:
        for relation in machine.device.relations:
            other = next(r for r in world.by_name[relation.name].device.relations if r.name == machine.name)
            day = max(relation.chain.day, other.chain.day)
            assert (other.id, other.chain.since(day)) == (relation.id, relation.chain.since(day))


def test_everybody_can_report_at_once_afterwards(grown: tuple[World, dict[int, int]]) -> None:
    world, _ = grown
    for machine in world.machines[1:]:
        assert machine.device.board.key_for(machine.clock // 86_400) is not None


def test_a_meeting_that_comes_to_nothing_ends_the_growth() -> None:
    def deaf(
        device: Device, event: ev.Event, now: int, chance: Callable[[int], bytes]
    ) -> tuple[Device, tuple[Effect, ...]]:
        if isinstance(event, ev.Arrived) and not device.is_desk:
            return device, ()
        return step(device, event, now, chance)

    with pytest.raises(NotGrown, match="m1"):
        grow(World(Plan(members=2, seed=2), step=deaf))
