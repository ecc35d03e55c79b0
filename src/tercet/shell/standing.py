"""The understudy at work: while the notebook's side is open, the device's beat goes on.

Does        steps the understudy, saves it beside the book, then acts, each operation at its own moment and connection.
Does not    say a word, whatever fails.
Spec        spec/75-understudy.md
Always      1. Nothing leaves before the area that knows of it is saved.
Read first  beat_on().
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.beat import draw_span, reads_at
from tercet.core.passes import WeekPass, dressed
from tercet.core.understudy import pack, step, unpack
from tercet.drop import Ack
from tercet.shell.engine import put_item, read_box
from tercet.shell.relays import Relays


class Kept(Protocol):
    """Where the understudy lies: the notebook's side of a vault."""

    @property
    def area(self) -> bytes:
        """32,768 bytes, as last saved."""

    async def keep_area(self, area: bytes) -> None:
        """Save another one."""


class Standing:
    """One understudy at work.

    Args:
        side: where it is kept.
        relays: where to ask.
        clock: whole seconds since 1970, UTC.
        chance: gives that many random bytes.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        side: Kept,
        relays: Relays,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._side, self._relays = side, relays
        self._clock, self._chance, self._sleep = clock, chance, sleep
        self._lock = asyncio.Lock()
        self._later: set[asyncio.Task[None]] = set()
        self._passes: tuple[WeekPass, ...] = ()
        relays.dress = lambda relay: dressed(relay, self._passes, clock())

    async def beat_on(self, pace: float) -> None:
        """Beat every `pace` seconds on average, as the device did, until cancelled; silent where there is none."""
        try:
            while True:
                span = draw_span(pace, self._chance)
                await self._do(ev.Beat(span, reads_at(pace)), self._relays)
                await self._sleep(span)
        finally:
            for task in self._later:
                task.cancel()
            await asyncio.gather(*self._later, return_exceptions=True)
            await self._relays.close()

    async def _do(self, event: ev.Event, at: Relays) -> None:
        """One step, saved and acted upon."""
        async with self._lock:
            state = unpack(self._side.area)
            if state is None:
                return
            self._passes = state.passes
            after, effects = step(state, event, self._clock(), self._chance)
            if after != state or any(isinstance(effect, fx.AckItem) for effect in effects):
                await self._side.keep_area(pack(after, self._chance))  # as a device does before it acknowledges
        for effect in effects:
            if isinstance(effect, fx.AckItem):
                await at.ask(effect.relay, Ack(effect.ack, effect.name))
            elif isinstance(effect, fx.PutItem | fx.ReadBox):
                task = asyncio.create_task(self._act_later(effect))
                self._later.add(task)
                task.add_done_callback(self._later.discard)

    async def _act_later(self, effect: fx.PutItem | fx.ReadBox) -> None:
        await self._sleep(effect.after)
        alone = self._relays.alone()
        try:
            if isinstance(effect, fx.PutItem):
                await put_item(effect.ref, effect.places, effect.item, alone)
            else:
                for event in await read_box(effect, alone):
                    await self._do(event, alone)
        finally:
            await alone.close()
