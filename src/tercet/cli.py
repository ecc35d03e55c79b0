"""The one command: `tercet`.

Does        gathers the commands of members, desks, relays and carriers.
Does not    hold rules: each room has its own.
Spec        docs/tour.md
Always      1. Exit status 0 means that everything asked for came true.
Read first  app.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from tercet import __version__
from tercet.desk.commands import app as desk_app
from tercet.desk.voice import app as voice_app
from tercet.desk.voice import verify
from tercet.drop import REFUSAL_HINTS, DropFailure, Refusal, Relay, RelayAddress, RelayClient, Stick
from tercet.drop.address import PASS, base32
from tercet.drop.carry import CarryReport, open_drop
from tercet.drop.carry import carry as carry_items
from tercet.drop.counted import CountedStore
from tercet.drop.disk import DiskStore
from tercet.drop.passes import SECRET, PassFile
from tercet.drop.server import serve
from tercet.lab.commands import app as lab_app
from tercet.lab.seize import seize
from tercet.member.commands import DEFAULT_VAULT
from tercet.member.commands import app as member_app
from tercet.member.notebook import open_notebook
from tercet.sealing import relay_identity
from tercet.shell import called
from tercet.shell.closed import keep_memory_closed
from tercet.shell.dialogue import Answers, Person
from tercet.shell.failures import STATUS_DROP, ShellError
from tercet.shell.opening import make_folder, run, wall_clock
from tercet.shell.terminal import Terminal
from tercet.shell.usage import Commands
from tercet.up import up as play

_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
SHOW_EVERY = 1.0  # seconds between two looks at a relay's counters and its file of passes
SENTENCES = {
    "relay": "Relay open. Its address, for desks and members:\n{address}",
    "relay_open_to_all": "Anybody who knows this address can fill the relay's disk.",
    "new_pass": "One more address of this relay, with a pass of its own:\n{address}",
    "passes": "The passes in the file have changed: their number is {count} now.",
    "weekly": "The weekly secrets in the file have changed: their number is {count} now.",
    "weekly_secret": "A secret of which this relay's passes of all weeks come. Give it to the desk alone:\n{secret}",
    "lasting_ended": "The lasting passes are taken no more, only those of a week. If a member is refused who should "
    "not be, put the file `pass.ended` back in the place of `pass`.",
    "bad_pass": "{hint} The relay goes on with the passes it has.",
    "seen": "stored: {frames} frames, {blocks} blocks; operations: {puts} put, {reads} read, {acks} let go",
    "carried": "{items} items carried, {left} stay where they were, {acks} acknowledgements delivered.",
    "visited": "{relay}: {items} items put, {fetched} fetched, {acks} acknowledgements delivered, "
    "{left} stay where they were.",
    "nothing_for_relay": "The stick holds nothing for {relay}: a member lays it there first (`tercet member carry`).",
    "not_visited": "{relay}: {hint} [{code}]",
    "board_stays": "{count} items of the board were not put there and stay where they are, for devices to read: "
    "a relay takes these from the desk only.",
    "refused": "{count} refused: {hint} [{code}]",
}

BESIDE = (
    "Beside these, `./tercet test` checks everything (with --full the long tests too). The first call makes .venv; "
    "PYTHON names the Python for it."
)  # what the entry does by itself

Place = RelayClient | DiskStore | Stick

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tercet: a capture-resistant reporting network. Start with `./tercet up`.",
    epilog=BESIDE,
)
app.add_typer(member_app, name="member")
app.add_typer(desk_app, name="desk")
app.add_typer(lab_app, name="lab")
app.add_typer(voice_app, name="voice")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tercet {__version__}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Tercet: a capture-resistant reporting network."""
    os.umask(0o077)
    keep_memory_closed()


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ShellError("bad_listen")
    return host, int(port)


def _identity(folder: Path) -> tuple[Path, Path, bytes]:
    """The relay's certificate and key; made once, kept for good: the address names them."""
    cert, key, mark = folder / "relay.crt", folder / "relay.key", folder / "fingerprint"
    try:
        if not mark.exists():
            made = relay_identity()
            for path, data in ((cert, made.cert_pem), (key, made.key_pem), (mark, made.fingerprint)):
                _write(path, data)
        return cert, key, mark.read_bytes()
    except OSError:
        raise ShellError("bad_folder") from None


def _write(path: Path, data: bytes) -> None:
    """Write a file of the owner's alone, whole or not at all."""
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    fresh.rename(path)


@app.command()
def relay(
    folder: Annotated[Path, typer.Option("--dir", help="Where the relay keeps what waits.")] = Path("~/relay"),
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen at; port 0 for any.")] = "127.0.0.1:7443",
    public: Annotated[str, typer.Option(help="HOST:PORT that members reach, if it is another.")] = "",
    quota_mib: Annotated[int, typer.Option("--quota", help="Most MiB on disk.", min=64)] = 10_240,
    to_all: Annotated[bool, typer.Option("--open", help="Take items from anybody, without a pass.")] = False,
    new_pass: Annotated[bool, typer.Option("--new-pass", help="Only add a pass, and print its address.")] = False,
    weekly: Annotated[
        bool, typer.Option("--weekly", help="Only draw a secret for passes of a week, and print it.")
    ] = False,
    end_lasting: Annotated[
        bool, typer.Option("--end-lasting", help="Only stop taking passes that last: those of a week are left.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")] = False,
) -> None:
    """Run a relay: it stores sealed items in boxes, knows nobody and opens nothing."""
    if to_all + new_pass + weekly + end_lasting > 1:
        raise typer.BadParameter("one of these at a time", param_hint="--open, --new-pass, --weekly, --end-lasting")
    person = Person(Answers(), as_json, SENTENCES)
    home = folder.expanduser()
    passes, secrets = PassFile(home / "pass"), PassFile(home / "weekly", size=SECRET)

    async def work() -> None:
        place, outside = _listen(listen), _listen(public) if public else None
        make_folder(home)
        cert, key, fingerprint = _identity(home)
        if new_pass:
            await _add_pass(person, passes, outside or place, fingerprint)
        elif weekly:
            await person.tell("weekly_secret", secret=base32(secrets.add()))
        elif end_lasting:
            await _end_lasting(person, passes, secrets)
        if new_pass or weekly or end_lasting:
            return
        held, weeks = (None, ()) if to_all else (passes.load(), secrets.load())
        store = CountedStore(DiskStore(home / "store", quota_mib * 1024 * 1024))
        try:
            server = await serve(store, *place, cert, key, clock=wall_clock, passes=held, weekly=weeks)
        except OSError:
            store.close()
            raise ShellError("listen_failed") from None
        try:
            for each in held or (b"",):
                address = RelayAddress(*(outside or (place[0], server.port)), fingerprint, each)
                await person.tell("relay", address=str(address))
            if to_all:
                await person.tell("relay_open_to_all")
            await _show(store, person, server, {} if to_all else {"passes": passes, "weekly": secrets})
        finally:
            await server.close()
            store.close()

    run(work(), as_json)


async def _add_pass(person: Person, passes: PassFile, place: tuple[str, int], fingerprint: bytes) -> None:
    RelayAddress(*place, fingerprint, bytes(PASS))  # nothing is drawn for an address that cannot be
    await person.tell("new_pass", address=str(RelayAddress(*place, fingerprint, passes.add())))


async def _end_lasting(person: Person, passes: PassFile, secrets: PassFile) -> None:
    """Take back all passes that last, unless nobody could post then."""
    if not secrets.load():
        raise ShellError("no_weekly")
    passes.clear()
    await person.tell("lasting_ended")


async def _look_at(what: str, file: PassFile, server: Relay, person: Person) -> None:
    """Take the `passes`, or the `weekly` secrets, that the operator changed meanwhile."""
    try:
        changed = file.changed()
    except DropFailure as failure:
        await person.tell("bad_pass", hint=failure.hint)
        return
    if changed is None:
        return
    if what == "weekly":
        server.weekly = changed
        await person.tell("weekly", count=len(changed))
    else:
        server.passes = changed
        await person.tell("passes", count=len(changed))


async def _show(store: CountedStore, person: Person, server: Relay, files: Mapping[str, PassFile]) -> None:
    """Show the counters whenever they change, until the process is asked to end; look at the files of passes."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    before: dict[str, int | str] = {}
    while not over.is_set():
        seen = store.seen()
        if seen != before:
            await person.tell("seen", **seen)
        before = seen
        for what, file in files.items():
            await _look_at(what, file, server, person)
        try:
            await asyncio.wait_for(over.wait(), SHOW_EVERY)
        except TimeoutError:
            continue


@app.command()
def carry(
    source: Annotated[str, typer.Argument(help="A stick, a relay's address, or the store of a relay.")],
    targets: Annotated[list[str], typer.Argument(help="Where to: a stick, a store, or one or more relays to visit.")],
    keep: Annotated[bool, typer.Option(help="Leave everything at the source too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")] = False,
) -> None:
    """Carry sealed items without any key: visit relays with a stick, hand on from stick to stick, move a store."""
    person = Person(Answers(), as_json, SENTENCES)

    async def work() -> dict[str, bool]:
        async with contextlib.AsyncExitStack() as opened:
            drops: list[Place] = []
            for place in (source, *targets):
                drops.append(open_drop(place))
                opened.push_async_callback(_close, drops[-1])
            several = len(targets) > 1
            if several and not (isinstance(drops[0], Stick) and all(isinstance(d, RelayClient) for d in drops[1:])):
                raise DropFailure("cannot_carry", "Several places in one go are relays that a stick is to visit.")
            rows = [await _go(person, drops[0], target, keep, several) for target in drops[1:]]
        return {"well": all(rows)}

    if not run(work(), as_json)["well"]:
        raise typer.Exit(STATUS_DROP)


async def _close(drop: Place) -> None:
    if isinstance(drop, RelayClient):
        await drop.close()
    else:
        drop.close()


async def _go(person: Person, source: Place, target: Place, keep: bool, several: bool) -> bool:
    """Carry between two places and say what came of it; False if something was refused, or one of several failed."""
    relay = next((d for d in (target, source) if isinstance(d, RelayClient)), None)
    place = relay.address.place if relay else ""
    with Terminal(stderr=True).status("Carrying…") as line:

        def progress(so_far: CarryReport) -> None:
            line.update(f"Put {so_far.carried}, fetched {so_far.fetched}, left {so_far.left}")

        try:
            done = await carry_items(source, target, keep=keep, progress=progress)
        except DropFailure as failure:
            if not several:
                raise
            await person.tell("not_visited", relay=place, code=failure.code, hint=failure.hint)
            return False
    sums = {"items": done.carried, "fetched": done.fetched, "acks": done.acks, "left": done.left, "board": done.board}
    if isinstance(source, Stick | RelayClient) and relay:
        await person.tell("visited", relay=place, **sums)
    else:
        await person.tell("carried", **sums)
    if relay and any(isinstance(end, Stick) and not end.has(str(relay.address)) for end in (source, target)):
        await person.tell("nothing_for_relay", relay=place)
    if done.board and relay:
        await person.tell("board_stays", count=done.board)
    for code, count in done.refused.items():
        await person.tell("refused", count=count, code=code, hint=REFUSAL_HINTS.get(Refusal(code), ""))
    return not done.refused


@app.command()
def notebook(
    file: Annotated[Path, typer.Option("--file", help="The notebook's file.")] = DEFAULT_VAULT,
    vault: Annotated[Path | None, typer.Option("--vault", hidden=True)] = None,
    answers: Annotated[
        int | None, typer.Option("--answers", help="File descriptor with answers: JSON objects, one a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON objects, one a line.")] = False,
) -> None:
    """Keep notes and lists."""
    person = Person(Answers(answers), as_json, {})
    run(open_notebook((vault or file).expanduser(), person, as_json=as_json), as_json)


app.command()(seize)
app.command()(verify)
app.command(name="up")(play)


def main() -> None:
    """Run the command line."""
    app(prog_name=os.environ.pop(called.VARIABLE, "") or called.PROGRAM)
