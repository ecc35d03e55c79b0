"""The rules of a box, in one place for every kind of store.

Does        decide what may be laid into a box, what a read shows, what is out of date.
Does not    hold the bytes: each store says where those are (`Place`). Read a clock.
Spec        spec/10-drop.md, 3
Always      1. A box without items takes no memory.  2. The order in a box is the order of arrival.
Read first  `Boxes.refusal`, then `Boxes.show`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tercet.drop.ops import (
    BOX_BLOCKS,
    BOX_FRAMES,
    FRAME,
    ITEM_LIFETIME,
    POSTED_LIFETIME,
    Items,
    Read,
    Refusal,
    id_of_read,
)

Place = TypeVar("Place")


class Key(NamedTuple):
    """Which box: its id (32 bytes) and its kind. Boxes of the two kinds never meet, whatever their ids."""

    box: bytes
    posted: bool


@dataclass(frozen=True, slots=True)
class Entry(Generic[Place]):
    """One item that lies in a box: arrival (seconds), size (bytes), and where its bytes are."""

    arrived: int
    size: int
    place: Place


def lifetime(posted: bool) -> int:
    """Return for how many seconds an item is kept. Source: spec/10-drop.md, 3."""
    return POSTED_LIFETIME if posted else ITEM_LIFETIME


def _alive(key: Key, entry: Entry[Place], now: int) -> bool:
    return entry.arrived + lifetime(key.posted) > now


class Boxes(Generic[Place]):
    """Which items lie in which box. Mutable, owned by one store, used by one thread at a time."""

    def __init__(self) -> None:
        self._boxes: dict[Key, dict[bytes, Entry[Place]]] = {}

    def __len__(self) -> int:
        """Return the number of boxes that hold something."""
        return len(self._boxes)

    def get(self, key: Key, name: bytes) -> Entry[Place] | None:
        """Return the entry of an item, out of date or not, or None."""
        return self._boxes.get(key, {}).get(name)

    def find(self, key: Key, name: bytes, now: int) -> Entry[Place] | None:
        """Return the entry of an item that is not out of date, or None."""
        entry = self.get(key, name)
        return entry if entry is not None and _alive(key, entry, now) else None

    def refusal(self, key: Key, size: int, now: int) -> Refusal | None:
        """Say why a new item of `size` bytes may not be laid into a box, or None if it may."""
        if key.posted:
            return None
        box = self._boxes.get(key, {})
        most = BOX_FRAMES if size == FRAME else BOX_BLOCKS
        if len(box) < most:
            return None
        held = sum(1 for entry in box.values() if entry.size == size and _alive(key, entry, now))
        return None if held < most else Refusal.BOX_FULL

    def add(self, key: Key, name: bytes, entry: Entry[Place]) -> None:
        """Note an item. One that is noted already keeps its turn and takes the new entry."""
        self._boxes.setdefault(key, {})[name] = entry

    def discard(self, key: Key, name: bytes) -> Entry[Place] | None:
        """Forget an item; return its entry, or None if it did not lie there."""
        box = self._boxes.get(key)
        if box is None:
            return None
        entry = box.pop(name, None)
        if not box:
            del self._boxes[key]
        return entry

    def show(self, op: Read, now: int, fetch: Callable[[bytes, Entry[Place]], bytes | None]) -> Items:
        """Answer a read.

        Args:
            op: the read.
            now: whole seconds, UTC.
            fetch: (name, entry) to the item's bytes, or None if they are damaged; such an item is forgotten,
                so that it cannot stand in the way of the ones after it.

        Source: spec/10-drop.md, 3.
        """
        key = Key(id_of_read(op.read, op.posted), op.posted)
        end = op.start + op.limit
        while True:
            box = self._boxes.get(key, {})
            alive = [(n, e) for n, e in box.items() if e.size == op.size and _alive(key, e, now)]
            items = [(name, fetch(name, entry)) for name, entry in alive[op.start : end]]
            whole = tuple(item for _, item in items if item is not None)
            if len(whole) == len(items):
                return Items(whole, more=len(alive) > end)
            for name, item in items:
                if item is None:
                    self.discard(key, name)

    def sort(self, turn: Callable[[Entry[Place]], int]) -> None:
        """Put every box in the order that `turn` gives its entries."""
        for box in self._boxes.values():
            in_order = sorted(box.items(), key=lambda pair: turn(pair[1]))
            box.clear()
            box.update(in_order)

    def walk(self) -> Iterator[tuple[Key, bytes, Entry[Place]]]:
        """Yield every item: its box, its name, its entry. A copy is walked, so changes are allowed."""
        for key, box in list(self._boxes.items()):
            for name, entry in list(box.items()):
                yield key, name, entry

    def outdated(self, now: int) -> list[tuple[Key, bytes]]:
        """Return the items whose lifetime is over."""
        return [(key, name) for key, name, entry in self.walk() if not _alive(key, entry, now)]
