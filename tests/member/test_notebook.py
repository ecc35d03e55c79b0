"""`tercet notebook`, and every command that is given the notebook's passphrase: one prompt, and no other word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from tercet.cli import app
from tercet.desk import commands as desk_commands
from tercet.member import commands as member_commands
from tercet.member import notebook as member_notebook
from tercet.notebook import HINTS, SENTENCES
from tercet.notebook.prompt import COMMANDS
from tercet.sample import photo
from tercet.sealing import LOW_COST
from tercet.shell import failures
from tercet.shell.notebook import KNOWN
from tercet.shell.text import shown
from tercet.vault import Vault, VaultError, door_path, open_vault

from ..shell.founded import founded
from ..shell.world import NOTEBOOK, PASSPHRASE, Awake, Person, World, answers, run

# Beginnings of words that belong to everything but a notebook; "tercet" stands in the usage line alone.
NOT_A_WORD = (
    *("member", "report", "desk", "relay", "vault", "captor", "captur", "duress", "alarm", "tercet", "partner", "cell"),
    *("neighbour", "compartment", "beat", "board", "meeting", "network", "letter", "frame", "seal", "secret", "decoy"),
    *("understudy", "burn", "seiz", "side", "door", "daemon", "inbox", "stick", "device", "link", "card", "lock"),
    *("real", "hidden", "other passphrase", "press", "witness", "police", "destroy", "erase", "archive"),
)
FOUND = re.compile(rf"(?<![a-z])(?:{'|'.join(NOT_A_WORD)})[a-z]*", re.IGNORECASE)
MORE = {  # what else a command needs on its line
    "scan": [str(photo())],
    "answer": ["1"],
    "give-up": ["1"],
    "carry": ["/nowhere"],
    "show": ["1"],
    "reply": ["1"],
    "notice": ["--until", "3"],
    "case": ["1", "2"],
    "witnesses": ["1"],
    "ceremony": ["board", "--to", "/nowhere"],
    "export": ["1", "--to", "/nowhere"],
    "relays": ["--relay", "tercet://127.0.0.1:7443/" + "a" * 52],
    "weekly": ["--relay", "tercet://127.0.0.1:7443/" + "a" * 52],
}
NO_VAULT_OPENED = {("member", "init"), ("desk", "init")}
LINES = (
    {"command": "new Bread", "text": "two flours\n\nخُبز"},
    {"command": "todo Market", "text": "olives\ntea"},
    {"command": "tick 2 1"},
    *({"command": command} for command in ("", "show 1", "show 2", "find bread", "help", "nonsense", "show 9", "undo")),
    {"command": "new x", "text": "y" * 60_500},
)


def words_in(text: str) -> list[str]:
    """Words of a text that a notebook does not know; the program's own name in a usage line is passed over."""
    rest = text.replace("./tercet notebook", "")
    return FOUND.findall(rest)


class Keyboard:
    """Types whole commands, with answers line by line."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        for module in (member_commands, desk_commands):
            patch.setattr(module, "COST", LOW_COST)
            patch.setattr(module, "relay_drop", world.drop)
            patch.setattr(module, "wall_clock", world.clock)
        patch.setattr("tercet.shell.notebook.wall_clock", world.clock)
        patch.setenv("TZ", "UTC")
        patch.setenv("COLUMNS", "100")

    def at(self, name: str = "amal") -> Path:
        return self.world.folder / name / "vault"

    def type(self, *words: str, lines: tuple[dict[str, str], ...] = ()) -> Result:
        handle = answers(*lines)
        return CliRunner().invoke(app, [*words, "--answers", str(handle)], prog_name="./tercet")

    def notebook(self, secret: str, *words: str, lines: tuple[dict[str, str], ...] = ()) -> Result:
        return self.type("notebook", "--file", str(self.at()), *words, lines=({"passphrase": secret}, *lines))


@pytest.fixture
def keyboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyboard:
    return Keyboard(founded(tmp_path), monkeypatch)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command of a member or a desk that opens a vault, but those that stay."""
    groups: Any = typer.main.get_command(app)
    for group in ("member", "desk"):
        for name in groups.commands[group].commands:
            if (group, name) not in NO_VAULT_OPENED and name not in ("run", "serve"):
                yield group, name


def lines_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# ---- the words


def test_a_planted_word_is_caught() -> None:
    for word in ("The vault is open.", "no_vault", "2 members", "THE DESK", "a relay", "[vault_full]", "tercet member"):
        assert words_in(word), word
    for well in ("Usage: ./tercet notebook [OPTIONS]", "I remember the flour.", "blink", "aside"):
        assert words_in(well) == []


def test_nothing_that_the_notebook_can_say_has_a_word_of_anything_else() -> None:
    for text in (
        *SENTENCES,
        *SENTENCES.values(),
        *KNOWN,
        *KNOWN.values(),
        *(" ".join(row) for row in COMMANDS.values()),
    ):
        assert words_in(text) == [], text


def test_its_usage_has_no_word_of_anything_else(keyboard: Keyboard) -> None:
    for words in (["--help"], ["--nonsense"], ["more"], ["--answers", "x"], ["--nonsense", "--json"]):
        result = CliRunner().invoke(app, ["notebook", *words], prog_name="./tercet")
        assert result.output
        assert words_in(result.output) == [], result.output


def test_no_page_of_it_has_a_word_of_anything_else() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "notebook.md").read_text()
    assert words_in(page) == []


# ---- what comes out


def test_both_passphrases_lead_to_the_same_words(keyboard: Keyboard) -> None:
    before = keyboard.at().read_bytes()
    for words in ((), ("--json",)):
        seen = []
        for secret in (PASSPHRASE, NOTEBOOK):
            keyboard.at().write_bytes(before)
            typed = keyboard.notebook(secret, lines=LINES)
            shown_after = keyboard.notebook(secret, *words)
            seen.append([(one.exit_code, one.stdout, one.stderr) for one in (typed, shown_after)])
        assert seen[0] == seen[1]
        assert [status for status, _, _ in seen[0]] == [0, 0]
        text = "".join(out + err for _, out, err in seen[0])
        assert "Bread" in text
        assert words_in(text) == []


def test_what_is_typed_with_one_passphrase_is_there_with_the_other(keyboard: Keyboard) -> None:
    keyboard.notebook(PASSPHRASE, lines=LINES)
    ours = keyboard.notebook(PASSPHRASE, "--json")
    theirs = keyboard.notebook(NOTEBOOK, "--json")
    assert ours.stdout == theirs.stdout
    note, things, done = lines_of(theirs)[1:]
    assert (note["what"], note["text"]) == ("note", LINES[0]["text"])
    assert (things["what"], things["things"][1]) == ("list", {"text": "tea", "done": False})
    assert done == {"what": "done"}


def test_text_from_right_to_left_is_shown_whole_and_fenced(keyboard: Keyboard) -> None:
    lines = ({"command": "new سوق", "text": "خُبز \u202e\x1b[2J :warning: [bold]"}, {"command": "show 1"})
    out = keyboard.notebook(NOTEBOOK, lines=lines).stdout
    assert shown("خُبز [2J :warning: [bold]") in out
    assert shown("سوق") in out
    assert "\x1b" not in out and "\u202e" not in out


@pytest.mark.full
@pytest.mark.parametrize("as_json", [False, True])
def test_every_command_that_opens_a_vault_shows_the_notebook_in_its_place(keyboard: Keyboard, as_json: bool) -> None:
    keyboard.notebook(NOTEBOOK, lines=LINES[:2])
    words = ("--json",) if as_json else ()
    wanted = keyboard.notebook(NOTEBOOK, *words)
    tried = 0
    for group, name in commands():
        place = ("--vault", str(keyboard.at())) if group == "member" else ("--dir", str(keyboard.at().parent))
        more = [] if (group, name) == ("member", "show") else MORE.get(name, [])
        if name in ("scan", "statement"):
            continue  # it reads pictures, or a file, first
        result = keyboard.type(group, name, *more, *place, *words, lines=({"passphrase": NOTEBOOK},))
        assert (result.exit_code, result.stdout, result.stderr) == (0, wanted.stdout, wanted.stderr), (group, name)
        tried += 1
    assert tried > 25


FAILING = [
    ("no_notebook", 7, ("--file", "/nowhere/at/all"), ({"passphrase": NOTEBOOK},)),
    ("wrong_passphrase", 4, (), ({"passphrase": "not this one at all"},)),
    ("no_answer", 7, (), ()),
    ("bad_answers", 7, (), ({"passphrase": 1},)),
]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("code", "status", "words", "lines"), FAILING)
def test_what_fails_is_said_in_the_notebook_s_words(
    keyboard: Keyboard, code: str, status: int, words: tuple[str, ...], lines: Any, as_json: bool
) -> None:
    place = words or ("--file", str(keyboard.at()))
    result = keyboard.type("notebook", *place, *(["--json"] if as_json else []), lines=lines)
    assert result.exit_code == status
    said = f'"failed": "{code}", "hint": "{KNOWN[code]}"' if as_json else f"{KNOWN[code]} [{code}]\n"
    assert said in result.output
    assert words_in(result.output) == []


def test_a_file_in_use_is_said_so(keyboard: Keyboard) -> None:
    with open_vault(keyboard.at(), PASSPHRASE, cost=LOW_COST):
        result = keyboard.notebook(NOTEBOOK)
    assert (result.exit_code, result.stderr) == (failures.STATUS_VAULT, f"{HINTS['in_use']} [in_use]\n")


@pytest.mark.parametrize("secret", [PASSPHRASE, NOTEBOOK])
def test_a_disk_that_fails_is_said_in_the_same_words_on_both_sides(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise VaultError("vault_disk")

    monkeypatch.setattr(Vault, "commit", fail)
    for words in (["notebook", "--file"], ["member", "status", "--vault"]):
        result = keyboard.type(*words, str(keyboard.at()), lines=({"passphrase": secret},))
        if secret == NOTEBOOK or words[0] == "notebook":
            assert (result.exit_code, result.output) == (failures.STATUS_VAULT, f"{HINTS['not_saved']} [not_saved]\n")


@pytest.mark.parametrize("secret", [PASSPHRASE, NOTEBOOK])
def test_what_nobody_foresaw_shows_no_place_in_the_program(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("a relay")

    monkeypatch.setattr(Vault, "commit", fail)
    result = keyboard.notebook(secret)
    assert (result.exit_code, result.output) == (1, f"{HINTS['unforeseen']} [unforeseen]\n")


def test_the_same_is_asked_and_said_before_the_passphrase_is_known(keyboard: Keyboard) -> None:
    said = []
    for secret in (PASSPHRASE, NOTEBOOK, "not this one at all"):
        before = keyboard.at().read_bytes()
        said.append(keyboard.notebook(secret, "--json").stdout.splitlines()[0])
        keyboard.at().write_bytes(before)
    assert said == ['{"what": "asks", "field": "passphrase"}'] * 3


# ---- through the door


def test_the_prompt_goes_through_the_door_of_a_process_that_runs_and_says_nothing_of_it(keyboard: Keyboard) -> None:
    async def scene() -> tuple[Result, Result]:
        async with Awake(keyboard.world.member("amal")) as (amal,):
            running = asyncio.create_task(amal.run(3600, keyboard.at(), holder := Person()))
            await holder.heard("running")
            keyboard.world.trouble = {}
            results = [
                await asyncio.to_thread(keyboard.type, "notebook", "--file", str(keyboard.at()), *words, lines=lines)
                for words, lines in (((), LINES), (("--json",), ()))
            ]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return results[0], results[1]

    typed, after = run(scene())
    assert (typed.exit_code, typed.stderr) == (0, "")
    assert words_in(typed.output + after.output) == []
    assert lines_of(after)[-1] == {"what": "done"}
    alone = keyboard.notebook(NOTEBOOK, "--json")
    assert lines_of(alone)[1:] == lines_of(after)


@pytest.mark.parametrize("secret", [PASSPHRASE, NOTEBOOK])
def test_a_locked_device_is_opened_by_its_notebook(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Whoever beats for a locked device holds the door, not the vault."""

    async def scene() -> Result:
        from tercet.vault import serve_door

        async def locked(door: Any) -> None:
            await door.receive()
            await door.send({"failed": "locked", "hint": "This device is locked.", "status": 7})

        server = await serve_door(door_path(keyboard.at()), locked)
        try:
            return await asyncio.to_thread(keyboard.notebook, secret, lines=LINES)
        finally:
            await server.close()

    result = run(scene())
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Saved as number 2." in result.stdout
    assert words_in(result.output) == []


def test_a_device_that_is_locked_meanwhile_ends_the_prompt_and_beats_on_without_its_keys(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []

    async def start(service: Any, path: Path) -> None:
        with open_vault(path, PASSPHRASE, cost=LOW_COST):
            started.append(len(service.planned))

    monkeypatch.setattr(member_commands, "start_locked", start)

    class Waiting(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "command":
                await asyncio.Event().wait()
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        person = Waiting(passphrase=PASSPHRASE)
        at_prompt = asyncio.create_task(member_notebook.open_notebook(keyboard.at(), person, as_json=False))
        while not door_path(keyboard.at()).exists():
            await asyncio.sleep(0)
        locking = await asyncio.to_thread(keyboard.type, "member", "lock", "--vault", str(keyboard.at()))
        assert locking.exit_code == 0, locking.output
        await at_prompt

    run(scene())
    assert started and started[0]


def test_beats_go_on_while_the_prompt_is_open(keyboard: Keyboard) -> None:
    keyboard.world.asked.clear()

    class Slow(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            while field == "command" and not keyboard.world.asked:
                await asyncio.sleep(0.001)
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            service = member_commands.service_of
            member_commands.service_of = lambda vault: quick(service(vault))  # type: ignore[assignment]
            try:
                person = Slow(passphrase=PASSPHRASE, command="quit")
                await member_notebook.open_notebook(keyboard.at(), person, as_json=False)
            finally:
                member_commands.service_of = service

    def quick(service: Any) -> Any:
        async def soon(_: float) -> None:
            await asyncio.sleep(0.001)

        service.engine.sleep = soon
        return service

    run(scene())
    assert keyboard.world.asked
