"""Carrying items between sticks, relays and stores, without any key.

Does        visit a relay with a stick, both ways; hand on from stick to stick; move what lies in a store.
Does not    open, read or choose: a carrier knows box ids and sizes, no more.
Spec        spec/10-drop.md, 9
Always      1. Nothing is removed where it lay before it is durable where it goes.  2. Killed anywhere and begun
            again, it ends the same.  3. One operation a request: what is carried is not tied together by it.
            4. A relay is shown only what the stick holds for that relay.
Read first  `carry`, then `visit`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tercet.drop.address import SCHEME, RelayAddress
from tercet.drop.client import RelayClient
from tercet.drop.disk import LOCK, DiskStore
from tercet.drop.folder import MOST_HANDED, MOST_SHOWN, FolderStore, Want
from tercet.drop.local import Drop
from tercet.drop.memory import Store, acked_box
from tercet.drop.ops import (
    BOX_BLOCKS,
    BOX_FRAMES,
    DAY,
    FRAME,
    Ack,
    Acked,
    Answer,
    DropFailure,
    Items,
    Op,
    Put,
    Read,
    Refusal,
    Refused,
    Stored,
    id_of_read,
    name_of,
)
from tercet.drop.stick import Stick

AT_ONCE = 16  # requests under way at a relay
READ_AT_ONCE = 16  # frames asked for in one read

_NO_PLACE = "There is no folder of that name: look whether the stick is in; a relay's address begins with tercet:."

_Entry = tuple[bytes, bool, bytes]  # a box's id, whether it is posted, an item
_Place = tuple[bytes, bool, bytes]  # a box's id, whether it is posted, an item's name


@dataclass(frozen=True, slots=True)
class CarryReport:
    """What was carried: numbers only.

    Attributes:
        carried: items that were laid at the target and lie there.
        fetched: items that came from a relay onto the stick and were not on it before.
        acks: acks that the target has taken.
        board: items of the board that stay where they are: a relay takes them from the desk only.
        left: items, acks and wants that were refused and stay where they were.
        refused: how many of those, by code.
    """

    carried: int = 0
    fetched: int = 0
    acks: int = 0
    board: int = 0
    left: int = 0
    refused: dict[str, int] = field(default_factory=dict)


Progress = Callable[[CarryReport], None]


def wall_clock() -> int:
    """Return whole seconds since 1970, UTC."""
    return int(time.time())


class _Trip:
    """A way from one place to another. `report` is what came of it so far."""

    def __init__(self, keep: bool, now: int, progress: Progress | None) -> None:
        self.keep = keep
        self.now = now
        self._progress = progress
        self.report = CarryReport()

    async def ask(self, drop: Store | Drop, op: Op) -> Answer:
        if isinstance(drop, FolderStore) and isinstance(op, Ack):
            return drop.take_ack(op, self.now)
        if isinstance(drop, Store):
            return drop.apply([op], self.now)[0]
        return (await drop.perform([op]))[0]

    async def lay(self, drop: Store | Drop, box: bytes, posted: bool, item: bytes) -> bool:
        """Lay an item, and count it; True if it is durable there."""
        if isinstance(drop, Store):
            answer = drop.lay(box, posted, item, self.now)
        elif posted:
            self.count(board=1)
            return False
        else:
            answer = await self.ask(drop, Put(box, item))
        if isinstance(answer, Stored):
            self.count(carried=1)
            return True
        self.refused(answer)
        return False

    def refused(self, answer: Answer) -> None:
        """Count something that stays where it was."""
        code = answer.code if isinstance(answer, Refused) else Refusal.BAD_REQUEST  # no client passes on anything else
        sums = self.report.refused
        self.report = replace(self.report, refused={**sums, code: sums.get(code, 0) + 1})
        self.count(left=1)

    def overfull(self, *sticks: FolderStore) -> None:
        """Count each folder of which only a part was looked at."""
        for _ in (name for stick in sticks for name in stick.overfull()):
            self.refused(Refused(Refusal.DISK_FULL))

    def count(self, **more: int) -> None:
        sums = {name: getattr(self.report, name) + number for name, number in more.items()}
        self.report = replace(self.report, **sums)
        if self._progress is not None:
            self._progress(self.report)


async def _items_out(
    trip: _Trip,
    entries: Iterator[_Entry],
    target: Store | Drop,
    done: Callable[[bytes, bytes], None],
    there: Collection[_Place] = (),
) -> None:
    """Lay items at the target; `done` gets the box and the name of each that lies there, or does already (`there`)."""
    while some := [(*entry, name_of(entry[2])) for entry in islice(entries, AT_ONCE)]:
        going = [entry for entry in some if (entry[0], entry[1], entry[3]) not in there]
        durable = await asyncio.gather(*(trip.lay(target, box, posted, item) for box, posted, item, _ in going))
        laid = {(entry[0], entry[3]) for entry, well in zip(going, durable, strict=True) if well}
        for box, posted, _, name in some:
            if not trip.keep and ((box, name) in laid or (box, posted, name) in there):
                done(box, name)


async def _acks_out(trip: _Trip, source: FolderStore, target: Store | Drop) -> None:
    acks = iter(source.acks(trip.now))
    while some := list(islice(acks, AT_ONCE)):
        answers = await asyncio.gather(*(trip.ask(target, ack) for ack in some))
        for ack, answer in zip(some, answers, strict=True):
            if not isinstance(answer, Acked):
                trip.refused(answer)
                continue
            trip.count(acks=1)
            if not trip.keep:
                source.forget_ack(ack)


def _acked(store: FolderStore, now: int) -> set[_Place]:
    """The items that were acknowledged at a stick: nobody there waits for them any more."""
    return {(acked_box(ack).box, False, ack.name) for ack in store.acks(now)}


def _boxes(wants: Iterable[Want]) -> set[bytes]:
    """The ids of the ordinary boxes that are waited for."""
    return {id_of_read(want.read) for want in wants if not want.posted}


class _Mail:
    """What a relay holds for a stick. `there`: which items of the wanted boxes the relay said it has."""

    def __init__(self, trip: _Trip, relay: Drop, stick: FolderStore) -> None:
        self._trip = trip
        self._relay = relay
        self._stick = stick
        self._done = _acked(stick, trip.now)
        self._full = False
        self.there: set[_Place] = set()

    async def fetch(self, wants: Iterable[Want]) -> None:
        """Fetch the boxes that are waited for. Their items stay at the relay until they are acknowledged."""
        row = iter(wants)
        while some := list(islice(row, AT_ONCE)):
            await asyncio.gather(*(self._box(want) for want in some))

    async def _box(self, want: Want) -> None:
        most = MOST_SHOWN if want.posted else BOX_FRAMES if want.size == FRAME else BOX_BLOCKS
        limit = READ_AT_ONCE if want.size == FRAME else 1
        start, more = 0, True
        while more and start < most and not self._full:
            answer = await self._trip.ask(self._relay, Read(want.read, want.size, start, limit, want.posted))
            if not isinstance(answer, Items):
                return
            for item in answer.items:
                self._take(id_of_read(want.read, want.posted), want.posted, item)
            start += len(answer.items)
            more = answer.more and bool(answer.items)

    def _take(self, box: bytes, posted: bool, item: bytes) -> None:
        name = name_of(item)
        self.there.add((box, posted, name))
        if (box, posted, name) in self._done or self._stick.holds(box, posted, name):
            return
        answer = self._stick.take(box, posted, item, self._trip.now)
        if isinstance(answer, Stored):
            self._trip.count(fetched=1)
            return
        self._full = self._full or answer == Refused(Refusal.DISK_FULL)
        self._trip.refused(answer)


async def visit(
    stick: FolderStore,
    relay: Drop,
    *,
    keep: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], int] = wall_clock,
) -> CarryReport:
    """Visit a relay with what a stick holds for it: deliver acks, fetch what is waited for, put what lies there.

    What is put goes from the stick, unless somebody waits there for that box; then it stays, to be read. What was
    fetched stays, to be read, and is never put back.

    Args:
        stick: the stick's part for this relay.
        relay: the relay.
        keep: leave everything on the stick.
        progress: called after each item and ack with the report so far.
        clock: whole seconds UTC; items begin their lifetime anew where they arrive.

    Returns:
        What was carried.

    Raises:
        DropFailure: whatever the two raise. What was carried until then is carried.

    Source: spec/10-drop.md, 9.
    """
    trip = _Trip(keep, clock(), progress)
    await _acks_out(trip, stick, relay)
    wants = stick.wants(trip.now)
    mail = _Mail(trip, relay, stick)
    await mail.fetch(wants)
    waited_for = _boxes(wants)

    def put(box: bytes, name: bytes) -> None:
        if box in waited_for:
            stick.settle(box, name)
        else:
            stick.remove(box, name)

    await _items_out(trip, stick.outgoing(), relay, put, mail.there)
    trip.count(board=sum(posted for _, posted, _ in stick.incoming()))
    said = getattr(relay, "relay_clock", None)
    if said is not None and abs(said - trip.now) < DAY:  # two clocks agree: what is old may go
        stick.sweep(trip.now)
    trip.overfull(stick)
    return trip.report


async def _hand_on(trip: _Trip, source: FolderStore, target: FolderStore) -> None:
    """From one stick to another, for one relay: acks, wants with their age, items, and copies of mail and board.

    No want is handed on with a date later than now.
    """
    await _acks_out(trip, source, target)
    wants, held = source.wants(trip.now), target.wants(trip.now)
    room = MOST_HANDED - len(held)
    for want, since in wants.items():
        since = min(since, trip.now)
        if since <= held.get(want, -1):
            continue
        fits = want in held or room > 0
        answer = target.want(want, since, trip.now) if fits else Refused(Refusal.DISK_FULL)
        if isinstance(answer, Stored):
            room -= want not in held
        else:
            trip.refused(answer)
    waited_for, done = _boxes(wants), _acked(target, trip.now)

    def handed(box: bytes, name: bytes) -> None:
        if box not in waited_for:
            source.remove(box, name)

    await _items_out(trip, source.outgoing(), target, handed, done)
    for box, posted, item in source.incoming():
        place = (box, posted, name_of(item))
        if place not in done and not target.holds(*place):
            answer = target.take(box, posted, item, trip.now, handed=True)
            trip.count(carried=1) if isinstance(answer, Stored) else trip.refused(answer)
    trip.overfull(source, target)


async def _hand_all(trip: _Trip, source: Stick, target: Stick) -> None:
    """From one stick to another, for every relay that something lies here for; first those that are read here.

    A part beyond 64 is not made there.
    """
    parts = [(tag, source.part(tag)) for tag in source.tags()]
    for tag, part in sorted(parts, key=lambda each: not each[1].is_read(trip.now)):
        if not (part.wants(trip.now) or part.acks(trip.now) or next(part.entries(), None)):
            continue
        if target.takes(tag):
            await _hand_on(trip, part, target.part(tag))
        else:
            trip.refused(Refused(Refusal.DISK_FULL))


async def carry(
    source: Store | Stick | Drop,
    target: Store | Stick | Drop,
    *,
    keep: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], int] = wall_clock,
) -> CarryReport:
    """Carry between two places: visit a relay with a stick, hand on from stick to stick, or empty a store.

    Args:
        source: a stick; a relay, which is then visited with the stick `target`; a store, whose items are moved.
        target: a stick if the source is one or a relay; else a relay or a store.
        keep: leave at the source what was carried.
        progress: called after each item and ack with the report so far.
        clock: whole seconds UTC; items begin their lifetime anew where they arrive.

    Returns:
        What was carried; nothing, and nothing is made on the stick, if it holds no part for the relay.

    Raises:
        DropFailure: cannot_carry for two places that do not go together; relay_unreachable and its like before
            anything is touched; and whatever the two raise. What was carried until then is carried.

    Source: spec/10-drop.md, 9.
    """
    for stick, relay in ((source, target), (target, source)):
        if isinstance(stick, Stick) and isinstance(relay, RelayClient):
            await relay.reach()
            if not stick.has(str(relay.address)):
                return CarryReport()
            part = stick.at(str(relay.address))
            return await visit(part, relay, keep=keep, progress=progress, clock=clock)
    trip = _Trip(keep, clock(), progress)
    if isinstance(source, Stick) and isinstance(target, Stick) and not source.is_also(target):
        await _hand_all(trip, source, target)
    elif isinstance(source, Store) and not isinstance(target, Stick):
        if isinstance(target, RelayClient):
            await target.reach()
        await _items_out(trip, source.entries(), target, source.remove)
    else:
        hint = "Visit a relay with a stick, carry from stick to stick, or empty a store into another or into a relay."
        raise DropFailure("cannot_carry", hint)
    return trip.report


def open_drop(text: str, *, proxy: str | None = None) -> RelayClient | DiskStore | Stick:
    """Open what a text names: a relay's address, the folder of a disk store, or a stick.

    Raises:
        DropFailure: bad_address, bad_proxy, no_store (there is no such folder), store_in_use, store_failed.

    Source: spec/10-drop.md, 9.
    """
    if text.startswith(SCHEME):
        return RelayClient(RelayAddress.parse(text), proxy)
    path = Path(text)
    try:
        disk = path.is_dir() and (path / LOCK).exists()
        return DiskStore(path) if disk else Stick(path)
    except OSError:  # a name too long, or a folder that may not be looked into
        raise DropFailure("no_store", _NO_PLACE) from None
    except DropFailure as failure:
        raise DropFailure("no_store", _NO_PLACE) if failure.code == "no_store" else failure from None
