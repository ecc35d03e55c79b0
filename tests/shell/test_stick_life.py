"""A member who has only a stick: reports, letters, files, answers and the board, carried by a third person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tercet.core import events as ev
from tercet.drop import DropFailure, Stick, visit
from tercet.sample import photo
from tercet.shell.service import Service
from tercet.shell.show import show_carried

from .founded import founded
from .world import UNREACHABLE, Awake, Person, World, beat, do, run


class Carrier:
    """A third person with a stick, who has no key and sees a relay now and then."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir()
        self.world = world
        self.folder = folder

    async def visit(self) -> None:
        """Serve the relays."""
        for address in self.world.relays:
            drop: Any = self.world.drop(address)
            await visit(Stick(self.folder).at(address), drop, clock=self.world.clock)

    async def meet(self, service: Service, person: Person | None = None, files: str = "yes") -> dict[str, Any]:
        """Hand the stick to somebody."""
        return await do(service, person, do="carry", to=str(self.folder), files=files)

    async def trip(self, member: Service) -> None:
        """From the member to the relay and back."""
        await self.meet(member)
        await self.visit()


def only_by_stick(member: Service) -> None:
    """No relay can be reached from this device."""

    def nowhere(address: str) -> Any:
        raise UNREACHABLE

    member.relays._open_drop = nowhere


def test_a_member_lives_a_whole_life_by_stick(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr"), world.desk()) as (amal, badr, desk):
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report", photo=[str(photo())])
            for words in ("At the mill.", "At noon."):
                await do(amal, Person(name="badr", text=words), do="letter")
            await do(badr, Person(name="amal", text="I am well."), do="letter")
            await beat(badr)
            await carrier.trip(amal)
            assert (await do(amal, do="status"))["reports"][0]["state"] == "left this device"
            await beat(badr, desk)
            assert [n["text"] for n in (await do(badr, do="inbox"))["letters"]] == ["At the mill.", "At noon."]
            for words in ("Who saw it?", "And when?"):
                await do(desk, Person(text=words), do="reply", number=1)
            for _ in range(3):
                world.now += 3 * 86_400
                await carrier.trip(amal)
                await beat(badr, desk)
            await carrier.visit()
            await carrier.meet(amal)
            inbox = await do(amal, do="inbox")
            assert [n["text"] for n in inbox["letters"]] == ["I am well."]
            assert [n["text"] for n in inbox["desk"]] == ["Who saw it?", "And when?"]
            (report,) = (await do(amal, do="status"))["reports"]
            assert report["state"] == "received by the desk"
            assert {f["state"] for f in report["files"]} == {"received by the desk"}

    run(scene())


def test_a_stick_that_was_lost_costs_one_trip_and_not_one_for_each_letter(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr")) as (amal, badr):
            only_by_stick(amal)
            texts = ["At the mill.", "At noon.", "Three cars.", "No plates."]
            for words in texts:
                await do(amal, Person(name="badr", text=words), do="letter")
            await Carrier(world, tmp_path / "lost").meet(amal)
            world.now += 2 * 86_400
            await Carrier(world, tmp_path / "stick").trip(amal)
            await beat(badr)
            assert [n["text"] for n in (await do(badr, do="inbox"))["letters"]] == texts

    run(scene())


def test_what_a_stick_brought_is_said_and_counted(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr"), world.desk()) as (amal, badr, desk):
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report")
            await do(badr, Person(name="amal", text="I am well."), do="letter")
            await beat(badr)
            first = await carrier.meet(amal)
            assert first["came"] == 0
            await carrier.visit()
            at_desk = Person()
            assert (await carrier.meet(desk, at_desk))["came"] == 0
            await beat(desk)
            await carrier.visit()
            person = Person()
            assert (await carrier.meet(amal, person))["came"] == 2
            assert {"letter_came", "report_received"} <= set(person.words())
            again = Person()
            assert ((await carrier.meet(amal, again))["came"], again.words()) == (0, [])

    run(scene())


def test_the_end_of_an_exchange_says_what_came_and_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    show_carried({"laid": 3, "refused": 0, "waiting": 1, "came": 2}, as_json=False)
    said = capsys.readouterr().out
    for part in ("by the stick: 2.", "Laid on the stick: 3.", "still waits: 1.", "Next: ", "`./tercet carry`"):
        assert part in said


def test_the_desk_says_several_things_in_one_trip(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report")
            await carrier.trip(amal)
            await beat(desk)
            for words in ("One?", "Two?", "Three?"):
                await do(desk, Person(text=words), do="reply", number=1)
            world.now += 86_400
            await carrier.trip(amal)
            await beat(desk)
            await carrier.visit()
            await carrier.meet(amal)
            assert [n["text"] for n in (await do(amal, do="inbox"))["desk"]] == ["One?", "Two?", "Three?"]

    run(scene())


def test_what_is_put_lies_on_the_stick_for_each_relay_of_its_lane(tmp_path: Path) -> None:
    world = founded(tmp_path)
    second = "tercet://127.0.0.1:7444/" + "a" * 52

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            world.relays[second] = type(next(iter(world.relays.values())))()
            await desk.engine.do(ev.ChangeRelays(tuple(world.relays)), ev.SendNow())
            world.now += 600
            await beat(desk, amal)
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report")
            done = await carrier.meet(amal)
            assert done["refused"] == 0
            counts = [len(list(Stick(carrier.folder).at(relay).outgoing())) for relay in world.relays]
            assert counts[0] == counts[1] > 0

    run(scene())


def test_files_go_onto_the_stick_only_if_the_owner_says_so(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report", photo=[str(photo())])
            person = Person(with_files="no")
            await carrier.meet(amal, person, files="")
            assert (await person.heard("files_wait"))["amount"] == "3 blocks, 768 KiB"
            assert _blocks(carrier, world) == 0
            await carrier.meet(amal, Person(with_files="yes"), files="")
            assert _blocks(carrier, world) == 3

    run(scene())


def _blocks(carrier: Carrier, world: World) -> int:
    return sum(
        len(item) == 262_144 for relay in world.relays for _, _, item in Stick(carrier.folder).at(relay).outgoing()
    )


def test_an_empty_stick_proves_nothing_about_a_relay(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            only_by_stick(amal)
            days = [relation.chain.day for relation in amal.engine.device.relations]
            world.now += 20 * 86_400
            await Carrier(world, tmp_path / "stick").meet(amal)
            assert [relation.chain.day for relation in amal.engine.device.relations] == days
            assert all(relation.drained == () for relation in amal.engine.device.relations)

    run(scene())


def test_a_desk_takes_in_and_answers_by_stick(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            for service in (amal, desk):
                only_by_stick(service)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="I was there."), do="report", photo=[str(photo())])
            await carrier.meet(amal)
            await carrier.meet(desk)
            await carrier.meet(amal)
            assert [case["text"] for case in (await do(desk, do="inbox"))["cases"]] == ["I was there."]
            (report,) = (await do(amal, do="status"))["reports"]
            assert report["state"] == "received by the desk"

    run(scene())


@pytest.mark.full
def test_a_member_who_was_away_eight_weeks_comes_back_by_stick_and_is_told_what_expired(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr"), world.desk()) as (amal, badr, desk):
            only_by_stick(amal)
            carrier = Carrier(world, tmp_path / "stick")
            await do(amal, Person(text="Never carried."), do="report")
            for _ in range(8):
                world.now += 7 * 86_400
                await beat(badr, desk)
            await do(badr, Person(name="amal", text="Are you there?"), do="letter")
            await beat(badr)
            told: list[tuple[str, dict[str, str]]] = []
            amal.engine.listeners.append(lambda tell: told.append((tell.what, tell.facts)))
            for _ in range(3):
                world.now += 86_400
                await carrier.trip(amal)
                await beat(badr, desk)
            await carrier.meet(amal)
            assert ("report_lapsed", {"number": "1"}) in told
            assert (await do(amal, do="status"))["reports"][0]["state"].startswith("lapsed")
            assert [n["text"] for n in (await do(amal, do="inbox"))["letters"]] == ["Are you there?"]
            await do(amal, Person(text="I am back."), do="report")
            await carrier.trip(amal)
            await beat(desk)
            assert "I am back." in [case["text"] for case in (await do(desk, do="inbox"))["cases"]]

    run(scene())


def test_a_stick_that_is_not_there_changes_nothing_and_says_so(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            before = amal.engine.device
            for path in (str(tmp_path / "none"), "stick", "", os.devnull):
                with pytest.raises(DropFailure) as failed:
                    await do(amal, do="carry", to=path)
                assert failed.value.code == "no_store"
            assert amal.engine.device is before

    run(scene())
