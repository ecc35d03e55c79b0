"""Days and weeks: the only calendar the protocol knows.

Does        turns seconds since 1970 (UTC) into day and week numbers.
Does not    read a clock.
Spec        spec/00-overview.md, 3
Always      1. Week w begins on the Monday that is day 7w - 3.
Read first  day_of(), week_of().
"""

from __future__ import annotations

from typing import Final

DAY: Final = 86_400  # seconds
KEPT_DAYS: Final = 40  # days; a box is not read any more after this, and its root is erased
LATE_DAYS: Final = 7  # days; how long a box is still read after its day; spec/40-letters.md, 2


def day_of(now: int) -> int:
    """The day number of a moment: whole days since 1970-01-01, UTC."""
    return now // DAY


def week_of(day: int) -> int:
    """The week number of a day; weeks begin on Monday (1970-01-01 was a Thursday)."""
    return (day + 3) // 7


def last_day_of(week: int) -> int:
    """The last day, a Sunday, of a week."""
    return week * 7 + 3
