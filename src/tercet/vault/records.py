"""What lies beneath the seals of a vault: states and slots.

Does        encodes and parses a state copy and a slot; decides which of two copies counts.
Does not    seal, read or write; it never sees a passphrase.
Spec        spec/70-vault.md, 4 and 5
Always      1. A record that breaks a rule does not exist.  2. The newest whole commit wins.
Read first  State, then settle().
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from tercet.sealing import BLOCK, KEY

REF = 16  # bytes; the name that the core gives a waiting block
STAMP = 16  # bytes; ties a state copy to the slot of the same commit
VERSION: Final = 2  # of a state copy

Counter = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Ref = Annotated[bytes, msgspec.Meta(min_length=REF, max_length=REF)]
Stamp = Annotated[bytes, msgspec.Meta(min_length=STAMP, max_length=STAMP)]
Secret = Annotated[bytes, msgspec.Meta(min_length=KEY, max_length=KEY)]


class BadRecord(Exception):
    """Bytes that opened but are no record: treated exactly as bytes that did not open."""

    code = "bad_record"
    hint = "This is not a record of a vault of this version."


class Notebook(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the real side keeps of the other: its compartment (0 to 3), its root, its payload, its ring."""

    compartment: Annotated[int, msgspec.Meta(ge=0, le=3)]
    root: Secret
    payload: bytes
    ring: Secret


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One commit's memory of one side; `notebook` is there on the real side only. `ring` seals the side's slots."""

    version: Literal[2]
    counter: Counter
    stamp: Stamp
    payload: bytes
    blocks: tuple[tuple[Ref, Counter], ...]
    notebook: Notebook | None
    ring: Secret


@dataclass(frozen=True)
class Slot:
    """What a slot says: which commit wrote it, and the block it carries, if any."""

    counter: int
    stamp: bytes
    ref: bytes = b""
    block: bytes = b""

    def encode(self) -> bytes:
        """Return counter(8) ‖ stamp(16), and ref(16) ‖ block(262,144) if there is a block."""
        return b"".join((self.counter.to_bytes(8, "big"), self.stamp, self.ref, self.block))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    """Return the MessagePack bytes of a state."""
    return _encoder.encode(state)


def parse_state(content: bytes, slots: int) -> State:
    """Parse the content of a state copy of a vault with `slots` slots.

    Raises:
        BadRecord: it breaks any rule of the spec.

    Source: spec/70-vault.md, 4.
    """
    try:
        state = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRecord from None
    places = [slot for _, slot in state.blocks]
    refs = {ref for ref, _ in state.blocks}
    if len(refs) != len(places) or len(set(places)) != len(places) or max(places, default=0) >= slots:
        raise BadRecord
    return state


def parse_slot(content: bytes) -> Slot:
    """Parse the content of a slot.

    Raises:
        BadRecord: neither an empty record nor one with a whole block.

    Source: spec/70-vault.md, 5.
    """
    head = 8 + STAMP
    if len(content) not in (head, head + REF + BLOCK):
        raise BadRecord
    counter = int.from_bytes(content[:8], "big")
    return Slot(counter, content[8:head], content[head : head + REF], content[head + REF :])


def settle(
    copies: tuple[State | None, State | None], read_slot: Callable[[int], Slot | None], slots: int
) -> tuple[State, bool]:
    """Decide which state a side goes on from.

    Args:
        copies: what the two copies hold, at least one of them not None.
        read_slot: gives the record in a slot, None if it does not open.
        slots: how many slots the ring has.

    Returns:
        The state, and whether a later, finished commit may have existed (True: it may have been acted upon).

    Source: spec/70-vault.md, 6.
    """
    opened = sorted((copy for copy in copies if copy), key=lambda copy: copy.counter, reverse=True)
    state = next((copy for copy in opened if _whole(copy, read_slot, slots)), None)
    if state is None:  # the newest lost its block and the older one is damaged: better without the block
        lost = opened[0].counter % slots
        kept = tuple(pair for pair in opened[0].blocks if pair[1] != lost)
        state = msgspec.structs.replace(opened[0], blocks=kept)
    after = state.counter + 1
    other = copies[after % 2]
    if other is not None and other.counter < after:
        return state, False
    slot = read_slot(after % slots)
    return state, slot is None or slot.counter >= after


def _whole(state: State, read_slot: Callable[[int], Slot | None], slots: int) -> bool:
    """Tell whether the slot that this state's commit wrote is there, if the state needs it."""
    here = state.counter % slots
    if all(slot != here for _, slot in state.blocks):
        return True
    slot = read_slot(here)
    return slot is not None and slot.stamp == state.stamp
