"""What a person reads is broken between words; what a program reads is not broken at all."""

from __future__ import annotations

import io
import os

import pytest
from rich.text import Text

from tercet.shell import terminal
from tercet.shell.terminal import Terminal

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
