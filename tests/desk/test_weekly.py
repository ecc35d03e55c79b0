"""A relay's weekly secret at the desk: asked for, tried, kept, forgotten."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tercet.core.days import DAY, day_of, week_of
from tercet.core.errors import Refusal
from tercet.core.passes import Held, tag_of
from tercet.desk.lines import said_of_weekly
from tercet.drop import DropFailure, RelayAddress
from tercet.drop.address import base32
from tercet.drop.passes import taken_at, week_pass
from tercet.shell.failures import ShellError

from ..shell.founded import founded
from ..shell.world import RELAY, UNREACHABLE, WRONG_KEY, Awake, Person, World, beat, do, meet, run

SECRET = bytes(range(32))
OTHER = str(RelayAddress("127.0.0.1", 7444, bytes(range(32))))


def asked(secret: bytes = SECRET) -> Person:
    return Person(weekly_secret=base32(secret))


def test_with_the_secret_all_go_on_posting_where_relays_take_nothing_else(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.make("cyra")

    async def scene() -> None:
        async with Awake(*(world.service(name) for name in ("desk", "amal", "cyra"))) as (desk, amal, cyra):
            assert await do(desk, asked(), do="weekly", relay=RELAY) == {
                "relay": RELAY,
                "weekly": True,
                "tried": True,
            }
            await beat(desk, amal, rounds=3)
            world.weekly = (SECRET,)
            await meet(amal, cyra, "amal", "cyra", "link")
            await beat(desk, amal, cyra, rounds=4)
            await do(cyra, Person(text="They came at dawn."), do="report", now=True, yes=True)
            await beat(desk, cyra, rounds=2)
            assert [case["text"] for case in (await do(desk, do="inbox"))["cases"]] == ["They came at dawn."]
            for service in (desk, amal, cyra):
                (relay,) = (await do(service, do="status"))["relays"]
                assert relay["trouble"] == ""
                assert RelayAddress.parse(relay["relay"]).pass_ in taken_at(world.weekly, world.now)

    run(scene())


def test_a_newcomer_sends_at_once_though_the_board_comes_to_speak_of_the_pass_on_its_card_only_at_its_end(
    tmp_path: Path,
) -> None:
    world, whole = World(tmp_path), f"{RELAY}/{base32(bytes(16))}"
    world.mints = True
    for name in ("desk", "amal", "cyra"):
        world.make(name)

    async def scene() -> None:
        async with Awake(*(world.service(name) for name in ("desk", "amal", "cyra"))) as (desk, amal, cyra):
            await do(desk, do="found", relays=[whole], shards=1)
            await meet(desk, amal, "desk", "amal")
            for _ in range(10):
                world.now += DAY
                await beat(desk, amal)
            await do(desk, asked(), do="weekly", relay=whole)
            await beat(desk, amal, rounds=2)
            world.weekly = (SECRET,)
            await meet(amal, cyra, "amal", "cyra", "link")
            assert cyra.engine.device.passes
            assert cyra.engine.device.vouched == (), "or this scene shows nothing"
            person = Person()
            await do(cyra, person, do="send_now", yes=True)
            assert person.words() == ["visible"]
            assert not cyra.relays.refusals, "it was sent once more"
            (relay,) = (await do(cyra, do="status"))["relays"]
            assert relay["trouble"] == ""

    run(scene())


def test_who_was_handed_passes_that_are_none_meets_another_link_with_the_pass_that_its_screen_shows(
    tmp_path: Path,
) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, asked(), do="weekly", relay=RELAY)
            world.weekly = (SECRET,)
            week = week_of(day_of(world.now))
            false = (Held(tag_of(RELAY), week, b"x" * 16),)
            amal.engine.device = msgspec.structs.replace(amal.engine.device, relations=(), passes=false)
            await meet(desk, amal, "another", "amal again")
            await beat(desk, amal, rounds=3)
            assert {one.shown for one in amal.engine.device.passes if one.week == week} == {week_pass(SECRET, week)}

    run(scene())


def test_a_secret_that_the_relay_does_not_take_is_refused_and_not_kept(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.weekly = (SECRET,)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            for person in (asked(bytes(32)), Person(weekly_secret="a" * 26), Person(weekly_secret="é")):
                with pytest.raises(Refusal) as failed:
                    await do(desk, person, do="weekly", relay=RELAY)
                assert failed.value.code == "weekly_wrong"
            assert desk.engine.device.office is not None
            assert desk.engine.device.office.weekly == {}

    run(scene())


def test_a_relay_that_is_down_is_told_of_and_another_in_its_place_is_an_error(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            person = asked()
            world.trouble[RELAY] = WRONG_KEY
            with pytest.raises(DropFailure):
                await do(desk, person, do="weekly", relay=RELAY)
            world.trouble[RELAY] = UNREACHABLE
            found = await do(desk, person, do="weekly", relay=RELAY)
            assert "relay_trouble" in person.words()
            assert not found["tried"]
            assert "NOT tried" in said_of_weekly(found)
            assert "NOT tried" not in said_of_weekly(found | {"tried": True})
            assert len(desk.engine.device.passes) == 3

    run(scene())


def test_a_secret_that_is_withdrawn_is_asked_for_nobody_and_forgotten(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            await do(desk, asked(), do="weekly", relay=RELAY)
            assert await do(desk, do="weekly", relay=RELAY, withdraw=True) == {
                "relay": RELAY,
                "weekly": False,
                "tried": False,
            }
            assert desk.engine.device.office is not None
            assert (desk.engine.device.office.weekly, desk.engine.device.passes) == ({}, ())

    run(scene())


def test_a_secret_of_a_relay_that_is_not_on_the_list_is_refused_whether_it_answers_or_not(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.relays[OTHER] = world.relays[RELAY]

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            for down in (False, True):
                if down:
                    world.trouble[OTHER] = UNREACHABLE
                person = asked()
                with pytest.raises(ShellError) as failed:
                    await do(desk, person, do="weekly", relay=OTHER)
                assert (failed.value.code, person.asked) == ("relay_unlisted", [])
            with pytest.raises(ShellError):
                await do(desk, do="weekly", relay=OTHER, withdraw=True)
            assert desk.engine.device.office is not None
            assert desk.engine.device.office.weekly == {}
            same = f"{RELAY}/{'b' * 25}a"  # a relay is known by its fingerprint, whatever its pass
            assert (await do(desk, asked(), do="weekly", relay=same))["tried"]

    run(scene())


def test_a_secret_of_a_relay_that_left_the_list_can_be_withdrawn(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.relays[OTHER] = world.relays[RELAY]

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            await do(desk, asked(), do="weekly", relay=RELAY)
            await do(desk, do="relays", relays=[f"{OTHER}/{'a' * 26}"])
            assert not (await do(desk, do="weekly", relay=RELAY, withdraw=True))["weekly"]
            assert desk.engine.device.office is not None
            assert desk.engine.device.office.weekly == {}

    run(scene())
