"""The welcome: what a newcomer without a network needs from the board before it can read it.

Does        writes it from what the inviter knows of the board, and takes it in.
Does not    replace the board: what the board says later counts instead.
Spec        spec/60-board.md, 8
Always      1. Only a device that has seen no entry of the board takes it in, and only from who brought it in.
Read first  bodies(), take().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.board import DAYS_KEPT, BoardView
from tercet.core.days import week_of
from tercet.core.entry import IntakeDay, WeekKey
from tercet.core.fields import Day, Malformed, Version1, decode, encode
from tercet.core.relation import LETTER_TEXT

WEEKS: Final = 2  # this one and the next
DAYS_AHEAD: Final = 14  # days whose intake boxes are passed on, today the first
LETTERS_MOST: Final = 3  # letters of welcome to one newcomer


class Welcome(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter of welcome.

    Attributes:
        version: 1.
        keys: of the desk, for this week and the next.
        days: their intake boxes, sealed as on the board.
    """

    version: Version1
    keys: Annotated[tuple[WeekKey, ...], msgspec.Meta(max_length=WEEKS)]
    days: Annotated[tuple[IntakeDay, ...], msgspec.Meta(max_length=DAYS_KEPT)]


def bodies(view: BoardView, today: Day) -> tuple[bytes, ...]:
    """What to write to a newcomer: up to three letters, fewer if less is known or needed."""
    week = week_of(today)
    keys = tuple(k for k in view.keys if week <= k.week < week + WEEKS)
    days = tuple(d for d in view.intake if today <= d.day < today + DAYS_AHEAD)
    out: list[bytes] = []
    while (keys or days) and len(out) < LETTERS_MOST:
        body, keys, days = _fill(keys, days)
        out.append(body)
    return tuple(out)


def _fill(
    keys: tuple[WeekKey, ...], days: tuple[IntakeDay, ...]
) -> tuple[bytes, tuple[WeekKey, ...], tuple[IntakeDay, ...]]:
    """One letter: keys first, then days in order, as many as fit; and what is left of both."""
    said = Welcome(1, (), ())
    for key in keys:
        more = Welcome(1, (*said.keys, key), ())
        said = more if len(encode(more)) <= LETTER_TEXT else said
    for day in days:
        more = Welcome(1, said.keys, (*said.days, day))
        if len(encode(more)) > LETTER_TEXT:
            break
        said = more
    return encode(said), keys[len(said.keys) :], days[len(said.days) :]


def take(view: BoardView, body: bytes, today: Day) -> BoardView:
    """The view with what a letter of welcome adds; the same one if the board has spoken, or it is no welcome."""
    try:
        said = decode(body, Welcome)
    except Malformed:
        return view
    if view.number:
        return view
    week = week_of(today)
    keys = {k.week: k for k in said.keys if week - 1 <= k.week <= week + WEEKS}
    days = {d.day: d for d in said.days if today - 1 <= d.day <= today + DAYS_AHEAD}
    keys |= {k.week: k for k in view.keys}
    days |= {d.day: d for d in view.intake}
    return msgspec.structs.replace(
        view,
        keys=tuple(keys[w] for w in sorted(keys)),
        intake=tuple(days[d] for d in sorted(days))[-DAYS_KEPT:],
        lent=bool(days),
    )
