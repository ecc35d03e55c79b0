"""A channel: numbered letters one way, cumulative acknowledgement the other.

Does        numbers what we say, delivers what they say once and in order, keeps what is not acknowledged.
Does not    seal: a relation adds the ratchet, a conversation only the outer key.
Spec        spec/40-letters.md, 3
Always      1. A letter stays until it is acknowledged.  2. No number is delivered twice or out of order.
Read first  Channel, accept().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.chain import DayChain
from tercet.core.days import DAY, day_of
from tercet.core.fields import Number, Seconds, Version1

EARLY_LETTERS: Final = 32  # how many letters ahead of a missing one are kept; the rest come again
RESEAL_AFTER: Final = DAY  # seconds; content without acknowledgement is sealed afresh after this long
SIGN_OF_LIFE: Final = DAY // 2  # seconds; an empty letter goes out when nothing else did for this long


class Letter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What travels: the padded content of a frame, beneath the seals.

    Attributes:
        version: 1.
        number: 1, 2, 3…; 0 for an empty letter, which only acknowledges.
        ack: number of the last letter that the writer received in order.
        written: the writer's clock when it was sealed, seconds since 1970, UTC.
        kind: what the body is (`Kind` of the letters' spec).
        body: up to what fits.
    """

    version: Version1
    number: Number
    ack: Number
    written: Seconds
    kind: Annotated[int, msgspec.Meta(ge=0, le=255)]
    body: Annotated[bytes, msgspec.Meta(max_length=4096)]


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """One of our letters that is not acknowledged yet.

    Attributes:
        number: its number.
        kind: what the body is.
        body: plain; it is sealed afresh each time.
        sealed: when it was last sealed, seconds; 0 for never.
    """

    number: int
    kind: int
    body: bytes
    sealed: int


class Channel(msgspec.Struct, frozen=True, array_like=True):
    """Both directions of one relation or conversation.

    Attributes:
        chain: the day chain that boxes and outer keys come from.
        side: 0 or 1, the direction in which we write.
        sent: number of the last letter we wrote.
        received: number of the last letter delivered.
        waiting: ours, not acknowledged, in order.
        early: theirs, arrived before one that is missing.
        owes: whether something came that we have not acknowledged yet.
        spoke: when we last sealed anything, seconds; 0 for never.
        heard: when something authentic last came, seconds by our clock; 0 for never.
    """

    chain: DayChain
    side: int
    sent: int = 0
    received: int = 0
    waiting: tuple[Waiting, ...] = ()
    early: tuple[Letter, ...] = ()
    owes: bool = False
    spoke: int = 0
    heard: int = 0


def write(channel: Channel, kind: int, body: bytes) -> Channel:
    """The channel with one more letter of ours to send."""
    number = channel.sent + 1
    letter = Waiting(number, kind, body, 0)
    return msgspec.structs.replace(channel, sent=number, waiting=(*channel.waiting, letter))


def due(channel: Channel, now: int) -> Waiting | None:
    """The first of our letters that wants sealing now, or none."""
    for letter in channel.waiting:
        if letter.sealed == 0 or abs(now - letter.sealed) >= RESEAL_AFTER:
            return letter
    return None


def wants_empty(channel: Channel, now: int) -> bool:
    """Whether an empty letter is due: an acknowledgement owed, or a sign of life."""
    return channel.owes or abs(now - channel.spoke) >= SIGN_OF_LIFE


def stamp(channel: Channel, letter: Waiting | None, now: int) -> tuple[Channel, Letter]:
    """The letter to seal now (an empty one for none), and the channel that remembers it was."""
    if letter is None:
        out = Letter(1, 0, channel.received, now, 0, b"")
        waiting = channel.waiting
    else:
        out = Letter(1, letter.number, channel.received, now, letter.kind, letter.body)
        again = msgspec.structs.replace(letter, sealed=now)
        waiting = tuple(again if w.number == letter.number else w for w in channel.waiting)
    return msgspec.structs.replace(channel, waiting=waiting, owes=False, spoke=now), out


def accept(channel: Channel, letter: Letter, now: int) -> tuple[Channel, tuple[Letter, ...]]:
    """Take in an authentic letter of theirs.

    Args:
        channel: the state before.
        letter: opened and well formed.
        now: our clock, seconds.

    Returns:
        The channel after, and the letters to deliver, in order: none for a duplicate, an empty one or one
        that came early; several when it fills a gap.

    Source: spec/40-letters.md, 3.
    """
    waiting = tuple(w for w in channel.waiting if w.number > letter.ack or w.sealed == 0)
    channel = msgspec.structs.replace(channel, waiting=waiting, heard=now)
    if letter.number == 0:
        return channel, ()
    channel = msgspec.structs.replace(channel, owes=True)
    if letter.number <= channel.received or any(e.number == letter.number for e in channel.early):
        return channel, ()
    if letter.number > channel.received + EARLY_LETTERS:
        return channel, ()
    early = sorted((*channel.early, letter), key=lambda e: e.number)
    delivered: list[Letter] = []
    received = channel.received
    while early and early[0].number == received + 1:
        delivered.append(early.pop(0))
        received += 1
    return msgspec.structs.replace(channel, received=received, early=tuple(early)), tuple(delivered)


def forget_days(channel: Channel, drained: int, confirmed: int, late_days: int) -> Channel:
    """Erase the root of a day whose boxes were read to the end once their late days had passed.

    Args:
        channel: the state before.
        drained: the day whose box was just read to its end.
        confirmed: the day that both our clock and an authentic message say has begun.
        late_days: how long boxes are read after their day.
    """
    if drained == channel.chain.day and confirmed > drained + late_days:
        return msgspec.structs.replace(channel, chain=channel.chain.since(drained + 1))
    return channel


def days_to_read(channel: Channel, now: int, late: bool) -> tuple[int, ...]:
    """The days whose boxes are to be read: around today, and with `late` all since the oldest kept."""
    today = day_of(now)
    first = channel.chain.day if late else max(channel.chain.day, today - 1)
    return tuple(range(first, max(today + 2, channel.chain.day + 1)))
