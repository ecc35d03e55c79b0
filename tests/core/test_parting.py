"""Parting: two points on the board, and the neighbours of one member drop it; nobody else notices anything."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import publishing
from tercet.core.beat import name_of
from tercet.core.burning import PRIME, draw, point_of
from tercet.core.card import Card
from tercet.core.cases import office
from tercet.core.cell import Role
from tercet.core.entry import Burn, Entry, EntryKind, body_of, burn_of, parse_entry
from tercet.core.errors import Refusal
from tercet.core.events import Query
from tercet.core.fields import Malformed, encode
from tercet.core.introduction import Bringing, Brought, Declined, Introductions
from tercet.core.state import save
from tercet.core.turn import Turn
from tests.sealing.cases import bad_cases, cases

from .entries import seal_entry
from .scenes import relation, send_letter
from .stage import Actor, Stage
from .test_dealing import shares, tree

OTHER = draw(b"a line of nobody's" + bytes(14))


def post(desk: Actor, first: bytes, second: bytes, commitments: tuple[bytes, ...] = ()) -> None:
    """The desk posts two points, and puts them at its relays."""
    turn = Turn(desk.device, desk.stage.now, desk.chance)
    publishing.post_burn(turn, (first, second), commitments)
    desk.device = turn.device
    for effect in turn.effects:
        desk.act(effect)
    desk.do(ev.SendNow())


def names(actor: Actor) -> set[str]:
    return {r.name for r in actor.device.relations}


def points(actor: Actor) -> list[bytes]:
    return [point_of(share) for share in shares(actor)]


def card_of(actor: Actor) -> Card:
    assert actor.device.card is not None
    return actor.device.card


def burned() -> tuple[Stage, Actor, Actor, Actor, Actor, Actor]:
    """The first was taken; its partner's point and its link's are on the board, and all have read it."""
    stage, desk, first, second, third, fourth = tree()
    post(desk, point_of(relation(second, "first").share), point_of(relation(desk, "first").share))
    stage.beat(second, third, fourth, desk)
    return stage, desk, first, second, third, fourth


@pytest.mark.parametrize("case", cases("post", "burn"))
def test_the_body_of_a_burn(case: dict[str, Any]) -> None:
    first, second = (bytes.fromhex(case["input"][name]) for name in ("first", "second"))
    assert encode(burn_of(first, second)).hex() == encode(burn_of(second, first)).hex() == case["expected"]["body"]
    entry = Entry(1, 1, bytes(32), 0, EntryKind.BURN, bytes.fromhex(case["expected"]["body"]))
    assert body_of(entry) == burn_of(first, second)


@pytest.mark.parametrize("case", bad_cases("post", "burn"))
def test_bytes_that_are_no_body_of_a_burn(case: dict[str, Any]) -> None:
    assert case["fails"] == "malformed"
    entry = Entry(1, 1, bytes(32), 0, EntryKind.BURN, bytes.fromhex(case["input"]["body"]))
    with pytest.raises(Malformed):
        parse_entry(encode(entry))


def test_every_neighbour_of_a_burned_member_drops_it_and_its_owner_is_told_once() -> None:
    _, desk, first, second, third, fourth = burned()
    for actor in (desk, second, third, fourth):
        assert "first" not in names(actor), actor.name
        assert [tell.facts for tell in actor.heard("burned")] == [{"name": "first"}]
    assert names(desk) == {"second"}
    assert names(second) == {"desk"}
    assert not first.heard("burned")


def test_nothing_of_a_burned_neighbour_is_left_in_a_device() -> None:
    stage, desk, _, second, *_ = tree()
    gone = relation(second, "first")
    looks = {name_of(Query("relation", r.id, stage.now // 86_400), ""): 7 for r in second.device.relations}
    second.device = msgspec.structs.replace(second.device, looked=looks)
    post(desk, point_of(gone.share), point_of(relation(desk, "first").share))
    stage.beat(second)
    saved = save(second.device)
    for secret in (gone.id, gone.share, gone.chain.root, gone.session, point_of(gone.share), gone.id[:5]):
        assert secret not in saved
    assert len(second.device.looked) == 1


def test_a_captor_who_keeps_the_device_gets_nothing_through_its_neighbours_any_more() -> None:
    stage, desk, first, second, third, fourth = burned()
    before = [(n.text, n.came) for a in (desk, second, third, fourth) for r in a.device.relations for n in r.notes]
    for name in names(first):
        send_letter(first, name, "Where do you live?")
    heard = {r.name: r.channel.heard for r in first.device.relations}
    stage.now += 3_600
    stage.beat(second, third, fourth, desk, first, rounds=4)
    after = [(n.text, n.came) for a in (desk, second, third, fourth) for r in a.device.relations for n in r.notes]
    assert after == before
    assert {r.name: r.channel.heard for r in first.device.relations} == heard
    assert all(any(w.body == b"Where do you live?" for w in r.channel.waiting) for r in first.device.relations)


def test_the_place_of_a_burned_neighbour_is_free_and_others_go_on() -> None:
    stage, desk, _, second, *_ = burned()
    other = stage.actor("other")
    stage.meet(second, other, Role.PARTNER)
    assert names(second) == {"desk", "other"}
    send_letter(second, "desk", "She was taken.")
    stage.beat(desk, second, rounds=2)
    assert [n.text for n in relation(desk, "second").notes] == ["She was taken."]


@pytest.mark.parametrize("wrong", ["one and made up", "two of nobody", "two lines"])
def test_two_points_that_belong_to_no_line_of_ours_burn_nobody(wrong: str) -> None:
    stage, desk, first, second, third, fourth = tree()
    pair = {
        "one and made up": (points(first)[1], point_of(OTHER.own)),
        "two of nobody": (point_of(OTHER.own), point_of(OTHER.link)),
        "two lines": (points(first)[1], points(second)[1]),
    }[wrong]
    everyone = (desk, first, second, third, fourth)
    before = [names(actor) for actor in everyone]
    post(desk, *pair)
    stage.beat(*everyone)
    assert [names(actor) for actor in everyone] == before
    assert not any(actor.heard("burned") for actor in everyone)
    assert second.device.board.number == desk.device.board.number, "it was read"


def test_a_burn_posted_twice_and_read_twice_is_taken_in_once() -> None:
    stage, desk, first, second, third, fourth = burned()
    pair = point_of(shares(first).partner), point_of(shares(first).link)
    post(desk, *pair)
    stage.beat(second, third, fourth, rounds=3)
    assert len(second.heard("burned")) == len(third.heard("burned")) == 1


def test_a_burn_that_the_desk_did_not_sign_burns_nobody() -> None:
    stage, desk, first, second, *_ = tree()
    before = second.device
    view, card = before.board, card_of(second)
    body = encode(burn_of(*points(first)[1:3]))
    entry = Entry(1, view.number + 1, view.head, stage.now, EntryKind.BURN, body)
    right = seal_entry(entry, office(Turn(desk.device, 0, desk.chance)).signer, card.board_secret)[0]
    for frame, there in ((seal_entry(entry, bytes(32), card.board_secret)[0], True), (right, False)):
        second.do(ev.Arrived(Query("board", start=view.number), (frame,), False, second.device.relays[0]))
        assert ("first" in names(second)) is there


def test_an_introduction_that_hangs_on_a_burned_neighbour_is_over() -> None:
    stage, desk, _, second, *_ = tree()
    gone, kept = relation(second, "first"), relation(second, "desk")
    second.device = msgspec.structs.replace(
        second.device,
        introductions=Introductions(
            Bringing(b"b" * 16, (kept.id, gone.id), stage.now),
            Brought(b"i" * 16, gone.id, stage.now, 0, Role.LINK, bytes(32)),
            (Declined(b"d" * 16, gone.id, stage.now + 9_000), Declined(b"e" * 16, kept.id, stage.now + 9_000)),
        ),
    )
    post(desk, point_of(gone.share), point_of(relation(desk, "first").share))
    stage.beat(second)
    left = second.device.introductions
    assert (left.bringing, left.brought) == (None, None)
    assert [d.by for d in left.declined] == [kept.id]


def test_only_a_desk_posts_and_only_two_points_with_a_line() -> None:
    _, desk, first, *_ = tree()
    with pytest.raises(Refusal, match="not_the_desk"):
        publishing.post_burn(
            Turn(first.device, first.stage.now, first.chance), (points(first)[0], points(first)[1]), ()
        )
    same = points(first)[0]
    for pair in ((same, same), (same, b"\xff" * 64), (same[:-1], points(first)[1])):
        with pytest.raises(Malformed):
            publishing.post_burn(Turn(desk.device, desk.stage.now, desk.chance), pair, ())


def test_the_order_on_the_board_says_nothing_of_who_gave_which() -> None:
    assert burn_of(point_of(OTHER.own), point_of(OTHER.link)) == burn_of(point_of(OTHER.link), point_of(OTHER.own))
    assert isinstance(burn_of(point_of(OTHER.own), point_of(OTHER.link)), Burn)
    assert PRIME.bit_length() == 255
