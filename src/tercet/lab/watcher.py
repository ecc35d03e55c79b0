"""The watcher: guesses from traffic who reported, as a hostile relay and a tapped line could.

Does        turns what relays and lines saw of a member into figures, and learns from them who reported.
Does not    look inside an item, or know anything that the two would not see.
Spec        spec/95-lab.md, 10
Always      1. It sees every relay at once, and every address: more than any one captor would.
Read first  figures_of(), guess().
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tercet.lab.network import Observation

DESK = 0  # the desk's address: everybody knows it by what it does
MANY = 3  # addresses that put into a box which the desk reads: then it is taken for intake
ROUNDS = 300  # steps of learning
RATE = 0.3  # of a step
DECAY = 0.02  # of the weights, so that few examples are not learned by heart


@dataclass(frozen=True)
class Sight:
    """What both watchers know of all boxes.

    Attributes:
        intake: boxes that the desk reads and several put into.
        answers: boxes that the desk puts into; how often.
    """

    intake: frozenset[int]
    answers: Counter[int]


def sight_of(seen: Sequence[Observation]) -> Sight:
    """What can be said of boxes from everything that was seen."""
    writers: dict[int, set[int]] = defaultdict(set)
    read = set()
    answers: Counter[int] = Counter()
    for one in seen:
        if one.operation == "put":
            writers[one.box].add(one.address)
            answers[one.box] += one.address == DESK
        elif one.operation == "read" and one.address == DESK:
            read.add(one.box)
    return Sight(frozenset(b for b in read if len(writers[b]) >= MANY), +answers)


def figures_of(seen: Sequence[Observation], sight: Sight) -> dict[str, float]:
    """Figures of one address.

    Args:
        seen: what was seen of it in the time in question, in order.
        sight: what is known of all boxes.

    Returns:
        The same names in the same order, whatever was seen.
    """
    puts = [o for o in seen if o.operation == "put"]
    reads = [o for o in seen if o.operation == "read"]
    to_intake = [o for o in puts if o.box in sight.intake]
    hits = [o for o in reads if o.hit]
    fetched = [o for o in hits if o.box in sight.answers]
    boxes_put, boxes_read = Counter(o.box for o in puts), Counter(o.box for o in reads)
    days = Counter(int(o.came // 86_400) for o in puts)
    moments = sorted(o.sent for o in seen)
    return {
        "puts": len(puts),
        "reads": len(reads),
        "acks": len(seen) - len(puts) - len(reads),
        "hits": len(hits),
        "up": sum(o.up for o in seen),
        "down": sum(o.down for o in seen),
        "to intake": len(to_intake),
        "share to intake": len(to_intake) / max(1, len(puts)),
        "boxes put into": len(boxes_put),
        "boxes read": len(boxes_read),
        "most puts into a box": max(boxes_put.values(), default=0),
        "most reads of a box": max(boxes_read.values(), default=0),
        "items put twice": sum(n - 1 for n in Counter(o.item for o in puts).values()),
        "intake items put twice": sum(n - 1 for n in Counter(o.item for o in to_intake).values()),
        "answers fetched": len(fetched),
        "answers read at all": sum(o.box in sight.answers for o in reads),
        "most answers in a box": max((sight.answers[o.box] for o in reads), default=0),
        "boxes of several answers": sum(sight.answers[b] > 1 for b in boxes_read),
        "wait for answers": _mean(_waits(to_intake, fetched)),
        "gap between intake puts": _mean(_gaps(to_intake)),
        "spread of those gaps": _spread(_gaps(to_intake)),
        "least of those gaps": min(_gaps(to_intake), default=0.0),
        "gap between requests": _mean([b - a for a, b in zip(moments, moments[1:], strict=False)]),
        "spread between requests": _spread([b - a for a, b in zip(moments, moments[1:], strict=False)]),
        "least puts a day": min(days.values(), default=0),
        "most puts a day": max(days.values(), default=0),
        "frames asked for beyond two a put": len(reads) - 2 * len(puts),
    }


def _waits(to_intake: Sequence[Observation], fetched: Sequence[Observation]) -> list[float]:
    """Seconds from each fetched answer back to the intake put before it."""
    waits = []
    for answer in fetched:
        before = [o.came for o in to_intake if o.came < answer.came]
        waits.append(answer.came - before[-1] if before else 0.0)
    return waits


def _gaps(puts: Sequence[Observation]) -> list[float]:
    return [b.came - a.came for a, b in zip(puts, puts[1:], strict=False)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _spread(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean([(v - mean) ** 2 for v in values]))


@dataclass(frozen=True)
class Example:
    """One member in one week: figures, and whether it reported."""

    figures: tuple[float, ...]
    reported: bool


def auc(scores: Sequence[tuple[float, bool]]) -> float:
    """The chance that one who reported scores higher than one who did not; a half is guessing."""
    yes = [s for s, reported in scores if reported]
    no = [s for s, reported in scores if not reported]
    if not yes or not no:
        raise ValueError("both kinds are needed")
    wins = sum((a > b) + (a == b) / 2 for a in yes for b in no)
    return wins / (len(yes) * len(no))


def deviation(scores: Sequence[tuple[float, bool]]) -> float:
    """How many standard deviations `auc` lies above a half, if there were nothing to see (Mann and Whitney, 1947)."""
    yes = sum(reported for _, reported in scores)
    no = len(scores) - yes
    return (auc(scores) - 0.5) / math.sqrt((yes + no + 1) / (12 * yes * no))


def guess(known: Sequence[Example], unknown: Sequence[Example]) -> list[tuple[float, bool]]:
    """Learn from known examples by logistic regression, and score the unknown ones.

    Returns:
        For each unknown example its score and whether it reported, for `auc`.
    """
    columns = list(zip(*(e.figures for e in known), strict=True))
    scale = [(_mean(c), _spread(c) or 1.0) for c in columns]

    def even(example: Example) -> list[float]:
        return [(v - mean) / spread for v, (mean, spread) in zip(example.figures, scale, strict=True)]

    rows = [(even(e), e.reported) for e in known]
    weights = [0.0] * len(scale)
    bias = 0.0
    for _ in range(ROUNDS):
        slope = [0.0] * len(scale)
        lean = 0.0
        for values, reported in rows:
            error = _chance(bias + _dot(weights, values)) - reported
            lean += error
            for i, value in enumerate(values):
                slope[i] += error * value
        bias -= RATE * lean / len(rows)
        weights = [w - RATE * (s / len(rows) + DECAY * w) for w, s in zip(weights, slope, strict=True)]
    return [(_dot(weights, even(e)), e.reported) for e in unknown]


def _dot(one: Iterable[float], other: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _chance(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))
