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

from tercet.core.chain import DayChain, Lane
from tercet.core.days import DAY, day_of, week_of
from tercet.core.effects import AckItem, Effect, PutItem, ReadBox, Tell
from tercet.core.events import Arrived, Query
from tercet.core.relation import Relation, days_to_read
from tercet.core.state import OUTBOX_MOST, Device, Outgoing, save
from tercet.sealing import Box, digest

Chance = Callable[[int], bytes]
FRAMES_A_READ = 16  # frames asked for at once
ROUNDS_A_BEAT = 64  # how often a box that has more is read on; a relay that lies cannot keep us at it for ever
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
    def sure(self) -> int:
        """The latest moment that is not our clock's word alone: it never runs past the confirmed day."""
        return min(self.now, (self.device.confirmed + 1) * DAY)

    @property
    def first_week(self) -> int:
        """The first week that is not surely over: what is of one before it serves nobody."""
        return week_of(day_of(self.sure))

    def roomy(self, most: int) -> bool:
        """Whether the whole state still takes fewer than `most` bytes."""
        return len(save(self.device)) < most

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

    def send(self, relay: str, box: bytes, item: bytes) -> None:
        """Put a meeting's frame (4,096 bytes) into the outbox; it goes out now, and again until it is stored."""
        out = Outgoing(digest(item)[:16], relay, box, item, self.today)
        self.change(outbox=(*self.device.outbox, out)[-OUTBOX_MOST:])
        self.put(out)

    def put(self, out: Outgoing) -> None:
        """Order a frame of the outbox to be put."""
        self.order(PutItem(out.ref, ((out.relay, out.box),), out.item))

    def day_to_write(self, chain: DayChain) -> int:
        """Today, or the first day of a chain that begins later by the other's clock."""
        return max(self.today, chain.day)

    def read(self, query: Query, where: Lane, limit: int = FRAMES_A_READ) -> None:
        """Order both boxes of a lane to be read, each at its relay."""
        for place, (relay, box) in enumerate(zip(self.device.order(where.turn), where.boxes, strict=False)):
            self.order(ReadBox(msgspec.structs.replace(query, place=place), box.read, relay, limit=limit))

    def acknowledge(self, where: Box, item: bytes, relay: str) -> None:
        """Order an item to be forgotten where it was read."""
        self.order(AckItem(where.ack, digest(item), relay))

    def read_on(self, event: Arrived, where: Box, limit: int = FRAMES_A_READ) -> None:
        """Read a box once more if the relay said that it holds more, and all of what came was let go.

        What was left there for want of room would only come again.
        """
        let_go = sum(isinstance(e, AckItem) and e.ack == where.ack and e.relay == event.relay for e in self.effects)
        again = event.query.round < ROUNDS_A_BEAT and not event.query.alone
        if event.more and 0 < len(event.items) <= let_go and again:
            query = msgspec.structs.replace(event.query, round=event.query.round + 1)
            self.order(ReadBox(query, where.read, event.relay, limit=limit))

    def days(self, relation: Relation) -> tuple[int, ...]:
        """The days whose boxes are read when everything is."""
        return days_to_read(relation, self.now, self.late)
