"""The other side: the book, and the area beside it.

Does        reads the notebook's payload, its entries, and the boxes, relays and passes of an understudy.
Does not    check rules that only a writer must keep.
Spec        spec/74-notebook.md, 1 and 2; spec/75-understudy.md, 1
Always      1. Noise in the area is no understudy.
Read first  read(), understudy().
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import keys, pack
from .state import Use


@dataclass
class Understudy:
    """What an area says."""

    day: int = 0
    relays: set[str] = field(default_factory=set)
    neighbours: int = 0
    uses: list[Use] = field(default_factory=list)
    returns: set[bytes] = field(default_factory=set)
    beats: tuple[int, ...] = ()
    weeks: set[int] = field(default_factory=set)  # of which it has passes


@dataclass
class Side:
    """What a notebook's payload says."""

    entries: list[list[Any]] = field(default_factory=list)
    area: bytes = b""
    understudy: Understudy | None = None

    @property
    def words(self) -> set[str]:
        """Every text of the owner's."""
        return {leaf for _, leaf in pack.leaves(self.entries) if isinstance(leaf, str) and leaf}

    @property
    def times(self) -> set[int]:
        """When entries were made and changed."""
        return {int(time) for entry in self.entries for time in entry[2:4]}


def read(payload: bytes) -> Side | None:
    """A notebook's payload, or None if it is something else. An empty one is an empty book."""
    if not payload:
        return Side()
    fields = pack.array(payload)
    if fields is None or len(fields) != 3 or not isinstance(fields[1], bytes) or not isinstance(fields[2], bytes):
        return None
    book = pack.array(fields[1])
    if book is None or len(book) != 3 or not isinstance(book[2], list):
        return None
    return Side(book[2], fields[2], understudy(fields[2]))


def understudy(area: bytes) -> Understudy | None:
    """The understudy in an area, if one is there."""
    length = int.from_bytes(area[:4], "big")
    fields = pack.array(area[4 : 4 + length]) if length <= len(area) - 4 else None
    if fields is None or len(fields) != 13:
        return None
    day = int(fields[1])
    found = Understudy(day, neighbours=len(fields[3]), beats=(fields[6], fields[7]))
    found.weeks = {one[1] for one in fields[12]}
    found.relays = {leaf for _, leaf in pack.leaves(fields[2]) if isinstance(leaf, str)}
    boards = [leaf for _, leaf in pack.leaves(fields[2]) if isinstance(leaf, bytes)]
    found.uses += [Use("board", 0, 0, 0, "", keys.posted_box(read), b"") for read in boards]
    for number, neighbour in enumerate(fields[3]):
        who = f"neighbour {number + 1}"
        for later, lanes in enumerate(neighbour[3]):
            for outer, ids, _ in _lanes(lanes):
                boxes = [keys.Box(each) for each in ids]
                found.uses += [Use("written", day + later, 0, n, who, box, outer) for n, box in enumerate(boxes)]
        for later, lanes in enumerate(neighbour[4]):
            for _, acks, _ in _lanes(lanes):
                boxes = [keys.box_of_ack(ack) for ack in acks]
                found.uses += [Use("read", neighbour[1] + later, 0, n, who, box, b"") for n, box in enumerate(boxes)]
    for later, lanes in enumerate(fields[4]):
        for outer, ids, _ in _lanes(lanes):
            boxes = [keys.Box(each) for each in ids]
            found.uses += [Use("intake", day + later, 0, n, "", box, outer) for n, box in enumerate(boxes)]
    found.returns = {leaf for _, leaf in pack.leaves(fields[10]) if isinstance(leaf, bytes) and len(leaf) == 32}
    return found


def _lanes(lanes: list[Any]) -> Iterator[tuple[bytes, list[bytes], int]]:
    """Outer key (empty if there is none), two ids or ack secrets, and turn, however they are nested."""
    for lane in lanes:
        secrets = [leaf for _, leaf in pack.leaves(lane) if isinstance(leaf, bytes) and len(leaf) == 32]
        turns = [leaf for _, leaf in pack.leaves(lane) if type(leaf) is int]
        if len(secrets) in (2, 3):
            yield (secrets[0] if len(secrets) == 3 else b""), secrets[-2:], turns[-1] if turns else 0
