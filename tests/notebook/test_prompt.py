"""The prompt: what is typed, what is saved, what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tercet.notebook import Book, NotebookError, Prompt, tell_all
from tercet.notebook.prompt import SENTENCES

NOW = 1_790_000_000


class Left(Exception):
    """Nobody answers any more."""


class Shelf:
    """A book in memory; `full` refuses every change."""

    def __init__(self) -> None:
        self.book = Book()
        self.full = False
        self.saved = 0

    async def change(self, make: Callable[[Book], Book]) -> None:
        book = make(self.book)
        if self.full:
            raise NotebookError("full")
        self.book = book
        self.saved += 1


class Typist:
    """Types lines; what is asked for takes the next one."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []

    async def tell(self, what: str, **facts: Any) -> None:
        self.told.append((what, facts))

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        self.asked.append(field)
        if not self.lines:
            raise Left
        return self.lines.pop(0)

    @property
    def screen(self) -> list[str]:
        return [SENTENCES[what].format_map(facts) for what, facts in self.told]

    def last(self, what: str) -> dict[str, Any]:
        return [facts for said, facts in self.told if said == what][-1]


def typed(*lines: str, shelf: Shelf | None = None) -> tuple[Typist, Shelf]:
    person, shelf = Typist(*lines, "quit"), shelf or Shelf()
    asyncio.run(Prompt(shelf, person, lambda: NOW, lambda seconds: f"day {seconds - NOW}").run())
    assert person.lines == []
    return person, shelf


def test_an_empty_notebook_says_how_to_begin() -> None:
    assert typed()[0].screen == [SENTENCES["notes_empty"]]


def test_a_note_is_written_listed_and_shown_line_by_line() -> None:
    person, shelf = typed("new Bread", "two flours\n\n  water", "list", "show 1")
    assert shelf.book.entry(1).text == "two flours\n\n  water"
    assert person.screen[1:] == [
        "Saved as number 1.",
        "     1   day 0  Bread",
        "1. Bread (day 0)",
        "    two flours",
        "    ",
        "      water",
    ]


def test_a_title_is_asked_for_if_it_is_not_there() -> None:
    person, shelf = typed("new", "Bread", "text", "rename 1", "Loaf")
    assert person.asked == ["command", "title", "text", "command", "title", "command"]
    assert shelf.book.entry(1).title == "Loaf"


def test_things_are_ticked_unticked_and_counted() -> None:
    person, shelf = typed("todo Market", "olives\nbread\ntea", "tick 1 1 3", "untick 1 3", "ls", "show 1", "pin 1", "")
    assert person.screen[-6:] == [
        "1. Market (day 0)",
        "     1 [x] olives",
        "     2 [ ] bread",
        "     3 [ ] tea",
        "Saved.",
        "     1*  day 0  Market (1 of 3 done)",
    ]
    assert "     1   day 0  Market (1 of 3 done)" in person.screen
    typed("unpin 1", shelf=shelf)
    assert not shelf.book.entry(1).pinned


def test_add_puts_more_at_the_end_and_edit_writes_again() -> None:
    _, shelf = typed("new Bread", "flour", "add 1", "water", "todo Market", "tea", "tick 2 1", "edit 2", "rice\ntea")
    assert shelf.book.entry(1).text == "flour\nwater"
    assert [(t.text, t.done) for t in shelf.book.entry(2).things or ()] == [("rice", False), ("tea", True)]


def test_an_empty_text_leaves_all_as_it_was() -> None:
    person, shelf = typed("new Bread", "flour", "edit 1", " \n", "add 1", "")
    assert shelf.book.entry(1).text == "flour"
    assert [what for what, _ in person.told].count("notes_same") == 2
    assert shelf.saved == 1


def test_what_was_deleted_last_comes_back_once() -> None:
    person, shelf = typed("new Bread", "flour", "todo Market", "olives\nbread", "tick 2 2", "delete 2 2", "undo")
    assert [(t.text, t.done) for t in shelf.book.entry(2).things or ()] == [("olives", False), ("bread", True)]
    person, shelf = typed("delete 1", "delete 2", "undo", "undo", shelf=shelf)
    assert [entry.number for entry in shelf.book.entries] == [2]
    assert person.last("notes_refused")["code"] == "nothing_deleted"
    assert person.last("notes_deleted") == {"title": "Market"}


def test_a_deletion_is_gone_from_the_book_at_once() -> None:
    _, shelf = typed("new Bread", "flour", "delete 1")
    assert shelf.book.entries == ()


def test_what_is_found_is_shown_with_its_line() -> None:
    person, _ = typed("new Café", "open at ten", "find CAFE", "find ten open", "find eleven")
    assert person.screen[-3:] == ["     1   Café: Café", "     1   Café: open at ten", "Nothing was found."]
    person, _ = typed("new Bread", "x" * 500, "find x")
    assert person.last("notes_found")["text"] == "x" * 100 + "…"


def test_help_names_every_command() -> None:
    person, _ = typed("help", "?")
    usages = [facts["usage"].split()[0] for what, facts in person.told if what == "notes_help"]
    assert usages[:16] == ["list", "show", "new", "todo", "add", "edit", "rename", "tick"] + [
        *("untick", "pin", "unpin", "find", "delete", "undo", "help", "quit")
    ]


@pytest.mark.parametrize("word", ["quit", "exit", "q", "QUIT"])
def test_it_ends_when_told_to(word: str) -> None:
    person = Typist(word, "list")
    asyncio.run(Prompt(Shelf(), person, lambda: NOW, str).run())
    assert person.lines == ["list"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("write", "unknown_command"),
        ("_write x", "unknown_command"),
        ("change", "unknown_command"),
        ("show", "no_such_number"),
        ("show two", "no_such_number"),
        ("show -1", "no_such_number"),
        ("show ²", "no_such_number"),
        ("show 9", "no_such_number"),
        ("show 9999999999", "no_such_number"),
        ("add 9", "no_such_number"),
        ("edit 9", "no_such_number"),
        ("rename 9", "no_such_number"),
        ("pin 9", "no_such_number"),
        ("delete 9", "no_such_number"),
        ("delete 2 7", "no_such_thing"),
        ("delete 1 1", "not_a_list"),
        ("tick 2", "no_such_thing"),
        ("tick 2 x", "no_such_thing"),
        ("tick 2 3", "no_such_thing"),
        ("tick 1 1", "not_a_list"),
        ("undo", "nothing_deleted"),
        ("new " + "x" * 121, "title_long"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_prompt_goes_on(line: str, code: str) -> None:
    _, shelf = typed("new Bread", "flour", "todo Market", "olives")
    before = shelf.book
    person, _ = typed(line, shelf=shelf)
    assert person.last("notes_refused")["code"] == code
    assert shelf.book == before


def test_nothing_is_said_to_be_saved_that_is_not() -> None:
    _, shelf = typed("new Bread", "flour", "todo Market", "olives")
    shelf.full = True
    lines = ("new x", "y", "todo x", "y", "add 1", "y", "edit 1", "y", "rename 1 y", "tick 2 1", "pin 1", "delete 1")
    person, _ = typed(*lines, "delete 2 1", "undo", shelf=shelf)
    assert {what for what, _ in person.told} == {"notes_row", "notes_title", "notes_text", "notes_refused"}


def test_numbers_may_be_written_in_any_script() -> None:
    person, _ = typed("new سوق", "خُبز", "show ١")
    assert person.screen[-2:] == ["1. سوق (day 0)", "    خُبز"]


def test_all_of_it_comes_as_objects_by_number() -> None:
    _, shelf = typed("new Bread", "flour", "todo Market", "olives", "tick 2 1")
    person = Typist()
    asyncio.run(tell_all(shelf.book, person))
    same = {"made": NOW, "changed": NOW, "pinned": False}
    assert person.told == [
        ("note", {"number": 1, "title": "Bread", "text": "flour", **same}),
        ("list", {"number": 2, "title": "Market", "things": [{"text": "olives", "done": True}], **same}),
    ]
