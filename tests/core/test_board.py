"""The board: what its readers take in, and what not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tercet.core import board as boards
from tercet.core import card as cards
from tercet.core import effects as fx
from tercet.core import entry as entries
from tercet.core import events as ev
from tercet.core import reader
from tercet.core.board import BoardView, TwoFaces, apply_entry
from tercet.core.card import SHARDS_MOST, Relay
from tercet.core.chain import LANE_RELAYS, lane
from tercet.core.content import KEYS_KEPT
from tercet.core.days import DAY, day_of, last_day_of, week_of
from tercet.core.entry import (
    DAYS_AN_ENTRY,
    FIRST,
    KEYS_AN_ENTRY,
    Entry,
    EntryKind,
    IntakeDay,
    IntakeDays,
    RelayList,
    WeekKey,
    WeekKeys,
    open_entry,
    parse_entry,
    post_at,
    relay_table,
    seal_intake,
)
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.relation import Role
from tercet.core.state import save
from tercet.core.turn import Turn
from tercet.drop import MemoryStore, Post, Read
from tercet.drop.ops import name_of
from tercet.sealing import FRAME, CannotOpen, kem_public, posted_box, sign_public
from tests.sealing.cases import VECTORS, bad_cases, cases

from .entries import seal_entry
from .scenes import intake_ids
from .stage import RELAY, Actor, Seeded, Stage
from .test_knock import FAILURES, bytes_of

SPEC = (Path(__file__).parents[2] / "spec" / "60-board.md").read_text()
OTHER = "tercet://other.example:443/dddd"
FAILS = FAILURES | {"two_faces": TwoFaces}


def viewed(given: dict[str, Any]) -> BoardView:
    view = BoardView()
    for frame in given["frames"]:
        entry, mark = open_entry(bytes_of(frame), bytes_of(given["board_secret"]), bytes_of(given["board_key"]))
        view = apply_entry(view, entry, mark, given["now"])
    return view


@pytest.mark.parametrize("case", cases("entry", "board"))
def test_an_entry_is_signed_and_sealed_as_the_vectors_say(case: Any) -> None:
    given = case["input"]
    seed, secret = bytes_of(given["seed"]), bytes_of(given["board_secret"])
    entry = Entry(
        1, given["number"], bytes_of(given["before"]), given["issued"], given["kind"], bytes_of(given["body"])
    )
    frame, mark = seal_entry(entry, seed, secret)
    assert case["expected"] == {
        "board_key": sign_public(seed).hex(),
        "payload": encode(entry).hex(),
        "frame": frame.hex(),
        "mark": mark.hex(),
    }
    assert open_entry(frame, secret, sign_public(seed)) == (entry, mark)


@pytest.mark.parametrize("case", bad_cases("frame", "board"))
def test_a_forged_or_foreign_frame_does_not_open(case: Any) -> None:
    given = {name: bytes_of(value) for name, value in case["input"].items()}
    with pytest.raises(FAILS[case["fails"]]):
        open_entry(given["frame"], given["board_secret"], given["board_key"])


@pytest.mark.parametrize("case", bad_cases("payload", "board"))
def test_what_is_no_entry_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        parse_entry(bytes_of(case["input"]["payload"]))


@pytest.mark.parametrize("case", cases("view", "board"))
def test_a_reader_takes_entries_in_as_the_vectors_say(case: Any) -> None:
    view = viewed(case["input"])
    assert case["expected"] == {
        "number": view.number,
        "head": view.head.hex(),
        "issued": view.issued,
        "weeks": [k.week for k in view.keys],
        "relays": [relay.address for relay in view.relays.relays] if view.relays else None,
        "missing": list(view.missing),
    } | ({"tokens": [k.week for k in view.tokens], "torn": list(view.torn)} if "tokens" in case["expected"] else {})
    assert view.gap == bool(view.missing)


@pytest.mark.parametrize("case", bad_cases("view", "board"))
def test_two_faces_of_the_board_are_found_out(case: Any) -> None:
    assert case["fails"] == "two_faces"
    given = case["input"]
    viewed(given | {"frames": given["frames"][:-1]})
    with pytest.raises(TwoFaces):
        viewed(given)


@pytest.mark.parametrize("folder", ["board", "meeting", "card"])
def test_every_vector_says_why_what_and_how_it_ends_and_is_read_by_a_test(folder: str) -> None:
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    paths = sorted((VECTORS / folder).iterdir())
    assert paths
    for path in paths:
        case = json.loads(path.read_text())
        assert set(case) in ({"why", "input", "expected"}, {"why", "input", "fails"})
        match = re.fullmatch(r"([a-z]+)-(?:(bad)-[a-z0-9-]+|[0-9]+)\.json", path.name)
        assert match
        topic, bad = match.groups()
        assert ("fails" in case) == bool(bad)
        assert f'{"bad_cases" if bad else "cases"}("{topic}", "{folder}")' in tests


NUMBERS = """WEEKS_AHEAD KEYS_AN_ENTRY KEYS_KEPT DAYS_AN_ENTRY INTAKE_ROOM DAYS_AHEAD DAYS_KEPT SHARDS_MOST
    MARKS_KEPT MISSING_KEPT SIGNATURE TOKEN_WEEKS TOKEN_WEEKS_AHEAD"""


def test_the_numbers_of_the_spec_are_those_of_the_code() -> None:
    ours = vars(cards) | vars(entries) | vars(boards)
    for name in NUMBERS.split():
        assert f"| `{name}` | {ours[name]} |" in SPEC
    for kind in EntryKind:
        assert re.search(rf"^\| {kind.value} \| `{kind.name.lower()}` \|", SPEC, re.M)
    for name in ("BOARD_RELAYS", "LOOKS_AHEAD", "BOARD_ROUNDS"):
        assert f"| `{name}` | {getattr(reader, name)} |" in SPEC
    assert SPEC.splitlines()[2] == "Version 1"


@pytest.mark.parametrize("case", cases("post", "board"))
def test_each_relay_has_a_post_secret_and_a_board_of_its_own_as_the_vectors_say(case: Any) -> None:
    post, address = bytes_of(case["input"]["post"]), case["input"]["address"]
    at = post_at(post, address)
    assert case["expected"] == {
        "post_at": at.hex(),
        "box": posted_box(at).id.hex(),
        "board": posted_box(at).read.hex(),
    }
    assert relay_table(post, (address,)) == (Relay(address, posted_box(at).read),)


def test_a_body_that_fits_no_frame_is_an_error_of_the_desk() -> None:
    entry = Entry(1, 1, FIRST, 0, 200, bytes(FRAME))
    with pytest.raises(ValueError, match="."):
        seal_entry(entry, bytes(32), bytes(32))


def test_a_full_entry_of_week_keys_and_the_longest_list_of_relays_fit_a_frame() -> None:
    keys = tuple(WeekKey(65_535, bytes(1216)) for _ in range(KEYS_AN_ENTRY))
    relays = RelayList(tuple(Relay("r" * 160, bytes(32)) for _ in range(8)), SHARDS_MOST)
    for body in (encode(WeekKeys(keys)), encode(relays)):
        entry = Entry(1, 2**32, bytes(32), 253_402_300_799, 1, body)
        assert len(seal_entry(entry, bytes(32), bytes(32))[0]) == FRAME


# ---- on the stage


def members(stage: Stage, count: int = 1) -> list[Actor]:
    desk = stage.desk()
    people = [stage.actor(f"member {n}") for n in range(count)]
    for person in people:
        stage.meet(desk, person, Role.DESK)
    stage.beat(desk, *people)
    return [desk, *people]


def listed(desk: Actor, *addresses: str) -> RelayList:
    """A list of relays as the desk would publish it."""
    return RelayList(relay_table(desk.device.office.post, addresses), 2)


def board_frames(stage: Stage, relay: str = RELAY) -> list[bytes]:
    return [item for _, posted, item in stage.relays[relay].entries() if posted]


def shown(member: Actor, items: tuple[bytes, ...], relay: str = RELAY, start: int = 0, more: bool = False) -> None:
    member.do(ev.Arrived(ev.Query("board", start=start), items, more, relay))


def post_more(stage: Stage, desk: Actor, *items: bytes, relay: str = RELAY) -> None:
    """Whoever may post puts these on the board at one relay."""
    post = post_at(desk.device.office.post, relay)
    stage.relays[relay].apply([Post(post, item) for item in items], stage.now)


def publish(desk: Actor, before: BoardView, kind: int, body: bytes, issued: int) -> bytes:
    """What a desk signs behind an earlier view of its own."""
    entry = Entry(1, before.number + 1, before.head, issued, kind, body)
    return seal_entry(entry, desk.device.office.signer, desk.device.card.board_secret)[0]


def test_week_keys_and_relays_reach_members() -> None:
    stage = Stage()
    desk, member = members(stage)
    week = week_of(day_of(stage.now))
    assert [k.week for k in member.device.board.keys] == list(range(week, week + 9))
    assert {k.week: k.public for k in member.device.board.keys} == {
        w: kem_public(seed) for w, seed in desk.device.office.seeds.items()
    }
    assert member.device.board.head == desk.device.board.head


def test_the_board_read_again_changes_nothing() -> None:
    stage = Stage()
    _, member = members(stage)
    before = member.device.board
    shown(member, tuple(board_frames(stage)))
    shown(member, tuple(reversed(board_frames(stage))))
    assert member.device.board == before
    assert not member.heard("board_two_faces")


def test_a_steady_board_costs_one_frame_a_look() -> None:
    stage = Stage()
    desk, member = members(stage)
    stage.beat(desk, member)
    stage.asked.clear()
    member.do(ev.SendNow())
    (read,) = [op for op in stage.asked if isinstance(op, Read) and op.posted]
    (answer,) = stage.relays[RELAY].apply([read], stage.now)
    assert len(answer.items) == 1


def test_noise_and_forged_entries_on_the_board_change_nothing() -> None:
    stage = Stage()
    desk, member = members(stage)
    before = member.device
    relays = encode(listed(desk, OTHER))
    entry = Entry(1, before.board.number + 1, before.board.head, stage.now, EntryKind.RELAYS, relays)
    forged = seal_entry(entry, bytes(32), before.card.board_secret)[0]
    shown(member, (bytes(FRAME), b"", Seeded("noise")(FRAME), forged), start=before.board.number)
    assert member.device.relays == (RELAY,)
    assert member.device.board.number == before.board.number
    assert not member.heard("board_two_faces")


def test_a_desk_or_relay_with_two_faces_is_reported_once_and_not_believed() -> None:
    stage = Stage()
    desk, member = members(stage)
    relays = encode(listed(desk, OTHER))
    start = member.device.board.number
    one = publish(desk, desk.device.board, 200, b"one", stage.now)
    two = publish(desk, desk.device.board, EntryKind.RELAYS, relays, stage.now)
    shown(member, (one,), start=start)
    shown(member, (two,), start=start)
    shown(member, (two,), start=start)
    assert len(member.heard("board_two_faces")) == 1
    assert member.device.board.forked
    assert member.device.relays == (RELAY,)


def test_an_entry_that_one_relay_withholds_is_taken_from_another() -> None:
    stage = Stage((RELAY, OTHER))
    desk, member = members(stage)
    view = desk.device.board
    change = publish(desk, view, EntryKind.RELAYS, encode(listed(desk, OTHER)), stage.now)
    change_entry, mark = open_entry(change, desk.device.card.board_secret, desk.device.card.board_key)
    view = apply_entry(view, change_entry, mark, stage.now)
    after = publish(desk, view, 200, b"later", stage.now)
    shown(member, (after,), RELAY)
    assert member.device.board.missing == (change_entry.number,)
    assert member.device.relays == (RELAY, OTHER)
    shown(member, (change,), OTHER)
    assert member.device.board.missing == ()
    assert member.device.relays == (OTHER,)


def test_an_older_list_of_relays_that_turns_up_late_does_not_replace_the_newer() -> None:
    stage = Stage((RELAY, OTHER))
    desk, member = members(stage)
    view, frames = desk.device.board, []
    for relays in ((RELAY,), (OTHER,)):
        frames.append(publish(desk, view, EntryKind.RELAYS, encode(listed(desk, *relays)), stage.now))
        entry, mark = open_entry(frames[-1], desk.device.card.board_secret, desk.device.card.board_key)
        view = apply_entry(view, entry, mark, stage.now)
    shown(member, (frames[1],), OTHER)
    shown(member, (frames[0],), OTHER)
    assert member.device.board.missing == ()
    assert member.device.relays == (OTHER,)


def test_what_a_relay_that_is_not_ours_shows_is_not_looked_at() -> None:
    stage = Stage()
    desk, member = members(stage)
    before = member.device.board
    shown(member, (publish(desk, desk.device.board, 200, b"x", stage.now),), OTHER)
    assert member.device.board == before


def test_a_new_list_of_relays_reaches_members_at_the_old_ones() -> None:
    stage = Stage((RELAY, OTHER))
    desk, member = stage.actor("desk"), stage.actor("member")
    desk.do(ev.SetUpDesk((RELAY,), 2))
    desk.do(ev.SendNow())
    stage.meet(desk, member, Role.DESK)
    stage.beat(desk, member)
    desk.do(ev.ChangeRelays((OTHER,)))
    stage.beat(desk, member, rounds=2)
    assert member.device.relays == (OTHER,)
    assert len(board_frames(stage, OTHER)) == len(board_frames(stage, RELAY))
    stage.down.add(RELAY)
    member.do(ev.WriteReport("by the new relay", None, None, ()))
    stage.beat(desk, member, rounds=2)
    assert [r.content.text for r in desk.reports.values()] == ["by the new relay"]


def test_only_a_desk_changes_relays_and_never_to_none() -> None:
    stage = Stage()
    desk, member = members(stage)
    for actor, relays, code in ((member, (OTHER,), "not_the_desk"), (desk, (), "relay_missing")):
        with pytest.raises(Refusal) as refusal:
            actor.do(ev.ChangeRelays(relays))
        assert refusal.value.code == code


@pytest.mark.parametrize("steps", [28, pytest.param(73, marks=pytest.mark.full)], ids=["20 weeks", "a year"])
def test_week_keys_stay_eight_weeks_ahead_for_a_year_and_old_private_halves_are_erased(steps: int) -> None:
    stage = Stage()
    desk, member, sleeper = members(stage, 2)
    kept: dict[int, bytes] = {}
    for _ in range(steps):
        stage.now += 5 * DAY
        for person in (desk, member, desk, desk):
            person.do(ev.SendNow())
        today = day_of(stage.now)
        week = week_of(today)
        published = {k.week for k in member.device.board.keys}
        assert set(range(week, week + 8)) <= published
        assert len(published) <= 11
        kept |= desk.device.office.seeds
        assert {w for w in kept if today <= last_day_of(w) + KEYS_KEPT} == set(desk.device.office.seeds)
    erased = set(kept) - set(desk.device.office.seeds)
    assert len(erased) > steps * 5 // 7 - 12
    member.do(ev.WriteReport("after a year", None, None, ()))
    stage.beat(desk, member, rounds=2)
    assert [r.content.text for r in desk.reports.values()] == ["after a year"]
    sleeper.do(ev.SendNow())
    assert sleeper.device.board.number == desk.device.board.number
    assert sleeper.device.board.gap
    assert sleeper.device.board.key_for(day_of(stage.now)) is not None
    newcomer = stage.actor("newcomer")
    stage.meet(desk, newcomer, Role.DESK)
    stage.beat(desk, newcomer)
    assert not newcomer.device.board.gap
    assert newcomer.device.board.head == desk.device.board.head


def test_a_private_key_lives_until_day_45_after_its_week_by_a_confirmed_day() -> None:
    stage = Stage()
    desk, member = members(stage)
    week = week_of(day_of(stage.now))
    seed = desk.device.office.seeds[week]
    end = last_day_of(week)
    stage.now += (end + KEYS_KEPT + 1 - day_of(stage.now)) * DAY
    desk.do(ev.SendNow())
    assert seed in desk.device.office.seeds.values(), "the desk's clock alone erases nothing"
    member.do(ev.SendNow())
    desk.do(ev.SendNow())
    desk.do(ev.SendNow())
    assert seed not in desk.device.office.seeds.values()


def test_a_desk_reads_no_board_and_posts_each_entry_at_each_relay_once() -> None:
    stage = Stage((RELAY, OTHER))
    desk, _ = members(stage)
    stage.asked.clear()
    desk.do(ev.SendNow())
    assert not [op for op in stage.asked if isinstance(op, Post)]
    assert not [op for op in stage.asked if isinstance(op, Read) and op.posted]
    assert len(board_frames(stage, RELAY)) == len(board_frames(stage, OTHER)) == 12


def test_a_board_that_shrank_at_a_relay_is_read_from_its_beginning() -> None:
    stage = Stage()
    desk, member = members(stage)
    shown(member, (), start=3)
    assert member.device.board.places[RELAY] == len(board_frames(stage))
    frames = board_frames(stage)
    view = desk.device.board
    after = publish(desk, view, 200, b"one", stage.now)
    entry, mark = open_entry(after, desk.device.card.board_secret, desk.device.card.board_key)
    last = publish(desk, apply_entry(view, entry, mark, stage.now), 200, b"two", stage.now)
    post_more(stage, desk, after, last)
    shown(member, (last,), start=len(frames))
    assert member.device.board.number == view.number + 2
    assert not member.device.board.gap


def test_an_entry_of_a_later_version_is_chained_and_passed_over() -> None:
    stage = Stage()
    desk, member = members(stage)
    before = member.device.board
    shown(member, (publish(desk, desk.device.board, 99, b"?", stage.now),), start=before.number)
    assert member.device.board.number == before.number + 1
    assert member.device.board.keys == before.keys


def test_the_board_opens_for_nobody_without_its_read_secret() -> None:
    stage = Stage()
    desk, _ = members(stage)
    with pytest.raises(CannotOpen):
        open_entry(board_frames(stage)[0], bytes(32), desk.device.card.board_key)


# ---- under cover


def aged(stage: Stage, desk: Actor, entries: int) -> list[bytes]:
    """The desk says so much more, and each relay has it; returns the frames."""
    view, frames = desk.device.board, []
    for number in range(entries):
        frames.append(publish(desk, view, 200, b"%d" % number, stage.now))
        entry, mark = open_entry(frames[-1], desk.device.card.board_secret, desk.device.card.board_key)
        view = apply_entry(view, entry, mark, stage.now)
    desk.device = structs.replace(desk.device, board=view)
    for relay in stage.relays:
        post_more(stage, desk, *frames, relay=relay)
    return frames


def look(member: Actor, count: int) -> None:
    """So many single looks at the board, as beats order them."""
    for number in range(count):
        turn = Turn(member.device, member.stage.now, member.chance)
        relays = member.device.table[: reader.BOARD_RELAYS]
        reader.read_one(turn, relays[number % len(relays)], 0.0)
        (order,) = turn.effects
        assert isinstance(order, fx.ReadBox)
        assert (order.limit, order.posted, order.query.alone) == (1, True, True)
        asked = len(member.stage.asked)
        for event in member.act(order):
            member.do(event)
        assert len(member.stage.asked) == asked + 1, "nothing follows from a single look"


def expire(stage: Stage, count: int, relay: str = RELAY) -> None:
    """The relay drops its oldest items of the board."""
    posted = [(box, item) for box, posted, item in stage.relays[relay].entries() if posted]
    for box, item in posted[:count]:
        stage.relays[relay].remove(box, name_of(item))


def knows_all_but(member: Actor, desk: Actor, *missing: int) -> bool:
    view = member.device.board
    return view.number == desk.device.board.number and view.missing == missing


def away(known: int, new: int, gone: int) -> tuple[Stage, Actor, Actor]:
    """A reader who saw `known` entries beyond the first twelve; since then `new` came, and the oldest `gone` went."""
    stage = Stage()
    desk, member = members(stage)
    aged(stage, desk, known)
    look(member, 2 * known)
    assert knows_all_but(member, desk)
    aged(stage, desk, new)
    expire(stage, gone)
    return stage, desk, member


AWAY = [
    (0, 5, 0),
    (0, 5, 4),
    (0, 30, 12),
    (0, 30, 25),
    (60, 10, 65),
    (60, 60, 72),
    (60, 90, 130),
    (60, 0, 72),
    (4, 30, 44),
]


@pytest.mark.parametrize(("known", "new", "gone"), AWAY)
def test_a_board_whose_oldest_items_expired_while_a_covered_reader_was_away_is_found_again(
    known: int, new: int, gone: int
) -> None:
    _, desk, member = away(known, new, gone)
    look(member, 4 * new + 80)
    seen = desk.device.board.number - new
    assert knows_all_but(member, desk, *range(seen + 1, gone + 1))
    assert not member.heard("board_two_faces")


def test_a_reader_who_never_steps_back_loses_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_step_back", lambda before, event, entries: event.query.start)
    for known, new, gone in ((0, 30, 25), (60, 10, 65)):
        _, desk, member = away(known, new, gone)
        look(member, 4 * new + 80)
        assert not knows_all_but(member, desk, *range(desk.device.board.number - new + 1, gone + 1))


def test_an_entry_that_is_still_there_is_taken_in_however_many_were_passed_over_behind_it() -> None:
    stage, desk, member = away(188, 0, 0)
    relays = RelayList(member.device.table, 3)
    change = publish(desk, desk.device.board, EntryKind.RELAYS, encode(relays), stage.now)
    view = apply_entry(
        desk.device.board, *open_entry(change, desk.device.card.board_secret, desk.device.card.board_key), stage.now
    )
    desk.device = structs.replace(desk.device, board=view)
    post_more(stage, desk, change)
    aged(stage, desk, 69)
    expire(stage, 70)
    look(member, 400)
    assert knows_all_but(member, desk)
    assert member.device.shards == 3


def test_noise_on_a_board_does_not_stop_a_covered_reader_for_ever() -> None:
    stage = Stage()
    desk, member = members(stage)
    noise = Seeded("noise")
    for _ in range(5):
        post_more(stage, desk, *(noise(FRAME) for _ in range(8)))
        aged(stage, desk, 3)
    look(member, 4 * 55)
    assert knows_all_but(member, desk)
    expire(stage, 30)
    aged(stage, desk, 3)
    look(member, 4 * 55)
    assert knows_all_but(member, desk)


def test_an_entry_that_is_withheld_for_ever_does_not_stop_a_covered_reader_and_is_taken_when_it_shows() -> None:
    stage = Stage((RELAY, OTHER))
    desk, member = members(stage)
    frames = aged(stage, desk, 12)
    held = [frames[1], frames[2], frames[7]]
    for relay in stage.relays:
        for box, posted, item in tuple(stage.relays[relay].entries()):
            if posted and item in held:
                stage.relays[relay].remove(box, name_of(item))
    look(member, 120)
    assert knows_all_but(member, desk, 14, 15, 20)
    post_more(stage, desk, *held, relay=OTHER)
    look(member, 60)
    assert knows_all_but(member, desk)


def test_a_board_that_is_empty_for_a_while_is_read_on_when_it_is_there_again() -> None:
    stage = Stage()
    desk, member = members(stage)
    before, stage.relays[RELAY] = stage.relays[RELAY], MemoryStore()
    look(member, 40)
    assert member.device.board.places[RELAY] == 0
    stage.relays[RELAY] = before
    aged(stage, desk, 5)
    look(member, 80)
    assert knows_all_but(member, desk)


def test_a_steady_board_is_looked_at_where_the_next_entry_will_lie_and_now_and_then_at_the_last() -> None:
    stage = Stage()
    _, member = members(stage)
    seen, starts = member.device.board.places[RELAY], []
    for _ in range(400):
        turn = Turn(member.device, stage.now, member.chance)
        reader.read_one(turn, member.device.table[0], 0.0)
        starts += [order.query.start for order in turn.effects if isinstance(order, fx.ReadBox)]
    assert set(starts) == {seen, seen - 1}
    assert 60 <= starts.count(seen - 1) <= 140, "one in four"


def test_what_of_the_board_was_carried_is_taken_in_and_moves_no_place() -> None:
    stage = Stage()
    desk, member = members(stage)
    before = member.device.board
    frames = aged(stage, desk, 3)
    stage.asked.clear()
    for items in ((frames[0],), (), (frames[2], frames[1])):
        member.do(ev.Arrived(ev.Query("board"), items, False, RELAY, carried=True))
    member.do(ev.Arrived(ev.Query("board", start=9), (), True, RELAY, carried=True))
    assert knows_all_but(member, desk)
    assert member.device.board.places == before.places
    assert not stage.asked
    look(member, 20)
    assert member.device.board.places[RELAY] == len(board_frames(stage))


# ---- what a relay is shown


def test_what_one_relay_is_shown_serves_at_no_other_and_opens_nothing() -> None:
    stage = Stage((RELAY, OTHER))
    desk, member = members(stage)
    shown_at = {relay: post_at(desk.device.office.post, relay) for relay in stage.relays}
    assert {op.post for op in stage.asked if isinstance(op, Post)} == set(shown_at.values())
    boxes = {relay: {box for box, posted, _ in stage.relays[relay].entries() if posted} for relay in stage.relays}
    assert {posted_box(post).id for post in shown_at.values()} == boxes[RELAY] | boxes[OTHER]
    assert not boxes[RELAY] & boxes[OTHER]
    before = member.device.board.places
    stage.relays[OTHER].apply([Post(shown_at[RELAY], bytes(FRAME))], stage.now)
    look(member, 20)
    assert member.device.board.places == before
    for relay in member.device.table:
        with pytest.raises(CannotOpen):
            open_entry(board_frames(stage)[0], relay.board, member.device.card.board_key)


# ---- intake boxes


def test_intake_boxes_of_fifty_days_ahead_are_named_and_each_is_the_desks_own() -> None:
    stage = Stage()
    desk, member = members(stage)
    today = day_of(stage.now)
    days = range(today, today + boards.DAYS_AHEAD - DAYS_AN_ENTRY)
    named = {day: intake_ids(member, day) for day in days}
    ours = desk.device.office.intake
    for day, ids in named.items():
        lanes = [lane(ours, day, "intake", shard) for shard in range(desk.device.shards)]
        assert ids == tuple(tuple(box.id for box in where.boxes) for where in lanes)
    boxes = {box for ids in named.values() for places in ids for box in places}
    assert len(boxes) == len(named) * desk.device.shards * LANE_RELAYS


def test_who_holds_a_card_can_put_into_intake_and_neither_read_nor_empty_it() -> None:
    stage = Stage()
    desk, member = members(stage)
    stage.beat(member)
    member.do(ev.WriteReport("mine", None, None, ()))
    member.do(ev.SendNow())
    boxes = {box for box, _, _ in stage.relays[RELAY].entries()}
    today = day_of(stage.now)
    assert boxes & {box for places in intake_ids(member, today) for box in places}
    chain = member.device.card.chain
    purposes = ("intake", "relation", "return", "alarm")
    guesses = [guess for p in purposes for s in range(64) for guess in lane(chain, today, p, s).boxes]
    assert not boxes & {guess.id for guess in guesses}
    known = save(member.device)
    for shard in range(desk.device.shards):
        for box in lane(desk.device.office.intake, today, "intake", shard).boxes:
            assert box.ack not in known
            assert box.read not in known
    stage.beat(desk)
    assert [r.content.text for r in desk.reports.values()] == ["mine"]


def test_a_past_days_intake_boxes_cannot_be_named_from_a_later_card_and_the_whole_board() -> None:
    stage = Stage()
    desk, member = members(stage)
    stage.beat(member)
    past = member.device.board.intake_on(day_of(stage.now))
    assert past is not None
    for _ in range(4):
        stage.beat(desk, member, every=DAY)
    chain = member.device.card.chain
    assert chain.day > past.day
    for day in range(chain.day, chain.day + 60):
        with pytest.raises(CannotOpen):
            past.ids(chain.root_on(day))


def test_a_report_waits_while_no_intake_box_is_known_and_goes_when_the_board_names_one() -> None:
    stage = Stage()
    desk, member = members(stage)
    stage.beat(member)
    board = member.device.board
    member.device = structs.replace(member.device, board=structs.replace(board, intake=()))
    member.do(ev.WriteReport("patient", None, None, ()))
    member.do(ev.SendNow())
    assert member.device.reports[0].state == "waiting"
    member.device = structs.replace(member.device, board=board)
    stage.beat(member, desk)
    assert [r.content.text for r in desk.reports.values()] == ["patient"]


def test_an_entry_of_the_most_intake_boxes_fits_a_frame() -> None:
    for shards in (1, 8, 16, 17, SHARDS_MOST):
        stage = Stage()
        desk = stage.desk(shards=shards)
        assert len(desk.device.board.intake) >= boards.DAYS_AHEAD - DAYS_AN_ENTRY
        ids = [day.ids(desk.device.card.chain.root_on(day.day)) for day in desk.device.board.intake]
        assert all(len(day) == shards and all(len(places) == LANE_RELAYS for places in day) for day in ids)


def test_what_was_first_said_of_a_day_stays() -> None:
    day = seal_intake(20_000, ((bytes(32), bytes(32)),), bytes(32), bytes(24))
    other = seal_intake(20_000, ((b"x" * 32, b"y" * 32),), bytes(32), b"n" * 24)
    view, now = BoardView(), 20_000 * DAY
    for number, said in enumerate((day, other), start=1):
        body = encode(IntakeDays((said,)))
        view = apply_entry(view, Entry(1, number, view.head, now, EntryKind.INTAKE, body), bytes([number]), now)
    assert view.intake == (day,)


@pytest.mark.parametrize("case", cases("intake", "board"))
def test_a_days_boxes_are_sealed_as_the_vectors_say(case: Any) -> None:
    given, expected = case["input"], case["expected"]
    ids, root = tuple(tuple(map(bytes_of, places)) for places in given["ids"]), bytes_of(given["root"])
    day = seal_intake(given["day"], ids, root, bytes.fromhex(given["nonce"]))
    assert (day.sealed.hex(), encode(IntakeDays((day,))).hex()) == (expected["sealed"], expected["body"])
    assert day.ids(root) == ids


@pytest.mark.parametrize("case", bad_cases("intake", "board"))
def test_a_days_boxes_open_for_its_root_alone_and_whole(case: Any) -> None:
    given = case["input"]
    with pytest.raises(FAILS[case["fails"]]):
        IntakeDay(20_717, bytes.fromhex(given["sealed"])).ids(bytes.fromhex(given["root"]))
