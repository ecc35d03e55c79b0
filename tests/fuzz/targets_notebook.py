"""Fuzz targets of the notebook: its bytes, and what people type at its prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tercet.notebook import Book, NotebookError, Prompt, decode_payload, encode_payload
from tercet.notebook.book import decode_book, encode_book


def _must(held: bool) -> None:
    if not held:
        raise AssertionError("the notebook let something through")


def book(data: bytes) -> None:
    """A book: one that is read has these bytes and no others."""
    with contextlib.suppress(NotebookError):
        found = decode_book(data)
        _must(encode_book(found) == data)


def payload(data: bytes) -> None:
    """A payload, its area included."""
    with contextlib.suppress(NotebookError):
        found, area = decode_payload(data)
        _must(not data or encode_payload(found, area) == data)


class _Shelf:
    def __init__(self) -> None:
        self.book = Book()

    async def change(self, make: Callable[[Book], Book]) -> None:
        self.book = make(self.book)


class _Left(Exception):
    pass


class _Typist:
    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    async def tell(self, what: str, **facts: Any) -> None:
        _must(bool(what))

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        _must(field in ("command", "title", "text") and not hidden)
        line = next(self._lines, None)
        if line is None:
            raise _Left
        return line


def prompt(data: bytes) -> None:
    """Lines typed at the prompt, one an answer: whatever comes, the book stays within its bounds."""
    shelf = _Shelf()
    lines = iter(data.decode("utf-8", "surrogateescape").split("\n"))
    try:
        Prompt(shelf, _Typist(lines), lambda: 1_790_000_000, str).run().send(None)
    except (StopIteration, _Left):
        _must(decode_book(encode_book(shelf.book)) == shelf.book)
        return
    raise AssertionError("it waits")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "notebook-book": book,
    "notebook-payload": payload,
    "notebook-prompt": prompt,
}
