"""Tables that members and desks both show.

Does        lays out times, neighbours, reports and relays for a terminal.
Does not    ask the core anything.
Spec        docs/member.md, docs/desk.md
Always      1. Text from outside goes through `shown` first.
Read first  show_status().
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tercet.shell.text import shown


def moment(seconds: int) -> str:
    """A time as people here write it; seconds where this system's calendar ends."""
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def show_status(console: Console, found: dict[str, Any]) -> None:
    """Neighbours, reports and relays as tables."""
    people = Table("Neighbour", "is your", "last heard", "letters waiting", "unread", title="Neighbours")
    for one in found["neighbours"]:
        heard = moment(one["heard"]) if one["heard"] else "never"
        people.add_row(Text(shown(one["name"])), one["role"], heard, str(one["waiting"]), str(one["unread"]))
    console.print(people)
    if "reports" in found:
        reports = Table("Report", "made", "state", "files", title="Reports")
        for one in found["reports"]:
            files = "; ".join(f"{f['kind']}: {f['state']} ({f['sent']}/{f['blocks']})" for f in one["files"])
            reports.add_row(str(one["number"]), moment(one["made"]), one["state"], Text(files))
        console.print(reports)
    relays = Table("Relay", "trouble", title="Relays")
    for one in found["relays"]:
        relays.add_row(Text(shown(one["relay"])), one["trouble"] or "none")
    console.print(relays)
