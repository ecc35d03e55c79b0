"""Words between the desk and a reporter it does not know: each intake frame has one answer, in a box used once."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import channel as letters
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.channel import Channel, Letter, LetterKind
from tercet.core.content import (
    NOBODY,
    WORD_TEXT,
    ReportContent,
    ReportKind,
    WordContent,
    conversation_id,
    seal_word_content,
)
from tercet.core.conversation import dummy, open_answer, seal_answer, word
from tercet.core.days import DAY
from tercet.core.device import step
from tercet.core.envelope import SALT, SEALED, return_lane, return_root
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.relation import LETTER_TEXT, RATCHET
from tercet.core.report import MediaState, ReportState
from tercet.core.reporting import RETURN_KEPT
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import Case, save
from tercet.drop import Put
from tercet.sealing import FRAME, NONCE, CannotOpen, kem_public, seal

from .scenes import (
    HOUR,
    act_on_everything,
    answers,
    days,
    drop_effects,
    empty_relay,
    founders,
    items_at,
    lay,
    report,
    returns,
    talk,
    words_of_desk,
)
from .stage import RELAY, START, Actor, Stage

TODAY = START // DAY
BACK = bytes(range(32))
HERE = return_lane(return_root(BACK, bytes(NONCE), bytes(SALT)))


def received() -> tuple[Stage, Actor, Actor]:
    """A report that is at the desk, and whose sender knows."""
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]
    return stage, desk, first


def cases(desk: Actor) -> tuple[Case, ...]:
    assert desk.device.office is not None
    return desk.device.office.cases


def close_cases(desk: Actor) -> None:
    """As thirty days would."""
    office = msgspec.structs.replace(desk.device.office, cases=())
    desk.device = msgspec.structs.replace(desk.device, office=office)


# ---- the bytes


def test_an_answer_opens_in_the_box_of_its_frame_and_nowhere_else() -> None:
    letter = Letter(1, 1, 0, 1, START, LetterKind.TEXT, b"where?")
    frame = seal_answer(HERE, letter, bytes(NONCE))
    assert len(frame) == FRAME
    assert open_answer(HERE, frame) == letter
    for back, nonce in ((BACK, b"\1" * NONCE), (bytes(32), bytes(NONCE))):
        other = return_lane(return_root(back, nonce, bytes(SALT)))
        assert other.boxes[0].id != HERE.boxes[0].id
        with pytest.raises(CannotOpen):
            open_answer(other, frame)


@pytest.mark.parametrize("content", [b"", bytes([RATCHET]), b"\0", b"\0\xc1"])
def test_what_opens_and_is_no_answer_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        open_answer(HERE, seal(HERE.key, content, FRAME, bytes(NONCE)))


def test_a_word_carries_the_letter_said_least_often_and_a_dummy_nothing() -> None:
    channel = letters.write(letters.write(Channel(), LetterKind.TEXT, b"a"), LetterKind.TEXT, b"b")
    said = []
    for _ in range(3):
        channel, content = word(channel, bytes(16), BACK, START, TODAY)
        said.append(content.letter.body)
    assert said == [b"a", b"b", b"a"]
    nothing = dummy(BACK, START, TODAY)
    assert (nothing.kind, nothing.id, nothing.letter.number) == (ReportKind.DUMMY, NOBODY, 0)


def test_the_longest_answer_and_the_longest_word_fit_a_frame_whatever_their_numbers_are() -> None:
    big = Letter(1, 2**53 - 1, 2**53 - 1, 2**53 - 1, 253_402_300_799, 255, b"x" * LETTER_TEXT)
    assert len(seal_answer(HERE, big, bytes(NONCE))) == FRAME
    _, content = word(Channel(), BACK[:16], BACK, 253_402_300_799, 2_932_896)
    content = msgspec.structs.replace(content, letter=msgspec.structs.replace(big, body=b"x" * WORD_TEXT))
    assert len(seal_word_content(content, 2_959, kem_public(bytes(32)))) == SEALED


# ---- one frame, one answer


def test_writing_a_word_only_queues_and_it_goes_when_it_is_sent() -> None:
    stage, desk, first = received()
    assert step(first.device, ev.WriteWord(1, "x"), stage.now, first.chance)[1] == ()
    first.do(ev.WriteWord(1, "x"))
    stage.beat(desk)
    assert not desk.words
    talk(stage, desk, first)
    assert [w.text for w in desk.words] == ["x"]


REPORT = ReportContent(1, 1, TODAY, b"", b"", b"", BACK, "x", None, None, (), b"")
ID = conversation_id(BACK)
WORD = WordContent(1, ReportKind.WORD, TODAY, b"w" * 32, ID, Letter(1, 1, 0, 1, START, LetterKind.TEXT, b"word"))
FRAMES = {
    "a report": REPORT,
    "a report again": REPORT,
    "a word": WORD,
    "an empty word": msgspec.structs.replace(WORD, letter=Letter(1, 0, 1, 1, START, 0, b"")),
    "a word in no conversation": msgspec.structs.replace(WORD, id=b"?" * 16),
    "a dummy": dummy(b"d" * 32, START, TODAY),
}


@pytest.mark.parametrize("what", FRAMES)
def test_every_intake_frame_gets_exactly_one_answer_in_its_return_box(what: str) -> None:
    stage, desk, first, _ = founders()
    if what != "a report":
        lay(stage, first, REPORT, b"\1" * NONCE)
        stage.beat(desk)
    where = lay(stage, first, FRAMES[what])
    for _ in range(3):
        stage.beat(desk)
    (answer,) = answers(stage, where)
    receipt = LetterKind.RECEIPT if what in ("a report", "a report again", "a word") else LetterKind.EMPTY
    assert answer.kind == receipt
    assert bool(answer.first) == (what not in ("a word in no conversation", "a dummy"))


def test_a_filler_is_let_go_and_never_answered() -> None:
    stage, desk, first, _ = founders()
    where = lay(stage, first, dummy(b"d" * 32, START, TODAY, ReportKind.FILLER))
    for _ in range(3):
        stage.beat(desk)
    assert answers(stage, where) == []
    assert not desk.reports
    assert not desk.heard("strange_frame")


def test_a_frame_that_is_read_twice_is_answered_in_the_same_box_and_taken_in_once() -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, REPORT, b"\1" * NONCE)
    drop_effects(desk, lambda effect: isinstance(effect, fx.AckItem))
    where = lay(stage, first, WORD)
    stage.beat(desk, rounds=2)
    assert len(answers(stage, where)) == 2
    assert [w.text for w in desk.words] == ["word"]
    assert len(desk.heard("report_filed")) == 1


def test_twenty_questions_and_answers_pass_once_and_in_order_though_the_relay_forgets() -> None:
    stage, desk, first = received()
    for number in range(20):
        desk.do(ev.Reply(1, f"question {number}"))
        first.do(ev.WriteWord(1, f"answer {number}"))
        stage.beat(first, desk, first, every=HOUR)
        if number % 4 == 1:
            empty_relay(stage)
    for _ in range(30):
        stage.beat(first, desk, first, every=HOUR)
    assert words_of_desk(first) == [f"question {n}" for n in range(20)]
    assert [w.text for w in desk.words if not w.ours] == [f"answer {n}" for n in range(20)]
    assert not first.device.reports[0].channel.waiting


def test_a_lost_answer_comes_with_the_next_poll() -> None:
    stage, desk, first = received()
    desk.do(ev.Reply(1, "where?"))
    stage.now += 60
    stage.beat(first, desk)
    empty_relay(stage)
    stage.beat(first)
    assert words_of_desk(first) == []
    talk(stage, desk, first, rounds=1)
    assert words_of_desk(first) == ["where?"]


def test_a_lost_receipt_comes_with_the_next_poll_and_nothing_is_filed_twice() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk)
    empty_relay(stage)
    talk(stage, desk, first, rounds=2)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]
    assert len(desk.heard("report_filed")) == 1


@pytest.mark.parametrize("later", [60, DAY])
def test_a_report_put_again_has_another_return_box_and_is_answered_again_and_filed_once(later: int) -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutItem) and bool(effect.ref) and later < DAY)
    report(first)
    act_on_everything(first)
    drop_effects(first, lambda effect: isinstance(effect, fx.ReadBox))
    stage.now += later
    first.do(ev.SendNow())
    roots = [r.root for r in returns(first, 1)]
    assert len(set(roots)) == len(roots) == 2
    stage.beat(desk)
    come = [len(answers(stage, return_lane(root))) for root in roots]
    assert sorted(come) == ([0, 1] if later < DAY else [1, 1])
    assert len(desk.heard("report_filed")) == 1


def test_a_report_whose_case_is_closed_is_answered_with_an_unnumbered_receipt() -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.ReadBox) and effect.query.kind == "return")
    report(first)
    stage.beat(desk)
    close_cases(desk)
    days(stage, 1)
    stage.beat(first, desk)
    act_on_everything(first)
    assert [r.state for r in first.device.reports] == [ReportState.LEFT]
    stage.beat(first)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]
    assert len(desk.heard("report_filed")) == 1


def test_a_desk_that_knows_the_conversation_no_more_says_so_and_the_reporter_ends_it() -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.ReadChunk))
    report(first, "x", first.give("secret-name", b"film"))
    stage.beat(desk, first)
    close_cases(desk)
    first.do(ev.WriteWord(1, "anybody there?"))
    talk(stage, desk, first, rounds=1)
    (held,) = first.device.reports
    assert held.channel.waiting == ()
    assert [m.state for m in held.media] == [MediaState.LAPSED]
    assert b"secret-name" not in save(first.device)
    assert first.heard("media_stopped")
    assert [t.facts for t in first.heard("word_lapsed")] == [{"number": "1"}]


def test_any_letter_of_the_desk_says_that_it_has_the_report_though_the_receipt_was_lost() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk)
    held = first.device.reports[0]
    where = returns(first, 1)[0]
    lane_back = return_lane(where.root)
    question = Letter(1, 2, 0, 1, stage.now, LetterKind.TEXT, b"are you safe?")
    nothing = Letter(1, 0, 0, 0, stage.now, LetterKind.EMPTY, b"")
    for letter, state in ((nothing, held.state), (question, ReportState.RECEIVED)):
        frame = seal_answer(lane_back, letter, bytes([letter.number]) * NONCE)
        device, effects = step(
            first.device, ev.Arrived(ev.Query("return", where.id), (frame,), False, RELAY), stage.now, first.chance
        )
        assert device.reports[0].state is state
        told = [e.what for e in effects if isinstance(e, fx.Tell)]
        assert ("report_received" in told) == (state is ReportState.RECEIVED)
    assert device.reports[0].sealed == b""
    assert device.reports[0].notes == ()  # the question waits for the receipt, which is the first letter


def test_a_desk_whose_words_were_never_heard_is_told_when_the_conversation_is_over() -> None:
    stage, desk, _ = received()
    desk.do(ev.Reply(1, "are you safe?"))
    days(stage, 31)
    desk.device = msgspec.structs.replace(desk.device, confirmed=stage.now // DAY)
    stage.beat(desk)
    assert cases(desk) == ()
    assert [t.facts for t in desk.heard("word_lapsed")] == [{"number": "1"}]


def test_words_of_which_the_first_is_missing_keep_a_conversation_alive_but_not_twice() -> None:
    stage, desk, first = received()
    for text in ("lost", "heard"):
        first.do(ev.WriteWord(1, text))
    days(stage, 20)
    stage.beat(desk)
    early = Letter(1, 2, 1, 1, stage.now, LetterKind.TEXT, b"heard")
    content = WordContent(1, ReportKind.WORD, stage.now // DAY, BACK, first.device.reports[0].id, early)
    lay(stage, first, content)
    stage.beat(desk)
    used = cases(desk)[0].used
    assert used >= stage.now - DAY
    days(stage, 2)
    lay(stage, first, content, b"2" * NONCE)
    stage.beat(desk)
    assert cases(desk)[0].used == used
    assert desk.words == []


def test_a_reporter_who_hears_nothing_for_sixty_days_is_told_that_the_word_lapsed() -> None:
    stage, desk, first = received()
    first.do(ev.WriteWord(1, "anybody there?"))
    for _ in range(21):
        stage.now += 3 * DAY
        first.device = msgspec.structs.replace(first.device, confirmed=stage.now // DAY)
        stage.beat(first)
    assert first.heard("word_lapsed")
    assert not first.device.reports or first.device.reports[0].channel.waiting == ()


def test_an_answer_that_knows_nothing_ends_no_conversation_whose_report_was_not_received() -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutItem) and bool(effect.ref))
    report(first)
    act_on_everything(first)
    first.do(ev.WriteWord(1, "more"))
    (held,) = first.device.reports
    where = returns(first, 1)[0]
    nothing = seal_answer(return_lane(where.root), Letter(1, 0, 0, 0, stage.now, 0, b""), bytes(NONCE))
    first.do(ev.Arrived(ev.Query("return", where.id), (nothing,), False, RELAY))
    assert [w.body for w in first.device.reports[0].channel.waiting] == [b"more"]
    assert first.device.reports[0].sealed == held.sealed


def test_a_return_box_in_which_noise_lay_is_let_go_as_an_understudy_does_and_the_report_still_ends_as_received() -> (
    None
):
    stage, desk, first, _ = founders()
    report(first)
    (awaited,) = returns(first, 1)
    first.do(ev.Arrived(ev.Query("return", awaited.id), (bytes(FRAME),), False, RELAY))
    assert awaited not in first.device.returns
    stage.beat(desk)
    days(stage, 1)
    stage.beat(first, desk, first)
    assert states(first) == [ReportState.RECEIVED]


def states(actor: Actor) -> list[ReportState]:
    return [r.state for r in actor.device.reports]


def test_a_return_box_is_forgotten_when_its_answer_came_and_not_before() -> None:
    stage, desk, first, _ = founders()
    report(first)
    (awaited,) = returns(first, 1)
    first.do(ev.Arrived(ev.Query("return", awaited.id), (), False, RELAY))
    assert [r.id for r in first.device.returns if r.owner] == [awaited.id]
    stage.beat(desk, first)
    assert awaited not in first.device.returns
    assert awaited.root not in save(first.device)


def test_answers_awaited_are_bounded_and_one_of_the_oldest_day_is_given_up() -> None:
    stage, desk, first = received()
    stage.down = set()
    drop_effects(desk, lambda effect: True)
    first_ids = []
    for _ in range(2 * (RETURNS_MOST + 8)):
        stage.now += 60
        first.do(ev.SendNow())
        first_ids += [r.id for r in first.device.returns if r.id not in first_ids]
    assert len(first_ids) > RETURNS_MOST
    assert len(first.device.returns) == RETURNS_MOST
    assert {r.id for r in first.device.returns} <= set(first_ids)


def test_an_answer_is_awaited_for_forty_days_and_no_longer() -> None:
    stage, _, first, _ = founders()
    report(first)
    (awaited,) = returns(first, 1)
    stage.now = awaited.made + RETURN_KEPT - 1
    first.do(ev.Beat())
    assert awaited in first.device.returns
    stage.now += 1
    first.do(ev.Beat())
    assert awaited not in first.device.returns


def test_a_reporter_away_for_three_weeks_finds_the_desks_words() -> None:
    stage, desk, first = received()
    desk.do(ev.Reply(1, "are you safe?"))
    for _ in range(21):
        stage.beat(desk, every=DAY)
    talk(stage, desk, first)
    assert words_of_desk(first) == ["are you safe?"]


def test_a_replayed_word_is_delivered_once_and_keeps_no_conversation_alive() -> None:
    stage, desk, first = received()
    first.do(ev.WriteWord(1, "once"))
    first.do(ev.SendNow())
    kept = [entry for entry in items_at(stage) if not entry[1]]
    stage.beat(desk, first, rounds=2)
    assert desk.device.office is not None
    used = desk.device.office.cases[0].used
    for _ in range(3):
        days(stage, 1)
        for box, _, item in kept:
            stage.ask(RELAY, Put(box, item))
        stage.beat(desk, rounds=8)
    assert [w.text for w in desk.words] == ["once"]
    assert desk.device.office.cases[0].used == used


def test_the_desk_learns_from_a_conversation_no_more_than_its_id_and_what_is_said() -> None:
    _, desk, first = received()
    (filed,) = desk.reports.values()
    assert [case.id for case in cases(desk)] == [conversation_id(filed.content.reply)]
    assert filed.content.reply not in save(first.device)


@pytest.mark.parametrize(("text", "code"), [("", "bad_reply"), ("x" * (LETTER_TEXT + 1), "letter_long")])
def test_a_word_that_is_empty_or_too_long_is_refused_on_both_sides(text: str, code: str) -> None:
    _, desk, first = received()
    with pytest.raises(Refusal, match=code):
        first.do(ev.WriteWord(1, text))
    with pytest.raises(Refusal, match=code):
        desk.do(ev.Reply(1, text))
    with pytest.raises(Refusal, match="unknown_report"):
        first.do(ev.WriteWord(2, "x"))


def test_the_longest_word_of_a_reporter_arrives_and_one_byte_more_is_refused() -> None:
    stage, desk, first = received()
    with pytest.raises(Refusal, match="letter_long"):
        first.do(ev.WriteWord(1, "x" * (WORD_TEXT + 1)))
    first.do(ev.WriteWord(1, "x" * WORD_TEXT))
    desk.do(ev.Reply(1, "y" * LETTER_TEXT))
    talk(stage, desk, first)
    assert [w.text for w in desk.words if not w.ours] == ["x" * WORD_TEXT]
    assert words_of_desk(first) == ["y" * LETTER_TEXT]
