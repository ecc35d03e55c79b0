"""The service: whoever holds the vault, answering requests and keeping the beat.

Does        runs the loop of beats, serves the door, and carries out the requests members and desks share.
Does not    know meetings, reports or cases: `meetings`, the member's and the desk's services add those.
Spec        spec/72-dialogue.md
Always      1. A request that fails changes nothing and says why in one sentence.
Read first  Service.run(), Service.request().
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.beat import draw_span, reads_at
from tercet.core.channel import LetterKind
from tercet.core.cutting import Stage
from tercet.core.days import DAY
from tercet.core.errors import Refusal
from tercet.core.mail import SILENCE
from tercet.core.notice import in_force
from tercet.core.passes import held_until
from tercet.core.state import Device
from tercet.drop import BLOCK, Drop, DropFailure
from tercet.evidence import EvidenceError
from tercet.sealing import UnknownWord
from tercet.shell.dialogue import Dialogue, DoorSide, Fact
from tercet.shell.engine import Engine
from tercet.shell.failures import ShellError, failure_of
from tercet.shell.notebook import CLOSED
from tercet.shell.relays import Relays
from tercet.shell.show import date_of
from tercet.vault import Door, DoorError, Vault, door_path, serve_door

LOOK_EVERY: Final = 1.0  # seconds between two looks during a meeting
ANSWER_SPREAD: Final = 60.0  # seconds over which a desk's answers are spread
ANSWER_STEP: Final = 0.5  # seconds; a desk acts upon what intake held at a full step
STEADY: Final = 30.0  # seconds between beats from which on a desk takes that time
AWAITED_BEAT: Final = 10.0  # seconds on average, while somebody waits at a screen for the desk's answer
ANSWERED_HERE: Final = frozenset({"meeting_code", "meeting_compare"})  # whoever meets sees these on their own screen
ASKED_AGAIN: Final = frozenset(
    {"bad_code", "unknown_word", "report_long", "report_odd", "report_empty", "letter_long", "bad_reply"}
    | {"bad_address", "bad_place", "bad_time", "no_pass", "notice_long", "notice_odd", "voice_long", "voice_odd"}
)  # an answer that cannot be used: another one may
KIB: Final = 1_024
MIB: Final = 1_048_576
GO_ON: Final = "Send now, for whoever watches to see? (yes/no)"
Request = dict[str, Any]
Handler = Callable[[Request, Dialogue], Awaitable[dict[str, Any]]]


class Told:
    """A waiting place for what the core tells: everything since it was opened."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[fx.Tell] = asyncio.Queue()

    def __enter__(self) -> Told:
        self._engine.listeners.append(self._queue.put_nowait)
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.listeners.remove(self._queue.put_nowait)

    def so_far(self) -> list[fx.Tell]:
        """What was told and not taken yet."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def next(self, patience: float) -> fx.Tell | None:
        """The next thing told, or none after `patience` seconds."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._queue.get(), patience)
        return None


class Service:
    """What a member's and a desk's process have in common.

    Args:
        vault: open on the real side.
        open_drop: makes the drop for a relay's address.
        clock: whole seconds since 1970, UTC.
        chance: randomness.

    Attributes:
        look_every: seconds between two looks during a meeting.
        awaited_beat: seconds between two visible exchanges while somebody waits at a screen.
        pace: seconds between beats on average; 0 while nobody keeps it.
        next_beat: when the next beat is due, seconds; 0 while nobody keeps it.
    """

    def __init__(
        self,
        vault: Vault,
        open_drop: Callable[[str], Drop],
        clock: Callable[[], int],
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.relays = Relays(open_drop)
        self.engine = Engine(vault, self.relays, self, clock, chance)
        self.relays.dress = self.engine.dressed
        self.chance = chance
        self.look_every = LOOK_EVERY
        self.awaited_beat = AWAITED_BEAT
        self._media: asyncio.Task[None] | None = None
        self.leaving = asyncio.Event()
        self._answered_last = False
        self.pace = 0.0
        self.next_beat = 0

    # What an engine asks of its owner; members and desks override what concerns them.

    def file(self, effect: fx.Filed) -> None:
        """See `Owner.file`."""
        raise NotImplementedError

    def read_chunk(self, effect: fx.ReadChunk) -> ev.Event | None:
        """See `Owner.read_chunk`."""
        raise NotImplementedError

    def check_media(self, effect: fx.CheckMedia) -> bool | None:
        """See `Owner.check_media`."""
        raise NotImplementedError

    def handlers(self) -> dict[str, Handler]:
        """Requests by name."""
        return {"beat": self._beat}

    async def request(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """Carry out one request; a relay that came into trouble meanwhile is told.

        Raises:
            ShellError: `bad_request`, there is no such request, or it lacks something; what the request itself raises.
        """
        handler = self.handlers().get(str(request.get("do")))
        if handler is None:
            raise ShellError("bad_request")
        before = self.relays.complaints()
        result = await handler(request, person)
        if result == CLOSED:
            return result
        for relay, trouble in self.relays.complaints().items():
            if relay not in before:
                await person.tell("relay_trouble", relay=relay, code=trouble.code, hint=trouble.hint)
        return result

    async def open(self, media: bool = True) -> None:
        """Begin; before the first request. Files move meanwhile if `media`, else only while somebody waits."""
        await self.engine.open()
        if media:
            self._move_media()

    def _move_media(self) -> None:
        if self._media is None:
            self._media = asyncio.create_task(self.engine.move_media())

    async def close(self) -> None:
        """End: hang up, close the vault."""
        if self._media is not None:
            self._media.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._media
        await self.relays.close()
        await self.engine.close()

    async def run(self, every: float, place: Path, person: Dialogue) -> None:
        """Beat and answer at the door until cancelled.

        Args:
            every: seconds between beats, on average; each wait is drawn between half and one and a half of it.
            place: the vault file, whose door is served.
            person: is told what happens.
        """
        server = await serve_door(door_path(place), self._answer)
        try:
            with Told(self.engine) as told:
                await person.tell("running", every=int(every))
                self._move_media()
                self.pace = every
                self._hide_work(every)
                await self._together(self._beats(every, person), self._pass_on(told, person), self._leave())
        finally:
            self.pace = 0.0
            self.next_beat = 0
            await server.close()

    def _hide_work(self, every: float) -> None:
        """Let a desk's relays not see from its answers what it found in a frame, but for rehearsals."""
        if every >= STEADY:
            self.engine.answer_spread = min(ANSWER_SPREAD, every / 2)
            self.engine.answer_step = ANSWER_STEP

    def leave(self) -> None:
        """End `run` once the request under way is answered."""
        self._answered_last = True

    async def _leave(self) -> None:
        await self.leaving.wait()

    async def _together(self, *work: Coroutine[Any, Any, None]) -> None:
        """Work side by side, beside the media, until the first of all fails or is done; the others are stopped."""
        tasks = [asyncio.create_task(one) for one in (*work, self.engine.failing())]
        try:
            watched = [*tasks, self._media] if self._media else tasks
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def seen_while(self, work: Coroutine[Any, Any, None], person: Dialogue) -> None:
        """Wait for work to be done, and meanwhile send and fetch at once what is due, for anybody to see."""
        self._move_media()
        await self._together(self._now_and_again(person), work)

    async def _now_and_again(self, person: Dialogue) -> None:
        troubles: dict[str, str] = {}
        while True:
            await self._exchange()
            troubles = await self._tell_troubles(person, troubles)
            await self.engine.sleep(draw_span(self.awaited_beat, self.chance))

    async def _exchange(self) -> None:
        """Send and fetch at once all that is due; once more if what came brought the pass that a relay asked for."""
        for _ in range(2):
            await self.engine.do(ev.SendNow(), *(ev.RelayTime(seconds) for seconds in self.relays.clocks_said()))
            if not self.relays.dressed_anew:
                return

    async def _pass_on(self, told: Told, person: Dialogue) -> None:
        while True:
            tell = await told.next(3600.0)
            if tell is not None and tell.what not in ANSWERED_HERE:
                await person.tell(tell.what, **tell.facts)

    async def _beats(self, every: float, person: Dialogue) -> None:
        """Beat for ever."""
        troubles: dict[str, str] = {}
        while True:
            wait = draw_span(every, self.chance)
            self.next_beat = self.engine.clock() + int(wait)
            clocks = (ev.RelayTime(seconds) for seconds in self.relays.clocks_said())
            await self.engine.do(ev.Beat(wait, reads_at(every)), *clocks)
            troubles = await self._tell_troubles(person, troubles)
            while wait > 0:
                pause = min(wait, self.look_every) if self.engine.device.meeting else wait
                await self.engine.sleep(pause)
                wait -= pause
                if self.engine.device.meeting:
                    await self.engine.do(ev.Look())

    async def _tell_troubles(self, person: Dialogue, before: dict[str, str]) -> dict[str, str]:
        """Say once that a relay is in trouble, and once that it is well again; returns what was said."""
        complaints = self.relays.complaints()
        now = {relay: trouble.code for relay, trouble in complaints.items()}
        for relay, trouble in complaints.items():
            if before.get(relay) != trouble.code:
                await person.tell("relay_trouble", relay=relay, code=trouble.code, hint=trouble.hint)
        for relay in before.keys() - now.keys():
            await person.tell("relay_well", relay=relay)
        return now

    async def _answer(self, door: Door) -> None:
        """Serve one connection: a request, a dialogue, a result."""
        request = await door.receive()
        if request is None:
            return
        try:
            side = DoorSide(door)
            result = await side.while_there(self.request(request, side))
            await door.send({"result": result})
            if self._answered_last:
                self.leaving.set()
        except (DoorError, asyncio.CancelledError):
            raise
        except Exception as error:
            failure = failure_of(error)
            await door.send({"failed": failure.code, "hint": failure.hint, "status": failure.status})

    async def _beat(self, _: Request, person: Dialogue) -> dict[str, Any]:
        await self._exchange()
        return {}

    async def warned(self, request: Request, person: Dialogue) -> None:
        """Say that what follows can be seen, and go on if the owner says yes, or has said so before (`yes`).

        Raises:
            ShellError: `not_wanted`.
        """
        await person.tell("visible")
        if not request.get("yes") and not await agreed(person, "go_on", GO_ON):
            raise ShellError("not_wanted")

    def unsaid(self) -> int:
        """How many letters and words were never sealed yet."""
        device = self.engine.device
        talks = [*(r.channel for r in device.relations), *(r.channel for r in device.reports)]
        return sum(not letter.times for channel in talks for letter in channel.waiting)

    def letters(self) -> list[dict[str, Any]]:
        """The letters of neighbours, as they are shown."""
        return [
            {"from": r.name, "came": n.came, "text": n.text, "new": not n.seen}
            for r in self.engine.device.relations
            for n in r.notes
        ]

    def notices(self) -> list[dict[str, Any]]:
        """The notices that hold today, as they are shown."""
        device = self.engine.device
        return [
            {"issued": n.issued, "until": date_of(n.until), "text": n.text, "new": not n.seen, "said": n.said}
            for n in in_force(device.board.notices, self.engine.clock() // DAY)
        ]

    def waiting(self) -> int:
        """How many things of the owner wait to leave: letters, words, sealed reports."""
        device = self.engine.device
        held = sum(bool(r.held) for r in device.relations)
        return self.unsaid() + held + sum(bool(r.sealed) and not r.put for r in device.reports)


async def ask_until(person: Dialogue, field: str, prompt: str, use: Callable[[str], Awaitable[None]]) -> None:
    """Ask for an answer and use it; one that cannot be used is asked for again, for as long as somebody answers.

    Raises:
        Refusal, UnknownWord, DropFailure, EvidenceError: why the last answer could not be used, if no other came.
    """
    failure: Refusal | UnknownWord | DropFailure | EvidenceError | None = None
    why = ""
    while True:
        try:
            answer = await person.ask(field, why + prompt)
        except ShellError as unanswered:
            raise failure or unanswered from None
        try:
            return await use(answer)
        except (Refusal, UnknownWord, DropFailure, EvidenceError) as refused:
            if refused.code not in ASKED_AGAIN:
                raise
            failure = refused
            size = f"(It has {len(answer.encode(errors='replace'))} bytes.) " if "long" in refused.code else ""
            why = f"{refused.hint} [{refused.code}] {size}"


async def agreed(person: Dialogue, field: str, prompt: str) -> bool:
    """A yes or a no; anything else is asked again."""
    while True:
        said = (await person.ask(field, prompt)).strip().lower()
        if said in ("yes", "y", "no", "n"):
            return said in ("yes", "y")


def volume_of(blocks: int) -> dict[str, Fact]:
    """How much travels when so many blocks do, in numbers and in words, such as “2 blocks, 512 KiB”."""
    size = blocks * BLOCK
    near = f"{size // KIB:,} KiB" if size < MIB else f"{size / MIB:,.1f} MiB"
    return {"blocks": blocks, "bytes": size, "amount": f"{blocks:,} block{'s' * (blocks != 1)}, {near}"}


def number_in(request: Request) -> int:
    """The report number in a request.

    Raises:
        ShellError: `bad_request`.
    """
    number = request.get("number")
    if not isinstance(number, int):
        raise ShellError("bad_request")
    return number


def _silent_days(engine: Engine, heard: int) -> int:
    """Whole days since a neighbour was last heard, once they are a question; else 0."""
    silent = engine.clock() - heard
    return silent // DAY if heard and silent >= SILENCE else 0


def offered(device: Device) -> dict[str, Fact]:
    """Who wants to introduce somebody to the owner, and what that would be; empty if nothing waits for an answer."""
    brought = device.introductions.brought
    if brought is None or brought.meeting is not None:
        return {}
    by = next((r.name for r in device.relations if r.id == brought.by), "")
    return {"by": by, "role": brought.role.value}


def status_of(engine: Engine, relays: Relays) -> dict[str, Fact]:
    """What members and desks both show of themselves."""
    device, complaints = engine.device, relays.complaints()
    return {
        "neighbours": [
            {
                "name": r.name,
                "role": r.role.value,
                "met": r.met,
                "heard": r.channel.heard,
                "silent": _silent_days(engine, r.channel.heard),
                "danger": r.danger,
                "cut": "" if r.cut.stage is Stage.QUIET else r.cut.stage.value,
                "waiting": sum(w.kind == LetterKind.TEXT for w in r.channel.waiting),
                "unread": sum(not n.seen for n in r.notes),
            }
            for r in device.relations
        ],
        "relays": [
            {
                "relay": engine.dressed(a),
                "trouble": t.code if (t := complaints.get(a)) else "",
                "passes": held_until(device.passes, device.board.passes, a, engine.clock()),
            }
            for a in device.relays
        ],
        "outbox": len(device.outbox) + sum(bool(r.held) for r in device.relations),
        "meeting": device.meeting.stage.value if device.meeting else "",
        "board": device.board.number,
        "introduction": offered(device),
    }
