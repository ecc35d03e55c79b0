"""The covered beat: what it orders is the same whatever the owner says, and everything is looked at in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import msgspec
import pytest

from tercet.core import beat as beats
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import mail, sending
from tercet.core.beat import INTERVALS, PACE, READS, draw_span
from tercet.core.cell import Role
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.days import DAY, LATE_DAYS, day_of
from tercet.core.device import step
from tercet.core.mail import SILENCE
from tercet.core.relation import Relation
from tercet.core.state import Device, Return
from tercet.core.turn import Turn

from .scenes import HOUR, SECOND_RELAY, THIRD_RELAY, days, founders, intake_ids, letters
from .stage import RELAY, START, Actor, Seeded, Stage

SPAN = 1_800.0
RELAYS = (RELAY, SECOND_RELAY, THIRD_RELAY)
LONG = 144  # beats: three days
ALIKE = LONG * READS // 20  # reads that may differ because what has a random name is read in another order
NETWORK = fx.PutItem | fx.PutBlock | fx.PostItem | fx.ReadBox | fx.AckItem | fx.ReadChunk


class World:
    """A desk and two founders; the first one's beats are looked at."""

    def __init__(self, relays: tuple[str, ...] = RELAYS) -> None:
        self.stage, self.desk, self.first, self.second = founders(relays)
        self.number = 0
        self.stage.beat(self.desk, self.first, self.second, rounds=2, every=HOUR)  # what meetings left is tidied up

    def beat(self) -> tuple[fx.Effect, ...]:
        """One beat of everybody; the first one's chance is the same in each world."""
        self.number += 1
        self.stage.now += int(SPAN)
        self.first.chance = Seeded(f"beat {self.number}")
        device, effects = step(self.first.device, ev.Beat(SPAN), self.stage.now, self.first.chance)
        self.first.device = device
        for effect in effects:
            for event in self.first.act(effect):
                self.first.do(event)
        self.second.do(ev.Beat(SPAN))
        self.desk.do(ev.Beat())
        return effects


def quiet(world: World) -> None:
    """Nobody says anything."""


def busy(world: World) -> None:
    """A report, letters both ways, an open conversation; and again and again."""
    if world.number % 29 == 1:
        world.first.do(ev.WriteReport(f"report {world.number}", None, None, ()))
    if world.number % 5 == 1:
        world.first.do(ev.WriteLetter("second", f"letter {world.number}"))
        world.second.do(ev.WriteLetter("first", f"back {world.number}"))
    if world.number % 7 == 1:
        for held in world.first.device.reports:
            world.first.do(ev.WriteWord(held.number, f"word {world.number}"))
    if world.number % 11 == 1 and world.desk.device.office is not None:
        for case in world.desk.device.office.cases:
            world.desk.do(ev.Reply(case.number, f"question {world.number}"))
    if world.number % 60 == 0:
        world.first.do(ev.NotesSeen())


class Past(NamedTuple):
    """What a world's beats ordered, the place of each PUT, and the world afterwards."""

    world: World
    orders: list[tuple[fx.Effect, ...]]
    places: list[tuple[object, ...]]

    @property
    def kinds(self) -> Counter[tuple[str, int]]:
        """Which kinds of boxes were read, at which of their relays."""
        reads = [e for orders in self.orders for e in orders if isinstance(e, fx.ReadBox)]
        return Counter((e.query.kind, e.query.place) for e in reads)


def lived(life: Callable[[World], None], count: int = LONG) -> Past:
    past = Past(World(), [], [])
    for _ in range(count):
        life(past.world)
        effects = past.world.beat()
        past.orders.append(tuple(e for e in effects if isinstance(e, NETWORK)))
        past.places.extend(place_of(past.world, e) for e in effects if isinstance(e, fx.PutItem))
    return past


@cache
def past_of(life: Callable[[World], None]) -> Past:
    return lived(life)


def place_of(world: World, put: fx.PutItem) -> tuple[object, ...]:
    """Where and when a beat's PUT goes; of intake, only that it does: the shard is drawn."""
    day = world.stage.now // DAY
    known = {box for d in (day, day + 1) for shard in intake_ids(world.first, d) for box in shard}
    if put.places[0][1] in known:
        return ("intake", len(put.places), put.after)
    return (put.places, put.after)


# ---- what a beat orders


@pytest.mark.parametrize("life", [quiet, busy])
def test_a_beat_orders_one_put_and_two_reads_of_one_frame_whatever_there_is_to_say(
    life: Callable[[World], None],
) -> None:
    for orders in past_of(life).orders:
        reads = [e for e in orders if isinstance(e, fx.ReadBox)]
        assert Counter(type(e) for e in orders) == {fx.PutItem: 1, fx.ReadBox: READS}
        assert all(e.limit == 1 and not e.block for e in reads)
        assert all(e.query.alone for e in reads)


def test_a_busy_life_says_something_in_its_beats() -> None:
    """The tests that compare it with a quiet one would be worth nothing otherwise."""
    world = past_of(busy).world
    assert len(world.desk.reports) >= 3
    assert len(letters(world.second, "first")) > 10
    assert [w.ours for w in world.desk.words].count(False) > 10
    assert any(r.notes for r in world.first.device.reports)


def test_each_operation_has_its_own_moment_before_the_next_beat() -> None:
    moments = []
    for orders in past_of(busy).orders:
        after = [e.after for e in orders if isinstance(e, fx.PutItem | fx.ReadBox)]
        assert all(0 <= a < SPAN for a in after)
        assert len(set(after)) == 1 + READS
        moments += after
    assert min(moments) < SPAN / 20
    assert max(moments) > SPAN * 19 / 20


def test_a_beat_without_a_span_orders_everything_now() -> None:
    world = World()
    _, effects = step(world.first.device, ev.Beat(), world.stage.now, world.first.chance)
    assert [e.after for e in effects if isinstance(e, fx.PutItem | fx.ReadBox)] == [0.0] * (1 + READS)


@pytest.mark.parametrize(("pace", "reads"), [(300, 2), (PACE, 2), (7_199, 2), (7_200, 3), (21_600, 7)])
def test_a_device_that_beats_seldom_reads_more_boxes_a_beat_and_puts_one(pace: int, reads: int) -> None:
    assert beats.reads_at(float(pace)) == reads
    world = World()
    _, effects = step(world.first.device, ev.Beat(float(pace), reads), world.stage.now, Seeded("slow"))
    assert Counter(type(e) for e in effects if isinstance(e, NETWORK)) == {fx.PutItem: 1, fx.ReadBox: reads}
    assert all(0 <= e.after < pace for e in effects if isinstance(e, fx.PutItem | fx.ReadBox))


def test_half_of_many_looks_go_to_boxes_that_hold_more_and_half_to_the_others() -> None:
    looks = [beats.Look(bytes([n]) * 8, 4, lambda after: None) for n in range(12)]
    looked = {look.name: 100 - beats.HOT * (n < 6) for n, look in enumerate(looks)}
    chosen, after = beats.choose(looks, looked, 100, 6)
    assert sum(look in looks[:6] for look in chosen) == 3
    assert sorted(after) == [look.name for look in looks]


def test_a_device_without_a_network_orders_nothing() -> None:
    _, effects = step(Device(), ev.Beat(SPAN), START, Seeded("x"))
    assert not [e for e in effects if isinstance(e, NETWORK)]


@pytest.mark.parametrize("what", ["no intake box", "no week key"])
def test_who_cannot_seal_to_the_desk_puts_at_a_neighbour_instead(what: str) -> None:
    world = World()
    changed = {"no intake box": {"intake": ()}, "no week key": {"keys": ()}}[what]
    board = msgspec.structs.replace(world.first.device.board, **changed)
    world.first.device = msgspec.structs.replace(world.first.device, board=board)
    for number in range(40):
        _, effects = step(world.first.device, ev.Beat(SPAN), world.stage.now, Seeded(str(number)))
        (put,) = [e for e in effects if isinstance(e, fx.PutItem)]
        assert len(put.places) == 2


def test_files_add_their_blocks_and_nothing_else() -> None:
    world = World()
    world.first.do(ev.WriteReport("x", None, None, (world.first.give("f", bytes(700_000)),)))
    kinds: Counter[type] = Counter()
    for _ in range(20):
        effects = world.beat()
        assert [type(e) for e in effects if isinstance(e, fx.PutItem)] == [fx.PutItem]
        assert [type(e) for e in effects if isinstance(e, fx.ReadBox)] == [fx.ReadBox] * READS
        kinds.update(type(e) for e in effects if isinstance(e, NETWORK))
    assert set(kinds) <= {fx.PutItem, fx.ReadBox, fx.PutBlock, fx.ReadChunk}


@pytest.mark.parametrize("life", [quiet, busy])
def test_nothing_follows_at_once_from_a_read_but_the_acknowledgement_of_what_it_found(
    life: Callable[[World], None],
) -> None:
    world, found = World(), 0
    world.first.do(ev.WriteReport("x", None, None, (world.first.give("f", bytes(300_000)),)))
    for _ in range(120):
        life(world)
        world.stage.now += int(SPAN)
        for effect in step_and_keep(world.first, ev.Beat(SPAN)):
            for event in world.first.act(effect):
                follows = step_and_keep(world.first, event)
                if not isinstance(event, ev.Arrived):
                    continue
                assert all(isinstance(e, fx.AckItem | fx.Tell) for e in follows)
                acks = [e for e in follows if isinstance(e, fx.AckItem)]
                assert len(acks) <= len(event.items) <= 1
                assert all(a.relay == event.relay for a in acks)
                found += len(acks)
                for ack in acks:
                    world.first.act(ack)
        world.number += 1
        world.second.do(ev.Beat(SPAN))
        world.desk.do(ev.Beat())
    assert found > 20


def step_and_keep(actor: Actor, event: ev.Event) -> tuple[fx.Effect, ...]:
    actor.device, effects = step(actor.device, event, actor.stage.now, actor.chance)
    for effect in effects:
        actor.file(effect)
    return effects


# ---- the same, whatever there is to say


def test_a_frame_goes_to_the_same_place_at_the_same_moment_whatever_there_is_to_say() -> None:
    silent, speaking = past_of(quiet).places, past_of(busy).places
    assert silent == speaking
    share = sum(place[0] == "intake" for place in silent) / len(silent)
    assert share == pytest.approx(5 / 8, abs=0.12)  # with two neighbours


def test_a_beat_that_goes_to_intake_when_there_is_a_report_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = beats._put

    def planted(turn: Turn, after: float) -> None:
        if not any(r.sealed and not r.put for r in turn.device.reports) or not sending.send_one(turn, after):
            honest(turn, after)

    monkeypatch.setattr(beats, "_put", planted)
    assert lived(quiet, 60).places != lived(busy, 60).places


def test_a_beat_that_writes_first_to_whom_there_is_a_letter_for_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = beats._put

    def planted(turn: Turn, after: float) -> None:
        waiting = [r for r in turn.device.relations if any(not w.times for w in r.channel.waiting)]
        if waiting:
            mail.put_one(turn, waiting[0], after)
        else:
            honest(turn, after)

    monkeypatch.setattr(beats, "_put", planted)
    assert lived(quiet, 60).places != lived(busy, 60).places


def unlike(one: Counter[tuple[str, int]], other: Counter[tuple[str, int]]) -> int:
    """How many reads were of another kind, or at the other relay."""
    return sum((one - other).values())


def test_the_same_kinds_of_boxes_are_read_as_often_whatever_there_is_to_say() -> None:
    silent, speaking = past_of(quiet).kinds, past_of(busy).kinds
    assert {kind for kind, _ in silent} == {"relation", "return", "board"}
    assert unlike(silent, speaking) <= ALIKE


@pytest.mark.full
def test_a_beat_that_awaits_only_answers_to_what_was_said_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = beats._looks

    def planted(turn: Turn, reads: int) -> list[beats.Look]:
        kept = turn.device.returns
        turn.change(returns=tuple(r for r in kept if r.owner))
        looks = honest(turn, reads)
        turn.change(returns=kept)
        return looks

    monkeypatch.setattr(beats, "_looks", planted)
    assert unlike(lived(quiet).kinds, lived(busy).kinds) > 1.5 * ALIKE


# ---- the wait between beats


@pytest.mark.parametrize(("drawn", "part"), [(b"\0" * 4, 0.5), (b"\x80\0\0\0", 1.0), (b"\xff" * 4, 1.5)])
def test_the_next_beat_comes_after_half_to_one_and_a_half_of_the_pace(drawn: bytes, part: float) -> None:
    span = draw_span(PACE, lambda count: drawn[:count])
    assert span == pytest.approx(part * PACE)
    assert PACE / 2 <= span < 1.5 * PACE


def test_the_waits_between_beats_spread_evenly_around_the_pace() -> None:
    chance = Seeded("spans")
    spans = [draw_span(PACE, chance) for _ in range(2_000)]
    assert sum(spans) / len(spans) == pytest.approx(PACE, rel=0.03)
    assert len({int(s) for s in spans}) > 1_000


# ---- everything is looked at in time


def neighbour(number: int, first: int) -> Relation:
    name = bytes([number]) * 16
    chain = DayChain(first, name * 2)
    return Relation(name, f"n{number}", Role.BELOW, chain, 0, Channel(heard=START, spoke=START), b"")


def settled(neighbours: int, open_answers: int) -> Device:
    """A member of a network at three relays, a while after its meetings: all late days are kept, one is over."""
    device, today = World().first.device, day_of(START)
    relations = tuple(neighbour(n + 1, today - LATE_DAYS - 1) for n in range(neighbours))
    awaited = tuple(Return(bytes([n + 100]) * 16, bytes([n + 100]) * 32, 0, START) for n in range(open_answers))
    return msgspec.structs.replace(device, relations=relations, returns=awaited, confirmed=today, looked={}, beats=0)


def looked_at(neighbours: int, open_answers: int, count: int) -> dict[tuple[str, int], int]:
    """The longest time in beats without a look, by class of boxes and relay; answers awaited are one box."""
    device, chance = settled(neighbours, open_answers), Seeded("looks")
    places = {relay.address: n for n, relay in enumerate(device.table)}
    last: dict[tuple[str, int, bytes, int], int] = {}
    gaps: Counter[tuple[str, int]] = Counter()
    for number in range(1, count + 1):
        turn = Turn(msgspec.structs.replace(device, beats=number), START, chance)
        for look in beats._choose(turn, READS):
            look(0.0)
        for effect in turn.effects:
            assert isinstance(effect, fx.ReadBox)
            query = effect.query
            held = next((r for r in device.relations if r.id == query.id), None)
            kind = beats._class(turn, held, query.day) if held else query.kind
            name = b"" if kind == "return" else query.id
            box = (kind, places[effect.relay] if kind == "board" else query.place, name, query.day)
            gaps[box[:2]] = max(gaps[box[:2]], number - last.get(box, 0))
            last[box] = number
        device = turn.device
    for box, seen in last.items():
        gaps[box[:2]] = max(gaps[box[:2]], count - seen)
    assert len(last) == neighbours * 2 * (LATE_DAYS + 3) + 4
    return gaps


@pytest.mark.parametrize(
    ("neighbours", "open_answers", "times"),
    [
        (1, 8, 2),
        (4, 4, 3.25),
        *(pytest.param(*one, marks=pytest.mark.full) for one in ((2, 6, 2.25), (3, 4, 2.75), (4, 32, 7))),
    ],
)
def test_each_kind_of_box_is_looked_at_within_a_few_of_its_intervals(
    neighbours: int, open_answers: int, times: float
) -> None:
    """With 4 neighbours and few answers awaited: today's box within 7 beats, yesterday's 26."""
    gaps = looked_at(neighbours, open_answers, int(times * max(INTERVALS["late"])) + 200)
    assert {kind for kind, _ in gaps} == set(INTERVALS)
    for (kind, place), gap in gaps.items():
        share = open_answers if kind == "return" else 1
        assert gap <= max(1, times * INTERVALS[kind][place] / share), (kind, place)


def drawn_of(days: list[int], today: int, reads: int = READS) -> Counter[int | None]:
    chance = Seeded("answers")
    return Counter(beats.draw_answer(beats.weights_of(days, today, reads), chance) for _ in range(10_000))


def test_each_answer_awaited_is_looked_for_half_as_often_for_each_day_since_its_frame_was_put() -> None:
    often = drawn_of([100, 99, 98, 96, 90], 100)
    for place, weight in enumerate((16, 8, 4, 1, 1)):
        assert abs(often[place] - 10_000 * weight / 30) < 4 * (10_000 * weight / 30) ** 0.5
    assert drawn_of([], 100) == {None: 10_000}
    assert drawn_of([101], 100) == {0: 10_000}  # a clock that went back


def test_where_beats_are_rare_an_answer_is_looked_for_as_often_for_some_days() -> None:
    assert [beats.weights_of([100 - age], 100, READS + 5) for age in (0, 4, 5, 9, 10, 20, 90)] == [
        [16],
        [16],
        [8],
        [8],
        [4],
        [1],
        [1],
    ]


def test_no_answer_has_a_count_or_a_moment_of_its_own_that_would_tell_when_its_frame_was_put() -> None:
    """Two devices that put their report at other beats of one day keep the same things but names and roots."""
    assert Return.__struct_fields__ == ("id", "root", "owner", "made", "known", "tried", "asks")
    device = settled(4, 4)
    for number in (1, 40):
        turn = Turn(msgspec.structs.replace(device, beats=number), START, Seeded("names"))
        beats._choose(turn, READS)
        names = {r.id[:5] for r in device.returns}
        assert not any(name[:5] in names for name in turn.device.looked)


def test_the_look_for_answers_is_known_before_any_is_awaited() -> None:
    """Otherwise the beat at which it is first noted would be that of the first frame."""
    device = msgspec.structs.replace(settled(4, 0), beats=7)
    turn = Turn(device, START, Seeded("none"))
    beats._choose(turn, READS)
    assert {name for name in turn.device.looked if name.startswith(beats.ANSWERS)} == {
        beats.ANSWERS + b"\0",
        beats.ANSWERS + b"\1",
    }


def waits_for_look(more: bool) -> int:
    """Beats until a box of today is looked at again when it held one item, and `more` or not."""
    device, chance = settled(4, 4), Seeded("more")
    box: ev.Query | None = None
    for number in range(1, 200):
        turn = Turn(msgspec.structs.replace(device, beats=number), START, chance)
        for look in beats._choose(turn, READS):
            look(0.0)
        queries = [e.query for e in turn.effects if isinstance(e, fx.ReadBox)]
        device = turn.device
        if box is None and number > 100:
            box = next((q for q in queries if q.day == day_of(START) and q.place == 1), None)
            if box is not None:
                since, relay = number, device.relays[0]
                device, _ = step(device, ev.Arrived(box, (bytes(4_096),), more, relay), START, chance)
        elif box in queries:
            return number - since
    raise AssertionError("never looked at again")


def test_a_box_that_holds_more_is_looked_at_again_soon() -> None:
    assert waits_for_look(more=True) <= 2
    assert waits_for_look(more=False) > 4


def test_of_boxes_that_hold_more_the_newest_day_is_emptied_first() -> None:
    device, chance, today = settled(2, 0), Seeded("heaps"), day_of(START)
    heaps = [(device.relations[n].id, today - age) for n, age in ((0, 5), (0, 1), (1, 6), (1, 1))]
    left = dict.fromkeys(heaps, 4)
    emptied: list[int] = []

    def look_into(number: int, query: ev.Query) -> None:
        nonlocal device
        box = (query.id, query.day)
        if query.place or box not in left:
            return
        items = (bytes(4_096),) if left[box] else ()
        left[box] -= len(items)
        if items and not left[box]:
            emptied.append(today - query.day)
        found = ev.Arrived(query, items, left[box] > 0, device.relays[0])
        device, _ = step(msgspec.structs.replace(device, beats=number), found, START, chance)

    for relation, day in heaps:
        look_into(0, ev.Query("relation", relation, day, alone=True))
    for number in range(1, 30):
        turn = Turn(msgspec.structs.replace(device, beats=number), START, chance)
        for look in beats._choose(turn, READS):
            look(0.0)
        device = turn.device
        for effect in turn.effects:
            assert isinstance(effect, fx.ReadBox)
            look_into(number, effect.query)
    assert emptied == [1, 1, 5, 6]


# ---- letters in time


def life_of(stage: Stage, actors: list[Actor], hours: int, every_hour: Callable[[int], None]) -> None:
    """Covered beats of everybody, each at its own times; the desk empties its intake as often."""
    next_beat = {actor.name: stage.now + n * 97 for n, actor in enumerate(actors)}
    begun = stage.now
    for hour in range(hours):
        every_hour(hour)
        while min(next_beat.values()) < begun + (hour + 1) * HOUR:
            actor = min(actors, key=lambda a: next_beat[a.name])
            stage.now = next_beat[actor.name]
            span = draw_span(PACE, actor.chance)
            actor.do(ev.Beat(span))
            next_beat[actor.name] += int(span) + 1


def lossy(actors: list[Actor], share: float) -> None:
    """So many of all requests get lost."""
    for actor in actors:
        chance = Seeded(f"loss {actor.name}")
        actor.before_act = lambda effect, chance=chance: (  # type: ignore[misc]
            not isinstance(effect, fx.PutItem | fx.ReadBox | fx.AckItem) or chance(1)[0] >= share * 256
        )


def waits_of_letters() -> list[float]:
    """Hours that letters of four neighbours were on their way to a member, a tenth of all requests being lost."""
    stage, desk, first, second = founders(RELAYS)
    below = [stage.actor("a"), stage.actor("b")]
    for actor in below:
        stage.meet(first, actor, Role.LINK)
    stage.beat(desk, first, second, *below, rounds=2, every=HOUR)
    actors = [desk, first, second, *below]
    lossy(actors, 0.1)
    written: dict[tuple[str, str], int] = {}
    came: dict[tuple[str, str], int] = {}

    def every_hour(hour: int) -> None:
        for relation in first.device.relations:
            for note in relation.notes:
                came.setdefault((relation.name, note.text), note.came)
        first.do(ev.NotesSeen())
        if hour % 5 == 0 and hour < 30:
            for actor in actors:
                if actor is not first:
                    actor.do(ev.WriteLetter("first", f"{hour}"))
                    written[actor.name, f"{hour}"] = stage.now

    life_of(stage, actors, 60, every_hour)
    return sorted((came.get(key, stage.now + 99 * DAY) - when) / HOUR for key, when in written.items())


@pytest.mark.full
def test_letters_of_four_busy_neighbours_arrive_within_hours_though_a_tenth_of_everything_is_lost() -> None:
    waits = waits_of_letters()
    assert len(waits) == 24
    assert waits[len(waits) // 2] < 6
    assert waits[-1] < 30  # what was lost on the way comes a day later, sealed afresh


@pytest.mark.full
def test_letters_that_are_looked_for_too_seldom_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "INTERVALS", INTERVALS | {"today": (96, 96), "yesterday": (96, 96)})
    waits = waits_of_letters()
    assert waits[len(waits) // 2] > 6


def test_who_is_silent_for_three_days_is_asked_about_once_and_again_only_after_it_was_heard() -> None:
    stage, desk, first, second = founders()
    stage.beat(second, first, rounds=2)
    first.told.clear()

    def silent() -> int:
        return len([t for t in first.heard("silent") if t.facts["name"] == "second"])

    counts = []
    for hours in (SILENCE // HOUR - 1, SILENCE // HOUR + 1, 150, 400):
        stage.now = START + hours * HOUR
        for _ in range(3):
            first.do(ev.Beat())
        counts.append(silent())
    assert counts == [0, 1, 1, 1]
    stage.beat(desk, second, first, rounds=2)
    assert silent() == 1
    days(stage, 3.1)
    for _ in range(3):
        first.do(ev.Beat())
    assert silent() == 2
    assert first.heard("silent")[0].facts["days"] == "3"
