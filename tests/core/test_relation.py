"""Letters between two neighbours, with the ratchet inside."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.chain import lane
from tercet.core.channel import WAITING_LETTERS, Letter
from tercet.core.days import LATE_DAYS, day_of
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.relation import (
    LETTER_TEXT,
    NOTES_BYTES,
    PLAIN,
    RATCHET,
    UNREAD_KEPT,
    Relation,
    open_letter,
    seal_letter,
    settle,
    skip_keys,
    wrap_letter,
)
from tercet.core.state import save
from tercet.drop import BOX_FRAMES, MemoryStore, Put, Read, Stored, id_of_read
from tercet.sealing import FRAME, NONCE, CannotOpen, olm_decrypt, olm_encrypt, open_sealed, seal

from .scenes import (
    DAY,
    HOUR,
    SECOND_RELAY,
    act_on_everything,
    channel,
    crash_after_saving,
    days,
    drop_effects,
    empty_relay,
    founders,
    items_at,
    letters,
    relation,
    send_letter,
)
from .stage import RELAY, START, Actor, Stage


def sealed(holder: Relation, text: bytes = b"x", now: int = START) -> tuple[Relation, bytes]:
    """A letter of `holder` as a frame."""
    from tercet.core import channel as channels

    holder = msgspec.structs.replace(holder, channel=channels.write(holder.channel, 1, text))
    holder, content = seal_letter(holder, holder.channel.waiting[-1], now)
    return holder, wrap_letter(holder, content, day_of(now), bytes(NONCE))[1]


def pair() -> tuple[Relation, Relation]:
    _, _, first, second = founders()
    return relation(first, "second"), relation(second, "first")


def put(stage: Stage, holder: Relation, frame: bytes, day: int | None = None, relay: str = RELAY) -> None:
    """Lay a frame where the writer `holder` lays its own."""
    where = lane(holder.chain, day_of(stage.now) if day is None else day, "relation", holder.side)
    assert isinstance(stage.ask(relay, Put(where.boxes[0].id, frame)), Stored)


def test_thirty_letters_pass_once_and_in_order() -> None:
    stage, _, first, second = founders()
    for number in range(30):
        send_letter(first, "second", f"letter {number}")
    stage.beat(first, second, rounds=60)
    assert letters(second, "first") == [f"letter {n}" for n in range(30)]
    assert not channel(first, "second").waiting


def test_letters_survive_a_relay_that_loses_everything() -> None:
    stage, _, first, second = founders()
    for number in range(25):
        send_letter(first, "second", f"letter {number}")
        stage.beat(first, every=60)
        if number % 3 == 0:
            empty_relay(stage)
    assert channel(first, "second").waiting
    for _ in range(40):
        stage.beat(first, second, every=6 * HOUR)
    assert letters(second, "first") == [f"letter {n}" for n in range(25)]


def test_a_reader_offline_for_four_weeks_gets_every_letter_once_and_in_order() -> None:
    stage, _, first, second = founders()
    for number in range(28):
        send_letter(first, "second", f"day {number}")
        for _ in range(2):
            stage.beat(first, every=12 * HOUR)
    stage.beat(first, second, rounds=10, every=HOUR)
    assert letters(second, "first") == [f"day {n}" for n in range(28)]
    stage.beat(first, second, rounds=4, every=HOUR)
    assert not channel(first, "second").waiting


def test_forty_letters_and_a_reader_away_for_ten_days_leave_the_ratchet_usable() -> None:
    stage, _, first, second = founders()
    for number in range(40):
        send_letter(first, "second", str(number))
    for _ in range(10 * 8):
        stage.beat(first, every=3 * HOUR)
    stage.beat(first, second, rounds=60, every=600)
    assert letters(second, "first") == [str(n) for n in range(40)]
    send_letter(second, "first", "back")
    stage.beat(second, first, rounds=3)
    assert letters(first, "second") == ["back"]


def test_a_letter_that_is_not_acknowledged_is_sealed_afresh_after_a_day_and_not_before() -> None:
    stage, _, first, second = founders()
    send_letter(first, "second", "x")
    empty_relay(stage)
    stage.beat(first, rounds=5, every=4 * HOUR)
    stage.beat(second)
    assert letters(second, "first") == []
    stage.beat(first, every=5 * HOUR)
    stage.beat(second)
    assert letters(second, "first") == ["x"]


def test_a_replayed_letter_does_not_open_and_is_counted() -> None:
    ours, theirs = pair()
    ours, frame = sealed(ours)
    after, _ = open_letter(theirs, day_of(START), frame)
    with pytest.raises(CannotOpen):
        open_letter(after, day_of(START), frame)


def test_a_frame_that_does_not_open_changes_nothing() -> None:
    stage, _, first, second = founders()
    before = relation(second, "first")
    put(stage, relation(first, "second"), bytes(FRAME))
    stage.beat(second)
    after = relation(second, "first")
    assert (after.session, after.channel.received, after.strange) == (before.session, before.channel.received, 1)


def test_thirty_nine_letters_that_came_late_still_open() -> None:
    ours, theirs = pair()
    made = []
    for number in range(40):
        ours, frame = sealed(ours, str(number).encode())
        made.append(frame)
    theirs, _ = open_letter(theirs, day_of(START), made[-1])
    for number, frame in enumerate(made[:-1]):
        theirs, letter = open_letter(theirs, day_of(START), frame)
        assert letter.body == str(number).encode()


def test_a_gap_of_a_thousand_messages_is_bridged() -> None:
    ours, theirs = pair()
    session = ours.session
    for _ in range(1_000):
        session, _ = olm_encrypt(session, b"")
    ours, frame = sealed(msgspec.structs.replace(ours, session=session), b"after the gap")
    assert open_letter(theirs, day_of(START), frame)[1].body == b"after the gap"


def test_an_empty_letter_never_moves_the_ratchet() -> None:
    ours, theirs = pair()
    after, content = seal_letter(ours, None, START)
    assert (after.session, after.held) == (ours.session, b"")
    _, frame = wrap_letter(after, content, day_of(START), bytes(NONCE))
    opened, letter = open_letter(theirs, day_of(START), frame)
    assert opened.session == theirs.session
    assert letter.number == 0


def test_days_of_signs_of_life_leave_both_sessions_as_they_were() -> None:
    stage, _, first, second = founders()
    before = relation(first, "second").session, relation(second, "first").session
    for _ in range(6):
        stage.beat(first, second, every=13 * HOUR)
    assert (relation(first, "second").session, relation(second, "first").session) == before
    assert stage.now - channel(first, "second").heard < DAY


def test_a_letter_with_content_outside_the_ratchet_is_refused() -> None:
    ours, theirs = pair()
    where = lane(ours.chain, day_of(START), "relation", ours.side)
    content = Letter(1, 1, 0, 1, START, 1, b"not from the ratchet")
    frame = seal(where.key, bytes([PLAIN]) + encode(content), FRAME, bytes(NONCE))
    with pytest.raises(Malformed):
        open_letter(theirs, day_of(START), frame)


@pytest.mark.parametrize("content", [b"", b"\x02", bytes([PLAIN]), bytes([PLAIN]) + b"\xc1", bytes([PLAIN, 0x90])])
def test_what_opens_and_is_no_letter_is_dropped_whatever_it_is(content: bytes) -> None:
    stage, _, first, second = founders()
    holder = relation(first, "second")
    where = lane(holder.chain, day_of(stage.now), "relation", holder.side)
    put(stage, holder, seal(where.key, content, FRAME, bytes(NONCE)))
    before = channel(second, "first").received
    stage.beat(second)
    assert channel(second, "first").received == before
    assert relation(second, "first").strange == 1


def test_an_olm_message_that_holds_no_letter_is_dropped() -> None:
    stage, _, first, second = founders()
    holder = relation(first, "second")
    _, message = olm_encrypt(holder.session, b"no letter")
    where = lane(holder.chain, day_of(stage.now), "relation", holder.side)
    put(stage, holder, seal(where.key, bytes([RATCHET]) + message, FRAME, bytes(NONCE)))
    stage.beat(second)
    assert relation(second, "first").strange == 1


def test_a_full_box_is_refused_loudly_and_the_letter_arrives_the_next_day() -> None:
    stage, _, first, second = founders()
    holder = relation(first, "second")
    for number in range(BOX_FRAMES + 1):
        where = lane(holder.chain, day_of(stage.now), "relation", holder.side)
        stage.ask(RELAY, Put(where.boxes[0].id, number.to_bytes(2, "big") * (FRAME // 2)))
    send_letter(first, "second", "x")
    assert first.heard("relay_refused")[-1].facts == {"code": "box_full"}
    assert channel(first, "second").waiting
    days(stage, 1.01)
    stage.beat(first, second, rounds=12)
    assert letters(second, "first") == ["x"]


def test_noise_in_a_box_is_cleared_away_and_the_letters_behind_it_arrive() -> None:
    stage, _, first, second = founders()
    for number in range(60):
        put(stage, relation(first, "second"), number.to_bytes(2, "big") * (FRAME // 2))
    send_letter(first, "second", "behind the noise")
    stage.beat(second)
    assert letters(second, "first") == ["behind the noise"]
    assert relation(second, "first").strange == 60


def test_someone_elses_frames_and_old_frames_in_a_box_change_nothing() -> None:
    stage, desk, first, second = founders()
    send_letter(first, "second", "one")
    old = [item for _, posted, item in items_at(stage) if not posted]
    stage.beat(second)
    send_letter(first, "second", "two")
    send_letter(desk, "first", "not for you")
    other = [item for _, posted, item in items_at(stage) if not posted]
    for item in (*old, *other):
        for holder in (relation(first, "second"), relation(second, "first")):
            put(stage, holder, item)
    stage.beat(first, second, rounds=4)
    assert letters(second, "first") == ["one", "two"]
    assert letters(first, "second") == []
    assert letters(first, "desk") == ["not for you"]


class Liar(MemoryStore):
    """A relay that answers reads with noise and says that there is more, for ever."""

    reads = 0

    def apply(self, ops, now):  # type: ignore[no-untyped-def]
        from tercet.drop import Items, Read

        if isinstance(ops[0], Read) and ops[0].size == FRAME and not ops[0].posted:
            Liar.reads += 1
            return [Items((Liar.reads.to_bytes(4, "big") * (FRAME // 4),) * ops[0].limit, True)]
        return super().apply(ops, now)


def test_a_relay_that_always_has_more_cannot_keep_a_device_at_it_for_ever() -> None:
    stage, _, _, second = founders()
    stage.relays[RELAY] = Liar()
    Liar.reads = 0
    stage.beat(second)
    assert 0 < Liar.reads < 1_000


def test_a_relay_that_withholds_letters_delays_them_and_loses_none() -> None:
    stage, _, first, second = founders()
    kept = stage.relays[RELAY]
    for number in range(5):
        send_letter(first, "second", str(number))
        stage.beat(first)
    empty_relay(stage)
    stage.beat(second, rounds=3)
    assert letters(second, "first") == []
    stage.relays[RELAY] = kept
    stage.beat(second)
    assert letters(second, "first") == ["0", "1", "2", "3", "4"]


def test_letters_from_two_relays_are_read_at_both_when_the_first_was_down() -> None:
    stage, _, first, second = founders((RELAY, SECOND_RELAY))
    for number in range(6):
        stage.down = {(RELAY, SECOND_RELAY)[number % 2]}
        send_letter(first, "second", str(number))
        stage.beat(first)
    stage.down = set()
    stage.beat(first, second, rounds=4)
    assert letters(second, "first") == [str(n) for n in range(6)]


def test_nothing_is_put_where_it_is_not_read() -> None:
    stage, _, first, second = founders((RELAY, SECOND_RELAY, "tercet://third.example:443/cccc"))
    first.do(ev.WriteLetter("second", "x"))
    _, effects = step(first.device, ev.SendNow(), stage.now, first.chance)
    reads = {
        (e.relay, id_of_read(e.read, posted=False))
        for e in step(second.device, ev.SendNow(), stage.now, second.chance)[1]
        if isinstance(e, fx.ReadBox) and e.query.id == relation(second, "first").id
    }
    (put_there,) = [e for e in effects if isinstance(e, fx.PutItem) and e.ref]
    assert len(put_there.places) == 2
    assert set(put_there.places) <= reads


def test_each_relay_of_a_lane_has_a_box_of_its_own_that_opens_nothing_at_the_other() -> None:
    _, _, first, second = founders((RELAY, SECOND_RELAY))
    holder = relation(first, "second")
    boxes = lane(holder.chain, holder.chain.day, "relation", 0).boxes
    known = [secret for box in boxes for secret in (box.id, box.read, box.ack)]
    assert len(boxes) == 2
    assert len(set(known)) == 6


def test_writing_only_queues_and_the_letter_goes_when_it_is_sent() -> None:
    stage, _, first, second = founders()
    _, effects = step(first.device, ev.WriteLetter("second", "x"), stage.now, first.chance)
    assert effects == ()
    first.do(ev.WriteLetter("second", "x"))
    stage.beat(second)
    assert letters(second, "first") == []
    first.do(ev.SendNow())
    stage.beat(second)
    assert letters(second, "first") == ["x"]


def test_a_letter_put_again_is_another_item_in_the_box_of_the_day_and_is_delivered_once() -> None:
    stage, desk, first, second = founders()
    stage.beat(first, second, desk, rounds=3)  # until all that devices say by themselves is said
    unheard: list[fx.PutItem] = []
    drop_effects(
        first, lambda effect: isinstance(effect, fx.PutItem) and bool(effect.ref) and not unheard.append(effect)
    )
    first.do(ev.WriteLetter("second", "x"))
    for _ in range(3):
        stage.beat(first, every=DAY // 2)
    act_on_everything(first)
    assert len(unheard) == 3
    assert len({effect.item for effect in unheard}) == 3
    assert len({effect.ref for effect in unheard}) == 1
    assert len({effect.places for effect in unheard}) == len({(START + n * DAY // 2) // DAY for n in (1, 2, 3)})
    for effect in unheard:
        relay, box = effect.places[0]
        stage.ask(relay, Put(box, effect.item))
    stage.beat(first, second, rounds=4)
    assert letters(second, "first") == ["x"]
    assert relation(first, "second").held == b""


@pytest.mark.parametrize("skew", [2 * DAY, -2 * DAY])
@pytest.mark.parametrize("wrong", ["writer", "reader"])
def test_a_clock_two_days_off_delays_letters_and_loses_none(skew: int, wrong: str) -> None:
    stage, _, first, second = founders()
    (first if wrong == "writer" else second).skew = skew
    for number in range(12):
        send_letter(first, "second", f"there {number}")
        send_letter(second, "first", f"back {number}")
        stage.beat(first, second, every=6 * HOUR)
    first.skew = second.skew = 0
    for _ in range(12):
        stage.beat(first, second, every=6 * HOUR)
    assert letters(second, "first") == [f"there {n}" for n in range(12)]
    assert letters(first, "second") == [f"back {n}" for n in range(12)]


def test_the_owner_of_a_clock_that_is_behind_is_warned_by_letters_and_any_owner_by_a_relay() -> None:
    stage, _, first, second = founders()
    second.skew = -2 * DAY
    days(stage, 3)
    send_letter(first, "second", "x")
    for _ in range(9):
        stage.beat(first, second, every=6 * HOUR)
    assert second.heard("clock_off")
    for skew in (2 * DAY, -2 * DAY):
        first.skew = skew
        first.told.clear()
        first.do(ev.RelayTime(stage.now))
        assert first.heard("clock_off")[-1].facts == {"days": str(-skew // DAY)}
    first.skew = 0
    first.told.clear()
    first.do(ev.RelayTime(stage.now + HOUR))
    assert not first.heard("clock_off")


def test_a_day_is_forgotten_after_its_late_days_and_only_once_confirmed() -> None:
    stage, _, first, second = founders()
    began = relation(second, "first").chain.day
    days(stage, LATE_DAYS + 3)
    stage.beat(second, rounds=9)
    assert relation(second, "first").chain.day == began
    stage.beat(first)
    stage.beat(second, rounds=9)
    assert relation(second, "first").chain.day == day_of(stage.now) - LATE_DAYS
    with pytest.raises(ValueError, match="forgotten"):
        relation(second, "first").chain.root_on(began)


def test_a_clock_that_jumped_ahead_forgets_nothing() -> None:
    stage, _, first, second = founders()
    began = relation(second, "first").chain.day
    second.skew = 30 * DAY
    stage.beat(second, rounds=20)
    assert relation(second, "first").chain.day == began


def test_a_box_is_read_to_its_end_at_both_relays_before_its_day_is_forgotten() -> None:
    stage, _, first, second = founders((RELAY, SECOND_RELAY))
    stage.down = {RELAY}
    send_letter(first, "second", "while the first relay was down")
    day = day_of(stage.now)
    stage.down = {SECOND_RELAY}
    days(stage, LATE_DAYS + 3)
    stage.beat(first, second, rounds=9)
    assert relation(second, "first").chain.day <= day


def test_roots_go_after_forty_days_though_a_relay_never_came_back() -> None:
    stage, _, first, second = founders((RELAY, SECOND_RELAY))
    stage.down = {SECOND_RELAY}
    for _ in range(25):
        stage.beat(first, second, every=2 * DAY)
    assert relation(second, "first").chain.day >= day_of(stage.now) - 43


def test_what_a_neighbour_makes_us_keep_is_bounded_and_what_does_not_fit_waits_at_the_relay() -> None:
    stage, _, first, second = founders()
    text = "x" * LETTER_TEXT
    for _ in range(40):
        try:
            send_letter(first, "second", text)
        except Refusal as refusal:
            assert refusal.code == "too_much_waiting"
        stage.beat(first, second, every=HOUR)
    held = sum(len(t) for t in letters(second, "first"))
    assert NOTES_BYTES - len(text) <= held <= NOTES_BYTES
    assert channel(first, "second").waiting
    second.do(ev.NotesSeen())
    days(stage, 1.1)
    stage.beat(first, second, rounds=3)
    assert len(letters(second, "first")) > 3


def test_a_hundred_unread_letters_are_kept_and_the_rest_come_once_they_are_read() -> None:
    stage, _, first, second = founders()
    for number in range(UNREAD_KEPT + 5):
        send_letter(first, "second", str(number))
        stage.beat(first, second)
    assert len(letters(second, "first")) == UNREAD_KEPT
    second.do(ev.NotesSeen())
    stage.beat(first, second, rounds=12)
    assert letters(second, "first")[UNREAD_KEPT:] == [str(n) for n in range(UNREAD_KEPT, UNREAD_KEPT + 5)]


def test_a_letter_vanishes_a_day_after_it_was_read_and_not_before() -> None:
    stage, _, first, second = founders()
    send_letter(first, "second", "x")
    stage.beat(second)
    stage.beat(second, rounds=3, every=DAY)
    assert letters(second, "first") == ["x"]
    second.do(ev.NotesSeen())
    stage.beat(second, every=DAY)
    assert letters(second, "first") == ["x"]
    stage.beat(second, every=60)
    assert letters(second, "first") == []


def test_too_many_letters_to_an_absent_neighbour_are_refused_and_the_state_stays_small() -> None:
    stage, _, first, _ = founders()
    with pytest.raises(Refusal, match="too_much_waiting"):
        for _ in range(WAITING_LETTERS + 1):
            send_letter(first, "second", "x" * LETTER_TEXT)
    assert len(save(first.device)) < 150_000


@pytest.mark.parametrize("text", ["", " \n", "x" * (LETTER_TEXT + 1), "م" * (LETTER_TEXT // 2 + 1), "\ud800"])
def test_a_letter_that_is_empty_too_long_or_no_text_is_refused(text: str) -> None:
    _, _, first, _ = founders()
    before = first.device
    with pytest.raises(Refusal) as caught:
        send_letter(first, "second", text)
    assert caught.value.code in ("bad_reply", "letter_long")
    assert first.device == before


def test_the_longest_letter_fits_a_frame_whatever_its_numbers_are() -> None:
    ours, theirs = pair()
    chain = msgspec.structs.replace(ours.chain, day=2_932_896)
    far = msgspec.structs.replace(ours.channel, sent=2**53 - 3, received=2**53 - 1)
    ours, frame = sealed(msgspec.structs.replace(ours, chain=chain, channel=far), b"x" * LETTER_TEXT, 253_402_300_799)
    assert len(frame) == FRAME


def test_a_letter_to_nobody_we_met_is_refused() -> None:
    _, _, first, _ = founders()
    with pytest.raises(Refusal, match="unknown_neighbour"):
        send_letter(first, "stranger", "x")


# ---- a vault that went back one step


def went_back(actor: Actor, lost: str, to: str) -> None:
    """A letter was sealed, saved and sent, and then the vault opened as it was before."""
    before = actor.device
    send_letter(actor, to, lost)
    actor.device = before
    actor.do(ev.WentBack())


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_vault_that_went_back_uses_no_message_key_again_and_the_reader_opens_both_letters(turns: int) -> None:
    stage, _, first, second = founders()
    actors = (first, second)
    for turn in range(turns):
        actors[turn % 2].do(ev.WriteLetter(actors[1 - turn % 2].name, f"turn {turn}"))
        stage.beat(first, second, rounds=2)
    went_back(first, "lost", "second")
    send_letter(first, "second", "after")
    stage.beat(first, second, rounds=6, every=7 * HOUR)
    assert letters(second, "first")[-2:] == ["lost", "after"]
    send_letter(second, "first", "both came")
    stage.beat(first, second, rounds=3)
    assert letters(first, "second")[-1] == "both came"


def test_the_lost_and_the_restored_step_seal_under_different_keys() -> None:
    ours, theirs = pair()
    lost, lost_frame = sealed(ours, b"same words")
    restored, frame = sealed(skip_keys(ours, 4), b"same words")
    key = lane(ours.chain, day_of(START), "relation", ours.side).key
    messages = [open_sealed(key, f)[1:] for f in (lost_frame, frame)]
    after_lost, first = olm_decrypt(theirs.session, messages[0])
    after_both, second = olm_decrypt(after_lost, messages[1])
    assert first != second
    with pytest.raises(CannotOpen):
        olm_decrypt(after_both, messages[1])
    assert olm_decrypt(olm_decrypt(theirs.session, messages[1])[0], messages[0])[1] == first


def test_without_passing_over_keys_the_reader_would_lose_the_second_letter() -> None:
    ours, theirs = pair()
    _, lost = sealed(ours, b"lost")
    _, again = sealed(ours, b"again")
    theirs, _ = open_letter(theirs, day_of(START), lost)
    with pytest.raises(CannotOpen):
        open_letter(theirs, day_of(START), again)


def test_the_next_ratchet_key_is_drawn_when_a_letter_is_opened_not_when_the_answer_is_sealed() -> None:
    ours, theirs = pair()
    ours, frame = sealed(ours)
    opened, _ = open_letter(theirs, day_of(START), frame)
    keys = {olm_encrypt(opened.session, b"")[1][:36] for _ in range(3)}
    assert len(keys) == 1
    assert settle(opened.session, opened.session) == opened.session


def test_letters_read_in_a_lost_step_come_again_or_are_passed_over_and_the_rest_goes_on() -> None:
    stage, _, first, second = founders()
    send_letter(first, "second", "one")
    before = second.device
    stage.beat(second, first, rounds=2)
    assert not channel(first, "second").waiting
    second.device = before
    second.do(ev.WentBack())
    send_letter(first, "second", "two")
    stage.beat(second, first, rounds=3)
    assert letters(second, "first")[-1] == "two"


def test_a_crash_after_saving_puts_the_same_letter_again_and_seals_it_no_second_time() -> None:
    stage, _, first, second = founders()
    first.do(ev.WriteLetter("second", "x"))
    crash_after_saving(first, ev.SendNow())
    before = relation(first, "second")
    assert before.held
    stage.beat(first)
    after = relation(first, "second")
    assert (after.session, after.held) == (before.session, b"")
    stage.beat(second)
    assert letters(second, "first") == ["x"]


def test_letters_that_find_no_room_are_looked_at_once_a_beat() -> None:
    stage, _, first, second = founders()
    for number in range(UNREAD_KEPT + 20):
        send_letter(first, "second", str(number))
        stage.beat(first, second)
    assert len(letters(second, "first")) == UNREAD_KEPT
    stage.beat(first, rounds=3, every=2 * DAY)
    stage.beat(second)
    stage.asked.clear()
    stage.beat(second)
    reads = [op for op in stage.asked if isinstance(op, Read)]
    assert 0 < len(reads) < 30
