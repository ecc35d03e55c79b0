"""Locking: from an open vault to the locked process, and back.

Does        makes the list for the locked process, starts it, and takes over from it.
Does not    beat: the locked process does.
Spec        spec/73-locked.md
Always      1. The state is saved before the list is made, and the vault closed before it is given away.
            2. Nobody at the door can keep the owner from going on.
Read first  list_of(), start(), take_over().
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.member.locked import NONCE, READY, Came, Plan, Planned, parse_came, prove
from tercet.shell.failures import ShellError
from tercet.vault import Door, DoorError, door_path, knock

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR", "LD_LIBRARY_PATH")
PATIENCE: Final = 60.0  # seconds for whoever answers at the door
COMMAND = (sys.executable, "-m", "tercet.member.locked")


def list_of(effects: Sequence[fx.Effect], secret: bytes, vault: Path) -> bytes:
    """What a locked process is given: operations, where to answer, the secret (32 bytes); nothing else of the state."""
    planned: list[Planned] = []
    for effect in effects:
        if isinstance(effect, fx.PutItem):
            planned.append(Planned(effect.after, effect.ref, effect.places, effect.item))
        elif isinstance(effect, fx.ReadBox):
            place = ((effect.relay, effect.read),)
            planned.append(Planned(effect.after, effect.query.id, place, b"", effect.query.start, effect.posted))
    return msgspec.msgpack.encode(Plan(str(door_path(vault.resolve())), secret, tuple(planned)))


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


def events_of(came: Sequence[Came]) -> tuple[ev.Stored | ev.Arrived, ...]:
    """What a locked process saw, as the core hears of it: by marks, and only the core knows what they mean."""
    return tuple(
        ev.Stored(one.mark)
        if one.stored
        else ev.Arrived(ev.Query("ahead", one.mark, start=one.start), one.items, one.more, "")
        for one in came
    )


async def take_over(vault: Path, secret: bytes) -> tuple[Door, tuple[ev.Stored | ev.Arrived, ...]] | None:
    """Ask a locked process for what came in.

    Whoever does not answer in time, or does not know the secret, is no locked process of this device: nothing is
    taken from it, and as we hold the vault its door is taken away.

    Args:
        vault: the vault file, open in this process.
        secret: 32 bytes that the locked process of this state knows, or empty: there is none.

    Returns:
        Its door, to be told `taken` once everything is saved, and what happened; none if nobody answered.

    Raises:
        DoorError: `door_malformed`: somebody answered, and it is no locked process of this device.
    """
    try:
        door = await knock(door_path(vault))
    except DoorError as error:
        if error.code == "door_closed":
            return None
        _remove(door_path(vault))
        raise DoorError("door_malformed") from None
    try:
        async with asyncio.timeout(PATIENCE):
            return door, events_of(parse_came(await _came(door, secret)))
    except (DoorError, ValueError, TimeoutError):
        await _leave(door)
        _remove(door_path(vault))
        raise DoorError("door_malformed") from None


async def _came(door: Door, secret: bytes) -> bytes:
    """Show that we know the secret, and have it shown.

    Raises:
        ValueError: it is not known at the other side.
    """
    if not secret:
        raise ValueError("there is none")
    nonce = os.urandom(NONCE)
    await door.send({"do": "hand over", "nonce": nonce, "proof": prove(secret, nonce)})
    result = (await door.receive() or {}).get("result")
    if not isinstance(result, dict):
        raise ValueError("no locked process")
    came, proof = result.get("came"), result.get("proof")
    if not (isinstance(came, bytes) and isinstance(proof, bytes) and came):
        raise ValueError("no locked process")
    if not hmac.compare_digest(proof, prove(secret, nonce, came)):
        raise ValueError("not ours")
    return came


async def taken(door: Door) -> None:
    """Say that everything is safe here, and wait until the locked process is gone from the door."""
    with contextlib.suppress(DoorError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await door.send({"do": "taken"})
            while await door.receive() is not None:
                pass
    await _leave(door)


async def _leave(door: Door) -> None:
    """Close our side; who does not read what we sent is not waited for."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await door.close()


def _remove(path: Path) -> None:
    """Take away a socket that a stranger answers at; any other file stays."""
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
