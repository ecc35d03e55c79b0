"""The covered beat: one PUT and two READs, more on a device that beats seldom, whatever there is to say.

Does        draws where the PUT goes before it knows what it carries, and chooses which boxes are read.
Does not    seal or open: mail and sending do.
Spec        spec/41-beat.md
Always      1. What a beat orders depends on boxes, days and chance, never on what the owner says.
            2. Each operation goes out at a moment of its own.
Read first  covered(), INTERVALS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from math import inf
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import mail, reader, sending
from tercet.core.chain import LANE_RELAYS
from tercet.core.days import DAY, LATE_DAYS
from tercet.core.effects import ReadBox
from tercet.core.envelope import return_lane
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query
from tercet.core.mixing import chains_on
from tercet.core.relation import Relation, days_to_read, lane_to_read
from tercet.core.turn import Chance, Turn
from tercet.sealing import digest

Intervals = Mapping[str, tuple[int, int]]
INTAKE_SHARE: Final = 4  # of so many PUTs one goes to intake
SLOTS: Final = 4  # turns in a round of the neighbours, however many there are; one without a neighbour goes to intake
READS: Final = 2  # boxes read a beat, and
READS_EVERY: Final = 3_600  # seconds of its pace for each of them, if that makes more
PACE: Final = 1_800  # seconds between beats, on average, unless the owner chooses otherwise
PACE_LEAST: Final = 300  # seconds
PACE_MOST: Final = 21_600  # seconds
DOUBLINGS: Final = 4  # times that the interval of an awaited answer doubles, once a day, more seldom where beats are
ANSWERS: Final = b"answers"  # with a place, the name of the look for any of the answers awaited
HOT: Final = 10_000  # beats added to the waiting of a box that is known to hold more, until it is read empty
INTERVALS: Final = MappingProxyType(
    {
        "today": (2, 24),
        "yesterday": (8, 32),
        "tomorrow": (96, 192),
        "late": (96, 192),
        "over": (16, 16),
        "return": (6, 48),
        "board": (16, 16),
    }
)  # beats between two looks into a box of a class, at its first and at its second relay
SELDOM: Final = INTERVALS | {"today": (2, 8), "yesterday": (2, 4), "late": (24, 24), "over": (8, 8), "return": (2, 16)}
# the same where a beat reads more than READS: so seldom that a day's boxes must be found in a few beats


class Look(msgspec.Struct, frozen=True):
    """A box that may be read.

    Attributes:
        name: 8 bytes that tell it from the others.
        interval: beats between two looks at it, by its class; endless if there is no need.
        order: reads it, that many seconds from now.
        age: days since its day; 0 for one of today, of tomorrow, or of no day.
    """

    name: bytes
    interval: float
    order: Callable[[float], None]
    age: int = 0


def draw_span(pace: float, chance: Chance) -> float:
    """Seconds until the next beat: between half of the pace and one and a half, so that beats do not line up."""
    return pace * (0.5 + int.from_bytes(chance(4), "big") / 2**32)


def reads_at(pace: float) -> int:
    """How many boxes a device reads in each beat; a day has new boxes however seldom it beats.

    Args:
        pace: seconds between its beats, on average.
    """
    return max(READS, int(pace) // READS_EVERY + 1)


def intervals_at(reads: int) -> Intervals:
    """The intervals of a device that reads so many boxes a beat."""
    return INTERVALS if reads <= READS else SELDOM


def covered(turn: Turn, span: float, reads: int) -> None:
    """Order one PUT and so many READs, each at its own moment of the next `span` seconds."""
    if turn.device.card is None:
        return
    moments = [span * int.from_bytes(turn.chance(4), "big") / 2**32 for _ in range(1 + reads)]
    _put(turn, moments[0])
    for look, moment in zip(_choose(turn, reads), moments[1:], strict=True):
        look(moment)


def _put(turn: Turn, after: float) -> None:
    """The PUT: its destination is drawn first, then filled."""
    relations, slot = turn.device.relations, turn.device.rounds % SLOTS
    to_intake = turn.chance(1)[0] % INTAKE_SHARE == 0
    if not to_intake:
        turn.change(rounds=turn.device.rounds + 1)
    if to_intake and sending.send_one(turn, after):
        return
    if slot >= len(relations) and sending.fill_one(turn, after):
        return
    if relations:
        mail.put_one(turn, relations[slot % len(relations)], after)


def _choose(turn: Turn, reads: int) -> list[Callable[[float], None]]:
    chosen, looked = choose(_looks(turn, reads), turn.device.looked, turn.device.beats, reads)
    turn.change(looked=looked)
    return [look.order for look in chosen] + [_filler(turn)] * (reads - len(chosen))


def choose(looks: list[Look], looked: dict[bytes, int], beats: int, reads: int) -> tuple[list[Look], dict[bytes, int]]:
    """The boxes to read: half known to hold more, if there are any, the newest; else those that have waited longest.

    Waiting is measured by the interval of a box's class. Boxes that are known to hold more take half of the
    looks and never all, so that the others are found out about. Who comes back after weeks finds heaps in all
    boxes of the days between: what counts among them is said again in the newest.

    Args:
        looks: all boxes that may be read.
        looked: when each was looked at, by its name, in beats.
        beats: how many there were.
        reads: how many boxes are read.

    Returns:
        At most so many of them, and what `looked` is afterwards.
    """
    looked = {look.name: looked.get(look.name, beats) for look in looks}
    hot = [look for look in looks if _is_hot(beats, looked[look.name])]
    hot.sort(key=lambda look: (look.age, looked[look.name], look.name))
    cold = [look for look in looks if not _is_hot(beats, looked[look.name])]
    cold.sort(key=lambda look: (-(beats - looked[look.name] + 1) / look.interval, look.name))
    first = hot[: max(reads // 2, reads - len(cold))]
    chosen = first + cold[: reads - len(first)]
    tried = {look.name: beats - HOT if look in first else beats for look in chosen}
    return chosen, looked | tried


def _is_hot(beats: int, looked: int) -> bool:
    return beats - looked >= HOT


def _filler(turn: Turn) -> Callable[[float], None]:
    """Read a box that nobody has."""
    relay = turn.device.relays[0]
    read = turn.chance(32)
    return lambda after: turn.order(ReadBox(Query("cover", alone=True), read, relay, after=after))


def _looks(turn: Turn, reads: int) -> list[Look]:
    places = min(LANE_RELAYS, len(turn.device.relays))
    intervals = intervals_at(reads)
    looks = [look for relation in turn.device.relations for look in _at_neighbour(turn, relation, places, intervals)]
    weights = weights_of((back.made // DAY for back in turn.device.returns), turn.today, reads)
    looks += [answers(weights, intervals, place, partial(_answer, turn, weights, place)) for place in range(places)]
    for place, relay in enumerate(turn.device.table[: reader.BOARD_RELAYS]):
        name = board_name(relay.address)
        looks.append(Look(name, intervals["board"][place], partial(reader.read_one, turn, relay)))
    return looks


def _at_neighbour(turn: Turn, relation: Relation, places: int, intervals: Intervals) -> list[Look]:
    looks = []
    for day in days_to_read(relation, turn.now, late=True):
        kind = _class(turn, relation, day)
        for number, _ in chains_on(relation.mix, relation.chain, day):
            for place in range(places):
                query = Query("relation", relation.id, day, number, place, alone=True)
                if kind == "over" and _drained(turn, relation, query):
                    continue
                order, age = _letters(turn, query, relation), max(turn.today - day, 0)
                looks.append(Look(name_of(query, kind), intervals[kind][place], order, age))
    return looks


def _drained(turn: Turn, relation: Relation, query: Query) -> bool:
    """Whether a box of the oldest kept day was shown empty since its late days passed."""
    where = lane_to_read(relation, query.day, query.index) if relation.drained else None
    return where is not None and turn.device.order(where.turn)[query.place] in relation.drained


def _class(turn: Turn, relation: Relation, day: int) -> str:
    if day == turn.today:
        return "today"
    if abs(day - turn.today) == 1:
        return "yesterday" if day < turn.today else "tomorrow"
    return "over" if day == relation.chain.day and turn.device.confirmed > day + LATE_DAYS else "late"


def _letters(turn: Turn, query: Query, relation: Relation) -> Callable[[float], None]:
    def order(after: float) -> None:
        try:
            where = lane_to_read(relation, query.day, query.index)
        except Refusal:
            where = None
        if where is None:
            _filler(turn)(after)
            return
        relay = turn.device.order(where.turn)[query.place]
        turn.order(ReadBox(query, where.boxes[query.place].read, relay, after=after))

    return order


def weights_of(days: Iterable[int], today: int, reads: int) -> list[int]:
    """How often each answer awaited is looked for, against the others.

    Half as often for each day since its frame was put; where a beat reads more than READS + 1 boxes, for each
    reads - READS days.

    Args:
        days: on which their frames were sealed.
        today: the day.
        reads: boxes read a beat.
    """
    return [1 << DOUBLINGS - min(max(today - day, 0) // max(reads - READS, 1), DOUBLINGS) for day in days]


def answers(weights: Sequence[int], intervals: Intervals, place: int, order: Callable[[float], None]) -> Look:
    """The look for any of the answers awaited: which one is drawn when the time has come.

    No answer has a count of its own, or a moment from which it is waited for: either would tell the beat
    in which its frame was put.

    Args:
        weights: of the answers awaited.
        intervals: of the classes, at this pace.
        place: of the box at its relays.
        order: draws one and reads it, that many seconds from now.
    """
    weight = sum(weights)
    interval = (intervals["return"][place] << DOUBLINGS) / weight if weight else inf
    return Look(ANSWERS + bytes([place]), interval, order)


def draw_answer(weights: Sequence[int], chance: Chance) -> int | None:
    """The place among the answers awaited of the one to look for.

    Args:
        weights: of the answers awaited.
        chance: randomness.

    Returns:
        None if none is awaited.
    """
    if not weights:
        return None
    drawn = int.from_bytes(chance(8), "big") % sum(weights)
    return next(number for number, so_far in enumerate(accumulate(weights)) if drawn < so_far)


def _answer(turn: Turn, weights: Sequence[int], place: int, after: float) -> None:
    returns = turn.device.returns
    drawn = draw_answer(weights, turn.chance)
    if drawn is None:
        _filler(turn)(after)
        return
    where = return_lane(returns[drawn].root)
    relay = turn.device.order(where.turn)[place]
    query = Query("return", returns[drawn].id, place=place, alone=True)
    turn.order(ReadBox(query, where.boxes[place].read, relay, after=after))


def name_of(query: Query, kind: str) -> bytes:
    """What tells the box of a query from others, 8 bytes; the days that are over share a name, and so an interval."""
    day = b"\xff\xff" if kind == "over" else query.day.to_bytes(4, "big")[-2:]
    return query.id[:5] + day + bytes([(LANE_RELAYS * query.index + query.place) % 256])


def board_name(relay: str) -> bytes:
    """What tells the board's box at a relay from others, 8 bytes."""
    return digest(relay.encode(errors="replace"))[:8]


def saw(turn: Turn, event: Arrived) -> None:
    """A box was read alone: if it holds more, it is looked at again soon, for as long as it does."""
    query = event.query
    relation = mail.find_relation(turn, query.id) if query.kind == "relation" else None
    kind = _class(turn, relation, query.day) if relation else query.kind
    if kind not in INTERVALS or kind == "return":
        return
    name = board_name(event.relay) if kind == "board" else name_of(query, kind)
    turn.change(looked=after_look(turn.device.looked, turn.device.beats, name, event))


def after_look(looked: dict[bytes, int], beats: int, name: bytes, event: Arrived) -> dict[bytes, int]:
    """`looked` after a box was read alone: a box that gave something and holds more is hot until it is empty."""
    more = event.more and bool(event.items)
    if more or _is_hot(beats, looked.get(name, beats)):
        return looked | {name: beats - HOT * more}
    return looked
