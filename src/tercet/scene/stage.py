"""The stage of a scene: who is on it, and what everybody there can do.

Does        starts, watches and ends the processes of people, gives them their passphrases, says what happens.
Does not    know what is played.
Spec        README.md
Always      1. Whoever falls ends the scene, unless it is the scene that took them.  2. What it started, it ends.
Read first  Stage.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from tercet.scene.actor import Actor, Line, SceneFailure

BEAT: Final = 1.0  # seconds, here; half an hour in earnest
UNDER_COVER: Final = 4  # times the patience for a step, for what takes many beats
GRACE: Final = 3.0  # seconds to see whether a process fell, when a step has failed
OPENING: Final = 2**29  # bytes of memory that opening a vault may take, with room to spare
DESK: Final = "desk"


class Stage:
    """People and their devices on one machine.

    Args:
        folder: where their files lie.
        console: where it is shown.
        passphrases: of each, by name.

    Attributes:
        began: when, by the clock that measures; `opening` lets in as many at once as cores and memory allow.
    """

    def __init__(self, folder: Path, console: Console, passphrases: dict[str, str]) -> None:
        self.folder = folder
        self.console = console
        self.passphrases = passphrases
        self.began = time.monotonic()
        self.opening = asyncio.Semaphore(at_once())
        self.actors: dict[str, Actor] = {}
        self._guards: dict[str, asyncio.Task[None]] = {}
        self._fallen: asyncio.Future[SceneFailure] = asyncio.get_running_loop().create_future()

    async def start(self, name: str, *words: str, answers: Line | None = None) -> Actor:
        """Start an actor that stays until the end; the scene fails if it does not."""
        awake = self.actors[name] = await Actor.start(name, *words, answers=answers)
        self._guards[name] = asyncio.create_task(self._guard(awake))
        return awake

    async def wake(self, name: str, *words: str, passphrase: str = "") -> Actor:
        """Start somebody's device, with their own passphrase unless another is given."""
        words = (*words, *self.home(name), "--every", str(BEAT))
        return await self.start(name, *words, answers={"passphrase": passphrase or self.passphrases[name]})

    async def switch_off(self, name: str) -> None:
        """End somebody's device as when its power goes: it has no time to save anything."""
        self._guards.pop(name).cancel()
        await self.actors[name].cut()
        del self.actors[name]

    async def _guard(self, awake: Actor) -> None:
        why = await awake.ended()
        if not self._fallen.done():
            self._fallen.set_result(SceneFailure(awake.name, "awake until the end", why))

    @contextlib.asynccontextmanager
    async def command(
        self, who: str, *words: str, answers: Line | None = None, as_json: bool = True, at_home: bool = True
    ) -> AsyncIterator[Actor]:
        """A command of somebody's, ended with the block; one that needs no vault is not typed `at_home`."""
        home = self.home(who) if at_home else ()
        process = await Actor.start(who, *words, *home, answers=answers, as_json=as_json)
        try:
            yield process
        finally:
            await process.end()

    async def once(self, who: str, *words: str, **answers: str) -> Line:
        """Run a command of somebody's to its end; returns its `done` line."""
        async with self.command(who, *words, answers=answers) as done:
            return await done.hears("done")

    async def watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do work while everybody stays awake.

        Raises:
            ShellError: `scene_failed`: the work failed, or somebody fell meanwhile, which is then said instead.
        """
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._fallen), return_when=asyncio.FIRST_COMPLETED)
            if task.done() and task.exception() is not None:
                await asyncio.wait((self._fallen,), timeout=GRACE)
            if self._fallen.done():
                raise self._fallen.result()
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def statuses(self, names: Iterable[str]) -> dict[str, Line]:
        """What each device says when it is asked for its status, by name."""
        asked = tuple(names)
        found = await asyncio.gather(*(self.once(name, self.kind(name), "status") for name in asked))
        return dict(zip(asked, found, strict=True))

    def kind(self, name: str) -> str:
        """Which commands somebody types: `desk` or `member`."""
        return "desk" if name == DESK else "member"

    def home(self, name: str) -> tuple[str, str]:
        """Where somebody's vault lies, as an option."""
        return ("--dir" if name == DESK else "--vault", self.at(name))

    def at(self, name: str) -> str:
        """A place in the folder."""
        return str(self.folder / name)

    def say(self, who: str, what: str) -> None:
        """Show what somebody does, and when."""
        passed = time.monotonic() - self.began
        said = Text.assemble((f"{passed:6.1f} s", "dim"), "  ", (f"{who:<12}", "bold"), " ", what)
        self.console.print(said, soft_wrap=not self.console.is_terminal)

    async def end(self) -> None:
        """End every process, at once."""
        for guard in self._guards.values():
            guard.cancel()
        await asyncio.gather(*(awake.end() for awake in self.actors.values()))


def at_once() -> int:
    """How many vaults are opened at the same time: one a core, in half of the memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory // 2 // OPENING))
