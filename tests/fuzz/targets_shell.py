"""Fuzz targets of the shell and of what people type on a command line.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/71-door.md, spec/10-drop.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Callable, Coroutine
from typing import Any, cast

from rich.console import Console
from typer import BadParameter

from tercet.cli import _listen
from tercet.core.beat import PACE_MOST
from tercet.member.commands import pace_of
from tercet.member.locked import parse_came, parse_plan
from tercet.member.service import SENTENCES
from tercet.shell.dialogue import Answers, DoorSide, Person, RemoteFailure, ask_door
from tercet.shell.failures import ShellError
from tercet.vault import Door, DoorError

_SAID = "said"


def _must(held: bool) -> None:
    if not held:
        raise AssertionError("the parser let something through")


def answers(data: bytes) -> None:
    """Lines of answers from a descriptor: each answer is text that can be stored."""
    descriptor = os.memfd_create("answers")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    given = Answers(descriptor)
    try:
        for field in ("passphrase", "text", "name"):
            given.get(field, "").encode()
    except ShellError as failure:
        _must(failure.code in ("no_answer", "bad_answers"))
    finally:
        cast(io.TextIOWrapper, given._lines).close()


class _Deaf:
    """A writer whose other side never minds."""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        pass


class _NoLoop:
    def get_debug(self) -> bool:
        return False


def _door(data: bytes) -> Door:
    reader = asyncio.StreamReader(loop=cast(Any, _NoLoop()))
    reader.feed_data(data)
    reader.feed_eof()
    return Door(reader, cast(Any, _Deaf()))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what never has to wait, without a loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class _Here(Person):
    """A person whose answers are there at once."""

    def __init__(self, as_json: bool) -> None:
        super().__init__(Answers(), as_json, SENTENCES)
        self._console = Console(file=io.StringIO(), force_terminal=False)

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        _must(bool(field) and hidden in (True, False))
        prompt.encode()
        return _SAID


def dialogue(data: bytes) -> None:
    """What the holder of a vault says to a command through the door, lengths and all."""
    try:
        result = _run(ask_door(_door(data), {"do": "status"}, _Here(as_json=False)))
    except (DoorError, RemoteFailure) as failure:
        _must(isinstance(failure.code, str) and isinstance(failure.hint, str))
        return
    _must(all(isinstance(key, str) for key in result))


def door_answer(data: bytes) -> None:
    """What a command answers to the holder of a vault: text, or no answer."""
    try:
        answer = _run(DoorSide(_door(data)).ask("text", "What happened"))
    except (DoorError, ShellError) as failure:
        _must(failure.code in ("no_answer", "door_closed", "door_malformed", "door_too_long"))
        return
    answer.encode()


def listen(data: bytes) -> None:
    """HOST:PORT as an operator types it."""
    try:
        host, port = _listen(data.decode("utf-8", "surrogateescape"))
    except ShellError as failure:
        _must(failure.code == "bad_listen")
        return
    _must(bool(host) and 0 <= port <= 65_535)


def pace(data: bytes) -> None:
    """How far apart beats are, as a member types it."""
    try:
        found = pace_of(data.decode("utf-8", "surrogateescape"), rehearsal=bool(len(data) % 2))
    except BadParameter:
        return
    _must(0 < found <= PACE_MOST)


def locked(data: bytes) -> None:
    """The list that a locked process gets, and what it hands over."""
    with contextlib.suppress(ValueError):
        _must(len(parse_plan(data).secret) == 32)
    try:
        came = parse_came(data)
    except ValueError:
        return
    for one in came:
        _must(len(one.mark) == 16 and len(one.items) <= 1)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "shell-answers": answers,
    "shell-dialogue": dialogue,
    "shell-door-answer": door_answer,
    "shell-listen": listen,
    "shell-locked": locked,
    "shell-pace": pace,
}
