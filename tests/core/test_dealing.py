"""Dealing: who holds which share of whose line, through introductions, lost steps and neighbours that lie."""

from __future__ import annotations

import msgspec

from tercet.core import channel as letters
from tercet.core import events as ev
from tercet.core.burning import SHARE, Shares, agrees, burns, draw, point_of
from tercet.core.cell import Role
from tercet.core.channel import LetterKind
from tercet.core.relation import Relation
from tercet.core.state import load, save

from .scenes import founders, relation
from .stage import Actor, Stage


def shares(actor: Actor) -> Shares:
    return Shares(*actor.device.shares)


def with_relation(actor: Actor, name: str, **fields: object) -> None:
    """Put a changed neighbour into a device."""
    old = relation(actor, name)
    new = msgspec.structs.replace(old, **fields)
    kept = tuple(new if r.id == old.id else r for r in actor.device.relations)
    actor.device = msgspec.structs.replace(actor.device, relations=kept)


def write_share(actor: Actor, to: str, body: bytes) -> None:
    channel = letters.write(relation(actor, to).channel, LetterKind.SHARE, body)
    with_relation(actor, to, channel=channel)


def tree() -> tuple[Stage, Actor, Actor, Actor, Actor, Actor]:
    """A desk, two founders who are partners, and a pair below the first; all have dealt."""
    stage, desk, first, second = founders()
    third, fourth = stage.actor("third"), stage.actor("fourth")
    stage.meet(first, third, Role.LINK)
    stage.meet(first, fourth, Role.LINK)
    stage.beat(first, third, fourth, rounds=4)
    return stage, desk, first, second, third, fourth


def test_each_neighbour_holds_the_share_of_its_place_and_the_pair_below_one_between_them() -> None:
    _, desk, first, second, third, fourth = tree()
    own = shares(first)
    assert len(set(own)) == 4
    assert relation(desk, "first").share == own.link
    assert relation(second, "first").share == own.partner
    assert relation(third, "first").share == own.below
    assert relation(fourth, "first").share == own.below
    assert all(r.dealt for r in first.device.relations)


def test_two_neighbours_burn_and_the_pair_below_alone_does_not() -> None:
    _, desk, first, second, third, fourth = tree()
    held = {a.name: relation(a, "first").share for a in (desk, second, third, fourth)}
    points = {name: point_of(share) for name, share in held.items()}
    for pair in (("desk", "second"), ("desk", "third"), ("second", "fourth")):
        assert all(burns(share, points[pair[0]], points[pair[1]]) for share in held.values())
    assert not any(burns(share, points["third"], points["fourth"]) for share in held.values())
    assert agrees(held["third"], point_of(shares(first).own))


def test_no_share_of_one_member_goes_with_a_share_of_another() -> None:
    _, desk, first, second, *_ = tree()
    assert not agrees(relation(desk, "first").share, point_of(relation(desk, "second").share))
    assert not set(shares(first)) & set(shares(second))


def test_the_desk_draws_no_line() -> None:
    _, desk, *_ = tree()
    assert desk.device.shares == ()
    assert not any(relation(desk, name).dealt for name in ("first", "second"))


def test_a_share_is_drawn_in_an_earlier_step_than_it_is_sealed() -> None:
    stage = Stage()
    desk, first = stage.desk(), stage.actor("first")
    stage.meet(desk, first, Role.DESK)
    assert not relation(first, "desk").dealt
    first.do(ev.SendNow())
    (letter,) = [w for w in relation(first, "desk").channel.waiting if w.kind == LetterKind.SHARE]
    assert (letter.body, letter.times, relation(first, "desk").dealt) == (shares(first).link, 0, True)


def test_a_lost_step_deals_the_same_share_again() -> None:
    stage = Stage()
    desk, first = stage.desk(), stage.actor("first")
    stage.meet(desk, first, Role.DESK)
    first.do(ev.SendNow())
    saved = save(first.device)
    first.do(ev.SendNow())
    desk.do(ev.SendNow())
    before = relation(desk, "first").share
    first.device = load(saved)
    first.do(ev.WentBack())
    stage.beat(first, desk, rounds=4)
    assert len(before) == SHARE
    assert relation(desk, "first").share == before == shares(first).link
    assert relation(first, "desk").channel.waiting == ()


def test_who_fills_a_place_again_gets_the_share_of_the_place() -> None:
    stage, _, first, second, *_ = tree()
    before = relation(second, "first").share
    gone = relation(first, "second")
    first.device = msgspec.structs.replace(
        first.device, relations=tuple(r for r in first.device.relations if r.id != gone.id)
    )
    second.device = msgspec.structs.replace(second.device, relations=())
    other = stage.actor("other")
    stage.meet(first, other, Role.PARTNER)
    stage.beat(first, other, rounds=3)
    assert relation(other, "first").share == before


def test_a_share_waits_until_words_were_compared() -> None:
    stage, _, first, second = founders()
    for actor, name in ((first, "second"), (second, "first")):
        with_relation(actor, name, met=False, likeness=b"l" * 32, dealt=False, share=b"")
    stage.beat(first, second, rounds=3)
    assert not relation(first, "second").dealt
    assert relation(second, "first").share == b""
    first.do(ev.WordsAgree("second"))
    stage.beat(first, second, rounds=3)
    assert relation(second, "first").share == shares(first).partner
    assert relation(first, "second").share == b"", "the second has not compared yet"


def test_the_first_share_counts_and_a_later_one_changes_nothing() -> None:
    stage, _, first, second = founders()
    before = relation(second, "first").share
    write_share(first, "second", draw(b"another line" + bytes(20)).partner)
    stage.beat(first, second, rounds=3)
    assert relation(first, "second").channel.waiting == ()
    assert relation(second, "first").share == before


def test_bytes_that_are_no_share_are_acknowledged_and_not_kept() -> None:
    stage, _, first, second = founders()
    right = relation(second, "first").share
    with_relation(second, "first", share=b"")
    for wrong in (b"", right[:-1], right + b"\0", b"\xff" * SHARE):
        write_share(first, "second", wrong)
    stage.beat(first, second, rounds=6)
    assert relation(first, "second").channel.waiting == ()
    assert relation(second, "first").share == b""
    write_share(first, "second", right)
    stage.beat(first, second, rounds=2)
    assert relation(second, "first").share == right


def test_a_device_keeps_no_line_but_four_shares() -> None:
    drawn: list[bytes] = []
    stage = Stage()
    desk, first = stage.desk(), stage.actor("first")
    stage.meet(desk, first, Role.DESK)
    chance = first.chance

    def noted(size: int) -> bytes:
        drawn.append(chance(size))
        return drawn[-1]

    first.chance = noted
    first.do(ev.SendNow())
    seeds = [seed for seed in drawn if len(seed) == 32 and draw(seed) == shares(first)]
    assert len(seeds) == 1
    assert seeds[0] not in save(first.device)
    held: list[Relation] = list(first.device.relations)
    assert [r.share for r in held] == [b""]
