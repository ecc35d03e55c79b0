"""Reporting: a member's reports, from the owner's hand to the desk's last word.

Does        seals reports at once, takes in what the desk says to them, and ends what it can take in no more.
Does not    put anything into intake: `sending` does.  Send files: `files` does.
Spec        spec/50-report.md
Always      1. A report stays until its receipt, or until the desk has no key for it any more.
Read first  write_report(), arrived(), tidy().
"""

from __future__ import annotations

import msgspec

from tercet.core import calling, files, redeeming
from tercet.core import channel as letters
from tercet.core.channel import Channel, Letter, LetterKind
from tercet.core.content import MEDIA_MOST, WORD_TEXT, ReportContent, ReportKind, conversation_id, lapses, seal_content
from tercet.core.conversation import open_answer, unheard
from tercet.core.days import DAY
from tercet.core.envelope import return_lane
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, WriteReport
from tercet.core.fields import Malformed
from tercet.core.files import OPEN_MEDIA, find_report, replace_report
from tercet.core.mail import NOTES_KEPT, body_for, warn_of_clock
from tercet.core.relation import Note, fits, vanish, words
from tercet.core.report import Report, ReportState
from tercet.core.state import ARRIVING_MOST, OWNER_MOST, Return, kept_blocks
from tercet.core.turn import Turn
from tercet.sealing import CannotOpen

CONVERSATION_KEPT = 30 * DAY  # seconds after its last use
ANSWER_KEPT = 60 * DAY  # seconds; a desk that was silent this long has closed the case with its files
RETURN_KEPT = 40 * DAY  # seconds; no relay keeps an answer longer, and no stick is waited for longer


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


def _close(turn: Turn, report: Report) -> Report:
    """The desk knows this conversation no more."""
    return msgspec.structs.replace(_give_up(turn, report), used=0)


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


def _lapse(turn: Turn, report: Report) -> Report:
    """Give up what the desk can no longer take in, by the confirmed day, and say so."""
    heard = max(report.channel.heard, report.made)
    if report.sealed and turn.device.confirmed >= lapses(report.sealed):
        turn.tell("report_lapsed", number=str(report.number))
        report = msgspec.structs.replace(
            report, state=ReportState.LAPSED, sealed=b"", reply=b"", put=some_moment_of(turn, turn.now)
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


def some_moment_of(turn: Turn, at: int) -> int:
    """A moment of that day drawn by chance: when a report goes again hangs on it, and not on when it went."""
    return at - at % DAY + int.from_bytes(turn.chance(4), "big") % DAY
