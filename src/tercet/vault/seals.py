"""The seals of a vault: which key closes which part, and noise that no key opens.

Does        derives the keys of a compartment; seals copies and slots, opens what was read; makes noise.
Does not    touch a disk, choose places or know passphrases.
Spec        spec/70-vault.md, 2 and 3
Always      1. A part that does not open, breaks a rule or lies at the wrong place does not exist.
            2. Noise and what nobody can open any more are made in the same way as the rest.
Read first  Side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tercet import sealing
from tercet.sealing import CannotOpen
from tercet.vault.geometry import STRIDE
from tercet.vault.records import BadRecord, Slot, State, parse_slot, parse_state

Entropy = Callable[[int], bytes]

OVERHEAD = 41  # bytes that a seal adds: nonce, tag, padding mark; spec/20-sealing.md


@dataclass(frozen=True)
class Side:
    """What one compartment gets in one commit.

    Attributes:
        root: seals the copy, 32 bytes.
        ring: seals the slot, 32 bytes.
        state: the content of the copy.
        slot: the content of the slot.
    """

    root: bytes
    ring: bytes
    state: bytes = b""
    slot: bytes = b""

    @classmethod
    def noise(cls, entropy: Entropy) -> Side:
        """One that nobody can open: nothing, under keys that are thrown away at once."""
        return cls(entropy(sealing.KEY), entropy(sealing.KEY))


def compartment_root(secret: bytes, place: int, size: int) -> bytes:
    """Return a compartment's key (32 bytes), from a stretched passphrase and the file's size in bytes."""
    return sealing.derive(secret, "vault compartment", bytes([place]), size.to_bytes(8, "big"))


def noise(size: int, entropy: Entropy) -> bytes:
    """Return bytes that nobody can open: nothing, sealed under a key that is thrown away at once."""
    return sealing.seal(entropy(sealing.KEY), b"", size, entropy(sealing.NONCE))


def seal_copy(root: bytes, copy: int, content: bytes, size: int, entropy: Entropy) -> bytes:
    """Seal a state copy (0 or 1) to `size` bytes."""
    key = sealing.derive(root, "vault state")
    return sealing.seal(key, content, size, entropy(sealing.NONCE), bytes([copy]))


def seal_slot(ring: bytes, slot: int, content: bytes, entropy: Entropy) -> bytes:
    """Seal a slot, 266,240 bytes."""
    key = sealing.derive(ring, "vault slot")
    return sealing.seal(key, content, STRIDE, entropy(sealing.NONCE), slot.to_bytes(4, "big"))


def open_copy(root: bytes, copy: int, sealed: bytes, slots: int) -> State | None:
    """Open a state copy of a vault with `slots` slots; None if it does not open, breaks a rule or is the other one."""
    try:
        content = sealing.open_sealed(sealing.derive(root, "vault state"), sealed, bytes([copy]))
        state = parse_state(content, slots)
    except (CannotOpen, BadRecord):
        return None
    return state if state.counter % 2 == copy else None


def open_slot(ring: bytes, slot: int, sealed: bytes) -> Slot | None:
    """Open a slot; None if it does not open."""
    try:
        content = sealing.open_sealed(sealing.derive(ring, "vault slot"), sealed, slot.to_bytes(4, "big"))
        return parse_slot(content)
    except (CannotOpen, BadRecord):
        return None
