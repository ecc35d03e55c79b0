"""The book: its bounds, its bytes, its search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.notebook import AREA, Book, NotebookError, decode_payload, encode_payload, with_area, with_book
from tercet.notebook import book as books

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "notebook"
NOW = 1_790_000_000


def cases(prefix: str) -> list[Any]:
    found = [pytest.param(json.loads(p.read_text()), id=p.stem) for p in sorted(FOLDER.glob(f"{prefix}-*.json"))]
    if not found:
        raise AssertionError(f"no vectors {prefix}-*.json in {FOLDER}")
    return found


def plainly(book: Book) -> list[Any]:
    """A book as its vector shows it."""
    entries = [
        [
            *(e.number, e.title, e.made, e.changed, e.pinned, e.text),
            None if e.things is None else [[t.text, t.done] for t in e.things],
        ]
        for e in book.entries
    ]
    return [book.version, book.following, entries]


def sample() -> Book:
    book = books.add(Book(), "Bread", "two flours\nwater", NOW)
    return books.add(book, "Market", "olives\nbread\ntea", NOW + 10, is_list=True)


# ---- bytes


@pytest.mark.parametrize("case", cases("book"))
def test_a_book_is_read_by_the_rules_or_not_at_all(case: Any) -> None:
    content = bytes.fromhex(case["input"]["content"])
    if "fails" in case:
        with pytest.raises(NotebookError) as failed:
            books.decode_book(content)
        assert failed.value.code == case["fails"]
        return
    book = books.decode_book(content)
    assert plainly(book) == case["expected"]
    assert books.encode_book(book) == content


@pytest.mark.parametrize("case", cases("payload"))
def test_a_payload_is_read_by_the_rules_or_not_at_all(case: Any) -> None:
    parts = case["input"]
    content = bytes.fromhex(parts["head"]) + bytes([parts["fill"]]) * parts["length"] + bytes.fromhex(parts["tail"])
    if "fails" in case:
        with pytest.raises(NotebookError) as failed:
            decode_payload(content)
        assert failed.value.code == case["fails"]
        return
    book, area = decode_payload(content)
    assert [entry.title for entry in book.entries] == case["expected"]["titles"]
    assert area == bytes([parts["fill"]]) * AREA
    assert encode_payload(book, area) == content


@pytest.mark.parametrize("case", cases("fold"))
def test_case_accents_and_vowel_signs_make_no_difference(case: Any) -> None:
    assert books.fold(case["input"]["text"]) == case["expected"]
    assert books.fold(case["expected"]) == case["expected"]


def test_an_empty_payload_is_an_empty_book_and_no_area() -> None:
    assert decode_payload(b"") == (Book(), b"")


def test_a_payload_s_area_has_one_size_and_stays_when_the_book_changes() -> None:
    for size in (0, AREA - 1, AREA + 1):
        with pytest.raises(ValueError, match="32,768"):
            encode_payload(Book(), bytes(size))
    first = with_book(b"", sample(), b"n" * AREA)
    assert decode_payload(first) == (sample(), b"n" * AREA)
    assert decode_payload(with_book(first, Book(), b"m" * AREA)) == (Book(), b"n" * AREA)
    assert decode_payload(with_area(first, b"a" * AREA)) == (sample(), b"a" * AREA)
    assert decode_payload(with_area(b"", b"a" * AREA)) == (Book(), b"a" * AREA)


# ---- changes


def test_a_number_is_given_once_and_what_was_deleted_comes_back_under_its_own() -> None:
    book = sample()
    gone = book.entry(2)
    book = books.delete(book, 2)
    book = books.add(book, "Tea", "", NOW)
    assert [entry.number for entry in book.entries] == [1, 3]
    assert [entry.number for entry in books.put(book, gone).entries] == [1, 2, 3]


def test_what_is_pinned_comes_first_then_what_changed_last() -> None:
    book = books.add(sample(), "Tea", "", NOW + 20)
    assert [e.number for e in book.in_order()] == [3, 2, 1]
    book = books.pin(books.rewrite(book, 2, "more", NOW + 30, more=True), 1, True)
    assert [e.number for e in book.in_order()] == [1, 2, 3]
    assert book.entry(1).changed == NOW


def test_a_list_that_is_written_again_keeps_the_ticks_of_lines_that_stay() -> None:
    book = books.tick(sample(), 2, [1, 3], True, NOW + 50)
    book = books.rewrite(book, 2, "tea\n\n  rice \nbread", NOW + 60)
    assert [(t.text, t.done) for t in book.entry(2).things or ()] == [("tea", True), ("rice", False), ("bread", False)]


def test_more_is_put_at_the_end() -> None:
    book = books.rewrite(books.rewrite(sample(), 1, "salt", NOW, more=True), 2, "rice", NOW, more=True)
    assert book.entry(1).text == "two flours\nwater\nsalt"
    assert book.entry(2).lines == ["olives", "bread", "tea", "rice"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda b: books.add(b, " \n ", "", NOW), "title_missing"),
        (lambda b: books.add(b, "x" * 121, "", NOW), "title_long"),
        (lambda b: books.add(b, "x", "x" * 60_001, NOW), "text_long"),
        (lambda b: books.add(b, "\ud800", "", NOW), "text_odd"),
        (lambda b: books.add(b, "x", "\udcff", NOW), "text_odd"),
        (lambda b: books.add(b, "x", "\udcff", NOW, is_list=True), "text_odd"),
        (lambda b: books.add(b, "x", "x" * 401, NOW, is_list=True), "text_long"),
        (lambda b: books.add(b, "x", "x\n" * 201, NOW, is_list=True), "list_long"),
        (lambda b: books.rewrite(b, 2, "x\n" * 198, NOW, more=True), "list_long"),
        (lambda b: books.rewrite(b, 1, "x" * 59_990, NOW, more=True), "text_long"),
        (lambda b: books.rewrite(b, 9, "", NOW), "no_such_number"),
        (lambda b: books.rename(b, 9, "x", NOW), "no_such_number"),
        (lambda b: books.rename(b, 1, "", NOW), "title_missing"),
        (lambda b: books.tick(b, 1, [1], True, NOW), "not_a_list"),
        (lambda b: books.tick(b, 2, [1, 4], True, NOW), "no_such_thing"),
        (lambda b: books.tick(b, 2, [0], True, NOW), "no_such_thing"),
        (lambda b: books.take_out(b, 2, 4, NOW), "no_such_thing"),
        (lambda b: books.pin(b, 9, True), "no_such_number"),
        (lambda b: books.delete(b, 9), "no_such_number"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_code(change: Any, code: str) -> None:
    book = sample()
    with pytest.raises(NotebookError) as refused:
        change(book)
    assert refused.value.code == code
    assert book == sample()


def test_a_book_has_at_most_a_thousand_entries_and_160_kib() -> None:
    book = Book()
    for _ in range(1_000):
        book = books.add(book, "x", "", NOW)
    with pytest.raises(NotebookError, match="full"):
        books.add(book, "x", "", NOW)
    gone, fewer = book.entry(1), books.delete(book, 1)
    assert books.put(fewer, gone) == book
    with pytest.raises(NotebookError, match="full"):
        books.put(books.add(fewer, "x", "", NOW), gone)
    book = Book()
    for _ in range(2):
        book = books.add(book, "x", "x" * 60_000, NOW)
    with pytest.raises(NotebookError, match="full"):
        books.add(book, "x", "x" * 60_000, NOW)
    with pytest.raises(NotebookError, match="full"):
        books.rewrite(book, 1, "\u0627" * 60_000, NOW)


def test_the_last_number_is_the_last() -> None:
    book = Book(1, 1_000_000, ())
    with pytest.raises(NotebookError, match="full"):
        books.add(book, "x", "", NOW)


# ---- search


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("BREAD", [2, 1]),
        ("bread water", [1]),
        ("brèad", [2, 1]),
        ("خبز", [3]),
        ("اَلْخُبْز", [3]),
        ("nothing", []),
        ("  ", []),
        ("flours two", [1]),
    ],
)
def test_every_part_must_stand_in_an_entry(words: str, numbers: list[int]) -> None:
    book = books.add(sample(), "غداً", "اشتري الخُبـز", NOW + 5)
    assert [entry.number for entry, _ in books.find(book, words)] == numbers


def test_what_is_found_comes_with_the_line_that_holds_it() -> None:
    assert [line for _, line in books.find(sample(), "olives")] == ["olives"]
    assert [line for _, line in books.find(sample(), "water flours")] == ["two flours"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), max_size=6))
def test_whatever_is_written_is_read_back_as_it_was(written: list[tuple[str, str, bool]]) -> None:
    book = Book()
    for title, text, is_list in written:
        try:
            book = books.add(book, title, text, NOW, is_list=is_list)
        except NotebookError as refused:
            assert refused.code == "title_missing"
            continue
        if not is_list:
            assert book.entries[-1].text == text
    assert books.decode_book(books.encode_book(book)) == book
