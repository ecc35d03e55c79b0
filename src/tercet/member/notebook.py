"""`tercet notebook`: the prompt, with either passphrase.

Does        opens the prompt through the door of whoever holds the vault, or here, with beats beside it.
Does not    say a word of anything but the notebook, whatever fails.
Spec        spec/74-notebook.md, 6
Always      1. Both passphrases lead to the same words.
Read first  open_notebook().
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tercet.core.beat import PACE
from tercet.member import commands
from tercet.member.service import MemberService
from tercet.shell.dialogue import Dialogue, Fact, RemoteFailure, ask_door
from tercet.shell.notebook import Closed, OwnSide, converse, plain
from tercet.shell.opening import unlock
from tercet.vault import DoorError, door_path, knock

LOCKED = "locked"  # whoever answers so does not hold the vault; spec/73-locked.md, 3


class Unheard:
    """Whom the device at work speaks to while the prompt has the screen."""

    async def tell(self, what: str, **facts: Fact) -> None:
        """Nothing of it is shown."""

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """Nothing is asked for."""
        return ""


async def open_notebook(path: Path, person: Dialogue, *, as_json: bool) -> None:
    """The prompt until it is left; with `as_json` the whole notebook at once.

    Args:
        path: the vault file.
        person: whoever types.
        as_json: show everything as objects, in place of the prompt.

    Raises:
        Closed: it was left, on the notebook's side.
        NotebookFailure: whatever failed, in the notebook's words.
    """
    try:
        if not await _through_the_door(path, person, as_json):
            await _here(path, person, as_json)
    except (Closed, asyncio.CancelledError):
        raise
    except Exception as error:
        raise plain(error) from None


async def _through_the_door(path: Path, person: Dialogue, as_json: bool) -> bool:
    """Whether somebody held the vault, and answered."""
    try:
        door = await knock(door_path(path))
    except DoorError as error:
        if error.code != "door_closed":
            raise
        return False
    try:
        await ask_door(door, {"do": "notebook", "json": as_json}, person)
    except RemoteFailure as far:
        if far.code != LOCKED:
            raise
        return False
    finally:
        await door.close()
    await person.tell("done", **{})
    return True


async def _here(path: Path, person: Dialogue, as_json: bool) -> None:
    """Open the vault in this process; on the notebook's side `unlock` goes on by itself."""
    service = commands.service_of(await unlock(path, person, commands.COST, as_json=as_json))
    shelf = OwnSide(service.engine)
    try:
        await service.open(media=False)
        if as_json:
            await converse(shelf, person, service.engine.clock, as_json=True)
            await person.tell("done", **{})
        else:
            await _beside_beats(service, path, converse(shelf, person, service.engine.clock, as_json=False))
    finally:
        await service.close()
    if service.planned:
        await commands.start_locked(service, path)


async def _beside_beats(service: MemberService, path: Path, prompt: Coroutine[Any, Any, None]) -> None:
    """The prompt until it is left, or until the device is to be locked; the device beats meanwhile."""
    tasks = asyncio.create_task(prompt), asyncio.create_task(_beat(service, path))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            with contextlib.suppress(Closed):
                tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _beat(service: MemberService, path: Path) -> None:
    """Beat and hold the door, as `run` does; if that fails the prompt goes on alone."""
    try:
        await commands.take_over(service, path, PACE, Unheard())
        await service.run(PACE, path, Unheard())
    except Exception:
        await asyncio.Event().wait()
