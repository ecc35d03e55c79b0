"""The command `tercet seize`: what a captor gets out of what was seized, by every trick that we know.

Does        takes the command line, shows people, words, traffic and powers as tables or as JSON.
Does not    look by itself, change anything, or show a passphrase or a key.
Spec        spec/91-exposure.md; docs/seize.md
Always      1. Exit status 0 means that it could look, whatever it found.
Read first  seize().
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tercet.core.days import DAY, last_day_of
from tercet.drop import DropFailure
from tercet.lab.captor import Seen, look_at
from tercet.lab.exposure import ENDLESS, KINDS, POWERS, Boxes, Exposure
from tercet.lab.relayed import Correlation
from tercet.lab.seizure import EVERYWHERE, PAGES, Change, SeizureError
from tercet.shell.failures import failure_of
from tercet.shell.opening import leave
from tercet.shell.show import moment
from tercet.shell.terminal import Terminal
from tercet.shell.text import shown

LINES_MOST: Final = 65_536  # bytes read from the descriptor


def seize(
    image: Annotated[Path, typer.Argument(help="A vault's file, the folder of a desk or of a relay, or a stick.")],
    passphrase_fd: Annotated[
        int | None, typer.Option("--passphrase-fd", help="File descriptor with passphrases, one a line.")
    ] = None,
    relay: Annotated[Path | None, typer.Option(help="A relay's folder: what it ever held.")] = None,
    second_image: Annotated[Path | None, typer.Option(help="The same file at another time.")] = None,
    memory: Annotated[str, typer.Option(help="A memory dump, or the number of a process.")] = "",
    log: Annotated[Path | None, typer.Option(help="What a relay noted that listened, with the relay's folder.")] = None,
    texts_fd: Annotated[
        int | None, typer.Option("--texts-fd", help="File descriptor with texts that must not be there, one a line.")
    ] = None,
    carve: Annotated[bool, typer.Option("--carve", help="Try every page as a beginning; takes minutes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a captor gets out of what was seized."""
    console = Terminal(stderr=True)
    try:
        passphrases = lines_of(passphrase_fd, "passphrases_unreadable")
        with console.status("Looking…") as line:
            found = look_at(
                image,
                passphrases,
                relay=relay,
                second=second_image,
                memory=memory,
                log=log,
                hidden=lines_of(texts_fd, "texts_unreadable"),
                depth=EVERYWHERE if carve else PAGES,
                say=line.update,
            )
    except (SeizureError, DropFailure) as error:
        leave(failure_of(error), as_json)
    if as_json:
        json.dump(msgspec.to_builtins(found), sys.stdout, ensure_ascii=False)
        typer.echo()
    else:
        show(Terminal(), found, len(passphrases))


def lines_of(descriptor: int | None, failure: str) -> tuple[str, ...]:
    """The passphrases or texts behind a descriptor, one a line; none without one.

    Raises:
        SeizureError: they cannot be read; `failure` is its code.
    """
    if descriptor is None:
        return ()
    try:
        with os.fdopen(descriptor, "rb") as source:
            text = source.read(LINES_MOST).decode()
    except (OSError, UnicodeDecodeError, ValueError):
        raise SeizureError(failure) from None
    return tuple(line for line in text.splitlines() if line)


def show(console: Console, found: Seen, given: int = 0) -> None:
    """What was found, as tables for a person; `given`: how many passphrases were tried."""
    console.print(f"Row of the exposure table: {found.row}. Opened: {', '.join(found.opened) or 'nothing'}.")
    if given and not found.opened:
        console.print("No passphrase that was given opens anything here: look whether it is typed right.")
    _show_people(console, found.exposure)
    _show_words(console, found.exposure)
    _show_reports(console, found)
    _show_traffic(console, found.exposure)
    for power in found.exposure.powers:
        console.print(f"Power: {POWERS[power]}.")
    if found.correlation is not None:
        _show_relay(console, found.correlation)
    if found.change is not None:
        _show_change(console, found.change)
    _show_rest(console, found)
    console.print("Within the exposure table: " + ("yes." if not found.breaches else "NO."))
    for fault in found.breaches:
        console.print(f"  {fault}")


def _show_people(console: Console, exposure: Exposure) -> None:
    table = Table("Who", "is to the owner", "last heard", "letters sent", "received", title="People")
    for one in exposure.people:
        heard = moment(one.heard) if one.heard else "never"
        table.add_row(Text(shown(one.name), overflow="fold"), one.role, heard, str(one.sent), str(one.received))
    if exposure.people:
        console.print(table)
        said = f"they and theirs use {exposure.branch} permits a week" if exposure.branch else "nothing here says"
        console.print(f"Below this device: {exposure.below} known; how many more: {said}.")
    elif exposure.lanes:
        console.print(f"People: none by name; {exposure.lanes} neighbours without one.")
    else:
        console.print("People: none.")


def _show_words(console: Console, exposure: Exposure) -> None:
    if not exposure.words:
        console.print("Words: none.")
        return
    table = Table("What", "who", "when", "words", title="Words")
    for one in exposure.words:
        when = moment(one.when) if one.when else ""
        table.add_row(KINDS[one.kind], Text(shown(one.who)), when, Text(shown(one.text), overflow="fold"))
    console.print(table)


def _show_reports(console: Console, found: Seen) -> None:
    exposure = found.exposure
    if exposure.made >= 0:
        console.print(f"Reports ever made here: {exposure.made}.")
    if exposure.tokens or exposure.permits:
        console.print(f"Tokens: {exposure.tokens}. Permits: {exposure.permits}.")
    if exposure.passes:
        until = datetime.fromtimestamp((last_day_of(exposure.passes) + 1) * DAY - 1, UTC).date()
        console.print(f"May post at its relays until the end of week {exposure.passes}, {until}, and two days more.")
    if exposure.reports:
        table = Table("Report", "made", "state", "put", "sealed bytes", "opens", "files", title="Reports")
        for one in exposure.reports:
            files = "; ".join(f"{m.kind}, {m.size} bytes, {m.state} {shown(m.path)}" for m in one.files)
            put = moment(one.put) if one.put else "never"
            opens = "no" if one.noise else "YES"
            table.add_row(str(one.number), moment(one.made), one.state, put, str(one.sealed), opens, Text(files))
        console.print(table)
    for report, media, index, size in found.blocks:
        console.print(f"Opens: block {index} of file {media} of report {report}, {size} bytes.")


def _show_traffic(console: Console, exposure: Exposure) -> None:
    if not exposure.boxes and not exposure.items:
        console.print("Boxes and items: none.")
    for boxes in exposure.boxes:
        console.print(f"Boxes: {_span(boxes)}")
    for items in exposure.items:
        span = f", {moment(items.first)} to {moment(items.last)}" if items.first else ""
        console.print(f"Items: {items.count} of {items.kind}, in {items.boxes} boxes, {items.gone} acknowledged{span}.")
    _show_addresses(console, exposure)
    for relay in exposure.relays:
        console.print(f"Relay: {relay}")


def _show_addresses(console: Console, exposure: Exposure) -> None:
    if not exposure.addresses:
        return
    columns = ("puts", "reads", "acks", "boxes", "connections", "of several boxes", "first", "last")
    table = Table("Address", *columns, title="Who came")
    for one in exposure.addresses:
        name = f"{one.address} (reads intake)" if one.intake else one.address
        counts = (one.puts, one.reads, one.acks, one.boxes, one.connections, one.shared)
        table.add_row(Text(shown(name)), *(str(count) for count in counts), moment(one.first), moment(one.last))
    console.print(table)
    table = Table(
        "Address", "and", "boxes there", "boxes back", "frames", "write to each other", title="Who meets whom"
    )
    for tie in exposure.ties:
        mutual = "yes" if tie.there and tie.back else "no"
        table.add_row(
            Text(shown(tie.one)), Text(shown(tie.other)), str(tie.there), str(tie.back), str(tie.frames), mutual
        )
    console.print(table)


def _span(boxes: Boxes) -> str:
    if not boxes.first:
        return f"{boxes.count} of the kind {boxes.purpose}."
    last = "on and on" if boxes.last == ENDLESS else f"to {_date(boxes.last)}"
    return f"{boxes.count} a day of the kind {boxes.purpose}, from {_date(boxes.first)} {last}."


def _date(day: int) -> str:
    try:
        return datetime.fromtimestamp(day * 86_400, tz=UTC).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return f"day {day}"


def _show_relay(console: Console, found: Correlation) -> None:
    table = Table("Boxes", "who", "day", "items", "gone", "empty", "sealed", "opened", title="At the relay")
    for one in found.met:
        what = f"{one.purpose} {one.direction}".strip()
        day = _date(one.day) if one.day else ""
        counts = (str(n) for n in (one.count, one.gone, one.empty, one.sealed, one.opened))
        table.add_row(what, Text(shown(one.who)), day, *counts)
    console.print(table)
    for number, frames in found.fits.items():
        console.print(f"Report {number} is one of {frames} frames that came into intake that day (spec/91, 7).")
    console.print(f"Items of which this memory knows nothing: {found.unknown}.")


def _show_change(console: Console, change: Change) -> None:
    if change.salt:
        console.print("The second image is of another vault: not even its first page is the same.")
        return
    console.print(
        f"Second image: {change.pages} of {change.of} pages differ, so at least {change.commits} commits lie between; "
        f"{'all compartments alike' if change.alike else 'NOT ALL COMPARTMENTS ALIKE'}; "
        f"{change.elsewhere} pages where no commit writes."
    )


def _show_rest(console: Console, found: Seen) -> None:
    if found.memory is not None:
        held = ", ".join(f"{n} of {found.memory.looked_for[kind]} {kind}" for kind, n in found.memory.known.items())
        console.print(
            f"Memory of {found.memory.size} bytes: {held}; {len(found.memory.addresses)} addresses of relays, "
            f"{found.memory.keys} strings of 32 bytes, {found.memory.frames} frames."
        )
    if found.unlocked:
        console.print(f"{found.unlocked} keys of this vault lie in the memory: it opens without a passphrase.")
    if found.exposure.kind in ("device", "desk", "notebook"):
        console.print(f"Tried: {found.tried} times; slots that opened: {found.slots}; strays: {found.strays}.")
    if found.noise is not None:
        seen = found.noise
        what = "nothing tells it from noise" if seen.noise else "it is NOT noise"
        console.print(
            f"The file: {seen.size} bytes, {seen.bits} bits a byte, {seen.sectors} sectors twice, "
            f"longest run of zeros {seen.zeros}: {what}."
        )
