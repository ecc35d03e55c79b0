"""What a file shows to somebody without a passphrase.

Does        counts bytes, repeats, zeros and what packs.
Does not    decide what is odd about a file of noise.
Spec        spec/70-vault.md, 1
Always      1. Pure: bytes in, numbers out.
Read first  measured().
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from dataclasses import dataclass
from operator import mul

PAGE = 4_096
PIECE = 16
SIGMAS = 6.0  # of a normal distribution: once in 10^9 by chance


@dataclass(frozen=True)
class Measured:
    """The numbers; what noise has stands beside each."""

    size: int
    chi: float  # of the histogram, in standard deviations from 255: about 0
    pages_odd: int  # pages that lack more than 16 of the 256 bytes: 0
    serial: float  # correlation of neighbouring bytes, in standard deviations: about 0
    repeated: int  # pieces of 16 bytes that stand twice: 0
    packed: float  # size after deflate by size before: 1.0 and a little
    readable: int  # longest run of printable ASCII: about 15 in 16 MiB

    @property
    def noise(self) -> bool:
        """Whether none of it could be told from bytes drawn by chance."""
        even = abs(self.chi) < SIGMAS and abs(self.serial) < SIGMAS and not self.pages_odd
        return even and not self.repeated and self.packed >= 1.0 and self.readable < 32


def measured(image: bytes) -> Measured:
    """Measure a file."""
    pages = [image[at : at + PAGE] for at in range(0, len(image), PAGE)]
    pieces = len(image) // PIECE
    distinct = len({image[at : at + PIECE] for at in range(0, pieces * PIECE, PIECE)})
    longest = max(map(len, _printable(image)), default=0)
    packed = len(zlib.compress(image, 1)) / max(len(image), 1)
    odd = sum(len(set(page)) < 240 for page in pages if len(page) == PAGE)
    return Measured(len(image), _chi(image), odd, _serial(image), pieces - distinct, packed, longest)


def _chi(data: bytes) -> float:
    counts = Counter(data)
    even = len(data) / 256
    chi = sum((counts.get(byte, 0) - even) ** 2 for byte in range(256)) / max(even, 1e-9)
    return (chi - 255) / math.sqrt(2 * 255)


def _serial(image: bytes) -> float:
    """Correlation of each byte with the next, times the root of their number; of 64 pieces from all of the image."""
    step = max(len(image) // 64, 1)
    data = b"".join(image[at : at + 4 * PAGE] for at in range(0, len(image), step))
    count = len(data) - 1
    if count < 2:
        return 0.0
    mean = sum(data) / len(data)
    total = sum(map(mul, data, data[1:]))
    spread = sum(map(mul, data, data)) / len(data) - mean * mean
    return (total / count - mean * mean) / max(spread, 1e-9) * math.sqrt(count)


def _printable(data: bytes) -> list[bytes]:
    table = bytes(byte if 0x20 <= byte < 0x7F else 0 for byte in range(256))
    return data.translate(table).split(b"\0")
