"""Words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st

from tercet import sealing
from tercet.sealing.words import _list
from tests.sealing.cases import bad_cases, cases

WORDS = _list()


def test_the_list_has_2048_words_that_four_letters_name() -> None:
    assert len(WORDS) == len(set(WORDS)) == 2048
    assert len({word[:4] for word in WORDS}) == 2048
    assert all(word.isascii() and word.islower() and 3 <= len(word) <= 8 for word in WORDS)


@pytest.mark.parametrize("case", cases("words"))
def test_words_of_a_secret_match_their_vectors(case: dict[str, Any]) -> None:
    v = case["input"]
    words = sealing.words_of(bytes.fromhex(v["secret"]), v["label"], v["count"])
    assert list(words) == case["expected"]["words"]


@pytest.mark.parametrize("case", cases("drawn"))
def test_drawn_words_match_their_vectors(case: dict[str, Any]) -> None:
    drawn = bytes.fromhex(case["input"]["drawn"])
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return drawn

    assert list(sealing.spoken_words(entropy, case["input"]["count"])) == case["expected"]["words"]
    assert asked == [len(drawn)]


@pytest.mark.parametrize("case", cases("typed"))
def test_typed_words_are_read_as_people_type_them(case: dict[str, Any]) -> None:
    assert list(sealing.normal_words(case["input"]["text"])) == case["expected"]["words"]


@pytest.mark.parametrize("case", bad_cases("typed"))
def test_an_unknown_word_raises(case: dict[str, Any]) -> None:
    with pytest.raises(sealing.UnknownWord) as failure:
        sealing.normal_words(case["input"]["text"])
    assert failure.value.code == case["fails"]


def test_an_unknown_word_is_named_by_its_place_and_never_spelled_out() -> None:
    with pytest.raises(sealing.UnknownWord) as failure:
        sealing.normal_words("zoo  sand - mysecret zoo")
    assert failure.value.position == 3
    assert "3" in failure.value.hint
    assert "mysecret" not in failure.value.hint + str(failure.value) + repr(failure.value)


@pytest.mark.parametrize("word", WORDS[::16])
def test_four_letters_name_a_word(word: str) -> None:
    assert sealing.normal_words(word[:4].upper()) == (word,)


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@property_of(drawn=st.binary(min_size=6, max_size=6))
def test_drawn_words_are_read_back(drawn: bytes) -> None:
    words = sealing.spoken_words(lambda _: drawn)
    assert sealing.normal_words("-".join(words)) == words


@pytest.mark.parametrize("count", [0, -1])
def test_no_words_are_the_callers_mistake(count: int) -> None:
    with pytest.raises(ValueError):
        sealing.words_of(bytes(32), "compare", count)
    with pytest.raises(ValueError):
        sealing.spoken_words(bytes, count)
