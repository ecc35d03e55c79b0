"""The plan's numbers and the invariants stand in the spec as in the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from tercet.lab.plan import Plan

SPEC = (Path(__file__).parents[2] / "spec" / "95-lab.md").read_text()


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]
    assert rows
    return rows


def test_the_spec_names_each_number_of_a_plan_with_its_value() -> None:
    assert {row[0]: float(row[1]) for row in table("plan")} == {f.name: float(f.default) for f in fields(Plan)}


def test_each_invariant_of_the_spec_has_a_planted_fault() -> None:
    tests = (Path(__file__).parent / "test_world.py").read_text()
    for name, _ in table("invariants"):
        assert f'"{name}"' in tests, name
