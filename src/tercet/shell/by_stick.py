"""By stick: one exchange with a stick in place of every relay.

Does        leaves on a stick what is due, takes from it what came, files too if the owner says so.
Does not    visit a relay: whoever carries the stick does, without any key.
Spec        spec/72-dialogue.md, 4b
Always      1. What lies on a stick has left this device; that it arrived is only known from an answer.
Read first  exchange().
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from tercet.core import events as ev
from tercet.core.mail import more_to_say
from tercet.core.report import MediaState
from tercet.drop import DropFailure, Stick
from tercet.shell.dialogue import Dialogue
from tercet.shell.relays import OnStick
from tercet.shell.service import ANSWERED_HERE, Request, Service, Told, agreed, volume_of

POLLS: Final = 4  # questions left in each open conversation, so that the desk can say so many things a trip
NEWS: Final = frozenset(
    {"letter_came", "desk_wrote", "report_received", "media_received"} | {"report_filed", "word_filed", "media_filed"}
)  # a member's, and a desk's
ROUNDS: Final = 8  # times that a neighbour's next letter is looked for


async def exchange(service: Service, request: Request, person: Dialogue) -> dict[str, Any]:
    """Exchange everything with a stick.

    Args:
        service: whose vault is open.
        request: `to`, the stick's folder; `files`: `yes` or `no`, else the owner is asked.
        person: is told what happens.

    Returns:
        How many items were laid and refused, how many things of the owner still wait, and how many came.

    Raises:
        DropFailure: `no_store`, `store_failed`: the stick is gone or cannot be used.

    Source: spec/72-dialogue.md, 4b.
    """
    path = Path(str(request.get("to") or ""))
    if not path.is_absolute():
        raise DropFailure("no_store", "There is no folder of that name: look whether the stick is in.")
    stick = OnStick(await asyncio.to_thread(Stick, path), service.engine.clock)
    with_files = await _wants_files(service, request, person)
    with Told(service.engine) as told:
        await service.engine.do(ev.SendNow(POLLS), at=stick)
        for _ in range(ROUNDS):
            if not more_to_say(service.engine.device, service.engine.clock()):
                break
            await service.engine.do(ev.SendNow(), at=stick)
        while with_files and stick.steps and not stick.refused:
            step = stick.steps.pop(0)
            if not await service.engine.move_one(step, stick):
                break
        came = await _pass_on(told, person)
    return {"laid": stick.put, "refused": stick.refused, "waiting": service.waiting(), "came": came}


async def _pass_on(told: Told, person: Dialogue) -> int:
    """Tell the owner what the exchange brought; how much of it is news."""
    came = 0
    for tell in told.so_far():
        came += tell.what in NEWS
        if tell.what not in ANSWERED_HERE:
            await person.tell(tell.what, **tell.facts)
    return came


async def _wants_files(service: Service, request: Request, person: Dialogue) -> bool:
    """Whether files go too; asked only if some wait."""
    open_states = (MediaState.WAITING,)
    waiting = [m for r in service.engine.device.reports for m in r.media if m.state in open_states]
    if not waiting:
        return True
    if request.get("files") in ("yes", "no"):
        return bool(request["files"] == "yes")
    volume = volume_of(sum(m.blocks - m.index + bool(m.under_way) for m in waiting))
    await person.tell(
        "files_wait", files=len(waiting), blocks=volume["blocks"], bytes=volume["bytes"], amount=volume["amount"]
    )
    return await agreed(person, "with_files", "Take the files along on the stick too? (yes/no)")
