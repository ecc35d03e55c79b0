"""An entry of the board: one signed message of the desk, and the frame that it travels in.

Does        signs, seals, opens and checks entries, and the bodies they hold.
Does not    decide what to publish, or what an entry changes: `publishing` and `board` do.
Spec        spec/60-board.md
Always      1. What is not signed by the board key is no entry.  2. The same entry makes the same frame.
Read first  Entry, open_entry(), body_of().
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

import msgspec

from tercet.core.burning import POINT, line_through
from tercet.core.card import SHARDS_MOST, Relay, RelayTable, Shards
from tercet.core.days import day_of
from tercet.core.fields import Day, Key, Malformed, Seconds, Version1, decode, encode
from tercet.core.notice import Notice, parse_notice
from tercet.core.passes import PassMarks, parse_marks
from tercet.core.statement import Said, parse_said
from tercet.core.tokens import TokenKeys
from tercet.sealing import FRAME, NONCE, derive, digest, open_sealed, posted_box, seal, sign, verify

SIGNATURE: Final = 64  # bytes
SIGNED: Final = b"tercet/1 board entry"  # what every signed message begins with; not sent
FIRST: Final = bytes(32)  # what the first entry names as the hash before it
KEYS_AN_ENTRY: Final = 3  # week keys that fit in one entry
DAYS_AN_ENTRY: Final = 7  # intake days in one entry; fewer when a day has many boxes
INTAKE_ROOM: Final = 3_800  # bytes of sealed intake days that fit in one entry
Point = Annotated[bytes, msgspec.Meta(min_length=POINT, max_length=POINT)]


class EntryKind(IntEnum):
    """What an entry says."""

    WEEK_KEYS = 1
    RELAYS = 2
    INTAKE = 3
    BURN = 4
    TOKEN_KEYS = 5
    NOTICE = 6
    STATEMENT = 7
    PASS_MARKS = 8


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One signed entry.

    Attributes:
        version: 1.
        number: 1, 2, 3…
        before: digest of the signed bytes of the entry before; zeros for the first.
        issued: the desk's clock, seconds.
        kind: `EntryKind`; kinds from later versions are chained and otherwise ignored.
        body: the message of that kind.
    """

    version: Version1
    number: Annotated[int, msgspec.Meta(ge=1, le=2**32)]
    before: Key
    issued: Seconds
    kind: Annotated[int, msgspec.Meta(ge=1, le=255)]
    body: Annotated[bytes, msgspec.Meta(max_length=FRAME)]


class WeekKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The desk's public key of a week.

    Attributes:
        week: week number.
        public: 1,216 bytes, ML-KEM-768 and X25519.
    """

    week: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    public: Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]


class WeekKeys(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a week-keys entry: up to three."""

    keys: Annotated[tuple[WeekKey, ...], msgspec.Meta(max_length=KEYS_AN_ENTRY)]


class RelayList(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a relay-list entry; it replaces the list on every card.

    Attributes:
        relays: 1 to 8.
        shards: intake boxes a day, at each of their two relays.
    """

    relays: RelayTable
    shards: Shards


class IntakeDay(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The ids of a day's intake boxes, for those alone who hold the network's root of that day.

    Attributes:
        day: day number.
        sealed: the ids, 32 bytes each, two a shard, under the day's key; 41 bytes more than they.
    """

    day: Day
    sealed: Annotated[bytes, msgspec.Meta(min_length=105, max_length=SHARDS_MOST * 64 + 41)]

    def ids(self, root: bytes) -> tuple[tuple[bytes, ...], ...]:
        """For each shard the ids of its boxes at its two relays.

        Args:
            root: the network's root of the day, 32 bytes.

        Raises:
            CannotOpen: it is the root of another day or network.
        """
        whole = open_sealed(derive(root, "intake ids"), self.sealed)
        return tuple((whole[i : i + 32], whole[i + 32 : i + 64]) for i in range(0, len(whole) - 63, 64))


class IntakeDays(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of an intake entry: up to seven days."""

    days: Annotated[tuple[IntakeDay, ...], msgspec.Meta(max_length=DAYS_AN_ENTRY)]


class Burn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a burn entry: two points, 64 bytes each, the smaller first; whoever holds a share of their line acts."""

    points: Annotated[tuple[Point, ...], msgspec.Meta(min_length=2, max_length=2)]


def burn_of(first: bytes, second: bytes) -> Burn:
    """The body of a burn entry: the order of the two says nothing of who gave which.

    Raises:
        Malformed: one is no point, or both have the same x.
    """
    line_through(first, second)
    return Burn((min(first, second), max(first, second)))


def seal_intake(day: int, shards: tuple[tuple[bytes, ...], ...], root: bytes, nonce: bytes) -> IntakeDay:
    """The entry of one day.

    Args:
        day: day number.
        shards: for each the ids of its boxes at its two relays.
        root: the network's of that day, 32 bytes.
        nonce: 24 fresh random bytes.
    """
    whole = b"".join(id for ids in shards for id in ids)
    return IntakeDay(day, seal(derive(root, "intake ids"), whole, len(whole) + 41, nonce))


def post_at(post: bytes, address: str) -> bytes:
    """What lets the desk post at one relay, 32 bytes; that relay learns nothing that serves it at another.

    Args:
        post: the desk's secret, 32 bytes.
        address: the relay's.

    Source: spec/60-board.md, 1.
    """
    return derive(post, "post at", address.encode(errors="replace"))


def relay_table(post: bytes, addresses: tuple[str, ...]) -> tuple[Relay, ...]:
    """The relays at these addresses, each with the read secret of the board there; `post` is the desk's, 32 bytes."""
    return tuple(Relay(address, posted_box(post_at(post, address)).read) for address in addresses)


def sign_entry(entry: Entry, seed: bytes) -> bytes:
    """The signature of an entry and the entry; their digest is what the next entry names."""
    payload = encode(entry)
    return sign(seed, SIGNED + payload) + payload


def seal_signed(signed: bytes, secret: bytes) -> bytes:
    """The frame of a signed entry, 4,096 bytes: always the same one."""
    return seal(derive(secret, "board frame"), signed, FRAME, digest(signed)[:NONCE])


def open_entry(frame: bytes, secret: bytes, board_key: bytes) -> tuple[Entry, bytes]:
    """Open a board frame, check its signature; returns the entry and its digest.

    Raises:
        CannotOpen: noise, or not signed by the board key.
        Malformed: signed and yet no entry.
    """
    signed = open_sealed(derive(secret, "board frame"), frame)
    verify(board_key, SIGNED + signed[SIGNATURE:], signed[:SIGNATURE])
    return parse_entry(signed[SIGNATURE:]), digest(signed)


def parse_entry(payload: bytes) -> Entry:
    """The entry in signed bytes.

    Raises:
        Malformed: it is none.
    """
    entry = decode(payload, Entry)
    body_of(entry)
    return entry


Body = WeekKeys | RelayList | IntakeDays | Burn | TokenKeys | Notice | Said | PassMarks


def body_of(entry: Entry) -> Body | None:
    """The message in an entry; none for a kind that this version does not know.

    Raises:
        Malformed: the kind is known and the body is not of it.
    """
    if entry.kind == EntryKind.WEEK_KEYS:
        return decode(entry.body, WeekKeys)
    if entry.kind == EntryKind.RELAYS:
        return decode(entry.body, RelayList)
    if entry.kind == EntryKind.INTAKE:
        return decode(entry.body, IntakeDays)
    if entry.kind == EntryKind.TOKEN_KEYS:
        return decode(entry.body, TokenKeys)
    if entry.kind == EntryKind.BURN:
        body = decode(entry.body, Burn)
        if burn_of(*body.points) != body:
            raise Malformed
        return body
    if entry.kind == EntryKind.NOTICE:
        return parse_notice(entry.body, day_of(entry.issued))
    if entry.kind == EntryKind.STATEMENT:
        return parse_said(entry.body)
    if entry.kind == EntryKind.PASS_MARKS:
        return parse_marks(entry.body)
    return None
