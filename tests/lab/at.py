"""The `tercet` command of a test, on a network address of its own: each device of a scene has its own on loopback.

`python -m tests.lab.at WORDS…` is `tercet WORDS…`; whose device it is, the name of its vault or folder says.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import cheap

COMMAND = (sys.executable, "-m", "tests.lab.at")
NAMES = ("desk", "amal", "badr-baker", "cyra-weaver")  # those to be searched for have eight letters or more
ADDRESSES = {name: f"127.0.0.{number}" for number, name in enumerate(NAMES, start=11)}


def address_of(words: Iterable[str]) -> str:
    """The address of the device that a command line names; none for any other."""
    names = (Path(word).name for word in words)
    return next((ADDRESSES[name] for name in names if name in ADDRESSES), "")


def come_from(address: str) -> None:
    """From now on this process connects from one address only."""
    connect = asyncio.BaseEventLoop.create_connection

    async def bound(self: Any, *given: Any, **named: Any) -> Any:
        return await connect(self, *given, **({"local_addr": (address, 0)} | named))

    asyncio.BaseEventLoop.create_connection = bound  # type: ignore[assignment]


def main() -> None:
    """Run the command, from the address of the device that it names."""
    if own := address_of(sys.argv):
        come_from(own)
    cheap.main()


if __name__ == "__main__":
    main()
