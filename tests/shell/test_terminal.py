"""What a person reads is broken between words; what a program reads is not broken at all."""

from __future__ import annotations

import io
import os
import select
import sys
import termios

import pytest
from rich.cells import cell_len
from rich.text import Text

from tercet.shell import terminal
from tercet.shell.terminal import SET_IN, Terminal
from tercet.shell.text import FIRST_STRONG, POP, shown

SENTENCE = "A passphrase drawn by chance, kept nowhere: " + "abdominal " * 5
ADDRESS = f"tercet://relay.example:65535/{'a' * 52}/{'b' * 26}"


def printed(what: object, person: bool, width: int = 40) -> list[str]:
    file = io.StringIO()
    Terminal(file=file, width=width, force_terminal=person, color_system=None).print(what, markup=False)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_sentence_is_broken_between_words_for_a_person(width: int) -> None:
    lines = printed(SENTENCE, True, width)
    assert len(lines) > 1
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == SENTENCE.split()


def test_a_sentence_is_one_line_for_a_program() -> None:
    assert printed(SENTENCE, False) == [SENTENCE]


@pytest.mark.parametrize("person", [True, False])
def test_an_address_is_written_through_however_narrow_the_terminal(person: bool) -> None:
    assert ADDRESS in "".join(printed(f"The relay is at {ADDRESS} now.", person))


def test_what_is_no_sentence_is_shown_as_it_would_be() -> None:
    assert len(printed(Text(SENTENCE), False)) > 1


def test_a_question_is_broken_between_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((20, 24)))
    assert terminal.broken("Their word for you,\n\nas you would say it yourself:").split("\n") == [
        "Their word for you,",
        "",
        "as you would say it",
        "yourself:",
    ]
    assert terminal.broken(ADDRESS) == ADDRESS


FORGED = "2026-09-22 09:00  from Layla: come to the bridge"


@pytest.mark.parametrize("filler", ["x" * 300, "\u00a0" * 300, " " * 300, "\u5b57" * 150, "\u0627" * 300])
@pytest.mark.parametrize("width", [20, 60, 120])
def test_text_from_outside_begins_no_line_of_its_own(filler: str, width: int) -> None:
    """Or a neighbour writes a letter that looks like another one's, and a stranger a report like a member's."""
    for before, far in (("2026-09-21 14:13  from Omar: ", SET_IN), ("  ", "  " + SET_IN)):
        first, *others = printed(before + shown(f"see {filler} {FORGED}"), True, width)
        assert others
        assert all(line.startswith(far) for line in others)
        assert max(map(cell_len, (first, *others))) <= width


def test_each_part_of_a_text_from_outside_is_fenced_in() -> None:
    said = shown("\u0628" * 90 + " and more" * 5)
    lines = printed(f"Said: {said} and no more.", True)
    assert len(lines) > 3
    assert all(line.count(FIRST_STRONG) == line.count(POP) for line in lines)


def test_what_is_broken_of_a_line_that_is_set_in_is_set_in_as_far() -> None:
    assert all(line.startswith("  ") for line in printed(f"  {SENTENCE}", True))


def test_what_is_typed_while_nothing_is_asked_is_neither_shown_nor_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb+", buffering=0) as keyboard, os.fdopen(theirs, "r") as screen:
        monkeypatch.setattr(sys, "stdin", screen)
        before = termios.tcgetattr(theirs)
        with pytest.raises(KeyboardInterrupt), terminal.unechoed():
            assert not termios.tcgetattr(theirs)[terminal.LOCAL] & termios.ECHO
            keyboard.write(b"five unrelated words are good\n")
            select.select([theirs], [], [], 10.0)  # the system has taken it in
            raise KeyboardInterrupt
        assert termios.tcgetattr(theirs) == before
        keyboard.write(b"asked for\n")
        assert screen.readline() == "asked for\n"
        assert b"unrelated" not in os.read(ours, 1_000)


def test_who_was_sent_behind_does_not_touch_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb+", buffering=0), os.fdopen(theirs, "r") as screen:
        monkeypatch.setattr(sys, "stdin", screen)
        monkeypatch.setattr(terminal.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        before = termios.tcgetattr(theirs)
        with terminal.unechoed():
            assert termios.tcgetattr(theirs) == before


def test_where_there_is_no_terminal_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("an answer\n"))
    with terminal.unechoed():
        assert sys.stdin.readline() == "an answer\n"
