"""The understudy: it beats like the device, raises the alarm, and holds nothing that tells of anybody."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from tercet.core import drawing
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import understudy as under
from tercet.core.burning import Shares, burns, point_of
from tercet.core.card import Relay
from tercet.core.cell import Role
from tercet.core.chain import DayChain, lane
from tercet.core.days import DAY, LATE_DAYS, day_of
from tercet.core.envelope import return_lane
from tercet.core.fields import encode
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import Return, save
from tercet.core.understudy import AHEAD_DAYS, AREA, Understudy, pack, step, unpack

from .scenes import HOUR, SECOND_RELAY, THIRD_RELAY, founders, relation
from .stage import RELAY, Actor, Seeded, Stage

SPAN = 1_800.0
RELAYS = (RELAY, SECOND_RELAY, THIRD_RELAY)


class Standing(Actor):
    """The understudy of an actor, at work: its state goes through the notebook's area at each step."""

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor.stage, actor.name)
        self.chance = Seeded(f"understudy of {actor.name}")
        drawn = drawing.draw(actor.device, self.stage.now, self.chance)
        assert drawn is not None
        self.state: Understudy = drawn
        self.ordered: list[tuple[fx.Effect, ...]] = []

    def do(self, event: ev.Event) -> None:
        queue = [event]
        while queue:
            state, effects = step(self.state, queue.pop(0), self.stage.now, self.chance)
            kept = unpack(pack(state, self.chance))
            assert kept == state
            self.state = kept
            self.ordered.append(effects)
            for effect in effects:
                queue += self.act(effect)


def cell(relays: tuple[str, ...] = RELAYS) -> tuple[Stage, Actor, Actor, list[Actor]]:
    """A desk, a founder with four neighbours, and the three others of these."""
    stage, desk, first, second = founders(relays)
    below = [stage.actor("a"), stage.actor("b")]
    for actor in below:
        stage.meet(first, actor, Role.LINK)
    stage.beat(desk, first, second, *below, rounds=3, every=HOUR)
    return stage, desk, first, [second, *below]


def covered(stage: Stage, *actors: Actor, beats: int) -> None:
    for _ in range(beats):
        stage.now += int(SPAN)
        for actor in actors:
            actor.do(ev.SendNow() if actor.device.is_desk else ev.Beat(SPAN))


@pytest.mark.full
def test_every_neighbour_learns_that_somebody_else_has_the_device_and_is_told_once() -> None:
    stage, desk, first, others = cell()
    standing = Standing(first)
    covered(stage, desk, standing, *others, beats=60)
    for actor in (desk, *others):
        assert relation(actor, "first").danger > 0
        assert len(actor.heard("in_danger")) == 1
        assert actor.device.relations[0].name != "first" or relation(actor, "first").channel.heard > 0


def test_each_alarm_brings_the_members_own_point_and_with_it_each_neighbour_can_burn() -> None:
    stage, desk, first, others = cell()
    own = Shares(*first.device.shares).own
    everyone = (desk, *others)
    assert [relation(actor, "first").cut.point for actor in everyone] == [b""] * 4
    standing = Standing(first)
    covered(stage, desk, standing, *others, beats=60)
    for actor in everyone:
        held = relation(actor, "first")
        assert held.cut.point == point_of(own)
        assert all(burns(relation(a, "first").share, point_of(held.share), held.cut.point) for a in everyone)
        assert [r.cut.point for r in actor.device.relations if r.name != "first"] == [b""] * (
            len(actor.device.relations) - 1
        )


@pytest.mark.parametrize("body", [b"", bytes(63), b"\xff" * 64, bytes(64)])
def test_an_alarm_with_another_point_is_an_alarm_and_its_point_is_not_kept(body: bytes) -> None:
    stage, desk, first, others = cell()
    standing = Standing(first)
    standing.state = msgspec.structs.replace(standing.state, point=body)
    covered(stage, desk, standing, *others, beats=60)
    for actor in (desk, *others):
        assert relation(actor, "first").danger > 0
        assert relation(actor, "first").cut.point == b""


def test_an_understudy_has_one_point_and_no_check() -> None:
    _, _, first, _ = cell()
    drawn = Standing(first).state
    data, shares = encode(drawn), Shares(*first.device.shares)
    assert drawn.point == point_of(shares.own)
    assert shares.own[64:] not in data
    assert not any(share[:32] in data or share[32:64] in data for share in shares[1:])
    assert not any(r.share[:64] in data for r in first.device.relations if r.share)


def test_a_neighbour_whose_device_beats_itself_is_not_in_danger() -> None:
    stage, desk, first, others = cell()
    covered(stage, desk, first, *others, beats=60)
    assert [relation(actor, "first").danger for actor in (desk, *others)] == [0] * 4
    assert not any(actor.heard("in_danger") for actor in (desk, *others))


@pytest.mark.full
def test_a_beat_is_one_put_and_two_reads_each_within_its_span_and_nothing_follows_but_acknowledgements() -> None:
    stage, desk, first, others = cell()
    standing = Standing(first)
    covered(stage, desk, standing, *others, beats=100)
    for effects in standing.ordered:
        kinds = Counter(type(effect) for effect in effects)
        assert kinds in ({fx.PutItem: 1, fx.ReadBox: 2}, {fx.AckItem: kinds[fx.AckItem]}, {})
        for effect in effects:
            assert isinstance(effect, fx.AckItem) or 0 <= effect.after < SPAN  # type: ignore[union-attr]
    assert sum(bool(effects) for effects in standing.ordered) > 100


def _asked(actor: Actor, beats: int) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Where a device or an understudy puts and reads in so many beats of one evening; nothing is carried out."""
    puts, reads = [], []
    actor.before_act = lambda effect: False
    for number in range(beats):
        if isinstance(actor, Standing):
            actor.state, effects = step(actor.state, ev.Beat(SPAN), actor.stage.now, Seeded(f"beat {number}"))
        else:
            actor.chance = Seeded(f"beat {number}")
            effects = _beat(actor)
        puts += [e.places[0] for e in effects if isinstance(e, fx.PutItem)]
        reads += [(e.relay, e.read) for e in effects if isinstance(e, fx.ReadBox)]
    return puts, reads


def _beat(actor: Actor) -> tuple[fx.Effect, ...]:
    from tercet.core.device import step as whole

    actor.device, effects = whole(actor.device, ev.Beat(SPAN), actor.stage.now, actor.chance)
    return effects


def test_it_puts_and_reads_where_the_device_would_have() -> None:
    stage, desk, first, others = cell()
    covered(stage, desk, first, *others, beats=50)
    standing = Standing(first)
    puts, reads = _asked(standing, 48)
    true_puts, true_reads = _asked(first, 48)
    neighbours = {box for box in puts if box in true_puts}
    assert len(neighbours) >= 4
    share = sum(box in true_puts for box in puts) / len(puts)
    assert share > 0.65  # but for those into intake, whose shard is drawn by chance
    known = set(true_reads)
    assert sum(box in known for box in reads) / len(reads) > 0.6
    assert {relay for relay, _ in reads} == {relay for relay, _ in true_reads}


@pytest.mark.full
def test_what_it_puts_into_intake_is_a_dummy_that_the_desk_answers() -> None:
    stage, desk, first, others = cell()
    standing = Standing(first)
    awaited = []
    for _ in range(60):
        covered(stage, desk, standing, *others, beats=1)
        awaited.append(len(standing.state.returns))
    assert not desk.heard("strange_frame")
    assert 0 < max(awaited) < 60 / 4  # answers came, and were let go


@pytest.mark.full
def test_an_alarm_finds_its_reader_through_a_mix_that_is_under_way() -> None:
    stage, desk, first, others = cell()
    for _ in range(9):
        stage.beat(desk, first, *others, every=DAY)
    assert any(r.mix.later or r.mix.seed or r.mix.number for r in first.device.relations)
    standing = Standing(first)
    for _ in range(4):
        covered(stage, desk, standing, *others, beats=24)
        stage.now += DAY
    assert all(relation(actor, "first").danger for actor in (desk, *others))


def test_it_holds_no_name_no_word_no_root_no_ratchet_and_no_key_of_what_is_read() -> None:
    stage, desk, first, others = cell()
    for _ in range(3):
        stage.beat(desk, first, *others, every=DAY)
    covered(stage, desk, first, *others, beats=20)
    named = tuple(msgspec.structs.replace(r, name=f"our word for {r.name}") for r in first.device.relations)
    first.device = msgspec.structs.replace(first.device, relations=named)
    first.do(ev.WriteLetter("our word for a", "meet me at the bridge"))
    first.do(ev.WriteReport("what I saw", None, None, ()))
    drawn = drawing.draw(first.device, stage.now, Seeded("x"))
    assert drawn is not None
    area, card = encode(drawn), first.device.card
    assert card is not None
    today = day_of(stage.now)
    secrets: list[bytes] = [
        card.chain.root,
        card.board_secret,
        first.device.reports[0].reply,
        b"bridge",
        b"what I saw",
        b"our word",
    ]
    for r in first.device.relations:
        secrets += [r.id, r.role.value.encode(), r.session[:32], r.chain.root, r.pair or r.id]
        secrets += [r.chain.root_on(day) for day in range(r.chain.day, today + AHEAD_DAYS)]
        for day in range(max(r.chain.day, today - LATE_DAYS), today):
            for side in (0, 1):
                where = lane(r.chain, day, "relation", side)
                secrets += [where.key, *(b.id for b in where.boxes)]
                secrets += [b.ack for b in where.boxes if side == r.side]  # of the other side's boxes it reads all
        secrets += [lane(r.chain, today, "relation", 1 - r.side).key]
    for back in first.device.returns:
        secrets += [back.id, back.root, return_lane(back.root).key]
    assert first.device.returns
    assert [secret for secret in secrets if secret and secret in area] == []
    assert lane(first.device.relations[0].chain, today, "relation", first.device.relations[0].side).key in area


def test_it_goes_on_with_the_neighbour_whose_turn_comes_next() -> None:
    stage, desk, first, others = cell()
    covered(stage, desk, first, *others, beats=1)
    before = drawing.what_it_hangs_on(first.device, stage.now)
    assert before == drawing.what_it_hangs_on(first.device, stage.now)
    for _ in range(9):
        covered(stage, first, beats=1)
        assert (after := drawing.what_it_hangs_on(first.device, stage.now)) != before
        before, standing = after, Standing(first)
        assert (standing.state.rounds, standing.state.beats) == (first.device.rounds, first.device.beats)
        assert len(standing.state.returns) == len(first.device.returns)
        ((put, *_), _), ((true_put, *_), _) = _asked(standing, 1), _asked(first, 1)
        assert put == true_put or put not in standing_boxes(standing)
        first.before_act = lambda effect: True


def standing_boxes(standing: Standing) -> set[tuple[str, bytes]]:
    relays = tuple(relay.address for relay in standing.state.relays)
    lanes = [lane for one in standing.state.neighbours for lanes in one.out for lane in lanes]
    return {(relay, lane.boxes[0]) for lane in lanes for relay in relays}


def test_it_lets_the_oldest_day_go_once_it_was_shown_empty_at_both_places() -> None:
    stage, _, first, _ = cell()
    standing = Standing(first)
    one = standing.state.neighbours[0]
    now = (one.oldest + LATE_DAYS + 1) * DAY
    for place, oldest in ((0, one.oldest), (0, one.oldest), (1, one.oldest + 1)):
        query = ev.Query("relation", one.mark, one.oldest, 0, place, alone=True)
        standing.state, effects = step(standing.state, ev.Arrived(query, (), False, RELAY), now, standing.chance)
        assert effects == ()
        assert standing.state.neighbours[0].oldest == oldest
    assert standing.state.neighbours[0].into == one.into[1:]


def test_it_writes_on_the_new_chain_of_a_mix_once_it_found_a_frame_there() -> None:
    stage, _, first, _ = cell()
    standing = Standing(first)
    one = standing.state.neighbours[0]
    new, old = one.out[0][0], one.out[1][0]
    mixing = msgspec.structs.replace(one, out=((new, old), *one.out[1:]), into=tuple(i * 2 for i in one.into))
    standing.state = msgspec.structs.replace(standing.state, neighbours=(mixing,), intake=(), rounds=0)
    for index, where in ((None, old), (1, old), (0, new)):
        if index is not None:
            query = ev.Query("relation", one.mark, standing.state.day, index, 0, alone=True)
            event = ev.Arrived(query, (bytes(4_096),), False, RELAY)
            standing.state, _ = step(standing.state, event, stage.now, standing.chance)
        _, effects = step(standing.state, ev.Beat(SPAN), stage.now, standing.chance)
        assert [e.places[0][1] for e in effects if isinstance(e, fx.PutItem)] == [where.boxes[0]]


def test_after_fourteen_days_it_is_silent() -> None:
    stage, _, first, _ = cell()
    standing = Standing(first)
    stage.now += (AHEAD_DAYS - 1) * DAY
    assert step(standing.state, ev.Beat(SPAN), stage.now, standing.chance)[1]
    stage.now += DAY
    assert step(standing.state, ev.Beat(SPAN), stage.now, standing.chance) == (standing.state, ())


def test_its_clock_may_go_back_and_it_is_silent_rather_than_wrong() -> None:
    stage, _, first, _ = cell()
    standing = Standing(first)
    assert step(standing.state, ev.Beat(SPAN), stage.now - 2 * DAY, standing.chance)[1] == ()


def test_who_belongs_to_no_network_and_a_desk_have_noise_in_its_place() -> None:
    stage, desk, _, _ = cell()
    chance = Seeded("noise")
    assert drawing.draw(stage.actor("new").device, stage.now, chance) is None
    assert drawing.draw(desk.device, stage.now, chance) is None
    noise = pack(None, chance)
    assert len(noise) == AREA
    assert unpack(noise) is None


def test_the_largest_one_fits_its_area() -> None:
    stage, _, first, _ = cell()
    device, chance = first.device, Seeded("large")
    table = tuple(Relay("tercet://" + "x" * 151, bytes([n]) * 32) for n in range(8))
    board = device.board
    assert board.relays is not None
    board = msgspec.structs.replace(
        board,
        relays=msgspec.structs.replace(board.relays, relays=table),
        places={relay.address + str(n): 2**40 for n, relay in enumerate(table)},
    )
    returns = tuple(Return(bytes([n]) * 16, bytes(32), 0, stage.now, 200) for n in range(RETURNS_MOST))
    relations = tuple(
        msgspec.structs.replace(r, chain=DayChain(day_of(stage.now) - 8, r.chain.root)) for r in device.relations
    )
    whole = msgspec.structs.replace(
        device, board=board, returns=returns, relations=relations, rounds=2**40, beats=2**40, looked={}
    )
    drawn = drawing.draw(whole, stage.now + 5 * DAY, chance)
    assert drawn is not None
    assert len(drawn.neighbours) == 4
    assert len(drawn.weeks) == under.WEEKS
    assert all(len(lanes) == len({lane.boxes for lane in lanes}) == 2 for lanes in drawn.intake)  # all there are
    drawn = drawing._fitting(msgspec.structs.replace(drawn, intake=tuple(lanes * 3 for lanes in drawn.intake)))
    assert all(len(lanes) >= 4 for lanes in drawn.intake)
    looked = {bytes([n]) * 8: 2**30 for n in range(under.LOOKS_MOST)}
    assert len(encode(msgspec.structs.replace(drawn, looked=looked))) <= AREA - 4


@pytest.mark.parametrize("place", [0, 3, 4, 9, 400])
def test_an_area_that_was_tampered_with_is_an_understudy_or_none(place: int) -> None:
    stage, _, first, _ = cell()
    chance = Seeded("tamper")
    area = bytearray(pack(drawing.draw(first.device, stage.now, chance), chance))
    area[place] ^= 0xFF
    assert unpack(bytes(area)) is None or isinstance(unpack(bytes(area)), Understudy)
    assert unpack(bytes(area[:-1])) is None


def test_the_drawing_changes_nothing_of_the_device() -> None:
    stage, _, first, _ = cell()
    before = save(first.device)
    drawing.draw(first.device, stage.now, Seeded("y"))
    assert save(first.device) == before


# ---- a relay that tries to find out which of the two beats


def board_after(beats_for: Actor, start: int) -> int:
    """Where a device, or an understudy, reads the board next once a relay has shown it nothing from `start` on."""
    query = ev.Query("board", start=start, alone=True)
    beats_for.do(ev.Arrived(query, (), False, RELAY))
    if isinstance(beats_for, Standing):
        return beats_for.state.places[RELAY]
    return beats_for.device.board.places[RELAY]


@pytest.mark.parametrize("start", [0, 1, 11, 12])
def test_a_board_that_a_relay_shows_empty_moves_the_understudy_as_it_moves_the_device(start: int) -> None:
    _, _, first, _ = cell()
    places = first.device.board.places | {RELAY: 12}
    first.device = msgspec.structs.replace(
        first.device, board=msgspec.structs.replace(first.device.board, places=places)
    )
    standing = Standing(first)
    assert board_after(standing, start) == board_after(first, start)


def test_noise_in_the_box_of_an_answer_makes_both_give_it_up() -> None:
    _, _, first, _ = cell()
    first.do(ev.WriteReport("what I saw", None, None, ()))
    first.do(ev.SendNow())
    standing = Standing(first)
    (awaited,) = (r for r in first.device.returns if r.owner)
    first.do(ev.Arrived(ev.Query("return", awaited.id, alone=True), (bytes(4_096),), False, RELAY))
    held = len(standing.state.returns)
    standing.do(
        ev.Arrived(ev.Query("return", standing.state.returns[-1].mark, alone=True), (bytes(4_096),), False, RELAY)
    )
    assert awaited.id not in [r.id for r in first.device.returns]
    assert len(standing.state.returns) == held - 1
