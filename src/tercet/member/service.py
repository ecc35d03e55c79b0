"""The member's service: reports, letters, status.

Does        carries out a member's requests on an open vault.
Does not    open the vault or parse a command line.
Spec        spec/72-dialogue.md, 3
Always      1. A report is sealed and saved before anybody is told that it was made.
Read first  MemberService.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import redeeming
from tercet.core.beat import INTAKE_SHARE, PACE, SLOTS
from tercet.core.content import MediaKind, Place, blocks_of
from tercet.core.days import DAY
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.files import OPEN_MEDIA
from tercet.core.relation import named
from tercet.core.report import Report, ReportState
from tercet.drop import Drop
from tercet.evidence import EvidenceError, SourceFile, inspect, place, travel_copy, when
from tercet.evidence.media import Kind
from tercet.evidence.place import Precision
from tercet.shell import burning, by_stick, introductions, meetings, notebook, passphrases
from tercet.shell.dialogue import Dialogue
from tercet.shell.service import Handler, Request, Service, Told, ask_until, number_in, status_of, volume_of
from tercet.vault import Vault

SENTENCES = {
    "running": "This device is awake; it beats every {every} seconds on average.",
    "meeting_begins": "The relay has not answered yet. Ctrl-C stops the meeting.",
    "meeting_looks": "Looking for the other device, two minutes at most. Ctrl-C stops the meeting.",
    "meeting_code": "Say these words to the other person: {code}\nThe relay to meet at: {relay}\n"
    "Waiting until they have typed it, ten minutes at most. Ctrl-C stops the meeting.",
    "codes_drawn": "Let the other device scan {count} code(s): {folder}",
    "watching": "Waiting for pictures of the other screen: {folder}",
    "code_read": "Read {have} of {of} codes.",
    "not_scanned": "That was not taken ({code}): scan once more.",
    "meeting_compare": "Both screens must show: {words}\n(They will be {role}.)",
    "meeting_waits": "You said yes. Waiting until the other side says yes too.",
    "meeting_stopped": "The meeting is stopped: nothing was kept on this device.",
    "meeting_left": "You left: a meeting that is not done by now is stopped, and nothing of it was kept here.",
    "meeting_unsure": "You had said yes: if the other screen says Done, it keeps you all the same. Talk it over.",
    "meeting_last": "This device has kept {name}: {role}. The other one keeps you only once it has scanned the "
    "code shown now. If you leave before, the same command with the same word shows it again, for an hour.",
    "meeting_kept": "Done: {name} is now {role}.",
    "hashing": "Reading {kind} {number}: {done} of {size} bytes",
    "volume": "Files can be seen by their volume: whoever watches the line sees {amount} leave this device.",
    "report_made": "Report {number} is sealed. Not even this device can open it now.",
    "report_bare": "Report {number} goes without a token: the desk takes it in, and keeps it apart as from a stranger.",
    "tokens_wrong": "The desk's answer to our request for tokens was wrong; it is asked again.",
    "tokens_other_keys": "The board names other keys for tokens than those that we asked under: that request is given "
    "up with its permit. Talk to your link in person.",
    "tokens_no_witness": "The desk gave tokens for a week and no witness token among them. In your first weeks that is "
    "so; later it is not: talk to your link in person.",
    "report_no_witness": "Report {number} goes without a witness token: it does not count as a witness's.",
    "report_left": "Report {number} has left this device.",
    "report_received": "Report {number}: received by the desk.",
    "media_moves": "Report {number}: block {sent} of {of} sent.",
    "media_left": "Report {number}: a file has left this device.",
    "media_received": "Report {number}: a file was received by the desk, whole.",
    "media_stopped": "Report {number}: a file stopped ({why}).",
    "desk_wrote": "The desk wrote to you about report {number}: read it with `tercet member inbox`.",
    "letter_came": "A letter from {name}: read it with `tercet member inbox`.",
    "notice_came": "Word from the desk to everyone: read it with `tercet member inbox`.",
    "statement_came": "The group said something in public: read it with `tercet member inbox`.",
    "clock_off": "This device's clock is about {days} days away from others': set it right.",
    "board_two_faces": "Warning: the board shows two faces, and reports go without tokens now; tell your link and "
    "partner in person.",
    "board_differs": "Warning: {name}'s device has read another board than yours: a relay, or the desk's key in other "
    "hands, shows two. Talk to {name} in person.",
    "board_behind": "Warning: {name}'s device has word from the desk that your relays have kept from you for a week.",
    "went_back": "The vault went back one step after a damage; letters on their way may need to be sent again.",
    "word_lapsed": "Report {number}: your last answer was not heard in time, and the conversation is over. "
    "Write a new report.",
    "report_lapsed": "Report {number} was not received in time and the desk can no longer open it: write it again.",
    "desk_asks_much": "The desk asks again and again for parts of a file of report {number}; they are not sent.",
    "sealed": "Sealed.",
    "expected": "It goes under cover, with the beats: that takes about {minutes} min on average.",
    "waits_for_run": "It waits on this device until that is awake (`tercet member run`) or a stick takes it.",
    "visible": "Whoever watches the line, or runs the relay, can see that something happens on this device now.",
    "passes_end": "You hold passes of the relays for {days} days more, and your link handed you no newer ones. "
    "Write to them now: once none is left nothing goes by the relays until you meet somebody who is in.",
    "silent": "Nothing was heard from {name} for {days} days. Do you know why? This program does nothing about it.",
    "in_danger": "{name} is in danger: somebody else has their device. Tell {name} nothing more through it.",
    "file_away": "A file of report {number} cannot be read now: put the card back in. It waits until then.",
    "files_wait": "Files wait, {files} with the small copies: {amount}.",
    "taken_over": "While the device was locked {items} frames came in.",
    "not_taken_over": "The device was locked, but the process that beat for it is gone or did not prove itself: what "
    "came in lies at the relays still, and what it sent is sent again.",
    "rehearsal": "THIS IS A REHEARSAL: beats this close together show what they should hide.",
    "clock_far": "This device's clock is far from the network's: set it right.",
    "relay_trouble": "Trouble with a relay ({code}), what waits is kept. {hint} The relay: {relay}",
    "relay_well": "A relay answers again: {relay}",
    **burning.SENTENCES,
    **introductions.SENTENCES,
    **passphrases.SENTENCES,
}
ASK = "-"  # in place of a value: the person is asked, so that it stands in no command line
OUT_OF_REACH = ("file_missing", "file_unreadable")  # a card may be pulled out, and put in again
LETTER_BEATS = (SLOTS + 1) / 2 * INTAKE_SHARE / (INTAKE_SHARE - 1)  # until a neighbour's turn comes, on average
MEDIA_KINDS = ("photo", "video", "audio")


class MemberService(Service):
    """A member's open vault at work."""

    def __init__(
        self,
        vault: Vault,
        open_drop: Callable[[str], Drop],
        clock: Callable[[], int],
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        super().__init__(vault, open_drop, clock, chance)
        self._source: tuple[tuple[str, int, bytes], SourceFile] | None = None
        self.planned: list[fx.Effect] = []  # for a locked process
        self._reading = threading.Lock()  # a piece is read in a thread; the file is not closed under it

    def file(self, effect: fx.Filed) -> None:
        """A member files nothing."""

    def check_media(self, effect: fx.CheckMedia) -> bool | None:
        """A member checks nothing."""
        return False

    def read_chunk(self, effect: fx.ReadChunk) -> ev.Event | None:
        """Read the next piece of a file, holding it to the hash of the first pass; none while it is out of reach."""
        wanted = (effect.path, effect.size, effect.sha256)
        with self._reading:
            try:
                if self._source is None or self._source[0] != wanted:
                    self._close_source()
                    self._source = (wanted, SourceFile(*wanted))
                data = self._source[1].chunk(effect.index)
            except EvidenceError as error:
                self._close_source()
                if error.code in OUT_OF_REACH:
                    return None
                return ev.FileStopped(effect.number, effect.media, True)
        return ev.ChunkRead(effect.number, effect.media, effect.index, data, effect.again)

    def _close_source(self) -> None:
        if self._source is not None:
            self._source[1].close()
        self._source = None

    def handlers(self) -> dict[str, Handler]:
        """See `Service.handlers`."""
        return (
            super().handlers()
            | meetings.handlers(self)
            | introductions.handlers(self.engine)
            | burning.handlers(self.engine)
            | {
                "status": self._status,
                "report": self._report,
                "letter": self._letter,
                "answer": self._answer_desk,
                "inbox": self._inbox,
                "notices": self._notices,
                "send_now": self._send_now,
                "carry": lambda request, person: by_stick.exchange(self, request, person),
                "give_up": self._give_up,
                "lock": self._lock,
                "notebook": self._notebook,
            }
        )

    async def close(self) -> None:
        """See `Service.close`."""
        await super().close()
        with self._reading:
            self._close_source()

    async def _status(self, _: Request, person: Dialogue) -> dict[str, Any]:
        reports = [_report_facts(r) for r in self.engine.device.reports]
        beats = {"every": int(self.pace), "next": self.next_beat, "waiting": self.waiting()}
        return {
            **status_of(self.engine, self.relays),
            "reports": reports,
            "tokens": self._tokens(),
            "beats": beats,
            "direct": True,
        }

    def _tokens(self) -> dict[str, Any]:
        """What a report of today would carry; empty where there is no network."""
        device = self.engine.device
        return redeeming.at_hand(device, self.engine.clock() // DAY)._asdict() if device.card else {}

    async def _send_now(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """Exchange at once all that is due, once the owner has seen what that shows.

        Raises:
            DropFailure: no relay answered; what waits goes on waiting.
        """
        await self.warned(request, person)
        before = self.waiting()
        await self._exchange()
        silent = [self.relays.troubles.get(relay) for relay in self.engine.device.relays]
        if silent and all(silent):
            raise next(trouble for trouble in silent if trouble is not None)
        return {"waited": before, "waiting": self.waiting()}

    async def _give_up(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """The owner says that the files of a report will not come any more."""
        number = number_in(request)
        report = next((r for r in self.engine.device.reports if r.number == number), None)
        if report is None:
            raise Refusal("unknown_report")
        moving = [file for file, media in enumerate(report.media) if media.state in OPEN_MEDIA]
        for file in moving:
            await self.engine.do(ev.FileStopped(number, file, False))
        after = next(r for r in self.engine.device.reports if r.number == number)
        return {**_report_facts(after), "stopped": len(moving)}

    async def _lock(self, _: Request, person: Dialogue) -> dict[str, Any]:
        """Draw the beats to come and end; whoever runs this service then starts the locked process."""
        self.planned = await self.engine.plan(ev.Lock(DAY, self.pace or PACE))
        self.leave()
        return {"operations": len(self.planned)}

    async def _notebook(self, request: Request, person: Dialogue) -> dict[str, Any]:
        return await notebook.answer(notebook.OwnSide(self.engine), request, person, self.engine.clock)

    async def take_in(self, happened: tuple[ev.Stored | ev.Arrived, ...], pace: float) -> None:
        """Take in what came while the device was locked; it is acknowledged bit by bit, over the next beat."""
        await self.engine.do(ev.Unlocked(happened), spread=pace)

    async def _say_when(self, person: Dialogue, beats: float) -> None:
        """When something that was written goes, if so many beats are needed on average."""
        if self.pace:
            await person.tell("expected", minutes=max(1, round(beats * self.pace / 60)))
        else:
            await person.tell("waits_for_run")

    async def _report(self, request: Request, person: Dialogue) -> dict[str, Any]:
        if self.engine.device.card is None:
            raise Refusal("no_card")
        where, happened = await self._where_and_when(request, person)
        media: list[ev.MediaGiven] = []
        for kind in MEDIA_KINDS:
            for path in request.get(kind, ()):
                media.append(await self._first_pass(str(path), kind, len(media) + 1, person))
        if media:
            volume = volume_of(sum(blocks_of(m.size) + blocks_of(len(m.travel)) for m in media))
            await person.tell("volume", blocks=volume["blocks"], bytes=volume["bytes"], amount=volume["amount"])
        at_once = bool(request.get("now") or request.get("wait"))
        warned = not at_once

        async def write(text: str) -> None:
            nonlocal warned
            report = ev.WriteReport(text, where, happened, tuple(media), bool(request.get("witness")))
            if not warned:
                self._try(report)
                await self.warned(request, person)
                warned = True
                await self._have_week_key()
            await self.engine.do(report)

        with Told(self.engine) as told:
            await ask_until(person, "text", "What happened", write)
            number = self.engine.device.reported
            await person.tell("report_made", number=number)
            for tell in told.so_far():
                await _say_of(number, tell, person)
            if request.get("wait"):
                await self.seen_while(self._follow(number, told, person), person)
            elif at_once:
                await self._exchange()
            elif not (media and self.pace):
                await self._say_when(person, INTAKE_SHARE)
        report = next((r for r in self.engine.device.reports if r.number == number), None)
        return _report_facts(report) if report else {"number": number}

    async def _where_and_when(self, request: Request, person: Dialogue) -> tuple[Place | None, int | None]:
        """A report's place and time, from the command line, or asked for until they can be read.

        Raises:
            EvidenceError: one cannot be read, and nobody gives another.
        """
        where: Place | None = None
        happened: int | None = None

        async def place_at(text: str) -> None:
            nonlocal where
            where = _place(text, str(request.get("precision") or ""))

        async def happen(text: str) -> None:
            nonlocal happened
            now = self.engine.clock()
            happened = when(text, now, local_zone(now)) if text else None

        if (given := str(request.get("where") or "")) == ASK:
            await ask_until(person, "where", "Where", place_at)
        else:
            await place_at(given)
        if (given := str(request.get("when") or "")) == ASK:
            await ask_until(person, "when", "When", happen)
        else:
            await happen(given)
        return where, happened

    def _try(self, report: ev.WriteReport) -> None:
        """See whether a report could be sealed, and seal none: whoever asks something of its owner asks after this.

        Raises:
            Refusal: it could not; a week key that is not there yet may still come.
        """
        try:
            step(self.engine.device, report, self.engine.clock(), self.chance)
        except Refusal as refused:
            if refused.code != "no_week_key":
                raise

    async def _have_week_key(self) -> None:
        """A device that slept must read the board before it can seal to this week."""
        device = self.engine.device
        if device.card and device.board.key_for(self.engine.clock() // 86_400) is None:
            await self._exchange()

    async def _first_pass(self, path: str, kind: str, number: int, person: Dialogue) -> ev.MediaGiven:
        """Hash a file and make its travel copy, in a thread; progress is told as it goes."""
        loop = asyncio.get_running_loop()

        def progress(done: int, size: int) -> None:
            telling = person.tell("hashing", kind=kind, number=number, done=done, size=size)
            asyncio.run_coroutine_threadsafe(telling, loop)

        facts = await asyncio.to_thread(inspect, path, cast(Kind, kind), progress)
        travel = await asyncio.to_thread(travel_copy, path) if kind == "photo" else None
        small = travel or b""
        return ev.MediaGiven(
            MediaKind(kind),
            facts.format,
            path,
            facts.size,
            facts.sha256,
            small,
            sha256(small).digest() if small else b"",
        )

    async def _follow(self, number: int, told: Told, person: Dialogue) -> None:
        """Pass on what concerns one report until it and its files are with the desk."""
        while not _settled(next((r for r in self.engine.device.reports if r.number == number), None)):
            tell = await told.next(3600.0)
            if tell is not None:
                await _say_of(number, tell, person)

    async def _letter(self, _: Request, person: Dialogue) -> dict[str, Any]:
        name = await person.ask("name", "To whom (your own word for them)")
        named(self.engine.device.relations, name)  # before the text is asked for
        await ask_until(person, "text", "What to say", lambda text: self.engine.do(ev.WriteLetter(name, text)))
        await person.tell("sealed")
        await self._say_when(person, LETTER_BEATS)
        return {}

    async def _answer_desk(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number = number_in(request)
        if number not in [r.number for r in self.engine.device.reports]:
            raise Refusal("unknown_report")
        await ask_until(
            person, "text", "Your answer to the desk", lambda text: self.engine.do(ev.WriteWord(number, text))
        )
        await person.tell("sealed")
        await self._say_when(person, INTAKE_SHARE)
        return {}

    async def _inbox(self, _: Request, person: Dialogue) -> dict[str, Any]:
        letters = self.letters()
        desk = [
            {"report": r.number, "came": n.came, "text": n.text, "new": not n.seen}
            for r in self.engine.device.reports
            for n in r.notes
        ]
        notices = [one for one in self.notices() if one["new"]]
        await self.engine.do(ev.NotesSeen(), ev.NoticesSeen())
        return {"letters": letters, "desk": desk, "notices": notices}

    async def _notices(self, _: Request, person: Dialogue) -> dict[str, Any]:
        notices = self.notices()
        await self.engine.do(ev.NoticesSeen())
        return {"notices": notices}


async def _say_of(number: int, tell: fx.Tell, person: Dialogue) -> None:
    """Pass on what was told about one report, and nothing else."""
    if tell.facts.get("number") == str(number):
        await person.tell(tell.what, **tell.facts)


def _place(where: str, precision: str) -> Place | None:
    """The place of a report; without a precision, a name is a district and coordinates are a square of 1 km."""
    if precision and precision not in tuple(Precision):
        raise EvidenceError("place_precision")
    if not where:
        return None
    try:
        found = place(where, precision or "district")
    except EvidenceError as error:
        if precision or error.code != "place_precision":
            raise
        found = place(where, "1km")
    return Place(found.precision.value, found.latitude, found.longitude, found.name)


def local_zone(now: int) -> tzinfo:
    """This system's time zone, with its summer times; else the offset of `now`."""
    with contextlib.suppress(OSError, ValueError, ZoneInfoNotFoundError):
        if name := os.environ.get("TZ"):
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    return datetime.fromtimestamp(now, tz=UTC).astimezone().tzinfo or UTC


def _report_facts(report: Report) -> dict[str, Any]:
    files = [
        {"kind": m.kind.value, "state": m.state.value, "sent": m.index - bool(m.under_way), "blocks": m.blocks}
        for m in report.media
    ]
    return {"number": report.number, "made": report.made, "state": report.state.value, "files": files}


def _settled(report: Report | None) -> bool:
    if report is None:
        return True
    moving = any(m.state in OPEN_MEDIA for m in report.media)
    return report.state is ReportState.RECEIVED and not moving
