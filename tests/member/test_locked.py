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
from tercet.core.locked import BEATS_MOST, READS_MOST
from tercet.core.state import AHEAD_MOST, Ahead, Device, save
from tercet.drop import Ack, Put, Read
from tercet.member import locking
from tercet.member.commands import take_over
from tercet.member.locked import Came, Locked, Plan, Planned, parse_came, parse_plan, prove
from tercet.vault import Door, door_path, serve_door

from ..shell.founded import founded
from ..shell.world import UNREACHABLE, Awake, Person, World, beat, do, run

PACE = 1_800
MARK = bytes(16)
SECRET = bytes(32)


async def planned(member: Any, seconds: float = 86_400) -> Plan:
    """A member's list for a day."""
    effects = await member.engine.plan(ev.Lock(seconds, PACE))
    return parse_plan(locking.list_of(effects, member.engine.device.ahead.secret, Path("/nowhere/vault")))


async def played(world: World, plan: Plan) -> Locked:
    """The list carried out to its end, in no time."""
    locked = Locked(plan, world.drop)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    locked.sleep = at_once
    await locked.work()
    return locked


async def taken(member: Any, locked: Locked) -> None:
    await member.engine.do(ev.Unlocked(locking.events_of(parse_came(msgspec.msgpack.encode(locked.came)))))


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
    found |= {back.root for back in device.returns} | {back.id for back in device.returns}
    found |= set(device.ahead.puts.values())
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
    """Secrets of a state that stand in some bytes."""
    return {secret for secret in secrets_of(device) if secret in data}


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
            here = device.ahead.secret, Path("/nowhere/vault")
            assert leaks(locking.list_of(effects, *here), device) == set()
            root = device.returns[0].root
            bad = msgspec.structs.replace(next(e for e in effects if isinstance(e, fx.PutItem)), ref=root)
            assert leaks(locking.list_of([*effects, bad], *here), device) == {root}

    run(scene())


def test_a_read_goes_on_from_what_came_and_an_empty_one_behind_it_proves_nothing(tmp_path: Path) -> None:
    world = founded(tmp_path)
    (relay,) = world.relays
    read = bytes(range(32))
    box = Read(read)
    ops = tuple(Planned(float(n), MARK, ((relay, read),)) for n in range(3))

    async def scene() -> None:
        drop = world.drop(relay)
        await drop.perform([Put(_id(box), bytes(4096))])
        locked = await played(world, Plan("/nowhere", SECRET, ops))
        assert locked.came == [Came(MARK, False, 0, (bytes(4096),), False)]
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
        one = Planned(0.0, MARK, (("a", bytes(32)), ("b", bytes(32))), bytes(4096))
        locked = Locked(Plan("/nowhere", SECRET, (one, msgspec.structs.replace(one, after=0.01))), Drop)
        await locked.work()
        assert asked == ["a", "closed", "a", "closed", "b", "closed"]
        assert locked.came == [Came(MARK, True)]
        assert locked.left == 0

    run(scene())


def test_a_relay_is_known_to_be_away_by_whichever_pass_it_was_asked_with() -> None:
    """As on a device that is awake: a READ, or a PUT of the week before, tells as much as a PUT of this week."""
    asked: list[str] = []
    away = {"tercet://a.example:1/a"}

    class Drop:
        def __init__(self, address: str) -> None:
            self.address = address

        async def perform(self, ops: Any) -> Any:
            asked.append(self.address)
            if self.address.rsplit("/", 1)[0] in away or self.address in away:
                raise UNREACHABLE
            from tercet.drop import Stored

            return [Stored()]

        async def close(self) -> None:
            pass

    async def scene() -> None:
        a, b = "tercet://a.example:1/a", "tercet://b.example:1/b"
        read = Planned(0.0, MARK, ((a, bytes(32)),))
        put = Planned(0.01, MARK, ((f"{a}/this", bytes(32)), (f"{b}/this", bytes(32))), bytes(4096))
        again = msgspec.structs.replace(put, after=0.02, places=((f"{a}/next", bytes(32)), (f"{b}/next", bytes(32))))
        locked = Locked(Plan("/nowhere", SECRET, (read, put, again)), Drop)
        await locked.work()
        assert asked == [a, f"{a}/this", f"{b}/this", f"{a}/next", f"{b}/next"]

    run(scene())


class OneRequest:
    """A door behind which somebody says one thing."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.requests = [request]
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any] | None:
        return self.requests.pop(0) if self.requests else None

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


async def handed_over(locked: Locked, secret: bytes) -> dict[str, Any]:
    """What a locked process says to somebody who asks with this secret."""
    nonce = bytes(range(32))
    door: Any = OneRequest({"do": "hand over", "nonce": nonce, "proof": prove(secret, nonce)})
    await locked.answer(door)
    (answer,) = door.sent
    return dict(answer)


def shape(plan: Plan, came: tuple[Came, ...]) -> tuple[Any, ...]:
    """What a captor can count in a list and in what came of it, but for how many beats there are."""
    puts = [one for one in plan.operations if one.item]
    marks = [one.mark for one in plan.operations]
    stored = [one.mark for one in came if one.stored]
    return (
        len(set(marks)) == len(marks),
        {(type(one.mark), len(one.mark), len(one.places), len(one.item), one.start * bool(one.item)) for one in puts},
        {(len(one.mark), len(one.places), one.posted) for one in plan.operations if not one.item},
        len(plan.operations) == 3 * len(puts),
        sorted(stored) == sorted(one.mark for one in puts),
        {(len(one.mark), len(one.items) <= 1) for one in came},
    )


def with_real_refs(plan: Plan, device: Device) -> Plan:
    """The planted fault: as marks, the refs of what says something."""
    bad = [
        msgspec.structs.replace(one, mark=device.ahead.puts.get(one.mark, b"")) if one.item else one
        for one in plan.operations
    ]
    return msgspec.structs.replace(plan, operations=tuple(bad))


def test_what_a_captor_gets_does_not_show_whether_anything_was_said_and_real_refs_would_be_found(
    tmp_path: Path,
) -> None:
    async def scene(busy: bool, planted: bool) -> tuple[Any, ...]:
        world = founded(tmp_path / f"{busy}{planted}")
        async with Awake(world.member("amal")) as (amal,):
            for number in range(3 if busy else 0):
                await do(amal, Person(text=f"I was there. {number}"), do="report")
                await do(amal, Person(name="badr", text="At the mill."), do="letter")
            plan = await planned(amal)
            device = amal.engine.device
            assert bool(device.ahead.puts) == busy
            if planted:
                plan = with_real_refs(plan, device)
            locked = await played(world, plan)
            assert "failed" in await handed_over(locked, SECRET)
            result = (await handed_over(locked, plan.secret))["result"]
            return shape(plan, msgspec.msgpack.decode(result["came"], type=tuple[Loose, ...]))

    for busy in (False, True):
        (tmp_path / f"{busy}False").mkdir()
        (tmp_path / f"{busy}True").mkdir()
    quiet = run(scene(False, False))
    assert quiet == run(scene(True, False))
    assert quiet[0] and quiet[3] and quiet[4]
    assert run(scene(False, True)) != run(scene(True, True))


class Loose(Came, frozen=True, array_like=True):
    """What came, whatever its marks are."""

    mark: bytes  # type: ignore[assignment]


def test_the_device_itself_knows_what_its_marks_mean_until_it_is_taken_over(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="I was there."), do="report")
            plan = await planned(amal)
            ahead = amal.engine.device.ahead
            assert ahead.secret == plan.secret
            assert set(ahead.reads) == {one.mark for one in plan.operations if not one.item}
            assert set(ahead.puts) < {one.mark for one in plan.operations if one.item}
            await taken(amal, await played(world, plan))
            assert amal.engine.device.ahead == Ahead(plan.secret)
            before = amal.engine.device
            await amal.engine.do(ev.Unlocked((ev.Stored(next(iter(ahead.puts))),)))
            assert amal.engine.device == before

    run(scene())


def _marks(came: list[Came]) -> Any:
    async def answer(door: Door, secret: bytes) -> None:
        nonce = (await door.receive() or {})["nonce"]
        data = msgspec.msgpack.encode(came)
        await door.send({"result": {"came": data, "proof": prove(secret, nonce, data)}})
        await door.receive()

    return answer


def _says(message: dict[str, Any]) -> Any:
    async def answer(door: Door, _: bytes) -> None:
        await door.receive()
        await door.send(message)
        await door.receive()

    return answer


async def _silent(door: Door, _: bytes) -> None:
    await asyncio.Event().wait()


async def _leaves(door: Door, _: bytes) -> None:
    await door.close()


def _odd(kind: str, *fields: Any) -> list[Came]:
    return [Came(msgspec.msgpack.encode(ev.Query(kind, *fields)), False, 0, (b"x",), False)]


FAKES = {
    "silent": _silent,
    "leaves": _leaves,
    "no map": _says({"result": 1}),
    "no proof": _says({"result": {"came": b"\x90"}}),
    "wrong proof": _says({"result": {"came": b"\x90", "proof": bytes(32)}}),
    "other types": _says({"result": {"came": 1, "proof": "x"}}),
    "failed": _says({"failed": "locked", "hint": "", "status": 7}),
    "unknown kind": _marks(_odd("nonsense")),
    "no text": _marks(_odd("plate", b"\xff\xff\xffabc")),
    "far day": _marks(_odd("relation", bytes(16), 10**6)),
    "place 9": _marks(_odd("relation", bytes(16), 20_000, 0, 9)),
}
TRUE_SECRET = {
    "strange marks": _marks([Came(MARK, True), Came(b"m" * 16, False, 3, (bytes(4_096),), True)]),
    "nothing": _marks([]),
}


@pytest.mark.parametrize("fake", [*FAKES, *TRUE_SECRET])
def test_who_fakes_the_door_of_a_locked_device_cannot_keep_its_owner_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: str
) -> None:
    world = founded(tmp_path)
    if fake in FAKES:  # whoever tells the truth has time to
        monkeypatch.setattr(locking, "PATIENCE", 0.2)

    async def scene() -> None:
        vault = tmp_path / "amal" / "vault"
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="I was there."), do="report")
            secret = (await planned(amal)).secret
            owner: Any = Person()
            server = await serve_door(door_path(vault), lambda door: (FAKES | TRUE_SECRET)[fake](door, secret))
            try:
                await take_over(amal, vault, 0.0, owner)
                assert owner.words() == ["taken_over" if fake in TRUE_SECRET else "not_taken_over"]
                assert amal.engine.device.ahead == Ahead(secret)
                assert (await do(amal, do="status"))["reports"][0]["state"] == "waiting"
                if fake in FAKES:
                    await (await serve_door(door_path(vault), lambda door: door.close())).close()
            finally:
                await server.close()

    run(scene())


@pytest.mark.parametrize("locked", [False, True])
def test_nobody_at_the_door_is_said_only_where_a_locked_process_was_expected(tmp_path: Path, locked: bool) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            if locked:
                await planned(amal)
            owner: Any = Person()
            await take_over(amal, tmp_path / "amal" / "vault", 0.0, owner)
            assert owner.words() == ["not_taken_over"] * locked

    run(scene())


def test_the_marks_of_the_longest_list_take_no_more_of_the_state_than_is_set_aside() -> None:
    query = ev.Query("relation", b"x" * 16, 2_900_000, 300, 1, start=70_000, alone=True)
    puts = {n.to_bytes(16, "big"): b"r" * 16 for n in range(BEATS_MOST)}
    reads = {n.to_bytes(16, "big"): (query, 7) for n in range(READS_MOST)}
    ahead = Ahead(SECRET, puts, reads, ("a" * 160,) * 8)
    assert len(save(Device(ahead=ahead))) - len(save(Device())) < AHEAD_MOST


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
