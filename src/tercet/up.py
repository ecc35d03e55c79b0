"""`tercet up`: the main job as a scene, on this machine.

Does        starts a relay, a desk and six members, each a process of its own, and plays a report from the deepest.
Does not    take shortcuts: every word goes through the commands that people use; what a seizure yields is `up_capture`.
Spec        README.md
Always      1. Exit status 0 only if everything came true.  2. What it started, it ends.
Read first  Scene.play().
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.panel import Panel

from tercet.evidence import inspect
from tercet.member.service import SENTENCES
from tercet.sample import photo as sample_photo
from tercet.scene import picture
from tercet.scene.actor import Actor, Line, SceneFailure
from tercet.scene.stage import DESK, UNDER_COVER, Stage
from tercet.shell import called
from tercet.shell.opening import run
from tercet.shell.passphrases import suggest
from tercet.shell.terminal import Terminal
from tercet.shell.text import shown
from tercet.up_capture import Capture
from tercet.up_heal import Heal
from tercet.up_voice import Voice

REPORT_TEXT = "The bridge road is closed; four houses burned. I was there at noon."
QUESTION = "Thank you. Does anybody there need shelter tonight?"
WORD = "The clinic has had no power since the morning."
LATER = "The road is open again. Two trucks with flour came through."

MEMBERS: Final = ("amal", "badr", "dalia", "emin", "fadi", "ghada")
DEEPEST: Final = "ghada"
WIDEST: Final = "amal"
FOUNDER: Final = "amal"  # to whom permits come first
SEIZED: Final = "dalia"  # with `--capture`
# Who says or shows a code, to whom, and what the first is to the second then; in this order.
MEETINGS: Final = (
    (DESK, "amal", "desk"),
    ("amal", "badr", "partner"),
    ("amal", "dalia", "link"),
    ("amal", "emin", "link"),
    ("dalia", "emin", "partner"),
    ("dalia", "fadi", "link"),
    ("dalia", DEEPEST, "link"),
    ("fadi", DEEPEST, "partner"),
)
INTRODUCED: Final = ("amal", "badr", DESK)  # who introduces whom to whom; right after the two first have met
BY_CODES: Final = ("dalia", DEEPEST)  # who shows codes in place of saying one, and to whom
OPPOSITE: Final = {"desk": "founder", "link": "below", "partner": "partner"}
STANDING: Final = {
    "member": "from a member: it brought a token, which does not say whose",
    "stranger": "as from a stranger: it brought no token, since permits for these had not come down to its writer yet",
    "": "and cannot say whether from a member: there were no keys for tokens yet",
}


class Scene(Stage):
    """A desk and six members on one machine, three levels deep.

    Args:
        folder: where their files lie; it is removed at the end.
        photo: the photo that is sent.
        console: where it is shown.

    Attributes:
        others: each member's second passphrase, for the notebook.
        voice: the five with keys on paper, and what is said to everyone.
    """

    def __init__(self, folder: Path, photo: Path, console: Console) -> None:
        super().__init__(folder, console, {name: suggest(os.urandom) for name in (DESK, *MEMBERS)})
        self.others = {name: suggest(os.urandom) for name in MEMBERS}
        self.voice = Voice(self)
        self.address = ""
        self._photo = photo

    async def play(self) -> Line:
        """Play it.

        Returns:
            What came true: seconds from the first line to *received* and to the end, and the photo's hash at both ends.

        Raises:
            ShellError: `scene_failed`.
        """
        self.say("", "A beat is about one second here, so that you can watch; in earnest it is half an hour.")
        self.say("", f"So each device says: {SENTENCES['rehearsal']}")
        try:
            async with asyncio.TaskGroup() as group:
                opened = {name: group.create_task(self._open(name)) for name in (DESK, *MEMBERS)}
                opened[DESK] = group.create_task(self.voice.make_root(opened[DESK]))  # before anybody meets it
                for first, second, role in MEETINGS:
                    await asyncio.gather(opened[first], opened[second])
                    await self.meet(first, second, role)
                    if (first, second) == INTRODUCED[:2]:
                        introduced = group.create_task(self._introduce(*INTRODUCED))
                came = await self._report()
                asked = group.create_task(self.ask_all(introduced))
                spoken = group.create_task(self.voice.speak())
                await self._talk()
                await spoken
                await self.voice.heard_by(DEEPEST)
                await self.count()
                statuses = await asked
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        self.console.print(picture.network(statuses, DESK))
        self.console.print(picture.exposed(statuses, DESK))
        return came | {"all": round(time.monotonic() - self.began, 1)}

    # Everybody wakes up: as many at once as cores and memory allow, the desk first.

    async def _open(self, name: str) -> None:
        async with self.opening:
            await (self._open_desk() if name == DESK else self._open_member(name))

    async def _open_desk(self) -> None:
        relay = await self.start("relay", "relay", "--dir", self.at("relay"), "--listen", "127.0.0.1:0")
        self.address = str((await relay.hears("relay"))["address"])
        self.say("relay", "is open. It has a TLS key and empty boxes, and knows nobody.")
        secret = self.passphrases[DESK]
        answers = {"passphrase": secret, "passphrase_again": secret}
        async with self.command(DESK, "desk", "init", "--relay", self.address, answers=answers) as made:
            await made.hears("founded")
        self.say(DESK, "founded a network: week keys for two months and the relay list are on its signed board.")
        awake = await self.wake(DESK, "desk", "serve")
        await awake.hears("running")

    async def _open_member(self, name: str) -> None:
        secret, other = self.passphrases[name], self.others[name]
        answers = {
            "passphrase": secret,
            "passphrase_again": secret,
            "notebook_passphrase": other,
            "notebook_passphrase_again": other,
            "duress_understood": "yes",
            "duress_understood_again": "yes",
        }
        async with self.command(name, "member", "init", answers=answers) as made:
            await made.hears("vault_made")
        awake = await self.wake(name, "member", "run", "--rehearsal")
        await awake.hears("rehearsal")
        await awake.hears("running")
        self.say(name, "made a vault: 64 MiB that look like noise. The device is awake.")

    # The network grows.

    async def meet(self, first: str, second: str, role: str) -> None:
        """Two people sit together: one says or shows a code, the other takes it, both compare four words."""
        inviting: tuple[str, ...] = ("desk", "meet") if first == DESK else ("member", "meet", "--as", role)
        joining: tuple[str, ...] = ("member", "meet")
        codes = (first, second) == BY_CODES
        if codes:
            ours, theirs = self.at(f"screen of {first}"), self.at(f"screen of {second}")
            inviting = (*inviting, "--codes", "--show", ours, "--watch", theirs)
            joining = (*joining, "--codes", "--show", theirs, "--watch", ours)
        else:
            joining = (*joining, "--relay", self.address)
        async with (
            self.command(first, *inviting, answers={"name": second, "shown": "yes"}) as says,
            self.command(second, *joining, answers={"name": first, "shown": "yes"}) as hears,
        ):
            if codes:
                drawn = await says.hears("codes_drawn")
                self.say(first, f"shows {second} a code on the screen, {drawn['count']} in all; a camera reads it.")
            else:
                code = str((await says.hears("meeting_code"))["code"])
                self.say(first, f"says to {second}: “{code}”")
                hears.answer(code=code)
            words = await self.same_words("meeting_compare", says, hears)
        bond = "They are partners" if role == "partner" else f"{second.capitalize()} is below {first}"
        self.say(f"{first}, {second}", f"both screens show “{words}”: they confirm. {bond}.")

    async def same_words(self, what: str, one: Actor, other: Actor) -> str:
        """Both screens must show the same words; both owners say yes, and it is kept. Returns the words."""
        ours, theirs = [str((await side.hears(what))["words"]) for side in (one, other)]
        if ours != theirs:
            raise SceneFailure(f"{one.name}, {other.name}", what, "their screens show different words")
        for side in (one, other):
            side.answer(same_words="yes")
        await asyncio.gather(one.hears("done"), other.hears("done"))
        return ours

    async def _introduce(self, by: str, newcomer: str, to: str) -> None:
        """Two who share a neighbour are introduced, by letters under cover of the beat; later they compare words."""
        patience = UNDER_COVER * Actor.PATIENCE
        await self.once(by, "member", "introduce", name=newcomer, other=to)
        self.say(by, f"introduces {newcomer} to the {to}. The letters go under cover of the beat; it takes a while.")
        for one, other in ((newcomer, to), (to, newcomer)):
            await self.actors[one].hears("introduction_offered", patience)
            await self.once(one, self.kind(one), "accept", accept="yes", name=other)
            self.say(one, f"is asked, and says yes to {by}.")
        for one in (newcomer, to):
            await self.actors[one].hears("introduction_kept", patience)
        self.say(f"{to}, {newcomer}", "know each other: introduced, not met.")
        async with (
            self.command(to, self.kind(to), "compare", answers={"name": newcomer}) as ours,
            self.command(newcomer, self.kind(newcomer), "compare", answers={"name": to}) as theirs,
        ):
            words = await self.same_words("introduction_words", ours, theirs)
        self.say(f"{to}, {newcomer}", f"stand face to face: both screens show “{words}”. Now they have met.")

    # The deepest reports, and the desk answers.

    async def _report(self) -> Line:
        original = sha256(self._photo.read_bytes()).hexdigest()
        size = self._photo.stat().st_size
        self.say(DEEPEST, f"reports: “{REPORT_TEXT}”, with {self._photo.name}, {size:,} bytes.")
        self.say(DEEPEST, "sends it with --wait: at once, for all to see. A photo shows by its volume in any case.")
        words = ("member", "report", "--wait", "--yes", "--photo", str(self._photo), "--where", "old town")
        async with self.command(DEEPEST, *words, answers={"text": REPORT_TEXT}) as sender:
            await sender.hears("report_made")
            self.say(DEEPEST, "sealed it. Not even this device can open it now.")
            await sender.hears("report_left")
            self.say(DEEPEST, "waiting → left this device")
            await sender.hears("report_received")
            self.say(DEEPEST, "left this device → received by the desk")
            await sender.hears("done")
        seconds = time.monotonic() - self.began
        self.say(DEEPEST, "the photo: received by the desk, whole.")
        folder = self.folder / "export"
        exporting = self.once(DESK, "desk", "export", "1", "--to", str(folder))
        _, there = await asyncio.gather(exporting, self.once(DESK, "desk", "show", "1"))
        arrived, report = hash_found(folder, original), there["report"]
        self.console.print(picture.two_views(self.actors["relay"].last("seen"), report))
        self.console.print(f"  SHA-256 of the photo here:        {original}")
        self.console.print(f"  SHA-256 of the photo at the desk: {arrived}", highlight=False)
        if arrived != original or report["text"] != REPORT_TEXT:
            raise SceneFailure(DESK, "show", "the report there is not the one that was sent")
        return {"seconds": round(seconds, 1), "sha256": original}

    async def _talk(self) -> None:
        """The desk answers somebody it does not know; both ways go under cover of the beat."""
        await self.once(DESK, "desk", "reply", "1", text=QUESTION)
        self.say(DESK, f"answers whoever wrote report 1: “{QUESTION}”")
        await self.once(DEEPEST, "member", "answer", "1", text=WORD)
        self.say(DEEPEST, f"adds a word: “{WORD}” It waits for a beat, as does what comes back.")
        await self.actors[DESK].hears("word_filed", UNDER_COVER * Actor.PATIENCE)
        self.say(DESK, "has the word. A beat carried it that goes whether there is anything to say or not.")
        await self.actors[DEEPEST].hears("desk_wrote", UNDER_COVER * Actor.PATIENCE)
        read = [note["text"] for note in (await self.once(DEEPEST, "member", "inbox"))["desk"]]
        if read != [QUESTION]:
            raise SceneFailure(DEEPEST, "inbox", "it does not hold what the desk wrote")
        self.say(DEEPEST, f"reads in the inbox: “{shown(read[0])}”")

    # What tokens say.

    async def count(self) -> None:
        """A founder reports, under cover; the desk says from whom, and how many they are, roughly."""
        await self.once(FOUNDER, "member", "report", text=LATER)
        self.say(FOUNDER, f"reports, in no hurry: “{LATER}”")
        await self.actors[DESK].hears("report_filed", UNDER_COVER * Actor.PATIENCE, number="2")
        cases = {case["number"]: case for case in (await self.once(DESK, "desk", "inbox"))["cases"]}
        bare = bool(self.actors[FOUNDER].last("report_bare"))
        if cases[2]["text"] != LATER or (bare and cases[2]["standing"] == "member"):
            raise SceneFailure(DESK, "inbox", "the second report there is not the one that was sent")
        for number in (1, 2):
            self.say(DESK, f"files report {number} {STANDING[cases[number]['standing']]}.")
        band = await self.once(DESK, "desk", "strength")
        least, most = band["least"], band["most"]
        said = f"between {least:,} and {most:,}" if least else f"fewer than {most}"
        self.say(DESK, f"may publish how many members took tokens this week: {said}. A band, and never the number.")

    # What came of it.

    async def ask_all(self, after: Awaitable[None]) -> dict[str, Line]:
        """Ask each device whom it knows, and hold that to what was meant; returns what each said, by name."""
        await after
        statuses = await self.statuses((DESK, *MEMBERS))
        if picture.bonds(statuses) != meant():
            raise SceneFailure(DESK, "status", "the devices do not know whom they should")
        return statuses

    def next_commands(self) -> str:
        """What a person could try while the network stays up."""
        desk, deepest, program = self.at(DESK), self.at(DEEPEST), called.program()
        return "\n".join(
            (
                f"{program} desk show 1 --dir {desk}",
                f"{program} desk reply 1 --dir {desk}",
                f"{program} member inbox --vault {deepest}",
                f"{program} member report --photo FILE --wait --vault {deepest}",
                f"{program} member status --vault {self.at(WIDEST)}",
            )
        )


def meant() -> dict[str, dict[str, str]]:
    """Whom each device should know in the end, and as what."""
    pairs = [*MEETINGS, (INTRODUCED[2], INTRODUCED[1], "desk")]
    known: dict[str, dict[str, str]] = {name: {} for name in (DESK, *MEMBERS)}
    for first, second, role in pairs:
        known[first][second] = OPPOSITE[role]
        known[second][first] = role
    return known


def hash_found(folder: Path, original: str) -> str:
    """The hash of the exported photo; of the last file looked at if none is the original."""
    found = ""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found = sha256(file.read_bytes()).hexdigest()
            if found == original:
                break
    return found


def up(
    photo: Annotated[Path | None, typer.Option(help="The photo to send; a real one is at hand without it.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the scene; status 0 only if it came true.")] = False,
    capture: Annotated[bool, typer.Option("--capture", help="Then a member is seized, and cut out.")] = False,
) -> None:
    """Play the main job here: a desk and six members, three levels deep; the deepest sends a photo."""
    console = Terminal()
    chosen = (photo or sample_photo()).expanduser().absolute()

    async def work() -> None:
        await asyncio.to_thread(inspect, chosen, "photo")
        folder = Path(tempfile.mkdtemp(prefix="tercet-"))
        scene = Scene(folder, chosen, console)
        try:
            came = await scene.watched(scene.play())
            console.print(
                f"\nThe photo lies at the desk, the sender sees *received*: {came['seconds']} s from the start; "
                f"with all the rest it took {came['all']} s."
            )
            if capture:
                await scene.watched(Capture(scene, SEIZED, meant()[SEIZED], scene.others[SEIZED]).play())
                await scene.watched(Heal(scene, SEIZED, meant()).play())
            if not once:
                console.print(Panel(scene.next_commands(), title="The network stays up. In another terminal:"))
                console.print("Ctrl-C ends it and removes everything.")
                await scene.watched(asyncio.Event().wait())
        finally:
            await scene.end()
            shutil.rmtree(folder, ignore_errors=True)

    run(work(), False)
