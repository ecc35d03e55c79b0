"""Fuzz targets of adoption, beneath every seal.

Does        hands bytes to a desk as a call, to a caller as an answer, to a neighbour as what is handed up.
Does not    run anything: the runner and the replay test do.
Spec        spec/34-adoption.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core import adoption, committing
from tercet.core.fields import Malformed, encode
from tercet.sealing import CannotOpen, kem_public, olm_account

_SEED = bytes(range(32))
_ACCOUNT = olm_account()
_CALL = adoption.Call(1, bytes(32), bytes(32), kem_public(_SEED), _ACCOUNT.identity, _ACCOUNT.one_time, b"")
_CALLING = adoption.Calling(encode(_CALL), _SEED, _ACCOUNT.pickle, 0)
_MOST = 2_000  # bytes of an answer


def call(data: bytes) -> None:
    """The call of somebody unknown, at a desk that would adopt it."""
    try:
        _, said = adoption.answer(data, "adopted 1", 20_717, bytes(32), bytes)
    except (Malformed, CannotOpen):
        return
    if len(said) > _MOST:
        raise AssertionError("an answer does not fit a letter")


def answer(data: bytes) -> None:
    """The answer of a desk, at who called."""
    try:
        adoption.finish(_CALLING, data, "desk")
    except (Malformed, CannotOpen):
        return


def handed(data: bytes) -> None:
    """What a neighbour hands up."""
    try:
        said = committing.parse_handed(data)
    except Malformed:
        return
    if len(encode(said)) != len(data):
        raise AssertionError("what is handed has more than one length")


TARGETS: dict[str, Callable[[bytes], None]] = {"core-call": call, "core-answer": answer, "core-handed": handed}
