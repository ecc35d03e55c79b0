"""What is seized of each row of the exposure table: files and memories that processes of the product left.

Does        plays one life with real processes over TLS; copies files, stops processes and dumps their memories.
Does not    make or change one byte of what is seized.
Spec        spec/91-exposure.md, 9
Always      1. Whatever a row is proved on was written by the `tercet` command.
Read first  Taken, take().
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tercet.lab.unopened import read_memory
from tercet.scene.actor import Actor

from ..member.test_lock_processes import asleep, locked_process
from ..shell.troupe import OTHER, SECRET, Troupe
from ..shell.world import run_long
from . import at

EARLIER = "They came at four in the morning, in three cars without plates."  # by a process of amal's that has ended
LATER = "The bakery by the north gate was searched twice."  # by the process whose memory is read
AFTER = "Two of the cars stand in the yard of the school."  # and never fetched by the desk: it sleeps
LETTER = "The heron stands behind the mill."
NOTE = ("Beans", "two kilos")
BEAT = "0.5"  # seconds
PARTNER, BELOW = "badr-baker", "cyra-weaver"  # of amal, who is the second's link
LISTENING = (sys.executable, "-m", "tests.lab.listening")
TIES = {("amal", PARTNER), ("amal", BELOW), ("amal", "desk"), (PARTNER, "desk")}


@dataclass(frozen=True)
class Taken:
    """Where everything lies that was seized.

    Attributes:
        folder: `awake.image` and `awake.memory` of amal's process; `locked.image` and `locked.memory`; `asleep`, her
            vault with the process ended; `opened`, after the notebook was opened; `stick`; `desk`; `relay`; `log`, and
            `log.awake`, as it was while all were awake.
        quiet: the moment from which on devices did nothing but beat, until `loud`; seconds.
    """

    folder: Path
    quiet: float = 0.0
    loud: float = 0.0

    def at(self, name: str) -> Path:
        """A place in the folder."""
        return self.folder / name


def take(folder: Path) -> Taken:
    """Play it all; a minute."""
    return run_long(_take(folder))


def take_awake(folder: Path, first: tuple[str, ...]) -> Taken:
    """A report by a process that is `first` in place of `tercet`; then the memory of a sound one on the same vault."""
    return run_long(_take_awake(folder, first))


async def _take_awake(folder: Path, first: tuple[str, ...]) -> Taken:
    troupe = Troupe(folder, at.COMMAND)
    try:
        await _open(troupe, "amal")
        await troupe.actors.pop("amal").end()
        Actor.COMMAND = first
        await troupe.again("amal")
        await troupe.once("member", "report", "--vault", troupe.at("amal"), text=EARLIER)
        await troupe.actors.pop("amal").end()
        Actor.COMMAND = at.COMMAND
        await troupe.again("amal")
        _seize(troupe, "awake", troupe.actors["amal"]._process.pid)
    finally:
        await troupe.end()
    return Taken(folder)


async def _take(folder: Path) -> Taken:
    troupe = Troupe(folder, at.COMMAND, every=BEAT)
    try:
        await _open(troupe, "amal", PARTNER, BELOW)
        await troupe.meet("desk", PARTNER)
        await troupe.meet("amal", PARTNER)
        await troupe.meet("amal", BELOW, be="link")
        vault = troupe.at("amal")
        await troupe.once("member", "report", "--wait", "--yes", "--vault", vault, text=EARLIER)
        await _note(vault)
        await troupe.actors.pop("amal").end()
        await troupe.again("amal")
        quiet = time.time()
        await troupe.once("member", "letter", "--vault", troupe.at(PARTNER), name="amal", text=LETTER)
        await troupe.once("member", "report", "--vault", vault, text=LATER)
        await troupe.actors["amal"].hears("letter_came")
        await troupe.actors["amal"].hears("report_received")
        loud = time.time()
        shutil.copyfile(folder / "log", folder / "log.awake")
        await troupe.once("member", "inbox", "--vault", vault)
        _seize(troupe, "awake", troupe.actors["amal"]._process.pid)
        await troupe.actors.pop("desk").end()
        await troupe.once("member", "report", "--vault", vault, text=AFTER)
        await troupe.once("member", "lock", "--vault", vault)
        await asleep(troupe)
        process = locked_process(vault)
        try:
            _seize(troupe, "locked", process)
        finally:
            os.kill(process, signal.SIGKILL)
        (folder / "stick").mkdir()
        words = ("--files", "no", "--vault", vault)
        await troupe.once("member", "carry", str(folder / "stick"), *words, passphrase=SECRET)
        shutil.copyfile(vault, folder / "asleep")
        opened = await Actor.start("captor", "member", "run", "--vault", vault, answers={"passphrase": OTHER})
        await opened.hears("note", title=NOTE[0])
        await opened.cut()
        shutil.copyfile(vault, folder / "opened")
    finally:
        await troupe.end()
    return Taken(folder, quiet, loud)


async def _note(vault: str) -> None:
    """Amal writes into her notebook, as on any day."""
    answers = {"command": f"new {NOTE[0]}", "text": NOTE[1]}
    prompt = await Actor.start("amal", "notebook", "--file", vault, answers=answers, as_json=False)
    prompt.answer(command="quit")
    await prompt.ended()
    await prompt.end()


def _seize(troupe: Troupe, name: str, process: int) -> None:
    """Stop a process of amal's, copy her vault, dump its memory, and let it go on."""
    os.kill(process, signal.SIGSTOP)
    try:
        shutil.copyfile(troupe.at("amal"), troupe.at(f"{name}.image"))
        (troupe.folder / f"{name}.memory").write_bytes(read_memory(str(process)))
    finally:
        os.kill(process, signal.SIGCONT)


async def _open(troupe: Troupe, *names: str) -> None:
    """A relay that listens, a desk that has met the first of these members, and the others."""
    Actor.COMMAND = (*LISTENING, troupe.at("log"))
    await troupe.open_relay(proxied=False)
    Actor.COMMAND = at.COMMAND
    await troupe.open_desk()
    for name in names:
        await troupe.open_member(name)
    await troupe.meet("desk", names[0])
