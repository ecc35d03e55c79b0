"""Entries of a board as a desk makes them, whoever's key signs them."""

from __future__ import annotations

from tercet.core.entry import Entry, seal_signed, sign_entry
from tercet.sealing import digest


def seal_entry(entry: Entry, seed: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """Sign and seal an entry; returns the frame (4,096 bytes) and the digest the next entry names."""
    signed = sign_entry(entry, seed)
    return seal_signed(signed, secret), digest(signed)
