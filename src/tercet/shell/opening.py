"""Opening: how a command gets at a vault, by itself or through whoever holds it.

Does        knocks at the door first; else asks for the passphrase and opens the vault here.
Does not    carry out requests.
Spec        spec/71-door.md, spec/72-dialogue.md
Always      1. A passphrase is asked for only when this process opens the vault itself.
Read first  carry_out().
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from tercet.drop import Drop, RelayAddress, RelayClient
from tercet.sealing import Cost
from tercet.shell.dialogue import Dialogue, RemoteFailure, ask_door
from tercet.shell.failures import Failure, ShellError, failure_of
from tercet.shell.service import Request, Service
from tercet.vault import DoorError, Vault, create, door_path, knock, open_vault

PASSPHRASE_LEAST = 12  # characters; the floor until set-up measures strength


def wall_clock() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


def relay_drop(address: str) -> Drop:
    """The drop behind a relay's address."""
    return RelayClient(RelayAddress.parse(address))


async def ask_new_passphrase(person: Dialogue, field: str, prompt: str) -> str:
    """A passphrase, typed twice.

    Raises:
        ShellError: `passphrase_short`, `passphrases_differ`.
    """
    first = await person.ask(field, prompt, hidden=True)
    if len(first.strip()) < PASSPHRASE_LEAST:
        raise ShellError("passphrase_short")
    if await person.ask(f"{field}_again", "The same once more", hidden=True) != first:
        raise ShellError("passphrases_differ")
    return first


async def unlock(path: Path, person: Dialogue, cost: Cost) -> Vault:
    """Ask for the passphrase and open a vault on its real side.

    Raises:
        ShellError: `no_vault`, `notebook_side`.
        VaultError: it does not open.
    """
    if not path.exists():
        raise ShellError("no_vault")
    passphrase = await person.ask("passphrase", "Passphrase", hidden=True)
    vault = await asyncio.to_thread(open_vault, path, passphrase, cost=cost)
    if vault.side != "real":
        vault.close()
        raise ShellError("notebook_side")
    return vault


async def make_vault(path: Path, person: Dialogue, size: int, cost: Cost, second: str = "") -> str:
    """Ask for passphrases and make a vault; `second` is the notebook's, else it is asked for too."""
    real = await ask_new_passphrase(person, "passphrase", "Passphrase (five unrelated words are good)")
    notebook = second or await ask_new_passphrase(person, "notebook_passphrase", "Another passphrase, for the notebook")
    path.parent.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(create, path, real, notebook, size=size, cost=cost)
    return real


async def carry_out(
    path: Path, person: Dialogue, request: Request, service_of: Callable[[Vault], Service], cost: Cost
) -> dict[str, Any]:
    """Carry out a request: through the door of whoever holds the vault, or on the vault opened here."""
    try:
        door = await knock(door_path(path))
    except DoorError:
        service = service_of(await unlock(path, person, cost))
        await service.open()
        try:
            return await service.request(request, person)
        finally:
            await service.close()
    try:
        return await ask_door(door, request, person)
    finally:
        await door.close()


def run(work: Coroutine[Any, Any, dict[str, Any] | None], as_json: bool) -> dict[str, Any]:
    """Run a command to its end; a failure is shown as one sentence and ends the process with its status."""
    try:
        return asyncio.run(work) or {}
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except RemoteFailure as far:
        leave(Failure(far.code, far.hint, far.status), as_json)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        leave(failure, as_json)


def leave(failure: Failure, as_json: bool) -> NoReturn:
    """Show a failure and end with its status."""
    if as_json:
        print(json.dumps({"failed": failure.code, "hint": failure.hint}), flush=True)  # noqa: T201 - the interface
    else:
        Console(file=sys.stderr, highlight=False, soft_wrap=True).print(
            f"{failure.hint} [{failure.code}]", markup=False
        )
    raise typer.Exit(failure.status)
