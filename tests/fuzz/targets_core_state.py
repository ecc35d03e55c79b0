"""Fuzz target of a device's memory, as it comes out of the vault.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/00-overview.md, 6
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core.fields import Malformed
from tercet.core.state import kept_blocks, load, save


def state(data: bytes) -> None:
    """What loads comes back the same when it is saved."""
    try:
        device = load(data)
    except Malformed:
        return
    if load(save(device)) != device:
        raise AssertionError("a state does not come back from its bytes")
    kept_blocks(device)
    device.order(7)


TARGETS: dict[str, Callable[[bytes], None]] = {"core-state": state}
