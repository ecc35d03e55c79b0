"""What `./tercet test` runs: the fast tier, or with --full the full one.

Does        picks the tier, runs the checkers and pytest, and names what was skipped and why.
Does not    install anything: `./tercet` and `.ci/run` do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run one tier; the exit status is 0 only if everything passed."""
    parser = argparse.ArgumentParser(prog="./tercet test", description="Run Tercet's tests.")
    parser.add_argument("--full", action="store_true", help="the full tier, as CI runs it (up to 20 minutes)")
    parser.add_argument("--no-skips", action="store_true", help="fail if any test was skipped")
    options, rest = parser.parse_known_args()
    python = sys.executable
    for check in (
        [python, "-m", "ruff", "check", "src", "tests", "bench"],
        [python, "-m", "ruff", "format", "--check", "src", "tests", "bench"],
        [python, "-m", "mypy"],
    ):
        print("·", " ".join(check[2:]), flush=True)
        if subprocess.run(check, cwd=HOUSE).returncode:
            return 1
    marks = [] if options.full else ["-m", "not full"]
    strict = ["--no-skips"] if options.no_skips else []
    # One worker more than cores that are counted on: tests of whole processes mostly wait for them.
    command = [python, "-m", "pytest", "-n", "3", "--dist", "worksteal", "-rs", *marks, *strict, *rest]
    print("·", " ".join(command[2:]), flush=True)
    # What is compiled is kept: two workers and each process that a test starts would compile all of it once more.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, cwd=HOUSE, env=surroundings).returncode


if __name__ == "__main__":
    sys.exit(main())
