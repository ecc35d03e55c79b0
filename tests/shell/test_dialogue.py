"""The dialogue: where answers come from, and what of outside text reaches a terminal."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from tercet.core.errors import Refusal
from tercet.desk import service as desk
from tercet.member import service as member
from tercet.member.service import SENTENCES
from tercet.shell.dialogue import Answers, DoorSide, Person, RemoteFailure, ask_door, parse_answers
from tercet.shell.failures import ShellError
from tercet.shell.service import ask_until
from tercet.vault import DoorError

from . import world


def code_of(error: pytest.ExceptionInfo[ShellError]) -> str:
    return error.value.code


def test_answers_serve_once_and_in_any_order_within_a_line() -> None:
    given = Answers(world.answers({"b": "2", "a": "1"}, {"a": "3"}))
    assert [given.get(field, "") for field in ("a", "b", "a")] == ["1", "2", "3"]
    with pytest.raises(ShellError) as failed:
        given.get("a", "")
    assert code_of(failed) == "no_answer"


@pytest.mark.parametrize("line", ["", "x", "[]", "1", '{"a": 1}', '{"a": null}', '{"a": ["b"]}', "[" * 100_000])
def test_a_line_that_is_no_object_of_texts_is_refused(line: str) -> None:
    with pytest.raises(ShellError) as failed:
        parse_answers(line)
    assert code_of(failed) == "bad_answers"


def test_a_descriptor_at_which_nothing_is_open_answers_nothing() -> None:
    take, give = os.pipe()
    os.close(take)
    os.close(give)
    with pytest.raises(ShellError) as failed:
        Answers(take).get("passphrase", "")
    assert code_of(failed) == "no_answer"


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    take, give = os.pipe()
    with os.fdopen(take) as stdin, os.fdopen(give, "w"):
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(ShellError) as failed:
            Answers().get("passphrase", "Passphrase", hidden=True)
    assert code_of(failed) == "no_answer"


def test_a_hidden_answer_is_asked_for_as_hidden() -> None:
    asked: list[tuple[str, bool, bool]] = []

    def terminal(prompt: str, hidden: bool, lines: bool) -> str:
        asked.append((prompt, hidden, lines))
        return "x"

    given = Answers(terminal=terminal)
    given.get("passphrase", "Passphrase", hidden=True)
    given.get("text", "What happened")
    assert asked == [("Passphrase", True, False), ("What happened", False, True)]


def test_json_lines_parse_and_an_answer_never_shows(capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(Answers(world.answers({"passphrase": "a secret"})), True, {})

    async def scene() -> None:
        await person.tell("letter_came", name="\u202eolleh\nx")
        assert await person.ask("passphrase", "Passphrase", hidden=True) == "a secret"

    asyncio.run(scene())
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines == [{"what": "letter_came", "name": "\u202eolleh\nx"}, {"what": "asks", "field": "passphrase"}]
    assert "a secret" not in out


def test_text_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(Answers(), False, {"letter_came": "A letter from {name}."})
    asyncio.run(person.tell("letter_came", name="\x1b[2J[bold]evil[/bold]\r\n"))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "[bold]evil[/bold]" in out


def test_a_word_without_a_sentence_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(Person(Answers(), False, {}).tell("seen", frames=1))
    assert capsys.readouterr().out == ""


class Scripted:
    """A door with a script on the other side."""

    def __init__(self, *messages: dict[str, object] | None) -> None:
        self.messages = list(messages)
        self.sent: list[object] = []

    async def send(self, message: object) -> None:
        self.sent.append(message)

    async def receive(self) -> dict[str, object] | None:
        return self.messages.pop(0) if self.messages else None


def through(*messages: dict[str, object] | None) -> tuple[dict[str, object], Scripted, world.Person]:
    door, person = Scripted(*messages), world.Person(text="x")
    found = asyncio.run(ask_door(door, {"do": "report"}, person))  # type: ignore[arg-type]
    return found, door, person


def test_the_asker_speaks_for_the_holder_until_the_result() -> None:
    found, door, person = through(
        {"tell": "report_made", "facts": {"number": 1}},
        {"ask": "text", "prompt": "What", "hidden": False},
        {"result": {"number": 1}},
    )
    assert found == {"number": 1}
    assert person.told == [("report_made", {"number": 1})]
    assert door.sent == [{"do": "report"}, {"answer": "x"}]


def test_a_holder_that_leaves_is_a_closed_door() -> None:
    with pytest.raises(DoorError) as failed:
        through({"tell": "report_made", "facts": {}})
    assert failed.value.code == "door_closed"


def test_a_failure_keeps_its_words_through_the_door() -> None:
    with pytest.raises(RemoteFailure) as far:
        through({"failed": "cell_full", "hint": "A cell is full.", "status": 3})
    assert (far.value.code, far.value.hint, far.value.status) == ("cell_full", "A cell is full.", 3)


@pytest.mark.parametrize(
    "message", [{"tell": 1}, {"ask": "x", "hidden": "yes"}, {"failed": "x", "status": 0}, {"sing": ""}, {"result": 1}]
)
def test_a_message_of_another_kind_is_malformed(message: dict[str, object]) -> None:
    with pytest.raises(DoorError) as failed:
        through(message)
    assert failed.value.code == "door_malformed"


@pytest.mark.parametrize("reply", [None, {}, {"answer": 1}])
def test_an_asker_who_leaves_or_answers_no_text_gave_no_answer(reply: dict[str, object] | None) -> None:
    with pytest.raises(ShellError) as failed:
        asyncio.run(DoorSide(Scripted(reply)).ask("text", "What"))  # type: ignore[arg-type]
    assert code_of(failed) == "no_answer"


def test_a_text_of_several_paragraphs_ends_with_a_dot_alone_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["First.", "", "Second.", ".", "not for us"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda prompt="": next(typed))
    assert Answers().get("text", "What happened") == "First.\n\nSecond."
    assert next(typed) == "not for us"


def test_a_plain_fact_can_be_copied_and_one_from_outside_is_fenced(capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(Answers(), False, {"x": "at {address} from {name}"})
    asyncio.run(person.tell("x", address="tercet://relay.example:7443/aa", name="\u0623\u0645\u0644\x1b[2J"))
    said = capsys.readouterr().out
    assert "at tercet://relay.example:7443/aa from" in said
    assert "\u2068" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("sentences", [member.SENTENCES, desk.SENTENCES])
def test_what_somebody_will_be_is_said_in_words_and_told_to_programs_as_it_is(
    sentences: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for role, words in (("below", "one of the pair below you"), ("founder", "a founder of this network")):
        for as_json in (True, False):
            teller = Person(Answers(), as_json, sentences)
            asyncio.run(teller.tell("meeting_compare", words="a b c d", role=role))
            said = capsys.readouterr().out
            assert ((words in said), (f'"role": "{role}"' in said)) == (not as_json, as_json)
    assert not [what for what, sentence in sentences.items() if "your {role}" in sentence or "a {role}" in sentence]


@pytest.mark.parametrize("sentences", [member.SENTENCES, desk.SENTENCES])
def test_a_code_that_was_said_is_followed_by_what_happens_now(sentences: dict[str, str]) -> None:
    for what in ("meeting_begins", "meeting_code", "meeting_waits", "introduction_asked", "introduction_agreed"):
        assert sentences[what].endswith(".")
    assert "Waiting" in sentences["meeting_code"]


def test_who_stops_waiting_for_an_answer_does_not_wait_for_the_person() -> None:
    never = threading.Event()

    async def scene() -> None:
        person = Person(Answers(terminal=lambda prompt, hidden, lines: str(never.wait())), False, {})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(person.ask("name", "Who"), 0.05)

    asyncio.run(scene())
    never.set()


@pytest.mark.parametrize(("terminal", "lines"), [(True, 1), (False, 3)])
def test_progress_is_one_line_drawn_again_on_a_terminal_and_lines_elsewhere(terminal: bool, lines: int) -> None:
    shown = io.StringIO()
    person = Person(Answers(terminal=lambda *_: "x"), False, SENTENCES)
    person._console = Console(file=shown, force_terminal=terminal, width=80, highlight=False)

    async def scene() -> None:
        for done in (1, 2, 3):
            await person.tell("hashing", kind="photo", number=1, done=done, size=3)
        await person.ask("text", "What happened")
        await person.tell("report_made", number=1)

    asyncio.run(scene())
    assert person._line is None
    assert shown.getvalue().count("\n") <= lines + 2
    assert "Report 1 is sealed" in shown.getvalue()
    assert ("\x1b[2K" in shown.getvalue()) == terminal


def test_a_text_that_cannot_be_used_is_asked_for_again_and_why_is_said() -> None:
    given = iter(["too long", "fits"])
    used: list[str] = []

    class Patient(world.Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            self.asked.append(prompt)
            try:
                return next(given)
            except StopIteration:
                raise ShellError("no_answer") from None

    async def use(text: str) -> None:
        used.append(text)
        if text == "too long":
            raise Refusal("report_long")

    person = Patient()
    asyncio.run(ask_until(person, "text", "What happened", use))
    assert used == ["too long", "fits"]
    assert person.asked[0] == "What happened"
    assert all(part in person.asked[1] for part in ("[report_long]", "8 bytes", "What happened"))
    given = iter(["too long"])
    with pytest.raises(Refusal) as refused:
        asyncio.run(ask_until(Patient(), "text", "What happened", use))
    assert refused.value.code == "report_long"


def test_whoever_gave_a_descriptor_for_answers_may_close_it() -> None:
    """Its number may go to another file, which must not be read, or closed, in its place."""
    hear, tell = os.pipe()
    os.write(tell, b'{"name": "layla"}\n')
    os.close(tell)
    answers = Answers(hear)
    os.close(hear)
    assert answers.get("name", "") == "layla"
