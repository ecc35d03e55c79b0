"""Failures."""

from __future__ import annotations

from tercet.sealing import CannotOpen, UnknownWord


def test_the_failure_to_open_has_one_text_and_a_code() -> None:
    assert str(CannotOpen()) == CannotOpen.hint
    assert CannotOpen.code == "cannot_open"


def test_an_unknown_word_has_a_code_and_a_hint_that_says_what_to_do() -> None:
    assert UnknownWord.code == "unknown_word"
    assert UnknownWord(2).hint == "Word 2 is not on the list: say or type that word again."
