"""Tables that members and desks both show.

Does        lays out times, neighbours, reports and relays for a terminal.
Does not    ask the core anything.
Spec        docs/member.md, docs/desk.md
Always      1. Text from outside goes through `shown` first.
Read first  show_status().
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tercet.core.days import DAY
from tercet.shell.called import pasted
from tercet.shell.terminal import Terminal
from tercet.shell.text import plainly, shown, shown_lines

DIRECT = (
    "This device speaks to its relays directly, without Tor: whoever runs a relay sees this device's address and "
    "which boxes it touches."
)


ALONE: Final = (
    "This device belongs to no network yet. Next: sit beside somebody who is in, and type the code that they say into "
    "`tercet member meet`."
)
ROLES: Final = {
    "link": "your link",
    "partner": "your partner",
    "below": "one of the pair below you",
    "desk": "your desk",
    "founder": "a founder of this network",
}  # what a neighbour is to the owner, in a sentence; of another version, as it comes

CUT: Final = {
    "accused": "Somebody asks you to cut out {name}: see `burn`.",
    "asking": "You want {name} cut out: it waits for a second voice.",
    "burning": "{name} is being cut out: it waits for the desk to post it.",
}


def moment(seconds: int) -> str:
    """A time as people here write it; seconds where this system's calendar ends."""
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def date_of(day: int) -> str:
    """A day number as a date, UTC; the number itself where this system's calendar ends."""
    try:
        return datetime.fromtimestamp(day * DAY, tz=UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return str(day)


def show_carried(found: dict[str, Any], as_json: bool) -> None:
    """What an exchange with a stick came to."""
    if as_json:
        return
    console = Terminal()
    console.print(f"News that came by the stick: {found['came'] or 'none'}.")
    console.print(f"Laid on the stick: {found['laid']}. Here still waits: {found['waiting']}.")
    if found["refused"]:
        console.print(f"The stick did not take {found['refused']}: it is full. Make room, or take another one.")
    said = (
        "Next: let it travel, to the relays (`tercet carry`) or to whoever you write to; carry again when it is back."
    )
    console.print(pasted(said))


def show_status(console: Console, found: dict[str, Any]) -> None:
    """Neighbours, reports and relays as tables; where there is none, a sentence."""
    _show_neighbours(console, found)
    offer = found["introduction"]
    if offer:
        said = f"{shown(offer['by'])} wants to introduce somebody to you. {pasted('Answer with `accept`.')}"
        console.print(said)
    if "reports" in found:
        _show_reports(console, found["reports"])
    if found.get("tokens"):
        _show_tokens(console, found["tokens"])
    _show_relays(console, found["relays"])
    if not found["relays"] and not found["neighbours"]:
        console.print(pasted(ALONE))
    if "beats" in found:
        _show_beats(console, found["beats"])
    if found.get("direct"):
        console.print(DIRECT)


def _show_reports(console: Console, reports: list[dict[str, Any]]) -> None:
    if not reports:
        console.print("Reports: none yet.")
        return
    table = Table("Report", "made", "state", "files", title="Reports")
    for one in reports:
        files = "; ".join(f"{f['kind']}: {f['state']} ({f['sent']}/{f['blocks']})" for f in one["files"])
        table.add_row(str(one["number"]), date_of(one["made"] // DAY), one["state"], Text(files))
    console.print(table)


def _show_tokens(console: Console, tokens: dict[str, Any]) -> None:
    """What reports of today would carry: owners ask before they write one."""
    if not tokens["came"]:
        said = "No tokens of this week yet: they come by themselves, with the beats. A report goes all the same."
        console.print(said)
        return
    if tokens["today"]:
        console.print(f"Tokens for reports of today: {tokens['today']}.")
    else:
        console.print("No token for a report of today: it goes all the same, read as a stranger's.")
    console.print(f"Witness token of this week: {'here' if tokens['witness'] else 'none'}.")


def _show_neighbours(console: Console, found: dict[str, Any]) -> None:
    if not found["neighbours"]:
        console.print("Neighbours: none yet.")
        return
    people = Table("Neighbour", "is", "last heard", "letters waiting", "unread", title="Neighbours")
    for one in found["neighbours"]:
        heard = moment(one["heard"]) if one["heard"] else "never"
        role = ROLES.get(one["role"], shown(one["role"])) + ("" if one["met"] else " (introduced, not met)")
        people.add_row(Text(shown(one["name"]), overflow="fold"), role, heard, str(one["waiting"]), str(one["unread"]))
    console.print(people)
    for one in found["neighbours"]:
        if one.get("danger"):
            said = f"{shown(one['name'])} is IN DANGER since {moment(one['danger'])}: somebody else has their device."
            console.print(said)
        elif one.get("silent"):
            said = f"{shown(one['name'])} is silent for {one['silent']} days. Do you know why?"
            console.print(f"{said} This program does nothing about it.")
        if one.get("cut") in CUT:
            console.print(CUT[one["cut"]].format(name=shown(one["name"])))


def _show_relays(console: Console, relays: list[dict[str, Any]]) -> None:
    """Each address whole, on a line of its own: people copy it, with the pass at its end."""
    console.print("Relays, each with its whole address:" if relays else "No relay is known yet.")
    for one in relays:
        console.print(plainly(one["relay"]))
        console.print(f"  trouble: {one['trouble'] or 'none'}")
        if one["passes"]:
            until = date_of(one["passes"])
            console.print(f"  passes of a week: held until {until}; the address is good until Sunday")


def _show_beats(console: Console, beats: dict[str, Any]) -> None:
    if beats["every"]:
        console.print(f"Next beat: {moment(beats['next'])}; every {beats['every']} seconds on average.")
    else:
        said = pasted("Nobody keeps the beat: nothing goes or comes by itself until `tercet member run`.")
        console.print(said)
    console.print(f"Waiting to leave: {beats['waiting']}.")


def show_notes(console: Console, letters: Iterable[dict[str, Any]]) -> None:
    """Letters of neighbours, line by line."""
    for note in letters:
        console.print(f"{moment(note['came'])}  from {shown(note['from'])}:")
        show_text(console, note["text"])


def show_words(console: Console, words: Iterable[dict[str, Any]]) -> None:
    """What the desk wrote about a member's reports, line by line."""
    for one in words:
        console.print(f"{date_of(one['came'] // DAY)}  the desk, on report {one['report']}:")
        show_text(console, one["text"])


def show_text(console: Console, text: str) -> None:
    """A text from outside with its lines, each set in: so none of them looks like a line of ours."""
    for line in shown_lines(text):
        console.print("  " + line)


def show_notices(console: Console, notices: Iterable[dict[str, Any]]) -> None:
    """What the desk said to everyone, line by line."""
    for one in notices:
        fresh = " (new)" if one["new"] else ""
        what = f"said in public, statement {one['said']}" if one.get("said") else f"to everyone, until {one['until']}"
        when = date_of(one["issued"] // DAY) if one.get("said") else moment(one["issued"])
        console.print(f"{when}  {what}{fresh}:")
        show_text(console, one["text"])
