"""Posting: passes of a week go down the chain, each link to its pair, ahead of time.

Does        makes them at the desk and says their marks, hands below what was not handed yet, takes what our link hands,
            forgets old ones.
Does not    show a pass: the shell puts it into the address when it posts. Judge one: the relay does.
Spec        spec/51-tokens.md, 9
Always      1. They come from the link alone.  2. What a link handed once it can neither change nor push out.
            3. What the board says is not everybody's is neither taken, shown nor handed on.
            4. A pass is erased when its week is over.
Read first  deal(), take(), tidy().
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tercet.core import channel as letters
from tercet.core import mail
from tercet.core.card import Card, Relay
from tercet.core.cell import ABOVE, UNDER
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import last_day_of, week_of
from tercet.core.errors import Refusal
from tercet.core.events import TakeWeekly
from tercet.core.fields import encode
from tercet.core.mail import replace_relation, understood
from tercet.core.passes import (
    GONE,
    HELD_MOST,
    MARKS_MOST,
    PASSES_MOST,
    SECRET,
    WEEKS_PASSED,
    Held,
    Passes,
    PassMark,
    PassMarks,
    WeekPass,
    dressed,
    held_until,
    mark_of,
    parse_passes,
    pass_of,
    shown_in,
    tag_of,
)
from tercet.core.relation import Relation, is_known
from tercet.core.turn import Turn


def take_secret(turn: Turn, event: TakeWeekly) -> None:
    """A desk is given a relay's weekly secret, or is to forget it; what was made of that is handed on no more.

    A secret in place of another one counts from the first week of which there is no pass yet: those were handed.

    Raises:
        Refusal: `not_the_desk`, `weekly_wrong`.
    """
    office, tag = turn.device.office, tag_of(event.relay)
    if office is None:
        raise Refusal("not_the_desk")
    if not tag or len(event.secret) not in (0, SECRET):
        raise Refusal("weekly_wrong")
    weekly = {one: secret for one, secret in office.weekly.items() if one != tag}
    if event.secret:
        weekly |= {tag: event.secret}
    held = tuple(one for one in turn.device.passes if event.secret or one.relay != tag)
    turn.change(office=msgspec.structs.replace(office, weekly=weekly), passes=held)
    tidy(turn)


def tidy(turn: Turn) -> None:
    """Forget passes of weeks that are surely over and who is no neighbour any more; a desk makes those to come."""
    mail.lapse(turn, LetterKind.PASSES, lambda body: (one.week for one in parse_passes(body)))
    over, here = turn.first_week, {r.id for r in turn.device.relations}
    kept = tuple(one for one in turn.device.passes if one.week >= over)
    lapsed = {one.relay for one in turn.device.passes if one.week < over}
    kept = tuple(_among(one, here) for one in kept)
    known = {(one.relay, one.week) for one in kept}
    weekly = turn.device.office.weekly if turn.device.office else {}
    week = week_of(turn.today)
    made = (
        Held(tag, one, pass_of(secret, one))
        for tag, secret in weekly.items()
        for one in range(week, week + WEEKS_PASSED)
        if (tag, one) not in known
    )
    turn.change(passes=_ordered((*kept, *made)))
    if lapsed:
        _warn(turn, lapsed)


def _warn(turn: Turn, lapsed: set[bytes]) -> None:
    """Say, once a week, if passes of the next one are everybody's by now at a relay we use and were not handed us."""
    board, week = turn.device.board.passes, week_of(turn.today)
    given = {relay for one in board if one.week == week + 1 for relay in one.marks}
    relays = [one for one in turn.device.relays if tag_of(one) in given & lapsed]
    until = min((held_until(turn.device.passes, board, one, turn.now) for one in relays), default=last_day_of(week + 1))
    if until < last_day_of(week + 1):
        turn.tell("passes_end", days=str(max(until - turn.today + 1, 0)))


def marks_due(turn: Turn) -> tuple[PassMarks, ...]:
    """What a desk has to put on the board: the marks of this week's passes and the next two's, where they are not."""
    week, known = week_of(turn.today), {one.week: one.marks for one in turn.device.board.passes}
    due = []
    for one in range(week, week + WEEKS_PASSED):
        ours = sorted((p.relay, mark_of(p.shown)) for p in turn.device.passes if p.week == one)[:MARKS_MOST]
        if ours and not dict(ours).items() <= known.get(one, {}).items():
            due.append(PassMarks(one, tuple(PassMark(*each) for each in ours)))
    return tuple(due)


def _among(one: Held, here: set[bytes]) -> Held:
    """A pass that names none but neighbours that we have; of which link it was is nobody's business any more."""
    return msgspec.structs.replace(
        one, by=one.by if one.by in (b"", *here) else GONE, handed=tuple(r for r in one.handed if r in here)
    )


def deal(turn: Turn) -> None:
    """Write passes to those below who were not handed them yet; they are sealed in a later step."""
    for relation in turn.device.relations:
        if relation.role in UNDER and is_known(relation):
            _deal_to(turn, relation)


def _deal_to(turn: Turn, relation: Relation) -> None:
    week = week_of(turn.today)
    news = [p for p in turn.device.vouched if 0 <= p.week - week < WEEKS_PASSED and relation.id not in p.handed]
    news = sorted(news, key=lambda one: one.week)[:PASSES_MOST]
    if not news:
        return
    body = encode(Passes(1, tuple(WeekPass(one.relay, one.week, one.shown) for one in news)))
    channel = letters.write(relation.channel, LetterKind.PASSES, body)
    replace_relation(turn, msgspec.structs.replace(relation, channel=channel))
    turn.change(
        passes=tuple(
            msgspec.structs.replace(one, handed=(*one.handed, relation.id)) if one in news else one
            for one in turn.device.passes
        )
    )


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Our link hands us passes; from anybody else they are none, and so is one that the board says is not everybody's.

    One that this link handed before stays, unless the board says so of that.
    """
    heard = understood(turn, relation_id, ABOVE, letter, parse_passes)
    if heard is None:
        return
    _, passes = heard
    over, week = turn.first_week, week_of(turn.today)
    held = {(one.relay, one.week): one for one in turn.device.passes}
    marks = {(one.week, relay): mark for one in turn.device.board.passes for relay, mark in one.marks.items()}
    for one in passes:
        before, mark = held.get((one.relay, one.week)), marks.get((one.week, one.relay))
        if not over <= one.week <= week + WEEKS_PASSED or mark not in (None, mark_of(one.shown)):
            continue  # our clock may be behind theirs, so one week more; if it runs ahead, none is handed again
        if before and before.by == relation_id and mark in (None, mark_of(before.shown)):
            continue
        handed = before.handed if before and before.shown == one.shown else ()
        held[one.relay, one.week] = Held(one.relay, one.week, one.shown, relation_id, handed)
    turn.change(passes=_cut(turn, held.values()))


def _cut(turn: Turn, held: Iterable[Held]) -> tuple[Held, ...]:
    """As many as a device keeps, those of relays in use first: a link that names others could push them out."""
    used = {tag_of(relay) for relay in turn.device.relays}
    return _ordered(sorted(_ordered(held), key=lambda one: one.relay not in used)[:HELD_MOST])


def _ordered(held: Iterable[Held]) -> tuple[Held, ...]:
    return tuple(sorted(held, key=lambda one: (one.week, one.relay)))


def take_card(turn: Turn, card: Card) -> None:
    """A newcomer keeps the passes on its card for this week: the board's list of relays has none of a week."""
    week, known = week_of(turn.today), {one.relay for one in turn.device.passes}
    ours = {tag_of(one.address): shown_in(one.address) for one in card.relays}
    fresh = (Held(tag, week, shown) for tag, shown in ours.items() if tag and shown and tag not in known)
    turn.change(passes=_ordered((*turn.device.passes, *fresh)))


def table_to_pass_on(turn: Turn) -> tuple[Relay, ...]:
    """Our relays as a newcomer is told them: with the passes of this week, so that it posts from the first minute."""
    return tuple(msgspec.structs.replace(one, address=address_now(turn, one.address)) for one in turn.device.table)


def address_now(turn: Turn, address: str) -> str:
    """A relay's address with this week's pass, if we hold it."""
    return dressed(address, turn.device.vouched, turn.now)
