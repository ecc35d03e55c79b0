"""What the tests of the drop share: items, boxes, certificates, a file system that fails on demand."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tercet.drop import BLOCK, FRAME, RelayAddress, id_of_read, read_of_ack, read_of_post
from tercet.drop.files import Files
from tercet.sealing import relay_identity

PATIENCE = 120  # seconds that a client waits where no test is about waiting: a busy machine is slow
NOW = 1_800_000_000


def frame(seed: int) -> bytes:
    return random.Random(f"frame {seed}").randbytes(FRAME)


def block(seed: int) -> bytes:
    return random.Random(f"block {seed}").randbytes(BLOCK)


@dataclass(frozen=True)
class Box:
    ack: bytes
    read: bytes
    id: bytes


def box(seed: int) -> Box:
    ack = random.Random(f"box {seed}").randbytes(32)
    return Box(ack, read_of_ack(ack), id_of_read(read_of_ack(ack)))


def posted_box(seed: int) -> Box:
    post = random.Random(f"post {seed}").randbytes(32)
    return Box(post, read_of_post(post), id_of_read(read_of_post(post), posted=True))


@cache
def identity(number: int = 0):
    return relay_identity()


@dataclass(frozen=True)
class Certificate:
    cert: Path
    key: Path
    fingerprint: bytes

    def address(self, port: int, host: str = "127.0.0.1") -> RelayAddress:
        return RelayAddress(host, port, self.fingerprint)


def certificate(folder: Path, number: int = 0) -> Certificate:
    made = identity(number)
    cert, key = folder / f"cert{number}.pem", folder / f"key{number}.pem"
    cert.write_bytes(made.cert_pem)
    key.write_bytes(made.key_pem)
    return Certificate(cert, key, made.fingerprint)


class FailingFiles(Files):
    """A file system with so many bytes of room, or with a fault to come."""

    def __init__(self, room: int | None = None) -> None:
        self.room = room
        self.sync_error: int | None = None
        self.syncs = 0
        self.writes = 0

    def write(self, fd: int, offset: int, data: bytes) -> None:
        self.writes += 1
        if self.room is None:
            super().write(fd, offset, data)
            return
        fits = data[: max(0, self.room)]
        super().write(fd, offset, fits)
        self.room -= len(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, "full")

    def cut(self, fd: int, size: int) -> None:
        if self.room is not None:
            self.room += os.fstat(fd).st_size - size
        super().cut(fd, size)

    def sync(self, fd: int) -> None:
        self.syncs += 1
        if self.sync_error is not None:
            raise OSError(self.sync_error, "fault")
        super().sync(fd)


class DyingFiles(Files):
    """Kills the process at the n-th boundary. With `power_cut`, what was not synced is lost or torn first.

    A boundary is each create, write, sync, cut, rename, remove and folder sync. Removed files come back at a power
    cut unless their folder was synced; so do new names vanish.
    """

    def __init__(self, die_at: int, power_cut: bool, seed: int = 0) -> None:
        self.die_at = die_at
        self.power_cut = power_cut
        self.boundaries = 0
        self.chance = random.Random(seed)
        self.paths: dict[int, Path] = {}
        self.durable: dict[Path, bytes] = {}  # what the disk holds of a file that has unsynced writes
        self.fresh: dict[Path, Path] = {}  # names that are not on the disk yet, and their folder
        self.gone: dict[Path, bytes] = {}  # removed names that the disk still has
        self.times: dict[Path, int] = {}  # their times, nanoseconds

    def _boundary(self) -> None:
        self.boundaries += 1
        if self.boundaries == self.die_at:
            if self.power_cut:
                self._lose()
            os._exit(9)

    def _lose(self) -> None:
        for path, held in self.durable.items():
            if path.exists():
                now = path.read_bytes()
                torn = (
                    held + now[len(held) : len(held) + self.chance.randrange(len(now) - len(held) + 1)]
                    if len(now) >= len(held)
                    else held
                )
                path.write_bytes(torn)
        for path in self.fresh:
            path.unlink(missing_ok=True)
        for path, held in self.gone.items():
            path.write_bytes(held)
            os.utime(path, ns=(self.times[path], self.times[path]))

    def create(self, path: Path) -> int:
        self._boundary()
        fd = super().create(path)
        self.paths[fd] = path
        self.fresh[path] = path.parent
        self.durable[path] = b""
        return fd

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self.paths[fd] = path
        return fd

    def write(self, fd: int, offset: int, data: bytes) -> None:
        path = self.paths[fd]
        self.durable.setdefault(path, path.read_bytes())
        self._boundary()
        half = len(data) // 2
        super().write(fd, offset, data[:half])
        self._boundary()
        super().write(fd, offset + half, data[half:])
        self._boundary()

    def sync(self, fd: int) -> None:
        self._boundary()
        super().sync(fd)
        self.durable.pop(self.paths[fd], None)
        self._boundary()

    def sync_dir(self, path: Path) -> None:
        self._boundary()
        self.fresh = {name: folder for name, folder in self.fresh.items() if folder != path}
        self.gone = {name: held for name, held in self.gone.items() if name.parent != path}
        self._boundary()

    def rename(self, old: Path, new: Path) -> None:
        self._boundary()
        super().rename(old, new)
        self.fresh.pop(old, None)
        self.fresh[new] = new.parent
        if old in self.durable:
            self.durable[new] = self.durable.pop(old)
        self._boundary()

    def remove(self, path: Path) -> None:
        self._boundary()
        if path.exists() and path not in self.fresh:
            self.gone[path] = self.durable.get(path, path.read_bytes())
            self.times[path] = path.stat().st_mtime_ns
        super().remove(path)
        self._boundary()


def in_a_child(work) -> int:
    """Run `work` in a forked child; return its exit status (0 done, 9 killed at a boundary)."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
