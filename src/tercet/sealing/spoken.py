"""A key from a few spoken words: SPAKE2.

Does        turns a short code into a message, and the two messages into one key.
Does not    say whether the code was right: a wrong one gives another key.
Spec        spec/20-sealing.md, 9
Always      1. One exchange lets an eavesdropper test nothing, and an impostor one guess.
Read first  spake_start(), then spake_finish().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from .failure import CannotOpen

SPAKE_MESSAGE = 33  # bytes; a side byte, then a point of edwards25519
_ENTROPY = 64  # bytes drawn for the scalar
_IDENTITIES = {"idA": b"tercet/1 a", "idB": b"tercet/1 b"}
_SIDES = {b"a": SPAKE2_A, b"b": SPAKE2_B}


def _begin(side: bytes, drawn: bytes, code: bytes) -> tuple[SPAKE2_A | SPAKE2_B, bytes]:
    exchange = _SIDES[side](code, entropy_f=lambda _: drawn, **_IDENTITIES)
    return exchange, exchange.start()


def spake_start(side: Literal["a", "b"], code: str, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Begin an exchange.

    Args:
        side: who shows the code ("a"), who types it ("b").
        code: the words in normal form, joined by single spaces.
        entropy: gives that many random bytes; asked once, for 64.

    Returns:
        The state to keep secret until the answer, and the 33-byte message to send.

    Source: spec/20-sealing.md, 9.
    """
    letter, text, drawn = side.encode("ascii"), code.encode("utf-8"), entropy(_ENTROPY)
    if letter not in _SIDES or len(drawn) != _ENTROPY:
        raise ValueError("a side is a or b, and 64 bytes are drawn")
    return letter + drawn + text, _begin(letter, drawn, text)[1]


def spake_finish(state: bytes, their_message: bytes) -> bytes:
    """End an exchange. Each state ends once; the caller erases it.

    Args:
        state: what spake_start() gave.
        their_message: 33 bytes from the other side.

    Returns:
        A 32-byte key, the same on both sides exactly if the codes were.

    Raises:
        CannotOpen: the message is malformed, or our own sent back.

    Source: spec/20-sealing.md, 9.
    """
    exchange, _ = _begin(state[:1], state[1 : 1 + _ENTROPY], state[1 + _ENTROPY :])
    if len(their_message) != SPAKE_MESSAGE:
        raise CannotOpen
    try:
        return bytes(exchange.finish(their_message))
    except (SPAKEError, NotOnCurve, ValueError):
        raise CannotOpen from None
