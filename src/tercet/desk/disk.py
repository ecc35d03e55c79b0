"""The only calls by which the archive and its exports touch a disk.

Does        makes, reads, writes, moves, syncs and lists files of one folder.
Does not    know what the bytes mean.
Spec        spec/81-archive.md, 5
Always      1. A write is whole or raises.  2. A link in a file's place is never followed.
Read first  Files; the crash tests replace it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in a file's place cannot hang us


class Mark(NamedTuple):
    """What tells that a file is still the same: inode, size in bytes, last change in nanoseconds."""

    inode: int
    size: int
    changed_ns: int


class Files:
    """A disk. Every method raises OSError when the system does."""

    def make_folder(self, path: Path) -> None:
        """Make a folder, mode 0700, if there is none, and make its name durable."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if not path.is_dir():
                raise
        self.sync_folder(path.parent)

    def marks(self, folder: Path) -> dict[str, Mark]:
        """The ordinary files in a folder."""
        found = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[entry.name] = Mark(status.st_ino, status.st_size, status.st_mtime_ns)
        return found

    def create(self, path: Path) -> int:
        """Make a file, mode 0600, or empty the one there; returns its descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)

    def open(self, path: Path) -> int:
        """Open a file for reading and writing, made (mode 0600) if there is none."""
        return os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)

    def open_to_read(self, path: Path) -> int:
        """Open a file for reading."""
        return os.open(path, os.O_RDONLY | _FLAGS)

    def size(self, handle: int) -> int:
        """Bytes in the file."""
        return os.fstat(handle).st_size

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the end of the file."""
        data = os.pread(handle, size, offset)
        while len(data) < size and (more := os.pread(handle, size - len(data), offset + len(data))):
            data += more
        return data

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`; not durable before sync()."""
        done = os.pwrite(handle, data, offset)
        while done < len(data):
            done += os.pwrite(handle, memoryview(data)[done:], offset + done)

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        """Make what was written to this file durable."""
        os.fsync(handle)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name, in one step, over whatever file has it."""
        old.rename(new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def close(self, handle: int) -> None:
        """Close the descriptor."""
        os.close(handle)
