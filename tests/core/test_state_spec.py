"""The state's fields in spec/76-state.md are the code's, in the order of the bytes."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

from tercet.core.state import Device

SPEC = (Path(__file__).parents[2] / "spec" / "76-state.md").read_text()
TABLES = dict(re.findall(r"<!-- table: (\w+) -->\n(.*?)\n<!-- end -->", SPEC, re.S))
ELSEWHERE = {"Card", "Relay", "RelayList", "WeekKey", "IntakeDay", "Letter", "TokenKeys"}  # have tables of their own
IN_WORDS = {"DayChain", "Later", "Bringing", "Declined", "BoardPost"}  # stand in a sentence of this document


def within(kind: object) -> dict[str, type[msgspec.Struct]]:
    """Every struct that a state can hold, by its name."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += typing.get_type_hints(one).values()
        waiting += typing.get_args(one)
    return found


STRUCTS = within(Device)


def test_the_version_stands_on_the_third_line() -> None:
    assert SPEC.splitlines()[2] == "Version 2"


def test_every_struct_of_the_state_is_in_the_document() -> None:
    assert set(STRUCTS) == set(TABLES) | ELSEWHERE | IN_WORDS


@pytest.mark.parametrize("name", sorted(TABLES))
def test_fields_stand_in_the_order_of_the_bytes(name: str) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLES[name].splitlines()[2:]]
    assert [row[0] for row in rows] == [str(number) for number in range(len(rows))]
    assert tuple(row[1] for row in rows) == STRUCTS[name].__struct_fields__
    assert STRUCTS[name].__struct_config__.array_like
