"""Introductions at the screen: a founder's new partner comes to know the desk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.errors import Refusal
from tercet.shell.show import show_status

from .world import Awake, Person, World, beat, do, meet, run


def three(folder: Path) -> World:
    world = World(folder)
    for name in ("desk", "amal", "badr"):
        world.make(name)
    return world


async def begin(world: World, desk: Any, amal: Any, badr: Any) -> None:
    """As far as the offers: badr came in as amal's partner, and amal introduces badr to the desk."""
    await do(desk, do="found", relays=list(world.relays), shards=1)
    await meet(desk, amal, "desk", "amal")
    await meet(amal, badr, "amal", "badr", "partner")
    await beat(desk, amal, badr, rounds=2)
    person = Person(name="badr", other="desk")
    await do(amal, person, do="introduce")
    assert person.told == [("introduction_asked", {"name": "badr", "other": "desk"})]
    await beat(amal, desk, badr, rounds=3)


def shown(status: dict[str, Any]) -> str:
    out = io.StringIO()
    show_status(Console(file=out, width=200), status)
    return out.getvalue()


def test_two_are_introduced_and_compare_words_later(tmp_path: Path) -> None:
    world = three(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await begin(world, desk, amal, badr)
            status = await do(badr, do="status")
            assert status["introduction"] == {"by": "amal", "role": "desk"}
            assert "wants to introduce somebody to you" in shown(status)
            for one, other in ((desk, "badr"), (badr, "desk")):
                person = Person(accept="yes", name=other)
                assert await do(one, person, do="accept") == {"accepted": True}
                assert person.told[-1] == ("introduction_agreed", {"name": other})
            await beat(amal, desk, badr, rounds=18)
            status = await do(badr, do="status")
            assert status["introduction"] == {}
            assert [(n["name"], n["role"], n["met"]) for n in status["neighbours"]] == [
                ("amal", "partner", True),
                ("desk", "desk", False),
            ]
            assert "introduced, not met" in shown(status)
            words = []
            compare = desk.engine.do

            async def while_a_report_comes(*events: ev.Event) -> None:
                desk.engine.say(fx.Tell("report_filed", {"number": "1"}))
                await compare(*events)

            desk.engine.do = while_a_report_comes
            for one, other in ((desk, "badr"), (badr, "desk")):
                person = Person(name=other, same_words="yes")
                assert await do(one, person, do="compare") == {"met": True}
                assert person.words() == ["introduction_words", "introduction_met"]
                words.append((await person.heard("introduction_words"))["words"])
            assert words[0] == words[1]
            assert all(n["met"] for n in (await do(badr, do="status"))["neighbours"])

    run(scene())


@pytest.mark.full
def test_who_says_no_is_not_introduced_and_who_sees_other_words_drops_the_relation(tmp_path: Path) -> None:
    world = three(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await begin(world, desk, amal, badr)
            declining = Person(accept="no")
            assert await do(badr, declining, do="accept") == {"accepted": False}
            assert declining.told[-1] == ("introduction_refusing", {"by": "amal"})
            await beat(badr, amal, desk, rounds=4)
            for one in (desk, badr):
                with pytest.raises(Refusal) as refusal:
                    await do(one, do="accept")
                assert refusal.value.code == "no_introduction"
            await do(amal, Person(name="desk", other="badr"), do="introduce")
            await beat(amal, desk, badr, rounds=3)
            for one, other in ((desk, "badr"), (badr, "desk")):
                await do(one, Person(accept="yes", name=other), do="accept")
            await beat(amal, desk, badr, rounds=18)
            person = Person(name="desk", same_words="no")
            assert await do(badr, person, do="compare") == {"met": False}
            assert person.words() == ["introduction_words", "introduction_dropped"]
            assert [n["name"] for n in (await do(badr, do="status"))["neighbours"]] == ["amal"]

    run(scene())
