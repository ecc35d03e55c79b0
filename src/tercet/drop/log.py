"""The records of a disk store's log.

Does        turn a record into bytes, and find the whole records among bytes that may be torn or damaged.
Does not    open files, or decide what lies in a box.
Spec        spec/10-drop.md, 4
Always      1. A record that is not whole is never returned.  2. No client can lay bytes that pass for a record:
            each begins with a marker that is random for each file and never leaves the machine.
Read first  `Record`, then `scan`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from tercet.drop.ops import BLOCK, FRAME

MARKER = 8  # bytes, random for each file
HEADER = struct.Struct(">8sIB3xQQ32s32s")  # marker, checksum, kind, order, arrived, box, name
CHECKED_FROM = 12  # the checksum covers everything from here to the record's end


class Kind(IntEnum):
    """What a record says."""

    FRAME = 1
    BLOCK = 2
    POSTED = 3
    GONE = 4
    POSTED_GONE = 5


CONTENT = {Kind.FRAME: FRAME, Kind.BLOCK: BLOCK, Kind.POSTED: FRAME, Kind.GONE: 0, Kind.POSTED_GONE: 0}


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        kind: what it says.
        order: 64 bits; the place of an item among the items of its box.
        arrived: seconds, UTC.
        box: box id, 32 bytes.
        name: the item's name, 32 bytes.
        item: FRAME or BLOCK bytes, or empty when an item is gone.
    """

    kind: Kind
    order: int
    arrived: int
    box: bytes
    name: bytes
    item: bytes = b""

    def pack(self, marker: bytes) -> bytes:
        """Return the record's bytes (96 and the item). Source: spec/10-drop.md, 4."""
        rest = HEADER.pack(b"", 0, self.kind, self.order, self.arrived, self.box, self.name)[CHECKED_FROM:]
        return b"".join((marker, crc32(self.item, crc32(rest)).to_bytes(4, "big"), rest, self.item))


def _record_at(data: bytes, at: int, marker: bytes) -> Record | None:
    if len(data) - at < HEADER.size:
        return None
    found, check, number, order, arrived, box, name = HEADER.unpack_from(data, at)
    if found != marker or number not in CONTENT:
        return None
    kind = Kind(number)
    end = at + HEADER.size + CONTENT[kind]
    if end > len(data) or crc32(memoryview(data)[at + CHECKED_FROM : end]) != check:
        return None
    return Record(kind, order, arrived, box, name, data[at + HEADER.size : end])


def scan(data: bytes, marker: bytes) -> Iterator[tuple[int, Record]]:
    """Yield (offset, record) for every whole record; damaged stretches are passed over.

    Source: spec/10-drop.md, 4.
    """
    at = data.find(marker)
    while at >= 0:
        record = _record_at(data, at, marker)
        if record is None:
            at += 1
        else:
            yield at, record
            at += HEADER.size + len(record.item)
        at = data.find(marker, at)
