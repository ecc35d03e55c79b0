"""A member's tokens: what its owner is told of them, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tercet.core.tokens import REPORTS_A_WEEK, TOKENS_A_WEEK
from tercet.shell.service import Service

from ..shell.founded import founded
from ..shell.world import Awake, Person, World, beat, do, run


def minted(folder: Path) -> World:
    """A founded network whose desk draws token keys."""
    world = founded(folder)
    world.mints = True
    return world


async def beats(world: World, *services: Service) -> None:
    """As many beats as it takes from the first permits to the first tokens."""
    for _ in range(6):
        world.now += 60
        await beat(*services)


async def beat_on(service: Service) -> None:
    """Beat until cancelled."""
    while True:
        await beat(service)


@pytest.mark.parametrize("how", [{}, {"now": True, "yes": True}, {"wait": True, "yes": True}])
def test_whoever_writes_a_report_that_goes_without_its_tokens_is_told_in_the_same_command(
    tmp_path: Path, how: dict[str, bool]
) -> None:
    world = minted(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await beats(world, desk, amal)
            told: list[list[str]] = []
            for text in ("one", "two", "three"):
                person = Person(text=text)
                answering = asyncio.create_task(beat_on(desk))
                await do(amal, person, do="report", witness=text != "two", **how)
                answering.cancel()
                words = person.words()
                assert ("report_left" in words) == ("wait" in how)
                told.append([word for word in words if word in ("report_made", "report_bare", "report_no_witness")])
            assert told == [["report_made"], ["report_made"], ["report_made", "report_bare", "report_no_witness"]]

    run(scene())


def test_the_status_shows_what_reports_of_today_would_carry(tmp_path: Path) -> None:
    world = minted(tmp_path)
    world.make("nobody")

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("nobody"), world.desk()) as (amal, nobody, desk):

            async def tokens() -> dict[str, object]:
                found: dict[str, object] = (await do(amal, do="status"))["tokens"]
                return found

            assert (await do(nobody, do="status"))["tokens"] == {}
            assert await tokens() == {"today": 0, "witness": False, "came": False}
            await beats(world, desk, amal)
            assert await tokens() == {"today": 2, "witness": True, "came": True}
            await do(amal, Person(text="one"), do="report")
            assert await tokens() == {"today": 1, "witness": True, "came": True}
            await do(amal, Person(text="two"), do="report", witness=True)
            assert await tokens() == {"today": 0, "witness": False, "came": True}
            world.now += 86_400
            assert await tokens() == {"today": 1, "witness": False, "came": True}
            world.now += 7 * 86_400
            assert await tokens() == {"today": 0, "witness": False, "came": False}
            forked = msgspec.structs.replace(amal.engine.device.board, forked=True)
            world.now -= 7 * 86_400
            amal.engine.device = msgspec.structs.replace(amal.engine.device, board=forked)
            assert await tokens() == {"today": 0, "witness": False, "came": True}

    run(scene())


def test_the_guide_says_which_tokens_a_week_has() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "member.md").read_text()
    part = guide.split("\n### Tokens\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| a ")]
    count = {"a token for each day, Monday to Sunday by the calendar of UTC": 7, "a spare one": 1, "a witness token": 1}
    assert rows == list(count)
    assert sum(count.values()) == TOKENS_A_WEEK == REPORTS_A_WEEK + 1
