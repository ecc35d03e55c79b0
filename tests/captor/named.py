"""The state once more, by the names that the spec gives to its places.

Does        reads the tables of the document and lays them over a payload; counts what no table names.
Does not    replace carving: what stands where nothing should is found by `state`.
Spec        spec/76-state.md
Always      1. A field more than the table has is counted as odd.
Read first  named(), WHAT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import pack

SPEC = Path(__file__).parents[2] / "spec" / "76-state.md"
TABLES = {
    name: tuple(re.findall(r"^\| \d+ \| (\w+) \|", rows, re.M))
    for name, rows in re.findall(r"<!-- table: (\w+) -->\n(.*?)\n<!-- end -->", SPEC.read_text(), re.S)
}
# Which table a field's value, or each of its items (with a star), is laid under.
WHAT = {
    "Device": {
        **{"relations": "Relation*", "meeting": "Meeting", "spent": "Spent*", "board": "BoardView"},
        **{"outbox": "Outgoing*", "reports": "Report*", "returns": "Return*", "office": "Office"},
        **{"introductions": "Introductions", "screen": "Screen", "ahead": "Ahead", "passes": "Held*"},
    },
    "BoardView": {"notices": "HeldNotice*"},
    "Relation": {"channel": "Channel", "notes": "Note*", "mix": "Mix"},
    "Channel": {"waiting": "Waiting*"},
    "Report": {"channel": "Channel", "media": "MediaSend*", "notes": "Note*"},
    "MediaSend": {"under_way": "UnderWay"},
    "Introductions": {"brought": "Brought"},
    "Brought": {"meeting": "Meeting"},
    "Office": {"cases": "Case*"},
    "Case": {"channel": "Channel", "media": "MediaDue*"},
}


@dataclass
class Struct:
    """One array under its table."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


@dataclass
class Named:
    """A state under its names."""

    device: Struct
    odd: int = 0

    def all(self, kind: str) -> list[Struct]:
        """Every struct of a kind, wherever it stands."""
        return [one for one in _within(self.device) if one.kind == kind]


def named(payload: bytes) -> Named | None:
    """Lay the names over a real side's payload; None if it is no state. An empty one is a device that never was."""
    value = pack.array(payload)
    if value is None:
        return None
    found = Named(Struct("Device"))
    found.device = _laid("Device", value, found)
    return found


def _laid(kind: str, value: Any, found: Named) -> Any:
    if value is None:
        return None
    names = TABLES[kind]
    if not isinstance(value, list) or len(value) > len(names):
        found.odd += 1
        return value
    laid = Struct(kind)
    for name, item in zip(names, value, strict=False):
        under = WHAT.get(kind, {}).get(name, "")
        if under.endswith("*"):
            laid.fields[name] = [_laid(under[:-1], each, found) for each in item]
        else:
            laid.fields[name] = _laid(under, item, found) if under else item
    return laid


def _within(value: Any) -> Iterator[Struct]:
    if isinstance(value, Struct):
        yield value
        for item in value.fields.values():
            yield from _within(item)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item)
