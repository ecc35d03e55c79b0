"""Letters a second between two members: cores alone, with sealing; and whole devices, vaults and relay included.

    .venv/bin/python bench/letters.py [--json] [--record] [--letters 300]

`cores` writes, seals, carries in memory, opens and acknowledges each letter. `services` does the same through vaults
on the disk (4 MiB, several commits a letter) and a drop in memory: what a device can do, whatever its line.
A letter goes when the one before it was acknowledged, as the rule is: one letter under way a relation.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from recording import Row, finish, options
from tests.core.stage import Stage
from tests.shell.founded import founded
from tests.shell.world import Awake, World, beat

from tercet.core import events as ev
from tercet.core.relation import Role

HOUR = 3_600  # seconds between letters on the actors' clock; what was read vanishes after a day
TEXT = "Meet me at the mill; bring what you wrote down about the north road. " * 8


def cores(letters: int) -> Row:
    stage = Stage()
    desk, amal = stage.desk(), stage.actor("amal")
    stage.meet(desk, amal, Role.DESK)
    stage.beat(desk, amal, rounds=3)
    came = len(desk.heard("letter_came"))
    began = time.perf_counter()
    for _ in range(letters):
        amal.do(ev.WriteLetter("desk", TEXT))
        stage.beat(desk, amal, every=HOUR)
        desk.do(ev.NotesSeen())
    took = time.perf_counter() - began
    arrived = len(desk.heard("letter_came")) - came
    return {"what": "cores", "letters": arrived, "seconds": round(took, 2), "letters_s": round(arrived / took, 1)}


async def services(world: World, letters: int) -> Row:
    came = 0

    def told(tell: object) -> None:
        nonlocal came
        came += getattr(tell, "what", "") == "letter_came"

    async with Awake(world.member("amal"), world.member("badr")) as (amal, badr):
        badr.engine.listeners.append(told)
        began = time.perf_counter()
        for _ in range(letters):
            world.now += HOUR
            await amal.engine.do(ev.WriteLetter("badr", TEXT))
            await beat(badr, amal)
            await badr.engine.do(ev.NotesSeen())
        took = time.perf_counter() - began
    return {"what": "services", "letters": came, "seconds": round(took, 2), "letters_s": round(came / took, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--letters", type=int, default=300)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        world = founded(Path(folder))
        rows = [cores(chosen.letters), asyncio.run(services(world, chosen.letters))]
    finish(chosen, "letters", "the stage's actors, by name", rows)


if __name__ == "__main__":
    main()
