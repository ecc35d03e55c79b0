"""Passes of a week: what lets a device post at a relay, and where it stands in an address.

Does        makes a relay's pass of a week and its mark, knows which relay a pass is for and whether it is everybody's,
            puts the right one into an address.
Does not    write or take letters: `posting` does. Know whose a pass is: it is the same for all.
Spec        spec/51-tokens.md, 9; spec/10-drop.md, 7a
Always      1. An address without a held pass stays as it is.  2. Only the pass of an address changes.
Read first  WeekPass, Held, dressed().
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from tercet.core.days import day_of, last_day_of, week_of
from tercet.core.fields import Malformed, Ref, Version1, decode
from tercet.core.tokens import Week
from tercet.sealing import digest

SECRET: Final = 32  # bytes of which a relay's passes of all weeks come; it and the desk have them
TAG: Final = 8  # bytes of a relay's fingerprint that stand for it
PASS: Final = 16  # bytes
WEEKS_PASSED: Final = 3  # weeks whose passes are handed down, this one the first
PASSES_MOST: Final = 24  # in a letter: eight relays, three weeks
HELD_MOST: Final = 64  # that a device keeps
MARKS_MOST: Final = 16  # relays in an entry of marks
MARKED_WEEKS: Final = 6  # weeks whose marks a reader keeps, at most: the latest
GONE: Final = bytes(16)  # in the place of a link that is no neighbour any more
MARK_LABEL: Final = b"tercet/1 mark of a pass"
LABEL: Final = b"tercet/1 pass of a week"
LONGEST: Final = 160  # characters of an address
BARE: Final = 4  # parts of an address without a pass
TAG_TEXT: Final = 13  # characters of base32 in which a tag is whole
PADDED: Final = 8  # base32 is read in groups of so many characters

Tag = Annotated[bytes, msgspec.Meta(min_length=TAG, max_length=TAG)]


class WeekPass(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The pass of a week at a relay.

    Attributes:
        relay: first 8 bytes of its fingerprint.
        week: in which it is taken.
        shown: 16 bytes; whoever shows them may post.
    """

    relay: Tag
    week: Week
    shown: Ref


class Passes(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter to somebody below."""

    version: Version1
    passes: Annotated[tuple[WeekPass, ...], msgspec.Meta(min_length=1, max_length=PASSES_MOST)]


class PassMark(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the board says of a relay's pass of a week: whoever holds a pass sees whether it is everybody's.

    Attributes:
        relay: first 8 bytes of its fingerprint.
        mark: of the pass, 16 bytes.
    """

    relay: Tag
    mark: Ref


class PassMarks(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of an entry of the board: the marks of a week's passes."""

    week: Week
    marks: Annotated[tuple[PassMark, ...], msgspec.Meta(min_length=1, max_length=MARKS_MOST)]


class HeldMarks(msgspec.Struct, frozen=True, array_like=True):
    """The marks of a week's passes as a reader keeps them.

    Attributes:
        week: whose passes.
        number: of the entry.
        marks: by relay, 8 bytes of its fingerprint.
    """

    week: int
    number: int
    marks: dict[bytes, bytes]


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A pass of a week as a device holds it.

    Attributes:
        relay: first 8 bytes of the relay's fingerprint.
        week: in which it is taken.
        shown: 16 bytes.
        by: relation of the link that handed it, zeros if that is gone; empty at the desk, and for one on our card.
        handed: relations of those below to whom it was written.
    """

    relay: bytes
    week: int
    shown: bytes
    by: bytes = b""
    handed: tuple[bytes, ...] = ()


def parse_passes(body: bytes) -> tuple[WeekPass, ...]:
    """The passes in a letter.

    Raises:
        Malformed: it is none, or names a relay's week twice.
    """
    passes = decode(body, Passes).passes
    if len({(one.relay, one.week) for one in passes}) != len(passes):
        raise Malformed
    return passes


def parse_marks(body: bytes) -> PassMarks:
    """The marks in an entry.

    Raises:
        Malformed: it is none, or names a relay twice.
    """
    said = decode(body, PassMarks)
    if len({one.relay for one in said.marks}) != len(said.marks):
        raise Malformed
    return said


def mark_of(shown: bytes) -> bytes:
    """The mark of a pass (16 bytes), 16 bytes that say nothing else of it."""
    return digest(MARK_LABEL + shown)[:PASS]


def keep_marks(
    held: tuple[HeldMarks, ...], said: PassMarks, number: int, issued: int, ours: int
) -> tuple[HeldMarks, ...]:
    """The marks that a reader knows after an entry: of a week those of the newest one.

    Args:
        held: known before.
        said: in the entry.
        number: the entry's.
        issued: week of the entry.
        ours: the first week that is not over by any clock.
    """
    known = {one.week: one for one in held if one.week >= ours}
    before, first = known.get(said.week), max(issued - 1, ours)
    if first <= said.week <= issued + WEEKS_PASSED and (before is None or before.number < number):
        known[said.week] = HeldMarks(said.week, number, {one.relay: one.mark for one in said.marks})
    return tuple(known[week] for week in sorted(known))[-MARKED_WEEKS:]


def vouched(held: Iterable[Held], marked: Iterable[HeldMarks], read: int) -> tuple[Held, ...]:
    """Those of the passes that may be shown: one of another mark than everybody's would tell a relay whose it is.

    Args:
        held: passes.
        marked: what the board says of them; it says so two weeks before the week begins.
        read: week of the newest entry read. A week that the board cannot have spoken of by then is taken on trust.
    """
    marks = {one.week: one.marks for one in marked}

    def everybodys(one: Held) -> bool:
        if one.week in marks:
            return marks[one.week].get(one.relay) == mark_of(one.shown)
        return read < one.week - 1

    return tuple(one for one in held if everybodys(one))


def pass_of(secret: bytes, week: int) -> bytes:
    """A relay's pass of a week, 16 bytes, of its weekly secret (32 bytes).

    Source: spec/10-drop.md, 7a.
    """
    return hmac.digest(secret, LABEL + week.to_bytes(4, "big"), "sha256")[:PASS]


def tag_of(address: str) -> bytes:
    """What stands for the relay at an address: 8 bytes of its fingerprint; empty for an address that names none."""
    parts = address.split("/")
    if len(parts) < BARE or len(parts[3]) < TAG_TEXT:
        return b""
    try:
        return base64.b32decode(parts[3][:TAG_TEXT].upper() + "=" * (-TAG_TEXT % PADDED))[:TAG]
    except (binascii.Error, ValueError):
        return b""


def bare(address: str) -> str:
    """A relay's address without its pass."""
    return "/".join(address.split("/")[:BARE])


def shown_in(address: str) -> bytes:
    """The pass in an address, 16 bytes; empty if there is none."""
    parts = address.split("/")
    try:
        shown = base64.b32decode(parts[BARE].upper() + "=" * (-len(parts[BARE]) % PADDED))
    except (IndexError, binascii.Error, ValueError):
        return b""
    return shown if len(shown) == PASS else b""


def held_until(held: Iterable[Held], marked: Iterable[HeldMarks], address: str, now: int) -> int:
    """The last day of the weeks, from this one on without a gap, of which passes for a relay are held; 0 for none.

    Only such as the board says are everybody's: what stood on our card may be one that lasts.
    """
    tag, week = tag_of(address), week_of(day_of(now))
    marks = {one.week: one.marks.get(tag) for one in marked}
    weeks = {one.week for one in held if one.relay == tag and marks.get(one.week) == mark_of(one.shown)}
    while week in weeks:
        week += 1
    return last_day_of(week - 1) if week - 1 in weeks else 0


def dressed(address: str, held: Iterable[Held | WeekPass], now: int) -> str:
    """An address with the pass of the week in place of its own, if that is held.

    Args:
        address: of a relay, with a pass or without one.
        held: passes of some weeks.
        now: seconds; when it is to be shown.
    """
    tag, week = tag_of(address), week_of(day_of(now))
    shown = next((one.shown for one in held if tag and (one.relay, one.week) == (tag, week)), b"")
    if not shown:
        return address
    text = base64.b32encode(shown).decode().rstrip("=").lower()
    worn = f"{bare(address)}/{text}"
    return worn if len(worn) <= LONGEST else address
