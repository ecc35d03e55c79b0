"""The spec's tables and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tercet.drop import address, client, commit, disk, folder, found, guest, log, ops, passes, stick, wire
from tercet.drop.ops import FAILURES, Refusal

SPEC = (Path(__file__).parents[2] / "spec/10-drop.md").read_text()


def section(number: int) -> str:
    return SPEC.split(f"\n## {number}. ")[1].split("\n## ")[0]


def test_the_version_stands_on_line_three():
    assert SPEC.splitlines()[2] == f"Version {wire.VERSION}"


@pytest.mark.parametrize("code", list(Refusal))
def test_every_refusal_is_in_the_spec_with_its_number(code):
    assert f"\n| {code} |" in section(2)
    assert f"{wire.REFUSALS.index(code) + 1} {code}" in section(6)


def test_the_spec_names_every_failure_and_no_other():
    table = [row.split("|")[1] for row in section(8).splitlines() if row.startswith("| ")][1:]
    assert sorted(code.strip() for row in table for code in row.split(",")) == sorted(FAILURES)


def test_every_failure_the_code_makes_is_listed():
    source = "".join(path.read_text() for path in Path(ops.__file__).parent.glob("*.py"))
    made = set(re.findall(r'(?:DropFailure|_failure|fail)\(\s*"([a-z_]+)"', source))
    assert made <= set(FAILURES)
    assert {"relay_lied", "bad_proxy", "store_failed"} <= made


@pytest.mark.parametrize(
    ("number", "values"),
    [
        (1, [ops.FRAME, ops.BLOCK, ops.SECRET]),
        (3, [ops.BOX_FRAMES, ops.ITEM_LIFETIME, ops.POSTED_LIFETIME]),
        (5, [folder.MOST_SHOWN, folder.ERRAND_LIFETIME, folder.MOST_FILES, folder.MOST_ITEMS, folder.MOST_WANTS]),
        (5, [found.AHEAD, folder.MOST_ACKS]),
        (5, [stick.MOST_PARTS, stick.MOST_NAMES]),
        (9, [ops.BOX_FRAMES, folder.MOST_SHOWN, folder.MOST_HANDED, folder.MOST_ITEMS_HANDED, stick.MOST_PARTS]),
        (6, [wire.MAX_MESSAGE, wire.MAX_OPS, 3 + ops.FRAME]),
        (7, [guest.Limits().guests, guest.Limits().held, guest.Limits().unanswered]),
        (7, [commit.MOST_AT_ONCE, commit.MOST_WAITING, int(guest.Limits().greeting), int(guest.Limits().idle)]),
        (6, [address.PASS, address.LONGEST]),
        (7, [int(guest.Limits().slowest), passes.MOST_PASSES]),
        ("7a", [passes.MOST_SECRETS, passes.SECRET, passes.GRACE]),
        (8, [int(client.TIMEOUT)]),
    ],
)
def test_the_numbers_of_the_spec_are_the_codes(number, values):
    assert all(re.search(rf"\b{value:,}\b", section(number)) for value in values)


def test_the_operations_have_the_kinds_of_the_spec():
    kinds = (wire.PUT_FRAME, wire.PUT_BLOCK, wire.READ_FRAMES, wire.READ_BLOCK, wire.ACK, wire.POST, wire.PASS)
    names = ("PUT of a frame", "PUT of a block", "READ of frames", "READ of a block", "ACK", "POST", "PASS")
    for kind, name in zip(kinds, names, strict=True):
        assert f"\n| {kind} | {name}:" in section(6)


def test_the_records_have_the_layout_of_the_spec():
    widths = [int(row.split("|")[1]) for row in section(4).splitlines() if re.match(r"\| \d+ \|", row)]
    assert sum(widths) == log.HEADER.size and widths[0] == log.MARKER
    for kind in log.Kind:
        said = {"FRAME": "1 frame", "BLOCK": "2 block", "POSTED": "3 posted frame", "GONE": "4 gone"}
        assert said.get(kind.name, "5 posted gone") in section(4)
    assert disk.LOCK in section(4) and f"{disk.SEGMENT_BYTES // 2**20} MiB" in section(4)
