"""Relinks: somebody whose link was burned meets another one, in the weather that there is.

Does        plays one meeting, look by look, until both keep it or it came to nothing.
Does not    choose who meets whom: `burns` does.
Spec        spec/95-lab.md, 14; spec/30-meeting.md
Always      1. The meeting is the core's own.
Read first  Relink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.meeting import Stage

if TYPE_CHECKING:
    from tercet.lab.machine import Machine
    from tercet.lab.world import World

LOOK_EVERY: Final = 15.0  # seconds
LOOKS_MOST: Final = 300  # somewhat longer than a confirmed meeting waits


class Relink:
    """One meeting.

    Args:
        world: where it happens.
        inviter: who becomes the link.
        joiner: who is to be below.
        then: called in the end, with whether both have the other.
    """

    def __init__(self, world: World, inviter: Machine, joiner: Machine, then: Callable[[bool], None]) -> None:
        self._world, self._inviter, self._joiner, self._then = world, inviter, joiner, then
        self._joined = False
        for machine in (inviter, joiner):
            if machine.device.meeting:
                machine.do(ev.OtherWords())
        world.said(inviter, "meeting_code")
        if inviter.do(ev.Invite(joiner.name, Role.LINK)):
            self._look(LOOKS_MOST)
        else:
            then(False)

    def _look(self, left: int) -> None:
        pair = (self._inviter, self._joiner)
        both = all(self._has(*order) for order in (pair, pair[::-1]))
        over = not any(machine.device.meeting for machine in pair)
        if both or over or not left:
            self._then(both)
            return
        for machine in pair:
            if machine.device.meeting:
                machine.do(ev.Look())
        if not self._joined:
            code = self._world.said(self._inviter, "meeting_code")
            self._joined = bool(code) and self._joiner.do(ev.Join(self._inviter.name, code["code"], code["relay"]))
        meetings = [machine.device.meeting for machine in pair]
        if len({meeting.compare for meeting in meetings if meeting}) == 1:
            for machine, meeting in zip(pair, meetings, strict=True):
                if meeting and meeting.stage is Stage.COMPARING:
                    machine.do(ev.SameWords())
        self._world.agenda.after(LOOK_EVERY, self._look, left - 1)

    def _has(self, one: Machine, other: Machine) -> bool:
        return any(relation.name == other.name for relation in one.device.relations)
