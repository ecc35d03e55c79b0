"""The prompt: what a person types every day, and what comes back.

Does        reads commands, asks for texts, changes the book, shows it.
Does not    make text fit for a terminal: whoever speaks for the person does, fact by fact.
Spec        spec/74-notebook.md, 4
Always      1. Nothing is said to be saved before it is.  2. A command that is refused changes nothing.
Read first  COMMANDS, Prompt.run().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from tercet.notebook import book as books
from tercet.notebook.book import Book, Entry, Thing
from tercet.notebook.errors import NotebookError

Change = Callable[[Book], Book]
SHOWN_MOST: Final = 100  # characters of a line in what was found

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "list": ("list", "Show all titles: what is pinned first, then what changed last."),
    "show": ("show NUMBER", "Show a note or a list."),
    "new": ("new TITLE", "Write a note."),
    "todo": ("todo TITLE", "Write a list, one thing a line."),
    "add": ("add NUMBER", "Write more at the end of it."),
    "edit": ("edit NUMBER", "Write it again; things of a list that stay the same keep their tick."),
    "rename": ("rename NUMBER TITLE", "Give it another title."),
    "tick": ("tick NUMBER THING...", "Tick things of a list."),
    "untick": ("untick NUMBER THING...", "Take ticks away."),
    "pin": ("pin NUMBER", "Keep it at the top."),
    "unpin": ("unpin NUMBER", "Keep it at the top no longer."),
    "find": ("find WORDS", "Search all of it; case and accents do not matter."),
    "delete": ("delete NUMBER [THING]", "Delete a note, a list, or one thing of a list."),
    "undo": ("undo", "Put back what was deleted last."),
    "help": ("help", "Show this."),
    "quit": ("quit", "Leave."),
}
ALSO: Final = {"": "list", "ls": "list", "?": "help", "exit": "quit", "q": "quit"}

# What is said, by its word: a sentence with places for its facts.
SENTENCES: Final[dict[str, str]] = {
    "notes_row": "{number:>6}{pin}  {date}  {title}{done}",
    "notes_title": "{number}. {title} ({date})",
    "notes_text": "    {text}",
    "notes_thing": "  {place:>4} [{mark}] {text}",
    "notes_found": "{number:>6}   {title}: {text}",
    "notes_help": "  {usage:<24}{help}",
    "notes_how": "A text has as many lines as you like; a line with a dot alone ends it.",
    "notes_empty": "Nothing is written here yet: type new and a title, or help.",
    "notes_none": "Nothing was found.",
    "notes_saved": "Saved as number {number}.",
    "notes_changed": "Saved.",
    "notes_same": "Nothing has changed.",
    "notes_deleted": "Deleted: {title}. Type undo to put it back.",
    "notes_refused": "{hint}",
}


class Person(Protocol):
    """Whoever types, or a program that speaks for them."""

    async def tell(self, what: str, **facts: Any) -> None:
        """Say something; `what` is a key of `SENTENCES`, or a word of `tell_all`."""

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """Ask for one answer; the field `text` may have several lines."""


class Shelf(Protocol):
    """Where the book stands."""

    @property
    def book(self) -> Book:
        """The book as it was last saved. Raises NotebookError: unreadable."""

    async def change(self, make: Change) -> None:
        """Change the book and save it, one change at a time; what `make` raises changes nothing."""


class Prompt:
    """A person at the book.

    Args:
        shelf: where the book stands.
        person: whoever types.
        clock: whole seconds since 1970, UTC.
        moment: shows such a time as people here write it.
    """

    def __init__(self, shelf: Shelf, person: Person, clock: Callable[[], int], moment: Callable[[int], str]) -> None:
        self._shelf = shelf
        self._person = person
        self._clock = clock
        self._moment = moment
        self._gone: Callable[[Book, int], Book] | None = None  # brings back what was deleted last

    async def run(self) -> None:
        """Show what there is, then do what is typed until it is `quit`, or nobody answers."""
        await self.obey("list")
        while await self.obey(await self._person.ask("command", "notebook")):
            pass

    async def obey(self, line: str) -> bool:
        """Carry out one line; False if it was `quit`."""
        word, _, rest = line.strip().partition(" ")
        word = ALSO.get(word.lower(), word.lower())
        if word == "quit":
            return False
        try:
            if word not in COMMANDS:
                raise NotebookError("unknown_command")
            await getattr(self, f"_{word}")(rest.strip())
        except NotebookError as refused:
            await self._person.tell("notes_refused", code=refused.code, hint=refused.hint)
        return True

    # ---- what only shows

    async def _list(self, _: str) -> None:
        entries = self._shelf.book.in_order()
        for entry in entries:
            pin = "*" if entry.pinned else " "
            facts = {"number": entry.number, "pin": pin, "date": self._moment(entry.changed)}
            await self._person.tell("notes_row", **facts, title=entry.title, done=_done(entry))
        if not entries:
            await self._person.tell("notes_empty")

    async def _show(self, words: str) -> None:
        await self._tell(self._shelf.book.entry(_number(words)))

    async def _tell(self, entry: Entry) -> None:
        date = self._moment(entry.changed)
        await self._person.tell("notes_title", number=entry.number, title=entry.title, date=date)
        for line in entry.lines if entry.things is None else ():
            await self._person.tell("notes_text", text=line)
        for place, thing in enumerate(entry.things or (), start=1):
            await self._person.tell("notes_thing", place=place, mark="x" if thing.done else " ", text=thing.text)

    async def _find(self, words: str) -> None:
        found = books.find(self._shelf.book, words)
        for entry, line in found:
            text = line if len(line) <= SHOWN_MOST else f"{line[:SHOWN_MOST]}…"
            await self._person.tell("notes_found", number=entry.number, title=entry.title, text=text)
        if not found:
            await self._person.tell("notes_none")

    async def _help(self, _: str) -> None:
        for usage, what in COMMANDS.values():
            await self._person.tell("notes_help", usage=usage, help=what)
        await self._person.tell("notes_how")

    # ---- what writes

    async def _new(self, title: str) -> None:
        await self._write(title, is_list=False)

    async def _todo(self, title: str) -> None:
        await self._write(title, is_list=True)

    async def _write(self, title: str, *, is_list: bool) -> None:
        title = books.title_from(title or await self._person.ask("title", "Title"))
        text = await self._person.ask("text", "One thing a line" if is_list else "Text")
        number = 0

        def make(book: Book) -> Book:
            nonlocal number
            number = book.following
            return books.add(book, title, text, self._clock(), is_list=is_list)

        await self._shelf.change(make)
        await self._person.tell("notes_saved", number=number)

    async def _add(self, words: str) -> None:
        number = self._shelf.book.entry(_number(words)).number
        await self._rewrite(number, await self._person.ask("text", "More"), more=True)

    async def _edit(self, words: str) -> None:
        entry = self._shelf.book.entry(_number(words))
        await self._tell(entry)
        await self._rewrite(entry.number, await self._person.ask("text", "In place of this"), more=False)

    async def _rewrite(self, number: int, text: str, *, more: bool) -> None:
        """An empty answer leaves all as it was: to be rid of a text one deletes it."""
        if not text.strip():
            await self._person.tell("notes_same")
            return
        await self._change(lambda book: books.rewrite(book, number, text, self._clock(), more=more))

    async def _rename(self, words: str) -> None:
        number, title = _number(words), words.partition(" ")[2]
        self._shelf.book.entry(number)
        title = title or await self._person.ask("title", "Title")
        await self._change(lambda book: books.rename(book, number, title, self._clock()))

    async def _tick(self, words: str) -> None:
        await self._mark(words, done=True)

    async def _untick(self, words: str) -> None:
        await self._mark(words, done=False)

    async def _mark(self, words: str, *, done: bool) -> None:
        number, places = _number(words), _places(words)
        if not places:
            raise NotebookError("no_such_thing")
        await self._change(lambda book: books.tick(book, number, places, done, self._clock()))

    async def _pin(self, words: str) -> None:
        await self._change(lambda book: books.pin(book, _number(words), True))

    async def _unpin(self, words: str) -> None:
        await self._change(lambda book: books.pin(book, _number(words), False))

    async def _delete(self, words: str) -> None:
        number, places = _number(words), _places(words)
        entry = self._shelf.book.entry(number)
        if not places:
            await self._shelf.change(lambda book: books.delete(book, number))
            self._gone = lambda book, _: books.put(book, entry)
            await self._person.tell("notes_deleted", title=entry.title)
            return
        thing: Thing | None = None

        def make(book: Book) -> Book:
            nonlocal thing
            changed = books.take_out(book, number, places[0], self._clock())
            thing = (book.entry(number).things or ())[places[0] - 1]
            return changed

        await self._shelf.change(make)
        if (gone := thing) is not None:
            self._gone = lambda book, now: books.put_in(book, number, places[0], gone, now)
            await self._person.tell("notes_deleted", title=gone.text)

    async def _undo(self, _: str) -> None:
        bring = self._gone
        if bring is None:
            raise NotebookError("nothing_deleted")
        await self._change(lambda book: bring(book, self._clock()))
        self._gone = None

    async def _change(self, make: Change) -> None:
        await self._shelf.change(make)
        await self._person.tell("notes_changed")


async def tell_all(book: Book, person: Person) -> None:
    """The whole book as objects, by rising number: a `note` or a `list` each."""
    for entry in book.entries:
        facts = {"number": entry.number, "title": entry.title, "made": entry.made, "changed": entry.changed}
        if entry.things is None:
            await person.tell("note", **facts, pinned=entry.pinned, text=entry.text)
            continue
        things = [{"text": thing.text, "done": thing.done} for thing in entry.things]
        await person.tell("list", **facts, pinned=entry.pinned, things=things)


def _done(entry: Entry) -> str:
    """How much of a list is done."""
    if entry.things is None:
        return ""
    return f" ({sum(thing.done for thing in entry.things)} of {len(entry.things)} done)"


def _number(words: str) -> int:
    """The number that words begin with. Raises NotebookError: no_such_number."""
    first = (words.split() or [""])[0]
    if not first.isdecimal() or len(first) > 9:
        raise NotebookError("no_such_number")
    return int(first)


def _places(words: str) -> list[int]:
    """The places behind a number. Raises NotebookError: no_such_thing."""
    places = words.split()[1:]
    if not all(place.isdecimal() and len(place) <= 9 for place in places):
        raise NotebookError("no_such_thing")
    return [int(place) for place in places]
