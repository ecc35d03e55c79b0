"""Introducing: what a device does when its owner introduces two, or is one of the two.

Does        turns the owner's words and letters of kinds 9 and 10 into letters, and keeps what comes of them.
Does not    know how two agree on keys.
Spec        spec/32-introduction.md
Always      1. At most one introduction made, and one taken part in, at a time.  2. Letters that are not for now
            change nothing.
Read first  take(), introduce(), accept().
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tercet.core import channel as letters
from tercet.core.cell import COMPLEMENT
from tercet.core.channel import Letter, LetterKind
from tercet.core.encounter import free_to_meet, here_of, keep
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.introduction import (
    DECLINE_WITHIN,
    FITTING,
    INTRODUCES,
    Bringing,
    Brought,
    Declined,
    Frame,
    Introductions,
    Offer,
    Said,
    Step,
    Way,
    introduced,
    parse_frame,
    parse_offer,
)
from tercet.core.mail import find_relation, replace_relation
from tercet.core.meeting import Here, Stage
from tercet.core.relation import Relation, cell_of, named
from tercet.core.turn import Turn
from tercet.sealing import CannotOpen, words_of

Move = Callable[[], Step]


# ---- the owner's words


def introduce(turn: Turn, first: str, second: str) -> None:
    """Introduce two neighbours to each other, by our words for them.

    Raises:
        Refusal: `unknown_neighbour`, `introduce_whom`, `not_met`, `introduction_under_way`, `too_much_waiting`.
    """
    pair = (named(turn.device.relations, first), named(turn.device.relations, second))
    if (pair[0].role, pair[1].role) not in INTRODUCES:
        pair = (pair[1], pair[0])
    role = INTRODUCES.get((pair[0].role, pair[1].role))
    if role is None or pair[0].id == pair[1].id:
        raise Refusal("introduce_whom")
    if not (pair[0].met and pair[1].met):
        raise Refusal("not_met")
    if _known(turn).bringing is not None:
        raise Refusal("introduction_under_way")
    name, shared = turn.chance(16), turn.chance(32)
    roles = (COMPLEMENT[role], role)
    for side, relation in enumerate(pair):
        body = encode(Offer(1, name, shared, side, roles[side]))
        letters.check_room(relation.channel, body)
        _write(turn, relation.id, LetterKind.INTRODUCE, body)
    _remember(turn, bringing=Bringing(name, (pair[0].id, pair[1].id), turn.now))


def accept(turn: Turn, name: str) -> None:
    """Agree to be introduced; `name` is our word for the other.

    Raises:
        Refusal: `no_introduction`, `meeting_under_way`, `bad_name`, `name_taken`, or the cell has no such place.
    """
    brought = _known(turn).brought
    if brought is None or brought.meeting is not None:
        raise Refusal("no_introduction")
    free_to_meet(turn, name)
    turn.device.cell.admit(brought.role)
    _go_on(turn, brought, lambda: brought.agreed(name, turn.now, _here(turn), turn.chance))


def decline(turn: Turn) -> None:
    """The owner does not want to be introduced, or not any more.

    Raises:
        Refusal: `no_introduction`; `introduction_bound`, our yes has gone out and the other may rely on it.
    """
    brought = _known(turn).brought
    if brought is None:
        raise Refusal("no_introduction")
    if brought.bound:
        raise Refusal("introduction_bound")
    _end(turn, brought, "")


def compare(turn: Turn, name: str) -> None:
    """Show the words of a relation that was made by introduction.

    Raises:
        Refusal: `unknown_neighbour`, `nothing_to_compare`.
    """
    relation = _unmet(turn, name)
    turn.tell("introduction_words", name=name, words=" ".join(words_of(relation.likeness, "compare words")))


def words_agree(turn: Turn, name: str) -> None:
    """The two met face to face and saw the same words.

    Raises:
        Refusal: `unknown_neighbour`, `nothing_to_compare`.
    """
    relation = msgspec.structs.replace(_unmet(turn, name), met=True, likeness=b"")
    replace_relation(turn, relation)
    turn.tell("introduction_met", name=name)


def words_differ(turn: Turn, name: str) -> None:
    """The two saw different words: somebody stands in between; the relation is dropped.

    Raises:
        Refusal: `unknown_neighbour`, `nothing_to_compare`.
    """
    relation = _unmet(turn, name)
    turn.change(relations=tuple(r for r in turn.device.relations if r.id != relation.id))
    turn.tell("introduction_dropped", name=name)


# ---- time and letters


def forget_neighbour(turn: Turn, relation: bytes) -> None:
    """End what hangs on a neighbour that is dropped: the introduction we make for it, the one it makes for us."""
    known = _known(turn)
    if known.bringing is not None and relation in known.bringing.pair:
        _end_bringing(turn, known.bringing, "introduction_refused")
    if known.brought is not None and known.brought.by == relation:
        _forget(turn, known.brought, "introduction_refused")
    _remember(turn, declined=tuple(d for d in known.declined if d.by != relation))


def tidy(turn: Turn) -> None:
    """Say the noes that are due, and end what is over its time."""
    known = _known(turn)
    due = [d for d in known.declined if not d.at - DECLINE_WITHIN <= turn.now < d.at]
    if due:
        _remember(turn, declined=tuple(d for d in known.declined if d not in due))
    for declined in due:
        _say(turn, declined.by, Frame(1, declined.id, Said.NO, ()))
    if known.bringing is not None and known.bringing.late(turn.now):
        _end_bringing(turn, known.bringing, "introduction_expired")
    if known.brought is not None and known.brought.late(turn.now):
        _end(turn, known.brought, "introduction_expired")


def take(turn: Turn, by: bytes, letter: Letter) -> None:
    """Take in a letter of kind 9 or 10 that a neighbour wrote; one that makes no sense is passed over.

    Args:
        turn: the step at work.
        by: id of the relation it came in.
        letter: as delivered, once and in order.
    """
    relation = find_relation(turn, by)
    if relation is None:
        return
    try:
        if letter.kind == LetterKind.INTRODUCE:
            _take_offer(turn, relation, parse_offer(letter.body))
        else:
            _take_frame(turn, relation, parse_frame(letter.body), letter.body)
    except Malformed:
        return


def _take_offer(turn: Turn, by: Relation, offer: Offer) -> None:
    known = _known(turn)
    if known.brought is not None and (known.brought.id, known.brought.by) == (offer.id, by.id):
        return
    code = _no_place(turn, by, offer)
    if code:
        _decline_later(turn, by, offer)
        turn.tell("introduction_declined", by=by.name, code=code)
        return
    _remember(turn, brought=Brought(offer.id, by.id, turn.now, offer.side, offer.role, offer.shared))
    turn.tell("introduction_offered", by=by.name, role=offer.role.value)


def _no_place(turn: Turn, by: Relation, offer: Offer) -> str:
    """Why an offer does not get as far as our owner: a code, or nothing."""
    if not by.met or (by.role, offer.role, offer.side) not in FITTING:
        return "introduce_whom"
    if _known(turn).brought is not None:
        return "introduction_under_way"
    try:
        turn.device.cell.admit(offer.role)
    except Refusal as refusal:
        return refusal.code
    return ""


def _decline_later(turn: Turn, by: Relation, offer: Offer) -> None:
    """One no a neighbour at a time, so that offers without end make us keep and write nothing without end."""
    known = _known(turn)
    waits = any(w.kind == LetterKind.INTRO_FRAME for w in by.channel.waiting)
    if waits or any(d.by == by.id for d in known.declined):
        return
    at = turn.now + 1 + int.from_bytes(turn.chance(8), "big") % DECLINE_WITHIN
    _remember(turn, declined=(*known.declined, Declined(offer.id, by.id, at)))


def _take_frame(turn: Turn, relation: Relation, frame: Frame, body: bytes) -> None:
    known = _known(turn)
    if known.bringing is not None:
        after = known.bringing.passed(relation.id, frame)
        if after is not None:
            _pass_on(turn, after, relation, body)
            return
    brought = known.brought
    if brought is None or (brought.id, brought.by) != (frame.id, relation.id):
        return
    if frame.said is Said.NO:
        _forget(turn, brought, "introduction_refused")
        return
    _go_on(turn, brought, lambda: brought.heard(frame.said, frame.parts, _here(turn), turn.chance))


# ---- the introducer


def _pass_on(turn: Turn, bringing: Bringing, source: Relation, body: bytes) -> None:
    other = bringing.pair[1 - bringing.pair.index(source.id)]
    _write(turn, other, LetterKind.INTRO_FRAME, body)
    over = bringing.way in (Way.DONE, Way.OVER)
    _remember(turn, bringing=None if over else bringing)
    if over:
        names = {r.id: r.name for r in turn.device.relations}
        turn.tell(
            "introduction_made" if bringing.way is Way.DONE else "introduction_refused",
            name=source.name,
            other=names.get(other, ""),
        )


def _end_bringing(turn: Turn, bringing: Bringing, code: str) -> None:
    for relation in bringing.pair:
        _say(turn, relation, Frame(1, bringing.id, Said.NO, ()))
    _remember(turn, bringing=None)
    turn.tell("introduction_over", code=code)


# ---- one of the two


def _go_on(turn: Turn, brought: Brought, move: Move) -> None:
    """Carry out a move of ours: what we say then, or how it ended."""
    try:
        after, said = move()
    except (CannotOpen, Malformed):
        _end(turn, brought, "introduction_refused")
        return
    if after is brought:
        return
    meeting = after.meeting
    if meeting is not None and meeting.stage is Stage.FAILED:
        _end(turn, brought, meeting.failure)
        return
    _remember(turn, brought=after)
    if said is not None:
        _say(turn, brought.by, Frame(1, brought.id, *said))
    if meeting is not None and meeting.stage is Stage.KEPT:
        relation = introduced(after)
        _remember(turn, brought=None)
        keep(turn, relation)
        turn.tell("introduction_kept", name=relation.name, role=relation.role.value)


def _end(turn: Turn, brought: Brought, code: str) -> None:
    """Say no, and forget it."""
    _say(turn, brought.by, Frame(1, brought.id, Said.NO, ()))
    _forget(turn, brought, code)


def _forget(turn: Turn, brought: Brought, code: str) -> None:
    _remember(turn, brought=None)
    if code:
        by = next((r.name for r in turn.device.relations if r.id == brought.by), "")
        turn.tell("introduction_over", code=code, by=by)


# ---- small things


def _known(turn: Turn) -> Introductions:
    return turn.device.introductions


def _remember(turn: Turn, **fields: object) -> None:
    turn.change(introductions=msgspec.structs.replace(turn.device.introductions, **fields))


def _unmet(turn: Turn, name: str) -> Relation:
    relation = named(turn.device.relations, name)
    if relation.met:
        raise Refusal("nothing_to_compare")
    return relation


def _say(turn: Turn, to: bytes, frame: Frame) -> None:
    _write(turn, to, LetterKind.INTRO_FRAME, encode(frame))


def _write(turn: Turn, to: bytes, kind: LetterKind, body: bytes) -> None:
    """One more letter to a neighbour; to one who is gone, none."""
    relation = find_relation(turn, to)
    if relation is not None:
        channel = letters.write(relation.channel, kind, body)
        replace_relation(turn, msgspec.structs.replace(relation, channel=channel))


def _here(turn: Turn) -> Here:
    """What we bring: the place that the owner agreed to is still free for the one it was agreed for."""
    return here_of(turn, cell_of(turn.device.relations, turn.device.is_desk, turn.device.confirmed))
