"""The specs of letters, reports and what all share say the same as the code."""

from __future__ import annotations

import re
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import (
    beat,
    cases,
    chain,
    channel,
    content,
    days,
    effects,
    envelope,
    events,
    fields,
    files,
    gathering,
    intake,
    mail,
    office,
    publishing,
    relation,
    report,
    reporting,
    sending,
    state,
    turn,
    understudy,
)
from tercet.core.beat import INTERVALS, READS, SELDOM, intervals_at
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import MediaRef, Place, ReportContent, ReportKind, WordContent
from tercet.core.report import MediaState, ReportState, ResendRequest

HOUSE = Path(__file__).parents[2]
NAMES = ("00-overview.md", "40-letters.md", "41-beat.md", "50-report.md", "75-understudy.md")
SPECS = {name: (HOUSE / "spec" / name).read_text() for name in NAMES}
VERSIONS = {"50-report.md": 2}  # all others are the first
MODULES = (
    beat,
    cases,
    chain,
    channel,
    content,
    days,
    envelope,
    files,
    gathering,
    intake,
    mail,
    office,
    publishing,
    relation,
    report,
    reporting,
    sending,
    state,
    turn,
    understudy,
)


def table(spec: str, name: str) -> list[list[str]]:
    """The rows of a marked table, without its head."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPECS[spec], re.S)
    assert found, f"{spec} has no table {name}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    assert len(rows) > 2
    return rows[2:]


@pytest.mark.parametrize("spec", sorted(SPECS))
def test_the_version_stands_on_the_third_line(spec: str) -> None:
    assert SPECS[spec].splitlines()[2] == f"Version {VERSIONS.get(spec, 1)}"


@pytest.mark.parametrize(
    ("spec", "name", "kind"),
    [
        ("40-letters.md", "letter", Letter),
        ("50-report.md", "content", ReportContent),
        ("50-report.md", "place", Place),
        ("50-report.md", "media", MediaRef),
        ("50-report.md", "request", ResendRequest),
        ("50-report.md", "word", WordContent),
        ("75-understudy.md", "understudy", understudy.Understudy),
    ],
)
def test_fields_stand_in_the_order_of_the_bytes(spec: str, name: str, kind: type[msgspec.Struct]) -> None:
    rows = table(spec, name)
    assert [row[0] for row in rows] == [str(i) for i in range(len(rows))]
    assert tuple(row[1] for row in rows) == kind.__struct_fields__
    assert kind.__struct_config__.array_like
    assert kind.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("40-letters.md", "numbers"),
        ("41-beat.md", "beat numbers"),
        ("50-report.md", "numbers"),
        ("00-overview.md", "state"),
        ("75-understudy.md", "understudy numbers"),
    ],
)
def test_each_number_is_the_codes(spec: str, name: str) -> None:
    for row in table(spec, name):
        found = {getattr(module, row[0]) for module in MODULES if hasattr(module, row[0])}
        assert found == {int(row[1])}, row[0]


def test_the_kinds_of_letters_are_the_codes() -> None:
    assert {row[1]: int(row[0]) for row in table("40-letters.md", "kinds")} == {k.name: k.value for k in LetterKind}


def test_a_number_of_the_beat_is_in_its_table() -> None:
    named = {row[0] for row in table("41-beat.md", "beat numbers")}
    assert named == {name for name, value in vars(beat).items() if name.isupper() and isinstance(value, int)} - {
        "DAY",
        "LANE_RELAYS",
        "LATE_DAYS",
    }


def test_the_intervals_are_the_codes() -> None:
    rows = {row[0]: [int(cell) for cell in row[1:5]] for row in table("41-beat.md", "intervals")}
    assert rows == {kind: [*INTERVALS[kind], *SELDOM[kind]] for kind in INTERVALS}
    assert intervals_at(READS) is INTERVALS
    assert intervals_at(READS + 1) is SELDOM


def test_the_kinds_of_intake_frames_are_the_codes() -> None:
    kinds = {k.value: k.name for k in ReportKind}
    assert kinds == {1: "REPORT", 2: "WORD", 3: "DUMMY", 4: "FILLER", 5: "BURN", 6: "CALL", 7: "REQUEST"}
    content = {row[1]: row for row in table("50-report.md", "content")}
    word = {row[1]: row for row in table("50-report.md", "word")}
    words = "2 a word, 3 a dummy, 4 a filler, 5 a burn (`33-burn.md`, 9), 6 a call (`34-adoption.md`, 3), "
    words += "7 a request for tokens (`51-tokens.md`, 3)"
    assert (content["kind"][2:], word["kind"][2:]) == (["1", "a report"], ["2 to 7", words])


def test_the_purposes_of_lanes_are_the_codes() -> None:
    assert [row[0] for row in table("40-letters.md", "purposes")] == list(typing.get_args(chain.Purpose))


def test_the_states_of_reports_are_the_codes_and_lead_where_the_table_says() -> None:
    rows = table("50-report.md", "report states")
    assert [row[0] for row in rows] == [s.value for s in ReportState]
    onward = {row[0]: {s.strip() for s in row[2].split(",") if s.strip()} for row in rows}
    backward = {row[0]: {s.strip() for s in row[1].split(",") if s.strip()} for row in rows}
    assert backward == {s: {f for f, targets in onward.items() if s in targets} for s in onward}


def test_the_states_of_files_are_the_codes() -> None:
    assert [row[0] for row in table("50-report.md", "media states")] == [s.value for s in MediaState]


def test_the_bounds_of_fields_are_the_codes() -> None:
    for name, bounds in table("00-overview.md", "fields"):
        meta: Any = typing.get_args(getattr(fields, name))[1]
        numbers = [int(n) for n in re.findall(r"\d+", bounds)]
        if meta.ge is not None:
            assert numbers == [meta.ge, meta.le], name
        else:
            assert {numbers[0], numbers[-1]} == {meta.min_length, meta.max_length}, name


def test_a_day_and_a_second_end_with_the_year_9999() -> None:
    rows = dict(table("00-overview.md", "fields"))
    last_day, last_second = (int(rows[n].split()[-1]) for n in ("Day", "Seconds"))
    assert last_second == (last_day + 1) * days.DAY - 1


@pytest.mark.parametrize(("name", "union"), [("events", events.Event), ("effects", effects.Effect)])
def test_every_event_and_effect_is_named_once(name: str, union: Any) -> None:
    named = [word for row in table("00-overview.md", name) for word in row[0].split(", ")]
    assert sorted(named) == sorted(kind.__name__ for kind in typing.get_args(union))


def test_the_calendar_is_the_codes() -> None:
    for week in (0, 1, 2_959):
        monday, sunday = 7 * week - 3, 7 * week + 3
        assert {days.week_of(d) for d in range(max(monday, 0), sunday + 1)} == {week}
        assert days.week_of(sunday + 1) == week + 1
        assert days.last_day_of(week) == sunday


def test_the_sizes_in_the_prose_are_the_codes() -> None:
    text = SPECS["40-letters.md"] + SPECS["50-report.md"]
    for size in (relation.LETTER_TEXT, content.REPORT_PLAIN, content.REPORT_TEXT, envelope.SEALED):
        assert str(size) in text


def test_every_section_that_the_code_names_exists() -> None:
    for path in (HOUSE / "src" / "tercet" / "core").glob("*.py"):
        for spec, section in re.findall(r"spec/((?:00|40|41|50)-[a-z]+\.md), (\d+)", path.read_text()):
            assert re.search(rf"^## {section}\.", SPECS[spec], re.M), (path.name, spec, section)
