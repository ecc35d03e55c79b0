"""The day chain: one secret a day, each made from the day before.

Does        gives the boxes, outer keys and relay order of a day, and forgets days for good.
Does not    know what travels in the boxes.
Spec        spec/40-letters.md, 2
Always      1. No root before `day` can be made from what is kept.
Read first  DayChain, lane().
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from tercet.core.errors import Refusal
from tercet.core.fields import Day, Key
from tercet.sealing import Box, box, derive, next_day

Purpose = Literal["relation", "return", "intake"]
LANE_RELAYS: Final = 2  # a box lies on the relay of its day, or on the next one when that is down
FARTHEST: Final = 400  # days ahead of the kept root; a clock that is farther off is refused


class DayChain(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The oldest root still kept.

    Attributes:
        day: its day number.
        root: 32 bytes, secret.
    """

    day: Day
    root: Key

    def root_on(self, day: int) -> bytes:
        """The root (32 bytes) of a day.

        Raises:
            Refusal: `clock_far`, the day is more than 400 days ahead.
            ValueError: the day is before the oldest kept one.
        """
        if day < self.day:
            raise ValueError("that day is forgotten")
        if day > self.day + FARTHEST:
            raise Refusal("clock_far")
        root = self.root
        for _ in range(day - self.day):
            root = next_day(root)
        return root

    def since(self, day: int) -> DayChain:
        """The chain without the days before `day`; itself if it is already that young."""
        return self if day <= self.day else DayChain(day, self.root_on(day))


class Lane(msgspec.Struct, frozen=True):
    """One direction of a chain on one day: where its frames lie and under what.

    Attributes:
        boxes: one for each of its relays, with their secrets, 32 bytes each; a relay learns nothing of the other's.
        key: the outer key, 32 bytes.
        turn: a number that picks the first relay of the day.
    """

    boxes: tuple[Box, ...]
    key: bytes
    turn: int


def lane(chain: DayChain, day: int, purpose: Purpose, direction: int) -> Lane:
    """The lane of a day.

    Args:
        chain: the chain; `day` must not be before its first.
        day: day number.
        purpose: what the chain serves; separates the keys of different uses.
        direction: 0 from the inviter (or desk), 1 from the other; for intake, the shard.

    Source: spec/40-letters.md, 2.
    """
    return lane_of(chain.root_on(day), purpose, direction)


def lane_of(root: bytes, purpose: Purpose, direction: int) -> Lane:
    """The lane that a root (32 bytes) gives; arguments and source as for `lane`."""
    where = direction.to_bytes(2, "big")
    return Lane(
        tuple(box(derive(root, f"{purpose} box", where, bytes([place]))) for place in range(LANE_RELAYS)),
        derive(root, f"{purpose} key", where),
        int.from_bytes(derive(root, f"{purpose} relay", where, length=4), "big"),
    )


def relay_order(relays: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """The relays of a lane: the first, and the next one, which serves when the first is down."""
    first = turn % len(relays) if relays else 0
    return (relays[first:] + relays[:first])[:LANE_RELAYS]
