"""Accusing: two who agree cut out a third, whichever of them begins and whatever is lost; nobody does it alone."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec
import pytest

from tercet.core import burning, cases, intake, parting, publishing, sending
from tercet.core import channel as letters
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import COMMITMENT, DUE_MOST
from tercet.core.burning import POINT, burns, draw, point_of
from tercet.core.cell import Role
from tercet.core.channel import LetterKind
from tercet.core.content import seal_word_content
from tercet.core.conversation import burn as burn_content
from tercet.core.cutting import ASKED_KEPT, PUT_EVERY, Cut, Stage
from tercet.core.days import DAY
from tercet.core.entry import RelayList
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.mail import _in_danger
from tercet.core.sending import _put_intake
from tercet.core.state import ARRIVING_MOST, load, save
from tercet.core.turn import Turn

from .scenes import relation
from .stage import Actor, Seeded
from .stage import Stage as Theatre
from .test_dealing import shares, tree
from .test_parting import names, points
from .test_understudy import covered

Scene = tuple[Theatre, Actor, Actor, Actor, Actor, Actor]
STRANGER = draw(b"a line of nobody's" + bytes(14))


def stage_of(actor: Actor, name: str) -> Stage:
    return relation(actor, name).cut.stage


def with_cut(actor: Actor, name: str, **fields: object) -> None:
    old = relation(actor, name)
    new = msgspec.structs.replace(old, cut=msgspec.structs.replace(old.cut, **fields))
    kept = tuple(new if r.id == old.id else r for r in actor.device.relations)
    actor.device = msgspec.structs.replace(actor.device, relations=kept)


def alarm(actor: Actor, name: str, point: bytes) -> None:
    """The neighbour's understudy was heard, as `test_understudy` has it."""
    with_cut(actor, name, stage=Stage.CALLED, point=point)


NOBODYS = bytes(64), b"\1" * 64, b"\2" * 64


def put_burn(actor: Actor, first: bytes, second: bytes, commitments: tuple[bytes, ...] = NOBODYS) -> None:
    """Somebody who holds a card puts two points into intake, whatever they are."""
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    content = burn_content((first, second), commitments, actor.chance(32), turn.now, turn.today)
    key = actor.device.board.key_for(turn.today)
    assert key is not None
    assert _put_intake(turn, seal_word_content(content, key.week, key.public), content.back, 0, b"", 0.0)
    for effect in turn.effects:
        actor.act(effect)


def entries(desk: Actor) -> int:
    return len(cases.office(Turn(desk.device, 0, desk.chance)).burned)


def gone(*actors: Actor) -> bool:
    return all("first" not in names(actor) for actor in actors)


# ---- two who agree


def test_the_partner_asks_the_link_who_agrees_and_every_neighbour_drops_the_one_who_was_taken() -> None:
    stage, desk, first, second, third, fourth = tree()
    second.do(ev.Burn("first"))
    assert stage_of(second, "first") is Stage.ASKING
    stage.beat(second, desk, rounds=3)
    assert [tell.facts for tell in desk.heard("burn_asked")] == [{"name": "first", "by": "second"}]
    assert stage_of(desk, "first") is Stage.ACCUSED
    stage.beat(desk, second, third, fourth, rounds=4)
    assert entries(desk) == 0, "the desk's owner has not agreed yet"
    desk.do(ev.Burn("first"))
    stage.beat(desk, second, third, fourth, rounds=3)
    assert gone(desk, second, third, fourth)
    assert entries(desk) == 1
    assert names(second) == {"desk"}


def test_two_below_agree_on_one_of_them_through_their_link() -> None:
    """Of the pair below, the one asks the link, and the link's owner sends both points to the desk."""
    stage, desk, first, second, third, fourth = tree()
    for one, other in ((third, fourth), (fourth, third)):
        assert "first" in names(one)
        assert other.name not in names(one)
    first.do(ev.Introduce("third", "fourth"))
    stage.beat(first, third, fourth, rounds=3)
    third.do(ev.AcceptIntroduction("fourth"))
    fourth.do(ev.AcceptIntroduction("third"))
    stage.beat(first, third, fourth, rounds=14)
    third.do(ev.WordsAgree("fourth"))
    fourth.do(ev.WordsAgree("third"))
    stage.beat(first, third, fourth, rounds=4)
    fourth.do(ev.Burn("third"))
    stage.beat(fourth, first, rounds=2)
    assert stage_of(first, "third") is Stage.ACCUSED
    first.do(ev.Burn("third"))
    assert stage_of(first, "third") is Stage.BURNING
    stage.beat(first, desk, fourth, second, rounds=3)
    assert "third" not in names(first) | names(fourth)
    assert {"second", "desk", "fourth"} <= names(first), "nobody else is dropped"
    assert "first" in names(fourth) & names(second) & names(desk)


@pytest.mark.parametrize("who", ["desk", "second", "third"])
def test_one_with_the_members_own_alarm_burns_alone(who: str) -> None:
    scene = stage, desk, first, second, third, fourth = tree()
    actor = next(a for a in scene[1:] if isinstance(a, Actor) and a.name == who)
    alarm(actor, "first", point_of(shares(first).own))
    actor.do(ev.Burn("first"))
    stage.beat(actor, desk, second, third, fourth, rounds=3)
    stage.beat(second, third, fourth)
    assert gone(desk, second, third, fourth)


def test_an_alarm_alone_brings_nothing_to_the_desk() -> None:
    stage, desk, first, second, third, fourth = tree()
    for actor in (desk, second, third):
        alarm(actor, "first", point_of(shares(first).own))
    stage.beat(desk, second, third, fourth, rounds=4)
    assert entries(desk) == 0
    assert "first" in names(desk) & names(second) & names(third) & names(fourth)


def test_who_had_asked_burns_when_the_alarm_comes() -> None:
    stage, desk, first, second, *_ = tree()
    second.do(ev.Burn("first"))
    body = point_of(shares(first).own)
    turn = Turn(second.device, stage.now, second.chance)
    told = letters.Letter(1, 0, 0, 0, stage.now, LetterKind.ALARM, body)
    assert _in_danger(turn, relation(second, "first"), told).cut.stage is Stage.BURNING


def test_two_who_ask_each_other_at_once_have_agreed() -> None:
    stage, desk, first, second, third, fourth = tree()
    second.do(ev.Burn("first"))
    desk.do(ev.Burn("first"))
    stage.beat(second, desk, rounds=4)
    assert gone(desk, second)
    assert entries(desk) == 1


def test_the_owner_who_says_no_keeps_the_neighbour_and_the_point_is_erased() -> None:
    stage, desk, first, second, *_ = tree()
    second.do(ev.Burn("first"))
    stage.beat(second, desk, rounds=2)
    point = relation(desk, "first").cut.point
    assert point == point_of(shares(first).partner)
    desk.do(ev.Spare("first"))
    assert relation(desk, "first").cut == Cut()
    assert point not in save(desk.device)
    second.do(ev.Spare("first"))
    assert relation(second, "first").cut == Cut()


def test_what_was_asked_lapses_after_two_weeks() -> None:
    stage, desk, first, second, *_ = tree()
    second.do(ev.Burn("first"))
    stage.beat(second, desk, rounds=2)
    stage.beat(desk, second, rounds=30, every=DAY // 2)
    assert (stage_of(second, "first"), stage_of(desk, "first")) == (Stage.QUIET, Stage.QUIET)
    assert len(second.heard("burn_lapsed")) == len(desk.heard("burn_lapsed")) == 1
    assert 30 * DAY // 2 > ASKED_KEPT


def test_what_a_burned_neighbour_asked_counts_no_longer() -> None:
    stage, desk, first, second, *_ = tree()
    first.do(ev.Burn("second"))
    stage.beat(first, desk, rounds=2)
    assert stage_of(desk, "second") is Stage.ACCUSED
    alarm(desk, "first", point_of(shares(first).own))
    desk.do(ev.Burn("first"))
    stage.beat(desk, second)
    assert "first" not in names(desk)
    assert relation(desk, "second").cut == Cut()


@pytest.mark.full
def test_at_the_default_pace_a_burn_is_through_within_a_day() -> None:
    """From the owner's second yes, with the alarm, to the last neighbour who beats under cover, every half hour."""
    for seed in range(6):
        stage, desk, first, *others = tree()
        for actor in (desk, *others):
            actor.chance = Seeded(f"{actor.name} {seed}")
        alarm(others[0], "first", point_of(shares(first).own))
        others[0].do(ev.Burn("first"))
        covered(stage, desk, *others, beats=48)
        assert gone(desk, *others), seed


# ---- nobody alone


def alone(scene: Scene, who: int) -> list[str]:
    """Whether one neighbour of the first, who holds its whole device, gets the first dropped by anybody else.

    It says burn, and it puts into intake every two points that it can think of: its own twice, its own beside one
    made up, and the two that it holds of two lines. Whoever drops the first is named.
    """
    stage, desk, first, *others = scene
    actor = (desk, *others)[who]
    everyone = (desk, *others)
    own = point_of(relation(actor, "first").share)
    try:
        actor.do(ev.Burn("first"))
    except Refusal as refusal:
        assert refusal.code == "burn_alone"
    held = [point_of(r.share) for r in actor.device.relations if r.share] + [point_of(s) for s in actor.device.shares]
    sender = others[0] if actor is desk else actor
    for other in (own, point_of(STRANGER.own), point_of(STRANGER.link), *held):
        put_burn(sender, own, other)
    stage.beat(*everyone, rounds=4)
    return [one.name for one in everyone if one is not actor and "first" not in names(one)]


@pytest.mark.parametrize("who", range(4))
def test_no_single_neighbour_can_burn(who: int) -> None:
    assert alone(tree(), who) == []


FAULTS: dict[str, tuple[int, Callable[[bytes, bytes, bytes], bool]]] = {
    "without the check, who holds the posted point is on every line through it": (
        2,
        lambda share, a, b: burning.on_line(burning.line_through(a, b), point_of(share)) if a[:32] != b[:32] else False,
    ),
    "one known point is enough": (2, lambda share, a, b: point_of(share) in (a, b)),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_that_lets_one_burn_alone_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    who, burned = FAULTS[fault]
    monkeypatch.setattr(parting, "burns", burned)
    assert alone(tree(), who) == ["fourth"], "the other of the pair below holds the same point"


def test_one_of_the_pair_below_can_ask_nobody() -> None:
    _, _, _, _, third, _ = tree()
    before = third.device
    with pytest.raises(Refusal, match="burn_alone"):
        third.do(ev.Burn("first"))
    assert third.device == before


def test_a_member_burns_no_desk_and_nobody_it_does_not_know() -> None:
    _, desk, first, second, *_ = tree()
    for name, code in (("desk", "burn_no_share"), ("nobody", "unknown_neighbour")):
        with pytest.raises(Refusal, match=code):
            second.do(ev.Burn(name))
    with pytest.raises(Refusal, match="unknown_neighbour"):
        second.do(ev.Spare("nobody"))


def test_who_was_introduced_and_is_not_met_is_not_asked() -> None:
    _, desk, first, second, *_ = tree()
    kept = tuple(msgspec.structs.replace(r, met=r.role is not Role.DESK) for r in second.device.relations)
    second.device = msgspec.structs.replace(second.device, relations=kept)
    with pytest.raises(Refusal, match="burn_alone"):
        second.do(ev.Burn("first"))


# ---- points that are none, and replays


@pytest.mark.parametrize("body", [b"", bytes(63), bytes(64), b"\xff" * 64, bytes(65)])
def test_a_point_that_burns_nobody_here_changes_nothing(body: bytes) -> None:
    stage, desk, first, second, *_ = tree()
    ask(second, "desk", body)
    before = [r.cut for r in desk.device.relations]
    stage.beat(second, desk, rounds=3)
    assert [r.cut for r in desk.device.relations] == before
    assert relation(second, "desk").channel.waiting == ()
    assert not desk.heard("burn_asked")


def ask(actor: Actor, to: str, body: bytes) -> None:
    old = relation(actor, to)
    new = msgspec.structs.replace(old, channel=letters.write(old.channel, LetterKind.ASK, body))
    kept = tuple(new if r.id == old.id else r for r in actor.device.relations)
    actor.device = msgspec.structs.replace(actor.device, relations=kept)


def test_nobody_is_accused_by_itself_or_with_the_point_that_is_held_anyway() -> None:
    stage, desk, first, second, *_ = tree()
    ask(first, "desk", point_of(shares(first).own))
    ask(second, "desk", point_of(shares(first).link))
    stage.beat(first, second, desk, rounds=2)
    assert stage_of(desk, "first") is Stage.QUIET


def test_asking_again_while_the_letter_waits_writes_no_second_one() -> None:
    _, _, _, second, *_ = tree()
    for _ in range(3):
        second.do(ev.Burn("first"))
    waiting = [w.kind for w in relation(second, "desk").channel.waiting]
    assert waiting.count(LetterKind.ASK) == 1


def test_a_burn_that_comes_again_is_posted_once_whichever_two_points_are_sent() -> None:
    stage, desk, first, second, third, fourth = tree()
    burn = points(first)
    for pair in ((burn[0], burn[1]), (burn[1], burn[0]), (burn[2], burn[3]), (burn[0], burn[1])):
        put_burn(third, *pair)
    stage.beat(desk, second, third, fourth, rounds=2)
    assert entries(desk) == 1
    assert gone(second, third, fourth, desk)
    assert len(second.heard("burned")) == 1


def test_no_more_than_eight_burns_a_day_are_posted_and_the_ninth_comes_again() -> None:
    stage, desk, first, second, third, fourth = tree()
    for number in range(publishing.BURNS_A_DAY):
        nobody = draw(bytes([number + 1]) * 32)
        put_burn(third, point_of(nobody.own), point_of(nobody.link))
    stage.beat(desk, rounds=2)
    assert entries(desk) == publishing.BURNS_A_DAY
    alarm(second, "first", point_of(shares(first).own))
    second.do(ev.Burn("first"))
    stage.beat(second, desk, rounds=2)
    assert "first" in names(second)
    stage.beat(second, desk, third, fourth, rounds=3, every=DAY)
    assert gone(desk, second, third, fourth)


def test_a_frame_whose_points_have_no_line_is_noise() -> None:
    stage, desk, first, _, third, _ = tree()
    same = points(first)[0]
    put_burn(third, same, same)
    stage.beat(desk)
    assert len(desk.heard("strange_frame")) == 1
    assert entries(desk) == 0


def test_a_burn_is_answered_as_a_dummy_is() -> None:
    stage, desk, first, _, third, _ = tree()
    awaited = len(third.device.returns)
    put_burn(third, *points(first)[:2])
    before = len(desk.stage.asked)
    stage.beat(desk)
    puts = [op for op in stage.asked[before:] if type(op).__name__ == "Put"]
    assert len(puts) >= 1
    assert len(third.device.returns) == awaited


def test_a_burn_goes_before_reports_and_again_every_four_hours_until_it_is_posted() -> None:
    stage, desk, first, second, *_ = tree()
    second.do(ev.WriteReport("They took her.", None, None, ()))
    alarm(second, "first", point_of(shares(first).own))
    second.do(ev.Burn("first"))
    turn = Turn(second.device, stage.now, second.chance)
    assert sending.send_one(turn, 0.0)
    kept = next(r for r in turn.device.relations if r.name == "first").cut
    assert kept.put == stage.now - stage.now % PUT_EVERY
    assert not any(r.put for r in turn.device.reports)
    assert sending.send_one(turn, 0.0)
    assert sum(isinstance(e, fx.PutItem) for e in turn.effects) == 2
    assert next(r for r in turn.device.relations if r.name == "first").cut.put == kept.put, "the report had its turn"
    again = Turn(turn.device, kept.put + PUT_EVERY, second.chance)
    sending.send_all(again)
    assert next(r for r in again.device.relations if r.name == "first").cut.put == kept.put + PUT_EVERY


def test_a_board_under_another_key_says_all_burns_again() -> None:
    stage, desk, first, second, *_ = tree()
    put_burn(second, *points(first)[:2])
    stage.beat(desk)
    turn = Turn(desk.device, stage.now, desk.chance)
    before = len(cases.office(turn).posts)
    relays = desk.device.board.relays or RelayList(desk.device.table, desk.device.shards)
    publishing.publish_again(turn, relays, ())
    kinds = len(cases.office(turn).posts) - before
    cases.change(turn, burned=())
    again = len(cases.office(turn).posts)
    publishing.publish_again(turn, relays, ())
    assert kinds == len(cases.office(turn).posts) - again + 1


# ---- kill -9


class Killed:
    """Kills whoever acts at the n-th effect of the scene: it is lost, and those to the next beat too."""

    def __init__(self, at: int) -> None:
        self.at, self.seen, self.until = at, 0, 0

    def dies(self, stage: Theatre) -> Callable[[fx.Effect], bool]:
        """For one actor: whether an effect happens."""

        def happens(effect: fx.Effect) -> bool:
            self.seen += 1
            if self.seen == self.at:
                self.until = stage.now
            return stage.now != self.until

        return happens


def scene_of(killed: Killed) -> tuple[Actor, Actor, Actor, Actor]:
    stage, desk, first, second, third, fourth = copy.deepcopy(SCENE)
    for actor in (desk, second):
        actor.before_act = killed.dies(stage)
    second.do(ev.Burn("first"))
    stage.beat(second, desk, rounds=2)
    if stage_of(desk, "first") is Stage.QUIET:
        stage.beat(second, desk, rounds=3, every=DAY)
    desk.do(ev.Burn("first"))
    stage.beat(desk, second, third, fourth, rounds=3, every=PUT_EVERY)
    return desk, second, third, fourth


SCENE = tree()


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.full)])
def test_a_process_killed_at_any_effect_loses_nothing_and_burns_nobody_else(every: int) -> None:
    whole = Killed(0)
    scene_of(whole)
    assert whole.seen > 20
    for at in range(1, whole.seen + 1, every):
        desk, second, third, fourth = scene_of(Killed(at))
        assert gone(desk, second, third, fourth), at
        assert entries(desk) == 1
        assert {name for name in names(desk) if not name.startswith("adopted")} == {"second"}
        assert names(second) == {"desk"}


def test_a_vault_that_went_back_a_step_asks_and_burns_again() -> None:
    stage, desk, first, second, third, fourth = tree()
    alarm(second, "first", point_of(shares(first).own))
    saved = save(second.device)
    second.do(ev.Burn("first"))
    second.do(ev.SendNow())
    second.device = load(saved)
    second.do(ev.WentBack())
    second.do(ev.Burn("first"))
    stage.beat(second, desk, third, fourth, rounds=3)
    assert gone(desk, second, third, fourth)
    assert entries(desk) == 1


def test_nothing_of_a_cut_is_left_once_the_neighbour_is_gone() -> None:
    stage, desk, first, second, *_ = tree()
    alarm(second, "first", point_of(shares(first).own))
    second.do(ev.Burn("first"))
    assert point_of(shares(first).own) in save(second.device)
    stage.beat(second, desk, rounds=3)
    assert "first" not in names(second)
    assert not any(point in save(second.device) for point in points(first))


# ---- what the points and the burns of nobody do


def sent_by(actor: Actor, name: str) -> set[bytes]:
    """The points that a device sends to the desk about a neighbour."""
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    with pytest.MonkeyPatch.context() as patched:
        found: list[bytes] = []
        patched.setattr(sending, "burn", lambda both, *rest: found.extend(both) or burn_content(both, *rest))
        sending._put_burn(turn, relation(actor, name))
    return set(found)


def test_the_posted_points_do_not_tell_the_burned_member_who_burned_it() -> None:
    _, _, first, second, *_ = tree()
    alarm(second, "first", point_of(shares(first).own))
    second.do(ev.Burn("first"))
    held = {point_of(share) for share in shares(first)}
    sent = sent_by(second, "first")
    assert len(sent) == 2
    assert not sent & held
    assert all(burns(share, *sent) for share in shares(first))


def test_points_that_are_sent_as_they_are_held_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "two_others", lambda first, second, _: (first, second))
    _, _, first, second, *_ = tree()
    alarm(second, "first", point_of(shares(first).own))
    second.do(ev.Burn("first"))
    assert sent_by(second, "first") <= {point_of(share) for share in shares(first)}


def flooded(days: int) -> Turn:
    """A desk that nobody is heard at, to which somebody with a card sends burns of nobody every day."""
    stage, desk, *_ = tree()
    turn = Turn(desk.device, stage.now, desk.chance)
    for day in range(days):
        turn = Turn(turn.device, stage.now + day * DAY, desk.chance)
        for number in range(publishing.BURNS_A_DAY):
            nobody = draw((day * publishing.BURNS_A_DAY + number).to_bytes(32, "big"))
            points = point_of(nobody.own), point_of(nobody.link)
            publishing.post_burn(
                turn, points, (desk.chance(COMMITMENT), desk.chance(COMMITMENT), desk.chance(COMMITMENT))
            )
    return turn


EIGHT = tuple(f"tercet://relay-{number}.example:7443/{'a' * 52}#{'b' * 43}" for number in range(8))


def test_a_flood_of_burns_of_nobody_does_not_shut_the_desks_intake() -> None:
    turn = flooded(30)
    assert turn.roomy(ARRIVING_MOST - intake.BATCH_MOST)
    for number, post in enumerate(cases.office(turn).posts):
        for relay in EIGHT:
            publishing.stored(turn, publishing._post_ref(number, relay, post.item), relay)
    posts = cases.office(turn).posts
    assert all(len(post.stored) >= len(EIGHT) for post in posts)
    burnt = posts[-30 * publishing.BURNS_A_DAY :]
    assert max(len(post.item) for post in burnt) < 400
    a_burn, (*_, due) = len(encode(burnt[-1])) + 2 * POINT + 16, cases.office(turn).due
    taken = publishing.BURNS_MOST * a_burn + DUE_MOST * len(encode(msgspec.structs.replace(due, call=bytes(32))))
    assert taken < 0.8 * (ARRIVING_MOST - intake.BATCH_MOST)
    whole = tuple(msgspec.structs.replace(post, item=publishing.frame_of(turn, post)) for post in posts)
    cases.change(turn, posts=whole)  # as if each burn were kept as the frame that it travels in
    assert not turn.roomy(ARRIVING_MOST - intake.BATCH_MOST)


def test_a_flood_pushes_out_the_oldest_burns_and_holds_up_no_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "BURNS_MOST", 20)
    turn = flooded(4)
    burned = cases.office(turn).burned
    assert len(burned) == 20
    assert burned[-1][1] == turn.now
