"""The notebook: notes and lists for every day.

Does        keeps notes and lists within bounds, searches them, and carries out what is typed at its prompt.
Does not    save, read a clock, speak to a terminal, or import another room.
Spec        spec/74-notebook.md
Always      1. What is refused changes nothing.
Read first  book.Book, prompt.Prompt.
"""

from __future__ import annotations

from tercet.notebook.book import AREA, Book, decode_payload, encode_payload, with_area, with_book
from tercet.notebook.errors import HINTS, NotebookError
from tercet.notebook.prompt import SENTENCES, Prompt, Shelf, tell_all

__all__ = [
    "AREA",
    "HINTS",
    "SENTENCES",
    "Book",
    "NotebookError",
    "Prompt",
    "Shelf",
    "decode_payload",
    "encode_payload",
    "tell_all",
    "with_area",
    "with_book",
]
