"""MessagePack without types: whatever stands in bytes that somebody else wrote.

Does        reads values; walks them leaf by leaf, into bytes that are arrays themselves.
Does not    know what a value means.
Spec        https://github.com/msgpack/msgpack/blob/master/spec.md; spec/00-overview.md, 4
Always      1. Bytes that are no value raise ValueError.
Read first  read(), leaves().
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

Path = tuple[int, ...]

_NUMBERS = {
    **{0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"},
    **{0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q", 0xCA: ">f", 0xCB: ">d"},
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_LONG = {  # first byte: what follows, size of its length
    **{0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4)},
    **{0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4)},
    **{0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)},
}
DEEPEST = 64


def read(data: bytes, at: int = 0, depth: int = 0) -> tuple[Any, int]:
    """The value that begins at `at`, and where it ends."""
    if at >= len(data) or depth > DEEPEST:
        raise ValueError("no value")
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return (first if first < 0x80 else first - 0x100), at
    if first in _CONSTANTS:
        return _CONSTANTS[first], at
    if first in _NUMBERS:
        size = struct.calcsize(_NUMBERS[first])
        return struct.unpack(_NUMBERS[first], _cut(data, at, size))[0], at + size
    if first in _LONG:
        what, size = _LONG[first]
        length = int.from_bytes(_cut(data, at, size), "big")
        at += size
    elif first < 0xC0:
        what, length = (
            ("map" if first < 0x90 else "array" if first < 0xA0 else "text"),
            first & (0x1F if first >= 0xA0 else 0x0F),
        )
    else:
        raise ValueError("no value of ours")
    if what in ("bytes", "text"):
        piece = _cut(data, at, length)
        return (piece if what == "bytes" else piece.decode("utf-8")), at + length
    values = []
    for _ in range(length * (2 if what == "map" else 1)):
        value, at = read(data, at, depth + 1)
        values.append(value)
    return values, at


def whole(data: bytes) -> Any:
    """The one value that `data` is, to the last byte."""
    value, end = read(data)
    if end != len(data):
        raise ValueError("bytes behind the end")
    return value


def array(data: bytes) -> list[Any] | None:
    """The array that `data` is, or None."""
    try:
        value = whole(data)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything that is no array, with its place; arrays inside of bytes are taken apart too."""
    inner = array(value) if isinstance(value, bytes) and len(value) > 1 else value
    if isinstance(inner, list):
        for place, item in enumerate(inner):
            yield from leaves(item, (*path, place))
    if not isinstance(value, list):
        yield path, value


def arrays(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Every array with its place, the outer one first."""
    inner = array(value) if isinstance(value, bytes) and len(value) > 1 else value
    if isinstance(inner, list):
        yield path, inner
        for place, item in enumerate(inner):
            yield from arrays(item, (*path, place))


def _cut(data: bytes, at: int, size: int) -> bytes:
    piece = data[at : at + size]
    if len(piece) != size:
        raise ValueError("cut short")
    return piece
