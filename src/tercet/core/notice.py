"""Notices: short word from the desk to everyone, until a day.

Does        parses a notice, keeps those that hold, and says which a reader has not seen.
Does not    publish: the desk does.
Spec        spec/60-board.md, 10
Always      1. A text stays as it was written.  2. What is kept is bounded, whoever signs.
Read first  parse_notice(), keep().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.days import day_of
from tercet.core.fields import Day, Malformed, decode
from tercet.core.wording import fit_for_all, size_of

NOTICE_MOST: Final = 1_000  # bytes of a notice's text
NOTICE_DAYS: Final = 60  # days that one may hold, after that on which it was signed
NOTICES_KEPT: Final = 24  # notices that a reader holds, the latest


class Notice(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a notice entry.

    Attributes:
        until: the last day on which it holds.
        text: 1 to 1,000 bytes.
    """

    until: Day
    text: Annotated[str, msgspec.Meta(max_length=NOTICE_MOST)]


class HeldNotice(msgspec.Struct, frozen=True, array_like=True):
    """A notice as a reader keeps it.

    Attributes:
        number: of its entry.
        issued: when it was signed, seconds; of a statement the beginning of its own day.
        until: the last day on which it holds.
        text: the words.
        seen: whether the owner has read it.
        said: number of the statement that this is, said in public; 0 for a notice.
    """

    number: int
    issued: int
    until: int
    text: str
    seen: bool = False
    said: int = 0


def parse_notice(body: bytes, issued: Day) -> Notice:
    """The notice in the body of an entry that was signed on a day.

    Raises:
        Malformed: it is none, or holds for longer than a notice may, or its text is not fit for all.

    Source: spec/60-board.md, 10.
    """
    notice = decode(body, Notice)
    if not issued <= notice.until <= issued + NOTICE_DAYS or size_of(notice.text) > NOTICE_MOST:
        raise Malformed
    if not fit_for_all(notice.text):
        raise Malformed
    return notice


def far_ahead(issued: int, now: int) -> bool:
    """Whether a notice was signed so far ahead of our clock that it is not kept: it would hold for years, or for ever.

    Args:
        issued: by the desk's clock, seconds.
        now: by ours, which may be behind.

    Source: spec/60-board.md, 10.
    """
    return day_of(issued) > day_of(now) + NOTICE_DAYS


def keep(held: tuple[HeldNotice, ...], fresh: HeldNotice) -> tuple[HeldNotice, ...]:
    """The notices held after one more was taken in: what is held already, word for word, is not kept twice."""
    if any((one.until, one.text, one.said) == (fresh.until, fresh.text, fresh.said) for one in held):
        return held
    return tuple(sorted((*held, fresh), key=lambda one: one.number)[-NOTICES_KEPT:])


def in_force(held: tuple[HeldNotice, ...], today: Day) -> tuple[HeldNotice, ...]:
    """Those that hold on a day."""
    return tuple(one for one in held if today <= one.until)


def read_by_owner(held: tuple[HeldNotice, ...]) -> tuple[HeldNotice, ...]:
    """The same, all seen."""
    return tuple(one if one.seen else msgspec.structs.replace(one, seen=True) for one in held)
