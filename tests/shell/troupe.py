"""Real processes: a relay behind a counting proxy, a desk, members; each may be killed and started again."""

from __future__ import annotations

import socket
from hashlib import sha256
from pathlib import Path
from typing import Any

from tercet.scene.actor import Actor, Line

from .wire import CountingProxy

SECRET = "five unrelated words are good"
SIZE = "16"  # MiB of a vault; the scene plays with vaults of the usual size
OTHER = "shopping lists and garden sums"
UNDERSTOOD = {"duress_understood": "yes", "duress_understood_again": "yes"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Troupe:
    """Actors by name, and the words that start each again.

    Args:
        folder: for everything they keep.
        command: what `tercet` is.
        rate: bytes a second through the proxy, 0 for no limit.
        every: seconds between beats.
    """

    def __init__(self, folder: Path, command: tuple[str, ...], rate: int = 0, every: str = "1") -> None:
        Actor.COMMAND = command
        self.folder = folder
        self.proxy = CountingProxy(rate)
        self.every = every
        self.actors: dict[str, Actor] = {}
        self.address = ""
        self._words: dict[str, tuple[tuple[str, ...], Line | None]] = {}

    async def open_relay(self, proxied: bool = True) -> None:
        self.proxy.target = free_port()
        outside = await self.proxy.start() if proxied else self.proxy.target
        listen = ("--listen", f"127.0.0.1:{self.proxy.target}", "--public", f"127.0.0.1:{outside}")
        relay = await self.start("relay", "relay", "--dir", self.at("relay"), *listen)
        self.address = str((await relay.hears("relay"))["address"])

    async def open_desk(self) -> None:
        await self.once("desk", "init", "--dir", self.at("desk"), "--relay", self.address, end="founded", **new())
        words = ("desk", "serve", "--dir", self.at("desk"), "--every", self.every)
        await self.awake("desk", *words)

    async def open_member(self, name: str, every: str = "") -> None:
        await self.once(
            *("member", "init", "--vault", self.at(name), "--size", SIZE),
            end="vault_made",
            **new(),
            **new("notebook_", OTHER),
            **UNDERSTOOD,
        )
        pace = ("--every", every or self.every, "--rehearsal")
        await self.awake(name, "member", "run", "--vault", self.at(name), *pace)

    async def awake(self, name: str, *words: str) -> None:
        await (await self.start(name, *words, answers={"passphrase": SECRET})).hears("running")

    async def start(self, name: str, *words: str, answers: Line | None = None) -> Actor:
        self._words[name] = words, answers
        actor = self.actors[name] = await Actor.start(name, *words, answers=answers)
        return actor

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        actor = self.actors.pop(name)
        actor._process.kill()
        await actor.end()

    async def again(self, name: str) -> Actor:
        """Start it again as it was."""
        words, answers = self._words[name]
        actor = await self.start(name, *words, answers=answers)
        await actor.hears("relay" if name == "relay" else "running")
        return actor

    async def meet(self, first: str, second: str, be: str = "partner") -> None:
        inviting = ("desk", "meet", "--dir") if first == "desk" else ("member", "meet", "--as", be, "--vault")
        says = await Actor.start(first, *inviting, self.at(first), answers={"name": second})
        code = str((await says.hears("meeting_code"))["code"])
        words = ("member", "meet", "--vault", self.at(second), "--relay", self.address)
        hears = await Actor.start(second, *words, answers={"name": first, "code": code})
        for one in (says, hears):
            await one.hears("meeting_compare")
            one.answer(same_words="yes")
        for one in (says, hears):
            await one.hears("done")
            await one.end()

    async def once(self, *words: str, end: str = "done", **answers: str) -> Line:
        """Run a command to its end."""
        actor = await Actor.start(words[0], *words, answers=answers)
        try:
            return await actor.hears(end)
        finally:
            await actor.end()

    async def exported(self, number: int) -> set[str]:
        """Export a report; the hashes of what was written."""
        folder = self.folder / f"export-{number}"
        await self.once("desk", "export", str(number), "--to", str(folder), "--dir", self.at("desk"))
        return {sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}

    async def cases(self) -> list[Any]:
        return list((await self.once("desk", "inbox", "--dir", self.at("desk")))["cases"])

    def at(self, name: str) -> str:
        return str(self.folder / name)

    async def end(self) -> None:
        for actor in reversed(self.actors.values()):
            await actor.end()
        await self.proxy.close()


def new(prefix: str = "", secret: str = SECRET) -> dict[str, str]:
    """The answers for a new passphrase."""
    return {f"{prefix}passphrase": secret, f"{prefix}passphrase_again": secret}
