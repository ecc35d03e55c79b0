"""Codes and hints."""

from __future__ import annotations

import re

import pytest

from tercet.evidence import HINTS, EvidenceError
from tests.evidence.cases import HOUSE, SPEC


def spoken_of(text: str) -> set[str]:
    """The codes in the table of the spec's section 7."""
    return set(re.findall(r"^\| `([a-z_]+)` \|", text.split("## 7.")[1], re.MULTILINE))


def test_the_spec_and_the_code_name_the_same_errors() -> None:
    assert spoken_of(SPEC) == set(HINTS)


def test_a_code_left_out_of_the_spec_is_noticed() -> None:
    assert spoken_of(SPEC.replace("| `file_empty` |", "| |")) != set(HINTS)


def test_every_code_is_used_and_every_used_code_exists() -> None:
    code = "".join(path.read_text() for path in (HOUSE / "src/tercet/evidence").glob("*.py") if path.stem != "errors")
    used = {name for name in HINTS if f'"{name}"' in code}
    assert used == set(HINTS)
    assert set(re.findall(r'EvidenceError\("([a-z_]+)"', code)) <= set(HINTS)


@pytest.mark.parametrize("code", sorted(HINTS))
def test_a_hint_is_one_sentence_that_says_what_to_do(code: str) -> None:
    hint = EvidenceError(code).hint
    assert hint[0].isupper()
    assert hint.endswith(".")
    assert ". " not in hint
    assert len(hint) <= 110


def test_an_error_says_nothing_but_its_code() -> None:
    assert str(EvidenceError("file_missing")) == "file_missing"


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        EvidenceError("file_odd")
