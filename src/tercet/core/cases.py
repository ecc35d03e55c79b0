"""The cases: a desk's part of the state, and the conversations with reporters whom it does not know.

Does        hands out and replaces what only a desk keeps; opens and ends cases, says what is next in one.
Does not    hear what reporters say: `intake` does.
Spec        spec/50-report.md
Always      1. Who is no desk has no office.  2. A conversation ends 30 days after its last use.
Read first  office(), change(), say().
"""

from __future__ import annotations

import msgspec

from tercet.core import channel as letters
from tercet.core.channel import Channel, Letter, LetterKind
from tercet.core.content import ReportContent
from tercet.core.conversation import next_letter, unheard
from tercet.core.days import DAY
from tercet.core.effects import FileWord
from tercet.core.errors import Refusal
from tercet.core.mail import body_for
from tercet.core.state import Case, MediaDue, Office
from tercet.core.turn import Turn

CONVERSATION_KEPT = 30 * DAY  # seconds after its last use


def office(turn: Turn) -> Office:
    """The desk's part of the state.

    Raises:
        Refusal: `not_the_desk`.
    """
    if turn.device.office is None:
        raise Refusal("not_the_desk")
    return turn.device.office


def change(turn: Turn, **fields: object) -> None:
    """Replace fields of the office."""
    turn.change(office=msgspec.structs.replace(office(turn), **fields))


def find_case(turn: Turn, case_id: bytes) -> Case | None:
    """A case by its id."""
    return next((c for c in office(turn).cases if c.id == case_id), None)


def replace_case(turn: Turn, case: Case) -> None:
    """Put a changed case in its place."""
    change(turn, cases=tuple(case if c.id == case.id else c for c in office(turn).cases))


def open_case(turn: Turn, case_id: bytes, number: int, content: ReportContent) -> None:
    """Open the conversation with who sent a report; its receipt is said first."""
    channel = letters.write(Channel(), LetterKind.RECEIPT, b"")
    media = tuple(MediaDue(ref.secret, 0, (), ref.blocks, 0) for ref in content.media)
    case = Case(case_id, number, channel, media, turn.now)
    change(turn, cases=(*office(turn).cases, case))


def close_cases(turn: Turn) -> None:
    """End conversations 30 days after their last use; where a text of ours was not heard, the owner is told."""
    over = [c for c in office(turn).cases if turn.sure - c.used > CONVERSATION_KEPT]
    for case in over:
        if unheard(case.channel):
            turn.tell("word_lapsed", number=str(case.number))
    change(turn, cases=tuple(c for c in office(turn).cases if c not in over))


def say(turn: Turn, case_id: bytes) -> Letter | None:
    """What is said next in a conversation; none if it is not open."""
    case = find_case(turn, case_id)
    if case is None:
        return None
    channel, letter = next_letter(case.channel, turn.now)
    replace_case(turn, msgspec.structs.replace(case, channel=channel))
    return letter


def reply(turn: Turn, number: int, text: str) -> None:
    """The desk writes to a reporter.

    Raises:
        Refusal: `not_the_desk`, `unknown_report`, `bad_reply`, `letter_long`, `too_much_waiting`.
    """
    case = next((c for c in office(turn).cases if c.number == number), None)
    if case is None:
        raise Refusal("unknown_report")
    channel = letters.write(case.channel, LetterKind.TEXT, body_for(turn, case.channel, text))
    turn.order(FileWord(case.id, True, channel.sent, turn.now, text.strip()))
    replace_case(turn, msgspec.structs.replace(case, channel=channel, used=turn.now))
