"""Meeting and writing by codes: what whoever holds the vault does for it.

Does        shows what the core wants shown, gives it what was scanned, and asks the owner in between.
Does not    draw codes or read pictures: the person's side does.
Spec        spec/72-dialogue.md, 4; spec/31-codes.md
Always      1. What is scanned goes to the core as it is; a wrong code is told and asked for again.
Read first  ByCode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.meeting import Stage
from tercet.core.scan import Invitation, parse_message
from tercet.drop import RelayAddress
from tercet.shell.dialogue import Dialogue
from tercet.shell.engine import Engine
from tercet.shell.failures import ShellError

AGAIN: Final = ("bad_scan", "code_not_awaited", "code_used", "scan_other", "scan_own")  # scan something else, then


class ByCode:
    """One dialogue by codes.

    Args:
        engine: of whoever holds the vault.
        person: the owner.
        look_every: seconds between two looks at the relay.
        look: looks for the other side at the relay.
        confirm: lets the owner compare the words, and says so to the core.
    """

    def __init__(
        self,
        engine: Engine,
        person: Dialogue,
        look_every: float,
        look: Callable[[], Awaitable[None]],
        confirm: Callable[[Engine, Dialogue], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._person = person
        self._every = look_every
        self._look = look
        self._confirm = confirm
        self._told: asyncio.Queue[fx.Tell] = asyncio.Queue()
        self._shown = fx.ShowCode(b"")
        self._new = False

    def __enter__(self) -> ByCode:
        self._engine.listeners.append(self._told.put_nowait)
        self._engine.screens.append(self._show)
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.listeners.remove(self._told.put_nowait)
        self._engine.screens.remove(self._show)

    def _show(self, effect: fx.ShowCode) -> None:
        self._new = self._new or effect.content != self._shown.content
        self._shown = effect

    async def meet(self, name: str, role: Role | None, alone: bool) -> dict[str, Any]:
        """A whole meeting; one that a crash broke off goes on, and what ended the last one is shown again.

        Args:
            name: the owner's word for the other.
            role: what we shall be to them, if we invite.
            alone: by codes alone, with no relay.

        Raises:
            Refusal: the meeting has failed, or cannot begin.
        """
        under_way = self._engine.device.meeting
        newest = self._engine.device.relations[-1:]
        if under_way is None and newest and newest[0].name == name and self._last():
            await self._engine.do(ev.ShowCodes())
            await self._draw()
            return await self._end({"name": name, "role": newest[0].role.value})
        if under_way is not None and under_way.scanned and under_way.name == name:
            await self._engine.do(ev.ShowCodes())
        elif role is not None:
            await self._engine.do(ev.InviteByCode(name, role, alone))
        else:
            await self._join(name)
        return await self._see_through()

    async def _join(self, name: str) -> None:
        while True:
            content = await self._scanned()
            try:
                message = parse_message(content)
                if isinstance(message, Invitation) and message.relay:
                    RelayAddress.parse(message.relay)
                    self._engine.typed.add(message.relay)
                await self._engine.do(ev.JoinByCode(name, content))
            except Malformed:
                await self._person.tell("not_scanned", code="bad_scan")
            except Refusal as refusal:
                if refusal.code not in AGAIN:
                    raise
                await self._person.tell("not_scanned", code=refusal.code)
            else:
                return

    async def _see_through(self) -> dict[str, Any]:
        while True:
            await self._draw()
            tell = await self._next()
            if tell is not None and tell.what == "meeting_failed":
                raise Refusal(tell.facts["code"])
            if tell is not None and tell.what == "meeting_compare":
                await self._person.tell(tell.what, **tell.facts)
                await self._confirm(self._engine, self._person)
            elif tell is not None and tell.what == "meeting_kept":
                return await self._end(dict(tell.facts))
            elif tell is None and self._awaits_scan():
                await self._take(await self._scanned())
            elif tell is None:
                await self._look()

    def _last(self) -> bytes:
        """What the last meeting by codes alone ended with, while the other may still have to scan it."""
        return self._engine.device.screen.at(self._engine.clock()).last

    async def _end(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Say what was kept before the owner is asked for anything: whoever leaves now has kept it all the same."""
        if self._last():
            await self._person.tell("meeting_last", name=kept["name"], role=kept["role"])
            await self._person.ask("shown", "Let the other device scan this; then press Enter")
        await self._person.tell("meeting_kept", name=kept["name"], role=kept["role"])
        return kept

    def _awaits_scan(self) -> bool:
        meeting = self._engine.device.meeting
        if meeting is None:
            return False
        return not meeting.relay or (meeting.side == 0 and meeting.stage is Stage.GREETING and not meeting.expect)

    async def _next(self) -> fx.Tell | None:
        """What the core told; none if it has nothing to say, at once where the next step is the owner's."""
        if not self._told.empty():
            return self._told.get_nowait()
        if self._awaits_scan():
            return None
        try:
            return await asyncio.wait_for(self._told.get(), self._every)
        except TimeoutError:
            return None

    async def _draw(self) -> None:
        if self._new and self._shown.content:
            await self._person.tell("codes", content=self._shown.content.hex())
        self._new = False

    async def _scanned(self) -> bytes:
        while True:
            answer = await self._person.ask("scanned", "What the other screen shows")
            try:
                return bytes.fromhex(answer)
            except ValueError:
                await self._person.tell("not_scanned", code="bad_scan")

    async def _take(self, content: bytes) -> None:
        try:
            await self._engine.do(ev.Scanned(content))
        except Refusal as refusal:
            if refusal.code not in AGAIN:
                raise
            await self._person.tell("not_scanned", code=refusal.code)

    async def hand(self, name: str) -> int:
        """Show every frame that waits for a neighbour, one after another; how many there were."""
        handed = 0
        while True:
            await self._engine.do(ev.ShowLetter(name))
            if not self._shown.content:
                return handed
            await self._draw()
            await self._person.ask("shown", "Let the other device scan this; then press Enter")
            handed += 1
            if self._shown.ref:
                await self._engine.do(ev.Stored(self._shown.ref))

    async def take(self, messages: list[str]) -> int:
        """Take in messages that were scanned already; how many were for us.

        Raises:
            Refusal: none was; the reason for the first.
            ShellError: `no_code`, there was none.
        """
        taken, refusals = 0, list[Refusal]()
        for message in messages:
            try:
                await self._engine.do(ev.Scanned(bytes.fromhex(message)))
                taken += 1
            except Refusal as refusal:
                refusals.append(refusal)
                await self._person.tell("not_scanned", code=refusal.code)
        if not messages:
            raise ShellError("no_code")
        if not taken:
            raise refusals[0]
        while not self._told.empty():
            tell = self._told.get_nowait()
            await self._person.tell(tell.what, **tell.facts)
        await self._draw()
        return taken
