"""A member's service: reports, their files, and what it shows of them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.errors import Refusal
from tercet.drop import DropFailure
from tercet.evidence import EvidenceError
from tercet.member import commands
from tercet.member.service import _place, local_zone
from tercet.sample import photo
from tercet.shell.service import Service, volume_of

from ..shell.founded import founded
from ..shell.world import UNREACHABLE, Awake, Person, World, beat, do, run


def film(folder: Path, size: int = 1_000_000) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(bytes(3) + b"\x18ftypisom" + os.urandom(size - 12))
    return path


def test_a_report_is_saved_before_anybody_is_told_that_it_was_made(tmp_path: Path) -> None:
    world = founded(tmp_path)

    class Crash(Person):
        async def tell(self, what: str, **facts: object) -> None:
            if what == "report_made":
                raise KeyError(what)

    async def scene() -> None:
        amal = world.member("amal")
        await amal.open()
        with pytest.raises(KeyError):
            await do(amal, Crash(text="I was there."), do="report")
        amal.engine._vault.close()
        await amal.relays.close()
        async with Awake(world.member("amal")) as (again,):
            (report,) = (await do(again, do="status"))["reports"]
            assert report["number"] == 1

    run(scene())


def test_a_sealed_report_can_not_be_opened_by_its_own_device(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="The bridge road is closed."), do="report", where="old town")
            state = amal.engine._vault.state
            assert b"bridge road" not in state
            assert b"old town" not in state

    run(scene())


def test_a_photo_goes_with_a_travel_copy_and_its_volume_is_said(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            person = Person(text="I was there.")
            made = await do(amal, person, do="report", photo=[str(photo())])
            assert [f["kind"] for f in made["files"]] == ["travel", "photo"]
            blocks = sum(f["blocks"] for f in made["files"])
            volume = {"blocks": blocks, "bytes": blocks * 262_144, "amount": f"{blocks} blocks, {blocks * 256} KiB"}
            assert await person.heard("volume") == volume
            assert volume["bytes"] > photo().stat().st_size
            assert person.words().index("volume") < person.words().index("report_made")

    run(scene())


@pytest.mark.parametrize(
    ("blocks", "amount"), [(1, "1 block, 256 KiB"), (4, "4 blocks, 1.0 MiB"), (5_000, "5,000 blocks, 1,250.0 MiB")]
)
def test_a_volume_is_what_travels_not_what_lies_on_the_disk(blocks: int, amount: str) -> None:
    assert volume_of(blocks) == {"blocks": blocks, "bytes": blocks * 262_144, "amount": amount}


def test_a_file_that_is_none_of_its_kind_makes_no_report(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            for kind in ("photo", "video", "audio"):
                with pytest.raises(EvidenceError):
                    await do(amal, Person(text="x"), do="report", **{kind: [str(__file__)]})
            assert amal.engine.device.reported == 0

    run(scene())


def test_a_file_that_changes_while_it_is_sent_is_stopped_and_the_desk_told(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            path = film(tmp_path)
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            await do(amal, Person(text="A film."), do="report", video=[str(path)])
            with amal._reading:  # a piece of it may be read at this moment
                amal._close_source()
            path.write_bytes(path.read_bytes()[:-1] + b"!")
            world.trouble = {}
            for _ in range(6):
                world.now += 60
                await beat(amal, desk)
            (report,) = (await do(amal, do="status"))["reports"]
            assert [f["state"] for f in report["files"]] == ["stopped: the file changed"]
            assert desk.engine.device.office.cases[0].media[0].state == "withdrawn"

    run(scene())


def test_a_file_out_of_reach_waits_and_is_told_once_until_it_is_back_or_the_owner_gives_it_up(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            path, away = film(tmp_path), tmp_path / "away.mp4"
            path.rename(away)
            path.symlink_to(away)
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            await do(amal, Person(text="A film."), do="report", video=[str(path)])
            with amal._reading:  # a piece of it may be read at this moment
                amal._close_source()
                path.unlink()
            world.trouble = {}
            told: list[str] = []
            amal.engine.listeners.append(lambda tell: told.append(tell.what))
            for _ in range(3):
                world.now += 60
                await beat(amal, desk)
            assert told.count("file_away") == 1
            assert await files_of(amal) == ["waiting"]
            away.rename(path)
            for _ in range(4):
                world.now += 60
                await beat(amal, desk)
            assert await files_of(amal) == ["received by the desk"]

    run(scene())


def test_a_file_that_the_owner_gives_up_is_stopped_and_the_desk_told(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            path = film(tmp_path)
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            await do(amal, Person(text="A film."), do="report", video=[str(path)])
            done = await do(amal, do="give_up", number=1)
            assert [f["state"] for f in done["files"]] == ["stopped: the file is gone"]
            assert done["stopped"] == 1
            world.trouble = {}
            for _ in range(3):
                world.now += 70
                await beat(amal, desk)
            assert desk.engine.device.office.cases[0].media[0].state == "withdrawn"
            with pytest.raises(Refusal) as refused:
                await do(amal, do="give_up", number=7)
            assert refused.value.code == "unknown_report"

    run(scene())


def test_where_nothing_of_a_report_s_files_is_left_to_send_giving_up_changes_nothing(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await do(amal, Person(text="No film."), do="report")
            await do(amal, Person(text="A film."), do="report", video=[str(film(tmp_path))])
            for _ in range(6):
                world.now += 60
                await beat(amal, desk)
            assert await files_of(amal, 2) == ["received by the desk"]
            before = amal.engine.device
            for number in (1, 2):
                assert (await do(amal, do="give_up", number=number))["stopped"] == 0
            assert amal.engine.device == before

    run(scene())


@pytest.mark.parametrize(("stopped", "said"), [(1, "No more of the files"), (0, "Nothing of the files")])
def test_giving_up_says_whether_anything_was_left_to_send(
    monkeypatch: pytest.MonkeyPatch, stopped: int, said: str
) -> None:
    monkeypatch.setattr(commands, "_do", lambda *_: {"stopped": stopped})
    assert CliRunner().invoke(commands.app, ["give-up", "1"]).stdout.startswith(said)


async def files_of(member: Service, number: int = 1) -> list[str]:
    report = next(r for r in (await do(member, do="status"))["reports"] if r["number"] == number)
    return [f["state"] for f in report["files"]]


def test_a_device_that_slept_reads_the_board_before_it_seals(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            world.now += 70 * 86_400
            await beat(desk)
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(Refusal) as refused:
                await do(amal, Person(text="Late."), do="report")
            assert refused.value.code == "no_week_key"
            assert (await do(amal, Person(text="Late."), do="report", now=True, yes=True))["number"] == 1

    run(scene())


def test_without_a_key_of_this_week_nothing_is_sealed(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.now += 100 * 86_400

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(Refusal) as refused:
                await do(amal, Person(text="Late."), do="report")
            assert refused.value.code == "no_week_key"

    run(scene())


def test_a_chunk_is_read_through_one_open_file_and_again_after_a_failure(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("amal")
    amal = world.member("amal")
    path = film(tmp_path)
    wrong = fx.ReadChunk(1, 0, 0, str(path), 1_000_000, bytes(32), False)
    first = amal.read_chunk(wrong)
    assert isinstance(first, ev.ChunkRead)
    assert len(first.data) == 262_103
    last = amal.read_chunk(fx.ReadChunk(1, 0, 3, str(path), 1_000_000, bytes(32), False))
    assert last == ev.FileStopped(1, 0, True)
    assert amal._source is None
    gone = amal.read_chunk(fx.ReadChunk(1, 0, 0, str(tmp_path / "gone"), 5, bytes(32), False))
    assert gone is None
    amal.engine._vault.close()


@pytest.mark.parametrize(
    ("where", "precision", "expected"),
    [
        ("33.51, 36.29", "", "1km"),
        ("33.51, 36.29", "exact", "exact"),
        ("old town", "", "district"),
    ],
)
def test_a_place_without_a_precision_travels_coarse(where: str, precision: str, expected: str) -> None:
    found = _place(where, precision)
    assert found is not None
    assert found.precision == expected
    assert (found.latitude is None) == (expected == "district")


@pytest.mark.parametrize(
    ("field", "mistyped", "typed", "hint"),
    [
        ("when", "25:00", "yesterday 09:30", "[bad_time]"),
        ("where", "95.0, 200", "33.51, 36.29", "-90 to 90) and longitude (-180 to 180)"),
    ],
)
def test_a_place_or_a_time_that_was_asked_for_and_mistyped_is_asked_for_again(
    tmp_path: Path, field: str, mistyped: str, typed: str, hint: str
) -> None:
    world = founded(tmp_path)
    prompts: list[str] = []

    class Typist(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            prompts.append(prompt)
            return [mistyped, typed, "It was so."][len(prompts) - 1]

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            assert (await do(amal, Typist(), do="report", **{field: "-"}))["number"] == 1
            assert [hint in prompt for prompt in prompts] == [False, True, False]
            with pytest.raises(EvidenceError):
                await do(amal, Person(text="x", **{field: mistyped}), do="report", **{field: "-"})
            with pytest.raises(EvidenceError):
                await do(amal, Person(text="x"), do="report", **{field: mistyped})

    run(scene())


def test_a_zone_knows_its_summer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    zone = local_zone(1_790_000_000)
    winter, summer = (datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))
    assert winter != summer
    monkeypatch.setenv("TZ", "Nowhere/AtAll")
    assert local_zone(1_790_000_000) is not None


def test_send_now_says_when_no_relay_answered_and_counts_what_still_waits(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(name="badr", text="I am well."), do="letter")
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            with pytest.raises(DropFailure) as failure:
                await do(amal, do="send_now", yes=True)
            assert failure.value.code == "relay_unreachable"
            assert amal.waiting() == 1
            world.trouble, world.now = {}, world.now + 60
            assert await do(amal, do="send_now", yes=True) == {"waited": 1, "waiting": 0}

    run(scene())
