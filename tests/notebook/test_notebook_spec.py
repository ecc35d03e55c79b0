"""spec/74-notebook.md and the room say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tercet.notebook
from tercet.notebook import AREA, HINTS, SENTENCES, NotebookError
from tercet.notebook import book as books
from tercet.notebook.prompt import ALSO, COMMANDS

HOUSE = Path(__file__).resolve().parents[2]
SPEC = (HOUSE / "spec" / "74-notebook.md").read_text()
ROOM = Path(tercet.notebook.__file__).parent


def part(section: int) -> str:
    return SPEC.split(f"\n## {section}. ")[1].split("\n## ")[0]


def rows(section: int, table: int = 0) -> list[list[str]]:
    """The cells of a section's table, heading left away."""
    tables = re.findall(r"(?:^\|.*\n)+", part(section), re.M)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[table].splitlines()[2:]]
    assert cells
    return cells


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_command_stands_in_the_spec_as_it_is_typed() -> None:
    assert [quoted(row[0])[0] for row in rows(4)] == [usage for usage, _ in COMMANDS.values()]
    assert list(COMMANDS) == [usage.split()[0] for usage, _ in COMMANDS.values()]
    for other, command in ALSO.items():
        assert command in COMMANDS
        assert not other or f"`{other}`" in part(4)


def test_everything_that_is_said_stands_in_the_spec_with_its_facts() -> None:
    written = {quoted(what)[0]: set(quoted(facts)) for what, facts in rows(4, 1)}
    tree = ast.parse((ROOM / "prompt.py").read_text())
    said = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tell"
        if isinstance(node.args[0], ast.Constant)
    }
    assert said == set(written)
    assert set(SENTENCES) == set(written) - {"note", "list"}
    for what, sentence in SENTENCES.items():
        places = set(re.findall(r"\{(\w+)", sentence))
        assert places <= written[what] and (places == written[what] or what == "notes_refused")


def test_every_code_stands_in_the_spec_and_every_hint_is_one_sentence() -> None:
    assert sorted(quoted(row[0])[0] for row in rows(5)) == sorted(HINTS)
    for code, hint in HINTS.items():
        assert re.fullmatch(r"[A-Z][^.\n]+\.", hint), code
        assert NotebookError(code).hint == hint


@pytest.mark.parametrize(
    ("number", "section"),
    [
        (AREA, 1),
        (books.BOOK_MOST, 1),
        (books.ENTRIES_MOST, 2),
        (books.NUMBER_MOST, 2),
        (books.TITLE_MOST, 2),
        (books.TEXT_MOST, 2),
        (books.THINGS_MOST, 2),
        (books.THING_MOST, 2),
    ],
)
def test_every_bound_stands_in_the_spec(number: int, section: int) -> None:
    assert re.search(rf"(?<![\d,]){number:,}(?!,?\d)", part(section))
