"""A channel: numbered letters one way, cumulative acknowledgement the other.

Does        names what letters are; numbers ours, delivers theirs once and in order, keeps what is not acknowledged.
Does not    seal, or know where frames lie.
Spec        spec/40-letters.md, 3
Always      1. A letter stays until it is acknowledged, or lapsed.  2. No number is delivered twice or out of order.
Read first  Channel, accept().
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Annotated, Final

import msgspec

from tercet.core.days import DAY
from tercet.core.errors import Refusal
from tercet.core.fields import Number, Seconds, Version1

WINDOW: Final = 32  # letters under way at once: fewer than the 40 message keys that Olm keeps for late ones
EARLY_BYTES: Final = 8_192  # of letters ahead of a missing one that are kept; the rest come again
WAITING_LETTERS: Final = 100  # of ours without acknowledgement; the owner then has to wait
WAITING_BYTES: Final = 49_152  # of their text
RESEAL_AFTER: Final = DAY  # seconds; content without acknowledgement is sealed afresh after this long,
RESEAL_EVEN: Final = 3  # so many times: each a day's box of its own within the late days,
RESEAL_HEARD: Final = 14  # so many while the other is heard, and so alive,
RESEAL_DOUBLINGS: Final = 4  # then after two, four, eight, sixteen days: Olm bridges a gap of 2,000 messages
AWAY_AFTER: Final = 2 * DAY  # seconds; who was not heard for so long and is back gets everything sealed afresh,
AWAY_MOST: Final = 3  # but no letter more often than that: a relay can have somebody come back every two days
SIGN_OF_LIFE: Final = DAY // 2  # seconds; an empty letter goes out when nothing else did for this long


class LetterKind(IntEnum):
    """What the body of a letter is, in relations and conversations."""

    EMPTY = 0
    TEXT = 1
    RECEIPT = 2
    MEDIA_RECEIVED = 3
    MEDIA_BROKEN = 4
    RESEND = 5
    MEDIA_WITHDRAWN = 6
    MIX = 7
    MIX_BACK = 8
    INTRODUCE = 9
    INTRO_FRAME = 10
    WELCOME = 11
    ALARM = 12
    SHARE = 13
    ASK = 14
    BURN = 15
    PAIR = 16
    COMMIT = 17
    ADOPT = 18
    HERE = 19
    NEED = 20
    PERMITS = 21
    REQUEST = 22
    TOKENS = 23
    HEAD = 24
    PASSES = 25


class Letter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What travels: the padded content of a frame, beneath the seals.

    Attributes:
        version: 1.
        number: 1, 2, 3…; 0 for an empty letter, which only acknowledges.
        ack: number of the last letter that the writer received in order.
        first: number of the oldest letter that the writer still keeps, or the next it will write: those
            before it will not come any more.
        written: the writer's clock when it was sealed, seconds since 1970, UTC.
        kind: what the body is (`LetterKind`).
        body: up to what fits.
    """

    version: Version1
    number: Number
    ack: Number
    first: Number
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
        times: how often it was sealed, since the other last came back.
        backs: how often the other came back while it waited, and it was sealed as if anew.
    """

    number: int
    kind: int
    body: bytes
    sealed: int
    times: int = 0
    backs: int = 0


class Channel(msgspec.Struct, frozen=True, array_like=True):
    """Both directions of one relation or conversation.

    Attributes:
        sent: number of the last letter we wrote.
        received: number of the last letter delivered.
        waiting: ours, not acknowledged, in order.
        early: theirs, arrived before one that is missing.
        owes: whether something came that we have not acknowledged yet.
        spoke: when we last sealed anything, seconds; 0 for never.
        heard: when the newest authentic frame was written, by their clock and not after ours; 0 for never.
            A replayed frame does not make a silent neighbour look alive.
    """

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


def rewrite(channel: Channel, number: int, body: bytes) -> Channel:
    """The channel with another body in one of our letters, which was never sealed yet."""
    waiting = tuple(
        msgspec.structs.replace(w, body=body) if w.number == number and not w.times else w for w in channel.waiting
    )
    return msgspec.structs.replace(channel, waiting=waiting)


def without(channel: Channel, lapsed: Callable[[Waiting], bool]) -> Channel:
    """The channel without those of our letters that say nothing any more; the reader passes over their numbers."""
    kept = tuple(w for w in channel.waiting if not lapsed(w))
    return channel if kept == channel.waiting else msgspec.structs.replace(channel, waiting=kept)


def check_room(channel: Channel, body: bytes) -> None:
    """Whether the owner may write one more letter here.

    Raises:
        Refusal: `too_much_waiting`, more letters wait than the device keeps.
    """
    held = sum(len(w.body) for w in channel.waiting) + len(body)
    if len(channel.waiting) >= WAITING_LETTERS or held > WAITING_BYTES:
        raise Refusal("too_much_waiting")


def due(channel: Channel, now: int) -> Waiting | None:
    """Of our letters under way that want sealing now the one sealed longest ago, or never; none if none does.

    The oldest decides how long all wait to be sealed afresh, and each has its turn, so that between two sealings
    of one letter every other one is sealed about once and Olm still has its keys. Whoever can put a letter less
    often than one wants sealing afresh still says the next ones.
    """
    if not channel.waiting:
        return None
    even = RESEAL_HEARD if abs(now - channel.heard) < AWAY_AFTER else RESEAL_EVEN
    doublings = min(max(channel.waiting[0].times - even, 0), RESEAL_DOUBLINGS)
    patience = RESEAL_AFTER << doublings
    return _stalest([w for w in channel.waiting[:WINDOW] if w.times == 0 or abs(now - w.sealed) >= patience], now)


def unsaid(channel: Channel) -> bool:
    """Whether a letter under way was never sealed yet."""
    return any(w.times == 0 for w in channel.waiting[:WINDOW])


def stalest(channel: Channel, now: int) -> Waiting | None:
    """Of our letters under way the one sealed longest ago, or never: what the next word or answer carries.

    However often the oldest was lost, it comes again in its turn. A moment after `now` counts as never;
    of those sealed at one moment, as far as it is remembered, the one sealed least often goes first.
    """
    return _stalest(channel.waiting[:WINDOW], now)


def _stalest(waiting: Sequence[Waiting], now: int) -> Waiting | None:
    return min(waiting, key=lambda w: (w.sealed if w.sealed <= now else 0, w.times, w.number), default=None)


def wants_empty(channel: Channel, now: int) -> bool:
    """Whether an empty letter is due: an acknowledgement owed, or a sign of life."""
    return channel.owes or abs(now - channel.spoke) >= SIGN_OF_LIFE


def stamp(channel: Channel, letter: Waiting | None, now: int) -> tuple[Channel, Letter]:
    """The letter to seal now (an empty one for none), and the channel that remembers it was."""
    first = channel.waiting[0].number if channel.waiting else channel.sent + 1
    if letter is None:
        out = Letter(1, 0, channel.received, first, now, 0, b"")
        waiting = channel.waiting
    else:
        out = Letter(1, letter.number, channel.received, first, now, letter.kind, letter.body)
        again = msgspec.structs.replace(letter, sealed=now, times=min(letter.times + 1, 255))
        waiting = tuple(again if w.number == letter.number else w for w in channel.waiting)
    return msgspec.structs.replace(channel, waiting=waiting, owes=False, spoke=now), out


def accept(
    channel: Channel, letter: Letter, now: int, early_bytes: int = EARLY_BYTES
) -> tuple[Channel, tuple[Letter, ...]]:
    """Take in an authentic letter of theirs.

    Args:
        channel: the state before.
        letter: opened and well formed.
        now: our clock, seconds.
        early_bytes: how much to keep of letters that came ahead of a missing one.

    Returns:
        The channel after, and the letters to deliver, in order: none for a duplicate, an empty one or one
        that came early; several when it fills a gap.

    Source: spec/40-letters.md, 3.
    """
    waiting = tuple(w for w in channel.waiting if w.number > letter.ack or w.times == 0)
    heard = max(channel.heard, min(now, letter.written))
    if heard - channel.heard >= AWAY_AFTER:
        waiting = tuple(_due_at_once(w) for w in waiting)
    passed = max(channel.received, letter.first - 1)
    known = {e.number for e in channel.early}
    early = list(channel.early)
    if channel.received < letter.number <= passed + WINDOW and letter.number not in known:
        early = sorted((*early, letter), key=lambda e: e.number)
    delivered: list[Letter] = []
    received = channel.received
    while early and early[0].number <= max(received, passed) + 1:
        delivered.append(early.pop(0))
        received = delivered[-1].number
    received = max(received, passed)
    while sum(len(e.body) for e in early) > early_bytes:
        early.pop()
    after = msgspec.structs.replace(
        channel,
        waiting=waiting,
        heard=heard,
        owes=channel.owes or letter.number > 0,
        received=received,
        early=tuple(early),
    )
    return after, tuple(delivered)


def _due_at_once(waiting: Waiting) -> Waiting:
    """A letter as if it had been sealed once, a day earlier than it was; one that was never sealed stays so."""
    if waiting.backs >= AWAY_MOST or not waiting.times:
        return waiting
    sealed = max(waiting.sealed - RESEAL_AFTER, 0)
    return msgspec.structs.replace(waiting, sealed=sealed, times=1, backs=waiting.backs + 1)


def hear(channel: Channel, letter: Letter, now: int) -> Channel:
    """Take in only what a letter acknowledges: there is no room for the letter itself, which stays at the relay."""
    return accept(channel, msgspec.structs.replace(letter, number=0, first=0), now)[0]


def is_used(before: Channel, after: Channel) -> bool:
    """Whether a letter that was taken in brought something new, if only ahead of a missing one, or acknowledged."""
    brought = (after.received, after.early) != (before.received, before.early)
    return brought or len(after.waiting) < len(before.waiting)


def skip_numbers(channel: Channel, count: int) -> Channel:
    """The channel after a vault went back one step: numbers that the lost step may have used stay unused."""
    return msgspec.structs.replace(channel, sent=channel.sent + count)


def as_sealed(channel: Channel, kind: int) -> Channel:
    """The channel after a vault went back one step, which may have sealed any letter: none of a kind is written anew.

    Who read such a letter passes over whatever else comes under its number.
    """
    waiting = tuple(msgspec.structs.replace(w, times=max(w.times, 1)) if w.kind == kind else w for w in channel.waiting)
    return msgspec.structs.replace(channel, waiting=waiting)
