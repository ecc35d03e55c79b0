"""Words between the desk and a reporter it does not know."""

from __future__ import annotations

import pytest

from tercet.core import channel as letters
from tercet.core import events as ev
from tercet.core.channel import Letter
from tercet.core.conversation import open_word, seal_word
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.relation import LETTER_TEXT, RATCHET
from tercet.core.report import conversation
from tercet.sealing import FRAME, NONCE, CannotOpen, seal

from .scenes import DAY, HOUR, days, empty_relay, founders, report, words_of_desk
from .stage import START

TODAY = START // DAY
REPLY = bytes(range(32))


def test_a_word_opens_on_its_day_on_the_other_side_and_nowhere_else() -> None:
    desk, reporter = conversation(REPLY, TODAY, 0), conversation(REPLY, TODAY, 1)
    desk = letters.write(desk, 1, b"where?")
    desk, _, frame = seal_word(desk, desk.waiting[0], START, TODAY, bytes(NONCE))
    assert open_word(reporter, TODAY, frame).body == b"where?"
    for holder, day in ((desk, TODAY), (reporter, TODAY + 1), (conversation(bytes(32), TODAY, 1), TODAY)):
        with pytest.raises(CannotOpen):
            open_word(holder, day, frame)


@pytest.mark.parametrize("content", [b"", bytes([RATCHET]), b"\0", b"\0\xc1"])
def test_what_opens_and_is_no_word_is_malformed(content: bytes) -> None:
    desk, reporter = conversation(REPLY, TODAY, 0), conversation(REPLY, TODAY, 1)
    _, where, _ = seal_word(desk, None, START, TODAY, bytes(NONCE))
    with pytest.raises(Malformed):
        open_word(reporter, TODAY, seal(where.key, content, FRAME, bytes(NONCE)))


def test_twenty_questions_and_answers_pass_once_and_in_order_though_the_relay_forgets() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first, rounds=2)
    for number in range(20):
        desk.do(ev.Reply(1, f"question {number}"))
        first.do(ev.WriteWord(1, f"answer {number}"))
        stage.beat(desk, first, every=HOUR)
        if number % 4 == 1:
            empty_relay(stage)
    for _ in range(16):
        stage.beat(desk, first, every=9 * HOUR)
    assert words_of_desk(first) == [f"question {n}" for n in range(20)]
    assert [w.text for w in desk.words if not w.ours] == [f"answer {n}" for n in range(20)]


def test_a_reporter_away_for_three_weeks_finds_the_desks_words() -> None:
    stage, desk, first, second = founders()
    report(first)
    stage.beat(desk, first, rounds=2)
    desk.do(ev.Reply(1, "are you safe?"))
    for _ in range(21):
        stage.beat(desk, second, every=DAY)
    stage.beat(first, desk, rounds=2)
    assert words_of_desk(first) == ["are you safe?"]


def test_a_replayed_word_is_delivered_once_and_keeps_no_conversation_alive() -> None:
    stage, desk, first, second = founders()
    report(first)
    stage.beat(desk, first, rounds=3)
    first.do(ev.WriteWord(1, "once"))
    from tercet.drop import Put

    from .scenes import items_at

    kept = [entry for entry in items_at(stage) if not entry[1]]
    stage.beat(desk, first, rounds=2)
    assert desk.device.office is not None
    used = desk.device.office.cases[0].used
    for _ in range(3):
        days(stage, 1)
        for box, _, item in kept:
            stage.ask(next(iter(stage.relays)), Put(box, item))
        stage.beat(desk, rounds=8)
    assert [w.text for w in desk.words] == ["once"]
    assert desk.device.office.cases[0].used == used


@pytest.mark.parametrize(("text", "code"), [("", "bad_reply"), ("x" * (LETTER_TEXT + 1), "letter_long")])
def test_a_word_that_is_empty_or_too_long_is_refused_on_both_sides(text: str, code: str) -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first)
    with pytest.raises(Refusal, match=code):
        first.do(ev.WriteWord(1, text))
    with pytest.raises(Refusal, match=code):
        desk.do(ev.Reply(1, text))
    with pytest.raises(Refusal, match="unknown_report"):
        first.do(ev.WriteWord(2, "x"))


def test_the_longest_word_fits_a_frame_whatever_its_numbers_are() -> None:
    big = Letter(1, 2**53 - 1, 2**53 - 1, 2**53 - 1, 253_402_300_799, 255, b"x" * LETTER_TEXT)
    assert len(seal(bytes(32), b"\0" + encode(big), FRAME, bytes(NONCE))) == FRAME
