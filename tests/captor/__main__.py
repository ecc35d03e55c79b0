"""`python -m tests.captor IMAGE [--passphrase WORDS] [--relay FOLDER] [--low-cost]`: the captor's view as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import keys
from .captor import look
from .image import PAGE


def main() -> None:
    """Read the command line, print what was found."""
    asks = argparse.ArgumentParser(prog="python -m tests.captor")
    asks.add_argument("image", nargs="+", type=Path)
    asks.add_argument("--passphrase", action="append", default=[])
    asks.add_argument("--relay", action="append", default=[], type=Path)
    asks.add_argument("--low-cost", action="store_true", help="Argon2id as the project's tests have it")
    asks.add_argument("--everywhere", action="store_true", help="look at each page for a copy that was left")
    said = asks.parse_args()
    cost = keys.Cost(64, 1, 1) if said.low_cost else keys.Cost()
    images = [each.read_bytes() for each in said.image]
    pages = range(len(images[0]) // PAGE) if said.everywhere else ()
    print(json.dumps(look(images, said.passphrase, cost, said.relay, pages).data(), indent=1))


main()
