"""Drawing an understudy: what a member's device needs to beat on should only its notebook be open.

Does        takes from a device the boxes and outer keys of the days to come, and where it stands in its beats.
Does not    take a name, a word, a ratchet, or a key of what is read.
Spec        spec/75-understudy.md, 1
Always      1. Of days before the drawing it has only where they are read.
Read first  draw().
"""

from __future__ import annotations

import msgspec

from tercet.core import beat
from tercet.core.beat import name_of
from tercet.core.burning import Shares, point_of
from tercet.core.chain import LANE_RELAYS, DayChain, Lane, lane, lane_of
from tercet.core.channel import LetterKind
from tercet.core.days import DAY, LATE_DAYS, day_of, week_of
from tercet.core.envelope import return_lane
from tercet.core.errors import Refusal
from tercet.core.events import Query
from tercet.core.fields import encode
from tercet.core.mixing import chains_on
from tercet.core.passes import PASSES_MOST, WeekPass, tag_of
from tercet.core.reader import BOARD_RELAYS
from tercet.core.relation import Relation
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import Device
from tercet.core.turn import Chance
from tercet.core.understudy import (
    AHEAD_DAYS,
    ANSWER_ROOM,
    AREA,
    INTAKE_A_DAY,
    LENGTH,
    LOOK_ROOM,
    LOOKS_MOST,
    MARK,
    WEEKS,
    Awaited,
    Inlet,
    Neighbour,
    Outlet,
    Understudy,
    class_of,
    inlet,
)


def draw(device: Device, now: int, chance: Chance) -> Understudy | None:
    """Draw an understudy for a member's device.

    Args:
        device: as it is about to be saved; it is not changed.
        now: seconds.
        chance: randomness.

    Returns:
        What goes on beating for 14 days should the notebook be opened before the next one is drawn; none for a device
        that belongs to no network yet, or whose clock is out of its neighbours' reach.

    Source: spec/75-understudy.md, 1.
    """
    card, today = device.card, day_of(now)
    if card is None or device.is_desk or not device.table:
        return None
    days = range(today, today + AHEAD_DAYS)
    try:
        neighbours = tuple(_neighbour(device, relation, days, chance(MARK)) for relation in device.relations)
        intake = tuple(_intake(device, day, chance) for day in days)
    except (Refusal, ValueError):
        return None
    weeks = tuple(k for k in device.board.keys if week_of(today) <= k.week <= week_of(days[-1]))
    marks = {r.id: n.mark for r, n in zip(device.relations, neighbours, strict=True)}
    awaited = tuple(Awaited(chance(MARK), inlet(return_lane(r.root)), r.made // DAY) for r in device.returns)
    drawn = (1, today, device.table, neighbours, intake, weeks[:WEEKS])
    so_far = (device.rounds, device.beats, _looked(device, today, marks), device.board.places)
    point = point_of(Shares(*device.shares).own) if device.shares else b""
    return _fitting(Understudy(*drawn, *so_far, awaited, point, _passes(device, days)))


def _passes(device: Device, days: range) -> tuple[WeekPass, ...]:
    """The passes of the weeks of its days, at the relays in use."""
    weeks, tags = {week_of(day) for day in days}, {tag_of(relay) for relay in device.relays}
    held = [one for one in device.vouched if one.week in weeks and one.relay in tags]
    return tuple(WeekPass(one.relay, one.week, one.shown) for one in held)[:PASSES_MOST]


def _fitting(drawn: Understudy) -> Understudy:
    """An understudy with as many intake lanes a day as its area has room for."""
    room = LOOK_ROOM * (LOOKS_MOST - len(drawn.looked)) + ANSWER_ROOM * (RETURNS_MOST - len(drawn.returns))
    for most in range(INTAKE_A_DAY, 0, -1):
        drawn = msgspec.structs.replace(drawn, intake=tuple(lanes[:most] for lanes in drawn.intake))
        if len(encode(drawn)) <= AREA - LENGTH - room:
            break
    return drawn


def what_it_hangs_on(device: Device, now: int) -> object:
    """When this differs from the last time an understudy has to be drawn anew: the day, or what beats hang on."""
    ways = tuple((r.id, r.chain.day, r.mix.first, r.mix.proven, len(r.mix.later)) for r in device.relations)
    board = (device.relays, device.board.number, device.board.places)
    so_far = (device.rounds, device.beats, device.looked, tuple(r.id for r in device.returns))
    passes = tuple((one.relay, one.week, one.shown) for one in device.vouched)
    return day_of(now), device.card is None, ways, board, so_far, bool(device.shares), passes


def _neighbour(device: Device, relation: Relation, days: range, mark: bytes) -> Neighbour:
    oldest = min(max(relation.chain.day, days[0] - LATE_DAYS - 1), days[0])
    out = tuple(_outlets(relation, day, days[0]) for day in days)
    into = tuple(_inlets(relation, day, days[0]) for day in range(oldest, days[-1] + 1))
    order = device.order(into[0][0].turn)
    drained = tuple(place for place, relay in enumerate(order) if relay in relation.drained)
    return Neighbour(mark, oldest, drained if oldest == relation.chain.day else (), out, into)


def _outlets(relation: Relation, day: int, today: int) -> tuple[Outlet, ...]:
    """Where to put on a day.

    Who answered a mix writes on the new chain once it saw the other do so: on its first day, if the answer came.
    """
    chains = _chains(relation, day)
    if relation.side == 0 or relation.mix.proven:
        chains = chains[:1]
    elif day > max(chains[0].day, today):
        chains = chains[-1:] if _unanswered(relation) else chains[:1]
    lanes = (lane(chain, max(day, chain.day), "relation", relation.side) for chain in chains)
    return tuple(_outlet(where) for where in lanes)


def _inlets(relation: Relation, day: int, today: int) -> tuple[Inlet, ...]:
    """Where to read on a day: on the chain before, too, for as long as the other may write on it."""
    chains = _chains(relation, day)
    if day > max(chains[0].day, today) and not _unanswered(relation):
        chains = chains[:1]
    lanes = (lane(chain, max(day, chain.day), "relation", 1 - relation.side) for chain in chains)
    return tuple(inlet(where) for where in lanes)


def _chains(relation: Relation, day: int) -> list[DayChain]:
    return [chain for _, chain in chains_on(relation.mix, relation.chain, max(day, relation.chain.day))]


def _unanswered(relation: Relation) -> bool:
    """Whether the answer to a mix may not have come: the other side may never have the new chain."""
    return any(waiting.kind == LetterKind.MIX_BACK for waiting in relation.channel.waiting)


def _outlet(where: Lane) -> Outlet:
    return Outlet(where.key, tuple(b.id for b in where.boxes), where.turn)


def _intake(device: Device, day: int, chance: Chance) -> tuple[Outlet, ...]:
    """Some intake lanes of a day, drawn by chance; none if the board has not named its boxes."""
    card, named = device.card, device.board.intake_on(day)
    if card is None or named is None:
        return ()
    root = card.chain.root_on(day)
    ids = named.ids(root)
    shards = sorted(range(len(ids)), key=lambda _: chance(8))[:INTAKE_A_DAY]
    lanes = [(lane_of(root, "intake", shard), ids[shard]) for shard in shards]
    return tuple(Outlet(where.key, tuple(there), where.turn) for where, there in lanes)


def _looked(device: Device, today: int, marks: dict[bytes, bytes]) -> dict[bytes, int]:
    """When the device last looked into each box that its understudy will know, under the understudy's names."""
    known = {}
    for relation in device.relations:
        for day in range(today - LATE_DAYS - 1, today + 2):
            kind = class_of(day, today, relation.chain.day)
            for index, (number, _) in enumerate(chains_on(relation.mix, relation.chain, max(day, relation.chain.day))):
                for place in range(LANE_RELAYS):
                    old = name_of(Query("relation", relation.id, day, number, place), kind)
                    known[name_of(Query("relation", marks[relation.id], day, index, place), kind)] = device.looked.get(
                        old
                    )
    for name in (beat.ANSWERS + bytes([place]) for place in range(LANE_RELAYS)):
        known[name] = device.looked.get(name)
    for relay in device.table[:BOARD_RELAYS]:
        known[beat.board_name(relay.address)] = device.looked.get(beat.board_name(relay.address))
    return {name: beats for name, beats in known.items() if beats is not None}
