"""What traffic shows: bytes a day, delays, and how well a watcher of all relays and lines guesses.

    .venv/bin/python bench/traffic.py [--json] [--record] [--worlds 16] [--beats 60] [--at-once 2]

Bytes are counted at a TCP proxy on loopback before a real relay, TLS and all, for one member's covered beats, each
operation on a connection of its own. Delays come from simulated worlds at three paces. The watcher (tercet.lab.watcher)
sees every operation at every relay with its sender's address; it learns from half of the worlds who reported, and is
tried on the other half. `auc` is the chance that it ranks a member who reported above one who did not: one half is
guessing; `sigma` is the distance from one half in standard deviations of guessing. It must catch each planted fault.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from multiprocessing import Pool
from pathlib import Path
from statistics import median

from recording import Row, finish, options
from tests.shell.covered import beat_bytes

from tercet.core.beat import PACE, reads_at
from tercet.lab.plan import Plan
from tercet.lab.watcher import Example, auc, deviation, figures_of, guess, sight_of
from tercet.lab.weeks import FAULTS, week
from tercet.lab.world import World

PACES = (300, 1_800, 21_600)  # seconds
CHANCE = 3.0  # standard deviations: below it a guess is chance
CAUGHT = 4.0  # standard deviations: above it a fault is caught
WORLDS = {
    300: Plan(members=12, days=3, seed=300, pace=300.0, loss=0.05, sticks=0.0, away=0.0),
    1_800: Plan(members=40, days=14, seed=1_800, pace=1_800.0, loss=0.05, sticks=0.0, away=0.0),
    21_600: Plan(members=60, days=40, seed=21_600, pace=21_600.0, loss=0.05, sticks=0.0, away=0.0),
}


def delays(pace: int) -> Row:
    world = World(WORLDS[pace])
    if pace > PACE:
        world.ledger.hold_late = lambda: None  # so slow a device may read a letter after the late days; see the longest
    done = world.run()
    return {
        "reports": done.report_filed.count,
        "report_filed_median_h": done.report_filed.median,
        "report_filed_p95_h": done.report_filed.ninety_fifth,
        "report_received_median_h": done.report_received.median,
        "report_received_p95_h": done.report_received.ninety_fifth,
        "letters": done.letter.count,
        "letter_median_h": done.letter.median,
        "letter_p95_h": done.letter.ninety_fifth,
        "letter_longest_h": done.letter.longest,
    }


def watched(task: tuple[int, str]) -> list[Example]:
    return week(*task)


def watch(pool: Pool, fault: str, worlds: int) -> Row:
    weeks = pool.map(watched, [(seed, fault) for seed in range(1, worlds + 1)], chunksize=1)
    return guessed(fault, weeks, list(figures_of([], sight_of([]))))


def guessed(what: str, worlds: list[list[Example]], names: list[str]) -> Row:
    known = [e for each in worlds[: len(worlds) // 2] for e in each]
    unknown = [e for each in worlds[len(worlds) // 2 :] for e in each]
    scores = guess(known, unknown)
    every = known + unknown
    single = {n: deviation([(e.figures[i], e.reported) for e in every]) for i, n in enumerate(names)}
    best = max(single, key=lambda n: abs(single[n]))
    return {
        "what": what,
        "weeks_learned": len(known),
        "weeks_tried": len(unknown),
        "auc": round(auc(scores), 3),
        "sigma": round(deviation(scores), 2),
        "best_single_figure": best,
        "its_sigma": round(single[best], 2),
        "median_sigma": round(median(abs(v) for v in single.values()), 2),
    }


def wrong_of(guesses: list[Row]) -> list[str]:
    """The rows that show too much or too little."""
    honest = [str(g["what"]) for g in guesses if g["what"] == "honest" and abs(float(g["sigma"])) >= CHANCE]
    return honest + [str(g["what"]) for g in guesses if g["what"] != "honest" and float(g["sigma"]) < CAUGHT]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--worlds", type=int, default=16)
    parser.add_argument("--beats", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    rows: list[Row] = []
    with Pool(chosen.at_once) as pool:
        for pace, found in zip(PACES, pool.map(delays, PACES, chunksize=1), strict=True):
            with tempfile.TemporaryDirectory() as folder:
                up, down = asyncio.run(beat_bytes(Path(folder), chosen.beats, reads_at(pace)))
            a_day = 86_400 / pace
            cost = {
                "up_bytes_a_beat": round(up),
                "down_bytes_a_beat": round(down),
                "MB_a_day": round((up + down) * a_day / 1e6, 3),
            }
            rows.append({"what": f"a beat every {pace // 60} minutes", **cost, **found})
        guesses = [watch(pool, f, chosen.worlds if f == "honest" else chosen.worlds // 2) for f in FAULTS]
    finish(chosen, "traffic", "the numbers of the worlds, from 1", rows + guesses)
    if wrong := wrong_of(guesses):
        raise SystemExit(f"The watcher told too much or caught too little: {', '.join(wrong)}.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
