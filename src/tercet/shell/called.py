"""How this program was called, so that the commands it names can be typed again as they stand.

Does        keeps the program's name and the place that its owner named; writes both into the commands in a sentence.
Does not    parse a command line for anything else, or keep an answer.
Spec        spec/72-dialogue.md, 5
Always      1. What a program reads (`--json`) names commands plainly: only what a person reads is changed.
Read first  pasted().
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final, NamedTuple

VARIABLE: Final = "TERCET_CALLED"  # the environment variable by which ./tercet hands on its own name
PROGRAM: Final = "./tercet"
PLACES: Final = {"member": "--vault", "desk": "--dir"}  # the option that says where a member's or desk's things lie
PLACELESS: Final = re.compile(r".*--help\b|desk ceremony(?! board\b| load\b)")  # what is no desk's or vault's own
NAMED: Final = re.compile(r"`(?:tercet ([^`]+)|((?:accept|meet)\b[^`]*))`")  # the second: members and desks have it


class Called(NamedTuple):
    """How the program was called.

    Attributes:
        program: its name, as it can be typed.
        role: `member`, `desk`, or another first word; empty for none.
        place: what was given as the role's place; empty if nothing was.
    """

    program: str = PROGRAM
    role: str = ""
    place: str = ""


_CALLED: ContextVar[Called] = ContextVar("called", default=Called())  # noqa: B039 - it cannot be changed


def note(program: str, words: Sequence[str]) -> None:
    """Note how the program was called: its name, and the words behind it."""
    role = words[0] if words and not words[0].startswith("-") else ""
    option, place = PLACES.get(role, ""), ""
    for number, word in enumerate(words):
        if option and word == option and number + 1 < len(words):
            place = words[number + 1]
        elif option and word.startswith(f"{option}="):
            place = word.partition("=")[2]
    _CALLED.set(Called(_typed(program) or PROGRAM, role, _typed(place)))


def program() -> str:
    """The program's name, as it can be typed."""
    return _CALLED.get().program


def pasted(sentence: str) -> str:
    """A sentence whose commands can be typed as they stand: under the program's name, and for the same place."""
    return NAMED.sub(lambda found: _whole(found, _CALLED.get()), sentence)


def pasted_before(template: str) -> str:
    """The same for a template that facts are put into later: what a person wrote in them stays as it is."""
    called = Called(*(word.replace("{", "{{").replace("}", "}}") for word in _CALLED.get()))
    return NAMED.sub(lambda found: _whole(found, called), template)


def _whole(found: re.Match[str], called: Called) -> str:
    if not found[1] and called.role not in PLACES:
        return found[0]
    command = found[1] or f"{called.role} {found[2]}"
    same = called.place and command.split()[0] == called.role and not PLACELESS.match(command)
    return f"`{called.program} {command}{f' {PLACES[called.role]} {called.place}' if same else ''}`"


def _typed(text: str) -> str:
    """A word as a shell takes it; empty for one that a terminal would not show as it is."""
    return shlex.quote(text) if text and text.isprintable() else ""
