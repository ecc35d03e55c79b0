"""The desk's service: intake, cases, replies, exports.

Does        carries out a desk's requests on an open vault and its archive.
Does not    open the vault or parse a command line.
Spec        spec/72-dialogue.md, 4
Always      1. What arrives is filed before the state says so.
Read first  DeskService.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import rooting
from tercet.core.cell import Role
from tercet.core.days import day_of, week_of
from tercet.core.device import step
from tercet.core.fields import Malformed, encode
from tercet.core.passes import tag_of
from tercet.core.relation import named
from tercet.core.root import DELEGATED_MOST
from tercet.core.strength import CAPTURED, certain, strength
from tercet.desk import papers
from tercet.desk.archive import Archive
from tercet.desk.export import export_case
from tercet.desk.records import ArchiveError
from tercet.desk.relay import try_relay, try_weekly, weekly_secret, with_pass_of
from tercet.drop import Drop, RelayAddress
from tercet.shell import burning, by_stick, introductions, meetings, passphrases
from tercet.shell.dialogue import Dialogue
from tercet.shell.engine import NotFiled
from tercet.shell.failures import NoSuchReport, ShellError
from tercet.shell.service import Handler, Request, Service, agreed, ask_until, number_in, status_of
from tercet.shell.show import date_of
from tercet.vault import Vault

SENTENCES = {
    "running": "The desk is open; it looks for mail every {every} seconds on average.",
    "meeting_begins": "The relay has not answered yet. Ctrl-C stops the meeting.",
    "meeting_code": "Say these words to the other person: {code}\nThe relay to meet at: {relay}\n"
    "Waiting until they have typed it, ten minutes at most. Ctrl-C stops the meeting.",
    "meeting_compare": "Both screens must show: {words}\n(They will be {role}.)",
    "meeting_waits": "You said yes. Waiting until the other side says yes too.",
    "meeting_stopped": "The meeting is stopped: nothing was kept on this device.",
    "meeting_left": "You left: a meeting that is not done by now is stopped, and nothing of it was kept here.",
    "meeting_unsure": "You had said yes: if the other screen says Done, it keeps you all the same. Talk it over.",
    "meeting_last": "This device has kept {name}: {role}. The other one keeps you only once it has "
    "scanned the code shown now. If you leave before, the same command with the same word shows it again, for an hour.",
    "meeting_kept": "Done: {name} is now {role}.",
    "founded": "A network is founded. Next: a root (`tercet desk ceremony --help`, docs/ceremony.md); once a "
    "founder was met it is too late for one. Then `tercet desk serve`, and `tercet desk meet` for each founder.",
    "report_filed": "Report {number} came: read it with `tercet desk show {number}`.",
    "media_moves": "Report {number}: block {came} of {of} came.",
    "media_filed": "Report {number}: file {media} is here, whole and as announced.",
    "media_broken": "Report {number}: file {media} came and is not what was announced.",
    "media_withdrawn": "Report {number}: file {media} will not come; it changed at its sender's.",
    "word_lapsed": "Report {number}: your last words were not heard within 30 days; the conversation is over.",
    "word_filed": "An answer came on report {number}.",
    "letter_came": "A letter from {name}.",
    "strange_frame": "Something that is no report lay in an intake box; it was let go.",
    "notice_until": "Every member will read this, until {until}:",
    "notice_line": "  {line}",
    "notice_posted": "It is on the board. It cannot be called back.",
    "board_differs": "Warning: {name}'s device has read another board than the one you sign: a relay shows two, or "
    "somebody else has the board's key. Talk to {name} in person.",
    "clock_off": "This machine's clock is about {days} days away from others': set it right.",
    "not_filed": "The archive's disk did not take what came ({code}): it waits at the relay. Make room.",
    "sealed": "Sealed. It goes with the next beat.",
    "clock_far": "This machine's clock is far from its founders': set it right.",
    "desk_full": "The desk's state is full: what comes waits at the relay. Read and answer what is here.",
    "went_back": "The vault went back one step after a damage; letters on their way may need to be sent again.",
    "relay_trouble": "Trouble with a relay ({code}), what waits is kept. {hint} The relay: {relay}",
    "relay_well": "A relay answers again: {relay}",
    **burning.SENTENCES,
    **introductions.SENTENCES,
    **passphrases.SENTENCES,
}

POST = "Is every member to read this? (yes/no)"
ASK_WEEKLY = "The relay's weekly secret, as `tercet relay --weekly` printed it"


class DeskService(Service):
    """A desk's open vault and archive at work.

    Args:
        vault: open on the real side.
        open_drop: makes the drop for a relay's address.
        clock: whole seconds since 1970, UTC.
        folder: where the archive lies.
    """

    def __init__(self, vault: Vault, open_drop: Callable[[str], Drop], clock: Callable[[], int], folder: Path) -> None:
        super().__init__(vault, open_drop, clock)
        self._folder = folder
        self._archive: Archive | None = None

    @property
    def archive(self) -> Archive:
        """The archive, under the key that the vault keeps."""
        if self._archive is None:
            office = self.engine.device.office
            if office is None:
                raise ShellError("no_desk")
            self._archive = Archive(self._folder, office.archive)
        return self._archive

    def file(self, effect: fx.Filed) -> None:
        """See `Owner.file`."""
        try:
            if isinstance(effect, fx.FileReport):
                self.archive.file_report(effect)
            elif isinstance(effect, fx.FileWord):
                self.archive.file_word(effect)
            else:
                self.archive.file_block(effect)
        except ArchiveError as error:
            raise NotFiled(error.code, error) from None

    def check_media(self, effect: fx.CheckMedia) -> bool | None:
        """See `Owner.check_media`; none when the archive cannot say, which must not be told as a broken file."""
        try:
            return self.archive.check(effect.case, effect.media)
        except ArchiveError:
            return None

    def read_chunk(self, effect: fx.ReadChunk) -> ev.Event:
        """A desk sends no files."""
        return ev.FileStopped(effect.number, effect.media, False)

    def handlers(self) -> dict[str, Handler]:
        """See `Service.handlers`."""
        return (
            super().handlers()
            | meetings.handlers(self, Role.DESK)
            | introductions.handlers(self.engine)
            | burning.handlers(self.engine)
            | {
                "found": self._found,
                "status": self._status,
                "inbox": self._inbox,
                "show": self._show,
                "reply": self._reply,
                "export": self._export,
                "same_event": self._same_event,
                "witnesses": self._witnesses,
                "strength": self._strength,
                "letter": self._letter,
                "notice": self._notice,
                "statement": self._statement,
                "relays": self._relays,
                "weekly": self._weekly,
                "board_key": self._board_key,
                "load_roots": self._load_roots,
                "carry": lambda request, person: by_stick.exchange(self, request, person),
            }
        )

    async def _found(self, request: Request, person: Dialogue) -> dict[str, Any]:
        if self.engine.device.is_desk:
            raise ShellError("already_founded")
        await self.engine.do(ev.SetUpDesk(tuple(request["relays"]), int(request["shards"])))
        await self.engine.do(ev.SendNow())
        return {"relays": list(self.engine.device.relays)}

    async def _notice(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """Say something to everyone, once who says it has seen it as they will.

        Raises:
            ShellError: `bad_request`, `not_posted`.
        """
        days, given = request.get("days"), request.get("text")
        if type(days) is not int or not isinstance(given, str):
            raise ShellError("bad_request")
        until = day_of(self.engine.clock()) + days

        async def post(text: str) -> None:
            said = ev.WriteNotice(text, until)
            step(self.engine.device, said, self.engine.clock(), self.chance)  # refused before anything is asked
            await person.tell("notice_until", until=date_of(until))
            for line in text.split("\n"):
                await person.tell("notice_line", line=line)
            if not await agreed(person, "post", POST):
                raise ShellError("not_posted")
            await self.engine.do(said)

        if given:
            await post(given)
        else:
            await ask_until(person, "text", "What to say to everyone", post)
        await person.tell("notice_posted")
        await self.engine.do(ev.SendNow())
        return {"until": date_of(until), "number": self.engine.device.board.number}

    async def _statement(self, request: Request, person: Dialogue) -> dict[str, Any]:
        try:
            await self.engine.do(ev.PostStatement(bytes.fromhex(str(request.get("said")))))
        except (ValueError, Malformed):
            raise ShellError("voice_file") from None
        await self.engine.do(ev.SendNow())
        return {"number": self.engine.device.board.number}

    async def _relays(self, request: Request, person: Dialogue) -> dict[str, Any]:
        addresses = tuple(str(RelayAddress.parse(str(each))) for each in request.get("relays", ()))
        for each in set(addresses) - set(self.engine.device.relays):
            await try_relay(self.relays.drop(self.relays.dress(each)), each, person)
        await self.engine.do(ev.ChangeRelays(addresses))
        await self.engine.do(ev.SendNow())
        return {"relays": list(self.engine.device.relays)}

    async def _weekly(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """Take in a relay's weekly secret once the relay was seen to take its pass, or forget it.

        A relay that does not answer is one of the list's all the same, or the secret would go to nobody's relay; a
        secret of one that has left the list can be forgotten.

        Raises:
            ShellError: `relay_unlisted`.
        """
        address, secret, tried = str(RelayAddress.parse(str(request.get("relay")))), b"", False
        device, forget = self.engine.device, bool(request.get("withdraw"))
        known = {tag_of(each) for each in device.relays}
        if forget and device.office:
            known |= device.office.weekly.keys()
        if device.office and tag_of(address) not in known:
            raise ShellError("relay_unlisted")
        if not forget:
            secret = weekly_secret(await person.ask("weekly_secret", ASK_WEEKLY, True))
            now = self.engine.clock()
            tried = await try_weekly(self.relays.drop(with_pass_of(secret, address, now)), address, person)
        await self.engine.do(ev.TakeWeekly(address, secret))
        await self.engine.do(ev.SendNow())
        return {"relay": address, "weekly": bool(secret), "tried": tried}

    async def _board_key(self, request: Request, person: Dialogue) -> dict[str, Any]:
        """What the five need to delegate this desk's board key, from today for so many days."""
        device, first, days = self.engine.device, day_of(self.engine.clock()), request.get("days")
        if type(days) is not int or not 1 <= days <= DELEGATED_MOST:
            raise ShellError("bad_request")
        if request.get("fresh"):
            await self.engine.do(ev.DrawBoardKey())
            device = self.engine.device
        board = rooting.offer(device, first, first + days)
        made = papers.board_file(board, (device.office.fresh or device.office.signer) if device.office else b"")
        facts = {"words": papers.compared(board.public), "first": date_of(board.first), "last": date_of(board.last)}
        return {"board": encode(made).hex()} | facts

    async def _load_roots(self, request: Request, person: Dialogue) -> dict[str, Any]:
        try:
            documents = tuple(bytes.fromhex(str(each)) for each in request.get("documents", ()))
            await self.engine.do(ev.TakeRoots(documents))
            await self.engine.do(ev.SendNow())
        except (ValueError, Malformed):
            raise ShellError("root_file") from None
        return self._root()

    def _root(self) -> dict[str, Any]:
        """The newest root held, in facts: number 0 if there is none."""
        office = self.engine.device.office
        newest = rooting.held(office) if office else None
        if newest is None:
            return {"number": 0, "first": "", "last": ""}
        return {"number": newest.number, "first": date_of(newest.board.first), "last": date_of(newest.board.last)}

    async def _status(self, _: Request, person: Dialogue) -> dict[str, Any]:
        office = self.engine.device.office
        return {**status_of(self.engine, self.relays), "filed": office.opened if office else 0, "root": self._root()}

    async def _inbox(self, _: Request, person: Dialogue) -> dict[str, Any]:
        cases = await asyncio.to_thread(self.archive.cases)
        letters = self.letters()
        await self.engine.do(ev.NotesSeen())
        notices = [one | {"new": False} for one in self.notices()]  # its own words
        return {"cases": [_plain(case) for case in cases], "letters": letters, "notices": notices}

    async def _show(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number = number_in(request)
        summary = next((c for c in await asyncio.to_thread(self.archive.cases) if c.number == number), None)
        if summary is None:
            raise NoSuchReport([number])
        words = await asyncio.to_thread(self.archive.words, number)
        event = await asyncio.to_thread(self.archive.event, number)
        same = [one for one in sorted(event) if one != number]
        return {"report": _plain(summary), "same": same, "words": [_plain(w) for w in words]}

    async def _reply(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number = number_in(request)
        office = self.engine.device.office
        if office is not None and number not in [case.number for case in office.cases]:
            await self._are_there(number)
            raise ShellError("conversation_over")
        await ask_until(
            person, "text", "What to say to the reporter", lambda text: self.engine.do(ev.Reply(number, text))
        )
        await person.tell("sealed")
        return {}

    async def _letter(self, _: Request, person: Dialogue) -> dict[str, Any]:
        name = await person.ask("name", "To whom (your own word for them)")
        named(self.engine.device.relations, name)  # before the text is asked for
        await ask_until(person, "text", "What to say", lambda text: self.engine.do(ev.WriteLetter(name, text)))
        await person.tell("sealed")
        return {}

    async def _export(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number = number_in(request)
        await self._are_there(number)
        done = await asyncio.to_thread(export_case, self.archive, number, Path(request["to"]))
        return {"exported": _plain(done)}

    async def _are_there(self, *numbers: int) -> None:
        """Refuse numbers that no report has.

        Raises:
            NoSuchReport: it says which.
        """
        missing = set(numbers) - await asyncio.to_thread(self.archive.numbers)
        if missing:
            raise NoSuchReport(missing)

    async def _same_event(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number, others = number_in(request), request.get("others", ())
        if not isinstance(others, list | tuple) or not all(type(other) is int for other in others):
            raise ShellError("bad_request")
        given = tuple(dict.fromkeys((number, *others)))
        await self._are_there(*given)
        if request.get("apart"):
            left = await asyncio.to_thread(self.archive.apart, given)
            return {"numbers": sorted(given), "apart": True, "left": [list(event) for event in left]}
        if len(given) == 1:
            raise ShellError("one_report")
        event = await asyncio.to_thread(self.archive.same_event, number, given[1:])
        return {"numbers": list(event), "apart": False, "left": []}

    async def _witnesses(self, request: Request, person: Dialogue) -> dict[str, Any]:
        number, captured = number_in(request), request.get("captured", CAPTURED)
        if type(captured) is not int or captured < 0:
            raise ShellError("bad_request")
        await self._are_there(number)
        weeks = await asyncio.to_thread(self.archive.witnesses, number)
        return {"certain": certain(weeks, captured), "captured": captured, "witnessed": bool(weeks)}

    async def _strength(self, _: Request, person: Dialogue) -> dict[str, Any]:
        office = self.engine.device.office
        said = strength(office.mints if office else (), week_of(day_of(self.engine.clock())))
        return {"week": said.week, "least": said.least, "most": said.most, "biases": list(said.biases)}


def _plain(value: Any) -> Any:
    """Facts as JSON can carry them: bytes as hex, paths as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return _plain(msgspec.structs.asdict(value))
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str | int | bool | float) or value is None:
        return value
    return str(value)
