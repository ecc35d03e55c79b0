"""A desk's service: intake, replies, exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tercet.core.errors import Refusal
from tercet.desk.export import ExportError
from tercet.desk.records import ArchiveError
from tercet.sample import photo
from tercet.shell.failures import ShellError

from ..shell.founded import founded
from ..shell.world import RELAY, Awake, Person, World, beat, do, run
from .cases import report


def test_a_network_is_founded_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("desk")

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            with pytest.raises(ShellError) as failed:
                await do(desk, do="inbox")
            assert failed.value.code == "no_desk"
            assert await do(desk, do="found", relays=[RELAY], shards=1) == {"relays": [RELAY]}
            with pytest.raises(ShellError) as failed:
                await do(desk, do="found", relays=[RELAY], shards=1)
            assert failed.value.code == "already_founded"

    run(scene())


def test_a_report_comes_with_its_files_is_answered_and_exported(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            where = {"where": "33.51, 36.29", "precision": "10km"}
            await do(amal, Person(text="I was there."), do="report", photo=[str(photo())], **where)
            for _ in range(4):
                world.now += 10
                await beat(desk, amal)
            (case,) = (await do(desk, do="inbox"))["cases"]
            json.dumps(case)
            assert case["place"]["precision"] == "10km"
            assert (case["letters"], case["last"]) == (0, "")
            await do(desk, Person(text="Who saw it?"), do="reply", number=1)
            (case,) = (await do(desk, do="inbox"))["cases"]
            assert (case["letters"], case["last"]) == (1, "desk")
            await beat(amal)
            world.now += 10
            await do(amal, Person(text="Two neighbours."), do="answer", number=1)
            await beat(amal, desk)
            found = await do(desk, do="show", number=1)
            assert [(w["ours"], w["text"]) for w in found["words"]] == [
                (True, "Who saw it?"),
                (False, "Two neighbours."),
            ]
            (case,) = (await do(desk, do="inbox"))["cases"]
            assert (case["letters"], case["last"]) == (2, "reporter")
            assert {one: case[one] for one in found["report"]} == found["report"]
            out = tmp_path / "out"
            done = await do(desk, do="export", number=1, to=str(out))
            json.dumps(done)
            assert photo().read_bytes() in [file.read_bytes() for file in out.rglob("*") if file.is_file()]
            with pytest.raises(ExportError):
                await do(desk, do="export", number=1, to=str(out))

    run(scene())


def test_a_number_that_no_report_has_is_one_failure_whatever_was_asked_and_is_named(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            desk.archive.file_report(report(1))
            for request in (
                {"do": "show", "number": 99},
                {"do": "reply", "number": 99},
                {"do": "export", "number": 99, "to": str(tmp_path / "out")},
                {"do": "witnesses", "number": 99},
                {"do": "same_event", "number": 1, "others": [99]},
                {"do": "same_event", "number": 99, "others": [1]},
                {"do": "same_event", "number": 99, "apart": True},
            ):
                with pytest.raises(ShellError) as failed:
                    await desk.request(request, Person(text="x"))
                assert failed.value.code == "no_such_report"
                assert failed.value.hint == "There is no report 99: look at the list with `tercet desk inbox`."
            with pytest.raises(ShellError) as failed:
                await do(desk, do="same_event", number=98, others=[1, 99])
            assert failed.value.hint.startswith("There is no report 98 or 99: ")

    run(scene())


def test_a_report_whose_conversation_is_over_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            desk.archive.file_report(report(1))
            person = Person(text="x")
            with pytest.raises(ShellError) as failed:
                await do(desk, person, do="reply", number=1)
            assert (failed.value.code, person.asked) == ("conversation_over", [])
            assert (await do(desk, do="show", number=1))["report"]["number"] == 1

    run(scene())


def test_a_report_that_cannot_be_filed_stays_at_the_relay_and_comes_later(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(amal, Person(text="I was there."), do="report", now=True, yes=True)
            file = desk.file

            def full(*_: object, **__: object) -> None:
                raise ArchiveError("archive_disk_full")

            desk.file = full
            with pytest.raises(ArchiveError):
                await beat(desk)
            assert desk.engine.device.office.opened == 0
            desk.file = file
            await beat(desk, amal)
            assert [c["text"] for c in (await do(desk, do="inbox"))["cases"]] == ["I was there."]
            (report,) = (await do(amal, do="status"))["reports"]
            assert report["state"] == "received by the desk"

    run(scene())


def test_a_report_put_twice_is_filed_once(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(amal, Person(text="I was there."), do="report", now=True, yes=True)
            await beat(desk)
            world.now += 7 * 3_600
            await beat(amal, desk, amal, desk)
            assert len((await do(desk, do="inbox"))["cases"]) == 1

    run(scene())


def test_a_full_archive_stops_no_desk_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await do(amal, Person(text="x"), do="report", now=True, yes=True)
            told: list[str] = []
            desk.engine.listeners.append(lambda tell: told.append(tell.what))

            def full(*_: object, **__: object) -> None:
                raise ArchiveError("archive_disk_full")

            with monkeypatch.context() as patched:
                patched.setattr(desk.archive, "file_report", full)
                await beat(desk)
            assert "not_filed" in told
            assert (await do(desk, do="inbox"))["cases"] == []
            await beat(desk, amal)
            assert [case["text"] for case in (await do(desk, do="inbox"))["cases"]] == ["x"]

    run(scene())


def test_a_founders_letter_is_read_at_the_desk_and_counts_as_read(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await do(amal, Person(name="desk", text="I must move."), do="letter")
            await beat(amal, desk)
            (letter,) = (await do(desk, do="inbox"))["letters"]
            assert (letter["from"], letter["text"], letter["new"]) == ("amal", "I must move.", True)
            (again,) = (await do(desk, do="inbox"))["letters"]
            assert not again["new"]

    run(scene())


NOTICE = "الطريق مغلق\nuntil Sunday"


def test_a_notice_is_shown_as_members_will_see_it_and_posted_only_after_a_yes(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            with pytest.raises(ShellError) as failed:
                await do(desk, Person(text=NOTICE, post="no"), do="notice", days=7, text="")
            assert failed.value.code == "not_posted"
            await beat(amal)
            assert (await do(amal, do="notices")) == {"notices": []}
            person = Person(post="yes")
            done = await do(desk, person, do="notice", days=7, text=NOTICE)
            lines = [facts["line"] for what, facts in person.told if what == "notice_line"]
            assert lines == NOTICE.split("\n")
            assert person.words()[-1] == "notice_posted"
            assert [one["text"] for one in (await do(desk, do="inbox"))["notices"]] == [NOTICE]
            await beat(amal)
            (new,) = (await do(amal, do="inbox"))["notices"]
            assert (new["text"], new["until"], new["new"]) == (NOTICE, done["until"], True)
            assert (await do(amal, do="inbox"))["notices"] == []
            world.relays.clear()
            (kept,) = (await do(amal, do="notices"))["notices"]
            assert kept == new | {"new": False}
            world.now += 8 * 86_400
            assert (await do(amal, do="notices")) == {"notices": []}

    run(scene())


def test_a_notice_that_cannot_be_said_is_asked_for_again_before_anything_is_shown(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            for text, code in (("x" * 1_001, "notice_long"), ("a\u202eb", "notice_odd")):
                person = Person(text=text)
                with pytest.raises(Refusal) as refused:
                    await do(desk, person, do="notice", days=7, text="")
                assert refused.value.code == code
                assert person.told == []
            for days in (True, None, "7"):
                with pytest.raises(ShellError) as failed:
                    await do(desk, do="notice", days=days, text="x")
                assert failed.value.code == "bad_request"

    run(scene())
