"""Two phones with no network: they meet, write for a week by codes and stick, and report by a third person."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from tercet.shell.service import Service

from .founded import founded
from .test_meeting_by_code import Two, compared, handed
from .test_stick_life import Carrier
from .world import Awake, Person, World, beat, do, run

DAY = 86_400  # seconds
FIRST = "brought me in"  # what whoever joins calls the other


class Asked(Exception):
    """A device without a line asked a relay."""


class Phones:
    """cyra, whom the founder amal brings in, and dalia, whom cyra does: no relay is ever asked by either.

    Args:
        world: with a desk and the founder, who have a line.
        folder: for screens and sticks.

    Attributes:
        carrier: a third person, who comes by with a stick and sees the relay.
        pocket: the stick that cyra and dalia hand to each other; no relay ever sees it.
        asked: relays that were asked all the same.
    """

    def __init__(self, world: World, folder: Path) -> None:
        for name in ("cyra", "dalia"):
            world.make(name)
        self.world = world
        self.folder = folder
        self.carrier = Carrier(world, folder / "stick")
        self.pocket = Carrier(world, folder / "pocket")
        self.asked: list[str] = []

    def without_a_line(self, name: str) -> Service:
        """A member whose commands open the vault one by one, on a device that reaches nothing."""
        member = self.world.member(name)

        def nowhere(address: str) -> Any:
            self.asked.append(address)
            raise Asked

        member.relays._open_drop = nowhere
        return member

    async def meet(self, first: Service, second: Service, role: str) -> None:
        """By codes alone; then the first letters, from screen to camera."""
        folder = self.folder / role
        folder.mkdir()
        two = Two(folder)
        await two.meet(first, second, role)
        assert compared(two.inviter) == compared(two.joiner)
        assert (await self.show(first, second, "newcomer"))[0] >= 1

    async def show(self, giver: Service, taker: Service, to: str) -> tuple[int, list[dict[str, Any]]]:
        return await handed(giver, taker, self.folder / "screen", to)

    async def begin(self, amal: Service, cyra: Service, dalia: Service) -> None:
        await self.meet(amal, cyra, "link")
        await self.meet(cyra, dalia, "partner")


class OffLine(Awake):
    """Awake as single commands are: files move only when a stick is there."""

    async def __aenter__(self) -> tuple[Any, ...]:
        for service in self.services:
            await service.open(media=False)
        return self.services


def small_photo(folder: Path) -> Path:
    """A PNG of some 27 KB."""
    path = folder / "gate.png"
    Image.frombytes("RGB", (96, 96), Random(1).randbytes(96 * 96 * 3)).save(path)
    return path


async def write(service: Service, to: str, text: str) -> None:
    await do(service, Person(name=to, text=text), do="letter")


async def letters(service: Service) -> list[str]:
    return [note["text"] for note in (await do(service, do="inbox"))["letters"]]


async def a_day_by_codes(phones: Phones, cyra: Service, dalia: Service, day: int) -> None:
    await write(cyra, "newcomer", f"c{day}")
    await phones.show(cyra, dalia, "newcomer")
    await write(dalia, FIRST, f"d{day}")
    await phones.show(dalia, cyra, FIRST)


async def a_day_by_stick(phones: Phones, cyra: Service, dalia: Service, day: int) -> None:
    await write(cyra, "newcomer", f"c{day}")
    await phones.pocket.meet(cyra, files="no")
    await write(dalia, FIRST, f"d{day}")
    await phones.pocket.meet(dalia, files="no")
    await phones.pocket.meet(cyra, files="no")


async def the_carrier_comes(phones: Phones, dalia: Service, seen: list[tuple[str, list[str]]]) -> None:
    """Exchange; read, answer what the desk asked, and exchange again before the stick goes."""
    await phones.carrier.meet(dalia)
    (report,) = (await do(dalia, do="status"))["reports"]
    questions = [n["text"] for n in (await do(dalia, do="inbox"))["desk"]]
    seen.append((report["state"], questions))
    if questions:
        await do(dalia, Person(text="The north gate."), do="answer", number=1)
        await phones.carrier.meet(dalia)


@pytest.mark.full
def test_two_phones_meet_write_for_a_week_and_report_by_a_third_persons_stick(tmp_path: Path) -> None:
    world = founded(tmp_path)
    phones = Phones(world, tmp_path)
    picture = small_photo(tmp_path)
    read: dict[str, list[str]] = {"cyra": [], "dalia": []}
    seen: list[tuple[str, list[str]]] = []

    async def scene() -> None:
        here = (phones.without_a_line("cyra"), phones.without_a_line("dalia"))
        async with Awake(world.member("amal"), world.desk()) as (amal, desk), OffLine(*here) as (cyra, dalia):
            await phones.begin(amal, cyra, dalia)
            for day in range(7):
                await (a_day_by_codes if day % 2 else a_day_by_stick)(phones, cyra, dalia, day)
                for name, service in (("cyra", cyra), ("dalia", dalia)):
                    read[name] += [text for text in await letters(service) if text not in read[name]]
                if day == 1:  # what a stick took that goes nowhere would go again a day or two later
                    await do(dalia, Person(text="They closed the gate."), do="report", photo=[str(picture)])
                if day in (1, 3, 5):
                    await the_carrier_comes(phones, dalia, seen)
                await phones.carrier.visit()
                await beat(desk)
                if day == 2:
                    await do(desk, Person(text="Which gate?"), do="reply", number=1)
                world.now += DAY
            (report,) = (await do(dalia, do="status"))["reports"]
            assert {f["state"] for f in report["files"]} == {"received by the desk"}
            (case,) = (await do(desk, do="inbox"))["cases"]
            assert case["text"] == "They closed the gate."
            shown = await do(desk, do="show", number=1)
            assert "The north gate." in str(shown)
            await do(desk, do="export", number=1, to=str(tmp_path / "case"))
            assert picture.read_bytes() in [f.read_bytes() for f in (tmp_path / "case").rglob("*.png")]

    run(scene())
    asked = ["Which gate?"]
    assert seen == [("left this device", []), ("received by the desk", []), ("received by the desk", asked)]
    assert read == {"cyra": [f"d{day}" for day in range(7)], "dalia": [f"c{day}" for day in range(7)]}
    assert phones.asked == []


@pytest.mark.full
def test_a_device_without_a_line_that_asks_a_relay_is_caught(tmp_path: Path) -> None:
    world = founded(tmp_path)
    phones = Phones(world, tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,), OffLine(phones.without_a_line("cyra")) as (cyra,):
            await phones.meet(amal, cyra, "link")
            with pytest.raises(Asked):
                await do(cyra, do="send_now", yes=True)

    run(scene())
    assert phones.asked


@pytest.mark.full
def test_who_was_away_eight_weeks_without_a_line_gets_every_letter_by_stick_and_is_told_what_expired(
    tmp_path: Path,
) -> None:
    world = founded(tmp_path)
    phones = Phones(world, tmp_path)
    picture = small_photo(tmp_path)
    told: list[tuple[str, dict[str, str]]] = []
    came: list[str] = []
    read: list[str] = []

    async def scene() -> None:
        here = (phones.without_a_line("cyra"), phones.without_a_line("dalia"))
        async with Awake(world.member("amal"), world.desk()) as (amal, desk), OffLine(*here) as (cyra, dalia):
            await phones.begin(amal, cyra, dalia)
            await write(dalia, FIRST, "I must go.")
            await do(dalia, Person(text="Before the flood."), do="report", photo=[str(picture)])
            for week in range(8):
                await write(cyra, "newcomer", f"week {week}")
                await phones.carrier.trip(cyra)
                world.now += 7 * DAY
                await write(amal, "desk", "I am here.")  # so the desk knows, too, that a week has passed
                await beat(amal, desk)
            dalia.engine.listeners.append(lambda tell: told.append((tell.what, tell.facts)))
            for _ in range(8):
                await phones.carrier.meet(dalia)
                came.extend(text for text in await letters(dalia) if text not in came)
                await phones.carrier.trip(cyra)
                read.extend(text for text in await letters(cyra) if text not in read)
                await beat(desk)
                world.now += DAY
            assert read == ["I must go."]
            (report,) = (await do(dalia, do="status"))["reports"]
            assert report["state"].startswith("lapsed")
            assert ("report_lapsed", {"number": "1"}) in told
            await do(dalia, Person(text="After the flood."), do="report", photo=[str(picture)])
            for _ in range(3):
                await phones.carrier.trip(dalia)
                await beat(desk)
                world.now += DAY
            await phones.carrier.visit()
            await phones.carrier.meet(dalia)
            assert [case["text"] for case in (await do(desk, do="inbox"))["cases"]] == ["After the flood."]
            report = (await do(dalia, do="status"))["reports"][-1]
            assert report["state"] == "received by the desk"
            assert {f["state"] for f in report["files"]} == {"received by the desk"}

    run(scene())
    assert came == [f"week {week}" for week in range(8)]
    assert phones.asked == []
