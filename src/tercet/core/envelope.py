"""The envelope: the layer to the desk around what was sealed for it, fresh each time it is put.

Does        wraps and unwraps intake frames; says where the answer to one lies.
Does not    seal or parse what is inside: `content` does.
Spec        spec/50-report.md
Always      1. What is put again is another item, and its answer lies in another box.
Read first  wrap(), unwrap(), return_root().
"""

from __future__ import annotations

from typing import Final

from tercet.core.chain import Lane, lane_of
from tercet.sealing import (
    ENVELOPE_OVERHEAD,
    FRAME,
    FRAME_CONTENT,
    CannotOpen,
    derive,
    open_envelope,
    open_sealed,
    put_in_envelope,
    seal,
)

SALT: Final = 16  # bytes in an envelope, fresh at each put: with them alone the box of its answer is found
SEALED: Final = FRAME_CONTENT - 2 - SALT - ENVELOPE_OVERHEAD  # 3,989 bytes in an envelope; 2 name its week key


def wrap(lane: Lane, sealed: bytes, week: int, public: bytes, nonce: bytes, salt: bytes) -> bytes:
    """The frame that travels: an envelope to the desk under the network's outer key of the day.

    The same report put again is another item, and in another envelope, as a dummy would be: so who holds a card of the
    network cannot tell either.

    Args:
        lane: an intake lane of the day.
        sealed: 3,989 bytes, of whatever week.
        week: of the key that is in use when it is put, not of the one it was sealed with.
        public: that key, 1,216 bytes.
        nonce: 24 fresh random bytes.
        salt: 16 fresh random bytes, for the box of the answer; nobody keeps them.
    """
    envelope = put_in_envelope(public, salt + sealed, info_for("envelope", week))
    return seal(lane.key, week.to_bytes(2, "big") + envelope, FRAME, nonce)


def unwrap(lane: Lane, frame: bytes, seeds: dict[int, bytes]) -> tuple[bytes, bytes]:
    """Take an intake frame out of the outer layer and its envelope, with the desk's week seeds.

    Returns:
        The salt of its answer, 16 bytes, and what was sealed, 3,989 bytes.

    Raises:
        CannotOpen: it is not from this network, not of that day, or in no envelope that a key of ours opens.
    """
    content = open_sealed(lane.key, frame)
    week = int.from_bytes(content[:2], "big")
    if week not in seeds:
        raise CannotOpen
    inside = open_envelope(seeds[week], content[2:], info_for("envelope", week))
    return inside[:SALT], inside[SALT:]


def return_lane(root: bytes) -> Lane:
    """Where the desk puts its one answer to an intake frame; `root` is `return_root`'s."""
    return lane_of(root, "return", 0)


def return_root(back: bytes, nonce: bytes, salt: bytes) -> bytes:
    """The 32 bytes that the box for an answer and its key come from.

    Args:
        back: the secret in the frame, 32 bytes; of a report, its reply secret.
        nonce: of the frame, 24 bytes: a frame put again has another box for its answer.
        salt: in its envelope, 16 bytes: who has `back` and the frame, but not the desk's key, finds no box.
    """
    return derive(back, "return root", nonce, salt)


def info_for(purpose: str, week: int) -> bytes:
    """What binds a seal to what it is for, `report` or `envelope`, and to its week."""
    return b"tercet/1 " + purpose.encode() + week.to_bytes(4, "big")
