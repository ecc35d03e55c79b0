"""What traffic shows: bytes a day, delays, and how well a watcher of all relays and lines guesses.

    .venv/bin/python bench/traffic.py [--json] [--record] [--worlds 16] [--beats 60] [--at-once 2]

Bytes are counted at a TCP proxy on loopback before a real relay, TLS and all, for one member's covered beats, each
operation on a connection of its own. Delays come from simulated worlds at three paces. The watcher (tercet.lab.watcher)
sees every operation at every relay with its sender's address; it learns from half of the worlds who reported, and is
tried on the other half. `auc` is the chance that it ranks a member who reported above one who did not: one half is
guessing; `sigma` is the distance from one half in standard deviations of guessing. It must catch each planted fault.

Rows that begin with `duress` are of worlds in which every device is opened anew at a moment, half of them with the
second passphrase (tercet.lab.moments): the watcher compares two days before with two days after, and guesses with
which. Rows that begin with `alarm` say how long after the second passphrase neighbours are told *in danger*
(tercet.lab.alarms); in the last of them nothing raises an alarm, and nobody may be told.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from statistics import median

from recording import Row, finish, options
from tests.shell.covered import beat_bytes

from tercet.core.beat import PACE, reads_at
from tercet.lab.alarms import OF_AGE, Capture, captures, delays_of
from tercet.lab.duress import KINDS, SILENT
from tercet.lab.moments import moments, names_of_figures
from tercet.lab.plan import Plan
from tercet.lab.watcher import Example, auc, deviation, figures_of, guess, sight_of
from tercet.lab.weeks import FAULTS, week
from tercet.lab.world import World

PACES = (300, 1_800, 21_600)  # seconds
CHANCE = 3.0  # standard deviations: below it a guess is chance
CAUGHT = 4.0  # standard deviations: above it a fault is caught
SINGLE = 4.5  # standard deviations: above it a single figure, the best of some fifty, tells
FIRST_WITHIN_3H = 0.6  # share of captures, at least, in which the first neighbour is told so soon, on a good line
LOSSES = (0.05, 0.2)  # shares of requests that are lost
DURESS = "duress, "
CRUDE = ("at another pace", "no acknowledgements", "alarms only", "one neighbour")  # told from half as many worlds
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


def taken(task: tuple[int, str]) -> list[Example]:
    return moments(*task)


def alarmed(task: tuple[int, float, bool]) -> list[Capture]:
    seed, loss, silent = task
    return captures(seed, replace(OF_AGE, loss=loss), SILENT if silent else None)


def watch(pool: Pool, fault: str, worlds: int) -> Row:
    weeks = pool.map(watched, [(seed, fault) for seed in range(1, worlds + 1)], chunksize=1)
    return guessed(fault, weeks, list(figures_of([], sight_of([]))))


def watch_moments(pool: Pool, kind: str, worlds: int) -> Row:
    around = pool.map(taken, [(seed, kind) for seed in range(1, worlds + 1)], chunksize=1)
    return guessed(DURESS + kind, around, names_of_figures())


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


def alarms(pool: Pool, worlds: int) -> list[Row]:
    """One row for each loss, and one for each number of neighbours; then one of understudies that raise no alarm."""
    rows: list[Row] = []
    for loss in LOSSES:
        some = [c for each in pool.map(alarmed, [(s, loss, False) for s in range(1, worlds + 1)]) for c in each]
        what = f"alarm, {loss:.0%} lost"
        rows.append({"what": what, **delays_of(some)})
        for count in sorted({len(c.delays) for c in some}):
            row = delays_of([c for c in some if len(c.delays) == count])
            rows.append({"what": f"{what}, {count} neighbours", **row})
    silent = [c for each in pool.map(alarmed, [(s, LOSSES[0], True) for s in range(1, 3)]) for c in each]
    return [*rows, {"what": "alarm, none raised", **delays_of(silent)}]


def wrong_of(guesses: Sequence[Row], told: Sequence[Row]) -> list[str]:
    """The rows that show too much or too little."""
    wrong = []
    for row in guesses:
        what, sigma, single = str(row["what"]), float(row["sigma"]), abs(float(row["its_sigma"]))
        if what.removeprefix(DURESS) != "honest":
            wrong += [what] * (sigma < CAUGHT)
        else:
            wrong += [what] * (abs(sigma) >= CHANCE or (what.startswith(DURESS) and single >= SINGLE))
    wrong += [str(told[0]["what"])] * (float(told[0]["first_within_3h"]) < FIRST_WITHIN_3H)
    return wrong + [str(told[-1]["what"])] * (told[-1]["each_within_6h"] != 0)


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
        guesses += [watch_moments(pool, k, chosen.worlds // 2 if k in CRUDE else chosen.worlds) for k in KINDS]
        told = alarms(pool, chosen.worlds)
    finish(chosen, "traffic", "the numbers of the worlds, from 1", rows + guesses + told)
    if wrong := wrong_of(guesses, told):
        raise SystemExit(f"The watcher told too much or caught too little: {', '.join(wrong)}.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
