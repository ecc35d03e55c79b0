"""The passes that a relay takes: whoever shows one may post.

Does        read and write the file of passes; compare what a guest shows.
Does not    know whose a pass is, or who showed it.
Spec        spec/10-drop.md, 6 and 7
Always      1. A file that cannot be read is an error, never an open door.  2. Every pass is compared, all the way.
Read first  `PassFile`, then `shown_is_one`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from tercet.drop.address import PASS, base32, from_base32
from tercet.drop.files import Files
from tercet.drop.ops import DropFailure

MOST_PASSES = 64  # of one relay; spec/10-drop.md, 7
LONGEST_FILE = 4_096  # bytes
_LINE = re.compile(r"[a-z2-7]{26}", re.ASCII)


def _bad(hint: str) -> DropFailure:
    return DropFailure("bad_pass", hint)


def shown_is_one(shown: bytes, passes: Iterable[bytes]) -> bool:
    """Say whether `shown` is one of `passes`, in a time that does not depend on which one or how nearly."""
    found = False
    for each in passes:
        found |= hmac.compare_digest(shown, each)
    return found


def read_passes(data: bytes) -> tuple[bytes, ...]:
    """Read a file of passes: one a line, 26 characters of base32 and a line end.

    Raises:
        DropFailure: bad_pass for anything that `write_passes` would not have written.

    Source: spec/10-drop.md, 7.
    """
    lines = data.decode("ascii", "replace").split("\n")
    if lines.pop() or len(lines) > MOST_PASSES or not all(_LINE.fullmatch(line) for line in lines):
        raise _bad("The relay's file `pass` is damaged: it has one pass a line, of 26 characters, and nothing else.")
    passes = tuple(from_base32(line) for line in lines)
    if write_passes(passes) != data:
        raise _bad("The relay's file `pass` is damaged: put back the lines as the relay wrote them.")
    return passes


def write_passes(passes: Iterable[bytes]) -> bytes:
    """Return the bytes of a file of passes (16 bytes each)."""
    return "".join(f"{base32(each)}\n" for each in passes).encode()


class PassFile:
    """The file `pass` beside the relay's key: mode 0600, written whole or not at all.

    Args:
        path: where it is.
        chance: gives that many random bytes.
        files: the file system; tests put theirs here.
    """

    def __init__(
        self, path: Path, chance: Callable[[int], bytes] = secrets.token_bytes, *, files: Files | None = None
    ) -> None:
        self._path = path
        self._chance = chance
        self._files = files or Files()
        self._mark: tuple[int, ...] | None = None

    def load(self) -> tuple[bytes, ...]:
        """Return the passes, oldest first; a file that is not there is made, with one.

        Raises:
            DropFailure: bad_pass.
        """
        try:
            self._mark = self._now()
            with open(self._path, "rb") as file:
                return read_passes(file.read(LONGEST_FILE))
        except FileNotFoundError:
            return self._write(())
        except OSError:
            raise _bad("The relay's file `pass` cannot be read: look at the disk and its permissions.") from None

    def add(self) -> bytes:
        """Draw one more pass, write it down and return it. Raises DropFailure (bad_pass)."""
        passes = self.load() if self._path.exists() else ()
        if len(passes) == MOST_PASSES:
            raise _bad(f"A relay has {MOST_PASSES} passes at most: take one back first.")
        return self._write(passes)[-1]

    def changed(self) -> tuple[bytes, ...] | None:
        """Return the passes if the file is another than it was when last looked at, else None.

        A file that is gone has not changed: the passes stay as they were. Raises DropFailure (bad_pass), once.
        """
        try:
            mark = self._now()
        except OSError:
            return None
        return None if mark == self._mark else self.load()

    def _now(self) -> tuple[int, ...]:
        about = self._path.stat()
        return about.st_ino, about.st_mtime_ns, about.st_size

    def _write(self, before: tuple[bytes, ...]) -> tuple[bytes, ...]:
        passes = (*before, self._chance(PASS))
        fresh = self._path.with_name(f"{secrets.token_hex(8)}.part")
        try:
            fd = self._files.create(fresh)
            try:
                self._files.write(fd, 0, write_passes(passes))
                self._files.sync(fd)
            finally:
                self._files.close(fd)
            self._files.rename(fresh, self._path)
            self._files.sync_dir(self._path.parent)
            self._mark = self._now()
        except OSError:
            raise _bad("The relay's file `pass` cannot be written: look at the disk and its permissions.") from None
        return passes
