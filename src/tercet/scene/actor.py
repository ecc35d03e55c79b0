"""One process of a scene: a tercet command that speaks JSON lines.

Does        starts a command, answers it, waits for what it says, ends it.
Does not    know which command.
Spec        spec/72-dialogue.md, 1 and 2
Always      1. Who waits hears of a failure or an end at once.  2. What was started is ended.
Read first  Actor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any, ClassVar

from tercet.shell.failures import ShellError

LINE_MOST = 2**24  # bytes of one line of an actor
ENDING = 30.0  # seconds that a process has to end by itself

Line = dict[str, Any]


class SceneFailure(ShellError):
    """The scene did not come true: who was waited for, for what, and why it did not come."""

    def __init__(self, who: str, what: str, why: str) -> None:
        super().__init__("scene_failed")
        self.hint = f"{self.hint} ({who}: {what}: {why})"


class Actor:
    """A tercet command at work, and who it stands for.

    Attributes:
        COMMAND: what `tercet` is.
        PATIENCE: seconds that any one step may take, on a busy machine too.
    """

    COMMAND: ClassVar[tuple[str, ...]] = (sys.executable, "-m", "tercet")
    PATIENCE: ClassVar[float] = 300.0

    def __init__(self, name: str, process: asyncio.subprocess.Process, answers: int | None) -> None:
        self.name = name
        self._process = process
        self._answers = answers
        self._lines: list[Line] = []
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, *words: str, answers: Line | None = None, as_json: bool = True) -> Actor:
        """Start `tercet WORDS… --json`; the first answers go in at once, through a pipe.

        Without `as_json` the command speaks to a person, and nothing that it says is heard but its end.
        """
        command = [*cls.COMMAND, *words, *(["--json"] if as_json else [])]
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
        """Give answers to the process; one that ended meanwhile shows in what it says."""
        if self._answers is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._answers, (json.dumps(fields) + "\n").encode())

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None and (line := await stream.readline()):
            with contextlib.suppress(ValueError):
                if line.startswith(b"{"):
                    self._lines.append(json.loads(line))
            async with self._more:
                self._more.notify_all()
        async with self._more:
            self._lines.append({"what": "ended"})
            self._more.notify_all()

    async def hears(self, what: str, patience: float = 0.0, times: int = 1, **facts: str) -> Line:
        """Wait for a line that says `what`, with these facts, `patience` seconds (0 for `PATIENCE`).

        With `times` it is that line of so many since the process began.

        Raises:
            ShellError: `scene_failed`, the process failed, ended, or said nothing of it in time.
        """
        deadline = asyncio.get_running_loop().time() + (patience or self.PATIENCE)
        seen = heard = 0
        while True:
            for line in self._lines[seen:]:
                seen += 1
                if line.get("what") == what and all(str(line.get(k)) == v for k, v in facts.items()):
                    heard += 1
                    if heard == times:
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

    async def ended(self) -> str:
        """Wait until the process has ended; returns why, as it said itself, or the signal that ended it."""
        status = await self._process.wait()
        await self._reader
        said = next((str(line["failed"]) for line in self._lines if "failed" in line), "ended")
        return f"ended by {signal.Signals(-status).name}" if status < 0 else said

    async def cut(self) -> None:
        """End the process at once, as when its device is switched off."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.end()

    async def end(self) -> None:
        """End the process and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), ENDING)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader
        if self._answers is not None:
            os.close(self._answers)
            self._answers = None
