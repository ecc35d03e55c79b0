"""The board under the root: real cores, a thief with a copy of the desk, and readers who follow the five."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tercet.core import board as boards
from tercet.core import events as ev
from tercet.core import root as roots
from tercet.core import rooting
from tercet.core.board import BoardView
from tercet.core.card import Card
from tercet.core.cell import Role
from tercet.core.chain import DayChain
from tercet.core.days import DAY, day_of, week_of
from tercet.core.entry import RelayList, post_at, relay_table
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.publishing import frame_of
from tercet.core.rooted import open_under, seal_root, turned, under
from tercet.core.turn import Turn
from tercet.drop import Post
from tercet.sealing import CannotOpen
from tests.sealing.cases import cases

from .stage import RELAY, START, Actor, Seeded, Stage
from .test_board import board_frames
from .test_root import after, document, signed

TODAY = day_of(START)
EVIL = "tercet://evil.example:443/eeee"


def data(payload: bytes, by: Any = (0, 2, 4)) -> bytes:
    return encode(signed(payload, by))


def founded(stage: Stage, days: int = 180) -> tuple[Actor, Actor, bytes]:
    """A desk under a root, a founder who has met it and read the board, and the root's payload."""
    desk, amal = stage.desk(), stage.actor("amal")
    stage.down.add(EVIL)
    first = document(board=rooting.offer(desk.device, TODAY, TODAY + days))
    desk.do(ev.TakeRoots((data(first),)))
    desk.do(ev.SendNow())
    stage.meet(desk, amal, Role.DESK)
    stage.beat(desk, amal, rounds=3)
    return desk, amal, first


def rotated(stage: Stage, desk: Actor, held: bytes, keys: tuple[int, ...] = (0, 1, 2, 3, 4)) -> bytes:
    """Three of the five give the desk a fresh board key; returns the root's payload."""
    desk.do(ev.DrawBoardKey())
    today = day_of(stage.now)
    payload = after(held, keys, board=rooting.offer(desk.device, today, today + 180))
    desk.do(ev.TakeRoots((data(payload),)))
    desk.do(ev.SendNow())
    return payload


def thief_of(stage: Stage, desk: Actor) -> Actor:
    """Whoever copied the desk's vault: all its secrets, and its way to the relays."""
    thief = Actor(stage, "thief")
    thief.device, thief.chance = desk.device, Seeded("thief")
    return thief


def works(view: BoardView, day: int = TODAY) -> bool:
    """Whether a report can be sealed today."""
    return view.key_for(day) is not None and view.intake_on(day) is not None and view.relays is not None


def test_a_founder_reads_the_board_under_the_first_root_and_reports() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    assert amal.device.card and amal.device.card.board_key == roots.digest(first)
    assert amal.device.board.root == first
    assert works(amal.device.board)
    assert amal.device.board.number == desk.device.board.number
    assert not amal.device.board.missing and not amal.device.board.forked
    amal.do(ev.WriteReport("I was there.", None, None, ()))
    stage.beat(amal, desk, rounds=3)
    assert [case.content.text for case in desk.reports.values()] == ["I was there."]


def test_readers_follow_a_fresh_key_of_the_board_and_keep_what_they_know() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    before = amal.device.board
    second = rotated(stage, desk, first)
    stage.beat(amal, desk, rounds=3)
    view = amal.device.board
    assert view.root == second
    assert view.number == desk.device.board.number > before.number
    assert view.keys == before.keys and works(view)
    desk.do(ev.ChangeRelays((RELAY, EVIL)))
    stage.beat(desk, amal, rounds=2)
    assert amal.device.relays == (RELAY, EVIL)
    assert not amal.heard("board_two_faces")


def test_a_thief_of_the_desk_signs_until_the_root_turns_and_nothing_afterwards() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    thief = thief_of(stage, desk)
    thief.do(ev.ChangeRelays((RELAY, EVIL)))
    thief.do(ev.SendNow())
    stage.beat(amal)
    assert amal.device.relays == (RELAY, EVIL), "until then the thief is the desk"
    second = rotated(stage, desk, first)
    stage.beat(amal, rounds=3)
    assert amal.device.board.root == second
    assert amal.device.relays == (RELAY,), "what the thief said after the place never was"
    assert works(amal.device.board)
    number = amal.device.board.number
    for _ in range(3):
        thief.do(ev.ChangeRelays((EVIL,)))
        thief.do(ev.SendNow())
        stage.beat(amal, rounds=2)
    assert amal.device.relays == (RELAY,)
    assert amal.device.board.number == number
    assert amal.device.board.forked is False


def test_a_thief_of_the_desk_and_of_two_papers_makes_no_root_that_is_followed() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    thief = thief_of(stage, desk)
    assert thief.device.office and thief.device.card
    board = structs.replace(rooting.offer(thief.device, TODAY, TODAY + 400), public=roots.sign_public(b"t" * 32))
    for by in ((0, 1), (0, 1, 9, 10, 11)):
        theirs = after(first, (0, 1, 9, 10, 11), board=board)
        frame = seal_root(data(theirs, by), thief.device.card.board_secret, stage.now)
        stage.relays[RELAY].apply([Post(post_at(thief.device.office.post, RELAY), frame)], stage.now)
        stage.beat(amal, rounds=2)
        assert amal.device.board.root == first

    with pytest.raises(Refusal):
        desk.do(ev.TakeRoots((data(theirs, (0, 1, 9, 10, 11)),)))


def test_a_newcomer_after_a_theft_follows_the_five_and_not_the_thief() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    thief = thief_of(stage, desk)
    second = rotated(stage, desk, first)
    thief.do(ev.ChangeRelays((EVIL,)))
    thief.do(ev.SendNow())
    stage.beat(amal, rounds=2)
    badr = stage.actor("badr")
    stage.meet(amal, badr, Role.PARTNER)
    stage.beat(amal, badr, rounds=3)
    assert badr.device.board.root == second
    assert badr.device.relays == (RELAY,)
    assert works(badr.device.board)


def test_a_key_that_lapsed_signs_nothing_until_three_renew_it() -> None:
    stage = Stage()
    desk, amal, first = founded(stage, days=3)
    stage.now += 3 * DAY
    stage.beat(desk, amal, rounds=2)
    on_the_last = amal.device.board.number
    stage.now += DAY
    stage.beat(desk, amal, rounds=4)
    assert amal.device.confirmed == TODAY + 4
    desk.do(ev.ChangeRelays((RELAY, EVIL)))
    thief = thief_of(stage, desk)
    stage.beat(desk, amal, rounds=2)
    assert (amal.device.board.number, amal.device.relays) == (on_the_last, (RELAY,))
    stage.now -= 2 * DAY  # a thief dates back; the reader goes by the day that it has confirmed
    thief.do(ev.ChangeRelays((EVIL,)))
    thief.do(ev.SendNow())
    stage.now += 2 * DAY
    stage.beat(amal, rounds=2)
    assert amal.device.relays == (RELAY,)
    renewed = after(first, board=rooting.offer(desk.device, TODAY + 4, TODAY + 100))
    desk.do(ev.TakeRoots((data(renewed),)))
    stage.beat(desk, amal, rounds=3)
    assert amal.device.board.root == renewed
    assert amal.device.relays == (RELAY, EVIL)
    assert works(amal.device.board, TODAY + 4)


def test_single_looks_under_cover_find_the_root_and_what_lay_before_it() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    second = rotated(stage, desk, first)
    items = board_frames(stage)
    amal.device = structs.replace(amal.device, board=BoardView())
    for _ in range(3 * len(items)):
        look(amal, items)
    assert amal.device.board.root == second
    assert amal.device.board.number == desk.device.board.number
    assert works(amal.device.board)


def turns(actor: Actor, item: bytes, root: bytes) -> bool:
    assert actor.device.card
    return turned(actor.device.card, actor.device.board, [item]).root == root


def look(actor: Actor, items: list[bytes]) -> None:
    """One single look at the board's next item."""
    at = actor.device.board.places.get(RELAY, 0)
    query = ev.Query("board", start=at, alone=True)
    actor.do(ev.Arrived(query, tuple(items[at : at + 1]), at + 1 < len(items), RELAY))


def test_a_reader_whom_a_thief_misled_goes_on_behind_the_root_and_reads_what_lay_before_it_last() -> None:
    """Or it would know no keys and no boxes until it had read the whole board anew, one item a look."""
    stage = Stage()
    desk, amal, first = founded(stage)
    for week in range(1, 7):
        stage.now = (TODAY + 7 * week) * DAY
        stage.beat(desk, amal, rounds=3)
    thief = thief_of(stage, desk)
    thief.do(ev.WriteNotice("false", day_of(stage.now) + 3))
    thief.do(ev.SendNow())
    stage.beat(amal)
    second = rotated(stage, desk, first)
    items, looks = board_frames(stage), 0
    place = next(at for at, item in enumerate(items) if turns(amal, item, second))
    while not works(amal.device.board, day_of(stage.now)) or amal.device.board.root != second:
        look(amal, items)
        looks += 1
        assert looks < len(items)
    assert looks <= len(items) - place + 2, "fewer than the board has before the root"
    assert amal.device.board.anew == (RELAY,)
    starts = []
    while amal.device.board.anew or amal.device.board.places[RELAY] < len(items):
        starts.append(amal.device.board.places[RELAY])
        look(amal, items)
        assert len(starts) < 2 * len(items) + 2
    assert set(range(len(items))) <= set(starts), "and then it has looked at every item"
    assert not amal.device.board.forked


def test_who_passed_over_a_root_and_reads_it_where_it_was_put_again_finds_what_lay_between() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    second = rotated(stage, desk, first)
    desk.do(ev.WriteNotice("a mine on the bridge", TODAY + 50))
    stage.beat(desk)
    items = board_frames(stage)
    items.append(next(item for item in items if turns(amal, item, second)))
    passed = structs.replace(amal.device.board, places={RELAY: len(items) - 1})
    amal.device = structs.replace(amal.device, board=passed)
    for _ in range(2 * len(items)):
        look(amal, items)
    view = amal.device.board
    assert (view.root, view.number, view.missing, view.anew) == (second, desk.device.board.number, (), ())
    assert [one.text for one in view.notices] == ["a mine on the bridge"]


def test_when_all_is_read_at_once_nothing_is_left_to_read_anew() -> None:
    stage = Stage()
    _, amal, _ = founded(stage)
    amal.device = structs.replace(amal.device, board=structs.replace(amal.device.board, anew=(RELAY,)))
    amal.do(ev.SendNow())
    stage.beat(amal)
    assert amal.device.board.anew == ()


def test_roots_are_put_on_the_board_again_before_relays_forget_them() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    before = board_frames(stage)
    for _ in range(12):
        stage.now += 7 * DAY
        stage.beat(desk, amal, rounds=2)
    again = [frame for frame in board_frames(stage) if frame not in before and opens_as_root(desk, frame)]
    assert len(again) == 1
    assert amal.device.board.root == first


def opens_as_root(desk: Actor, frame: bytes) -> bool:
    assert desk.device.card
    return turned(desk.device.card, BoardView(), [frame]).root != b""


def test_the_first_root_comes_before_the_first_founder() -> None:
    stage = Stage()
    desk, amal = stage.desk(), stage.actor("amal")
    stage.meet(desk, amal, Role.DESK)
    payload = document(board=rooting.offer(desk.device, TODAY, TODAY + 9))
    with pytest.raises(Refusal) as refusal:
        desk.do(ev.TakeRoots((data(payload),)))
    assert refusal.value.code == "root_late"


def test_no_fresh_key_is_drawn_before_there_is_a_root_and_one_waits_at_a_time() -> None:
    stage = Stage()
    with pytest.raises(Refusal) as refusal:
        stage.desk().do(ev.DrawBoardKey())
    assert refusal.value.code == "root_first"
    desk, _, _ = founded(stage)
    desk.do(ev.DrawBoardKey())
    offered = rooting.offer(desk.device, TODAY, TODAY + 1)
    desk.do(ev.DrawBoardKey())
    assert rooting.offer(desk.device, TODAY, TODAY + 1) == offered


def test_a_network_without_a_root_goes_on_as_before_and_believes_none() -> None:
    stage = Stage()
    desk, amal = stage.desk(), stage.actor("amal")
    stage.meet(desk, amal, Role.DESK)
    payload = document(board=rooting.offer(desk.device, TODAY, TODAY + 9))
    assert desk.device.office and desk.device.card
    frame = seal_root(data(payload), desk.device.card.board_secret, stage.now)
    stage.relays[RELAY].apply([Post(post_at(desk.device.office.post, RELAY), frame)], stage.now)
    stage.beat(desk, amal, rounds=3)
    assert amal.device.board.root == b""
    assert works(amal.device.board)


@pytest.mark.parametrize("case", cases("read", "root"))
def test_a_reader_under_a_root_takes_in_what_the_vectors_say(case: Any) -> None:
    given = case["input"]
    key, secret = bytes.fromhex(given["board_key"]), bytes.fromhex(given["board_secret"])
    card = Card(1, DayChain(TODAY, bytes(32)), secret, key, relay_table(bytes(32), (RELAY,)), 1)
    view = BoardView()
    for batch in given["batches"]:
        frames = [bytes.fromhex(each) for each in batch]
        view = turned(card, view, frames)
        for frame in frames:
            try:
                view = boards.apply_entry(view, *open_under(card, view, frame, given["confirmed"]), given["now"])
            except CannotOpen:
                continue
    held = roots.digest(view.root).hex() if view.root else None
    assert case["expected"] == {"number": view.number, "root": held, "head": view.head.hex()}


def board_at(number: int, mark: bytes, seed: bytes) -> roots.BoardKey:
    return roots.BoardKey(roots.sign_public(seed), TODAY, TODAY + 9, number, mark)


def test_only_who_stood_at_the_place_exactly_keeps_week_keys_and_intake_boxes() -> None:
    stage = Stage()
    _, amal, first = founded(stage)
    view = structs.replace(amal.device.board, relays=RelayList(amal.device.table, 2), listed=1)
    at, here = view.number, view.head
    second = after(first, board=board_at(at, here, b"n" * 32))
    assert works(under(view, second))
    for other in (
        structs.replace(view, missing=(3,)),
        structs.replace(view, number=at - 1, marks=view.marks[:-1]),
        structs.replace(view, number=at + 1, marks=(*view.marks, b"\1" * 32)),
    ):
        turned_view = under(other, second)
        assert (turned_view.keys, turned_view.intake, turned_view.relays) == ((), (), view.relays)
        assert (turned_view.number, turned_view.head, turned_view.missing) == (at, here, ())


def test_a_board_that_another_mark_at_the_place_shows_to_be_a_thief_s_is_dropped_whole() -> None:
    stage = Stage()
    _, amal, first = founded(stage)
    view = structs.replace(amal.device.board, forked=True)
    second = after(first, board=board_at(view.number, b"\2" * 32, b"n" * 32))
    gone = under(view, second)
    assert (gone.keys, gone.intake, gone.relays, gone.listed, gone.forked) == ((), (), None, 0, False)


@pytest.mark.parametrize("same", [True, False])
def test_the_first_pair_of_a_weeks_token_keys_is_remembered_across_a_root(same: bool) -> None:
    """Or a new root would be the way to give each member a pair of its own."""
    stage = Stage()
    stage.mints = True
    desk, amal, first = founded(stage)
    board, week = amal.device.board, week_of(TODAY)
    ours = board.token_keys(week)
    assert ours is not None
    assert board.pairs[week] == ours.mark
    before = board.pairs if same else board.pairs | {week: b"o" * 32}
    amal.device = structs.replace(amal.device, board=structs.replace(board, tokens=(), pairs=before))
    rotated(stage, desk, first)
    stage.beat(amal, rounds=3)
    view = amal.device.board
    assert view.token_keys(week) == ours
    assert view.torn == (() if same else (week,))
    assert view.doubtful(week) is not same
    assert not view.doubtful(week + 1)
    assert len(amal.heard("board_two_faces")) == (0 if same else 1)


def test_after_a_next_root_the_board_is_read_from_its_beginning() -> None:
    stage = Stage()
    desk, amal, _ = founded(stage)
    assert desk.device.card
    assert under(amal.device.board, amal.device.board.root).places == {}
    frame = next(frame for frame in board_frames(stage) if opens_as_root(desk, frame))
    amal.device = structs.replace(amal.device, board=BoardView())
    amal.do(ev.Arrived(ev.Query("board", start=3), (frame,), False, RELAY))
    assert amal.device.board.number == desk.device.board.number
    assert not amal.device.board.missing


def test_a_gap_found_while_reading_on_does_not_begin_the_reading_again() -> None:
    stage = Stage()
    desk, amal, _ = founded(stage)
    number = amal.device.board.number
    stage.down.add(RELAY)
    for _ in range(3):
        desk.do(ev.ChangeRelays((RELAY,)))
    assert desk.device.office
    last = frame_of(Turn(desk.device, stage.now, desk.chance), desk.device.office.posts[-1])
    amal.do(ev.Arrived(ev.Query("board", start=16, round=1), (last,), False, RELAY))
    assert amal.device.board.number == number + 3
    assert amal.device.board.missing == (number + 1, number + 2)


def test_a_desk_lets_go_of_what_a_root_has_overtaken() -> None:
    stage = Stage()
    desk, _, held = founded(stage)
    assert desk.device.office
    held = rotated(stage, desk, held)
    posts = len(desk.device.office.posts)
    for _ in range(4):
        held = rotated(stage, desk, held)
    assert len(desk.device.office.posts) <= posts + 4
