"""What two who meet tell each other under the code's key, and what they make of it.

Does        defines hello, key frame, verdict and consent; seals and opens them; derives root and compared words.
Does not    decide what happens next: the meeting does.
Spec        spec/30-meeting.md, 4 and 5
Always      1. Nothing that a stranger in between could still vary once it knows the rest enters the compared words.
            2. The root comes from all frames of both; a consent opens only under the same root.
Read first  Hello, KeyFrame, root_of(), likeness_of().
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.card import Card
from tercet.core.cell import Role
from tercet.core.fields import Day, Key, Malformed, Version1, decode, encode
from tercet.core.knock import Chance, Out
from tercet.sealing import FRAME, KEM_PUBLIC, NONCE, Box, box, derive, digest, open_sealed, seal

SEALED_SECRET: Final = 1168  # bytes; 32 under HPKE
SEALED_MORE: Final = 41  # bytes by which a sealed content is longer: nonce, tag, end of padding
OLM_SMALL: Final = 512  # bytes; an Olm message of an empty text has 242 at most
REFUSALS: Final = MappingProxyType(
    {
        "no": "code_refused",
        "network": "network_differs",
        "clock": "clocks_differ",
        "newcomer": "newcomer_above",
    }
)


class FrameKind(IntEnum):
    """First byte of a frame's content under the shared key."""

    HELLO = 1
    KEY = 2
    VERDICT = 3


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who the writer will be in this relation; every key in it is fresh.

    Attributes:
        version: 1.
        day: the writer's day.
        role: what the writer will be to the reader.
        kem: X-Wing public key, 1,216 bytes.
        identity: Olm identity key, 32 bytes.
        one_time: Olm one-time key, 32 bytes.
        network: digest of the board key of the writer's network, 32 bytes; none from a newcomer.
        promise: the inviter's, 32 bytes: it fixes `reveal` before the joiner says anything; empty from the joiner.
        burn_point: reserved for burn lines, up to 96 bytes; empty in this version.
        commitment: to the adoption secret of who will be below the reader (spec/34-adoption.md), 32 bytes; else empty.
        pair: tag of the pair secret that counts between the two, 32 bytes; empty if the writer knows none.
    """

    version: Version1
    day: Day
    role: Role
    kem: Annotated[bytes, msgspec.Meta(min_length=KEM_PUBLIC, max_length=KEM_PUBLIC)]
    identity: Key
    one_time: Key
    network: Key | None
    promise: Annotated[bytes, msgspec.Meta(max_length=32)]
    burn_point: Annotated[bytes, msgspec.Meta(max_length=96)]
    commitment: Annotated[bytes, msgspec.Meta(max_length=32)]
    pair: Annotated[bytes, msgspec.Meta(max_length=32)]


class KeyFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A fresh secret for the other's KEM key; the inviter's also opens its promise and begins Olm.

    Attributes:
        version: 1.
        secret: 32 bytes sealed to the other's key, 1,168 bytes.
        olm: pre-key message of the inviter, up to 512 bytes; empty from the joiner.
        reveal: what the inviter promised, 32 bytes; empty from the joiner.
    """

    version: Version1
    secret: Annotated[bytes, msgspec.Meta(min_length=SEALED_SECRET, max_length=SEALED_SECRET)]
    olm: Annotated[bytes, msgspec.Meta(max_length=OLM_SMALL)]
    reveal: Annotated[bytes, msgspec.Meta(max_length=32)]


class Verdict(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The writer stops the meeting.

    Attributes:
        version: 1.
        kind: a key of `REFUSALS`.
    """

    version: Version1
    kind: Annotated[str, msgspec.Meta(pattern="^(no|network|clock|newcomer)\\Z")]


class Consent(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The writer's owner saw the same words; sealed under the root, so it proves that both made the same.

    Attributes:
        version: 1.
        olm: the joiner's: an Olm message that ends the inviter's pre-key messages; empty from the inviter.
        card: of the network, from the inviter to a newcomer; else none.
        pair: the pair secret, 32 bytes, where the rule gives one (`cell.gives`); else empty.
    """

    version: Version1
    olm: Annotated[bytes, msgspec.Meta(max_length=OLM_SMALL)]
    card: Card | None
    pair: Annotated[bytes, msgspec.Meta(max_length=32)]


def parse_hello(content: bytes, side: int) -> Hello:
    """The hello of a side (0 the inviter, 1 the joiner).

    Raises:
        Malformed: it is none.
    """
    hello = decode(content, Hello)
    if len(hello.promise) != (0 if side else 32) or len(hello.pair) not in (0, 32):
        raise Malformed
    if len(hello.commitment) not in ((0, 32) if hello.role is Role.BELOW else (0,)):
        raise Malformed
    return hello


def parse_key(content: bytes, side: int) -> KeyFrame:
    """The key frame of a side.

    Raises:
        Malformed: it is none.
    """
    key = decode(content, KeyFrame)
    if bool(key.olm) == bool(side) or len(key.reveal) != (0 if side else 32):
        raise Malformed
    return key


def parse_verdict(content: bytes) -> Verdict:
    """The verdict in an opened frame.

    Raises:
        Malformed: it is none.
    """
    return decode(content, Verdict)


def parse_consent(content: bytes, side: int) -> Consent:
    """The consent of a side.

    Raises:
        Malformed: it is none.
    """
    consent = decode(content, Consent)
    if bool(consent.olm) != bool(side) or (side and consent.card) or len(consent.pair) not in (0, 32):
        raise Malformed
    return consent


def promise_of(reveal: bytes) -> bytes:
    """What fixes 32 random bytes without showing them."""
    return derive(reveal, "promise")


def transcript_of(first: bytes, second: bytes) -> bytes:
    """Both hellos as sent, the inviter's first, in 32 bytes; info of both sealed secrets."""
    return digest(digest(first) + digest(second))


def root_of(shared: bytes, secrets: tuple[bytes, bytes], hellos: bytes, keys: tuple[bytes, bytes]) -> bytes:
    """The relation's first root, 32 bytes.

    Args:
        shared: r, 32 bytes.
        secrets: in the inviter's key frame and in the joiner's, 32 bytes each.
        hellos: `transcript_of` both.
        keys: both key frames as sent, the inviter's first.
    """
    first, second = keys
    return derive(shared + secrets[0] + secrets[1], "relation root", digest(hellos + digest(first) + digest(second)))


def likeness_of(shared: bytes, reveal: bytes, hellos: bytes, key: bytes) -> bytes:
    """What the compared words stand for, 32 bytes.

    The inviter's key frame is left out but for `reveal`: see spec/30-meeting.md, 5.

    Args:
        shared: r, 32 bytes.
        reveal: of the inviter, 32 bytes.
        hellos: `transcript_of` both.
        key: the joiner's key frame as sent.
    """
    return derive(shared + reveal, "likeness", digest(hellos + digest(key)))


def shared_box(shared: bytes, side: int) -> Box:
    """The box in which a side writes."""
    return box(derive(shared, "meeting box", bytes([side])))


def seal_shared(shared: bytes, side: int, kind: FrameKind, content: bytes, chance: Chance, padded: bool = True) -> Out:
    """A frame under the shared key: 4,096 bytes, or, for codes alone, as short as it can be."""
    said = bytes([kind]) + content
    frame = seal(_shared_key(shared, side), said, _size(said, padded), chance(NONCE))
    return Out(shared_box(shared, side).id, frame)


def open_shared(shared: bytes, side: int, frame: bytes) -> tuple[int, bytes]:
    """Open a frame of a side: its kind (0 for none), and what follows.

    Raises:
        CannotOpen: it is not under this key.
    """
    content = open_sealed(_shared_key(shared, side), frame)
    return int.from_bytes(content[:1], "big"), content[1:]


def seal_consent(shared: bytes, root: bytes, side: int, consent: Consent, chance: Chance, padded: bool = True) -> Out:
    """The frame that says yes: 4,096 bytes, or, for codes alone, as short as it can be."""
    size = _size(encode(consent), padded)
    return Out(shared_box(shared, side).id, consent_sealed(root, side, consent, size, chance))


def consent_sealed(root: bytes, side: int, consent: Consent, size: int, chance: Chance) -> bytes:
    """A consent of a side under the root, in `size` bytes."""
    return seal(_consent_key(root, side), encode(consent), size, chance(NONCE))


def open_consent(root: bytes, side: int, frame: bytes) -> Consent:
    """Open the yes of a side.

    Raises:
        CannotOpen: it is none, or its writer has another root.
        Malformed: it opens and is none.
    """
    return parse_consent(open_sealed(_consent_key(root, side), frame), side)


def _size(content: bytes, padded: bool) -> int:
    return FRAME if padded else len(content) + SEALED_MORE


def _shared_key(shared: bytes, side: int) -> bytes:
    return derive(shared, "meeting key", bytes([side]))


def _consent_key(root: bytes, side: int) -> bytes:
    return derive(root, "meeting consent", bytes([side]))
