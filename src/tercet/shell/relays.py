"""The relays a device talks to: one drop for each address, opened when first needed.

Does        carries single operations to the relay they belong to; remembers which relay is in trouble.
Does not    batch operations of different boxes together: that would link them for the relay.
Spec        spec/10-drop.md
Always      1. A relay that cannot be trusted or reached is left alone for a while, never replaced by another way.
Read first  Relays.ask().
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tercet.drop import Answer, Drop, DropFailure, Op

PAUSE = 5.0  # seconds; how long a relay that failed is not asked again


class Relays:
    """Drops by address.

    Args:
        open_drop: makes the drop for an address; raises DropFailure for one that is no address.
        monotonic: a clock that only counts, seconds.

    Attributes:
        troubles: address to its last failure; gone when it answers again.
    """

    def __init__(self, open_drop: Callable[[str], Drop], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._open_drop = open_drop
        self._monotonic = monotonic
        self._drops: dict[str, Drop] = {}
        self._rest: dict[str, float] = {}
        self._clocks: list[int] = []
        self.troubles: dict[str, DropFailure] = {}

    async def ask(self, relay: str, op: Op) -> Answer | None:
        """Carry one operation to a relay; none if it failed just now or a moment ago."""
        if self._monotonic() < self._rest.get(relay, 0.0):
            return None
        drop = self._drops.get(relay)
        fresh = drop is None
        try:
            if drop is None:
                drop = self._drops[relay] = self._open_drop(relay)
            (answer,) = await drop.perform([op])
        except DropFailure as failure:
            self.troubles[relay] = failure
            self._rest[relay] = self._monotonic() + PAUSE
            if drop is not None:
                await self._hang_up(relay, drop)
            return None
        self.troubles.pop(relay, None)
        said = getattr(drop, "relay_clock", None) if fresh else None
        if said is not None:
            self._clocks.append(said)
        return answer

    def clocks_said(self) -> list[int]:
        """What relays newly connected to said the time is, seconds; each is given once."""
        said, self._clocks = self._clocks, []
        return said

    async def close(self) -> None:
        """Hang up everywhere."""
        for relay, drop in tuple(self._drops.items()):
            await self._hang_up(relay, drop)

    async def _hang_up(self, relay: str, drop: Drop) -> None:
        """Close a drop; one opened since, at the same address, stays."""
        if self._drops.get(relay) is drop:
            del self._drops[relay]
        await drop.close()
