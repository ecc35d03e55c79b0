"""What the tests of meetings by codes share: actors with a screen, and pairs who scan each other."""

from __future__ import annotations

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role

from .stage import Actor, Stage


class Screen:
    """What an actor's screen shows as codes."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.shows = b""
        self.ref = b""
        self.ever: list[bytes] = []
        actor.before_act = self._before_act

    def _before_act(self, effect: fx.Effect) -> bool:
        if isinstance(effect, fx.ShowCode):
            self.shows, self.ref = effect.content, effect.ref
            if effect.content and effect.content not in self.ever:
                self.ever.append(effect.content)
        return True

    def scan(self, other: Screen) -> None:
        self.actor.do(ev.Scanned(other.shows))


def screens(*actors: Actor) -> list[Screen]:
    return [Screen(actor) for actor in actors]


def begin(inviter: Screen, joiner: Screen, role: Role = Role.DESK, offline: bool = True) -> None:
    """Until the joiner has scanned the invitation."""
    inviter.actor.do(ev.InviteByCode(joiner.actor.name, role, offline))
    joiner.actor.do(ev.JoinByCode(inviter.actor.name, inviter.shows))


def compare(inviter: Screen, joiner: Screen, role: Role = Role.DESK, offline: bool = True) -> str:
    """Until both screens show the words."""
    begin(inviter, joiner, role, offline)
    if offline:
        inviter.scan(joiner)
        joiner.scan(inviter)
    else:
        joiner.actor.do(ev.Look())
        inviter.scan(joiner)
        for side in (inviter, joiner, inviter, joiner):
            side.actor.do(ev.Look())
    words = [side.actor.heard("meeting_compare")[-1].facts["words"] for side in (inviter, joiner)]
    assert words[0] == words[1]
    return words[0]


def confirm(inviter: Screen, joiner: Screen, offline: bool = True) -> None:
    """Until both have kept it."""
    for side in (joiner, inviter):
        side.actor.do(ev.SameWords())
    for side, other in ((inviter, joiner), (joiner, inviter)):
        side.scan(other) if offline else side.actor.do(ev.Look())
    assert inviter.actor.device.meeting is None
    assert joiner.actor.device.meeting is None


def met(stage: Stage, role: Role = Role.DESK) -> tuple[Screen, Screen]:
    """A desk and a newcomer who met by codes alone, with every relay down."""
    desk = stage.desk()
    stage.down |= set(stage.relays)
    inviter, joiner = screens(desk, stage.actor("new"))
    compare(inviter, joiner, role)
    confirm(inviter, joiner)
    return inviter, joiner


def failure(side: Screen) -> str:
    assert side.actor.device.meeting is None
    return side.actor.heard("meeting_failed")[-1].facts["code"]
