"""A member's reports and files: kept until received, whatever happens on the way."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from tercet.core import channel as letters_of
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import sending
from tercet.core.channel import LetterKind
from tercet.core.content import MediaKind
from tercet.core.days import day_of
from tercet.core.device import step
from tercet.core.fields import encode
from tercet.core.report import MediaState, ReportState, ResendRequest
from tercet.core.state import kept_blocks, load, save
from tercet.core.turn import Turn
from tercet.drop import Put, name_of
from tercet.sealing import BLOCK, BLOCK_DATA, digest

from .scenes import (
    DAY,
    HOUR,
    SECOND_RELAY,
    act_on_everything,
    crash_after_saving,
    crash_before_saving,
    days,
    drop_effects,
    empty_relay,
    founders,
    items_at,
    report,
    talk,
    words_of_desk,
)
from .stage import RELAY, Actor, Seeded, Stage

FILM = bytes(range(256)) * 4_000  # four blocks


def states(actor: Actor) -> list[ReportState]:
    return [r.state for r in actor.device.reports]


def media(actor: Actor, number: int = 1) -> list[MediaState]:
    return [m.state for r in actor.device.reports if r.number == number for m in r.media]


def blocks_put(stage: Stage) -> list[bytes]:
    return [op.item for op in stage.asked if isinstance(op, Put) and len(op.item) == BLOCK]


def test_a_report_is_waiting_then_left_then_received() -> None:
    stage, desk, first, _ = founders()
    stage.down = {RELAY}
    report(first)
    stage.beat(first, rounds=3)
    assert states(first) == [ReportState.WAITING]
    stage.down = set()
    stage.beat(first)
    assert states(first) == [ReportState.LEFT]
    stage.beat(desk, first)
    assert states(first) == [ReportState.RECEIVED]


def test_a_report_is_put_again_on_the_next_day_until_its_receipt() -> None:
    stage, desk, first, _ = founders()
    report(first)
    for _ in range(3):
        empty_relay(stage)
        stage.beat(first, every=2 * DAY)
    stage.beat(desk, first)
    assert len(desk.reports) == 1
    assert states(first) == [ReportState.RECEIVED]


def quarters_of(count: int) -> Counter[int]:
    """In which quarters of the day the moments lie that are kept of reports stored at one second each."""
    stage, _, first, _ = founders()
    report(first)
    (written,) = first.device.reports
    kept = []
    for number in range(count):
        turn = Turn(first.device, stage.now, Seeded(f"stored {number}"))
        sending.stored(turn, digest(written.sealed)[:16])
        kept.append(turn.device.reports[0].put)
    assert {day_of(put) for put in kept} == {day_of(stage.now)}
    return Counter(put % DAY * 4 // DAY for put in kept)


def test_when_a_report_goes_again_says_nothing_of_when_it_went() -> None:
    quarters = quarters_of(400)
    assert all(65 <= quarters[one] <= 135 for one in range(4))  # four standard deviations


def test_a_report_that_goes_again_a_day_later_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "some_moment_of", lambda _, at: at)
    assert 400 in quarters_of(400).values()


def test_a_report_reaches_the_desk_when_the_relay_was_down_for_a_day() -> None:
    stage, desk, first, _ = founders((RELAY, SECOND_RELAY))
    stage.down = {RELAY}
    report(first, "through the other one")
    stage.beat(first, desk, rounds=6, every=4 * HOUR)
    stage.down = set()
    stage.beat(first, desk, rounds=2)
    assert [r.content.text for r in desk.reports.values()] == ["through the other one"]
    assert states(first) == [ReportState.RECEIVED]


def test_a_lost_receipt_comes_again() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk)
    empty_relay(stage)
    for _ in range(5):
        stage.beat(first, desk, every=7 * HOUR)
    assert states(first) == [ReportState.RECEIVED]
    assert len(desk.reports) == 1


def test_a_report_that_the_desk_can_never_open_lapses_visibly() -> None:
    stage, _, first, second = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutItem) and bool(effect.ref))
    report(first, "x", first.give("secret-name", FILM))
    for _ in range(30):
        stage.beat(first, second, every=2 * DAY)
    assert states(first) == [ReportState.LAPSED]
    assert first.heard("report_lapsed")
    assert media(first) == [MediaState.LAPSED]
    held = save(first.device)
    assert first.device.reports[0].sealed == b""
    assert b"secret-name" not in held
    for _ in range(20):
        stage.beat(first, second, every=2 * DAY)
    assert first.device.reports == ()


def test_a_clock_that_jumped_ahead_lapses_nothing() -> None:
    stage, desk, first, _ = founders()
    stage.down = {RELAY}
    report(first)
    first.skew = 100 * DAY
    stage.beat(first, rounds=3)
    first.skew, stage.down = 0, set()
    stage.beat(first, desk, first, rounds=2)
    assert states(first) == [ReportState.RECEIVED]


@pytest.mark.parametrize("skew", [2 * DAY, -2 * DAY])
@pytest.mark.parametrize("wrong", ["member", "desk"])
def test_a_clock_two_days_off_delays_a_report_and_its_answers_and_loses_none(skew: int, wrong: str) -> None:
    stage, desk, first, _ = founders()
    stage.beat(first, desk, every=4 * DAY)
    (first if wrong == "member" else desk).skew = skew
    report(first)
    for _ in range(20):
        stage.beat(first, desk, every=6 * HOUR)
    assert states(first) == [ReportState.RECEIVED]
    desk.do(ev.Reply(1, "where?"))
    first.do(ev.WriteWord(1, "there"))
    stage.beat(first, desk, rounds=2)
    desk.skew = first.skew = 0
    for _ in range(16):
        stage.beat(first, desk, every=6 * HOUR)
    assert words_of_desk(first) == ["where?"]
    assert [w.text for w in desk.words if not w.ours] == ["there"]


# ---- files


def test_two_reports_with_four_files_each_arrive_whole() -> None:
    stage, desk, first, _ = founders()
    for number in range(2):
        files = [
            first.give(f"{number}{n}", FILM[n * 1000 :] + bytes([number]), MediaKind.PHOTO, travel=b"t%d" % n)
            for n in range(4)
        ]
        report(first, f"report {number}", *files)
    stage.beat(first, desk, rounds=30)
    assert [m for n in (1, 2) for m in media(first, n)] == [MediaState.RECEIVED] * 16
    for case, filed in desk.reports.items():
        number = int(filed.content.text[-1])
        for n in range(4):
            assert desk.file_of(case, 2 * n + 1) == FILM[n * 1000 :] + bytes([number])
    assert not first.blocks
    assert kept_blocks(first.device) == frozenset()


@pytest.mark.parametrize("size", [1, BLOCK_DATA - 1, BLOCK_DATA, BLOCK_DATA + 1, 2 * BLOCK_DATA])
def test_a_file_of_any_size_around_a_block_arrives_whole(size: int) -> None:
    stage, desk, first, _ = founders()
    report(first, "", first.give("f", b"\x80" * size))
    stage.beat(first, desk, rounds=6)
    (case,) = desk.reports
    assert desk.file_of(case, 0) == b"\x80" * size
    assert media(first) == [MediaState.RECEIVED]


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("sync", ["before saving", "after saving"])
def test_after_a_crash_at_any_effect_only_the_block_under_way_is_sent_again(sync: str) -> None:
    """The sender dies again and again, one effect later each time; the vault keeps state and blocks."""
    stage, desk, first, _ = founders()
    report_put = 0
    drop_effects(first, lambda effect: not isinstance(effect, fx.KeepBlock | fx.Tell))
    report(first, "x", first.give("f", FILM))
    lives = 0
    while media(first) != [MediaState.LEFT]:
        lives += 1
        count = [lives % 4 + 1]

        def until(effect: fx.Effect, count: list[int] = count) -> bool:
            if isinstance(effect, fx.PutItem | fx.PutBlock | fx.ReadChunk | fx.ForgetBlock):
                count[0] -= 1
                if count[0] < 0:
                    raise Crash
            return True

        first.before_act = until
        if sync == "before saving":
            crash_before_saving(first, ev.SendNow())
        try:
            first.do(ev.SendNow())
        except Crash:
            first.device = load(save(first.device))
        first.blocks = {r: b for r, b in first.blocks.items() if r in kept_blocks(first.device)}
        assert len(kept_blocks(first.device)) <= 1
        assert lives < 60
        report_put += 1
    act_on_everything(first)
    stage.beat(desk, rounds=2)
    talk(stage, desk, first)
    (case,) = desk.reports
    assert desk.file_of(case, 0) == FILM
    assert media(first) == [MediaState.RECEIVED]
    assert len({b for b in blocks_put(stage)}) == 4


def test_effects_carried_out_twice_change_nothing() -> None:
    stage, desk, first, _ = founders()
    plain = first.act

    def twice(effect: fx.Effect) -> list[ev.Event]:
        if isinstance(effect, fx.PutItem | fx.PutBlock | fx.ReadChunk | fx.AckItem):
            if isinstance(effect, fx.PutBlock) and effect.ref not in first.blocks:
                return []
            return [*plain(effect), *plain(effect)]
        return plain(effect)

    first.act = twice  # type: ignore[method-assign]
    report(first, "x", first.give("f", FILM))
    stage.beat(first, desk, rounds=8)
    (case,) = desk.reports
    assert desk.file_of(case, 0) == FILM
    assert media(first) == [MediaState.RECEIVED]
    assert len(set(blocks_put(stage))) == 4


def test_a_box_that_is_full_means_that_the_block_lies_there() -> None:
    stage, desk, first, _ = founders()
    report(first, "x", first.give("f", FILM))
    assert media(first) == [MediaState.LEFT]
    held = blocks_put(stage)
    assert len(held) == 4
    stage2, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutBlock))
    report(first, "x", first.give("f", FILM))
    ref = next(iter(kept_blocks(first.device)))
    act_on_everything(first)
    first.do(ev.Refused(ref, "box_full"))
    assert first.device.reports[0].media[0].index >= 1
    assert ref not in kept_blocks(first.device)


def test_lost_blocks_are_asked_for_and_sent_again_with_keys_from_the_desk() -> None:
    stage, desk, first, _ = founders()
    report(first, "x", first.give("f", FILM))
    lost = [entry for entry in items_at(stage) if len(entry[2]) == BLOCK][1:3]
    for box, _, item in lost:
        stage.relays[RELAY].remove(box, name_of(item))
    for _ in range(10):
        stage.beat(desk, first, every=HOUR)
    assert media(first) == [MediaState.RECEIVED]
    (case,) = desk.reports
    assert desk.file_of(case, 0) == FILM
    assert first.device.reports[0].media[0].again == ()


def test_a_file_of_which_every_block_was_lost_is_asked_for_after_a_day() -> None:
    stage, desk, first, _ = founders()
    report(first, "x", first.give("f", FILM))
    for box, _, item in items_at(stage):
        if len(item) == BLOCK:
            stage.relays[RELAY].remove(box, name_of(item))
    for _ in range(12):
        stage.beat(desk, first, every=6 * HOUR)
    assert media(first) == [MediaState.RECEIVED]


def test_a_lost_travel_copy_is_withdrawn_and_the_original_still_comes() -> None:
    stage, desk, first, _ = founders()
    drop_effects(desk, lambda effect: isinstance(effect, fx.ReadBox) and effect.block)
    report(first, "x", first.give("f", FILM, MediaKind.PHOTO, travel=b"small"))
    stage.beat(first, desk, rounds=2)
    empty_relay(stage)
    act_on_everything(desk)
    for _ in range(20):
        stage.beat(desk, first, every=6 * HOUR)
    assert media(first) == [MediaState.MISSING, MediaState.RECEIVED]
    assert desk.heard("media_withdrawn")


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_changed_or_is_gone_is_withdrawn_and_both_sides_are_told(gone: bool) -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.ReadChunk))
    report(first, "x", first.give("secret-name", FILM))
    act_on_everything(first)
    if gone:
        del first.files["secret-name"]
    else:
        first.files["secret-name"] = FILM + b"more"
    stage.beat(first, desk, rounds=3)
    assert media(first) == [MediaState.MISSING if gone else MediaState.CHANGED]
    assert first.heard("media_stopped")
    assert desk.heard("media_withdrawn")
    assert b"secret-name" not in save(first.device)
    stage.beat(desk, rounds=2, every=2 * DAY)
    assert desk.device.office is not None
    assert desk.device.office.cases[0].media[0].state == "withdrawn"


def test_a_file_that_stops_while_a_block_is_under_way_leaves_no_block_behind() -> None:
    stage, _, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutBlock))
    report(first, "x", first.give("f", FILM))
    assert kept_blocks(first.device)
    act_on_everything(first)
    first.do(ev.FileStopped(1, 0, True))
    assert kept_blocks(first.device) == frozenset()
    assert not first.blocks


@pytest.mark.parametrize(
    "event",
    [
        ev.ChunkRead(9, 0, 0, b"x", False),
        ev.ChunkRead(1, 9, 0, b"x", False),
        ev.ChunkRead(1, 0, 3, b"x", False),
        ev.ChunkRead(1, 0, 0, b"x", True),
        ev.FileStopped(9, 0, True),
        ev.FileStopped(1, 9, True),
        ev.Stored(bytes(16)),
        ev.Refused(bytes(16), "box_full"),
        ev.Refused(b"", "disk_full"),
    ],
    ids=str,
)
def test_an_event_that_fits_nothing_changes_nothing(event: ev.Event) -> None:
    stage, _, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.ReadChunk))
    report(first, "x", first.give("f", FILM))
    device, _ = step(first.device, event, stage.now, first.chance)
    assert device == first.device


def test_a_crash_after_a_report_was_saved_sends_it_at_the_next_beat() -> None:
    stage, desk, first, _ = founders()
    crash_after_saving(first, ev.WriteReport("saved first", None, None, ()))
    stage.beat(first, desk, first)
    assert [r.content.text for r in desk.reports.values()] == ["saved first"]
    assert states(first) == [ReportState.RECEIVED]


def test_a_conversation_is_erased_thirty_days_after_its_last_use() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first, rounds=2)
    for _ in range(16):
        stage.beat(desk, first, every=3 * DAY)
    assert first.device.reports == ()
    assert desk.device.office is not None
    assert desk.device.office.cases == ()
    assert not first.heard("word_lapsed") + desk.heard("word_lapsed")


def put_to_intake(actor: Actor) -> int:
    """One frame to intake, stored at once; returns the number of the report it concerns, 0 for a dummy."""
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    assert sending.send_one(turn, 1.0)
    (put,) = (effect for effect in turn.effects if isinstance(effect, fx.PutItem))
    actor.device = step(turn.device, ev.Stored(put.ref, RELAY), actor.stage.now, actor.chance)[0]
    return actor.device.returns[-1].owner


def on_a_slow_device() -> tuple[Stage, Actor]:
    """One report is with the desk, three have left the device and have no receipt, and it was silent for two days."""
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first)
    for text in ("second", "third", "fourth"):
        stage.now += HOUR
        report(first, text)
    assert states(first) == [ReportState.RECEIVED] + [ReportState.LEFT] * 3
    stage.now += 2 * DAY
    return stage, first


def test_a_word_is_said_at_once_however_many_reports_wait_for_their_receipt() -> None:
    _, first = on_a_slow_device()
    first.do(ev.WriteWord(1, "one thing more"))
    assert put_to_intake(first) == 1
    assert first.device.reports[0].channel.waiting[0].times == 1


def test_reports_put_again_and_conversations_take_turns_on_a_device_that_beats_seldom() -> None:
    stage, first = on_a_slow_device()
    first.do(ev.WriteWord(1, "one thing more"))
    said = []
    for _ in range(9):
        said.append(put_to_intake(first))
        stage.now += DAY
    assert sorted(said[1:]) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert set(said[1:5]) == {1, 2, 3, 4}


def test_a_report_that_no_relay_has_yet_goes_before_all_else() -> None:
    _, first = on_a_slow_device()
    first.do(ev.WriteWord(1, "one thing more"))
    first.do(ev.WriteReport("news", None, None, ()))
    assert put_to_intake(first) == 5


def test_the_desks_words_are_bounded_and_those_that_do_not_fit_come_once_the_others_were_read() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk, first, rounds=2)
    for number in range(30):
        desk.do(ev.Reply(1, f"{number} " + "x" * 3_000))
        stage.beat(desk, first, every=HOUR)
        if number % 12 == 11:
            assert sum(len(t) for t in words_of_desk(first)) < 50_000
    count = len(words_of_desk(first))
    assert count < 30
    first.do(ev.NotesSeen())
    days(stage, 1.1)
    stage.beat(first, desk, rounds=3)
    assert words_of_desk(first)[0].startswith(f"{count} ")


def test_what_waits_in_the_vault_is_not_what_lies_at_the_relay_and_its_cover_is_forgotten() -> None:
    stage, desk, first, _ = founders()
    kept: list[bytes] = []
    drop_effects(first, lambda effect: isinstance(effect, fx.KeepBlock) and kept.append(effect.block) is not None)
    report(first, "x", first.give("f", FILM))
    stage.beat(desk, first, rounds=3)
    assert media(first) == [MediaState.RECEIVED]
    at_the_desk = [block for blocks in desk.received.values() for block in blocks.values()]
    assert len(kept) == len(at_the_desk) > 2
    assert not set(kept) & set(at_the_desk)
    assert all(way is None for r in first.device.reports for way in [m.under_way for m in r.media])


def test_a_desk_that_asks_again_and_again_gets_no_more_than_the_file() -> None:
    stage, desk, first, _ = founders()
    drop_effects(desk, lambda effect: isinstance(effect, fx.CheckMedia))
    report(first, "x", first.give("f", FILM))
    stage.beat(desk, first, rounds=3)
    blocks = first.device.reports[0].media[0].blocks
    for number in range(10):
        body = encode(ResendRequest(0, ((0, number.to_bytes(32, "big")),)))
        case = desk.device.office.cases[0]
        asked = letters_of.write(case.channel, LetterKind.RESEND, body)
        office = msgspec.structs.replace(desk.device.office, cases=(msgspec.structs.replace(case, channel=asked),))
        desk.device = msgspec.structs.replace(desk.device, office=office)
        stage.beat(desk, first, rounds=3)
    sent = first.device.reports[0].media[0].resent
    assert 0 < sent <= max(blocks, 3) < 10
    assert first.heard("desk_asks_much")


def test_a_conversation_is_asked_though_no_relay_ever_said_that_it_stored_the_report() -> None:
    stage, desk, first, _ = founders()
    act = first.act
    first.act = lambda effect: [e for e in act(effect) if not isinstance(e, ev.Stored)]  # type: ignore[method-assign]
    first.do(ev.WriteReport("x", None, None, ()))
    for _ in range(12):
        stage.now += 1_800
        first.do(ev.Beat())
        desk.do(ev.Beat())
    (mine,) = first.device.reports
    assert mine.state is ReportState.RECEIVED
    desk.do(ev.Reply(1, "where exactly?"))
    for _ in range(96):
        stage.now += 1_800
        first.do(ev.Beat())
        desk.do(ev.Beat())
    assert [n.text for n in first.device.reports[0].notes] == ["where exactly?"]
