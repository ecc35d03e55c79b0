"""Reads the vectors: one JSON file a case."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parents[2] / "vectors"


def _read(folder: str, pattern: str) -> list[Any]:
    found = sorted((VECTORS / folder).glob(pattern))
    if not found:
        raise AssertionError(f"no vectors: {folder}/{pattern}")
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in found]


def cases(topic: str, folder: str = "sealing") -> list[Any]:
    """Return the cases of a topic that must work; that there are none is a failure."""
    return _read(folder, f"{topic}-[0-9]*.json")


def bad_cases(topic: str, folder: str = "sealing") -> list[Any]:
    """Return the cases of a topic that must fail; that there are none is a failure."""
    return _read(folder, f"{topic}-bad-*.json")


def hold_vectors(folder: str, tests: str) -> None:
    """Hold every vector of a folder to its form, and to a reading of its topic in the source of the tests."""
    paths = sorted((VECTORS / folder).glob("*"))
    assert paths
    for path in paths:
        case = json.loads(path.read_text())
        assert set(case) in ({"why", "input", "expected"}, {"why", "input", "fails"})
        match = re.fullmatch(r"([a-z]+)-(?:(bad)-[a-z0-9-]+|[0-9]+)\.json", path.name)
        assert match, path.name
        assert ("fails" in case) == bool(match[2])
        assert f'{"bad_" if match[2] else ""}cases("{match[1]}", "{folder}")' in tests


def unhex(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn the strings of a case into bytes; numbers and flags stay."""
    return {name: bytes.fromhex(value) if isinstance(value, str) else value for name, value in fields.items()}
