"""The person's side of codes: a terminal or a folder to show them, pictures to read them from.

Does        draws what is to be shown, and answers what was scanned, from files or a watched folder.
Does not    drive a camera: whatever takes the pictures puts them into the folder.
Spec        spec/72-dialogue.md, 4; spec/31-codes.md
Always      1. Pictures are read here, never by whoever holds the vault, if that is another process.
Read first  Screen.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tercet.evidence import EvidenceError
from tercet.shell import codes
from tercet.shell.codes import Collector
from tercet.shell.dialogue import Dialogue, Fact
from tercet.shell.failures import ShellError

LOOK_EVERY: Final = 0.5  # seconds between two looks into a watched folder
ENDINGS: Final = (".png", ".jpg", ".jpeg")


class Screen:
    """A dialogue that turns codes into pictures and pictures into messages.

    Args:
        person: everything else goes to and comes from here.
        show: a folder for PNG files, in place of those shown before.
        watch: a folder that a camera program writes pictures into; else file names are asked for.
        size: most bytes a code.
        write: prints lines, for codes that go to no folder; without it they are told as they are.
        look_every: seconds between two looks into the watched folder.
    """

    def __init__(
        self,
        person: Dialogue,
        show: Path | None,
        watch: Path | None,
        size: int = codes.PART,
        write: Callable[[str], None] | None = None,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._person = person
        self._show = show
        self._watch = watch
        self._size = size
        self._write = write
        self._every = look_every
        self._collector = Collector()
        self._known: set[tuple[str, int, int]] = set()
        self._found: list[bytes] = []

    async def tell(self, what: str, **facts: Fact) -> None:
        """See `Dialogue.tell`; `codes` are drawn."""
        if what != "codes" or (self._show is None and self._write is None):
            await self._person.tell(what, **facts)
            return
        parts = codes.split(bytes.fromhex(str(facts["content"])), self._size)
        if self._show is not None:
            await asyncio.to_thread(self._draw, self._show, parts)
            await self._person.tell("codes_drawn", folder=str(self._show), count=len(parts))
            return
        for number, part in enumerate(parts, start=1):
            if self._write is not None:
                self._write(f"{codes.as_text(part)}\nCode {number} of {len(parts)}")
            if number < len(parts):
                await self._person.ask("next", "Press Enter for the next code")

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        """See `Dialogue.ask`; what was `scanned` comes from pictures."""
        if field != "scanned":
            return await self._person.ask(field, prompt, hidden)
        if self._watch is not None and not self._found:
            await self._person.tell("watching", folder=str(self._watch))
        while not self._found:
            await self._look()
        return self._found.pop(0).hex()

    def _draw(self, folder: Path, parts: tuple[bytes, ...]) -> None:
        """Write the codes as 1.png, 2.png…; pictures of codes that are shown no longer go."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(len(parts), codes.PARTS_MOST):
                (folder / f"{number + 1}.png").unlink(missing_ok=True)
            for number, part in enumerate(parts, start=1):
                waiting = folder / f".{number}.png"
                waiting.write_bytes(codes.as_png(part))
                waiting.replace(folder / f"{number}.png")
        except OSError:
            raise ShellError("bad_folder") from None

    async def _look(self) -> None:
        if self._watch is not None:
            before = self._collector.seen
            self._found += await asyncio.to_thread(self._read_new, self._watch)
            if self._collector.seen not in (before, (0, 0)):
                have, of = self._collector.seen
                await self._person.tell("code_read", have=have, of=of)
            if not self._found:
                await asyncio.sleep(self._every)
            return
        answer = await self._person.ask("pictures", "Pictures of the other screen: file names, or a folder")
        try:
            self._found += await asyncio.to_thread(self._read_named, answer)
        except (ShellError, EvidenceError) as error:
            await self._person.tell("not_scanned", code=error.code)
            return
        if not self._found:
            await self._person.tell("not_scanned", code="no_code")

    def _read_named(self, names: str) -> list[bytes]:
        try:
            files = [Path(name).expanduser() for name in shlex.split(names)]
        except ValueError:
            raise ShellError("bad_picture") from None
        return codes.read_all(pictures(files), self._collector)

    def _read_new(self, folder: Path) -> list[bytes]:
        """Read pictures that came or changed; what is no picture, or not whole yet, is passed over."""
        found: list[bytes] = []
        for file in pictures([folder]):
            try:
                facts = file.stat()
                mark = (file.name, facts.st_mtime_ns, facts.st_size)
                if mark not in self._known:
                    self._known.add(mark)
                    found += codes.read_all([file], self._collector)
            except (OSError, ShellError, EvidenceError):
                continue
        return found


def pictures(paths: list[Path]) -> Iterator[Path]:
    """Picture files, those of a folder in the order of their names; at most a thousand.

    Raises:
        ShellError: `bad_folder`.
    """
    count = 0
    for path in paths:
        try:
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS) if path.is_dir() else [path]
        except OSError:
            raise ShellError("bad_folder") from None
        for file in inside:
            if count < codes.PICTURES_MOST and not file.name.startswith("."):
                count += 1
                yield file
