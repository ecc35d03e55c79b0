"""The board: what the desk says to everyone, as a reader has taken it in.

Does        applies opened entries: week keys, the relay list, intake, notices, keys of tokens, marks of passes.
Does not    open frames or check signatures: `entry` does.
Spec        spec/60-board.md
Always      1. Each entry holds the hash of the one before.  2. An entry is taken in once.
Read first  BoardView, apply_entry().
"""

from __future__ import annotations

from typing import Final

import msgspec

from tercet.core.days import DAY, day_of, week_of
from tercet.core.entry import DAYS_AN_ENTRY, FIRST, Entry, IntakeDay, IntakeDays, RelayList, WeekKey, WeekKeys, body_of
from tercet.core.fields import Day, Number
from tercet.core.notice import NOTICE_DAYS, HeldNotice, Notice, far_ahead, keep
from tercet.core.passes import HeldMarks, PassMarks, keep_marks
from tercet.core.statement import Said, Statement, signed_by
from tercet.core.tokens import TokenKeys

WEEKS_AHEAD: Final = 8  # week keys are published this far ahead
KEYS_KEPT: Final = 24  # week keys that a reader holds; a desk cannot fill a device with more
DAYS_AHEAD: Final = 7 * WEEKS_AHEAD  # intake boxes are published this far ahead
DAYS_KEPT: Final = 72  # intake days that a reader holds
MARKS_KEPT: Final = 16  # digests remembered, to find out another face
TOKEN_WEEKS: Final = 6  # weeks whose token keys a reader holds, those nearest to its own
TOKEN_WEEKS_AHEAD: Final = 3  # weeks after that of an entry for which it may name token keys
MISSING_KEPT: Final = 256  # numbers of missing entries remembered; more than a relay keeps in 120 days


class BoardView(msgspec.Struct, frozen=True, array_like=True):
    """What a reader knows of the board.

    Attributes:
        number: of the newest entry applied; 0 for none.
        marks: digests of the newest entries without a gap between them, the head last; at most 16.
        issued: time of the newest entry, seconds.
        keys: week keys that are not past.
        relays: the newest relay list, or none.
        listed: number of the entry that held it.
        missing: numbers of entries that were passed over, at most 256; one that turns up later is taken in.
        forked: whether two signed entries ever claimed the same place, or gave a week's tokens two pairs of keys.
        places: how many items of the board were seen at each relay.
        intake: days whose intake boxes are known and that are not past; at most 72.
        lent: whether those days came from the neighbour who brought us in; the board's own replace them.
        root: payload of the root that is held (spec/61-root.md); empty for none.
        notices: that are not past; at most 24.
        tokens: keys of weeks' tokens, that are not past.
        pairs: of each such week the mark of the first pair of token keys that was named, under whatever root;
            empty once another one was.
        passes: marks of the passes of weeks that are not past.
        anew: relays at which a root came with a look, and the board before it is read once its end is reached.
    """

    number: Number = 0
    marks: tuple[bytes, ...] = (FIRST,)
    issued: int = 0
    keys: tuple[WeekKey, ...] = ()
    relays: RelayList | None = None
    listed: int = 0
    missing: tuple[int, ...] = ()
    forked: bool = False
    places: dict[str, int] = {}
    intake: tuple[IntakeDay, ...] = ()
    lent: bool = False
    root: bytes = b""
    notices: tuple[HeldNotice, ...] = ()
    tokens: tuple[TokenKeys, ...] = ()
    pairs: dict[int, bytes] = {}
    passes: tuple[HeldMarks, ...] = ()
    anew: tuple[str, ...] = ()

    @property
    def head(self) -> bytes:
        """What the next entry must name as the one before it, 32 bytes."""
        return self.marks[-1]

    @property
    def gap(self) -> bool:
        """Whether entries were passed over."""
        return bool(self.missing)

    def key_for(self, day: Day) -> WeekKey | None:
        """The desk's key for the week of a day, if it is known."""
        return next((k for k in self.keys if k.week == week_of(day)), None)

    def intake_on(self, day: Day) -> IntakeDay | None:
        """The intake boxes of a day, if they are known."""
        return next((d for d in self.intake if d.day == day), None)

    def token_keys(self, week: int) -> TokenKeys | None:
        """The keys of a week's tokens, if they are known."""
        return next((k for k in self.tokens if k.week == week), None)

    @property
    def torn(self) -> tuple[int, ...]:
        """The weeks for whose tokens two pairs of keys were named."""
        return tuple(week for week, mark in self.pairs.items() if not mark)

    def doubtful(self, week: int) -> bool:
        """Whether tokens of a week may be others than everybody's: the board has two faces, or named two pairs."""
        return self.forked or week in self.torn

    def mark_of(self, number: int) -> bytes | None:
        """The digest of an entry, if it is among those remembered."""
        back = self.number - number
        return self.marks[-1 - back] if 0 <= back < len(self.marks) else None

    def placed(self, relay: str, count: int, relays: tuple[str, ...]) -> BoardView:
        """The view after `count` items were seen at one of `relays`, the ones in use."""
        places = {r: n for r, n in self.places.items() if r in relays} | {relay: count}
        return msgspec.structs.replace(self, places=places)


class TwoFaces(Exception):
    """Two signed entries claim the same place: the desk or a relay shows different boards."""


def apply_entry(view: BoardView, entry: Entry, mark: bytes, now: int) -> BoardView:
    """Take in one opened entry.

    Args:
        view: what was known.
        entry: opened and signed.
        mark: its digest.
        now: our clock; keys of weeks that are past by it and by the desk's are dropped.

    Returns:
        The view after; the same one for an entry that is old and was not missing.

    Raises:
        TwoFaces: the entry contradicts one we hold.
    """
    if entry.number <= view.number:
        return _fill(view, entry, mark, now)
    if entry.number == view.number + 1:
        if entry.before != view.head:
            raise TwoFaces
        marks, missing = (*view.marks, mark)[-MARKS_KEPT:], view.missing
    else:
        passed = range(max(view.number + 1, entry.number - MISSING_KEPT), entry.number) if view.number else ()
        marks, missing = (entry.before, mark), (*view.missing, *passed)[-MISSING_KEPT:]
    after = msgspec.structs.replace(view, number=entry.number, marks=marks, missing=missing, issued=entry.issued)
    return _take_body(after, entry, now)


def _fill(view: BoardView, entry: Entry, mark: bytes, now: int) -> BoardView:
    """Take in an entry that is not new: it may fill a gap, or show another face."""
    known = view.mark_of(entry.number)
    if known is not None and mark != known:
        raise TwoFaces
    if entry.number not in view.missing:
        return view
    missing = tuple(n for n in view.missing if n != entry.number)
    return _take_body(msgspec.structs.replace(view, missing=missing), entry, now)


def _take_body(view: BoardView, entry: Entry, now: int) -> BoardView:
    body = body_of(entry)
    if isinstance(body, RelayList) and entry.number > view.listed:
        return msgspec.structs.replace(view, relays=body, listed=entry.number)
    if isinstance(body, IntakeDays):
        return msgspec.structs.replace(view, intake=_intake(view, entry, body, now), lent=False)
    if isinstance(body, Notice):
        if far_ahead(entry.issued, now):
            return view
        fresh_notice = HeldNotice(entry.number, entry.issued, body.until, body.text)
        return msgspec.structs.replace(view, notices=keep(view.notices, fresh_notice))
    if isinstance(body, Said):
        return _take_statement(view, entry, body)
    if isinstance(body, TokenKeys):
        return _take_tokens(view, entry, body, now)
    if isinstance(body, PassMarks):
        issued = week_of(day_of(entry.issued))
        passes = keep_marks(view.passes, body, entry.number, issued, _oldest(view, now))
        return msgspec.structs.replace(view, passes=passes)
    if not isinstance(body, WeekKeys):
        return view
    issued = week_of(day_of(entry.issued))
    fresh = {k.week: k for k in body.keys if issued - 1 <= k.week <= issued + WEEKS_AHEAD + 1}
    keys = {k.week: k for k in view.keys} | fresh
    first = _oldest(view, now) - 1
    kept = sorted((k for k in keys.values() if k.week >= first), key=lambda k: k.week)[-KEYS_KEPT:]
    return msgspec.structs.replace(view, keys=tuple(kept))


def _oldest(view: BoardView, now: int) -> int:
    """The week that it is by our clock or by the newest entry's, whichever is earlier: none before it is needed."""
    return week_of(day_of(min(now, view.issued)))


def _take_statement(view: BoardView, entry: Entry, said: Said) -> BoardView:
    """Keep a statement that enough of the held root's own five have signed, with the day that they gave it.

    The board's key is no say in how new it is: one dated later than its entry, or so long before it that
    a notice of its day would be over, is passed over.
    """
    statement = said.statement
    if not view.root or not of_late(statement, day_of(entry.issued)) or not signed_by(said, view.root):
        return view
    until = statement.issued + NOTICE_DAYS
    fresh = HeldNotice(entry.number, statement.issued * DAY, until, statement.text, said=statement.number)
    return msgspec.structs.replace(view, notices=keep(view.notices, fresh))


def of_late(statement: Statement, day: Day) -> bool:
    """Whether a statement's own day is this one, or one of the 60 before it.

    Source: spec/62-voice.md, 6.
    """
    return statement.issued <= day <= statement.issued + NOTICE_DAYS


def _intake(view: BoardView, entry: Entry, body: IntakeDays, now: int) -> tuple[IntakeDay, ...]:
    """The days known after an intake entry: a day keeps what was first said of it."""
    issued = day_of(entry.issued)
    fresh = {d.day: d for d in body.days if issued - 1 <= d.day <= issued + DAYS_AHEAD + DAYS_AN_ENTRY}
    days = fresh | {d.day: d for d in view.intake if not view.lent}
    first = min(day_of(now), day_of(view.issued)) - 1
    return tuple(sorted((d for d in days.values() if d.day >= first), key=lambda d: d.day)[-DAYS_KEPT:])


def _take_tokens(view: BoardView, entry: Entry, body: TokenKeys, now: int) -> BoardView:
    """Take in token keys: what was first said of a week stays, or keys would tell members apart.

    Of weeks too many those nearest to ours are kept: entries of far days push out none of them.
    """
    week, issued = body.week, week_of(day_of(entry.issued))
    known = view.token_keys(week)
    view = msgspec.structs.replace(view, forked=view.forked or known not in (None, body))
    if not issued - 1 <= week <= issued + TOKEN_WEEKS_AHEAD:
        return view
    said = view.pairs.get(week, known.mark if known else body.mark)
    pairs = view.pairs | {week: said if said == body.mark else b""}
    ours, first = week_of(day_of(now)), _oldest(view, now) - 1
    near = sorted(
        (one for one in {*pairs, *(k.week for k in view.tokens)} if one >= first), key=lambda w: abs(w - ours)
    )
    kept = set(near[:TOKEN_WEEKS])
    tokens = view.tokens if known else (*view.tokens, body)
    return msgspec.structs.replace(
        view,
        tokens=tuple(sorted((k for k in tokens if k.week in kept), key=lambda k: k.week)),
        pairs={one: mark for one, mark in sorted(pairs.items()) if one in kept},
    )
