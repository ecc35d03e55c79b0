"""Events: a partition of the reports, whatever is marked, taken out, or broken off between two writes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tercet.desk.archive import Archive
from tercet.desk.records import ArchiveError, FiledReport
from tercet.desk.same import Event, events_of, joined, left_without, taken_out

from .cases import KEY, case_id, report

Filed = dict[int, FiledReport]


def filed(**events: int) -> Filed:
    """Reports as they lie in an archive, by number: `r1=2` says that report 1 names report 2."""
    named = {int(name[1:]): event for name, event in events.items()}
    return {n: FiledReport(case_id(n), n, 0, 0, b"", "", None, None, (), event=e) for n, e in named.items()}


def events(reports: Filed) -> set[Event]:
    return set(events_of(reports.values()).values())


def steps(reports: Filed, changes: Iterable[FiledReport]) -> list[Filed]:
    """The reports after each write, as a crash would leave them; the last is the whole change."""
    found = []
    for change in list(changes):
        reports = reports | {change.number: change}
        found.append(reports)
    return found or [reports]


def mark(reports: Filed, first: int, *others: int) -> Filed:
    return steps(reports, joined(reports.values(), first, others))[-1]


def without(reports: Filed, *numbers: int) -> Filed:
    return steps(reports, taken_out(reports.values(), numbers))[-1]


ALONE = filed(r1=0, r2=0, r3=0, r4=0, r5=0)


def test_reports_that_are_marked_bring_the_whole_events_that_they_are_in() -> None:
    three = mark(ALONE, 1, 2)
    assert events(mark(three, 3, 1)) == {(3, 1, 2)}
    assert events(mark(mark(three, 4, 2), 4, 3)) == {(4, 1, 2, 3)}
    assert events(mark(mark(three, 3, 4), 2, 4)) == {(2, 1, 3, 4)}


def test_who_takes_out_the_report_by_which_an_event_is_called_leaves_the_others_together() -> None:
    four = mark(ALONE, 1, 2, 3, 4)
    assert events(without(four, 1)) == {(2, 3, 4)}
    assert events(without(four, 1, 3)) == {(2, 4)}
    assert events(without(four, 2)) == {(1, 3, 4)}
    assert left_without(four.values(), (1, 3)) == [(2, 4)]


def test_an_event_of_one_report_is_none() -> None:
    two = mark(ALONE, 1, 2)
    after = without(two, 1)
    assert events(after) == set()
    assert {one.event for one in after.values()} == {0}
    assert left_without(two.values(), (1,)) == [(2,)]
    assert left_without(two.values(), (1, 2)) == left_without(two.values(), (5,)) == []


def test_a_report_is_in_one_event_whatever_is_marked_or_taken_out() -> None:
    chance = random.Random(1)
    for _ in range(200):
        reports, parts = ALONE, [{n} for n in ALONE]
        for _ in range(12):
            numbers = chance.sample(sorted(ALONE), chance.randint(1, 4))
            if chance.random() < 0.4:
                reports = without(reports, *numbers)
                parts = [part - set(numbers) for part in parts] + [{n} for n in numbers]
            else:
                reports = mark(reports, *numbers)
                met = [part for part in parts if part & set(numbers)]
                parts = [part for part in parts if part not in met] + [set().union(*met)]
                assert events_of(reports.values()).get(numbers[0], numbers)[0] == numbers[0]
            assert {frozenset(e) for e in events(reports)} == {frozenset(part) for part in parts if len(part) > 1}


def torn(before: set[Event], reports: Filed, out: Iterable[int] = ()) -> bool:
    """Whether reports that were about one event, and were not to be taken out of it, are so no more."""
    now = events_of(reports.values())
    return any(len({now.get(n, (n,)) for n in event if n not in out}) > 1 for event in before)


def test_a_crash_between_two_writes_takes_no_event_apart() -> None:
    chance = random.Random(2)
    torn_in_another_order = 0
    for _ in range(300):
        reports = mark(mark(ALONE, *chance.sample(sorted(ALONE), 3)), *chance.sample(sorted(ALONE), 2))
        before, numbers = events(reports), chance.sample(sorted(ALONE), chance.randint(1, 3))
        for broken in steps(reports, joined(reports.values(), numbers[0], numbers[1:])):
            assert not torn(before, broken)
        for broken in steps(reports, taken_out(reports.values(), numbers)):
            assert not torn(before, broken, numbers)
            assert events(without(broken, *numbers)) == events(without(reports, *numbers))
        turned = reversed(list(joined(reports.values(), numbers[0], numbers[1:])))
        torn_in_another_order += any(torn(before, broken) for broken in steps(reports, turned))
    assert torn_in_another_order


@pytest.mark.parametrize(
    ("old", "found"),
    [
        (filed(r1=0, r2=1, r3=0), set()),  # `case 1 2 3`, then `case 1 3 --apart`
        (filed(r1=0, r2=1, r3=1, r4=0), {(2, 3)}),  # `case 1 2 3`, then `case 1 --apart`
        (filed(r1=3, r2=1, r3=3), {(3, 1, 2)}),  # `case 1 2`, then `case 3 1`
        (filed(r1=3, r2=4, r3=4, r4=4), {(4, 1, 2, 3)}),  # and `case 4 2`, `case 4 3`
        (filed(r1=9, r2=9), {(1, 2)}),  # the report that is named is damaged
        (filed(r1=2, r2=3, r3=1, r4=1), {(1, 2, 3, 4)}),  # no desk wrote this
    ],
)
def test_what_an_older_desk_left_reads_as_events_that_have_no_report_in_common(old: Filed, found: set[Event]) -> None:
    assert events(old) == found
    for number in old:
        assert all(number not in event for event in events(without(old, number)))


def test_events_outlive_the_archive_that_marked_them_and_a_number_that_is_not_there_changes_none(
    tmp_path: Path,
) -> None:
    archive = Archive(tmp_path / "archive", KEY)
    for number in (1, 2, 3):
        archive.file_report(replace(report(number), witness=True))
    assert archive.same_event(1, (2, 3)) == (1, 2, 3)
    with pytest.raises(ArchiveError):
        archive.apart((1, 4))
    assert archive.apart((1, 3)) == [(2,)]
    again = Archive(tmp_path / "archive", KEY)
    assert [case.event for case in again.cases()] == [0, 0, 0]
    assert [len(again.witnesses(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_an_event_keeps_its_reports_when_the_one_that_it_is_called_by_gets_another_number(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", KEY)
    for number in (1, 2, 3):
        archive.file_report(report(number))
    archive.same_event(1, (2, 3))
    archive.file_report(report(9, number=1))
    assert {case.number: case.event for case in archive.cases()} == {
        1: 0,
        2: 1_000_001,
        3: 1_000_001,
        1_000_001: 1_000_001,
    }
