"""Carrying items from one drop to another, without any key.

Does        move what lies in a store to a store or a relay; fetch from a relay what a folder's wants ask for.
Does not    open, read or choose: a carrier knows box ids and sizes, no more.
Spec        spec/10-drop.md, 9
Always      1. Nothing is removed where it lay before it is durable where it goes.  2. Killed anywhere and begun
            again, it ends the same.  3. One operation a request: what is carried is not tied together by it.
Read first  `carry`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tercet.drop.address import SCHEME, RelayAddress
from tercet.drop.client import RelayClient
from tercet.drop.disk import LOCK, DiskStore
from tercet.drop.folder import FolderStore, Want
from tercet.drop.local import Drop
from tercet.drop.memory import Store
from tercet.drop.ops import (
    BOX_BLOCKS,
    BOX_FRAMES,
    FRAME,
    Acked,
    Answer,
    DropFailure,
    Items,
    Op,
    Put,
    Read,
    Refused,
    Stored,
    id_of_read,
    name_of,
)

AT_ONCE = 16  # requests under way at a relay
READ_AT_ONCE = 16  # frames asked for in one read
MOST_POSTED = 16_384  # frames (64 MiB) fetched of one posted box in one go, whatever the relay says


@dataclass(frozen=True, slots=True)
class CarryReport:
    """What was carried: numbers only.

    Attributes:
        carried: items that lie at the target now.
        acks: acks that the target has taken.
        left: items left where they were: posted ones, which a relay takes from their author only, and refused ones.
        refused: how many of those the target refused, by code.
    """

    carried: int = 0
    acks: int = 0
    left: int = 0
    refused: dict[str, int] = field(default_factory=dict)


Progress = Callable[[CarryReport], None]


def wall_clock() -> int:
    """Return whole seconds since 1970, UTC."""
    return int(time.time())


class _Target:
    """Where things go: a store or a relay, asked the same way. `report` is what came of it so far."""

    def __init__(self, drop: Store | Drop, now: int, progress: Progress | None) -> None:
        self.drop = drop
        self._now = now
        self._progress = progress
        self.report = CarryReport()

    async def ask(self, op: Op) -> Answer:
        if isinstance(self.drop, Store):
            return self.drop.apply([op], self._now)[0]
        return (await self.drop.perform([op]))[0]

    async def lay(self, box: bytes, posted: bool, item: bytes) -> bool:
        """Lay an item, and count it; True if it is durable at the target."""
        answer: Answer | None = None
        if isinstance(self.drop, Store):
            answer = self.drop.lay(box, posted, item, self._now)
        elif not posted:
            answer = await self.ask(Put(box, item))
        if isinstance(answer, Stored):
            self._tell(replace(self.report, carried=self.report.carried + 1))
            return True
        refused = dict(self.report.refused)
        if isinstance(answer, Refused):
            refused[answer.code] = refused.get(answer.code, 0) + 1
        self._tell(replace(self.report, left=self.report.left + 1, refused=refused))
        return False

    def acked(self) -> None:
        self._tell(replace(self.report, acks=self.report.acks + 1))

    def _tell(self, report: CarryReport) -> None:
        self.report = report
        if self._progress is not None:
            self._progress(report)


async def _items_out(source: Store, target: _Target, keep: bool) -> None:
    entries = source.entries()
    while some := list(islice(entries, AT_ONCE)):
        durable = await asyncio.gather(*(target.lay(*entry) for entry in some))
        for (box, _, item), done in zip(some, durable, strict=True):
            if done and not keep:
                source.remove(box, name_of(item))


async def _acks_out(source: FolderStore, target: _Target, keep: bool) -> None:
    for ack in source.acks():
        if isinstance(await target.ask(ack), Acked):
            target.acked()
            if not keep:
                source.forget_ack(ack)


async def _mail_in(source: Drop, want: Want, target: _Target) -> None:
    """Fetch one box. Its items stay at the relay until they are acknowledged."""
    most = MOST_POSTED if want.posted else BOX_FRAMES if want.size == FRAME else BOX_BLOCKS
    limit = READ_AT_ONCE if want.size == FRAME else 1
    start, more = 0, True
    while more and start < most:
        answer = (await source.perform([Read(want.read, want.size, start, limit, want.posted)]))[0]
        if not isinstance(answer, Items):
            return
        for item in answer.items:
            await target.lay(id_of_read(want.read, want.posted), want.posted, item)
        start += len(answer.items)
        more = answer.more and bool(answer.items)


async def carry(
    source: Store | Drop,
    target: Store | Drop,
    *,
    keep: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], int] = wall_clock,
) -> CarryReport:
    """Carry items from one drop to another.

    Args:
        source: a store, whose items (and, of a folder, whose acks) are carried; or a relay, from which comes what
            the wants of `target` ask for, and `target` must then be a folder.
        target: a store or a relay.
        keep: leave at the source what was carried.
        progress: called after each item and ack with the report so far.
        clock: whole seconds UTC; items begin their lifetime anew where they arrive.

    Returns:
        What was carried.

    Raises:
        DropFailure: cannot_carry if a relay is the source and the target is no folder; and whatever the two raise.
            What was carried until then is carried.

    Source: spec/10-drop.md, 9.
    """
    going = _Target(target, clock(), progress)
    if isinstance(source, Store):
        await _items_out(source, going, keep)
        if isinstance(source, FolderStore):
            await _acks_out(source, going, keep)
            if isinstance(target, FolderStore):
                for want in source.wants():
                    target.want(want)
    elif isinstance(target, FolderStore):
        for want in target.wants():
            await _mail_in(source, want, going)
    else:
        raise DropFailure("cannot_carry", "A relay gives out only what a folder waits for: name a folder as target.")
    return going.report


def open_drop(text: str, *, proxy: str | None = None) -> RelayClient | DiskStore | FolderStore:
    """Open what a text names: a relay's address, the folder of a disk store, or a folder.

    Raises:
        DropFailure: bad_address, bad_proxy, no_store (there is no such folder), store_in_use, store_failed.

    Source: spec/10-drop.md, 9.
    """
    if text.startswith(SCHEME):
        return RelayClient(RelayAddress.parse(text), proxy)
    path = Path(text)
    try:
        here, disk = path.is_dir(), (path / LOCK).exists()
    except OSError:  # a name too long, or a folder that may not be looked into
        here = disk = False
    if not here:
        raise DropFailure("no_store", "There is no folder of that name: look whether the stick is in.")
    return DiskStore(path) if disk else FolderStore(path)
