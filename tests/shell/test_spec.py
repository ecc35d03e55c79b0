"""spec/72-dialogue.md and the source say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tercet import cli
from tercet.core.calling import TABLE as CALLS
from tercet.desk import ceremony
from tercet.desk import service as desk
from tercet.desk.service import DeskService
from tercet.member import service as member
from tercet.member.service import MemberService
from tercet.shell import failures

from . import said
from .world import World

SPEC = (Path(__file__).resolve().parents[2] / "spec" / "72-dialogue.md").read_text()


def rows(section: int) -> list[list[str]]:
    """The cells of a section's table, heading left away."""
    part = SPEC.split(f"\n## {section}. ")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert cells
    return cells


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_line_that_is_said_stands_in_the_spec_with_its_facts_and_nothing_else() -> None:
    written = {(quoted(what)[0], frozenset(quoted(facts))) for what, facts, _ in rows(2)}
    dynamic = {  # a refusal's code is told as it is; what was not filed is told by the engine
        ("clock_far", frozenset({"name"})),
        ("clock_far", frozenset({"number"})),
        ("file_away", frozenset({"number"})),
        ("not_filed", frozenset({"code"})),
        ("adopted", frozenset({"name"})),  # these stand in a table of the core
        *((what, frozenset[str]()) for _, what in CALLS.values() if what and what != "adopted"),
    }
    assert said.told() | dynamic == written


def test_every_field_that_is_asked_for_stands_in_the_spec() -> None:
    fields = {quoted(row[0])[0] for row in rows(1)}
    again = {f"{field}_again" for field in ("passphrase", "notebook_passphrase")}
    assert said.asked() | again | {"passphrase", "notebook_passphrase"} == fields


def test_every_shell_code_stands_in_the_spec() -> None:
    assert sorted(failures.HINTS) == [quoted(row[0])[0] for row in rows(5)]


def test_every_exit_status_stands_in_the_spec() -> None:
    written = {quoted(name)[0]: int(status) for status, name, _ in rows(6) if name}
    assert {name: value for name, value in vars(failures).items() if name.startswith("STATUS_")} == written


def test_every_request_stands_in_the_spec(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("amal", "desk"):
        world.make(name)
    services: list[tuple[str, MemberService | DeskService]] = [("member", world.member("amal")), ("desk", world.desk())]
    for who, service in services:
        written = {quoted(row[0])[0] for row in rows(4) if row[1] in (who, "both")}
        assert set(service.handlers()) == written
        service.engine._vault.close()


@pytest.mark.parametrize("sentences", [member.SENTENCES, desk.SENTENCES, ceremony.SENTENCES, cli.SENTENCES])
def test_every_sentence_uses_only_facts_of_its_line(sentences: dict[str, str]) -> None:
    written: dict[str, list[frozenset[str]]] = {}
    for what, facts, _ in rows(2):
        written.setdefault(quoted(what)[0], []).append(frozenset(quoted(facts)))
    for what, sentence in sentences.items():
        places = set(re.findall(r"\{(\w+)\}", sentence))
        assert any(places <= facts or "*" in facts for facts in written.get(what, [])), what


def test_every_hint_is_one_sentence() -> None:
    for code, hint in failures.HINTS.items():
        assert re.fullmatch(r"[^\n]+[^.]\.", hint), code
        assert ". " not in hint, code
