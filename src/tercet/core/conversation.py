"""Conversation frames: letters between the desk and a reporter it does not know.

Does        seals and opens letters under the outer key of the day alone.
Does not    use a ratchet: the day chain forgets, once a day.
Spec        spec/50-report.md, 5
Always      1. A frame that does not open changes nothing.
Read first  seal_word(), open_word().
"""

from __future__ import annotations

from tercet.core import channel as letters
from tercet.core.chain import Lane, lane
from tercet.core.channel import Channel, Letter, Waiting
from tercet.core.fields import Malformed, encode
from tercet.core.relation import PLAIN, parse_plain
from tercet.sealing import FRAME, open_sealed, seal


def seal_word(
    channel: Channel, letter: Waiting | None, now: int, day: int, nonce: bytes
) -> tuple[Channel, Lane, bytes]:
    """Seal one letter, or an empty one; returns the channel after, the lane, and the frame (4,096 bytes)."""
    channel, plain = letters.stamp(channel, letter, now)
    where = lane(channel.chain, day, "conversation", channel.side)
    return channel, where, seal(where.key, bytes([PLAIN]) + encode(plain), FRAME, nonce)


def open_word(channel: Channel, day: int, frame: bytes) -> Letter:
    """Open a frame of the other side's box of a day.

    Raises:
        CannotOpen: it is not of this conversation.
        Malformed: it is, and is not a letter.
    """
    where = lane(channel.chain, day, "conversation", 1 - channel.side)
    content = open_sealed(where.key, frame)
    if content[:1] != bytes([PLAIN]):
        raise Malformed
    return parse_plain(content[1:])
