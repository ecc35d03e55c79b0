"""Whole networks in bad weather, on the real core: what they keep, and how long reports and letters take.

    .venv/bin/python bench/world.py [--json] [--record] [--members 100] [--days 50] [--seeds 7,8,9,10] [--pace 1800]
                              [--at-once 2]

Each seed is a world of its own, each in a process of its own, two at a time. A broken invariant ends the bench with its
sentence. Hours are virtual; `seconds` is what the world took here. The same seed gives the same trace on any machine.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recording import Row, finish, options
from worlds import all_done, days_of, pool_of, seeds_of

from tercet.lab import Plan, Result, Spread, World


def live(plan: Plan) -> Result:
    return World(plan).run(days_of(plan))


def row(result: Result, pace: float) -> Row:
    """One world as a row: counts, then delays in hours."""

    def delays(name: str, spread: Spread) -> Row:
        return {
            f"{name}_median_h": spread.median,
            f"{name}_95_h": spread.ninety_fifth,
            f"{name}_longest_h": spread.longest,
        }

    return {
        "world": result.seed,
        "trace": result.trace,
        "members": result.members,
        "days": result.days,
        "member_days": result.members * result.days,
        "quiet_days": result.quiet_days,
        "pace_s": pace,
        "levels": result.levels,
        "beats": result.beats,
        "requests": result.puts + result.reads + result.acks + result.posts,
        "lost": result.lost,
        "duplicated": result.duplicated,
        "crashes": result.crashes,
        "relay_days_dead": result.outages,
        "reports": result.reports,
        "received": result.report_received.count,
        "letters": result.letters,
        "delivered": result.letter.count,
        "words": result.words,
        **delays("filed", result.report_filed),
        **delays("received", result.report_received),
        **delays("letter", result.letter),
        "seconds": result.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--days", type=int, default=50)
    parser.add_argument("--seeds", default="7,8,9,10", help="one world each")
    parser.add_argument("--pace", type=float, default=1_800.0)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    seeds = seeds_of(chosen.seeds)
    plans = [Plan(members=chosen.members, days=chosen.days, seed=seed, pace=chosen.pace) for seed in seeds]
    with pool_of(chosen.at_once) as pool:
        done = [pool.submit(live, plan) for plan in plans]
        all_done(done)
    results = [each.result() for each in done]
    finish(chosen, "world", chosen.seeds, [row(result, chosen.pace) for result in results])


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
