"""Conversation frames: what a reporter sends to intake, and the desk's one answer to each.

Does        seals and opens answers; writes words, burns, calls and dummies.
Does not    use a ratchet: each answer has a key of its own, kept until it came.
Spec        spec/50-report.md, 5
Always      1. A frame that does not open changes nothing.
Read first  seal_answer(), open_answer().
"""

from __future__ import annotations

from tercet.core import channel as letters
from tercet.core.chain import Lane
from tercet.core.channel import Channel, Letter, LetterKind
from tercet.core.content import NOBODY, ReportKind, WordContent
from tercet.core.fields import Malformed, encode
from tercet.core.relation import PLAIN, parse_plain
from tercet.sealing import FRAME, open_sealed, seal


def word(channel: Channel, conversation: bytes, back: bytes, now: int, day: int) -> tuple[Channel, WordContent]:
    """Write what a reporter says next in a conversation.

    Args:
        channel: the conversation's state before.
        conversation: its id, 16 bytes.
        back: 32 fresh random bytes.
        now: seconds.
        day: our day.

    Returns:
        The channel after, and the content to seal to the desk.
    """
    channel, letter = letters.stamp(channel, letters.stalest(channel, now), now)
    return channel, WordContent(1, ReportKind.WORD, day, back, conversation, letter)


def dummy(back: bytes, now: int, day: int, kind: ReportKind = ReportKind.DUMMY) -> WordContent:
    """What is sent to the desk when there is nothing to say: a dummy, or a filler; other arguments as for `word`."""
    return WordContent(1, kind, day, back, NOBODY, Letter(1, 0, 0, 0, now, 0, b""))


def burn(points: tuple[bytes, bytes], commitments: tuple[bytes, ...], back: bytes, now: int, day: int) -> WordContent:
    """Two points (64 bytes each) of a burn line, and the commitments that go along, as they go to the desk.

    Args:
        points: in any order.
        commitments: of the two below, in any order, then the burned one's own; 64 bytes each.
        back: as for `word`.
        now: likewise.
        day: likewise.
    """
    *below, own = commitments
    body = min(points) + max(points) + b"".join(sorted(below)) + own
    return WordContent(1, ReportKind.BURN, day, back, NOBODY, Letter(1, 0, 0, 0, now, LetterKind.BURN, body))


def call(body: bytes, back: bytes, now: int, day: int) -> WordContent:
    """A call for adoption, as it goes to the desk; other arguments as for `word`."""
    return WordContent(1, ReportKind.CALL, day, back, NOBODY, Letter(1, 0, 0, 0, now, LetterKind.ADOPT, body))


def request(body: bytes, back: bytes, now: int, day: int) -> WordContent:
    """A request for tokens (`tokens.Request`), as it goes to the desk; other arguments as for `word`."""
    return WordContent(1, ReportKind.REQUEST, day, back, NOBODY, Letter(1, 0, 0, 0, now, LetterKind.REQUEST, body))


def seal_answer(where: Lane, letter: Letter, nonce: bytes) -> bytes:
    """The desk's answer to an intake frame, 4,096 bytes; `nonce` is 24 fresh random bytes."""
    return seal(where.key, bytes([PLAIN]) + encode(letter), FRAME, nonce)


def open_answer(where: Lane, frame: bytes) -> Letter:
    """Open an answer.

    Raises:
        CannotOpen: it is not the desk's answer in this box.
        Malformed: it is, and is not a letter.
    """
    content = open_sealed(where.key, frame)
    if content[:1] != bytes([PLAIN]):
        raise Malformed
    return parse_plain(content[1:])


def next_letter(channel: Channel, now: int) -> tuple[Channel, Letter]:
    """What the desk says next in a conversation: the letter it said longest ago, or an empty one."""
    return letters.stamp(channel, letters.stalest(channel, now), now)


def unheard(channel: Channel) -> bool:
    """Whether a text of ours waits that the other side has not acknowledged."""
    return any(w.kind == LetterKind.TEXT for w in channel.waiting)
