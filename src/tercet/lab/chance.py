"""Chance that repeats: one seed, split by name.

Does        gives each device, owner and the network a stream of its own.
Does not    protect anything: whoever knows the seed knows every draw.
Spec        spec/95-lab.md, 2
Always      1. A stream that is added, or draws more, shifts no other.
Read first  Stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Stream(Random):
    """Draws that hang on the seed and the stream's name alone.

    Called with a number it gives so many bytes, as the core wants its chance.
    """

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(f"tercet lab/{seed}/{name}".encode())

    def __call__(self, count: int) -> bytes:
        """Give `count` bytes."""
        return self.randbytes(count)

    def hit(self, share: float) -> bool:
        """Say yes in this share of cases, 0 to 1."""
        return self.random() < share

    def between(self, low: float, high: float) -> float:
        """Give a number from `low` up to `high`."""
        return low + (high - low) * self.random()

    def below(self, end: int) -> int:
        """Give a whole number from 0 up to `end` less one."""
        return int(self.random() * end)

    def pick(self, things: Sequence[T]) -> T:
        """Give one of several."""
        return things[self.below(len(things))]

    def wait(self, mean: float) -> float:
        """Give the time until something that happens once in `mean` on average, at any moment alike."""
        return -mean * log(1.0 - self.random())
