"""The book: notes and lists, their bounds and their bytes.

Does        adds, changes, deletes and finds; encodes and decodes the book and the payload around it.
Does not    know what the area beside the book is for.
Spec        spec/74-notebook.md, 1 to 3
Always      1. A book that exists is within its bounds.  2. One book has one encoding.
            3. A number is given once; what was deleted comes back under its own.
Read first  Book, then decode_payload().
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from tercet.notebook.errors import NotebookError

AREA: Final = 32_768  # bytes beside the book, always as many; spec/74-notebook.md, 1
BOOK_MOST: Final = 163_840  # bytes of an encoded book; with the largest state it fits a copy of a vault of 64 MiB
ENTRIES_MOST: Final = 1_000
TITLE_MOST: Final = 120  # characters
TEXT_MOST: Final = 60_000  # characters
THING_MOST: Final = 400  # characters
THINGS_MOST: Final = 200
NUMBER_MOST: Final = 999_999

Number = Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MOST)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # to the end of the year 9999
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_MOST)]


class Thing(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One line of a list."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=THING_MOST)]
    done: bool


Things = Annotated[tuple[Thing, ...], msgspec.Meta(max_length=THINGS_MOST)]


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A note, or a list if `things` is not None; `text` of a list is empty.

    Attributes:
        number: what it is called by, for as long as the book lives.
        made: when, whole seconds since 1970, UTC; `changed` likewise.
    """

    number: Number
    title: Title
    made: Seconds
    changed: Seconds
    pinned: bool
    text: Annotated[str, msgspec.Meta(max_length=TEXT_MOST)]
    things: Things | None

    @property
    def lines(self) -> list[str]:
        """What it says, line by line."""
        return self.text.splitlines() if self.things is None else [thing.text for thing in self.things]


class Book(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All notes and lists, by rising number.

    Attributes:
        following: the number of the next entry.
    """

    version: Literal[1] = 1
    following: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MOST + 1)] = 1
    entries: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=ENTRIES_MOST)] = ()

    def entry(self, number: int) -> Entry:
        """The entry with a number. Raises NotebookError: no_such_number."""
        found = next((entry for entry in self.entries if entry.number == number), None)
        if found is None:
            raise NotebookError("no_such_number")
        return found

    def in_order(self) -> list[Entry]:
        """What is pinned first, then what changed last."""
        return sorted(self.entries, key=lambda entry: (not entry.pinned, -entry.changed, -entry.number))


class _Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: Literal[1]
    book: Annotated[bytes, msgspec.Meta(max_length=BOOK_MOST)]
    area: Annotated[bytes, msgspec.Meta(min_length=AREA, max_length=AREA)]


_payloads = msgspec.msgpack.Decoder(_Payload)
_books = msgspec.msgpack.Decoder(Book)


# ---- bytes


def encode_book(book: Book) -> bytes:
    """The one encoding of a book.

    Raises:
        NotebookError: full, above 163,840 bytes.
    """
    data = msgspec.msgpack.encode(book)
    if len(data) > BOOK_MOST:
        raise NotebookError("full")
    return data


def decode_book(data: bytes) -> Book:
    """A book from its bytes.

    Raises:
        NotebookError: unreadable.

    Source: spec/74-notebook.md, 2.
    """
    try:
        book = _books.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise NotebookError("unreadable") from None
    numbers = [entry.number for entry in book.entries]
    rising = numbers == sorted(set(numbers)) and max(numbers, default=0) < book.following
    odd = any(_odd(entry) for entry in book.entries)
    if not rising or odd or msgspec.msgpack.encode(book) != data:
        raise NotebookError("unreadable")
    return book


def _odd(entry: Entry) -> bool:
    """Whether an entry is a list with a text of its own, or has a line where one line belongs."""
    lines = [entry.title, *(thing.text for thing in entry.things or ())]
    return bool(entry.text and entry.things is not None) or any(one_line(line) != line for line in lines)


def encode_payload(book: Book, area: bytes) -> bytes:
    """The payload: a book, and the area beside it.

    Args:
        book: what the owner wrote.
        area: 32,768 bytes.

    Raises:
        NotebookError: full.
        ValueError: an area of another size.

    Source: spec/74-notebook.md, 1.
    """
    if len(area) != AREA:
        raise ValueError("the area has 32,768 bytes")
    return msgspec.msgpack.encode(_Payload(1, encode_book(book), area))


def decode_payload(data: bytes) -> tuple[Book, bytes]:
    """The book and the area (32,768 bytes) of a payload; both empty if the payload is.

    Raises:
        NotebookError: unreadable.

    Source: spec/74-notebook.md, 1.
    """
    if not data:
        return Book(), b""
    try:
        payload = _payloads.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise NotebookError("unreadable") from None
    if msgspec.msgpack.encode(payload) != data:
        raise NotebookError("unreadable")
    return decode_book(payload.book), payload.area


def with_book(payload: bytes, book: Book, noise: bytes) -> bytes:
    """The payload with another book; `noise` (32,768 bytes) is the area if it has none yet."""
    return encode_payload(book, decode_payload(payload)[1] or noise)


def with_area(payload: bytes, area: bytes) -> bytes:
    """The payload with another area (32,768 bytes), its book as it was."""
    return encode_payload(decode_payload(payload)[0], area)


# ---- changes


def one_line(text: str) -> str:
    """A text on one line, without spaces at its ends."""
    return " ".join(text.split())


def title_from(text: str) -> str:
    """A title fit to keep. Raises NotebookError: title_missing, title_long, text_odd."""
    title = one_line(_kept(text))
    if not title:
        raise NotebookError("title_missing")
    if len(title) > TITLE_MOST:
        raise NotebookError("title_long")
    return title


def things_from(text: str, known: Iterable[Thing] = ()) -> tuple[Thing, ...]:
    """The things of a list, one a line; one that was known keeps its mark.

    Raises:
        NotebookError: text_long, text_odd.
    """
    done = {thing.text: thing.done for thing in known}
    lines = [line for line in map(one_line, _kept(text).splitlines()) if line]
    if any(len(line) > THING_MOST for line in lines):
        raise NotebookError("text_long")
    return tuple(Thing(line, done.get(line, False)) for line in lines)


def text_from(text: str) -> str:
    """A note's text fit to keep. Raises NotebookError: text_long, text_odd."""
    if len(text) > TEXT_MOST:
        raise NotebookError("text_long")
    return _kept(text)


def add(book: Book, title: str, text: str, now: int, *, is_list: bool = False) -> Book:
    """The book with one entry more, whose number is the old `following`.

    Raises:
        NotebookError: title_missing, title_long, text_long, text_odd, list_long, full.
    """
    title = title_from(title)
    if len(book.entries) >= ENTRIES_MOST or book.following > NUMBER_MOST:
        raise NotebookError("full")
    things = things_from(text) if is_list else None
    entry = Entry(book.following, title, now, now, False, "" if is_list else text_from(text), things)
    return _checked(replace(book, following=book.following + 1, entries=(*book.entries, _bounded(entry))))


def rewrite(book: Book, number: int, text: str, now: int, *, more: bool = False) -> Book:
    """The book with another text of one entry, or with `more` at its end.

    Raises:
        NotebookError: no_such_number, text_long, text_odd, list_long, full.
    """
    entry = book.entry(number)
    if entry.things is None:
        whole = f"{entry.text}\n{text}" if more and entry.text else text
        return put(book, replace(entry, text=text_from(whole), changed=now))
    things = (*entry.things, *things_from(text)) if more else things_from(text, entry.things)
    return put(book, replace(entry, things=things, changed=now))


def rename(book: Book, number: int, title: str, now: int) -> Book:
    """The book with another title of one entry. Raises NotebookError: as `add`, no_such_number."""
    return put(book, replace(book.entry(number), title=title_from(title), changed=now))


def pin(book: Book, number: int, pinned: bool) -> Book:
    """The book with one entry pinned or not. Raises NotebookError: no_such_number."""
    return put(book, replace(book.entry(number), pinned=pinned))


def tick(book: Book, number: int, places: Iterable[int], done: bool, now: int) -> Book:
    """The book with some things of a list done or not; places count from 1.

    Raises:
        NotebookError: no_such_number, not_a_list, no_such_thing.
    """
    entry, things = _list(book, number)
    for place in places:
        index = _index(things, place)
        things[index] = replace(things[index], done=done)
    return put(book, replace(entry, things=tuple(things), changed=now))


def take_out(book: Book, number: int, place: int, now: int) -> Book:
    """The book without one thing of a list. Raises NotebookError: as `tick`."""
    entry, things = _list(book, number)
    del things[_index(things, place)]
    return put(book, replace(entry, things=tuple(things), changed=now))


def put_in(book: Book, number: int, place: int, thing: Thing, now: int) -> Book:
    """The book with one thing more in a list, at a place. Raises NotebookError: as `tick`, list_long, full."""
    entry, things = _list(book, number)
    things.insert(place - 1, thing)
    return put(book, replace(entry, things=tuple(things), changed=now))


def delete(book: Book, number: int) -> Book:
    """The book without one entry. Raises NotebookError: no_such_number."""
    gone = book.entry(number)
    return replace(book, entries=tuple(entry for entry in book.entries if entry is not gone))


def put(book: Book, entry: Entry) -> Book:
    """The book with an entry in place of the one of its number, or put back.

    Raises:
        NotebookError: list_long, full.
    """
    others = [other for other in book.entries if other.number != entry.number]
    if len(others) >= ENTRIES_MOST:
        raise NotebookError("full")
    entries = sorted((*others, _bounded(entry)), key=lambda each: each.number)
    return _checked(replace(book, entries=tuple(entries)))


def find(book: Book, words: str) -> list[tuple[Entry, str]]:
    """The entries that hold every one of the words, with the first line that holds one, in the book's order."""
    wanted = fold(words).split()
    found = []
    for entry in book.in_order() if wanted else ():
        lines = [entry.title, *entry.lines]
        folded = [fold(line) for line in lines]
        if all(any(word in line for line in folded) for word in wanted):
            first = next(i for i, line in enumerate(folded) if any(word in line for word in wanted))
            found.append((entry, lines[first]))
    return found


def fold(text: str) -> str:
    """A text as it is searched: without case, accents, Arabic and Hebrew vowel signs, stretching, invisible signs.

    Source: spec/74-notebook.md, 3; Unicode NFKD and case folding.
    """
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in spread if c != "\u0640" and unicodedata.category(c) not in ("Mn", "Me", "Cf"))


def _kept(text: str) -> str:
    """A text that can be encoded. Raises NotebookError: text_odd."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotebookError("text_odd") from None
    return text


def _list(book: Book, number: int) -> tuple[Entry, list[Thing]]:
    entry = book.entry(number)
    if entry.things is None:
        raise NotebookError("not_a_list")
    return entry, list(entry.things)


def _index(things: list[Thing], place: int) -> int:
    if not 1 <= place <= len(things):
        raise NotebookError("no_such_thing")
    return place - 1


def _bounded(entry: Entry) -> Entry:
    if entry.things is not None and len(entry.things) > THINGS_MOST:
        raise NotebookError("list_long")
    return entry


def _checked(book: Book) -> Book:
    encode_book(book)
    return book
