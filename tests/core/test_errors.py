"""Every code of every room stands in the spec, and every hint is a kind sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tercet
from tercet.core.errors import HINTS, Refusal
from tercet.drop import client
from tercet.drop.ops import FAILURES
from tercet.drop.ops import Refusal as DropRefusal
from tercet.drop.wire import BadMessage
from tercet.evidence.errors import HINTS as EVIDENCE_HINTS
from tercet.sealing import CannotOpen, UnknownWord
from tercet.vault.errors import DOOR_HINTS, VAULT_HINTS

HOUSE = Path(__file__).parents[2]
SPEC = (HOUSE / "spec" / "01-errors.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| (.+) \|$", SPEC, re.M)
EXACT = {
    "core": dict(HINTS),
    "vault": VAULT_HINTS | DOOR_HINTS,
    "evidence": dict(EVIDENCE_HINTS),
    "drop": client._HINTS,
    "sealing": {CannotOpen.code: CannotOpen.hint},
}
CODES = {
    "core": set(HINTS),
    "vault": set(VAULT_HINTS) | set(DOOR_HINTS),
    "evidence": set(EVIDENCE_HINTS),
    "drop": set(FAILURES) | {c.value for c in DropRefusal} | {BadMessage.code},
    "sealing": {CannotOpen.code, UnknownWord.code},
}


@pytest.mark.parametrize("room", sorted(CODES))
def test_the_spec_names_every_code_of_a_room_and_no_other(room: str) -> None:
    named = [code for code, where, _, _ in ROWS if where == room]
    assert len(named) == len(set(named))
    assert set(named) == CODES[room]


def test_the_spec_says_when_each_happens_and_gives_the_hint_of_the_code() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    for code, room, when, hint in ROWS:
        assert when.strip("? ")
        expected = EXACT[room].get(code)
        assert hint == expected if expected else re.fullmatch(r"\*.+\*", hint), code


@pytest.mark.parametrize("code", sorted(HINTS))
def test_a_hint_is_one_sentence_for_a_person(code: str) -> None:
    hint = HINTS[code]
    assert hint[0].isupper()
    assert hint.endswith(".")
    assert hint.count(".") == 1
    assert len(hint) <= 120
    refusal = Refusal(code)
    assert (refusal.code, refusal.hint, refusal.args) == (code, hint, (code,))


def test_an_unknown_code_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        Refusal("no_such_code")


def test_codes_are_stable_words() -> None:
    for code, *_ in ROWS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)


def test_every_code_of_the_core_is_used_and_every_used_one_is_known() -> None:
    """Read in the source: what is raised, and what ends a meeting."""
    texts: set[str] = set()
    raised: set[str] = set()
    for path in (Path(tercet.__file__).parent / "core").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "errors.py":
                texts.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal":
                raised |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    assert raised <= set(HINTS)
    assert set(HINTS) - texts == set()
