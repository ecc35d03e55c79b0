"""A folder as a drop: what a USB stick or a memory card holds for one relay.

Does        keep one file an item; keep what those who read here wait for (`wants`) and have read (`acks`),
            so that a carrier without any key can serve them.
Does not    trust what it finds: foreign and damaged files are passed over, and left alone; what is too much is refused.
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
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tercet.drop.boxes import Boxes, Entry, Key
from tercet.drop.files import Files
from tercet.drop.found import SECOND, about_file, time_of, told, whole_item
from tercet.drop.memory import acked_box, target
from tercet.drop.ops import (
    BLOCK,
    DAY,
    FRAME,
    READ_LIMIT,
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

ITEMS, MAIL, BOARD, WANTS, OTHERS, ACKS = PARTS = "items", "mail", "board", "wants", "others", "acks"
ERRAND_LIFETIME = 40 * DAY  # seconds that a want or an ack is kept; spec/10-drop.md, 5
RENEWED = DAY  # seconds after which a want that is still waited for gets a new date
MOST_FILES = 65_536  # names looked at in one folder
MOST_ITEMS = 32_768  # items laid; beyond, the folder is full
MOST_ITEMS_HANDED = 16_384  # items here, up to which those of another stick are taken
MOST_WANTS = 16_384  # wants served, those of who reads here first
MOST_ACKS = 16_384  # acks kept
MOST_HANDED = 8_192  # wants or acks here, up to which those of another stick are taken: the rest is for who reads here
MOST_SHOWN = 4_096  # frames of one box that a folder or a carrier shows or takes in one go
_ITEM = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})", re.ASCII)
_WANT = re.compile(r"([0-9a-f]{64})\.(frame|block|board)", re.ASCII)
_PART = re.compile(r"[0-9a-f]{16}\.part", re.ASCII)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Want:
    """A box whose mail somebody waits for who reads here: read secret (32 bytes), item size, kind of box."""

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

    It differs from other stores in what a reader finds: all that lies here of a box, whatever `start` and `limit` say,
    because those count what lies at the relay; and each read is also noted as a want, each ack kept for the carrier.

    Threads of one device may call `apply` at once. The folder is read again at each `apply`, `entries` and `sweep`, so
    two processes may share one: each item stays whole, though both together may lay more than a box's limit.

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
        self._held = 0  # items
        self._kept = 0  # acks
        self._now: int | None = None  # the time last told
        self._seen = False
        self._overfull: set[str] = set()
        self._alone = threading.Lock()
        self._turn = 0  # nanoseconds; no two files laid by this store share a time
        with told():
            self._make()

    def _make(self) -> None:
        folders = [self._path, *(self._path / name for name in PARTS)]
        if any(folder.is_symlink() for folder in folders):
            raise DropFailure(
                "store_failed", "A folder on the stick is a link to somewhere else: do not use this stick."
            )
        missing = [folder for folder in folders if not folder.exists()]
        for folder in missing:
            self._files.folder(folder)
        for above in {folder.parent for folder in missing}:
            self._files.sync_dir(above)

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`; a READ shows the whole box and is noted as a want, an ACK is also kept for the carrier.

        At most 4,096 frames are shown, and `more` is never said. An ACK is kept whether the item lay here or not.

        Source: spec/10-drop.md, 5.
        """
        with self._alone, told():
            self._now = now
            self._scan()
            return [self._one(op, now) for op in ops]

    def _one(self, op: Op, now: int) -> Answer:
        if isinstance(op, Read):
            return self._show(op, now)
        if isinstance(op, Ack):
            return self._ack(op, now)
        return self._lay(target(op), op.item, now, ITEMS)

    def _show(self, op: Read, now: int) -> Items:
        self._wait_for(op, now)
        found: list[bytes] = []
        more = True
        while more and len(found) < MOST_SHOWN:
            page = replace(op, start=len(found), limit=READ_LIMIT[op.size])
            shown = self._boxes.show(page, now, lambda name, entry: whole_item(entry.place, name))
            found += shown.items
            more = shown.more
        return Items(tuple(found), more=False)

    def _wait_for(self, op: Read, now: int) -> None:
        """Note a read as a want. A stick that is full or closed for writing still shows what it has."""
        if op.posted and op.size != FRAME:
            return
        try:
            self._note(self._path / WANTS / Want(op.read, op.size, op.posted).file_name(), now, now)
        except OSError as error:
            if error.errno not in _FULL | _CLOSED:
                raise

    def _note(self, path: Path, since: int, now: int) -> None:
        try:
            about = path.lstat()
        except FileNotFoundError:
            self._write(path, b"", since * SECOND)
            return
        if stat.S_ISREG(about.st_mode) and time_of(about, now) + RENEWED <= since:
            os.utime(path, ns=(since * SECOND, since * SECOND))

    def _ack(self, op: Ack, now: int, most: int | None = None) -> Answer:
        key = acked_box(op)
        path = self._path / ACKS / f"{op.ack.hex()}.{op.name.hex()}"
        new = not path.exists()
        if new and self._kept >= (most or MOST_ACKS):
            return Refused(Refusal.DISK_FULL)
        try:
            self._write(path, b"", now * SECOND)
        except OSError as error:
            if error.errno in _FULL:
                return Refused(Refusal.DISK_FULL)
            raise
        self._kept += new
        self._discard(key, op.name)
        return Acked()

    def _lay(self, key: Key, item: bytes, now: int, part: str, most: int | None = None) -> Answer:
        name = name_of(item)
        path = self._file_of(BOARD if key.posted else part, key, name)
        held = self._boxes.get(key, name)
        alive = held is None or self._boxes.find(key, name, now) is not None
        if alive and any(whole_item(place, name) is not None for place in (path, held.place if held else path)):
            return Stored()
        refusal = Refusal.DISK_FULL if self._held >= (most or MOST_ITEMS) else self._boxes.refusal(key, len(item), now)
        if refusal is not None and held is None:
            return Refused(refusal)
        self._turn = max(now * SECOND, self._turn + 1)
        try:
            self._write(path, item, self._turn)
        except OSError as error:
            if error.errno in _FULL:
                return Refused(Refusal.DISK_FULL)
            raise
        if held is not None and held.place != path:
            self._files.remove(held.place)
        self._held += held is None
        self._boxes.add(key, name, Entry(now, len(item), path))
        return Stored()

    def _file_of(self, part: str, key: Key, name: bytes) -> Path:
        return self._path / part / f"{key.box.hex()}.{name.hex()}"

    def _write(self, path: Path, content: bytes, at: int) -> None:
        """Write a file under another name, bring it to the disk, then give it its own name; `at` in nanoseconds."""
        part = path.parent / f"{secrets.token_hex(8)}.part"
        try:
            fd = self._files.create(part)
            try:
                self._files.write(fd, 0, content)
                os.utime(fd, ns=(at, at))
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
        for part in (BOARD,) if key.posted else (ITEMS, MAIL):
            path = self._file_of(part, key, name)
            if path.exists():
                self._files.remove(path)
                self._files.sync_dir(path.parent)

    def _look(self, now: int) -> None:
        """Take note of the time, and read the folder if that was never done."""
        self._now = now
        if not self._seen:
            self._scan()

    def _scan(self) -> None:
        """Read the folder's names and sizes again; contents are checked when they are read."""
        self._kept = len(self._names(ACKS, _ITEM))
        found: list[tuple[int, str, Key, bytes, Entry[Path]]] = []
        for part in (BOARD, MAIL, ITEMS):
            for file, shape in self._names(part, _ITEM):
                about = about_file(file)
                if about is not None and about.st_size in SIZES:
                    box, name = bytes.fromhex(shape[1]), bytes.fromhex(shape[2])
                    entry = Entry(time_of(about, self._now), about.st_size, Path(file.path))
                    found.append((about.st_mtime_ns, file.name, Key(box, part == BOARD), name, entry))
        self._boxes, self._held, self._seen = Boxes(), len(found), True
        for _, _, key, name, entry in sorted(found, key=lambda each: each[:2]):
            held = self._boxes.get(key, name)
            if held is None or held.place.parent.name == MAIL:  # of two copies, the one that still has to go
                self._boxes.add(key, name, entry)

    def entries(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """See `Store.entries`. Damaged files are passed over."""
        yield from self._entries(PARTS)

    def _entries(self, parts: tuple[str, ...]) -> Iterator[tuple[bytes, bool, bytes]]:
        with told():
            self._scan()
            for key, name, entry in self._boxes.walk():
                item = whole_item(entry.place, name) if entry.place.parent.name in parts else None
                if item is not None:
                    yield key.box, key.posted, item

    def lay(self, box: bytes, posted: bool, item: bytes, now: int) -> Answer:
        """See `Store.lay`. Only carriers lay so: beyond 16,384 items it is refused (disk_full)."""
        with told():
            self._look(now)
            return self._lay(Key(box, posted), item, now, ITEMS, MOST_ITEMS_HANDED)

    def remove(self, box: bytes, name: bytes) -> None:
        """See `Store.remove`."""
        with told():
            self._discard(Key(box, posted=False), name)
            self._discard(Key(box, posted=True), name)

    def sweep(self, now: int) -> int:
        """See `Store.sweep`. Old wants and acks, and remains of interrupted writes, go too."""
        with told():
            self._now = now
            self._scan()
            old = self._boxes.outdated(now)
            for key, name in old:
                self._discard(key, name)
            for part, shape in ((WANTS, _WANT), (OTHERS, _WANT), (ACKS, _ITEM)):
                for errand, since in self._errands(part, shape, now):
                    if since + ERRAND_LIFETIME <= now:
                        self._files.remove(self._path / part / errand)
            for part in PARTS:
                for file, _ in self._names(part, _PART):
                    self._files.remove(Path(file.path))
        return len(old)

    def close(self) -> None:
        """See `Store.close`."""

    # What a carrier needs

    def outgoing(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """Yield, as `entries` does, what was laid here and is not known to lie at the relay."""
        return self._entries((ITEMS,))

    def incoming(self) -> Iterator[tuple[bytes, bool, bytes]]:
        """Yield, as `entries` does, what lies or lay at the relay: mail, and items of the board."""
        return self._entries((MAIL, BOARD))

    def take(self, box: bytes, posted: bool, item: bytes, now: int, handed: bool = False) -> Answer:
        """Lay an item that lies at the relay: it is here to be read, not to be carried there.

        One that another stick hands on (`handed`) is refused beyond 16,384 items (disk_full).
        """
        with told():
            self._look(now)
            return self._lay(Key(box, posted), item, now, MAIL, MOST_ITEMS_HANDED if handed else None)

    def take_ack(self, ack: Ack, now: int) -> Answer:
        """Keep an ack that another stick hands on, and remove its item. Beyond 8,192 it is refused (disk_full)."""
        with told():
            self._look(now)
            return self._ack(ack, now, MOST_HANDED)

    def settle(self, box: bytes, name: bytes) -> None:
        """Note that an outgoing item lies at the relay now; whoever waits for it here still reads it."""
        key = Key(box, posted=False)
        old, path = self._file_of(ITEMS, key, name), self._file_of(MAIL, key, name)
        item = whole_item(old, name)
        if item is None:
            return
        with told():
            try:
                arrived = old.lstat().st_mtime_ns
                if self._now is not None:
                    arrived = min(arrived, self._now * SECOND)
                self._write(path, item, arrived)
                self._files.remove(old)  # not renamed: on some file systems a power cut then takes both names
                self._files.sync_dir(old.parent)
            except OSError as error:
                if error.errno in _FULL:
                    return  # it stays where it is, and will be offered to the relay again
                raise
        self._boxes.add(key, name, Entry(arrived // SECOND, len(item), path))

    def holds(self, box: bytes, posted: bool, name: bytes) -> bool:
        """Say whether an item lies here whole and has not ended, as of the last look at the folder or later."""
        with told():
            if not self._seen:
                self._scan()
        key = Key(box, posted)
        entry = self._boxes.get(key, name) if self._now is None else self._boxes.find(key, name, self._now)
        return entry is not None and whole_item(entry.place, name) is not None

    def want(self, want: Want, since: int, now: int | None = None) -> Answer:
        """Note that somebody who reads elsewhere waits for the mail of a box.

        Args:
            want: the box.
            since: since when, seconds; a later time replaces an earlier one.
            now: whole seconds UTC; `since` if not given.

        Returns:
            Stored, or Refused (disk_full).
        """
        with told():
            try:
                self._note(self._path / OTHERS / want.file_name(), since, since if now is None else now)
            except OSError as error:
                if error.errno in _FULL:
                    return Refused(Refusal.DISK_FULL)
                raise
        return Stored()

    def wants(self, now: int) -> dict[Want, int]:
        """Return what is waited for, and since when: at most 16,384, none older than 40 days.

        First what whoever reads here waits for, then what was handed on; of each the newest first.
        """
        kinds = {"frame": (FRAME, False), "block": (BLOCK, False), "board": (FRAME, True)}
        found: dict[str, int] = {}
        with told():
            for part in (WANTS, OTHERS):
                fresh = [each for each in self._errands(part, _WANT, now) if each[1] + ERRAND_LIFETIME > now]
                for name, since in sorted(fresh, key=lambda each: (-each[1], each[0])):
                    found.setdefault(name, since)
        served = islice(found.items(), MOST_WANTS)
        return {Want(bytes.fromhex(name[:64]), *kinds[name[65:]]): since for name, since in served}

    def is_read(self, now: int) -> bool:
        """Say whether somebody who reads here waits for mail; what was handed on does not count."""
        with told():
            return any(since + ERRAND_LIFETIME > now for _, since in self._errands(WANTS, _WANT, now))

    def acks(self, now: int) -> list[Ack]:
        """Return what was acknowledged here in the last 40 days and not carried on, in the order of the names."""
        with told():
            names = sorted(name for name, since in self._errands(ACKS, _ITEM, now) if since + ERRAND_LIFETIME > now)
        return [Ack(bytes.fromhex(name[:64]), bytes.fromhex(name[65:])) for name in names]

    def forget_ack(self, ack: Ack) -> None:
        """Forget an ack that was carried on."""
        with told():
            self._files.remove(self._path / ACKS / f"{ack.ack.hex()}.{ack.name.hex()}")

    def overfull(self) -> list[str]:
        """Return which folders had more than 65,536 names when last looked at; those beyond were passed over."""
        return sorted(self._overfull)

    def _errands(self, part: str, shape: re.Pattern[str], now: int) -> list[tuple[str, int]]:
        """Return the names of wants or acks, and their times in seconds."""
        self._now = now
        found = []
        for file, _ in self._names(part, shape):
            about = about_file(file)
            if about is not None:
                found.append((file.name, time_of(about, now)))
        return found

    def _names(self, part: str, shape: re.Pattern[str]) -> list[tuple[os.DirEntry[str], re.Match[str]]]:
        with os.scandir(self._path / part) as files:
            some = list(islice(files, MOST_FILES + 1))
        (self._overfull.add if len(some) > MOST_FILES else self._overfull.discard)(part)
        return [(file, match) for file in some[:MOST_FILES] if (match := shape.fullmatch(file.name))]
