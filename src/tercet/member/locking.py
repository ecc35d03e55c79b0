"""Locking: from an open vault to the locked process, and back.

Does        makes the list for the locked process, starts it, and takes over from it.
Does not    beat: the locked process does.
Spec        spec/73-locked.md
Always      1. The state is saved before the list is made, and the vault closed before it is given away.
Read first  list_of(), start(), take_over().
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.member.locked import READY, Came, Plan, Planned, parse_came
from tercet.shell.failures import ShellError
from tercet.vault import Door, DoorError, door_path, knock

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR", "LD_LIBRARY_PATH")
COMMAND = (sys.executable, "-m", "tercet.member.locked")


def list_of(effects: Sequence[fx.Effect], vault: Path) -> bytes:
    """What a locked process is given: operations, and where to answer; nothing else of the state."""
    planned: list[Planned] = []
    for effect in effects:
        if isinstance(effect, fx.PutItem):
            planned.append(Planned(effect.after, effect.ref, effect.places, effect.item))
        elif isinstance(effect, fx.ReadBox):
            mark = msgspec.msgpack.encode(effect.query)
            place = ((effect.relay, effect.read),)
            planned.append(Planned(effect.after, mark, place, b"", effect.query.start, effect.posted))
    return msgspec.msgpack.encode(Plan(str(door_path(vault.resolve())), tuple(planned)))


def start(plan: bytes) -> None:
    """Start the locked process and give it its list over a pipe; return once it answers at the door.

    Raises:
        ShellError: `lock_failed`.
    """
    variables = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - a fixed command
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=variables,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise ShellError("lock_failed")
        try:
            process.stdin.write(plan)
            process.stdin.close()
        except OSError:
            raise ShellError("lock_failed") from None
        if process.stdout.readline() != READY:
            raise ShellError("lock_failed")
        process.returncode = 0  # it lives on by itself: nobody here waits for its end


def events_of(came: Sequence[Came]) -> list[ev.Event]:
    """What a locked process saw, as the core hears of it.

    Raises:
        ValueError: a mark is none of ours.
    """
    events: list[ev.Event] = []
    for one in came:
        if one.stored:
            events.append(ev.Stored(one.mark, one.relay))
            continue
        query = msgspec.structs.replace(msgspec.msgpack.decode(one.mark, type=ev.Query), start=one.start)
        events.append(ev.Arrived(query, one.items, one.more, one.relay))
    return events


async def take_over(vault: Path) -> tuple[Door, list[ev.Event]] | None:
    """Ask a locked process for what came in; none if there is no such process.

    Returns:
        Its door, to be told `taken` once everything is saved, and the events.

    Raises:
        DoorError: whoever answers at the door is no locked process.
    """
    try:
        door = await knock(door_path(vault))
    except DoorError as error:
        if error.code == "door_closed":
            return None
        raise
    await door.send({"do": "hand over"})
    message = await door.receive() or {}
    result = message.get("result")
    came = result.get("came") if isinstance(result, dict) else None
    try:
        if not isinstance(came, bytes):
            raise ValueError("no locked process")
        return door, events_of(parse_came(came))
    except ValueError:
        await door.close()
        raise DoorError("door_malformed") from None


async def taken(door: Door) -> None:
    """Say that everything is safe here, and wait until the locked process is gone from the door."""
    await door.send({"do": "taken"})
    while await door.receive() is not None:
        pass
    await door.close()
