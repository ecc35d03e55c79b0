"""A stick brings requests to relays, and what they answered back."""

from __future__ import annotations

from tercet.core.effects import PutItem, ReadBox
from tercet.core.events import Query
from tercet.drop import Answer, Items, Op, Put, Read, Stored
from tercet.lab.sticks import Stick

PUT = PutItem(b"", (("r1", bytes(32)),), bytes(4096))
READ = ReadBox(Query("cover"), bytes(32), "r2")


def stick() -> Stick:
    made = Stick()
    made.note("r1", Put(bytes(32), bytes(4096)), PUT)
    made.note("r2", Read(bytes(32)), READ)
    return made


def answers(relay: str, op: Op) -> Answer | None:
    return Stored() if relay == "r1" else Items((), False)


def test_what_relays_answered_is_brought_back_once() -> None:
    taken = stick()
    taken.carry(answers)
    assert taken.take() == [(PUT, "r1", Stored()), (READ, "r2", Items((), False))]
    assert taken.take() == []


def test_what_a_dead_relay_did_not_take_is_tried_again() -> None:
    taken = stick()
    taken.carry(lambda relay, op: answers(relay, op) if relay == "r1" else None)
    taken.carry(answers)
    assert [effect for effect, _, _ in taken.take()] == [PUT, READ]
