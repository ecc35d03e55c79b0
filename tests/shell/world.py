"""A world for shells: real vaults and services, relays in memory, a clock one can turn, people who answer from a list.

Does        carries whole scenes in one process, and breaks them off where a test wants it.
Does not    sleep, start processes or touch a network.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
import shutil
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tercet.desk.service import DeskService
from tercet.drop import Acked, Answer, DropFailure, MemoryStore, Op, Post, Put, Read, Refused
from tercet.drop.address import from_base32
from tercet.drop.passes import shown_is_one, taken_at
from tercet.member.service import MemberService
from tercet.sealing import LOW_COST
from tercet.shell.failures import ShellError
from tercet.shell.service import Service
from tercet.vault import create, open_vault

from ..core.stage import PRIVATE

MIB = 1_048_576
START = 1_790_000_000  # seconds; a Monday in September 2026
RELAY = "tercet://127.0.0.1:7443/" + "a" * 52
PASSPHRASE = "five unrelated words are good"
NOTEBOOK = "shopping lists and garden sums"
WRONG_KEY = DropFailure("relay_wrong_key", "Whoever answered is not this relay.")
UNREACHABLE = DropFailure("relay_unreachable", "The relay could not be reached.")


class Person:
    """A dialogue that answers from a list, and remembers what it was told and asked."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        self.waiting: dict[str, asyncio.Event] = {}

    async def tell(self, what: str, **facts: Any) -> None:
        self.told.append((what, facts))
        self.waiting.setdefault(what, asyncio.Event()).set()

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        self.asked.append(field)
        if field not in self.answers or re.search(r"\[[a-z_]+\] ", prompt):  # again: this person knows nothing better
            raise ShellError("no_answer")
        return self.answers[field]

    async def heard(self, what: str) -> dict[str, Any]:
        """The facts of the first time that `what` was told, once it was."""
        async with asyncio.timeout(30):
            await self.waiting.setdefault(what, asyncio.Event()).wait()
        return next(facts for said, facts in self.told if said == what)

    def words(self) -> list[str]:
        return [what for what, _ in self.told]


class Killed(BaseException):
    """The process is dead; what it had not saved is gone."""


class Death:
    """Kills one device at its n-th boundary: before and after each filing, each save, each change at a relay."""

    def __init__(self, name: str, at: int = -1) -> None:
        self.name = name
        self.at = at
        self.passed = 0
        self.dead = False

    def boundary(self) -> None:
        if self.dead or self.passed == self.at:
            self.dead = True
            raise Killed
        self.passed += 1

    def watch(self, service: Service) -> None:
        """Put boundaries around a service's filing and saving."""
        vault: Any = service.engine._vault
        owner: Any = service
        vault.commit = self._between(vault.commit)
        owner.file = self._between(owner.file)

    def _between(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any) -> Any:
            self.boundary()
            done = work(*given)
            self.boundary()
            return done

        return watched


class WorldDrop:
    """A relay's face: the memory store behind it, and what the world does to it."""

    def __init__(self, world: World, address: str, name: str) -> None:
        self.world = world
        self.address = next((one for one in world.relays if address.startswith(f"{one}/")), address)
        self.shown = from_base32(address.removeprefix(self.address).removeprefix("/"))
        self.name = name
        self.relay_clock: int | None = None

    async def perform(self, ops: Sequence[Op]) -> list[Answer]:
        await asyncio.sleep(0)
        changes = not isinstance(ops[0], Read)
        self._boundary(changes)
        if self.address in self.world.trouble:
            raise self.world.trouble[self.address]
        self.relay_clock = self.world.relay_says
        self.world.asked += ops
        if self.address in self.world.refuses and isinstance(ops[0], Put | Post):
            return [Refused(self.world.refuses[self.address])]
        barred = self.world.weekly and not shown_is_one(self.shown, taken_at(self.world.weekly, self.world.now))
        if barred and any(isinstance(op, Put | Post) for op in ops):
            return [Refused("no_pass") if isinstance(op, Put | Post) else Acked() for op in ops]
        answers = self.world.relays[self.address].apply(ops, self.world.now)
        self._boundary(changes)
        return answers

    def _boundary(self, changes: bool) -> None:
        death = self.world.death
        if death is not None and death.name == self.name and (changes or death.dead):
            death.boundary()

    async def close(self) -> None:
        pass


class World:
    """Relays, a clock, and a folder for vaults."""

    def __init__(self, folder: Path, relays: tuple[str, ...] = (RELAY,)) -> None:
        self.folder = folder
        self.now = START
        self.relay_says: int | None = None
        self.mints = False
        self.relays = {address: MemoryStore() for address in relays}
        self.trouble: dict[str, DropFailure] = {}
        self.weekly: tuple[bytes, ...] = ()  # secrets of relays that take passes of a week and no others
        self.refuses: dict[str, str] = {}  # address to the code of what it answers each PUT and POST with
        self.asked: list[Op] = []
        self.death: Death | None = None

    def clock(self) -> int:
        return self.now

    def drop(self, address: str) -> WorldDrop:
        return WorldDrop(self, address, "")

    def make(self, name: str, size: int = 8 * MIB) -> Path:
        path = self.folder / name / "vault"
        path.parent.mkdir(exist_ok=True)
        create(path, PASSPHRASE, NOTEBOOK, size=size, cost=LOW_COST)
        return path

    def member(self, name: str) -> MemberService:
        service = MemberService(self._vault(name), lambda a: WorldDrop(self, a, name), self.clock)
        return self._set(service, name)

    def desk(self, name: str = "desk") -> DeskService:
        place = self.folder / name / "archive"
        service = DeskService(self._vault(name), lambda a: WorldDrop(self, a, name), self.clock, place)
        service.engine.draw_keys = (lambda: PRIVATE) if self.mints else None
        return self._set(service, name)

    def service(self, name: str) -> Service:
        return self.desk(name) if name.startswith("desk") else self.member(name)

    def copy(self, folder: Path) -> World:
        """The same world in another folder, with stores of its own; its vaults must be closed."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        other = World(folder, tuple(self.relays))
        other.now, other.mints = self.now, self.mints
        other.relays = copy.deepcopy(self.relays)
        return other

    def _vault(self, name: str) -> Any:
        return open_vault(self.folder / name / "vault", PASSPHRASE, cost=LOW_COST)

    def _set(self, service: Any, name: str) -> Any:
        if self.death is not None and self.death.name == name:
            self.death.watch(service)
        service.look_every = 0.001
        service.awaited_beat = 0.001
        service.relays._monotonic = lambda: float(self.now)
        return service


class Awake:
    """Services that are open for as long as the block runs."""

    def __init__(self, *services: Service) -> None:
        self.services = services

    async def __aenter__(self) -> tuple[Any, ...]:
        for service in self.services:
            await service.open()
        return self.services

    async def __aexit__(self, *_: object) -> None:
        for service in self.services:
            await service.close()


async def do(service: Service, person: Person | None = None, **request: Any) -> dict[str, Any]:
    """Carry out one request."""
    return await service.request(request, person or Person())


async def beat(*services: Service, rounds: int = 1) -> None:
    for _ in range(rounds):
        for service in services:
            await do(service, do="beat")
            while service.engine._moving and not (service._media and service._media.done()):
                await asyncio.sleep(0)  # until the media task has done what was ordered, or has died


async def meet(first: Service, second: Service, name: str, their_name: str, role: str = "") -> str:
    """A whole meeting; returns the words that both compared."""
    inviter = Person(name=their_name, same_words="yes")
    inviting = asyncio.create_task(do(first, inviter, do="meet", role=role))
    code = await inviter.heard("meeting_code")
    joiner = Person(name=name, same_words="yes", code=code["code"])
    await do(second, joiner, do="meet", relay=code["relay"])
    await inviting
    words = (await inviter.heard("meeting_compare"))["words"]
    assert words == (await joiner.heard("meeting_compare"))["words"]
    return str(words)


async def found(world: World) -> None:
    """A desk with two founders who know each other; all are asleep afterwards."""
    for name in ("desk", "amal", "badr"):
        world.make(name)
    async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
        await do(desk, do="found", relays=list(world.relays), shards=1)
        await meet(desk, amal, "desk", "amal")
        await meet(desk, badr, "desk", "badr")
        await meet(amal, badr, "amal", "badr", "partner")
        await beat(desk, amal, badr, rounds=2)


def run(work: Coroutine[Any, Any, Any], patience: float = 120.0) -> Any:
    """Run a scene to its end; one that hangs fails."""

    async def bounded() -> Any:
        async with asyncio.timeout(patience):
            return await work

    return asyncio.run(bounded())


def run_long(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a scene of real processes."""
    return run(work, 600.0)


def answers(*lines: dict[str, str]) -> int:
    """A file descriptor to read answers from."""
    take, give = os.pipe()
    os.write(give, "".join(json.dumps(line) + "\n" for line in lines).encode())
    os.close(give)
    return take
