"""A time, as a person writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.evidence import EvidenceError, when
from tests.evidence.cases import cases

NOW = 1_795_210_200


class Shifted(tzinfo):
    """A zone whose clocks jump from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        plain = moment.replace(tzinfo=None, fold=0)
        began, ended = datetime.fromisoformat("2026-03-29T02:00"), datetime.fromisoformat("2026-10-25T03:00")
        again = ended - timedelta(hours=1) <= plain < ended and moment.fold
        return timedelta(hours=2 if began <= plain < ended and not again else 1)

    def dst(self, moment: datetime | None) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=1)

    def tzname(self, moment: datetime | None) -> str:
        return "shifted"


def refused(text: str, zone: tzinfo = UTC) -> str:
    with pytest.raises(EvidenceError) as caught:
        when(text, NOW, zone)
    return caught.value.code


@pytest.mark.parametrize("case", cases("time"))
def test_a_time_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    given_ = case["input"]
    zone = timezone(timedelta(minutes=given_["offset_minutes"]))
    if "fails" in case:
        with pytest.raises(EvidenceError) as caught:
            when(given_["text"], given_["now"], zone)
        assert caught.value.code == case["fails"]
    else:
        assert when(given_["text"], given_["now"], zone) == case["expected"]["seconds"]


def test_a_time_that_the_clocks_skipped_is_refused() -> None:
    assert refused("2026-03-29 02:30", Shifted()) == "bad_time"
    assert when("2026-03-29 01:59", NOW, Shifted()) + 60 == when("2026-03-29 03:00", NOW, Shifted())


def test_of_a_time_shown_twice_the_earlier_one_is_meant() -> None:
    first = when("2026-10-25 02:30", NOW, Shifted())
    assert first == when("2026-10-25 00:30Z", NOW, UTC)


def test_yesterday_is_a_calendar_day_also_when_clocks_change() -> None:
    monday = when("2026-10-26 00:10", NOW, Shifted())
    assert when("yesterday 00:10", monday, Shifted()) == monday - 25 * 3600


def test_no_more_than_sixty_four_characters_are_read() -> None:
    assert when("now" + " " * 61, NOW, UTC) == NOW
    assert refused("now" + " " * 62) == "bad_time"


def test_an_error_does_not_repeat_what_was_typed() -> None:
    with pytest.raises(EvidenceError) as caught:
        when("2026-13-13 13:13", NOW, UTC)
    assert "13" not in str(caught.value)
    assert caught.value.__suppress_context__


@given(st.integers(0, NOW), st.integers(-14 * 60, 14 * 60))
def test_what_a_clock_shows_is_read_back(seconds: int, offset: int) -> None:
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=offset)))
    assert when(moment.isoformat(), NOW, UTC) == seconds
    if moment.year >= 1970:
        assert when(f"{moment:%Y-%m-%d %H:%M:%S}", NOW, moment.tzinfo or UTC) == seconds


@given(st.text(max_size=70) | st.from_regex(r"[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{2}:[0-9]{2}[Z+-][0-9:]{0,5}"))
def test_any_text_gives_a_time_that_has_passed_or_bad_time(text: str) -> None:
    try:
        assert 0 <= when(text, NOW, timezone(timedelta(hours=3))) <= NOW + 600
    except EvidenceError as error:
        assert error.code == "bad_time"
