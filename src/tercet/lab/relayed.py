"""A relay's folder beside a seized memory: which of what lies there belongs to it, and what of that opens.

Does        reads a store's log as it lies on the disk, with what was acknowledged; computes boxes, opens what it can.
Does not    lock, tidy or change the store.
Spec        spec/91-exposure.md, 4; spec/10-drop.md, 4
Always      1. The folder is only read.  2. Acknowledged and gone are two things.
Read first  read_store(), correlate().
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from tercet.core.chain import Lane, Purpose, lane, lane_of
from tercet.core.channel import LetterKind
from tercet.core.content import ReportContent, WordContent, open_content
from tercet.core.conversation import open_answer
from tercet.core.days import day_of
from tercet.core.envelope import return_lane, unwrap
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.mixing import chains_on
from tercet.core.relation import PLAIN, Relation, open_letter, parse_plain, words
from tercet.core.state import Device
from tercet.core.understudy import AHEAD_DAYS, Understudy
from tercet.drop import BLOCK
from tercet.drop.log import Kind, scan
from tercet.drop.ops import id_of_read
from tercet.lab.exposure import Items, Words
from tercet.lab.seizure import SeizureError
from tercet.sealing import KEY, CannotOpen, block_box, box, next_block_key, open_sealed

SEGMENT: Final = re.compile(r"[0-9]{8}-([0-9a-f]{16})\.log1", re.ASCII)
BLOCKS_MOST: Final = 4_096  # of a file, whose boxes are computed ahead


@dataclass
class Item:
    """An item in a relay's log; `gone` once it was acknowledged, though its bytes lie there."""

    box: bytes
    posted: bool
    arrived: int
    item: bytes
    gone: bool = False


def read_store(folder: Path) -> list[Item]:
    """Everything that a relay's disk shows, in the order in which it came.

    Args:
        folder: what `tercet relay` keeps, or the store in it.

    Raises:
        SeizureError: `relay_unreadable`.

    Source: spec/10-drop.md, 4.
    """
    place = folder / "store" if (folder / "store").is_dir() else folder
    found: dict[tuple[bytes, bool, bytes, int], Item] = {}
    try:
        segments = sorted(path for path in place.iterdir() if SEGMENT.fullmatch(path.name))
        if not segments:
            raise SeizureError("relay_unreadable")
        for path in segments:
            _replay(path.read_bytes(), bytes.fromhex(path.name[9:25]), found)
    except OSError:
        raise SeizureError("relay_unreadable") from None
    return list(found.values())


def _replay(data: bytes, marker: bytes, found: dict[tuple[bytes, bool, bytes, int], Item]) -> None:
    for _, record in scan(data, marker):
        posted = record.kind in (Kind.POSTED, Kind.POSTED_GONE)
        if record.item:
            key = (record.box, posted, record.name, record.order)
            found[key] = Item(record.box, posted, record.arrived, record.item)
            continue
        for key, item in found.items():
            if key[:3] == (record.box, posted, record.name):
                item.gone = True


def summary(items: Iterable[Item]) -> tuple[Items, ...]:
    """What a store shows to whoever has nothing else."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault("board" if item.posted else "block" if len(item.item) == BLOCK else "frame", []).append(item)
    return tuple(
        Items(
            kind,
            len(every),
            len({one.box for one in every}),
            sum(one.gone for one in every),
            min(one.arrived for one in every),
            max(one.arrived for one in every),
        )
        for kind, every in sorted(groups.items())
    )


class Met(msgspec.Struct, frozen=True):
    """What lies in boxes that the seized memory computes.

    Attributes:
        purpose: as in `exposure.Boxes`; `stray` where a secret served as a root that is none.
        who: the owner's word for a neighbour, the number of a report, or empty.
        direction: `from`, `to`, or empty.
        day: of the box, 0 where days do not matter.
        count: items; `gone` of them were acknowledged.
        empty: how many are seen to say nothing.
        sealed: how many are seen to say something that does not open.
        opened: how many open.
    """

    purpose: str
    who: str
    direction: str
    day: int
    count: int
    gone: int
    empty: int
    sealed: int
    opened: int


@dataclass
class _Box:
    """A box that is known, and how what lies in it may be opened."""

    label: tuple[str, str, str, int]
    where: Lane | None = None
    relation: tuple[Relation, int] | None = None


@dataclass
class Correlation:
    """A memory and a relay's history, beside each other.

    Attributes:
        met: what lies in known boxes.
        words: what opens that is text.
        fits: for each report how many intake frames came on the day on which a relay stored it.
        unknown: items in boxes that the memory does not compute.
    """

    met: tuple[Met, ...] = ()
    words: tuple[Words, ...] = ()
    fits: dict[int, int] = field(default_factory=dict)
    unknown: int = 0


def correlate(devices: Iterable[Device], understudy: Understudy | None, items: list[Item], today: int) -> Correlation:
    """Compute every box that a memory knows, for all days that it keeps and two weeks to come, and look into them.

    Args:
        devices: states of one device, newest first: of both copies, and of images of other days.
        understudy: of its notebook, or none.
        items: what a relay has.
        today: day number.

    Source: spec/91-exposure.md, 4.
    """
    known: dict[bytes, list[_Box]] = {}
    states = list(devices)
    for device in states:
        for id_, place in _of_device(device, today + AHEAD_DAYS):
            known.setdefault(id_, []).append(place)
    for id_, place in _of_understudy(understudy):
        known.setdefault(id_, []).append(place)
    for device in states:
        for id_ in _strays(device):
            known.setdefault(id_, []).append(_Box(("stray", "", "", 0)))
    result, told = Correlation(), dict[Words, None]()
    counts: dict[tuple[str, str, str, int], Counter[str]] = {}
    for item in items:
        places = known.get(item.box)
        if places is None:
            result.unknown += 1
            continue
        count = counts.setdefault(places[0].label, Counter())
        count.update(("count", *(["gone"] if item.gone else [])))
        for outcome, said in (_look(place, item, states) for place in places):
            told |= dict.fromkeys(said)
            if outcome:
                count[outcome] += 1
                break
    names = ("count", "gone", "empty", "sealed", "opened")
    result.met = tuple(Met(*label, *(count[name] for name in names)) for label, count in sorted(counts.items()))
    result.words = tuple(told)
    result.fits = _fits(states, known, items)
    return result


def _of_device(device: Device, last: int) -> Iterator[tuple[bytes, _Box]]:
    for relation in device.relations:
        yield from _of_relation(relation, last)
    for relay in device.table:
        yield id_of_read(relay.board, posted=True), _Box(("board", "", "", 0))
    for back in device.returns:
        where = return_lane(back.root)
        for one in where.boxes:
            yield one.id, _Box(("answer", str(back.owner), "from", 0), where)
    for report in device.reports:
        for media in report.media:
            label = ("file", str(report.number), "to", 0)
            for id_ in media.under_way.boxes if media.under_way else ():
                yield id_, _Box(label)
            for id_ in _blocks_ahead(media.key, media.blocks - media.index):
                yield id_, _Box(label)
    yield from _of_intake(device)


def _blocks_ahead(key: bytes, count: int) -> Iterator[bytes]:
    for _ in range(min(count, BLOCKS_MOST) if key else 0):
        yield from (block_box(key, place).id for place in (0, 1))
        key = next_block_key(key)


def _of_relation(relation: Relation, last: int) -> Iterator[tuple[bytes, _Box]]:
    for day in range(relation.chain.day, last + 1):
        try:
            lanes = [(number, chain.root_on(day)) for number, chain in chains_on(relation.mix, relation.chain, day)]
        except Refusal:
            return
        for number, root in lanes:
            for side in (0, 1):
                where = lane_of(root, "relation", side)
                way = "to" if side == relation.side else "from"
                read = (relation, number) if way == "from" else None
                for one in where.boxes:
                    yield one.id, _Box(("neighbour", relation.name, way, day), where, read)


def _of_intake(device: Device) -> Iterator[tuple[bytes, _Box]]:
    card, office = device.card, device.office
    if card is None:
        return
    for named in device.board.intake:
        try:
            every = named.ids(card.chain.root_on(named.day))
        except (CannotOpen, ValueError, Refusal):
            continue
        for shard, ids in enumerate(every):
            where = lane(card.chain, named.day, "intake", shard)
            for id_ in ids:
                yield id_, _Box(("intake", "", "to", named.day), where)
    for day in range(office.intake.day, office.announced + 1) if office else ():
        for shard in range(device.shards):
            boxes = lane(office.intake, day, "intake", shard).boxes if office else ()
            where_ = lane(card.chain, day, "intake", shard) if day >= card.chain.day else None
            for one in boxes:
                yield one.id, _Box(("intake", "", "to", day), where_)


def _of_understudy(understudy: Understudy | None) -> Iterator[tuple[bytes, _Box]]:
    for number, neighbour in enumerate(understudy.neighbours if understudy else (), start=1):
        first = understudy.day if understudy else 0
        for day, outlets in enumerate(neighbour.out, start=first):
            for out, id_ in ((each, id_) for each in outlets for id_ in each.boxes):
                yield id_, _Box(("neighbour", f"#{number}", "to", day), Lane((), out.key, 0))
        for day, inlets in enumerate(neighbour.into, start=neighbour.oldest):
            for ack in (ack for inlet in inlets for ack in inlet.acks):
                yield box(ack).id, _Box(("neighbour", f"#{number}", "from", day))
    for back in understudy.returns if understudy else ():
        for ack in back.where.acks:
            yield box(ack).id, _Box(("answer", "", "from", 0))
    for day, lanes in enumerate(understudy.intake if understudy else (), start=understudy.day if understudy else 0):
        for out in lanes:
            for id_ in out.boxes:
                yield id_, _Box(("intake", "", "to", day), Lane((), out.key, 0))


def _strays(device: Device) -> Iterator[bytes]:
    """Boxes that any secret of the state would give if it were a root: to try whether a day before opens after all."""
    purposes: tuple[Purpose, ...] = ("relation", "return", "intake")
    for secret in _secrets(msgspec.structs.replace(device, returns=(), meeting=None)):
        for purpose in purposes:
            for side in (0, 1):
                yield from (one.id for one in lane_of(secret, purpose, side).boxes)
        yield from (box(secret).id, block_box(secret, 0).id, block_box(secret, 1).id)


def _secrets(value: Any) -> set[bytes]:
    if isinstance(value, bytes):
        return {value} if len(value) == KEY else set()
    if isinstance(value, msgspec.Struct):
        return _secrets(msgspec.structs.astuple(value))
    if isinstance(value, dict):
        return _secrets(tuple(value.items()))
    if isinstance(value, tuple | list):
        return {found for one in value for found in _secrets(one)}
    return set()


def _look(place: _Box, item: Item, states: list[Device]) -> tuple[str, list[Words]]:
    """What comes of an item in a known box: `empty`, `sealed`, `opened` or nothing, and what it says."""
    purpose, who, _, day = place.label
    try:
        if place.relation is not None:
            return _letter(place.relation, day, item.item, states)
        if place.where is None:
            return "", []
        if purpose == "answer":
            letter = open_answer(place.where, item.item)
            said = [Words("desk", who, words(letter), item.arrived)] if letter.kind == LetterKind.TEXT else []
            return ("opened" if letter.number else "empty"), said
        if purpose == "intake":
            return _intake(place.where, item, states)
        content = open_sealed(place.where.key, item.item)
        return ("empty" if content[:1] == bytes([PLAIN]) else "sealed"), []
    except (CannotOpen, Malformed, ValueError):
        return "", []


def _letter(found: tuple[Relation, int], day: int, frame: bytes, states: list[Device]) -> tuple[str, list[Words]]:
    """A letter of a neighbour, under the ratchet of each state that there is."""
    relation, number = found
    where = lane_of(
        dict(chains_on(relation.mix, relation.chain, day))[number].root_on(day), "relation", 1 - relation.side
    )
    content = open_sealed(where.key, frame)
    if content[:1] == bytes([PLAIN]):
        parse_plain(content[1:])
        return "empty", []
    for device in states:
        for other in (r for r in device.relations if r.id == relation.id and r.chain.day <= day):
            try:
                _, letter = open_letter(other, day, frame, number)
            except (CannotOpen, Malformed):
                continue
            said = [Words("letter", relation.name, words(letter))] if letter.kind == LetterKind.TEXT else []
            return "opened", said
    return "sealed", []


def _intake(where: Lane, item: Item, states: list[Device]) -> tuple[str, list[Words]]:
    """An intake frame: whoever has a card takes off the outer layer, the desk's keys of that week the rest."""
    open_sealed(where.key, item.item)
    for device in states:
        seeds = device.office.seeds if device.office else {}
        try:
            content = open_content(unwrap(where, item.item, seeds)[1], seeds)
        except (CannotOpen, Malformed):
            continue
        return "opened", [_of_content(content, item.arrived)]
    return "sealed", []


def _of_content(content: ReportContent | WordContent, when: int) -> Words:
    if isinstance(content, ReportContent):
        return Words("report", "", content.text, when)
    return Words("reporter", "", words(content.letter), when)


def _fits(states: list[Device], known: dict[bytes, list[_Box]], items: list[Item]) -> dict[int, int]:
    """How many intake frames came on the day that each report's device noted."""
    reports = {r.number: r.put for device in reversed(states) for r in device.reports if r.put}
    intake = {id_ for id_, places in known.items() if places[0].label[0] == "intake"}
    frames = [item.arrived for item in items if item.box in intake]
    return {n: sum(day_of(at) == day_of(put) for at in frames) for n, put in sorted(reports.items())}
