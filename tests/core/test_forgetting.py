"""A relation's days: which boxes are looked into, and when a day's root is erased for good."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import relation as relations
from tercet.core.cell import Role
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.days import DAY, KEPT_DAYS, LATE_DAYS
from tercet.core.relation import Relation

from .stage import Stage

NOW = 1_790_000_000
TODAY = NOW // DAY
RELAYS = ("one", "two")


def fresh(day: int = TODAY) -> Relation:
    return Relation(bytes(16), "a", Role.PARTNER, DayChain(day, bytes(32)), 0, Channel(), b"")


def test_a_day_is_forgotten_when_all_its_relays_were_found_empty_after_its_late_days() -> None:
    holder = fresh()
    late = TODAY + LATE_DAYS + 1
    one = relations.forget_drained(holder, TODAY, "one", RELAYS, late)
    assert one.chain.day == TODAY
    both = relations.forget_drained(one, TODAY, "two", RELAYS, late)
    assert both.chain.day == TODAY + 1
    assert both.drained == ()


@pytest.mark.parametrize("confirmed", [0, TODAY, TODAY + LATE_DAYS])
def test_a_day_is_not_forgotten_before_its_late_days_are_confirmed(confirmed: int) -> None:
    holder = fresh()
    for relay in RELAYS:
        holder = relations.forget_drained(holder, TODAY, relay, RELAYS, confirmed)
    assert holder == fresh()


def test_only_the_oldest_day_is_forgotten_when_drained() -> None:
    holder = relations.forget_drained(fresh(), TODAY + 1, "one", ("one",), TODAY + 30)
    assert holder.chain.day == TODAY


def test_days_of_which_no_relay_keeps_anything_are_forgotten_unread() -> None:
    assert relations.forget_old(fresh(), TODAY + KEPT_DAYS).chain.day == TODAY
    assert relations.forget_old(fresh(), TODAY + KEPT_DAYS + 3).chain.day == TODAY + 3


def test_a_forgotten_root_cannot_be_derived() -> None:
    holder = relations.forget_old(fresh(), TODAY + KEPT_DAYS + 1)
    with pytest.raises(ValueError, match="forgotten"):
        holder.chain.root_on(TODAY)
    assert bytes(32) not in msgspec.msgpack.encode(holder)


def test_boxes_of_yesterday_today_and_tomorrow_are_read_and_the_late_ones_now_and_then() -> None:
    holder = fresh(TODAY - 8)
    assert relations.days_to_read(holder, NOW, late=False) == (TODAY - 1, TODAY, TODAY + 1)
    assert relations.days_to_read(holder, NOW, late=True) == tuple(range(TODAY - 8, TODAY + 2))


def test_a_reader_who_was_away_reads_the_oldest_box_first_and_not_only_now_and_then() -> None:
    days = relations.days_to_read(fresh(TODAY - 20), NOW, late=False)
    assert days == tuple(range(TODAY - 20, TODAY + 2))


def test_the_number_of_boxes_to_read_is_bounded_whatever_the_clock_says() -> None:
    for days in (-3_000, -2, 0, 2, 399, 3_000):
        assert len(relations.days_to_read(fresh(), NOW + days * DAY, late=True)) <= KEPT_DAYS + 2


def test_a_clock_that_went_back_keeps_no_older_root_of_the_network() -> None:
    """What the confirmed day lets go is gone, whatever the clock says since: a seizure would else open a day more."""
    stage = Stage()
    desk, amal = stage.desk(), stage.actor("amal")
    stage.beat(desk, rounds=2)
    stage.meet(desk, amal, Role.DESK)
    for _ in range(3):
        stage.beat(desk, amal, rounds=4, every=DAY // 4)
    confirmed = amal.device.confirmed
    card = amal.device.card
    assert card is not None
    amal.device = msgspec.structs.replace(
        amal.device, card=msgspec.structs.replace(card, chain=DayChain(confirmed - 2, bytes(32)))
    )
    stage.now = confirmed * DAY - DAY // 2
    stage.beat(amal)
    assert amal.device.card is not None
    assert amal.device.card.chain.day == confirmed - 1
