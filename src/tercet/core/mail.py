"""Mail: meetings, letters between neighbours, and the reader's side of the board.

Does        what members and desks have in common.
Does not    know reports or cases.
Spec        spec/30-meeting.md, spec/40-letters.md, spec/60-board.md
Always      1. At most one letter a relation is sealed in one step.
Read first  beat(), arrived().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from tercet.core import board as boards
from tercet.core import channel as letters
from tercet.core import knock as knocks
from tercet.core import meeting as meetings
from tercet.core.card import Card
from tercet.core.chain import Purpose, lane
from tercet.core.channel import Channel, Letter
from tercet.core.conversation import seal_word
from tercet.core.days import DAY
from tercet.core.effects import AckItem, PutItem, ReadBox
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query
from tercet.core.fields import Malformed
from tercet.core.knock import Out
from tercet.core.meeting import Here, Meeting, Stage
from tercet.core.relation import (
    COMPLEMENT,
    LETTER_TEXT,
    NUMBERS_SKIPPED,
    Note,
    Relation,
    Role,
    admit,
    fits,
    open_letter,
    seal_letter,
    settle,
    skip_keys,
    vanish,
    words,
)
from tercet.core.report import LetterKind, Report
from tercet.core.state import ARRIVING_MOST, OWNER_MOST, Case, Device, Spent
from tercet.core.turn import FRAMES_A_READ, Turn
from tercet.sealing import NONCE, Box, CannotOpen, digest

Talk = TypeVar("Talk", Report, Case)
NOTES_KEPT = DAY  # seconds; a letter that was read vanishes after this long
BOX_FRAMES = 128  # frames that a box holds; spec/10-drop.md, 3
SPENT_KEPT = 600  # seconds; how long a refusal lies in a spent plate's box
NAME_LENGTH = 40  # characters of the owner's word for a neighbour
BOARD_ROUNDS = 64  # reads that one beat follows a board with: 1,024 items, so that junk does not outrun a reader
KEYS_SKIPPED = 4  # message keys passed over when the vault went back one step


def beat(turn: Turn) -> None:
    """Everything a beat does for meetings, relations and the board."""
    device = turn.device
    relations = tuple(msgspec.structs.replace(r, notes=vanish(r.notes, turn.now, NOTES_KEPT)) for r in device.relations)
    fresh = tuple(o for o in device.outbox if not o.day or abs(o.day - turn.today) <= 1)
    turn.change(relations=relations, outbox=fresh)
    for out in fresh:
        if out.owner:
            turn.put(out)
    look(turn)
    for relation in turn.device.relations:
        try:
            _beat_relation(turn, relation)
        except Refusal as refusal:
            turn.tell(refusal.code, name=relation.name)
    _read_board(turn)
    _tidy_plates(turn)


def _beat_relation(turn: Turn, relation: Relation) -> None:
    """A neighbour's part of a beat; one whose days are out of reach does not hold up the others."""
    channel = letters.forget_old(relation.channel, turn.device.confirmed)
    relation = msgspec.structs.replace(relation, channel=channel)
    replace_relation(turn, relation)
    write_due(turn, relation)
    read_boxes(turn, channel, "relation", Query("relation", relation.id))


def read_boxes(turn: Turn, channel: Channel, purpose: Purpose, query: Query) -> None:
    """Order the other side's boxes of a channel to be read."""
    chain = channel.chain
    for day in turn.days(channel):
        chain = chain.since(day)
        there = lane(chain, day, purpose, 1 - channel.side)
        turn.read(msgspec.structs.replace(query, day=day), there.box, there.turn)


def write_due(turn: Turn, relation: Relation) -> None:
    """Seal what is due for a neighbour: a letter, or an empty one."""
    something, letter = turn.letter_due(relation.id, relation.channel)
    if not something:
        return
    day = turn.day_to_write(relation.channel.chain)
    after, where, frame = seal_letter(relation, letter, turn.now, day, turn.chance(NONCE))
    replace_relation(turn, after)
    if letter is None:
        turn.order(PutItem(b"", where.box.id, frame, turn.device.order(where.turn)))
    else:
        turn.send(relation.id, where.box.id, frame, where.turn, day=day)


def say_due(turn: Turn, owner: bytes, channel: Channel) -> Channel:
    """Seal what is due in a conversation, on either side of it: a letter, or an empty one that acknowledges.

    Args:
        turn: the step at work.
        owner: what the outbox knows the conversation by.
        channel: the state before.

    Returns:
        The channel after; the same one if nothing is due.
    """
    something, letter = turn.letter_due(owner, channel)
    if not something or (letter is None and not channel.owes):
        return channel
    day = turn.day_to_write(channel.chain)
    channel, where, frame = seal_word(channel, letter, turn.now, day, turn.chance(NONCE))
    if letter is None:
        turn.order(PutItem(b"", where.box.id, frame, turn.device.order(where.turn)))
    else:
        turn.send(owner, where.box.id, frame, where.turn, day=day)
    return channel


def write_letter(turn: Turn, to: str, text: str) -> None:
    """The owner writes to a neighbour, by the word it uses for it.

    Raises:
        Refusal: `unknown_neighbour`, `letter_long`, `bad_reply`, `too_much_waiting`.
    """
    relation = next((r for r in turn.device.relations if r.name == to), None)
    if relation is None:
        raise Refusal("unknown_neighbour")
    after = letters.write(relation.channel, LetterKind.TEXT, body_for(turn, relation.channel, text))
    relation = msgspec.structs.replace(relation, channel=after)
    replace_relation(turn, relation)
    write_due(turn, relation)


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


def replace_relation(turn: Turn, relation: Relation) -> None:
    """Put a changed relation in its place."""
    turn.change(relations=tuple(relation if r.id == relation.id else r for r in turn.device.relations))


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in what a box of a relation, the board or a meeting held."""
    handlers: dict[str, Callable[[Turn, Arrived], None]] = {
        "relation": _relation_arrived,
        "board": _board_arrived,
        "meeting": _meeting_arrived,
        "refusal": _meeting_arrived,
        "plate": _plate_arrived,
    }
    handlers[event.query.kind](turn, event)


def acknowledge(turn: Turn, where: Box, item: bytes, relay: str) -> None:
    """Order an item to be forgotten where it was read."""
    turn.order(AckItem(where.ack, digest(item), relay))


def drained(turn: Turn, channel: Channel, purpose: Purpose, event: Arrived) -> Channel:
    """The channel after a box of its was read: a day that is over and read to its end is forgotten."""
    if event.more or event.items:
        return channel
    relays = turn.device.order(lane(channel.chain, event.query.day, purpose, 1 - channel.side).turn)
    return letters.forget_drained(channel, event.query.day, event.relay, relays, turn.device.confirmed)


def _relation_arrived(turn: Turn, event: Arrived) -> None:
    relation = next((r for r in turn.device.relations if r.id == event.query.id), None)
    if relation is None or event.query.day < relation.channel.chain.day:
        return
    where = lane(relation.channel.chain, event.query.day, "relation", 1 - relation.channel.side).box
    roomy = not event.items or turn.roomy(ARRIVING_MOST)
    ahead = 0
    for item in event.items:
        try:
            opened, letter = open_letter(relation, event.query.day, item)
        except (CannotOpen, Malformed):
            relation = msgspec.structs.replace(relation, strange=relation.strange + 1)
            acknowledge(turn, where, item, event.relay)
            continue
        turn.confirm(letter.written)
        ahead = max(ahead, letter.written - turn.now)
        if letter.number > relation.channel.received and not (
            roomy and fits(relation.notes, relation.channel.early, letter)
        ):
            relation = msgspec.structs.replace(relation, channel=letters.hear(relation.channel, letter, turn.now))
            continue
        relation = _take_letter(turn, opened, letter)
        acknowledge(turn, where, item, event.relay)
    warn_of_clock(turn, ahead)
    relation = msgspec.structs.replace(relation, channel=drained(turn, relation.channel, "relation", event))
    replace_relation(turn, relation)
    turn.read_on(event, where)


def _take_letter(turn: Turn, relation: Relation, letter: Letter) -> Relation:
    channel, delivered = letters.accept(relation.channel, letter, turn.now)
    notes = tuple(Note(d.number, words(d), turn.now) for d in delivered if d.kind == LetterKind.TEXT)
    for _ in notes:
        turn.tell("letter_came", name=relation.name)
    return msgspec.structs.replace(relation, channel=channel, notes=(*relation.notes, *notes))


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
        relations=tuple(skip_keys(r, KEYS_SKIPPED) for r in turn.device.relations),
        reports=tuple(_skip(r) for r in turn.device.reports),
    )
    desk = turn.device.office
    if desk is not None:
        cases = tuple(_skip(c) for c in desk.cases)
        turn.change(office=msgspec.structs.replace(desk, cases=cases, opened=desk.opened + NUMBERS_SKIPPED))
    turn.tell("went_back")


def _skip(holder: Talk) -> Talk:
    return msgspec.structs.replace(holder, channel=letters.skip_numbers(holder.channel, NUMBERS_SKIPPED))


# ---- the board


def _read_board(turn: Turn) -> None:
    """Read the board at two relays, from the last item seen there: it is still there unless the box has shrunk."""
    if turn.device.card is None or turn.device.is_desk:
        return
    for relay in turn.device.relays[:2]:
        _read_board_at(turn, relay, max(turn.device.board.places.get(relay, 0) - 1, 0))


def _read_board_at(turn: Turn, relay: str, start: int, rounds: int = 0) -> None:
    if turn.device.card is not None:
        query = Query("board", start=start, round=rounds)
        turn.order(ReadBox(query, turn.device.card.board_read, (relay,), posted=True, limit=FRAMES_A_READ))


def _board_arrived(turn: Turn, event: Arrived) -> None:
    if turn.device.card is None or turn.device.is_desk or event.relay not in turn.device.relays:
        return
    before, start = turn.device.board, event.query.start
    entries = _open_entries(turn.device.card, event.items)
    if start and (not event.items or (entries and entries[0][0].number > before.number + 1)):
        _read_board_at(turn, event.relay, 0)
        return
    view = before
    for entry, mark in entries:
        try:
            view = boards.apply_entry(view, entry, mark, turn.now)
        except boards.TwoFaces:
            view = msgspec.structs.replace(view, forked=True)
            break
        turn.confirm(entry.issued)
    if view.forked and not before.forked:
        turn.tell("board_two_faces")
    seen = start + len(event.items)
    turn.change(board=view.placed(event.relay, seen, turn.device.relays))
    if event.more and event.items and event.query.round < BOARD_ROUNDS:
        _read_board_at(turn, event.relay, seen, event.query.round + 1)


def _open_entries(card: Card, items: tuple[bytes, ...]) -> list[tuple[boards.Entry, bytes]]:
    """What opens and is signed, in the order in which it lies."""
    entries = []
    for item in items:
        try:
            entries.append(boards.open_entry(item, card.board_read, card.board_key))
        except (CannotOpen, Malformed):
            continue
    return entries


# ---- meetings


def invite(turn: Turn, name: str, role: Role) -> None:
    """Begin a meeting as the one who says the code.

    Raises:
        Refusal: `meeting_under_way`, `no_card`, `bad_name`, `cell_full`, `not_the_desk`.
    """
    _free_to_meet(turn, name)
    if turn.device.card is None:
        raise Refusal("no_card")
    if (role is Role.DESK) != turn.device.is_desk:
        raise Refusal("not_the_desk")
    admit(turn.device.relations, COMPLEMENT[role])
    turn.change(meeting=meetings.invite(name, role, turn.device.relays[0], turn.now, turn.chance))
    _read_next(turn)


def join(turn: Turn, name: str, code: str, relay: str) -> None:
    """Begin a meeting as the one who heard the code.

    Raises:
        Refusal: `meeting_under_way`, `bad_name`, `bad_code`, `relay_missing`.
    """
    _free_to_meet(turn, name)
    where = relay or (turn.device.relays[0] if turn.device.relays else "")
    if not where:
        raise Refusal("relay_missing")
    turn.change(meeting=meetings.join(name, code, where, turn.now))
    _read_next(turn)


def same_words(turn: Turn) -> None:
    """The owner confirms; a meeting whose time is over ends instead.

    Raises:
        Refusal: `no_meeting`, `clock_far`.
    """
    meeting = _still_open(turn)
    if meeting is None:
        return
    meeting, out = meetings.say_yes(meeting, _card_to_pass_on(turn), turn.chance)
    _settle(turn, meeting, (out,))


def other_words(turn: Turn) -> None:
    """The owner stops.

    Raises:
        Refusal: `no_meeting`.
    """
    meeting = _still_open(turn)
    if meeting is not None:
        _settle(turn, *meetings.say_no(meeting, turn.chance))


def look(turn: Turn) -> None:
    """Put again what no relay has stored; read where the other would write next; end what is over its time."""
    for out in turn.device.outbox:
        if not out.owner:
            turn.put(out)
    if turn.device.meeting is not None:
        _settle(turn, meetings.end_if_late(turn.device.meeting, turn.now))
        _read_next(turn)


def _still_open(turn: Turn) -> Meeting | None:
    """The meeting, or none if its time is over: then it has ended.

    Raises:
        Refusal: `no_meeting`, there was none.
    """
    if turn.device.meeting is None:
        raise Refusal("no_meeting")
    _settle(turn, meetings.end_if_late(turn.device.meeting, turn.now))
    return turn.device.meeting


def _read_next(turn: Turn) -> None:
    meeting = turn.device.meeting
    if meeting is None:
        return
    where, refusal = meetings.box_to_read(meeting), meetings.refusal_box(meeting)
    if where is not None:
        _read_at(turn, meeting.relay, Query("meeting", where.id), where)
    if refusal is not None:
        _read_at(turn, meeting.relay, Query("refusal", refusal.id), refusal)


def _read_at(turn: Turn, relay: str, query: Query, where: Box) -> None:
    turn.order(ReadBox(query, where.read, (relay,), limit=FRAMES_A_READ))


def _meeting_arrived(turn: Turn, event: Arrived) -> None:
    if turn.device.meeting is None:
        return
    meeting = _still_open(turn)
    if meeting is None or event.relay != meeting.relay:
        return
    refused = event.query.kind == "refusal"
    where = meetings.refusal_box(meeting) if refused else meetings.box_to_read(meeting)
    if where is None or where.id != event.query.id:
        return
    if meeting.stage is Stage.CHOOSING:
        _settle(turn, *meetings.plate_seen(meeting, not event.items, turn.chance))
        if turn.device.meeting is not None and turn.device.meeting.stage is Stage.CHOOSING:
            _read_next(turn)
        return
    _take_all(turn, meeting, where, event)


def _take_all(turn: Turn, meeting: Meeting, where: Box, event: Arrived) -> None:
    """Take in what a box held, in whatever order it makes sense; what is not for now stays where it lies."""
    network = turn.device.card.network if turn.device.card else None
    here = Here(turn.today, network, _welcome(turn.device))
    sent: list[Out] = []
    waiting, moved = list(event.items), True
    while moved:
        moved = False
        for item in tuple(waiting):
            outs: tuple[Out, ...] = ()
            if event.query.kind == "refusal":
                after = meetings.refused_by(meeting, item)
            else:
                after, outs = meetings.take_frame(meeting, item, here, turn.chance)
            if after is not meeting:
                meeting, moved = after, True
                sent += outs
                waiting.remove(item)
                if meeting.stage is not Stage.FAILED:  # a refusal stays for whoever tries the code next
                    acknowledge(turn, where, item, event.relay)
    _settle(turn, meeting, tuple(sent))
    passed = event.query.start + len(waiting)
    if event.more and len(waiting) == len(event.items) and passed < BOX_FRAMES:
        query = msgspec.structs.replace(event.query, start=passed)
        _read_at(turn, event.relay, query, where)


def _card_to_pass_on(turn: Turn) -> Card | None:
    """Our card, with the relays of the newest list; it opens nothing before yesterday."""
    card = turn.device.card
    if card is None:
        return None
    card = msgspec.structs.replace(card, relays=turn.device.relays, shards=turn.device.shards)
    return card.from_day(turn.today - 1)


def _welcome(device: Device) -> meetings.Welcome:
    def welcome(role: Role) -> bool:
        if device.is_desk or role is Role.FOUNDER:
            return device.is_desk and role is Role.FOUNDER
        try:
            admit(device.relations, role)
        except Refusal:
            return False
        return True

    return welcome


def _settle(turn: Turn, meeting: Meeting, outs: tuple[Out, ...] = ()) -> None:
    """Store the meeting and what it sends, tell the owner what is new, and keep or drop it when it is over."""
    before = turn.device.meeting
    if before is None or before == meeting:
        return
    over = meeting.stage in (Stage.KEPT, Stage.FAILED)
    if over:
        _drop_frames(turn, before, 0 if outs or meeting.stage is Stage.FAILED else 1)
    turn.change(meeting=meeting)
    for out in outs:
        turn.send(b"", out.box, out.item, relay=meeting.relay, day=turn.today)
    if meeting.code and not before.code and meeting.side == 0:
        turn.tell("meeting_code", code=meeting.code, relay=meeting.relay)
    if meeting.compare and not before.compare:
        role = COMPLEMENT[meeting.role].value if meeting.role else ""
        turn.tell("meeting_compare", words=" ".join(meeting.compare), role=role)
    if meeting.stage is Stage.KEPT:
        _keep(turn, meeting)
    if meeting.stage is Stage.FAILED:
        turn.tell("meeting_failed", code=meeting.failure)
    if over:
        _spend(turn, meeting)


def _drop_frames(turn: Turn, meeting: Meeting, newest: int) -> None:
    """Take a meeting's frames that no relay has stored out of the outbox, but for the newest ones."""
    boxes = meetings.boxes_of(meeting)
    refs = [o.ref for o in turn.device.outbox if not o.owner and o.box in boxes]
    gone = set(refs[: len(refs) - newest])
    turn.change(outbox=tuple(o for o in turn.device.outbox if o.ref not in gone))


def _keep(turn: Turn, meeting: Meeting) -> None:
    relation = meetings.relation_of(meeting)
    relation = msgspec.structs.replace(relation, session=settle(relation.session, relation.session))
    turn.change(card=turn.device.card or meeting.card, relations=(*turn.device.relations, relation))
    turn.tell("meeting_kept", name=relation.name, role=relation.role.value)


def _spend(turn: Turn, meeting: Meeting) -> None:
    """Forget the meeting; the inviter leaves a refusal for whoever tries the code again."""
    turn.change(meeting=None)
    if meeting.side == 1 or not meeting.offer:
        return
    code = meeting.failure if meeting.failure in ("code_wrong", "code_expired", "code_refused") else "code_used"
    out = knocks.seal_refusal(meeting.plate, meeting.offer, code, turn.chance)
    turn.send(b"", out.box, out.item, relay=meeting.relay, day=turn.today)
    spent = Spent(meeting.plate, meeting.relay, turn.now + SPENT_KEPT, meeting.offer)
    turn.change(spent=(*turn.device.spent, spent))


def _tidy_plates(turn: Turn) -> None:
    over = [s for s in turn.device.spent if not s.until - 2 * SPENT_KEPT <= turn.now < s.until]
    turn.change(spent=tuple(s for s in turn.device.spent if s not in over))
    for spent in over:
        query = Query("plate", spent.plate.encode() + spent.offer)
        _read_at(turn, spent.relay, query, knocks.plate_box(spent.plate))


def _plate_arrived(turn: Turn, event: Arrived) -> None:
    """Take our own offer and refusal out of a plate's box; what others left there stays."""
    plate, offer = event.query.id[:3].decode(), event.query.id[3:]
    for item in event.items:
        try:
            ours = knocks.open_knock(plate, item).spake == offer
        except (CannotOpen, Malformed):
            ours = True
        if ours:
            acknowledge(turn, knocks.plate_box(plate), item, event.relay)


def _free_to_meet(turn: Turn, name: str) -> None:
    if turn.device.meeting is not None:
        raise Refusal("meeting_under_way")
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise Refusal("bad_name")
    if any(r.name == name for r in turn.device.relations):
        raise Refusal("name_taken")
