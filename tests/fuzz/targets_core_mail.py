"""Fuzz targets of letters and reports: each parser of outside bytes, beneath any seal.

Does        hands bytes to one parser, or as a letter to a whole device, and swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/40-letters.md, spec/50-report.md, spec/00-overview.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tercet.core import channel as letters
from tercet.core import events as ev
from tercet.core.card import Card, Relay
from tercet.core.cell import Role
from tercet.core.chain import DayChain, lane
from tercet.core.channel import Channel, LetterKind
from tercet.core.comparing import parse_head
from tercet.core.content import REPORT_PLAIN, MediaKind, MediaRef, Place, ReportKind, _seal, open_content, parse_content
from tercet.core.conversation import open_answer
from tercet.core.device import step
from tercet.core.envelope import SALT, return_lane, unwrap, wrap
from tercet.core.fields import decode
from tercet.core.relation import PLAIN, RATCHET, Relation, open_letter, parse_plain
from tercet.core.report import MediaSend, Report, ReportState, ResendRequest
from tercet.core.state import Case, Device, MediaDue, Office, Return, save
from tercet.sealing import (
    FRAME,
    FRAME_CONTENT,
    NONCE,
    CannotOpen,
    kem_public,
    olm_account,
    olm_decrypt,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
    seal,
)
from tests.fuzz import or_malformed

_NOW = 1_790_000_000
_TODAY = _NOW // 86_400
_WEEK = (_TODAY + 3) // 7
_REPLY = bytes(range(32))
_CASE = bytes(range(16))
_RELAY = "tercet://relay.example:443/aaaa"
_CARD = Card(1, DayChain(_TODAY - 1, _REPLY), _REPLY, _REPLY, (Relay(_RELAY, _REPLY),), 2)
_BACK = return_lane(_REPLY)
_PUBLIC = kem_public(_REPLY)


def _member() -> Device:
    """A member with one report, whose file the desk may ask for again."""
    film = MediaSend(MediaKind.VIDEO, "film", 600_000, bytes(32), b"", 3)
    copy = MediaSend(MediaKind.TRAVEL, "", 600, b"", b"", 1)
    sealed = _WEEK.to_bytes(2, "big") + bytes(FRAME_CONTENT - 2)
    report = Report(1, _NOW, ReportState.LEFT, sealed, _NOW, _REPLY, bytes(16), Channel(), (film, copy))
    awaited = (Return(bytes(16), _REPLY, 1, _NOW),)
    return Device(card=_CARD, reports=(report,), reported=1, confirmed=_TODAY, returns=awaited)


def _desk() -> Device:
    """A desk with one case, a file of which is on its way."""
    talk = letters.write(Channel(), LetterKind.RECEIPT, b"")
    talk, _ = letters.stamp(talk, talk.waiting[0], _NOW)
    case = Case(_CASE, 1, talk, (MediaDue(bytes(32), 0, (), 9, _NOW),), _NOW)
    seeds = {week: _REPLY for week in range(_WEEK, _WEEK + 9)}
    office = Office(_REPLY, _REPLY, _REPLY, DayChain(_TODAY - 1, _REPLY), seeds, cases=(case,), opened=1)
    return Device(card=_CARD, confirmed=_TODAY, office=office)


def _pair() -> tuple[Relation, bytes]:
    """A neighbour, and the other side's session."""
    ours, theirs = olm_account(), olm_account()
    session = olm_outbound(theirs.pickle, ours.identity, ours.one_time)
    session, first = olm_encrypt(session, b"")
    inbound, _ = olm_inbound(ours.pickle, theirs.identity, first)
    inbound, answer = olm_encrypt(inbound, b"")
    session, _ = olm_decrypt(session, answer)
    return Relation(bytes(16), "a", Role.PARTNER, DayChain(_TODAY, _REPLY), 0, Channel(), inbound), session


_MEMBER, _DESK = _member(), _desk()
_NEIGHBOUR, _SESSION = _pair()


def _chance(count: int) -> bytes:
    return bytes(count)


def _stays_small(device: Device, query: ev.Query, frame_of: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """The bytes as a letter's, under the right seals: no step may fail, nothing may grow without bound."""
    if device.is_desk:
        device, _ = step(device, ev.SendNow(), _NOW, _chance)  # its first beat posts much, once
    most = len(save(device)) + 4 * FRAME

    def target(data: bytes) -> None:
        event = ev.Arrived(query, (frame_of(data),), False, _RELAY)
        after, _ = step(device, event, _NOW, _chance)
        again, _ = step(after, ev.SendNow(), _NOW + 60, _chance)
        if len(save(again)) > most:
            raise AssertionError("one letter made the state grow by more than a few frames")

    return target


def _answer(data: bytes) -> bytes:
    """A letter's bytes in the desk's answer."""
    return seal(_BACK.key, (bytes([PLAIN]) + data)[:FRAME_CONTENT], FRAME, bytes(NONCE))


def _word(data: bytes) -> bytes:
    """A letter's bytes in a reporter's word."""
    fields = (1, ReportKind.WORD, _TODAY, _REPLY, _CASE)
    content = b"\x96" + b"".join(msgspec.msgpack.encode(field) for field in fields) + data
    sealed = _seal((content + b"\x80")[:REPORT_PLAIN].ljust(REPORT_PLAIN, b"\0"), _WEEK, _PUBLIC)
    return wrap(lane(_CARD.chain, _TODAY, "intake", 0), sealed, _WEEK, _PUBLIC, bytes(NONCE), bytes(SALT))


def intake(data: bytes) -> None:
    """What lies beneath the network's layer in a frame of intake: a week, and an envelope if it is one."""
    where = lane(_CARD.chain, _TODAY, "intake", 0)
    frame = seal(where.key, data[:FRAME_CONTENT], FRAME, bytes(NONCE))
    try:
        open_content(unwrap(where, frame, {_WEEK: _REPLY})[1], {_WEEK: _REPLY})
    except CannotOpen:
        return


def word(data: bytes) -> None:
    """An answer's content, beneath the outer key."""
    open_answer(_BACK, seal(_BACK.key, data[:FRAME_CONTENT], FRAME, bytes(NONCE)))


def neighbour(data: bytes) -> None:
    """What a neighbour seals: the first byte chooses between the outer key alone and the ratchet."""
    kind, rest = data[:1], data[1:3_990]
    content = data[:FRAME_CONTENT]
    if kind == bytes([RATCHET]):
        content = kind + olm_encrypt(_SESSION, rest)[1]
    where = lane(_NEIGHBOUR.chain, _TODAY, "relation", 1)
    try:
        open_letter(_NEIGHBOUR, _TODAY, seal(where.key, content, FRAME, bytes(NONCE)))
    except CannotOpen:
        return


def report(data: bytes) -> None:
    """A report beneath its seal; padded here, so that the message is reached."""
    content = parse_content((data[: REPORT_PLAIN - 1] + b"\x80").ljust(REPORT_PLAIN, b"\0"), _WEEK)
    if msgspec.msgpack.decode(msgspec.msgpack.encode(content), type=type(content)) != content:
        raise AssertionError("a report does not read back")


def _of(kind: Any) -> Callable[[bytes], None]:
    return or_malformed(lambda data: decode(data, kind))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "core-head": or_malformed(parse_head),
    "core-letter": or_malformed(parse_plain),
    "core-intake": or_malformed(intake),
    "core-word": or_malformed(word),
    "core-neighbour": or_malformed(neighbour),
    "core-report": or_malformed(report),
    "core-padding": or_malformed(lambda data: parse_content(data, _WEEK)),
    "core-place": _of(Place),
    "core-media-ref": _of(MediaRef),
    "core-request": _of(ResendRequest),
    "core-word-of-desk": _stays_small(_MEMBER, ev.Query("return", bytes(16)), _answer),
    "core-word-to-desk": _stays_small(_DESK, ev.Query("intake", day=_TODAY), _word),
}
