"""The locked process: it beats for a device whose vault is closed.

Does        puts and reads what a list says, each at its moment; keeps what comes in, unopened; answers at the door.
Does not    hold a key, a name or a state: it is a fresh process and gets nothing but the list, over a pipe.
            It does not know which of its frames say something.
Spec        spec/73-locked.md
Always      1. It acknowledges nothing, so nothing is lost if it dies.  2. Each operation has a connection of its own.
            3. What came in is given to none but who opened the vault.
Read first  Plan, Locked.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from tercet.drop import FRAME, Drop, DropFailure, Items, Op, Put, Read, RelayAddress, RelayClient, Stored
from tercet.shell.closed import keep_memory_closed
from tercet.vault import Door, DoorError, serve_door

LOCKED: Final = "This device is locked and only beats: open it with `tercet member run`."
OPERATIONS_MOST: Final = 1_800  # of a list: 600 beats
PLAN_MOST: Final = 8_388_608  # bytes of a list
READY: Final = b"ready\n"
NONCE: Final = 32  # bytes that the owner's side draws
BARE: Final = 4  # parts of an address without its pass
LAST_WAIT: Final = 20.0  # seconds that operations under way have left once the owner is back
Id = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Mark = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]


class Planned(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One operation.

    Attributes:
        after: seconds from the beginning.
        mark: random; the core alone knows what it stands for.
        places: relays; with each the id of a box to put into, or one read secret.
        item: the frame to put, or empty to read one.
        start: how many items of the box are passed over.
        posted: whether the box is a board.
    """

    after: Annotated[float, msgspec.Meta(ge=0, le=86_400)]
    mark: Mark
    places: Annotated[tuple[tuple[str, Id], ...], msgspec.Meta(min_length=1, max_length=2)]
    item: Annotated[bytes, msgspec.Meta(max_length=FRAME)] = b""
    start: Annotated[int, msgspec.Meta(ge=0)] = 0
    posted: bool = False


class Plan(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All that a locked process knows: where to answer, by what to know who opened the vault, and what to do when."""

    door: str
    secret: Id
    operations: Annotated[tuple[Planned, ...], msgspec.Meta(max_length=OPERATIONS_MOST)]


class Came(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an operation came to: a frame was stored, or a read found `items`, the first of them at `start`."""

    mark: Mark
    stored: bool = False
    start: Annotated[int, msgspec.Meta(ge=0)] = 0
    items: Annotated[tuple[Annotated[bytes, msgspec.Meta(max_length=FRAME)], ...], msgspec.Meta(max_length=1)] = ()
    more: bool = False


def parse_plan(data: bytes) -> Plan:
    """The list as it came through the pipe.

    Raises:
        ValueError: it is none.
    """
    return msgspec.msgpack.decode(data, type=Plan)


def parse_came(data: bytes) -> tuple[Came, ...]:
    """What a locked process hands over.

    Raises:
        ValueError: it is none.
    """
    kind = Annotated[tuple[Came, ...], msgspec.Meta(max_length=OPERATIONS_MOST)]
    return msgspec.msgpack.decode(data, type=kind)


def prove(secret: bytes, nonce: bytes, came: bytes = b"") -> bytes:
    """The 32 bytes that show that one knows the secret: to be given what came, or to have given it.

    Source: spec/73-locked.md, 4.
    """
    word = b"tercet unlocked" if came else b"tercet unlock"
    return hashlib.blake2b(nonce + came, key=secret, digest_size=32, person=word).digest()


def relay_drop(address: str) -> Drop:
    """The drop behind a relay's address."""
    return RelayClient(RelayAddress.parse(address))


def _which(relay: str) -> str:
    """Which relay an address is of, whatever pass it has: a PUT's has that of its week, a READ's may have another."""
    return "/".join(relay.split("/")[:BARE])


class Locked:
    """A list of operations at work.

    Args:
        plan: what to do.
        open_drop: makes the drop for a relay's address.

    Attributes:
        came: what there is to hand over.
        left: operations that are still to come.
        over: set once everything was handed over.
    """

    def __init__(self, plan: Plan, open_drop: Callable[[str], Drop] = relay_drop) -> None:
        self.came: list[Came] = []
        self.left = len(plan.operations)
        self.over = asyncio.Event()
        self.sleep = asyncio.sleep
        self._secret = plan.secret
        self._operations = sorted(plan.operations, key=lambda one: one.after)
        self._open_drop = open_drop
        self._reached: dict[tuple[str, bytes], int] = {}
        self._down: set[str] = set()
        self._open: set[asyncio.Task[None]] = set()
        self._going = asyncio.Event()
        self._going.set()

    async def work(self) -> None:
        """Carry out the list; afterwards stay silent."""
        passed = 0.0
        while self._operations:
            await self.sleep(self._operations[0].after - passed)
            await self._going.wait()
            one = self._operations.pop(0)
            passed = one.after
            task = asyncio.create_task(self._carry_out(one))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        while self._open:
            await asyncio.wait(self._open)

    async def _carry_out(self, one: Planned) -> None:
        """Try once; the second place only serves when the first did not answer the last time either."""
        for relay, box in one.places:
            which = _which(relay)
            known = which in self._down
            try:
                if one.item:
                    answer = await self._ask(relay, Put(box, one.item))
                    if isinstance(answer, Stored):
                        self.came.append(Came(one.mark, stored=True))
                else:
                    await self._read(one, relay, box)
                self._down.discard(which)
                break
            except DropFailure:
                self._down.add(which)
                if not known:
                    break
        self.left -= 1

    async def _read(self, one: Planned, relay: str, read: bytes) -> None:
        """Read the next item that was not seen yet: nothing is acknowledged, so all stay where they are."""
        start = max(one.start, self._reached.get((relay, read), 0))
        answer = await self._ask(relay, Read(read, FRAME, start, 1, one.posted))
        if not isinstance(answer, Items):
            return
        self._reached[relay, read] = start + len(answer.items)
        if answer.items or not start:
            self.came.append(Came(one.mark, False, start, answer.items, answer.more))

    async def _ask(self, relay: str, op: Op) -> Any:
        drop = self._open_drop(relay)
        try:
            (answer,) = await drop.perform([op])
        finally:
            await drop.close()
        return answer

    async def answer(self, door: Door) -> None:
        """Serve one connection: hand over what came to who opened the vault; to all else the device is locked."""
        request = await door.receive() or {}
        if request.get("do") == "status":
            await door.send({"result": {"locked": True, "operations": self.left}})
        elif request.get("do") == "hand over" and self._is_owner(request):
            await self._hand_over(door, request["nonce"])
        else:
            await door.send({"failed": "locked", "hint": LOCKED, "status": 7})

    def _is_owner(self, request: dict[str, Any]) -> bool:
        nonce, proof = request.get("nonce"), request.get("proof")
        if not (isinstance(nonce, bytes) and isinstance(proof, bytes) and len(nonce) == NONCE):
            return False
        return hmac.compare_digest(proof, prove(self._secret, nonce))

    async def _hand_over(self, door: Door, nonce: bytes) -> None:
        """Give everything away; the end only once it is said to be safe there."""
        self._going.clear()
        try:
            if self._open:
                await asyncio.wait(self._open, timeout=LAST_WAIT)
            came = msgspec.msgpack.encode(self.came)
            await door.send({"result": {"came": came, "proof": prove(self._secret, nonce, came)}})
            if (await door.receive() or {}).get("do") == "taken":
                self.over.set()
                await asyncio.Event().wait()  # the connection ends when the door does
        finally:
            self._going.set()


async def serve(plan: Plan, ready: Callable[[], None], open_drop: Callable[[str], Drop] = relay_drop) -> None:
    """Answer at the door and work until everything was handed over.

    Raises:
        DoorError: the door cannot be served.
    """
    locked = Locked(plan, open_drop)
    server = await serve_door(Path(plan.door), locked.answer)
    working = asyncio.create_task(locked.work())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, locked.over.set)
    try:
        ready()
        await locked.over.wait()
    finally:
        working.cancel()
        await server.close()


def main() -> int:
    """Read the list from standard input, work, end."""
    keep_memory_closed()
    os.umask(0o077)
    try:
        plan = parse_plan(sys.stdin.buffer.read(PLAN_MOST))  # a longer list breaks off, and is none
        asyncio.run(serve(plan, _say_ready))
    except (ValueError, DoorError):
        return 1
    return 0


def _say_ready() -> None:
    """Tell whoever started this process, and hold on to nothing of theirs."""
    os.write(1, READY)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


if __name__ == "__main__":
    sys.exit(main())
