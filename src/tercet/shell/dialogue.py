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
import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console

from tercet.shell.failures import ShellError
from tercet.shell.text import shown
from tercet.vault import Door, DoorError

LONG = "text"  # the one field that may have several lines
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
        self._lines: TextIO | None = os.fdopen(descriptor, "r", encoding="utf-8") if descriptor is not None else None
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
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise ShellError("bad_answers") from None
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise ShellError("bad_answers")
    return given


def _from_terminal(prompt: str, hidden: bool, lines: bool) -> str:
    if not sys.stdin.isatty():
        raise ShellError("no_answer")
    try:
        if hidden:
            return getpass.getpass(f"{prompt}: ")
        if not lines:
            return input(f"{prompt}: ")
        written = [input(f"{prompt}; an empty line ends it:\n")]
        while written[-1]:
            written.append(input())
        return "\n".join(written)
    except EOFError:
        raise ShellError("no_answer") from None


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
        self._sentences = sentences
        self._console = Console(highlight=False, soft_wrap=True)

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`."""
        if self._as_json:
            print(json.dumps({"what": what, **facts}, ensure_ascii=False), flush=True)  # noqa: T201 - the interface
            return
        sentence = self._sentences.get(what)
        if sentence:
            safe = {name: shown(str(fact)) for name, fact in facts.items()}
            self._console.print(sentence.format(**safe), markup=False)

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`."""
        if self._as_json:
            await self.tell("asks", field=field)
        return await asyncio.to_thread(self._answers.get, field, prompt, hidden)


class DoorSide:
    """The side of whoever holds the vault: a dialogue that goes through the door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`."""
        await self._door.send({"tell": what, "facts": facts})

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`."""
        await self._door.send({"ask": field, "prompt": prompt, "hidden": hidden})
        message = await self._door.receive()
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


async def ask_door(door: Door, request: Mapping[str, Any], person: Dialogue) -> dict[str, Any]:
    """Send a request through the door, speak for its other side, and return its result.

    Raises:
        RemoteFailure: what the other side says went wrong.
        DoorError: the other side is gone.
    """
    await door.send(request)
    while (message := await door.receive()) is not None:
        if "tell" in message:
            await person.tell(str(message["tell"]), **message.get("facts", {}))
        elif "ask" in message:
            answer = await person.ask(str(message["ask"]), str(message["prompt"]), bool(message["hidden"]))
            await door.send({"answer": answer})
        elif "failed" in message:
            raise RemoteFailure(str(message["failed"]), str(message["hint"]), int(message["status"]))
        else:
            return dict(message.get("result", {}))
    raise DoorError("door_closed")
