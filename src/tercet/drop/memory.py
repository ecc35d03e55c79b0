"""A store in memory: the smallest thing that keeps every rule of a drop.

Does        keep items in a dictionary; answer operations by the rules of `boxes`.
Does not    survive its process, read a clock, or know who asks.
Spec        spec/10-drop.md, 3
Always      1. Put and ack are idempotent.  2. A read removes nothing.  3. What is out of date is not shown.
Read first  `Store`, then `MemoryStore._one`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from tercet.drop.boxes import Boxes, Entry, Key
from tercet.drop.ops import (
    Ack,
    Acked,
    Answer,
    Op,
    Post,
    Put,
    Read,
    Refusal,
    Refused,
    Stored,
    id_of_read,
    name_of,
    read_of_ack,
    read_of_post,
)


@runtime_checkable
class Store(Protocol):
    """Where items lie. Synchronous; one thread at a time; time is an argument, in whole seconds UTC."""

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """Carry out operations in their order and answer each. On return everything answered is durable."""

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """Yield every item, oldest of a box first: box id (32 bytes), whether posted, the item's bytes."""

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """Lay an item by box id, also into a posted box; only for whoever holds the store itself."""

    def remove(self, box: bytes, name: bytes) -> None:
        """Remove an item by box id (of either kind) and name; nothing happens if it is not there."""

    def sweep(self, now: int) -> int:
        """Remove what is out of date and give back its room; return how many items went."""

    def close(self) -> None:
        """Give up files and locks. A second call does nothing."""


def target(op: Put | Post) -> Key:
    """Return the box into which an operation lays its item."""
    if isinstance(op, Put):
        return Key(op.box, posted=False)
    return Key(id_of_read(read_of_post(op.post), posted=True), posted=True)


def acked_box(op: Ack) -> Key:
    """Return the box from which an ack removes. Posted boxes have no ack secret, so never one of those."""
    return Key(id_of_read(read_of_ack(op.ack)), posted=False)


class MemoryStore:
    """A `Store` that forgets with its process.

    Args:
        quota_bytes: most bytes of items held at a time; a put beyond gets `disk_full`. None: no end.
    """

    def __init__(self, quota_bytes: int | None = None) -> None:
        self._boxes: Boxes[bytes] = Boxes()
        self._quota = quota_bytes
        self._held = 0

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`."""
        return [self._one(op, now) for op in ops]

    def _one(self, op: Op, now: int) -> Answer:
        if isinstance(op, Read):
            return self._boxes.show(op, now, lambda _, entry: entry.place)
        if isinstance(op, Ack):
            self._discard(acked_box(op), op.name)
            return Acked()
        return self._lay(target(op), op.item, now)

    def _lay(self, key: Key, item: bytes, now: int) -> Answer:
        name = name_of(item)
        if self._boxes.find(key, name, now):
            return Stored()
        self._discard(key, name)
        refusal = self._boxes.refusal(key, len(item), now)
        if refusal is None and self._quota is not None and self._held + len(item) > self._quota:
            refusal = Refusal.DISK_FULL
        if refusal is not None:
            return Refused(refusal)
        self._boxes.add(key, name, Entry(now, len(item), item))
        self._held += len(item)
        return Stored()

    def _discard(self, key: Key, name: bytes) -> None:
        entry = self._boxes.discard(key, name)
        self._held -= entry.size if entry else 0

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """See `Store.entries`."""
        for key, _, entry in self._boxes.walk():
            yield key.box, key.posted, entry.place

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """See `Store.lay`."""
        return self._lay(Key(box, posted), item, now)

    def remove(self, box: bytes, name: bytes) -> None:
        """See `Store.remove`."""
        for posted in (False, True):
            self._discard(Key(box, posted), name)

    def sweep(self, now: int) -> int:
        """See `Store.sweep`."""
        old = self._boxes.outdated(now)
        for key, name in old:
            self._discard(key, name)
        return len(old)

    def close(self) -> None:
        """See `Store.close`."""
