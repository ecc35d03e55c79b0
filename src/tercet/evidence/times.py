"""A time, as a person writes it.

Does        turns "14:30", "yesterday 14:30", "2026-11-20 14:30" or ISO 8601 into seconds.
Does not    read a clock or know where it is: now and time zone are arguments.
Spec        spec/80-evidence.md, 6
Always      1. What happened has happened: no time to come is accepted.
            2. A time that no clock of the zone ever showed is refused.
Read first  when().
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from .errors import EvidenceError

SLACK: Final = 600  # seconds that a clock may be slow
LONGEST: Final = 64  # characters

_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?"
_TODAY = re.compile(r"(?:(today|yesterday)\s+)?" + _CLOCK, re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:\s+|T)" + _CLOCK + r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?", re.IGNORECASE)


def when(text: str, now: int, tz: tzinfo) -> int:
    """Read when something happened.

    Args:
        text: a time of today, `today` or `yesterday` and a time, a date and a time, or `now`; a date may
            carry its own zone (`Z`, `+03:00`).
        now: the shell's clock, whole seconds since 1970, UTC.
        tz: the zone in which the person writes.

    Returns:
        Whole seconds since 1970, UTC; never below 0, never more than 600 after `now`.

    Raises:
        EvidenceError: `bad_time`.

    Source: spec/80-evidence.md, 6.
    """
    if len(text) > LONGEST:
        raise EvidenceError("bad_time")
    written = text.replace("−", "-").strip()
    if written.lower() == "now":
        return now
    try:
        moment = _of_today(written, now, tz) or _of_a_date(written, tz)
        if moment is None:
            raise EvidenceError("bad_time")
        seconds = int(moment.timestamp())
        shown = datetime.fromtimestamp(seconds, UTC).astimezone(moment.tzinfo)
    except (ValueError, OverflowError):
        raise EvidenceError("bad_time") from None
    if shown.replace(tzinfo=None) != moment.replace(tzinfo=None) or not 0 <= seconds <= now + SLACK:
        raise EvidenceError("bad_time")
    return seconds


def _of_today(written: str, now: int, tz: tzinfo) -> datetime | None:
    found = _TODAY.fullmatch(written)
    if found is None:
        return None
    day = datetime.fromtimestamp(now, UTC).astimezone(tz).date()
    if (found[1] or "").lower() == "yesterday":
        day -= timedelta(days=1)
    return datetime(day.year, day.month, day.day, int(found[2]), int(found[3]), int(found[4] or 0), tzinfo=tz)


def _of_a_date(written: str, tz: tzinfo) -> datetime | None:
    found = _DATE.fullmatch(written)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    zone = _zone(found[7]) if found[7] else tz
    return datetime(year, month, day, hour, minute, int(found[6] or 0), tzinfo=zone)


def _zone(text: str) -> tzinfo:
    if text.upper() == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59:
        raise ValueError("minutes of an hour")
    return timezone(-offset if text[0] == "-" else offset)
