"""A drop that is right here: a store asked directly.

Does        give any store the face that a relay has, so that whoever sends need not know the difference.
Does not    go through a network, wait, or start a thread.
Spec        spec/10-drop.md, 2
Always      1. One answer an operation, in order.
Read first  `Drop`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tercet.drop.memory import Store
from tercet.drop.ops import Answer, Op


class Drop(Protocol):
    """A dead drop, near or far."""

    async def perform(self, ops: Sequence[Op]) -> list[Answer]:
        """Carry out operations in order; one answer each. Raises DropFailure if the drop fails or lies."""

    async def close(self) -> None:
        """Hang up. A second call does nothing."""


class LocalDrop:
    """A `Drop` over a store in this process.

    Args:
        store: owned by the caller, who closes it; `close` here leaves it open.
        clock: returns whole seconds since 1970, UTC.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    async def perform(self, ops: Sequence[Op]) -> list[Answer]:
        """See `Drop.perform`."""
        return self._store.apply(ops, self._clock())

    async def close(self) -> None:
        """See `Drop.close`."""
