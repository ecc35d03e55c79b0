"""`tercet desk ceremony`: five people make a root, sign it, and hand it to the desk.

Does        parses command lines, shows what is to be signed, asks for words on paper.
Does not    decide who may sign: the core does. Nor keep a key: it is on paper.
Spec        docs/ceremony.md; spec/61-root.md
Always      1. No secret is an argument, a file or a line of a log.  2. Nothing is signed that was not shown.
Read first  key(), draft(), sign(), check(), load().
"""

from __future__ import annotations

from enum import StrEnum
from os import urandom
from pathlib import Path
from typing import Annotated

import typer

from tercet.core import root as roots
from tercet.core.fields import encode
from tercet.core.root import Signed
from tercet.core.statement import NAME, list_mark, list_of
from tercet.desk import papers
from tercet.sealing import PAPER_SECRET, UnknownWord, paper_words, sign_public
from tercet.shell.dialogue import Answers, Dialogue, Person
from tercet.shell.failures import ShellError
from tercet.shell.opening import run
from tercet.shell.service import agreed
from tercet.shell.show import date_of

app = typer.Typer(no_args_is_help=True, help="Five keys on paper above the desk: make them, and sign with three.")
SENTENCES = {
    "paper_words": "Write these thirteen words on paper. They are shown once, and kept nowhere else:\n{words}",
    "file_written": "The file is written.",
    "root_key": "  {seat}: {words}",
    "root_document": "Root {number}, to be compared by: {words}",
    "root_board": "  board, from {first} to {last}: {words}",
    "root_from": "  the board goes on behind its entry {number}; what any other key signed after that counts no more",
    "root_needs": "  {needed} of these five must sign the next root",
    "root_names": "  it names besides “{name}”: {words}",
    "root_voice": "  statements that go on counting: {words}",
    "root_signed": "{count} of its own five have signed; {needed} are needed.",
    "root_signed_before": "{count} of the five before have signed; {needed} are needed.",
    "root_holds": "Root {number} holds: enough have signed.",
}
SIGN = "Is this what all of you agreed to? (yes/no)"

AnswersFrom = Annotated[
    int | None, typer.Option("--answers", help="File descriptor with answers: JSON objects, one a line.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]
To = Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")]
After = Annotated[Path | None, typer.Option(help="The root that this one follows; none for the first.")]


class Seat(StrEnum):
    """Whose key it is."""

    FOUNDER = "founder"
    DESK = "desk"
    GUARDIAN = "guardian"


@app.command()
def key(
    seat: Annotated[Seat, typer.Argument(help="Whose key it is.")],
    to: To,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Make one of the five keys, on a machine without network: thirteen words for paper, and a file for the others."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        not_there(to)
        secret = urandom(PAPER_SECRET)
        await person.tell("paper_words", words=" ".join(paper_words(secret)))
        typed = await person.ask("paper", "The thirteen words, read from the paper", hidden=True)
        if not _is_key(typed, secret):
            raise ShellError("paper_differs")
        made = papers.key_file(seat.value, secret)
        papers.write_file(to, papers.KEY_TITLE, encode(made))
        await person.tell("root_key", seat=seat.value, words=papers.compared(made.key.public))
        await person.tell("file_written")

    run(work(), as_json)


def _is_key(typed: str, secret: bytes) -> bool:
    """Whether these are the words of a key; whatever else they are, the paper they were read from is of no use."""
    try:
        return papers.seed_from(typed) == papers.seed_of(secret)
    except (ShellError, UnknownWord):
        return False


@app.command()
def draft(
    keys: Annotated[list[Path], typer.Argument(help="Five key files.")],
    board: Annotated[Path, typer.Option(help="The desk's board file.")],
    to: To,
    after: After = None,
    statement: Annotated[
        list[Path] | None, typer.Option(help="A statement that is to go on counting; all of them, each once.")
    ] = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Write a root that nobody has signed yet: the five keys, and the board's key with its days."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        before = papers.read_root(after) if after else None
        five = [papers.parse_key(papers.read_file(path)) for path in keys]
        kept = [papers.read_statement(path).said.mark for path in statement or ()]
        listed = list_mark(kept) if kept else None
        made = papers.draft(five, papers.parse_board(papers.read_file(board)), before, listed)
        papers.write_file(to, papers.ROOT_TITLE, encode(made))
        await _show(person, made)
        await person.tell("file_written")

    run(work(), as_json)


@app.command()
def sign(
    root: Annotated[Path, typer.Argument(help="The root to sign.")],
    to: To,
    after: After = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Sign a root with a key on paper, on a machine without network."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        not_there(to)
        unsigned = papers.read_root(root)
        may_sign = unsigned.root.publics
        if after:
            may_sign |= papers.read_root(after).root.publics
        await _show(person, unsigned)
        seed = await seed_to_sign(person, SIGN, may_sign)
        signed = roots.with_signatures(unsigned, [roots.sign_root(unsigned.payload, seed)])
        papers.write_file(to, papers.ROOT_TITLE, encode(signed))
        await person.tell("file_written")

    run(work(), as_json)


@app.command()
def check(
    signed: Annotated[list[Path], typer.Argument(help="Files of one root, signed by one or by several.")],
    after: After = None,
    to: Annotated[Path | None, typer.Option(help="The file to write if enough have signed.")] = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Put signatures together, and say whether they are enough: three of the five, and three of the five before."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        whole = papers.gathered([papers.read_root(path) for path in signed])
        before = papers.read_root(after) if after else None
        await _show(person, whole)
        own = roots.counted(whole, whole.root.publics)
        await person.tell("root_signed", count=len(own), needed=whole.root.threshold)
        if before:
            old = roots.counted(whole, before.root.publics)
            await person.tell("root_signed_before", count=len(old), needed=before.root.threshold)
            roots.check_next(before.payload, whole)
        else:
            roots.check_first(whole.mark, whole)
        if to:
            papers.write_file(to, papers.ROOT_TITLE, encode(whole))
            await person.tell("file_written")
        await person.tell("root_holds", number=whole.root.number)

    run(work(), as_json)


async def seed_to_sign(person: Dialogue, question: str, may_sign: frozenset[bytes]) -> bytes:
    """The seed of somebody's key on paper, once they have agreed to sign what they were shown.

    Raises:
        ShellError: `not_signed`, `paper_other`, `paper_wrong`.
        UnknownWord: a word is not on the list.
    """
    if not await agreed(person, "agreed", question):
        raise ShellError("not_signed")
    seed = papers.seed_from(await person.ask("paper", "The thirteen words on the paper", hidden=True))
    if sign_public(seed) not in may_sign:
        raise ShellError("paper_other")
    return seed


async def _show(person: Dialogue, signed: Signed) -> None:
    """Say all that a root says, in words that people at five places can compare."""
    root = signed.root
    await person.tell("root_document", number=root.number, words=papers.compared_root(signed))
    for each in root.keys:
        await person.tell("root_key", seat=each.role, words=papers.compared(each.public))
    first, last = date_of(root.board.first), date_of(root.board.last)
    await person.tell("root_board", words=papers.compared(root.board.public), first=first, last=last)
    await person.tell("root_from", number=root.board.number)
    await person.tell("root_needs", needed=root.threshold)
    listed = list_of(root)
    if listed:
        await person.tell("root_voice", words=papers.compared_statement(listed))
    for other in root.others:
        if not listed or other.name != NAME:
            await person.tell("root_names", name=other.name, words=papers.compared(other.public))


def not_there(path: Path) -> None:
    """Refuse before anything is shown or asked, rather than after.

    Raises:
        ShellError: `file_there`.
    """
    if path.expanduser().exists():
        raise ShellError("file_there")
