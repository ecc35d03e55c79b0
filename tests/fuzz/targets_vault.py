"""Parsers of outside bytes in the vault room, called beneath the seal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from tercet.vault.door import parse_message
from tercet.vault.errors import DoorError
from tercet.vault.records import BadRecord, encode_state, parse_slot, parse_state


def state_copy(data: bytes) -> None:
    """A state copy after its seal was opened; what parses must survive another round."""
    with contextlib.suppress(BadRecord):
        state = parse_state(data, 55)
        if parse_state(encode_state(state), 55) != state:
            raise RuntimeError("a state changed by being saved")


def slot(data: bytes) -> None:
    """A slot after its seal was opened."""
    with contextlib.suppress(BadRecord):
        if parse_slot(data).encode() != data:
            raise RuntimeError("a slot changed by being read")


def door_message(data: bytes) -> None:
    """The body of a message at the door."""
    with contextlib.suppress(DoorError):
        parse_message(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "vault_state": state_copy,
    "vault_slot": slot,
    "door_message": door_message,
}
