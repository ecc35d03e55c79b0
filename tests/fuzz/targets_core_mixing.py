"""Fuzz targets of the letters of a mix, beneath every seal.

Does        hands bytes to either side as the body of a letter, and swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/42-mixing.md, 2
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core import mixing
from tercet.core.chain import DayChain
from tercet.core.fields import Malformed, encode
from tercet.core.mixing import Mix

_NAME = bytes(range(16))
_SEED = bytes(range(32, 64))
_OLDEST = DayChain(20_690, bytes(32))
_MOST = 600  # bytes of a mix's state with one chain to come


def mix(data: bytes) -> None:
    """The body of a MIX, at the other side."""
    try:
        after, _ = mixing.answer(Mix(), _NAME, _OLDEST, data, 20_698, bytes(32))
    except Malformed:
        return
    _small(after)


def mix_back(data: bytes) -> None:
    """The body of a MIX_BACK, at the inviter."""
    try:
        after = mixing.finish(Mix(number=1, seed=_SEED), _NAME, _OLDEST, data)
    except Malformed:
        return
    _small(after)


def _small(after: Mix) -> None:
    if len(encode(after)) > _MOST or len(after.later) != 1:
        raise AssertionError("a letter of a mix left more than one chain")


TARGETS: dict[str, Callable[[bytes], None]] = {"core-mix": mix, "core-mix-back": mix_back}
