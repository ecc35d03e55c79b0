"""What a relay's folder held and still holds.

Does        reads the log of a disk store, living and dead records alike.
Does not    need the program that wrote it, or its lock.
Spec        spec/10-drop.md, 4
Always      1. A record that is not whole is passed over.
Read first  read_store().
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD = struct.Struct(">8sIB3sQQ32s32s")
SIZES = {1: 4_096, 2: 262_144, 3: 4_096, 4: 0, 5: 0}
POSTED = {3, 5}
GONE = {4, 5}


@dataclass(frozen=True)
class Record:
    """One line of a relay's log."""

    kind: int
    order: int
    arrived: int
    box: bytes
    name: bytes
    item: bytes

    @property
    def gone(self) -> bool:
        """Whether it says that an item was removed."""
        return self.kind in GONE

    @property
    def posted(self) -> bool:
        """Whether it is of a posted box."""
        return self.kind in POSTED


def read_store(folder: Path) -> list[Record]:
    """All records of a store, oldest segment first, those of removed items too."""
    return [record for segment in sorted(folder.glob("*.log1")) for record in _records(segment)]


def _records(segment: Path) -> Iterator[Record]:
    data = segment.read_bytes()
    marker = bytes.fromhex(segment.stem.rsplit("-", 1)[1])
    at = data.find(marker)
    while at != -1:
        record, end = _record(data, at)
        if record is not None:
            yield record
        at = data.find(marker, end)


def _record(data: bytes, at: int) -> tuple[Record | None, int]:
    if len(data) - at < HEAD.size:
        return None, at + 1
    _, crc, kind, _, order, arrived, box, name = HEAD.unpack_from(data, at)
    end = at + HEAD.size + SIZES.get(kind, 0)
    if kind not in SIZES or len(data) < end or zlib.crc32(data[at + 12 : end]) != crc:
        return None, at + 1
    return Record(kind, order, arrived, box, name, data[at + HEAD.size : end]), end
