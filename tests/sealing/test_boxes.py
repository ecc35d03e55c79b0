"""Boxes; the vectors are shared with the drop room."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.sealing import Box, box, posted_box
from tests.sealing.cases import cases, unhex

SECRET = bytes(range(32))


@pytest.mark.parametrize("case", cases("box-*", "drop"))
def test_a_box_matches_its_vectors(case: dict[str, Any]) -> None:
    secret, expected = bytes.fromhex(case["input"]["secret"]), unhex(case["expected"])
    make = {"ordinary": box, "posted": posted_box}[case["input"]["kind"]]
    assert make(secret) == Box(secret, expected["read"], expected["id"])


def test_an_ordinary_and_a_posted_box_of_one_secret_share_nothing() -> None:
    ours, theirs = box(SECRET), posted_box(SECRET)
    assert ours.ack == theirs.ack
    assert len({ours.read, ours.id, theirs.read, theirs.id, SECRET}) == 5


@pytest.mark.parametrize("make", [box, posted_box])
@pytest.mark.parametrize("secret", [b"", SECRET[1:], SECRET + b"\0"])
def test_a_box_secret_has_32_bytes(make: Any, secret: bytes) -> None:
    with pytest.raises(ValueError):
        make(secret)
