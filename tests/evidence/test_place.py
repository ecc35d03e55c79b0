"""A place, as coarse as its witness chose."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.evidence import EvidenceError, Place, Precision, place
from tercet.evidence.place import BAND, DATE_LINE, EQUATOR, POLE, columns, snap
from tests.evidence.cases import SPEC, cases

LATITUDES = st.integers(-POLE, POLE)
LONGITUDES = st.integers(-DATE_LINE, DATE_LINE - 1)
GRIDS = st.sampled_from([Precision.KM1, Precision.KM10])
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494")


def refused(where: str | tuple[float, float], precision: str) -> str:
    with pytest.raises(EvidenceError) as caught:
        place(where, precision)
    return caught.value.code


def cosine(degrees: Decimal) -> Decimal:
    """By its power series: no float has a say in which cell a place falls."""
    with localcontext(prec=50):
        angle = degrees * PI / 180
        term = total = Decimal(1)
        for n in range(2, 80, 2):
            term = -term * angle * angle / (n * (n - 1))
            total += term
        return total


def cell_by_hand(latitude: int, longitude: int, fine: bool) -> tuple[int, int]:
    """The spec's section 6, written a second time."""
    band = min((latitude + 9_000_000) // 9_000, 1_999)
    edges = (band * 9_000 - 9_000_000, (band + 1) * 9_000 - 9_000_000)
    narrow = Decimal(max(abs(edges[0]), abs(edges[1]))) / 100_000
    c = max(1, math.floor(4_000 * cosine(narrow))) * (10 if fine else 1)
    height = 900 if fine else 9_000
    row = min((latitude + 9_000_000) // height, 19_999 if fine else 1_999)
    column = (longitude + 18_000_000) * c // 36_000_000
    return (2 * row + 1) * height // 2 - 9_000_000, (2 * column + 1) * 18_000_000 // c - 18_000_000


@pytest.mark.parametrize("case", cases("place"))
def test_a_place_is_read_as_the_vector_says(case: dict[str, Any]) -> None:
    where, precision = case["input"]["where"], case["input"]["precision"]
    if "fails" in case:
        assert refused(where, precision) == case["fails"]
    else:
        expected = case["expected"]
        assert place(where, precision) == Place(
            Precision(precision), expected["latitude"], expected["longitude"], expected["name"]
        )


def test_the_spec_lists_the_precisions() -> None:
    for precision in Precision:
        assert f"| `{precision}` |" in SPEC


def test_a_pair_of_numbers_reads_like_its_text() -> None:
    assert place((33.51, -36.29), "exact") == place("33.51, -36.29", "exact")
    for odd in (float("nan"), float("inf"), 1e300):
        assert refused((odd, 0.0), "exact") == "bad_place"


def test_no_more_than_three_hundred_characters_are_read() -> None:
    assert place("33.51," + " " * 289 + "36.29", "exact").latitude == 3_351_000
    assert refused("33.51," + " " * 290 + "36.29", "exact") == "bad_place"


def test_no_value_of_the_cosine_is_near_a_whole_number_of_columns() -> None:
    for k in range(1, 1_000):
        value = EQUATOR * cosine(Decimal(k * BAND) / 100_000)
        assert abs(value - round(value)) > Decimal("0.00001")
        assert columns(1_000 + k - 1) == columns(999 - (k - 1)) == math.floor(value)
    assert columns(0) == columns(1_999) == 1


@given(LATITUDES, LONGITUDES, GRIDS)
def test_the_grid_is_the_one_of_the_spec(latitude: int, longitude: int, grid: Precision) -> None:
    assert snap(latitude, longitude, grid) == cell_by_hand(latitude, longitude, grid is Precision.KM1)


@given(LATITUDES, LONGITUDES, GRIDS)
def test_the_middle_of_a_cell_lies_in_it(latitude: int, longitude: int, grid: Precision) -> None:
    middle = snap(latitude, longitude, grid)
    assert snap(*middle, grid) == middle


@given(LATITUDES, LONGITUDES)
def test_a_fine_cell_lies_in_one_coarse_cell(latitude: int, longitude: int) -> None:
    fine = snap(latitude, longitude, Precision.KM1)
    assert snap(*fine, Precision.KM10) == snap(latitude, longitude, Precision.KM10)


@given(
    st.integers(-70 * 100_000, 70 * 100_000), LONGITUDES, st.sampled_from([(Precision.KM1, 1), (Precision.KM10, 10)])
)
def test_a_cell_is_as_wide_as_it_promises_and_hardly_wider(
    latitude: int, longitude: int, grid: tuple[Precision, int]
) -> None:
    north, east = snap(latitude, longitude, grid[0])
    side = 100_000 * 360 / 40_000 * grid[1]  # units of latitude
    assert abs(north - latitude) <= side / 2 + 1
    width = (
        2 * DATE_LINE / (columns((latitude + POLE) // BAND) * 10 // grid[1]) * math.cos(math.radians(latitude / 1e5))
    )
    assert side <= width * 1.000001 <= side * 1.02
    assert abs(east - longitude) * math.cos(math.radians(latitude / 1e5)) <= side * 0.51 + 1


@given(
    st.integers(-89 * 100_000, 89 * 100_000),
    LONGITUDES,
    st.sampled_from([(Precision.KM1, 900), (Precision.KM10, 9_000)]),
    st.lists(st.tuples(st.floats(-0.49, 0.49), st.floats(-0.49, 0.49)), min_size=5, max_size=5),
)
def test_many_reports_from_one_cell_say_no_more_than_one(
    latitude: int, longitude: int, grid: tuple[Precision, int], steps: list[tuple[float, float]]
) -> None:
    precision, high = grid
    north, east = snap(latitude, longitude, precision)
    wide = 2 * DATE_LINE * high / (columns((latitude + POLE) // BAND) * 9_000)
    near = {snap(north + int(high * up), east + int(wide * right), precision) for up, right in steps}
    assert near == {(north, east)}


@given(LATITUDES, LONGITUDES, GRIDS)
def test_what_travels_depends_on_the_cell_alone(latitude: int, longitude: int, grid: Precision) -> None:
    middle = snap(latitude, longitude, grid)
    text = f"{latitude / 100_000:.5f}, {longitude / 100_000:.5f}"
    stand_in = f"{middle[0] / 100_000:.5f}, {middle[1] / 100_000:.5f}"
    assert place(text, grid) == place(stand_in, grid)


@given(st.text(max_size=60))
def test_any_text_gives_a_place_that_holds_its_promise_or_bad_place(text: str) -> None:
    for precision in Precision:
        try:
            found = place(text, precision)
        except EvidenceError as error:
            assert error.code in ("bad_place", "place_precision")
            continue
        assert (found.latitude is None) == (found.longitude is None) == bool(found.name)
        assert len(found.name.encode()) <= 120
        if precision is Precision.DISTRICT:
            assert sum(c.isdigit() for c in found.name) <= 4


@given(LATITUDES, LONGITUDES, st.sampled_from(["{}", "Market {}", "{} Market", "Market ({})"]))
def test_no_coordinates_pass_as_a_district(latitude: int, longitude: int, frame: str) -> None:
    written = f"{latitude / 100_000:.5f}, {longitude / 100_000:.5f}"
    assert refused(frame.format(written), "district") == ("place_precision" if frame == "{}" else "bad_place")


def test_an_error_does_not_repeat_what_was_typed() -> None:
    with pytest.raises(EvidenceError) as caught:
        place("99.1234, 36.29", "exact")
    assert "99" not in str(caught.value) + caught.value.hint
