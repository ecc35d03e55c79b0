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

# Controls but the line feed; the separators of lines and paragraphs; embeddings, overrides and isolates of direction;
# format characters that `shell.text` takes out, so that nobody signs what no reader is shown; tags.
_UNFIT: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Something to see: no white space, joiner, direction mark, filler or variation sign.
_SEEN: Final = re.compile(
    "[^\\s\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200c-\u200f\u2800\u3164\ufe00-\ufe0f\uffa0]"
)


def fit_for_all(text: str) -> bool:
    """Whether a text may be signed for all to read.

    Source: spec/60-board.md, 10; Unicode UAX #9.
    """
    return bool(_SEEN.search(text)) and not _UNFIT.search(text)


def size_of(text: str) -> int:
    """Its bytes in UTF-8; of what is no UTF-8, as many as it would have."""
    return len(text.encode("utf-8", "surrogatepass"))
