"""Fuzz targets of introductions: what a neighbour can write in letters of kinds 9 and 10.

Does        hands bytes as the body of a delivered letter to devices at every stage of an introduction.
Does not    run anything: the runner and the replay test do.
Spec        spec/32-introduction.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tercet.core import introducing
from tercet.core.card import Card, Relay
from tercet.core.cell import Role
from tercet.core.chain import DayChain
from tercet.core.channel import Channel, Letter, LetterKind
from tercet.core.fields import Malformed, decode, encode
from tercet.core.introduction import Bringing, Brought, Frame, Introductions, Said, parse_frame, parse_offer
from tercet.core.relation import Relation
from tercet.core.state import Device
from tercet.core.turn import Turn

_NOW = 1_790_000_000
_ID, _SHARED = bytes(range(16)), bytes(range(32))
_CARD = Card(1, DayChain(20_717, bytes(32)), bytes(32), bytes(32), (Relay("relay", bytes(32)),), 1)


def _chance(count: int) -> bytes:
    return bytes(range(count))


def _relation(number: int, role: Role) -> Relation:
    return Relation(
        bytes([number] * 16), f"n{number}", role, DayChain(20_717, bytes(32)), 0, Channel(), b"", pair=bytes(32)
    )


_LINK, _PARTNER, _LEFT, _RIGHT = (
    _relation(number, role) for number, role in enumerate((Role.LINK, Role.PARTNER, Role.BELOW, Role.BELOW), 1)
)


def _device(*relations: Relation, **introductions: object) -> Device:
    return Device(card=_CARD, relations=relations, introductions=Introductions(**introductions))  # type: ignore[arg-type]


_OFFERED = tuple(Brought(_ID, by.id, _NOW, side, role, _SHARED) for by, side, role in (
    (_LINK, 0, Role.PARTNER), (_LINK, 1, Role.PARTNER), (_PARTNER, 1, Role.LINK),
))  # fmt: skip


def _after(device: Device, kind: LetterKind, body: bytes) -> Device:
    """What a device becomes by a letter of its first neighbour."""
    turn = Turn(device, _NOW, _chance)
    introducing.take(turn, device.relations[0].id, Letter(1, 1, 0, 1, _NOW, kind, body))
    if decode(encode(turn.device), Device) != turn.device:
        raise AssertionError("a device does not come back from its bytes")
    if len(turn.device.relations) != len(device.relations):
        raise AssertionError("a letter alone makes a neighbour")
    if any(len(r.channel.waiting) > 1 for r in turn.device.relations):
        raise AssertionError("a letter makes us write more than one to anybody")
    return turn.device


def _agreed(offered: Brought, device: Device) -> Device:
    turn = Turn(device, _NOW, _chance)
    introducing.accept(turn, "x")
    return _quiet(turn.device)


def _quiet(device: Device) -> Device:
    """The device, with nothing that waits."""
    relations = tuple(msgspec.structs.replace(r, channel=Channel()) for r in device.relations)
    return msgspec.structs.replace(device, relations=relations)


_INTRODUCING = _device(_LINK, _PARTNER, bringing=Bringing(_ID, (_LINK.id, _PARTNER.id), _NOW))
_WAITING = tuple(_device(_LINK if o.by == _LINK.id else _PARTNER, brought=o) for o in _OFFERED)
_GREETING = tuple(_agreed(o, d) for o, d in zip(_OFFERED, _WAITING, strict=True))
_HELLO = decode(_GREETING[0].introductions.brought.meeting.ours, tuple)  # type: ignore[union-attr]
_KEYING = _quiet(_after(_GREETING[1], LetterKind.INTRO_FRAME, encode(Frame(1, _ID, Said.HELLO, (encode(_HELLO),)))))


def offer(data: bytes) -> None:
    """An offer of a partner, a link and somebody below, to devices with and without the place."""
    for device in (_device(_PARTNER), _device(_LINK), _device(_LINK, _PARTNER), _device(_LEFT, _RIGHT), *_WAITING):
        after = _after(device, LetterKind.INTRODUCE, data)
        again = _after(after, LetterKind.INTRODUCE, data)
        if again != after:
            raise AssertionError("an offer that comes again changes something")
    parse_offer(data)


def frame(data: bytes) -> None:
    """A frame, to who introduces and to each of the two at every stage."""
    for device in (_INTRODUCING, *_WAITING, *_GREETING, _KEYING):
        _after(device, LetterKind.INTRO_FRAME, data)
    parse_frame(data)


def _malformed(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def swallowed(data: bytes) -> None:
        if len(data) > 4_096:
            return
        try:
            target(data)
        except Malformed:
            return

    return swallowed


TARGETS: dict[str, Callable[[bytes], None]] = {
    "core-offer": _malformed(offer),
    "core-intro-frame": _malformed(frame),
}
