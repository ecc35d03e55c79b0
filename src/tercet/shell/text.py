"""Text from outside, made fit for a terminal and for a text file.

Does        takes out what steers a terminal or turns a line's direction, and fences each line in.
Does not    change letters, translate, or cut; a markup language of the caller's is the caller's to escape.
Spec        spec/81-archive.md, 7
Always      1. What comes out cannot move the cursor, or reorder what stands beside it.
            2. Letters, marks, joiners and direction marks stay.
Read first  shown().
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

FIRST_STRONG: Final = "\u2068"  # opens an isolate that takes its direction from its first letter
POP: Final = "\u2069"  # closes it
_BREAK: Final = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_REPLACED: Final = "\ufffd"

# Invisible characters that writing needs: the two joiners, the three direction marks (they reach no further than
# the isolate), and the Arabic and Syriac signs that Unicode counts among the format characters though they show.
_KEPT: Final = frozenset(
    "\u200c\u200d\u200e\u200f\u061c"
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
)  # fmt: skip


def shown(text: str) -> str:
    """One line that is safe to show; line breaks become spaces.

    Args:
        text: from outside, any length.

    Returns:
        The text between a first-strong isolate and its end; empty for empty text.

    Source: spec/81-archive.md, 7; Unicode UAX #9.
    """
    return _fenced(" ".join(_BREAK.split(text)))


def plainly(text: str) -> str:
    """A word for a sentence: plain ASCII as it is, so that it can be copied; all else as `shown`."""
    return text if text.isascii() and text.isprintable() else shown(text)


def shown_lines(text: str) -> list[str]:
    """The lines of a text, each safe to show; the caller sets them off from its own."""
    return [_fenced(line) for line in _BREAK.split(text)]


def listed(words: Iterable[object], last: str) -> str:
    """Words in a row, such as: 1, 2 and 4; `last` stands before the last one."""
    *before, end = map(str, words)
    return f"{', '.join(before)} {last} {end}" if before else end


def is_safe(character: str) -> bool:
    """Whether one character may stand in a shown line as it is: no control, no invisible command."""
    return character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _fenced(line: str) -> str:
    clean = "".join(_clean(character) for character in line)
    return f"{FIRST_STRONG}{clean}{POP}" if clean else ""


def _clean(character: str) -> str:
    if is_safe(character):
        return character
    if character == "\t":
        return " "
    return _REPLACED if unicodedata.category(character) == "Cs" else ""
