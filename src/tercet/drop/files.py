"""The few things a store asks of a file system, in one place.

Does        create, append, read, sync, cut, rename and remove files.
Does not    know what is in them.
Spec        spec/10-drop.md, 4 and 5
Always      1. `append` writes everything or raises.  2. Nothing is durable before `sync` (and `sync_dir`) return.
Read first  `Files`; the tests put one in its place that counts, kills, forgets and fills up.
"""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class Files:
    """The real file system. Every method may raise OSError."""

    def folder(self, path: Path) -> None:
        """Make a folder (mode 0700) if there is none."""
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """Make a new file (mode 0600) and return its descriptor; the caller closes it."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)

    def open(self, path: Path) -> int:
        """Open a file to read and append; the caller closes the descriptor."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def write(self, fd: int, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            done = os.pwrite(fd, view, offset)
            view, offset = view[done:], offset + done

    def read(self, fd: int, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return os.pread(fd, length, offset)

    def sync(self, fd: int) -> None:
        """Return when the file's bytes are on the disk."""
        os.fdatasync(fd)

    def sync_dir(self, path: Path) -> None:
        """Return when the names in a folder are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def cut(self, fd: int, size: int) -> None:
        """Cut a file to `size` bytes."""
        os.ftruncate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, in one step; what had that name is gone."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens if there is none."""
        path.unlink(missing_ok=True)
