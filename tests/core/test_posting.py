"""Passes of a week, from the desk down the chain, into the addresses that devices post with."""

from __future__ import annotations

import copy
from functools import cache

import msgspec
import pytest

from tercet.core import drawing, posting, rooting, understudy
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import DAY, day_of, week_of
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.passes import (
    HELD_MOST,
    MARKS_MOST,
    PASSES_MOST,
    WEEKS_PASSED,
    Held,
    HeldMarks,
    Passes,
    PassMark,
    PassMarks,
    WeekPass,
    dressed,
    held_until,
    keep_marks,
    mark_of,
    pass_of,
    tag_of,
    vouched,
)
from tercet.core.state import save
from tercet.core.turn import Turn
from tercet.drop import RelayAddress
from tercet.drop.passes import week_pass

from .scenes import relation
from .stage import START, Actor, Stage
from .test_root import after, document, signed

RELAY = str(RelayAddress("relay.example", 443, bytes(range(32))))
OTHER = str(RelayAddress("other.example", 443, bytes(range(32, 64)), b"p" * 16))
SECRET, FRESH = b"s" * 32, b"f" * 32
WEEK = week_of(day_of(START))


@cache
def _grown() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage((RELAY,))
    stage.weekly = (SECRET,)
    desk, founder, below = stage.desk(), stage.actor("founder"), stage.actor("below")
    desk.do(ev.TakeWeekly(RELAY, SECRET))
    stage.meet(desk, founder, Role.DESK)
    stage.beat(desk, founder, rounds=4)
    stage.meet(founder, below, Role.LINK)
    stage.beat(desk, founder, below, rounds=6)
    return stage, desk, founder, below


def grown() -> tuple[Stage, Actor, Actor, Actor]:
    """A desk that was given a relay's secret, a founder, and one below it; the relay takes passes of a week alone."""
    return copy.deepcopy(_grown())


def held(actor: Actor) -> dict[int, bytes]:
    return {one.week: one.shown for one in actor.device.passes}


def passes(*weeks: int, secret: bytes = SECRET) -> dict[int, bytes]:
    return {week: pass_of(secret, week) for week in weeks}


def turn_of(actor: Actor) -> Turn:
    return Turn(actor.device, actor.stage.now, actor.chance)


def letter(*said: tuple[int, bytes]) -> Letter:
    body = encode(Passes(1, tuple(WeekPass(tag_of(RELAY), week, shown) for week, shown in said)))
    return Letter(1, 0, 0, 0, 0, LetterKind.PASSES, body)


def test_a_desks_pass_is_the_one_that_the_relay_makes() -> None:
    for week in (0, WEEK, 65_535):
        assert pass_of(SECRET, week) == week_pass(SECRET, week)


def test_everybody_holds_the_passes_of_three_weeks() -> None:
    for actor in grown()[1:]:
        assert held(actor) == passes(WEEK, WEEK + 1, WEEK + 2)


def test_those_of_the_next_week_come_in_time_and_what_is_over_is_erased() -> None:
    stage, *actors = grown()
    gone = pass_of(SECRET, WEEK)
    for week in range(1, 5):
        stage.now += 7 * DAY
        stage.beat(*actors, rounds=6)
        for actor in actors:
            assert held(actor) == passes(*range(WEEK + week, WEEK + week + WEEKS_PASSED))
            assert gone not in save(actor.device)


def test_the_first_passes_go_with_the_letters_of_the_meeting() -> None:
    stage, _, founder, _ = grown()
    other = stage.actor("other")
    stage.meet(founder, other, Role.LINK)
    assert LetterKind.PASSES in [w.kind for w in relation(founder, "other").channel.waiting]


def test_a_newcomer_posts_with_this_weeks_pass_from_the_first_minute() -> None:
    """Its card has the pass in the addresses, and so has the code that it was told."""
    stage, _, founder, _ = grown()
    other = stage.actor("other")
    stage.meet(founder, other, Role.LINK)
    worn = dressed(RELAY, (WeekPass(tag_of(RELAY), WEEK, pass_of(SECRET, WEEK)),), START)
    assert RelayAddress.parse(worn).pass_ == pass_of(SECRET, WEEK)
    assert founder.heard("meeting_code")[-1].facts["relay"] == worn
    assert other.device.card is not None
    assert [one.address for one in other.device.card.relays] == [worn]
    assert founder.device.relays == (RELAY,)


@pytest.mark.parametrize("address", [RELAY, OTHER])
def test_a_pass_that_is_held_replaces_that_of_the_address_in_its_week_alone(address: str) -> None:
    ours = (Held(tag_of(address), WEEK, b"w" * 16),)
    parsed = RelayAddress.parse(address)
    worn = RelayAddress.parse(dressed(address, ours, START))
    assert (worn.identity, worn.pass_) == (parsed.identity, b"w" * 16)
    assert dressed(str(worn), ours, START) == str(worn)
    assert dressed(address, ours, START + 7 * DAY) == dressed(address, ours, START - 7 * DAY) == address
    assert dressed(address, (Held(bytes(8), WEEK, b"w" * 16),), START) == address
    assert dressed(address, (), START) == address


def test_an_address_that_names_no_key_is_left_alone() -> None:
    for address in ("", "relay", "tercet://relay.example:443/aaaa", "tercet://r:1/" + "!" * 52, "a/b/c/" + "é" * 20):
        assert dressed(address, (Held(b"", WEEK, b"w" * 16), Held(bytes(8), WEEK, b"w" * 16)), START) == address


def test_an_address_that_would_be_too_long_with_a_pass_is_left_alone() -> None:
    """It could go onto no card."""
    for length, worn in ((133, True), (134, False)):
        host = ("a" * 20 + ".") * 2
        rest = length - len(f"tercet://{host}:443/") - 52
        address = f"tercet://{host}{'b' * rest}:443/{'a' * 52}"
        assert len(address) == length
        assert (dressed(address, (Held(tag_of(address), WEEK, b"w" * 16),), START) != address) is worn


def test_passes_count_from_the_link_alone() -> None:
    _, _, founder, below = grown()
    theirs = letter((WEEK + 3, b"x" * 16))
    for actor, name, counts in ((below, "founder", True), (founder, "below", False)):
        turn = turn_of(actor)
        posting.take(turn, relation(actor, name).id, theirs)
        assert (WEEK + 3 in {one.week for one in turn.device.passes}) is counts


def test_what_a_link_handed_it_cannot_change_and_another_link_can() -> None:
    _, _, _, below = grown()
    link = relation(below, "founder")
    turn = turn_of(below)
    posting.take(turn, link.id, letter((WEEK + 3, b"x" * 16)))
    posting.take(turn, link.id, letter((WEEK + 3, b"y" * 16)))
    assert {one.week: one.shown for one in turn.device.passes}[WEEK + 3] == b"x" * 16
    other = msgspec.structs.replace(link, id=b"another link's id")
    turn.change(relations=(other,))
    posting.take(turn, other.id, letter((WEEK + 3, b"y" * 16)))
    assert {one.week: one.shown for one in turn.device.passes}[WEEK + 3] == b"y" * 16


def test_a_pass_that_is_not_everybodys_is_neither_taken_shown_nor_handed_on() -> None:
    """Or a link and a relay that are in it would know by it all that those below put."""
    _, _, _, below = grown()
    link, turn = relation(below, "founder").id, turn_of(below)
    posting.take(turn, link, letter((WEEK, b"x" * 16), (WEEK + 1, b"x" * 16)))
    assert turn.device == below.device
    posting.take(turn, link, letter((WEEK + 3, b"x" * 16)))
    assert WEEK + 3 in {one.week for one in turn.device.passes}
    assert WEEK + 3 in {one.week for one in turn.device.vouched}, "the board cannot have spoken of it yet"
    said = HeldMarks(WEEK + 3, 99, {tag_of(RELAY): mark_of(pass_of(SECRET, WEEK + 3))})
    turn.change(board=msgspec.structs.replace(turn.device.board, passes=(*turn.device.board.passes, said)))
    assert WEEK + 3 not in {one.week for one in turn.device.vouched}
    posting.take(turn, link, letter((WEEK + 3, pass_of(SECRET, WEEK + 3))))
    assert {one.week: one.shown for one in turn.device.vouched} == passes(*range(WEEK, WEEK + 4))


@pytest.mark.parametrize(
    ("marks", "read", "shown"),
    [
        ((), WEEK - 2, True),  # the board cannot have spoken of that week
        ((), WEEK - 1, False),  # it said nothing of it
        (((WEEK, {tag_of(RELAY): mark_of(b"w" * 16)}),), WEEK, True),
        (((WEEK, {tag_of(RELAY): mark_of(b"o" * 16)}),), WEEK - 2, False),
        (((WEEK, {tag_of(OTHER): mark_of(b"w" * 16)}),), WEEK - 2, False),  # not of this relay
        (((WEEK + 1, {tag_of(RELAY): mark_of(b"w" * 16)}),), WEEK, False),
    ],
)
def test_a_pass_is_shown_if_the_board_says_that_it_is_everybodys_or_cannot_have_said(
    marks: tuple[tuple[int, dict[bytes, bytes]], ...], read: int, shown: bool
) -> None:
    one = Held(tag_of(RELAY), WEEK, b"w" * 16, b"link")
    told = tuple(HeldMarks(week, 1, each) for week, each in marks)
    assert vouched((one,), told, read) == ((one,) if shown else ())


def test_marks_of_a_week_are_those_of_its_newest_entry_whatever_comes_first() -> None:
    old, new = (PassMarks(WEEK, (PassMark(tag_of(RELAY), mark),)) for mark in (b"o" * 16, b"n" * 16))
    for order in (((old, 4), (new, 7)), ((new, 7), (old, 4))):
        known: tuple[HeldMarks, ...] = ()
        for said, number in order:
            known = keep_marks(known, said, number, WEEK, WEEK)
        assert known == (HeldMarks(WEEK, 7, {tag_of(RELAY): b"n" * 16}),)


@pytest.mark.parametrize("week", [WEEK - 2, WEEK + WEEKS_PASSED + 1])
def test_marks_of_a_week_out_of_reach_are_passed_over(week: int) -> None:
    said = PassMarks(week, (PassMark(tag_of(RELAY), b"m" * 16),))
    assert keep_marks((), said, 1, WEEK, WEEK - 2) == ()


def test_a_desk_says_the_marks_of_three_weeks_once_and_again_for_a_new_root() -> None:
    stage, desk, *_ = grown()
    assert [one.week for one in desk.device.board.passes] == [WEEK, WEEK + 1, WEEK + 2]
    turn = turn_of(desk)
    assert posting.marks_due(turn) == ()
    turn.change(board=msgspec.structs.replace(desk.device.board, passes=()))
    assert [one.week for one in posting.marks_due(turn)] == [WEEK, WEEK + 1, WEEK + 2]
    assert stage.now


def test_a_desk_of_more_relays_than_an_entry_has_room_for_says_no_mark_again_and_again() -> None:
    _, desk, *_ = grown()
    for number in range(MARKS_MOST):
        desk.do(ev.TakeWeekly(str(RelayAddress(f"r{number}.example", 443, bytes([100 + number] * 32))), FRESH))
    assert len(desk.device.board.passes[0].marks) == MARKS_MOST
    assert posting.marks_due(turn_of(desk)) == ()


def test_passes_of_other_relays_push_out_none_of_a_relay_in_use() -> None:
    """A link could else silence those below it at once: by pushing out what it handed, and handing it anew."""
    _, _, _, below = grown()
    link, turn = relation(below, "founder").id, turn_of(below)
    for number in range(4):
        others = tuple(WeekPass(bytes((0, number, one)) + bytes(5), WEEK, b"x" * 16) for one in range(PASSES_MOST))
        posting.take(turn, link, Letter(1, 0, 0, 0, 0, LetterKind.PASSES, encode(Passes(1, others))))
    posting.take(turn, link, letter((WEEK + 1, b"x" * 16), (WEEK + 3, b"y" * 16)))
    kept = turn.device.passes
    ours = {one.week: one.shown for one in kept if one.relay == tag_of(RELAY)}
    assert ours == passes(WEEK, WEEK + 1, WEEK + 2) | {WEEK + 3: b"y" * 16}
    assert len(kept) == HELD_MOST
    assert list(kept) == sorted(kept, key=lambda one: (one.week, one.relay))


@pytest.mark.parametrize("week", [WEEK - 1, WEEK + 4])
def test_a_pass_of_a_week_out_of_reach_is_let_go(week: int) -> None:
    _, _, _, below = grown()
    turn = turn_of(below)
    posting.take(turn, relation(below, "founder").id, letter((week, b"x" * 16)))
    assert turn.device.passes == below.device.passes


def test_each_neighbour_is_handed_each_pass_once() -> None:
    stage, desk, founder, below = grown()
    link = relation(founder, "below").id
    assert all(one.handed == (link,) for one in founder.device.passes)
    before = [relation(actor, name).channel.sent for actor, name in ((desk, "founder"), (founder, "below"))]
    stage.beat(desk, founder, below, rounds=3)
    after = [relation(actor, name).channel.sent for actor, name in ((desk, "founder"), (founder, "below"))]
    assert before == after


def test_who_is_no_neighbour_any_more_is_handed_none_and_forgotten() -> None:
    stage, _, founder, _ = grown()
    gone = relation(founder, "below").id
    kept = tuple(r for r in founder.device.relations if r.id != gone)
    founder.device = msgspec.structs.replace(founder.device, relations=kept)
    stage.now += 7 * DAY
    stage.beat(founder)
    assert gone not in save(founder.device)


def test_which_link_handed_a_pass_is_forgotten_with_that_link() -> None:
    stage, _, _, below = grown()
    gone, before = relation(below, "founder").id, held(below)
    assert gone in save(below.device)
    below.device = msgspec.structs.replace(below.device, relations=())
    stage.beat(below)
    assert gone not in save(below.device)
    assert held(below) == before


@pytest.mark.parametrize(("hands", "told"), [(True, []), (False, ["7", "0"])])
def test_an_owner_is_told_once_a_week_that_no_newer_passes_come(hands: bool, told: list[str]) -> None:
    """Passes of three weeks are held; the first word comes when only this week's are left, a week before the end."""
    stage, *actors = grown()
    below = actors[2]
    for _ in range(4):
        stage.now += 7 * DAY
        stage.beat(*actors, rounds=6)
        if not hands:  # the link hands passes of the first three weeks, and no others
            kept = tuple(one for one in below.device.passes if one.week <= WEEK + 2)
            below.device = msgspec.structs.replace(below.device, passes=kept)
    assert [tell.facts["days"] for tell in below.heard("passes_end")] == told
    assert not actors[0].heard("passes_end")
    assert not actors[1].heard("passes_end")


def test_a_clock_that_runs_ahead_alone_loses_no_pass_that_comes_meanwhile() -> None:
    """The link hands each once: it would come no more."""
    stage, desk, founder, below = grown()
    stage.now += 7 * DAY
    stage.beat(desk, founder, rounds=4)
    below.skew = 28 * DAY
    stage.beat(below)
    below.skew = 0
    stage.beat(desk, founder, below, rounds=3)
    assert held(below) == passes(WEEK + 1, WEEK + 2, WEEK + 3)


@pytest.mark.parametrize("behind", ["nothing", "an entry of the desk", "an entry of a thief"])
def test_after_a_new_root_everybody_goes_on_posting_whatever_they_had_read(behind: str) -> None:
    stage = Stage((RELAY,))
    stage.weekly = (SECRET,)
    desk, founder = stage.desk(), stage.actor("founder")
    first = document(board=rooting.offer(desk.device, day_of(START), day_of(START) + 180))
    desk.do(ev.TakeRoots((encode(signed(first, (0, 1, 2))),)))
    desk.do(ev.TakeWeekly(RELAY, SECRET))
    stage.meet(desk, founder, Role.DESK)
    stage.beat(desk, founder, rounds=6)
    thief = copy.copy(desk)
    if behind != "nothing":
        (desk if "desk" in behind else thief).do(ev.WriteNotice("A road is closed.", day_of(stage.now)))
        (desk if "desk" in behind else thief).do(ev.SendNow())
    if "thief" in behind:
        stage.beat(founder)
    desk.do(ev.DrawBoardKey())
    today = day_of(stage.now)
    second = after(first, board=rooting.offer(desk.device, today, today + 180))
    desk.do(ev.TakeRoots((encode(signed(second, (0, 1, 2))),)))
    stage.beat(desk, founder, rounds=3)
    assert founder.device.board.root == second
    assert {one.week: one.shown for one in founder.device.vouched} == passes(WEEK, WEEK + 1, WEEK + 2)


def test_no_pass_of_a_week_that_is_over_waits_in_letters_to_somebody_who_is_silent() -> None:
    stage, desk, founder, below = grown()
    texts = [w.kind for w in relation(founder, "below").channel.waiting]
    for week in range(1, 8):
        stage.now += 7 * DAY
        stage.beat(desk, founder, rounds=4)
        assert pass_of(SECRET, WEEK + week - 1) not in save(founder.device)
    waiting = [w.kind for w in relation(founder, "below").channel.waiting]
    assert waiting.count(LetterKind.PASSES) <= texts.count(LetterKind.PASSES) + WEEKS_PASSED
    stage.beat(desk, founder, below, founder, below, rounds=6)
    assert held(below) == held(founder), "who comes back gets those that hold"


def test_a_secret_that_is_withdrawn_makes_no_more_passes() -> None:
    stage, desk, founder, below = grown()
    desk.do(ev.TakeWeekly(RELAY, b""))
    assert not held(desk)
    assert SECRET not in save(desk.device)
    stage.now += 7 * DAY
    stage.beat(desk, founder, below, rounds=4)
    assert held(below) == passes(WEEK + 1, WEEK + 2)


def test_with_another_secret_weeks_that_were_handed_keep_their_passes() -> None:
    """The relay takes those of both for three weeks."""
    stage, desk, founder, below = grown()
    stage.weekly = (SECRET, FRESH)
    desk.do(ev.TakeWeekly(RELAY, FRESH))
    stage.now += 7 * DAY
    stage.beat(desk, founder, below, rounds=6)
    fresh = passes(WEEK + 3, secret=FRESH)
    assert held(below) == passes(WEEK + 1, WEEK + 2) | fresh
    assert held(desk) == held(below)


@pytest.mark.parametrize(("relay", "secret"), [("tercet://relay.example:443/aaaa", SECRET), (RELAY, b"s" * 31)])
def test_what_is_no_secret_of_a_relay_is_refused(relay: str, secret: bytes) -> None:
    _, desk, _, _ = grown()
    with pytest.raises(Refusal) as refused:
        step(desk.device, ev.TakeWeekly(relay, secret), START, desk.chance)
    assert refused.value.code == "weekly_wrong"


def test_a_member_is_given_no_secret() -> None:
    _, _, founder, _ = grown()
    with pytest.raises(Refusal) as refused:
        step(founder.device, ev.TakeWeekly(RELAY, SECRET), START, founder.chance)
    assert refused.value.code == "not_the_desk"


def test_a_clock_that_ran_ahead_loses_no_pass() -> None:
    """They are erased once the confirmed day says, too, that their week is over."""
    stage, _, _, below = grown()
    below.skew = 30 * DAY
    below.do(ev.SendNow())
    assert held(below) == passes(WEEK, WEEK + 1, WEEK + 2)
    assert stage.now


def test_a_locked_list_has_for_each_put_the_pass_of_its_day() -> None:
    stage, _, _, below = grown()
    sunday = (7 * WEEK + 3) * DAY + DAY // 2
    stage.now = max(stage.now, sunday)
    _, effects = step(below.device, ev.Lock(float(DAY), 1_800.0), stage.now, below.chance)
    puts = [effect for effect in effects if isinstance(effect, fx.PutItem)]
    shown = {RelayAddress.parse(relay).pass_ for one in puts for relay, _ in one.places}
    assert shown == {pass_of(SECRET, WEEK), pass_of(SECRET, WEEK + 1)}
    for one in puts:
        week = week_of(day_of(stage.now + int(one.after)))
        assert {RelayAddress.parse(relay).pass_ for relay, _ in one.places} == {pass_of(SECRET, week)}
    reads = {effect.relay for effect in effects if isinstance(effect, fx.ReadBox)}
    assert reads == {RELAY}


def test_an_understudy_has_the_passes_of_its_fourteen_days() -> None:
    stage, _, _, below = grown()
    drawn = drawing.draw(below.device, stage.now, below.chance)
    assert drawn is not None
    kept = understudy.unpack(understudy.pack(drawn, below.chance))
    assert kept is not None
    assert {one.week: one.shown for one in kept.passes} == passes(WEEK, WEEK + 1)
    late = drawing.draw(below.device, stage.now + 6 * DAY, below.chance)
    assert late is not None
    assert {one.week for one in late.passes} == {WEEK, WEEK + 1, WEEK + 2}


def test_a_pass_that_comes_draws_the_understudy_anew() -> None:
    stage, _, _, below = grown()
    before = drawing.what_it_hangs_on(below.device, stage.now)
    bare = msgspec.structs.replace(below.device, passes=below.device.passes[:-1])
    assert drawing.what_it_hangs_on(bare, stage.now) != before


@pytest.mark.parametrize(("weeks", "until"), [((0, 1, 2), 2), ((0, 2), 0), ((1, 2), None), ((), None)])
def test_an_owner_is_told_until_when_passes_are_held_without_a_gap(weeks: tuple[int, ...], until: int | None) -> None:
    ours = tuple(Held(tag_of(RELAY), WEEK + week, b"w" * 16) for week in weeks)
    marked = tuple(HeldMarks(WEEK + week, 1, {tag_of(RELAY): mark_of(b"w" * 16)}) for week in range(4))
    assert held_until(ours, marked, RELAY, START) == (0 if until is None else 7 * (WEEK + until) + 3)
    assert held_until(ours, (), RELAY, START) == 0, "the board says of none that it is of a week"
