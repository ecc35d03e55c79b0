"""The notebook at work: the prompt on either side of a vault, and through the door.

Does        opens the prompt, saves what it changes, keeps the vault and its door while somebody is at it.
Does not    know what the prompt says, or what the area beside the book is for.
Spec        spec/74-notebook.md, 6
Always      1. Both sides say the same, in the same words, failures too.
            2. The notebook's side is renewed before anything is shown.
Read first  keep_open(), converse().
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from tercet.drop import RelayAddress, RelayClient
from tercet.notebook import (
    AREA,
    HINTS,
    Book,
    NotebookError,
    Prompt,
    Shelf,
    decode_payload,
    encode_payload,
    tell_all,
    with_area,
    with_book,
)
from tercet.shell.dialogue import Dialogue, DoorSide, Fact, RemoteFailure
from tercet.shell.engine import Engine, finished
from tercet.shell.failures import HINTS as SHELL_HINTS
from tercet.shell.failures import ShellError, failure_of
from tercet.shell.relays import Relays
from tercet.shell.show import moment
from tercet.shell.standing import Standing
from tercet.vault import (
    OPENING_COMMITS,
    Door,
    DoorError,
    DoorServer,
    Vault,
    VaultError,
    door_path,
    serve_door,
    turn_out,
)

CLOSED: Final = {"closed": True}  # the result of a request that the prompt has answered
KNOWN: Final = {**HINTS, **{code: SHELL_HINTS[code] for code in ("no_answer", "bad_answers")}}  # all that is said
PLAIN: Final = {
    "vault_wrong_passphrase": "wrong_passphrase",
    "vault_in_use": "in_use",
    "vault_full": "full",
    "vault_disk": "not_saved",
    "no_vault": "no_notebook",
    "bad_request": "version_differs",
    "bad_state": "unreadable",
    "door_malformed": "version_differs",
    "door_too_long": "version_differs",
    "door_closed": "closed_elsewhere",
    "door_stranger": "in_use",
    "door_path": "no_notebook",
}


class Closed(Exception):
    """The prompt was left, or the whole notebook was shown: the command is over and all is well."""


class NotebookFailure(RemoteFailure):
    """A failure in the notebook's own words."""


class OwnSide:
    """The book as the real side keeps it.

    Args:
        engine: the device at work; it alone commits.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def book(self) -> Book:
        """See `Shelf.book`."""
        return decode_payload(self._engine.notebook)[0]

    async def change(self, make: Callable[[Book], Book]) -> None:
        """See `Shelf.change`; the area stays."""

        def changed(payload: bytes) -> bytes:
            return with_book(payload, make(decode_payload(payload)[0]), os.urandom(AREA))

        with _in_plain_words():
            await self._engine.change_notebook(changed)


class NotebookSide:
    """The notebook's side of a vault.

    Args:
        vault: open on the notebook's side; this object alone commits to it, and closes it.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = asyncio.Lock()

    @property
    def book(self) -> Book:
        """See `Shelf.book`."""
        return decode_payload(self._vault.state)[0]

    @property
    def area(self) -> bytes:
        """The area beside the book, 32,768 bytes, as it was last saved."""
        return decode_payload(self._vault.state)[1]

    async def renew(self) -> None:
        """The commits that follow every opening; a new vault gets its area, of noise."""
        for _ in range(OPENING_COMMITS):
            await self._commit(lambda payload: payload or encode_payload(Book(), os.urandom(AREA)))

    async def change(self, make: Callable[[Book], Book]) -> None:
        """See `Shelf.change`; the area stays."""
        with _in_plain_words():
            await self._commit(lambda payload: with_book(payload, make(decode_payload(payload)[0]), os.urandom(AREA)))

    async def keep_area(self, area: bytes) -> None:
        """Save another area (32,768 bytes) by one commit; the book stays.

        Raises:
            VaultError: vault_disk.
        """
        await self._commit(lambda payload: with_area(payload, area))

    async def close(self) -> None:
        """Wait for a save under way, then close the vault."""
        async with self._lock:
            self._vault.close()

    async def answer(self, door: Door) -> None:
        """Serve one connection: whatever is asked, the notebook is the answer."""
        request = await door.receive()
        if request is None:
            return
        try:
            asker = DoorSide(door)
            await door.send({"result": await asker.while_there(answer(self, request, asker, wall_clock))})
        except (DoorError, asyncio.CancelledError):
            raise
        except Exception as error:
            failure = plain(error)
            await door.send({"failed": failure.code, "hint": failure.hint, "status": failure.status})

    async def _commit(self, change: Callable[[bytes], bytes]) -> None:
        async def work() -> None:
            async with self._lock:
                await asyncio.to_thread(self._vault.commit, change(self._vault.state))

        await finished(work())


Beats = Callable[[NotebookSide], Coroutine[Any, Any, None]]


def beats_of(pace: float) -> Beats:
    """What beats beside the notebook, every `pace` seconds on average, at the relays that its area names."""

    async def beats(side: NotebookSide) -> None:
        relays = Relays(lambda address: RelayClient(RelayAddress.parse(address)))
        await Standing(side, relays, wall_clock, os.urandom).beat_on(pace)

    return beats


def wall_clock() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


async def keep_open(vault: Vault, path: Path, person: Dialogue, *, as_json: bool, stay: bool, beats: Beats) -> NoReturn:
    """Renew the notebook's side, show it, and keep it until the person leaves.

    Args:
        vault: open on the notebook's side; it is closed at the end.
        path: the vault file, whose door is served meanwhile.
        person: whoever gave the passphrase.
        as_json: show the whole notebook at once, in place of the prompt.
        stay: go on until the process is stopped if nobody types, or once all is shown.
        beats: run beside it for as long as it is kept open.

    Raises:
        Closed: it is over, and all is well.
        NotebookFailure: it is not.
    """
    side = NotebookSide(vault)
    try:
        await side.renew()
        if as_json and not stay:
            await converse(side, person, wall_clock, as_json=True)
            await person.tell("done", **{})
        else:
            await _stay_open(side, path, person, as_json, stay, beats)
    except (Closed, asyncio.CancelledError):
        raise
    except Exception as error:
        raise plain(error) from None
    finally:
        await side.close()
    raise Closed


async def _stay_open(side: NotebookSide, path: Path, person: Dialogue, as_json: bool, stay: bool, beats: Beats) -> None:
    """The prompt, with the door and the beats beside it."""
    server = await _door(path, side)
    beating = asyncio.create_task(beats(side))
    try:
        with contextlib.suppress(Closed) if stay else contextlib.nullcontext():
            await converse(side, person, wall_clock, as_json=as_json)
            if not as_json:
                return  # left by hand
        await asyncio.Event().wait()
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        if server is not None:
            await server.close()


async def _door(path: Path, side: NotebookSide) -> DoorServer | None:
    """The door; whoever else answers there holds no vault, for this process does. None if there can be no door."""
    place = door_path(path)
    for _ in range(2):
        try:
            return await serve_door(place, side.answer)
        except DoorError as error:
            if error.code != "door_in_use":
                return None
            await turn_out(place)  # a locked process: two must not beat side by side
            with contextlib.suppress(OSError):
                place.unlink()
    return None


async def converse(shelf: Shelf, person: Dialogue, clock: Callable[[], int], *, as_json: bool) -> None:
    """The prompt until it is left, or with `as_json` the whole notebook at once.

    Raises:
        Closed: nobody answers any more.
    """
    if as_json:
        await tell_all(shelf.book, person)
    else:
        await Prompt(shelf, AtPrompt(person), clock, moment).run()


async def answer(
    shelf: Shelf, request: Mapping[str, Any], person: Dialogue, clock: Callable[[], int]
) -> dict[str, Any]:
    """Carry out a request for the notebook, as it comes through the door."""
    with contextlib.suppress(Closed):
        await converse(shelf, person, clock, as_json=bool(request.get("json")))
    return dict(CLOSED)


class AtPrompt:
    """A person at the prompt: who answers no more has left.

    Args:
        person: whoever it is; until the first `command` is asked for, all stays as it is.
    """

    def __init__(self, person: Dialogue) -> None:
        self._person = person
        self._begun = False

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`."""
        await self._person.tell(what, **facts)

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`. Raises Closed."""
        self._begun = self._begun or field == "command"
        try:
            return await self._person.ask(field, prompt, hidden)
        except ShellError as error:
            if self._begun and error.code == "no_answer":
                raise Closed from None
            raise


def plain(error: BaseException) -> NotebookFailure:
    """A failure in the words of a notebook, whatever failed."""
    failure = failure_of(error)
    if isinstance(error, RemoteFailure):
        failure = failure._replace(code=error.code, hint=error.hint, status=error.status)
    if KNOWN.get(failure.code) == failure.hint:
        return NotebookFailure(*failure)
    code = PLAIN.get(failure.code, "unforeseen")
    return NotebookFailure(code, HINTS[code], failure.status)


@contextlib.contextmanager
def _in_plain_words() -> Any:
    """A vault that could not save is a refusal of the notebook's."""
    try:
        yield
    except VaultError as error:
        raise NotebookError(PLAIN.get(error.code, "not_saved")) from None
