"""The understudy: beats on in a device's place when only its notebook is open, and raises the alarm.

Does        draws beforehand what it will need; then orders beats like the device's, an alarm in place of each letter.
Does not    hold a name, a word, a letter's key, or a way to open what it reads.
Spec        spec/75-understudy.md
Always      1. It orders what the device would have ordered: one PUT, two READs, to the same boxes.
            2. It has nothing of days before the last one, and nothing of days more than 14 ahead.
Read first  Understudy, draw(), step().
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import msgspec

from tercet.core import beat
from tercet.core.beat import INTAKE_SHARE, INTERVALS, SLOTS, Look, choose, name_of
from tercet.core.board import WeekKey
from tercet.core.burning import POINT, Shares, point_of
from tercet.core.card import Relay
from tercet.core.chain import LANE_RELAYS, Lane, lane, lane_of, relay_order
from tercet.core.channel import Letter
from tercet.core.conversation import dummy
from tercet.core.days import LATE_DAYS, day_of, week_of
from tercet.core.effects import AckItem, Effect, PutItem, ReadBox
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Beat, Event, Query
from tercet.core.fields import Day, Key, Malformed, Number, Version1, decode, encode
from tercet.core.mixing import chains_on
from tercet.core.reader import BOARD_RELAYS, LOOKS_AHEAD
from tercet.core.relation import PLAIN, Relation
from tercet.core.report import LetterKind, ReportKind, return_lane, return_root, seal_word_content, wrap
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import Device, Return
from tercet.core.turn import Chance
from tercet.sealing import FRAME, NONCE, Box, box, derive, digest, seal

AREA: Final = 32_768  # bytes in every notebook, an understudy or noise
AHEAD_DAYS: Final = 14  # days for which it is drawn, the day of drawing among them
INTAKE_A_DAY: Final = 6  # intake boxes of a day that it may put into
WEEKS: Final = 3  # week keys that so many days can need
MARK: Final = 16  # bytes


class Outlet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A lane that frames are put into: its outer key, the ids of its boxes, and the turn that picks its first relay."""

    key: Key
    boxes: Annotated[tuple[Key, ...], msgspec.Meta(min_length=LANE_RELAYS, max_length=LANE_RELAYS)]
    turn: Number


class Inlet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A lane that is read: the ack secrets of its boxes and the turn that picks its first relay; not its key."""

    acks: Annotated[tuple[Key, ...], msgspec.Meta(min_length=LANE_RELAYS, max_length=LANE_RELAYS)]
    turn: Number


class Neighbour(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One neighbour.

    Attributes:
        mark: 16 random bytes.
        oldest: the oldest day whose box the device still reads.
        out: where to put on each day from the drawing on.
        into: where to read, from the day before the drawing on.
    """

    mark: Annotated[bytes, msgspec.Meta(min_length=MARK, max_length=MARK)]
    oldest: Day
    out: Annotated[tuple[Outlet, ...], msgspec.Meta(max_length=AHEAD_DAYS)]
    into: Annotated[tuple[Inlet, ...], msgspec.Meta(max_length=AHEAD_DAYS + 1)]


class Understudy(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All it has.

    Attributes:
        version: 1.
        day: on which it was drawn, the first it has anything of.
        relays: where boxes lie, each with what reads the board there.
        neighbours: up to four.
        intake: for each day, some of its intake lanes.
        weeks: the desk's keys of these weeks.
        seed: 32 random bytes; boxes that nobody has come from it, in place of those of older days.
        rounds, beats, looked: as a device's.
        places: how many items of the board were seen at each relay.
        returns: one-time boxes in which answers to dummies are awaited, oldest first.
        point: the owner's own of its burn line, 64 bytes, which goes with each alarm; empty before there is one.
    """

    version: Version1
    day: Day
    relays: Annotated[tuple[Relay, ...], msgspec.Meta(min_length=1, max_length=8)]
    neighbours: Annotated[tuple[Neighbour, ...], msgspec.Meta(max_length=SLOTS)]
    intake: Annotated[tuple[tuple[Outlet, ...], ...], msgspec.Meta(max_length=AHEAD_DAYS)]
    weeks: Annotated[tuple[WeekKey, ...], msgspec.Meta(max_length=WEEKS)]
    seed: Key
    rounds: Number
    beats: int
    looked: dict[bytes, int]
    places: dict[str, int]
    returns: Annotated[tuple[Return, ...], msgspec.Meta(max_length=RETURNS_MOST)]
    point: Annotated[bytes, msgspec.Meta(max_length=POINT)] = b""


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
        neighbours = tuple(_neighbour(relation, days, chance(MARK)) for relation in device.relations)
        intake = tuple(_intake(device, day, chance) for day in days)
    except (Refusal, ValueError):
        return None
    weeks = tuple(k for k in device.board.keys if week_of(today) <= k.week <= week_of(days[-1]))
    marks = {r.id: n.mark for r, n in zip(device.relations, neighbours, strict=True)}
    awaited = tuple(Return(chance(MARK), chance(32), 0, r.made, r.looks) for r in device.returns)
    drawn = (1, today, device.table, neighbours, intake, weeks[:WEEKS], chance(32))
    so_far = (device.rounds, device.beats, _looked(device, today, marks), device.board.places)
    point = point_of(Shares(*device.shares).own) if device.shares else b""
    return Understudy(*drawn, *so_far, awaited, point)


def what_it_hangs_on(device: Device, now: int) -> object:
    """When this differs from the last time an understudy has to be drawn anew: day, neighbours, chains, board."""
    ways = tuple((r.id, r.chain.day, r.mix.first, r.mix.proven, len(r.mix.later)) for r in device.relations)
    return day_of(now), device.card is None, ways, device.relays, device.board.number, bool(device.shares)


def _neighbour(relation: Relation, days: range, mark: bytes) -> Neighbour:
    out, into = [], []
    for day in range(days[0] - 1, days[-1] + 1):
        chains = chains_on(relation.mix, relation.chain, max(day, relation.chain.day))
        theirs = chains[0][1]
        where = lane(theirs, max(day, theirs.day), "relation", 1 - relation.side)
        into.append(Inlet(tuple(b.ack for b in where.boxes), where.turn))
        if day in days:
            ours = chains[0 if relation.side == 0 or relation.mix.proven else -1][1]
            out.append(_outlet(lane(ours, max(day, ours.day), "relation", relation.side)))
    return Neighbour(mark, max(relation.chain.day, days[0] - LATE_DAYS - 1), tuple(out), tuple(into))


def _outlet(where: Lane) -> Outlet:
    return Outlet(where.key, tuple(b.id for b in where.boxes), where.turn)


def _intake(device: Device, day: int, chance: Chance) -> tuple[Outlet, ...]:
    """Some intake lanes of a day, drawn by chance; none if the board has not named its boxes."""
    card, named = device.card, device.board.intake_on(day)
    if card is None or named is None:
        return ()
    root = card.chain.root_on(day)
    ids = named.ids(root)
    shards = [int.from_bytes(chance(4), "big") % len(ids) for _ in range(INTAKE_A_DAY)] if ids else []
    lanes = [(lane_of(root, "intake", shard), ids[shard]) for shard in shards]
    return tuple(Outlet(where.key, tuple(there), where.turn) for where, there in lanes)


def _looked(device: Device, today: int, marks: dict[bytes, bytes]) -> dict[bytes, int]:
    """When the device last looked into each box that its understudy will know, under the understudy's names."""
    known = {}
    for relation in device.relations:
        for day in range(today - LATE_DAYS - 1, today + 2):
            for place in range(LANE_RELAYS):
                kind = _class(day, today)
                number = chains_on(relation.mix, relation.chain, max(day, relation.chain.day))[0][0]
                old = name_of(Query("relation", relation.id, day, number, place), kind)
                known[name_of(Query("relation", marks[relation.id], day, 0, place), kind)] = device.looked.get(old)
    for relay in device.table[:BOARD_RELAYS]:
        known[beat.board_name(relay.address)] = device.looked.get(beat.board_name(relay.address))
    return {name: beats for name, beats in known.items() if beats is not None}


def _class(day: int, today: int) -> str:
    near = {0: "today", -1: "yesterday", 1: "tomorrow", -LATE_DAYS - 1: "over"}
    return near.get(day - today, "late")


def pack(understudy: Understudy | None, chance: Chance) -> bytes:
    """The area of a notebook, 32,768 bytes: an understudy behind its length (4 bytes), then noise; or noise alone."""
    if understudy is None:
        return chance(AREA)
    data = encode(understudy)
    if len(data) > AREA - 4:
        return chance(AREA)
    return len(data).to_bytes(4, "big") + data + chance(AREA - 4 - len(data))


def unpack(area: bytes) -> Understudy | None:
    """The understudy in the area of a notebook; none in noise."""
    size = int.from_bytes(area[:4], "big")
    if len(area) != AREA or size > AREA - 4:
        return None
    try:
        return decode(area[4 : 4 + size], Understudy)
    except Malformed:
        return None


class _Act:
    """An understudy at work on one event."""

    def __init__(self, understudy: Understudy, now: int, chance: Chance) -> None:
        self.state = understudy
        self.now, self.today, self.chance = now, day_of(now), chance
        self.effects: list[Effect] = []

    def change(self, **fields: object) -> None:
        self.state = msgspec.structs.replace(self.state, **fields)

    def relays(self, turn: int) -> tuple[str, ...]:
        return relay_order(tuple(relay.address for relay in self.state.relays), turn)

    def on(self, day: int) -> int | None:
        """The place of a day among those it has anything of."""
        ahead = day - self.state.day
        return ahead if 0 <= ahead < AHEAD_DAYS else None


def step(understudy: Understudy, event: Event, now: int, chance: Chance) -> tuple[Understudy, tuple[Effect, ...]]:
    """Apply one event: a beat, or what a box held; nothing else concerns it.

    Args:
        understudy: the state before; it is not changed.
        event: what happened.
        now: the shell's clock, seconds.
        chance: randomness.

    Returns:
        The state after, and effects like those of a device's covered beat.

    Source: spec/75-understudy.md, 2.
    """
    act = _Act(understudy, now, chance)
    if isinstance(event, Beat):
        if act.on(act.today) is not None:
            _beat(act, event.span, event.reads)
    elif isinstance(event, Arrived):
        _arrived(act, event)
    return act.state, tuple(act.effects)


def _beat(act: _Act, span: float, reads: int) -> None:
    act.change(beats=act.state.beats + 1)
    moments = [span * int.from_bytes(act.chance(4), "big") / 2**32 for _ in range(1 + reads)]
    _put(act, moments[0])
    chosen, looked = choose(_looks(act), act.state.looked, act.state.beats, reads)
    act.change(looked=looked)
    for number, moment in enumerate(moments[1:]):
        if number < len(chosen):
            chosen[number].order(moment)
        else:
            act.effects.append(
                ReadBox(Query("cover", alone=True), act.chance(32), act.state.relays[0].address, after=moment)
            )


def _put(act: _Act, after: float) -> None:
    neighbours, slot = act.state.neighbours, act.state.rounds % SLOTS
    to_intake = act.chance(1)[0] % INTAKE_SHARE == 0
    if not to_intake:
        act.change(rounds=act.state.rounds + 1)
    if to_intake and _put_intake(act, ReportKind.DUMMY, after):
        return
    if slot >= len(neighbours) and _put_intake(act, ReportKind.FILLER, after):
        return
    if neighbours:
        _put_alarm(act, neighbours[slot % len(neighbours)], after)


def _put_intake(act: _Act, kind: ReportKind, after: float) -> bool:
    """A dummy or a filler to one of the day's intake boxes that it has. False: there is none, or no key."""
    place = act.on(act.today)
    lanes = act.state.intake[place] if place is not None and place < len(act.state.intake) else ()
    key = next((k for k in act.state.weeks if k.week == week_of(act.today)), None)
    if not lanes or key is None:
        return False
    where = lanes[act.chance(1)[0] % len(lanes)]
    back, nonce = act.chance(32), act.chance(NONCE)
    sealed = seal_word_content(dummy(back, act.now, act.today, kind), key.week, key.public)
    frame = wrap(Lane((), where.key, where.turn), sealed, key.week, key.public, nonce)
    _order_put(act, where, frame, after)
    if kind == ReportKind.DUMMY:
        awaited = Return(act.chance(MARK), return_root(back, nonce), 0, act.now)
        act.change(returns=(*act.state.returns, awaited)[-RETURNS_MOST:])
    return True


def _put_alarm(act: _Act, neighbour: Neighbour, after: float) -> None:
    place = act.on(act.today)
    if place is None or place >= len(neighbour.out):
        return
    where = neighbour.out[place]
    alarm = Letter(1, 0, 0, 0, act.now, LetterKind.ALARM, act.state.point)
    frame = seal(where.key, bytes([PLAIN]) + encode(alarm), FRAME, act.chance(NONCE))
    _order_put(act, where, frame, after)


def _order_put(act: _Act, where: Outlet, frame: bytes, after: float) -> None:
    places = tuple(zip(act.relays(where.turn), where.boxes, strict=False))
    act.effects.append(PutItem(b"", places, frame, after))


def _looks(act: _Act) -> list[Look]:
    looks, places = [], min(LANE_RELAYS, len(act.state.relays))
    for neighbour in act.state.neighbours:
        for day in range(max(neighbour.oldest, act.today - LATE_DAYS - 1), act.today + 2):
            kind = _class(day, act.today)
            for place in range(places):
                query = Query("relation", neighbour.mark, day, 0, place, alone=True)
                order = _letters(act, query)
                looks.append(Look(name_of(query, kind), INTERVALS[kind][place], order, max(act.today - day, 0)))
    for back in act.state.returns:
        for place in range(places):
            query = Query("return", back.id, place=place, alone=True)
            interval = INTERVALS["return"][place] << min(back.looks, beat.DOUBLINGS)
            looks.append(Look(name_of(query, "return"), interval, _answers(act, query, back)))
    for place, relay in enumerate(act.state.relays[:BOARD_RELAYS]):
        looks.append(Look(beat.board_name(relay.address), INTERVALS["board"][place], partial(_board, act, relay)))
    return looks


def _letters(act: _Act, query: Query) -> Callable[[float], None]:
    def order(after: float) -> None:
        where, turn = _box_of(act, query)
        act.effects.append(ReadBox(query, where.read, act.relays(turn)[query.place], after=after))

    return order


def _box_of(act: _Act, query: Query) -> tuple[Box, int]:
    """A neighbour's box of a day and its turn: the true one, or one that nobody has for a day that is not known."""
    place = query.day - act.state.day + 1
    neighbour = next((n for n in act.state.neighbours if n.mark == query.id), None)
    if neighbour is not None and 0 <= place < len(neighbour.into):
        inlet = neighbour.into[place]
        return box(inlet.acks[query.place]), inlet.turn
    older = derive(act.state.seed, "nobody's box", query.id, query.day.to_bytes(4, "big"), bytes([query.place]))
    return box(older), older[0]


def _answers(act: _Act, query: Query, back: Return) -> Callable[[float], None]:
    def order(after: float) -> None:
        looked = msgspec.structs.replace(back, looks=back.looks + 1)
        act.change(returns=tuple(looked if r.id == back.id else r for r in act.state.returns))
        where = return_lane(back.root)
        relay = act.relays(where.turn)[query.place]
        act.effects.append(ReadBox(query, where.boxes[query.place].read, relay, after=after))

    return order


def _board(act: _Act, relay: Relay, after: float) -> None:
    """Read one item of the board: the next one, or now and then the last one seen, as a device does."""
    seen = act.state.places.get(relay.address, 0)
    back = act.chance(1)[0] % LOOKS_AHEAD == 0
    query = Query("board", start=max(seen - 1, 0) if back else seen, alone=True)
    act.effects.append(ReadBox(query, relay.board, relay.address, posted=True, after=after))


def _arrived(act: _Act, event: Arrived) -> None:
    """Let go of what came, as a device does that has taken it in."""
    query = event.query
    if query.kind == "board":
        seen = query.start + len(event.items)
        looked = beat.after_look(act.state.looked, act.state.beats, beat.board_name(event.relay), event)
        act.change(places=act.state.places | {event.relay: seen}, looked=looked)
        return
    back = next((r for r in act.state.returns if r.id == query.id), None) if query.kind == "return" else None
    if query.kind == "relation":
        where, name = _box_of(act, query)[0], name_of(query, _class(query.day, act.today))
    elif back is not None:
        where, name = return_lane(back.root).boxes[query.place], name_of(query, "return")
        if event.items:
            act.change(returns=tuple(r for r in act.state.returns if r.id != back.id))
    else:
        return
    act.effects += [AckItem(where.ack, digest(item), event.relay) for item in event.items]
    act.change(looked=beat.after_look(act.state.looked, act.state.beats, name, event))
