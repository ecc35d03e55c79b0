"""The passes that a relay takes: whoever shows one may post.

Does        read and write the files of passes and of weekly secrets; make passes of a week; compare what a guest shows.
Does not    know whose a pass is, or who showed it.
Spec        spec/10-drop.md, 6, 7 and 7a
Always      1. A file that cannot be read is an error, never an open door.  2. Every pass is compared, all the way.
            3. A pass of a week is none two days after the week.
Read first  `PassFile`, then `shown_is_one`, then `taken_at`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from tercet.drop.address import PASS, base32, from_base32
from tercet.drop.files import Files
from tercet.drop.ops import DropFailure

MOST_PASSES = 64  # of one relay; spec/10-drop.md, 7
MOST_SECRETS = 16  # of one relay; spec/10-drop.md, 7a
SECRET = 32  # bytes of which a relay's passes of all weeks come
GRACE = 2  # days before and after its week in which a pass of a week is taken: both clocks may be a day off
LONGEST_FILE = 4_096  # bytes
_LABEL = b"tercet/1 pass of a week"
_DAY = 86_400  # seconds
_LINE = re.compile(r"[a-z2-7]{26}|[a-z2-7]{52}", re.ASCII)


def _bad(hint: str) -> DropFailure:
    return DropFailure("bad_pass", hint)


def shown_is_one(shown: bytes, passes: Iterable[bytes]) -> bool:
    """Say whether `shown` is one of `passes`, in a time that does not depend on which one or how nearly."""
    found = False
    for each in passes:
        found |= hmac.compare_digest(shown, each)
    return found


def week_pass(secret: bytes, week: int) -> bytes:
    """Make the pass of a week, 16 bytes, of a relay's weekly secret (32 bytes).

    Source: spec/10-drop.md, 7a.
    """
    return hmac.digest(secret, _LABEL + week.to_bytes(4, "big"), "sha256")[:PASS]


def taken_at(secrets: Iterable[bytes], now: int) -> tuple[bytes, ...]:
    """Return the passes of a week that are taken at a moment, seconds: this week's, and near its ends a neighbour's.

    Source: spec/10-drop.md, 7a.
    """
    return _taken_on(tuple(secrets), now // _DAY)


@lru_cache(maxsize=64)  # a relay asks at each request, and the answer changes with the day
def _taken_on(secrets: tuple[bytes, ...], day: int) -> tuple[bytes, ...]:
    weeks = sorted({(day + days + 3) // 7 for days in (-GRACE, 0, GRACE)})
    return tuple(week_pass(secret, week) for secret in secrets for week in weeks)


def read_passes(data: bytes, size: int = PASS) -> tuple[bytes, ...]:
    """Read a file of passes: one a line, 26 characters of base32 and a line end; of weekly secrets 52.

    Args:
        data: the file.
        size: PASS, or SECRET for the file of weekly secrets.

    Raises:
        DropFailure: bad_pass for anything that `write_passes` would not have written.

    Source: spec/10-drop.md, 7 and 7a.
    """
    file, length, most = _SORTS[size]
    lines = data.decode("ascii", "replace").split("\n")
    if lines.pop() or len(lines) > most or not all(_LINE.fullmatch(line) and len(line) == length for line in lines):
        what = f"it has one line of {length} characters for each, and nothing else."
        raise _bad(f"The relay's file `{file}` is damaged: {what}")
    passes = tuple(from_base32(line) for line in lines)
    if write_passes(passes) != data:
        raise _bad(f"The relay's file `{file}` is damaged: put back the lines as the relay wrote them.")
    return passes


def write_passes(passes: Iterable[bytes]) -> bytes:
    """Return the bytes of a file of passes (16 bytes each), or of weekly secrets (32)."""
    return "".join(f"{base32(each)}\n" for each in passes).encode()


_SORTS = {PASS: ("pass", 26, MOST_PASSES), SECRET: ("weekly", 52, MOST_SECRETS)}


class PassFile:
    """The file `pass` or `weekly` beside the relay's key: mode 0600, written whole or not at all.

    Args:
        path: where it is.
        chance: gives that many random bytes.
        files: the file system; tests put theirs here.
        size: PASS, or SECRET for the file of weekly secrets.
    """

    def __init__(
        self,
        path: Path,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        *,
        files: Files | None = None,
        size: int = PASS,
    ) -> None:
        self._path = path
        self._chance = chance
        self._files = files or Files()
        self._size = size
        self._mark: tuple[int, ...] | None = None

    def load(self) -> tuple[bytes, ...]:
        """Return what is there, oldest first; a file of passes that is not there is made, with one.

        Raises:
            DropFailure: bad_pass.
        """
        try:
            self._mark = self._now()
            with open(self._path, "rb") as file:
                return read_passes(file.read(LONGEST_FILE), self._size)
        except FileNotFoundError:
            return self._write((self._chance(PASS),)) if self._size == PASS else ()
        except OSError:
            raise self._failed("cannot be read") from None

    def add(self) -> bytes:
        """Draw one more, write it down and return it. Raises DropFailure (bad_pass)."""
        held = self.load() if self._path.exists() else ()
        most = _SORTS[self._size][2]
        if len(held) == most:
            raise _bad(f"A relay has {most} passes, or weekly secrets, at most: take one back first.")
        return self._write((*held, self._chance(self._size)))[-1]

    def clear(self) -> None:
        """Set the file aside as `pass.ended`, and write one without a line: nothing is taken by it any more.

        Raises:
            DropFailure: bad_pass.
        """
        try:
            self._files.rename(self._path, self._path.with_name(f"{self._path.name}.ended"))
        except OSError:
            raise self._failed("cannot be set aside") from None
        self._write(())

    def changed(self) -> tuple[bytes, ...] | None:
        """Return what is there if the file is another than it was when last looked at, else None.

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

    def _failed(self, why: str) -> DropFailure:
        return _bad(f"The relay's file `{_SORTS[self._size][0]}` {why}: look at the disk and its permissions.")

    def _write(self, passes: tuple[bytes, ...]) -> tuple[bytes, ...]:
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
            raise self._failed("cannot be written") from None
        return passes
