"""A store on a disk: a log of checksummed records in segments, with an index in memory.

Does        keep what it acknowledged through kill -9, power loss and a full disk.
Does not    read a clock, start a thread, or know who asks.
Spec        spec/10-drop.md, 4
Always      1. What one `apply` answered is on the disk before it returns (one write, one sync).
            2. Segments go oldest first, so a record that says "gone" outlives the one it speaks of.
            3. A refused put leaves nothing behind.
Read first  `DiskStore.apply`, then `_commit`, then `_reclaim`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tercet.drop.boxes import Boxes, Entry, Key
from tercet.drop.files import Files
from tercet.drop.log import HEADER, MARKER, Kind, Record, scan
from tercet.drop.memory import acked_box, target
from tercet.drop.ops import (
    BLOCK,
    Ack,
    Acked,
    Answer,
    DropFailure,
    Op,
    Read,
    Refusal,
    Refused,
    Stored,
    name_of,
)

SEGMENT_BYTES = 16 * 1024 * 1024  # a segment is closed once it is this long; spec/10-drop.md, 4
RECLAIM_STEPS = 4  # segments copied, at most, for one `apply`, so that no caller waits long
OPEN_FILES = 128  # descriptors kept open for reading
LOCK = "tercet-store.lock"
_SEGMENT = re.compile(r"([0-9]{8})-([0-9a-f]{16})\.log1", re.ASCII)
Result = TypeVar("Result")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Place(NamedTuple):
    """Where an item's bytes are: segment number, offset of its record; and its order in the box."""

    segment: int
    offset: int
    order: int


class _Segment:
    """One file of the log. `size`: bytes that are durable. `live`: bytes of records that still say something."""

    def __init__(self, number: int, path: Path, marker: bytes) -> None:
        self.number = number
        self.path = path
        self.marker = marker
        self.size = 0
        self.live = 0


def _failed(error: OSError) -> DropFailure:
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return DropFailure("store_failed", f"The store's disk reported {name}: look at the disk and the folder's rights.")


class DiskStore:
    """A `Store` in a folder of its own.

    Args:
        path: the folder; it is made if missing. One process at a time.
        quota_bytes: most bytes of log (it may pass this by one segment while it tidies); None: the disk's end.
        segment_bytes: when to begin the next file.
        files: the file system; tests put theirs here.

    Raises:
        DropFailure: store_in_use, or store_failed if the folder cannot be used.
    """

    def __init__(
        self,
        path: Path,
        quota_bytes: int | None = None,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        files: Files | None = None,
    ) -> None:
        self._path = path
        self._quota = quota_bytes
        self._segment_bytes = segment_bytes if quota_bytes is None else min(segment_bytes, quota_bytes // 8)
        self._files = files or Files()
        self._boxes: Boxes[Place] = Boxes()
        self._segments: dict[int, _Segment] = {}  # oldest first
        self._lock = -1
        self._open: dict[int, int] = {}  # descriptors by segment number
        self._used = 0  # bytes of all segments
        self._live = 0  # bytes of the records of items that lie in boxes
        self._order = 0
        self._next = 1
        self._batch: list[Record] = []  # records not yet on the disk
        self._batch_at: dict[int, bytes] = {}  # their items, by offset
        self._batch_size = 0
        self._laid: list[tuple[Key, bytes]] = []  # puts of this batch
        self._owed: list[Record] = []  # records of acks that a full disk would not take
        self.damaged = 0  # items found damaged when read, since the store was opened
        try:
            self._files.folder(path)
            self._lock = self._take_lock()
            self._load()
        except OSError as error:
            self.close()
            raise _failed(error) from error

    def _take_lock(self) -> int:
        fd = os.open(self._path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise DropFailure("store_in_use", "Another process has this store open: stop it first.") from None
        return fd

    # Opening

    def _load(self) -> None:
        for path in sorted(self._path.iterdir()):
            shape = _SEGMENT.fullmatch(path.name)
            if shape:
                segment = _Segment(int(shape[1]), path, bytes.fromhex(shape[2]))
                self._segments[segment.number] = segment
                self._replay(segment)
        self._boxes.sort(lambda entry: entry.place.order)
        if self._segments:
            self._next = max(self._segments) + 1
            self._cut_tail(self._segments[self._next - 1])

    def _replay(self, segment: _Segment) -> None:
        fd = self._descriptor(segment)
        data = self._files.read(fd, 0, os.fstat(fd).st_size)
        for at, record in scan(data, segment.marker):
            key = Key(record.box, record.kind in (Kind.POSTED, Kind.POSTED_GONE))
            self._forget(key, record.name)
            if record.item:
                place = Place(segment.number, at, record.order)
                self._note(key, record.name, Entry(record.arrived, len(record.item), place))
            self._order = max(self._order, record.order + 1)
            segment.size = at + HEADER.size + len(record.item)
        self._used += segment.size

    def _cut_tail(self, segment: _Segment) -> None:
        fd = self._descriptor(segment)
        if os.fstat(fd).st_size > segment.size:
            self._files.cut(fd, segment.size)
            self._files.sync(fd)

    # The index, and the count of what is alive in each segment

    def _note(self, key: Key, name: bytes, entry: Entry[Place]) -> None:
        self._boxes.add(key, name, entry)
        self._weigh(entry, 1)

    def _forget(self, key: Key, name: bytes) -> bool:
        entry = self._boxes.discard(key, name)
        if entry is not None:
            self._weigh(entry, -1)
        return entry is not None

    def _weigh(self, entry: Entry[Place], sign: int) -> None:
        segment = self._segments.get(entry.place.segment)
        if segment is not None:
            weight = sign * (HEADER.size + entry.size)
            segment.live += weight
            self._live += weight

    # Operations

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`. Raises DropFailure (store_failed) if the disk fails other than by being full."""
        return self._durably(lambda room: [self._one(op, now, room) for op in ops])

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """See `Store.lay`. Raises as `apply` does."""
        return self._durably(lambda room: self._lay(Key(box, posted), item, now, room))

    def remove(self, box: bytes, name: bytes) -> None:
        """See `Store.remove`. Raises as `apply` does."""

        def both(_: bool) -> None:
            self._gone(Key(box, posted=False), name)
            self._gone(Key(box, posted=True), name)

        self._durably(both)

    def sweep(self, now: int) -> int:
        """See `Store.sweep`."""
        old = self._boxes.outdated(now)
        for key, name in old:
            self._forget(key, name)
        self._tidy()
        return len(old)

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """See `Store.entries`."""
        for key, name, _ in self._boxes.walk():
            entry = self._boxes.get(key, name)
            item = self._fetch(name, entry) if entry else None
            if item is not None:
                yield key.box, key.posted, item

    def close(self) -> None:
        """See `Store.close`."""
        for number in list(self._open):
            self._files.close(self._open.pop(number))
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _durably(self, act: Callable[[bool], Result]) -> Result:
        """Let `act` change the index and fill the batch, then commit; a full disk: again, without room."""
        try:
            result = act(True)
            self._commit()
        except OSError as error:
            self._undo()
            if error.errno not in _FULL:
                raise _failed(error) from error
            result = act(False)
            with contextlib.suppress(OSError):
                self._commit()
            self._undo()
        self._tidy()
        return result

    def _one(self, op: Op, now: int, room: bool) -> Answer:
        if isinstance(op, Read):
            return self._boxes.show(op, now, self._fetch)
        if isinstance(op, Ack):
            self._gone(acked_box(op), op.name)
            return Acked()
        return self._lay(target(op), op.item, now, room)

    def _lay(self, key: Key, item: bytes, now: int, room: bool) -> Answer:
        name = name_of(item)
        if self._boxes.find(key, name, now):
            return Stored()
        refusal = self._boxes.refusal(key, len(item), now)
        if refusal is None and not (room and self._room(HEADER.size + len(item))):
            refusal = Refusal.DISK_FULL
        if refusal is not None:
            return Refused(refusal)
        self._forget(key, name)
        kind = Kind.POSTED if key.posted else Kind.BLOCK if len(item) == BLOCK else Kind.FRAME
        segment, offset = self._append(Record(kind, self._order, now, key.box, name, item))
        self._note(key, name, Entry(now, len(item), Place(segment.number, offset, self._order)))
        self._laid.append((key, name))
        self._order += 1
        return Stored()

    def _gone(self, key: Key, name: bytes) -> None:
        if not self._forget(key, name):
            return
        record = Record(Kind.POSTED_GONE if key.posted else Kind.GONE, self._order, 0, key.box, name)
        try:
            self._append(record)
        except OSError as error:
            self._owed.append(record)
            if error.errno not in _FULL:
                raise

    def _fetch(self, name: bytes, entry: Entry[Place]) -> bytes | None:
        segment = self._segments.get(entry.place.segment)
        if segment is not None and entry.place.offset >= segment.size:
            return self._batch_at[entry.place.offset]
        if segment is not None:
            item = self._read(segment, entry.place.offset + HEADER.size, entry.size)
            if name_of(item) == name:
                return item
        self.damaged += 1
        return None

    def _read(self, segment: _Segment, offset: int, length: int) -> bytes:
        try:
            return self._files.read(self._descriptor(segment), offset, length)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""  # a bad place on the disk: as good as damaged

    def _descriptor(self, segment: _Segment) -> int:
        fd = self._open.get(segment.number)
        if fd is None:
            if len(self._open) >= OPEN_FILES:
                self._files.close(self._open.pop(next(iter(self._open))))
            fd = self._open[segment.number] = self._files.open(segment.path)
        return fd

    # Writing

    def _append(self, record: Record) -> tuple[_Segment, int]:
        """Add a record to the batch; return the segment and the offset where it will lie."""
        segment = self._current()
        if not self._batch:
            owed, self._owed = self._owed, []
            for old in owed:
                self._add(old, segment)
        return segment, self._add(record, segment)

    def _add(self, record: Record, segment: _Segment) -> int:
        offset = segment.size + self._batch_size
        self._batch.append(record)
        if record.item:
            self._batch_at[offset] = record.item
        self._batch_size += HEADER.size + len(record.item)
        return offset

    def _current(self) -> _Segment:
        """Return the segment that is written to; a new one if the last is long enough. Never amid a batch."""
        last = self._segments.get(self._next - 1)
        if last is not None and (self._batch or last.size < self._segment_bytes):
            return last
        marker = os.urandom(MARKER)
        path = self._path / f"{self._next:08d}-{marker.hex()}.log1"
        self._files.close(self._files.create(path))
        self._files.sync_dir(self._path)
        self._segments[self._next] = segment = _Segment(self._next, path, marker)
        self._next += 1
        return segment

    def _commit(self) -> None:
        """Bring the batch to the disk: one write, one sync."""
        if not self._batch:
            return
        segment = self._segments[self._next - 1]
        fd = self._descriptor(segment)
        self._files.write(fd, segment.size, b"".join(r.pack(segment.marker) for r in self._batch))
        self._files.sync(fd)
        segment.size += self._batch_size
        self._used += self._batch_size
        self._clear()

    def _clear(self) -> None:
        self._batch, self._laid = [], []
        self._batch_at.clear()
        self._batch_size = 0

    def _undo(self) -> None:
        """Forget the puts of a batch that was not committed, owe its acks, cut off what was written of it."""
        if not self._batch:
            return
        for key, name in self._laid:
            self._forget(key, name)
        self._owed = [r for r in self._batch if not r.item] + self._owed
        self._clear()
        segment = self._segments.get(self._next - 1)
        if segment is not None:
            try:
                self._files.cut(self._descriptor(segment), segment.size)
            except OSError:
                self._next += 1  # never write to that file again

    # Room

    def _room(self, needed: int) -> bool:
        return self._quota is None or self._used + self._batch_size + needed <= self._quota

    def _tidy(self) -> None:
        """Give back room: remove or copy the oldest segments while it pays."""
        for _ in range(RECLAIM_STEPS):
            tight = self._quota is not None and self._used + 2 * self._segment_bytes > self._quota
            slack = self._used // 8 if tight else self._live + self._segment_bytes
            oldest = next(iter(self._segments.values()), None)
            if oldest is None or (oldest.live and self._used - self._live <= slack):
                return
            if oldest.number == self._next - 1:
                if oldest.size < self._segment_bytes:
                    return
                self._next += 1  # closes it
            try:
                self._reclaim(oldest)
            except OSError:
                self._undo()
                return

    def _reclaim(self, oldest: _Segment) -> None:
        """Copy what is alive in the oldest segment to the log's end, then remove it."""
        moved: list[tuple[Key, bytes, Entry[Place]]] = []
        if oldest.live:
            data = self._files.read(self._descriptor(oldest), 0, oldest.size)
            for at, record in scan(data, oldest.marker):
                key = Key(record.box, record.kind is Kind.POSTED)
                entry = self._boxes.get(key, record.name) if record.item else None
                if entry is not None and entry.place[:2] == (oldest.number, at):
                    segment, offset = self._append(record)
                    place = Place(segment.number, offset, record.order)
                    moved.append((key, record.name, Entry(entry.arrived, entry.size, place)))
            self._commit()
        for key, name, entry in moved:
            self._note(key, name, entry)
        del self._segments[oldest.number]
        self._live -= oldest.live
        self._used -= oldest.size
        if oldest.number in self._open:
            self._files.close(self._open.pop(oldest.number))
        self._files.remove(oldest.path)
        self._files.sync_dir(self._path)
