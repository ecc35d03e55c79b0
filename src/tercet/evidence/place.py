"""A place, as coarse as the witness chose.

Does        reads what a person writes for a place, and snaps coordinates to a fixed grid.
Does not    look a name up, or draw at random (docs/adr/0004-places-snap-to-a-grid.md).
Spec        spec/80-evidence.md, 6
Always      1. The same place at the same precision gives the same text, on every device.
            2. What is finer than the chosen precision is refused or dropped, never carried along.
Read first  place(), then snap().
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

from .errors import EvidenceError

UNIT: Final = 100_000  # to a degree: about 1.1 m of latitude
POLE: Final = 90 * UNIT
DATE_LINE: Final = 180 * UNIT
BAND: Final = 9_000  # units of latitude: 0.09 degrees, 10 km
FINE: Final = 10  # fine cells along each side of a coarse one
EQUATOR: Final = 4_000  # 10 km along the equator's 40,000
NAME_BYTES: Final = 120  # of UTF-8
LONGEST: Final = 300  # characters typed, before anything is cut away
NAME_DIGITS: Final = 4  # in a district's name: more could be a grid reference

_NUMBER = r"([+-]?\d{1,3}(?:\.\d{1,15})?)\s*°?\s*"
_PAIR = re.compile(_NUMBER + r"([NS]?)\s*(?:[,;]\s*|\s+|(?<=[NS°]))" + _NUMBER + r"([EW]?)", re.IGNORECASE)
_AS_TYPED = str.maketrans({"،": ",", "٫": ".", "−": "-", "º": "°", "˚": "°"})
_FINER_THAN_A_DISTRICT = re.compile(r"\d\s*[.,]\s*\d|[°′″'\"]\s*\d|\d\s*[°′″'\"]|[+@\\:=]", re.UNICODE)
_JOINERS = "\u200c\u200d"  # invisible, but part of how Persian and Urdu are spelled


class Precision(StrEnum):
    """How exactly a place travels."""

    EXACT = "exact"
    KM1 = "1km"
    KM10 = "10km"
    DISTRICT = "district"


@dataclass(frozen=True)
class Place:
    """What of a place travels.

    Attributes:
        precision: as chosen.
        latitude: degrees north times 100,000, or None if only a name travels.
        longitude: degrees east times 100,000, -180 included and 180 not, or None.
        name: words for it, at most 120 bytes; empty if coordinates travel.
    """

    precision: Precision
    latitude: int | None
    longitude: int | None
    name: str


def place(where: str | tuple[float, float], precision: str) -> Place:
    """Read a place and make it as coarse as its witness wants.

    Args:
        where: "33.51, 36.29" (decimal degrees, north and east positive, or with N, S, E, W), a name,
            or a pair of latitude and longitude.
        precision: `exact`, `1km`, `10km` or `district`.

    Raises:
        EvidenceError: `bad_place`, unreadable, off the globe, or a district's name that says more than a name;
            `place_precision`, a name where a grid cell was wanted, or coordinates where only a name may travel.

    Source: spec/80-evidence.md, 6.
    """
    if precision not in {p.value for p in Precision}:
        raise EvidenceError("bad_place")
    chosen = Precision(precision)
    text = where if isinstance(where, str) else _written(where)
    if len(text) > LONGEST:
        raise EvidenceError("bad_place")
    point = _pair(text)
    if point is None and not isinstance(where, str):
        raise EvidenceError("bad_place")  # not a number, or endless
    if point is None:
        return Place(chosen, None, None, _name(text, chosen))
    if chosen is Precision.DISTRICT:
        raise EvidenceError("place_precision")
    return Place(chosen, *snap(*point, chosen), "")


def snap(latitude: int, longitude: int, precision: Precision) -> tuple[int, int]:
    """The point that stands for all points of a grid cell; an exact point stays.

    The globe is cut into bands of 0.09 degrees of latitude, each band into as many equal columns as leave
    a column at least 10 km wide everywhere in it; each such cell into ten by ten fine ones.

    Args:
        latitude: units of 1/100,000 degree, -9,000,000 to 9,000,000.
        longitude: the same units, -18,000,000 to 17,999,999.
        precision: not `district`.

    Returns:
        Latitude and longitude of the cell's middle, rounded down to a unit.
    """
    if precision is Precision.EXACT:
        return latitude, longitude
    parts = FINE if precision is Precision.KM1 else 1
    band = min((latitude + POLE) // BAND, 2 * POLE // BAND - 1)
    rows = 2 * POLE // BAND * parts
    row = min((latitude + POLE) * parts // BAND, rows - 1)
    across = columns(band) * parts
    column = (longitude + DATE_LINE) * across // (2 * DATE_LINE)
    return (
        (2 * row + 1) * BAND // (2 * parts) - POLE,
        (2 * column + 1) * DATE_LINE // across - DATE_LINE,
    )


def columns(band: int) -> int:
    """How many coarse cells lie side by side in a band (0 at the South Pole, 1,999 at the North)."""
    south = band * BAND - POLE
    edge = max(abs(south), abs(south + BAND)) / UNIT  # degrees, the narrower edge
    return max(1, math.floor(EQUATOR * math.cos(math.radians(edge))))


def _written(point: tuple[float, float]) -> str:
    latitude, longitude = point
    return f"{latitude:.7f}, {longitude:.7f}"


def _pair(text: str) -> tuple[int, int] | None:
    """Latitude and longitude in units, or None when the text is no pair of numbers.

    Raises:
        EvidenceError: `bad_place`, off the globe, or a sign as well as a letter.
    """
    typed = unicodedata.normalize("NFKC", text.translate(_AS_TYPED)).translate(_AS_TYPED)
    found = _PAIR.fullmatch(" ".join(typed.split()))  # with long gaps the pattern would try every way to share them
    if found is None:
        return None
    latitude = _units(found[1], found[2].upper() == "S", bool(found[2]))
    longitude = _units(found[3], found[4].upper() == "W", bool(found[4]))
    if abs(latitude) > POLE or abs(longitude) > DATE_LINE:
        raise EvidenceError("bad_place")
    return latitude, -DATE_LINE if longitude == DATE_LINE else longitude


def _units(number: str, negative: bool, lettered: bool) -> int:
    if lettered and number[0] in "+-":
        raise EvidenceError("bad_place")
    units = int((Decimal(number) * UNIT).to_integral_value(ROUND_HALF_EVEN))
    return -units if negative else units


def _name(text: str, precision: Precision) -> str:
    """A place's name, in one form.

    Raises:
        EvidenceError: `bad_place`, see the spec for what a name may hold; `place_precision`.
    """
    # An invisible letter could mark who wrote the name, and could hide how it reads.
    shown = "".join(c for c in text if unicodedata.category(c) != "Cf" or c in _JOINERS)
    name = " ".join(unicodedata.normalize("NFC", shown).split())
    if any(unicodedata.category(c)[0] == "C" and c not in _JOINERS for c in name):
        raise EvidenceError("bad_place")
    if not any(unicodedata.category(c)[0] == "L" for c in name) or len(name.encode()) > NAME_BYTES:
        raise EvidenceError("bad_place")
    if precision in (Precision.KM1, Precision.KM10):
        raise EvidenceError("place_precision")
    if precision is Precision.DISTRICT:
        plain = unicodedata.normalize("NFKC", name).translate(_AS_TYPED)
        digits = sum(c.isdigit() for c in plain)
        if digits > NAME_DIGITS or _FINER_THAN_A_DISTRICT.search(plain):
            raise EvidenceError("bad_place")
    return name
