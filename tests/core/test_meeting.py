"""Meetings: two real cores, one code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import hello as hellos
from tercet.core import knock as knocks
from tercet.core import meeting as meetings
from tercet.core.cell import Cell, Role
from tercet.core.errors import Refusal
from tercet.core.exchange import PLATES_TRIED, refused_by, take_frame
from tercet.core.fields import encode
from tercet.core.knock import answer_box, plate_box
from tercet.core.meeting import CONFIRM_LIFETIME, LOOK_PATIENCE, OFFER_LIFETIME, TABLE, Meeting, Stage
from tercet.core.state import Device
from tercet.drop import Put
from tercet.sealing import FRAME, normal_words, spake_start, words_of

from .meetings import (
    awaited,
    begin,
    bent,
    compared,
    comparing,
    failure,
    items_in,
    knows,
    look,
    put,
    same_relation,
    secrets_of,
    started,
    works,
)
from .stage import RELAY, Actor, Seeded
from .stage import Stage as World

SPEC = (Path(__file__).parents[2] / "spec" / "30-meeting.md").read_text()
WRONG_WORDS = "abandon ability able about"


def confirm(inviter: Actor, joiner: Actor) -> None:
    inviter.do(ev.SameWords())
    joiner.do(ev.SameWords())
    look(inviter, joiner)


def test_the_table_of_the_spec_is_the_table_of_the_code() -> None:
    table = SPEC.split("<!-- table: meeting -->")[1].split("<!-- /table -->")[0]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", table, re.M)
    assert len(rows) == len(TABLE)
    assert {(a, b): c for a, b, c in rows} == {(a.value, b.value): c.value for (a, b), c in TABLE.items()}


def test_the_times_of_the_spec_are_those_of_the_code() -> None:
    times = {"OFFER_LIFETIME": OFFER_LIFETIME, "CONFIRM_LIFETIME": CONFIRM_LIFETIME, "LOOK_PATIENCE": LOOK_PATIENCE}
    for name, value in (times | {"PLATES_TRIED": PLATES_TRIED}).items():
        assert f"| `{name}` | {value:,} |" in SPEC


def test_a_newcomer_and_a_member_become_neighbours() -> None:
    stage = World()
    desk, new = comparing(stage)
    confirm(desk, new)
    same_relation(desk, new)
    assert [r.role for r in desk.device.relations] == [Role.FOUNDER]
    assert [r.role for r in new.device.relations] == [Role.DESK]
    assert new.device.card is not None
    assert new.device.card.network == desk.device.card.network
    works(stage, desk, new)


def test_two_members_become_neighbours_and_no_card_travels() -> None:
    stage = World()
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(desk, second, Role.DESK)
    card = second.device.card
    begin(first, second, Role.PARTNER)
    look(first, second, rounds=3)
    first.do(ev.SameWords())
    second.do(ev.Look())
    assert second.device.meeting.card is None
    second.do(ev.SameWords())
    look(first, second)
    same_relation(first, second)
    assert second.device.card == card
    works(stage, first, second)


@pytest.mark.parametrize("order", ["inviter first", "joiner first"])
def test_nothing_is_kept_before_both_owners_confirmed(order: str) -> None:
    stage = World()
    desk, new = comparing(stage)
    early, late = (desk, new) if order == "inviter first" else (new, desk)
    early.do(ev.SameWords())
    look(early, late, rounds=3)
    assert not early.device.relations
    assert not late.device.relations
    assert new.device.card is None
    late.do(ev.SameWords())
    look(early, late)
    same_relation(desk, new)


@pytest.mark.parametrize("typed", ["upper", "hyphens", "prefixes", "spaces"])
def test_a_code_may_be_typed_in_many_ways(typed: str) -> None:
    plate, *words = ["042", "sand", "captain", "hammer", "zebra"]
    text = {
        "upper": f"{plate} {' '.join(words).upper()}",
        "hyphens": "-".join([plate, *words]),
        "prefixes": f"{plate} {' '.join(w[:4] for w in words)}",
        "spaces": f"  {plate}\t{'   '.join(words)} \n",
    }[typed]
    assert knocks.parse_code(text) == (plate, " ".join(words))


@pytest.mark.parametrize(
    "text",
    ["", "042", "42 sand captain hammer zebra", "0421 sand captain hammer zebra", "042 sand captain hammer",
     "042 sand captain hammer zebra zebra", "042 sand captain hammer zebrra", "sand captain hammer zebra",
     "٠٤٢ sand captain hammer zebra", "042sand captain hammer zebra", "042 sand captain hammer \x00"],
)  # fmt: skip
def test_what_is_no_code_is_refused_at_once(text: str) -> None:
    stage = World()
    new = stage.actor("new")
    with pytest.raises(Refusal) as refusal:
        new.do(ev.Join("desk", text, RELAY))
    assert refusal.value.code == "bad_code"
    assert new.device == Device()


def test_wrong_words_end_the_code_on_both_sides() -> None:
    stage = World()
    desk, new = started(stage)
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    new.do(ev.Join("desk", f"{code[:3]} {WRONG_WORDS}", RELAY))
    look(desk, new)
    assert failure(desk) == "code_wrong"
    assert failure(new) == "code_wrong"
    third = stage.actor("third")
    third.do(ev.Join("desk", code, RELAY))
    look(third)
    assert failure(third) == "code_wrong"
    assert not desk.device.relations


def test_a_code_is_over_after_ten_minutes_on_both_sides() -> None:
    stage = World()
    desk, new = comparing(stage)
    stage.now += OFFER_LIFETIME - 1
    look(desk, new)
    assert desk.device.meeting is not None
    stage.now += 1
    look(desk, new)
    assert failure(desk) == "code_expired"
    assert failure(new) == "code_expired"


def test_who_comes_after_the_code_expired_is_told_so() -> None:
    stage = World()
    desk, new = started(stage)
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    stage.now += OFFER_LIFETIME
    look(desk)
    assert failure(desk) == "code_expired"
    new.do(ev.Join("desk", code, RELAY))
    look(new)
    assert failure(new) == "code_expired"


@pytest.mark.parametrize("answer", [ev.SameWords(), ev.OtherWords()])
def test_an_owner_who_answers_too_late_keeps_nothing(answer: ev.Event) -> None:
    stage = World()
    desk, new = comparing(stage)
    new.do(ev.SameWords())
    look(desk)
    stage.now += OFFER_LIFETIME
    desk.do(answer)
    assert failure(desk) == "code_expired"
    assert not desk.device.relations


def test_a_frame_that_comes_too_late_keeps_nothing() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    stage.now += OFFER_LIFETIME
    box = answer_box(desk.device.meeting.plate, desk.device.meeting.offer)
    desk.do(ev.Arrived(ev.Query("meeting", box.id), tuple(items_in(stage, box.id)), False, RELAY))
    assert failure(desk) == "code_expired"


def test_who_confirmed_waits_an_hour_longer_for_the_other() -> None:
    stage = World()
    desk, new = comparing(stage)
    new.do(ev.SameWords())
    stage.now += OFFER_LIFETIME - 1
    desk.do(ev.Look())
    desk.do(ev.SameWords())
    assert desk.device.relations
    stage.now += CONFIRM_LIFETIME - OFFER_LIFETIME
    look(new)
    same_relation(desk, new)


def test_who_confirmed_and_hears_nothing_keeps_nothing() -> None:
    stage = World()
    desk, new = comparing(stage)
    new.do(ev.SameWords())
    stage.now += CONFIRM_LIFETIME
    look(new)
    assert failure(new) == "code_expired"
    assert new.device.card is None


def test_a_clock_set_back_ends_a_meeting() -> None:
    stage = World()
    desk, new = comparing(stage)
    desk.skew = -3600
    look(desk)
    assert failure(desk) == "code_expired"


def test_a_code_works_once() -> None:
    stage = World()
    desk, new, third = stage.desk(), stage.actor("new"), stage.actor("third")
    code = begin(desk, new)
    look(desk, new, rounds=3)
    confirm(desk, new)
    third.do(ev.Join("desk", code, RELAY))
    look(third)
    assert failure(third) == "code_used"


def test_a_code_taken_by_another_fails_for_the_one_who_comes_second() -> None:
    stage = World()
    desk, new, third = stage.desk(), stage.actor("new"), stage.actor("third")
    code = begin(desk, new)
    third.do(ev.Join("desk", code, RELAY))
    look(desk, new, third, rounds=3)
    assert third.device.meeting.stage is Stage.LOOKING
    confirm(desk, new)
    same_relation(desk, new)
    look(third)
    assert failure(third) == "code_used"


def test_a_code_that_nobody_offers_is_unknown_after_two_minutes() -> None:
    stage = World()
    new = stage.actor("new")
    new.do(ev.Join("desk", f"123 {WRONG_WORDS}", RELAY))
    stage.now += LOOK_PATIENCE - 1
    look(new)
    assert new.device.meeting is not None
    stage.now += 1
    look(new)
    assert failure(new) == "code_unknown"


def test_a_mistyped_nameplate_does_not_spend_the_code() -> None:
    stage = World()
    desk, new = started(stage)
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    other = f"{(int(code[:3]) + 1) % 1000:03d}"
    new.do(ev.Join("desk", other + code[3:], RELAY))
    stage.now += LOOK_PATIENCE
    look(new, desk)
    assert failure(new) == "code_unknown"
    new.do(ev.Join("desk", code, RELAY))
    look(desk, new, rounds=3)
    confirm(desk, new)
    same_relation(desk, new)


def test_a_plate_that_is_taken_is_passed_over() -> None:
    stage = World()
    desk = stage.desk()
    plate = knocks.draw_plate(_copy(desk.chance))
    put(stage, plate_box(plate).id, bytes(FRAME))
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    assert not code.startswith(plate)
    assert items_in(stage, plate_box(plate).id) == [bytes(FRAME)]


def test_when_every_plate_is_taken_the_inviter_is_told() -> None:
    stage = World()
    desk = stage.desk()
    for number in range(1000):
        put(stage, plate_box(f"{number:03d}").id, bytes(FRAME))
    desk.do(ev.Invite("new", Role.DESK))
    assert failure(desk) == "plates_taken"
    assert not desk.heard("meeting_code")
    assert not desk.device.outbox
    assert not desk.device.spent
    assert PLATES_TRIED < 1000


def test_a_plate_is_free_again_when_its_refusal_was_cleared_and_only_our_own_frames_are_cleared() -> None:
    stage = World()
    desk, new = comparing(stage)
    plate = desk.device.meeting.plate
    confirm(desk, new)
    (refusal,) = items_in(stage, plate_box(plate).id)
    theirs = knocks.seal_offer(plate, b"B" * 33, Seeded("theirs")).item
    put(stage, plate_box(plate).id, theirs)
    stage.now += 599
    desk.do(ev.SendNow())
    assert items_in(stage, plate_box(plate).id) == [refusal, theirs]
    stage.now += 1
    desk.do(ev.SendNow())
    assert items_in(stage, plate_box(plate).id) == [theirs]
    assert not desk.device.spent


@pytest.mark.parametrize("who", ["inviter", "joiner"])
@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_either_owner_can_stop_at_any_time_and_the_other_learns_it(who: str, rounds: int) -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new, rounds=rounds)
    stopper, other = (desk, new) if who == "inviter" else (new, desk)
    at_words = stopper.device.meeting.stage is Stage.COMPARING
    had_words = bool(stopper.device.meeting.our_key)  # with it the other side comes to the words
    stopper.do(ev.OtherWords())
    look(other, rounds=3)
    assert failure(stopper) == ("words_differ" if at_words else "code_refused")
    assert failure(other) == ("words_refused" if had_words else "code_refused")
    assert not desk.device.relations
    assert not new.device.relations
    assert new.device.card is None


@pytest.mark.parametrize("confirmed", [False, True])
def test_who_compares_or_has_confirmed_is_warned_when_the_other_owner_says_that_the_words_differ(
    confirmed: bool,
) -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new, rounds=3)
    assert desk.device.meeting.stage is new.device.meeting.stage is Stage.COMPARING
    if confirmed:
        new.do(ev.SameWords())
    desk.do(ev.OtherWords())
    look(new)
    assert (failure(desk), failure(new)) == ("words_differ", "words_refused")
    assert not new.device.relations


def test_an_owner_who_stops_before_anybody_came_leaves_a_refusal() -> None:
    stage = World()
    desk, new = started(stage)
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    desk.do(ev.OtherWords())
    new.do(ev.Join("desk", code, RELAY))
    look(new)
    assert failure(new) == "code_refused"


# ---- somebody in between


def impostor_offer(stage: World, plate: str, words: str, relay: str) -> Actor:
    """Somebody who offers a meeting under a plate and words of their choosing, with a desk's card."""
    fake = stage.actor("impostor")
    fake.do(ev.SetUpDesk((relay,), 1))
    state, message = spake_start("a", words, fake.chance)
    began = Meeting(Stage.OFFERED, 0, "b", Role.DESK, stage.now, relay, plate, words, state, message)
    fake.device = msgspec.structs.replace(fake.device, meeting=began)
    out = knocks.seal_offer(plate, message, fake.chance)
    put(stage, out.box, out.item, relay)
    return fake


def test_somebody_in_between_who_guessed_the_code_shows_different_words() -> None:
    far = "tercet://far.example:443/bbbb"
    stage = World((RELAY, far))
    desk, new, to_desk = stage.desk(), stage.actor("new"), stage.actor("impostor to desk")
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    to_new = impostor_offer(stage, code[:3], code[4:], far)
    new.do(ev.Join("desk", code, far))
    to_desk.do(ev.Join("desk", code, RELAY))
    look(desk, new, to_desk, to_new, rounds=4)
    assert compared(to_new) == compared(new)
    assert compared(to_desk) == compared(desk)
    assert compared(new) != compared(desk)
    to_new.do(ev.SameWords())
    to_desk.do(ev.SameWords())
    desk.do(ev.OtherWords())
    new.do(ev.OtherWords())
    look(desk, new, to_desk, to_new)
    assert failure(desk) == failure(new) == "words_differ"
    assert not desk.device.relations
    assert not new.device.relations
    assert to_desk.device.card is None


def test_somebody_in_between_who_guessed_wrong_ends_the_code() -> None:
    stage = World()
    desk, new, impostor = stage.desk(), stage.actor("new"), stage.actor("impostor")
    desk.do(ev.Invite("new", Role.DESK))
    code = desk.heard("meeting_code")[-1].facts["code"]
    impostor.do(ev.Join("desk", f"{code[:3]} {WRONG_WORDS}", RELAY))
    look(desk)
    assert failure(desk) == "code_wrong"
    new.do(ev.Join("desk", code, RELAY))
    look(new)
    assert failure(new) == "code_wrong"


def test_an_impostor_who_offers_in_the_inviters_place_gets_one_guess() -> None:
    stage = World()
    new = stage.actor("new")
    fake = impostor_offer(stage, "042", "zoo zone zero zebra", RELAY)
    new.do(ev.Join("desk", "042 sand captain hammer zebra", RELAY))
    look(fake)
    assert failure(fake) == "code_wrong"
    second = impostor_offer(stage, "042", "zoo zone zero sand", RELAY)
    look(new, second, new)
    assert new.device.meeting is None
    assert not items_in(stage, answer_box("042", second.device.meeting.offer).id)


def test_the_inviter_shows_its_own_key_only_after_the_joiners() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new)
    assert items_in(stage, awaited(new)) == []
    frames = items_in(stage, awaited(desk))
    meeting = desk.device.meeting
    opened = [hellos.open_shared(meeting.shared, 1, f)[0] for f in frames]
    assert opened == [hellos.FrameKind.HELLO, hellos.FrameKind.KEY]
    here = meetings.Here(stage.now // 86_400, desk.device.card.network, desk.device.cell)
    after, outs = take_frame(meeting, frames[0], here, desk.chance)
    assert after.stage is Stage.KEYING
    assert outs == ()
    after, outs = take_frame(after, frames[1], here, desk.chance)
    assert after.stage is Stage.COMPARING
    assert len(outs) == 1


def test_an_inviter_that_reveals_something_else_than_it_promised_is_not_believed() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new)
    bent(desk, reveal=bytes(32))
    look(desk, new, rounds=2)
    assert desk.heard("meeting_compare")
    assert new.device.meeting.stage is Stage.KEYING
    assert not new.heard("meeting_compare")


def test_the_compared_words_cover_both_hellos_the_joiners_key_the_code_and_the_promise() -> None:
    base = {"shared": b"s" * 32, "reveal": b"r" * 32, "hellos": b"h" * 32, "key": b"k" * 80}
    words = words_of(hellos.likeness_of(**base), "compare words")
    for name in base:
        other = base | {name: b"x" + base[name][1:]}
        assert words_of(hellos.likeness_of(**other), "compare words") != words
    assert hellos.transcript_of(b"a", b"b") != hellos.transcript_of(b"b", b"a")


def test_the_root_covers_every_frame_and_every_secret_of_both() -> None:
    base = (b"s" * 32, (b"1" * 32, b"2" * 32), b"h" * 32, (b"k" * 80, b"l" * 80))
    roots = {
        hellos.root_of(*base),
        hellos.root_of(b"x" * 32, *base[1:]),
        hellos.root_of(base[0], (b"2" * 32, b"1" * 32), *base[2:]),
        hellos.root_of(base[0], (b"x" * 32, b"2" * 32), *base[2:]),
        hellos.root_of(base[0], (b"1" * 32, b"x" * 32), *base[2:]),
        hellos.root_of(*base[:2], b"x" * 32, base[3]),
        hellos.root_of(*base[:3], (b"x" * 80, b"l" * 80)),
        hellos.root_of(*base[:3], (b"k" * 80, b"x" * 80)),
        hellos.root_of(*base[:3], (b"l" * 80, b"k" * 80)),
    }
    assert len(roots) == 9


def test_a_yes_from_somebody_with_another_root_is_nothing() -> None:
    stage = World()
    desk, new = comparing(stage)
    new.do(ev.SameWords())
    meeting = desk.device.meeting
    consent = hellos.Consent(1, b"", desk.device.card, bytes(32))
    forged = hellos.seal_consent(meeting.shared, bytes(32), 0, consent, desk.chance)
    put(stage, forged.box, forged.item)
    under_the_code = hellos.seal_shared(meeting.shared, 0, hellos.FrameKind.VERDICT, encode(consent), desk.chance)
    put(stage, under_the_code.box, under_the_code.item)
    before = new.device
    look(new)
    assert new.device == before


@pytest.mark.parametrize("bad", ["no card", "card of another network"])
def test_a_newcomer_keeps_only_the_card_of_the_network_it_was_greeted_for(bad: str) -> None:
    stage = World()
    desk, new = comparing(stage)
    new.do(ev.SameWords())
    meeting = desk.device.meeting
    card = msgspec.structs.replace(desk.device.card, board_key=bytes(32)) if bad != "no card" else None
    out = hellos.seal_consent(meeting.shared, meeting.root, 0, hellos.Consent(1, b"", card, bytes(32)), desk.chance)
    put(stage, out.box, out.item)
    look(new)
    assert new.device.card is None
    assert not new.device.relations


def test_a_card_passed_on_opens_nothing_before_yesterday_and_names_the_newest_relays() -> None:
    stage = World()
    desk = stage.desk()
    stage.now += 20 * 86_400
    desk.do(ev.ChangeRelays((RELAY, "tercet://two.example:443/cccc")))
    new = stage.actor("new")
    stage.meet(desk, new, Role.DESK)
    assert new.device.card.chain.day == stage.now // 86_400 - 1
    assert new.device.card.chain.day > desk.device.card.chain.day
    assert new.device.relays == (RELAY, "tercet://two.example:443/cccc")


def test_our_own_frames_sent_back_to_us_are_nothing() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new)
    for actor in (desk, new):
        theirs = awaited(actor)
        ours = hellos.shared_box(actor.device.meeting.shared, actor.device.meeting.side).id
        for item in items_in(stage, ours):
            put(stage, theirs, item)
    look(desk, new, rounds=3)
    confirm(desk, new)
    same_relation(desk, new)


def test_our_own_offer_sent_back_as_an_answer_ends_the_code() -> None:
    stage = World()
    desk = stage.desk()
    desk.do(ev.Invite("new", Role.DESK))
    meeting = desk.device.meeting
    for spake in (meeting.offer, b"B" + meeting.offer[1:]):
        trial = take_frame(
            meeting,
            knocks.seal_answer(meeting.plate, meeting.offer, spake, bytes(32), desk.chance).item,
            meetings.Here(0, None, Cell()),
            desk.chance,
        )
        assert trial[0].failure == "code_wrong"


# ---- what a relay can do


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_noise_cut_and_foreign_frames_change_nothing(rounds: int) -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new, rounds=rounds)
    other = World()
    strangers = comparing(other)
    foreign = [item for actor in strangers for item in items_in(other, awaited(actor))]
    foreign += [item for _, _, item in other.relays[RELAY].entries()]
    here = meetings.Here(stage.now // 86_400, desk.device.card.network, desk.device.cell)
    for actor in (desk, new):
        valid = [item for _, _, item in stage.relays[RELAY].entries()]
        frames = [b"", bytes(FRAME), actor.chance(FRAME), *foreign]
        frames += [v[:-1] for v in valid] + [v[:-1] + bytes([v[-1] ^ 1]) for v in valid] + [v + b"\0" for v in valid]
        for frame in frames:
            meeting = actor.device.meeting
            assert take_frame(meeting, frame, here, actor.chance) == (meeting, ())
            assert refused_by(meeting, frame) is meeting
    look(desk, new, rounds=3)
    confirm(desk, new)
    same_relation(desk, new)


def test_noise_in_front_of_a_frame_does_not_hide_it() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    for _ in range(4):
        for actor in (desk, new):
            for _ in range(40 if actor.device.meeting.stage is Stage.OFFERED else 20):
                put(stage, awaited(actor), actor.chance(FRAME))
            look(actor)
    assert compared(desk) == compared(new)
    confirm(desk, new)
    same_relation(desk, new)


def test_a_relay_that_replays_an_earlier_meeting_changes_nothing() -> None:
    stage = World()
    desk, first = comparing(stage)
    plate = desk.device.meeting.plate
    confirm(desk, first)
    seen = [(op.box, op.item) for op in stage.asked if isinstance(op, Put)]
    second = stage.actor("second")
    desk.do(ev.Invite("second", Role.DESK))
    said = desk.heard("meeting_code")[-1].facts
    assert not said["code"].startswith(plate)
    second.do(ev.Join("desk", said["code"], RELAY))
    for _ in range(4):
        for box, item in seen:
            put(stage, box, item)
            for actor in (desk, second):
                if actor.device.meeting is not None:
                    put(stage, awaited(actor), item)
        look(desk, second)
    confirm(desk, second)
    same_relation(desk, second)


def test_answers_to_an_earlier_offer_at_the_same_plate_do_not_spend_the_code() -> None:
    stage = World()
    desk, new = started(stage)
    desk.do(ev.Invite("new", Role.DESK))
    meeting = desk.device.meeting
    old = knocks.seal_answer(meeting.plate, b"A" * 33, b"B" * 33, bytes(32), desk.chance)
    put(stage, awaited(desk), old.item)
    look(desk)
    assert desk.device.meeting == meeting


def test_a_refusal_of_another_offer_does_not_stop_who_has_answered() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    out = knocks.seal_refusal(desk.device.meeting.plate, b"A" * 33, "code_used", desk.chance)
    put(stage, out.box, out.item)
    look(new, desk, rounds=3)
    confirm(desk, new)
    same_relation(desk, new)
    assert items_in(stage, out.box)[0] == out.item


def test_frames_that_come_twice_or_in_another_order_change_nothing() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    for _ in range(4):
        for actor in (desk, new):
            if actor.device.meeting is None:
                continue
            box = awaited(actor)
            items = tuple(items_in(stage, box))
            mixed = ev.Arrived(ev.Query("meeting", box), tuple(reversed(items)) + items, False, RELAY)
            actor.do(mixed)
            actor.do(mixed)
    assert compared(desk) == compared(new)
    assert len(desk.heard("meeting_compare")) == len(new.heard("meeting_compare")) == 1
    confirm(desk, new)
    same_relation(desk, new)


def test_a_frame_that_is_not_for_now_stays_in_its_box() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new)
    box = awaited(desk)
    hello, key = items_in(stage, box)
    query = ev.Query("meeting", box)
    desk.do(ev.Arrived(query, (key,), False, RELAY))
    assert items_in(stage, box) == [hello, key]
    desk.do(ev.Arrived(query, (hello,), False, RELAY))
    assert items_in(stage, box) == [key]
    look(desk, new, rounds=2)
    confirm(desk, new)
    same_relation(desk, new)


# ---- crashes


def _copy(chance: Seeded) -> Seeded:
    other = Seeded("")
    other.state = chance.state
    return other


def _whole_meeting(stage: World, desk: Actor, new: Actor) -> None:
    desk.do(ev.Invite("new", Role.DESK))
    look(desk, rounds=2)
    new.do(ev.Join("desk", desk.device.meeting.code, RELAY))
    for _ in range(5):
        look(desk, new)
    for actor in (desk, new):
        if actor.device.meeting is not None and actor.device.meeting.stage is Stage.COMPARING:
            actor.do(ev.SameWords())
    for _ in range(2):
        stage.now += 1
        desk.do(ev.Look())
        new.do(ev.Look())


def _count_effects() -> tuple[int, int]:
    stage = World()
    desk, new = started(stage)
    counts = {desk.name: 0, new.name: 0}

    def count(actor: Actor) -> None:
        def act(_: object) -> bool:
            counts[actor.name] += 1
            return True

        actor.before_act = act

    count(desk)
    count(new)
    _whole_meeting(stage, desk, new)
    return counts["desk"], counts["new"]


@pytest.mark.parametrize("who", [0, 1], ids=["inviter", "joiner"])
def test_a_device_that_dies_between_any_two_acts_still_meets(who: int) -> None:
    """Each actor saves and loads its state at every step; here every single effect is lost once, too."""
    total = _count_effects()[who]
    assert total > 10
    for lost in range(total):
        stage = World()
        actors = started(stage)
        left = iter(range(total * 9))
        actors[who].before_act = lambda _, left=left, lost=lost: next(left) != lost
        _whole_meeting(stage, *actors)
        same_relation(*actors)
        assert actors[0].device.meeting is None
        assert actors[1].device.meeting is None


# ---- the cell, the network, the clocks


def test_a_place_that_is_taken_refuses_at_the_invitation() -> None:
    stage = World()
    desk, first, second, third = stage.desk(), stage.actor("first"), stage.actor("second"), stage.actor("third")
    stage.meet(desk, first, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    for role, code in ((Role.PARTNER, "partner_taken"), (Role.BELOW, "link_taken"), (Role.FOUNDER, "link_taken")):
        with pytest.raises(Refusal) as refusal:
            first.do(ev.Invite("third", role))
        assert refusal.value.code == code
    assert first.device.meeting is None
    assert third.device == Device()


def test_a_place_that_is_taken_on_the_joiners_side_ends_the_meeting_and_the_inviter_does_not_hear_why() -> None:
    stage = World()
    desk = stage.desk()
    people = [stage.actor(name) for name in ("first", "second", "third")]
    for person in people:
        stage.meet(desk, person, Role.DESK)
    stage.meet(people[0], people[1], Role.PARTNER)
    for inviter, joiner in ((people[2], people[0]), (people[2], people[1])):
        begin(inviter, joiner, Role.PARTNER)
        look(inviter, joiner, rounds=3)
        assert (failure(inviter), failure(joiner)) == ("code_refused", "partner_taken")
        assert len(joiner.device.relations) == 2


def test_a_member_has_one_pair_below_and_never_a_fifth_neighbour() -> None:
    stage = World()
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    below = [stage.actor("left"), stage.actor("right")]
    for person in below:
        stage.meet(first, person, Role.LINK)
    assert [r.role for r in first.device.relations] == [Role.DESK, Role.PARTNER, Role.BELOW, Role.BELOW]
    places = ((Role.PARTNER, "partner_taken"), (Role.LINK, "pair_below_full"), (Role.BELOW, "link_taken"))
    for role, code in places:
        with pytest.raises(Refusal) as refusal:
            first.do(ev.Invite("fifth", role))
        assert refusal.value.code == code
    assert [r.role for r in below[0].device.relations] == [Role.LINK]


def test_a_desk_takes_founders_and_nobody_else_acts_as_a_desk() -> None:
    stage = World()
    desk, first = stage.desk(), stage.actor("first")
    for role in (Role.PARTNER, Role.LINK, Role.BELOW, Role.FOUNDER):
        with pytest.raises(Refusal) as refusal:
            desk.do(ev.Invite("x", role))
        assert refusal.value.code == "desk_takes_founders"
    stage.meet(desk, first, Role.DESK)
    with pytest.raises(Refusal) as refusal:
        first.do(ev.Invite("x", Role.DESK))
    assert refusal.value.code == "not_the_desk"


def test_a_newcomer_becomes_nobodys_link() -> None:
    stage = World()
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    for role in (Role.BELOW, Role.FOUNDER):
        new = stage.actor(f"new {role}")
        begin(second, new, role)
        look(second, new, rounds=3)
        assert failure(second) == failure(new) == "newcomer_above"
        assert new.device.card is None


def test_a_newcomer_cannot_invite() -> None:
    stage = World()
    new = stage.actor("new")
    with pytest.raises(Refusal) as refusal:
        new.do(ev.Invite("other", Role.PARTNER))
    assert refusal.value.code == "no_card"


@pytest.mark.parametrize("joiner_is_a_member", [False, True])
def test_who_invites_without_a_network_is_left_alone(joiner_is_a_member: bool) -> None:
    stage = World()
    desk, liar, other = stage.desk(), stage.actor("liar"), stage.actor("other")
    if joiner_is_a_member:
        stage.meet(desk, other, Role.DESK)
    card = desk.device.card
    liar.device = msgspec.structs.replace(liar.device, card=card)
    begin(liar, other, Role.PARTNER)
    liar.device = msgspec.structs.replace(liar.device, card=None)
    look(liar, other, rounds=3)
    assert failure(other) == "no_card"
    assert failure(liar) == "network_differs"


def test_two_networks_do_not_meet_and_neither_shows_its_card() -> None:
    stage = World()
    desk, foreign = stage.desk(), stage.desk("foreign")
    first, second = stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(foreign, second, Role.DESK)
    begin(first, second, Role.PARTNER)
    look(first, second, rounds=3)
    assert failure(first) == failure(second) == "network_differs"
    assert len(first.device.relations) == len(second.device.relations) == 1


@pytest.mark.parametrize("days", [-2, -1, 1, 2])
@pytest.mark.parametrize("who", ["inviter", "joiner"])
def test_clocks_two_days_apart_do_not_hinder_a_meeting(days: int, who: str) -> None:
    stage = World()
    desk, new = started(stage)
    (desk if who == "inviter" else new).skew = days * 86_400
    begin(desk, new)
    look(desk, new, rounds=3)
    confirm(desk, new)
    same_relation(desk, new)
    desk.do(ev.WriteLetter("new", "hello"))
    new.do(ev.WriteLetter("desk", "hello"))
    for _ in range(5):
        stage.now += 43_200
        stage.beat(desk, new, rounds=8)
    for actor in (desk, new):
        assert [n.text for n in actor.device.relations[-1].notes] == ["hello"]


@pytest.mark.parametrize("days", [-20_000, -8, 8, 500])
def test_clocks_more_than_a_week_apart_stop_the_meeting_with_the_reason(days: int) -> None:
    stage = World()
    desk, new = started(stage)
    new.skew = days * 86_400
    begin(desk, new)
    look(desk, new, rounds=3)
    assert failure(desk) == failure(new) == "clocks_differ"


# ---- what stays behind


@pytest.mark.parametrize("end", ["kept", "stopped", "wrong words", "expired", "cell full"])
def test_no_secret_of_a_meeting_is_left_in_the_state_after_its_end(end: str) -> None:
    stage = World()
    desk, first = started(stage)
    stage.meet(desk, first, Role.DESK)
    third = stage.actor("third")
    secrets: dict[str, set[bytes]] = {"desk": set(), "third": set()}

    def watch() -> None:
        for actor in (desk, third):
            found = set(secrets_of(actor.device.meeting))
            assert set(knows(actor, found)) == found
            secrets[actor.name] |= found

    desk.do(ev.Invite("third", Role.DESK))
    watch()
    code = desk.device.meeting.code
    if end == "cell full":
        third.device = msgspec.structs.replace(third.device, relations=stage_relations(stage))
    third.do(ev.Join("desk", f"{code[:3]} {WRONG_WORDS}" if end == "wrong words" else code, RELAY))
    for _ in range(3):
        for actor in (desk, third):
            watch()
            look(actor)
    watch()
    if end == "kept":
        desk.do(ev.SameWords())
        third.do(ev.SameWords())
    if end == "stopped":
        third.do(ev.OtherWords())
    if end == "expired":
        stage.now += OFFER_LIFETIME
    watch()
    look(desk, third, rounds=2)
    assert desk.device.meeting is None
    assert third.device.meeting is None
    assert len(desk.device.relations) == (2 if end == "kept" else 1)
    assert secrets["desk"]
    assert secrets["third"]
    every = secrets["desk"] | secrets["third"]
    assert knows(desk, every) == []
    assert knows(third, every) == []
    assert not desk.device.outbox
    assert not third.device.outbox


def test_a_secret_is_erased_as_soon_as_it_has_served() -> None:
    stage = World()
    desk, new = started(stage)
    code = begin(desk, new)
    assert new.device.meeting.words == ""
    look(desk, new)
    assert desk.device.meeting.words == ""
    assert desk.device.meeting.spake == b""
    assert knows(desk, {code[4:].encode()}) == knows(new, {code[4:].encode()}) == []
    look(desk, new, rounds=2)
    for actor in (desk, new):
        assert actor.device.meeting.stage is Stage.COMPARING
        for name in ("words", "spake", "seed", "account", "reveal", "our_secret"):
            assert not getattr(actor.device.meeting, name)


def stage_relations(stage: World) -> tuple[object, ...]:
    """Relations of somebody whose place for a link is taken."""
    desk, full = stage.desk("another"), stage.actor("full")
    stage.meet(desk, full, Role.DESK)
    return full.device.relations


def test_frames_of_a_failed_meeting_that_no_relay_stored_are_dropped_but_for_its_end() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    stage.down.add(RELAY)
    new.do(ev.OtherWords())
    assert len(new.device.outbox) == 1
    stage.down.clear()
    look(desk)
    new.do(ev.Look())
    look(desk)
    assert failure(desk) == "code_refused"
    assert not new.device.outbox


def test_a_meeting_under_way_hinders_a_second_one() -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    for event in (ev.Invite("third", Role.DESK), ev.Join("third", f"001 {WRONG_WORDS}", RELAY)):
        for actor in (desk, new):
            with pytest.raises(Refusal) as refusal:
                actor.do(event)
            assert refusal.value.code == "meeting_under_way"


@pytest.mark.parametrize("event", [ev.SameWords(), ev.OtherWords()])
def test_without_a_meeting_there_is_nothing_to_confirm(event: ev.Event) -> None:
    with pytest.raises(Refusal) as refusal:
        World().actor("new").do(event)
    assert refusal.value.code == "no_meeting"


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_before_the_words_are_shown_nobody_can_confirm(rounds: int) -> None:
    stage = World()
    desk, new = started(stage)
    begin(desk, new)
    look(desk, new, rounds=rounds)
    for actor in (desk, new):
        before = actor.device
        if before.meeting.stage is not Stage.COMPARING:
            with pytest.raises(Refusal) as refusal:
                actor.do(ev.SameWords())
            assert refusal.value.code == "no_meeting"
            assert actor.device is before


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\nb", "a\x1b[31m", "desk"])
def test_a_word_for_a_neighbour_is_short_new_and_on_one_line(name: str) -> None:
    stage = World()
    desk, new = started(stage)
    stage.meet(desk, new, Role.DESK)
    with pytest.raises(Refusal) as refusal:
        new.do(ev.Invite(name, Role.PARTNER))
    assert refusal.value.code == ("name_taken" if name == "desk" else "bad_name")


def test_a_newcomer_must_say_at_which_relay() -> None:
    with pytest.raises(Refusal) as refusal:
        World().actor("new").do(ev.Join("desk", f"001 {WRONG_WORDS}", ""))
    assert refusal.value.code == "relay_missing"


def test_the_spoken_words_are_four_of_the_list() -> None:
    stage = World()
    desk = stage.desk()
    desk.do(ev.Invite("new", Role.DESK))
    plate, *words = desk.heard("meeting_code")[-1].facts["code"].split()
    assert len(plate) == 3
    assert normal_words(" ".join(words)) == tuple(words)
    assert len(words) == 4
