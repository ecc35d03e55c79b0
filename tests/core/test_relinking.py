"""Relinking: two partners whose link was cut out come to one link again, the same for both."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import channel as letters
from tercet.core import encounter, relinking
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.channel import LetterKind
from tercet.core.relation import Relation
from tercet.core.turn import Turn

from .scenes import relation
from .stage import Actor, Stage
from .test_accusing import put_burn
from .test_dealing import tree
from .test_parting import names, points


def orphaned() -> tuple[Stage, Actor, Actor, Actor, Actor]:
    """A desk, a founder who is left, and a pair of partners whose link was cut out."""
    stage, desk, first, second, third, fourth = tree()
    stage.meet(third, fourth, Role.PARTNER)
    stage.beat(third, fourth, rounds=3)
    put_burn(second, *points(first)[:2])
    stage.beat(desk, second, third, fourth, rounds=3)
    assert (names(third), names(fourth)) == ({"fourth"}, {"third"})
    return stage, desk, second, third, fourth


def founder(stage: Stage, desk: Actor, name: str) -> Actor:
    other = stage.actor(name)
    stage.meet(desk, other, Role.DESK)
    stage.beat(desk, other, rounds=2)
    return other


def tried(link: Actor, below: Actor) -> bool:
    """Whether a meeting of the two, as link and below, is kept."""
    link.do(ev.Invite(below.name, Role.LINK))
    code = link.heard("meeting_code")[-1].facts
    below.do(ev.Join(link.name, code["code"], code["relay"]))
    for _ in range(6):
        link.do(ev.Look())
        below.do(ev.Look())
    if below.device.meeting is not None:
        link.do(ev.SameWords())
        below.do(ev.SameWords())
        link.do(ev.Look())
        below.do(ev.Look())
    return link.name in names(below)


def other_link_is_kept() -> bool:
    """Whether the partner of one who has a new link can come to another link, once the letters are through."""
    stage, desk, second, third, fourth = orphaned()
    stage.meet(second, third, Role.LINK)
    stage.beat(third, fourth, second, rounds=4)
    return tried(founder(stage, desk, "sixth"), fourth)


def test_two_whose_link_was_cut_out_come_to_the_same_new_link() -> None:
    stage, desk, second, third, fourth = orphaned()
    stage.meet(second, third, Role.LINK)
    stage.beat(third, fourth, second, rounds=4)
    assert relation(fourth, "third").pair == relation(third, "second").pair != b""
    assert tried(second, fourth)
    stage.beat(third, fourth, second, rounds=4)
    assert relation(fourth, "second").pair == relation(third, "second").pair
    assert (relation(fourth, "third").pair, relation(third, "fourth").pair) == (b"", b"")
    assert names(second) == {"desk", "third", "fourth"}
    assert not third.heard("pair_differs") + fourth.heard("pair_differs")
    assert all(relation(second, name).share for name in ("third", "fourth"))


def test_the_partner_of_one_with_a_new_link_comes_to_no_other() -> None:
    assert not other_link_is_kept()


def test_a_device_that_does_not_tell_its_partner_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relinking, "say", lambda turn, new: None)
    assert other_link_is_kept()


def test_two_who_took_different_links_at_once_are_told() -> None:
    stage, desk, second, third, fourth = orphaned()
    sixth = founder(stage, desk, "sixth")
    stage.meet(second, third, Role.LINK)
    assert tried(sixth, fourth)
    stage.beat(third, fourth, second, sixth, rounds=4)
    assert third.heard("pair_differs")
    assert fourth.heard("pair_differs")


def test_in_a_cell_that_was_never_cut_no_such_letter_is_written() -> None:
    stage, desk, first, second, third, fourth = tree()
    stage.meet(third, fourth, Role.PARTNER)
    everyone = (desk, first, second, third, fourth)
    assert not [w for a in everyone for r in a.device.relations for w in r.channel.waiting if w.kind == LetterKind.PAIR]


@pytest.mark.parametrize("body", [b"", bytes(31), bytes(33)])
def test_bytes_that_are_no_pair_secret_change_nothing(body: bytes) -> None:
    _, _, _, third, fourth = orphaned()
    turn = Turn(fourth.device, fourth.stage.now, fourth.chance)
    relinking.take(turn, relation(fourth, "third").id, letters.Letter(1, 9, 0, 9, 0, LetterKind.PAIR, body))
    assert turn.device == fourth.device


def test_only_a_partner_says_it_and_only_to_one_it_has_met() -> None:
    stage, desk, first, second, third, _ = tree()
    turn = Turn(third.device, stage.now, third.chance)
    relinking.take(turn, relation(third, "first").id, letters.Letter(1, 9, 0, 9, 0, LetterKind.PAIR, bytes(32)))
    assert turn.device == third.device
    new: Relation = msgspec.structs.replace(relation(second, "desk"), id=b"n" * 16, pair=b"p" * 32)
    unmet = tuple(msgspec.structs.replace(r, met=False) for r in second.device.relations)
    turn = Turn(msgspec.structs.replace(second.device, relations=unmet), stage.now, second.chance)
    encounter.relinking.say(turn, new)
    assert turn.device.relations == unmet
