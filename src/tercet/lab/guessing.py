"""Guessing: ways to tie reports to requests, and whether any of them does better or worse than chance.

Does        guesses for each report who sent it, and for pairs of reports whether one member sent both; judges that.
Does not    gather what it guesses from: `unlinked` does.
Spec        spec/51-tokens.md, 8
Always      1. A way sees what a desk sees, and who made each request.  2. Of each way a planted leak is found.
            3. Far below chance is lost too: who is surely not the sender is known as well.
Read first  play(), recognised(), tied().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import inf, sqrt
from statistics import fmean, pstdev
from typing import Final

from tercet.lab.chance import Stream
from tercet.lab.unlinked import Asked, Seen, Sent
from tercet.sealing import BLIND_PREFIX

EXPONENT: Final = 65_537
LIMIT: Final = 3.5  # standard deviations from chance: of 2,000 scores without a leak one is beyond
SMALL_FACTORS: Final = 64  # blinding factors that are tried one by one
PAIRS_MOST: Final = 2_000  # pairs of one member, and as many of two
SHUFFLES: Final = 200  # games without knowledge by which the pairs are judged

Moduli = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Score:
    """How a way of guessing fared.

    Attributes:
        way: its name.
        guesses: how many there were.
        right: guesses that were right.
        expected: what chance gives.
        deviations: how far that is from it, in standard deviations of chance; below zero for fewer.
    """

    way: str
    guesses: int
    right: int
    expected: float
    deviations: float


@dataclass(frozen=True)
class Known:
    """What is known when the sender of a report is guessed.

    Attributes:
        asked: the requests of its week that came before it, one of each member.
        frames: of each member all frames with requests, of any week.
        place: of the report among those of its week.
        of: how many these are.
        moduli: of that week, for report tokens and witness tokens.
    """

    asked: list[Asked]
    frames: dict[int, list[Seen]]
    place: int
    of: int
    moduli: tuple[int, int]


Guess = Callable[[Known, Sent], Asked | None]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _brought(sent: Sent, moduli: tuple[int, int]) -> Iterable[tuple[bytes, int]]:
    """The tokens of a report, each with the modulus of its kind."""
    return [(token, modulus) for token, modulus in zip((sent.token, sent.witness), moduli, strict=True) if token]


@cache
def encoded(token: bytes, modulus: int) -> int:
    """What was blinded to make a token: its signature to the power of e."""
    return pow(_number(token[BLIND_PREFIX:]), EXPONENT, modulus)


def recognised(asked: list[Asked], sent: list[Sent], moduli: Moduli) -> list[tuple[Sent, Asked]]:
    """Reports that fit a request of their week by a factor of 1 to 64: what a desk that computes can look for.

    By other factors each token fits each request: there are as many as there are numbers.
    """
    factors = range(1, SMALL_FACTORS + 1)
    small = {n: [pow(factor, EXPONENT, n) for factor in factors] for both in moduli.values() for n in both}
    seen = {(one.week, _number(part)): one for one in asked for part in one.blinded}
    found = []
    for one in sent:
        for token, modulus in _brought(one, moduli[one.week]):
            whole = encoded(token, modulus)
            fits = (seen.get((one.week, whole * factor % modulus)) for factor in small[modulus])
            found += [(one, fit) for fit in fits if fit is not None]
    return found


def tied(asked: list[Asked], sent: list[Sent], moduli: Moduli) -> list[tuple[Sent, Sent, Asked]]:
    """Pairs of reports that fit two tokens of one request by one factor, whichever it is."""
    found = []
    for week, (modulus, _) in moduli.items():
        ratios = {
            _number(one) * inverse % modulus: each
            for each in asked
            if each.week == week
            for other in each.blinded[:-1]
            for inverse in (pow(_number(other), -1, modulus),)
            for one in each.blinded[:-1]
            if one != other
        }
        wholes = [(one, encoded(one.token, modulus)) for one in sent if one.week == week]
        inverses = {one.token: pow(whole, -1, modulus) for one, whole in wholes}
        for (one, whole), (other, _) in combinations(wholes, 2):
            fit = ratios.get(whole * inverses[other.token] % modulus)
            if fit is not None:
                found.append((one, other, fit))
    return found


# ---- the ways


def _by_order(known: Known, sent: Sent) -> Asked | None:
    """Who asked first reports first."""
    return known.asked[known.place * len(known.asked) // known.of]


def _by_bits(known: Known, sent: Sent) -> Asked | None:
    """The request that has most bits in common with a token, or with what was blinded to make it."""
    brought = _brought(sent, known.moduli)
    numbers = [n for token, modulus in brought for n in (_number(token[BLIND_PREFIX:]), encoded(token, modulus))]
    return min(known.asked, key=lambda one: min((n ^ _number(p)).bit_count() for n in numbers for p in one.blinded))


def _by_difference(known: Known, sent: Sent) -> Asked | None:
    """The request with a number nearest to what was blinded to make a token, round the modulus."""
    wholes = [(encoded(token, modulus), modulus) for token, modulus in _brought(sent, known.moduli)]

    def distance(one: Asked) -> int:
        apart = [((whole - _number(part)) % n, n) for whole, n in wholes for part in one.blinded]
        return min(min(away, n - away) for away, n in apart)

    return min(known.asked, key=distance)


def _by_permit(known: Known, sent: Sent) -> Asked | None:
    """The request whose permit is nearest to the token's prefix."""
    prefix = _number(sent.token[:BLIND_PREFIX])
    return min(known.asked, key=lambda one: (prefix ^ _number(one.permit)).bit_count())


def _by_time(known: Known, sent: Sent) -> Asked | None:
    """The member of whom a request, of whatever week, came nearest in time."""
    when = sent.seen.when
    return min(known.asked, key=lambda one: min(abs(when - seen.when) for seen in known.frames[one.member]))


def _by_box(known: Known, sent: Sent) -> Asked | None:
    """The member of whose requests most came in the box of that place, or in that very one."""

    def share(one: Asked) -> tuple[float, int]:
        frames = known.frames[one.member]
        same = [seen for seen in frames if seen.shard == sent.seen.shard]
        return len(same) / len(frames), sum(seen.day == sent.seen.day for seen in same)

    return max(known.asked, key=share)


def _by_witness(known: Known, sent: Sent) -> Asked | None:
    """For a report with a witness token one of those who were given one."""
    given = [one for one in known.asked if one.witness]
    return given[known.place % len(given)] if sent.witness and given else None


WAYS: Final[dict[str, Guess]] = {
    "order": _by_order,
    "bits": _by_bits,
    "difference": _by_difference,
    "permit": _by_permit,
    "time": _by_time,
    "box": _by_box,
    "witness": _by_witness,
}


# ---- the game


def play(
    asked: list[Asked], sent: list[Sent], moduli: Moduli, seed: int, ways: dict[str, Guess] | None = None
) -> list[Score]:
    """Guess for each report its sender, and for as many pairs of a week whether one member sent both.

    Args:
        asked: all requests.
        sent: all reports with tokens.
        moduli: of each week, for report tokens and witness tokens.
        seed: of the choice of pairs.
        ways: `WAYS`, or others.

    Returns:
        Two scores for each way of guessing; one where it guesses too few to make pairs of.
    """
    frames: dict[int, list[Seen]] = {}
    for one in asked:
        frames.setdefault(one.member, []).extend(one.seen)
    known = [
        (report, Known(_before(asked, report), frames, place, len(reports), moduli[week]))
        for week, reports in _by_week(sent).items()
        for place, report in enumerate(reports)
    ]
    scores = []
    for way, guess in (ways or WAYS).items():
        guessed = [(report, at, guess(at, report)) for report, at in known]
        named = [(report, len(at.asked), one.member) for report, at, one in guessed if one is not None]
        scores += [_who(way, named)] if named else []
        scores += _pairs(way, named, seed)
    return scores


def _by_week(sent: list[Sent]) -> dict[int, list[Sent]]:
    return {week: [one for one in sent if one.week == week] for week in sorted({one.week for one in sent})}


def _before(asked: list[Asked], sent: Sent) -> list[Asked]:
    """Whoever can have sent a report: who had asked for tokens of its week when it came; the last request of each."""
    came = (one for one in asked if one.week == sent.week and one.seen[0].when < sent.seen.when)
    return list({one.member: one for one in came}.values())


def _who(way: str, named: list[tuple[Sent, int, int]]) -> Score:
    """How many senders were named right; by chance one in so many as had asked."""
    right = sum(report.member == member for report, _, member in named)
    chances = [1 / among for _, among, _ in named]
    spread = sqrt(sum(p * (1 - p) for p in chances))
    return Score(f"sender by {way}", len(named), right, sum(chances), _apart(right, sum(chances), spread))


def _pairs(way: str, named: list[tuple[Sent, int, int]], seed: int) -> list[Score]:
    """Of as many pairs that are one member's as are not, how many are told right.

    By chance as many as if the names were shuffled among reports of one week that as many can have sent.
    """
    chance = Stream(seed, f"pairs {way}")
    classes: dict[tuple[int, int], list[int]] = {}
    for number, (report, among, _) in enumerate(named):
        classes.setdefault((report.week, among), []).append(number)
    alike: list[tuple[int, int]] = []
    unlike: list[tuple[int, int]] = []
    for numbers in classes.values():
        for pair in combinations(numbers, 2):
            one, other = (named[number][0] for number in pair)
            if one.day != other.day and not (one.witness and other.witness):
                (alike if one.member == other.member else unlike).append(pair)
    count = min(len(alike), len(unlike), PAIRS_MOST)
    if not count:
        return []
    chosen = chance.sample(alike, count), chance.sample(unlike, count)
    names = [member for _, _, member in named]
    right = _told(names, *chosen)
    others = []
    for _ in range(SHUFFLES):
        for numbers in classes.values():
            mixed = [names[number] for number in numbers]
            chance.shuffle(mixed)
            for number, name in zip(numbers, mixed, strict=True):
                names[number] = name
        others.append(_told(names, *chosen))
    return [Score(f"pairs by {way}", 2 * count, right, fmean(others), _apart(right, fmean(others), pstdev(others)))]


def _told(names: list[int], alike: list[tuple[int, int]], unlike: list[tuple[int, int]]) -> int:
    """How many pairs are told right by these names."""
    return sum(names[a] == names[b] for a, b in alike) + sum(names[a] != names[b] for a, b in unlike)


def _apart(right: int, expected: float, spread: float) -> float:
    """How far it is from what chance gives."""
    if spread:
        return (right - expected) / spread
    return 0.0 if right == expected else inf
