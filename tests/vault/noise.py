"""Finds what is not noise in an image of a vault."""

from __future__ import annotations

import zlib
from collections import Counter

PAGE = 4_096


def faults(image: bytes) -> list[str]:
    """Name all that random bytes would not show; a false alarm comes less than once in a million images."""
    found = []
    pages = [image[n : n + PAGE] for n in range(0, len(image), PAGE)]
    for n, page in enumerate(pages):
        if _unlike_noise(page):
            found.append(f"page {n}: bytes are not spread evenly")
        if len(zlib.compress(page, 1)) < len(page):
            found.append(f"page {n}: it can be compressed")
    if _unlike_noise(image):
        found.append("the whole: bytes are not spread evenly")
    seen: set[bytes] = set()
    for n in range(0, len(image), 16):
        piece = image[n : n + 16]
        if piece in seen:
            found.append(f"offset {n}: 16 bytes that stood before")
        seen.add(piece)
    return found


def _unlike_noise(data: bytes) -> bool:
    """Chi-square over byte values: 255 degrees of freedom, mean 255, deviation 22.6; the limits are 7 to 9 off."""
    expected = len(data) / 256
    counts = Counter(data)
    chi = sum((counts.get(value, 0) - expected) ** 2 for value in range(256)) / expected
    return not 100 < chi < 460
