"""Search a small network for a burn that should not be, or one that does not get through.

    .venv/bin/python bench/model.py [--json] [--record] [--most 60000] [--at-once 2]

Every search of spec/95-lab.md, 13, to its end, and larger ones as far as `--most` states each, the nearest first
(tercet.lab.scenarios). For each: states, moves between them, different states of single devices, frames, states in
which two had agreed. Then each planted mistake, which must be found: `moves_to_it` is how many moves lead there.
"""

from __future__ import annotations

import argparse
import os
from multiprocessing import Pool
from pathlib import Path

from recording import Row, finish, options

from tercet.lab.scenarios import LARGER, MISTAKES, SCENARIOS, tried
from tercet.lab.search import explore


def searched(task: tuple[str, int]) -> Row:
    name, most = task
    scenario = {**SCENARIOS, **LARGER}[name]
    found = explore(scenario, most)
    return {
        "what": name,
        "states": found.states,
        "moves": found.moves,
        "devices": found.devices,
        "messages": found.messages,
        "agreed": found.agreed,
        "to_its_end": found.ended,
        "wrong": found.wrong,
    }


def planted(task: tuple[str, int]) -> Row:
    name, most = task
    found = tried(MISTAKES[name], most)
    return {
        "what": f"planted: {name}",
        "states": found.states,
        "moves": found.moves,
        "wrong": found.wrong,
        "moves_to_it": len(found.trace),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--most", type=int, default=60_000, help="states of each search")
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    with Pool(chosen.at_once) as pool:
        searches = pool.map(searched, [(name, chosen.most) for name in (*SCENARIOS, *LARGER)], chunksize=1)
        mistakes = pool.map(planted, [(name, chosen.most) for name in MISTAKES], chunksize=1)
    finish(chosen, "model", "none: nothing is drawn", searches + mistakes)
    wrong = [str(row["what"]) for row in searches if row["wrong"]]
    wrong += [str(row["what"]) for row in mistakes if not row["wrong"]]
    if wrong:
        raise SystemExit(f"Something is wrong, or a mistake was not found: {', '.join(wrong)}.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
