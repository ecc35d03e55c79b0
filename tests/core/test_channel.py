"""Numbered letters one way, cumulative acknowledgement the other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.core import channel as letters
from tercet.core.channel import (
    AWAY_AFTER,
    EARLY_BYTES,
    RESEAL_AFTER,
    WINDOW,
    Channel,
    Letter,
    accept,
    due,
    stamp,
    write,
)
from tercet.core.days import DAY
from tercet.core.errors import Refusal

OLM_GAP = 2_000  # messages that may be lost in a row and the next still opens
NOW = 1_790_000_000


def wrote(*texts: bytes) -> Channel:
    channel = Channel()
    for text in texts:
        channel = write(channel, 1, text)
    return channel


def letter(number: int, body: bytes = b"x", ack: int = 0, first: int = 1, written: int = NOW) -> Letter:
    return Letter(1, number, ack, first, written, 1, body)


def test_letters_are_numbered_from_one_without_gaps() -> None:
    assert [w.number for w in wrote(b"a", b"b", b"c").waiting] == [1, 2, 3]


def test_a_letter_stays_until_it_is_acknowledged_however_often_it_was_sealed() -> None:
    channel = wrote(b"a")
    for days in range(5):
        channel, _ = stamp(channel, channel.waiting[0], NOW + days * DAY)
    assert [w.body for w in channel.waiting] == [b"a"]
    channel, _ = accept(channel, letter(0, ack=1), NOW)
    assert channel.waiting == ()


def test_one_acknowledgement_covers_every_letter_up_to_its_number() -> None:
    channel = wrote(b"a", b"b", b"c", b"d")
    for waiting in channel.waiting:
        channel, _ = stamp(channel, waiting, NOW)
    channel, _ = accept(channel, letter(0, ack=3), NOW)
    assert [w.body for w in channel.waiting] == [b"d"]


def test_an_acknowledgement_of_a_letter_that_never_left_is_not_believed() -> None:
    channel, _ = accept(wrote(b"a"), letter(0, ack=9), NOW)
    assert [w.body for w in channel.waiting] == [b"a"]


def test_no_letter_is_delivered_twice() -> None:
    channel, delivered = accept(Channel(), letter(1), NOW)
    assert len(delivered) == 1
    assert accept(channel, letter(1), NOW)[1] == ()


def test_a_letter_that_came_early_waits_for_the_one_before_it() -> None:
    channel, delivered = accept(Channel(), letter(2, b"second"), NOW)
    assert delivered == ()
    channel, delivered = accept(channel, letter(1, b"first"), NOW)
    assert [d.body for d in delivered] == [b"first", b"second"]
    assert channel.early == ()


def test_early_letters_take_a_bounded_number_of_bytes_and_the_nearest_are_kept() -> None:
    channel = Channel()
    for number in range(WINDOW, 1, -1):
        channel, _ = accept(channel, letter(number, bytes(3_000)), NOW)
    assert sum(len(e.body) for e in channel.early) <= EARLY_BYTES
    assert [e.number for e in channel.early] == [2, 3]


@pytest.mark.parametrize("number", [WINDOW + 1, 2**53 - 1])
def test_a_letter_from_far_ahead_changes_nothing_but_that_an_answer_is_owed(number: int) -> None:
    channel, delivered = accept(Channel(), letter(number), NOW)
    assert (channel.received, channel.early, delivered) == (0, (), ())
    assert channel.owes


def test_letters_that_the_writer_keeps_no_more_are_waited_for_no_more() -> None:
    channel, _ = accept(Channel(), letter(2, b"early"), NOW)
    channel, delivered = accept(channel, letter(5, b"five", first=5), NOW)
    assert [d.body for d in delivered] == [b"early", b"five"]
    assert channel.received == 5


def test_an_empty_letter_names_the_next_number_so_that_a_gap_left_by_a_lost_step_closes() -> None:
    ours = letters.skip_numbers(Channel(), 16)
    _, empty = stamp(ours, None, NOW)
    channel, delivered = accept(Channel(), empty, NOW)
    assert (channel.received, delivered, empty.first) == (16, (), 17)


def test_a_year_without_answer_uses_fewer_message_keys_than_olm_bridges() -> None:
    channel, count = wrote(*[b"x"] * 100), 0
    for beat in range(365 * 24):
        now = NOW + beat * 3_600
        waiting = due(channel, now)
        if waiting is not None:
            channel, _ = stamp(channel, waiting, now)
            count += 1
    assert count < 1_000


def test_not_more_letters_are_under_way_than_olm_keeps_keys_for() -> None:
    channel = wrote(*[b"x"] * 60)
    sealed = []
    while (waiting := due(channel, NOW)) is not None:
        channel, _ = stamp(channel, waiting, NOW)
        sealed.append(waiting.number)
    assert sealed == list(range(1, WINDOW + 1))
    assert WINDOW <= 40


def test_a_clock_set_back_seals_afresh_and_does_not_wait_for_the_lost_time() -> None:
    channel, _ = stamp(wrote(b"a"), wrote(b"a").waiting[0], NOW + 30 * DAY)
    assert due(channel, NOW) is not None


def test_the_owner_is_refused_when_too_much_waits() -> None:
    many, big = wrote(*[b"x"] * letters.WAITING_LETTERS), wrote(*[bytes(3_900)] * 12)
    for channel in (many, big):
        with pytest.raises(Refusal) as caught:
            letters.check_room(channel, bytes(3_900))
        assert caught.value.code == "too_much_waiting"
    letters.check_room(wrote(b"x"), bytes(3_900))


def test_a_replayed_letter_does_not_make_a_silent_neighbour_look_alive() -> None:
    old = letter(0, written=NOW)
    channel, _ = accept(Channel(), old, NOW + 10)
    again, _ = accept(channel, old, NOW + 5 * DAY)
    assert again.heard == channel.heard == NOW


def test_a_writer_whose_clock_is_ahead_is_heard_now_and_not_in_the_future() -> None:
    assert accept(Channel(), letter(0, written=NOW + 90 * DAY), NOW)[0].heard == NOW


@pytest.mark.parametrize(("silence", "afresh"), [(AWAY_AFTER - 1, False), (AWAY_AFTER, True)])
def test_who_is_heard_again_after_two_days_gets_everything_that_waits_afresh(silence: int, afresh: bool) -> None:
    channel, _ = accept(wrote(b"a", b"b"), letter(0, written=NOW), NOW)
    back = NOW + silence
    for waiting in channel.waiting:
        channel, _ = stamp(channel, waiting, back)
    channel, _ = accept(channel, letter(0, written=back), back)
    said = []
    while (waiting := due(channel, back)) is not None:
        channel, out = stamp(channel, waiting, back)
        said.append(out.number)
    assert said == ([1, 2] if afresh else [])


def test_who_is_heard_again_after_two_days_gets_everything_as_if_it_had_been_said_once() -> None:
    channel = wrote(b"a")
    for day in (0, 1, 2, 3, 5, 9, 17):
        channel, _ = stamp(channel, channel.waiting[0], NOW + day * DAY)
    back = NOW + 20 * DAY
    channel, _ = accept(channel, letter(0, written=back), back)
    sealed_on = []
    for day in range(9):
        if (waiting := due(channel, back + day * DAY)) is not None:
            channel, _ = stamp(channel, waiting, back + day * DAY)
            sealed_on.append(day)
    assert sealed_on == [0, 1, 2, 4, 8]


def keys_used_in_a_year() -> int:
    """Message keys spent on 32 letters while one empty letter of the other comes through every two days."""
    channel, used = wrote(*[b"a"] * letters.WINDOW), 0
    for day in range(365):
        if day % 2 == 0:
            channel, _ = accept(channel, letter(0, written=NOW + day * DAY), NOW + day * DAY)
        while (waiting := due(channel, NOW + day * DAY)) is not None:
            channel, _ = stamp(channel, waiting, NOW + day * DAY)
            used += 1
    return used


def test_a_relay_that_has_the_other_come_back_every_two_days_spends_fewer_keys_in_a_year_than_olm_bridges() -> None:
    assert keys_used_in_a_year() < OLM_GAP


def test_letters_that_are_sealed_as_if_anew_without_end_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "AWAY_MOST", 1_000)
    assert keys_used_in_a_year() > OLM_GAP


def test_letters_that_were_due_keep_their_order_when_the_other_comes_back() -> None:
    channel = wrote(b"a", b"b", b"c")
    for day, place in enumerate((1, 0, 2)):
        channel, _ = stamp(channel, channel.waiting[place], NOW + day * DAY)
    back, said = NOW + 3 * DAY, []
    channel, _ = accept(channel, letter(0, written=back), back)
    while (waiting := due(channel, back)) is not None:
        channel, out = stamp(channel, waiting, back)
        said.append(out.number)
    assert said == [2, 1, 3]


def test_a_replay_after_two_days_seals_nothing_afresh() -> None:
    channel, _ = accept(wrote(b"a"), letter(0, written=NOW), NOW)
    channel, _ = stamp(channel, channel.waiting[0], NOW)
    again, _ = accept(channel, letter(0, written=NOW), NOW + 5 * DAY)
    assert [w.sealed for w in again.waiting] == [NOW]


def test_an_answer_carries_the_letter_said_longest_ago_and_the_oldest_of_those() -> None:
    channel, said = wrote(b"a", b"b", b"c"), []
    for turn in range(7):
        channel, out = stamp(channel, letters.stalest(channel, NOW + turn), NOW + turn)
        said.append(out.number)
    assert said == [1, 2, 3, 1, 2, 3, 1]
    assert letters.stalest(Channel(), NOW) is None


@pytest.mark.parametrize("back", [0, 365 * DAY])
def test_a_letter_lost_again_and_again_holds_up_a_new_one_for_one_turn_only_whatever_the_clock_did(back: int) -> None:
    channel, said = wrote(b"a"), []
    for turn in range(40):
        channel, _ = stamp(channel, letters.stalest(channel, NOW + turn), NOW + turn)
    channel = write(channel, 1, b"b")
    for turn in range(50, 54):
        channel, out = stamp(channel, letters.stalest(channel, NOW - back + turn), NOW - back + turn)
        said.append(out.number)
    assert sorted(said[:2]) == [1, 2]
    assert said[2:] == said[:2]


def test_what_was_never_said_is_known_until_all_under_way_was() -> None:
    channel = wrote(*[b"x"] * (WINDOW + 1))
    for waiting in channel.waiting[:WINDOW]:
        assert letters.unsaid(channel)
        channel, _ = stamp(channel, waiting, NOW)
    assert not letters.unsaid(channel)


def test_a_letter_without_room_is_only_heard() -> None:
    channel = wrote(b"a")
    channel, _ = stamp(channel, channel.waiting[0], NOW)
    after = letters.hear(channel, letter(3, ack=1, first=3), NOW)
    assert (after.received, after.early, after.waiting, after.owes) == (0, (), (), False)


@given(st.integers(0, 2**32), st.integers(1, 45), st.floats(0, 0.7), st.floats(0, 0.5))
def test_letters_arrive_once_and_in_order_under_any_loss_doubling_and_reordering(
    seed: int, count: int, loss: float, doubling: float
) -> None:
    chance = random.Random(seed)
    ours, theirs = wrote(*[n.to_bytes(2, "big") for n in range(count)]), Channel()
    line: list[tuple[int, Letter]] = []
    got: list[bytes] = []
    now = NOW

    def travel(side: int, out: Letter) -> None:
        for _ in range(1 + (chance.random() < doubling)):
            if chance.random() >= loss:
                line.append((side, out))

    for turn in range(4_000):
        if not ours.waiting:
            break
        now += DAY // 4
        if turn > 400:
            loss = 0.0
        while (waiting := due(ours, now)) is not None:
            ours, out = stamp(ours, waiting, now)
            travel(1, out)
        if theirs.owes:
            theirs, out = stamp(theirs, None, now)
            travel(0, out)
        chance.shuffle(line)
        keep = chance.randrange(3)
        arriving, line = line[keep:], line[:keep]
        for side, out in arriving:
            if side == 0:
                ours, _ = accept(ours, out, now)
            else:
                theirs, delivered = accept(theirs, out, now)
                got += [d.body for d in delivered]
    assert got == [n.to_bytes(2, "big") for n in range(count)]
    assert ours.waiting == ()


@pytest.mark.parametrize("days_between", [1, 2, 3])
def test_on_a_device_that_puts_seldom_the_letters_take_turns_and_none_waits_for_the_first(days_between: int) -> None:
    channel, said = wrote(b"a", b"b", b"c"), []
    for turn in range(6):
        now = NOW + turn * days_between * DAY
        channel, _ = accept(channel, letter(0, written=now), now)
        waiting = due(channel, now)
        assert waiting is not None
        channel, _ = stamp(channel, waiting, now)
        said.append(waiting.number)
    assert said == [1, 2, 3, 1, 2, 3]


def test_while_the_other_is_heard_a_letter_is_sealed_daily_for_two_weeks() -> None:
    channel, sealed_on = wrote(b"a"), []
    for day in range(40):
        now = NOW + day * DAY
        channel, _ = accept(channel, letter(0, written=now), now)
        if (waiting := due(channel, now)) is not None:
            channel, _ = stamp(channel, waiting, now)
            sealed_on.append(day)
    assert sealed_on == [*range(15), 16, 20, 28]


def test_a_letter_nobody_acknowledges_is_sealed_on_four_days_then_ever_more_seldom() -> None:
    channel, sealed_on = wrote(b"a"), []
    for day in range(66):
        if (waiting := due(channel, NOW + day * RESEAL_AFTER)) is not None:
            channel, _ = stamp(channel, waiting, NOW + day * RESEAL_AFTER)
            sealed_on.append(day)
    assert RESEAL_AFTER == DAY
    assert sealed_on == [0, 1, 2, 3, 5, 9, 17, 33, 49, 65]
