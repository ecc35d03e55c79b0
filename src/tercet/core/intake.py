"""Intake at the desk: reports, words, burns, calls and requests, as they lie in the boxes of a day.

Does        reads intake boxes, takes in what lies there, and answers reporters it does not know.
Does not    store what it received: it orders the shell to file it before anything is acknowledged.
Spec        spec/50-report.md
Always      1. A report is filed once, however often it arrives.  2. What opens gets one answer, a filler none.
Read first  read_intake(), intake_arrived().
"""

from __future__ import annotations

import msgspec

from tercet.core import adopting, minting
from tercet.core import channel as letters
from tercet.core.card import Card
from tercet.core.cases import change, find_case, office, open_case, replace_case, say
from tercet.core.chain import DayChain, Lane, lane
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import ReportContent, ReportKind, WordContent, conversation_id, open_content, parse_burn
from tercet.core.conversation import seal_answer
from tercet.core.days import DAY, KEPT_DAYS, LATE_DAYS
from tercet.core.effects import FileReport, FileWord, PutItem
from tercet.core.envelope import return_lane, return_root, unwrap
from tercet.core.events import Arrived, Query
from tercet.core.fields import Malformed
from tercet.core.gathering import look_for_files
from tercet.core.publishing import post_burn
from tercet.core.relation import words
from tercet.core.state import ARRIVING_MOST, Case
from tercet.core.turn import Turn
from tercet.sealing import NONCE, CannotOpen

INTAKE_FRAMES = 32  # asked for at once
BATCH_MOST = 40_000  # bytes of state that so many reports may take
EARLY_WORDS = 4_096  # bytes of letters kept that came ahead of a missing one; a stranger wrote them


def read_intake(turn: Turn) -> None:
    """Read the boxes of the days that may still hold something, and forget a day that is drained or long past."""
    card = turn.device.card
    if card is None:
        return
    oldest = turn.device.confirmed - KEPT_DAYS
    if _intake_drained(turn, card):
        oldest = max(oldest, card.chain.day + 1)
    if oldest > card.chain.day:
        card = msgspec.structs.replace(card, chain=card.chain.since(oldest))
        turn.change(card=card)
        change(turn, drained=(), intake=office(turn).intake.since(oldest))
    first = max(card.chain.day, turn.today - (KEPT_DAYS if turn.late else 1))
    chain, intake = card.chain, office(turn).intake
    for day in range(first, turn.today + 2):
        chain, intake = chain.since(day), intake.since(day)
        for shard in range(turn.device.shards):
            where = _intake_lane(chain, intake, day, shard)
            turn.read(Query("intake", day=day, index=shard), where, INTAKE_FRAMES)


def _intake_drained(turn: Turn, card: Card) -> bool:
    """Whether each relay showed each of the oldest day's intake boxes empty since its late days passed."""
    wanted = {
        (shard, relay)
        for shard in range(turn.device.shards)
        for relay in turn.device.order(lane(card.chain, card.chain.day, "intake", shard).turn)
    }
    return wanted.issubset(office(turn).drained)


def _intake_lane(network: DayChain, intake: DayChain, day: int, shard: int) -> Lane:
    """An intake lane: key and relays are the network's, boxes the desk's own: nobody else can read or empty them."""
    boxes = lane(intake, day, "intake", shard).boxes
    return msgspec.structs.replace(lane(network, day, "intake", shard), boxes=boxes)


def intake_arrived(turn: Turn, event: Arrived) -> None:
    """Take in what an intake box held, and answer it; nothing of it while the desk has no room."""
    card = turn.device.card
    day, shard = event.query.day, event.query.index
    if card is None or day < card.chain.day:
        return
    if event.items and not turn.roomy(ARRIVING_MOST - BATCH_MOST):
        turn.tell("desk_full")  # nothing is opened, so that what stays shows nothing of what it is
        return
    where = _intake_lane(card.chain, office(turn).intake, day, shard)
    box = where.boxes[event.query.place]
    answers: list[PutItem] = []
    for item in event.items:
        answer = _take_frame(turn, where, item)
        answers += [answer] if answer else []
        turn.acknowledge(box, item, event.relay)
    for put in sorted(answers, key=lambda _: turn.chance(8)):  # in another order than they came in
        turn.order(put)
    if event.carried and event.items:
        look_for_files(turn)  # they lie on the same stick
    turn.read_on(event, box, INTAKE_FRAMES)
    empty = not event.items and not event.more and not event.carried
    if empty and day == card.chain.day and turn.device.confirmed > day + LATE_DAYS:
        change(turn, drained=tuple(sorted({*office(turn).drained, (shard, event.relay)})))


def _take_frame(turn: Turn, where: Lane, item: bytes) -> PutItem | None:
    """Take in an intake frame; returns its answer, none to a filler or to noise."""
    try:
        seeds = office(turn).seeds
        salt, sealed = unwrap(where, item, seeds)
        content = open_content(sealed, seeds)
    except (CannotOpen, Malformed):
        turn.tell("strange_frame")
        return None
    turn.confirm(content.day * DAY)
    if isinstance(content, WordContent) and content.kind == ReportKind.FILLER:
        return None
    if isinstance(content, WordContent):
        letter, back = _hear(turn, content), content.back
    else:
        letter, back = _take_report(turn, int.from_bytes(sealed[:2], "big"), content), content.reply
    there = return_lane(return_root(back, item[:NONCE], salt))
    answer = seal_answer(there, letter, turn.chance(NONCE))
    return PutItem(b"", turn.device.places(there), answer)


def _take_report(turn: Turn, week: int, content: ReportContent) -> Letter:
    """File a report unless it was filed before; returns what to answer."""
    case_id = conversation_id(content.reply)
    filed = Letter(1, 0, 0, 0, turn.now, LetterKind.RECEIPT, b"")
    if any(case_id in ids for ids in office(turn).seen.values()):
        return say(turn, case_id) or filed
    number = office(turn).opened + 1
    seen = (*office(turn).seen.get(week, ()), case_id)
    change(turn, opened=number, seen=office(turn).seen | {week: seen})
    standing, witness = minting.judge(turn, content)
    turn.order(FileReport(case_id, number, turn.now, content, standing, witness))
    open_case(turn, case_id, number, content)
    turn.tell("report_filed", number=str(number))
    return say(turn, case_id) or filed


def _hear(turn: Turn, content: WordContent) -> Letter:
    """Take in a word, a burn, a call or a request; returns what to answer: nothing new where nothing is open."""
    if content.kind == ReportKind.BURN:
        post_burn(turn, *parse_burn(content.letter))
    if content.kind == ReportKind.CALL and (answer := adopting.take(turn, content.letter.body)):
        return answer
    if content.kind == ReportKind.REQUEST:
        return minting.sign(turn, content.letter.body)
    case = find_case(turn, content.id)
    if case is None:
        return Letter(1, 0, 0, 0, turn.now, LetterKind.EMPTY, b"")
    early = EARLY_WORDS if turn.roomy(ARRIVING_MOST) else 0
    channel, delivered = letters.accept(case.channel, content.letter, turn.now, early)
    used = turn.now if letters.is_used(case.channel, channel) else case.used
    case = msgspec.structs.replace(case, channel=channel, used=used)
    for word in delivered:
        case = _take_word(turn, case, word)
    replace_case(turn, case)
    return say(turn, case.id) or Letter(1, 0, 0, 0, turn.now, LetterKind.EMPTY, b"")


def _take_word(turn: Turn, case: Case, word: Letter) -> Case:
    if word.kind == LetterKind.TEXT:
        turn.order(FileWord(case.id, False, word.number, turn.now, words(word)))
        turn.tell("word_filed", number=str(case.number))
    if word.kind == LetterKind.MEDIA_WITHDRAWN and len(word.body) == 1 and word.body[0] < len(case.media):
        place = word.body[0]
        if case.media[place].state != "coming":
            return case
        gone = msgspec.structs.replace(case.media[place], state="withdrawn", key=b"", have=())
        turn.tell("media_withdrawn", number=str(case.number), media=str(place))
        files = tuple(gone if i == place else m for i, m in enumerate(case.media))
        return msgspec.structs.replace(case, media=files)
    return case
