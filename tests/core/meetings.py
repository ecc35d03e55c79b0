"""What the tests of meetings share: pairs of devices, and hands on their frames."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tercet.core import events as ev
from tercet.core import meeting as meetings
from tercet.core.meeting import Meeting
from tercet.core.relation import Role
from tercet.core.state import save
from tercet.drop import Put, id_of_read, read_of_ack

from .stage import RELAY, Actor, Stage

SECRETS = ("words", "spake", "shared", "seed", "account", "reveal", "our_secret", "root", "likeness")


def look(*actors: Actor, rounds: int = 1) -> None:
    for _ in range(rounds):
        for actor in actors:
            if actor.device.meeting is not None:
                actor.do(ev.Look())


def begin(inviter: Actor, joiner: Actor, role: Role = Role.DESK, code: str = "") -> str:
    """From the invitation to the joiner's first look; returns the code."""
    inviter.do(ev.Invite(joiner.name, role))
    said = inviter.heard("meeting_code")[-1].facts
    joiner.do(ev.Join(inviter.name, code or said["code"], said["relay"]))
    return said["code"]


def compared(actor: Actor) -> str:
    return actor.heard("meeting_compare")[-1].facts["words"]


def failure(actor: Actor) -> str:
    assert actor.device.meeting is None
    return actor.heard("meeting_failed")[-1].facts["code"]


def started(stage: Stage) -> tuple[Actor, Actor]:
    """A desk, and somebody new."""
    return stage.desk(), stage.actor("new")


def comparing(stage: Stage) -> tuple[Actor, Actor]:
    """A desk and a newcomer who see the words."""
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new, rounds=3)
    assert compared(desk) == compared(new)
    return desk, new


def same_relation(one: Actor, other: Actor) -> None:
    """Both hold the same relation, from its two sides, and it works."""
    ours, theirs = one.device.relations[-1], other.device.relations[-1]
    assert ours.id == theirs.id
    assert ours.chain == theirs.chain
    assert {ours.side, theirs.side} == {0, 1}


def works(stage: Stage, one: Actor, other: Actor) -> None:
    """Letters pass both ways through the newest relation of each, a welcome's two letters before the desk's own."""
    for writer, reader in ((one, other), (other, one)):
        writer.do(ev.WriteLetter(writer.device.relations[-1].name, f"from {writer.name}"))
        stage.beat(one, other, rounds=4)
        assert reader.device.relations[-1].notes[-1].text == f"from {writer.name}"


def secrets_of(meeting: Meeting | None) -> Iterator[bytes]:
    """Every secret that a meeting holds."""
    for name in SECRETS:
        value = getattr(meeting, name, b"")
        if value:
            yield value.encode() if isinstance(value, str) else value


def knows(actor: Actor, secrets: set[bytes]) -> list[bytes]:
    """Which of the secrets stand in the bytes that the vault keeps."""
    state = save(actor.device)
    return [s for s in secrets if s in state]


def items_in(stage: Stage, box: bytes, relay: str = RELAY) -> list[bytes]:
    return [item for key, _, item in stage.relays[relay].entries() if key == box]


def put(stage: Stage, box: bytes, item: bytes, relay: str = RELAY) -> None:
    stage.relays[relay].apply([Put(box, item)], stage.now)


def awaited(actor: Actor) -> bytes:
    """Id of the box that an actor's meeting would read next."""
    box = meetings.box_to_read(actor.device.meeting)
    assert box is not None
    assert id_of_read(read_of_ack(box.ack), posted=False) == box.id
    return box.id


def bent(actor: Actor, **fields: object) -> None:
    """Change a meeting as no honest device would."""
    actor.device = msgspec.structs.replace(
        actor.device, meeting=msgspec.structs.replace(actor.device.meeting, **fields)
    )
