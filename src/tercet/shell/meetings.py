"""Meetings at the screen: by a spoken code, or by codes that are scanned.

Does        carries out the requests to meet, to hand over what waits as codes, and to take in what was scanned.
Does not    decide who may be met: the core does.
Spec        spec/30-meeting.md; spec/31-codes.md; spec/72-dialogue.md, 4
Always      1. Who leaves in the middle stops the meeting for both.  2. Names are asked for, never arguments.
Read first  handlers().
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.drop import RelayAddress
from tercet.shell.bycode import ByCode
from tercet.shell.dialogue import Dialogue
from tercet.shell.failures import ShellError
from tercet.shell.service import Handler, Request, Service, Told, agreed, ask_until

NOT_WAITED_OUT: Final = frozenset({"relay_wrong_key", "relay_lied", "bad_address", "no_pass"})


def handlers(service: Service, always: Role | None = None) -> dict[str, Handler]:
    """Requests by name; whoever is `always` the same to others is not asked for it."""
    return {"meet": partial(_meet, service, always), "hand": partial(_hand, service), "scan": partial(_scan, service)}


async def _meet(service: Service, always: Role | None, request: Request, person: Dialogue) -> dict[str, Any]:
    """A whole meeting: with a code given, as the one who heard it; else as the one who says it."""
    role = always or _role(request)
    name = await person.ask("name", "Your own word for this person (it never leaves this device)")
    engine = service.engine
    if request.get("codes"):
        with ByCode(engine, person, service.look_every, _same_words) as screen:
            return await screen.meet(name, role, request["codes"] == "alone")
    with Told(engine) as told:
        if role is not None:
            await engine.do(ev.Invite(name, role))
        else:
            relay = str(request.get("relay") or "")
            if not relay and engine.device.card is None:
                relay = await person.ask("relay", "The relay's address, as the other screen shows it")
            if relay:
                RelayAddress.parse(relay)
            await ask_until(
                person,
                "code",
                "The code: three digits and four words",
                lambda code: engine.do(ev.Join(name, code, relay)),
            )
        try:
            return await _see_through(service, told, person)
        except BaseException:
            if engine.device.meeting is not None:
                await engine.do(ev.OtherWords())
            raise


async def _hand(service: Service, _: Request, person: Dialogue) -> dict[str, Any]:
    """Show what waits for a neighbour, as codes."""
    name = await person.ask("name", "To whom (your own word for them)")
    with ByCode(service.engine, person, service.look_every, _same_words) as screen:
        return {"handed": await screen.hand(name)}


async def _scan(service: Service, request: Request, person: Dialogue) -> dict[str, Any]:
    """Take in what was scanned."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(_is_hex(message) for message in messages):
        raise ShellError("bad_request")
    with ByCode(service.engine, person, service.look_every, _same_words) as screen:
        return {"taken": await screen.take(messages)}


async def _see_through(service: Service, told: Told, person: Dialogue) -> dict[str, Any]:
    """Look for the other side until the meeting is kept or has failed."""
    while True:
        tell = await told.next(service.look_every)
        if tell is None:
            await service.engine.do(ev.Look())
            _complain_of_relay(service)
            continue
        if tell.what == "meeting_failed":
            raise Refusal(tell.facts["code"])
        if tell.what in ("meeting_code", "meeting_compare", "meeting_kept"):
            await person.tell(tell.what, **tell.facts)
        if tell.what == "meeting_compare":
            await service.engine.do(ev.SameWords() if await _same_words(person) else ev.OtherWords())
        if tell.what == "meeting_kept":
            await service.engine.do(ev.SendNow())
            return dict(tell.facts)


def _complain_of_relay(service: Service) -> None:
    """A meeting needs its relay at once: trouble with it is not waited out."""
    meeting = service.engine.device.meeting
    trouble = service.relays.complaints().get(meeting.relay) if meeting else None
    if trouble is not None and trouble.code in NOT_WAITED_OUT:
        raise trouble


async def _same_words(person: Dialogue) -> bool:
    return await agreed(person, "same_words", "Does the other screen show the same four words? (yes/no)")


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
