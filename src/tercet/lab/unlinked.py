"""Who sent which: a game against tokens, with all that a desk, the board and every link can know.

Does        listens to a world as a desk that keeps everything, and as links that tell whose each permit was; guesses.
Does not    make a network: `world` does. Read what a report says.
Spec        spec/51-tokens.md, 8
Always      1. The adversary knows which member made each request: it has to tie reports to requests.
            2. It wins where tokens can be told apart: a test hands it one that was not blinded.
Read first  Listening, play().
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.chain import lane
from tercet.core.days import week_of
from tercet.core.fields import Malformed
from tercet.core.report import ReportKind, WordContent, open_content, unwrap
from tercet.core.state import Device
from tercet.core.tokens import REPORTS_A_WEEK, TOKEN, parse_request
from tercet.lab.chance import Stream
from tercet.lab.world import World
from tercet.sealing import BLIND_PREFIX, BLIND_PUBLIC, CannotOpen

EXPONENT: Final = 65_537
LIMIT: Final = 3.5  # standard deviations from chance: of 4,000 games without a leak one is beyond


@dataclass(frozen=True)
class Asked:
    """A request as the desk saw it, and who truly made it."""

    member: int
    week: int
    permit: bytes
    blinded: tuple[bytes, ...]


@dataclass(frozen=True)
class Sent:
    """A report with a token as the desk saw it, and who truly sent it."""

    member: int
    week: int
    token: bytes


@dataclass(frozen=True)
class Score:
    """How a way of guessing fared.

    Attributes:
        way: its name.
        right: guesses that were right, of `guesses`.
        expected: what chance gives.
        deviations: how far that is from it, in standard deviations of chance.
    """

    way: str
    guesses: int
    right: int
    expected: float
    deviations: float


class Listening(World):
    """A world whose desk keeps every request and every token that it ever saw, and whose links know whose permits were.

    Attributes:
        asked: requests, in the order in which they came, each once.
        sent: reports with tokens, likewise.
        moduli: of each week the keys for report tokens.
    """

    def step(self, *given: object) -> tuple[Device, tuple[fx.Effect, ...]]:
        """One step; the adversary looks on."""
        before, event = given[0], given[1]
        after, effects = super().step(*given)
        if not hasattr(self, "asked"):
            self.asked: list[Asked] = []
            self.sent: list[Sent] = []
            self.moduli: dict[int, int] = {}
            self._whose: dict[bytes, int] = {}
        if after.trust.asking is not None:
            self._whose.setdefault(after.trust.asking.permit, self._number(before, after))
        if isinstance(before, Device) and before.is_desk:
            self._look(before, event, effects)
        return after, effects

    def _number(self, before: object, after: Device) -> int:
        """Whose state this is."""
        return next(m.number for m in self.machines if m.device is before or m.device is after)

    def _look(self, desk: Device, event: object, effects: tuple[fx.Effect, ...]) -> None:
        for mint in desk.office.mints if desk.office else ():
            self.moduli[mint.keys.week] = int.from_bytes(mint.keys.report, "big")
        if isinstance(event, ev.Arrived) and event.query.kind == "intake":
            for item in event.items:
                self._open(desk, event.query.day, event.query.index, item)
        for effect in effects:
            if isinstance(effect, fx.FileReport) and len(effect.content.token) == TOKEN:
                fate = self.ledger.reports[effect.content.text]
                self.sent.append(Sent(fate.member, week_of(effect.content.day), effect.content.token))

    def _open(self, desk: Device, day: int, shard: int, item: bytes) -> None:
        if desk.card is None or desk.office is None or day < desk.card.chain.day:
            return
        try:
            _, sealed = unwrap(lane(desk.card.chain, day, "intake", shard), item, desk.office.seeds)
            content = open_content(sealed, desk.office.seeds)
        except (CannotOpen, Malformed):
            return
        if isinstance(content, WordContent) and content.kind == ReportKind.REQUEST:
            request = parse_request(content.letter.body)
            if all(request.permit != one.permit for one in self.asked):
                at = range(0, REPORTS_A_WEEK * BLIND_PUBLIC, BLIND_PUBLIC)
                parts = tuple(request.blinded[i : i + BLIND_PUBLIC] for i in at)
                self.asked.append(Asked(self._whose[request.permit], request.week, request.permit, parts))


Guess = Callable[[list[Asked], Sent, int, int], int]


def encoded(sent: Sent, modulus: int) -> int:
    """What was blinded to make a token: its signature to the power of e."""
    return pow(int.from_bytes(sent.token[BLIND_PREFIX:], "big"), EXPONENT, modulus)


def recognised(asked: list[Asked], sent: list[Sent], moduli: dict[int, int]) -> list[tuple[Sent, Asked]]:
    """Reports that fit a request of their week by a factor of 1 to 64: what a desk that computes can look for.

    By other factors each token fits each request: there are as many as there are numbers.
    """
    small = {week: [pow(factor, EXPONENT, n) for factor in range(1, 65)] for week, n in moduli.items()}
    seen = {(one.week, int.from_bytes(part, "big")): one for one in asked for part in one.blinded if one.week in moduli}
    found = []
    for one in sent:
        modulus = moduli[one.week]
        whole = encoded(one, modulus)
        fits = (seen.get((one.week, whole * factor % modulus)) for factor in small[one.week])
        found += [(one, fit) for fit in fits if fit is not None]
    return found


def _by_order(asked: list[Asked], sent: Sent, place: int, of: int) -> int:
    """Who asked first reports first."""
    return place * len(asked) // of


def _by_bytes(asked: list[Asked], sent: Sent, place: int, of: int) -> int:
    """The request that has most bits in common with the token."""
    token = int.from_bytes(sent.token[BLIND_PREFIX:], "big")
    common = [min((token ^ int.from_bytes(part, "big")).bit_count() for part in one.blinded) for one in asked]
    return min(range(len(asked)), key=common.__getitem__)


def _by_permit(asked: list[Asked], sent: Sent, place: int, of: int) -> int:
    """The request whose permit is nearest to the token's prefix."""
    prefix = int.from_bytes(sent.token[:BLIND_PREFIX], "big")
    return min(range(len(asked)), key=lambda i: (prefix ^ int.from_bytes(asked[i].permit, "big")).bit_count())


WAYS: Final[dict[str, Guess]] = {"order": _by_order, "bytes": _by_bytes, "permit": _by_permit}


def play(asked: list[Asked], sent: list[Sent], seed: int) -> list[Score]:
    """Guess for each report its sender, and for as many pairs of a week whether one member sent both.

    Args:
        asked: all requests.
        sent: all reports with tokens.
        seed: of the choice of pairs.

    Returns:
        Two scores for each way of guessing.
    """
    weeks = {week: [one for one in asked if one.week == week] for week in {one.week for one in sent}}
    places = {week: [one for one in sent if one.week == week] for week in weeks}
    scores = []
    for way, guess in WAYS.items():
        named = {}
        for week, reports in places.items():
            for place, one in enumerate(reports):
                named[one.token] = weeks[week][guess(weeks[week], one, place, len(reports))].member
        scores.append(_who(way, weeks, sent, named))
        scores.append(_pairs(way, places, named, seed))
    return scores


def _who(way: str, weeks: dict[int, list[Asked]], sent: list[Sent], named: dict[bytes, int]) -> Score:
    right = sum(named[one.token] == one.member for one in sent)
    chances = [1 / len({a.member for a in weeks[one.week]}) for one in sent]
    spread = sqrt(sum(p * (1 - p) for p in chances))
    return Score(f"sender by {way}", len(sent), right, sum(chances), (right - sum(chances)) / spread)


def _pairs(way: str, places: dict[int, list[Sent]], named: dict[bytes, int], seed: int) -> Score:
    """Of as many pairs that are one member's as are not, how many are told right."""
    chance = Stream(seed, f"pairs {way}")
    alike: list[tuple[Sent, Sent]] = []
    unlike: list[tuple[Sent, Sent]] = []
    for reports in places.values():
        for number, one in enumerate(reports):
            for other in reports[number + 1 :]:
                (alike if one.member == other.member else unlike).append((one, other))
    count = min(len(alike), len(unlike), 2_000)
    chosen = _some(alike, count, chance), _some(unlike, count, chance)
    said = [[named[one.token] == named[other.token] for one, other in pairs] for pairs in chosen]
    right = sum(said[0]) + count - sum(said[1])
    # Chance: to say `one member` as often among the unlike as among the alike, whatever the way's own habit is.
    habit = (sum(said[0]) + sum(said[1])) / (2 * count) if count else 0.0
    spread = sqrt(2 * count * max(habit * (1 - habit), 1e-9)) or 1.0
    return Score(f"pairs by {way}", 2 * count, right, float(count), (right - count) / spread)


def _some(pairs: list[tuple[Sent, Sent]], count: int, chance: Stream) -> list[tuple[Sent, Sent]]:
    """So many pairs, drawn by chance."""
    left = list(pairs)
    return [left.pop(int.from_bytes(chance(8), "big") % len(left)) for _ in range(count)]
