"""`tercet desk`: what a desk types.

Does        parses command lines, asks, shows.
Does not    decide anything: the service does.
Spec        docs/desk.md
Always      1. No secret is an argument.
Read first  app.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tercet.core.fields import encode
from tercet.core.strength import CAPTURED
from tercet.desk import ceremony, papers
from tercet.desk.lines import (
    event_lines,
    place_line,
    report_table,
    reports,
    said_of_weekly,
    said_of_witnesses,
    token_words,
)
from tercet.desk.relay import try_relay
from tercet.desk.service import SENTENCES, DeskService
from tercet.sealing import Cost
from tercet.shell.called import pasted
from tercet.shell.dialogue import Answers, Person
from tercet.shell.failures import ShellError
from tercet.shell.opening import carry_out, make_vault, relay_drop, run, unlock, wall_clock
from tercet.shell.service import Request
from tercet.shell.show import moment, show_carried, show_notes, show_notices, show_status, show_text
from tercet.shell.terminal import Terminal
from tercet.vault import DEFAULT_SIZE, Vault, open_vault

DEFAULT_DESK = Path("~/desk")
COST = Cost()
VAULT_SIZE = 4 * DEFAULT_SIZE  # a desk's state is up to 4 MiB
NO_ROOT = "No root yet: five people make one with `tercet desk ceremony`, before the first founder is met."
NEVER_ROOT = (
    "No root: whoever has the desk's passphrase signs the board for good. For this network it is too late for one."
)
BIASES = {
    "no_week": "No permits were dealt yet: nothing can be said.",
    "unfinished": "No week is over yet: it is the count of this one so far.",
    "abnormal": "Many more permits were spent than in the weeks before: a captor may have asked for them.",
    "allowance": "A founder was dealt all that it may get: its branch is larger, or somebody asks for too much.",
}
ALWAYS_BIASED = (
    "Members who were away all week, or beyond what a branch is dealt, are not counted.",
    "Who holds two devices counts twice; a captor who holds a branch counts as many as the branch was dealt.",
)
DESK_BEAT = 10.0  # seconds; a desk's beat follows its load

app = typer.Typer(no_args_is_help=True, help="What a desk does: found a network, take in reports, answer, export.")

DeskPath = Annotated[Path, typer.Option("--dir", help="The desk's folder.")]
AnswersFrom = Annotated[
    int | None, typer.Option("--answers", help="File descriptor with answers: JSON objects, one a line.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]
app.add_typer(ceremony.app, name="ceremony")
Number = Annotated[int, typer.Argument(help="The report's number.")]


def _service(folder: Path, vault: Vault) -> DeskService:
    return DeskService(vault, relay_drop, wall_clock, folder / "archive")


def _do(folder: Path, answers: int | None, as_json: bool, request: Request) -> dict[str, Any]:
    person = Person(Answers(answers), as_json, SENTENCES)
    home = folder.expanduser()

    async def work() -> dict[str, Any]:
        path = home / "vault"
        result = await carry_out(
            path, person, request, lambda vault: _service(home, vault), COST, "no_desk", as_json=as_json
        )
        if as_json:
            await person.tell("done", **result)
        return result

    return run(work(), as_json)


@app.command()
def init(
    relay: Annotated[list[str], typer.Option(help="A relay's address; may be given again.")],
    folder: DeskPath = DEFAULT_DESK,
    shards: Annotated[int, typer.Option(help="Intake boxes a day, 1 to 48.", min=1, max=48)] = 8,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Found a network: make the desk's vault, its keys and its board."""
    person = Person(Answers(answers), as_json, SENTENCES)
    home = folder.expanduser()

    async def work() -> None:
        if (home / "vault").exists():
            raise ShellError("already_founded")
        for address in relay:
            await try_relay(relay_drop(address), address, person)
        passphrase = await make_vault(home / "vault", person, VAULT_SIZE, COST, second=os.urandom(32).hex())
        service = _service(home, open_vault(home / "vault", passphrase, cost=COST))
        try:
            await service.open()
            await service.request({"do": "found", "relays": relay, "shards": shards}, person)
        finally:
            await service.close()
        await person.tell("founded")

    run(work(), as_json)


@app.command()
def serve(
    folder: DeskPath = DEFAULT_DESK,
    every: Annotated[float, typer.Option(help="Seconds between beats, on average.")] = DESK_BEAT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Stay open: take in what comes, send what waits; other commands go through this one."""
    person = Person(Answers(answers), as_json, SENTENCES)
    home = folder.expanduser()
    if every <= 0:
        raise typer.BadParameter("more than 0 seconds", param_hint="--every")

    async def work() -> None:
        service = _service(home, await unlock(home / "vault", person, COST, "no_desk", as_json=as_json, stay=True))
        try:
            await service.open()
            await service.run(every, home / "vault", person)
        finally:
            await service.close()

    run(work(), as_json)


@app.command()
def meet(
    folder: DeskPath = DEFAULT_DESK,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop the meeting that is under way.")] = False,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Meet a founder in person: say a code, compare four words."""
    _do(folder, answers, as_json, {"do": "meet", "stop": stop})


@app.command()
def introduce(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Introduce two founders to each other."""
    _do(folder, answers, as_json, {"do": "introduce"})


@app.command()
def accept(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Say yes or no to a founder's partner, whom the founder introduces."""
    _do(folder, answers, as_json, {"do": "accept"})


@app.command()
def burn(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Cut out a founder who was taken, with a second voice; or say no where another founder asked you to."""
    _do(folder, answers, as_json, {"do": "burn"})


@app.command()
def compare(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Compare words, face to face, with somebody you were introduced to."""
    _do(folder, answers, as_json, {"do": "compare"})


@app.command()
def inbox(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """List the reports, and read founders' letters; what you have read of these vanishes after a day."""
    found = _do(folder, answers, as_json, {"do": "inbox"})
    if as_json:
        return
    console = Terminal()
    console.print(report_table(found["cases"]) if found["cases"] else "Reports: none yet.")
    show_notes(console, found["letters"])
    show_notices(console, found["notices"])


@app.command()
def show(number: Number, folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Show one report and its conversation."""
    found = _do(folder, answers, as_json, {"do": "show", "number": number})
    if as_json:
        return
    console = Terminal()
    report = found["report"]
    console.print(f"Report {report['number']}, came {moment(report['came'])}{token_words(report)}")
    if found["same"]:
        console.print(f"  about the same event as {reports(found['same'])}; it is called by report {report['event']}")
    if report["happened"] is not None:
        console.print(f"  when: {moment(report['happened'])}")
    if report["place"]:
        console.print(f"  where: {place_line(report['place'])}")
    show_text(console, report["text"] or "")
    for place, media in enumerate(report["media"], 1):  # as an export counts them
        size, sha256, came = media["size"], media["sha256"], f"{media['here']} of {media['blocks']} blocks are here"
        console.print(f"  file {place}: {media['kind']} .{media['form']}, {size} bytes, {came}, sha256 {sha256}")
    for word in found["words"]:
        who = "desk" if word["ours"] else "reporter"
        console.print(f"{moment(word['came'])}  {who}:")
        show_text(console, word["text"])


@app.command()
def reply(
    number: Number, folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False
) -> None:
    """Write to whoever sent a report; the desk does not learn who that is."""
    _do(folder, answers, as_json, {"do": "reply", "number": number})


@app.command()
def letter(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Write to a founder."""
    _do(folder, answers, as_json, {"do": "letter"})


@app.command()
def export(
    number: Number,
    to: Annotated[Path, typer.Option(help="An empty or new folder.")],
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Write a report with its files and its conversation into a folder."""
    target = str(to.expanduser().absolute())
    found = _do(folder, answers, as_json, {"do": "export", "number": number, "to": target})
    if not as_json:
        console, done = Terminal(), found["exported"]
        checked = "every file is there and every hash was checked" if done["whole"] else "NOT WHOLE: see report.txt"
        console.print(f"Written to {target}: {checked}.")
        for line in done["files"]:
            console.print(f"  {line}")


@app.command()
def notice(
    until: Annotated[int, typer.Option(help="For how many days it holds, 0 for today alone.", min=0, max=60)],
    source: Annotated[
        Path | None, typer.Option("--from", help="A file with the text; else you are asked for it.")
    ] = None,
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Say something to every member: it is shown to you first, and goes onto the board if you say yes."""

    async def read() -> dict[str, Any]:
        return {"text": papers.read_words(source) if source else ""}

    _do(folder, answers, as_json, {"do": "notice", "days": until, **run(read(), as_json)})


@app.command()
def statement(
    signed: Annotated[Path, typer.Argument(help="A statement's file, with enough signatures.")],
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Put on the board what the group says in public, for every member to read."""

    async def read() -> dict[str, Any]:
        return {"said": encode(papers.read_statement(signed).said).hex()}

    _do(folder, answers, as_json, {"do": "statement", **run(read(), as_json)})
    if not as_json:
        Terminal().print("It is on the board, for every member.")


@app.command()
def case(
    number: Annotated[int, typer.Argument(help="The report by which the event is called.")],
    others: Annotated[list[int] | None, typer.Argument(help="Reports about the same event.")] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Take these reports out: they are about something else.")
    ] = False,
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Mark reports, and those in an event with them, as about the same event: their witnesses count together."""
    request = {"do": "same_event", "number": number, "others": others or [], "apart": apart}
    found = _do(folder, answers, as_json, request)
    if not as_json:
        Terminal().print("\n".join(event_lines(found)))


@app.command()
def witnesses(
    number: Number,
    captured: Annotated[
        int, typer.Option(help="Permits a week of the largest branch that a captor may hold.", min=0)
    ] = CAPTURED,
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Say how many different witnesses of a report's event there were, if a captor holds only so many permits."""
    found = _do(folder, answers, as_json, {"do": "witnesses", "number": number, "captured": captured})
    if not as_json:
        said = said_of_witnesses(found["certain"], found["captured"], found["witnessed"])
        Terminal().print(said)


@app.command()
def strength(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Say between which numbers the network's members are, and what could bias that."""
    found = _do(folder, answers, as_json, {"do": "strength"})
    if not as_json:
        console = Terminal()
        least, most = found["least"], found["most"]
        console.print(f"Between {least:,} and {most:,}." if least else f"Fewer than {most}.")
        for line in (*(BIASES[one] for one in found["biases"]), *ALWAYS_BIASED):
            console.print(f"  {line}")


@app.command()
def relays(
    relay: Annotated[list[str], typer.Option(help="A relay's address; all that are to be used, one to eight.")],
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Change the network's relays: the new list goes onto the board, at the old relays too."""
    found = _do(folder, answers, as_json, {"do": "relays", "relays": relay})
    if not as_json:
        Terminal().print(f"Relays on the board now: {len(found['relays'])}. Keep the old ones running for a while.")


@app.command()
def weekly(
    relay: Annotated[str, typer.Option(help="The relay's address.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Forget its secret: no more passes are made.")] = False,
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Take in a relay's weekly secret, of which the passes come that members are handed; you are asked for it."""
    found = _do(folder, answers, as_json, {"do": "weekly", "relay": relay, "withdraw": withdraw})
    if not as_json:
        Terminal().print(said_of_weekly(found))


@ceremony.app.command()
def board(
    to: ceremony.To,
    days: Annotated[int, typer.Option(help="Days that the key is to count, from today.", min=1, max=400)] = 180,
    fresh: Annotated[bool, typer.Option("--fresh", help="A fresh key, in place of the one that signs now.")] = False,
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Write the desk's board key into a file, for the five to delegate."""
    found = _do(folder, answers, as_json, {"do": "board_key", "days": days, "fresh": fresh})

    async def write() -> None:
        papers.write_file(to, papers.BOARD_TITLE, bytes.fromhex(found["board"]))

    run(write(), as_json)
    if not as_json:
        said = f"The board's key, from {found['first']} to {found['last']}, to be compared by: {found['words']}"
        Terminal().print(said)


@ceremony.app.command()
def load(
    roots: Annotated[list[Path], typer.Argument(help="Roots that hold, the first one first.")],
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Bring roots that hold to the desk; each is checked once more."""

    async def read() -> dict[str, Any]:
        return {"documents": [encode(papers.read_root(path)).hex() for path in roots]}

    found = _do(folder, answers, as_json, {"do": "load_roots", **run(read(), as_json)})
    if not as_json:
        Terminal().print(f"This desk holds root {found['number']}: its key counts to {found['last']}.")


@app.command()
def carry(
    stick: Annotated[Path, typer.Argument(help="The folder of a stick or a memory card.")],
    folder: DeskPath = DEFAULT_DESK,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Exchange everything with a stick in place of the relays: take in what is on it, leave the answers there."""
    request = {"do": "carry", "to": str(stick.expanduser().absolute())}
    show_carried(_do(folder, answers, as_json, request), as_json)


@app.command()
def status(folder: DeskPath = DEFAULT_DESK, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Show founders and relays."""
    found = _do(folder, answers, as_json, {"do": "status"})
    if not as_json:
        show_status(Terminal(), found)
        root = found["root"]
        said = NEVER_ROOT if found["neighbours"] else NO_ROOT
        if root["number"]:
            said = f"Root {root['number']}: the board's key counts to {root['last']}."
        Terminal().print(pasted(said))
