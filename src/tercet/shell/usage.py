"""Wrong command lines: for a program they are a failure like any other.

Does        turns what the parser of command lines says into one line of JSON, if `--json` is asked for.
Does not    change what a person reads: the parser names the option or the argument.
Spec        spec/72-dialogue.md, 5 and 6
Always      1. Nothing that was typed is repeated in JSON.
Read first  Commands.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from typer.core import TyperGroup
from typer.exceptions import TyperException

from tercet.shell import called
from tercet.shell.failures import HINTS, STATUS_USAGE, Failure
from tercet.shell.opening import leave

JSON: Final = "--json"


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
                raise
            leave(Failure("bad_usage", HINTS["bad_usage"], STATUS_USAGE), as_json=True)
