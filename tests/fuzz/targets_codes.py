"""Fuzz targets of codes: parts, pictures, what codes say, and the welcome.

Does        hands bytes to one parser and swallows its documented refusal only.
Does not    run anything: the runner and the replay test do.
Spec        spec/31-codes.md, spec/60-board.md
Always      1. Anything but the documented refusal is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

from tercet.core import bycode
from tercet.core import events as ev
from tercet.core.board import BoardView
from tercet.core.cell import Role
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, decode, encode
from tercet.core.scan import Answer, encode_message, meeting_of, parse_message
from tercet.core.state import Device, load, save
from tercet.core.welcome import take
from tercet.shell import codes
from tercet.shell.failures import ShellError

_NOW = 1_790_000_000
_TODAY = 20_717
_RELAY = "tercet://relay.example:443/aaaa"
_PIXELS = 600_000  # of a picture here: quick to look at
_REFUSALS = {"bad_scan", "code_not_awaited", "code_used", "scan_late", "scan_other", "scan_own"}


def _chance(count: int) -> bytes:
    return bytes(i % 256 for i in range(count))


_NEW = Device()
_DESK, _ = step(_NEW, ev.SetUpDesk((_RELAY,), 1), _NOW, _chance)
_ALONE, _ = step(_DESK, ev.InviteByCode("new", Role.DESK, True), _NOW, _chance)
_RELAYED, _ = step(_DESK, ev.InviteByCode("new", Role.DESK, False), _NOW, _chance)
_JOINED, _ = step(_NEW, ev.JoinByCode("desk", bycode.shown(_ALONE.meeting)), _NOW, _chance)
_ANSWER = encode_message(Answer(1, meeting_of(_chance(32)), _chance(32)))
_ANSWERED, _ = step(_RELAYED, ev.Scanned(_ANSWER), _NOW, _chance)


def _pieces(data: bytes) -> Iterator[bytes]:
    """A row of codes: two bytes of length, and so many bytes, again and again."""
    while len(data) > 2:
        size = int.from_bytes(data[:2], "big")
        yield data[2 : 2 + size]
        data = data[2 + size :]


def parts(data: bytes) -> None:
    """Any row of codes: what a collector gives is named by its own digest, and what it holds has a bound."""
    collector = codes.Collector()
    given = set()
    for code in _pieces(data):
        message = collector.take(code)
        if message is None:
            continue
        if blake2b(message, digest_size=32).digest()[:4] != code[1:5] or message in given:
            raise RuntimeError("a message under another name, or twice")
        given.add(message)
    held = sum(len(piece) for pieces in collector._open.values() for piece in pieces.values())
    if len(collector._open) > codes.OPEN_MOST or held > codes.OPEN_MOST * codes.MESSAGE_MOST:
        raise RuntimeError("a collector without a bound")


def picture(data: bytes) -> None:
    """Any file: codes, or none, or a refusal."""
    before, codes.PIXELS_MOST = codes.PIXELS_MOST, _PIXELS  # type: ignore[misc]
    try:
        codes.read_picture(data)
    except ShellError as error:
        if error.code not in ("bad_picture", "picture_large"):
            raise RuntimeError("another refusal") from error
    finally:
        codes.PIXELS_MOST = before  # type: ignore[misc]


def message(data: bytes) -> None:
    """Any message: it reads back as itself; in a meeting it does something, or nothing, or is refused."""
    try:
        said = parse_message(data)
    except Malformed:
        said = None
    if said is not None and parse_message(encode_message(said)) != said:
        raise RuntimeError("a message does not read back")
    for device in (_NEW, _ALONE, _RELAYED, _JOINED, _ANSWERED):
        _step(device, ev.Scanned(data))


def invitation(data: bytes) -> None:
    """Any message, as the beginning of a meeting."""
    _step(_NEW, ev.JoinByCode("x", data))


def _step(device: Device, event: ev.Event) -> None:
    try:
        after, _ = step(device, event, _NOW, _chance)
    except Refusal as refusal:
        if refusal.code not in _REFUSALS | {"no_meeting"}:
            raise RuntimeError("another refusal") from refusal
        return
    if load(save(after)) != after:
        raise RuntimeError("a device does not come back from its bytes")


def welcome(data: bytes) -> None:
    """Any letter of welcome: a view that comes back from its bytes."""
    view = take(BoardView(), data, _TODAY)
    if decode(encode(view), BoardView) != view or view.number:
        raise RuntimeError("a view does not come back, or counts what is not signed")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "codes-invitation": invitation,
    "codes-message": message,
    "codes-parts": parts,
    "codes-picture": picture,
    "codes-welcome": welcome,
}
