"""Trying a relay's address before the board names it to everybody, and its weekly secret before it is taken in.

Does        sees whether it leads to its relay, and whether the relay takes items from whoever has it.
Does not    change a network's list: the core does.
Spec        spec/72-dialogue.md, 4
Always      1. An address without a pass is taken only from a relay that was seen to need none.
Read first  try_relay().
"""

from __future__ import annotations

import os
from typing import Final

from tercet.core.days import day_of, week_of
from tercet.core.errors import Refusal
from tercet.core.passes import WeekPass, dressed, pass_of, tag_of
from tercet.drop import Drop, DropFailure, RelayAddress
from tercet.drop.passes import SECRET, read_passes
from tercet.shell.dialogue import Dialogue
from tercet.shell.relays import try_pass

WHOLE: Final = (
    "This is not the relay's whole address, the pass at its end is missing or another: ask whoever runs the relay for "
    "all of it, as the relay's command shows it."
)


LASTING: Final = frozenset({"bad_address", "no_pass", "relay_wrong_key", "relay_lied"})  # what waiting does not mend


async def try_relay(drop: Drop, address: str, person: Dialogue) -> None:
    """Try an address, and hang up; with its pass it may be named while its relay is down, which is told.

    Args:
        drop: what the address leads to.
        address: the relay's, whole.
        person: is told of trouble with a relay.

    Raises:
        DropFailure: `bad_address`, `no_pass`, `relay_wrong_key`, `relay_lied`.
    """
    failure = await _tried(drop, WHOLE)
    if failure is not None and not RelayAddress.parse(address).pass_:
        raise DropFailure("no_pass", WHOLE)
    await _told(failure, address, person)


async def _tried(drop: Drop, hint: str) -> DropFailure | None:
    """Try a relay, and hang up: what is in the way, if that may pass.

    Raises:
        DropFailure: one of `LASTING`.
    """
    try:
        await try_pass(drop, os.urandom, hint)
    except DropFailure as failure:
        if failure.code in LASTING:
            raise
        return failure
    finally:
        await drop.close()
    return None


async def _told(failure: DropFailure | None, address: str, person: Dialogue) -> None:
    if failure is not None:
        await person.tell("relay_trouble", relay=address, code=failure.code, hint=failure.hint)


def weekly_secret(text: str) -> bytes:
    """The weekly secret (32 bytes) that an operator handed over, as typed.

    Raises:
        Refusal: `weekly_wrong`.
    """
    try:
        (secret,) = read_passes(f"{text.strip().lower()}\n".encode(), SECRET)
    except (DropFailure, ValueError):
        raise Refusal("weekly_wrong") from None
    return secret


def with_pass_of(secret: bytes, address: str, now: int) -> str:
    """A relay's address with the pass of this week that a secret makes."""
    week = week_of(day_of(now))
    return dressed(address, (WeekPass(tag_of(address), week, pass_of(secret, week)),), now)


async def try_weekly(drop: Drop, address: str, person: Dialogue) -> bool:
    """Try a pass of this week, and hang up; where the relay is down meanwhile that is told, and nothing was tried.

    Args:
        drop: the relay, with that pass.
        address: its own, as it is told.
        person: is told of trouble with it.

    Returns:
        Whether the relay was seen to take the pass.

    Raises:
        Refusal: `weekly_wrong`, the relay does not take the pass.
        DropFailure: `relay_wrong_key`, `relay_lied`.
    """
    try:
        failure = await _tried(drop, WHOLE)
    except DropFailure as lasting:
        if lasting.code == "no_pass":
            raise Refusal("weekly_wrong") from None
        raise
    await _told(failure, address, person)
    return failure is None
