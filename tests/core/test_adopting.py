"""Adoption from afar: a pair whose link was cut out calls the desk, and is linked to it as founders are."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec
import pytest

from tercet.core import adopting, adoption, burning, calling, committing, granting, minting, publishing, relinking
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import ADOPTED_MOST, CALL_EVERY, CALL_KEPT, COMMITMENT_KEPT, DUE_MOST, Due, commitment_of
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.content import seal_word_content
from tercet.core.conversation import call as call_content
from tercet.core.days import DAY, day_of, week_of
from tercet.core.errors import Refusal
from tercet.core.permits import FULL, LESSER, label_of
from tercet.core.relation import ADOPTED_YOUNG, FIRST_TEXT, is_young
from tercet.core.sending import _put_intake
from tercet.core.state import Office, load, save
from tercet.core.tokens import REPORTS_A_WEEK
from tercet.core.turn import Turn

from .scenes import act_on_everything, crash_after_saving, drop_effects, items_at, relation, report, send_letter
from .stage import RELAY, Actor, Seeded, Stage
from .test_accusing import put_burn
from .test_dealing import tree
from .test_parting import names, points
from .test_relinking import tried
from .test_understudy import covered

Scene = tuple[Stage, Actor, Actor, Actor, Actor, Actor]
_SCENES: dict[str, Scene] = {}


def family() -> Scene:
    """A desk, two founders, and a pair of partners below the first; everything is handed."""
    if "family" not in _SCENES:
        stage, desk, first, second, third, fourth = tree()
        stage.meet(third, fourth, Role.PARTNER)
        stage.beat(desk, first, second, third, fourth, rounds=4)
        _SCENES["family"] = stage, desk, first, second, third, fourth
    return copy.deepcopy(_SCENES["family"])


def office_of(desk: Actor) -> Office:
    assert desk.device.office is not None
    return desk.device.office


def cut_out(second: Actor, desk: Actor, first: Actor) -> None:
    """The partner burns the one who was taken: its point and the link's, and the commitments that it was handed."""
    gone = relation(second, "first")
    put_burn(second, *points(first)[1:3], committing.about(second.device, gone))


def orphans() -> Scene:
    """The first was cut out, and the pair below it has read so."""
    scene = stage, desk, first, second, third, fourth = family()
    cut_out(second, desk, first)
    stage.beat(desk, second, third, fourth, rounds=2)
    assert third.device.calling is not None
    assert fourth.device.calling is not None
    return scene


def adopted() -> Scene:
    """The pair is adopted, and has written so."""
    scene = stage, desk, _, second, third, fourth = orphans()
    stage.beat(third, fourth, desk, rounds=6)
    assert (names(third), names(fourth)) == ({"fourth", "desk"}, {"third", "desk"})
    return scene


def salted(secret: bytes) -> bytes:
    return adoption.handed(commitment_of(secret), b"a salt of thirty-two bytes......")


def commits(held: tuple[bytes, ...], secrets: list[bytes]) -> bool:
    """Whether each of the secrets is committed to among what is held."""
    return all(any(Due(each, 0).is_of(secret) for each in held) for secret in secrets)


def put_call(actor: Actor, body: bytes) -> None:
    """Somebody who holds a card puts a call into intake, whatever it is."""
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    content = call_content(body, actor.chance(32), turn.now, turn.today)
    key = actor.device.board.key_for(turn.today)
    assert key is not None
    assert _put_intake(turn, seal_word_content(content, key.week, key.public), content.back, 0, b"", 0.0)
    actor.device = turn.device
    for effect in turn.effects:
        actor.act(effect)


def call_of(secret: bytes) -> adoption.Calling:
    return adoption.call_with(secret, b"", Seeded("shared")(32), 0, Seeded("call"))


def works(stage: Stage, desk: Actor, member: Actor, name: str) -> None:
    """Letters pass both ways."""
    send_letter(member, "desk", f"from {member.name}")
    desk.do(ev.WriteLetter(name, f"to {member.name}"))
    stage.beat(member, desk, rounds=4)
    assert relation(desk, name).notes[-1].text == f"from {member.name}"
    assert relation(member, "desk").notes[-1].text == f"to {member.name}"


# ---- commitments


def test_a_link_gets_a_commitment_at_the_meeting_and_never_the_secret() -> None:
    _, _, first, _, third, fourth = family()
    for one in (third, fourth):
        secret = relation(one, "first").adoption
        assert len(secret) == 32
        assert relation(first, one.name).commitment == commitment_of(secret)
        assert secret not in save(first.device)
    assert relation(third, "first").adoption != relation(fourth, "first").adoption


def test_only_who_will_be_below_gives_one() -> None:
    _, desk, first, second, third, _ = family()
    held = [relation(desk, "first"), relation(desk, "second")]
    assert not any(r.commitment != relation(desk, r.name).commitment or r.adoption for r in held)
    assert relation(first, "desk").adoption == relation(second, "first").adoption == b""
    assert relation(third, "fourth").adoption == b""


def test_a_link_hands_them_to_its_partner_and_its_link() -> None:
    _, desk, first, second, third, fourth = family()
    secrets = [relation(one, "first").adoption for one in (third, fourth)]
    for held in (relation(second, "first").branch, relation(desk, "first").branch):
        assert commits(held, secrets)
    assert relation(third, "first").branch == ()
    assert commits((relation(third, "fourth").commitment,), [relation(fourth, "first").adoption])
    assert not [w for r in first.device.relations for w in r.channel.waiting if w.kind == LetterKind.COMMIT]


def test_who_has_nobody_below_hands_two_that_look_alike() -> None:
    _, desk, first, second, *_ = family()
    for holder, name in ((first, "second"), (desk, "second"), (second, "first"), (desk, "first")):
        assert [len(each) for each in relation(holder, name).branch] == [64, 64]
    assert not set(relation(first, "second").branch) & set(relation(desk, "second").branch)


def test_nothing_is_handed_of_somebody_below_whose_words_were_not_compared() -> None:
    _, _, first, _, third, fourth = family()
    unmet = tuple(msgspec.structs.replace(r, met=r.name != "third") for r in first.device.relations)
    handed = committing.ours(msgspec.structs.replace(first.device, relations=unmet), b"i" * 16)
    there = [commits(handed.below, [relation(one, "first").adoption]) for one in (third, fourth)]
    assert there == [False, True]


@pytest.mark.parametrize("body", [b"", b"\x93\x01\xc4\x00\x90", bytes(99)])
def test_bytes_that_hand_nothing_change_nothing(body: bytes) -> None:
    stage, _, _, second, *_ = family()
    turn = Turn(second.device, stage.now, second.chance)
    letter = adoption_letter(body)
    committing.take(turn, relation(second, "first").id, letter)
    committing.take(turn, b"x" * 16, letter)
    assert turn.device == second.device


def adoption_letter(body: bytes, kind: int = LetterKind.COMMIT) -> Letter:
    return Letter(1, 9, 0, 9, 0, kind, body)


def test_a_burn_takes_the_commitments_of_those_below_along_whoever_sends_it() -> None:
    _, desk, first, second, third, fourth = family()
    secrets = [relation(one, "first").adoption for one in (third, fourth)]
    for one in (desk, second, third, fourth):
        assert commits(committing.about(one.device, relation(one, "first")), secrets), one.name


def test_a_burn_of_somebody_with_nobody_below_takes_two_along_too() -> None:
    _, _, first, second, third, fourth = family()
    for one, name in ((first, "second"), (third, "fourth"), (first, "third")):
        sent = committing.about(one.device, relation(one, name))
        assert [len(each) for each in sent] == [64, 64, 64]
        assert sent == committing.about(one.device, relation(one, name))


# ---- adoption


def test_a_pair_whose_link_was_cut_out_is_adopted_by_the_desk() -> None:
    stage, desk, first, second, third, fourth = adopted()
    assert names(desk) == {"second", "adopted 1", "adopted 2"}
    assert len(desk.heard("adopted_somebody")) == 2
    for one in (third, fourth):
        assert [t.what for t in one.told if t.what.startswith("adopt")] == ["adoption_begun", "adopted"]
        assert one.device.calling is None
        assert relation(one, "desk").role is Role.DESK
        assert relation(one, "desk").pair == relation(second, "desk").pair
    ids = {r.name: r.id for r in desk.device.relations}
    for name in ("adopted 1", "adopted 2"):
        member = next(m for m in (third, fourth) if relation(m, "desk").id == ids[name])
        works(stage, desk, member, name)
    assert not third.heard("pair_differs") + fourth.heard("pair_differs")


def test_the_desk_learns_nothing_of_who_it_adopted() -> None:
    _, desk, first, second, third, fourth = adopted()
    for name in ("adopted 1", "adopted 2"):
        held = relation(desk, name)
        assert (held.met, held.share, held.role) == (False, b"", Role.FOUNDER)
    state = save(desk.device)
    assert not [name for name in (b"third", b"fourth") if name in state]


def test_who_is_adopted_is_introduced_and_not_met_and_both_see_the_same_words() -> None:
    _, desk, _, _, third, _ = adopted()
    ours = relation(third, "desk")
    theirs = next(r for r in desk.device.relations if r.id == ours.id)
    assert (ours.met, theirs.met) == (False, False)
    assert ours.likeness == theirs.likeness != b""
    assert not ours.dealt


def test_reports_and_conversations_survive_it() -> None:
    stage, desk, first, second, third, fourth = family()
    number = report(third, "before")
    stage.beat(desk, third, rounds=2)
    desk.do(ev.Reply(1, "Where was it?"))
    third.do(ev.WriteReport("while alone", None, None, ()))
    cut_out(second, desk, first)
    stage.beat(desk, second, third, fourth, rounds=8, every=CALL_EVERY)
    assert "desk" in names(third)
    assert [n.text for r in third.device.reports if r.number == number for n in r.notes] == ["Where was it?"]
    assert {case.content.text for case in desk.reports.values()} == {"before", "while alone"}


@pytest.mark.full
def test_under_cover_a_pair_is_adopted_within_two_days() -> None:
    stage, desk, _, _, third, fourth = orphans()
    covered(stage, desk, third, fourth, beats=96)
    assert "desk" in names(third) & names(fourth)


# ---- once, and not without a burn


def places(desk: Actor, calls: list[bytes], caller: Actor) -> list[int]:
    """How many a desk has adopted after each call."""
    counts = []
    for body in calls:
        put_call(caller, body)
        desk.stage.beat(desk, rounds=2)
        counts.append(sum(bool(r.adopted) for r in desk.device.relations))
    return counts


def fresh_burn(stage: Stage, desk: Actor, second: Actor, first: Actor, secret: bytes) -> None:
    put_burn(second, *points(first)[1:3], (*sorted((salted(secret), bytes(64))), b"\2" * 64))
    stage.beat(desk, rounds=2)


def adopts_twice() -> bool:
    """Whether a desk adopts a second caller who knows the same secret."""
    stage, desk, first, second, third, _ = family()
    secret = b"s" * 32
    fresh_burn(stage, desk, second, first, secret)
    other = adoption.call_with(secret, b"", b"other" * 6 + b"xx", 0, Seeded("other"))
    return places(desk, [call_of(secret).body, other.body], second) != [1, 1]


def adopts_without_a_burn() -> bool:
    stage, desk, first, second, *_ = family()
    return places(desk, [call_of(b"s" * 32).body], second) != [0]


def calls_without_a_burn() -> bool:
    """Whether a device calls whose link was not cut out, though its partner was."""
    stage, desk, first, second, third, fourth = family()
    put_burn(first, *points(third)[1:3])
    called = False
    for _ in range(3):
        stage.beat(desk, first, second, fourth)
        called = called or any(one.device.calling for one in (first, second, fourth))
    assert "third" not in names(fourth) | names(first)
    return called


def test_a_commitment_adopts_once_and_a_second_caller_is_refused() -> None:
    assert not adopts_twice()


def test_a_desk_that_adopts_twice_for_one_commitment_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopting, "_happening", lambda due, body: adoption.Happening.CALL)
    monkeypatch.setattr(Due, "move", lambda due, happening: (due, True))
    assert adopts_twice()


def test_nobody_is_adopted_without_a_burn() -> None:
    assert not adopts_without_a_burn()


def test_a_desk_that_adopts_without_a_burn_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopting, "find", lambda turn, secret: Due(salted(secret), turn.now))
    assert adopts_without_a_burn()


def test_nobody_calls_whose_link_was_not_cut_out() -> None:
    assert not calls_without_a_burn()


def test_a_device_that_calls_when_a_partner_was_cut_out_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(turn: Turn, gone: object) -> None:
        turn.change(calling=call_of(b"s" * 32))

    monkeypatch.setattr(calling, "begin", fault)
    assert calls_without_a_burn()


def test_the_same_call_again_is_answered_the_same_until_the_one_adopted_has_written() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    ours = call_of(b"s" * 32)
    assert places(desk, [ours.body] * 3, second) == [1, 1, 1]
    (due,) = [one for one in office_of(desk).due if one.call]
    assert adoption.finish(ours, due.answer, "desk").id == due.relation
    turn = Turn(desk.device, stage.now, desk.chance)
    said = [adopting.take(turn, ours.body) for _ in range(2)]
    assert [letter.body for letter in said if letter] == [due.answer] * 2
    adopting.heard(turn, due.relation)
    assert adopting.take(turn, ours.body) is None
    assert due.answer not in save(turn.device)


def test_commitments_that_come_with_a_burn_that_is_posted_already_count_not() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    fresh_burn(stage, desk, second, first, b"t" * 32)
    assert places(desk, [call_of(b"t" * 32).body], second) == [0]
    assert len(office_of(desk).due) == 3


def everything_tried(stage: Stage, desk: Actor, second: Actor, first: Actor, third: Actor, fourth: Actor) -> list[int]:
    """How many a desk adopts for the true burn, while a third party does what it can; after each try.

    The third party holds what five devices hold of the commitments of the pair, and both secrets, too; the link handed
    its commitments to whoever wanted them, who send them in with burns of their own, before and after.
    """
    link = [relation(first, one.name).commitment for one in (third, fourth)]
    secrets = [relation(one, "first").adoption for one in (third, fourth)]
    again = [tuple(sorted(adoption.handed(each, bytes([salt] * 32)) for each in link)) for salt in (1, 2)]
    put_burn(second, *nobodys_points("before"), (*again[0], b"\3" * 64))
    stage.beat(desk, rounds=2)
    cut_out(second, desk, first)
    stage.beat(desk, rounds=2)
    put_burn(second, *nobodys_points("after"), (*again[1], b"\4" * 64))
    stage.beat(desk, rounds=2)
    stolen = [*link, *(each[32:] for each in relation(second, "first").branch)]
    calls = [call_of(each).body for each in stolen * 2]
    counts = places(desk, calls, second)
    before = desk.device
    keyed = [adoption.call_with(each, b"", bytes([n] * 32), 0, Seeded(str(n))) for n in range(3) for each in secrets]
    counts += places(desk, [one.body for one in keyed], second)
    desk.device = before  # its vault went back
    return counts + places(desk, [one.body for one in (*keyed[2:], *keyed)], second)


def nobodys_points(line: str) -> tuple[bytes, bytes]:
    nobody = burning.draw(line.encode().ljust(32))
    return burning.point_of(nobody.own), burning.point_of(nobody.link)


ONE_PAIR = [0] * 8 + [1] + [2] * 5 + [1] + [2] * 9


def test_a_burn_is_followed_by_one_adoption_of_one_pair_whoever_calls_and_whatever_is_sent_in() -> None:
    stage, desk, first, second, third, fourth = family()
    assert everything_tried(stage, desk, second, first, third, fourth) == ONE_PAIR


def test_a_desk_that_takes_a_commitment_for_its_secret_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "commitment_of", lambda secret: secret)
    stage, desk, first, second, third, fourth = family()
    assert everything_tried(stage, desk, second, first, third, fourth) != ONE_PAIR


def test_a_desk_that_adopts_for_each_burn_in_which_a_secret_came_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(turn: Turn, secret: bytes) -> Due | None:
        known = [one for one in office_of_turn(turn).due if one.is_of(secret)]
        return next((one for one in known if not one.call), known[0] if known else None)

    monkeypatch.setattr(adopting, "find", fault)
    stage, desk, first, second, third, fourth = family()
    assert everything_tried(stage, desk, second, first, third, fourth) != ONE_PAIR


def office_of_turn(turn: Turn) -> Office:
    assert turn.device.office is not None
    return turn.device.office


def test_a_commitment_that_came_before_is_kept_as_long_again_and_stays_what_it_is() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    assert places(desk, [call_of(b"s" * 32).body], second) == [1]
    (due,) = [one for one in office_of(desk).due if one.call]
    turn = Turn(desk.device, stage.now + DAY, desk.chance)
    adopting.note(turn, (due.commitment, bytes(64)))
    kept = {one.commitment: (one.stage, one.since) for one in office_of_turn(turn).due}
    assert kept[due.commitment] == (due.stage, turn.now)
    assert kept[bytes(64)] == (adoption.Stage.DUE, turn.now)
    assert kept[b"\2" * 64] == (adoption.Stage.VOID, due.since)


def test_of_too_many_commitments_the_oldest_go() -> None:
    stage, desk, *_ = family()
    turn = Turn(desk.device, stage.now, desk.chance)
    for number in range(DUE_MOST):
        adopting.note(turn, (number.to_bytes(64, "big"), (number + DUE_MOST).to_bytes(64, "big")))
    assert len(office_of_turn(turn).due) == DUE_MOST
    assert office_of_turn(turn).due[-1].commitment == (2 * DUE_MOST - 1).to_bytes(64, "big")


def test_a_call_of_one_whom_the_desks_owner_dropped_is_answered_no_more() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    ours = call_of(b"s" * 32)
    assert places(desk, [ours.body], second) == [1]
    desk.do(ev.WordsDiffer("adopted 1"))
    assert places(desk, [ours.body], second) == [0]
    (due,) = [one for one in office_of(desk).due if one.call]
    assert (due.stage, due.answer) == (adoption.Stage.DONE, b"")


def test_a_desk_forgets_commitments_with_their_burn() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    turn = Turn(desk.device, stage.now + COMMITMENT_KEPT - 60, desk.chance)
    turn.change(confirmed=turn.today)
    adopting.tidy(turn)
    assert office_of(desk).due == turn.device.office.due
    turn.now += 120
    turn.change(confirmed=turn.today)
    adopting.tidy(turn)
    assert turn.device.office.due == ()


def test_a_desk_takes_no_more_than_so_many_whom_it_never_met() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    like = relation(desk, "second")
    many = tuple(
        msgspec.structs.replace(like, id=bytes([i] * 16), name=f"adopted {i}", met=False, adopted=1)
        for i in range(ADOPTED_MOST)
    )
    turn = Turn(msgspec.structs.replace(desk.device, relations=many), stage.now, desk.chance)
    body = call_of(b"s" * 32).body
    assert adopting.take(turn, body) is None
    turn.change(relations=many[1:])
    assert adopting.take(turn, body) is not None
    assert len({r.name for r in turn.device.relations}) == ADOPTED_MOST


def test_a_call_of_a_pair_that_has_another_link_is_refused() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    turn = Turn(desk.device, stage.now, desk.chance)
    cell, shared = desk.device.cell, b"r" * 32
    right = desk.device.cell.tag(Role.FOUNDER, shared, 1)
    for tag, there in ((b"x" * 32, False), (cell.tag(Role.FOUNDER, shared, 0), False), (right, True)):
        ours = adoption.call_with(b"s" * 32, tag, shared, 0, Seeded("tagged"))
        assert (adopting.take(turn, ours.body) is not None) is there


# ---- the cell rule, and time


def test_who_met_a_link_meanwhile_is_not_adopted() -> None:
    stage, desk, _, second, third, fourth = orphans()
    stage.meet(second, third, Role.LINK)
    stage.beat(third, desk, rounds=3)
    assert names(third) == {"fourth", "second"}
    assert third.device.calling is None
    assert not third.heard("adoption_lapsed")


def test_an_answer_that_comes_during_a_meeting_waits_until_it_is_over() -> None:
    stage, desk, _, second, third, _ = orphans()
    stage.beat(third, desk)
    second.do(ev.Invite("third", Role.LINK))
    code = second.heard("meeting_code")[-1].facts
    third.do(ev.Join("second", code["code"], code["relay"]))
    stage.beat(third, rounds=2)
    assert "desk" not in names(third)
    third.do(ev.OtherWords())
    stage.beat(third)
    assert "desk" in names(third)


def test_the_partner_of_one_who_was_adopted_comes_to_no_other_link_than_the_desk() -> None:
    stage, desk, _, second, third, fourth = orphans()
    fourth.device = msgspec.structs.replace(fourth.device, calling=None)
    stage.beat(third, fourth, desk, rounds=6)
    assert relation(fourth, "third").pair == relation(third, "desk").pair
    assert not tried(second, fourth)


def test_an_answer_of_a_desk_whose_pair_is_not_the_partners_is_not_kept() -> None:
    stage, desk, _, second, third, fourth = orphans()
    held = tuple(msgspec.structs.replace(r, pair=b"p" * 32) for r in fourth.device.relations)
    stage.beat(fourth, desk)
    fourth.device = msgspec.structs.replace(fourth.device, relations=held)
    stage.beat(fourth, desk, rounds=3)
    assert names(fourth) == {"third"}
    assert fourth.device.calling is None
    assert len(fourth.heard("adoption_other_pair")) == 1


def test_a_call_that_nobody_answers_ends_after_two_weeks_and_the_owner_is_told() -> None:
    stage, desk, _, _, third, _ = orphans()
    drop_effects(desk, lambda effect: True)
    stage.now += CALL_KEPT - 3_600
    third.device = msgspec.structs.replace(third.device, confirmed=stage.now // DAY)
    stage.beat(third)
    assert third.device.calling is not None
    stage.now += 2 * DAY
    third.device = msgspec.structs.replace(third.device, confirmed=stage.now // DAY)
    stage.beat(third)
    assert third.device.calling is None
    assert len(third.heard("adoption_lapsed")) == 1


def test_a_clock_that_jumps_ahead_ends_no_call() -> None:
    stage, _, _, _, third, _ = orphans()
    third.skew = 300 * DAY
    third.do(ev.Beat(1_800.0))
    assert third.device.calling is not None


def test_a_call_goes_ahead_at_once_and_then_every_four_hours() -> None:
    stage, desk, _, _, third, _ = orphans()
    puts = []
    for _ in range(12):
        stage.now += 1_800
        turn = Turn(third.device, stage.now, third.chance)
        if calling.due(turn):
            puts.append(stage.now)
            calling.put_at(turn)
        third.device = turn.device
    assert len(puts) in (2, 3)
    assert third.device.calling is not None
    assert third.device.calling.put % CALL_EVERY == 0


def test_who_was_adopted_takes_nobody_below_for_eight_weeks() -> None:
    stage, desk, _, _, third, _ = adopted()
    with pytest.raises(Refusal, match="adopted_lately"):
        third.do(ev.Invite("new", Role.LINK))
    held = next(r for r in desk.device.relations if r.id == relation(third, "desk").id)
    assert abs(held.adopted - relation(third, "desk").adopted) < 3_600
    begun = relation(third, "desk").adopted
    for at, young in ((begun + ADOPTED_YOUNG - DAY, True), (begun + ADOPTED_YOUNG + DAY, False)):
        device = msgspec.structs.replace(third.device, confirmed=at // DAY)
        assert device.cell.young is young
    assert not desk.device.cell.young


def test_the_desks_words_to_one_who_has_not_written_yet_are_a_little_shorter() -> None:
    stage, desk, first, second, *_ = family()
    fresh_burn(stage, desk, second, first, b"s" * 32)
    assert places(desk, [call_of(b"s" * 32).body], second) == [1]
    with pytest.raises(Refusal, match="letter_long"):
        desk.do(ev.WriteLetter("adopted 1", "x" * (FIRST_TEXT + 1)))
    desk.do(ev.WriteLetter("adopted 1", "x" * FIRST_TEXT))
    desk.do(ev.SendNow())


def test_the_desks_owner_drops_whom_it_does_not_trust() -> None:
    _, desk, *_ = adopted()
    desk.do(ev.WordsDiffer("adopted 1"))
    assert names(desk) == {"second", "adopted 2"}


def test_one_whose_partner_was_cut_out_meets_a_new_one() -> None:
    stage, desk, first, second, third, fourth = family()
    put_burn(first, *points(third)[1:3])
    stage.beat(desk, first, second, fourth, rounds=3)
    assert names(fourth) == {"first"}
    fifth = stage.actor("fifth")
    stage.meet(fourth, fifth, Role.PARTNER)
    stage.beat(fourth, fifth, rounds=6)
    assert names(fourth) == {"first", "fifth"}
    assert commits((relation(fifth, "fourth").commitment,), [relation(fourth, "first").adoption])


# ---- weather


def ends_adopted(scene: Scene) -> bool:
    stage, desk, _, _, third, fourth = scene
    stage.beat(third, fourth, desk, rounds=12, every=CALL_EVERY)
    adopted_ids = sorted(r.id for r in desk.device.relations if r.adopted)
    ours = sorted(relation(one, "desk").id for one in (third, fourth) if "desk" in names(one))
    return len(ours) == 2 and ours == adopted_ids


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.full)])
def test_a_kill_at_every_effect_leads_to_the_same_end(every: int) -> None:
    for dies in range(0, 24, every):
        scene = stage, desk, _, _, third, fourth = orphans()
        left = [dies]

        def lives(effect: fx.Effect, left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] != -1

        for one in (third, desk):
            one.before_act = lives
        stage.beat(third, desk, rounds=2)
        for one in (third, desk):
            act_on_everything(one)
            one.device = load(save(one.device))
        assert ends_adopted(scene), dies


def weather_of(carrier: Actor, chance: Callable[[int], bytes], late: list[fx.PutItem]) -> Callable[[fx.Effect], bool]:
    """Of four frames one is lost, one comes late, one twice."""

    def weather(effect: fx.Effect) -> bool:
        if not isinstance(effect, fx.PutItem):
            return True
        drawn = chance(1)[0] % 4
        if drawn == 1:
            late.append(effect)
        if drawn == 2:
            carrier.act(effect)
        return drawn > 1

    return weather


def test_frames_lost_doubled_and_out_of_order_lead_to_the_same_end() -> None:
    for seed in ("a", "b"):
        scene = stage, desk, _, _, third, fourth = orphans()
        chance = Seeded(seed)
        late: list[fx.PutItem] = []

        for one in (third, fourth, desk):
            one.before_act = weather_of(third, chance, late)
        stage.beat(third, fourth, desk, rounds=6, every=CALL_EVERY)
        for one in (third, fourth, desk):
            act_on_everything(one)
        for effect in reversed(late):
            desk.act(effect)
        assert ends_adopted(scene), seed


def test_a_relay_that_puts_noise_into_the_box_of_the_answer_is_survived() -> None:
    scene = stage, desk, _, _, third, fourth = orphans()
    stage.beat(third, desk)
    for box, _, item in items_at(stage):
        third.act(fx.PutItem(b"", ((RELAY, box),), bytes(len(item))))
    assert ends_adopted(scene)


def test_an_answer_bent_on_its_way_opens_nothing() -> None:
    stage, desk, _, _, third, _ = orphans()
    stage.beat(third, desk, rounds=1)
    ours = third.device.calling
    assert ours is not None
    due = next(one for one in office_of(desk).due if one.answer)
    for at in range(0, len(due.answer), 97):
        bent = bytearray(due.answer)
        bent[at] ^= 1
        turn = Turn(third.device, stage.now, third.chance)
        assert calling.take(turn, adoption_letter(bytes(bent), LetterKind.ADOPT))
        made = [r for r in turn.device.relations if r.role is Role.DESK]
        assert not made or made[0].id not in {r.id for r in desk.device.relations}


def test_a_lost_step_of_either_leads_to_the_same_end() -> None:
    scene = stage, desk, _, _, third, fourth = orphans()
    crash_after_saving(third, ev.SendNow())
    stage.beat(desk)
    crash_after_saving(desk, ev.SendNow())
    assert ends_adopted(scene)


def test_who_was_adopted_lately_buys_report_tokens_and_no_witness_token() -> None:
    stage, desk, _, _, third, fourth = adopted()
    stage.mints = True
    stage.beat(desk, third, fourth, rounds=16)
    week = week_of(day_of(stage.now))
    for actor in (third, fourth):
        purse = actor.device.trust.purse(week)
        assert purse is not None
        assert len(purse.reports) == REPORTS_A_WEEK
        assert purse.witness == b""
    name = next(r for r in desk.device.relations if r.adopted)
    assert is_young(name, day_of(name.adopted + ADOPTED_YOUNG) - 1)
    assert not is_young(name, day_of(name.adopted + ADOPTED_YOUNG) + 1)
    turn = Turn(desk.device, stage.now, desk.chance)
    later = msgspec.structs.replace(name, adopted=stage.now - ADOPTED_YOUNG - DAY)
    mint = minting.mint_of(turn, week)
    assert mint is not None
    for relation_of, label in ((name, LESSER), (later, FULL)):
        assert {label_of(mint.secret, one) for one in granting._make(turn, relation_of, week, 2)} == {label}


def calls(desk: Actor, actor: Actor) -> Letter | None:
    """What the desk answers to the call of somebody whose link was cut out."""
    assert actor.device.calling is not None
    turn = Turn(desk.device, desk.stage.now, desk.chance)
    answer = adopting.take(turn, actor.device.calling.body)
    desk.device = turn.device
    return answer


def cut(by: Actor, gone: Actor, desk: Actor) -> None:
    """A neighbour's device sends what it knows of somebody with two points of that one's line."""
    turn = Turn(desk.device, desk.stage.now, desk.chance)
    pair = sorted(points(gone)[1:3])
    publishing.post_burn(turn, (pair[0], pair[1]), committing.about(by.device, relation(by, gone.name)))
    desk.device = turn.device


def test_who_was_cut_out_is_not_adopted_whether_its_link_was_cut_out_before_or_after() -> None:
    _, desk, _, _, third, fourth = orphans()
    cut(fourth, third, desk)
    assert calls(desk, third) is None
    assert calls(desk, fourth) is not None
    stage, desk, first, second, third, fourth = family()
    cut(first, third, desk)
    cut(second, first, desk)
    stage.beat(desk, second, third, fourth, rounds=2)
    assert calls(desk, third) is None
    assert calls(desk, fourth) is not None


def test_a_commitment_that_came_again_does_not_adopt_a_second_time() -> None:
    _, desk, _, _, third, _ = orphans()
    secret = adoption.parse_call(third.device.calling.body).secret  # type: ignore[union-attr]
    others = [adoption.handed(commitment_of(secret), bytes([n]) * 32) for n in (1, 2)]
    turn = Turn(desk.device, desk.stage.now, desk.chance)
    adopting.note(turn, (others[0], others[1]))
    desk.device = turn.device
    assert calls(desk, third) is not None
    count = office_of(desk).adopted
    for again in (others, others[::-1]):
        turn = Turn(desk.device, desk.stage.now, desk.chance)
        adopting.note(turn, (again[0], again[1]))
        desk.device = turn.device
        calls(desk, third)
    assert office_of(desk).adopted == count


def test_once_the_one_adopted_has_written_nothing_at_the_desk_says_by_which_commitment_it_came() -> None:
    _, desk, *_ = adopted()
    used = [one for one in office_of(desk).due if one.call]
    assert len(used) == 2
    assert all(one.relation == b"" and one.answer == b"" for one in used)


def test_a_pair_secret_from_a_partner_who_was_only_introduced_says_nothing() -> None:
    _, _, _, _, third, _ = family()
    partner = relation(third, "fourth")
    for met in (True, False):
        known = msgspec.structs.replace(partner, met=met)
        device = msgspec.structs.replace(
            third.device, relations=tuple(known if r.id == known.id else r for r in third.device.relations)
        )
        turn = Turn(device, third.stage.now, third.chance)
        relinking.take(turn, partner.id, Letter(1, 9, 0, 0, 0, LetterKind.PAIR, bytes(32)))
        assert (turn.device != device) is met
