"""Wrong command lines: for a program they are a failure like any other, and a person reads what would be right.

Does        turns what the parser of command lines says into one line of JSON, if `--json` is asked for; says in our
            words what a value must be.
Does not    change what else a person reads: the parser names the option or the argument.
Spec        spec/72-dialogue.md, 5 and 6
Always      1. Nothing that was typed is repeated in JSON.
Read first  Commands, must_be().
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, get_args

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from tercet.shell import called
from tercet.shell.failures import HINTS, STATUS_USAGE, Failure
from tercet.shell.opening import leave
from tercet.shell.text import listed

JSON: Final = "--json"
NUMBERS: Final = {int: "a whole number", float: "a number"}


class Wanted(typer.BadParameter):
    """A value that cannot be, with what it must be in our own words."""

    def format_message(self) -> str:
        """The words alone: they name the option or the argument."""
        return self.message


def must_be(param: Any) -> str:
    """What the value of an option or an argument must be, in a sentence.

    Args:
        param: as the parser has it.

    Returns:
        Such as: '--until' must be a whole number from 0 to 60: days that it holds. Empty for what is neither a number
        nor one of a few words.
    """
    kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
    kind = next(iter(get_args(kind)), kind)  # of a list, its members
    if isinstance(kind, type) and issubclass(kind, Enum):
        what = listed((each.value for each in kind), "or")
    elif kind in NUMBERS:
        what = NUMBERS[kind] + _bounds(info.min, info.max)
    else:
        return ""
    meant = f": {info.help[0].lower()}{info.help[1:]}" if info.help else "."
    return f"{param.get_error_hint()} must be {what}{meant}"


def _in_our_words(error: TyperException) -> TyperException:
    """What the parser says; of a value that it could not read, what it must be."""
    param = error.param if isinstance(error, typer.BadParameter) else None
    said = must_be(param) if param is not None and error.__cause__ is not None else ""
    return Wanted(said, ctx=getattr(error, "ctx", None), param=param) if said else error


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f", {most} at most"
    return f", {least} at least" if most is None else f" from {least} to {most}"


class Commands(TyperGroup):
    """A group of commands whose usage errors have a code in JSON."""

    as_json = False

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run a command line and end the process."""
        words = sys.argv[1:] if args is None else list(args)
        self.as_json = JSON in words
        called.note(extra.get("prog_name") or called.PROGRAM, words)
        return super().main(words, *more, **extra)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse what stands before the first command."""
        with self._told():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Parse the rest and carry it out."""
        with self._told():
            return super().invoke(ctx)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TyperException as error:
            if not self.as_json or error.exit_code != STATUS_USAGE:
                raise _in_our_words(error) from None
            leave(Failure("bad_usage", HINTS["bad_usage"], STATUS_USAGE), as_json=True)
