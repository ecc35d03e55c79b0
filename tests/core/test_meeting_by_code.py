"""Meetings by scanned codes: two real cores, two screens, with a relay and with none."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import bycode
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.hello import FrameKind, seal_shared, shared_box
from tercet.core.meeting import CONFIRM_LIFETIME, OFFER_LIFETIME
from tercet.core.meeting import Stage as At
from tercet.core.scan import Answer, Frames, Invitation, encode_message, meeting_of, parse_message
from tercet.core.state import save
from tercet.sealing import digest

from .meetings import knows, put, secrets_of
from .screens import Screen, begin, compare, confirm, failure, met, screens
from .stage import RELAY, START, Stage

BOTH = pytest.mark.parametrize("offline", [True, False], ids=["codes alone", "with a relay"])


def pair(stage: Stage, offline: bool = True) -> tuple[Screen, Screen]:
    desk = stage.desk()
    if offline:
        stage.down |= set(stage.relays)
    inviter, joiner = screens(desk, stage.actor("new"))
    return inviter, joiner


def refused(side: Screen, event: ev.Event) -> str:
    """The code of a refusal, which changes nothing."""
    before = save(side.actor.device)
    with pytest.raises(Refusal) as refusal:
        side.actor.do(event)
    assert save(side.actor.device) == before
    return refusal.value.code


def invitation(side: Screen) -> Invitation:
    message = parse_message(side.ever[0])
    assert isinstance(message, Invitation)
    return message


@BOTH
def test_two_who_scan_each_other_become_neighbours(offline: bool) -> None:
    stage = Stage()
    inviter, joiner = pair(stage, offline)
    compare(inviter, joiner, offline=offline)
    confirm(inviter, joiner, offline)
    ours, theirs = inviter.actor.device.relations[-1], joiner.actor.device.relations[-1]
    assert (ours.id, ours.chain, ours.role) == (theirs.id, theirs.chain, Role.FOUNDER)
    assert {ours.side, theirs.side} == {0, 1}
    assert theirs.role is Role.DESK
    assert joiner.actor.device.card is not None
    assert joiner.actor.device.card.network == inviter.actor.device.card.network
    stage.down.clear()
    joiner.actor.do(ev.WriteLetter("desk", "it works"))
    for _ in range(2):
        for side in (joiner, inviter):
            side.actor.do(ev.SendNow())
    assert inviter.actor.device.relations[-1].notes[-1].text == "it works"


def test_by_codes_alone_each_scans_three_or_two_screens_and_no_relay_is_asked() -> None:
    stage = Stage()
    inviter, joiner = pair(stage)
    asked, scans = len(stage.asked), []
    compare(inviter, joiner)  # the joiner scans two screens, the inviter one
    for side, other in ((joiner, inviter), (inviter, joiner)):
        side.actor.do(ev.SameWords())
        other.scan(side)
        scans.append(side.shows)
    assert inviter.actor.device.relations and joiner.actor.device.relations
    assert len(stage.asked) == asked
    assert not [o for side in (inviter, joiner) for o in side.actor.device.outbox]
    sizes = [len(shown) for shown in (inviter.ever[0], joiner.ever[0], inviter.ever[1], *scans)]
    assert [size <= most for size, most in zip(sizes, (1_500, 3_000, 1_700, 500, 1_000), strict=True)] == [True] * 5, (
        sizes
    )


def test_with_a_relay_two_small_screens_are_shown() -> None:
    inviter, joiner = pair(Stage(), offline=False)
    compare(inviter, joiner, offline=False)
    confirm(inviter, joiner, offline=False)
    assert [len(side.ever) for side in (inviter, joiner)] == [1, 1]
    assert all(len(shown) < 200 for side in (inviter, joiner) for shown in side.ever)


@BOTH
@pytest.mark.parametrize("early", [0, 1])
def test_nothing_is_kept_before_both_confirmed(early: int, offline: bool) -> None:
    sides = pair(Stage(), offline)
    compare(*sides, offline=offline)
    sides[early].actor.do(ev.SameWords())
    for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
        if offline and other.shows:
            side.scan(other)
        elif not offline:
            side.actor.do(ev.Look())
    assert not any(side.actor.device.relations for side in sides)
    assert sides[1].actor.device.card is None
    sides[1 - early].actor.do(ev.SameWords())
    for side, other in ((sides[0], sides[1]), (sides[1], sides[0]), (sides[0], sides[1])):
        side.scan(other) if offline else side.actor.do(ev.Look())
    assert all(len(side.actor.device.relations) == 1 for side in sides)


def test_members_meet_by_codes_too_and_no_card_travels() -> None:
    stage = Stage()
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(desk, second, Role.DESK)
    one, other = screens(first, second)
    card = second.device.card
    compare(one, other, Role.PARTNER)
    confirm(one, other)
    assert second.device.card == card
    assert [r.role for r in first.device.relations] == [Role.DESK, Role.PARTNER]
    assert not first.device.relations[-1].channel.waiting


def test_when_a_meeting_is_over_no_secret_of_it_is_left() -> None:
    inviter, joiner = pair(Stage())
    compare(inviter, joiner)
    secrets = {s for side in (inviter, joiner) for s in secrets_of(side.actor.device.meeting)}
    assert len(secrets) == 3  # r, root and what the words stand for
    confirm(inviter, joiner)
    assert not knows(inviter.actor, secrets)
    assert not knows(joiner.actor, secrets)


# ---- refusals, each with its own code


@BOTH
def test_a_code_is_joined_once(offline: bool) -> None:
    stage = Stage()
    inviter, joiner = pair(stage, offline)
    begin(inviter, joiner, offline=offline)
    code = inviter.ever[0]
    assert refused(joiner, ev.JoinByCode("again", code)) == "meeting_under_way"
    joiner.actor.do(ev.OtherWords())
    assert refused(joiner, ev.JoinByCode("again", code)) == "code_used"
    stage.now += OFFER_LIFETIME - 1
    assert refused(joiner, ev.JoinByCode("again", code)) == "code_used"
    stage.now += 3 * OFFER_LIFETIME
    assert refused(joiner, ev.JoinByCode("again", code)) == "scan_late"


@pytest.mark.parametrize("skew", [OFFER_LIFETIME, -OFFER_LIFETIME, 3 * 86_400])
def test_a_code_lives_ten_minutes_by_the_joiner_s_clock(skew: int) -> None:
    inviter, joiner = pair(Stage())
    joiner.actor.skew = skew
    inviter.actor.do(ev.InviteByCode("new", Role.DESK, True))
    assert refused(joiner, ev.JoinByCode("desk", inviter.shows)) == "scan_late"
    joiner.actor.skew = (abs(skew) // skew) * (OFFER_LIFETIME - 1)
    joiner.actor.do(ev.JoinByCode("desk", inviter.shows))


@BOTH
def test_a_code_lives_ten_minutes_by_the_inviter_s_clock(offline: bool) -> None:
    stage = Stage()
    inviter, joiner = pair(stage, offline)
    begin(inviter, joiner, offline=offline)
    if not offline:
        joiner.actor.do(ev.Look())
    stage.now += OFFER_LIFETIME
    inviter.scan(joiner)
    assert failure(inviter) == "code_expired"
    assert not inviter.shows
    joiner.actor.do(ev.Look())
    assert failure(joiner) == "code_expired"


@BOTH
def test_one_s_own_code_scanned_back_is_refused(offline: bool) -> None:
    inviter, joiner = pair(Stage(), offline)
    inviter.actor.do(ev.InviteByCode("new", Role.DESK, offline))
    assert refused(inviter, ev.Scanned(inviter.shows)) == "scan_own"
    assert refused(inviter, ev.JoinByCode("new", inviter.shows)) == "scan_own"
    joiner.actor.do(ev.JoinByCode("desk", inviter.shows))
    joiner.actor.do(ev.Look())
    assert refused(joiner, ev.Scanned(joiner.shows)) == "scan_own"


@BOTH
def test_a_code_of_another_meeting_is_refused(offline: bool) -> None:
    inviter, joiner = pair(Stage(), offline)
    others = pair(Stage(), offline)
    others[0].actor.chance(1)
    others[1].actor.chance(1)
    begin(inviter, joiner, offline=offline)
    begin(*others, offline=offline)
    for side in others:
        side.actor.do(ev.Look())
        for ours in (inviter, joiner):
            assert refused(ours, ev.Scanned(side.shows)) == "scan_other"


def test_a_code_for_the_other_way_of_meeting_is_refused() -> None:
    for offline in (True, False):
        inviter, joiner = pair(Stage(), offline)
        begin(inviter, joiner, offline=offline)
        name = meeting_of(invitation(inviter).secret)
        wrong = Answer(1, name, bytes(32)) if offline else Frames(1, name, 1, (bytes(50),))
        assert refused(inviter, ev.Scanned(encode_message(wrong))) == "scan_other"


@BOTH
def test_a_code_of_another_network_ends_the_meeting(offline: bool) -> None:
    stage, elsewhere = Stage(), Stage()
    inviter, _ = pair(stage, offline)
    their_desk, member = elsewhere.desk("other desk"), elsewhere.actor("member")
    elsewhere.meet(their_desk, member, Role.DESK)
    member.stage = stage
    (joiner,) = screens(member)
    inviter.actor.do(ev.InviteByCode("member", Role.DESK, offline))
    joiner.actor.do(ev.JoinByCode("desk", inviter.shows))
    joiner.actor.do(ev.Look())
    assert failure(joiner) == "network_differs"
    inviter.scan(joiner) if offline else inviter.actor.do(ev.Look())
    assert failure(inviter) == "network_differs"


def test_a_swapped_hello_of_the_joiner_ends_the_meeting() -> None:
    stage = Stage()
    inviter, joiner = pair(stage, offline=False)
    begin(inviter, joiner, offline=False)
    joiner.actor.do(ev.Look())
    true = parse_message(joiner.shows)
    inviter.actor.do(ev.Scanned(encode_message(msgspec.structs.replace(true, hello=digest(b"another")))))
    inviter.actor.do(ev.Look())
    assert failure(inviter) == "hello_swapped"
    joiner.actor.do(ev.Look())
    assert failure(joiner) == "code_refused"


def test_a_swapped_hello_of_the_inviter_ends_the_meeting() -> None:
    stage = Stage()
    inviter, joiner = pair(stage, offline=False)
    inviter.actor.do(ev.InviteByCode("new", Role.DESK, False))
    secret = invitation(inviter).secret
    hello = msgspec.msgpack.decode(inviter.actor.device.meeting.ours)
    hello[4] = bytes(32)  # whoever photographed the screen and has the relay puts an identity of its own
    box = shared_box(secret, 0).id
    stage.relays[RELAY] = type(stage.relays[RELAY])()
    put(stage, box, seal_shared(secret, 0, FrameKind.HELLO, encode(hello), inviter.actor.chance).item)
    joiner.actor.do(ev.JoinByCode("desk", inviter.shows))
    joiner.actor.do(ev.Look())
    assert failure(joiner) == "hello_swapped"


def test_a_hello_waits_at_the_relay_until_the_other_screen_has_promised_it() -> None:
    inviter, joiner = pair(Stage(), offline=False)
    begin(inviter, joiner, offline=False)
    for side in (joiner, inviter, inviter):
        side.actor.do(ev.Look())
    assert inviter.actor.device.meeting.stage is At.GREETING
    inviter.scan(joiner)
    assert inviter.actor.device.meeting.stage is At.COMPARING


def test_a_second_answer_to_one_invitation_is_refused() -> None:
    inviter, joiner = pair(Stage(), offline=False)
    begin(inviter, joiner, offline=False)
    joiner.actor.do(ev.Look())
    name = meeting_of(invitation(inviter).secret)
    inviter.actor.device = msgspec.structs.replace(
        inviter.actor.device,
        meeting=msgspec.structs.replace(inviter.actor.device.meeting, expect=digest(b"first")),
    )
    assert refused(inviter, ev.Scanned(encode_message(Answer(1, name, digest(b"second"))))) == "scan_other"


@pytest.mark.parametrize("content", [b"", b"\x09", b"\x01rubbish", b"\x03" + encode((1, bytes(16), 0, ()))])
def test_what_is_no_message_is_refused(content: bytes) -> None:
    inviter, joiner = pair(Stage())
    begin(inviter, joiner)
    for side in (inviter, joiner):
        assert refused(side, ev.Scanned(content)) == "bad_scan"
        assert refused(side, ev.JoinByCode("x", content)) == "bad_scan"


def with_keys_of_noise(side: Screen) -> bytes:
    hello = msgspec.msgpack.decode(invitation(side).hello)
    hello[3] = b"\xff" * 1_216
    return encode(hello)


def test_an_invitation_with_no_hello_in_it_is_refused() -> None:
    inviter, joiner = pair(Stage())
    inviter.actor.do(ev.InviteByCode("new", Role.DESK, True))
    for hello in (bytes(32), encode((1, 2, 3)) + bytes(32), with_keys_of_noise(inviter)):
        false = msgspec.structs.replace(invitation(inviter), hello=hello)
        assert refused(joiner, ev.JoinByCode("desk", encode_message(false))) == "bad_scan"


def test_only_an_invitation_begins_a_meeting() -> None:
    inviter, joiner = pair(Stage())
    begin(inviter, joiner)
    stranger = Screen(Stage().actor("stranger"))
    assert refused(stranger, ev.JoinByCode("x", joiner.shows)) == "bad_scan"
    for shown in (inviter.shows, joiner.shows):
        assert refused(stranger, ev.Scanned(shown)) == "no_meeting"


def test_frames_that_do_not_open_change_nothing() -> None:
    inviter, joiner = pair(Stage())
    begin(inviter, joiner)
    before = inviter.actor.device
    noise = Frames(1, meeting_of(invitation(inviter).secret), 1, (bytes(200), bytes(41)))
    inviter.actor.do(ev.Scanned(encode_message(noise)))
    assert inviter.actor.device == before
    assert inviter.shows == inviter.ever[0]


def test_who_invites_by_code_is_held_to_the_same_rules() -> None:
    stage = Stage()
    inviter, joiner = pair(stage)
    assert refused(joiner, ev.InviteByCode("x", Role.PARTNER, True)) == "no_card"
    assert refused(inviter, ev.InviteByCode("x", Role.PARTNER, True)) == "desk_takes_founders"
    assert refused(inviter, ev.InviteByCode("", Role.DESK, True)) == "bad_name"
    begin(inviter, joiner)
    assert refused(inviter, ev.InviteByCode("x", Role.DESK, True)) == "meeting_under_way"


@BOTH
def test_an_owner_who_stops_ends_it_for_both(offline: bool) -> None:
    for stops in (0, 1):
        sides = pair(Stage(), offline)
        compare(*sides, offline=offline)
        sides[stops].actor.do(ev.OtherWords())
        other = sides[1 - stops]
        other.scan(sides[stops]) if offline else other.actor.do(ev.Look())
        assert failure(sides[stops]) == "words_differ"
        assert failure(other) == "words_refused"


def test_words_differ_when_somebody_is_in_between() -> None:
    stage = Stage()
    inviter, joiner = pair(stage)
    elsewhere = Stage()
    between = screens(elsewhere.desk(), elsewhere.actor("between"))
    inviter.actor.do(ev.InviteByCode("new", Role.DESK, True))
    between[1].actor.do(ev.JoinByCode("x", inviter.shows))
    inviter.scan(between[1])
    between[1].scan(inviter)
    between[0].actor.do(ev.InviteByCode("y", Role.DESK, True))
    joiner.actor.do(ev.JoinByCode("desk", between[0].shows))
    between[0].scan(joiner)
    joiner.scan(between[0])
    words = {side.actor.heard("meeting_compare")[-1].facts["words"] for side in (inviter, joiner)}
    assert len(words) == 2


# ---- what is shown


def test_a_screen_shows_the_same_until_the_other_has_it() -> None:
    inviter, joiner = pair(Stage())
    begin(inviter, joiner)
    shown = joiner.shows
    for _ in range(2):
        joiner.actor.do(ev.ShowCodes())
        joiner.actor.do(ev.Scanned(inviter.ever[0]))
        assert joiner.shows == shown
    inviter.scan(joiner)
    key = inviter.shows
    inviter.actor.do(ev.SameWords())
    assert len(inviter.shows) > len(key)  # the joiner may have scanned neither yet
    joiner.scan(inviter)
    assert joiner.shows == b""
    joiner.actor.do(ev.SameWords())
    assert joiner.actor.device.relations


def test_what_a_meeting_ended_with_is_shown_to_who_comes_late() -> None:
    stage = Stage()
    inviter, joiner = pair(stage)
    compare(inviter, joiner)
    for side in (joiner, inviter):
        side.actor.do(ev.SameWords())
    inviter.scan(joiner)
    assert inviter.actor.device.relations
    assert not joiner.actor.device.relations
    inviter.shows = b""  # a crash
    stage.now += CONFIRM_LIFETIME - 1
    inviter.actor.do(ev.ShowCodes())
    stage.now = START
    joiner.scan(inviter)
    assert joiner.actor.device.relations[0].id == inviter.actor.device.relations[0].id
    inviter.scan(joiner)  # once more, though it is over
    assert inviter.shows
    stage.now += CONFIRM_LIFETIME
    inviter.actor.do(ev.ShowCodes())
    assert not inviter.shows


def test_the_next_meeting_takes_the_screen() -> None:
    stage = Stage()
    inviter, joiner = met(stage)
    last = inviter.shows
    assert last
    inviter.actor.do(ev.InviteByCode("third", Role.DESK, True))
    assert inviter.shows != last
    assert refused(inviter, ev.Scanned(joiner.shows)) == "scan_other"
    inviter.actor.do(ev.OtherWords())
    assert refused(inviter, ev.Scanned(joiner.shows)) == "code_used"


def test_a_device_remembers_a_bounded_number_of_meetings_for_a_bounded_time() -> None:
    stage = Stage()
    inviter, _ = pair(stage)
    for _ in range(bycode.USED_MOST + 5):
        inviter.actor.do(ev.InviteByCode("new", Role.DESK, True))
        inviter.actor.do(ev.OtherWords())
    assert len(inviter.actor.device.screen.used) == bycode.USED_MOST
    stage.now += bycode.USED_KEPT
    inviter.actor.do(ev.SendNow())
    assert inviter.actor.device.screen.used == ()
    assert inviter.actor.device.screen.last
    stage.now += CONFIRM_LIFETIME
    inviter.actor.do(ev.SendNow())
    assert inviter.actor.device.screen == bycode.Screen()
