"""A relay as a captor would run it: the product's own, that keeps all it hears and says in the clear.

Does        wraps the relay's guests: notes address, port, moment and bytes of each greeting, request and answer.
Does not    change an answer, or know what is in an item.
Spec        spec/91-exposure.md, 4a
Always      1. What it notes is what any operator of a relay could note.
Read first  listen(), then Notes.

`python -m tests.lab.listening FILE WORDS…` is `tercet WORDS…` with every relay in it listening into FILE.
"""

from __future__ import annotations

import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tercet.drop import guest, server

from .. import cheap


class Notes:
    """The captor's file, one JSON object a line; `clock` gives seconds."""

    def __init__(self, place: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = place.open("a", buffering=1)
        self._clock = clock
        self._numbers = count(1)

    def note(self, who: Any, **what: Any) -> None:
        """Note something of a connection; bytes as base64."""
        if not hasattr(who, "number"):
            who.number = next(self._numbers)
            address, port, *_ = who.transport.get_extra_info("peername")
            what = {"address": address, "port": port} | what
        told = {key: b64encode(value).decode() if isinstance(value, bytes) else value for key, value in what.items()}
        self._file.write(json.dumps({"connection": who.number, "at": self._clock()} | told) + "\n")

    def named(self, host: str) -> None:
        """Note a host that somebody named in the greeting of TLS; no client of ours does."""
        self._file.write(json.dumps({"connection": 0, "at": self._clock(), "host": host}) + "\n")


def listen(notes: Notes, patch: pytest.MonkeyPatch) -> None:
    """From now on every relay of this process keeps what it hears."""
    feed, ask, tls = server._feed, guest.Guest.ask, server.tls_context

    def heard_head(socket: Any, data: bytes) -> None:
        notes.note(socket._guest, head=data)
        feed(socket, data)

    def heard(self: Any, data: bytes, reply: Callable[[bytes], None]) -> bool:
        notes.note(self, asked=data)

        def said(message: bytes) -> None:
            notes.note(self, answered=message)
            reply(message)

        return ask(self, data, said)

    def named(*files: Any, **more: Any) -> Any:
        context = tls(*files, **more)
        context.sni_callback = lambda _, name, __: notes.named(name) if name else None
        return context

    patch.setattr(server, "_feed", heard_head)
    patch.setattr(guest.Guest, "ask", heard)
    patch.setattr(server, "tls_context", named)


if __name__ == "__main__":
    listen(Notes(Path(sys.argv.pop(1))), pytest.MonkeyPatch())
    cheap.main()
