"""What a relay heard that a captor runs: every request and answer in the clear, and from which address.

Does        reads the log of a relay that listened; says what it tells, and what in it no message accounts for.
Does not    listen by itself: `tercet relay` keeps nothing of this.
Spec        spec/91-exposure.md, 4a
Always      1. A byte that the drop's language does not need is counted, never passed over.
Read first  Heard, read_log().
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from tercet.drop import BLOCK, Op, Post, Put, Read
from tercet.drop.ops import id_of_read, read_of_ack, read_of_post
from tercet.drop.wire import BadMessage, decode_request
from tercet.lab.exposure import Exposure, Items, is_noise
from tercet.lab.seizure import SeizureError
from tercet.lab.ties import Touch, addresses_of, ties_of

HEAD: Final = re.compile(
    rb"GET / HTTP/1\.1\r\nHost: [0-9a-z.:\[\]-]+\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    rb"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: [A-Za-z0-9+/]{22}==\r\n\r\n"
)  # how every client of this version begins; RFC 6455, 4.1


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the log: a connection that begins, a request, an answer, or a host named in TLS."""

    connection: int
    at: float
    address: str = ""
    port: int = 0
    head: bytes = b""
    asked: bytes = b""
    answered: bytes = b""
    host: str = ""


@dataclass
class Heard:
    """All that was heard.

    Attributes:
        touches: operations, in order.
        items: what was put or posted, with the kind.
        odd: bytes that no message of the drop needs: of a head unlike all others, of a host's name, of a request
            that is none, of an item that is no noise.
        data: every byte that came in, to be searched.
    """

    touches: list[Touch] = field(default_factory=list)
    items: list[tuple[str, Touch]] = field(default_factory=list)
    odd: int = 0
    data: bytearray = field(default_factory=bytearray)


def read_log(place: Path) -> Heard:
    """Read a log, one JSON object a line.

    Raises:
        SeizureError: `log_unreadable`.

    Source: spec/91-exposure.md, 4a.
    """
    heard, addresses = Heard(), dict[int, str]()
    decode = msgspec.json.Decoder(Line).decode
    try:
        with place.open("rb") as lines:
            for text in lines:
                _take(heard, addresses, decode(text))
    except (OSError, ValueError, KeyError):
        raise SeizureError("log_unreadable") from None
    return heard


def _take(heard: Heard, addresses: dict[int, str], line: Line) -> None:
    heard.data += line.head + line.asked + line.host.encode()
    heard.odd += len(line.host)
    if line.address:
        addresses[line.connection] = line.address
        heard.odd += 0 if HEAD.fullmatch(line.head) else len(line.head)
    if line.asked:
        try:
            ops = decode_request(line.asked).ops
        except BadMessage:
            heard.odd += len(line.asked)
            return
        for op in ops:
            _note(heard, Touch(line.connection, addresses[line.connection], line.at, *_what(op)), op)


def _note(heard: Heard, touch: Touch, op: Op) -> None:
    heard.touches.append(touch)
    if isinstance(op, Put | Post):
        kind = "board" if isinstance(op, Post) else "block" if len(op.item) == BLOCK else "frame"
        heard.items.append((kind, touch))
        heard.odd += 0 if is_noise(op.item) else len(op.item)


def _what(op: Op) -> tuple[str, bytes]:
    """The operation, and the id of its box, which a relay derives from what it is shown."""
    if isinstance(op, Put):
        return "put", op.box
    if isinstance(op, Post):
        return "post", id_of_read(read_of_post(op.post), posted=True)
    if isinstance(op, Read):
        return "read", id_of_read(op.read, op.posted)
    return "ack", id_of_read(read_of_ack(op.ack))


def exposure_of_log(heard: Heard, stored: tuple[Items, ...]) -> Exposure:
    """What a log yields; `stored` is what the relay's folder shows besides.

    Source: spec/91-exposure.md, 4a.
    """
    return Exposure(
        "relay",
        items=stored or tuple(_items(heard)),
        addresses=addresses_of(heard.touches),
        ties=ties_of(heard.touches),
        powers=("withhold",),
        odd=heard.odd,
    )


def _items(heard: Heard) -> Iterator[Items]:
    for kind in sorted({kind for kind, _ in heard.items}):
        some = [touch for each, touch in heard.items if each == kind]
        moments = [int(touch.at) for touch in some]
        yield Items(kind, len(some), len({touch.box for touch in some}), 0, min(moments), max(moments))
