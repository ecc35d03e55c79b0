"""`tercet member`: what a member types.

Does        parses command lines, asks, shows.
Does not    decide anything: the service does.
Spec        docs/member.md
Always      1. No secret is an argument; names, texts and codes are asked for.
Read first  app.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tercet.core.beat import PACE_LEAST, PACE_MOST
from tercet.core.events import Arrived
from tercet.member import locking
from tercet.member.service import SENTENCES, MemberService
from tercet.sealing import Cost
from tercet.shell.called import pasted
from tercet.shell.codes import PART, PART_LEAST, PART_MOST, Collector, read_all
from tercet.shell.dialogue import Answers, Dialogue, Person
from tercet.shell.opening import carry_out, make_vault, relay_drop, run, unlock, wall_clock
from tercet.shell.screen import Screen
from tercet.shell.screen import pictures as pictures_in
from tercet.shell.service import Request
from tercet.shell.show import show_carried, show_notes, show_notices, show_status, show_words
from tercet.shell.terminal import Terminal
from tercet.vault import DEFAULT_SIZE, DoorError, Vault

DEFAULT_VAULT = Path("~/.notebook")
COST = Cost()

app = typer.Typer(no_args_is_help=True, help="What a member does: meet, report, read, answer.")

VaultPath = Annotated[Path, typer.Option("--vault", help="The vault file.")]
AnswersFrom = Annotated[
    int | None, typer.Option("--answers", help="File descriptor with answers: JSON objects, one a line.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether it may be seen.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]
ShowIn = Annotated[Path | None, typer.Option("--show", help="A folder for the codes as PNG files; else the terminal.")]
Watched = Annotated[Path | None, typer.Option("--watch", help="A folder that pictures of the other screen come into.")]
CodeBytes = Annotated[int, typer.Option(help="Most bytes a code.", min=PART_LEAST, max=PART_MOST)]

Drawn = Callable[[Person], Dialogue]


def _screen(show: Path | None, watch: Path | None, size: int, as_json: bool) -> Drawn | None:
    """A screen for codes; a program without folders gets messages as they are."""
    if as_json and show is None and watch is None:
        return None
    shows, watches = (path.expanduser().absolute() if path else None for path in (show, watch))
    write = None if as_json else Terminal().print
    return lambda person: Screen(person, shows, watches, size, write)


UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600}  # seconds


def pace_of(text: str, rehearsal: bool) -> float:
    """Seconds between beats: a number, or one with s, m or h behind it.

    Raises:
        typer.BadParameter: it is none, or too close or too far apart to hide who reports; a rehearsal may beat faster.
    """
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", text.strip(), re.ASCII)
    pace = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not (0 if rehearsal else PACE_LEAST) <= pace <= PACE_MOST or not pace:
        said = "from 5m to 6h, such as 1800, 30m or 2h; with --rehearsal closer too, which hides nothing"
        raise typer.BadParameter(said, param_hint="--every")
    return pace


def service_of(vault: Vault) -> MemberService:
    """The service of an open vault, on the system's clock and its relays."""
    return MemberService(vault, relay_drop, wall_clock)


def _person(answers: int | None, as_json: bool) -> Person:
    return Person(Answers(answers), as_json, SENTENCES)


def _do(
    vault: Path,
    answers: int | None,
    as_json: bool,
    request: Request,
    screen: Callable[[Person], Dialogue] | None = None,
) -> dict[str, Any]:
    teller = _person(answers, as_json)
    person = screen(teller) if screen else teller
    path = vault.expanduser()

    async def work() -> dict[str, Any]:
        result = await carry_out(path, person, request, service_of, COST, as_json=as_json)
        if as_json:
            await person.tell("done", **result)
        return result

    return run(work(), as_json)


@app.command()
def init(
    vault: VaultPath = DEFAULT_VAULT,
    size_mib: Annotated[int, typer.Option("--size", help="Size of the vault file in MiB, 16 to 1024.")] = 64,
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
        said = pasted("Next: meet someone who is in, with `tercet member meet`.")
        Terminal().print(f"Made {path}. {said}")


@app.command()
def meet(
    vault: VaultPath = DEFAULT_VAULT,
    be: Annotated[
        str,
        typer.Option("--as", help="Say a code and be this to the other: partner, link or below. Else type one."),
    ] = "",
    relay: Annotated[str, typer.Option(help="The relay's address, for a newcomer.")] = "",
    codes: Annotated[bool, typer.Option(help="Scan codes from each other's screens instead.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop the meeting that is under way.")] = False,
    no_network: Annotated[bool, typer.Option("--no-network", help="By codes alone: nothing goes over a line.")] = False,
    show: ShowIn = None,
    watch: Watched = None,
    code_bytes: CodeBytes = PART,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Meet a person who sits beside you: one says a code, the other types it, both compare four words."""
    if be not in ("", "partner", "link", "below"):
        raise typer.BadParameter("partner, link or below", param_hint="--as")
    way = "alone" if no_network else "relay" if codes else ""
    screen = _screen(show, watch, code_bytes, as_json) if way else None
    request = {"do": "meet", "role": be, "relay": relay, "codes": way, "stop": stop}
    _do(vault, answers, as_json, request, screen)


@app.command("show")
def show_letters(
    show: ShowIn = None,
    code_bytes: CodeBytes = PART,
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for someone you met as codes, for their camera."""
    found = _do(vault, answers, as_json, {"do": "hand"}, _screen(show, None, code_bytes, as_json))
    if not as_json:
        Terminal().print(f"Handed over: {found['handed']}." if found["handed"] else "Nothing waits.")


@app.command()
def scan(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of the other screen, or folders of them.")],
    show: ShowIn = None,
    code_bytes: CodeBytes = PART,
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Read codes from pictures of another screen, and take in what they hold."""
    messages: list[str] = []

    async def read() -> None:
        messages.extend(m.hex() for m in read_all(pictures_in(pictures), Collector()))

    run(read(), as_json)
    screen = _screen(show, None, code_bytes, as_json)
    found = _do(vault, answers, as_json, {"do": "scan", "messages": messages}, screen)
    if not as_json:
        Terminal().print(f"Taken in: {found['taken']}.")


@app.command()
def introduce(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Introduce your link to your partner, or the two below you to each other."""
    _do(vault, answers, as_json, {"do": "introduce"})


@app.command()
def accept(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Say yes or no to being introduced to somebody."""
    _do(vault, answers, as_json, {"do": "accept"})


@app.command()
def compare(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Compare words, face to face, with somebody you were introduced to."""
    _do(vault, answers, as_json, {"do": "compare"})


@app.command()
def burn(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Cut out a neighbour who was taken, with a second voice; or say no where another asked you to."""
    _do(vault, answers, as_json, {"do": "burn"})


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
    witness: Annotated[bool, typer.Option("--witness", help="You saw it yourself; counts once a week.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Send it at once: that can be seen.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Send it at once, and stay until the desk has it.")] = False,
    yes: Yes = False,
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Report to the desk: words, and files if you like. It is sealed at once."""
    request: Request = {"do": "report", "where": where, "precision": precision, "when": when, "wait": wait}
    request |= {"now": now, "yes": yes, "witness": witness}
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
    console = Terminal()
    show_notes(console, found.get("letters", ()))
    show_words(console, found.get("desk", ()))
    show_notices(console, found.get("notices", ()))
    if not found.get("letters") and not found.get("desk") and not found.get("notices"):
        console.print("Nothing new.")


@app.command()
def notices(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Read all that the desk said to everyone and that holds still."""
    found = _do(vault, answers, as_json, {"do": "notices"})
    if as_json:
        return
    console = Terminal()
    show_notices(console, found.get("notices", ()))
    if not found.get("notices"):
        console.print("No notice holds now.")


@app.command()
def status(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Show neighbours, reports and relays."""
    found = _do(vault, answers, as_json, {"do": "status"})
    if found.get("locked"):
        if not as_json:
            Terminal().print(f"Locked. {found['operations']} operations are still to come.")
        return
    if not as_json:
        show_status(Terminal(), found)


@app.command("send-now")
def send_now(
    yes: Yes = False, vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False
) -> None:
    """Send and fetch at once all that is due. Whoever watches can see it."""
    found = _do(vault, answers, as_json, {"do": "send_now", "yes": yes})
    if not as_json:
        Terminal().print(f"{found['waited']} waited here; {found['waiting']} still do.")


@app.command()
def carry(
    stick: Annotated[Path, typer.Argument(help="The folder of a stick or a memory card.")],
    files: Annotated[str, typer.Option(help="yes or no: take files along too; else you are asked if some wait.")] = "",
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Exchange everything with a stick in place of the relays; somebody carries it there and back."""
    request = {"do": "carry", "to": str(stick.expanduser().absolute()), "files": files}
    show_carried(_do(vault, answers, as_json, request), as_json)


async def start_locked(service: MemberService, path: Path) -> None:
    """Give what was drawn ahead to a locked process."""
    plan = locking.list_of(service.planned, service.engine.device.ahead.secret, path)
    await asyncio.to_thread(locking.start, plan)


async def take_over(service: MemberService, path: Path, pace: float, person: Dialogue) -> None:
    """Take over from a locked process, if there is one; whoever else answers at the door is passed over."""
    ahead = service.engine.device.ahead
    try:
        found = await locking.take_over(path, ahead.secret)
        stranger = False
    except DoorError:
        found, stranger = None, True
    happened = found[1] if found else ()
    if ahead.reads:
        await service.take_in(happened, pace)
    if found:
        await locking.taken(found[0])
        await person.tell("taken_over", items=sum(len(e.items) for e in happened if isinstance(e, Arrived)))
    elif ahead.reads or stranger:
        await person.tell("not_taken_over")


@app.command()
def lock(vault: VaultPath = DEFAULT_VAULT, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Close the vault and go on beating for a day, without any key; `run` opens it again."""
    person, path, here = _person(answers, as_json), vault.expanduser(), list[MemberService]()

    def kept(opened: Vault) -> MemberService:
        here.append(service_of(opened))
        return here[0]

    async def work() -> dict[str, Any]:
        result = await carry_out(path, person, {"do": "lock"}, kept, COST, as_json=as_json)
        for service in here:
            await start_locked(service, path)
        if as_json:
            await person.tell("done", **result)
        return result

    found = run(work(), as_json)
    if not as_json:
        Terminal().print(f"Locked. {found['operations']} operations are planned, for a day at most; then it is silent.")


@app.command("give-up")
def give_up(
    number: Annotated[int, typer.Argument(help="The report's number.")],
    vault: VaultPath = DEFAULT_VAULT,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Send no more of a report's files: they are lost, or you think better of it."""
    found = _do(vault, answers, as_json, {"do": "give_up", "number": number})
    if as_json:
        return
    if found["stopped"]:
        said = f"No more of the files of report {number} is sent. The desk is told with the next beats."
    else:
        said = f"Nothing of the files of report {number} is left to send: nothing has changed."
    Terminal().print(said)


@app.command("run")
def run_member(
    vault: VaultPath = DEFAULT_VAULT,
    every: Annotated[str, typer.Option(help="Between two beats on average: 1800, 30m, 2h; from 5m to 6h.")] = "30m",
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Allow beats that are too close to hide.")] = False,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Stay awake: beat, send what waits, fetch what came; other commands go through this one."""
    person = _person(answers, as_json)
    path = vault.expanduser()
    pace = pace_of(every, rehearsal)

    async def work() -> None:
        service = service_of(await unlock(path, person, COST, as_json=as_json, stay=True, pace=pace))
        try:
            await service.open()
            await take_over(service, path, pace, person)
            if pace < PACE_LEAST:
                service.awaited_beat = min(service.awaited_beat, pace)
                await person.tell("rehearsal")
            await service.run(pace, path, person)
        finally:
            await service.close()
        if service.planned:
            await start_locked(service, path)

    run(work(), as_json)
