"""Fuzz targets of the drop room: each parser of outside bytes.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/10-drop.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from tercet.drop import BLOCK, FRAME, Ack, DropFailure, Items, Post, Put, Read, RelayAddress
from tercet.drop.log import MARKER, scan
from tercet.drop.passes import PASS, SECRET, read_passes, write_passes
from tercet.drop.server import read_head
from tercet.drop.wire import (
    MAX_MESSAGE,
    BadMessage,
    Request,
    WholeRefusal,
    decode_answers,
    decode_hello,
    decode_request,
    encode_answers,
    encode_hello,
    encode_request,
)

_S = bytes(32)
_ASKED = (
    (Read(_S),),
    (Read(_S, limit=128),),
    (Read(_S, BLOCK),),
    (Put(_S, bytes(FRAME)), Ack(_S, _S), Read(_S, limit=2), Post(_S, bytes(FRAME))),
)


def _must(held: bool) -> None:
    if not held:
        raise AssertionError("the parser took what its writer would not write")


def request(data: bytes) -> None:
    """A client's message: what is read writes back the same."""
    try:
        found = decode_request(data)
    except BadMessage:
        return
    _must(encode_request(found.number, found.ops, found.pass_) == data)


def answers(data: bytes) -> None:
    """A relay's message; the first byte says what was asked. What is read writes back as long."""
    asked = Request(1, _ASKED[data[0] % len(_ASKED)] if data else _ASKED[0])
    try:
        found = decode_answers(asked, data[1:])
    except (BadMessage, WholeRefusal):
        return
    for op, answer in zip(asked.ops, found, strict=True):
        if isinstance(op, Read) and isinstance(answer, Items):
            _must(len(answer.items) <= op.limit and all(len(item) == op.size for item in answer.items))
    _must(len(encode_answers(asked, found, bytes)) == len(data) - 1)


def hello(data: bytes) -> None:
    """A relay's greeting."""
    try:
        clock = decode_hello(data)
    except BadMessage:
        return
    _must(encode_hello(clock) == data)


def log(data: bytes) -> None:
    """A file of a disk store's log; the first 8 bytes are its marker."""
    marker, held = data[:MARKER], data[MARKER:]
    if len(marker) < MARKER:
        return
    end = 0
    for at, record in scan(held, marker):
        packed = record.pack(marker)
        _must(at >= end and held[at : at + len(packed)] == packed)
        end = at + len(packed)


def address(data: bytes) -> None:
    """A relay's address as typed or scanned."""
    text = data.decode("utf-8", "replace")
    try:
        found = RelayAddress.parse(text)
    except DropFailure as failure:
        _must(failure.code == "bad_address")
        return
    _must(str(found) == text)


def passes(data: bytes) -> None:
    """A relay's file of passes, or of weekly secrets."""
    for size in (PASS, SECRET):
        try:
            found = read_passes(data, size)
        except DropFailure as failure:
            _must(failure.code == "bad_pass")
            continue
        _must(write_passes(found) == data)


def http(data: bytes) -> None:
    """The head of an HTTP request."""
    status, length, _ = read_head(data)
    _must(0 <= length <= MAX_MESSAGE and (status == HTTPStatus.OK or not length))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "drop-request": request,
    "drop-answers": answers,
    "drop-hello": hello,
    "drop-log": log,
    "drop-address": address,
    "drop-http": http,
    "drop-passes": passes,
}
