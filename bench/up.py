"""The scene: seconds from `tercet up --once` to *received by the desk*, photo and all.

    .venv/bin/python bench/up.py [--json] [--record] [--runs 5]

Each run is the whole command, passphrases at full cost: a relay, a desk, six members, eight meetings, an introduction,
a report with a photo, an answer. `received` and `scene` are what the scene itself shows, from its first line to the
photo at the desk and to the end; `command` is the whole process.
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
    received, scenes, commands = [], [], []
    for _ in range(chosen.runs):
        began = time.monotonic()
        done = subprocess.run([*REAL, "up", "--once"], cwd=HOUSE, capture_output=True, text=True, check=True)
        commands.append(time.monotonic() - began)
        found = re.search(r"sees \*received\*: ([0-9.]+) s from the start; .* took ([0-9.]+) s", done.stdout)
        if found is None:
            raise SystemExit("the scene did not say how long it took")
        received.append(float(found[1]))
        scenes.append(float(found[2]))
    figures: list[Row] = [
        {
            "what": what,
            "runs": chosen.runs,
            "median_s": round(statistics.median(taken), 1),
            "least_s": round(min(taken), 1),
            "most_s": round(max(taken), 1),
        }
        for what, taken in (("received", received), ("scene", scenes), ("command", commands))
    ]
    finish(chosen, "up", "none: the scene draws afresh each time", figures)


if __name__ == "__main__":
    main()
