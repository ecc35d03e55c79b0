"""Trying a relay's address before the board names it to everybody.

Does        sees whether it leads to its relay, and whether the relay takes items from whoever has it.
Does not    change a network's list: the core does.
Spec        spec/72-dialogue.md, 4
Always      1. An address without a pass is taken only from a relay that was seen to need none.
Read first  try_relay().
"""

from __future__ import annotations

import os
from typing import Final

from tercet.drop import Drop, DropFailure, RelayAddress
from tercet.shell.dialogue import Dialogue
from tercet.shell.relays import try_pass

WHOLE: Final = (
    "This is not the relay's whole address, the pass at its end is missing or another: ask whoever runs the relay for "
    "all of it, as the relay's command shows it."
)


async def try_relay(drop: Drop, address: str, person: Dialogue) -> None:
    """Try an address, and hang up; with its pass it may be named while its relay is down, which is told.

    Args:
        drop: what the address leads to.
        address: the relay's, whole.
        person: is told of trouble with a relay.

    Raises:
        DropFailure: `bad_address`, `no_pass`, `relay_wrong_key`, `relay_lied`.
    """
    try:
        whole = RelayAddress.parse(address).pass_
        await try_pass(drop, os.urandom, WHOLE)
    except DropFailure as failure:
        if failure.code in ("bad_address", "no_pass", "relay_wrong_key", "relay_lied"):
            raise
        if not whole:
            raise DropFailure("no_pass", WHOLE) from None
        await person.tell("relay_trouble", relay=address, code=failure.code, hint=failure.hint)
    finally:
        await drop.close()
