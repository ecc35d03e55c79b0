"""The `tercet` command with a fault: a member's device keeps the text of each report that it seals.

`python -m tests.lab.keeping WORDS…` is the faulty `tercet WORDS…`; the planted fault of `test_rows.py`.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from tercet.core import events as ev
from tercet.core.relation import Note
from tercet.shell import engine

from . import at

COMMAND = (sys.executable, "-m", "tests.lab.keeping")
_step = engine.step


def keeping(device: Any, event: Any, now: int, chance: Any) -> Any:
    """Step, and put a report's text where the desk's words lie."""
    after, effects = _step(device, event, now, chance)
    if isinstance(event, ev.WriteReport):
        kept = msgspec.structs.replace(after.reports[-1], notes=(Note(1, event.text, now),))
        after = msgspec.structs.replace(after, reports=(*after.reports[:-1], kept))
    return after, effects


if __name__ == "__main__":
    engine.step = keeping
    at.main()
