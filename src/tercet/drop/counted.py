"""A store that counts: what a relay's operator can see of it.

Does        passes everything on to the store beneath, and counts what passes and what lies there.
Does not    remember who asked, or which box.
Spec        spec/10-drop.md, 7
Always      1. Nothing but numbers is kept, and one box id as an example of what ids look like.
Read first  CountedStore.seen().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tercet.drop.memory import Store
from tercet.drop.ops import BLOCK, FRAME, Ack, Acked, Answer, Items, Op, Post, Put, Read, Stored


class CountedStore:
    """A store with counters; they may be read from another thread.

    Args:
        store: the one that does the work; owned by this one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts = {"puts": 0, "reads": 0, "acks": 0, "frames": 0, "blocks": 0}
        self._box = ""

    def seen(self) -> dict[str, int | str]:
        """Operations so far, frames and blocks that were stored, and the id of the box last put into (hex)."""
        return {**self._counts, "box": self._box}

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`."""
        answers = self._store.apply(ops, now)
        for op, answer in zip(ops, answers, strict=True):
            self._count(op, answer)
        return answers

    def _count(self, op: Op, answer: Answer) -> None:
        if isinstance(op, Put | Post) and isinstance(answer, Stored):
            self._counts["puts"] += 1
            self._counts["frames"] += len(op.item) == FRAME
            self._counts["blocks"] += len(op.item) == BLOCK
            self._box = op.box.hex() if isinstance(op, Put) else self._box
        elif isinstance(op, Read) and isinstance(answer, Items):
            self._counts["reads"] += 1
        elif isinstance(op, Ack) and isinstance(answer, Acked):
            self._counts["acks"] += 1

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """See `Store.entries`."""
        return self._store.entries()

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """See `Store.lay`."""
        return self._store.lay(box, posted, item, now)

    def remove(self, box: bytes, name: bytes) -> None:
        """See `Store.remove`."""
        self._store.remove(box, name)

    def sweep(self, now: int) -> int:
        """See `Store.sweep`."""
        return self._store.sweep(now)

    def close(self) -> None:
        """See `Store.close`."""
        self._store.close()
