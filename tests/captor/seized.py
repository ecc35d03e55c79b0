"""A member's life, and the images of her vault before and after the notebook was opened, made by services as they are.

Does        plays a network of a desk, two founders and a pair below; keeps bytes of amal's vault and a relay's folder.
Does not    look into what it makes.
Spec        none; the services of tests/shell/world.py
Always      1. Nothing here is made by hand: each image is what a service's vault left on the disk.
Read first  Seized, seize().
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tercet.core import events as ev
from tercet.drop import DiskStore, Op, Put, Read
from tercet.notebook import book
from tercet.sealing import LOW_COST
from tercet.shell.notebook import NotebookSide, OwnSide
from tercet.shell.service import Service
from tercet.vault import open_vault

from ..shell.founded import founded
from ..shell.world import NOTEBOOK, RELAY, UNREACHABLE, Awake, Person, World, beat, do, meet, run

FOUR = {("desk", "desk"), ("badr", "partner"), ("cyra", "below"), ("dalia", "below")}
SENT = "Three lorries stood at the north gate before dawn."  # received by the desk
LEFT = "They have begun to search Mill Street."  # answered by the desk, and the answer not fetched yet
HIS = "They took two men from the bakery."  # badr's, put in the same second
WAITING = "The well by the old school is mined."  # sealed, still here
PLACE = "behind the grain store"
READ = "Come to the mill on Thursday."  # badr's, read by amal, kept for a day
UNREAD = "The second bridge is open again."  # badr's, not read yet
OURS = "I have the keys of the yard."  # amal's to cyra, who sleeps
REPLY = "How many lorries were there?"  # the desk's, not read yet
ANSWERED = "Three, and one without plates."  # amal's to the desk, not acknowledged yet
WORD = "Do not use the river road, لا تسلكوا طريق النهر."  # the desk's, to everyone
NOTE = ("Bread", "flour, salt, yeast")
THEIRS = ("cyra", "dalia")
BETWEEN = 15_000  # seconds from beat to beat: what was read is kept for a day


@dataclass
class Seized:
    """Images of one vault, and what lay around it."""

    asleep: bytes = b""  # the device was put to sleep
    opened: bytes = b""  # the other passphrase was given once
    relay: Path = field(default_factory=Path)
    film: Path = field(default_factory=Path)
    put: set[bytes] = field(default_factory=set)  # boxes into which amal alone put frames
    now: int = 0

    @property
    def day(self) -> int:
        """The day on which she was taken."""
        return self.now // 86_400


class Watched(list[Op]):
    """What the world's relay was asked, and when."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.when: list[int] = []

    def __iadd__(self, ops: Iterable[Op]) -> Self:
        before = len(self)
        super().__iadd__(ops)
        self.when += [self._world.now] * (len(self) - before)
        return self


def seize(folder: Path) -> Seized:
    """Play it all; some seconds."""
    world = founded(folder)
    world.mints = True
    found = Seized(relay=folder / "relay-folder", film=folder / "DCIM" / "VID_0042.mp4")
    found.film.parent.mkdir()
    found.film.write_bytes(bytes(3) + b"\x18ftypisom" + os.urandom(600_000))
    asked = world.asked = Watched(world)
    run(_live(world, found))
    found.now = world.now
    place = folder / "amal" / "vault"
    found.asleep = place.read_bytes()
    _lay(found.relay, asked)
    run(_captors(place))
    found.opened = place.read_bytes()
    return found


async def _live(world: World, found: Seized) -> None:
    for name in THEIRS:
        world.make(name)
    async with Awake(*(world.service(name) for name in ("desk", "amal", "badr", *THEIRS))) as services:
        desk, amal, badr, *theirs = services
        await desk.engine.do(ev.TakeWeekly(RELAY, os.urandom(32)))
        for service, name in zip(theirs, THEIRS, strict=True):
            await meet(amal, service, "amal", name, "link")
        await OwnSide(amal.engine).change(lambda now: book.add(now, *NOTE, world.now))
        await beat(*services, rounds=3)
        await do(amal, Person(text=SENT), do="report", where=PLACE)
        await do(badr, Person(name="amal", text=READ), do="letter")
        await _beats(world, found, amal, *services)
        await do(amal, do="inbox")
        await do(desk, Person(text=REPLY), do="reply", number=1)
        await do(desk, Person(post="yes"), do="notice", days=9, text=WORD)
        await do(badr, Person(name="amal", text=UNREAD), do="letter")
        await _beats(world, found, amal, *services)
        await do(amal, Person(text=LEFT), do="report", where=PLACE)
        await do(badr, Person(text=HIS), do="report")
        await _beats(world, found, amal, badr, desk)
        world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
        await do(amal, Person(name="cyra", text=OURS), do="letter")
        await do(amal, Person(text=ANSWERED), do="answer", number=1)
        await do(amal, Person(text=WAITING), do="report", video=[str(found.film)], where=PLACE)
        while amal.engine.device.reports[-1].media[0].under_way is None:
            await asyncio.sleep(0.001)  # its first block is sealed beside this


async def _beats(world: World, found: Seized, amal: Service, *others: Service) -> None:
    """Amal, and then the others, so that she has not fetched what they put last."""
    for _ in range(4 if amal in others else 1):
        world.now += BETWEEN
        before = len(world.asked)
        await beat(amal)
        found.put |= {op.box for op in world.asked[before:] if isinstance(op, Put)}
        await beat(*(one for one in others if one is not amal))


async def _captors(place: Path) -> None:
    """What `tercet notebook` does when it is given the notebook's passphrase."""
    side = NotebookSide(open_vault(place, NOTEBOOK, cost=LOW_COST))
    await side.renew()
    await side.close()


def _lay(folder: Path, asked: Watched) -> None:
    """A relay's folder that has taken in and let go what the world's relay was asked to."""
    store = DiskStore(folder)
    for op, when in zip(asked, asked.when, strict=True):
        if not isinstance(op, Read):
            store.apply([op], when)
    store.close()
