"""`tercet up`: five make a root on paper; the desk speaks to everyone, and three of the five to the world.

Does        plays the ceremony before the first founder is met; later a notice, a statement, and a check of both.
Does not    read a board or check a signature itself: the members' devices and `tercet verify` do.
Spec        docs/ceremony.md; docs/voice.md; spec/60-board.md, 10
Always      1. What does not arrive, or holds with a word changed, ends the scene.  2. Words on paper go by pipes alone.
Read first  Voice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from tercet.desk import papers
from tercet.scene.actor import Actor, SceneFailure
from tercet.scene.stage import DESK, UNDER_COVER, Stage
from tercet.shell.text import shown_lines

# Whose keys the five are: the seat, and who keeps the paper; hana and idris have no device in the network.
FIVE: Final = (
    ("founder", "amal"),
    ("founder", "badr"),
    ("desk", DESK),
    ("guardian", "hana"),
    ("guardian", "idris"),
)
SIGNERS: Final = ("amal", DESK, "hana")
THE_FIVE, READER = "the five", "a reader"  # who is shown to act
NOTICE: Final = "Drink no water from the wells by the bridge.\nلا تشربوا ماء الآبار عند الجسر."
HOLDS: Final = "3"  # days
STATEMENT: Final = "Four houses on the bridge road burned. We hold photos of each."
WORD, OTHER = "Four", "Five"  # what somebody puts into it, as long as what it replaces
REFUSED: Final = "voice_few"  # what `verify` says then: too few have signed that


class Voice:
    """The five above a desk, and what is said to everyone.

    Args:
        stage: where the desk and the members are.

    Attributes:
        words: eight words, by which anybody knows the root once there is one.
    """

    def __init__(self, stage: Stage) -> None:
        self.words = ""
        self._stage = stage
        self._papers: dict[str, str] = {}

    # Before the first founder is met.

    async def make_root(self, founded: Awaitable[None]) -> None:
        """Make five keys and, once the desk is founded, the root that it follows.

        Raises:
            ShellError: `scene_failed`.
        """
        for seat, who in FIVE:
            await self._make_key(seat, who)
        names = ", ".join(who for _, who in FIVE)
        self._stage.say(THE_FIVE, f"({names}) each make a key: thirteen words on paper, which no device keeps.")
        await founded
        board, draft, root = (self._stage.at(name) for name in ("board-1", "draft-1", "root-1"))
        keys = [self._stage.at(f"{who}.key") for _, who in FIVE]
        await self._write(DESK, "desk", "ceremony", "board", "--to", board, at_home=True)
        await self._write(THE_FIVE, "desk", "ceremony", "draft", *keys, "--board", board, "--to", draft)
        signed = await self._sign(draft, "desk", "ceremony")
        made = await self._write(THE_FIVE, "desk", "ceremony", "check", *signed, "--to", root)
        self.words = str(made.last("root_document")["words"])
        await self._stage.once(DESK, "desk", "ceremony", "load", root)
        self._stage.say(THE_FIVE, f"have a root: three signed it. Its words, for everybody to know: “{self.words}”")

    async def _make_key(self, seat: str, who: str) -> None:
        words = ("desk", "ceremony", "key", seat, "--to", self._stage.at(f"{who}.key"))
        async with self._stage.command(who, *words, answers={}, at_home=False) as made:
            self._papers[who] = str((await made.hears("paper_words"))["words"])
            made.answer(paper=self._papers[who])
            await to_its_end(made)

    async def _sign(self, draft: str, *room: str) -> list[str]:
        """Three read a draft and sign it with their papers; returns the files that they hand back."""
        signed = {who: f"{draft} signed by {who}" for who in SIGNERS}
        writes = (
            self._write(who, *room, "sign", draft, "--to", to, agreed="yes", paper=self._papers[who])
            for who, to in signed.items()
        )
        await asyncio.gather(*writes)
        return list(signed.values())

    async def _write(self, who: str, *words: str, at_home: bool = False, **answers: str) -> Actor:
        """Run a command to its end, since it writes a file last; returns it, with what it said."""
        async with self._stage.command(who, *words, answers=answers, at_home=at_home) as made:
            await to_its_end(made)
        return made

    # Once the network has grown.

    async def speak(self) -> None:
        """The desk says a notice; three of the five make a statement, anybody checks it, the desk passes it on.

        Raises:
            ShellError: `scene_failed`.
        """
        await self._stage.once(DESK, "desk", "notice", "--until", HOLDS, text=NOTICE, post="yes")
        lines = " ".join(shown_lines(NOTICE))
        self._stage.say(
            DESK, f"says to everyone: “{lines}” It lies on the board, which each device reads with its beats."
        )
        draft, statement = self._stage.at("draft-s1"), self._stage.at("statement-1")
        root = self._stage.at("root-1")
        await self._write(THE_FIVE, "voice", "propose", "--root", root, "--number", "1", "--to", draft, text=STATEMENT)
        signed = await self._sign(draft, "voice")
        await self._write(THE_FIVE, "voice", "publish", *signed, "--to", statement)
        self._stage.say(THE_FIVE, f"say in public, by {', '.join(SIGNERS)} with their papers: “{STATEMENT}”")
        await self.check(Path(statement))
        await self._stage.once(DESK, "desk", "statement", statement)
        self._stage.say(DESK, "puts the statement on the board, too.")

    async def check(self, statement: Path) -> None:
        """Anybody holds a statement against the root's eight words: it holds, and not with one word changed.

        Raises:
            ShellError: `scene_failed`.
        """
        changed = statement.with_name("statement-changed")
        changed.write_text(with_another_word(statement.read_text()))
        said = await asyncio.gather(*(self._verify(file) for file in (statement, changed)))
        for why, meant in zip(said, ("", REFUSED), strict=True):
            if why != meant:
                raise SceneFailure(READER, "verify", why or "what nobody signed holds")
        self._stage.say(
            READER, "has the file and the root's words, no vault and no network. `tercet verify`: IT HOLDS."
        )
        self._stage.say(READER, f"tries it with “{OTHER}” for “{WORD}”: refused [{REFUSED}].")

    async def _verify(self, file: Path) -> str:
        """Why a statement does not hold; nothing if it does."""
        async with self._stage.command(
            READER, "verify", str(file), answers={"root": self.words}, at_home=False
        ) as tried:
            why = await tried.ended()
            return "" if tried.last("statement_holds") else why

    async def heard_by(self, name: str) -> None:
        """A member's device finds both on the board, and its owner reads them.

        Raises:
            ShellError: `scene_failed`.
        """
        for what in ("notice_came", "statement_came"):
            await self._stage.actors[name].hears(what, UNDER_COVER * Actor.PATIENCE)
        found = (await self._stage.once(name, "member", "notices"))["notices"]
        if sorted((one["said"], one["text"]) for one in found) != [(0, NOTICE), (1, STATEMENT)]:
            raise SceneFailure(name, "notices", "they are not what was said to everyone")
        for one in found:
            whose = f"statement {one['said']} of the five" if one["said"] else "from the desk, to everyone"
            for line in shown_lines(one["text"]):
                self._stage.say(name, f"reads, {whose}: “{line}”")


async def to_its_end(made: Actor) -> None:
    """Wait until a command has ended by itself, all that it writes written.

    Raises:
        ShellError: `scene_failed`.
    """
    await made.hears("ended")
    why = await made.ended()
    if why != "ended":
        raise SceneFailure(made.name, "ended", why)


def with_another_word(text: str) -> str:
    """A statement's file with one word of the statement changed, and all else as it was."""
    data = papers.parse_text(papers.STATEMENT_TITLE, text, papers.STATEMENT_FILE_MOST)
    return papers.to_text(papers.STATEMENT_TITLE, data.replace(WORD.encode(), OTHER.encode()))
