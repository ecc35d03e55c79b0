"""The carrier's command: what it says for each relay, and that its exit status is honest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tercet.cli import app
from tercet.drop import MemoryStore, Post, Put, Read, RelayAddress, Stick, serve
from tercet.drop.carry import wall_clock
from tercet.drop.disk import DiskStore
from tercet.shell.failures import STATUS_DROP

from .things import box, certificate, frame, posted_box

B, P, PASS = box(1), posted_box(1), bytes(16)


@contextlib.contextmanager
def relay(folder: Path):
    """A relay with a pass, in a thread of its own: its store, and its address with the pass."""
    own, store, loop = certificate(folder), MemoryStore(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opening = serve(store, "127.0.0.1", 0, own.cert, own.key, clock=wall_clock, passes=[PASS])
    server = asyncio.run_coroutine_threadsafe(opening, loop).result(30)
    try:
        yield store, RelayAddress("127.0.0.1", server.port, own.fingerprint, PASS)
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def carry(*words: object):
    result = CliRunner().invoke(app, ["carry", "--json", *(str(word) for word in words)])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def test_a_visit_says_what_went_and_came(tmp_path: Path, stick: Path) -> None:
    with relay(tmp_path) as (store, address):
        part = Stick(stick).at(str(address))
        part.apply([Put(B.id, frame(1)), Read(P.read, posted=True)], wall_clock())
        store.apply([Post(P.ack, frame(2))], wall_clock())
        status, said = carry(stick, address)
        assert status == 0
        sums = {"items": 1, "fetched": 1, "acks": 0, "left": 0, "board": 1}
        assert said == [
            {"what": "visited", "relay": address.place, **sums},
            {"what": "board_stays", "count": 1},
        ]
        assert carry(address, stick)[0] == 0, "the order does not matter"
        assert (B.id, False, frame(1)) in store.entries()


def test_an_address_without_the_pass_is_explained_and_nothing_is_lost(tmp_path: Path, stick: Path) -> None:
    with relay(tmp_path) as (store, address):
        bare = RelayAddress(address.host, address.port, address.fingerprint)
        Stick(stick).at(str(bare)).apply([Put(B.id, frame(1))], wall_clock())
        status, said = carry(stick, bare)
        assert status == STATUS_DROP
        assert said[-1]["code"] == "no_pass"
        assert "address" in said[-1]["hint"]
        assert not list(store.entries())
        assert carry(stick, address)[0] == 0
        assert len(list(store.entries())) == 1


def test_a_relay_that_is_down_keeps_no_other_from_being_visited(tmp_path: Path, stick: Path) -> None:
    with relay(tmp_path) as (store, address):
        down = RelayAddress("127.0.0.1", 1, bytes(32))
        for each in (down, address):
            Stick(stick).at(str(each)).apply([Put(B.id, frame(1))], wall_clock())
        status, said = carry(stick, down, address)
        assert status == STATUS_DROP
        assert [(each["what"], each["relay"]) for each in said] == [
            ("not_visited", down.place),
            ("visited", address.place),
        ]
        assert said[0]["code"] == "relay_unreachable"
        assert len(list(store.entries())) == 1
        assert len(list(Stick(stick).at(str(down)).outgoing())) == 1


def test_an_address_at_which_no_relay_answers_fails_and_leaves_nothing_on_the_stick(
    tmp_path: Path, stick: Path
) -> None:
    store = tmp_path / "store"
    DiskStore(store).close()
    with socket.socket() as silent, relay(tmp_path) as (_, address):
        silent.bind(("127.0.0.1", 0))
        down = RelayAddress("127.0.0.1", silent.getsockname()[1], address.fingerprint, PASS)
        other_key = RelayAddress("127.0.0.1", address.port, bytes(32))
        for place, code in (
            (down, "relay_unreachable"),
            (other_key, "relay_wrong_key"),
            ("tercet://127.0.0.1:7443/aaaa", "bad_address"),
            ("127.0.0.1:7443", "no_store"),
        ):
            for words in ((stick, place), (place, stick), (store, place)):
                status, said = carry(*words)
                assert (status, [line["failed"] for line in said]) == (STATUS_DROP, [code])
                assert said[0]["hint"].endswith(".") and ". " not in said[0]["hint"]
            status, said = carry(stick, place, down)
            assert status == STATUS_DROP
            assert (said[0].get("failed") or said[0]["code"]) == code
        assert list(stick.iterdir()) == []


def test_a_relay_for_which_the_stick_holds_nothing_is_named_and_leaves_nothing_there(
    tmp_path: Path, stick: Path
) -> None:
    with relay(tmp_path) as (_, address):
        status, said = carry(stick, address)
        assert status == 0
        assert said[-1] == {"what": "nothing_for_relay", "relay": address.place}
        assert list(stick.iterdir()) == []


def test_from_stick_to_stick(tmp_path: Path, stick: Path) -> None:
    (tmp_path / "other").mkdir()
    Stick(stick).at(str(RelayAddress("a.example", 1, bytes(32)))).apply([Put(B.id, frame(1))], wall_clock())
    status, said = carry(stick, tmp_path / "other")
    assert (status, said[0]["what"], said[0]["items"]) == (0, "carried", 1)


def test_several_places_are_relays_for_a_stick_to_visit(tmp_path: Path, stick: Path) -> None:
    (tmp_path / "other").mkdir()
    status, said = carry(stick, tmp_path / "other", stick)
    assert (status, said[-1]["failed"]) == (STATUS_DROP, "cannot_carry")
