"""The scene: seconds from `tercet up --once` to *received by the desk*, photo and all.

    .venv/bin/python bench/up.py [--json] [--record] [--runs 5]

Each run is the whole command, passphrases at full cost: a relay, a desk, two founders, three meetings, a report with a
photo. `scene` is what the scene itself shows, `command` the whole process from start to end.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time

from recording import HOUSE, REAL, Row, finish, options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    scenes, commands = [], []
    for _ in range(chosen.runs):
        began = time.monotonic()
        done = subprocess.run([*REAL, "up", "--once"], cwd=HOUSE, capture_output=True, text=True, check=True)
        commands.append(time.monotonic() - began)
        found = re.search(r"sees \*received\*: ([0-9.]+) s from the start", done.stdout)
        if found is None:
            raise SystemExit("the scene did not say how long it took")
        scenes.append(float(found[1]))
    figures: list[Row] = [
        {
            "what": what,
            "runs": chosen.runs,
            "median_s": round(statistics.median(taken), 1),
            "least_s": round(min(taken), 1),
            "most_s": round(max(taken), 1),
        }
        for what, taken in (("scene", scenes), ("command", commands))
    ]
    finish(chosen, "up", "none: the scene draws afresh each time", figures)


if __name__ == "__main__":
    main()
