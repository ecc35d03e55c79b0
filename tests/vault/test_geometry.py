"""Where everything lies."""

from __future__ import annotations

import re

import pytest

from tercet.vault.geometry import COMPARTMENTS, DEFAULT_SIZE, MAX_SIZE, MIN_SIZE, PAGE, STRIDE, Geometry
from tests.vault.cases import HOUSE, cases


@pytest.mark.parametrize("case", cases("geometry"))
def test_the_size_alone_decides_the_layout(case):
    size = case["input"]["size"]
    if "fails" in case:
        with pytest.raises(ValueError, match="4 MiB to 1 GiB"):
            Geometry.of(size)
        return
    layout = Geometry.of(size)
    last = layout.slots - 1
    assert {
        "compartment": layout.compartment,
        "state": layout.state,
        "slots": layout.slots,
        "copy_at": [[layout.copy_at(c, k) for k in (0, 1)] for c in range(COMPARTMENTS)],
        "last_slot_at": [layout.slot_at(c, last) for c in range(COMPARTMENTS)],
    } == case["expected"]


@pytest.mark.parametrize("size", [MIN_SIZE, MIN_SIZE + PAGE, MIN_SIZE + 3 * PAGE, 9_412_608, DEFAULT_SIZE, MAX_SIZE])
def test_every_byte_has_exactly_one_place(size):
    layout = Geometry.of(size)
    parts = [(0, PAGE), *layout.rest()]
    for place in range(COMPARTMENTS):
        parts += [(layout.copy_at(place, copy), layout.state) for copy in (0, 1)]
        parts += [(layout.slot_at(place, slot), STRIDE) for slot in range(layout.slots)]
    end = 0
    for offset, length in sorted(parts):
        assert offset == end
        end = offset + length
    assert end == size


@pytest.mark.parametrize("size", [0, 1, 4_095, MIN_SIZE - 1, MIN_SIZE + 1, DEFAULT_SIZE + 17, MAX_SIZE + 1, 2**50])
def test_a_file_of_any_size_at_all_has_a_layout_to_try(size):
    assert MIN_SIZE <= Geometry.nearest(size).size <= MAX_SIZE


def test_the_smallest_vault_has_a_ring_that_turns():
    assert Geometry.of(MIN_SIZE).slots >= 2


def test_the_table_of_sizes_in_the_spec_is_what_the_code_does():
    text = (HOUSE / "spec" / "70-vault.md").read_text()
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|$", text, re.M)
    assert len(rows) == 3
    for row in rows:
        size, compartment, state, slots = (int(cell.replace(",", "")) for cell in row)
        assert Geometry.of(size) == Geometry(size, compartment, state, slots)
