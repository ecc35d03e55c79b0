"""The rules of a box, in one place for every kind of store.

Does        decide what may be laid into a box, what a read shows, what is out of date.
Does not    hold the bytes: each store says where those are (`Place`). Read a clock.
Spec        spec/10-drop.md, 3
Always      1. A box without items takes no memory.  2. The order in a box is the order of arrival.
Read first  `Boxes.refusal`, then `Boxes.window`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tercet.drop.ops import (
    BOX_BLOCKS,
    BOX_FRAMES,
    FRAME,
    ITEM_LIFETIME,
    POSTED_LIFETIME,
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

    def find(self, key: Key, name: bytes, now: int) -> Entry[Place] | None:
        """Return the entry of an item that is not out of date, or None."""
        entry = self._boxes.get(key, {}).get(name)
        return entry if entry is not None and _alive(key, entry, now) else None

    def refusal(self, key: Key, size: int, now: int) -> Refusal | None:
        """Say why a new item of `size` bytes may not be laid into a box, or None if it may."""
        if key.posted:
            return None
        held = sum(1 for e in self._boxes.get(key, {}).values() if e.size == size and _alive(key, e, now))
        return None if held < (BOX_FRAMES if size == FRAME else BOX_BLOCKS) else Refusal.BOX_FULL

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

    def window(self, op: Read, now: int) -> tuple[Key, list[tuple[bytes, Entry[Place]]], bool]:
        """Return the box a read names, the items it shows (name, entry), and whether later ones follow."""
        key = Key(id_of_read(op.read, op.posted), op.posted)
        alive = [
            (name, entry)
            for name, entry in self._boxes.get(key, {}).items()
            if entry.size == op.size and _alive(key, entry, now)
        ]
        end = op.start + op.limit
        return key, alive[op.start : end], len(alive) > end

    def walk(self) -> Iterator[tuple[Key, bytes, Entry[Place]]]:
        """Yield every item: its box, its name, its entry. A copy is walked, so changes are allowed."""
        for key, box in list(self._boxes.items()):
            for name, entry in list(box.items()):
                yield key, name, entry

    def outdated(self, now: int) -> list[tuple[Key, bytes]]:
        """Return the items whose lifetime is over."""
        return [(key, name) for key, name, entry in self.walk() if not _alive(key, entry, now)]
