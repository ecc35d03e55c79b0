"""A relay that listens: what its log tells of devices that beat over TLS, and what a faulty client would give away."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from tercet.core import events as ev
from tercet.desk.service import DeskService
from tercet.drop import Put, RelayAddress, RelayClient, client, serve
from tercet.lab.exposure import Exposure
from tercet.lab.heard import exposure_of_log, read_log
from tercet.lab.law import ROWS, breaches
from tercet.lab.seizure import SeizureError
from tercet.lab.ties import Touch, addresses_of, ties_of
from tercet.member.service import MemberService
from tercet.sealing import LOW_COST, relay_identity
from tercet.shell.relays import Relays
from tercet.vault import open_vault

from ..shell.founded import founded
from ..shell.world import PASSPHRASE, RELAY, World, run
from .listening import Notes, listen

ROW = "relay, run by the captor"
WHO = {"127.0.0.11": "desk", "127.0.0.12": "amal", "127.0.0.13": "badr"}
NAME = "amal of Mill Street"
BEATS, FEW = 24, 6


class Bound(RelayClient):
    """A client that comes from one address, as each device does."""

    def __init__(self, address: RelayAddress, source: str) -> None:
        super().__init__(address)
        self.source = source

    async def _tunnel(self) -> socket.socket:
        line = socket.socket()
        line.bind((self.source, 0))
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (self.address.host, self.address.port))
        return line


async def _beats(world: World, log: Path, patch: pytest.MonkeyPatch, beats: int) -> None:
    """All three beat at a real relay; each operation goes when its turn comes, as under cover."""
    made = relay_identity()
    for name, data in (("crt", made.cert_pem), ("key", made.key_pem)):
        (world.folder / name).write_bytes(data)
    listen(Notes(log, lambda: float(world.now)), patch)
    store = world.relays[RELAY]
    relay = await serve(store, "127.0.0.1", 0, world.folder / "crt", world.folder / "key", clock=world.clock)
    address = RelayAddress("127.0.0.1", relay.port, made.fingerprint)
    services = [_service(world, name, address, source) for source, name in WHO.items()]
    for service in services:
        await service.open()
    for _ in range(beats):
        world.now += 1_800
        for service in services:
            await service.engine.do(ev.Beat(1_800))
            await asyncio.gather(*service.engine._later)
    for service in services:
        await service.close()
    await relay.close()


def _service(world: World, name: str, address: RelayAddress, source: str) -> Any:
    vault = open_vault(world.folder / name / "vault", PASSPHRASE, cost=LOW_COST)
    place = () if name != "desk" else (world.folder / name / "archive",)
    kind: Any = DeskService if place else MemberService
    service = kind(vault, lambda _: Bound(address, source), world.clock, *place)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    service.engine.sleep = at_once
    return service


def heard(folder: Path, patch: pytest.MonkeyPatch, beats: int = FEW) -> tuple[Exposure, bytes]:
    """What the log of a relay yields at which all beat."""
    world, log = founded(folder), folder / "log"
    run(_beats(world, log, patch, beats))
    found = read_log(log)
    return exposure_of_log(found, ()), bytes(found.data)


@pytest.mark.full
def test_a_log_shows_who_writes_to_whom_by_address_and_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, data = heard(tmp_path, monkeypatch, BEATS)
    assert breaches(ROW, seen) == ()
    mutual = {(WHO[tie.one], WHO[tie.other]) for tie in seen.ties if tie.there and tie.back}
    assert mutual == {("desk", "amal"), ("desk", "badr"), ("amal", "badr")}
    assert {WHO[one.address] for one in seen.addresses if one.intake} == {"desk"}
    assert b"tercet" not in data.lower()
    for one in seen.addresses:
        if WHO[one.address] != "desk":
            assert (one.puts, one.shared) == (BEATS, 0)


def test_a_client_that_keeps_one_connection_for_several_boxes_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stays(_: Relays) -> None:
        pass

    monkeypatch.setattr(Relays, "alone", lambda self: self)
    monkeypatch.setattr(Relays, "close", stays)
    seen, _ = heard(tmp_path, monkeypatch)
    assert {WHO[one.address] for one in seen.addresses if one.shared} >= {"amal", "badr"}


@pytest.mark.full
def test_a_client_that_says_who_it_is_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect: Any = client.ws_connect

    async def says(*given: Any, **named: Any) -> Any:
        return await connect(*given, extra_headers={"User-Agent": NAME}, **named)

    monkeypatch.setattr(client, "ws_connect", says)
    seen, data = heard(tmp_path, monkeypatch)
    assert NAME.encode() in data
    assert "bytes that no field accounts for" in "; ".join(breaches(ROW, seen))


def test_a_client_that_puts_its_name_in_clear_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    perform = Bound.perform

    async def clear(self: Any, ops: Any, **more: Any) -> Any:
        named = [Put(op.box, (NAME.encode() * 300)[:4_096]) if isinstance(op, Put) else op for op in ops]
        return await perform(self, named, **more)

    monkeypatch.setattr(Bound, "perform", clear)
    seen, _ = heard(tmp_path, monkeypatch)
    assert "bytes that no field accounts for" in "; ".join(breaches(ROW, seen))


def test_no_other_row_may_know_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touches = [Touch(1, "a", 0, "put", b"x"), Touch(2, "b", 1, "read", b"x")]
    seen = Exposure("relay", addresses=addresses_of(touches), ties=ties_of(touches), powers=("withhold",))
    assert [row for row in ROWS if not breaches(row, seen)] == [ROW]


def test_a_box_that_several_put_into_ties_nobody_and_names_the_desk() -> None:
    touches = [Touch(n, who, n, "put", b"wide") for n, who in enumerate("ab")] + [Touch(3, "d", 3, "read", b"wide")]
    touches += [Touch(4, "d", 4, "put", b"answer"), Touch(5, "a", 5, "read", b"answer")]
    (tie,) = ties_of(touches)
    assert (tie.one, tie.other, tie.there, tie.back, tie.frames) == ("a", "d", 0, 1, 1)
    assert [one.address for one in addresses_of(touches) if one.intake] == ["d"]


@pytest.mark.parametrize("text", ["no log", "{}", '{"connection": 1, "at": 1, "asked": "AAAA", "x": 1}'])
def test_what_is_no_log_fails_with_a_code(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text + "\n")
    with pytest.raises(SeizureError) as failed:
        read_log(tmp_path / "log")
    assert failed.value.code == "log_unreadable"
