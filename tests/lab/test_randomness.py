"""The tests of noise: honest noise passes them all, each law is right, each planted fault is caught."""

from __future__ import annotations

import math
import os
import random

import numpy as np
import pytest

from tercet.lab.planted import PLANTED
from tercet.lab.randomness import (
    LEAST,
    MEAN,
    TESTS,
    Sample,
    binomial_tail,
    both_ways,
    chi_square_tail,
    examine,
    holm,
    normal_tail,
    saving_tail,
    sizes,
)

CAUGHT = 1e-12


@pytest.fixture(scope="module")
def noise() -> bytes:
    return random.Random(70).randbytes(LEAST)


# ---- laws


@pytest.mark.parametrize(
    ("x", "freedom", "expected"),
    [  # published tables of chi-square, and closed forms for an even number of degrees
        (3.841458821, 1, 0.05),
        (18.307038053, 10, 0.05),
        (293.2478, 255, 0.05),
        (310.4574, 255, 0.01),
        (2.0, 2, math.exp(-1)),
        (60.0, 4, 31 * math.exp(-30)),
        (0.0, 7, 1.0),
    ],
)
def test_the_tail_of_chi_square_is_that_of_the_tables(x: float, freedom: int, expected: float) -> None:
    assert chi_square_tail(x, freedom) == pytest.approx(expected, rel=1e-4)


def test_many_degrees_of_freedom_go_over_smoothly_into_the_normal_law() -> None:
    for z in (-2.0, 0.0, 3.0, 6.0):
        below, above = (chi_square_tail(f + z * math.sqrt(2 * f), f) for f in (20_000, 20_001))
        assert above == pytest.approx(below, rel=0.01)


@pytest.mark.parametrize(("trials", "least"), [(10, 3), (10, 0), (10, 10), (10, 11), (400, 9), (50, 1)])
def test_the_tail_of_hits_is_the_sum_of_its_terms(trials: int, least: int) -> None:
    chance = 1 / 256
    terms = (math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(least, trials + 1))
    assert binomial_tail(trials, least, chance) == pytest.approx(sum(terms), rel=1e-9)


def test_the_normal_tail_and_both_ways() -> None:
    assert normal_tail(1.959964) == pytest.approx(0.025, rel=1e-5)
    assert both_ways(0.999) == pytest.approx(0.002)
    assert both_ways(0.5) == 1.0


def test_a_text_a_byte_shorter_is_one_in_256() -> None:
    assert saving_tail(0) == saving_tail(-9) == 1.0
    assert saving_tail(1) == pytest.approx(1 / 255)
    assert saving_tail(4_096) == 0.0


def test_the_products_are_those_of_the_bytes(noise: bytes) -> None:
    sample = Sample(noise)
    away = np.frombuffer(noise, np.uint8) - MEAN
    for stride in (0, 1, 2, 4_095, 4_096, 700_001, LEAST - 1):
        expected = float(np.dot(away[stride:], away[: len(away) - stride]))
        assert sample.products[stride] == pytest.approx(expected, abs=1e-3)


# ---- the family


def test_holm_believes_from_the_least_on_and_stops_at_the_first_doubt() -> None:
    assert holm({"a": 0.04, "b": 0.0001, "c": 0.02}, 0.05) == {"b", "c", "a"}
    assert holm({"a": 0.04, "b": 0.0001, "c": 0.03}, 0.05) == {"b"}
    assert holm({"a": 0.02, "b": 0.03}, 0.05) == {"a", "b"}
    assert holm({"a": 0.03, "b": 0.03}, 0.05) == set()


def test_every_test_says_its_sample_and_has_a_fault_to_catch() -> None:
    assert list(sizes(LEAST)) == list(TESTS)
    assert set().union(*(fault.caught_by for fault in PLANTED.values())) == set(TESTS)


def test_an_image_too_small_to_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="1 MiB"):
        examine(bytes(LEAST - 1))


# ---- noise and faults


@pytest.mark.full
def test_noise_passes_every_test(noise: bytes) -> None:
    assert holm(examine(noise), 1e-6) == set()


@pytest.mark.full
def test_the_system_s_noise_passes_whatever_its_size() -> None:
    assert holm(examine(os.urandom(LEAST + 4_095)), 1e-6) == set()


@pytest.mark.full
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_caught(noise: bytes, name: str) -> None:
    image = bytearray(noise)
    PLANTED[name].plant(image, random.Random(3))
    chances = examine(bytes(image), PLANTED[name].caught_by)
    assert {test: p for test, p in chances.items() if p > CAUGHT} == {}
    assert len(image) == LEAST


def test_bytes_spread_too_evenly_are_caught() -> None:
    image = np.tile(np.arange(256, dtype=np.uint8), LEAST // 256)
    np.random.default_rng(1).shuffle(image)
    assert examine(image.tobytes(), ["histogram"])["histogram"] < CAUGHT


@pytest.mark.full
@pytest.mark.parametrize("name", ["histogram", "pairs", "serial", "strides", "periods"])
@pytest.mark.parametrize("images", [4, pytest.param(12, marks=pytest.mark.full)])
def test_chances_of_noise_are_spread_as_chances_are(name: str, images: int) -> None:
    chance = random.Random(11)
    seen = [examine(chance.randbytes(LEAST), [name])[name] for _ in range(images)]
    assert min(seen) > 1e-4
    assert max(seen) > 0.2
