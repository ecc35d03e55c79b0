"""The desk: files each report once, forgets keys in time, and cannot be filled or stopped by strangers."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.card import SHARDS_MOST
from tercet.core.chain import lane
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import KEYS_KEPT, MediaKind, MediaRef, ReportContent, ReportKind, WordContent, conversation_id
from tercet.core.conversation import dummy
from tercet.core.days import last_day_of, week_of
from tercet.core.device import step
from tercet.core.envelope import SALT, wrap
from tercet.core.errors import Refusal
from tercet.core.report import MediaState, ReportState
from tercet.core.state import ARRIVING_MOST, Device, Office, load, save
from tercet.drop import Put, name_of
from tercet.sealing import BLOCK, FRAME, NONCE, digest

from .scenes import (
    DAY,
    HOUR,
    SECOND_RELAY,
    act_on_everything,
    answers,
    crash_before_saving,
    drop_effects,
    founders,
    intake_ids,
    items_at,
    lay,
    report,
    talk,
)
from .stage import RELAY, Actor, Stage

MIB = 1_048_576


def office(desk: Actor) -> Office:
    assert desk.device.office is not None
    return desk.device.office


def intake(stage: Stage) -> list[bytes]:
    """Frames that lie in ordinary boxes, oldest first."""
    return [item for _, posted, item in items_at(stage) if not posted and len(item) == FRAME]


def content(stage: Stage, number: int = 0, **changed: object) -> ReportContent:
    reply = number.to_bytes(32, "big")
    whole = ReportContent(1, 1, stage.now // DAY, b"", b"", b"", reply, "x", None, None, (), b"")
    return msgspec.structs.replace(whole, **changed)


def test_a_report_put_several_times_is_filed_once() -> None:
    stage, desk, first, _ = founders()
    drop_effects(desk, lambda effect: isinstance(effect, fx.AckItem))
    report(first)
    for _ in range(4):
        stage.beat(desk, first, every=DAY + 1)
    assert (len(desk.reports), office(desk).opened) == (1, 1)


def test_a_report_that_came_through_two_relays_is_filed_once() -> None:
    stage, desk, first, _ = founders((RELAY, SECOND_RELAY))
    report(first)
    for box, posted, item in items_at(stage) + items_at(stage, SECOND_RELAY):
        if not posted:
            for relay in (RELAY, SECOND_RELAY):
                stage.ask(relay, Put(box, item))
    stage.beat(desk, first, rounds=3)
    assert (len(desk.reports), office(desk).opened) == (1, 1)
    assert len(desk.heard("report_filed")) == 1


def test_a_report_replayed_forty_days_later_is_not_filed_again() -> None:
    stage, desk, first, second = founders()
    report(first)
    (sealed,) = [r.sealed for r in first.device.reports]
    stage.beat(desk, first, rounds=2)
    for _ in range(20):
        stage.beat(desk, first, second, every=2 * DAY)
    assert office(desk).cases == ()
    card = second.device.card
    assert card is not None
    where = lane(card.chain, stage.now // DAY, "intake", 1)
    key = second.device.board.key_for(stage.now // DAY)
    assert key is not None
    replayed = wrap(where, sealed, key.week, key.public, bytes(NONCE), bytes(SALT))
    stage.ask(RELAY, Put(intake_ids(second, stage.now // DAY)[1][0], replayed))
    stage.beat(desk)
    assert office(desk).opened == 1
    assert replayed not in intake(stage)


def test_a_reply_secret_used_under_two_weeks_makes_one_case() -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, content(stage, 1))
    lay(stage, first, content(stage, 1, day=stage.now // DAY + 7))
    stage.beat(desk)
    assert len(office(desk).cases) == 1


def test_a_crash_between_filing_and_saving_files_the_same_case_again_under_the_same_name() -> None:
    stage, desk, first, _ = founders()
    report(first)
    queue: list[ev.Event] = []
    desk.before_act = lambda effect: queue.append(effect) or False  # type: ignore[func-returns-value]
    desk.do(ev.SendNow())
    act_on_everything(desk)
    reads = [e for e in queue if isinstance(e, fx.ReadBox) and e.query.kind == "intake"]
    for effect in reads:
        for event in desk.read(effect):
            crash_before_saving(desk, event)
    assert len(desk.reports) == 1
    assert office(desk).opened == 0
    stage.beat(desk, first)
    assert (len(desk.reports), office(desk).opened) == (1, 1)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]


def test_a_crash_between_saving_and_acknowledging_files_nothing_twice() -> None:
    stage, desk, first, _ = founders()
    report(first)
    drop_effects(desk, lambda effect: isinstance(effect, fx.AckItem | fx.PutItem))
    stage.beat(desk)
    assert intake(stage)
    act_on_everything(desk)
    desk.device = load(save(desk.device))
    stage.beat(desk, first)
    assert (len(desk.reports), office(desk).opened) == (1, 1)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]


def test_nothing_is_acknowledged_before_it_is_filed() -> None:
    stage, desk, first, _ = founders()
    report(first)
    drop_effects(desk, lambda effect: True)
    seen: list[fx.Effect] = []
    desk.do(ev.SendNow())
    act_on_everything(desk)
    device, effects = step(desk.device, ev.SendNow(), stage.now, desk.chance)
    for effect in effects:
        if isinstance(effect, fx.ReadBox) and effect.query.kind == "intake":
            for event in desk.read(effect):
                seen += step(device, event, stage.now, desk.chance)[1]
    kinds = [type(e) for e in seen if isinstance(e, fx.FileReport | fx.AckItem)]
    assert kinds == [fx.FileReport, fx.AckItem]


def test_a_weeks_private_key_is_erased_45_days_after_its_week_by_the_confirmed_day() -> None:
    stage, desk, first, _ = founders()
    week = week_of(stage.now // DAY)
    seed = office(desk).seeds[week]
    report(first)
    end = last_day_of(week) + KEYS_KEPT
    while stage.now // DAY < end:
        stage.beat(first, desk, every=DAY)
    assert seed in save(desk.device)
    stage.beat(first, desk, first, desk, rounds=1, every=2 * DAY)
    stage.beat(first, desk, rounds=2)
    assert week not in office(desk).seeds
    assert week not in office(desk).seen
    assert seed not in save(desk.device)


def test_a_desk_that_hears_only_reports_still_learns_that_days_pass() -> None:
    stage, desk, first, _ = founders()
    drop_effects(first, lambda effect: isinstance(effect, fx.PutItem) and effect.ref == b"")
    stage.now += 20 * DAY
    stage.beat(first)
    report(first)
    stage.beat(desk)
    assert desk.device.confirmed == stage.now // DAY


def test_a_clock_that_jumped_ahead_erases_no_key_and_closes_no_case() -> None:
    stage, desk, first, _ = founders()
    report(first)
    stage.beat(desk)
    week = week_of(stage.now // DAY)
    desk.skew = 200 * DAY
    stage.beat(desk)
    assert week in office(desk).seeds
    assert len(office(desk).cases) == 1
    desk.skew = 0
    stage.beat(first, desk, rounds=2)
    assert [r.state for r in first.device.reports] == [ReportState.RECEIVED]


def test_eight_weeks_of_keys_are_on_the_board_ahead() -> None:
    stage, desk, first, _ = founders()
    week = week_of(stage.now // DAY)
    assert {k.week for k in first.device.board.keys} >= set(range(week, week + 9))


def test_every_intake_box_of_a_day_is_read_empty_everywhere_before_its_root_goes() -> None:
    stage, desk, first, _ = founders((RELAY, SECOND_RELAY))
    assert desk.device.card is not None
    began = desk.device.card.chain.day
    stage.down = {SECOND_RELAY}
    stage.now += 12 * DAY
    for _ in range(10):
        stage.beat(first, desk, every=HOUR)
    assert desk.device.card.chain.day == began
    stage.down = set()
    for _ in range(30):
        stage.beat(first, desk, every=HOUR)
    assert desk.device.card.chain.day > began


# ---- hostile members


@pytest.mark.parametrize("day", [0, 1, 2_932_896])
def test_a_report_of_an_impossible_day_is_let_go_and_stops_nobody(day: int) -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, content(stage, 1, day=day), week=week_of(stage.now // DAY))
    report(first, "honest")
    stage.beat(desk, rounds=2)
    assert [r.content.text for r in desk.reports.values()] == ["honest"]
    assert desk.heard("strange_frame")


def test_noise_in_intake_is_let_go_and_the_reports_behind_it_are_filed() -> None:
    stage, desk, first, _ = founders()
    for shard in range(2):
        box = intake_ids(first, stage.now // DAY)[shard][0]
        for number in range(100):
            stage.ask(RELAY, Put(box, number.to_bytes(2, "big") * (FRAME // 2)))
    report(first, "behind it")
    stage.beat(desk)
    assert [r.content.text for r in desk.reports.values()] == ["behind it"]
    assert not intake(stage) or all(len(i) == FRAME for i in intake(stage))


def test_a_full_desk_opens_nothing_so_that_a_relay_cannot_tell_reports_from_dummies() -> None:
    stage, desk, first, _ = founders()
    stage.beat(desk)
    case = office(desk)
    padding = (bytes(ARRIVING_MOST - len(save(desk.device))),)
    desk.device = msgspec.structs.replace(
        desk.device, office=msgspec.structs.replace(case, seen={**case.seen, week_of(stage.now // DAY): padding})
    )
    lay(stage, first, content(stage, 1))
    lay(stage, first, dummy(b"d" * 32, stage.now, stage.now // DAY))
    lying = sorted(intake(stage))
    stage.beat(desk, rounds=3)
    assert sorted(intake(stage)) == lying
    assert len(lying) >= 2


def test_what_the_desk_orders_at_once_is_the_same_for_a_report_with_files_and_a_dummy() -> None:
    orders = []
    for what in ("report", "dummy"):
        stage, desk, first, _ = founders()
        stage.beat(desk)
        film = MediaRef(MediaKind.VIDEO, "mp4", b"k" * 32, 2**30, bytes(32))
        lay(
            stage,
            first,
            content(stage, 1, media=(film,)) if what == "report" else dummy(b"d" * 32, stage.now, stage.now // DAY),
        )
        stage.asked.clear()
        stage.beat(desk)
        orders.append([type(op).__name__ for op in stage.asked])
    assert orders[0] == orders[1]


def test_a_flood_of_reports_cannot_fill_the_desk_and_what_does_not_fit_waits_at_the_relay() -> None:
    stage, desk, first, _ = founders()
    stage.beat(desk)
    case = office(desk)
    padding = (bytes(ARRIVING_MOST - 45_000 - len(save(desk.device))),)
    desk.device = msgspec.structs.replace(
        desk.device, office=msgspec.structs.replace(case, seen={**case.seen, week_of(stage.now // DAY): padding})
    )
    before = len(save(desk.device))
    for number in range(40):
        lay(
            stage,
            first,
            content(
                stage,
                2**200 + number,
                media=tuple(MediaRef(MediaKind.VIDEO, "mp4", bytes([n + 1]) * 32, 2**42, bytes(32)) for n in range(8)),
            ),
        )
    stage.beat(desk, rounds=3)
    assert before < len(save(desk.device)) < ARRIVING_MOST + 5_000
    assert desk.heard("desk_full")
    assert intake(stage)


@pytest.mark.full
def test_silent_reporters_of_files_leave_the_state_below_a_mebibyte() -> None:
    stage, desk, first, _ = founders()
    media = tuple(MediaRef(MediaKind.VIDEO, "mp4", bytes([n + 1]) * 32, 2**42, bytes(32)) for n in range(8))
    for number in range(128):
        lay(stage, first, content(stage, number + 1, media=media))
    stage.down = set()
    stage.beat(desk)
    stage.down = {RELAY}
    for _ in range(4):
        stage.beat(desk, every=2 * DAY)
    assert len(office(desk).cases) > 50
    assert len(save(desk.device)) < ARRIVING_MOST + 200_000 < MIB


def test_one_request_for_lost_blocks_waits_at_a_time() -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, content(stage, 1, media=(MediaRef(MediaKind.VIDEO, "mp4", bytes(32), 2**42, bytes(32)),)))
    for _ in range(20):
        stage.beat(desk, every=DAY)
    (case,) = office(desk).cases
    assert [w.kind for w in case.channel.waiting].count(LetterKind.RESEND) == 1


def hostile_word(stage: Stage, member: Actor, reply: bytes, number: int, kind: int, body: bytes, **fields: int) -> None:
    letter = Letter(
        1, number, fields.get("ack", 0), fields.get("first", 1), fields.get("written", stage.now), kind, body
    )
    word = WordContent(1, ReportKind.WORD, stage.now // DAY, reply, conversation_id(reply), letter)
    lay(stage, member, word, number.to_bytes(NONCE, "big"))


def test_a_reporter_who_writes_out_of_order_cannot_make_the_desk_keep_more_than_a_little() -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, content(stage, 7))
    stage.beat(desk)
    before = len(save(desk.device))
    for number in range(2, 33):
        hostile_word(stage, first, (7).to_bytes(32, "big"), number, LetterKind.TEXT, bytes(2_700))
    stage.beat(desk, rounds=3)
    assert len(save(desk.device)) - before < 5_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (LetterKind.MEDIA_WITHDRAWN, b"\xff"),
        (LetterKind.MEDIA_WITHDRAWN, b""),
        (LetterKind.TEXT, b"\xff\xfe"),
        (LetterKind.RESEND, b"x"),
        (LetterKind.RECEIPT, b""),
        (255, b"x" * 2_700),
    ],
)
def test_a_word_that_makes_no_sense_stops_nothing(kind: int, body: bytes) -> None:
    stage, desk, first, _ = founders()
    lay(stage, first, content(stage, 7))
    stage.beat(desk)
    hostile_word(stage, first, (7).to_bytes(32, "big"), 1, kind, body, written=253_402_300_799, ack=2**53 - 1)
    hostile_word(stage, first, (7).to_bytes(32, "big"), 2, LetterKind.TEXT, b"and now", first=2, written=0)
    stage.beat(desk, rounds=2)
    assert desk.words[-1].text == "and now"
    assert desk.device.confirmed <= stage.now // DAY


def test_blocks_of_noise_cut_short_or_swapped_are_let_go_and_the_right_ones_taken() -> None:
    stage, desk, first, _ = founders()
    film = bytes(range(256)) * 4_000
    report(first, "x", first.give("f", film))
    blocks = [(box, item) for box, _, item in items_at(stage) if len(item) == BLOCK]
    store = stage.relays[RELAY]
    for (box, item), (_, other) in zip(blocks, [blocks[-1], *blocks[:-1]], strict=True):
        store.remove(box, name_of(item))
        stage.ask(RELAY, Put(box, other))
    stage.beat(desk, rounds=2)
    assert desk.heard("strange_frame")
    assert not desk.received
    for box, item in blocks[:2]:
        stage.ask(RELAY, Put(box, item[:-1] + bytes([item[-1] ^ 1])))
    stage.beat(desk)
    assert not desk.received
    for box, item in reversed(blocks):
        stage.ask(RELAY, Put(box, item))
        stage.beat(desk, first)
    talk(stage, desk, first)
    (case,) = desk.reports
    assert desk.file_of(case, 0) == film
    assert [m.state for m in first.device.reports[0].media] == [MediaState.RECEIVED]


def test_a_desk_that_dies_at_any_effect_loses_no_block() -> None:
    stage, desk, first, _ = founders()
    film = bytes(range(256)) * 4_000
    report(first, "x", first.give("f", film))

    class Crash(Exception):
        pass

    for life in range(40):
        count = [life]

        def until(effect: fx.Effect, count: list[int] = count) -> bool:
            count[0] -= 1
            if count[0] < 0:
                raise Crash
            return True

        desk.before_act = until
        try:
            desk.do(ev.SendNow())
        except Crash:
            desk.device = load(save(desk.device))
    act_on_everything(desk)
    talk(stage, desk, first, rounds=3)
    (case,) = desk.reports
    assert desk.file_of(case, 0) == film
    assert [m.state for m in first.device.reports[0].media] == [MediaState.RECEIVED]


def test_a_file_that_is_not_the_one_announced_is_broken_on_both_sides() -> None:
    stage, desk, first, _ = founders()
    desk.check = lambda effect: False  # type: ignore[method-assign]
    report(first, "x", first.give("f", b"film"))
    stage.beat(desk, first, rounds=3)
    assert desk.heard("media_broken")
    assert [m.state for m in first.device.reports[0].media] == [MediaState.CHANGED]


def test_a_file_the_desk_has_cannot_be_withdrawn_afterwards() -> None:
    stage, desk, first, _ = founders()
    report(first, "x", first.give("f", b"film"))
    stage.beat(desk, rounds=2)
    (case,) = office(desk).cases
    assert case.media[0].state == "here"
    (filed,) = desk.reports.values()
    hostile_word(stage, first, filed.content.reply, 1, LetterKind.MEDIA_WITHDRAWN, b"\0")
    stage.beat(desk)
    assert office(desk).cases[0].media[0].state == "here"


def test_answers_that_no_relay_takes_are_not_kept_and_come_when_the_reporter_asks_again() -> None:
    stage, desk, first, _ = founders()
    for number in range(100):
        lay(stage, first, content(stage, number + 1))
    drop_effects(desk, lambda effect: isinstance(effect, fx.PutItem))
    before = len(save(desk.device))
    stage.beat(desk, rounds=2)
    assert desk.device.outbox == ()
    assert len(save(desk.device)) - before < 100 * 200
    act_on_everything(desk)
    where = lay(stage, first, content(stage, 1), b"again".ljust(NONCE))
    stage.beat(desk)
    assert [a.kind for a in answers(stage, where)] == [LetterKind.RECEIPT]


# ---- setting up


@pytest.mark.parametrize(
    ("relays", "shards", "code"),
    [
        ((), 2, "relay_missing"),
        (("r",) * 9, 2, "set_up_wrong"),
        (("r" * 161,), 2, "set_up_wrong"),
        (("",), 2, "set_up_wrong"),
        ((RELAY,), 0, "set_up_wrong"),
        ((RELAY,), SHARDS_MOST + 1, "set_up_wrong"),
    ],
)
def test_a_network_that_cards_could_not_carry_is_refused(relays: tuple[str, ...], shards: int, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        step(Device(), ev.SetUpDesk(relays, shards), 1_790_000_000, lambda count: bytes(count))


def test_a_device_that_belongs_to_a_network_cannot_found_another() -> None:
    _, desk, first, _ = founders()
    for actor in (desk, first):
        with pytest.raises(Refusal, match="network_exists"):
            actor.do(ev.SetUpDesk((RELAY,), 2))


def test_only_a_desk_replies() -> None:
    _, desk, first, _ = founders()
    with pytest.raises(Refusal, match="not_the_desk"):
        first.do(ev.Reply(1, "x"))
    with pytest.raises(Refusal, match="unknown_report"):
        desk.do(ev.Reply(1, "x"))


def test_every_entry_of_the_board_is_stored_at_each_relay() -> None:
    _, desk, _, _ = founders((RELAY, SECOND_RELAY))
    tags = {digest(relay.encode())[:4].hex() for relay in (RELAY, SECOND_RELAY)}
    assert all(tags <= set(p.stored) for p in office(desk).posts)
