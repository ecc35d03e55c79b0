"""The board: what the desk says to everyone, signed, in one chain of frames.

Does        seals and signs entries, checks and applies them: week keys and the relay list.
Does not    decide what to publish: the desk does.
Spec        spec/60-board.md
Always      1. Each entry holds the hash of the one before.  2. An unsigned or older entry changes nothing.
Read first  BoardView, apply_entry().
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

import msgspec

from tercet.core.days import day_of, week_of
from tercet.core.fields import Address, Day, Key, Number, Seconds, Version1, decode, encode
from tercet.sealing import FRAME, NONCE, derive, digest, open_sealed, seal, sign, verify

SIGNATURE: Final = 64  # bytes
WEEKS_AHEAD: Final = 8  # week keys are published this far ahead
KEYS_KEPT: Final = 16  # week keys that a reader holds; a desk cannot fill a device with more
KEYS_AN_ENTRY: Final = 3  # week keys that fit in one entry
FIRST: Final = bytes(32)  # what the first entry names as the hash before it


class EntryKind(IntEnum):
    """What an entry says."""

    WEEK_KEYS = 1
    RELAYS = 2


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
        relays: addresses, 1 to 8.
        shards: intake boxes a day.
    """

    relays: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=8)]
    shards: Annotated[int, msgspec.Meta(ge=1, le=64)]


class BoardView(msgspec.Struct, frozen=True, array_like=True):
    """What a reader knows of the board.

    Attributes:
        number: of the newest entry applied; 0 for none.
        head: digest of its signed bytes.
        issued: its time, seconds.
        keys: week keys that are not past.
        relays: the newest relay list, or none.
        gap: whether entries were missed because they had expired.
    """

    number: Number = 0
    head: bytes = FIRST
    issued: int = 0
    keys: tuple[WeekKey, ...] = ()
    relays: RelayList | None = None
    gap: bool = False

    def key_for(self, day: Day) -> WeekKey | None:
        """The desk's key for the week of a day, if it is known."""
        return next((k for k in self.keys if k.week == week_of(day)), None)


class TwoFaces(Exception):
    """Two signed entries claim the same place: the desk or a relay shows different boards."""


def seal_entry(entry: Entry, seed: bytes, board_read: bytes) -> tuple[bytes, bytes]:
    """Sign and seal an entry; returns the frame (4,096 bytes) and the digest the next entry names."""
    payload = encode(entry)
    signed = sign(seed, payload) + payload
    return seal(derive(board_read, "board frame"), signed, FRAME, digest(signed)[:NONCE]), digest(signed)


def open_entry(frame: bytes, board_read: bytes, board_key: bytes) -> tuple[Entry, bytes]:
    """Open a board frame, check its signature; returns the entry and its digest.

    Raises:
        CannotOpen: noise, or not signed by the board key.
        Malformed: signed and yet no entry.
    """
    signed = open_sealed(derive(board_read, "board frame"), frame)
    verify(board_key, signed[SIGNATURE:], signed[:SIGNATURE])
    return parse_entry(signed[SIGNATURE:]), digest(signed)


def parse_entry(payload: bytes) -> Entry:
    """The entry in signed bytes.

    Raises:
        Malformed: it is none.
    """
    entry = decode(payload, Entry)
    body_of(entry)
    return entry


def body_of(entry: Entry) -> WeekKeys | RelayList | None:
    """The message in an entry; none for a kind that this version does not know.

    Raises:
        Malformed: the kind is known and the body is not of it.
    """
    if entry.kind == EntryKind.WEEK_KEYS:
        return decode(entry.body, WeekKeys)
    if entry.kind == EntryKind.RELAYS:
        return decode(entry.body, RelayList)
    return None


def apply_entry(view: BoardView, entry: Entry, mark: bytes, now: int) -> BoardView:
    """Take in one opened entry.

    Args:
        view: what was known.
        entry: opened and signed.
        mark: its digest.
        now: our clock; keys of weeks that are past by it and by the desk's are dropped.

    Returns:
        The view after; the same one for an entry that is old.

    Raises:
        TwoFaces: the entry contradicts the one we hold.
    """
    if entry.number == view.number and mark != view.head:
        raise TwoFaces
    if entry.number <= view.number:
        return view
    follows = entry.number == view.number + 1
    if follows and entry.before != view.head:
        raise TwoFaces
    body = body_of(entry)
    keys = {k.week: k for k in view.keys}
    relays = view.relays
    if isinstance(body, WeekKeys):
        keys |= {k.week: k for k in body.keys}
    elif isinstance(body, RelayList):
        relays = body
    this_week = min(week_of(day_of(now)), week_of(day_of(entry.issued)))
    kept = sorted((k for k in keys.values() if k.week >= this_week - 1), key=lambda k: k.week)[-KEYS_KEPT:]
    return BoardView(entry.number, mark, entry.issued, tuple(kept), relays, view.gap or not follows)
