"""The notebook at work: both sides alike, in the same words, through the door too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tercet.core.errors import HINTS as CORE_HINTS
from tercet.notebook import AREA, HINTS, SENTENCES, Book, NotebookError, decode_payload
from tercet.notebook import book as books
from tercet.sealing import LOW_COST
from tercet.shell import failures, notebook
from tercet.shell.dialogue import RemoteFailure, ask_door
from tercet.shell.engine import Engine
from tercet.shell.failures import ShellError
from tercet.shell.notebook import CLOSED, KNOWN, AtPrompt, Beats, Closed, NotebookSide, OwnSide, keep_open, plain
from tercet.vault import OPENING_COMMITS, DoorError, Vault, VaultError, door_path, knock, open_vault, serve_door
from tercet.vault.errors import DOOR_HINTS, VAULT_HINTS

from ..vault.disks import RecordingDisk
from .world import NOTEBOOK, PASSPHRASE, Awake, Person, World, do, run

NOW = 1_790_000_000
TYPED = (
    *("", "new Bread", "todo Market", "tick 2 1", "list", "show 2", "find BREAD", "add 1", "edit 2", "pin 1"),
    *("rename 2 Souk", "untick 2 1", "delete 2 1", "undo", "delete 1", "undo", "undo", "show 9", "help", "nonsense"),
)


class Typist(Person):
    """Types commands one after another, and the same text whenever one is asked for; then nobody is there."""

    def __init__(self, *lines: str, **answers: str) -> None:
        super().__init__(text="خُبز\nolives", **answers)
        self.lines = list(lines)

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        if field != "command" or not self.lines:
            return await super().ask(field, prompt, hidden)
        self.asked.append(field)
        return self.lines.pop(0)

    @property
    def refusals(self) -> list[str]:
        return [facts["code"] for what, facts in self.told if what == "notes_refused"]


def other_side(place: Path, **more: Any) -> Vault:
    return open_vault(place, NOTEBOOK, cost=LOW_COST, **more)


def write(title: str) -> Callable[[Book], Book]:
    return lambda book: books.add(book, title, "text", NOW)


async def typed_on(shelf: OwnSide | NotebookSide) -> Typist:
    person = Typist(*TYPED)
    with pytest.raises(Closed):
        await notebook.converse(shelf, person, lambda: NOW, as_json=False)
    await notebook.converse(shelf, person, lambda: NOW, as_json=True)
    return person


def test_both_sides_ask_and_say_the_same(tmp_path: Path) -> None:
    world = World(tmp_path)
    ours, theirs = world.make("amal"), world.make("badr")
    assert ours != theirs

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            first = await typed_on(OwnSide(amal.engine))
        side = NotebookSide(other_side(theirs))
        await side.renew()
        second = await typed_on(side)
        await side.close()
        assert (first.told, first.asked) == (second.told, second.asked)
        assert {"note", "list", "notes_refused", "notes_found"} <= set(first.words())

    run(scene())


def test_what_the_owner_writes_stands_on_the_notebook_s_side_and_later_saves_keep_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    place = world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            shelf = OwnSide(amal.engine)
            assert shelf.book == Book()
            await shelf.change(write("Bread"))
            await shelf.change(write("Market"))
        async with Awake(world.member("amal")) as (amal,):
            assert [entry.title for entry in OwnSide(amal.engine).book.entries] == ["Bread", "Market"]
            area = decode_payload(amal.engine.notebook)[1]
        side = NotebookSide(other_side(place))
        assert [entry.title for entry in side.book.entries] == ["Bread", "Market"]
        assert side.area == area
        assert len(area) == AREA
        await side.close()

    run(scene())


def test_the_book_and_the_area_beside_it_change_one_without_the_other(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")

    async def scene() -> None:
        side = NotebookSide(other_side(place))
        assert (side.book, side.area) == (Book(), b"")
        await side.renew()
        noise = side.area
        assert len(noise) == AREA and len(set(noise)) > 200
        await side.change(write("Bread"))
        assert side.area == noise
        await side.keep_area(b"a" * AREA)
        await side.close()
        side = NotebookSide(other_side(place))
        await side.renew()
        assert [entry.title for entry in side.book.entries] == ["Bread"]
        assert side.area == b"a" * AREA
        await side.close()

    run(scene())


def test_a_change_is_one_commit_of_the_same_bytes_at_the_same_places_on_both_sides(tmp_path: Path) -> None:
    world = World(tmp_path)
    place = world.make("amal")
    before = place.read_bytes()

    async def scene(secret: str) -> list[Any]:
        disk = RecordingDisk()
        vault = open_vault(place, secret, cost=LOW_COST, files=disk)
        if vault.side == "real":
            nobody: Any = None  # neither relays nor an owner are asked for
            engine = Engine(vault, nobody, nobody, world.clock, os.urandom)
            await engine.open()
            await OwnSide(engine).change(write("Bread"))
            vault.close()
        else:
            side = NotebookSide(vault)
            await side.renew()
            await side.change(write("Bread"))
            await side.close()
        return [call for call in disk.calls if call[0] != "read"]

    ours = run(scene(PASSPHRASE))
    place.write_bytes(before)
    assert run(scene(NOTEBOOK)) == ours
    assert len(ours) == (OPENING_COMMITS + 1) * 9


def test_two_who_write_at_once_both_find_their_words(tmp_path: Path) -> None:
    world = World(tmp_path)
    place = world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            shelf = OwnSide(amal.engine)
            await asyncio.gather(*(shelf.change(write(f"note {n}")) for n in range(4)))
            assert len(shelf.book.entries) == 4
        side = NotebookSide(other_side(place))
        await asyncio.gather(*(side.change(write(f"more {n}")) for n in range(4)))
        assert len(side.book.entries) == 8
        await side.close()

    run(scene())


@pytest.mark.parametrize(("code", "said"), [("vault_full", "full"), ("vault_disk", "not_saved")])
def test_a_vault_that_cannot_save_is_a_refusal_and_the_book_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    world = World(tmp_path)
    place = world.make("amal")

    async def refused(shelf: OwnSide | NotebookSide) -> None:
        await shelf.change(write("Bread"))
        before = shelf.book
        person = Typist("new Market")

        def fail(*_: object, **__: object) -> None:
            raise VaultError(code)

        with monkeypatch.context() as patch, pytest.raises(Closed):
            patch.setattr(Vault, "commit", fail)
            await notebook.converse(shelf, person, lambda: NOW, as_json=False)
        assert person.refusals == [said]
        assert shelf.book == before

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await refused(OwnSide(amal.engine))
        side = NotebookSide(other_side(place))
        await refused(side)
        await side.close()

    run(scene())


def test_a_book_too_large_for_a_small_vault_is_refused_and_nothing_else_is_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(NotebookError, match="full"):
                for _ in range(2):
                    await OwnSide(amal.engine).change(lambda book: books.add(book, "x", "\u0627" * 60_000, NOW))
            assert (await do(amal, do="status"))["reports"] == []
            await OwnSide(amal.engine).change(write("Bread"))

    run(scene())


# ---- the notebook's side, kept open


async def silence(side: NotebookSide) -> None:
    await asyncio.Event().wait()


async def kept(place: Path, person: Person, as_json: bool = False, stay: bool = False, beats: Beats = silence) -> None:
    await keep_open(other_side(place), place, person, as_json=as_json, stay=stay, beats=beats)


@pytest.mark.parametrize("left_by", ["quit", ""])
def test_it_ends_well_when_the_person_leaves_and_gives_the_file_back(tmp_path: Path, left_by: str) -> None:
    place = World(tmp_path).make("amal")
    person = Typist("new Bread", *filter(None, [left_by]))
    with pytest.raises(Closed):
        run(kept(place, person))
    assert person.words() == ["notes_empty", "notes_saved"]
    assert not door_path(place).exists()
    other_side(place).close()


def test_with_json_all_is_shown_at_once(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")
    with pytest.raises(Closed):
        run(kept(place, Typist("new Bread", "quit")))
    person = Person()
    with pytest.raises(Closed):
        run(kept(place, person, as_json=True))
    assert person.words() == ["note", "done"]
    assert person.asked == []


@pytest.mark.parametrize("as_json", [True, False])
def test_one_who_stays_holds_the_door_when_nobody_types_and_answers_everything_with_the_notebook(
    tmp_path: Path, as_json: bool
) -> None:
    place = World(tmp_path).make("amal")

    async def scene() -> None:
        holding = asyncio.create_task(kept(place, Person(), stay=True, as_json=as_json))
        while not door_path(place).exists():
            await asyncio.sleep(0)
        for request in ({"do": "status"}, {"do": "notebook"}, {"do": "report", "now": True}, {"do": ["x"]}, {}):
            person = Typist("new Bread")
            door = await knock(door_path(place))
            assert await ask_door(door, request, person) == CLOSED
            await door.close()
            assert person.words()[-1] == "notes_saved"
            assert set(person.asked) == {"command", "text"}
        shown = Person()
        door = await knock(door_path(place))
        assert await ask_door(door, {"do": "status", "json": True}, shown) == CLOSED
        assert shown.words() == ["note"] * 5
        await door.close()
        assert not holding.done()
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        other_side(place).close()

    run(scene())


def test_one_who_stays_ends_when_told_to(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")
    with pytest.raises(Closed):
        run(kept(place, Typist("quit"), stay=True))


def test_beats_go_on_beside_it_and_end_with_it(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")
    beaten: list[str] = []

    async def beat(side: NotebookSide) -> None:
        try:
            for _ in range(3):
                await side.keep_area(os.urandom(AREA))
                beaten.append("beat")
            await asyncio.Event().wait()
        finally:
            beaten.append("over")

    class Slow(Typist):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            while len(beaten) < 3:
                await asyncio.sleep(0)
            return await super().ask(field, prompt, hidden)

    person = Slow("new Bread", "quit")
    with pytest.raises(Closed):
        run(kept(place, person, beats=beat))
    assert beaten == ["beat", "beat", "beat", "over"]
    assert person.words() == ["notes_empty", "notes_saved"]


def test_nobody_hears_of_it_when_the_beats_fail(tmp_path: Path) -> None:
    async def fail(side: NotebookSide) -> None:
        raise KeyError("nobody hears of it")

    person = Typist("new Bread", "quit")
    with pytest.raises(Closed):
        run(kept(World(tmp_path).make("amal"), person, beats=fail))
    assert person.words() == ["notes_empty", "notes_saved"]


def test_the_door_is_taken_from_whoever_answers_there_and_holds_nothing(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")

    async def scene() -> None:
        async def silent(door: Any) -> None:
            await door.receive()

        other = await serve_door(door_path(place), silent)
        holding = asyncio.create_task(kept(place, Person(), stay=True))
        inode = door_path(place).stat().st_ino
        while not door_path(place).exists() or door_path(place).stat().st_ino == inode:
            await asyncio.sleep(0)
        door = await knock(door_path(place))
        assert await ask_door(door, {"do": "status"}, Typist()) == CLOSED
        await door.close()
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        await other.close()

    run(scene())


def test_without_a_place_for_a_door_the_prompt_is_there_all_the_same(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")
    door_path(place).write_text("not a socket")
    person = Typist("new Bread", "quit")
    with pytest.raises(Closed):
        run(kept(place, person))
    assert person.words()[-1] == "notes_saved"
    assert door_path(place).read_text() == "not a socket"


# ---- failures


def test_a_failure_on_that_side_is_said_in_the_notebook_s_words(tmp_path: Path) -> None:
    place = World(tmp_path).make("amal")

    class Odd(Typist):
        async def tell(self, what: str, **facts: Any) -> None:
            raise KeyError("the vault of a member")

    for person, code in ((Odd(), "unforeseen"), (Typist(), None)):
        with pytest.raises((RemoteFailure, Closed)) as ended:
            run(kept(place, person))
        assert getattr(ended.value, "code", None) == code
    vault = other_side(place)
    vault.commit(b"of another version")
    with pytest.raises(RemoteFailure) as failed:
        run(keep_open(vault, place, Person(), as_json=True, stay=False, beats=silence))
    assert (failed.value.code, failed.value.hint) == ("unreadable", HINTS["unreadable"])
    person = Typist("new Bread")
    with pytest.raises(Closed):
        run(kept(place, person))
    assert person.refusals == ["unreadable", "unreadable"]
    with other_side(place) as vault:
        assert vault.state == b"of another version"


FAR = {**failures.HINTS, **CORE_HINTS, "locked": "It is locked."}
ALL_CODES: list[BaseException] = [
    *(VaultError(code) for code in VAULT_HINTS),
    *(DoorError(code) for code in DOOR_HINTS),
    *(ShellError(code) for code in failures.HINTS),
    *(RemoteFailure(code, hint, 7) for code, hint in FAR.items()),
    *(NotebookError(code) for code in HINTS),
    *(RemoteFailure(code, hint, 7) for code, hint in HINTS.items()),
    *(RemoteFailure(code, "Words of a stranger at the door.", 7) for code in ("in_use", "no_answer", "full")),
    KeyError("a relay"),
    OSError("vault"),
]


@pytest.mark.parametrize("error", ALL_CODES, ids=lambda error: f"{type(error).__name__}-{error}")
def test_no_failure_has_other_words_than_a_notebook_s(error: BaseException) -> None:
    failure = plain(error)
    assert KNOWN[failure.code] == failure.hint


def test_who_answers_no_more_has_left_only_once_the_prompt_has_begun() -> None:
    async def scene() -> None:
        at_prompt = AtPrompt(Person(command="list"))
        with pytest.raises(ShellError):
            await at_prompt.ask("text", "Text")
        assert await at_prompt.ask("command", "notebook") == "list"
        with pytest.raises(Closed):
            await at_prompt.ask("text", "Text")

    run(scene())


def test_a_member_s_process_answers_a_request_for_the_notebook(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            person = Typist("new Bread", "quit")
            assert await do(amal, person, do="notebook") == CLOSED
            shown = Person()
            assert await do(amal, shown, do="notebook", json=True) == CLOSED
            assert shown.words() == ["note"]
            assert set(person.words()) <= set(SENTENCES)

    run(scene())
