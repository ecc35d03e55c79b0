"""Fuzz targets of the meeting and the board: each parser of outside bytes, beneath any seal.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/30-meeting.md, spec/60-board.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from tercet.core import hello as hellos
from tercet.core import knock as knocks
from tercet.core import meeting as meetings
from tercet.core.board import BoardView, TwoFaces, apply_entry
from tercet.core.card import Card
from tercet.core.cell import Cell, Role
from tercet.core.entry import body_of, parse_entry
from tercet.core.errors import Refusal
from tercet.core.exchange import take_frame
from tercet.core.fields import Malformed, decode, encode
from tercet.sealing import FRAME, derive, digest, seal
from tests.fuzz import or_malformed

_VECTORS = Path(__file__).parents[2] / "vectors" / "meeting"
_NOW = 1_790_000_000


def _given(name: str) -> dict[str, bytes]:
    given = json.loads((_VECTORS / f"{name}.json").read_text())["input"]
    return {key: bytes.fromhex(value) for key, value in given.items() if isinstance(value, str)}


def _chance(count: int) -> bytes:
    return bytes(range(count))


_SHARED = bytes(range(32))
_HERE = meetings.Here(20_717, None, Cell())
_JOINER = meetings.Meeting(
    meetings.Stage.GREETING, 1, "a", None, _NOW, "relay", "042", shared=_SHARED, offer=b"A" + bytes(32)
)
_KEYING, _ = take_frame(
    _JOINER,
    hellos.seal_shared(_SHARED, 0, hellos.FrameKind.HELLO, _given("hello-1")["content"], _chance).item,
    _HERE,
    _chance,
)


def code(data: bytes) -> None:
    """A typed code: what is accepted reads back as itself."""
    try:
        plate, words = knocks.parse_code(data.decode("utf-8", "replace"))
    except Refusal as refusal:
        if refusal.code != "bad_code":
            raise
        return
    if knocks.parse_code(f"{plate} {words}") != (plate, words):
        raise AssertionError("a code does not read back")


def entry(data: bytes) -> None:
    """An entry beneath seal and signature, taken in by a new reader and by one that has it."""
    try:
        found = parse_entry(data)
        body_of(found)
    except Malformed:
        return
    try:
        view = apply_entry(BoardView(), found, digest(data), _NOW)
    except TwoFaces:
        return
    if view.number != found.number or apply_entry(view, found, digest(data), _NOW) != view:
        raise AssertionError("an entry is taken in twice")
    if decode(encode(view), BoardView) != view:
        raise AssertionError("a view does not come back from its bytes")


def _stage(meeting: meetings.Meeting, kind: hellos.FrameKind) -> Callable[[bytes], None]:
    """A whole stage of a meeting over content beneath the seal: it goes on, ends with a code, or stays the same."""

    def target(data: bytes) -> None:
        if len(data) > 4_054:
            return
        frame = hellos.seal_shared(_SHARED, 0, kind, data, _chance).item
        after, _ = take_frame(meeting, frame, _HERE, _chance)
        if decode(encode(after), meetings.Meeting) != after:
            raise AssertionError("a meeting does not come back from its bytes")
        if after.stage is meetings.Stage.FAILED and not after.failure:
            raise AssertionError("a meeting ends without a reason")

    return target


def _card(data: bytes) -> None:
    card = decode(data, Card)
    if card.from_day(card.chain.day + 1).chain.day != card.chain.day + 1 or card.from_day(0) != card:
        raise AssertionError("a card begins elsewhere")


def _consent(data: bytes) -> None:
    """A consent of either side, in a stage that awaits it; its Olm message is opened too."""
    keyed = msgspec.structs.replace(
        _KEYING, stage=meetings.Stage.COMPARING, root=_SHARED, likeness=_SHARED, role=Role.FOUNDER
    )
    if len(data) > 4_055:
        return
    sealed = seal(derive(_SHARED, "meeting consent", b"\0"), data, FRAME, _chance(24))
    after, outs = take_frame(keyed, sealed, _HERE, _chance)
    if outs or after.stage is not meetings.Stage.COMPARING:
        raise AssertionError("a consent alone keeps nothing")
    hellos.parse_consent(data, 0)
    hellos.parse_consent(data, 1)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "core-code": code,
    "core-knock": or_malformed(knocks.parse_knock),
    "core-hello": _stage(_JOINER, hellos.FrameKind.HELLO),
    "core-hello-inviter": or_malformed(lambda data: hellos.parse_hello(data, 0)),
    "core-hello-joiner": or_malformed(lambda data: hellos.parse_hello(data, 1)),
    "core-key": _stage(_KEYING, hellos.FrameKind.KEY),
    "core-key-inviter": or_malformed(lambda data: hellos.parse_key(data, 0)),
    "core-key-joiner": or_malformed(lambda data: hellos.parse_key(data, 1)),
    "core-verdict": or_malformed(hellos.parse_verdict),
    "core-consent": or_malformed(_consent),
    "core-card": or_malformed(_card),
    "core-entry": entry,
    "core-week-keys": or_malformed(lambda data: body_of(parse_entry(encode((1, 1, bytes(32), 0, 1, data))))),
    "core-relay-list": or_malformed(lambda data: body_of(parse_entry(encode((1, 1, bytes(32), 0, 2, data))))),
}
