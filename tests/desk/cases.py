"""What the desk's tests share: reports, files in blocks, and disks that fail on purpose."""

from __future__ import annotations

import errno
import json
import os
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tercet.core.content import MediaKind, MediaRef, Place, ReportContent
from tercet.core.effects import FileBlock, FileReport, FileWord
from tercet.desk.archive import Archive
from tercet.desk.disk import Files, Mark
from tercet.sealing import BLOCK_DATA, next_block_key, seal_block

HOUSE = Path(__file__).parents[2]
KEY = b"k" * 32
CAME = 1_790_000_000  # seconds; in September 2026
TEXT = "The bridge by the mill is mined."


def case_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def photo(size: int, name: int = 1) -> bytes:
    return random.Random(name).randbytes(size)


def media_of(data: bytes, kind: MediaKind = MediaKind.PHOTO, form: str = "jpg") -> MediaRef:
    return MediaRef(kind, form, sha256(b"secret" + data).digest(), len(data), sha256(data).digest())


def blocks_of(ref: MediaRef, data: bytes) -> list[bytes]:
    """A file sealed into blocks as its sender does it."""
    key, sealed = ref.secret, []
    for index in range(ref.blocks):
        part = data[index * BLOCK_DATA : (index + 1) * BLOCK_DATA]
        sealed.append(seal_block(key, index, index == ref.blocks - 1, part, os.urandom(24)))
        key = next_block_key(key)
    return sealed


def report(case: int, number: int | None = None, text: str = TEXT, media: tuple[MediaRef, ...] = (), **fields: Any):
    content = ReportContent(
        1, 1, 20_717, b"t" * 20, b"w" * 20, b"", case.to_bytes(32, "little"), text,
        fields.get("place", Place("1km", 3_351_000, 3_629_000, "by the mill")),
        fields.get("happened", CAME - 3_600), media, b"",
    )  # fmt: skip
    return FileReport(case_id(case), case if number is None else number, fields.get("came", CAME), content)


def word(case: int, number: int, text: str, ours: bool = False, came: int = CAME) -> FileWord:
    return FileWord(case_id(case), ours, number, came, text)


def block(case: int, media: int, index: int, sealed: bytes) -> FileBlock:
    return FileBlock(case_id(case), media, index, sealed)


def file_all(archive: Archive, case: int, media: int, ref: MediaRef, data: bytes) -> None:
    for index, sealed in enumerate(blocks_of(ref, data)):
        archive.file_block(block(case, media, index, sealed))


def vectors(topic: str) -> list[Any]:
    """The cases of one topic as parameters; that there are none is a failure."""
    found = sorted((HOUSE / "vectors/archive").glob(f"{topic}-*.json"))
    if not found:
        raise AssertionError(f"no vectors: {topic}")
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in found]


class FullDisk(Files):
    """A disk with room for `room` bytes more; the write that does not fit is cut short, as systems do.

    Writing over what was just written takes no room.
    """

    def __init__(self, room: int, error: int = errno.ENOSPC) -> None:
        self.room, self.error = room, error
        self.taken: set[tuple[int, int]] = set()

    def write(self, handle: int, offset: int, data: bytes) -> None:
        if (handle, offset) in self.taken:
            return super().write(handle, offset, data)
        fits = data[: self.room]
        self.room -= len(fits)
        super().write(handle, offset, fits)
        if len(fits) < len(data):
            self.taken.add((handle, offset))
            raise OSError(self.error, "no room")
        return None

    def close(self, handle: int) -> None:
        self.taken.clear()
        super().close(handle)


class KillingDisk(Files):
    """Ends the process at the n-th change of the disk; half of a write still reaches the file."""

    def __init__(self, after: int) -> None:
        self.left = after

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            os._exit(9)

    def make_folder(self, path: Path) -> None:
        self._count()
        super().make_folder(path)

    def create(self, path: Path) -> int:
        self._count()
        return super().create(path)

    def open(self, path: Path) -> int:
        self._count()
        return super().open(path)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        if self.left <= 0:
            super().write(handle, offset, data[: len(data) // 2])
        self._count()
        super().write(handle, offset, data)

    def sync(self, handle: int) -> None:
        self._count()

    def sync_folder(self, path: Path) -> None:
        self._count()

    def rename(self, old: Path, new: Path) -> None:
        self._count()
        super().rename(old, new)
        self._count()

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)


def die(work: Any) -> int:
    """Do `work(tell)` in a child that may be killed; returns (acknowledged steps, exit status)."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(lambda: os.write(tell, b"."))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(tell)
    done = b""
    while more := os.read(hear, 64):
        done += more
    os.close(hear)
    return len(done), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class PowerCut(BaseException):
    """The power went."""


class Inode:
    """A file of the disk in memory: what is on it now, and what a sync has made safe."""

    def __init__(self) -> None:
        self.now, self.safe = bytearray(), bytearray()


class PowerDisk(Files):
    """One folder in memory. When the power goes, what no sync covered is old or new or half, by chance.

    `lying` names calls (`sync`, `sync_folder`) that return and make nothing safe: the planted faults.
    """

    def __init__(self, chance: random.Random, calls: int, lying: tuple[str, ...] = ()) -> None:
        self.chance, self.calls, self.lying = chance, calls, lying
        self.names: dict[str, Inode] = {}
        self.safe_names: dict[str, Inode] = {}
        self.handles: dict[int, Inode] = {}
        self.changes = 0

    def _tick(self) -> None:
        self.changes += 1
        self.calls -= 1
        if self.calls < 0:
            raise PowerCut

    def make_folder(self, path: Path) -> None:
        pass

    def marks(self, folder: Path) -> dict[str, Mark]:
        return {name: Mark(id(inode), len(inode.now), self.changes) for name, inode in self.names.items()}

    def _handle(self, inode: Inode) -> int:
        handle = len(self.handles) + 1
        self.handles[handle] = inode
        return handle

    def create(self, path: Path) -> int:
        self._tick()
        inode = self.names.setdefault(path.name, Inode())
        inode.now = bytearray()
        return self._handle(inode)

    def open(self, path: Path) -> int:
        self._tick()
        return self._handle(self.names.setdefault(path.name, Inode()))

    def open_to_read(self, path: Path) -> int:
        if path.name not in self.names:
            raise FileNotFoundError
        return self._handle(self.names[path.name])

    def size(self, handle: int) -> int:
        return len(self.handles[handle].now)

    def read(self, handle: int, offset: int, size: int) -> bytes:
        return bytes(self.handles[handle].now[offset : offset + size])

    def write(self, handle: int, offset: int, data: bytes) -> None:
        now = self.handles[handle].now
        now.extend(bytes(max(0, offset + len(data) - len(now))))
        now[offset : offset + len(data)] = data
        self._tick()

    def truncate(self, handle: int, size: int) -> None:
        del self.handles[handle].now[size:]

    def sync(self, handle: int) -> None:
        self._tick()
        if "sync" not in self.lying:
            inode = self.handles[handle]
            inode.safe = bytearray(inode.now)

    def sync_folder(self, path: Path) -> None:
        self._tick()
        if "sync_folder" not in self.lying:
            self.safe_names = dict(self.names)

    def rename(self, old: Path, new: Path) -> None:
        self.names[new.name] = self.names.pop(old.name)
        self._tick()

    def remove(self, path: Path) -> None:
        self.names.pop(path.name, None)

    def close(self, handle: int) -> None:
        pass

    def cut(self, folder: Path) -> None:
        """Write into a real folder what is left after the power went."""
        folder.mkdir()
        names = self.chance.choice((self.names, self.safe_names))
        for name, inode in names.items():
            (folder / name).write_bytes(self._left(inode))

    def _left(self, inode: Inode) -> bytes:
        kept = self.chance.random()
        size = max(len(inode.now), len(inode.safe)) if self.chance.random() < kept else len(inode.safe)
        left = bytearray(inode.safe.ljust(size, b"\0"))
        for at in range(0, len(left), 4_096):
            if self.chance.random() < kept and inode.now[at : at + 4_096] != inode.safe[at : at + 4_096]:
                part = inode.now[at : at + self.chance.choice((4_096, self.chance.randrange(4_096)))]
                left[at : at + len(part)] = part
        return bytes(left[:size])
