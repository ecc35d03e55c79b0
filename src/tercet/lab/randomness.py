"""Randomness: tests of whether bytes are noise, each with the chance that noise would look as odd.

Does        examines an image by a dozen tests; corrects for their number.
Does not    know what a vault is, or draw anything.
Spec        spec/70-vault.md, 1; the tests stand in docs/deniability.md
Always      1. Nothing is sampled: every test looks at the whole image.
            2. A p-value is exact, a bound from above, or of a law that the test names.
Read first  TESTS, then examine().
"""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LEAST = 1_048_576  # bytes of an image; fewer give a pair of bytes too few chances to come
MEAN, VARIANCE = 127.5, (256**2 - 1) / 12  # of one byte of noise
SECTOR, PAGE, BLOCK = 512, 4_096, 16  # bytes
PHASES = tuple(1 << n for n in range(1, 17))  # bytes; periods whose every phase is counted
NORMAL = 1_024  # products in a sum; from here on the sum is taken as normal
LARGE = 20_000  # degrees of freedom; from here on chi-square by Wilson and Hilferty

Floats = NDArray[np.float64]
Key = TypeVar("Key")


class Sample:
    """The bytes under examination, and what several tests need of them."""

    def __init__(self, data: bytes) -> None:
        if len(data) < LEAST:
            raise ValueError("an image has at least 1 MiB")
        self.data = data
        self.values = np.frombuffer(data, np.uint8)

    @cached_property
    def products(self) -> Floats:
        """For each stride k from 0 the sum of x[i] x[i + k], x being bytes less their mean, by Fourier transform."""
        size = len(self.data)
        length = 1 << (2 * size - 1).bit_length()  # so long that the end never meets the start
        spectrum = np.fft.rfft(self.values - MEAN, length)
        power = spectrum.real**2 + spectrum.imag**2
        del spectrum
        sums: Floats = np.fft.irfft(power, length)[:size]
        return sums


# --- laws


def normal_tail(z: float) -> float:
    """The chance that a standard normal figure is at least z."""
    return math.erfc(z / math.sqrt(2)) / 2


def chi_square_tail(x: float, freedom: int) -> float:
    """The chance that chi-square with so many degrees of freedom is at least x.

    Source: the series and the continued fraction of the incomplete gamma function (Abramowitz and Stegun, 6.5);
    above 20,000 degrees Wilson and Hilferty (1931).
    """
    if x <= 0:
        return 1.0
    if freedom > LARGE:
        return normal_tail(float(_hilferty(np.array([x]), np.array([float(freedom)]))[0]))
    a, half = freedom / 2, x / 2
    scale = math.exp(a * math.log(half) - half - math.lgamma(a))
    if half < a + 1:
        term = total = 1 / a
        while term > total * 1e-16:
            a += 1
            term *= half / a
            total += term
        return max(0.0, 1 - scale * total)
    b = half + 1 - a
    c, d = 1e300, 1 / b
    fraction, step, n = d, 0.0, 0
    while abs(step - 1) > 1e-14:
        n += 1
        b += 2
        weight = -n * (n - a)
        d = 1 / (weight * d + b)
        c = b + weight / c
        step = c * d
        fraction *= step
    return scale * fraction


def binomial_tail(trials: int, least: int, chance: float) -> float:
    """The chance of at least so many hits."""
    if least <= 0:
        return 1.0
    if least > trials:
        return 0.0
    choose = math.lgamma(trials + 1) - math.lgamma(least + 1) - math.lgamma(trials - least + 1)
    term = math.exp(choose + least * math.log(chance) + (trials - least) * math.log1p(-chance))
    total, odds = term, chance / (1 - chance)
    for hits in range(least, trials):
        term *= (trials - hits) / (hits + 1) * odds
        total += term
        if term < total * 1e-16 and hits > trials * chance:
            break
    return min(1.0, total)


def both_ways(upper: float) -> float:
    """Two-sided, from the upper tail."""
    return min(1.0, 2 * min(upper, 1 - upper))


def saving_tail(saved: int) -> float:
    """The chance that noise is written in so many bytes less: there are so few short texts, by any method whatever."""
    return 1.0 if saved <= 0 else math.exp(-math.log(256) * saved) * 256 / 255


def _hilferty(x: Floats, freedom: Floats) -> Floats:
    """The normal figure that chi-square x stands for."""
    spread = 2 / (9 * freedom)
    figures: Floats = (np.cbrt(np.maximum(x, 0) / freedom) - (1 - spread)) / np.sqrt(spread)
    return figures


def _at_most(chance: float, times: float) -> float:
    """The chance that the least likely of so many figures comes by chance (Bonferroni)."""
    return min(1.0, chance * times)


# --- tests


def histogram(sample: Sample) -> float:
    """Chi-square of the 256 values of a byte, both ways: neither uneven nor too even."""
    return _even(np.bincount(sample.values, minlength=256))


def pairs(sample: Sample) -> float:
    """Chi-square of the 65,536 values of two bytes side by side, both ways."""
    even = len(sample.data) & ~1
    return _even(np.bincount(np.frombuffer(sample.data[:even], "<u2"), minlength=65_536))


def serial(sample: Sample) -> float:
    """The correlation of each byte with the next."""
    away = sample.values - MEAN
    z = float(np.dot(away[1:], away[:-1])) / (VARIANCE * math.sqrt(len(away) - 1))
    return 2 * normal_tail(abs(z))


def sectors(sample: Sample) -> float:
    """The most frequent value in any sector of 512 bytes."""
    return _most_frequent(sample, len(sample.data) // SECTOR, SECTOR, in_rows=True)


def phases(sample: Sample) -> float:
    """The most frequent value at any one place of a period, for the 16 powers of two from 2 to 65,536."""
    size = len(sample.data)
    found = min(_most_frequent(sample, size // period, period, in_rows=False) for period in PHASES)
    return _at_most(found, len(PHASES))


def zlib_whole(sample: Sample) -> float:
    """Whether zlib makes the whole shorter."""
    return saving_tail(len(sample.data) - len(zlib.compress(sample.data, 6)))


def zlib_pages(sample: Sample) -> float:
    """Whether zlib makes any page of 4,096 bytes shorter."""
    view, size = memoryview(sample.data), len(sample.data)
    best = max(PAGE - len(zlib.compress(view[at : at + PAGE], 6)) for at in range(0, size - PAGE + 1, PAGE))
    return _at_most(saving_tail(best), size // PAGE)


def lzma_whole(sample: Sample) -> float:
    """Whether LZMA, its window as wide as the image, makes the whole shorter."""
    size = len(sample.data)
    how = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": size}]
    return saving_tail(size - len(lzma.compress(sample.data, lzma.FORMAT_RAW, filters=how)))


def repeats_aligned(sample: Sample) -> float:
    """Whether any 16 bytes at a multiple of 16 stand at another one, too."""
    words = np.frombuffer(sample.data[: len(sample.data) & ~(BLOCK - 1)], "<u8")
    return _twice(words[0::2], words[1::2])


def repeats_anywhere(sample: Sample) -> float:
    """Whether any 16 bytes, at any offset, stand at another offset, too."""
    size = len(sample.data)
    words = np.empty(size - 7, np.uint64)
    for shift in range(8):
        words[shift::8] = np.frombuffer(sample.data, "<u8", (size - shift) // 8, shift)
    ordered = np.sort(words[:-8])
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    places = np.flatnonzero(np.isin(words[:-8], again)) if len(again) else np.empty(0, np.int64)
    return _twice(words[places], words[places + 8], size - BLOCK + 1)


def strides(sample: Sample) -> float:
    """The strongest correlation of bytes a stride apart, for every stride from 1 to the size less 1.

    Sums of at least 1,024 products are normal; the few shorter ones are held to Azuma's bound (1967).
    """
    size = len(sample.data)
    sums = np.abs(sample.products[1:])
    terms = np.arange(size - 1, 0, -1, dtype=np.float64)
    sums /= np.sqrt(terms)
    long, short = float(sums[:-NORMAL].max()), float(sums[-NORMAL:].max())
    bound = 2 * math.exp(-(short**2) / (2 * MEAN**4))
    return _at_most(min(2 * normal_tail(long / VARIANCE), bound), size - 1)


def periods(sample: Sample) -> float:
    """The strongest period, for every one from 1 to half of the size: the image is folded, the columns are summed.

    The squares of the column sums follow chi-square with as many degrees of freedom as there are columns. They are
    computed from the products at all multiples of the period.
    """
    size, products = len(sample.data), sample.products
    middle = math.isqrt(size)
    folded = np.zeros(size // 2 + 1)
    for period in range(1, middle + 1):
        folded[period] = products[period::period].sum()
    for times in range(1, size // (middle + 1) + 1):
        last = min(size // 2, (size - 1) // times)
        folded[middle + 1 : last + 1] += products[times * (middle + 1) : times * last + 1 : times]
    lengths = np.arange(1, size // 2 + 1, dtype=np.float64)
    times_each = (size - 1) // lengths
    spread = np.sqrt(times_each * size - lengths * times_each * (times_each + 1) / 2)
    squares = lengths + folded[1:] / (VARIANCE * spread) * np.sqrt(2 * lengths)
    likely = np.argpartition(_hilferty(squares, lengths), -8)[-8:]
    found = min(chi_square_tail(float(squares[n]), int(lengths[n])) for n in {*range(64), *likely.tolist()})
    return _at_most(found, size // 2)


def _even(counts: NDArray[np.int64]) -> float:
    expected = counts.sum() / len(counts)
    chi = float(((counts - expected) ** 2).sum() / expected)
    return both_ways(chi_square_tail(chi, len(counts) - 1))


def _most_frequent(sample: Sample, rows: int, columns: int, *, in_rows: bool) -> float:
    """The most frequent value in any row, or any column, of the image laid out in rows."""
    table = sample.values[: rows * columns].reshape(rows, columns)
    groups, trials = (rows, columns) if in_rows else (columns, rows)
    marks = np.arange(groups, dtype=np.int64) * 256
    keys = (table + (marks[:, None] if in_rows else marks)).ravel()
    most = int(np.bincount(keys, minlength=groups * 256).max())
    return _at_most(binomial_tail(trials, most, 1 / 256), groups * 256)


def _twice(first: NDArray[np.uint64], second: NDArray[np.uint64], among: int = 0) -> float:
    """The chance of a repeat among so many pieces of 16 bytes, given in two halves; 1 if there is none."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    again = bool(np.any((first[1:] == first[:-1]) & (second[1:] == second[:-1])))
    return math.comb(among or len(first), 2) / 2**128 if again else 1.0


TESTS: dict[str, Callable[[Sample], float]] = {
    "histogram": histogram,
    "pairs": pairs,
    "serial": serial,
    "sectors": sectors,
    "phases": phases,
    "zlib": zlib_whole,
    "zlib pages": zlib_pages,
    "lzma": lzma_whole,
    "repeats at 16": repeats_aligned,
    "repeats anywhere": repeats_anywhere,
    "strides": strides,
    "periods": periods,
}


def sizes(size: int) -> dict[str, int]:
    """How many figures each test weighs in an image of so many bytes."""
    counts = {"sectors": size // SECTOR * 256, "phases": sum(PHASES) * 256, "zlib pages": size // PAGE}
    counts |= {"histogram": size, "pairs": size // 2, "serial": size - 1, "strides": size - 1, "periods": size // 2}
    counts |= {"repeats at 16": size // BLOCK, "repeats anywhere": size - BLOCK + 1, "zlib": 1, "lzma": 1}
    return {name: counts[name] for name in TESTS}


def examine(image: bytes, tests: Collection[str] = TESTS) -> dict[str, float]:
    """The p-value of every test on an image: the chance that noise would look as odd, or a bound from above.

    Args:
        image: 1 MiB or more.
        tests: their names; all by default.

    Raises:
        ValueError: it is smaller.
    """
    sample = Sample(image)
    return {name: TESTS[name](sample) for name in tests}


def holm(chances: Mapping[Key, float], level: float) -> set[Key]:
    """Which tests of a family are to be believed, if all of them may be wrong with chance `level` (Holm, 1979)."""
    believed: set[Key] = set()
    for done, key in enumerate(sorted(chances, key=lambda k: chances[k])):
        if chances[key] >= level / (len(chances) - done):
            break
        believed.add(key)
    return believed
