"""What is found in a folder that anybody may have had in hand.

Does        read a file, its size and its time without trusting any of them.
Does not    follow a link, wait at a pipe, or raise for what is not there.
Spec        spec/10-drop.md, 5
Always      1. Bytes are an item only if they have its name.  2. A time far ahead of the clock gives no long life.
Read first  `whole_item`, then `time_of`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tercet.drop.ops import BLOCK, DAY, DropFailure, name_of

SECOND = 1_000_000_000  # nanoseconds
AHEAD = DAY  # seconds by which a file's time may be ahead of the clock; beyond, it has ended


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn OSError into the failure that the caller knows."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        hint = f"The folder reported {name}: look whether the stick is still in and can be written."
        raise DropFailure("store_failed", hint) from error


def time_of(about: os.stat_result, now: int | None) -> int:
    """Return a file's time in seconds; 0, so that it has ended, if it is more than a day ahead of the clock."""
    at = about.st_mtime_ns // SECOND
    return 0 if now is not None and at > now + AHEAD else at


def about_file(file: os.DirEntry[str]) -> os.stat_result | None:
    """Return what the file system says about a file; None for a link, a folder, a pipe, or one that is gone."""
    try:
        about = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return about if stat.S_ISREG(about.st_mode) else None


def whole_item(path: Path, name: bytes) -> bytes | None:
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
