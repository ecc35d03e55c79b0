"""`tercet member`: what a member types.

Does        parses command lines, asks, shows.
Does not    decide anything: the service does.
Spec        docs/member.md
Always      1. No secret is an argument; names, texts and codes are asked for.
Read first  app.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tercet.member.service import SENTENCES, MemberService
from tercet.sealing import Cost
from tercet.shell.dialogue import Answers, Person
from tercet.shell.opening import carry_out, make_vault, relay_drop, run, unlock, wall_clock
from tercet.shell.service import BEAT, Request
from tercet.shell.show import moment, show_status
from tercet.shell.text import shown
from tercet.vault import DEFAULT_SIZE, Vault

DEFAULT_VAULT = Path("~/.notebook")
COST = Cost()

app = typer.Typer(no_args_is_help=True, help="What a member does: meet, report, read, answer.")

VaultPath = Annotated[Path, typer.Option("--vault", help="The vault file.")]
AnswersFrom = Annotated[
    int | None, typer.Option("--answers", help="File descriptor with answers: JSON objects, one a line.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]


def _service(vault: Vault) -> MemberService:
    return MemberService(vault, relay_drop, wall_clock)


def _person(answers: int | None, as_json: bool) -> Person:
    return Person(Answers(answers), as_json, SENTENCES)


def _do(vault: Path, answers: int | None, as_json: bool, request: Request) -> dict[str, Any]:
    person = _person(answers, as_json)
    path = vault.expanduser()

    async def work() -> dict[str, Any]:
        result = await carry_out(path, person, request, _service, COST)
        if as_json:
            await person.tell("done", **result)
        return result

    return run(work(), as_json)


@app.command()
def init(
    vault: VaultPath = DEFAULT_VAULT,
    size_mib: Annotated[int, typer.Option("--size", help="Size of the vault file in MiB, 4 to 1024.")] = 64,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Make a vault: one file of constant size that looks like noise."""
    person = _person(answers, as_json)
    path = vault.expanduser()

    async def work() -> None:
        await make_vault(path, person, size_mib * (DEFAULT_SIZE // 64), COST)
        await person.tell("vault_made")

    run(work(), as_json)
    if not as_json:
        Console().print(f"Made {path}. Next: meet someone who is in, with `tercet member meet`.", markup=False)


@app.command()
def meet(
    vault: VaultPath = DEFAULT_VAULT,
    be: Annotated[
        str,
        typer.Option("--as", help="Say a code and be this to the other: partner, link or below. Else type one."),
    ] = "",
    relay: Annotated[str, typer.Option(help="The relay's address, for a newcomer.")] = "",
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Meet a person who sits beside you: one says a code, the other types it, both compare four words."""
    if be not in ("", "partner", "link", "below"):
        raise typer.BadParameter("partner, link or below", param_hint="--as")
    _do(vault, answers, as_json, {"do": "meet", "role": be, "relay": relay})


@app.command()
def report(
    photo: Annotated[list[Path] | None, typer.Option(help="A photo; may be given again.")] = None,
    video: Annotated[list[Path] | None, typer.Option(help="A video of any size.")] = None,
    audio: Annotated[list[Path] | None, typer.Option(help="A recording of any size.")] = None,
    where: Annotated[
        str,
        typer.Option(help='Where: "33.51, 36.29", or a district; - to be asked.'),
    ] = "",
    precision: Annotated[
        str, typer.Option(help="exact, 1km, 10km or district; else 1km for numbers, district for names.")
    ] = "",
    when: Annotated[str, typer.Option(help='When: "2026-11-20 14:30", "14:30"; - to be asked.')] = "",
    wait: Annotated[bool, typer.Option(help="Stay until the desk has it.")] = False,
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Report to the desk: words, and files if you like. It is sealed at once."""
    request: Request = {"do": "report", "where": where, "precision": precision, "when": when, "wait": wait}
    for kind, paths in (("photo", photo), ("video", video), ("audio", audio)):
        request[kind] = [str(p.expanduser().absolute()) for p in paths or ()]
    _do(vault, answers, as_json, request)


@app.command()
def letter(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Write to someone you met."""
    _do(vault, answers, as_json, {"do": "letter"})


@app.command()
def answer(
    number: Annotated[int, typer.Argument(help="The report's number.")],
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Answer what the desk asked about a report."""
    _do(vault, answers, as_json, {"do": "answer", "number": number})


@app.command()
def inbox(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Read what came. What you have read vanishes after a day."""
    found = _do(vault, answers, as_json, {"do": "inbox"})
    if as_json:
        return
    console = Console(highlight=False, soft_wrap=True)
    for note in found.get("letters", ()):
        console.print(f"{moment(note['came'])}  from {shown(note['from'])}: {shown(note['text'])}", markup=False)
    for note in found.get("desk", ()):
        console.print(
            f"{moment(note['came'])}  the desk, on report {note['report']}: {shown(note['text'])}", markup=False
        )
    if not found.get("letters") and not found.get("desk"):
        console.print("Nothing new.")


@app.command()
def status(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Show neighbours, reports and relays."""
    found = _do(vault, answers, as_json, {"do": "status"})
    if not as_json:
        show_status(Console(highlight=False), found)


@app.command("run")
def run_member(
    vault: VaultPath = DEFAULT_VAULT,
    every: Annotated[float, typer.Option(help="Seconds between beats, on average.")] = BEAT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Stay awake: beat, send what waits, fetch what came; other commands go through this one."""
    person = _person(answers, as_json)
    path = vault.expanduser()
    if every <= 0:
        raise typer.BadParameter("more than 0 seconds", param_hint="--every")

    async def work() -> None:
        service = _service(await unlock(path, person, COST))
        try:
            await service.open()
            await service.run(every, path, person)
        finally:
            await service.close()

    run(work(), as_json)
