"""Burn lines: two points burn, one burns nobody, and to everyone else points are random numbers."""

from __future__ import annotations

import hmac
import random
import re
from itertools import combinations, permutations
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.core import burning
from tercet.core.burning import PRIME, NoLine, Shares, agrees, burns, draw, line_through, parse_share, point_of
from tercet.core.fields import Malformed
from tests.sealing.cases import bad_cases, cases, hold_vectors

SPEC = (Path(__file__).parents[2] / "spec" / "33-burn.md").read_text()
TESTS = "".join(Path(__file__).with_name(name).read_text() for name in ("test_burning.py", "test_parting.py"))
Case = dict[str, Any]
Lines = list[list[tuple[int, int]]]
seeds = st.binary(min_size=32, max_size=32)
numbers = st.integers(min_value=0, max_value=PRIME - 1)
Z_MOST = 5.5  # standard deviations; by chance alone one of 2,000 counts lies farther out once in 13,000 runs


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


def packed(x: int, y: int) -> bytes:
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")


# ---- the spec


def test_each_number_and_share_is_the_codes() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    numbers = {row[0]: int(row[1]) for row in rows("burn numbers")}
    assert numbers == {name: getattr(burning, name) for name in ("COORDINATE", "POINT", "SHARE", "DRAWN")}
    assert [row[1] for row in rows("shares")] == list(Shares._fields)
    assert "`PRIME` = 2^255 - 19" in SPEC
    assert PRIME == 2**255 - 19


def test_the_prime_is_one() -> None:
    """Miller and Rabin, for forty bases: a composite passes less than once in 2^80."""
    odd, twos = PRIME - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 42):
        power = pow(base, odd, PRIME)
        assert power in (1, PRIME - 1) or any(pow(power, 2**i, PRIME) == PRIME - 1 for i in range(1, twos))


# ---- the vectors


def by_hand(seed: bytes) -> dict[str, str]:
    """The shares of a seed by spec/33-burn.md, 2, from `hmac` alone."""
    key, info, drawn, block = hmac.digest(bytes(32), seed, "sha256"), b"tercet/1 burn line", b"", b""
    for count in range(1, 10):
        block = hmac.digest(key, block + info + bytes([count]), "sha256")
        drawn += block
    slope, height, *xs = (int.from_bytes(drawn[i : i + 48], "big") % PRIME for i in range(0, 288, 48))
    shares = {}
    for name, x in zip(Shares._fields, xs, strict=True):
        point = packed(x, (slope * x + height) % PRIME)
        key = hmac.digest(bytes(32), packed(slope, height), "sha256")
        info = b"tercet/1 burn check" + len(point).to_bytes(4, "big") + point
        shares[name] = (point + hmac.digest(key, info + b"\x01", "sha256")).hex()
    return shares


@pytest.mark.parametrize("case", cases("draw", "burn"))
def test_the_shares_of_a_seed(case: Case) -> None:
    seed = bytes.fromhex(case["input"]["seed"])
    assert {name: share.hex() for name, share in draw(seed)._asdict().items()} == case["expected"] == by_hand(seed)


@pytest.mark.parametrize("case", cases("line", "burn"))
def test_the_line_through_two_points(case: Case) -> None:
    assert (
        line_through(*(bytes.fromhex(case["input"][n]) for n in ("first", "second"))).hex() == case["expected"]["line"]
    )


@pytest.mark.parametrize("case", bad_cases("line", "burn"))
def test_two_points_that_have_no_line(case: Case) -> None:
    wanted = {"no line": NoLine, "malformed": Malformed}[case["fails"]]
    with pytest.raises(Malformed) as caught:
        line_through(*(bytes.fromhex(case["input"][n]) for n in ("first", "second")))
    assert caught.type is wanted


@pytest.mark.parametrize("case", cases("burn", "burn"))
def test_what_burns_and_what_does_not(case: Case) -> None:
    share, first, second = (bytes.fromhex(case["input"][n]) for n in ("share", "first", "second"))
    assert burns(share, first, second) is case["expected"]["burns"]


@pytest.mark.parametrize("case", cases("share", "burn"))
def test_a_share_that_is_one(case: Case) -> None:
    share = parse_share(bytes.fromhex(case["input"]["share"]))
    assert point_of(share).hex() == case["expected"]["point"]


@pytest.mark.parametrize("case", bad_cases("share", "burn"))
def test_bytes_that_are_no_share(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        parse_share(bytes.fromhex(case["input"]["share"]))


def test_every_vector_says_why_and_how_it_ends_and_is_read_by_a_test() -> None:
    hold_vectors("burn", TESTS)


# ---- who can burn whom


@given(seeds)
def test_any_two_points_of_a_line_burn_for_every_share_of_it(seed: bytes) -> None:
    shares = draw(seed)
    for first, second in permutations(shares, 2):
        assert all(burns(share, point_of(first), point_of(second)) for share in shares)
        assert agrees(first, point_of(second))


@given(seeds, numbers, numbers)
def test_one_point_with_any_other_burns_nobody(seed: bytes, x: int, y: int) -> None:
    shares, made_up = draw(seed), packed(x, y)
    for held, known in permutations(shares, 2):
        assert not burns(held, point_of(known), made_up)
        assert not burns(held, made_up, point_of(held))
        assert not burns(held, point_of(known), point_of(known))
    assert not any(agrees(share, made_up) for share in shares)


@given(seeds, seeds)
def test_the_points_of_one_member_burn_no_other(seed: bytes, other: bytes) -> None:
    if seed == other:
        return
    ours, theirs = draw(seed), draw(other)
    for first, second in combinations(ours, 2):
        assert not any(burns(share, point_of(first), point_of(second)) for share in theirs)
    assert not any(burns(share, point_of(ours.own), point_of(theirs.own)) for share in (*ours, *theirs))


@given(seeds, st.binary(max_size=70), st.binary(max_size=70))
def test_bytes_that_are_no_points_burn_nobody_and_raise_nothing(seed: bytes, first: bytes, second: bytes) -> None:
    assert not burns(draw(seed).below, first, second)


@given(numbers, numbers, numbers, numbers)
def test_a_line_goes_through_both_points_that_made_it(x: int, y: int, x2: int, y2: int) -> None:
    if x == x2:
        with pytest.raises(NoLine):
            line_through(packed(x, y), packed(x2, y2))
        return
    line = line_through(packed(x, y), packed(x2, y2))
    assert burning.on_line(line, packed(x, y))
    assert burning.on_line(line, packed(x2, y2))
    assert line == line_through(packed(x2, y2), packed(x, y))
    assert not burning.on_line(line, packed(x, (y + 1) % PRIME))


@given(seeds, numbers)
def test_each_slope_goes_through_one_point_as_well_as_any_other(seed: bytes, slope: int) -> None:
    """One point rules out no line's slope: whatever slope is guessed, there is a line, and its points look the same."""
    x, y = burning.parse_point(point_of(draw(seed).partner))
    line = packed(slope, (y - slope * x) % PRIME)
    assert burning.on_line(line, packed(x, y))


def test_nothing_of_the_seed_or_the_line_is_in_the_shares() -> None:
    seed = bytes(range(32))
    shares = draw(seed)
    line = line_through(point_of(shares.own), point_of(shares.link))
    whole = b"".join(shares)
    for secret in (seed, line[:32], line[32:]):
        assert not any(secret[i : i + 8] in whole for i in range(0, 32, 8))


# ---- what an outsider sees


def network(members: int) -> Lines:
    """The four points of each of so many members."""
    chance = random.Random(20_691)
    return [[burning.parse_point(point_of(s)) for s in draw(chance.randbytes(32))] for _ in range(members)]


def slope(first: tuple[int, int], second: tuple[int, int]) -> int:
    return (second[1] - first[1]) * pow(second[0] - first[0], -1, PRIME) % PRIME


def bits_far_out(values: list[int]) -> list[int]:
    """The bits of numbers that are set more or less often than those of numbers drawn evenly below the prime."""
    text = "".join(f"{value:0255b}" for value in values)
    counts = [text[254 - bit :: 255].count("1") for bit in range(255)]
    return [bit for bit, n in enumerate(counts) if abs(n - len(values) / 2) > Z_MOST * sqrt(len(values)) / 2]


def what_shows(lines: Lines) -> set[str]:
    """All that an outsider who holds every point of a network, and every burn, finds in them.

    A point's own numbers; whether two members share a number or a slope; and whether two points of one line can be
    told from two points of two lines, by any bit of the slope, of the difference or of the sum.
    """
    found = set()
    points = [point for line in lines for point in line]
    for name, values in (("x", [p[0] for p in points]), ("y", [p[1] for p in points])):
        if bits_far_out(values):
            found.add(f"{name} is not even")
        if len(set(values)) < len(values):
            found.add(f"{name} comes twice")
    together = [(line[0], line[1]) for line in lines]
    apart = [(line[2], lines[i - 1][3]) for i, line in enumerate(lines)]
    steps = {
        "slope": slope,
        "difference of x": lambda a, b: (a[0] - b[0]) % PRIME,
        "difference of y": lambda a, b: (a[1] - b[1]) % PRIME,
        "sum of y": lambda a, b: (a[1] + b[1]) % PRIME,
    }
    for name, step in steps.items():
        here, there = ([step(*pair) for pair in pairs] for pairs in (together, apart))
        if bits_far_out(here) != bits_far_out(there):
            found.add(f"{name} shows who belongs together")
        if len(set(here)) < len(here):
            found.add(f"{name} comes twice")
    return found


def test_an_outsider_with_every_point_cannot_say_which_belong_together() -> None:
    assert what_shows(network(1_500)) == set()


def planted(members: int, fault: str) -> Lines:
    """A network whose members draw in a poor way."""
    chance = random.Random(20_692)
    lines = []
    for _ in range(members):
        a, b = chance.randrange(PRIME), chance.randrange(PRIME)
        xs = [chance.randrange(PRIME) for _ in range(4)]
        if fault == "small places":
            xs = [1, 2, 3, 4]
        if fault == "gentle slopes":
            a, xs = chance.randrange(2**40), [chance.randrange(2**40) for _ in range(4)]
        if fault == "one slope":
            a = 20_693
        line = [(x, (a * x + b) % PRIME) for x in xs]
        lines.append([(x, y % 2**240) for x, y in line] if fault == "small field" else line)
    return lines


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        ("small places", "x comes twice"),
        ("gentle slopes", "x is not even"),
        ("one slope", "slope comes twice"),
        ("small field", "y is not even"),
    ],
)
def test_a_poor_draw_is_seen_by_an_outsider(fault: str, shows: str) -> None:
    assert shows in what_shows(planted(1_500, fault))


def test_two_members_with_one_slope_are_seen() -> None:
    lines = network(1_500)
    (x, y), (x2, _), *rest = lines[7]
    alike = slope(lines[3][0], lines[3][1])
    lines[7] = [(x, y), (x2, (y + alike * (x2 - x)) % PRIME), *rest]
    assert what_shows(lines) == {"slope comes twice"}
