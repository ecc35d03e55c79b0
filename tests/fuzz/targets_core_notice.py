"""Fuzz targets of notices: a body beneath the board's signature.

Does        hands bytes to the parser and to a reader; swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/60-board.md, 10
Always      1. Anything but the documented failure is a find.  2. What is kept may be shown as it is, and is bounded.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core.fields import Malformed, encode
from tercet.core.notice import NOTICE_MOST, HeldNotice, keep, parse_notice
from tercet.shell.text import is_safe

ISSUED = 20_720  # a day


def notice(data: bytes) -> None:
    """A notice's body, signed on a day."""
    try:
        read = parse_notice(data, ISSUED)
    except Malformed:
        return
    text = read.text.encode()
    if not 0 < len(text) <= NOTICE_MOST or parse_notice(encode(read), ISSUED) != read:
        raise AssertionError("a notice was read as another one")
    if any("\u202a" <= one <= "\u202e" or "\u2066" <= one <= "\u2069" for one in read.text):
        raise AssertionError("a notice turns lines about")
    if any(not is_safe(one) and (one < " " or "\x7f" <= one < "\xa0") for one in read.text.replace("\n", "")):
        raise AssertionError("a notice steers a screen")
    held = keep((), HeldNotice(1, 0, read.until, read.text))
    if len(keep(held, HeldNotice(2, 9, read.until, read.text))) != 1:
        raise AssertionError("a notice is kept twice")


TARGETS: dict[str, Callable[[bytes], None]] = {"core-notice": notice}
