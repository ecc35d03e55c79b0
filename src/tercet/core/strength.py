"""Strength and witnesses: what may be said of how many, from tokens alone.

Does        counts what is certain of witnesses, gives the band of a week, and says what could bias it.
Does not    know who anybody is; nothing here could be made to say it.
Spec        spec/51-tokens.md, 7
Always      1. Of witnesses it says the number that is certain, and nothing else.  2. Of a network it says a band.
Read first  certain(), strength().
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from tercet.core.permits import ALLOWANCE, FIRST_NEED, Mint

CAPTURED: Final = FIRST_NEED  # permits a week of a member with nobody below: the least that a captor holds
BAND_LEAST: Final = 10  # fewer are no band
WEEKS_COMPARED: Final = 4  # weeks before, at most, by which a week is abnormal
ABNORMAL_HALVES: Final = 3  # of half their median, and
ABNORMAL_MORE: Final = 5  # so many more, is abnormal


class Strength(msgspec.Struct, frozen=True):
    """What may be said of a network's size.

    Attributes:
        week: of whose permits it is; 0 for none.
        least: members at least, as far as the biases let it; 0 for fewer than ten.
        most: and fewer than this.
        biases: why it could be wrong: `no_week`, `unfinished`, `abnormal`, `allowance`.
    """

    week: int
    least: int
    most: int
    biases: tuple[str, ...]


def certain(weeks: Iterable[int], captured: int = CAPTURED) -> int:
    """How many different witnesses there were at least, if a captor holds no more permits a week than `captured`.

    Args:
        weeks: of each good witness token on one event its week; tokens of two weeks may be one person's.
        captured: permits a week of the largest branch that is assumed to be in a captor's hands.

    Source: spec/51-tokens.md, 7.
    """
    return max(max(Counter(weeks).values(), default=0) - captured, 0)


def band(count: int) -> tuple[int, int]:
    """The band of a count: 10 to 30, 30 to 100, 100 to 300…; the first number is in it and the second is not."""
    least, most = 0, BAND_LEAST
    while count >= most:
        least, most = most, most * 3 if str(most)[0] == "1" else most * 10 // 3
    return least, most


def strength(mints: tuple[Mint, ...], week: int) -> Strength:
    """The band of the newest week that is over, else of this one.

    Args:
        mints: what the desk keeps of each week, in order.
        week: this one.

    Source: spec/51-tokens.md, 7.
    """
    over = [m for m in mints if m.keys.week < week]
    now = [m for m in mints if m.keys.week == week]
    if not over and not now:
        return Strength(0, 0, BAND_LEAST, ("no_week",))
    counted = (over or now)[-1]
    before = [m.count for m in over[:-1]][-WEEKS_COMPARED:]
    biases = {
        "unfinished": not over,
        "abnormal": abnormal(counted.count, before),
        "allowance": any(dealt >= ALLOWANCE for dealt in counted.dealt.values()),
    }
    return Strength(counted.keys.week, *band(counted.count), tuple(name for name, there in biases.items() if there))


def abnormal(count: int, before: list[int]) -> bool:
    """Whether a week's permits are many more than those of the weeks before; with none before nothing is."""
    return bool(before) and 2 * (count - ABNORMAL_MORE) > ABNORMAL_HALVES * _median(before)


def _median(numbers: list[int]) -> float:
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(numbers) % 2 else (ordered[half - 1] + ordered[half]) / 2
