"""Memory: a world remembers what it has derived before, since all its devices live in one process.

Does        keeps results of pure derivations of the core while worlds run.
Does not    change a result: the same bytes go in and come out.
Spec        spec/95-lab.md, 5
Always      1. No device of a real person ever imports this: a root that is erased must be gone.
Read first  remember().
"""

from __future__ import annotations

from functools import lru_cache

from tercet.core import chain, committing
from tercet.core.chain import lane_of
from tercet.core.committing import salted
from tercet.sealing import next_day

MOST = 2**17  # results of each kind


def remember() -> None:
    """From now on, in this process, days, lanes and what is handed are derived once and then looked up."""
    if chain.lane_of is lane_of:
        chain.next_day = lru_cache(MOST)(next_day)  # type: ignore[attr-defined]
        chain.lane_of = lru_cache(MOST)(lane_of)
        committing.salted = lru_cache(MOST)(salted)
