"""Tens of thousands of seizures in simulated networks, each held to the exposure table.

    .venv/bin/python bench/seizures.py [--json] [--record] [--seizures 24000] [--members 40] [--days 20]
        [--seeds 1,2,3,4,5,6,7,8] [--pace 1800] [--at-once 2]

Each seed is a world of its own, in a process of its own, and has its part of the seizures. In bad weather a captor goes
through each world in campaigns of four orders, finds devices in six states, copies them or takes them away. A row says
of one order and one state how many people with a name a seizure yields, neighbours without one, texts that could be
read, sealed reports that lay there (none opens), frames of all relays' history that opened, and breaches. In the rows
`all of a campaign` campaigns are counted, not seizures.

A breach ends the bench with its sentence, and so does a planted fault that is not caught: each of them lives in a small
world of its own. The same seed gives the same figures on any machine.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recording import Row, finish, options
from worlds import all_done, days_of, pool_of, seeds_of

from tercet.lab import Broken, Plan
from tercet.lab.captured import JOINED, Captures, Tally, together
from tercet.lab.captures import Captured
from tercet.lab.leaks import LEAKS

FAULTY = Plan(members=6, days=3, seed=21, pace=7_200, desk_pace=3_600, reports=2.0, letters=2.0, replies=0.8)
FAULTY_SEIZURES = 96


def seized(plan: Plan, seizures: int) -> Captures:
    captures = Captured(plan, seizures).captures(days_of(plan))
    if captures.breaches:
        raise Broken(f"World {plan.seed}: {captures.breaches[0]}")
    return captures


def planted(name: str) -> Row:
    """What comes of a planted fault in a small world."""
    leak = LEAKS[name]
    captures = Captured(FAULTY, FAULTY_SEIZURES, leaks=(leak,)).captures()
    if not leak.is_caught(captures.breaches):
        raise Broken(f"A planted fault is not caught: {name}.")
    row: Row = {"order": f"planted: {name}", "row": leak.row, "seizures": captures.seizures}
    return row | {"breaches": len(captures.breaches)}


def shown(tally: Tally) -> Row:
    row: Row = {"order": tally.order, "row": tally.row, "seizures": tally.seizures}
    row |= {"people_mean": round(tally.mean, 2), "people_95": tally.ninety_fifth, "people_worst": tally.worst}
    if tally.row != JOINED:
        row |= {"unnamed_worst": tally.worst_lanes, "texts": sum(tally.kinds.values())}
        row |= {"sealed_reports": tally.sealed, "frames_opened": tally.opened}
    return row | {"breaches": tally.breaches}


def total(captures: Captures) -> Row:
    return {
        "order": "all",
        "row": "all",
        "seizures": captures.seizures,
        "breaches": len(captures.breaches),
        "worlds": captures.worlds,
        "members": captures.members,
        "reports": captures.reports,
        "campaigns": captures.campaigns,
        "taken_away": captures.taken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--seizures", type=int, default=24_000, help="in all worlds together")
    parser.add_argument("--members", type=int, default=40)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--seeds", default="1,2,3,4,5,6,7,8", help="one world each")
    parser.add_argument("--pace", type=float, default=1_800.0)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    seeds = seeds_of(chosen.seeds)
    plans = [Plan(members=chosen.members, days=chosen.days, seed=seed, pace=chosen.pace) for seed in seeds]
    parts = [
        (place + 1) * chosen.seizures // len(seeds) - place * chosen.seizures // len(seeds)
        for place in range(len(seeds))
    ]
    with pool_of(chosen.at_once) as pool:
        faults = [pool.submit(planted, name) for name in LEAKS]
        worlds = [pool.submit(seized, plan, part) for plan, part in zip(plans, parts, strict=True)]
        all_done([*faults, *worlds])
    captures = together([world.result() for world in worlds])
    rows = [total(captures), *map(shown, captures.tallies), *(fault.result() for fault in faults)]
    finish(chosen, "seizures", chosen.seeds, rows)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
