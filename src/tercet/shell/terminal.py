"""The terminal: a console on which words stay whole.

Does        breaks lines between words where a person reads them, and nowhere else.
Does not    shorten what it shows, or take anything in it for markup.
Spec        spec/72-dialogue.md, 1
Always      1. A word too long for a line, an address say, is written through: what is copied from it holds no break.
Read first  Terminal
"""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from rich.console import Console


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
    lines = (textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join("\n".join(parts) for parts in lines)
