"""Permits and tokens, from the desk down the chain, back to the desk, and into reports."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import msgspec
import pytest

from tercet.core import channel as letters
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import granting, minting, permits, redeeming, sending
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.conversation import seal_answer
from tercet.core.days import DAY, day_of, week_of
from tercet.core.envelope import return_lane
from tercet.core.fields import encode
from tercet.core.permits import (
    ALLOWANCE,
    FIRST_NEED,
    FULL,
    LESSER,
    PERMITS_A_LETTER,
    Asking,
    Dealt,
    Grant,
    Mint,
    Need,
    Purse,
    Stock,
    label_of,
    make,
)
from tercet.core.relation import LETTER_TEXT
from tercet.core.state import Device, Return, load, save
from tercet.core.strength import strength
from tercet.core.tokens import (
    REPORTS_A_WEEK,
    SPARE,
    TOKEN,
    Request,
    Signed,
    Standing,
    TokenKeys,
    blinded,
    finished,
    parse_signed,
)
from tercet.core.turn import Turn
from tercet.drop import Put

from .scenes import relation, talk
from .stage import PRIVATE, START, Actor, Stage

WEEK = week_of(day_of(START))


@cache
def _grown() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage()
    stage.mints = True
    desk, founder, below = stage.desk(), stage.actor("founder"), stage.actor("below")
    stage.beat(desk, rounds=3)
    stage.meet(desk, founder, Role.DESK)
    stage.beat(desk, founder, rounds=8)
    stage.meet(founder, below, Role.LINK)
    stage.beat(desk, founder, below, rounds=12)
    return stage, desk, founder, below


def grown() -> tuple[Stage, Actor, Actor, Actor]:
    """A desk with keys for three weeks, a founder, and one below it; who asked for tokens has them."""
    return copy.deepcopy(_grown())


def purse(actor: Actor, week: int = WEEK) -> Purse:
    found = actor.device.trust.purse(week)
    assert found is not None
    return found


def pair(actor: Actor, week: int = WEEK) -> bytes:
    keys = actor.device.board.token_keys(week)
    assert keys is not None
    return keys.mark


def report(actor: Actor, text: str, witness: bool = False) -> None:
    actor.do(ev.WriteReport(text, None, None, (), witness))
    actor.do(ev.SendNow())


def filed(desk: Actor, text: str) -> fx.FileReport:
    return next(r for r in desk.reports.values() if r.content.text == text)


def test_a_desk_draws_keys_for_three_weeks_and_everybody_reads_them() -> None:
    _, desk, founder, below = grown()
    weeks = [WEEK, WEEK + 1, WEEK + 2]
    assert [m.keys.week for m in desk.device.office.mints] == weeks  # type: ignore[union-attr]
    for actor in (desk, founder, below):
        assert [k.week for k in actor.device.board.tokens] == weeks


def test_a_newcomer_has_tokens_for_this_week_at_the_meetings_end() -> None:
    _, _, founder, below = grown()
    for actor in (founder, below):
        assert len(purse(actor).reports) == REPORTS_A_WEEK
        assert len(purse(actor).witness) == TOKEN


def test_the_first_permits_go_with_the_letters_of_the_meeting() -> None:
    stage, _, founder, _ = grown()
    other = stage.actor("other")
    stage.meet(founder, other, Role.LINK)
    assert LetterKind.PERMITS in [w.kind for w in relation(founder, "other").channel.waiting]


def test_a_report_with_its_token_is_a_members_and_its_witness_counts() -> None:
    stage, desk, _, below = grown()
    report(below, "I saw it", witness=True)
    report(below, "and heard of this")
    stage.beat(desk, rounds=1)
    assert (filed(desk, "I saw it").standing, filed(desk, "I saw it").witness) == (Standing.MEMBER, True)
    assert (filed(desk, "and heard of this").standing, filed(desk, "and heard of this").witness) == (
        Standing.MEMBER,
        False,
    )
    assert not below.heard("report_bare")


def test_a_third_report_of_a_day_is_filed_as_from_a_stranger_and_its_writer_is_told() -> None:
    stage, desk, _, below = grown()
    for text in ("one", "two", "three"):
        report(below, text)
    stage.beat(desk, rounds=1)
    assert [filed(desk, text).standing for text in ("one", "two", "three")] == [
        Standing.MEMBER,
        Standing.MEMBER,
        Standing.STRANGER,
    ]
    assert [t.facts["number"] for t in below.heard("report_bare")] == ["3"]
    talk(stage, desk, below)
    assert all(not r.sealed for r in below.device.reports)


def test_the_witness_token_goes_along_once_a_week() -> None:
    stage, desk, _, below = grown()
    report(below, "first", witness=True)
    report(below, "second", witness=True)
    stage.beat(desk, rounds=1)
    assert [filed(desk, text).witness for text in ("first", "second")] == [True, False]
    assert [t.facts["number"] for t in below.heard("report_no_witness")] == ["2"]


def test_a_token_that_is_used_is_gone_at_once() -> None:
    _, _, _, below = grown()
    before = purse(below)
    weekday = (day_of(START) + 3) % 7
    report(below, "one", witness=True)
    after = purse(below)
    assert after.reports[weekday] == b""
    assert after.reports[weekday + 1 :] == before.reports[weekday + 1 :]
    assert after.witness == b""
    assert before.reports[weekday] not in save(below.device)


@pytest.mark.parametrize("used", [False, True])
def test_slots_lapse_used_or_not_and_the_next_days_tell_nothing(used: bool) -> None:
    stage, desk, _, below = grown()
    if used:
        report(below, "one")
        below.device = msgspec.structs.replace(below.device, reports=())
    stage.now += DAY
    stage.beat(desk, below, rounds=2)
    weekday = (day_of(stage.now) + 3) % 7
    assert purse(below).reports[:weekday] == (b"",) * weekday
    assert all(len(one) == TOKEN for one in purse(below).reports[weekday:])


def test_tokens_of_a_week_are_gone_when_it_is_over_and_the_next_ones_are_there() -> None:
    stage, desk, founder, below = grown()
    stage.now += 5 * DAY
    stage.beat(desk, founder, below, rounds=6)
    assert purse(below, WEEK + 1).reports[SPARE]
    stage.now += 3 * DAY
    stage.beat(desk, founder, below, rounds=2)
    assert below.device.trust.purse(WEEK) is None
    report(below, "in the next week")
    stage.beat(desk, rounds=1)
    assert filed(desk, "in the next week").standing is Standing.MEMBER


def test_a_copied_token_counts_once() -> None:
    stage, desk, _, below = grown()
    twin = copy.deepcopy(below)
    twin.stage = stage
    twin.chance.state = b"another"
    report(below, "one")
    report(twin, "two")
    stage.beat(desk, rounds=1)
    assert sorted(filed(desk, t).standing for t in ("one", "two")) == [Standing.MEMBER, Standing.STRANGER]


@pytest.mark.parametrize("what", ["none", "noise", "of the other kind", "of another week"])
def test_what_is_no_token_of_that_kind_and_week_makes_a_stranger(what: str) -> None:
    stage, desk, founder, below = grown()
    mine = purse(below)
    weekday = (day_of(START) + 3) % 7
    other = purse(founder).witness
    wrong = {"none": b"", "noise": bytes(TOKEN), "of the other kind": other, "of another week": b""}[what]
    if what == "of another week":
        stage.now += 5 * DAY
        stage.beat(desk, founder, below, rounds=6)
        wrong = purse(below, WEEK + 1).reports[SPARE]
        mine, weekday = purse(below), (day_of(stage.now) + 3) % 7
    slots = tuple(wrong if i == weekday else b"" for i in range(REPORTS_A_WEEK))
    trust = below.device.trust.with_purse(Purse(WEEK, slots, wrong and mine.reports[SPARE]))
    below.device = msgspec.structs.replace(below.device, trust=trust)
    report(below, "hello", witness=True)
    stage.beat(desk, rounds=1)
    assert filed(desk, "hello").standing is Standing.STRANGER
    assert not filed(desk, "hello").witness


def test_in_a_week_without_keys_nothing_is_said_of_anybody() -> None:
    stage = Stage()
    desk, founder = stage.desk(), stage.actor("founder")
    stage.meet(desk, founder, Role.DESK)
    stage.beat(desk, founder, rounds=4)
    report(founder, "early")
    stage.beat(desk, rounds=1)
    assert filed(desk, "early").standing is Standing.UNTOLD
    assert not founder.heard("report_bare")
    assert founder.device.trust == permits.Trust()


def desk_turn(desk: Actor) -> Turn:
    return Turn(desk.device, desk.stage.now, desk.chance)


def mint(desk: Actor, number: int = 0) -> Mint:
    assert desk.device.office is not None
    return desk.device.office.mints[number]


def asked(desk: Actor, permit: bytes, seed: bytes = bytes(32), number: int = 0) -> bytes:
    keys = mint(desk, number).keys
    return encode(Request(1, keys.week, permit, blinded(seed, keys)))


def signed(turn: Turn, body: bytes) -> bytes:
    letter = minting.sign(turn, body)
    assert letter.kind == LetterKind.TOKENS
    return parse_signed(letter.body).signed


def test_a_permit_buys_one_set_of_tokens_and_the_same_again() -> None:
    _, desk, _, _ = grown()
    turn, permit = desk_turn(desk), make(mint(desk).secret, bytes(16))
    first, again = (signed(turn, asked(desk, permit)) for _ in range(2))
    assert first == again
    assert len(finished(bytes(32), mint(desk).keys, first)) == REPORTS_A_WEEK + 1
    assert signed(turn, asked(desk, permit, bytes(31) + b"1")) == b""
    after = minting.mint_of(turn, WEEK)
    assert after is not None
    assert after.count == mint(desk).count + 1


def test_a_lesser_permit_gives_no_witness_token() -> None:
    _, desk, _, _ = grown()
    permit = make(mint(desk).secret, bytes(16), LESSER)
    tokens = finished(bytes(32), mint(desk).keys, signed(desk_turn(desk), asked(desk, permit)))
    assert len(tokens) == REPORTS_A_WEEK


@pytest.mark.parametrize("wrong", ["made up", "of another week", "changed", "of a week that is over"])
def test_what_is_no_permit_of_that_week_buys_nothing(wrong: str) -> None:
    stage, desk, founder, _ = grown()
    permit = make(mint(desk).secret, bytes(16))
    bad = {
        "made up": bytes(32),
        "of another week": make(mint(desk, 1).secret, bytes(16)),
        "changed": permit[:-1] + bytes([permit[-1] ^ 1]),
    }.get(wrong, permit)
    body = asked(desk, bad)
    if wrong == "of a week that is over":
        assert signed(desk_turn(desk), body)
        stage.now += 9 * DAY
        stage.beat(desk, founder, desk, rounds=3)
        assert (mint(desk).private, mint(desk).secret, mint(desk).spent) == (b"", b"", ())
    assert signed(desk_turn(desk), body) == b""


def test_what_is_no_request_is_answered_like_a_dummy() -> None:
    _, desk, _, _ = grown()
    assert minting.sign(desk_turn(desk), b"no").kind == LetterKind.EMPTY


def test_permits_and_tokens_are_known_for_45_days_and_no_longer() -> None:
    stage, desk, founder, below = grown()
    report(below, "one")
    stage.beat(desk)
    assert mint(desk).used
    for days, kept in ((45 + 6, True), (2, False)):
        stage.now += days * DAY
        stage.beat(founder, desk, founder, desk, rounds=2)
        assert any(m.keys.week == WEEK for m in desk.device.office.mints) is kept  # type: ignore[union-attr]


def test_a_request_is_a_frame_like_any_other_and_goes_in_a_covered_turn() -> None:
    stage, _, _, below = grown()
    below.device = msgspec.structs.replace(below.device, trust=permits.Trust())
    plain = copy.deepcopy(below)
    trust = permits.Trust(asking=Asking(WEEK, bytes(32), bytes(32), pair=pair(below)))
    below.device = msgspec.structs.replace(below.device, trust=trust)
    frames = []
    for actor in (plain, below):
        actor.stage.asked.clear()
        for _ in range(24):
            actor.stage.now += 1_800
            actor.do(ev.Beat(1_800.0))
        frames.append([len(op.item) for op in actor.stage.asked if isinstance(op, Put)])
    assert below.device.trust.asking is not None
    assert below.device.trust.asking.put % 14_400 == 0
    assert below.device.trust.asking.put
    assert frames[0] == frames[1] == [4_096] * 24
    assert stage.now


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_request_for_this_week_goes_once_before_reports_and_one_for_the_next_waits(ahead: int) -> None:
    """Or who has a report for each turn would never have tokens."""
    _, _, _, below = grown()
    trust = permits.Trust(asking=Asking(WEEK + ahead, bytes(32), bytes(32), pair=pair(below, WEEK + ahead)))
    below.device = msgspec.structs.replace(below.device, trust=trust)
    below.do(ev.WriteReport("one", None, None, (), False))
    went = []
    for _ in range(2):
        turn = Turn(below.device, below.stage.now, below.chance)
        assert sending.send_one(turn, 0.0)
        for effect in turn.effects:
            if isinstance(effect, fx.PutItem):
                went.append("report" if effect.ref else "request")
        reports = tuple(msgspec.structs.replace(r, put=below.stage.now) for r in turn.device.reports)
        below.device = turn.device if "report" not in went else msgspec.structs.replace(turn.device, reports=reports)
    assert went == (["report", "request"] if ahead else ["request", "report"])


def test_a_request_stays_behind_when_a_report_or_a_word_goes_in_the_same_burst() -> None:
    """Or the desk would read off the burst whose tokens it signs."""
    stage, desk, _, below = grown()
    trust = permits.Trust(asking=Asking(WEEK, bytes(32), bytes(32), pair=pair(below)))

    def asked_for() -> bool:
        below.device = msgspec.structs.replace(below.device, trust=trust)
        below.do(ev.SendNow())
        assert below.device.trust.asking is not None
        return bool(below.device.trust.asking.put)

    assert asked_for()
    below.do(ev.WriteReport("one", None, None, (), False))
    assert not asked_for()
    assert asked_for(), "the report has gone, and its answer is waited for"
    below.device = msgspec.structs.replace(below.device, trust=permits.Trust())
    stage.beat(desk, below, desk, below, rounds=4)
    below.do(ev.WriteWord(1, "and a word"))
    assert not asked_for()


def test_the_owner_is_told_when_a_weeks_tokens_come_without_a_witness_token() -> None:
    _, desk, _, below = grown()
    for label, told in ((FULL, []), (LESSER, ["tokens_no_witness"])):
        permit = make(mint(desk).secret, bytes(15) + b"w", label)
        answer = minting.sign(desk_turn(desk), asked(desk, permit))
        trust = permits.Trust(asking=Asking(WEEK, permit, bytes(32), pair=pair(below)))
        turn = Turn(msgspec.structs.replace(below.device, trust=trust), below.stage.now, below.chance)
        redeeming.take(turn, Letter(1, 0, 0, 0, 0, answer.kind, answer.body))
        assert turn.device.trust.purses
        assert [e.what for e in turn.effects if isinstance(e, fx.Tell)] == told


def test_an_answer_to_a_request_counts_in_the_box_of_a_frame_that_brought_it_and_in_no_other() -> None:
    """Or a desk could lay it into another box, and see by what goes again whose frame that was."""
    _, desk, _, below = grown()
    permit = make(mint(desk).secret, bytes(15) + b"x")
    letter = minting.sign(desk_turn(desk), asked(desk, permit))
    other = Return(bytes(16), bytes(32), 0, below.stage.now)
    trust = permits.Trust(asking=Asking(WEEK, permit, bytes(32), pair=pair(below)))
    below.device = msgspec.structs.replace(below.device, trust=trust, returns=(other,))
    for _ in range(2):
        below.do(ev.SendNow())
        below.stage.now += redeeming.ASK_AGAIN
    own = [back for back in below.device.returns if back.asks]
    assert len(own) == 2
    for back, taken in ((other, False), (own[0], True)):
        assert below.device.trust.asking is not None
        frame = seal_answer(return_lane(back.root), letter, bytes(24))
        below.do(ev.Arrived(ev.Query("return", back.id), (frame,), False, below.device.relays[0]))
        assert bool(below.device.trust.purses) is taken
    left = {back.id: back.asks for back in below.device.returns}
    assert left[own[1].id] is False, "which answers were to it is forgotten with the request"
    assert not any(left.values())


def test_a_request_that_is_given_up_leaves_no_mark_on_the_answers_awaited() -> None:
    stage, _, _, below = grown()
    for asking in (Asking(WEEK - 1, bytes(32), bytes(32)), Asking(WEEK, bytes(32), bytes(32), pair=b"another")):
        trust = permits.Trust(asking=asking)
        back = Return(bytes(16), bytes(32), 0, stage.now, asks=True)
        turn = Turn(msgspec.structs.replace(below.device, trust=trust, returns=(back,)), stage.now, below.chance)
        redeeming.prepare(turn)
        assert turn.device.trust.asking is None
        assert turn.device.returns == (msgspec.structs.replace(back, asks=False),)


def test_wrong_signatures_are_told_and_none_of_them_is_kept() -> None:
    _, _, _, below = grown()
    keys = below.device.board.token_keys(WEEK)
    assert keys is not None
    bad = encode(Signed(1, WEEK, bytes(2_304)))
    trust = permits.Trust(asking=Asking(WEEK, bytes(32), bytes(32), pair=pair(below)))
    turn = Turn(msgspec.structs.replace(below.device, trust=trust), below.stage.now, below.chance)
    redeeming.take(turn, Letter(1, 0, 0, 0, 0, LetterKind.TOKENS, bad))
    assert turn.device.trust == trust
    assert [e.what for e in turn.effects if isinstance(e, fx.Tell)] == ["tokens_wrong"]


def other_pair(actor: Actor, *named: TokenKeys) -> Actor:
    """The same device, whose board names these pairs of keys for its weeks and no others."""
    board = msgspec.structs.replace(actor.device.board, tokens=named)
    actor.device = msgspec.structs.replace(actor.device, board=board)
    return actor


def test_a_seed_never_leaves_under_two_pairs_of_keys() -> None:
    """Under two moduli it would give its sender away: the desk could compute what both hide."""
    _, _, _, below = grown()
    ours = below.device.board.token_keys(WEEK)
    assert ours is not None
    theirs = TokenKeys(WEEK, ours.witness, ours.report)
    trust = permits.Trust(asking=Asking(WEEK, b"p" * 32, bytes(32), pair=ours.mark))
    below.device = msgspec.structs.replace(below.device, trust=trust)
    assert redeeming.content(turn_of(below)) is not None
    between = turn_of(other_pair(below))
    redeeming.prepare(between)
    assert between.device.trust.asking == trust.asking
    assert redeeming.content(between) is None
    after = turn_of(other_pair(below, theirs))
    assert redeeming.content(after) is None
    answer = encode(Signed(1, WEEK, b""))
    redeeming.take(after, Letter(1, 0, 0, 0, 0, LetterKind.TOKENS, answer))
    assert after.device.trust == trust
    redeeming.prepare(after)
    assert after.device.trust.asking is None
    assert [e.what for e in after.effects if isinstance(e, fx.Tell)] == ["tokens_other_keys"]


@pytest.mark.parametrize("put", [0, 1])
def test_a_request_whose_keys_the_board_does_not_name_leaves_no_beat_without_its_frame(put: int) -> None:
    _, _, _, below = grown()
    asking = Asking(WEEK, b"p" * 32, b"s" * 32, put=put, pair=pair(below))
    trust = permits.Trust(asking=asking)
    for keys in (below.device.board.tokens, ()):
        board = msgspec.structs.replace(below.device.board, tokens=keys)
        turn = Turn(msgspec.structs.replace(below.device, trust=trust, board=board), below.stage.now, below.chance)
        assert sending.send_one(turn, 0.0)
        assert sum(isinstance(effect, fx.PutItem) for effect in turn.effects) == 1
        asked = turn.device.trust.asking
        assert asked is not None
        assert (asked.put > put) is bool(keys)


def test_after_another_pair_of_keys_a_new_permit_and_a_new_seed_are_taken() -> None:
    _, _, _, below = grown()
    ours = below.device.board.token_keys(WEEK)
    assert ours is not None
    asking = Asking(WEEK, b"p" * 32, b"s" * 32, pair=b"another" * 4 + b"pair")
    trust = permits.Trust(asking=asking, stocks=(Stock(WEEK, (b"q" * 32,)),))
    turn = Turn(msgspec.structs.replace(below.device, trust=trust), below.stage.now, below.chance)
    redeeming.prepare(turn)
    now = turn.device.trust.asking
    assert now is not None
    assert (now.permit, now.pair) == (b"q" * 32, ours.mark)
    assert now.seed != asking.seed


@pytest.mark.parametrize("faces", [{"forked": True}, {"pairs": {WEEK: b""}}])
def test_while_the_board_shows_two_faces_no_token_is_asked_for_taken_in_or_used(faces: dict[str, Any]) -> None:
    """The pair of keys that it shows us may be ours alone, and each token under it would say so."""
    _, desk, _, below = grown()
    permit = make(mint(desk).secret, bytes(15) + b"f")
    answer = minting.sign(desk_turn(desk), asked(desk, permit))
    full = purse(below)
    for two, board in ((False, {}), (True, faces)):
        view = msgspec.structs.replace(below.device.board, **board)
        device = msgspec.structs.replace(below.device, board=view)

        def turn(trust: permits.Trust, device: Device = device) -> Turn:
            return Turn(msgspec.structs.replace(device, trust=trust), below.stage.now, below.chance)

        begun = turn(permits.Trust(stocks=(Stock(WEEK, (permit,)),)))
        redeeming.prepare(begun)
        assert (begun.device.trust.asking is None) is two
        under_way = turn(permits.Trust(asking=Asking(WEEK, permit, bytes(32), pair=pair(below))))
        assert (redeeming.due(under_way) is None) is two
        assert (redeeming.content(under_way) is None) is two
        redeeming.take(under_way, Letter(1, 0, 0, 0, 0, answer.kind, answer.body))
        assert (under_way.device.trust.purses == ()) is two
        spent = turn(permits.Trust(purses=(full,)))
        assert (redeeming.spend(spent, True) == (b"", b"")) is two


def test_two_pairs_of_one_week_leave_the_tokens_of_others() -> None:
    _, _, _, below = grown()
    board = msgspec.structs.replace(below.device.board, pairs={WEEK + 1: b""})
    turn = Turn(msgspec.structs.replace(below.device, board=board), below.stage.now, below.chance)
    assert len(redeeming.spend(turn, False)[0]) == TOKEN


def test_a_refused_permit_is_let_go_and_another_is_tried() -> None:
    _, _, _, below = grown()
    stock = Stock(WEEK, (b"p" * 32,))
    trust = permits.Trust(asking=Asking(WEEK, bytes(32), bytes(32), pair=pair(below)), stocks=(stock,))
    turn = Turn(msgspec.structs.replace(below.device, trust=trust), below.stage.now, below.chance)
    redeeming.take(turn, Letter(1, 0, 0, 0, 0, LetterKind.TOKENS, encode(Signed(1, WEEK, b""))))
    assert turn.device.trust.asking is None
    redeeming.prepare(turn)
    assert turn.device.trust.asking is not None
    assert turn.device.trust.asking.permit == b"p" * 32


# ---- down the chain


def test_a_desk_deals_a_founder_what_it_needs_and_no_more_than_the_allowance() -> None:
    stage, desk, founder, _ = grown()
    assert set(mint(desk).dealt.values()) == {5}  # the founder's, three for the one below, one for the free place
    unbounded(founder, desk, 60_000)
    stage.beat(founder, desk, rounds=40)
    assert set(mint(desk).dealt.values()) == {ALLOWANCE}


def unbounded(actor: Actor, link: Actor, need: int) -> None:
    """Say a need to one's link that the device never would."""
    ours = relation(actor, link.name)
    channel = letters.write(ours.channel, LetterKind.NEED, encode(Need(1, need)))
    kept = tuple(msgspec.structs.replace(r, channel=channel) if r.id == ours.id else r for r in actor.device.relations)
    trust = msgspec.structs.replace(
        actor.device.trust, told=(ours.id, permits.rounded(granting.need_of(turn_of(actor))))
    )
    actor.device = msgspec.structs.replace(actor.device, relations=kept, trust=trust)


def turn_of(actor: Actor) -> Turn:
    return Turn(actor.device, actor.stage.now, actor.chance)


def test_a_link_that_asks_without_bound_gets_half_of_its_links_allowance() -> None:
    stage, desk, founder, below = grown()
    unbounded(below, founder, 60_000)
    stage.beat(below, founder, desk, rounds=60)
    held = founder.device.trust.stock(WEEK).dealt[relation(founder, "below").id]
    assert held == (ALLOWANCE - 1) // 2
    assert below.device.trust.allowance == (ALLOWANCE - 1) // 2


def test_the_other_one_below_gets_what_it_needs_all_the_same() -> None:
    stage, desk, founder, below = grown()
    other = stage.actor("other")
    stage.meet(founder, other, Role.LINK)
    unbounded(below, founder, 60_000)
    stage.beat(below, other, founder, desk, rounds=60)
    dealt = founder.device.trust.stock(WEEK).dealt
    assert dealt[relation(founder, "other").id] == FIRST_NEED


def grants(actor: Actor, name: str) -> list[tuple[bool, Grant]]:
    """The letters of permits that wait for a neighbour: whether each was sealed, and what it says."""
    waiting = relation(actor, name).channel.waiting
    return [(bool(w.times), permits.parse_grant(w.body)) for w in waiting if w.kind == LetterKind.PERMITS]


def dealt_in(grant: Grant) -> set[bytes]:
    return {permit for dealt in grant.weeks for permit in dealt.permits}


def dealing(count: int, sealed: int = 0) -> tuple[Stage, Actor]:
    """A founder that deals `count` permits of this week to somebody who needs more; its first letters are sealed."""
    stage, _, founder, _ = grown()
    one = relation(founder, "below")
    trust = permits.Trust(needs={one.id: 200}, allowance=ALLOWANCE)
    trust = trust.with_stock(Stock(WEEK, tuple(bytes(31) + bytes([n]) for n in range(count))))
    channel = msgspec.structs.replace(one.channel, waiting=())
    for number in range(sealed):
        body = encode(Grant(1, 1, (Dealt(WEEK, (bytes([1 + number]) * 32,)),)))
        channel = letters.write(channel, LetterKind.PERMITS, body)
        channel, _ = letters.stamp(channel, channel.waiting[-1], stage.now)
    kept = tuple(msgspec.structs.replace(r, channel=channel) if r.id == one.id else r for r in founder.device.relations)
    founder.device = msgspec.structs.replace(founder.device, relations=kept, trust=trust)
    again(founder)
    return stage, founder


def again(actor: Actor) -> None:
    turn = turn_of(actor)
    granting.deal(turn)
    actor.device = turn.device


def more(actor: Actor, week: int, count: int) -> None:
    """More permits of a week come from the link."""
    stock = actor.device.trust.stock(week)
    new = tuple(bytes(30) + bytes([week % 251, n]) for n in range(count))
    trust = actor.device.trust.with_stock(msgspec.structs.replace(stock, permits=(*stock.permits, *new)))
    actor.device = msgspec.structs.replace(actor.device, trust=trust)
    again(actor)


def test_a_letter_of_permits_that_was_never_sealed_is_filled_up_before_another_is_written() -> None:
    _, founder = dealing(11)
    ((_, first),) = grants(founder, "below")
    number = relation(founder, "below").channel.waiting[0].number
    more(founder, WEEK, 5)
    more(founder, WEEK + 1, 5)
    ((sealed, after),) = grants(founder, "below")
    assert not sealed
    assert dealt_in(first) < dealt_in(after)
    assert relation(founder, "below").channel.waiting[0].number == number
    held = relation(founder, "below").id
    dealt = {s.week: s.dealt[held] for s in founder.device.trust.stocks}
    assert dealt == {one.week: len(one.permits) for one in after.weeks}
    kept = {permit for s in founder.device.trust.stocks for permit in s.permits}
    assert not kept & dealt_in(after)


def test_a_letter_that_a_lost_step_may_have_sealed_is_not_filled_up() -> None:
    """Who read it then passes over whatever comes under its number."""
    stage, _, founder, below = grown()
    one = relation(founder, "below")
    trust = permits.Trust(needs={one.id: 200}, allowance=ALLOWANCE)
    founder.device = msgspec.structs.replace(founder.device, trust=trust)
    more(founder, WEEK, 6)
    before = founder.device
    founder.do(ev.SendNow())
    stage.beat(below)
    founder.device = before
    founder.do(ev.WentBack())
    more(founder, WEEK + 1, 20)
    dealt = {permit for _, grant in grants(founder, "below") for permit in dealt_in(grant)}
    assert len(dealt) == 5 + 19  # of each week one is our own
    for _ in range(3):
        stage.now += DAY // 2
        stage.beat(founder, below)
    trust = below.device.trust
    came = {permit for s in trust.stocks for permit in s.permits} | {trust.asking.permit if trust.asking else b""}
    assert dealt <= came


def test_no_letter_of_permits_holds_more_than_fit() -> None:
    _, founder = dealing(120)
    more(founder, WEEK + 1, 120)
    ((_, grant),) = grants(founder, "below")
    assert len(dealt_in(grant)) == PERMITS_A_LETTER
    assert len(encode(grant)) <= LETTER_TEXT
    again(founder)
    assert grants(founder, "below") == [(False, grant)]


def test_a_letter_of_permits_that_was_sealed_is_never_changed_and_four_wait_at_most() -> None:
    _, founder = dealing(11, sealed=3)
    found = grants(founder, "below")
    assert [sealed for sealed, _ in found] == [True, True, True, False]
    assert [dealt_in(grant) for _, grant in found[:3]] == [{bytes([n]) * 32} for n in (1, 2, 3)]
    assert dealt_in(found[3][1])
    _, founder = dealing(11, sealed=4)
    assert [sealed for sealed, _ in grants(founder, "below")] == [True] * 4


def test_permits_of_a_week_that_is_over_leave_a_letter_that_was_never_sealed() -> None:
    stage, founder = dealing(11)
    stage.now += 7 * DAY
    founder.device = msgspec.structs.replace(founder.device, confirmed=day_of(stage.now))
    more(founder, WEEK + 1, 5)
    ((_, grant),) = grants(founder, "below")
    assert [dealt.week for dealt in grant.weeks] == [WEEK + 1]


def test_a_clock_that_runs_ahead_alone_takes_no_permits_out_of_a_letter() -> None:
    stage, founder = dealing(11)
    before = grants(founder, "below")
    stage.now += 7 * DAY
    more(founder, WEEK + 1, 5)
    assert grants(founder, "below") == before
    stage.now -= 7 * DAY
    again(founder)
    ((_, grant),) = grants(founder, "below")
    assert {dealt.week for dealt in grant.weeks} == {WEEK, WEEK + 1}
    assert dealt_in(before[0][1]) < dealt_in(grant)


def test_letters_of_permits_lapse_with_their_weeks_and_leave_room_for_others() -> None:
    stage, founder = dealing(11, sealed=4)
    assert len(grants(founder, "below")) == 4
    stage.now += 14 * DAY
    founder.device = msgspec.structs.replace(founder.device, confirmed=day_of(stage.now))
    turn = turn_of(founder)
    granting.tidy(turn)
    founder.device = turn.device
    assert not grants(founder, "below")
    more(founder, WEEK + 2, 5)
    assert [sealed for sealed, _ in grants(founder, "below")] == [False]


def test_a_clock_that_runs_ahead_for_a_beat_loses_no_permits_in_stock() -> None:
    stage, _, founder, _ = grown()
    before = founder.device.trust.stocks
    assert [s.week for s in before] == [WEEK, WEEK + 1, WEEK + 2]
    stage.now += 15 * DAY
    turn = turn_of(founder)
    granting.tidy(turn)
    assert turn.device.trust.stocks == before


def test_a_clock_that_went_back_leaves_a_letter_of_permits_as_it_is() -> None:
    stage, founder = dealing(11)
    more(founder, WEEK + 2, 5)
    before = grants(founder, "below")
    stage.now -= 7 * DAY
    more(founder, WEEK, 5)
    assert grants(founder, "below") == before


def test_of_a_need_no_more_is_told_on_than_its_share_of_what_we_get() -> None:
    _, _, founder, _ = grown()
    one = next(r for r in founder.device.relations if r.role is Role.BELOW)
    for allowance, told in ((0, 65_535), (ALLOWANCE, 511), (3, 1)):
        trust = msgspec.structs.replace(founder.device.trust, needs={one.id: 65_535}, allowance=allowance)
        founder.device = msgspec.structs.replace(founder.device, trust=trust)
        assert granting.need_of(turn_of(founder)) == 1 + told + 1


def test_whoever_below_says_another_need_each_hour_fills_no_row_of_letters() -> None:
    """Or the owner's own letter to a link that is silent would wait behind them."""
    stage, _, founder, _ = grown()
    one = relation(founder, "below")
    for number in range(12):
        stage.now += 3_600
        trust = msgspec.structs.replace(founder.device.trust, needs={one.id: 40 if number % 2 else 3})
        founder.device = msgspec.structs.replace(founder.device, trust=trust)
        founder.do(ev.SendNow())
    waiting = relation(founder, "desk").channel.waiting
    assert sum(w.kind == LetterKind.NEED for w in waiting) == 1


def test_nobody_but_the_link_deals_and_nobody_but_the_pair_below_needs() -> None:
    _, _, founder, below = grown()
    grant = Letter(1, 0, 0, 0, 0, LetterKind.PERMITS, encode(Grant(1, 9, (Dealt(WEEK, (b"x" * 32,)),))))
    need = Letter(1, 0, 0, 0, 0, LetterKind.NEED, encode(Need(1, 9)))
    for actor, other in ((founder, "below"), (below, "founder")):
        turn, before = turn_of(actor), actor.device.trust
        told = {"below": (granting.take_grant, grant), "founder": (granting.take_need, need)}[other]
        told[0](turn, relation(actor, other).id, told[1])
        told[0](turn, b"nobody", told[1])
        assert turn.device.trust == before


@pytest.mark.parametrize(
    "body", [b"", b"no", encode(Grant(1, 0, ())), encode(Grant(1, 9, (Dealt(WEEK, ()), Dealt(WEEK, ()))))]
)
def test_what_is_no_letter_of_permits_changes_nothing(body: bytes) -> None:
    _, _, founder, below = grown()
    for take, actor, other, kind in (
        (granting.take_grant, below, "founder", LetterKind.PERMITS),
        (granting.take_need, founder, "below", LetterKind.NEED),
    ):
        turn = turn_of(actor)
        take(turn, relation(actor, other).id, Letter(1, 0, 0, 0, 0, kind, body))
        assert turn.device.trust == actor.device.trust


def test_a_link_cannot_choose_by_their_bytes_which_permits_stay() -> None:
    _, _, founder, below = grown()
    held = tuple(sorted(permits.derive(bytes(32), "held", i.to_bytes(2, "big")) for i in range(permits.STOCK_MOST)))
    trust = permits.Trust(stocks=(Stock(WEEK, held),))
    turn = Turn(msgspec.structs.replace(below.device, trust=trust), below.stage.now, below.chance)
    fakes = tuple(bytes(31) + bytes([i]) for i in range(permits.PERMITS_A_LETTER))
    grant = encode(Grant(1, ALLOWANCE, (Dealt(WEEK, fakes),)))
    granting.take_grant(turn, relation(below, "founder").id, Letter(1, 0, 0, 0, 0, LetterKind.PERMITS, grant))
    after = turn.device.trust.stock(WEEK).permits
    assert len(after) == permits.STOCK_MOST
    assert 0 < len(set(after) & set(fakes)) < len(fakes)
    assert list(after) == sorted(after)
    assert founder.device.trust.stocks


def test_permits_go_in_an_order_that_the_desk_does_not_know() -> None:
    stage, desk, founder, below = grown()
    unbounded(below, founder, 40)
    stage.beat(below, founder, rounds=4)
    unbounded(founder, desk, 200)
    stage.beat(founder, desk, rounds=8)
    held = founder.device.trust.stock(WEEK + 2).permits
    assert len(held) > 100
    turn = turn_of(founder)
    drawn = granting._draw(turn, b"somebody below...", WEEK + 2, 40, 1)
    assert len(set(drawn)) == 40
    assert set(drawn) | set(turn.device.trust.stock(WEEK + 2).permits) == set(held)
    assert list(drawn) != sorted(drawn)
    places = [held.index(one) for one in drawn]
    assert max(places) > 80
    assert min(places) < 40


def test_a_device_keeps_its_own_permit_back() -> None:
    _, _, founder, _ = grown()
    trust = permits.Trust(stocks=(Stock(WEEK, (b"a" * 32,)),))
    turn = Turn(msgspec.structs.replace(founder.device, trust=trust), founder.stage.now, founder.chance)
    assert granting._draw(turn, b"x", WEEK, 5, 1) == ()
    with_tokens = trust.with_purse(Purse(WEEK, (b"",) * REPORTS_A_WEEK))
    turn = Turn(msgspec.structs.replace(founder.device, trust=with_tokens), founder.stage.now, founder.chance)
    assert granting._draw(turn, b"x", WEEK, 5, 1) == (b"a" * 32,)


def test_permits_of_weeks_that_are_over_are_forgotten() -> None:
    stage, _, founder, _ = grown()
    assert founder.device.trust.stocks
    stage.now += 28 * DAY
    founder.device = msgspec.structs.replace(founder.device, confirmed=day_of(stage.now))
    founder.do(ev.Beat(1.0))
    assert founder.device.trust.stocks == ()


def test_a_need_is_told_in_three_binary_digits() -> None:
    assert [permits.rounded(n) for n in (1, 3, 7, 8, 9, 15, 17, 33, 81, 1_000_000)] == [
        *(1, 3, 7, 8, 10, 16, 20, 40, 96),
        permits.NEED_MOST,
    ]


def test_a_label_is_told_by_the_secret_alone() -> None:
    permit = make(bytes(32), bytes(16))
    assert label_of(bytes(32), permit) == FULL
    assert label_of(bytes(32), make(bytes(32), bytes(16), LESSER)) == LESSER
    assert label_of(b"1" * 32, permit) == ""
    assert label_of(b"", permit) == ""


def test_the_state_comes_back_from_its_bytes() -> None:
    for actor in grown()[1:]:
        assert load(save(actor.device)) == actor.device
        assert actor.device.trust.asking is None


def test_what_was_told_and_dealt_is_forgotten_with_a_neighbour() -> None:
    """Both sides have one id for a relation: it would show whose neighbour somebody was who has been dropped."""
    stage, _, founder, below = grown()
    for actor, name in ((below, "founder"), (founder, "below")):
        gone = relation(actor, name).id
        assert gone in save(actor.device)
        kept = tuple(r for r in actor.device.relations if r.id != gone)
        actor.device = msgspec.structs.replace(actor.device, relations=kept)
        stage.beat(actor)
        assert gone not in save(actor.device)


def test_keys_of_a_far_week_of_another_length_or_drawn_twice_are_let_go() -> None:
    _, desk, _, _ = grown()
    before = desk.device
    for event in (
        ev.TokenKeysDrawn(WEEK, PRIVATE[256:] + PRIVATE[:256]),
        ev.TokenKeysDrawn(WEEK + 3, PRIVATE),
        ev.TokenKeysDrawn(WEEK - 1, PRIVATE),
    ):
        desk.do(event)
        assert desk.device == before


@pytest.mark.full
def test_a_link_that_spends_all_that_it_can_get_makes_an_abnormal_week() -> None:
    """It has its share of the allowance, of one week, and the desk sees that week."""
    stage, desk, founder, below = grown()
    for _ in range(2):
        stage.now += 7 * DAY
        stage.beat(desk, founder, below, rounds=6)
    assert desk.device.office is not None
    week = week_of(day_of(stage.now))
    assert "abnormal" not in strength(desk.device.office.mints, week).biases
    unbounded(below, founder, 60_000)
    stage.beat(below, founder, desk, rounds=30)
    assert len(below.device.trust.stock(week + 1).permits) > 16
    held = below.device.trust.stock(week + 1)
    assert 0 < len(held.permits) <= (ALLOWANCE - 1) // 2
    place = next(i for i, m in enumerate(desk.device.office.mints) if m.keys.week == week + 1)
    turn, before = desk_turn(desk), mint(desk, place).count
    seen = [signed(turn, asked(desk, permit, permit, place)) for permit in held.permits[:16]]
    assert all(seen)
    assert signed(turn, asked(desk, held.permits[0], bytes(32), place)) == b""
    after = turn.device.office
    assert after is not None
    assert [m.count for m in after.mints if m.keys.week == week + 1] == [before + 16]
    assert "abnormal" in strength(after.mints, week + 2).biases
