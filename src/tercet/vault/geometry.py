"""Where everything lies in a vault file.

Does        turns a file's size into offsets: header, four compartments, state copies, slots.
Does not    read, write or seal anything.
Spec        spec/70-vault.md, 2
Always      1. Only the size decides.  2. Every part starts on a page of 4,096 bytes.
Read first  Geometry.of().
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tercet.sealing import BLOCK

PAGE = 4_096  # bytes; header, and the unit of every offset
COMPARTMENTS = 4
STRIDE = BLOCK + PAGE  # bytes from one slot to the next, and the size of a sealed slot
MIN_SIZE = 4 * 1_048_576  # bytes; three slots, the fewest that let a ring turn
MAX_SIZE = 1_024 * 1_048_576  # bytes; keeps one state copy under 16 MiB
DEFAULT_SIZE = 64 * 1_048_576  # bytes; state copies of about 1 MiB, 55 slots


@dataclass(frozen=True)
class Geometry:
    """The layout of a vault file of `size` bytes; every other field is in bytes too, but `slots`."""

    size: int
    compartment: int
    state: int
    slots: int

    @classmethod
    def of(cls, size: int) -> Geometry:
        """Lay out a file of `size` bytes.

        Raises:
            ValueError: not a multiple of 4,096, under 4 MiB or above 1 GiB.

        Source: spec/70-vault.md, 2.
        """
        if size % PAGE or not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError("a vault is 4 MiB to 1 GiB, in whole pages of 4,096 bytes")
        compartment = _pages((size - PAGE) // COMPARTMENTS)
        state = _pages(compartment // 16)
        return cls(size, compartment, state, (compartment - 2 * state) // STRIDE)

    @classmethod
    def nearest(cls, size: int) -> Geometry:
        """Lay out a file of any size at all, so that a file that is no vault costs the same work."""
        return cls.of(_pages(min(max(size, MIN_SIZE), MAX_SIZE)))

    def copy_at(self, compartment: int, copy: int) -> int:
        """Offset of a state copy (0 or 1)."""
        return PAGE + compartment * self.compartment + copy * self.state

    def slot_at(self, compartment: int, slot: int) -> int:
        """Offset of a slot."""
        return self.copy_at(compartment, 2) + slot * STRIDE

    def rest(self) -> Iterator[tuple[int, int]]:
        """Yield (offset, length) of what is neither header, copy nor slot: noise, never written again."""
        for compartment in range(COMPARTMENTS):
            start = self.slot_at(compartment, self.slots)
            end = self.copy_at(compartment + 1, 0)
            if end > start:
                yield start, end - start
        start = self.copy_at(COMPARTMENTS, 0)
        if self.size > start:
            yield start, self.size - start


def _pages(size: int) -> int:
    return size - size % PAGE
