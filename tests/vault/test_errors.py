"""How the vault and the door fail."""

from __future__ import annotations

import re

import pytest

from tercet.vault.errors import DOOR_HINTS, VAULT_HINTS, DoorError, VaultError
from tests.vault.cases import HOUSE


@pytest.mark.parametrize(
    ("spec", "version", "section", "hints"), [("70-vault.md", 2, 8, VAULT_HINTS), ("71-door.md", 1, 5, DOOR_HINTS)]
)
def test_the_spec_names_every_code_and_no_other(spec, version, section, hints):
    lines = (HOUSE / "spec" / spec).read_text().splitlines()
    assert lines[2] == f"Version {version}"
    text = "\n".join(lines).split(f"\n## {section}. ")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == set(hints)


@pytest.mark.parametrize(("kind", "hints"), [(VaultError, VAULT_HINTS), (DoorError, DOOR_HINTS)])
def test_an_error_carries_its_code_and_one_sentence_and_nothing_else(kind, hints):
    for code, hint in hints.items():
        error = kind(code)
        assert (error.code, error.hint, error.args) == (code, hint, (code,))
        assert hint.endswith(".") and hint.count(".") == 1
