"""Reads the vectors of this room: one JSON file a case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parents[2]
SPEC = (HOUSE / "spec/80-evidence.md").read_text()


def cases(topic: str, folder: Path = HOUSE / "vectors/evidence") -> list[Any]:
    """Return the cases of one topic as parameters; that there are none is a failure."""
    found = sorted(folder.glob(f"{topic}-*.json"))
    if not found:
        raise AssertionError(f"no vectors: {topic}")
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in found]
