"""The agenda: what happens when, in virtual time.

Does        keeps a clock and a heap of what is to come, and works through it in order.
Does not    know what happens.
Spec        spec/95-lab.md, 2
Always      1. Time never goes back.  2. What falls on one moment happens in the order in which it was noted.
Read first  Agenda.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

Deed = Callable[..., None]


class Agenda:
    """One clock and what is to come.

    Attributes:
        now: seconds since 1970, UTC, of the world; devices' clocks may be off it.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._heap: list[tuple[float, int, Deed, tuple[Any, ...]]] = []
        self._numbers = count()

    def after(self, seconds: float, deed: Deed, *given: Any) -> None:
        """Note something for `seconds` from now."""
        heappush(self._heap, (self.now + seconds, next(self._numbers), deed, given))

    def run(self, until: float) -> None:
        """Work through all that falls before `until`, which is what the clock then shows."""
        heap = self._heap
        while heap and heap[0][0] < until:
            self.now, _, deed, given = heappop(heap)
            deed(*given)
        self.now = until
