"""`tercet voice` and `tercet verify`: what the group says in public, signed by three on paper, checked by anybody.

Does        parses command lines, shows what is to be signed, asks for words on paper, says what holds.
Does not    decide what holds: the core does. Nor keep a key, or use a network.
Spec        docs/voice.md; spec/62-voice.md
Always      1. No secret is an argument, a file or a line of a log.  2. Nothing is signed that was not shown whole.
            3. Exit status 0 of `verify` means that the statement holds.
Read first  propose(), sign(), publish(), verify().
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tercet.core import root as roots
from tercet.core import statement as statements
from tercet.core.days import day_of
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.statement import Publication, Verdict
from tercet.desk import papers
from tercet.desk.ceremony import AnswersFrom, AsJson, To, not_there, seed_to_sign
from tercet.desk.page import page_text
from tercet.shell.dialogue import Answers, Dialogue, Person
from tercet.shell.failures import ShellError
from tercet.shell.opening import run, wall_clock
from tercet.shell.service import ask_until
from tercet.shell.show import date_of

app = typer.Typer(no_args_is_help=True, help="What the group says in public: propose, sign with three, publish.")
SENTENCES = {
    "statement": "Statement {number} of {date}, to be compared by: {words}",
    "statement_line": "  {line}",
    "statement_root": "The root whose keys sign it: root {number}, {words}",
    "statement_signed": "{count} of the five have signed; {needed} are needed.",
    "statement_holds": "IT HOLDS: enough of the five of root {number} have signed. The newest root known here is root "
    "{newest}: {words}",
    "statement_listed": "Keys that signed it were replaced since then; the newest root says that it still counts.",
    "newer_may_be": "If the group has a newer root than this one, check again with that: only it knows of keys that "
    "were lost since.",
    "file_written": "The file is written.",
    "page_written": "The page is written. Its SHA-256: {sha256}",
}
SIGN = "Is this, word for word, what all of you agreed to say? (yes/no)"
ROOT = "The eight words of the group's first root, as they were printed"


@app.command()
def propose(
    root: Annotated[list[Path], typer.Option(help="A root that holds; all of them, the first one first.")],
    number: Annotated[int, typer.Option(help="The statement's number: 1, 2, 3…", min=1, max=2**32)],
    to: To,
    source: Annotated[
        Path | None, typer.Option("--from", help="A file with the text; else you are asked for it.")
    ] = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Write a statement that nobody has signed yet."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        not_there(to)
        row = tuple(encode(papers.read_root(path)) for path in root)
        roots.walk(roots.parse_signed(row[0]).mark, row)
        newest = roots.parse_signed(row[-1])

        async def write(text: str) -> None:
            said = statements.draft(number, day_of(wall_clock()), newest.mark, text)
            made = statements.parse_publication(encode(Publication(1, row, said)))
            papers.write_file(to, papers.STATEMENT_TITLE, encode(made))
            await _show(person, made, row)

        if source:
            await write(papers.read_words(source))
        else:
            await ask_until(person, "text", "What to say", write)
        await person.tell("file_written")

    run(work(), as_json)


@app.command()
def sign(
    statement: Annotated[Path, typer.Argument(help="The statement to sign.")],
    to: To,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Sign a statement with a key on paper, on a machine without network."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        not_there(to)
        found = papers.read_statement(statement)
        root = _named(found, found.roots).root
        await _show(person, found, found.roots)
        seed = await seed_to_sign(person, SIGN, root.publics)
        signed = statements.with_signatures(found.said, [statements.sign_statement(found.said.payload, seed)])
        papers.write_file(to, papers.STATEMENT_TITLE, encode(msgspec.structs.replace(found, said=signed)))
        await person.tell("file_written")

    run(work(), as_json)


@app.command()
def publish(
    signed: Annotated[list[Path], typer.Argument(help="Files of one statement, signed by one or by several.")],
    to: To,
    root: Annotated[list[Path] | None, typer.Option(help="A root made since then; each of them, in order.")] = None,
    statement: Annotated[
        list[Path] | None, typer.Option(help="A statement that the newest root lists; all of them, each once.")
    ] = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Put signatures together, check them, and write the file that goes out; later again, with the newer roots."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        not_there(to)
        first, *others = [papers.read_statement(path) for path in signed]
        if any(each.said.payload != first.said.payload for each in others):
            raise ShellError("voice_unlike")
        row = max((each.roots for each in (first, *others)), key=len)
        row += tuple(encode(papers.read_root(path)) for path in root or ())
        listed = tuple(sorted({papers.read_statement(path).said.mark for path in statement or ()})) or first.listed
        try:
            said = statements.with_signatures(first.said, (s for each in others for s in each.said.signatures))
            whole = statements.parse_publication(encode(Publication(1, row, said, listed)))
        except Malformed:
            raise ShellError("voice_file") from None
        await _show(person, whole, row)
        mark = roots.parse_signed(row[0]).mark
        await _holds(person, statements.check(whole, lambda given: given == mark))
        papers.write_file(to, papers.STATEMENT_TITLE, encode(whole))
        await person.tell("file_written")

    run(work(), as_json)


@app.command()
def page(to: To, answers: AnswersFrom = None, as_json: AsJson = False) -> None:
    """Write the page that checks statements in a browser: one file, which asks no server for anything."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        text = page_text()
        papers.write_new(to, text)
        await person.tell("page_written", sha256=sha256(text.encode()).hexdigest())

    run(work(), as_json)


def verify(
    statement: Annotated[Path, typer.Argument(help="The statement's file.")],
    root: Annotated[str, typer.Option(help="The first root: its eight words or its mark; else you are asked.")] = "",
    root_file: Annotated[Path | None, typer.Option(help="The first root's file, if you were given that.")] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="Another statement's file, whose roots may be newer; may be given again.")
    ] = None,
    answers: AnswersFrom = None,
    as_json: AsJson = False,
) -> None:
    """Check what a group says in public, without a network; status 0 means that it holds."""
    person = Person(Answers(answers), as_json, SENTENCES)

    async def work() -> None:
        found = papers.read_statement(statement)
        others = [papers.read_statement(path) for path in also or ()]
        if root_file:
            mark = papers.read_root(root_file).mark
            is_first = papers.root_given(mark.hex())
        else:
            is_first = papers.root_given(root or await person.ask("root", ROOT))
        verdict = statements.check(found, is_first, [(each.roots, each.listed) for each in others])
        await _show(person, found, (*found.roots, *(document for each in others for document in each.roots)))
        await _holds(person, verdict)

    run(work(), as_json)


def _named(found: Publication, documents: tuple[bytes, ...]) -> roots.Signed:
    """The root that a statement names, among documents.

    Raises:
        Refusal: `voice_root`.
    """
    for each in map(roots.parse_signed, documents):
        if each.mark == found.said.statement.root:
            return each
    raise Refusal("voice_root")


async def _show(person: Dialogue, found: Publication, documents: tuple[bytes, ...]) -> None:
    """Say a statement whole, with what two people compare, and how many have signed."""
    statement, named = found.said.statement, _named(found, documents)
    words = papers.compared_statement(found.said.mark)
    await person.tell("statement", number=statement.number, date=date_of(statement.issued), words=words)
    for line in statement.text.split("\n"):
        await person.tell("statement_line", line=line)
    await person.tell("statement_root", number=named.root.number, words=papers.compared_root(named))
    count = len(statements.counted(found.said, named.root.publics))
    await person.tell("statement_signed", count=count, needed=named.root.threshold)


async def _holds(person: Dialogue, verdict: Verdict) -> None:
    words = papers.compared_mark(verdict.newest_mark)
    await person.tell("statement_holds", number=verdict.under, newest=verdict.newest.number, words=words)
    if verdict.listed:
        await person.tell("statement_listed")
    await person.tell("newer_may_be")
