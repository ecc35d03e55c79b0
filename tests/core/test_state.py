"""The state: bytes and back, and nothing else remembered."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.core import events as ev
from tercet.core.chain import LANE_RELAYS
from tercet.core.fields import Malformed
from tercet.core.state import AHEAD_MOST, ARRIVING_MOST, OWNER_MOST, Device, kept_blocks, load, save

from .scenes import SECOND_RELAY, THIRD_RELAY, founders, report
from .stage import RELAY


def test_empty_bytes_are_a_new_device() -> None:
    assert load(b"") == Device()


def test_a_device_comes_back_from_its_bytes_as_it_was() -> None:
    stage, desk, first, second = founders()
    stage.down = {RELAY}
    report(first, "x", first.give("f", b"film"))
    first.do(ev.WriteLetter("second", "x"))
    desk.do(ev.SendNow())
    for actor in (desk, first, second):
        assert load(save(actor.device)) == actor.device


@pytest.mark.parametrize("data", [b"x", b"\x91\x01", b"\x91\x03", b"\xc1", b"\x9d" + b"\xc0" * 13, b"\x91" * 5_000])
def test_bytes_that_are_no_state_of_this_version_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        load(data)


def test_bytes_behind_the_end_are_malformed() -> None:
    with pytest.raises(Malformed):
        load(save(Device()) + b"\0")


@given(st.binary(max_size=200))
def test_no_bytes_make_loading_fail_in_another_way(data: bytes) -> None:
    try:
        load(data)
    except Malformed:
        return


def test_only_the_block_under_way_of_each_file_is_kept() -> None:
    stage, _, first, _ = founders()
    stage.down = {RELAY}
    report(first, "x", first.give("f", bytes(600_000)))
    assert kept_blocks(first.device) == frozenset(first.blocks)
    assert len(first.blocks) == 1


def test_a_lane_lies_on_two_relays_and_the_second_stands_in_for_the_first() -> None:
    _, _, first, _ = founders((RELAY, SECOND_RELAY, THIRD_RELAY))
    orders = {first.device.order(turn) for turn in range(9)}
    assert orders == {(RELAY, SECOND_RELAY), (SECOND_RELAY, THIRD_RELAY), (THIRD_RELAY, RELAY)}
    assert LANE_RELAYS == 2


def test_the_limits_leave_room_for_an_outbox_the_marks_of_a_lock_and_one_more_event_in_a_mebibyte() -> None:
    assert OWNER_MOST < ARRIVING_MOST < 1_044_480 - 32 * 4_400 - AHEAD_MOST - 60_000


def test_a_members_state_after_an_ordinary_week_is_small() -> None:
    stage, desk, first, second = founders()
    for day in range(7):
        report(first, f"day {day}")
        first.do(ev.WriteLetter("second", f"day {day}"))
        stage.beat(desk, first, second, rounds=3, every=28_800)
    assert len(save(first.device)) < 40_000
    assert msgspec.msgpack.decode(save(first.device))[0] == 2
