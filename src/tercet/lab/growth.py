"""Growth: how a network comes to be, by meetings alone.

Does        founds a desk and brings in pair after pair, each under somebody who has a free place.
Does not    shorten a meeting: both cores play it to its end, over a relay.
Spec        spec/95-lab.md, 9
Always      1. Nobody is in the network who did not meet somebody in it.
Read first  grow().
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tercet.core import events as ev
from tercet.core.cell import COMPLEMENT, Role
from tercet.core.chain import DayChain
from tercet.core.relation import Relation
from tercet.lab.chance import Stream

if TYPE_CHECKING:
    from tercet.lab.machine import Machine
    from tercet.lab.world import World

LOOKS = 8  # looks of each side that lead from one word of an owner to the next
LOOK_EVERY = 1.0  # seconds
SETTLING = 12  # rounds of full beats after which everybody knows the board
ROUND = 60.0  # seconds; twelve of them are longer than a spent nameplate is remembered


class NotGrown(Exception):
    """A meeting in quiet weather did not end well, which is a fault of the core or of this room."""


def grow(world: World) -> dict[int, int]:
    """Found the desk and bring in all members.

    Returns:
        The level of each member: 1 right under the desk, 2 under those…
    """
    chance = Stream(world.plan.seed, "growth")
    desk = world.machines[0]
    desk.do(ev.SetUpDesk(tuple(world.network.relays), world.plan.intake))
    for relay in world.network.relays.values():
        for secret in relay.weekly:
            desk.do(ev.TakeWeekly(relay.address, secret))
    beat_all(world, [desk], 1)
    levels: dict[int, int] = {}
    free: list[Machine] = []
    for pair in range(world.plan.pairs):
        above = desk if pair < world.plan.founding_pairs else free.pop(chance.below(len(free)))
        one, other = world.machines[2 * pair + 1], world.machines[2 * pair + 2]
        role = Role.LINK if above.number else Role.DESK
        meet(world, above, one, role)
        meet(world, above, other, role)
        meet(world, one, other, Role.PARTNER)
        level = levels[above.number] + 1 if above.number else 1
        levels[one.number] = levels[other.number] = level
        free += [one, other]
    beat_all(world, world.machines, SETTLING)
    return levels


def meet(world: World, inviter: Machine, joiner: Machine, role: Role) -> None:
    """One meeting, from the code to the last confirmation; `role` is what the inviter is to the joiner.

    Raises:
        NotGrown: it did not end well.
    """
    inviter.do(ev.Invite(joiner.name, role))
    pause(world, inviter)
    code = world.said(inviter, "meeting_code")
    if not code:
        raise NotGrown(f"{inviter.name} has no code for {joiner.name}")
    joiner.do(ev.Join(inviter.name, code["code"], code["relay"]))
    pause(world, inviter, joiner)
    seen = [world.said(machine, "meeting_compare").get("words") for machine in (inviter, joiner)]
    if not seen[0] or seen[0] != seen[1]:
        raise NotGrown(f"{inviter.name} and {joiner.name} do not see the same words")
    inviter.do(ev.SameWords())
    joiner.do(ev.SameWords())
    pause(world, inviter, joiner)
    if inviter.device.meeting or joiner.device.meeting:
        raise NotGrown(f"the meeting of {inviter.name} and {joiner.name} did not end")
    _repeat(world, inviter, joiner)
    world.met.append((inviter.number, joiner.number, role))
    world.trace.line(world.agenda.now, inviter.name, "met", joiner.name, role.value, COMPLEMENT[role].value)


def pause(world: World, *machines: Machine) -> None:
    """Let devices look for each other's frames until neither waits for a frame any more."""
    for _ in range(LOOKS):
        for machine in machines:
            machine.do(ev.Look())
        world.agenda.run(world.agenda.now + LOOK_EVERY)


def beat_all(world: World, machines: list[Machine], rounds: int) -> None:
    """Let devices send and read everything, some times over."""
    for _ in range(rounds):
        for machine in machines:
            machine.do(ev.SendNow())
        world.agenda.run(world.agenda.now + ROUND)


def _repeat(world: World, inviter: Machine, joiner: Machine) -> None:
    """Exchange the root of a new relation for one of the seed, on both sides.

    A root hangs on ciphertexts, whose chance no seed reaches; boxes and relays of all days hang on the root.
    """
    chance = Stream(world.plan.seed, f"root {inviter.number} {joiner.number}")
    name, root = chance(16), chance(32)
    for machine in (inviter, joiner):
        *others, made = machine.device.relations
        relations = (*others, with_root(made, name, root))
        machine.device = msgspec.structs.replace(machine.device, relations=relations)
        machine.kept = machine.device


def with_root(relation: Relation, name: bytes, root: bytes) -> Relation:
    """A relation that was just made, with an id (16 bytes) and a root (32) that repeat."""
    return msgspec.structs.replace(relation, id=name, chain=DayChain(relation.chain.day, root))
