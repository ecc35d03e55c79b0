"""Field types of everything that comes from outside: each with its bounds.

Does        gives decoders the sizes and ranges that the spec allows.
Does not    decode by itself.
Spec        spec/00-overview.md, 4
Always      1. No field of a decoded message is unbounded.
Read first  decode().
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Ref = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Day = Annotated[int, msgspec.Meta(ge=0, le=2_932_896)]  # up to the last day of the year 9999
Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # to the end of that day
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
Version1 = Annotated[int, msgspec.Meta(ge=1, le=1)]

T = TypeVar("T")


class Malformed(Exception):
    """Bytes that no honest device of this version writes; they are dropped."""


def encode(value: object) -> bytes:
    """The bytes of a message (msgpack, structs as arrays)."""
    return msgspec.msgpack.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """A message of the given type.

    Raises:
        Malformed: wrong type, size, range, a field too many, or bytes behind the end.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Malformed from None
