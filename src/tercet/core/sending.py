"""Sending: a member's reports, and the conversations that follow.

Does        seals reports at once, chooses what goes to intake, takes in what the desk says.
Does not    send files: `files` does.
Spec        spec/50-report.md
Always      1. A report stays until its receipt.
Read first  write_report(), send_one(), arrived().
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from tercet.core import calling, committing, files, redeeming
from tercet.core import channel as letters
from tercet.core.burning import point_of, two_others
from tercet.core.chain import lane
from tercet.core.channel import RESEAL_AFTER, Channel, Letter, LetterKind
from tercet.core.content import (
    MEDIA_MOST,
    WORD_TEXT,
    ReportContent,
    ReportKind,
    WordContent,
    conversation_id,
    lapses,
    seal_content,
    seal_word_content,
)
from tercet.core.conversation import burn, call, dummy, open_answer, unheard, word
from tercet.core.cutting import due, put_at
from tercet.core.days import DAY, day_of, week_of
from tercet.core.effects import PutItem
from tercet.core.envelope import SALT, return_lane, return_root, wrap
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query, WriteReport
from tercet.core.fields import Malformed
from tercet.core.files import OPEN_MEDIA, find_report, replace_report
from tercet.core.mail import NOTES_KEPT, body_for, replace_relation, warn_of_clock
from tercet.core.relation import Note, Relation, fits, vanish, words
from tercet.core.report import Report, ReportState
from tercet.core.state import ARRIVING_MOST, OWNER_MOST, Return, kept_blocks
from tercet.core.turn import Turn
from tercet.sealing import KEY, NONCE, CannotOpen, digest

CONVERSATION_KEPT = 30 * DAY  # seconds after its last use
ANSWER_KEPT = 60 * DAY  # seconds; a desk that was silent this long has closed the case with its files
RETURN_KEPT = 40 * DAY  # seconds; no relay keeps an answer longer, and no stick is waited for longer
RETURNS_MOST = 32  # answers awaited; the oldest is given up first, whatever it was for
RETURN_FRAMES = 4  # frames asked for of a box that holds one; a few, in case of noise
ASK_EVERY = 14_400  # seconds between two chances for the desk to speak in one conversation
AWAITED = 2  # times that an answer is looked for on purpose before the desk is asked again


def write_report(turn: Turn, event: WriteReport) -> None:
    """Seal a report; from here on not even this device can open it.

    Raises:
        Refusal: `no_card`, `no_week_key`, `report_empty`, `report_long`, `report_odd`, `media_many`,
            `too_much_waiting`.
    """
    if turn.device.card is None:
        raise Refusal("no_card")
    key = turn.device.board.key_for(turn.today)
    if key is None:
        raise Refusal("no_week_key")
    if not event.text.strip() and not event.media:
        raise Refusal("report_empty")
    if len(event.media) > MEDIA_MOST:
        raise Refusal("media_many")
    travels = sum(bool(given.travel) for given in event.media)
    if not turn.roomy(OWNER_MOST) or len(kept_blocks(turn.device)) + travels > files.BLOCKS_MOST:
        raise Refusal("too_much_waiting")
    pairs = [pair for given in event.media for pair in files.announce(given, turn)]
    reply = turn.chance(32)
    refs = tuple(ref for ref, _ in pairs)
    token, saw = redeeming.spend(turn, event.witness)
    content = ReportContent(
        1, ReportKind.REPORT, turn.today, token, saw, b"", reply, event.text, event.place, event.happened, refs, b""
    )
    sealed = seal_content(content, key.week, key.public)
    number = turn.device.reported + 1
    media = tuple(files.first_state(turn, ref, given) for ref, given in pairs)
    report = Report(
        number, turn.now, ReportState.WAITING, sealed, 0, reply, conversation_id(reply), Channel(), media, used=turn.now
    )
    turn.change(reports=(*turn.device.reports, report), reported=number)
    files.move_files(turn, report)
    if not token and turn.device.board.token_keys(key.week):
        turn.tell("report_bare", number=str(number))
    if event.witness and not saw and turn.device.board.token_keys(key.week):
        turn.tell("report_no_witness", number=str(number))


def tidy(turn: Turn) -> None:
    """What time does to reports: read words vanish, what the desk cannot take in any more is given up."""
    for report in turn.device.reports:
        notes = vanish(report.notes, turn.now, NOTES_KEPT)
        report = _lapse(turn, msgspec.structs.replace(report, notes=notes))
        replace_report(turn, report)
        if _finished(turn, report):
            turn.change(reports=tuple(r for r in turn.device.reports if r.number != report.number))
    kept = tuple(r for r in turn.device.returns if abs(turn.now - r.made) < RETURN_KEPT)
    turn.change(returns=kept)


def send_all(turn: Turn, polls: int = 0) -> None:
    """Send every report and word that is due, ask the desk in every conversation, and read all its answers.

    `polls`: how often to ask in each conversation besides, as long as there is room to await so many answers.
    """
    for relation in due(turn.device.relations, turn.now):
        _put_burn(turn, relation)
    if calling.due(turn):
        _put_call(turn)
    if redeeming.due(turn) and not any(_speaks(turn, report, polls) for report in turn.device.reports):
        _put_request(turn)
    for report in turn.device.reports:
        if _report_due(turn, report):
            _put_report(turn, report)
        elif letters.unsaid(report.channel) or not _awaits(turn, report):
            _put_word(turn, report)
    _poll(turn, polls)
    for back in turn.device.returns:
        turn.read(Query("return", back.id), return_lane(back.root), RETURN_FRAMES)
    turn.change(returns=tuple(msgspec.structs.replace(r, tried=min(r.tried + 1, AWAITED)) for r in turn.device.returns))
    files.move_media(turn)


def _speaks(turn: Turn, report: Report, polls: int) -> bool:
    """Whether a frame of this report goes when all is sent at once: a request for tokens beside it would be known.

    What a stick only asks does not count: who has nothing but a stick would never have tokens.
    """
    return _report_due(turn, report) or bool(letters.unsaid(report.channel)) or not (polls or _awaits(turn, report))


def _poll(turn: Turn, polls: int) -> None:
    """Ask the desk several times in each conversation, so that it can say several things in one trip of a stick."""
    for _ in range(polls):
        for number in [r.number for r in turn.device.reports if 0 < day_of(r.put) <= turn.today]:  # never ahead
            if len(turn.device.returns) < RETURNS_MOST:
                _put_word(turn, find_report(turn, number))


def planned(turn: Turn, ref: bytes, at: int) -> None:
    """A report will be put at that moment while the device is locked: until then and a while after it is not due."""
    for report in turn.device.reports:
        if report.sealed and ref == _report_ref(report):
            replace_report(turn, msgspec.structs.replace(report, put=_some_moment_of(turn, at)))


def _some_moment_of(turn: Turn, at: int) -> int:
    """A moment of that day drawn by chance: when a report goes again hangs on it, and not on when it went."""
    return at - at % DAY + int.from_bytes(turn.chance(4), "big") % DAY


def send_one(turn: Turn, after: float) -> bool:
    """Send one frame to intake, `after` so many seconds: what is most due, else a dummy. False: it cannot be sealed.

    What was never said goes first, a request for tokens of this week before reports: who writes at each turn would have
    none. What is said again, reports and questions alike, takes turns, so that on a device that beats seldom neither
    keeps the other from being said.
    """
    if _intake_today(turn) is None or turn.device.board.key_for(turn.today) is None:
        return False
    reports = [r for r in turn.device.reports if _report_due(turn, r)]
    talks = sorted((r for r in turn.device.reports if r.put or not r.sealed), key=_spoke)
    burns = due(turn.device.relations, turn.now)
    calls = [turn.device.calling] if turn.device.calling and calling.due(turn) else []
    asking = redeeming.due(turn)
    late = asking is not None and not asking.put and asking.week <= week_of(turn.today)
    if burns and not burns[0].cut.put:
        _put_burn(turn, burns[0], after)
    elif calls and not calls[0].put:
        _put_call(turn, after)
    elif late and _put_request(turn, after):
        pass
    elif fresh := next((r for r in reports if not r.put), None):
        _put_report(turn, fresh, after)
    elif word := next((r for r in talks if letters.unsaid(r.channel)), None):
        _put_word(turn, word, after)
    elif asking and not asking.put and _put_request(turn, after):
        pass
    else:
        again: list[tuple[int, Callable[[float], object]]] = [(r.put, partial(_put_report, turn, r)) for r in reports]
        again += [(_spoke(r), partial(_put_word, turn, r)) for r in talks[:1] if abs(turn.now - _spoke(r)) >= ASK_EVERY]
        again += [(r.cut.put, partial(_put_burn, turn, r)) for r in burns]
        again += [(one.put, partial(_put_call, turn)) for one in calls]
        again += [(asking.put, partial(_put_request, turn))] if asking and asking.put else []
        if again:
            min(again, key=lambda one: one[0])[1](after)
        else:
            _put_sealed(turn, dummy(turn.chance(32), turn.now, turn.today), 0, after)
    return True


def _spoke(report: Report) -> int:
    """When the desk last had a chance to say something to a report, seconds; 0 for never."""
    return max(report.asked, report.put)


def fill_one(turn: Turn, after: float) -> bool:
    """Send a frame to intake that nothing ever rides in and nobody answers. False: it cannot be sealed."""
    if _intake_today(turn) is None:
        return False
    return _put_sealed(turn, dummy(turn.chance(32), turn.now, turn.today, ReportKind.FILLER), 0, after)


def _report_due(turn: Turn, report: Report) -> bool:
    return bool(report.sealed) and (report.put == 0 or abs(turn.now - report.put) >= RESEAL_AFTER)


def _awaits(turn: Turn, report: Report) -> bool:
    """Whether an answer in a conversation may be on its way."""
    return any(r.owner == report.number and r.tried < AWAITED for r in turn.device.returns)


def _lapse(turn: Turn, report: Report) -> Report:
    """Give up what the desk can no longer take in, by the confirmed day, and say so."""
    heard = max(report.channel.heard, report.made)
    if report.sealed and turn.device.confirmed >= lapses(report.sealed):
        turn.tell("report_lapsed", number=str(report.number))
        report = msgspec.structs.replace(
            report, state=ReportState.LAPSED, sealed=b"", reply=b"", put=_some_moment_of(turn, turn.now)
        )
    elif report.sealed or turn.sure - heard <= ANSWER_KEPT:
        return report
    return _give_up(turn, report)


def _give_up(turn: Turn, report: Report) -> Report:
    """Nothing further will come of this report: its files and words wait no more, and the owner is told."""
    report = files.give_up_files(turn, report)
    if unheard(report.channel):
        turn.tell("word_lapsed", number=str(report.number))
    return msgspec.structs.replace(report, channel=msgspec.structs.replace(report.channel, waiting=()))


def _finished(turn: Turn, report: Report) -> bool:
    if report.sealed or report.channel.waiting or any(m.state in OPEN_MEDIA for m in report.media):
        return False
    return turn.sure - max(report.used, report.put) > CONVERSATION_KEPT


def _intake_today(turn: Turn) -> tuple[int, tuple[tuple[bytes, ...], ...]] | None:
    """The day to write on and the ids of its intake boxes; none if the board has not named any."""
    card = turn.device.card
    if card is None:
        return None
    day = turn.day_to_write(card.chain)
    named = turn.device.board.intake_on(day)
    try:
        ids = named.ids(card.chain.root_on(day)) if named else ()
    except CannotOpen:
        return None
    return (day, ids) if ids else None


def _put_report(turn: Turn, report: Report, after: float = 0.0) -> None:
    """Send the sealed report to today's intake; wait if the board has not named any."""
    _put_intake(turn, report.sealed, report.reply, report.number, _report_ref(report), after)


def _put_word(turn: Turn, report: Report, after: float = 0.0) -> None:
    """Say what is due in a conversation, or only ask what the desk has to say."""
    channel, content = word(report.channel, report.id, turn.chance(32), turn.now, turn.today)
    if _put_sealed(turn, content, report.number, after):
        replace_report(turn, msgspec.structs.replace(report, channel=channel, asked=turn.now))


def _put_burn(turn: Turn, relation: Relation, after: float = 0.0) -> None:
    """Send two points of a neighbour's line to the desk, in a frame like any other; nobody's own two."""
    points = two_others(point_of(relation.share), relation.cut.point, turn.chance(KEY))
    commitments = committing.about(turn.device, relation)
    if _put_sealed(turn, burn(points, commitments, turn.chance(32), turn.now, turn.today), 0, after):
        replace_relation(turn, msgspec.structs.replace(relation, cut=put_at(relation.cut, turn.now)))


def _put_call(turn: Turn, after: float = 0.0) -> None:
    """Call the desk, in a frame like any other."""
    ours = turn.device.calling
    if ours and _put_sealed(turn, call(ours.body, turn.chance(32), turn.now, turn.today), 0, after):
        calling.put_at(turn)


def _put_request(turn: Turn, after: float = 0.0) -> bool:
    """Ask the desk for tokens, in a frame like any other. False: its keys are none, and it cannot be asked."""
    content = redeeming.content(turn)
    if content is None or not _put_sealed(turn, content, 0, after):
        return False
    redeeming.put(turn)
    return True


def _put_sealed(turn: Turn, content: WordContent, owner: int, after: float) -> bool:
    """Seal what is no report and send it. False: there is no key or no box for it yet."""
    key = turn.device.board.key_for(turn.today)
    if key is None:
        return False
    back = b"" if content.kind == ReportKind.FILLER else content.back
    asks = content.kind == ReportKind.REQUEST
    return _put_intake(turn, seal_word_content(content, key.week, key.public), back, owner, b"", after, asks)


def _put_intake(
    turn: Turn, sealed: bytes, back: bytes, owner: int, ref: bytes, after: float, asks: bool = False
) -> bool:
    """Send 3,989 sealed bytes to an intake box drawn by chance; `back` is empty if no answer comes.

    Returns:
        Whether a box is known, and a key of this week for the envelope.
    """
    card, known, key = turn.device.card, _intake_today(turn), turn.device.board.key_for(turn.today)
    if card is None or known is None or key is None:
        return False
    day, ids = known
    shard = int.from_bytes(turn.chance(4), "big") % len(ids)
    where = lane(card.chain, day, "intake", shard)
    places = tuple(zip(turn.device.order(where.turn), ids[shard], strict=False))
    nonce, salt = turn.chance(NONCE), turn.chance(SALT)
    turn.order(PutItem(ref, places, wrap(where, sealed, key.week, key.public, nonce, salt), after))
    if back:
        filed = any(r.number == owner and not r.sealed for r in turn.device.reports)
        awaited = Return(turn.chance(16), return_root(back, nonce, salt), owner, turn.now, known=filed, asks=asks)
        turn.change(returns=(*turn.device.returns, awaited)[-RETURNS_MOST:])
    return True


def _report_ref(report: Report) -> bytes:
    return digest(report.sealed)[:16]


def write_word(turn: Turn, number: int, text: str) -> None:
    """The owner answers the desk.

    Raises:
        Refusal: `unknown_report`, `bad_reply`, `letter_long`, `too_much_waiting`.
    """
    report = find_report(turn, number)
    body = body_for(turn, report.channel, text)
    if len(body) > WORD_TEXT:
        raise Refusal("letter_long")
    channel = letters.write(report.channel, LetterKind.TEXT, body)
    replace_report(turn, msgspec.structs.replace(report, channel=channel, used=turn.now))


def stored(turn: Turn, ref: bytes) -> None:
    """A relay has stored a report or a block."""
    for report in turn.device.reports:
        if report.sealed and ref == _report_ref(report):
            if report.state is ReportState.WAITING:
                turn.tell("report_left", number=str(report.number))
                report = msgspec.structs.replace(report, state=ReportState.LEFT)
            replace_report(turn, msgspec.structs.replace(report, put=_some_moment_of(turn, turn.now)))
            return
    files.stored(turn, ref)


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in the desk's answer to an intake frame; of a box in which anything else lay, no more is awaited.

    A relay that puts noise there could as well keep the answer back, and the next frame to intake has another box.
    """
    back = next((r for r in turn.device.returns if r.id == event.query.id), None)
    if back is None:
        return
    where = return_lane(back.root)
    for item in event.items:
        try:
            letter: Letter | None = open_answer(where, item)
        except (CannotOpen, Malformed):
            letter = None
        if letter is not None:
            turn.confirm(letter.written)
            warn_of_clock(turn, letter.written - turn.now)
            if not _take_answer(turn, back, letter):
                continue
        turn.acknowledge(where.boxes[event.query.place], item, event.relay)
        turn.change(returns=tuple(r for r in turn.device.returns if r.id != back.id))


def _take_answer(turn: Turn, back: Return, letter: Letter) -> bool:
    """Take in what the desk says to a report or a call; False: there is no room, it stays at the relay."""
    if letter.kind == LetterKind.ADOPT:
        return calling.take(turn, letter)
    report = next((r for r in turn.device.reports if r.number == back.owner), None)
    if report is None:
        if back.asks:
            redeeming.take(turn, letter)
        return True
    if letter.number > report.channel.received and not (turn.roomy(ARRIVING_MOST) and _room(turn, report, letter)):
        replace_report(turn, msgspec.structs.replace(report, channel=letters.hear(report.channel, letter, turn.now)))
        return False
    before = report.channel
    channel, delivered = letters.accept(before, letter, turn.now)
    used = turn.now if letters.is_used(before, channel) else report.used
    report = msgspec.structs.replace(report, channel=channel, used=used)
    if letter.first:  # who has opened a conversation has the report, whichever letter of it comes first
        report = _received(turn, report)
    said = (letter,) if letter.kind == LetterKind.RECEIPT and not letter.number else delivered
    for one in said:
        report = _take_word(turn, report, one)
    if back.known and not letter.first and not letter.kind and not report.sealed:
        report = _close(turn, report)
    replace_report(turn, report)
    return True


def _close(turn: Turn, report: Report) -> Report:
    """The desk knows this conversation no more."""
    return msgspec.structs.replace(_give_up(turn, report), used=0)


def _room(turn: Turn, report: Report, letter: Letter) -> bool:
    """Whether there is room for one more letter of the desk, whose words in all reports count together."""
    others = tuple(n for r in turn.device.reports if r.number != report.number for n in r.notes)
    return fits((*others, *report.notes), report.channel.early, letter)


def _take_word(turn: Turn, report: Report, word: Letter) -> Report:
    number = str(report.number)
    if word.kind == LetterKind.TEXT:
        turn.tell("desk_wrote", number=number)
        return msgspec.structs.replace(report, notes=(*report.notes, Note(word.number, words(word), turn.now)))
    if word.kind == LetterKind.RECEIPT:
        return _received(turn, report)
    if word.kind in (LetterKind.MEDIA_RECEIVED, LetterKind.MEDIA_BROKEN) and len(word.body) == 1:
        return files.settle_media(turn, report, word.body[0], word.kind == LetterKind.MEDIA_RECEIVED)
    if word.kind == LetterKind.RESEND:
        return files.send_again(turn, report, word.body)
    return report


def _received(turn: Turn, report: Report) -> Report:
    """The desk has the report: it is erased here, and the owner is told once."""
    if not report.sealed:
        return report
    turn.tell("report_received", number=str(report.number))
    return msgspec.structs.replace(report, state=ReportState.RECEIVED, sealed=b"", reply=b"")
