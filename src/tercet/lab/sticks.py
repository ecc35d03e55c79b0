"""Sticks: how a member without a line reads and writes.

Does        takes what a device puts at once, shows it what a carrier brought, notes what it wants and lets go.
Does not    know what a device is, or open anything.
Spec        spec/95-lab.md, 7
Always      1. What a dead relay did not take stays on the stick.
Read first  Stick.ask(), Stick.carry().
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.drop import FRAME, Ack, Acked, Answer, Items, Op, Post, Put, Read, Stored, name_of, read_of_ack

Carry = Callable[[str, Op], Answer | None]
Box = tuple[str, bytes, bool]  # relay, read secret, whether it is posted
MOST = 128  # frames asked for at once


class Stick:
    """One stick: what is to go to relays, what came from them, which boxes are wanted."""

    def __init__(self) -> None:
        self._going: list[tuple[str, Put | Post | Ack]] = []
        self._came: dict[Box, list[bytes]] = {}

    def ask(self, relay: str, op: Op) -> Answer:
        """Do for a device what it asks of a relay, as far as a stick can."""
        if isinstance(op, Read):
            came = self._came.setdefault((relay, op.read, op.posted), [])
            end = op.start + op.limit
            return Items(tuple(came[op.start : end]), more=len(came) > end)
        self._going.append((relay, op))
        if not isinstance(op, Ack):
            return Stored()
        box = (relay, read_of_ack(op.ack), False)
        self._came[box] = [item for item in self._came.get(box, []) if name_of(item) != op.name]
        return Acked()

    def carry(self, carry_out: Carry) -> None:
        """A carrier passes the relays: hands over what is to go, and takes what lies in the boxes wanted."""
        self._going = [(relay, op) for relay, op in self._going if carry_out(relay, op) is None]
        gone = {op.name for _, op in self._going if isinstance(op, Ack)}
        for relay, read, posted in self._came:
            answer = carry_out(relay, Read(read, FRAME, 0, MOST, posted))
            if isinstance(answer, Items):
                self._came[relay, read, posted] = [item for item in answer.items if name_of(item) not in gone]

    def forget(self) -> None:
        """Before a device says afresh which boxes it wants: empty ones are wanted no more."""
        self._came = {box: items for box, items in self._came.items() if items}
