"""Real processes: a device is locked, its keys are in no process any more, and it is opened again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tercet.core.state import load
from tercet.member.locked import LOCKED
from tercet.scene.actor import Actor, SceneFailure
from tercet.sealing import LOW_COST
from tercet.vault import door_path, knock, open_vault

from ..cheap import COMMAND
from ..shell.troupe import SECRET, Troupe
from ..shell.world import run_long
from .test_locked import secrets_of


def scene(folder: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Troupe], Awaitable[None]]) -> None:
    monkeypatch.setattr(Actor, "COMMAND", COMMAND)

    async def whole() -> None:
        troupe = Troupe(folder, COMMAND)
        try:
            await troupe.open_relay(proxied=False)
            await troupe.open_desk()
            await troupe.open_member("amal")
            await troupe.meet("desk", "amal")
            await work(troupe)
        finally:
            await troupe.end()
            with contextlib.suppress(StopIteration, AssertionError):
                os.kill(locked_process(troupe.at("amal")), signal.SIGKILL)

    run_long(whole())


async def asleep(troupe: Troupe) -> None:
    """Wait until the daemon has ended by itself, and the locked process answers."""
    amal = troupe.actors.pop("amal")
    await amal.hears("ended")
    await amal.end()


def locked_process(vault: str) -> int:
    """The process that answers at a vault's door: the one locked process of this folder."""
    door = str(door_path(Path(vault)))
    inode = next(line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines() if _is(line, door))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and inode in _sockets(entry):
            return int(entry.name)
    raise AssertionError("nobody answers at the door")


def _is(line: str, door: str) -> bool:
    return line.endswith("/" + Path(door).name)


def _sockets(process: Path) -> set[str]:
    found = set()
    try:
        for descriptor in (process / "fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def memory(process: int) -> bytes:
    """All that can be read of a process's own memory."""
    found = bytearray()
    with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            low, high = (int(end, 16) for end in span.split("-"))
            try:
                mem.seek(low)
                found += mem.read(high - low)
            except (OSError, ValueError, OverflowError):
                continue
    return bytes(found)


@pytest.mark.full
def test_a_locked_device_holds_no_secret_says_so_and_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(troupe: Troupe) -> None:
        vault = troupe.at("amal")
        await troupe.once("member", "report", "--vault", vault, text="I was there.")
        done = await troupe.once("member", "lock", "--vault", vault)
        assert int(done["operations"]) > 0
        await asleep(troupe)
        status = await troupe.once("member", "status", "--vault", vault)
        assert status["locked"] is True
        refused = await Actor.start("amal", "member", "letter", "--vault", vault)
        with pytest.raises(SceneFailure) as failed:
            await refused.hears("done")
        assert "locked" in failed.value.hint
        await refused.end()
        process = locked_process(vault)
        try:
            image = memory(process)
        except PermissionError:
            pytest.skip("this system lets nobody look, not even a test")
        opened = open_vault(Path(vault), SECRET, cost=LOW_COST)
        device = load(opened.state)
        opened.close()
        roots = {s for s in secrets_of(device) if len(s) > 16}
        assert len(roots) > 5
        assert LOCKED.encode() in image  # the image is one
        assert {s for s in roots if s in image} == set()
        assert device.relations[0].session not in image
        await troupe.again("amal")
        await troupe.actors["amal"].hears("taken_over")
        await gone(process)
        told = await troupe.once("member", "report", "--wait", "--yes", "--vault", vault, text="Once more.")
        assert told["state"] == "received by the desk"

    scene(tmp_path, monkeypatch, work)


async def gone(process: int) -> None:
    """Wait until a process has ended and holds nothing any more: neither its door nor its vault."""
    while not _ended(process):
        await asyncio.sleep(0.02)


def _ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.full
def test_a_locked_process_killed_with_minus_nine_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(troupe: Troupe) -> None:
        vault = troupe.at("amal")
        await troupe.once("member", "report", "--vault", vault, text="I was there.")
        await troupe.once("member", "lock", "--vault", vault)
        await asleep(troupe)
        process = locked_process(vault)
        os.kill(process, signal.SIGKILL)
        await gone(process)
        await troupe.again("amal")
        await troupe.once("member", "report", "--wait", "--yes", "--vault", vault, text="Once more.")
        assert "I was there." in [case["text"] for case in await troupe.cases()] or await _waits(troupe, vault)

    async def _waits(troupe: Troupe, vault: str) -> bool:
        reports = (await troupe.once("member", "status", "--vault", vault))["reports"]
        return str(reports[0]["state"]) in ("waiting", "left this device")

    scene(tmp_path, monkeypatch, work)


@pytest.mark.full
def test_the_door_of_a_locked_device_gives_nothing_but_what_came_and_goes_on_if_it_was_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(troupe: Troupe) -> None:
        vault = troupe.at("amal")
        await troupe.once("member", "lock", "--vault", vault)
        await asleep(troupe)
        for request, answer in (
            ({"do": "inbox"}, "failed"),
            ({"do": "status"}, "result"),
            ({"do": "hand over"}, "failed"),
            ({"do": "hand over", "nonce": bytes(32), "proof": bytes(32)}, "failed"),
        ):
            door = await knock(door_path(Path(vault)))
            await door.send(request)
            assert answer in (await door.receive() or {})
            await door.close()
        await troupe.again("amal")
        await troupe.actors["amal"].hears("taken_over")

    scene(tmp_path, monkeypatch, work)
