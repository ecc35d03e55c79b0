"""Moments: what a captor of all relays sees of a member before and after its device was opened, as figures.

Does        runs worlds in which half of the members give the second passphrase, and turns what was seen into examples.
Does not    guess: the watcher does.
Spec        spec/95-lab.md, 12
Always      1. Every device is opened anew at its moment, with either passphrase: being off for a while tells nothing.
Read first  moments(), figures_around().
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tercet.lab.chance import Stream
from tercet.lab.duress import KINDS, DuressWorld
from tercet.lab.network import Observation
from tercet.lab.plan import DAY, Plan
from tercet.lab.watcher import MANY, Example, Sight, figures_of, sight_of
from tercet.lab.weeks import CALM

SETTLED: Final = 8.5  # days until devices keep boxes of all late days and mix for the first time
APART: Final = 1.0  # days over which the moments lie
WINDOW: Final = 2.0  # days that are looked at on either side
TAKEN: Final = replace(CALM, days=12, reports=0.5, crash_every=6.0)


@dataclass(frozen=True)
class Seen:
    """All that was seen of all boxes.

    Attributes:
        sight: as for every watcher.
        put: for each box when something first came into it.
        readers: who reads a box.
        posted: boxes of the board.
    """

    sight: Sight
    put: dict[int, float]
    readers: dict[int, Counter[int]]
    posted: frozenset[int]


def seen_of(everything: Sequence[Observation]) -> Seen:
    """What can be said of boxes from everything that was seen."""
    put: dict[int, float] = {}
    readers: dict[int, Counter[int]] = defaultdict(Counter)
    for one in everything:
        if one.operation == "put":
            put.setdefault(one.box, one.came)
        elif one.operation == "read":
            readers[one.box][one.address] += 1
    board = frozenset(b for b, who in readers.items() if len(who) > MANY and b not in put)
    return Seen(sight_of(everything), put, readers, board)


def figures_around(mine: Sequence[Observation], moment: float, window: float, seen: Seen) -> dict[str, float]:
    """Figures of one address around a moment.

    Args:
        mine: what was seen of it, in order.
        moment: seconds.
        window: seconds looked at on either side.
        seen: what is known of all boxes.

    Returns:
        The same names in the same order, whatever was seen.
    """
    before = [o for o in mine if moment - window <= o.came < moment]
    after = [o for o in mine if moment <= o.came < moment + window]
    old, new = _figures(before, seen), _figures(after, seen)
    return {f"change of {name}": new[name] - old[name] for name in new} | _across(mine, before, after, seen)


def _figures(some: Sequence[Observation], seen: Seen) -> dict[str, float]:
    """Figures of one side."""
    reads = [o for o in some if o.operation == "read"]
    puts = [o for o in some if o.operation == "put"]
    acks = sum(o.operation == "ack" for o in some)
    looks = defaultdict[int, list[float]](list)
    for one in reads:
        looks[one.box].append(one.came)
    gaps = [b - a for times in looks.values() for a, b in zip(times, times[1:], strict=False)]
    boxes = Counter((int(o.came // DAY), o.box) for o in puts if o.box in seen.sight.intake)
    return figures_of(some, seen.sight) | {
        "acks a hit": acks / max(1, sum(o.hit and o.box not in seen.posted for o in reads)),
        "reads of boxes nobody puts into": sum(o.box not in seen.put and o.box not in seen.posted for o in reads),
        "reads of boxes empty so far": sum(seen.put.get(o.box, o.came) >= o.came for o in reads),
        "reads of boxes filled long ago": sum(o.came - seen.put.get(o.box, o.came) > 1.5 * DAY for o in reads),
        "reads of the board": sum(o.box in seen.posted for o in reads),
        "puts into boxes nobody reads": sum(not seen.readers.get(o.box) for o in puts),
        "intake boxes a day": len(boxes),
        "whom it writes to": len({_reader(o.box, seen) for o in puts if o.box not in seen.sight.intake}),
        "gap between looks at a box": sum(gaps) / max(1, len(gaps)),
        "boxes looked at once": sum(len(times) == 1 for times in looks.values()),
        "turns out of order": _out_of_turn(puts, seen),
    }


def _across(
    mine: Sequence[Observation], before: Sequence[Observation], after: Sequence[Observation], seen: Seen
) -> dict[str, float]:
    """Figures that hang on both sides: what breaks off at the moment, and what begins."""
    read_before = Counter(o.box for o in before if o.operation == "read")
    reads = [o for o in after if o.operation == "read"]
    soon = reads[: max(1, len(reads) // 2)]
    acked = {o.box for o in mine if o.operation == "ack"}
    again = {o.box for o in reads}
    unfetched = {b for b in read_before if b in seen.sight.answers and b not in acked}
    emptied = {o.box for o in before if o.operation == "ack" and o.box in seen.sight.answers}
    last = [o for o in before if o.operation == "read"][-len(soon) :]
    dropped = {o.box for o in last} - again - acked
    puts = [o for o in before if o.operation == "put"], [o for o in after if o.operation == "put"]
    around = _out_of_turn([*puts[0], *puts[1][:6]], seen) - _out_of_turn(puts[0], seen)
    return {
        "reads of boxes known before": sum(o.box in read_before for o in soon),
        "boxes known before": len({o.box for o in soon} & set(read_before)),
        "boxes begun": len({o.box for o in soon} - set(read_before)),
        "boxes dropped": len(dropped),
        "answers left": len(unfetched),
        "looks at emptied answers": sum(o.box in emptied for o in reads),
        "old boxes looked at again": sum(
            o.box in read_before and o.came - seen.put.get(o.box, o.came) > 1.5 * DAY for o in reads
        ),
        "turns broken at the moment": around,
        "hits among the first reads": sum(o.hit for o in reads[:8]),
    }


def _reader(box: int, seen: Seen) -> int:
    """Who mostly reads a box; −1 for nobody."""
    most = seen.readers[box].most_common(1) if box in seen.readers else []
    return most[0][0] if most else -1


def _out_of_turn(puts: Sequence[Observation], seen: Seen) -> float:
    """How many frames went to another neighbour than the one that mostly comes after the one before."""
    whom = [_reader(o.box, seen) for o in puts if o.box not in seen.sight.intake]
    pairs = list(zip(whom, whom[1:], strict=False))
    follow: dict[int, Counter[int]] = defaultdict(Counter)
    for one, other in pairs:
        follow[one][other] += 1
    return sum(follow[one].most_common(1)[0][0] != other for one, other in pairs)


def moments(seed: int, kind: str = "honest", plan: Plan = TAKEN) -> list[Example]:
    """One example for each member of a world: figures around its moment, and whether it gave the second passphrase.

    Args:
        seed: of the world, of the moments, and of who gives which.
        kind: a key of `KINDS`.
        plan: of the world, long enough for all moments.
    """
    world = DuressWorld(replace(plan, seed=seed), KINDS[kind], observe=True, leisure=(SETTLED - WINDOW) * DAY)
    coin = Stream(seed, "who gives which passphrase")
    moment = {m.number: (SETTLED + coin.between(0, APART)) * DAY for m in world.members}
    second = {m.number: coin.hit(0.5) for m in world.members}
    for number, after in moment.items():
        world.opens(number, after, second[number])
    world.live()
    seen, by_address = seen_of(world.observations), defaultdict[int, list[Observation]](list)
    for one in world.observations:
        by_address[one.address].append(one)
    return [
        Example(tuple(figures_around(by_address[n], world.began + moment[n], WINDOW * DAY, seen).values()), second[n])
        for n in moment
    ]


def names_of_figures() -> list[str]:
    """The names of an example's figures, in order."""
    return list(figures_around([], 0.0, DAY, seen_of([])))
