"""Where a device puts and reads: relays, one drop for each address; or a stick, one folder for each.

Does        carries single operations to the relay they belong to; remembers which relay is in trouble.
Does not    batch operations of different boxes together: that would link them for the relay.
Spec        spec/10-drop.md
Always      1. A relay that cannot be trusted or reached is left alone for a while, never replaced by another way.
Read first  Relays.ask().
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from tercet.core.effects import PutBlock, ReadChunk
from tercet.drop import (
    FRAME,
    REFUSAL_HINTS,
    SECRET,
    Ack,
    Answer,
    Drop,
    DropFailure,
    FolderStore,
    Op,
    Post,
    Put,
    Refusal,
    Refused,
    Stick,
    Stored,
    id_of_read,
    name_of,
    read_of_ack,
)

PAUSE = 5.0  # seconds; how long a relay that failed is not asked again
WHOLE: Final = (
    "The relay takes nothing without its pass: type its whole address, "
    "the last part (the pass) too, or ask for today's; a code that was not used still holds."
)


async def try_pass(drop: Drop, chance: Callable[[int], bytes], hint: str = WHOLE) -> None:
    """See whether a relay takes items from whoever has this address, pass or none.

    Lays a frame of noise into a box of nobody's and takes it away again: only so does a relay say that a pass is its.

    Raises:
        DropFailure: `no_pass`, with this hint; the relay cannot be used.
    """
    ack, noise = chance(SECRET), chance(FRAME)
    laid, *_ = await drop.perform([Put(id_of_read(read_of_ack(ack)), noise), Ack(ack, name_of(noise))])
    if laid == Refused(Refusal.NO_PASS):
        raise DropFailure(Refusal.NO_PASS, hint)


class Places(Protocol):
    """Where operations are carried out.

    Attributes:
        carried: whether what is put here still has to be carried to its relay.
    """

    carried: bool

    async def ask(self, relay: str, op: Op) -> Answer | None:
        """Carry out one operation for a relay; none if that is not possible now."""

    def down(self, relay: str) -> bool:
        """Whether the relay did not answer when it was last asked."""

    def move(self, effect: PutBlock | ReadChunk) -> None:
        """Note a step of a media send, where those are not queued."""


class Relays:
    """Drops by address.

    Args:
        open_drop: makes the drop for an address; raises DropFailure for one that is no address.
        monotonic: a clock that only counts, seconds.

    Attributes:
        troubles: address to its last failure; gone when it answers again.
        refusals: address to why it took nothing when last asked to, and as whom; gone when it takes something.
        dress: gives an address the pass that counts now; it stays the same relay, and is called by its own address.
    """

    def __init__(self, open_drop: Callable[[str], Drop], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._open_drop = open_drop
        self._monotonic = monotonic
        self._drops: dict[str, Drop] = {}
        self._rest: dict[str, float] = {}
        self._clocks: list[int] = []
        self.troubles: dict[str, DropFailure] = {}
        self.refusals: dict[str, tuple[DropFailure, str]] = {}
        self.carried = False
        self.dress: Callable[[str], str] = lambda address: address

    def alone(self) -> Relays:
        """The same relays over connections of their own; troubles, refusals and clocks are shared."""
        other = Relays(self._open_drop, self._monotonic)
        other._rest, other._clocks = self._rest, self._clocks
        other.troubles, other.refusals = self.troubles, self.refusals
        other.dress = self.dress
        return other

    def complaints(self) -> dict[str, DropFailure]:
        """What an owner should know: relays that do not answer, and relays that answer but take nothing."""
        refused = {relay: why for relay, (why, worn) in self.refusals.items() if self.dress(relay) == worn}
        return refused | self.troubles

    @property
    def dressed_anew(self) -> bool:
        """Whether a relay was last asked to take something with another pass than counts now, and took nothing.

        So it is while a newcomer reads the board: of the pass on its card nothing is said there at first.
        """
        return any(self.dress(relay) != worn for relay, (_, worn) in self.refusals.items())

    def down(self, relay: str) -> bool:
        """See `Places.down`."""
        return relay in self.troubles

    def move(self, effect: PutBlock | ReadChunk) -> None:
        """See `Places.move`; an engine queues them itself."""

    async def ask(self, relay: str, op: Op) -> Answer | None:
        """Carry one operation to a relay; none if it failed just now or a moment ago."""
        if self._monotonic() < self._rest.get(relay, 0.0):
            return None
        at = self.dress(relay)
        drop = self._drops.get(at)
        fresh = drop is None
        try:
            if drop is None:
                drop = self._drops[at] = self._open_drop(at)
            (answer,) = await drop.perform([op])
        except DropFailure as failure:
            self.troubles[relay] = failure
            self._rest[relay] = self._monotonic() + PAUSE
            if drop is not None:
                await self._hang_up(at, drop)
            return None
        self.troubles.pop(relay, None)
        if isinstance(op, Put | Post):
            self.refusals.pop(relay, None)
            if isinstance(answer, Refused):
                self.refusals[relay] = DropFailure(answer.code, REFUSAL_HINTS[Refusal(answer.code)]), at
        said = getattr(drop, "relay_clock", None) if fresh else None
        if said is not None:
            self._clocks.append(said)
        return answer

    def clocks_said(self) -> list[int]:
        """What relays newly connected to said the time is, seconds; each is given once."""
        said = list(self._clocks)
        self._clocks.clear()
        return said

    def drop(self, relay: str) -> Drop:
        """A drop of its own for an address; whoever asks for it closes it. Raises DropFailure: `bad_address`."""
        return self._open_drop(relay)

    async def try_pass(self, relay: str, chance: Callable[[int], bytes]) -> None:
        """See whether a relay takes items from whoever has this address, over a connection of its own.

        Raises:
            DropFailure: `no_pass`, `bad_address`; the relay cannot be used.
        """
        drop = self.drop(self.dress(relay))
        try:
            await try_pass(drop, chance)
        finally:
            await drop.close()

    async def close(self) -> None:
        """Hang up everywhere."""
        for relay, drop in tuple(self._drops.items()):
            await self._hang_up(relay, drop)

    async def _hang_up(self, relay: str, drop: Drop) -> None:
        """Close a drop; one opened since, at the same address, stays."""
        if self._drops.get(relay) is drop:
            del self._drops[relay]
        await drop.close()


class OnStick:
    """A stick in place of the relays.

    Args:
        stick: for each relay, a folder.
        clock: whole seconds since 1970, UTC.

    Attributes:
        put: items laid, at one place or at several.
        refused: items that the stick did not take; it is full.
        steps: of media sends, that wait to be done.
    """

    def __init__(self, stick: Stick, clock: Callable[[], int]) -> None:
        self._stick = stick
        self._clock = clock
        self._folders: dict[str, FolderStore] = {}
        self.carried = True
        self.put = 0
        self.refused = 0
        self.steps: list[PutBlock | ReadChunk] = []

    def down(self, relay: str) -> bool:
        """See `Places.down`: whoever carries a stick may reach any relay."""
        return False

    def move(self, effect: PutBlock | ReadChunk) -> None:
        """See `Places.move`."""
        self.steps.append(effect)

    async def ask(self, relay: str, op: Op) -> Answer | None:
        """See `Places.ask`.

        Raises:
            DropFailure: the stick is gone or cannot be used.
        """
        (answer,) = await asyncio.to_thread(self._apply, relay, op)
        if isinstance(op, Put):
            self.put += isinstance(answer, Stored)
            self.refused += isinstance(answer, Refused)
        return answer

    def _apply(self, relay: str, op: Op) -> list[Answer]:
        folder = self._folders.get(relay)
        if folder is None:
            folder = self._folders[relay] = self._stick.at(relay)
        return folder.apply([op], self._clock())
