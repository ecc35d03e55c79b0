"""The terminal: a console on which words stay whole.

Does        breaks lines between words where a person reads them, and nowhere else.
Does not    shorten what it shows, or take anything in it for markup.
Spec        spec/72-dialogue.md, 1; spec/81-archive.md, 7
Always      1. A word of ours too long for a line, an address say, is written through: what is copied holds no break.
            2. Text from outside never begins a line: what is broken of it is set in, and each part is fenced in.
Read first  Terminal
"""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from tercet.shell.text import FIRST_STRONG, POP

SET_IN = "    "  # before what is broken of a text from outside


class Terminal(Console):
    """A console for sentences and tables.

    Args:
        options: as `rich.console.Console` has them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "emoji": False, "markup": False} | options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `Console.print` does; sentences are broken between words, and only for a person."""
        if all(isinstance(one, str) for one in objects):
            options = {"soft_wrap": True} | options
            if self.is_terminal:
                objects = tuple(broken(one, self.width) for one in objects)
        super().print(*objects, **options)


def broken(text: str, width: int = 0) -> str:
    """A text with its lines broken between words.

    Args:
        text: of one line or several.
        width: characters of a line; 0 for as many as this terminal has.
    """
    width = width or shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> list[str]:
    """A line as it is broken: each part as far in as its beginning; what is fenced farther, with long words broken."""
    fenced = FIRST_STRONG in line
    before = line[: min(len(line) - len(line.lstrip(" ")), width // 2)] + (SET_IN if fenced else "")
    if fenced and cell_len(line) > len(line):
        width = max(width // 2, 1)  # letters two columns wide
    parts = textwrap.wrap(line, width, subsequent_indent=before, break_long_words=fenced, break_on_hyphens=False)
    for number in range(len(parts) - 1):
        if parts[number].count(FIRST_STRONG) > parts[number].count(POP):
            parts[number] += POP
            parts[number + 1] = before + FIRST_STRONG + parts[number + 1].removeprefix(before)
    return parts or [""]
