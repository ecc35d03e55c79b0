"""Cutting out at the screen: what the owner reads, that it is asked twice, and that two must."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tercet.core.cutting import PUT_EVERY, Stage
from tercet.core.errors import Refusal
from tercet.shell.failures import ShellError
from tercet.shell.show import show_status

from .test_engine import Scene
from .world import Awake, Death, Person, World, beat, do, meet, run


async def founded(world: World, desk: Any, amal: Any, badr: Any) -> None:
    """A desk and two founders who are partners, and all have dealt."""
    await do(desk, do="found", relays=list(world.relays), shards=1)
    await meet(desk, amal, "desk", "amal")
    await meet(desk, badr, "desk", "badr")
    await meet(amal, badr, "amal", "badr", "partner")
    await beat(desk, amal, badr, rounds=4)


def three(folder: Path) -> World:
    world = World(folder)
    for name in ("desk", "amal", "badr"):
        world.make(name)
    return world


def screen(status: dict[str, Any]) -> str:
    out = io.StringIO()
    show_status(Console(file=out, width=200), status)
    return out.getvalue().replace("\u2068", "").replace("\u2069", "")  # fences around names


async def names(service: Any) -> list[str]:
    return [n["name"] for n in (await do(service, do="status"))["neighbours"]]


def test_two_agree_at_their_screens_and_the_third_is_gone(tmp_path: Path) -> None:
    world = three(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await founded(world, desk, amal, badr)
            person = Person(name="badr", burn="yes", name_again="badr")
            assert await do(amal, person, do="burn") == {"stage": "asking"}
            assert person.words() == ["burn_explained", "burn_by_asking", "burn_waits"]
            assert (await person.heard("burn_by_asking"))["other"] == "desk"
            await beat(amal, desk, rounds=2)
            assert "badr" in await names(desk)
            assert "Somebody asks you to cut out badr" in screen(await do(desk, do="status"))
            assert "badr cut out: it waits for a second voice" in screen(await do(amal, do="status"))
            assert [n["cut"] for n in (await do(desk, do="status"))["neighbours"]] == ["", "accused"]
            person = Person(name="badr", burn="yes", name_again="badr")
            assert await do(desk, person, do="burn") == {"stage": "burning"}
            assert person.words() == ["burn_explained", "burn_by_two", "burn_begun"]
            assert (await person.heard("burn_by_two"))["by"] == "amal"
            await beat(desk, amal, rounds=3)
            assert (await names(desk), await names(amal)) == (["amal"], ["desk"])

    run(scene())


def test_who_says_no_once_or_types_another_word_begins_nothing(tmp_path: Path) -> None:
    world = three(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await founded(world, desk, amal, badr)
            person = Person(name="badr", burn="no")
            assert await do(amal, person, do="burn") == {"stage": "quiet"}
            assert person.words()[-1] == "burn_spared"
            with pytest.raises(ShellError, match="burn_unsure"):
                await do(amal, Person(name="badr", burn="yes", name_again="amal"), do="burn")
            for name, code in (("nobody", "unknown_neighbour"), ("desk", "burn_no_share")):
                with pytest.raises(Refusal, match=code):
                    await do(amal, Person(name=name, burn="yes", name_again=name), do="burn")
            assert all(r.cut.stage.value == "quiet" for r in amal.engine.device.relations)
            assert not any(r.channel.waiting for r in amal.engine.device.relations)

    run(scene())


class Cutting(Scene):
    """Amal asks the desk to cut out badr, and the desk agrees; one of the two devices may die and come back."""

    async def play(self) -> None:
        for name in ("desk", "amal"):
            await self._wake(name)
        for round_number in range(9):
            self.world.now += PUT_EVERY
            if round_number in (0, 4):
                await self._until("amal" if round_number == 0 else "desk", self._burn)
            for name in ("amal", "desk"):
                await self._until(name, self._beat)
        self.left = [await self._until(name, names) for name in ("desk", "amal")]
        for name in tuple(self.awake):
            await self.awake.pop(name).close()

    async def _burn(self, service: Any) -> None:
        badr = next((r for r in service.engine.device.relations if r.name == "badr"), None)
        if badr is not None and badr.cut.stage in (Stage.QUIET, Stage.ACCUSED):
            await do(service, Person(name="badr", burn="yes", name_again="badr"), do="burn")

    def check(self) -> None:
        assert self.left == [["amal"], ["desk"]]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = three(tmp_path_factory.mktemp("settled"))

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await founded(world, desk, amal, badr)

    run(scene())
    return world


def cut(settled: World, folder: Path, name: str, at: int) -> Death:
    folder.mkdir()
    world = settled.copy(folder)
    death = world.death = Death(name, at)
    scene = Cutting(world)
    run(scene.play())
    scene.check()
    return death


@pytest.mark.parametrize("every", [20, pytest.param(5, marks=pytest.mark.full)])  # the core is killed at each effect
@pytest.mark.parametrize("name", ["amal", "desk"])
def test_a_process_killed_at_any_boundary_burns_whom_two_agreed_on_and_nobody_else(
    name: str, every: int, settled: World, tmp_path: Path
) -> None:
    boundaries = cut(settled, tmp_path / "whole", name, -1).passed
    assert boundaries > 20
    for at in range(0, boundaries, every):
        cut(settled, tmp_path / str(at), name, at)
