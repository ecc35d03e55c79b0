"""The trace: one hash of all that happened.

Does        hashes who did what when, with plain content; numbers boxes and items as they first appear.
Does not    see sealed bytes: they differ from run to run.
Spec        spec/95-lab.md, 3
Always      1. The same seed gives the same hash, in every process.
Read first  Trace.
"""

from __future__ import annotations

from hashlib import sha256


class Trace:
    """Lines, hashed as they come.

    Args:
        keep: how many of the first lines to keep for looking at.
    """

    def __init__(self, keep: int = 0) -> None:
        self.lines: list[str] = []
        self.count = 0
        self._keep = keep
        self._hash = sha256()
        self._boxes: dict[bytes, int] = {}
        self._items: dict[bytes, int] = {}
        self._items_seen = 0

    def line(self, now: float, *words: object) -> None:
        """Take in that something happened at `now`, world seconds."""
        text = f"{now:.3f} {' '.join(map(str, words))}\n"
        self._hash.update(text.encode())
        self.count += 1
        if len(self.lines) < self._keep:
            self.lines.append(text)

    def box(self, box: bytes) -> int:
        """The number of a box, by its id."""
        return self._boxes.setdefault(box, len(self._boxes) + 1)

    def item(self, name: bytes) -> int:
        """The number of an item, by its name."""
        number = self._items.get(name)
        if number is None:
            self._items_seen = number = self._items_seen + 1
            self._items[name] = number
        return number

    def forget(self, name: bytes) -> None:
        """An item has left its relay: if it comes back it gets a new number, and numbers take no memory."""
        self._items.pop(name, None)

    @property
    def digest(self) -> str:
        """The hash so far, 64 hex digits."""
        return self._hash.hexdigest()
