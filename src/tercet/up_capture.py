"""`tercet up --capture`: a member of the scene is seized, and everybody sees what they see.

Does        switches a device off, looks at its file as a captor would, then has the notebook's passphrase typed there.
Does not    look for itself: `tercet seize` and the devices say what there is.
Spec        spec/91-exposure.md; spec/75-understudy.md
Always      1. What is not as the law says ends the scene.  2. Passphrases go through descriptors alone.
Read first  Capture.play().
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tercet.lab.captor import Seen
from tercet.lab.seize import show
from tercet.member.service import SENTENCES
from tercet.scene.actor import Actor, SceneFailure
from tercet.scene.stage import UNDER_COVER, Stage
from tercet.shell.terminal import Terminal

TITLE, TEXT = "Market", "rice\ncandles\nsoap"  # in the notebook
NOTE: Final = f"{TITLE}: {' / '.join(TEXT.splitlines())}"  # the same, as `tercet seize` says it
CAPTOR: Final = "captor"
NONE, OTHER, OWN = VIEWS = ("no passphrase", "the notebook's passphrase", "the real passphrase")


class Capture:
    """Somebody on a stage is seized.

    Args:
        stage: where everybody is awake.
        name: who is seized.
        roles: their neighbours' names, and what these are to them.
        other: their second passphrase.
    """

    def __init__(self, stage: Stage, name: str, roles: dict[str, str], other: str) -> None:
        self._stage = stage
        self._name = name
        self._roles = roles
        self._passphrases = {NONE: "", OTHER: other, OWN: stage.passphrases[name]}

    async def play(self) -> None:
        """Play it.

        Raises:
            ShellError: `scene_failed`.
        """
        await self._keep_a_notebook()
        await self._stage.switch_off(self._name)
        self._stage.say(CAPTOR, f"takes {self._name}'s device and switches it off at once.")
        await self._look_at_copies()
        after = await self._alarm()
        await self._afterwards()
        last = max(after.values())
        self._stage.say("", f"All {len(after)} neighbours saw it; the last of them {last:.1f} s after it was typed.")

    async def _keep_a_notebook(self) -> None:
        """The notebook is lived in: its owner writes into it while all is well."""
        answers = {"command": f"new {TITLE}", "text": TEXT}
        async with self._stage.command(self._name, "notebook", answers=answers, as_json=False) as prompt:
            prompt.answer(command="quit")
            await prompt.ended()
        self._stage.say(self._name, f"keeps a notebook, as on any day: “{NOTE}”")

    async def _look_at_copies(self) -> None:
        """The captor's view, with each passphrase on a copy of its own; it must be what the exposure table says."""
        vault, size = Path(self._stage.at(self._name)), 0
        copies = [Path(self._stage.at(f"image {number}")) for number in range(len(VIEWS))]
        for copy in copies:
            await asyncio.to_thread(shutil.copyfile, vault, copy)
            size = copy.stat().st_size
        self._stage.say(CAPTOR, f"copies the file, {size:,} bytes, and gives a copy to `tercet seize` three times.")
        looks = (self._look(copy, self._passphrases[view]) for view, copy in zip(VIEWS, copies, strict=True))
        seen = dict(zip(VIEWS, await asyncio.gather(*looks), strict=True))
        for view, found in seen.items():
            self._stage.console.print(panel(f"The captor sees, with {view}", found, self._stage.console.width))
        for view, found in seen.items():
            for wrong in faults(view, found, self._roles):
                raise SceneFailure(CAPTOR, f"seize, with {view}", wrong)
        for copy in copies:
            copy.unlink()

    async def _look(self, image: Path, passphrase: str) -> Seen:
        async with self._stage.opening:
            return await look(image, passphrase)

    async def _alarm(self) -> dict[str, float]:
        """The notebook's passphrase is typed on the device itself; seconds after which each neighbour sees it."""
        self._unalarmed(self._stage.actors)
        self._stage.say(CAPTOR, f"forces {self._name} to open the device; {self._name} types the second passphrase.")
        began = time.monotonic()
        words = ("member", "run", "--rehearsal")
        device = await self._stage.wake(self._name, *words, passphrase=self._passphrases[OTHER])
        await device.hears("note", title=TITLE, text=TEXT)
        self._stage.say(CAPTOR, f"sees a notebook: “{NOTE}”. Behind it the rest becomes noise, and the beat goes on.")

        async def waits(name: str) -> float:
            await self._stage.actors[name].hears("in_danger", UNDER_COVER * Actor.PATIENCE, name=self._name)
            seconds = time.monotonic() - began
            sentence = SENTENCES["in_danger"].format(name=self._name)
            self._stage.say(name, f"sees, {seconds:.1f} s after it was typed: “{sentence}”")
            return seconds

        taken = await asyncio.gather(*(waits(name) for name in self._roles))
        self._unalarmed(set(self._stage.actors) - set(self._roles))
        after = dict(zip(self._roles, taken, strict=True))
        await self._hold_to_status()
        self._stage.console.print(self._both_views(after))
        return after

    def _unalarmed(self, names: Iterable[str]) -> None:
        """Nobody of these has seen an alarm."""
        for name in names:
            if self._stage.actors[name].last("in_danger"):
                raise SceneFailure(name, "in_danger", "an alarm where there is none")

    async def _hold_to_status(self) -> None:
        """Each neighbour's `status` must say the same, of nobody else."""
        for name, status in (await self._stage.statuses(self._roles)).items():
            if [one["name"] for one in status["neighbours"] if one["danger"]] != [self._name]:
                raise SceneFailure(name, "status", "it does not say who is in danger")

    def _both_views(self, after: dict[str, float]) -> Table:
        table = Table("The captor sees", "The neighbours see", expand=True)
        left = f"a notebook\n{NOTE}\n\nnobody's name, and a device that beats as before"
        right = [f"{name}: {self._name} is IN DANGER ({seconds:.1f} s)" for name, seconds in after.items()]
        table.add_row(Text(left), Text("\n".join(right)))
        return table

    async def _afterwards(self) -> None:
        """The device again: the real passphrase opens nothing any more, the notebook opens still."""
        await self._stage.switch_off(self._name)
        own, other = self._passphrases[OWN], self._passphrases[OTHER]
        async with self._stage.command(self._name, "member", "status", answers={"passphrase": own}) as tried:
            why = await tried.ended()
        found = await self._look(Path(self._stage.at(self._name)), own)
        if why != "vault_wrong_passphrase" or found.opened or found.copies or found.slots or found.strays:
            raise SceneFailure(CAPTOR, f"afterwards, with {OWN}", f"{why}; opened: {', '.join(found.opened)}")
        self._stage.say(
            CAPTOR, "gets the real passphrase too, too late: it opens nothing any more, not to `tercet seize`."
        )
        async with self._stage.command(self._name, "notebook", answers={"passphrase": other}) as opened:
            await opened.hears("note", title=TITLE, text=TEXT)
            await opened.hears("done")
        self._stage.say(CAPTOR, "opens the notebook once more: it is as it was.")


async def look(image: Path, passphrase: str) -> Seen:
    """What `tercet seize` finds on an image, with a passphrase or, where that is empty, without.

    Raises:
        ShellError: `scene_failed`, it could not look.
    """
    words, passed = [*Actor.COMMAND, "seize", str(image), "--json"], contextlib.ExitStack()
    with passed:
        taken: tuple[int, ...] = ()
        if passphrase:
            take, give = os.pipe()
            passed.callback(os.close, take)
            with os.fdopen(give, "w") as line:
                line.write(f"{passphrase}\n")
            words, taken = [*words, "--passphrase-fd", str(take)], (take,)
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*words, stdin=null, stdout=pipe, stderr=null, pass_fds=taken)
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(said, type=Seen)
    except msgspec.DecodeError:
        raise SceneFailure(CAPTOR, "seize", said.decode(errors="replace")[:200] or "ended") from None


def faults(view: str, found: Seen, roles: dict[str, str]) -> Iterator[str]:
    """In what a captor's view is not what it must be.

    Args:
        view: with which passphrase, one of `VIEWS`.
        found: what `tercet seize` found.
        roles: the neighbours' names, and what they are.
    """
    yield from found.breaches
    sides = {NONE: (), OTHER: ("notebook",), OWN: ("notebook", "real")}[view]
    if found.opened != sides:
        yield f"opened: {', '.join(found.opened) or 'nothing'}"
    if {one.name: one.role for one in found.exposure.people} != (roles if view == OWN else {}):
        yield "people are named who must not be, or are missing"
    if found.exposure.lanes != (len(roles) if view == OTHER else 0):
        yield f"{found.exposure.lanes} neighbours without a name"
    notes = [one.text for one in found.exposure.words if one.kind == "note"]
    if notes != ([] if view == NONE else [NOTE]):
        yield "the notebook is not what it was"
    if view == NONE and (found.noise is None or not found.noise.noise):
        yield "the file is no noise"


def panel(title: str, found: Seen, width: int) -> Panel:
    """What `tercet seize` shows of it, framed."""
    out = io.StringIO()
    show(Terminal(file=out, width=max(width - 4, 40)), found)
    return Panel(Text(out.getvalue().rstrip()), title=title, title_align="left")
