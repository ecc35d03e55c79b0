"""The encounter: meetings as a device goes through them.

Does        begins and ends meetings, carries their frames, keeps what comes of them.
Does not    know what the frames say: the meeting does.
Spec        spec/30-meeting.md
Always      1. One meeting at a time.  2. Nothing is kept unless both owners confirmed.
Read first  invite(), look(), arrived().
"""

from __future__ import annotations

import msgspec

from tercet.core import agreeing, bycode, exchange, granting, posting, relinking, welcome
from tercet.core import channel as letters
from tercet.core import knock as knocks
from tercet.core import meeting as meetings
from tercet.core.card import Card
from tercet.core.cell import COMPLEMENT, Cell, Role
from tercet.core.channel import LetterKind
from tercet.core.effects import ReadBox, ShowCode
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query
from tercet.core.fields import Malformed
from tercet.core.hello import parse_hello
from tercet.core.knock import Out
from tercet.core.meeting import CONFIRM_LIFETIME, Here, Meeting, Stage
from tercet.core.relation import Relation, settle, with_neighbour
from tercet.core.scan import Answer, Frames, Invitation, meeting_of
from tercet.core.state import Spent
from tercet.core.turn import FRAMES_A_READ, Turn
from tercet.sealing import Box, CannotOpen

BOX_FRAMES = 128  # frames that a box holds; spec/10-drop.md, 3
SPENT_KEPT = 600  # seconds; how long a refusal lies in a spent plate's box
NAME_LENGTH = 40  # characters of the owner's word for a neighbour


def invite(turn: Turn, name: str, role: Role) -> None:
    """Begin a meeting as the one who says the code.

    Raises:
        Refusal: `meeting_under_way`, `no_card`, `bad_name`, `name_taken`, `not_the_desk`, or as `Cell.admit`.
    """
    _free_to_invite(turn, name, role)
    relay = posting.address_now(turn, turn.device.relays[0])
    turn.change(meeting=exchange.invite(name, role, relay, turn.now, turn.chance))
    _read_next(turn)


def join(turn: Turn, name: str, code: str, relay: str) -> None:
    """Begin a meeting as the one who heard the code.

    Raises:
        Refusal: `meeting_under_way`, `bad_name`, `bad_code`, `relay_missing`.
    """
    free_to_meet(turn, name)
    where = relay or (turn.device.relays[0] if turn.device.relays else "")
    if not where:
        raise Refusal("relay_missing")
    turn.change(meeting=exchange.join(name, code, where, turn.now))
    _read_next(turn)


def invite_by_code(turn: Turn, name: str, role: Role, offline: bool) -> None:
    """Begin a meeting as the one whose screen is scanned first; `offline`: by codes alone.

    Raises:
        Refusal: `meeting_under_way`, `no_card`, `bad_name`, `cell_full`, `not_the_desk`.
    """
    _free_to_invite(turn, name, role)
    relay = "" if offline else posting.address_now(turn, turn.device.relays[0])
    meeting = bycode.begun(0, name, role, relay, turn.chance(32), turn.now)
    _begin(turn, meeting, bycode.invite(meeting, role, here_of(turn, turn.device.cell), turn.chance))


def join_by_code(turn: Turn, name: str, content: bytes) -> None:
    """Begin a meeting as the one who has scanned an invitation; it may end at once, with a reason.

    Raises:
        Refusal: `meeting_under_way`, `bad_name`, `bad_scan`, `scan_own`, `scan_late`, `code_used`.
    """
    message = bycode.read(content)
    if not isinstance(message, Invitation):
        raise Refusal("bad_scan")
    under_way = turn.device.meeting
    if under_way is not None and under_way.scanned and under_way.side == 0 and under_way.shared == message.secret:
        raise Refusal("scan_own")
    free_to_meet(turn, name)
    if turn.device.screen.at(turn.now).knows(meeting_of(message.secret)):
        raise Refusal("code_used")
    meeting = bycode.begun(1, name, None, message.relay, message.secret, turn.now)
    _begin(turn, meeting, bycode.join(meeting, message, here_of(turn, turn.device.cell), turn.chance))


def scanned(turn: Turn, message: Invitation | Answer | Frames) -> None:
    """The owner scanned the other screen; what is to be shown now follows.

    Raises:
        Refusal: `no_meeting`, `scan_own`, `scan_other`, `code_used`.
    """
    if turn.device.meeting is None or not turn.device.meeting.scanned:
        _scanned_late(turn, bycode.named(message), isinstance(message, Invitation))
    else:
        meeting = _still_open(turn)
        if meeting is not None:
            _settle(turn, *bycode.take(meeting, message, here_of(turn, turn.device.cell), turn.chance))
            _read_next(turn)
    show_codes(turn)


def _scanned_late(turn: Turn, meeting: bytes, invitation: bool) -> None:
    """A code of a meeting that is over: the other may still need what ours ended with."""
    screen = turn.device.screen.at(turn.now)
    if not screen.knows(meeting):
        raise Refusal("no_meeting")
    if invitation or not screen.last or meeting != screen.used[-1][0]:
        raise Refusal("code_used")


def show_codes(turn: Turn) -> None:
    """Order what is to be shown now, for a meeting under way or the one that ended last; empty for nothing."""
    meeting = turn.device.meeting
    last = turn.device.screen.at(turn.now).last
    turn.order(ShowCode(bycode.shown(meeting) if meeting is not None and meeting.scanned else last))


def _begin(turn: Turn, begun: Meeting, first: meetings.Step) -> None:
    """Begin a meeting by codes; what the meeting before ended with is shown no longer."""
    screen = msgspec.structs.replace(turn.device.screen.at(turn.now), last=b"", until=0)
    turn.change(meeting=begun, screen=screen)
    _settle(turn, *first)
    _read_next(turn)


def same_words(turn: Turn) -> None:
    """The owner confirms; a meeting whose time is over ends instead.

    Raises:
        Refusal: `no_meeting`, `clock_far`.
    """
    meeting = _still_open(turn)
    if meeting is None:
        return
    meeting, out = agreeing.say_yes(meeting, _card_to_pass_on(turn), turn.device.cell, turn.chance)
    _settle(turn, meeting, (out,))


def other_words(turn: Turn) -> None:
    """The owner stops.

    Raises:
        Refusal: `no_meeting`.
    """
    meeting = _still_open(turn)
    if meeting is not None:
        _settle(turn, *agreeing.say_no(meeting, turn.chance))


def tidy(turn: Turn) -> None:
    """What time does to meetings: go on with the one under way, and empty the boxes of those that are over."""
    turn.change(screen=turn.device.screen.at(turn.now))
    look(turn)
    _tidy_plates(turn)


def look(turn: Turn) -> None:
    """Put again what no relay has stored; read where the other would write next; end what is over its time."""
    for out in turn.device.outbox:
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
    turn.order(ReadBox(query, where.read, relay, limit=FRAMES_A_READ))


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in what a box of a meeting held."""
    if event.query.kind == "plate":
        _plate_arrived(turn, event)
    else:
        _meeting_arrived(turn, event)


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
        _settle(turn, *exchange.plate_seen(meeting, not event.items, turn.chance))
        if turn.device.meeting is not None and turn.device.meeting.stage is Stage.CHOOSING:
            _read_next(turn)
        return
    _take_all(turn, meeting, where, event)


def _take_all(turn: Turn, meeting: Meeting, where: Box, event: Arrived) -> None:
    """Take in what a box held, in whatever order it makes sense; what is not for now stays where it lies."""
    here = here_of(turn, turn.device.cell)
    sent: list[Out] = []
    waiting, moved = list(event.items), True
    while moved:
        moved = False
        for item in tuple(waiting):
            outs: tuple[Out, ...] = ()
            if event.query.kind == "refusal":
                after = exchange.refused_by(meeting, item)
            else:
                after, outs = exchange.take_frame(meeting, item, here, turn.chance)
            if after is not meeting:
                meeting, moved = after, True
                sent += outs
                waiting.remove(item)
                if meeting.stage is not Stage.FAILED:  # a refusal stays for whoever tries the code next
                    turn.acknowledge(where, item, event.relay)
    _settle(turn, meeting, tuple(sent))
    passed = event.query.start + len(waiting)
    if event.more and len(waiting) == len(event.items) and passed < BOX_FRAMES:
        query = msgspec.structs.replace(event.query, start=passed)
        _read_at(turn, event.relay, query, where)


def _card_to_pass_on(turn: Turn) -> Card | None:
    """Our card, with the relays of the newest list and this week's passes; it opens nothing before yesterday."""
    card = turn.device.card
    if card is None:
        return None
    card = msgspec.structs.replace(card, relays=posting.table_to_pass_on(turn), shards=turn.device.shards)
    return card.from_day(turn.today - 1)


def here_of(turn: Turn, cell: Cell) -> Here:
    """What we bring to a meeting, or to an introduction."""
    return Here(turn.today, turn.device.card.network if turn.device.card else None, cell)


def _settle(turn: Turn, meeting: Meeting, outs: tuple[Out, ...] = ()) -> None:
    """Store the meeting and what it sends, tell the owner what is new, and keep or drop it when it is over."""
    before = turn.device.meeting
    if before is None or before == meeting:
        return
    if meeting.scanned and not meeting.relay:
        meeting, outs = bycode.held(before, meeting, outs), ()
    over = meeting.stage in (Stage.KEPT, Stage.FAILED)
    if over:
        _drop_frames(turn, before, 0 if outs or meeting.stage is Stage.FAILED else 1)
    turn.change(meeting=meeting)
    for out in outs:
        turn.send(meeting.relay, out.box, out.item)
    if meeting.code and not before.code and meeting.side == 0:
        turn.tell("meeting_code", code=meeting.code, relay=meeting.relay)
    if meeting.compare and not before.compare:
        role = COMPLEMENT[meeting.role].value if meeting.role else ""
        turn.tell("meeting_compare", words=" ".join(meeting.compare), role=role)
    _show_new(turn, before, meeting)
    if meeting.stage is Stage.KEPT:
        _keep(turn, meeting)
    if meeting.stage is Stage.FAILED:
        turn.tell("meeting_failed", code=meeting.failure)
    if over and meeting.scanned:
        _end_by_code(turn, before, meeting)
    elif over:
        _spend(turn, meeting)


def _show_new(turn: Turn, before: Meeting, meeting: Meeting) -> None:
    content = bycode.shown(meeting, before.shared) if meeting.scanned else b""
    if content and content != bycode.shown(before):
        turn.order(ShowCode(content))


def _end_by_code(turn: Turn, before: Meeting, meeting: Meeting) -> None:
    """Forget a meeting by codes but for its name, and what the other may still have to scan."""
    last = b"" if meeting.relay else bycode.shown(meeting, before.shared)
    screen = turn.device.screen.at(turn.now)
    turn.change(meeting=None, screen=screen.ended(meeting_of(before.shared), last, turn.now, CONFIRM_LIFETIME))


def _drop_frames(turn: Turn, meeting: Meeting, newest: int) -> None:
    """Take a meeting's frames that no relay has stored out of the outbox, but for the newest ones."""
    boxes = meetings.boxes_of(meeting)
    refs = [o.ref for o in turn.device.outbox if o.box in boxes]
    gone = set(refs[: len(refs) - newest])
    turn.change(outbox=tuple(o for o in turn.device.outbox if o.ref not in gone))


def _keep(turn: Turn, meeting: Meeting) -> None:
    relation = agreeing.relation_of(meeting)
    if turn.device.card is None and meeting.card is not None:
        posting.take_card(turn, meeting.card)
    turn.change(card=turn.device.card or meeting.card)
    keep(turn, relation)
    turn.tell("meeting_kept", name=relation.name, role=relation.role.value)
    if meeting.side == 0 and parse_hello(meeting.theirs, 1).network is None:
        _welcome_newcomer(turn, relation.id)
    granting.deal(turn)
    posting.deal(turn)


def _welcome_newcomer(turn: Turn, relation_id: bytes) -> None:
    """The first letters to a newcomer: what it would learn from the board, had it a network."""
    relation = next(r for r in turn.device.relations if r.id == relation_id)
    channel = relation.channel
    for body in welcome.bodies(turn.device.board, turn.today):
        channel = letters.write(channel, LetterKind.WELCOME, body)
    relation = msgspec.structs.replace(relation, channel=channel)
    turn.change(relations=tuple(relation if r.id == relation_id else r for r in turn.device.relations))


def keep(turn: Turn, relation: Relation) -> None:
    """Have one neighbour more."""
    channel = msgspec.structs.replace(relation.channel, heard=turn.now)
    session = settle(relation.session, relation.session)
    relation = msgspec.structs.replace(relation, session=session, channel=channel)
    relinking.say(turn, relation)
    turn.change(relations=with_neighbour(turn.device.relations, relation))


def _spend(turn: Turn, meeting: Meeting) -> None:
    """Forget the meeting; the inviter leaves a refusal for whoever tries the code again."""
    turn.change(meeting=None)
    if meeting.side == 1 or not meeting.offer:
        return
    code = meeting.failure if meeting.failure in ("code_wrong", "code_expired", "code_refused") else "code_used"
    out = knocks.seal_refusal(meeting.plate, meeting.offer, code, turn.chance)
    turn.send(meeting.relay, out.box, out.item)
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
            turn.acknowledge(knocks.plate_box(plate), item, event.relay)


def _free_to_invite(turn: Turn, name: str, role: Role) -> None:
    free_to_meet(turn, name)
    if turn.device.card is None:
        raise Refusal("no_card")
    if role is Role.DESK and not turn.device.is_desk:
        raise Refusal("not_the_desk")
    turn.device.cell.admit(COMPLEMENT[role])


def free_to_meet(turn: Turn, name: str) -> None:
    """Whether a meeting can begin, and somebody be called by a word of the owner's.

    Raises:
        Refusal: `meeting_under_way`, `bad_name`, `name_taken`.
    """
    if turn.device.meeting is not None:
        raise Refusal("meeting_under_way")
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise Refusal("bad_name")
    if name in turn.device.names:
        raise Refusal("name_taken")
