"""Reads the vectors; an empty set of them is a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parents[2]
FOLDER = HOUSE / "vectors" / "vault"


def cases(prefix: str) -> list[Any]:
    found = [pytest.param(json.loads(p.read_text()), id=p.stem) for p in sorted(FOLDER.glob(f"{prefix}-*.json"))]
    if not found:
        raise AssertionError(f"no vectors {prefix}-*.json in {FOLDER}")
    return found
