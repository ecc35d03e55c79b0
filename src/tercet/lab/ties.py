"""Who shares boxes with whom: what addresses and boxes alone tell whoever runs a relay.

Does        counts what each address did, tells intake from the rest, and ties addresses that write to each other.
Does not    read a log, look inside an item, or know a name.
Spec        spec/91-exposure.md, 4a
Always      1. It is given addresses, boxes and moments, and nothing else.
Read first  Touch, ties_of().
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Touch:
    """One operation, as a relay sees it.

    Attributes:
        connection: its number in the log.
        address: of the network.
        at: seconds.
        operation: `put`, `read`, `ack` or `post`.
        box: id; that of a posted box likewise.
    """

    connection: int
    address: str
    at: float
    operation: str
    box: bytes


class Address(msgspec.Struct, frozen=True):
    """A network address, and what it did.

    Attributes:
        puts, reads, acks: operations; posts are puts.
        boxes: different ones that it touched.
        connections: that it opened and used; `shared` of them touched more than one box.
        first, last: seconds.
        intake: whether it alone reads boxes into which several addresses put: the desk.
    """

    address: str
    puts: int
    reads: int
    acks: int
    boxes: int
    connections: int
    shared: int
    first: int
    last: int
    intake: bool


class Tie(msgspec.Struct, frozen=True):
    """Two addresses of which one reads what the other alone puts.

    Attributes:
        there, back: boxes from `one` to `other`, and from `other` to `one`. Both: they write to each other. One of them
            alone, from whoever reads intake: answers to a sender.
        frames: that went between them, both ways; the same one put twice counts twice.
    """

    one: str
    other: str
    there: int
    back: int
    frames: int


def addresses_of(touches: Iterable[Touch]) -> tuple[Address, ...]:
    """What each address did, in the order of their texts."""
    every = list(touches)
    wide = _intake(every)
    groups: dict[str, list[Touch]] = defaultdict(list)
    for touch in every:
        groups[touch.address].append(touch)
    return tuple(_address(address, some, wide) for address, some in sorted(groups.items()))


def _address(address: str, some: list[Touch], wide: set[bytes]) -> Address:
    counts = Counter("put" if one.operation == "post" else one.operation for one in some)
    lines: dict[int, set[bytes]] = defaultdict(set)
    for one in some:
        lines[one.connection].add(one.box)
    return Address(
        address,
        puts=counts["put"],
        reads=counts["read"],
        acks=counts["ack"],
        boxes=len({one.box for one in some}),
        connections=len(lines),
        shared=sum(len(boxes) > 1 for boxes in lines.values()),
        first=int(min(one.at for one in some)),
        last=int(max(one.at for one in some)),
        intake=any(one.box in wide and one.operation != "put" for one in some),
    )


def ties_of(touches: Iterable[Touch]) -> tuple[Tie, ...]:
    """Pairs of addresses between which boxes lie that nobody else puts into or reads, one way or both."""
    every = list(touches)
    puts, reads = _sides(every)
    frames = Counter(one.box for one in every if one.operation == "put")
    ways: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for box, writers in puts.items():
        for writer in writers:
            readers = reads[box] - {writer}
            if len(writers) == len(readers) == 1:
                ways[writer, readers.pop()].append(box)
    pairs = sorted({(min(pair), max(pair)) for pair in ways})
    return tuple(
        Tie(one, other, len(there), len(back), sum(frames[box] for box in there + back))
        for one, other in pairs
        for there, back in [(ways.get((one, other), []), ways.get((other, one), []))]
    )


def _sides(every: list[Touch]) -> tuple[dict[bytes, set[str]], dict[bytes, set[str]]]:
    """For each box who put into it, and who read it or took out of it; the board is neither."""
    puts: dict[bytes, set[str]] = defaultdict(set)
    reads: dict[bytes, set[str]] = defaultdict(set)
    for one in every:
        if one.operation != "post":
            (puts if one.operation == "put" else reads)[one.box].add(one.address)
    return puts, reads


def _intake(every: list[Touch]) -> set[bytes]:
    """Boxes into which several put, and which one other reads."""
    puts, reads = _sides(every)
    return {
        box for box, writers in puts.items() if len(writers) > 1 and len(reads[box] - writers) == 1 == len(reads[box])
    }
