"""The welcome: what a newcomer learns of the board before it can read it."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import posting
from tercet.core.board import BoardView
from tercet.core.chain import DayChain
from tercet.core.days import week_of
from tercet.core.entry import IntakeDay, WeekKey
from tercet.core.fields import decode, encode
from tercet.core.relation import LETTER_TEXT, with_neighbour
from tercet.core.welcome import DAYS_AHEAD, LETTERS_MOST, Welcome, bodies, take

from .screens import met
from .stage import Stage

TODAY = 20_717
WEEK = week_of(TODAY)


def view(shards: int, days: int = 60) -> BoardView:
    keys = tuple(WeekKey(WEEK + i, bytes([i + 1]) * 1216) for i in range(-1, 8))
    intake = tuple(IntakeDay(TODAY - 1 + i, bytes([i]) * (64 * shards + 41)) for i in range(days))
    return BoardView(number=9, keys=keys, intake=intake)


@pytest.mark.parametrize(("shards", "letters", "covered"), [(1, 2, 14), (2, 2, 14), (8, 3, 14), (16, 3, 7), (48, 3, 2)])
def test_keys_come_first_and_then_as_many_days_as_fit(shards: int, letters: int, covered: int) -> None:
    written = bodies(view(shards), TODAY)
    assert all(len(body) <= LETTER_TEXT for body in written)
    said = [decode(body, Welcome) for body in written]
    assert [k.week for one in said for k in one.keys] == [WEEK, WEEK + 1]
    days = [d.day for one in said for d in one.days]
    assert days == list(range(TODAY, TODAY + len(days)))
    assert len(written) <= LETTERS_MOST
    assert (len(written), len(days)) == (letters, covered)


def test_nothing_is_written_when_nothing_is_known() -> None:
    assert bodies(BoardView(), TODAY) == ()


def test_a_newcomer_learns_what_its_inviter_knows() -> None:
    known = view(8)
    after = BoardView()
    for body in bodies(known, TODAY):
        after = take(after, body, TODAY)
    assert after.keys == known.keys[1:3]
    assert after.intake == known.intake[1 : 1 + DAYS_AHEAD]
    assert after.lent
    assert after.number == 0


def test_a_board_that_has_spoken_takes_no_welcome() -> None:
    spoken = BoardView(number=1)
    for body in bodies(view(1), TODAY):
        assert take(spoken, body, TODAY) is spoken


def test_a_welcome_replaces_nothing_that_is_known() -> None:
    held = BoardView(keys=(WeekKey(WEEK, bytes(1216)),), intake=(IntakeDay(TODAY, bytes(105)),))
    after = take(held, bodies(view(1), TODAY)[0], TODAY)
    assert after.keys[0] == held.keys[0]
    assert after.intake[0] == held.intake[0]


def test_days_and_weeks_out_of_reach_are_passed_over() -> None:
    far = Welcome(1, (WeekKey(WEEK + 9, bytes(1216)),), (IntakeDay(TODAY + 60, bytes(105)), IntakeDay(3, bytes(105))))
    after = take(BoardView(), encode(far), TODAY)
    assert (after.keys, after.intake, after.lent) == ((), (), False)


@pytest.mark.parametrize("body", [b"", b"x", encode((1, (), ())) + b"x", encode((2, (), ()))])
def test_what_is_no_welcome_changes_nothing(body: bytes) -> None:
    before = BoardView()
    assert take(before, body, TODAY) is before


def test_a_newcomer_whose_card_has_a_pass_of_a_week_takes_letters_in_by_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its relays' addresses end otherwise than its inviter's, and are the same relays."""
    monkeypatch.setattr(posting, "address_now", lambda turn, address: f"{address}/{'a' * 26}")
    desk, new = met(Stage())
    assert new.actor.device.relays != desk.actor.device.relays
    desk.actor.do(ev.ShowLetter("new"))
    new.scan(desk)
    assert new.actor.device.relations[0].channel.received == 1
    assert new.actor.device.board.keys


def test_only_who_brought_us_in_can_welcome_us() -> None:
    """The same letter from a second neighbour is acknowledged and changes nothing."""
    stage = Stage()
    desk, new = met(stage)
    bodies_written = [w for w in desk.actor.device.relations[0].channel.waiting]
    assert {w.kind for w in bodies_written} == {11}
    other = msgspec.structs.replace(new.actor.device.relations[0], id=b"o" * 16, chain=DayChain(TODAY - 1, bytes(32)))
    asked = msgspec.structs.replace(new.actor.device.relations[0], host=False)
    new.actor.device = msgspec.structs.replace(new.actor.device, relations=(other, asked))
    desk.actor.do(ev.ShowLetter("new"))
    new.scan(desk)
    assert new.actor.device.relations[1].channel.received == 1
    assert new.actor.device.board == BoardView()


def test_who_is_first_after_a_neighbour_was_dropped_does_not_welcome_us() -> None:
    """A burn drops who brought us in; whoever stands first then is no host, and a letter from it changes nothing."""
    stage = Stage()
    desk, new = met(stage)
    host = new.actor.device.relations[0]
    assert host.host
    second = msgspec.structs.replace(host, id=b"o" * 16)
    second = with_neighbour((host,), second)[1]
    assert not second.host
    left = msgspec.structs.replace(new.actor.device, relations=(msgspec.structs.replace(second, id=host.id),))
    new.actor.device = left
    desk.actor.do(ev.ShowLetter("new"))
    new.scan(desk)
    assert new.actor.device.relations[0].channel.received == 1
    assert new.actor.device.board == BoardView()


def test_whoever_brings_us_in_again_when_nobody_is_left_welcomes_us() -> None:
    _, new = met(Stage())
    assert with_neighbour((), new.actor.device.relations[0])[0].host


def test_the_board_s_own_days_drop_the_lent_ones() -> None:
    stage = Stage()
    desk, new = met(stage)
    false = encode(Welcome(1, (), (IntakeDay(TODAY + 2, b"f" * 105),)))
    new.actor.device = msgspec.structs.replace(new.actor.device, board=take(BoardView(), false, TODAY))
    assert new.actor.device.board.intake
    stage.down.clear()
    for _ in range(2):
        desk.actor.do(ev.SendNow())
        new.actor.do(ev.SendNow())
    assert new.actor.device.board.intake == desk.actor.device.board.intake
    assert b"f" * 105 not in {d.sealed for d in new.actor.device.board.intake}
