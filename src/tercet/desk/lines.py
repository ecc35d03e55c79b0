"""What a desk's commands say of reports, in lines for people.

Does        puts lists, files, places, events, counts and relays' secrets into words.
Does not    ask anything, or print.
Spec        docs/desk.md
Always      1. Text from outside goes through `shown` first.
            2. A count of witnesses never stands without what it rests on.
Read first  report_table(), event_lines(), said_of_witnesses().
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from tercet.shell.show import moment
from tercet.shell.text import listed, shown

FROM: Final = {"": "", "member": "a member", "stranger": "a stranger"}  # by what a report's token said
MORE: Final = ("event", "letters", "from")


def report_table(cases: Iterable[dict[str, Any]]) -> Table:
    """Reports in a list; a column that would say nothing of any is left out."""
    rows = [(case, more_of(case)) for case in cases]
    more = [name for name in MORE if any(said[name] for _, said in rows)]
    table = Table("Report", "came", "begins", "files", *more, title="Reports")
    for case, said in rows:
        if case["damaged"]:
            table.add_row("damaged", "", "a record that does not open: look at the disk")
            continue
        begins = Text(shown((case["text"] or "").split("\n")[0][:60]))
        files, cells = files_line(case["media"]), (said[name] for name in more)
        table.add_row(str(case["number"]), moment(case["came"]), begins, files, *cells)
    return table


def more_of(case: dict[str, Any]) -> dict[str, str]:
    """What a list says of a report's event, its conversation and its token; empty for what there is not."""
    return {
        "event": f"report {case['event']}" if case["event"] else "",
        "letters": f"{case['letters']}, last: {case['last']}" if case["letters"] else "",
        "from": FROM[case["standing"]],
    }


def token_words(report: dict[str, Any]) -> str:
    """What a report's tokens said, behind when it came; empty if the desk had no keys for them."""
    if not report["standing"]:
        return ""
    return f", from {FROM[report['standing']]}, with{'' if report['witness'] else 'out'} a good witness token"


def files_line(media: list[dict[str, Any]]) -> str:
    """The files of a report in one line."""
    return "; ".join(f"{m['kind']} {m['here']}/{m['blocks']}" for m in media)


def place_line(place: dict[str, Any]) -> str:
    """A place in one line, with how exact it is."""
    point = "" if place["latitude"] is None else f"{place['latitude']}, {place['longitude']} "
    return f"{point}{shown(place['name']) if place['name'] else ''} ({place['precision']})"


def reports(numbers: Iterable[int]) -> str:
    """Some reports by number, such as: reports 1, 2 and 4."""
    some = sorted(numbers)
    return f"report{'s' * (len(some) > 1)} {listed(some, 'and')}"


def event_lines(found: dict[str, Any]) -> list[str]:
    """What became of events: of the one that reports were joined to, or of those that they were taken out of."""
    if not found["apart"]:
        return [f"{_begun(found['numbers'])}: about the same event, called by report {found['numbers'][0]}."]
    itself = f"{'each ' * (len(found['numbers']) > 1)}by itself"
    lines = [f"{_begun(found['numbers'])}: {itself}."]
    for event in found["left"]:
        stays = f"still about the same event, called by report {event[0]}" if len(event) > 1 else "left by itself"
        lines.append(f"{_begun(event)}: {stays}.")
    return lines


def _begun(numbers: Iterable[int]) -> str:
    said = reports(numbers)
    return said[0].upper() + said[1:]


def said_of_weekly(found: dict[str, Any]) -> str:
    """What became of a relay's weekly secret."""
    if not found["weekly"]:
        return "It is forgotten."
    said = "Its passes of this week and the next two go down to members."
    if found["tried"]:
        return f"The relay takes it. {said}"
    return f"It was NOT tried, for the relay does not answer. {said} Type it once more when the relay is back."


def said_of_witnesses(certain: int, captured: int, witnessed: bool) -> str:
    """How many different witnesses there were, never without what that rests on.

    Args:
        certain: so many at least.
        captured: permits a week that a captor may hold.
        witnessed: whether a good witness token came with any report of the event.
    """
    if not witnessed:
        return "No witness: no good witness token came with any report of this event."
    rests = f"if nobody hostile holds more than {captured} permit{'s' * (captured != 1)} a week."
    if not captured:
        rests = "if nobody hostile holds any permit."
    if not certain:
        return f"No witness is certain, {rests} Those that there are could all be one captor's."
    return f"At least {certain} different witness{'es' * (certain > 1)}, {rests}"
