"""A folder as a drop: a USB stick, a memory card.

Does        keep one file an item; keep what the stick's owner waits for (`wants`) and has read (`acks`),
            so that a carrier without any key can serve them.
Does not    trust what it finds: foreign and damaged files are passed over, and left alone.
Spec        spec/10-drop.md, 5
Always      1. A file has its whole content before it has its name.  2. Names are made of hex digits and nothing
            that was received, so no path leads out of the folder.
Read first  the layout in the spec, then `FolderStore._scan`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tercet.drop.boxes import Boxes, Entry, Key
from tercet.drop.files import Files
from tercet.drop.memory import acked_box, target
from tercet.drop.ops import (
    BLOCK,
    FRAME,
    SIZES,
    Ack,
    Acked,
    Answer,
    DropFailure,
    Items,
    Op,
    Read,
    Refusal,
    Refused,
    Stored,
    name_of,
)

ITEMS, BOARD, WANTS, ACKS = "items", "board", "wants", "acks"
SECOND = 1_000_000_000  # nanoseconds
_ITEM = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})", re.ASCII)
_WANT = re.compile(r"([0-9a-f]{64})\.(frame|block|board)", re.ASCII)
_PART = re.compile(r"[0-9a-f]{16}\.part", re.ASCII)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Want:
    """A box whose mail the folder's owner waits for: read secret (32 bytes), item size, kind of box."""

    read: bytes
    size: int = FRAME
    posted: bool = False

    def __post_init__(self) -> None:
        Read(self.read, self.size, posted=self.posted)  # ValueError if one of them is not possible
        if self.posted and self.size != FRAME:
            raise ValueError("a posted box holds frames")

    def file_name(self) -> str:
        """Return the name of the empty file that says this."""
        return f"{self.read.hex()}.{'board' if self.posted else 'block' if self.size == BLOCK else 'frame'}"


class FolderStore:
    """A `Store` in a folder that anybody may also copy, empty or damage.

    The folder is read again at each `apply`, `entries` and `sweep`, so two processes may share one: each item
    stays whole, though the limit of a box may be passed by what both laid at once.

    Args:
        path: the folder; it is made if missing.
        files: the file system; tests put theirs here.

    Raises:
        DropFailure: store_failed if the folder cannot be used (also by every method).
    """

    def __init__(self, path: Path, *, files: Files | None = None) -> None:
        self._path = path
        self._files = files or Files()
        self._boxes: Boxes[Path] = Boxes()
        self._turn = 0  # nanoseconds; no two files laid by this store share a time
        with _told():
            for part in (path, *(path / name for name in (ITEMS, BOARD, WANTS, ACKS))):
                self._files.folder(part)
            self._scan()

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`. An ack is also kept for the carrier, whether the item lay here or not."""
        with _told():
            self._scan()
            return [self._one(op, now) for op in ops]

    def _one(self, op: Op, now: int) -> Answer:
        if isinstance(op, Read):
            return self._show(op, now)
        if isinstance(op, Ack):
            return self._ack(op)
        return self._lay(target(op), op.item, now)

    def _show(self, op: Read, now: int) -> Items:
        return self._boxes.show(op, now, lambda name, entry: _whole(entry.place, name))

    def _ack(self, op: Ack) -> Answer:
        key = acked_box(op)
        try:
            self._write(self._path / ACKS / f"{op.ack.hex()}.{op.name.hex()}", b"", None)
        except OSError as error:
            if error.errno in _FULL:
                return Refused(Refusal.DISK_FULL)
            raise
        self._discard(key, op.name)
        return Acked()

    def _lay(self, key: Key, item: bytes, now: int) -> Answer:
        name = name_of(item)
        path = self._file_of(key, name)
        held = self._boxes.get(key, name)
        if (held is None or self._boxes.find(key, name, now)) and _whole(path, name) is not None:
            return Stored()
        refusal = self._boxes.refusal(key, len(item), now)
        if refusal is not None and held is None:
            return Refused(refusal)
        try:
            self._write(path, item, now)
        except OSError as error:
            if error.errno in _FULL:
                return Refused(Refusal.DISK_FULL)
            raise
        self._boxes.add(key, name, Entry(now, len(item), path))
        return Stored()

    def _file_of(self, key: Key, name: bytes) -> Path:
        return self._path / (BOARD if key.posted else ITEMS) / f"{key.box.hex()}.{name.hex()}"

    def _write(self, path: Path, content: bytes, now: int | None) -> None:
        """Write a file under another name, bring it to the disk, then give it its own name."""
        part = path.parent / f"{secrets.token_hex(8)}.part"
        try:
            fd = self._files.create(part)
            try:
                self._files.write(fd, 0, content)
                if now is not None:
                    self._turn = max(now * SECOND, self._turn + 1)
                    os.utime(fd, ns=(self._turn, self._turn))
                self._files.sync(fd)
            finally:
                self._files.close(fd)
            self._files.rename(part, path)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.remove(part)
            raise
        self._files.sync_dir(path.parent)

    def _discard(self, key: Key, name: bytes) -> None:
        self._boxes.discard(key, name)
        path = self._file_of(key, name)
        if path.exists():
            self._files.remove(path)
            self._files.sync_dir(path.parent)

    def _scan(self) -> None:
        """Read the folder's names and sizes again; contents are checked when they are read."""
        found: list[tuple[int, str, Key, bytes, Entry[Path]]] = []
        for part in (ITEMS, BOARD):
            for file, shape in _names(self._path / part, _ITEM):
                try:
                    about = file.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # somebody removed it meanwhile
                if stat.S_ISREG(about.st_mode) and about.st_size in SIZES:
                    box, name = bytes.fromhex(shape[1]), bytes.fromhex(shape[2])
                    entry = Entry(about.st_mtime_ns // SECOND, about.st_size, Path(file.path))
                    found.append((about.st_mtime_ns, file.name, Key(box, part == BOARD), name, entry))
        self._boxes = Boxes()
        for _, _, key, name, entry in sorted(found, key=lambda each: each[:2]):
            self._boxes.add(key, name, entry)

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """See `Store.entries`. Damaged files are passed over."""
        with _told():
            self._scan()
            for key, name, entry in self._boxes.walk():
                item = _whole(entry.place, name)
                if item is not None:
                    yield key.box, key.posted, item

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """See `Store.lay`."""
        with _told():
            return self._lay(Key(box, posted), item, now)

    def remove(self, box: bytes, name: bytes) -> None:
        """See `Store.remove`."""
        with _told():
            self._discard(Key(box, posted=False), name)
            self._discard(Key(box, posted=True), name)

    def sweep(self, now: int) -> int:
        """See `Store.sweep`. Remains of interrupted writes go too."""
        with _told():
            self._scan()
            old = self._boxes.outdated(now)
            for key, name in old:
                self._discard(key, name)
            for part in (ITEMS, BOARD, WANTS, ACKS):
                for file, _ in _names(self._path / part, _PART):
                    self._files.remove(Path(file.path))
        return len(old)

    def close(self) -> None:
        """See `Store.close`."""

    # What a carrier needs

    def want(self, want: Want) -> None:
        """Note that the mail of a box is waited for."""
        with _told():
            self._write(self._path / WANTS / want.file_name(), b"", None)

    def unwant(self, want: Want) -> None:
        """Wait for it no longer."""
        with _told():
            self._files.remove(self._path / WANTS / want.file_name())

    def wants(self) -> list[Want]:
        """Return what is waited for, in the order of the names."""
        kinds = {"frame": (FRAME, False), "block": (BLOCK, False), "board": (FRAME, True)}
        with _told():
            names = sorted(shape[0] for _, shape in _names(self._path / WANTS, _WANT))
        return [Want(bytes.fromhex(name[:64]), *kinds[name[65:]]) for name in names]

    def acks(self) -> list[Ack]:
        """Return what was acknowledged here and has not been carried on, in the order of the names."""
        with _told():
            names = sorted(shape[0] for _, shape in _names(self._path / ACKS, _ITEM))
        return [Ack(bytes.fromhex(name[:64]), bytes.fromhex(name[65:])) for name in names]

    def forget_ack(self, ack: Ack) -> None:
        """Forget an ack that was carried on."""
        with _told():
            self._files.remove(self._path / ACKS / f"{ack.ack.hex()}.{ack.name.hex()}")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn OSError into the failure that the caller knows."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        hint = f"The folder reported {name}: look whether the stick is still in and can be written."
        raise DropFailure("store_failed", hint) from error


def _names(folder: Path, shape: re.Pattern[str]) -> list[tuple[os.DirEntry[str], re.Match[str]]]:
    with os.scandir(folder) as files:
        return [(file, match) for file in files if (match := shape.fullmatch(file.name))]


def _whole(path: Path, name: bytes) -> bytes | None:
    """Return a file's bytes if they are the item of that name; never follows a link."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        try:
            item = file.read(BLOCK + 1)
        except OSError:
            return None
    return item if name_of(item) == name else None
