"""The understudy at work on the notebook's side of a real vault."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tercet.core import events as ev
from tercet.core.beat import PACE
from tercet.core.state import AHEAD_MOST, ARRIVING_MOST
from tercet.core.understudy import AREA, unpack
from tercet.drop import Ack, Answer, Op, Put, Read
from tercet.notebook import decode_payload
from tercet.notebook.book import AREA as BESIDE_THE_BOOK
from tercet.notebook.book import BOOK_MOST
from tercet.sealing import LOW_COST
from tercet.shell.notebook import NotebookSide
from tercet.shell.relays import Relays
from tercet.shell.standing import Standing
from tercet.vault import DEFAULT_SIZE, Vault, open_vault
from tercet.vault.geometry import Geometry

from .founded import founded
from .world import NOTEBOOK, RELAY, UNREACHABLE, Awake, World, WorldDrop, beat, do, run

SECRET = b"w" * 32


def other_side(world: World, name: str) -> Vault:
    return open_vault(world.folder / name / "vault", NOTEBOOK, cost=LOW_COST)


class Stood(Exception):
    """So many beats are over."""


async def stand(world: World, name: str, beats: int) -> list[Op]:
    """Open the notebook's side of a device and let its understudy beat so often; what it asked of relays."""
    side = NotebookSide(other_side(world, name))
    asked, world.asked = world.asked, []
    left = beats

    async def sleep(seconds: float) -> None:
        nonlocal left
        if asyncio.current_task() is not beating:
            await asyncio.sleep(0)  # an operation that waits for its moment
            return
        for _ in range(200):
            await asyncio.sleep(0)
        world.now += int(seconds)
        left -= 1
        if not left:
            raise Stood

    relays = Relays(lambda address: WorldDrop(world, address, name), lambda: float(world.now))
    try:
        await side.renew()
        standing = Standing(side, relays, world.clock, os.urandom, sleep)
        beating = asyncio.ensure_future(standing.beat_on(PACE))
        with pytest.raises(Stood):
            await beating
    finally:
        await side.close()
    asked, world.asked = world.asked, asked
    return asked


async def awake_once(world: World, *names: str) -> None:
    async with Awake(*(world.service(name) for name in names)) as services:
        await beat(*services)


def test_neighbours_see_in_danger_whom_the_second_passphrase_was_given_for(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        await awake_once(world, "amal", "badr")
        await stand(world, "amal", 20)
        async with Awake(world.member("badr"), world.desk()) as (badr, desk):
            await beat(badr, desk)
            for one in (badr, desk):
                found = await do(one, do="status")
                (amal,) = [n for n in found["neighbours"] if n["name"] == "amal"]
                assert amal["danger"] > 0
                assert all(not n["danger"] for n in found["neighbours"] if n["name"] != "amal")

    run(scene())


def test_it_goes_on_where_it_was_when_the_notebook_is_opened_again(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        await awake_once(world, "amal")
        await stand(world, "amal", 3)
        with other_side(world, "amal") as vault:
            first = unpack(decode_payload(vault.state)[1])
        await stand(world, "amal", 2)
        with other_side(world, "amal") as vault:
            later = unpack(decode_payload(vault.state)[1])
        assert first is not None and later is not None
        assert later.beats == first.beats + 2

    run(scene())


def test_it_goes_on_posting_where_relays_take_passes_of_a_week_alone(tmp_path: Path) -> None:
    """A device that fell silent the moment it is opened would say that it was taken."""
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await desk.engine.do(ev.TakeWeekly(RELAY, SECRET))
            await beat(desk, amal, rounds=3)
        world.weekly = (SECRET,)
        stored = len(list(world.relays[RELAY].entries()))
        await stand(world, "amal", 3)
        assert len(list(world.relays[RELAY].entries())) == stored + 3
        world.weekly = (bytes(32),)
        await stand(world, "amal", 3)
        assert len(list(world.relays[RELAY].entries())) == stored + 3

    run(scene())


def test_each_beat_asks_for_one_put_and_two_reads(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        await awake_once(world, "amal", "badr", "desk")
        asked = await stand(world, "amal", 20)
        assert sum(isinstance(op, Put) for op in asked) == 20
        assert sum(isinstance(op, Read) for op in asked) == 40
        assert all(isinstance(op, Put | Read | Ack) for op in asked)

    run(scene())


def saves_before_acks(folder: Path, lazy: bool = False) -> list[bool]:
    """Whether anything was saved since the operation before, for each acknowledgement of an understudy.

    If it is lazy, what is saved and says nothing new counts as not saved.
    """
    world, saved, found = founded(folder), 0, list[bool]()

    async def scene() -> None:
        await awake_once(world, "amal")
        for _ in range(3):
            world.now += 50_000  # so long that a sign of life is due
            await awake_once(world, "badr", "desk")
        kept, asked = NotebookSide.keep_area, Relays.ask

        async def keep(side: NotebookSide, area: bytes) -> None:
            nonlocal saved
            saved += not lazy or unpack(area) != unpack(side.area)
            await kept(side, area)

        async def ask(relays: Relays, relay: str, op: Op) -> Answer | None:
            nonlocal saved
            if isinstance(op, Ack):
                found.append(saved > 0)
            saved = 0
            return await asked(relays, relay, op)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(NotebookSide, "keep_area", keep)
            patched.setattr(Relays, "ask", ask)
            await stand(world, "amal", 60)

    run(scene())
    return found


def test_it_saves_before_it_acknowledges_as_a_device_does(tmp_path: Path) -> None:
    """A device has something to save whatever came, and a relay sees how long a frame lies there once it was read."""
    found = saves_before_acks(tmp_path)
    assert len(found) > 1
    assert all(found)


def test_an_acknowledgement_with_no_save_before_it_would_be_seen(tmp_path: Path) -> None:
    assert not all(saves_before_acks(tmp_path, lazy=True))


def test_without_a_network_there_is_silence(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("new")

    async def scene() -> None:
        await awake_once(world, "new")
        assert await stand(world, "new", 3) == []

    run(scene())


def test_a_relay_that_is_down_ends_nothing(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        await awake_once(world, "amal")
        world.trouble[RELAY] = UNREACHABLE
        assert await stand(world, "amal", 3) == []
        del world.trouble[RELAY]
        assert await stand(world, "amal", 3)

    run(scene())


def test_the_area_is_as_large_in_the_notebook_as_in_the_core() -> None:
    assert AREA == BESIDE_THE_BOOK


def test_the_largest_state_and_the_largest_book_fit_one_copy_together() -> None:
    assert Geometry.of(DEFAULT_SIZE).state > ARRIVING_MOST + AHEAD_MOST + AREA + BOOK_MOST + 10_000
