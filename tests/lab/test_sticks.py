"""A stick takes, brings and remembers."""

from __future__ import annotations

from tercet.drop import FRAME, Ack, Acked, Items, MemoryStore, Op, Put, Read, Stored, id_of_read, name_of, read_of_ack
from tercet.lab.sticks import Stick

ACK = bytes(32)
READ = Read(read_of_ack(ACK), limit=4)
FRAMES = [bytes([n]) * FRAME for n in range(3)]


def relay(store: MemoryStore) -> object:
    return lambda _, op: store.apply([op], 1_000)[0]


def full() -> MemoryStore:
    store = MemoryStore()
    store.apply([Put(id_of_read(READ.read), frame) for frame in FRAMES], 1_000)
    return store


def test_what_is_put_is_stored_at_once_and_handed_over_later() -> None:
    stick, store = Stick(), MemoryStore()
    assert stick.ask("r", Put(bytes(32), FRAMES[0])) == Stored()
    assert not list(store.entries())
    stick.carry(relay(store))  # type: ignore[arg-type]
    stick.carry(relay(store))  # type: ignore[arg-type]
    assert [item for _, _, item in store.entries()] == [FRAMES[0]]


def test_what_lies_in_a_wanted_box_is_there_after_the_next_round() -> None:
    stick = Stick()
    assert stick.ask("r", READ) == Items((), False)
    stick.carry(relay(full()))  # type: ignore[arg-type]
    assert stick.ask("r", READ) == Items(tuple(FRAMES), False)
    assert stick.ask("r", Read(READ.read, start=1)) == Items((FRAMES[1],), True)


def test_what_was_let_go_is_not_shown_again_and_goes_at_the_relay() -> None:
    stick, store = Stick(), full()
    stick.ask("r", READ)
    stick.carry(relay(store))  # type: ignore[arg-type]
    assert stick.ask("r", Ack(ACK, name_of(FRAMES[1]))) == Acked()
    assert stick.ask("r", READ) == Items((FRAMES[0], FRAMES[2]), False)
    stick.carry(relay(store))  # type: ignore[arg-type]
    assert [item for _, _, item in store.entries()] == [FRAMES[0], FRAMES[2]]


def test_what_a_dead_relay_did_not_take_is_tried_again() -> None:
    stick, store = Stick(), MemoryStore()
    stick.ask("r", Put(bytes(32), FRAMES[0]))
    stick.carry(lambda _, op: None)
    stick.carry(relay(store))  # type: ignore[arg-type]
    assert len(list(store.entries())) == 1


def test_an_empty_box_is_wanted_until_the_device_says_afresh_what_it_wants() -> None:
    asked: list[Op] = []
    stick = Stick()
    stick.ask("r", READ)
    stick.forget()
    stick.carry(lambda _, op: asked.append(op))  # type: ignore[func-returns-value]
    assert asked == []
