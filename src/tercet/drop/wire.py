"""The bytes between a client and a relay: one message a batch of operations, one message its answers.

Does        turn batches and answers into bytes and back, strictly.
Does not    open connections, or believe anything: what does not fit is an error.
Spec        spec/10-drop.md, 6
Always      1. One meaning, one text of bytes: what decodes encodes to the same bytes (but for filler).
            2. The answer to a read of one frame has the same length whatever the box holds.
            3. No request can ask for an answer longer than a message.
Read first  `encode_request`, then `encode_answers`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tercet.drop.address import PASS as PASS_BYTES
from tercet.drop.ops import (
    BLOCK,
    FRAME,
    SECRET,
    Ack,
    Acked,
    Answer,
    Items,
    Op,
    Post,
    Put,
    Read,
    Refusal,
    Refused,
    Stored,
)

VERSION = 2
MAX_MESSAGE = 4 * 1024 * 1024  # bytes; spec/10-drop.md, 6
MAX_OPS = 1_024  # operations in a request, PASS among them
HEAD = struct.Struct(">BIH")  # version, request number, count
HELLO = struct.Struct(">BQ")  # version, the relay's clock in seconds
_READ = struct.Struct(">B32sIB")  # flags, read secret, start, limit

PUT_FRAME, PUT_BLOCK, READ_FRAMES, READ_BLOCK, ACK, POST, PASS = range(1, 8)
STORED, ITEMS, ACKED, REFUSED = range(4)
REFUSALS = tuple(Refusal)  # a refusal's number is its place here, from 1
FLAG = 1  # in a read: the box is posted; in items: more follow

_STORED, _ACKED = bytes((STORED, 0)), bytes((ACKED, 0))


class BadMessage(Exception):
    """Bytes that are not a message of this protocol.

    Attributes:
        code: always "bad_message".
        hint: one sentence for a person.
        number: the request's number if it could be read, else 0.
    """

    code = "bad_message"
    hint = "The other side does not speak this version of the drop's language."

    def __init__(self, number: int = 0) -> None:
        super().__init__(self.hint)
        self.number = number


class WholeRefusal(Exception):
    """The relay refused a request as a whole. `code` is one of `Refusal`."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A batch as it travels.

    Attributes:
        number: the client's number for it, 32 bits, not 0.
        ops: the operations, 1 to 1,024, one fewer with a pass.
        pass_: the pass shown before them (16 bytes), or none.
    """

    number: int
    ops: tuple[Op, ...]
    pass_: bytes = field(default=b"", repr=False)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise ValueError("cut short")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def next(self, kind: int) -> bool:
        """Take the next byte if it is `kind`."""
        found = self._data[self._at : self._at + 1] == bytes((kind,))
        self._at += found
        return found

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("bytes left over")


def encode_hello(clock: int) -> bytes:
    """Return the first message of a relay (9 bytes); `clock` in seconds, UTC."""
    return HELLO.pack(VERSION, clock)


def decode_hello(data: bytes) -> int:
    """Return the relay's clock in seconds, UTC. Raises BadMessage."""
    if len(data) != HELLO.size or data[0] != VERSION:
        raise BadMessage
    return int(HELLO.unpack(data)[1])


def _encode_op(op: Op) -> tuple[bytes, ...]:
    if isinstance(op, Put):
        return bytes((PUT_FRAME if len(op.item) == FRAME else PUT_BLOCK,)), op.box, op.item
    if isinstance(op, Read):
        kind = READ_FRAMES if op.size == FRAME else READ_BLOCK
        return bytes((kind,)), _READ.pack(FLAG if op.posted else 0, op.read, op.start, op.limit)
    if isinstance(op, Ack):
        return bytes((ACK,)), op.ack, op.name
    return bytes((POST,)), op.post, op.item


def _decode_op(reader: _Reader) -> Op:
    kind = reader.take(1)[0]
    if kind == PUT_FRAME:
        return Put(reader.take(SECRET), reader.take(FRAME))
    if kind == PUT_BLOCK:
        return Put(reader.take(SECRET), reader.take(BLOCK))
    if kind in (READ_FRAMES, READ_BLOCK):
        flags, read, start, limit = _READ.unpack(reader.take(_READ.size))
        if flags not in (0, FLAG):
            raise ValueError("unknown flag")
        return Read(read, FRAME if kind == READ_FRAMES else BLOCK, start, limit, flags == FLAG)
    if kind == ACK:
        return Ack(reader.take(SECRET), reader.take(SECRET))
    if kind == POST:
        return Post(reader.take(SECRET), reader.take(FRAME))
    raise ValueError("unknown operation")


def longest_answer(ops: Sequence[Op]) -> int:
    """Return the most bytes that the answers to `ops` can have as a message."""
    return HEAD.size + sum(3 + op.limit * op.size if isinstance(op, Read) else 2 for op in ops)


def encode_request(number: int, ops: Sequence[Op], pass_: bytes = b"") -> bytes:
    """Return a request's bytes.

    Args:
        number: 32 bits, chosen by the client, not 0.
        ops: 1 to 1,024 operations, one fewer with a pass.
        pass_: the pass to show before them (16 bytes), or none.

    Raises:
        ValueError: the request or its longest answer would be longer than MAX_MESSAGE, or a number is out of range.

    Source: spec/10-drop.md, 6.
    """
    count = len(ops) + bool(pass_)
    if not 1 <= number <= 0xFFFF_FFFF or not ops or count > MAX_OPS or len(pass_) not in (0, PASS_BYTES):
        raise ValueError("a request has a number, perhaps a pass, and 1 to 1,024 operations")
    pieces = [HEAD.pack(VERSION, number, count)]
    if pass_:
        pieces += [bytes((PASS,)), pass_]
    for op in ops:
        pieces.extend(_encode_op(op))
    data = b"".join(pieces)
    if max(len(data), longest_answer(ops)) > MAX_MESSAGE:
        raise ValueError("the request or its answer is too long for one message")
    return data


def decode_request(data: bytes) -> Request:
    """Return the request that `data` says. Raises BadMessage. Source: spec/10-drop.md, 6."""
    if not HEAD.size <= len(data) <= MAX_MESSAGE or data[0] != VERSION:
        raise BadMessage
    _, number, count = HEAD.unpack_from(data)
    reader = _Reader(data)
    reader.take(HEAD.size)
    try:
        if not number or not 1 <= count <= MAX_OPS:
            raise ValueError("no number, or no operation")
        pass_ = reader.take(PASS_BYTES) if reader.next(PASS) else b""
        ops = tuple(_decode_op(reader) for _ in range(count - bool(pass_)))
        if not ops:
            raise ValueError("a pass and nothing else")
        reader.end()
    except ValueError:
        raise BadMessage(number) from None
    if longest_answer(ops) > MAX_MESSAGE:
        raise BadMessage(number)
    return Request(number, ops, pass_)


def _single(op: Op) -> bool:
    return isinstance(op, Read) and op.limit == 1 and op.size == FRAME


def encode_answers(request: Request, answers: Sequence[Answer], noise: Callable[[int], bytes]) -> bytes:
    """Return the message that answers a request.

    Args:
        request: what was asked.
        answers: one an operation, in order.
        noise: gives random bytes, to fill the answer to a read of one frame from an empty box.

    Source: spec/10-drop.md, 6.
    """
    pieces = [HEAD.pack(VERSION, request.number, len(answers))]
    for op, answer in zip(request.ops, answers, strict=True):
        items: tuple[bytes, ...] = ()
        if isinstance(answer, Items):
            items = answer.items
            pieces.append(bytes((ITEMS, FLAG if answer.more else 0, len(items))))
        elif isinstance(answer, Refused):
            pieces.append(bytes((REFUSED, 1 + REFUSALS.index(Refusal(answer.code)))))
            if _single(op):
                pieces.append(b"\0")
        else:
            pieces.append(_STORED if isinstance(answer, Stored) else _ACKED)
        pieces.extend(items)
        if _single(op) and not items:
            pieces.append(noise(FRAME))
    return b"".join(pieces)


def encode_refusal(number: int, code: Refusal) -> bytes:
    """Return the message that refuses a request as a whole (8 bytes). Source: spec/10-drop.md, 6."""
    return HEAD.pack(VERSION, number, 0) + bytes((1 + REFUSALS.index(code),))


def number_of(data: bytes) -> int:
    """Return the number of the request that a message answers. Raises BadMessage."""
    if not HEAD.size <= len(data) <= MAX_MESSAGE or data[0] != VERSION:
        raise BadMessage
    return int(HEAD.unpack_from(data)[1])


def decode_answers(request: Request, data: bytes) -> list[Answer]:
    """Return the answers to a request.

    Raises:
        BadMessage: the bytes do not fit the request: another number, count, kind or size.
        WholeRefusal: the relay refused the request as a whole.

    Source: spec/10-drop.md, 6.
    """
    if number_of(data) != request.number:
        raise BadMessage
    count = HEAD.unpack_from(data)[2]
    reader = _Reader(data)
    reader.take(HEAD.size)
    try:
        if count == 0:
            code = _refusal(reader.take(1)[0])
            reader.end()
            raise WholeRefusal(code)
        if count != len(request.ops):
            raise ValueError("another number of answers")
        answers = [_decode_answer(op, reader) for op in request.ops]
        reader.end()
    except ValueError:
        raise BadMessage(request.number) from None
    return answers


def _refusal(number: int) -> Refusal:
    if not 1 <= number <= len(REFUSALS):
        raise ValueError("unknown refusal")
    return REFUSALS[number - 1]


def _decode_answer(op: Op, reader: _Reader) -> Answer:
    kind, detail = reader.take(2)
    if kind == REFUSED:
        if _single(op) and reader.take(1 + FRAME)[0]:
            raise ValueError("a refusal with an item")
        return Refused(_refusal(detail))
    if isinstance(op, Read):
        return _decode_items(op, kind, detail, reader)
    if (kind, detail) != (ACKED if isinstance(op, Ack) else STORED, 0):
        raise ValueError("an answer to something else")
    return Acked() if isinstance(op, Ack) else Stored()


def _decode_items(op: Read, kind: int, detail: int, reader: _Reader) -> Items:
    if kind != ITEMS or detail not in (0, FLAG):
        raise ValueError("an answer to something else")
    count = reader.take(1)[0]
    if count > op.limit:
        raise ValueError("more items than asked for")
    items = tuple(reader.take(op.size) for _ in range(count))
    if _single(op) and not items:
        reader.take(FRAME)
    return Items(items, more=detail == FLAG)
