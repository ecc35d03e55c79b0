"""Wording: text that everybody is to read as it was written.

Does        says whether a text may be signed for all: nothing in it hides, steers a screen, or turns lines about.
Does not    change a text: what is not fit is refused, never mended.
Spec        spec/60-board.md, 10
Always      1. Letters of every script stay, byte for byte, and the three direction marks with them.
Read first  fit_for_all().
"""

from __future__ import annotations

import re
from typing import Final

# Controls but the line feed; the separators of lines and paragraphs; embeddings, overrides and isolates of direction.
_UNFIT: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def fit_for_all(text: str) -> bool:
    """Whether a text may be signed for all to read.

    Source: spec/60-board.md, 10; Unicode UAX #9.
    """
    return bool(text.strip()) and not _UNFIT.search(text)


def size_of(text: str) -> int:
    """Its bytes in UTF-8; of what is no UTF-8, as many as it would have."""
    return len(text.encode("utf-8", "surrogatepass"))
