"""A turn: the device as it changes while one event is worked through, and the effects it collects.

Does        carries state, clock and chance through the parts of a step.
Does not    outlive the step.
Spec        spec/00-overview.md, 5
Always      1. The device that came in is never changed: a failed step leaves no trace.
Read first  Turn.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tercet.core.chain import DayChain
from tercet.core.channel import Channel, Letter, Waiting, days_to_read, due, wants_empty
from tercet.core.days import day_of
from tercet.core.effects import Effect, PutItem, ReadBox, Tell
from tercet.core.events import Query
from tercet.core.state import Device, Outgoing
from tercet.sealing import Box, digest

Chance = Callable[[int], bytes]
FRAMES_A_READ = 16  # frames asked for at once
LATE_EVERY = 8  # beats between two looks into the late boxes


class Turn:
    """One step at work.

    Attributes:
        device: the state as far as it has come.
        now: the shell's clock, seconds.
        chance: randomness.
        effects: orders collected so far.
    """

    def __init__(self, device: Device, now: int, chance: Chance) -> None:
        self.device = device
        self.now = now
        self.chance = chance
        self.effects: list[Effect] = []

    @property
    def today(self) -> int:
        """Our day."""
        return day_of(self.now)

    @property
    def late(self) -> bool:
        """Whether this beat also reads late boxes."""
        return self.device.beats % LATE_EVERY == 0

    def change(self, **fields: object) -> None:
        """Replace fields of the device."""
        self.device = msgspec.structs.replace(self.device, **fields)

    def order(self, effect: Effect) -> None:
        """Collect an effect."""
        self.effects.append(effect)

    def tell(self, what: str, **facts: str) -> None:
        """Let the owner know."""
        self.order(Tell(what, facts))

    def confirm(self, seconds: int) -> None:
        """An authentic message was written at `seconds`: with our clock it may confirm that a day has begun."""
        day = min(day_of(seconds), self.today)
        if day > self.device.confirmed:
            self.change(confirmed=day)

    def send(self, owner: bytes, box: bytes, item: bytes, turn: int = 0, relay: str = "", day: int = 0) -> None:
        """Put a sealed frame into the outbox; it goes out now, and again at each beat until it is stored."""
        out = Outgoing(digest(item)[:16], owner, box, item, turn, relay, day)
        self.change(outbox=(*self.device.outbox, out))
        self.put(out)

    def put(self, out: Outgoing) -> None:
        """Order a frame of the outbox to be put."""
        relays = (out.relay,) if out.relay else self.device.order(out.turn)
        self.order(PutItem(out.ref, out.box, out.item, relays))

    def waits(self, owner: bytes) -> bool:
        """Whether a frame of a relation or conversation is still in the outbox."""
        return any(o.owner == owner for o in self.device.outbox)

    def letter_due(self, owner: bytes, channel: Channel) -> tuple[bool, Waiting | None]:
        """Whether to seal something for a channel now, and which letter; none means an empty one."""
        if self.waits(owner):
            return False, None
        letter = due(channel, self.now)
        return letter is not None or wants_empty(channel, self.now), letter

    def day_to_write(self, chain: DayChain) -> int:
        """Today, or the first day of a chain that begins later by the other's clock."""
        return max(self.today, chain.day)

    def read(self, query: Query, where: Box, turn: int, limit: int = FRAMES_A_READ) -> None:
        """Order a box of frames to be read at the relay it belongs to and at the one after it."""
        self.order(ReadBox(query, where.read, self.device.order(turn)[:2], limit=limit))

    def days(self, channel: Channel) -> tuple[int, ...]:
        """The days whose boxes this beat reads."""
        return days_to_read(channel, self.now, self.late)


def words(letter: Letter) -> str:
    """The text of a letter; bytes that are no text are shown as such, never raised."""
    return letter.body.decode("utf-8", errors="replace")
