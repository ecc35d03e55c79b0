"""Text from outside: letters stay, commands go."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.shell.text import FIRST_STRONG, POP, is_safe, listed, shown, shown_lines
from tests.desk.cases import vectors


@pytest.mark.parametrize("case", vectors("text"))
def test_text_is_shown_as_in_the_vectors(case):
    assert shown(case["input"]["text"]) == case["expected"]["shown"]
    assert shown_lines(case["input"]["text"]) == case["expected"]["lines"]


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06f1\u06f2",  # Persian with a non-joiner and digits
        "\u0627\u0644\u062c\u0650\u0633\u0652\u0631\u064f\u060c \u063a\u062f\u0627\u064b\u061f",  # Arabic, vowelled
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd\u200f (\u05d0)",  # Hebrew with points and a direction mark
        "\u0600\u0661 \u06dd\u0661\u0662",  # signs that Unicode counts among the format characters
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u26a0\ufe0f",  # joined emoji
        "\u0915\u094d\u200d\u0937 \u0e01\u0e33 \u4e2d\u6587 na\u00efve",
    ],
)
def test_scripts_come_through_whole(text):
    assert shown(text) == FIRST_STRONG + text + POP


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_comes_through(code):
    assert not is_safe(chr(code))
    assert chr(code) not in shown(f"a{chr(code)}b")


@pytest.mark.parametrize(
    "code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, 0x2060, 0x200B, 0xE0041, 0xFFF9]
)
def test_no_embedding_override_isolate_or_invisible_character_comes_through(code):
    assert shown(f"a{chr(code)}b") == f"{FIRST_STRONG}ab{POP}"


def test_a_surrogate_is_replaced_so_that_it_can_be_printed():
    assert shown("a\ud800b") == f"{FIRST_STRONG}a\ufffdb{POP}"


def test_nothing_is_shown_as_nothing():
    assert shown("") == shown("\x1b\u202e") == ""
    assert shown_lines("a\n\nb") == [shown("a"), "", shown("b")]


@given(st.text())
def test_whatever_comes_is_one_fenced_line(text):
    line = shown(text)
    assert line == "" or (line[0], line[-1]) == (FIRST_STRONG, POP)
    inside = line[1:-1]
    assert all(is_safe(c) for c in inside) and not set(inside) & set("\n\r\x1b\u2028\u2029" + FIRST_STRONG + POP)
    line.encode()
    kept = [c for c in text if unicodedata.category(c)[0] in "LMN"]
    assert [c for c in inside if unicodedata.category(c)[0] in "LMN"] == kept
    assert "".join(part[1:-1] for part in shown_lines(text)) == inside.replace(" ", "") or " " in inside


@pytest.mark.parametrize(("words", "row"), [([1], "1"), ([1, 2], "1 and 2"), (["a", "b", "c"], "a, b and c")])
def test_words_in_a_row_have_commas_and_a_word_before_the_last(words: list[object], row: str) -> None:
    assert listed(words, "and") == row
