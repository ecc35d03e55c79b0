"""What tokens say at a desk: from a stranger, witnesses that are certain, the band of a network's strength."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tercet.core.days import DAY
from tercet.desk import commands
from tercet.desk.archive import Archive
from tercet.desk.lines import event_lines, said_of_witnesses
from tercet.desk.records import ArchiveError
from tercet.shell.failures import ShellError

from ..shell.founded import founded
from ..shell.world import Awake, Person, World, beat, do, run
from .cases import KEY, report


def minted(folder: Path) -> World:
    """A founded network whose desk draws token keys."""
    world = founded(folder)
    world.mints = True
    return world


def test_a_desk_sees_who_is_a_stranger_which_witnesses_are_certain_and_how_many_there_are(tmp_path: Path) -> None:
    world = minted(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            early = await do(desk, do="strength")
            assert early["biases"] == ["no_week"]
            for _ in range(6):
                world.now += 60
                await beat(desk, amal, badr)
            for who, text in ((amal, "one"), (badr, "two"), (amal, "three"), (amal, "four")):
                await do(who, Person(text=text), do="report", witness=text in ("one", "two"))
                world.now += 60
                await beat(who, desk)
            found = (await do(desk, do="inbox"))["cases"]
            json.dumps(found)
            assert {case["text"]: (case["standing"], case["witness"]) for case in found} == {
                "one": ("member", True),
                "two": ("member", True),
                "three": ("member", False),
                "four": ("stranger", False),
            }
            number = {case["text"]: case["number"] for case in found}
            asked = {"do": "witnesses", "number": number["one"]}
            assert await do(desk, **asked, captured=0) == {"certain": 1, "captured": 0, "witnessed": True}
            none = {"certain": 0, "captured": 0, "witnessed": False}
            assert await do(desk, do="witnesses", number=number["three"], captured=0) == none
            await do(desk, do="same_event", number=number["one"], others=[number["two"], number["four"]])
            for each in ("one", "two", "four"):
                assert (await do(desk, do="show", number=number[each]))["report"]["event"] == number["one"]
                assert (await do(desk, do="witnesses", number=number[each], captured=0))["certain"] == 2
                same = {number[one] for one in ("one", "two", "four")} - {number[each]}
                assert (await do(desk, do="show", number=number[each]))["same"] == sorted(same)
            assert (await do(desk, **asked))["certain"] == 0
            out = await do(desk, do="same_event", number=number["one"], others=[number["four"]], apart=True)
            assert (out["numbers"], out["left"]) == (sorted((number["one"], number["four"])), [[number["two"]]])
            whole = await do(desk, do="same_event", number=number["three"], others=[number["one"]])
            assert whole == {"numbers": [number["three"], number["one"]], "apart": False, "left": []}
            assert (await do(desk, **asked, captured=0))["certain"] == 1
            said = await do(desk, do="strength")
            assert (said["least"], said["most"], said["biases"]) == (0, 10, ["unfinished"])
            world.now += 7 * DAY
            await beat(desk)
            assert (await do(desk, do="strength"))["biases"] == []

    run(scene())


def test_a_count_of_witnesses_is_never_said_without_what_it_rests_on() -> None:
    assert said_of_witnesses(3, 7, True) == (
        "At least 3 different witnesses, if nobody hostile holds more than 7 permits a week."
    )
    assert said_of_witnesses(1, 1, True) == (
        "At least 1 different witness, if nobody hostile holds more than 1 permit a week."
    )
    assert said_of_witnesses(2, 0, True) == "At least 2 different witnesses, if nobody hostile holds any permit."
    assert said_of_witnesses(0, 7, True) == (
        "No witness is certain, if nobody hostile holds more than 7 permits a week. "
        "Those that there are could all be one captor's."
    )
    for captured in range(10):
        for certain in range(10):
            assert "if nobody hostile holds " in said_of_witnesses(certain, captured, True)
    source = Path(commands.__file__).read_text().split("def witnesses(")[1].split("@app.command()")[0]
    assert source.count(".print(") == 1
    assert "print(said)" in source


def test_where_no_witness_token_came_no_witness_is_said_to_be_there_whatever_a_captor_holds() -> None:
    for captured in (0, 3):
        said = said_of_witnesses(0, captured, False)
        assert said == "No witness: no good witness token came with any report of this event."


def test_what_is_said_of_an_event_names_every_report_in_it_or_what_is_left() -> None:
    def said(numbers: list[int], *left: list[int], apart: bool = True) -> list[str]:
        return event_lines({"numbers": numbers, "apart": apart, "left": list(left)})

    assert said([3, 1, 2], apart=False) == ["Reports 1, 2 and 3: about the same event, called by report 3."]
    assert said([4]) == ["Report 4: by itself."]
    assert said([1, 3], [2, 4], [6]) == [
        "Reports 1 and 3: each by itself.",
        "Reports 2 and 4: still about the same event, called by report 2.",
        "Report 6: left by itself.",
    ]


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    world = minted(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            for request in ({"captured": -1}, {"captured": "3"}):
                with pytest.raises(ShellError) as failed:
                    await do(desk, do="witnesses", number=1, **request)
                assert failed.value.code == "bad_request"
            with pytest.raises(ShellError) as failed:
                await do(desk, do="same_event", number=1, others="2")
            assert failed.value.code == "bad_request"
            desk.archive.file_report(report(1))
            for others in ((), (1, 1)):
                with pytest.raises(ShellError) as alone:
                    await do(desk, do="same_event", number=1, others=others)
                assert alone.value.code == "one_report"

    run(scene())


def test_a_report_that_comes_again_stays_with_its_event(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", KEY)
    for number in (1, 2):
        archive.file_report(report(number))
    archive.same_event(1, (2,))
    archive.file_report(report(2))
    assert [case.event for case in archive.cases()] == [1, 1]


def test_an_event_of_reports_that_are_not_there_marks_none(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", KEY)
    archive.file_report(report(1))
    with pytest.raises(ArchiveError):
        archive.same_event(1, (2,))
    assert [case.event for case in archive.cases()] == [0]
