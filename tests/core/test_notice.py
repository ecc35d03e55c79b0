"""Notices: word to everyone, kept until a day, and refused when it is forged, replayed or not fit for all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st
from msgspec import structs

from tercet.core import board as boards
from tercet.core import events as ev
from tercet.core import notice as notices
from tercet.core.days import DAY, day_of
from tercet.core.entry import Entry, EntryKind
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.notice import NOTICE_DAYS, NOTICE_MOST, NOTICES_KEPT, HeldNotice, Notice, parse_notice
from tercet.core.wording import fit_for_all
from tercet.drop import Put, Read
from tercet.shell.text import is_safe
from tests.sealing.cases import bad_cases, cases, hold_vectors

from .entries import seal_entry
from .stage import RELAY, START, Actor, Stage
from .test_board import board_frames, members, publish, shown
from .test_rooted import founded, rotated, thief_of

SPEC = (Path(__file__).parents[2] / "spec" / "60-board.md").read_text()
TESTS = Path(__file__).read_text()
TODAY = day_of(START)
RIGHT_TO_LEFT = "الطريق إلى \u200fA1\u200e مغلق حتى الأحد\nכביש 5 פתוח"


def texts(actor: Actor) -> list[str]:
    return [one.text for one in actor.device.board.notices]


def saying(stage: Stage, desk: Actor, *people: Actor, text: str = RIGHT_TO_LEFT, days: int = 7) -> None:
    desk.do(ev.WriteNotice(text, day_of(stage.now) + days))
    desk.do(ev.SendNow())
    for person in people:
        person.do(ev.SendNow())


def refusal(desk: Actor, text: str, until: int) -> str:
    before = desk.device
    with pytest.raises(Refusal) as refused:
        desk.do(ev.WriteNotice(text, until))
    assert desk.device == before
    return refused.value.code


# ---- the spec and the vectors


@pytest.mark.parametrize("case", cases("body", "notice"))
def test_a_notice_is_read_as_the_vectors_say(case: Any) -> None:
    given = case["input"]
    read = parse_notice(bytes.fromhex(given["body"]), given["issued"])
    assert {"until": read.until, "text": read.text} == case["expected"]
    assert parse_notice(encode(read), given["issued"]) == read


@pytest.mark.parametrize("case", bad_cases("body", "notice"))
def test_what_is_no_notice_is_malformed(case: Any) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_notice(bytes.fromhex(case["input"]["body"]), case["input"]["issued"])


def test_every_vector_says_why_and_how_it_ends_and_is_read_by_a_test() -> None:
    hold_vectors("notice", TESTS)


@pytest.mark.full
def test_the_numbers_and_the_forbidden_characters_of_the_spec_are_those_of_the_code() -> None:
    for name in ("NOTICE_MOST", "NOTICE_DAYS", "NOTICES_KEPT"):
        assert f"| `{name}` | {getattr(notices, name)} |" in SPEC
    said = SPEC.split("\n## 10. ")[1].split("may not: ")[1].split(". A text with")[0].replace(" but the line feed", "")
    forbidden = set()
    for first, last in re.findall(r"U\+([0-9A-F]{4,6})(?: to U\+([0-9A-F]{4,6}))?", said):
        forbidden |= set(range(int(first, 16), int(last or first, 16) + 1))
    forbidden -= {0x0A}
    assert forbidden == {n for n in range(0x11_0000) if not fit_for_all("x" + chr(n))}


@pytest.mark.full
def test_nothing_that_readers_are_not_shown_can_be_signed_for_them() -> None:
    """Nor a text with nothing to see; what every script needs stays."""
    hidden = {n for n in range(0x11_0000) if not is_safe(chr(n)) and not 0xD800 <= n < 0xE000 and n != 0x0A}
    assert hidden <= {n for n in range(0x11_0000) if not fit_for_all("x" + chr(n))}
    assert all(fit_for_all("x" + one) for one in "\u200c\u200d\u200e\u200f\u061c\u0600\u06dd\ufe0f")
    for blank in ("\u200e\u200f", "\u200d \n", "\u3164", "\u2800\ufe0f", "\u034f\u115f\u1160\uffa0", "\u061c"):
        assert not fit_for_all(blank)
        assert fit_for_all(blank + "x")


def test_the_longest_notice_fits_a_frame() -> None:
    body = encode(Notice(2_932_896, "x" * NOTICE_MOST))
    entry = Entry(1, 2**32, bytes(32), 253_402_300_799, EntryKind.NOTICE, body)
    assert seal_entry(entry, bytes(32), bytes(32))


@property_of(st.text(min_size=1, max_size=300), st.integers(0, NOTICE_DAYS))
def test_a_text_that_is_fit_comes_back_byte_for_byte_and_no_other_is_taken(text: str, days: int) -> None:
    try:
        body = encode(Notice(TODAY + days, text))
    except UnicodeEncodeError:
        return
    fit = fit_for_all(text) and len(text.encode()) <= NOTICE_MOST
    try:
        assert parse_notice(body, TODAY).text.encode() == text.encode()
        assert fit
    except Malformed:
        assert not fit


# ---- on the stage


def test_a_notice_reaches_every_member_with_its_right_to_left_text_as_it_was_written() -> None:
    stage = Stage()
    desk, amal, badr = members(stage, 2)
    saying(stage, desk, amal, badr)
    for person in (amal, badr):
        (held,) = person.device.board.notices
        assert held.text.encode() == RIGHT_TO_LEFT.encode()
        assert (held.until, held.issued, held.seen) == (TODAY + 7, stage.now, False)
        assert len(person.heard("notice_came")) == 1
    assert amal.device.board.notices == badr.device.board.notices


def test_a_notice_is_read_later_without_any_relay_until_its_last_day_is_over() -> None:
    stage = Stage()
    desk, amal = members(stage)
    saying(stage, desk, amal)
    stage.down = set(stage.relays)
    stage.now += 7 * DAY
    amal.do(ev.SendNow())
    assert notices.in_force(amal.device.board.notices, day_of(stage.now))
    stage.now += DAY
    amal.do(ev.SendNow())
    assert not notices.in_force(amal.device.board.notices, day_of(stage.now)), "it is shown no more"
    assert texts(amal) == [RIGHT_TO_LEFT], "and kept until something authentic confirms the day"
    stage.down = set()
    stage.beat(desk, amal, rounds=2)
    assert texts(amal) == []


def test_a_notice_that_was_read_stays_and_is_marked() -> None:
    stage = Stage()
    desk, amal = members(stage)
    saying(stage, desk, amal)
    amal.do(ev.NoticesSeen())
    stage.now += 2 * DAY
    stage.beat(desk, amal)
    assert [(one.text, one.seen) for one in amal.device.board.notices] == [(RIGHT_TO_LEFT, True)]


def test_a_newcomer_reads_the_notices_that_hold_and_not_those_that_are_over() -> None:
    stage = Stage()
    desk, _ = members(stage)
    saying(stage, desk, text="over soon", days=1)
    saying(stage, desk, text="holds", days=20)
    stage.now += 3 * DAY
    newcomer = stage.actor("newcomer")
    stage.meet(desk, newcomer, ev.Role.DESK)
    stage.beat(desk, newcomer, rounds=2)
    assert texts(newcomer) == ["holds"]
    assert len(newcomer.heard("notice_came")) == 1


def test_a_notice_comes_by_stick_too() -> None:
    stage = Stage()
    desk, amal = members(stage)
    saying(stage, desk)
    frame = board_frames(stage)[-1]
    stage.down = set(stage.relays)
    amal.do(ev.Arrived(ev.Query("board"), (frame,), False, RELAY, carried=True))
    assert texts(amal) == [RIGHT_TO_LEFT]
    assert (len(amal.heard("notice_came")), len(amal.heard("statement_came"))) == (1, 0)


def test_a_replayed_notice_comes_to_nothing() -> None:
    stage = Stage()
    desk, amal = members(stage)
    saying(stage, desk, amal, text="closed", days=7)
    frame = board_frames(stage)[-1]
    saying(stage, desk, amal, text="open again", days=7)
    stage.now += 9 * DAY
    stage.beat(desk, amal, rounds=2)
    assert texts(amal) == []
    shown(amal, (frame,), start=len(board_frames(stage)))
    assert texts(amal) == []
    assert len(amal.heard("notice_came")) == 2


def test_a_forged_notice_is_noise() -> None:
    stage = Stage()
    _, amal = members(stage)
    before = amal.device.board
    body = encode(Notice(TODAY + 1, "come to the square"))
    entry = Entry(1, before.number + 1, before.head, stage.now, EntryKind.NOTICE, body)
    shown(amal, (seal_entry(entry, b"\1" * 32, amal.device.card.board_secret)[0],), start=before.number)
    assert texts(amal) == []
    assert amal.device.board.number == before.number


def test_a_notice_that_is_signed_and_not_fit_is_passed_over_as_if_it_were_missing() -> None:
    stage = Stage()
    desk, amal = members(stage)
    before = amal.device.board
    turned = encode(Notice(TODAY + 1, "safe \u202eton"))
    shown(amal, (publish(desk, desk.device.board, EntryKind.NOTICE, turned, stage.now),), start=before.number)
    assert texts(amal) == []
    assert amal.device.board.number == before.number


def test_a_thief_s_notice_goes_with_the_stolen_key_and_what_holds_is_said_anew() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    late = stage.actor("late")
    saying(stage, desk, amal, text="true")
    amal.do(ev.NoticesSeen())
    thief = thief_of(stage, desk)
    saying(stage, thief, amal, text="false")
    assert texts(amal) == ["true", "false"], "until then the thief is the desk"
    rotated(stage, desk, first)
    stage.beat(amal, desk, rounds=4)
    assert [(one.text, one.seen) for one in amal.device.board.notices] == [("true", True)]
    stage.meet(desk, late, ev.Role.DESK)
    stage.beat(desk, late, rounds=3)
    assert texts(late) == ["true"], "a newcomer under the new root has it too"


def test_a_desk_may_say_only_what_is_fit_for_all() -> None:
    stage = Stage()
    desk, amal = members(stage)
    assert refusal(desk, "x" * (NOTICE_MOST + 1), TODAY + 1) == "notice_long"
    assert refusal(desk, "ش" * (NOTICE_MOST // 2 + 1), TODAY + 1) == "notice_long"
    for text in ("", " \n ", "a\x1b[2J", "a\u2067b", "a\rb", "a\ud800"):
        assert refusal(desk, text, TODAY + 1) == "notice_odd"
    for until in (TODAY - 1, TODAY + NOTICE_DAYS + 1, -1, 2**70):
        assert refusal(desk, "x", until) == "notice_days"
    assert refusal(amal, "x", TODAY + 1) == "not_the_desk"


def test_a_desk_says_no_more_at_once_than_readers_keep() -> None:
    stage = Stage()
    desk, amal = members(stage)
    for number in range(NOTICES_KEPT):
        desk.do(ev.WriteNotice(f"{number}", TODAY + number))
    assert refusal(desk, "one more", TODAY) == "notice_many"
    stage.now += DAY
    saying(stage, desk, amal, text="one more")
    assert len(texts(amal)) == NOTICES_KEPT


def test_a_reader_keeps_the_latest_and_no_more_whatever_is_signed() -> None:
    held: tuple[HeldNotice, ...] = ()
    for number in range(3 * NOTICES_KEPT):
        held = notices.keep(held, HeldNotice(number, 0, TODAY, f"{number}"))
    assert [one.number for one in held] == list(range(2 * NOTICES_KEPT, 3 * NOTICES_KEPT))


def test_a_notice_signed_farther_ahead_than_one_may_hold_is_not_kept_though_its_entry_counts() -> None:
    for days, kept in ((NOTICE_DAYS, ["later"]), (NOTICE_DAYS + 1, []), (40_000, [])):
        stage = Stage()
        desk, amal = members(stage)
        before = amal.device.board
        body = encode(Notice(TODAY + days + 1, "later"))
        frame = publish(desk, desk.device.board, EntryKind.NOTICE, body, stage.now + days * DAY)
        shown(amal, (frame,), start=before.number)
        assert [one.text for one in amal.device.board.notices] == kept
        assert amal.device.board.number == before.number + 1


def test_what_travels_is_the_same_with_a_notice_and_without() -> None:
    def counted(speaks: bool) -> tuple[list[int], set[int]]:
        stage = Stage()
        desk, amal = members(stage)
        if speaks:
            desk.do(ev.WriteNotice("word", TODAY + 1))
        desk.do(ev.SendNow())
        ops = []
        for _ in range(40):
            stage.asked.clear()
            stage.now += 1_800
            amal.do(ev.Beat(1_800.0))
            ops.append(sum(isinstance(op, Put | Read) for op in stage.asked))
        assert bool(texts(amal)) == speaks
        return ops, {len(frame) for frame in board_frames(stage)}

    assert counted(True) == counted(False)


def test_the_order_of_what_is_kept_follows_the_board_and_old_states_have_none() -> None:
    view = boards.BoardView()
    assert view.notices == ()
    late, early = HeldNotice(9, 0, 1, "late"), HeldNotice(3, 0, 1, "early")
    assert notices.keep((late,), early) == (early, late)
    assert notices.keep((late,), structs.replace(late, number=12, issued=5)) == (late,)
