"""The `tercet` command as it is, with a passphrase that costs next to nothing to try and small vaults for desks.

For tests and experiments with real processes only: `python -m tests.cheap WORDS…` is `tercet WORDS…`.
"""

from __future__ import annotations

import sys

from tercet import cli
from tercet.desk import commands as desk
from tercet.lab import captor
from tercet.member import commands as member
from tercet.scene.actor import Actor
from tercet.sealing import LOW_COST

COMMAND = (sys.executable, "-m", "tests.cheap")


def main() -> None:
    captor.COST = member.COST = desk.COST = LOW_COST
    desk.VAULT_SIZE = 16 * 1_048_576
    Actor.COMMAND = COMMAND
    cli.main()


if __name__ == "__main__":
    main()
