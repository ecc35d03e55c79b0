"""The understudy: beats on in a device's place when only its notebook is open, and raises the alarm.

Does        orders beats like the device's, an alarm in place of each letter, with what was drawn beforehand.
Does not    hold a name, a word, a letter's key, or a way to open what it reads.
Spec        spec/75-understudy.md
Always      1. It orders what the device would have ordered: one PUT, two READs, to the same boxes.
            2. It has no key of what is read, no box of a day that the device reads no more.
Read first  Understudy, step(); drawing.draw().
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import msgspec

from tercet.core import beat, reader
from tercet.core.beat import INTAKE_SHARE, SLOTS, Look, choose, name_of
from tercet.core.burning import POINT
from tercet.core.card import Relay
from tercet.core.chain import LANE_RELAYS, Lane, relay_order
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import ReportKind, seal_word_content
from tercet.core.conversation import dummy
from tercet.core.days import LATE_DAYS, day_of, week_of
from tercet.core.effects import AckItem, Effect, PutItem, ReadBox
from tercet.core.entry import WeekKey
from tercet.core.envelope import SALT, return_lane, return_root, wrap
from tercet.core.events import Arrived, Beat, Event, Query
from tercet.core.fields import Day, Key, Malformed, Number, Version1, decode, encode
from tercet.core.passes import PASSES_MOST, WeekPass
from tercet.core.reader import BOARD_RELAYS, LOOKS_AHEAD
from tercet.core.relation import PLAIN
from tercet.core.sending import RETURNS_MOST
from tercet.core.turn import Chance
from tercet.sealing import FRAME, NONCE, box, digest, seal

AREA: Final = 32_768  # bytes in every notebook, an understudy or noise
AHEAD_DAYS: Final = 14  # days for which it is drawn, the day of drawing among them
INTAKE_A_DAY: Final = 6  # intake boxes of a day that it may put into
WEEKS: Final = 3  # week keys that so many days can need
MARK: Final = 16  # bytes
LENGTH: Final = 4  # bytes in front of an understudy
LOOK_ROOM: Final = 15  # bytes at most of what is noted of a box that was looked at; room is left for more
LOOKS_MOST: Final = 2 * (SLOTS * (LATE_DAYS + 5) + 2)  # boxes that may be looked at
ANSWER_ROOM: Final = 99  # bytes at most of an answer that is awaited; likewise


class Outlet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A lane that frames are put into: its outer key, the ids of its boxes, and the turn that picks its first relay."""

    key: Key
    boxes: Annotated[tuple[Key, ...], msgspec.Meta(min_length=LANE_RELAYS, max_length=LANE_RELAYS)]
    turn: Number


class Inlet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A lane that is read: the ack secrets of its boxes and the turn that picks its first relay; not its key."""

    acks: Annotated[tuple[Key, ...], msgspec.Meta(min_length=LANE_RELAYS, max_length=LANE_RELAYS)]
    turn: Number


def inlet(where: Lane) -> Inlet:
    """A lane as it is read, without its key."""
    return Inlet(tuple(b.ack for b in where.boxes), where.turn)


Outlets = Annotated[tuple[Outlet, ...], msgspec.Meta(min_length=1, max_length=2)]
Inlets = Annotated[tuple[Inlet, ...], msgspec.Meta(min_length=1, max_length=2)]


class Neighbour(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One neighbour.

    Attributes:
        mark: 16 random bytes.
        oldest: the oldest day whose box is still read, at most 8 days before the drawing.
        drained: places at which that box was shown empty since its late days passed.
        out: where to put on each day from the drawing on; the last lane of the day, if there are two.
        into: where to read on each day from the oldest on. Two lanes are those of a new chain and of the one before.
    """

    mark: Annotated[bytes, msgspec.Meta(min_length=MARK, max_length=MARK)]
    oldest: Day
    drained: Annotated[tuple[Number, ...], msgspec.Meta(max_length=LANE_RELAYS)]
    out: Annotated[tuple[Outlets, ...], msgspec.Meta(max_length=AHEAD_DAYS)]
    into: Annotated[tuple[Inlets, ...], msgspec.Meta(max_length=AHEAD_DAYS + LATE_DAYS + 1)]


class Awaited(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A one-time box in which an answer is awaited, without its key.

    Attributes:
        mark: 16 random bytes.
        where: the box at each of its relays.
        day: on which its frame was sealed.
    """

    mark: Annotated[bytes, msgspec.Meta(min_length=MARK, max_length=MARK)]
    where: Inlet
    day: Day


class Understudy(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All it has.

    Attributes:
        version: 1.
        day: on which it was drawn, the first it has anything of.
        relays: where boxes lie, each with what reads the board there.
        neighbours: up to four.
        intake: for each day, some of its intake lanes.
        weeks: the desk's keys of these weeks.
        rounds, beats, looked: as a device's.
        places: how many items of the board were seen at each relay.
        returns: one-time boxes in which answers are awaited, oldest first.
        point: the owner's own of its burn line, 64 bytes, which goes with each alarm; empty before there is one.
        passes: of the weeks of its days, with which it posts.
    """

    version: Version1
    day: Day
    relays: Annotated[tuple[Relay, ...], msgspec.Meta(min_length=1, max_length=8)]
    neighbours: Annotated[tuple[Neighbour, ...], msgspec.Meta(max_length=SLOTS)]
    intake: Annotated[tuple[tuple[Outlet, ...], ...], msgspec.Meta(max_length=AHEAD_DAYS)]
    weeks: Annotated[tuple[WeekKey, ...], msgspec.Meta(max_length=WEEKS)]
    rounds: Number
    beats: int
    looked: dict[bytes, int]
    places: dict[str, int]
    returns: Annotated[tuple[Awaited, ...], msgspec.Meta(max_length=RETURNS_MOST)]
    point: Annotated[bytes, msgspec.Meta(max_length=POINT)] = b""
    passes: Annotated[tuple[WeekPass, ...], msgspec.Meta(max_length=PASSES_MOST)] = ()


def class_of(day: int, today: int, oldest: int) -> str:
    """The class of a neighbour's box of a day, if the oldest day that is read is that; spec/41-beat.md, 3."""
    if abs(day - today) <= 1:
        return ("yesterday", "today", "tomorrow")[1 + day - today]
    return "over" if day == oldest and today > day + LATE_DAYS else "late"


def pack(understudy: Understudy | None, chance: Chance) -> bytes:
    """The area of a notebook, 32,768 bytes: an understudy behind its length (4 bytes), then noise; or noise alone."""
    if understudy is None:
        return chance(AREA)
    data = encode(understudy)
    if len(data) > AREA - LENGTH:
        return chance(AREA)
    return len(data).to_bytes(LENGTH, "big") + data + chance(AREA - LENGTH - len(data))


def unpack(area: bytes) -> Understudy | None:
    """The understudy in the area of a notebook; none in noise."""
    size = int.from_bytes(area[:LENGTH], "big")
    if len(area) != AREA or size > AREA - LENGTH:
        return None
    try:
        return decode(area[LENGTH : LENGTH + size], Understudy)
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
    chosen, looked = choose(_looks(act, reads), act.state.looked, act.state.beats, reads)
    act.change(looked=looked)
    for number, moment in enumerate(moments[1:]):
        if number < len(chosen):
            chosen[number].order(moment)
        else:
            _filler(act, moment)


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
    back, nonce, salt = act.chance(32), act.chance(NONCE), act.chance(SALT)
    sealed = seal_word_content(dummy(back, act.now, act.today, kind), key.week, key.public)
    frame = wrap(Lane((), where.key, where.turn), sealed, key.week, key.public, nonce, salt)
    _order_put(act, where, frame, after)
    if kind == ReportKind.DUMMY:
        awaited = Awaited(act.chance(MARK), inlet(return_lane(return_root(back, nonce, salt))), act.today)
        act.change(returns=(*act.state.returns, awaited)[-RETURNS_MOST:])
    return True


def _put_alarm(act: _Act, neighbour: Neighbour, after: float) -> None:
    place = act.on(act.today)
    if place is None or place >= len(neighbour.out):
        return
    where = neighbour.out[place][-1]
    alarm = Letter(1, 0, 0, 0, act.now, LetterKind.ALARM, act.state.point)
    frame = seal(where.key, bytes([PLAIN]) + encode(alarm), FRAME, act.chance(NONCE))
    _order_put(act, where, frame, after)


def _order_put(act: _Act, where: Outlet, frame: bytes, after: float) -> None:
    places = tuple(zip(act.relays(where.turn), where.boxes, strict=False))
    act.effects.append(PutItem(b"", places, frame, after))


def _looks(act: _Act, reads: int) -> list[Look]:
    looks, places, intervals = [], min(LANE_RELAYS, len(act.state.relays)), beat.intervals_at(reads)
    for neighbour in act.state.neighbours:
        for day in range(neighbour.oldest, act.today + 2):
            kind = class_of(day, act.today, neighbour.oldest)
            for index, where in enumerate(_into(neighbour, day)):
                for place in range(places):
                    if kind == "over" and place in neighbour.drained:
                        continue
                    query = Query("relation", neighbour.mark, day, index, place, alone=True)
                    order = partial(_read, act, query, where)
                    looks.append(Look(name_of(query, kind), intervals[kind][place], order, max(act.today - day, 0)))
    weights = beat.weights_of((back.day for back in act.state.returns), act.today, reads)
    looks += [beat.answers(weights, intervals, place, partial(_answer, act, weights, place)) for place in range(places)]
    for place, relay in enumerate(act.state.relays[:BOARD_RELAYS]):
        looks.append(Look(beat.board_name(relay.address), intervals["board"][place], partial(_board, act, relay)))
    return looks


def _into(neighbour: Neighbour, day: int) -> tuple[Inlet, ...]:
    """Where a neighbour's frames of a day are read; nowhere after the last day."""
    place = day - neighbour.oldest
    return neighbour.into[place] if 0 <= place < len(neighbour.into) else ()


def _read(act: _Act, query: Query, where: Inlet, after: float) -> None:
    read = box(where.acks[query.place]).read
    act.effects.append(ReadBox(query, read, act.relays(where.turn)[query.place], after=after))


def _answer(act: _Act, weights: Sequence[int], place: int, after: float) -> None:
    returns = act.state.returns
    drawn = beat.draw_answer(weights, act.chance)
    if drawn is None:
        _filler(act, after)
    else:
        _read(act, Query("return", returns[drawn].mark, place=place, alone=True), returns[drawn].where, after)


def _filler(act: _Act, after: float) -> None:
    """Read a box that nobody has."""
    act.effects.append(ReadBox(Query("cover", alone=True), act.chance(32), act.state.relays[0].address, after=after))


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
        if query.start and not event.items:
            seen = reader.step_back(act.state.places, event)
        looked = beat.after_look(act.state.looked, act.state.beats, beat.board_name(event.relay), event)
        act.change(places=act.state.places | {event.relay: seen}, looked=looked)
        return
    where = None
    if query.kind == "relation":
        neighbour = next((n for n in act.state.neighbours if n.mark == query.id), None)
        lanes = _into(neighbour, query.day) if neighbour else ()
        where = lanes[query.index] if query.index < len(lanes) else None
        if neighbour is not None:
            name = name_of(query, class_of(query.day, act.today, neighbour.oldest))
            act.change(looked=beat.after_look(act.state.looked, act.state.beats, name, event))
            _learn(act, neighbour, event)
    elif query.kind == "return":
        where = next((r.where for r in act.state.returns if r.mark == query.id), None)
        if event.items:
            act.change(returns=tuple(r for r in act.state.returns if r.mark != query.id))
    if where is None:
        return
    ack = where.acks[query.place]
    act.effects += [AckItem(ack, digest(item), event.relay) for item in event.items]


def _learn(act: _Act, neighbour: Neighbour, event: Arrived) -> None:
    """Take in, from where a frame lay, that the other has the new chain; and that the oldest day's box is empty."""
    query, after = event.query, neighbour
    ahead = act.on(query.day)
    if event.items and query.index == 0 and len(_into(neighbour, query.day)) > 1 and ahead is not None:
        out = (*neighbour.out[:ahead], neighbour.out[ahead][:1], *neighbour.out[ahead + 1 :])
        after = msgspec.structs.replace(after, out=out)
    elif not (event.items or event.more or query.index) and class_of(query.day, act.today, neighbour.oldest) == "over":
        drained = tuple(sorted({*neighbour.drained, query.place}))
        after = msgspec.structs.replace(after, drained=drained)
        if len(drained) == min(LANE_RELAYS, len(act.state.relays)):
            after = msgspec.structs.replace(after, oldest=query.day + 1, drained=(), into=neighbour.into[1:])
    if after is not neighbour:
        act.change(neighbours=tuple(after if n.mark == after.mark else n for n in act.state.neighbours))
