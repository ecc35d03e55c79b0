"""The commands in a sentence: that they can be typed as they stand."""

from __future__ import annotations

import ast
import contextvars
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tercet.cli import app
from tercet.shell import called
from tercet.shell.failures import HINTS

HOUSE = Path(__file__).parents[2]


def said(sentence: str, program: str = "./tercet", words: Sequence[str] = ()) -> str:
    def work() -> str:
        called.note(program, words)
        return called.pasted(sentence)

    return contextvars.copy_context().run(work)


@pytest.mark.parametrize(
    ("words", "sentence", "whole"),
    [
        (("member", "status"), "See `tercet member run`.", "See `./tercet member run`."),
        (("member", "status", "--vault", "v"), "See `tercet member run`.", "See `./tercet member run --vault v`."),
        (("desk", "init", "--dir=d"), "`tercet desk serve`, `tercet x`", "`./tercet desk serve --dir d`, `./tercet x`"),
        (("desk", "init", "--dir", "a b"), "`tercet desk show 1`", "`./tercet desk show 1 --dir 'a b'`"),
        (("desk", "init", "--dir", "d"), "`tercet desk ceremony --help`", "`./tercet desk ceremony --help`"),
        (("desk", "status", "--dir", "d"), "`tercet desk ceremony`", "`./tercet desk ceremony`"),
        (("desk", "init", "--dir", "d"), "`tercet desk ceremony load r`", "`./tercet desk ceremony load r --dir d`"),
        (("desk", "init", "--dir", "d"), "`tercet member run`", "`./tercet member run`"),
        (("relay", "--dir", "d"), "`tercet desk serve`", "`./tercet desk serve`"),
        (("member", "meet", "--vault", "v"), "with `meet --stop`", "with `./tercet member meet --stop --vault v`"),
        ((), "with `accept`, or `--answers`", "with `accept`, or `--answers`"),
        (("member", "run", "--vault", "v\x1b[2J"), "`tercet member run`", "`./tercet member run`"),
    ],
)  # fmt: skip
def test_a_command_in_a_sentence_stands_as_it_can_be_typed(words: Sequence[str], sentence: str, whole: str) -> None:
    assert said(sentence, words=words) == whole


def sentences() -> Iterator[str]:
    """Every text in the source that names a command and is no description of code."""
    for file in sorted((HOUSE / "src" / "tercet").rglob("*.py")):
        tree = ast.parse(file.read_text())
        described = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node not in described and called.NAMED.search(str(node.value)):
                yield str(node.value)


@cache
def whole_command() -> Any:
    """The tree of all commands."""
    return typer.main.get_command(app)


def unknown_in(line: str) -> list[str]:
    """What of a command line there is not: a command, or an option of it."""
    command: Any = whole_command()
    unknown = []
    for word in shlex.split(line)[1:]:
        if word.startswith("--"):
            options = {option for each in command.params for option in each.opts} | {"--help"}
            unknown += [word] * (word not in options)
        elif hasattr(command, "commands"):
            unknown += [word] * (word not in command.commands)
            command = command.commands.get(word, command)
    return unknown


@pytest.mark.parametrize("words", [("member", "x", "--vault", "v"), ("desk", "x", "--dir", "d")])
def test_every_command_that_a_sentence_names_is_there_and_takes_the_place_that_it_is_given(
    words: Sequence[str],
) -> None:
    lines = [line for text in sentences() for line in re.findall(r"`(\./tercet [^`]*)`", said(text, words=words))]
    assert len(lines) > 20
    assert [line for line in lines if unknown_in(line)] == []
    assert unknown_in("./tercet desk ceremony --help --dir d") == ["--dir", "d"]
    assert unknown_in("./tercet desk sing") == ["sing"]


def test_a_command_has_the_name_by_which_the_program_was_called() -> None:
    assert said("`tercet up`", "../my tercet/tercet") == "`'../my tercet/tercet' up`"
    assert said("`tercet up`", "") == "`./tercet up`"


def test_no_hint_of_a_shell_loses_what_it_says_but_for_its_commands() -> None:
    for hint in HINTS.values():
        whole = said(hint, words=("desk", "x", "--dir", "d"))
        assert whole.replace("./tercet", "tercet").replace(" --dir d`", "`") == hint


def test_the_entry_hands_on_its_own_name() -> None:
    entry = (HOUSE / "tercet").read_text()
    assert f"{called.VARIABLE}=$0" in entry and f"export {called.VARIABLE}" in entry
    lines = "\n".join(line for line in entry.splitlines() if called.VARIABLE in line)
    shown = subprocess.run(
        ["sh", "-c", f'{lines}\nexec printenv "$1"', "./tercet", called.VARIABLE],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shlex.split(shown.stdout) == ["./tercet"]


def test_what_a_person_wrote_is_not_taken_for_a_command() -> None:
    def work() -> str:
        called.note("./tercet", ("member", "notebook", "--vault", "a{b}"))
        return called.pasted_before("{text}: see `tercet member run`.").format_map({"text": "`meet Ali at five`"})

    assert contextvars.copy_context().run(work) == "`meet Ali at five`: see `./tercet member run --vault 'a{b}'`."
