"""Planted faults: what the runner and the replay have to find. Not among the targets."""

from __future__ import annotations

from collections.abc import Callable

from tercet.drop.wire import BadMessage


def shallow(data: bytes) -> int:
    """A parser that falls over behind three checks of one byte each."""
    if len(data) < 4 or data[0] != 0x54:
        raise BadMessage
    if data[1] != data[0] ^ 0x0F:
        raise BadMessage
    if data[2] > 0x20:
        return data[3]
    return data[4 + data[3]]


def _target(data: bytes) -> None:
    try:
        shallow(data)
    except BadMessage:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {"planted": _target}
