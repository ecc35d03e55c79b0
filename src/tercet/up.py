"""`tercet up`: the main job as a scene, on this machine.

Does        starts a relay, a desk and two founders, each a process of its own, and plays a report between them.
Does not    take shortcuts: every word goes through the commands that people use.
Spec        README.md
Always      1. Exit status 0 only if everything came true.  2. What it started, it ends.
Read first  Scene.play().
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tercet.evidence import inspect
from tercet.sample import photo as sample_photo
from tercet.sealing import spoken_words
from tercet.shell.failures import ShellError
from tercet.shell.opening import run
from tercet.shell.text import shown

BEAT = 1.0  # seconds, here; half an hour in earnest
COMMAND = (sys.executable, "-m", "tercet")
PATIENCE = 240.0  # seconds that any one step may take, on a busy machine too
LINE_MOST = 2**24  # bytes of one line of an actor
ENDING = 20.0  # seconds that a process has to end by itself
REPORT_TEXT = "The bridge road is closed; four houses burned. I was there at noon."

Line = dict[str, Any]


class SceneFailure(ShellError):
    """The scene did not come true: who was waited for, for what, and why it did not come."""

    def __init__(self, who: str, what: str, why: str) -> None:
        super().__init__("scene_failed")
        self.hint = f"{self.hint} ({who}: {what}: {why})"


class Actor:
    """One process of the scene: a tercet command that speaks JSON lines."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, answers: int | None) -> None:
        self.name = name
        self._process = process
        self._answers = answers
        self._lines: list[Line] = []
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, *words: str, answers: Line | None = None) -> Actor:
        """Start `tercet WORDS… --json`; the first answers go in at once, through a pipe."""
        command = [*COMMAND, *words, "--json"]
        give, take = (None, None)
        passed: tuple[int, ...] = ()
        if answers is not None:
            take, give = os.pipe()
            command += ["--answers", str(take)]
            passed = (take,)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=passed,
            limit=LINE_MOST,
        )
        if take is not None:
            os.close(take)
        actor = cls(name, process, give)
        if answers is not None:
            actor.answer(**answers)
        return actor

    def answer(self, **fields: str) -> None:
        """Give answers to the process."""
        if self._answers is not None:
            os.write(self._answers, (json.dumps(fields) + "\n").encode())

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None and (line := await stream.readline()):
            with contextlib.suppress(ValueError):
                self._lines.append(json.loads(line))
            async with self._more:
                self._more.notify_all()
        async with self._more:
            self._lines.append({"what": "ended"})
            self._more.notify_all()

    async def hears(self, what: str, patience: float = 0.0, **facts: str) -> Line:
        """Wait for a line that says `what`, with these facts, `patience` seconds (0 for `PATIENCE`).

        Raises:
            ShellError: `scene_failed`, the process failed, ended, or said nothing of it in time.
        """
        deadline = asyncio.get_running_loop().time() + (patience or PATIENCE)
        seen = 0
        while True:
            for line in self._lines[seen:]:
                seen += 1
                if line.get("what") == what and all(str(line.get(k)) == v for k, v in facts.items()):
                    return line
                if "failed" in line or line.get("what") == "ended":
                    raise SceneFailure(self.name, what, str(line.get("failed", "ended")))
            async with self._more:
                if len(self._lines) == seen:
                    left = deadline - asyncio.get_running_loop().time()
                    try:
                        await asyncio.wait_for(self._more.wait(), max(left, 0.01))
                    except TimeoutError:
                        raise SceneFailure(self.name, what, "waited in vain") from None

    def last(self, what: str) -> Line:
        """The newest line that says `what`, or an empty one."""
        return next((line for line in reversed(self._lines) if line.get("what") == what), {})

    async def end(self) -> None:
        """End the process and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), ENDING)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader
        if self._answers is not None:
            os.close(self._answers)
            self._answers = None


class Scene:
    """Four devices on one machine.

    Args:
        folder: where their files lie; it is removed at the end.
        photo: the photo that is sent.
        console: where it is shown.
    """

    def __init__(self, folder: Path, photo: Path, console: Console) -> None:
        self._folder = folder
        self._photo = photo
        self._console = console
        self._actors: list[Actor] = []
        self._began = time.monotonic()
        self._passphrases = {name: " ".join(spoken_words(os.urandom, 5)) for name in ("desk", "amal", "badr")}
        self._relay: Actor | None = None
        self.address = ""

    async def start(self, name: str, *words: str, answers: Line | None = None) -> Actor:
        """Start an actor that stays until the end."""
        actor = await Actor.start(name, *words, answers=answers)
        self._actors.append(actor)
        return actor

    async def once(self, *words: str, answers: Line | None = None) -> Line:
        """Run a command to its end; returns its `done` line."""
        actor = await Actor.start("once", *words, answers=answers)
        try:
            return await actor.hears("done")
        finally:
            await actor.end()

    async def play(self) -> Line:
        """Play it.

        Returns:
            What came true: seconds from the first line to *received*, and the photo's hash at both ends.

        Raises:
            ShellError: `scene_failed`.
        """
        self._say("", "A beat is about one second here, so that you can watch; in earnest it is half an hour.")
        relay = await self._open_relay()
        desk = await self._open_desk()
        for name in ("amal", "badr"):
            await self._open_member(name)
        await self._meet("desk", "amal")
        await self._meet("desk", "badr")
        await self._meet("amal", "badr")
        return await self._report(relay, desk)

    async def _open_relay(self) -> Actor:
        relay = await self.start("relay", "relay", "--dir", self._at("relay"), "--listen", "127.0.0.1:0")
        self.address = str((await relay.hears("relay"))["address"])
        self._relay = relay
        self._say("relay", "is open. It has a TLS key and empty boxes, and knows nobody.")
        return relay

    async def _open_desk(self) -> Actor:
        secret = self._passphrases["desk"]
        answers = {"passphrase": secret, "passphrase_again": secret}
        desk_at = ("--dir", self._at("desk"))
        made = await Actor.start("desk", "desk", "init", *desk_at, "--relay", self.address, answers=answers)
        try:
            await made.hears("founded")
        finally:
            await made.end()
        self._say("desk", "founded a network: week keys for two months and the relay list are on its signed board.")
        desk = await self.start("desk", "desk", "serve", *desk_at, "--every", str(BEAT), answers={"passphrase": secret})
        await desk.hears("running")
        return desk

    async def _open_member(self, name: str) -> None:
        secret = self._passphrases[name]
        other = secrets.token_hex(16)
        answers = {
            "passphrase": secret,
            "passphrase_again": secret,
            "notebook_passphrase": other,
            "notebook_passphrase_again": other,
        }
        vault = ("--vault", self._at(name))
        made = await Actor.start(name, "member", "init", *vault, answers=answers)
        try:
            await made.hears("vault_made")
        finally:
            await made.end()
        awake = await self.start(
            name, "member", "run", *vault, "--every", str(BEAT), "--rehearsal", answers={"passphrase": secret}
        )
        await awake.hears("running")
        self._say(name, "made a vault: 64 MiB that look like noise. The device is awake.")

    async def _meet(self, first: str, second: str) -> None:
        """Two people sit together: one says a code, the other types it, both compare four words."""
        if first == "desk":
            inviting: tuple[str, ...] = ("desk", "meet", "--dir", self._at("desk"))
        else:
            inviting = ("member", "meet", "--as", "partner", "--vault", self._at(first))
        says = await Actor.start(first, *inviting, answers={"name": second})
        hears = None
        try:
            code = str((await says.hears("meeting_code"))["code"])
            self._say(first, f"says to {second}: “{code}”")
            joining = ("member", "meet", "--vault", self._at(second), "--relay", self.address)
            hears = await Actor.start(second, *joining, answers={"name": first, "code": code})
            ours = str((await says.hears("meeting_compare"))["words"])
            theirs = str((await hears.hears("meeting_compare"))["words"])
            if ours != theirs:
                raise ShellError("scene_failed")
            self._say(f"{first}, {second}", f"both screens show “{ours}”: they confirm.")
            for one in (says, hears):
                one.answer(same_words="yes")
            await asyncio.gather(says.hears("done"), hears.hears("done"))
        finally:
            await says.end()
            if hears is not None:
                await hears.end()

    async def _report(self, relay: Actor, desk: Actor) -> Line:
        original = sha256(self._photo.read_bytes()).hexdigest()
        self._say("amal", f"reports: “{REPORT_TEXT}”, with {self._photo.name}, {self._photo.stat().st_size:,} bytes.")
        words = ("member", "report", "--wait", "--yes", "--photo", str(self._photo), "--where", "old town")
        sender = await self.start("amal", *words, "--vault", self._at("amal"), answers={"text": REPORT_TEXT})
        await sender.hears("report_made")
        self._say("amal", "sealed it. Not even this device can open it now.")
        await sender.hears("report_left")
        self._say("amal", "waiting → left this device")
        await sender.hears("report_received")
        self._say("amal", "left this device → received by the desk")
        await sender.hears("done")
        seconds = time.monotonic() - self._began
        self._say("amal", "the photo: received by the desk, whole.")
        folder = self._folder / "export"
        done = await self.once("desk", "export", "1", "--to", str(folder), "--dir", self._at("desk"))
        arrived = self.hash_found(folder, original)
        shown_at_desk = await self.once("desk", "show", "1", "--dir", self._at("desk"))
        self._compare(relay, shown_at_desk["report"])
        self._console.print(f"  SHA-256 of the photo here:        {original}")
        self._console.print(f"  SHA-256 of the photo at the desk: {arrived}", highlight=False)
        if arrived != original or shown_at_desk["report"]["text"] != REPORT_TEXT or not done:
            raise ShellError("scene_failed")
        return {"seconds": round(seconds, 1), "sha256": original}

    def hash_found(self, folder: Path, original: str) -> str:
        """The hash of the exported photo; of the last file looked at if none is the original."""
        found = ""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                found = sha256(file.read_bytes()).hexdigest()
                if found == original:
                    break
        return found

    def _compare(self, relay: Actor, report: Line) -> None:
        """What the relay sees beside what the desk sees."""
        seen = relay.last("seen")
        table = Table("The relay sees", "The desk sees", expand=True)
        files = "\n".join(f"{m['kind']}, .{m['form']}, {m['size']:,} bytes" for m in report["media"])
        place = (report.get("place") or {}).get("name", "")
        left = (
            f"{seen.get('frames', 0)} frames of 4,096 bytes\n{seen.get('blocks', 0)} blocks of 262,144 bytes\n"
            f"{seen.get('reads', 0)} reads\na box, among others:\n{str(seen.get('box', ''))[:32]}…\n"
            "no name, no account, no key that opens anything"
        )
        told = f"report {report['number']}\n{shown(report['text'])}\n{shown(place)}"
        right = f"{told}\n{files}\nno name: it cannot say who sent it"
        table.add_row(left, right)
        self._console.print(table)

    def _at(self, name: str) -> str:
        return str(self._folder / name)

    def _say(self, who: str, what: str) -> None:
        passed = time.monotonic() - self._began
        self._console.print(f"[dim]{passed:6.1f} s[/dim]  [bold]{who:<11}[/bold] ", end="")
        self._console.print(what, markup=False, highlight=False)

    def next_commands(self) -> str:
        """What a person could try while the network stays up."""
        desk, amal = self._at("desk"), self._at("amal")
        return "\n".join(
            (
                f"./tercet desk show 1 --dir {desk}",
                f"./tercet desk reply 1 --dir {desk}",
                f"./tercet member inbox --vault {amal}",
                f"./tercet member report --photo FILE --wait --vault {amal}",
                f"./tercet member status --vault {amal}",
            )
        )

    async def end(self) -> None:
        """End every process, at once."""
        await asyncio.gather(*(actor.end() for actor in self._actors))


def up(
    photo: Annotated[Path | None, typer.Option(help="The photo to send; a real one is at hand without it.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the scene; status 0 only if it came true.")] = False,
) -> None:
    """Play the main job here: two founders meet the desk and each other, one sends a photo."""
    console = Console(highlight=False, soft_wrap=True)
    chosen = (photo or sample_photo()).expanduser().absolute()

    async def work() -> None:
        await asyncio.to_thread(inspect, chosen, "photo")
        folder = Path(tempfile.mkdtemp(prefix="tercet-"))
        scene = Scene(folder, chosen, console)
        try:
            came = await scene.play()
            console.print(
                f"\nThe photo lies at the desk, the sender sees *received*: {came['seconds']} s from the start."
            )
            if not once:
                console.print(Panel(scene.next_commands(), title="The network stays up. In another terminal:"))
                console.print("Ctrl-C ends it and removes everything.")
                await asyncio.Event().wait()
        finally:
            await scene.end()
            shutil.rmtree(folder, ignore_errors=True)

    run(work(), False)
