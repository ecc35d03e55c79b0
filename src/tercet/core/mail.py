"""Mail: letters between neighbours, as a device goes through them.

Does        writes what is due to each neighbour, reads their boxes, takes in what lies there.
Does not    know reports or cases.
Spec        spec/40-letters.md
Always      1. At most one letter a relation is sealed in one step.
Read first  send_all(), write_due(), arrived().
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import msgspec

from tercet.core import channel as letters
from tercet.core import mixing
from tercet.core.burning import agrees
from tercet.core.cell import Role
from tercet.core.channel import Channel, Letter, LetterKind, Waiting
from tercet.core.cutting import Happening, move
from tercet.core.days import DAY
from tercet.core.effects import PutItem
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query
from tercet.core.fields import Malformed
from tercet.core.relation import (
    FIRST_TEXT,
    LETTER_TEXT,
    NUMBERS_SKIPPED,
    Note,
    Relation,
    fits,
    forget_drained,
    forget_old,
    held_ref,
    lane_to_read,
    lanes_to_read,
    named,
    open_letter,
    own_lane,
    seal_letter,
    skip_keys,
    vanish,
    words,
    wrap_letter,
)
from tercet.core.report import Report
from tercet.core.state import ARRIVING_MOST, OWNER_MOST, Case, Device
from tercet.core.turn import Turn
from tercet.sealing import KEY, NONCE, CannotOpen

Talk = TypeVar("Talk", Report, Case)
T = TypeVar("T")
SILENCE = 3 * DAY  # seconds; who was not heard for so long is asked about
NOTES_KEPT = DAY  # seconds; a letter that was read vanishes after this long
KEYS_SKIPPED = 4  # message keys passed over when the vault went back one step


def tidy(turn: Turn) -> None:
    """What time does to letters: read ones vanish, old frames and roots go, silence is asked about."""
    device = turn.device
    fresh = tuple(o for o in device.outbox if abs(o.day - turn.today) <= 1)
    turn.change(relations=tuple(_tidy_relation(turn, r) for r in device.relations), outbox=fresh)


def _tidy_relation(turn: Turn, relation: Relation) -> Relation:
    """A neighbour's part; one whose days are out of reach does not hold up the others."""
    notes = vanish(relation.notes, turn.now, NOTES_KEPT)
    silent = turn.now - relation.channel.heard
    asked = silent >= SILENCE
    if asked and not relation.asked:
        turn.tell("silent", name=relation.name, days=str(silent // DAY))
    relation = msgspec.structs.replace(relation, notes=notes, asked=asked)
    try:
        return forget_old(relation, turn.device.confirmed)
    except Refusal as refusal:
        turn.tell(refusal.code, name=relation.name)
        return relation


def lapse(turn: Turn, kind: LetterKind, weeks: Callable[[bytes], Iterable[int]]) -> None:
    """Let go of letters about weeks that are all over, also to somebody who may never answer again.

    Args:
        turn: the step.
        kind: of the letters.
        weeks: which weeks a body is about.
    """
    over = turn.first_week

    def lapsed(letter: Waiting) -> bool:
        return letter.kind == kind and max(weeks(letter.body), default=over) < over

    for relation in turn.device.relations:
        channel = letters.without(relation.channel, lapsed)
        if channel is not relation.channel:
            replace_relation(turn, msgspec.structs.replace(relation, channel=channel))


def send_all(turn: Turn) -> None:
    """Write to every neighbour what is due, and read all their boxes."""
    for relation in turn.device.relations:
        try:
            write_due(turn, relation)
            _read_boxes(turn, relation)
        except Refusal as refusal:
            turn.tell(refusal.code, name=relation.name)


def _read_boxes(turn: Turn, relation: Relation) -> None:
    """Order a neighbour's boxes to be read."""
    for day in turn.days(relation):
        for number, where in reversed(lanes_to_read(relation, day)):
            turn.read(Query("relation", relation.id, day, number), where)


def put_one(turn: Turn, relation: Relation, after: float) -> None:
    """Put one frame for a neighbour, `after` so many seconds: what is held, what is due, or an empty letter."""
    try:
        write(turn, relation, letters.due(relation.channel, turn.now), after)
    except Refusal as refusal:
        turn.tell(refusal.code, name=relation.name)


def write_due(turn: Turn, relation: Relation) -> None:
    """Seal what is due for a neighbour: a letter, or an empty one."""
    letter = letters.due(relation.channel, turn.now)
    if relation.held or letter is not None or letters.wants_empty(relation.channel, turn.now):
        write(turn, relation, letter)


def write(turn: Turn, relation: Relation, letter: Waiting | None, after: float = 0.0) -> None:
    """Put what is held for a neighbour, else seal a letter, or an empty one; it goes `after` so many seconds."""
    content = relation.held
    if not content:
        relation, content = seal_letter(relation, letter, turn.now)
        replace_relation(turn, relation)
    day = turn.day_to_write(relation.chain)
    where, frame = wrap_letter(relation, content, day, turn.chance(NONCE))
    ref = held_ref(relation) if relation.held else b""
    turn.order(PutItem(ref, turn.device.places(where), frame, after))


def let_go(turn: Turn, ref: bytes) -> None:
    """A relay has stored the letter that is held for a neighbour, or will not: it is not put again."""
    for relation in turn.device.relations:
        if relation.held and held_ref(relation) == ref:
            replace_relation(turn, msgspec.structs.replace(relation, held=b""))


def write_letter(turn: Turn, to: str, text: str) -> None:
    """The owner writes to a neighbour, by the word it uses for it.

    Raises:
        Refusal: `unknown_neighbour`, `letter_long`, `bad_reply`, `too_much_waiting`.
    """
    relation = named(turn.device.relations, to)
    body = body_for(turn, relation.channel, text)
    if relation.adopted and not relation.channel.received and len(body) > FIRST_TEXT:
        raise Refusal("letter_long")
    after = letters.write(relation.channel, LetterKind.TEXT, body)
    replace_relation(turn, msgspec.structs.replace(relation, channel=after))


def body_of(text: str) -> bytes:
    """The bytes of a letter's text.

    Raises:
        Refusal: `bad_reply` for an empty one, `letter_long`.
    """
    try:
        body = text.strip().encode()
    except UnicodeEncodeError:
        raise Refusal("bad_reply") from None
    if not body:
        raise Refusal("bad_reply")
    if len(body) > LETTER_TEXT:
        raise Refusal("letter_long")
    return body


def body_for(turn: Turn, channel: Channel, text: str) -> bytes:
    """The bytes of a letter's text, if there is room for it to wait.

    Raises:
        Refusal: `bad_reply`, `letter_long`, `too_much_waiting`.
    """
    body = body_of(text)
    letters.check_room(channel, body)
    if not turn.roomy(OWNER_MOST):
        raise Refusal("too_much_waiting")
    return body


def more_to_say(device: Device, now: int) -> bool:
    """Whether another `SendNow` at once would say more: a letter that is due, or a word that was never said."""
    due = any(letters.due(r.channel, now) for r in device.relations)
    return due or any(letters.unsaid(r.channel) for r in device.reports)


def find_relation(turn: Turn, relation_id: bytes) -> Relation | None:
    """A neighbour by its id."""
    return next((r for r in turn.device.relations if r.id == relation_id), None)


def understood(
    turn: Turn, relation_id: bytes, roles: Collection[Role], letter: Letter, parse: Callable[[bytes], T]
) -> tuple[Relation, T] | None:
    """Who wrote a letter and what it says; none unless it is a neighbour in one of these roles, and it can be read."""
    relation = find_relation(turn, relation_id)
    if relation is None or relation.role not in roles:
        return None
    try:
        return relation, parse(letter.body)
    except Malformed:
        return None


def replace_relation(turn: Turn, relation: Relation) -> None:
    """Put a changed relation in its place."""
    turn.change(relations=tuple(relation if r.id == relation.id else r for r in turn.device.relations))


def arrived(turn: Turn, event: Arrived) -> tuple[Letter, ...]:
    """Take in what a neighbour's box held.

    Returns:
        The letters delivered, in order, that are no text: for who knows their kinds.
    """
    relation = find_relation(turn, event.query.id)
    if relation is None:
        return ()
    day, number = event.query.day, event.query.index
    where = lane_to_read(relation, day, number)
    if where is None:
        return ()
    others: list[Letter] = []
    box = where.boxes[event.query.place]
    roomy = not event.items or turn.roomy(ARRIVING_MOST)
    ahead = 0
    for item in event.items:
        try:
            opened, letter = open_letter(relation, day, item, number)
        except (CannotOpen, Malformed):
            relation = msgspec.structs.replace(relation, strange=relation.strange + 1)
            turn.acknowledge(box, item, event.relay)
            continue
        turn.confirm(letter.written)
        ahead = max(ahead, letter.written - turn.now)
        if letter.number > relation.channel.received and not (
            roomy and fits(relation.notes, relation.channel.early, letter)
        ):
            relation = msgspec.structs.replace(relation, channel=letters.hear(relation.channel, letter, turn.now))
            continue
        relation, more = _take_letter(turn, opened, letter)
        others += more
        turn.acknowledge(box, item, event.relay)
    warn_of_clock(turn, ahead)
    if not (event.items or event.more or event.carried) and number == own_lane(relation, day):
        relays = turn.device.order(where.turn)
        relation = forget_drained(relation, day, event.relay, relays, turn.device.confirmed)
    replace_relation(turn, relation)
    turn.read_on(event, box)
    return tuple(others)


def take_mix(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Take in a letter of a mix: the other answers the inviter's, and the inviter takes the answer."""
    relation = find_relation(turn, relation_id)
    if relation is None or (letter.kind == LetterKind.MIX) != (relation.side == 1):
        return
    about = relation.mix, relation.id, relation.chain, letter.body
    try:
        if letter.kind == LetterKind.MIX:
            mix, body = mixing.answer(*about, turn.device.confirmed, turn.chance(KEY))
            relation = _with_letter(relation, LetterKind.MIX_BACK, body)
        else:
            mix = mixing.finish(*about)
    except Malformed:
        return
    replace_relation(turn, msgspec.structs.replace(relation, mix=mix))


def begin_mixes(turn: Turn) -> None:
    """Begin the mixes that are due; the letters are sealed in a later step, which a vault may lose and they stay."""
    for relation in turn.device.relations:
        mix, confirmed = relation.mix, turn.device.confirmed
        waiting = any(w.kind == LetterKind.MIX for w in relation.channel.waiting)
        if relation.side or not confirmed:
            continue
        if not mix.since:
            mix = msgspec.structs.replace(mix, since=confirmed)
        elif mixing.is_due(mix, confirmed, waiting):
            mix, body = mixing.begin(mix, confirmed, turn.chance(KEY))
            relation = _with_letter(relation, LetterKind.MIX, body)
        replace_relation(turn, msgspec.structs.replace(relation, mix=mix))


def _with_letter(relation: Relation, kind: LetterKind, body: bytes) -> Relation:
    return msgspec.structs.replace(relation, channel=letters.write(relation.channel, kind, body))


def _take_letter(turn: Turn, relation: Relation, letter: Letter) -> tuple[Relation, list[Letter]]:
    channel, delivered = letters.accept(relation.channel, letter, turn.now)
    if not letter.number and letter.kind == LetterKind.ALARM:
        relation = _in_danger(turn, relation, letter)
    notes = tuple(Note(d.number, words(d), turn.now) for d in delivered if d.kind == LetterKind.TEXT)
    for _ in notes:
        turn.tell("letter_came", name=relation.name)
    others = [d for d in delivered if d.kind not in (LetterKind.EMPTY, LetterKind.TEXT)]
    return msgspec.structs.replace(relation, channel=channel, notes=(*relation.notes, *notes)), others


def _in_danger(turn: Turn, relation: Relation, alarm: Letter) -> Relation:
    """A neighbour's device says that somebody else has it: the owner is told once, and its own point is kept."""
    if relation.share and agrees(relation.share, alarm.body):
        cut = move(relation.cut, Happening.ALARM, turn.now, alarm.body)
        relation = msgspec.structs.replace(relation, cut=cut)
    if relation.danger:
        return relation
    turn.tell("in_danger", name=relation.name)
    return msgspec.structs.replace(relation, danger=alarm.written)


def warn_of_clock(turn: Turn, ahead: int) -> None:
    """Tell the owner when somebody else's clock is a day or more ahead of ours, in seconds."""
    if ahead >= DAY:
        turn.tell("clock_off", days=str(ahead // DAY))


def relay_time(turn: Turn, seconds: int) -> None:
    """A relay's clock: a warning follows when it is a day or more from ours, and nothing else."""
    if abs(seconds - turn.now) >= DAY:
        turn.tell("clock_off", days=str((seconds - turn.now) // DAY))


def went_back(turn: Turn) -> None:
    """Pass over message keys that the lost step may have used."""
    turn.change(
        relations=tuple(_passed_over(r) for r in turn.device.relations),
        reports=tuple(_skip(r) for r in turn.device.reports),
    )
    desk = turn.device.office
    if desk is not None:
        cases = tuple(_skip(c) for c in desk.cases)
        turn.change(office=msgspec.structs.replace(desk, cases=cases, opened=desk.opened + NUMBERS_SKIPPED))
    turn.tell("went_back")


def _passed_over(relation: Relation) -> Relation:
    """A neighbour's part; a letter of permits, which else might be filled up, counts as sealed in the lost step."""
    relation = skip_keys(relation, KEYS_SKIPPED)
    channel = letters.as_sealed(relation.channel, LetterKind.PERMITS)
    return msgspec.structs.replace(relation, channel=channel)


def _skip(holder: Talk) -> Talk:
    return msgspec.structs.replace(holder, channel=letters.skip_numbers(holder.channel, NUMBERS_SKIPPED))
