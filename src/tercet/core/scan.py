"""What codes say: invitations, answers, frames of a meeting, frames of letters.

Does        turns each message into bytes and back.
Does not    draw, read pictures, or decide anything.
Spec        spec/31-codes.md, 4
Always      1. Each message names its meeting, or its box: a stray one is known as such.
Read first  Message, parse_message().
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.fields import Key, Malformed, Ref, Seconds, Version1, decode, encode
from tercet.core.passes import bare
from tercet.sealing import FRAME, derive, digest

HELLO_MOST: Final = 2_048  # bytes of a hello in an invitation
FRAMES_MOST: Final = 4  # frames in one message
FRAME_LEAST: Final = 41  # bytes of a sealed frame
RELAY_TAG: Final = 8  # bytes that name a relay


class Invitation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the inviter shows first.

    Attributes:
        version: 1.
        secret: r, 32 bytes.
        made: the inviter's clock when the meeting began, seconds.
        relay: where it goes on; empty for by codes alone.
        hello: with a relay the digest of the inviter's hello, 32 bytes; without, the hello.
    """

    version: Version1
    secret: Key
    made: Seconds
    relay: Annotated[str, msgspec.Meta(max_length=160)]
    hello: Annotated[bytes, msgspec.Meta(min_length=32, max_length=HELLO_MOST)]


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the joiner shows, with a relay.

    Attributes:
        version: 1.
        meeting: 16 bytes.
        hello: digest of the joiner's hello, 32 bytes.
    """

    version: Version1
    meeting: Ref
    hello: Key


class Frames(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What either side shows, without a relay.

    Attributes:
        version: 1.
        meeting: 16 bytes.
        side: who shows it, 0 the inviter.
        frames: sealed, 1 to 4.
    """

    version: Version1
    meeting: Ref
    side: Annotated[int, msgspec.Meta(ge=0, le=1)]
    frames: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(min_length=FRAME_LEAST, max_length=FRAME)], ...],
        msgspec.Meta(min_length=1, max_length=FRAMES_MOST),
    ]


class Carried(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A sealed frame for a box, shown instead of put.

    Attributes:
        version: 1.
        relay: `relay_tag` of the relay it would lie at.
        box: id of its box, 32 bytes.
        item: 4,096 bytes.
    """

    version: Version1
    relay: Annotated[bytes, msgspec.Meta(min_length=RELAY_TAG, max_length=RELAY_TAG)]
    box: Key
    item: Annotated[bytes, msgspec.Meta(min_length=FRAME, max_length=FRAME)]


Message = Invitation | Answer | Frames | Carried
KINDS: Final[Mapping[int, type[Message]]] = MappingProxyType({1: Invitation, 2: Answer, 3: Frames, 4: Carried})


def encode_message(message: Message) -> bytes:
    """The bytes that travel as codes."""
    kind = next(number for number, one in KINDS.items() if isinstance(message, one))
    return bytes([kind]) + encode(message)


def parse_message(content: bytes) -> Message:
    """The message in bytes that came by codes.

    Raises:
        Malformed: it is none.
    """
    kind = KINDS.get(content[0]) if content else None
    if kind is None:
        raise Malformed
    message = decode(content[1:], kind)
    if isinstance(message, Invitation) and message.relay and len(message.hello) != len(digest(b"")):
        raise Malformed
    return message


def meeting_of(secret: bytes) -> bytes:
    """What names a meeting to those who know its r: 16 bytes."""
    return derive(secret, "meeting by codes", length=16)


def relay_tag(address: str) -> bytes:
    """What names a relay in a code, whichever pass stands in its address: 8 bytes."""
    return digest(bare(address).encode())[:RELAY_TAG]
