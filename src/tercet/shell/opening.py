"""Opening: how a command gets at a vault, by itself or through whoever holds it.

Does        knocks at the door first; else asks for the passphrase and opens the vault here.
Does not    carry out requests.
Spec        spec/71-door.md, spec/72-dialogue.md
Always      1. A passphrase is asked for only when this process opens the vault itself, and could.
Read first  carry_out().
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import termios
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import typer

from tercet.core.beat import PACE
from tercet.drop import Drop, RelayAddress, RelayClient
from tercet.sealing import Cost
from tercet.shell import passphrases
from tercet.shell.called import pasted
from tercet.shell.dialogue import Dialogue, RemoteFailure, ask_door
from tercet.shell.failures import STATUS_STOPPED, STATUS_UNFORESEEN, Failure, ShellError, failure_of
from tercet.shell.notebook import CLOSED, Closed, beats_of, keep_open
from tercet.shell.service import Request, Service, agreed
from tercet.shell.terminal import Terminal, unechoed
from tercet.vault import DoorError, Files, Vault, VaultError, create, door_path, knock, open_vault

MIB = 1_048_576
TYPED_AGAIN = ("passphrase_weak", "passphrases_alike", "passphrases_differ", "vault_same_passphrase")
UNDERSTOOD = "Have you understood that the second passphrase destroys everything but the notebook? (yes/no)"
UNDERSTOOD_AGAIN = "And that it is for captors only, and must never be typed to try it out? (yes/no)"


def wall_clock() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


def relay_drop(address: str) -> Drop:
    """The drop behind a relay's address."""
    return RelayClient(RelayAddress.parse(address))


async def ask_new_passphrase(person: Dialogue, field: str, prompt: str, other: str = "") -> str:
    """Suggest a passphrase, and ask for one, typed twice; one that will not do is asked for again.

    Args:
        person: is shown the suggestion, the same one each time.
        field: what the answer is called.
        prompt: what the person reads.
        other: a passphrase that must not help to guess this one.

    Raises:
        ShellError: `passphrase_weak`, `passphrases_alike`, `passphrases_differ`, if nobody answers any more.
        VaultError: `vault_same_passphrase`, likewise.

    Source: spec/72-dialogue.md, 1a.
    """
    suggested, failure, why = passphrases.suggest(os.urandom), None, ""
    while True:
        await person.tell("suggested", words=suggested)
        try:
            first = await person.ask(field, why + prompt, hidden=True)
        except ShellError as unanswered:
            raise failure or unanswered from None
        try:
            await asyncio.to_thread(_hold_to_the_floor, first, other)
            if await person.ask(f"{field}_again", "The same once more", hidden=True) != first:
                raise ShellError("passphrases_differ")
            return first
        except (ShellError, VaultError) as refused:
            if refused.code not in TYPED_AGAIN:
                raise
            failure, why = refused, f"{refused.hint} [{refused.code}] "


def _hold_to_the_floor(first: str, other: str) -> None:
    if passphrases.is_weak(first):
        raise ShellError("passphrase_weak")
    if other:
        _hold_apart(first, other)


def _hold_apart(first: str, second: str) -> None:
    if passphrases.normal(first) == passphrases.normal(second):
        raise VaultError("vault_same_passphrase")
    if passphrases.are_alike(first, second):
        raise ShellError("passphrases_alike")


async def unlock(
    path: Path,
    person: Dialogue,
    cost: Cost,
    none: str = "no_vault",
    *,
    as_json: bool = False,
    stay: bool = False,
    pace: float = PACE,
) -> Vault:
    """Ask for the passphrase and open a vault on its real side; its engine then makes the commits that must follow.

    Opened on the notebook's side, it shows the notebook (`keep_open`) and is closed again.

    Args:
        path: the vault file.
        person: whoever has the passphrase.
        cost: what one trial of a passphrase costs.
        none: the code if there is no vault.
        as_json: the notebook is shown as objects.
        stay: the notebook's side is kept until the process is stopped.
        pace: seconds between two beats beside the notebook, on average.

    Raises:
        ShellError: `no_vault` or `no_desk`.
        VaultError: it does not open; `vault_in_use`, before anything is asked.
        Closed: it was the notebook, and that was left.
    """
    if not path.exists():
        raise ShellError(none)
    _not_in_use(path)
    passphrase = await person.ask("passphrase", "Passphrase", hidden=True)
    with unechoed():
        vault = await asyncio.to_thread(open_vault, path, passphrase, cost=cost)
    if vault.side != "real":
        await keep_open(vault, path, person, as_json=as_json, stay=stay, beats=beats_of(pace))
    return vault


def _not_in_use(path: Path) -> None:
    """Raise VaultError (`vault_in_use`) if another process holds a vault; whatever else is wrong, opening it says."""
    files = Files()
    try:
        handle = files.open(path)
    except OSError:
        return
    try:
        files.lock(handle)
    except BlockingIOError:
        raise VaultError("vault_in_use") from None
    except OSError:
        return
    finally:
        files.close(handle)


async def make_vault(path: Path, person: Dialogue, size: int, cost: Cost, second: str = "") -> str:
    """Ask for passphrases and make a vault; `second` is the notebook's, else it is explained and asked for too.

    Raises:
        ShellError: `bad_size`, `bad_folder`, `second_not_understood`, and what `ask_new_passphrase` raises.
        VaultError: it cannot be made.
    """
    if not 16 * MIB <= size <= 1_024 * MIB:
        raise ShellError("bad_size")
    if path.exists():
        raise VaultError("vault_exists")
    for row in passphrases.guess_costs():
        await person.tell("guess_cost", words=row.words, bits=row.bits, time=row.time)
    real = await ask_new_passphrase(person, "passphrase", "Passphrase")
    notebook = second or await _ask_for_captors(person, real)
    make_folder(path.parent)
    with unechoed():
        await asyncio.to_thread(create, path, real, notebook, size=size, cost=cost)
    return real


async def _ask_for_captors(person: Dialogue, real: str) -> str:
    """Explain the second passphrase, ask twice whether that was understood, and ask for it."""
    await person.tell("duress_explained")
    if not await agreed(person, "duress_understood", UNDERSTOOD):
        raise ShellError("second_not_understood")
    if not await agreed(person, "duress_understood_again", UNDERSTOOD_AGAIN):
        raise ShellError("second_not_understood")
    return await ask_new_passphrase(person, "notebook_passphrase", "The second passphrase, for captors", real)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless they are there.

    Raises:
        ShellError: `bad_folder`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise ShellError("bad_folder") from None


async def carry_out(
    path: Path,
    person: Dialogue,
    request: Request,
    service_of: Callable[[Vault], Service],
    cost: Cost,
    none: str = "no_vault",
    *,
    as_json: bool = False,
) -> dict[str, Any]:
    """Carry out a request: through the door of whoever holds the vault, or on the vault opened here.

    A vault opened here sends nothing but what the request itself asks to be sent at once: a single command that
    beat would show by its moment that somebody sits at this device. What is written waits for `run`.

    Raises:
        Closed: the notebook was shown in place of it.
    """
    try:
        door = await knock(door_path(path))
    except DoorError as error:
        if error.code != "door_closed":
            raise
        service = service_of(await unlock(path, person, cost, none, as_json=as_json))
        try:
            await service.open(media=False)
            return await service.request(request, person)
        finally:
            await service.close()
    try:
        result = await ask_door(door, {**request, "json": as_json}, person)
    except asyncio.CancelledError:
        if request.get("do") == "meet":
            await person.tell("meeting_left")
        raise
    finally:
        await door.close()
    if result == CLOSED:
        await person.tell("done", **{})
        raise Closed
    return result


def run(work: Coroutine[Any, Any, dict[str, Any] | None], as_json: bool) -> dict[str, Any]:
    """Run a command to its end; a failure is shown as one sentence and ends the process with its status.

    SIGTERM ends it as Ctrl-C does: what was begun is saved, doors and vaults are closed. So does the notebook, with
    status 0.
    """
    try:
        return asyncio.run(_stoppable(work)) or {}
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(STATUS_STOPPED) from None
    except Closed:
        raise typer.Exit from None
    except RemoteFailure as far:
        leave(Failure(far.code, far.hint, far.status), as_json)
    except Exception as error:
        failure = failure_of(error)
        if failure.status == STATUS_UNFORESEEN:
            _show_where(error)
        leave(failure, as_json)


async def _stoppable(work: Coroutine[Any, Any, dict[str, Any] | None]) -> dict[str, Any] | None:
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        return await work
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    terminal = _terminal_as_it_is()
    try:
        return await work
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        if terminal is not None:  # a question broken off may have left the echo switched off
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal)


def _terminal_as_it_is() -> list[Any] | None:
    try:
        return termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):
        return None


def _show_where(error: BaseException) -> None:
    """Where in the program it failed, for its makers: files and lines, nothing of what they worked on."""
    for frame in traceback.extract_tb(error.__traceback__):
        print(f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}", file=sys.stderr)  # noqa: T201
    print(f"  {type(error).__name__}", file=sys.stderr)  # noqa: T201


def leave(failure: Failure, as_json: bool) -> NoReturn:
    """Show a failure and end with its status."""
    if as_json:
        print(json.dumps({"failed": failure.code, "hint": failure.hint}), flush=True)  # noqa: T201 - the interface
    else:
        Terminal(file=sys.stderr).print(f"{pasted(failure.hint)} [{failure.code}]")
    raise typer.Exit(failure.status)
