"""A covered device costs at most a megabyte a day at the default pace, counted on the wire with TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tercet.core.beat import PACE
from tests.shell.covered import beat_bytes

A_DAY = 86_400 // PACE  # beats
MOST = 1_000_000  # bytes


@pytest.mark.full
def test_a_day_of_covered_beats_costs_at_most_a_megabyte(tmp_path: Path) -> None:
    up, down = asyncio.run(beat_bytes(tmp_path, 12))
    assert up > 4_096
    assert down > 2 * 4_096
    assert (up + down) * A_DAY <= MOST
