"""Burn lines: two points on a member's line cut the member out, one point cuts out nobody.

Does        draws a line and the shares of it, and says whether points lie on a share's line.
Does not    keep the line, post anything, or know whose share it is.
Spec        spec/33-burn.md
Always      1. The line and what it was drawn from are in nothing that leaves draw().
            2. One point, of whatever kind, says nothing of a line: every slope is as likely as any other.
Read first  draw(), burns(), agrees().
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tercet.core.fields import Malformed
from tercet.sealing import KEY, derive

PRIME: Final = 2**255 - 19  # of the field; a line and a place on it have this many values each
COORDINATE: Final = 32  # bytes, big-endian
POINT: Final = 2 * COORDINATE  # bytes
SHARE: Final = POINT + KEY  # bytes: a point and its check
DRAWN: Final = 48  # bytes of which a number of the field is made: one is as likely as another but for 2^-129


class Shares(NamedTuple):
    """What a member's line leaves, 96 bytes each, by whom it is for.

    Attributes:
        own: for the member's own alarms.
        partner: for whoever is its partner.
        link: for its link, or the desk.
        below: for the pair below; both get the same one, so that they have one voice.
    """

    own: bytes
    partner: bytes
    link: bytes
    below: bytes


class NoLine(Malformed):
    """Two points with the same x: no line goes through them, or too many do."""


def draw(seed: bytes) -> Shares:
    """Draw a line and four shares of it; the line is gone when this returns.

    Args:
        seed: 32 fresh random bytes, used for nothing else and not kept.

    Source: spec/33-burn.md, 2.
    """
    slope, height, *places = _numbers(derive(seed, "burn line", length=6 * DRAWN))
    line = _bytes(slope) + _bytes(height)
    points = (point_at(line, x) for x in places)
    return Shares(*(point + _check(line, point) for point in points))


def point_at(line: bytes, x: int) -> bytes:
    """The point of a line at a place, 64 bytes.

    Source: spec/33-burn.md, 1.
    """
    slope, height = int.from_bytes(line[:COORDINATE], "big"), int.from_bytes(line[COORDINATE:], "big")
    return _bytes(x) + _bytes((slope * x + height) % PRIME)


def _numbers(drawn: bytes) -> list[int]:
    """Numbers of the field out of random bytes, 48 for each."""
    return [int.from_bytes(drawn[i : i + DRAWN], "big") % PRIME for i in range(0, len(drawn), DRAWN)]


def _check(line: bytes, point: bytes) -> bytes:
    return derive(line, "burn check", point)


def _bytes(number: int) -> bytes:
    return number.to_bytes(COORDINATE, "big")


def parse_point(data: bytes) -> tuple[int, int]:
    """The x and y of a point, 64 bytes.

    Raises:
        Malformed: too long or too short, or a number that is not below the prime.
    """
    x, y = int.from_bytes(data[:COORDINATE], "big"), int.from_bytes(data[COORDINATE:], "big")
    if len(data) != POINT or x >= PRIME or y >= PRIME:
        raise Malformed
    return x, y


def parse_share(data: bytes) -> bytes:
    """A share as it came, 96 bytes.

    Raises:
        Malformed: it is none.
    """
    if len(data) != SHARE:
        raise Malformed
    parse_point(data[:POINT])
    return data


def point_of(share: bytes) -> bytes:
    """The point of a share, 64 bytes: what is given away to burn its member."""
    return share[:POINT]


def line_through(first: bytes, second: bytes) -> bytes:
    """The line through two points, 64 bytes: slope and height.

    Raises:
        NoLine: both have the same x.
        Malformed: one is no point.

    Source: spec/33-burn.md, 1.
    """
    (x, y), (x2, y2) = parse_point(first), parse_point(second)
    if x == x2:
        raise NoLine
    slope = (y2 - y) * pow(x2 - x, -1, PRIME) % PRIME
    return _bytes(slope) + _bytes((y - slope * x) % PRIME)


def two_others(first: bytes, second: bytes, seed: bytes) -> tuple[bytes, bytes]:
    """Two points of the line through two, drawn by chance: they burn whom those burn, and do not say who held which.

    Args:
        first: a point, 64 bytes.
        second: another one.
        seed: 32 fresh random bytes.

    Raises:
        NoLine: both have the same x.
        Malformed: one is no point.

    Source: spec/33-burn.md, 9.
    """
    line = line_through(first, second)
    one, other = (point_at(line, x) for x in _numbers(derive(seed, "burn others", length=2 * DRAWN)))
    return one, other


def on_line(line: bytes, point: bytes) -> bool:
    """Whether a point lies on a line.

    Raises:
        Malformed: the point is none.
    """
    x, _ = parse_point(point)
    return point_at(line, x) == point


def burns(share: bytes, first: bytes, second: bytes) -> bool:
    """Whether two posted points burn the member of whom we hold a share; one of them may be ours.

    Two points that are no points, or that no line goes through, burn nobody.

    Source: spec/33-burn.md, 3.
    """
    try:
        line = line_through(first, second)
        return on_line(line, point_of(share)) and _check(line, point_of(share)) == share[POINT:]
    except Malformed:
        return False


def agrees(share: bytes, point: bytes) -> bool:
    """Whether a point is another one of the line of which we hold a share; with ours it would burn its member.

    Source: spec/33-burn.md, 3.
    """
    return burns(share, point_of(share), point)
