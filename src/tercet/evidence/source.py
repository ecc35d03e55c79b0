"""The second pass over a media file: pieces of one block each, on their way out.

Does        reads a file piece by piece and holds it to the hash of the first pass.
Does not    seal the pieces, or remember them.
Spec        spec/80-evidence.md, 5
Always      1. The last piece is handed out only if the whole file is the one first read.
            2. At most one piece is in memory.
Read first  SourceFile.chunk().
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Self

from tercet.sealing import BLOCK_DATA

from .errors import EvidenceError
from .files import mark, open_source


class SourceFile:
    """An announced file, open for its second pass. Close it, or use it in a `with`.

    Pieces may be asked for in any order. Going forward past pieces nobody asked for reads and hashes
    them (that is what a resumed send does first); going back reads the one piece again.

    Args:
        path: where the file lies now.
        size: bytes, from the first pass.
        sha256: 32 bytes, from the first pass.

    Raises:
        EvidenceError: `file_missing`, `file_unreadable`, `file_empty`; `file_changed` if its size is another.

    Source: spec/80-evidence.md, 5.
    """

    def __init__(self, path: str | Path, size: int, sha256: bytes) -> None:
        self.size = size
        self.count = -(-size // BLOCK_DATA)
        self._sha256 = sha256
        self._running = hashlib.sha256()
        self._hashed = 0  # pieces in the running hash
        self._file = open_source(path)
        self._mark = mark(self._file)
        if self._mark.size != size:
            self.close()
            raise EvidenceError("file_changed")

    def chunk(self, index: int) -> bytes:
        """One piece: 262,103 bytes, the last one maybe fewer, never none.

        Raises:
            EvidenceError: `file_changed`; `file_unreadable`, the card was pulled out.
            IndexError: the file has no such piece.
        """
        if not 0 <= index < self.count:
            raise IndexError("no such piece")
        try:
            while self._hashed < index:
                self._read_on()
            piece = self._read_on() if index == self._hashed else self._read(index)
            if mark(self._file) != self._mark:
                raise EvidenceError("file_changed")
        except OSError:
            raise EvidenceError("file_unreadable") from None
        if index == self.count - 1 and self._running.digest() != self._sha256:
            raise EvidenceError("file_changed")
        return piece

    def close(self) -> None:
        """Close the file; twice is no error."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_on(self) -> bytes:
        piece = self._read(self._hashed)
        self._running.update(piece)
        self._hashed += 1
        return piece

    def _read(self, index: int) -> bytes:
        start = index * BLOCK_DATA
        self._file.seek(start)
        piece = self._file.read(BLOCK_DATA)
        if len(piece) != min(BLOCK_DATA, self.size - start):
            raise EvidenceError("file_changed")
        return piece
