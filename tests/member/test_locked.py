"""Locked but beating: the same shape on the line, nothing lost, and nothing in the list that opens anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.errors import Refusal
from tercet.core.state import Device
from tercet.drop import Ack, Put, Read
from tercet.member import locking
from tercet.member.locked import Came, Locked, Plan, Planned, parse_came, parse_plan

from ..shell.founded import founded
from ..shell.world import UNREACHABLE, Awake, Person, World, beat, do, run

PACE = 1_800


async def planned(member: Any, seconds: float = 86_400) -> Plan:
    """A member's list for a day."""
    effects = await member.engine.plan(ev.Lock(seconds, PACE))
    return parse_plan(locking.list_of(effects, Path("/nowhere/vault")))


async def played(world: World, plan: Plan) -> Locked:
    """The list carried out to its end, in no time."""
    locked = Locked(plan, world.drop)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    locked.sleep = at_once
    await locked.work()
    return locked


async def taken(member: Any, locked: Locked) -> None:
    await member.engine.do(*locking.events_of(parse_came(msgspec.msgpack.encode(locked.came))))


def secrets_of(device: Device) -> set[bytes]:
    """What a seizure must not find: roots, sessions, names, the network's and the conversations' secrets."""
    found: set[bytes] = set()
    for relation in device.relations:
        found |= {relation.id, relation.name.encode(), relation.session, relation.session[40:72]}
        found |= _byte_strings(relation.chain) | _byte_strings(relation.mix)
    if device.card is not None:
        found |= _byte_strings(device.card.chain) | {device.card.board_secret}
    for report in device.reports:
        found |= {report.reply, report.id}
    found |= {back.root for back in device.returns}
    return {one for one in found if len(one) >= 4}


def _byte_strings(value: Any) -> set[bytes]:
    if isinstance(value, bytes):
        return {value} if len(value) >= 16 else set()
    if isinstance(value, msgspec.Struct):
        return _byte_strings(msgspec.structs.astuple(value))
    if isinstance(value, dict):
        return _byte_strings(tuple(value.items()))
    if isinstance(value, tuple | list):
        return {found for one in value for found in _byte_strings(one)}
    return set()


def leaks(data: bytes, device: Device) -> set[bytes]:
    """Secrets of a state that stand in some bytes; a relation's id may stand in the marks of its reads."""
    allowed = {relation.id for relation in device.relations}
    return {secret for secret in secrets_of(device) - allowed if secret in data}


def test_a_locked_day_has_the_shape_of_covered_beats(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="I was there."), do="report")
            await do(amal, Person(name="badr", text="At the mill."), do="letter")
            plan = await planned(amal)
            puts = [one for one in plan.operations if one.item]
            assert 30 < len(puts) < 70
            assert len(plan.operations) == 3 * len(puts)
            asked = len(world.asked)
            await played(world, plan)
            kinds = Counter(type(op) for op in world.asked[asked:])
            assert kinds == {Put: len(puts), Read: 2 * len(puts)}
            assert {op.limit for op in world.asked[asked:] if isinstance(op, Read)} == {1}
            assert Ack not in kinds

    run(scene())


def test_what_came_while_locked_is_there_after_it_and_what_went_arrived(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr"), world.desk()) as (amal, badr, desk):
            await do(amal, Person(text="I was there."), do="report")
            await do(amal, Person(name="badr", text="At the mill."), do="letter")
            for words in ("One.", "Two.", "Three."):
                await do(badr, Person(name="amal", text=words), do="letter")
                await beat(badr)
            locked = await played(world, await planned(amal))
            assert (await do(amal, do="status"))["reports"][0]["state"] == "waiting"
            await taken(amal, locked)
            assert (await do(amal, do="status"))["reports"][0]["state"] == "left this device"
            assert [n["text"] for n in (await do(amal, do="inbox"))["letters"]] == ["One.", "Two.", "Three."]
            await beat(badr, desk)
            assert [n["text"] for n in (await do(badr, do="inbox"))["letters"]] == ["At the mill."]
            assert [case["text"] for case in (await do(desk, do="inbox"))["cases"]] == ["I was there."]

    run(scene())


def test_a_locked_process_that_dies_loses_nothing(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr"), world.desk()) as (amal, badr, desk):
            await do(amal, Person(text="I was there."), do="report")
            await do(amal, Person(name="badr", text="At the mill."), do="letter")
            await do(badr, Person(name="amal", text="One."), do="letter")
            await beat(badr)
            await planned(amal)  # and nothing of it was carried out
            world.now += 2 * 86_400
            for _ in range(4):
                world.now += 8 * 3_600
                await beat(amal, badr, desk)
            assert [n["text"] for n in (await do(amal, do="inbox"))["letters"]] == ["One."]
            assert [n["text"] for n in (await do(badr, do="inbox"))["letters"]] == ["At the mill."]
            assert (await do(amal, do="status"))["reports"][0]["state"] == "received by the desk"

    run(scene())


def test_the_list_holds_no_secret_of_the_state_and_the_check_finds_one_that_is_planted(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="I was there."), do="report")
            effects = await amal.engine.plan(ev.Lock(86_400, PACE))
            device = amal.engine.device
            assert len(secrets_of(device)) > 10
            data = locking.list_of(effects, Path("/nowhere/vault"))
            assert leaks(data, device) == set()
            root = device.returns[0].root
            bad = msgspec.structs.replace(next(e for e in effects if isinstance(e, fx.PutItem)), ref=root)
            assert leaks(locking.list_of([*effects, bad], Path("/nowhere/vault")), device) == {root}

    run(scene())


def test_a_read_goes_on_from_what_came_and_an_empty_one_behind_it_proves_nothing(tmp_path: Path) -> None:
    world = founded(tmp_path)
    (relay,) = world.relays
    read = bytes(range(32))
    box = Read(read)
    ops = tuple(Planned(float(n), b"m", ((relay, read),)) for n in range(3))

    async def scene() -> None:
        drop = world.drop(relay)
        await drop.perform([Put(_id(box), bytes(4096))])
        locked = await played(world, Plan("/nowhere", ops))
        assert locked.came == [Came(b"m", relay, False, 0, (bytes(4096),), False)]
        assert [op.start for op in world.asked if op == box or getattr(op, "read", b"") == read] == [0, 1, 1]

    run(scene())


def _id(read: Read) -> bytes:
    from tercet.drop import id_of_read

    return id_of_read(read.read)


def test_a_put_goes_to_the_second_relay_once_the_first_is_known_to_be_away() -> None:
    asked: list[str] = []

    class Drop:
        def __init__(self, address: str) -> None:
            self.address = address

        async def perform(self, ops: Any) -> Any:
            asked.append(self.address)
            if self.address == "a":
                raise UNREACHABLE
            from tercet.drop import Stored

            return [Stored()]

        async def close(self) -> None:
            asked.append("closed")

    async def scene() -> None:
        one = Planned(0.0, b"ref", (("a", bytes(32)), ("b", bytes(32))), bytes(4096))
        locked = Locked(Plan("/nowhere", (one, msgspec.structs.replace(one, after=0.01))), Drop)
        await locked.work()
        assert asked == ["a", "closed", "a", "closed", "b", "closed"]
        assert locked.came == [Came(b"ref", "b", True)]
        assert locked.left == 0

    run(scene())


def test_a_device_without_a_network_cannot_be_locked(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(Refusal) as refused:
                await do(amal, do="lock")
            assert refused.value.code == "no_card"
            assert amal.planned == []

    run(scene())


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x92\xa1/\x91\x91\xff", bytes(9_000_000)])
def test_a_list_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=".*"):
        parse_plan(data)
    with pytest.raises(ValueError, match=".*"):
        parse_came(data)
