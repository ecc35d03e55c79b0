"""Relays: which are asked, which are left alone, and that none is replaced by another way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest

from tercet.drop import (
    REFUSAL_HINTS,
    Answer,
    DropFailure,
    Items,
    LocalDrop,
    MemoryStore,
    Op,
    Put,
    Read,
    Refusal,
    Refused,
    Stored,
)
from tercet.shell.relays import PAUSE, Relays, try_pass

from .world import UNREACHABLE

OP = Read(bytes(32))
PUT = Put(bytes(32), bytes(4096))


class Fake:
    """A drop that fails as long as its world says so."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.relay_clock = 7
        self.closed = False
        self.gate: asyncio.Event | None = None

    async def perform(self, ops: Sequence[Op]) -> list[Answer]:
        if self.gate is not None:
            await self.gate.wait()
        if self.closed or self.book.failure is not None:
            raise self.book.failure or UNREACHABLE
        if isinstance(ops[0], Put):
            return [Refused(self.book.refuses) if self.book.refuses else Stored()]
        return [Items((), False)]

    async def close(self) -> None:
        self.closed = True


class Book:
    def __init__(self) -> None:
        self.now = 0.0
        self.failure: DropFailure | None = None
        self.refuses = ""
        self.opened: list[Fake] = []
        self.relays = Relays(self.open_drop, lambda: self.now)

    def open_drop(self, address: str) -> Fake:
        self.opened.append(Fake(self))
        return self.opened[-1]

    def ask(self, relay: str = "a", op: Op = OP) -> Answer | None:
        return asyncio.run(self.relays.ask(relay, op))


def test_one_drop_serves_a_relay_as_long_as_it_answers() -> None:
    book = Book()
    assert book.ask() == book.ask() == Items((), False)
    assert len(book.opened) == 1
    assert book.relays.clocks_said() == [7]
    assert book.relays.clocks_said() == []


def test_a_relay_that_failed_is_left_alone_for_a_while_then_asked_afresh() -> None:
    book = Book()
    book.failure = UNREACHABLE
    assert book.ask() is None
    assert book.relays.troubles == {"a": UNREACHABLE}
    book.failure, book.now = None, PAUSE - 0.1
    assert book.ask() is None
    assert len(book.opened) == 1
    book.now = PAUSE
    assert book.ask() == Items((), False)
    assert book.relays.troubles == {}
    assert book.opened[0].closed


def test_trouble_at_one_relay_does_not_touch_another() -> None:
    book = Book()
    book.failure = UNREACHABLE
    assert book.ask("a") is None
    book.failure = None
    assert book.ask("b") == Items((), False)


def test_a_relay_that_takes_nothing_is_complained_of_until_it_takes_again_and_counts_as_one_that_answers() -> None:
    book = Book()
    book.refuses = "no_pass"
    assert book.ask(op=PUT) == Refused("no_pass")
    book.ask()  # reading needs no pass, and changes nothing about that
    complaint = book.relays.complaints()["a"]
    assert (complaint.code, complaint.hint) == ("no_pass", REFUSAL_HINTS[Refusal.NO_PASS])
    assert book.relays.alone().complaints() == book.relays.complaints()
    assert not book.relays.down("a")
    book.refuses = ""
    assert book.ask(op=PUT) == Stored()
    assert book.relays.complaints() == {}


def test_nobody_is_told_of_a_refusal_that_met_another_pass_than_counts_now() -> None:
    book = Book()
    book.refuses = "no_pass"
    book.ask(op=PUT)
    assert not book.relays.dressed_anew
    book.relays.dress = lambda address: f"{address}/this week's"
    assert book.relays.dressed_anew
    assert book.relays.complaints() == {}
    book.ask(op=PUT)
    assert not book.relays.dressed_anew
    assert book.relays.complaints()["a"].code == "no_pass"


def test_a_pass_is_tried_without_leaving_anything_at_the_relay() -> None:
    store, book = MemoryStore(), Book()
    asyncio.run(try_pass(LocalDrop(store, lambda: 1), os.urandom))
    assert not list(store.entries())
    book.refuses = "no_pass"
    with pytest.raises(DropFailure, match="the last part") as failed:
        asyncio.run(book.relays.try_pass("a", os.urandom))
    assert failed.value.code == "no_pass"
    assert book.opened[0].closed
    assert not book.relays.complaints()


def test_an_address_that_is_none_is_trouble_and_not_the_end() -> None:
    def refuse(address: str) -> Fake:
        raise DropFailure("bad_address", "This is no address.")

    relays = Relays(refuse, lambda: 0.0)
    assert asyncio.run(relays.ask("a", OP)) is None
    assert relays.troubles["a"].code == "bad_address"


def test_an_old_connection_that_fails_late_does_not_close_the_new_one() -> None:
    book = Book()

    async def scene() -> None:
        assert await book.relays.ask("a", OP)
        old = book.opened[0]
        old.gate = asyncio.Event()
        late = asyncio.create_task(book.relays.ask("a", OP))
        await asyncio.sleep(0)
        book.relays._drops.clear()
        assert await book.relays.ask("a", OP)
        old.closed = True
        old.gate.set()
        assert await late is None
        assert not book.opened[1].closed

    asyncio.run(scene())


def test_one_that_fails_while_another_answers_is_no_fault() -> None:
    book = Book()

    async def scene() -> None:
        first = asyncio.create_task(book.relays.ask("a", OP))
        await asyncio.sleep(0)
        book.relays._drops.clear()
        assert await first == Items((), False)

    asyncio.run(scene())
