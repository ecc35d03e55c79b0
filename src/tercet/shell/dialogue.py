"""Dialogue: how a shell tells a person something and asks them, whoever carries the words.

Does        speaks on a terminal, as JSON lines, or through the door to another process; takes answers.
Does not    decide what to say.
Spec        spec/72-dialogue.md
Always      1. A secret is read from the terminal without echo or from a file descriptor, never from arguments.
            2. Text from outside is made harmless before a terminal shows it.
Read first  Dialogue, Answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Protocol, TextIO, TypeVar

import msgspec
from rich.status import Status
from rich.text import Text

from tercet.notebook import SENTENCES as NOTES
from tercet.shell.called import pasted, pasted_before
from tercet.shell.failures import ShellError
from tercet.shell.show import ROLES
from tercet.shell.terminal import Terminal, broken
from tercet.shell.text import plainly
from tercet.vault import Door, DoorError

END_OF_TEXT = "."
REDRAWN = frozenset({"hashing", "media_moves"})  # progress
ANSWER_MOST = 1_048_576  # characters of an answer through the door; each question takes far fewer
LONG = "text"  # the one field that may have several lines
T = TypeVar("T")
Fact = str | int | bool | list[Any] | dict[str, Any] | None


class Dialogue(Protocol):
    """A person, or a program that speaks for one."""

    async def tell(self, what: str, **facts: Fact) -> None:
        """Say what happened."""

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """Ask for one answer; `hidden` for secrets. Raises ShellError `no_answer`."""


class Answers:
    """Answers from a file descriptor (JSON objects, one a line), or from the terminal.

    Args:
        descriptor: a file descriptor to read lines from, or none for the terminal.
    """

    def __init__(self, descriptor: int | None = None, terminal: Callable[[str, bool, bool], str] | None = None) -> None:
        self._lines: TextIO | None = None
        if descriptor is not None:  # bytes that are no text become surrogates, which parse_answers() refuses
            try:  # one of our own: whoever gave it may close theirs, and its number go to another
                self._lines = os.fdopen(os.dup(descriptor), "r", encoding="utf-8", errors="surrogateescape")
            except OSError:
                self._lines = io.StringIO()  # where nothing is open, nothing answers
        self._terminal = terminal or _from_terminal
        self._given: dict[str, str] = {}

    def get(self, field: str, prompt: str, hidden: bool = False) -> str:
        """One answer; each given field serves once, in any order within its line.

        Raises:
            ShellError: `no_answer`, `bad_answers`.
        """
        if self._lines is None:
            return self._terminal(prompt, hidden, field == LONG)
        while field not in self._given:
            line = self._lines.readline()
            if not line:
                raise ShellError("no_answer")
            self._given |= parse_answers(line)
        return self._given.pop(field)


def parse_answers(line: str) -> dict[str, str]:
    """The fields of one line of answers.

    Raises:
        ShellError: `bad_answers`.
    """
    try:
        given = msgspec.json.decode(line, type=dict[str, str])
    except (ValueError, RecursionError):  # a lone surrogate is a ValueError too: no text could hold it
        raise ShellError("bad_answers") from None
    return given


def _from_terminal(prompt: str, hidden: bool, lines: bool) -> str:
    if not sys.stdin.isatty():
        raise ShellError("no_answer")
    try:
        if hidden:
            return getpass.getpass(broken(f"{prompt}:") + " ")
        if not lines:
            return input(broken(f"{prompt}:") + " ")
        return _read_lines(prompt)
    except EOFError:
        raise ShellError("no_answer") from None


def _read_lines(prompt: str) -> str:
    """A text of several lines, empty ones too; what a paste may hold must not end it and fall to the shell."""
    written: list[str] = []
    with contextlib.suppress(EOFError):
        line = input(broken(f"{prompt}; a line with a dot alone, or Ctrl-D, ends it:") + "\n")
        while line != END_OF_TEXT:
            written.append(line)
            line = input()
    return "\n".join(written)


def _in_words(name: str, fact: str) -> str:
    """A fact as a sentence says it."""
    return ROLES[fact] if name == "role" and fact in ROLES else plainly(fact)


class _Facts(dict[str, str]):
    """Facts for a sentence; one that another version leaves out shows as a gap."""

    def __missing__(self, name: str) -> str:
        return "…"


class Person:
    """A person at a terminal, or a script that reads JSON lines.

    Args:
        answers: where answers come from.
        as_json: one JSON object a line on standard output, and nothing else there.
        sentences: for each `what`, a sentence with places for its facts.
    """

    def __init__(self, answers: Answers, as_json: bool, sentences: Mapping[str, str]) -> None:
        self._answers = answers
        self._as_json = as_json
        self._sentences = {**NOTES, **sentences}  # any command may end at the notebook's prompt
        self._console = Terminal()
        self._line: Status | None = None

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`."""
        if self._as_json:
            print(json.dumps({"what": what, **facts}, ensure_ascii=False), flush=True)  # noqa: T201 - the interface
            return
        sentence = self._sentences.get(what)
        if sentence:
            safe = _Facts((name, _in_words(name, str(fact))) for name, fact in facts.items())
            if "hint" in safe:
                safe["hint"] = pasted(safe["hint"])  # ours, and it may name a command
            self._show(pasted_before(sentence).format_map(safe), what in REDRAWN and self._console.is_terminal)

    def _show(self, sentence: str, redrawn: bool) -> None:
        """Show a sentence; progress, on a terminal, is one line that is drawn again and again until something else."""
        if not redrawn:
            self._still()
            self._console.print(sentence)
            return
        if self._line is None:
            self._line = self._console.status("")
            self._line.start()
        self._line.update(Text(sentence))

    def _still(self) -> None:
        """Take the line of progress away."""
        if self._line is not None:
            self._line.stop()
        self._line = None

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`."""
        if self._as_json:
            await self.tell("asks", field=field)
        self._still()
        asks = pasted(prompt)  # the reason for asking again may name a command
        return await _in_daemon(lambda: self._answers.get(field, asks, hidden))


async def _in_daemon(work: Callable[[], str]) -> str:
    """Wait for a thread that may wait for a person, and whom the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def settle(answer: str, error: BaseException | None) -> None:
        if not answered.done():
            answered.set_exception(error) if error else answered.set_result(answer)

    def wait() -> None:
        answer, error = "", None
        try:
            answer = work()
        except BaseException as raised:  # whatever it is, it belongs to whoever asked
            error = raised
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, answer, error)

    threading.Thread(target=wait, daemon=True).start()
    return await answered


class DoorSide:
    """The side of whoever holds the vault: a dialogue that goes through the door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._heard: asyncio.Queue[dict[str, Any]] | None = None

    async def while_there(self, work: Coroutine[Any, Any, T]) -> T:
        """Work for the asker; one who leaves breaks it off, as Ctrl-C does where there is no door.

        Raises:
            DoorError: `door_closed`, the asker left.
        """
        self._heard = asyncio.Queue(1)
        tasks = asyncio.create_task(work), asyncio.create_task(self._listen(self._heard))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                raise DoorError("door_closed")
            return tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, heard: asyncio.Queue[dict[str, Any]]) -> None:
        """Hand on what the asker says, until it has left."""
        with contextlib.suppress(DoorError):
            while (message := await self._door.receive()) is not None:
                await heard.put(message)

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`."""
        await self._door.send({"tell": what, "facts": facts})

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`."""
        await self._door.send({"ask": field, "prompt": prompt, "hidden": hidden})
        message = await (self._heard.get() if self._heard else self._door.receive())
        answer = message.get("answer") if message else None
        if not isinstance(answer, str):
            raise ShellError("no_answer")
        return answer


class RemoteFailure(Exception):
    """The process behind the door failed; `code`, `hint` and `status` are its own words."""

    def __init__(self, code: str, hint: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint
        self.status = status


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """A message of the side that holds the vault: it tells, asks, has failed, or gives its result.

    Attributes:
        tell: what happened, with its `facts`.
        ask: the field to ask for, with its `prompt`; `hidden` for secrets.
        failed: a code, with its `hint` and exit `status`.
        result: what a request gives back.
    """

    tell: str = ""
    facts: dict[str, Any] = {}
    ask: str = ""
    prompt: str = ""
    hidden: bool = False
    failed: str = ""
    hint: str = ""
    status: Annotated[int, msgspec.Meta(ge=1, le=255)] = 1
    result: dict[str, Any] = {}


def parse_said(message: Mapping[str, Any]) -> Said:
    """A message as it came through the door.

    Raises:
        DoorError: `door_malformed`; the other side is of another version.
    """
    try:
        said = msgspec.convert(message, Said)
        json.dumps(message)  # facts and results are shown as JSON
    except (TypeError, ValueError, RecursionError):
        raise DoorError("door_malformed") from None
    if {"self", "what"} & said.facts.keys():
        raise DoorError("door_malformed")
    return said


async def _answer(person: Dialogue, said: Said) -> str | None:
    """What the person answers, none if nobody does: the holder then says what failed, as it would without a door.

    What is too long for any question is cut to what the door takes, and is too long for its question still.
    """
    try:
        return (await person.ask(said.ask, said.prompt, said.hidden))[:ANSWER_MOST]
    except ShellError as error:
        if error.code != "no_answer":
            raise
        return None


async def ask_door(door: Door, request: Mapping[str, Any], person: Dialogue) -> dict[str, Any]:
    """Send a request through the door, speak for its other side, and return its result.

    Raises:
        RemoteFailure: what the other side says went wrong.
        DoorError: the other side is gone, or is no Tercet of this version.
    """
    await door.send(request)
    while (message := await door.receive()) is not None:
        said = parse_said(message)
        if said.tell:
            await person.tell(said.tell, **said.facts)
        elif said.ask:
            await door.send({"answer": await _answer(person, said)})
        elif said.failed:
            raise RemoteFailure(said.failed, said.hint, said.status)
        else:
            return said.result
    raise DoorError("door_closed")
