"""Sending: what a member puts into intake, and when.

Does        chooses what goes next: a report, a word, a burn, a call, a request for tokens or a dummy; puts it there.
Does not    write reports or take in answers: `reporting` does.  Send files: `files` does.
Spec        spec/50-report.md
Always      1. What goes to intake is one frame, of one size, whatever it says.
Read first  send_one(), send_all().
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from tercet.core import calling, committing, files, redeeming
from tercet.core import channel as letters
from tercet.core.burning import point_of, two_others
from tercet.core.chain import lane
from tercet.core.channel import RESEAL_AFTER
from tercet.core.content import ReportKind, WordContent, seal_word_content
from tercet.core.conversation import burn, call, dummy, word
from tercet.core.cutting import due, put_at
from tercet.core.days import day_of, week_of
from tercet.core.effects import PutItem
from tercet.core.envelope import SALT, return_lane, return_root, wrap
from tercet.core.events import Query
from tercet.core.files import find_report, replace_report
from tercet.core.mail import replace_relation
from tercet.core.relation import Relation
from tercet.core.report import Report, ReportState
from tercet.core.reporting import some_moment_of
from tercet.core.state import Return
from tercet.core.turn import Turn
from tercet.sealing import KEY, NONCE, CannotOpen, digest

RETURNS_MOST = 32  # answers awaited; the oldest is given up first, whatever it was for
RETURN_FRAMES = 4  # frames asked for of a box that holds one; a few, in case of noise
ASK_EVERY = 14_400  # seconds between two chances for the desk to speak in one conversation
AWAITED = 2  # times that an answer is looked for on purpose before the desk is asked again


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
            replace_report(turn, msgspec.structs.replace(report, put=some_moment_of(turn, at)))


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


def stored(turn: Turn, ref: bytes) -> None:
    """A relay has stored a report or a block."""
    for report in turn.device.reports:
        if report.sealed and ref == _report_ref(report):
            if report.state is ReportState.WAITING:
                turn.tell("report_left", number=str(report.number))
                report = msgspec.structs.replace(report, state=ReportState.LEFT)
            replace_report(turn, msgspec.structs.replace(report, put=some_moment_of(turn, turn.now)))
            return
    files.stored(turn, ref)
