"""Disks that fail on purpose: one that records, one that kills its process, one that loses its power."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from tercet.sealing import BLOCK, LOW_COST
from tercet.vault import Files, Vault, create, open_vault

SIZE = 4 * 1_048_576
REAL, NOTEBOOK = "the heron stands still", "shopping and sums"
SECTOR = 4_096


class RecordingDisk(Files):
    """Remembers the offset and the length of every read and write, and every sync."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def read(self, handle: int, offset: int, size: int) -> bytes:
        self.calls.append(("read", offset, size))
        return super().read(handle, offset, size)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self.calls.append(("write", offset, len(data)))
        super().write(handle, offset, data)

    def sync(self, handle: int) -> None:
        self.calls.append(("sync", 0, 0))
        super().sync(handle)


class KillingDisk(Files):
    """Ends the process at the n-th write or sync; `part` of that write (0 to 1) still reaches the file."""

    def __init__(self, after: int, part: float) -> None:
        self.left, self.part = after, part

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self._count(handle, offset, data)
        super().write(handle, offset, data)

    def sync(self, handle: int) -> None:
        self._count(handle, 0, b"")

    def _count(self, handle: int, offset: int, data: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            super().write(handle, offset, data[: int(len(data) * self.part)])
            os._exit(9)


class SparingDisk(RecordingDisk):
    """Leaves a stretch of the file as it was: the planted fault of a commit that overwrites too little."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.spared = range(start, end)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        if offset not in self.spared:
            super().write(handle, offset, data)


class PowerCut(Exception):
    """The power went."""


class PowerDisk(Files):
    """A file in memory; when the power goes, what no sync covered is old or new, by chance.

    `sync` may be told to lie (it returns and makes nothing durable): the planted fault of the tests.
    """

    def __init__(self, image: bytes, chance: random.Random, calls: int, lying: bool = False) -> None:
        self.durable, self.now = bytearray(image), bytearray(image)
        self.chance, self.calls, self.lying = chance, calls, lying
        self.dirty: list[tuple[int, int]] = []

    def open(self, path: Path) -> int:
        return 0

    def close(self, handle: int) -> None:
        pass

    def lock(self, handle: int) -> None:
        pass

    def size(self, handle: int) -> int:
        return len(self.now)

    def read(self, handle: int, offset: int, size: int) -> bytes:
        return bytes(self.now[offset : offset + size]).ljust(size, b"\0")

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self.now[offset : offset + len(data)] = data
        self.dirty.append((offset, len(data)))
        self._tick()

    def sync(self, handle: int) -> None:
        self._tick()
        if not self.lying:
            for offset, size in self.dirty:
                self.durable[offset : offset + size] = self.now[offset : offset + size]
            self.dirty.clear()

    def cut(self) -> bytes:
        """What is on the disk after the power went: some writes, or some sectors, and one sector torn in two."""
        pieces = self.dirty
        if self.chance.random() < 0.5:
            pieces = [(n, SECTOR) for offset, size in self.dirty for n in range(offset, offset + size, SECTOR)]
        kept = self.chance.random()
        for offset, size in pieces:
            if self.chance.random() < kept:
                self.durable[offset : offset + size] = self.now[offset : offset + size]
        if pieces:
            start, size = self.chance.choice(pieces)
            end = start + self.chance.randrange(size)
            self.durable[start:end] = self.now[start:end]
        return bytes(self.durable)

    def _tick(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise PowerCut


def new_vault(path: Path, size: int = SIZE) -> Path:
    create(path, REAL, NOTEBOOK, size=size, cost=LOW_COST)
    return path


def unlock(path: Path, passphrase: str = REAL, files: Files | None = None) -> Vault:
    return open_vault(path, passphrase, cost=LOW_COST, files=files or Files())


def die(path: Path, passphrase: str, live: Callable[[Vault, Callable[[], None]], None], disk: KillingDisk) -> int:
    """Open a vault in a child that dies at a boundary; return how often it said that something was done."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with unlock(path, passphrase, disk) as vault:
                live(vault, lambda: _say(tell))
        finally:
            os._exit(0)
    os.close(tell)
    done = b""
    while more := os.read(hear, 64):
        done += more
    os.close(hear)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, "it was not killed"
    return len(done)


def _say(pipe: int) -> None:
    os.write(pipe, b".")


def some_block(name: int) -> tuple[bytes, bytes]:
    """A ref and a block that differ for each name."""
    mark = name.to_bytes(16, "big")
    return mark, mark * (BLOCK // 16)
