"""The spec and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from tercet import sealing

HOUSE = Path(__file__).parents[2]
SPEC = (HOUSE / "spec" / "20-sealing.md").read_text()
SOURCE = {path.name: path.read_text() for path in (HOUSE / "src" / "tercet" / "sealing").glob("*.py")}


def test_the_spec_has_a_version_on_its_third_line() -> None:
    assert SPEC.splitlines()[2] == "Version 1"


def test_the_sizes_of_the_spec_are_those_of_the_code() -> None:
    stated = {name: int(size) for name, size in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", SPEC, re.M)}
    exported = {name for name in sealing.__all__ if isinstance(getattr(sealing, name), int)}
    assert set(stated) == exported
    assert stated == {name: getattr(sealing, name) for name in exported}


def test_the_labels_of_the_spec_are_those_of_the_code() -> None:
    stated = set(re.findall(r"^\| `([a-z ]+)` \| \d+ \| ", SPEC, re.M))
    used = set(re.findall(r'derive\([^"]*?"([^"]+)"', "\n".join(SOURCE.values())))
    assert stated == used


def test_the_personalisations_of_the_spec_are_those_of_the_code() -> None:
    stated = set(re.findall(r'person "([^"]+)"', SPEC))
    assert stated == set(re.findall(r'b"(tercet [a-z]+)"', SOURCE["boxes.py"]))


def test_the_failures_of_the_spec_are_those_of_the_code() -> None:
    for failure in (sealing.CannotOpen, sealing.UnknownWord):
        assert f"class `{failure.__name__}`, code `{failure.code}`" in SPEC


def test_every_section_that_the_code_names_exists() -> None:
    sections = set(re.findall(r"^## (\d+)\.", SPEC, re.M))
    for name, text in SOURCE.items():
        named = set(re.findall(r"spec/20-sealing\.md, (\d+)", text))
        assert named <= sections, name
        assert named or name == "__init__.py"


def test_only_libraries_that_the_spec_names_are_imported() -> None:
    stdlib = {"__future__", "base64", "collections", "dataclasses", "datetime", "functools", "hashlib", "math"}
    allowed = stdlib | {"re", "typing", "unicodedata"}
    allowed |= {"cryptography", "mnemonic", "nacl", "spake2", "vodozemac"}
    for name, text in SOURCE.items():
        imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.M))
        assert imported <= allowed, name


def test_every_public_name_is_exported_once_and_documented() -> None:
    assert len(sealing.__all__) == len(set(sealing.__all__))
    for name in sealing.__all__:
        thing = getattr(sealing, name)
        assert isinstance(thing, int | sealing.Cost) or thing.__doc__
