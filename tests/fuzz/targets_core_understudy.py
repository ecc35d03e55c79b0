"""Fuzz target of the area of a notebook.

Does        hands bytes to the understudy's reader, lets what it finds beat, and swallows no failure at all.
Does not    run anything: the runner and the replay test do.
Spec        spec/75-understudy.md, 1
Always      1. Anything raised is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core.events import Beat
from tercet.core.understudy import AREA, step, unpack

_NOW = 1_790_010_820


def area(data: bytes) -> None:
    """An area that begins with these bytes; whatever is found there beats."""
    found = unpack(data[:AREA].ljust(AREA, b"\0"))
    if found is not None:
        step(found, Beat(1_800.0), found.day * 86_400, bytes)
        step(found, Beat(1_800.0), _NOW, bytes)


TARGETS: dict[str, Callable[[bytes], None]] = {"core-understudy": area}
