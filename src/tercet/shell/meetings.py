"""Meetings at the screen: by a spoken code, or by codes that are scanned.

Does        carries out the requests to meet, to hand over what waits as codes, and to take in what was scanned.
Does not    decide who may be met: the core does.
Spec        spec/30-meeting.md; spec/31-codes.md; spec/72-dialogue.md, 4
Always      1. Who leaves in the middle stops the meeting for both.  2. Names are asked for, never arguments.
Read first  handlers().
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.meeting import Stage
from tercet.drop import DropFailure, RelayAddress
from tercet.shell.bycode import ByCode
from tercet.shell.dialogue import Dialogue
from tercet.shell.engine import Engine
from tercet.shell.failures import ShellError
from tercet.shell.service import Handler, Request, Service, Told, agreed, ask_until
from tercet.vault import DoorError

NOT_WAITED_OUT: Final = frozenset({"relay_wrong_key", "relay_lied", "bad_address", "no_pass"})
NOBODY_YET: Final = frozenset({Stage.CHOOSING, Stage.LOOKING})  # nothing has been said or heard there
NOT_BEGUN: Final = "The relay does not answer, and no meeting was begun: try again when it does."
CODE_OVER: Final = (
    "The relay takes nothing without its pass, and this code is over: ask for a fresh one, and type the relay's whole "
    "address with --relay, with its last part (the pass)."
)
SLOW: Final = 1.0  # seconds after which a relay that has not answered is said
PATIENCE: Final = 5.0  # seconds that the end of a meeting waits for a relay


def handlers(service: Service, always: Role | None = None) -> dict[str, Handler]:
    """Requests by name; whoever is `always` the same to others is not asked for it."""
    return {"meet": partial(_meet, service, always), "hand": partial(_hand, service), "scan": partial(_scan, service)}


async def _meet(service: Service, always: Role | None, request: Request, person: Dialogue) -> dict[str, Any]:
    """A whole meeting: with a code given, as the one who heard it; else as the one who says it.

    Whoever leaves, or cannot begin, leaves no meeting behind.
    """
    engine, role = service.engine, always or _role(request)
    if engine.device.meeting is not None:  # its time may be over
        await _soon(engine, ev.Look())
    before = engine.device.meeting
    if request.get("stop"):
        if before is None:
            raise Refusal("no_meeting")
        await _stop(engine, person)
        return {}
    name = await person.ask("name", "Your own word for this person (it never leaves this device)")
    by_codes, before = bool(request.get("codes")), engine.device.meeting  # another command may have begun one
    ours = before is None or (by_codes and before.scanned and before.name == name)
    try:
        if by_codes:
            with _by_code(service, person) as screen:
                return await screen.meet(name, role, request["codes"] == "alone")
        return await _by_word(service, name, role, str(request.get("relay") or ""), person)
    except BaseException as error:
        under_way = isinstance(error, Refusal) and error.code == "meeting_under_way"  # and another command's
        if ours and not under_way and engine.device.meeting is not None:
            await _stop(engine, person if isinstance(error, asyncio.CancelledError) else None)
        raise


async def _by_word(service: Service, name: str, role: Role | None, relay: str, person: Dialogue) -> dict[str, Any]:
    """A meeting by a spoken code."""
    engine = service.engine
    with Told(engine) as told:
        if role is not None:
            await _in_sight(engine.do(ev.Invite(name, role)), person)
        else:
            if not relay and engine.device.card is None:
                relay = await _ask_relay(service, person)
            elif relay:
                await _in_sight(_try_relay(service, relay), person)
            await ask_until(
                person,
                "code",
                "The code: three digits and four words",
                lambda code: _in_sight(engine.do(ev.Join(name, code, relay)), person),
            )
        return await _see_through(service, told, person)


async def _ask_relay(service: Service, person: Dialogue) -> str:
    """Ask for the relay to meet at, until it is one; raises as `_try_relay` does."""
    found: list[str] = []

    async def use(relay: str) -> None:
        await _in_sight(_try_relay(service, relay), person)
        found.append(relay)

    await ask_until(person, "relay", "The relay's address, as the other screen shows it", use)
    return found[-1]


async def _try_relay(service: Service, relay: str) -> None:
    """See whether a newcomer can meet at a relay, before a code is used.

    Raises:
        DropFailure: `bad_address`, `no_pass`; the relay is not the one in the address, or does not answer.
    """
    RelayAddress.parse(relay)
    service.engine.typed.add(relay)
    try:
        await service.relays.try_pass(relay, service.chance)
    except DropFailure as failure:
        raise failure if failure.code in NOT_WAITED_OUT else DropFailure(failure.code, NOT_BEGUN) from None


async def _in_sight(work: Coroutine[Any, Any, None], person: Dialogue) -> None:
    """Do the first thing of a meeting; a relay that takes its time is said: nobody sits before a silent screen."""
    beginning = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait((beginning,), timeout=SLOW)
        if not done:
            await person.tell("meeting_begins")
        await beginning
    finally:
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)


async def _stop(engine: Engine, person: Dialogue | None) -> None:
    """Drop the meeting under way; the other side is told if that can be done in a moment, else by the next beat."""
    said_yes = engine.device.meeting is not None and engine.device.meeting.stage is Stage.CONFIRMING
    await _soon(engine, ev.OtherWords())
    if person is not None:
        with contextlib.suppress(DoorError):  # whoever has left is not there to hear it
            await person.tell("meeting_stopped")
            if said_yes:
                await person.tell("meeting_unsure")


async def _soon(engine: Engine, event: ev.Event) -> None:
    """Work through an event, and do not wait long for a relay that is silent."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await engine.do(event)


class _Lookout:
    """Looks for the other side at the relay; trouble with it is said once, or ends the meeting."""

    def __init__(self, service: Service, person: Dialogue) -> None:
        self._service = service
        self._person = person
        self._said = ""

    async def look(self) -> None:
        """Look once.

        Raises:
            DropFailure: the relay is none to meet at, or it does not answer and nobody has come yet.
        """
        await self._service.engine.do(ev.Look())
        await self.complain()

    async def complain(self) -> None:
        """Say what trouble there is with the relay; raises as `look` does."""
        meeting = self._service.engine.device.meeting
        trouble = self._service.relays.complaints().get(meeting.relay) if meeting else None
        if meeting is None or trouble is None:
            return
        if trouble.code == "no_pass" and meeting.side == 1:
            raise DropFailure(trouble.code, CODE_OVER)
        if trouble.code in NOT_WAITED_OUT:
            raise trouble
        if meeting.stage in NOBODY_YET:
            raise DropFailure(trouble.code, NOT_BEGUN)
        if trouble.code != self._said:
            await self._person.tell("relay_trouble", relay=meeting.relay, code=trouble.code, hint=trouble.hint)
        self._said = trouble.code


def _by_code(service: Service, person: Dialogue) -> ByCode:
    return ByCode(service.engine, person, service.look_every, _Lookout(service, person).look, _confirm)


async def _hand(service: Service, _: Request, person: Dialogue) -> dict[str, Any]:
    """Show what waits for a neighbour, as codes."""
    name = await person.ask("name", "To whom (your own word for them)")
    with _by_code(service, person) as screen:
        return {"handed": await screen.hand(name)}


async def _scan(service: Service, request: Request, person: Dialogue) -> dict[str, Any]:
    """Take in what was scanned."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(_is_hex(message) for message in messages):
        raise ShellError("bad_request")
    with _by_code(service, person) as screen:
        return {"taken": await screen.take(messages)}


async def _see_through(service: Service, told: Told, person: Dialogue) -> dict[str, Any]:
    """Look for the other side until the meeting is kept or has failed."""
    lookout = _Lookout(service, person)
    await lookout.complain()
    if service.engine.device.meeting is not None and service.engine.device.meeting.stage is Stage.LOOKING:
        await person.tell("meeting_looks")
    while True:
        tell = await told.next(service.look_every)
        if tell is None:
            await lookout.look()
            continue
        if tell.what == "meeting_failed":
            raise Refusal(tell.facts["code"])
        if tell.what in ("meeting_code", "meeting_compare", "meeting_kept"):
            await person.tell(tell.what, **tell.facts)
        if tell.what == "meeting_compare":
            await _confirm(service.engine, person)
        if tell.what == "meeting_kept":
            await service.engine.do(ev.SendNow())
            return dict(tell.facts)


async def _confirm(engine: Engine, person: Dialogue) -> None:
    """Let the owner compare the words, and wait for the other side if they are the same.

    A meeting that ended while its owner was asked is left to whoever listens: what the core told says why.
    """
    asked = engine.device.meeting
    if asked is None:
        return
    same = await agreed(person, "same_words", "Does the other screen show the same four words? (yes/no)")
    if engine.device.meeting is None or engine.device.meeting.shared != asked.shared:
        return
    await engine.do(ev.SameWords() if same else ev.OtherWords())
    if same and engine.device.meeting is not None:
        await person.tell("meeting_waits")


def _role(request: Request) -> Role | None:
    """What we shall be to the other, if we invite.

    Raises:
        ShellError: `bad_request`.
    """
    try:
        return Role(request["role"]) if request.get("role") else None
    except ValueError:
        raise ShellError("bad_request") from None


def _is_hex(message: object) -> bool:
    return isinstance(message, str) and re.fullmatch("([0-9a-f]{2})*", message) is not None
