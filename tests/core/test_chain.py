"""Day chains and what comes from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.core.chain import FARTHEST, LANE_RELAYS, DayChain, lane, lane_of, relay_order
from tercet.core.days import DAY, day_of, last_day_of, week_of
from tercet.core.errors import Refusal
from tercet.sealing import box, derive, next_day

CHAIN = DayChain(20_000, bytes(range(32)))


def test_the_root_of_a_day_is_made_from_the_day_before() -> None:
    assert CHAIN.root_on(20_000) == CHAIN.root
    assert CHAIN.root_on(20_003) == next_day(next_day(next_day(CHAIN.root)))


def test_a_forgotten_day_cannot_be_had_again() -> None:
    later = CHAIN.since(20_005)
    assert later.day == 20_005
    assert later.root_on(20_009) == CHAIN.root_on(20_009)
    with pytest.raises(ValueError, match="forgotten"):
        later.root_on(20_004)
    assert later.since(20_001) is later


def test_a_day_more_than_400_ahead_is_refused() -> None:
    assert FARTHEST == 400
    CHAIN.root_on(20_400)
    with pytest.raises(Refusal) as refusal:
        CHAIN.root_on(20_401)
    assert refusal.value.code == "clock_far"


def test_lanes_differ_by_day_purpose_and_direction() -> None:
    lanes = [
        lane(CHAIN, day, purpose, direction)
        for day in (20_000, 20_001)
        for purpose in ("relation", "return", "intake", "alarm")
        for direction in (0, 1, 63)
    ]
    boxes = [box for each in lanes for box in each.boxes]
    assert len({box.id for box in boxes}) == len(boxes) == LANE_RELAYS * len(lanes)
    assert len({each.key for each in lanes}) == len(lanes)


def test_a_lane_comes_from_the_root_of_its_day_as_the_spec_says() -> None:
    root, where = CHAIN.root_on(20_001), b"\0\1"
    found = lane(CHAIN, 20_001, "relation", 1)
    assert found.boxes == tuple(box(derive(root, "relation box", where, place)) for place in (b"\0", b"\1"))
    assert found.key == derive(root, "relation key", where)
    assert found.turn == int.from_bytes(derive(root, "relation relay", where, length=4), "big")
    assert lane_of(root, "relation", 1) == found


def test_a_lane_lies_on_two_relays_in_turn_and_never_twice_on_one() -> None:
    relays = ("a", "b", "c")
    assert [relay_order(relays, turn) for turn in (2, 3, 4)] == [("c", "a"), ("a", "b"), ("b", "c")]
    assert relay_order(("a",), 4) == ("a",)
    assert relay_order((), 4) == ()


@given(st.integers(0, 2_932_896))
def test_weeks_begin_on_monday_and_end_on_sunday(day: int) -> None:
    week = week_of(day)
    assert last_day_of(week) - 6 <= day <= last_day_of(week)
    assert week_of(last_day_of(week)) == week
    assert week_of(last_day_of(week) + 1) == week + 1


def test_the_first_monday_of_the_calendar_begins_week_1() -> None:
    assert (week_of(3), week_of(4), last_day_of(0)) == (0, 1, 3)
    assert day_of(4 * DAY) == 4
    assert day_of(4 * DAY - 1) == 3
