"""Opening a witness's file, and noticing that it changed.

Does        opens ordinary files for reading, without leaving a new access time where the system allows.
Does not    write, lock, or follow what is no ordinary file (a pipe, a device, a folder).
Spec        spec/80-evidence.md, 2
Always      1. No error carries the file's path.
Read first  open_source().
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .errors import EvidenceError

# Not blocking, so that a pipe put in a file's place cannot hang us; no new access time, so that the card
# does not say when its owner read the file.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_QUIET = getattr(os, "O_NOATIME", 0)


class Mark(NamedTuple):
    """What tells that a file is still the same one: device, inode, size (bytes), last change (ns)."""

    device: int
    inode: int
    size: int
    changed_ns: int


def open_source(path: str | Path) -> BinaryIO:
    """Open a file of a witness for reading; the caller closes it.

    Raises:
        EvidenceError: `file_missing`, `file_unreadable`, `file_empty`.
    """
    try:
        file = os.fdopen(_descriptor(path), "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise EvidenceError("file_missing") from None
    except (OSError, ValueError):
        raise EvidenceError("file_unreadable") from None
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return file
    file.close()
    raise EvidenceError("file_empty" if stat.S_ISREG(status.st_mode) else "file_unreadable")


def mark(file: BinaryIO) -> Mark:
    """The mark of an open file."""
    return _mark(os.fstat(file.fileno()))


def check_unchanged(path: str | Path, before: Mark) -> None:
    """Check that the file at a path is still the one marked before, and unchanged.

    Raises:
        EvidenceError: `file_changed`.
    """
    try:
        at_path = _mark(os.stat(path))
    except OSError:
        raise EvidenceError("file_changed") from None
    if at_path != before:
        raise EvidenceError("file_changed")


def _mark(status: os.stat_result) -> Mark:
    return Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _descriptor(path: str | Path) -> int:
    try:
        return os.open(path, _FLAGS | _QUIET)
    except PermissionError:  # another user's file: Linux refuses the quiet way only
        return os.open(path, _FLAGS)
