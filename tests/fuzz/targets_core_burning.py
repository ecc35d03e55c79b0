"""Fuzz target of burn lines, beneath every seal.

Does        hands bytes to the reader of a burn, as a share and two posted points; swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/33-burn.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core import burning
from tercet.core.fields import Malformed


def burn(data: bytes) -> None:
    """A share, and the two points of a burn."""
    try:
        share = burning.parse_share(data[: burning.SHARE])
        burning.parse_point(data[burning.SHARE : burning.SHARE + burning.POINT])
    except Malformed:
        return
    first, second = data[burning.SHARE : burning.SHARE + burning.POINT], data[burning.SHARE + burning.POINT :]
    if burning.burns(share, first, second) != burning.burns(share, second, first):
        raise AssertionError("the order of two points matters")


TARGETS: dict[str, Callable[[bytes], None]] = {"core-burn": burn}
