"""The only calls by which the vault touches a disk.

Does        reads, writes, syncs and locks one file by offset.
Does not    know what the bytes mean.
Spec        spec/70-vault.md, 6
Always      1. A write is whole or raises.  2. What is missing from a file reads as zeros.
Read first  Files; the crash tests replace it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path


class Files:
    """A disk. Every method raises OSError when the system does."""

    def create(self, path: Path) -> int:
        """Make a new file, mode 0600, and return its descriptor; FileExistsError if the name is taken."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """Open a regular file for reading and writing and return its descriptor."""
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "not a regular file")
        return handle

    def lock(self, handle: int) -> None:
        """Take the file for this descriptor alone; BlockingIOError if another one has it."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def size(self, handle: int) -> int:
        """Bytes in the file."""
        return os.fstat(handle).st_size

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`; zeros stand for what lies behind the end."""
        data = os.pread(handle, size, offset)
        while len(data) < size:
            more = os.pread(handle, size - len(data), offset + len(data))
            if not more:
                return data.ljust(size, b"\0")
            data += more
        return data

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`; not durable before sync()."""
        done = os.pwrite(handle, data, offset)
        while done < len(data):
            done += os.pwrite(handle, memoryview(data)[done:], offset + done)

    def sync(self, handle: int) -> None:
        """Make every write so far durable."""
        os.fdatasync(handle)

    def sync_folder(self, path: Path) -> None:
        """Make the name of a new file durable."""
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self, handle: int) -> None:
        """Close the descriptor and give the lock back."""
        os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file that was not finished."""
        path.unlink(missing_ok=True)
