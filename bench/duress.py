"""What the second passphrase shows: whether a watcher tells traffic after it from before, and how long alarms take.

    .venv/bin/python bench/duress.py [--json] [--record] [--worlds 16] [--at-once 2]

In each world every device is opened anew at a moment, half of them with the second passphrase (tercet.lab.moments): the
watcher of `bench/traffic.py` compares two days before with two days after, and guesses with which. It learns from half
of the worlds and is tried on the other half; `sigma` is the distance from guessing in standard deviations. It must
catch each planted fault. Rows that begin with `alarm` say how long after the second passphrase neighbours are told
*in danger* (tercet.lab.alarms); in the last of them nothing raises an alarm, and nobody may be told.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

from recording import Row, finish, options
from traffic import CAUGHT, CHANCE, guessed

from tercet.lab.alarms import OF_AGE, Capture, captures, delays_of
from tercet.lab.duress import KINDS, SILENT
from tercet.lab.moments import moments, names_of_figures
from tercet.lab.watcher import Example

SINGLE = 4.5  # standard deviations: above it a single figure, the best of some fifty, tells
FIRST_WITHIN_3H = 0.6  # share of captures, at least, in which the first neighbour is told so soon, on a good line
LOSSES = (0.05, 0.2)  # shares of requests that are lost
CRUDE = ("at another pace", "no acknowledgements", "alarms only", "one neighbour")  # told from half as many worlds


def taken(task: tuple[int, str]) -> list[Example]:
    return moments(*task)


def alarmed(task: tuple[int, float, bool]) -> list[Capture]:
    seed, loss, silent = task
    return captures(seed, replace(OF_AGE, loss=loss), SILENT if silent else None)


def watch_moments(pool: Pool, kind: str, worlds: int) -> Row:
    around = pool.map(taken, [(seed, kind) for seed in range(1, worlds + 1)], chunksize=1)
    return guessed(kind, around, names_of_figures())


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
        if what != "honest":
            wrong += [what] * (sigma < CAUGHT)
        else:
            wrong += [what] * (abs(sigma) >= CHANCE or single >= SINGLE)
    wrong += [str(told[0]["what"])] * (float(told[0]["first_within_3h"]) < FIRST_WITHIN_3H)
    return wrong + [str(told[-1]["what"])] * (told[-1]["each_within_6h"] != 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--worlds", type=int, default=16)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    with Pool(chosen.at_once) as pool:
        guesses = [watch_moments(pool, k, chosen.worlds // 2 if k in CRUDE else chosen.worlds) for k in KINDS]
        told = alarms(pool, chosen.worlds)
    finish(chosen, "duress", "the numbers of the worlds, from 1", guesses + told)
    if wrong := wrong_of(guesses, told):
        raise SystemExit(f"The watcher told too much or caught too little: {', '.join(wrong)}.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
