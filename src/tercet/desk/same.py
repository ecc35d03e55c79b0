"""Which reports are about the same event: no report is in two events, and none is alone in one.

Does        reads events from what reports say of them; says which reports change when some are marked or taken out.
Does not    write, or judge what is about the same event: people at the desk do.
Spec        spec/81-archive.md, 3a
Always      1. Whatever reports say, no two events have one in common.
            2. Changes are in such an order that a crash between two of them takes no event apart.
Read first  events_of(), joined(), taken_out().
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from tercet.desk.records import FiledReport

Event = tuple[int, ...]  # numbers of reports: first the one by which it is called, then the others by number


def events_of(reports: Iterable[FiledReport]) -> dict[int, Event]:
    """The event of each report that is in one.

    From report to the report that it names there is one way; where these end together, they are about one event.

    Source: spec/81-archive.md, 3a.
    """
    names = {report.number: report.event for report in reports if report.event}
    parts: dict[int, list[int]] = {}
    for number in sorted(names):
        parts.setdefault(_end_of_way(names, number), []).append(number)
    events: list[Event] = []
    for part in parts.values():
        first = next((number for number in part if names[number] == number), part[0])
        events.append((first, *(number for number in part if number != first)))
    return {number: event for event in events if len(event) > 1 for number in event}


def _end_of_way(names: Mapping[int, int], number: int) -> int:
    """The report that names itself, or none; of a round, the least number in it."""
    way: dict[int, None] = {}
    while number not in way:
        way[number] = None
        number = names.get(number, number)
    passed = list(way)
    return min(passed[passed.index(number) :])


def joined(reports: Iterable[FiledReport], first: int, others: Iterable[int]) -> Iterator[FiledReport]:
    """What to write, in order, so that the whole events of these reports are one, called by the first."""
    known = {report.number: report for report in reports}
    events = events_of(known.values())
    whole = {number for one in (first, *others) for number in events.get(one, (one,))}
    return _named(known, first, whole)


def taken_out(reports: Iterable[FiledReport], numbers: Iterable[int]) -> Iterator[FiledReport]:
    """What to write, in order, so that these reports are in no event, and those left in theirs stay together."""
    known, out = {report.number: report for report in reports}, sorted(set(numbers))
    for part in left_without(known.values(), out):
        yield from _named(known, part[0] if len(part) > 1 else 0, part)
    yield from _named(known, 0, out)


def left_without(reports: Iterable[FiledReport], out: Iterable[int]) -> list[Event]:
    """What is left of the events that these reports are taken out of; of one that is left alone, its number."""
    events, gone = events_of(reports), frozenset(out)
    touched = dict.fromkeys(events[number] for number in sorted(gone) if number in events)
    left = (tuple(number for number in event if number not in gone) for event in touched)
    return [part for part in left if part]


def _named(known: Mapping[int, FiledReport], event: int, numbers: Iterable[int]) -> Iterator[FiledReport]:
    """Reports that name this one: those by which others are called go first, for these go with them; itself last."""

    def place(number: int) -> tuple[bool, bool, int]:
        return number == event, known[number].event != number, number

    for number in sorted(numbers, key=place):
        if known[number].event != event:
            yield msgspec.structs.replace(known[number], event=event)
