"""Planted: faults in an image of noise, each of which certain tests must catch.

Does        changes an image as a bad vault would be.
Does not    test anything.
Spec        spec/70-vault.md, 1; the faults stand in docs/deniability.md
Always      1. Every test of randomness.py has a fault that it must catch.
Read first  PLANTED
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tercet.vault.geometry import PAGE, STRIDE

CLEAR = b"the heron stands still; " * 2_731  # 64 KiB of plain text


@dataclass(frozen=True)
class Fault:
    """A fault in an image.

    Attributes:
        caught_by: the tests of randomness.py that must catch it.
        plant: changes the image.
    """

    caught_by: frozenset[str]
    plant: Callable[[bytearray, random.Random], None]


def _put(image: bytearray, at: int, data: bytes) -> None:
    image[at : at + len(data)] = data


def _some(image: bytearray, chance: random.Random, every: int) -> list[int]:
    """About one offset in so many, the first 64 left out."""
    return chance.sample(range(64, len(image)), len(image) // every)


def _lean(image: bytearray, chance: random.Random, every: int, back: int) -> None:
    for at in _some(image, chance, every):
        image[at] = image[at - back]


def _bias(image: bytearray, chance: random.Random) -> None:
    for at in _some(image, chance, 128):
        image[at] = 0x53


def _pattern(image: bytearray, chance: random.Random) -> None:
    pattern = chance.randbytes(48)
    for at in _some(image, chance, 16):
        image[at] = pattern[at % 48]


def _head(image: bytearray, chance: random.Random) -> None:
    for at in range(0, len(image), PAGE):
        image[at + 7] = 0x80


def _zero_sector(image: bytearray, chance: random.Random) -> None:
    _put(image, 512 * chance.randrange(len(image) // 512), bytes(512))


def _clear(image: bytearray, chance: random.Random) -> None:
    _put(image, PAGE * chance.randrange((len(image) - len(CLEAR)) // PAGE), CLEAR)


def _slot_twice(image: bytearray, chance: random.Random) -> None:
    _put(image, len(image) // 2, bytes(image[PAGE : PAGE + STRIDE]))


def _sixteen_twice(image: bytearray, chance: random.Random) -> None:
    at = 16 * chance.randrange(8, len(image) // 32)
    _put(image, len(image) // 2 + at, bytes(image[at - 32 : at - 16]))


def _sixteen_twice_askew(image: bytearray, chance: random.Random) -> None:
    at = 16 * chance.randrange(8, len(image) // 32)
    _put(image, len(image) // 2 + at + 5, bytes(image[at - 30 : at - 14]))


PLANTED: dict[str, Fault] = {
    "a sector of zeros": Fault(frozenset({"sectors", "zlib pages", "repeats at 16", "repeats anywhere"}), _zero_sector),
    "a slot twice": Fault(frozenset({"lzma", "repeats at 16", "repeats anywhere"}), _slot_twice),
    "16 bytes twice": Fault(frozenset({"repeats at 16", "repeats anywhere"}), _sixteen_twice),
    "16 bytes twice, at odd offsets": Fault(frozenset({"repeats anywhere"}), _sixteen_twice_askew),
    "a short period": Fault(frozenset({"periods"}), _pattern),
    "bytes as 48 before": Fault(frozenset({"strides"}), lambda image, chance: _lean(image, chance, 32, 48)),
    "bytes as the one before": Fault(
        frozenset({"serial", "pairs", "strides"}), lambda image, chance: _lean(image, chance, 32, 1)
    ),
    "a biased byte": Fault(frozenset({"histogram"}), _bias),
    "a head on every page": Fault(frozenset({"phases"}), _head),
    "plain text": Fault(frozenset({"zlib", "zlib pages", "lzma", "sectors"}), _clear),
}
