"""Introductions: three real cores, letters between them, and words compared later."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import channel as letters
from tercet.core import events as ev
from tercet.core import introducing, introduction
from tercet.core.cell import COMPLEMENT, Role, tag_of
from tercet.core.channel import LetterKind
from tercet.core.encounter import here_of
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.introduction import (
    DECLINE_WITHIN,
    INTRODUCES,
    LIFETIME,
    PASSES,
    PATIENCE,
    SAYS,
    Brought,
    Frame,
    Introductions,
    Offer,
    Said,
    Way,
    parse_frame,
    parse_offer,
)
from tercet.core.meeting import Stage as MeetingStage
from tercet.core.relation import LETTER_TEXT, Relation
from tercet.core.state import Device, load, save
from tercet.core.turn import Turn
from tests.sealing.cases import bad_cases, cases

from .scenes import DAY, relation
from .stage import Actor, Seeded, Stage

TAKE = introducing.take
SPEC = (Path(__file__).parents[2] / "spec" / "32-introduction.md").read_text()


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    rows = [[cell.strip().strip("`") for cell in line[1:-1].split("|")] for line in found[1].splitlines()]
    assert len(rows) > 2
    return rows[2:]


@cache
def _partner() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage()
    desk, link, first, second = (stage.desk(), *(stage.actor(name) for name in ("link", "first", "second")))
    stage.meet(desk, link, Role.DESK)
    stage.meet(link, first, Role.LINK)
    stage.meet(first, second, Role.PARTNER)
    post(stage, desk, link, first, second)
    return stage, link, first, second


def partner() -> tuple[Stage, Actor, Actor, Actor]:
    """A link, the first below it, and the first's new partner, who has no link yet."""
    return copy.deepcopy(_partner())


@cache
def _pair() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage()
    desk, link, first, second = (stage.desk(), *(stage.actor(name) for name in ("link", "first", "second")))
    stage.meet(desk, link, Role.DESK)
    stage.meet(link, first, Role.LINK)
    stage.meet(link, second, Role.LINK)
    post(stage, desk, link, first, second)
    return stage, link, first, second


def pair() -> tuple[Stage, Actor, Actor, Actor]:
    """A link and two below it, who do not know each other."""
    return copy.deepcopy(_pair())


def post(stage: Stage, *actors: Actor, rounds: int = 3) -> None:
    """Letters go and come."""
    for _ in range(rounds):
        stage.now += 60
        for actor in actors:
            actor.do(ev.SendNow())


def told(actor: Actor, what: str) -> dict[str, str]:
    return actor.heard(what)[-1].facts


def refused(actor: Actor, event: ev.Event) -> str:
    before = actor.device
    with pytest.raises(Refusal) as refusal:
        actor.do(event)
    assert actor.device == before
    return refusal.value.code


def introduce(stage: Stage, by: Actor, *two: Actor) -> None:
    """As far as the offers."""
    by.do(ev.Introduce(two[0].name, two[1].name))
    post(stage, by, *two)


def agree(stage: Stage, by: Actor, one: Actor, other: Actor, rounds: int = 18) -> None:
    one.do(ev.AcceptIntroduction(other.name))
    other.do(ev.AcceptIntroduction(one.name))
    post(stage, by, one, other, rounds=rounds)


def whole(stage: Stage, by: Actor, one: Actor, other: Actor) -> None:
    introduce(stage, by, one, other)
    agree(stage, by, one, other)


def idle(*actors: Actor) -> bool:
    """Whether nobody remembers anything of an introduction."""
    return all(actor.device.introductions == Introductions() for actor in actors)


def writes(stage: Stage, one: Actor, other: Actor, text: str = "word") -> bool:
    one.do(ev.WriteLetter(other.name, text))
    post(stage, one, other)
    return any(note.text == text for note in relation(other, one.name).notes)


# ---- tables, bytes


def test_the_tables_of_the_spec_are_the_codes() -> None:
    assert {(Role(a), Role(b)): Role(c) for a, b, c in table("introduces")} == dict(INTRODUCES)
    sides = {"0": 0, "1": 1, "either": None}
    assert {Said(said): (sides[side], int(parts)) for said, side, parts, _ in table("says")} == dict(SAYS)
    assert {(Way(a), Said(b)): Way(c) for a, b, c in table("passes")} == dict(PASSES)
    for name, value, _ in table("numbers"):
        assert getattr(introduction, name) == int(value)
    for name, kind in (("offer", Offer), ("frame", Frame)):
        assert tuple(row[1] for row in table(name)) == kind.__struct_fields__


@pytest.mark.parametrize("case", cases("offer", "introduction"))
def test_an_offer_is_parsed_as_the_vectors_say(case: Any) -> None:
    offer = parse_offer(bytes.fromhex(case["input"]["body"]))
    found = {"id": offer.id.hex(), "shared": offer.shared.hex(), "side": offer.side, "role": offer.role.value}
    assert found == case["expected"]
    assert encode(offer).hex() == case["input"]["body"]


@pytest.mark.parametrize("case", bad_cases("offer", "introduction"))
def test_what_is_no_offer_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        parse_offer(bytes.fromhex(case["input"]["body"]))


@pytest.mark.parametrize("case", cases("frame", "introduction"))
def test_a_frame_is_parsed_as_the_vectors_say(case: Any) -> None:
    frame = parse_frame(bytes.fromhex(case["input"]["body"]))
    expected = {"id": frame.id.hex(), "said": frame.said.value, "parts": [part.hex() for part in frame.parts]}
    assert expected == case["expected"]
    assert encode(frame).hex() == case["input"]["body"]


@pytest.mark.parametrize("case", bad_cases("frame", "introduction"))
def test_what_is_no_frame_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        parse_frame(bytes.fromhex(case["input"]["body"]))


# ---- it works


def test_a_newcomers_partner_introduces_it_to_the_link_both_will_share() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    assert told(link, "introduction_offered") == {"by": "first", "role": "below"}
    assert told(second, "introduction_offered") == {"by": "first", "role": "link"}
    agree(stage, first, link, second)
    ours, theirs = relation(link, "second"), relation(second, "link")
    assert (ours.role, theirs.role, ours.id, ours.chain) == (Role.BELOW, Role.LINK, theirs.id, theirs.chain)
    assert (ours.side, theirs.side, ours.met, theirs.met) == (0, 1, False, False)
    assert told(first, "introduction_made") == {"name": "second", "other": "link"}
    assert idle(link, first, second)
    assert writes(stage, link, second)
    assert writes(stage, second, link)


def test_a_link_introduces_the_two_below_it_to_each_other() -> None:
    stage, link, first, second = pair()
    whole(stage, link, first, second)
    assert relation(first, "second").role is relation(second, "first").role is Role.PARTNER
    assert relation(first, "second").pair == relation(second, "first").pair == b""
    assert idle(link, first, second)
    assert writes(stage, first, second)
    assert writes(stage, second, first)


def test_a_founder_introduces_its_partner_to_the_desk_and_a_desk_its_founders() -> None:
    stage = Stage()
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    post(stage, desk, first, second)
    whole(stage, first, second, desk)
    assert relation(desk, "second").role is Role.FOUNDER
    assert relation(second, "desk").role is Role.DESK
    assert writes(stage, second, desk)
    third = stage.actor("third")
    stage.meet(desk, third, Role.DESK)
    fourth = stage.actor("fourth")
    stage.meet(desk, fourth, Role.DESK)
    post(stage, desk, third, fourth)
    whole(stage, desk, third, fourth)
    assert relation(third, "fourth").role is Role.PARTNER
    assert writes(stage, fourth, third)


def test_the_newcomer_has_the_pair_secret_of_its_link_afterwards_and_forgets_its_partners_word() -> None:
    stage, link, first, second = partner()
    assert relation(second, "first").pair == relation(first, "link").pair
    whole(stage, first, link, second)
    assert relation(second, "link").pair == relation(first, "link").pair == relation(link, "second").pair
    assert relation(second, "first").pair == b""


@pytest.mark.parametrize("early", ["link", "second"])
def test_it_does_not_matter_who_agrees_first(early: str) -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    one, other = (link, second) if early == "link" else (second, link)
    one.do(ev.AcceptIntroduction(other.name))
    post(stage, link, first, second)
    assert len(second.device.relations) == 1
    other.do(ev.AcceptIntroduction(one.name))
    post(stage, link, first, second, rounds=18)
    assert relation(link, "second").id == relation(second, "link").id


def test_the_owners_order_of_the_two_does_not_matter() -> None:
    stage, link, first, second = partner()
    first.do(ev.Introduce("second", "link"))
    post(stage, first, link, second)
    assert told(second, "introduction_offered")["role"] == "link"


def test_words_are_compared_later_and_are_the_same() -> None:
    stage, link, first, second = partner()
    whole(stage, first, link, second)
    for actor, name in ((link, "second"), (second, "link")):
        actor.do(ev.CompareWords(name))
    words = told(link, "introduction_words")["words"]
    assert words == told(second, "introduction_words")["words"]
    assert len(words.split()) == 4
    for actor, name in ((link, "second"), (second, "link")):
        actor.do(ev.WordsAgree(name))
        assert relation(actor, name).met
        assert relation(actor, name).likeness == b""
        assert refused(actor, ev.CompareWords(name)) == "nothing_to_compare"
    assert writes(stage, link, second)


def test_who_saw_different_words_drops_the_relation_and_its_frames() -> None:
    stage, link, first, second = partner()
    whole(stage, first, link, second)
    second.do(ev.WriteLetter("link", "x"))
    second.do(ev.WordsDiffer("link"))
    assert told(second, "introduction_dropped") == {"name": "link"}
    assert [r.name for r in second.device.relations] == ["first"]
    assert relation(link, "second").id not in save(second.device)
    second.do(ev.SendNow())


def test_no_frame_of_an_introduction_is_longer_than_a_letter() -> None:
    stage, link, first, second = partner()
    lengths = []
    write = letters.write

    def measured(channel: Any, kind: int, body: bytes) -> Any:
        if kind in (LetterKind.INTRODUCE, LetterKind.INTRO_FRAME):
            lengths.append(len(body))
        return write(channel, kind, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(introducing.letters, "write", measured)
        whole(stage, first, link, second)
    assert len(lengths) == 2 + 4 + 4
    assert max(lengths) <= LETTER_TEXT


def test_nothing_of_an_introduction_is_in_the_state_when_it_is_over() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    shared = link.device.introductions.brought.shared
    link.do(ev.AcceptIntroduction("second"))
    seed = link.device.introductions.brought.meeting.seed
    second.do(ev.AcceptIntroduction("link"))
    post(stage, link, first, second, rounds=18)
    for actor in (link, first, second):
        assert shared not in save(actor.device)
        assert seed not in save(actor.device)


# ---- refusals


def test_only_those_are_introduced_whom_the_rule_brings_together() -> None:
    stage, link, first, second = partner()
    assert refused(first, ev.Introduce("link", "nobody")) == "unknown_neighbour"
    assert refused(first, ev.Introduce("link", "link")) == "introduce_whom"
    assert refused(link, ev.Introduce("desk", "first")) == "introduce_whom"
    assert refused(second, ev.Introduce("first", "first")) == "introduce_whom"


def test_one_introduction_at_a_time() -> None:
    stage, link, first, second = partner()
    first.do(ev.Introduce("link", "second"))
    assert refused(first, ev.Introduce("link", "second")) == "introduction_under_way"


def test_a_relation_that_is_not_met_introduces_nobody() -> None:
    stage, link, first, second = partner()
    whole(stage, first, link, second)
    assert refused(second, ev.Introduce("link", "first")) == "not_met"
    assert refused(link, ev.Introduce("first", "second")) == "not_met"
    second.do(ev.WordsAgree("link"))
    link.do(ev.WordsAgree("second"))
    link.do(ev.Introduce("first", "second"))


def test_an_owner_answers_only_what_was_offered_and_with_a_word_of_its_own() -> None:
    stage, link, first, second = partner()
    assert refused(second, ev.AcceptIntroduction("link")) == "no_introduction"
    assert refused(second, ev.DeclineIntroduction()) == "no_introduction"
    introduce(stage, first, link, second)
    assert refused(second, ev.AcceptIntroduction("first")) == "name_taken"
    assert refused(second, ev.AcceptIntroduction("")) == "bad_name"
    second.do(ev.Join("x", "001 abandon ability able about", ""))
    assert refused(second, ev.AcceptIntroduction("link")) == "meeting_under_way"
    second.do(ev.OtherWords())
    second.do(ev.AcceptIntroduction("link"))
    assert refused(second, ev.AcceptIntroduction("link")) == "no_introduction"
    assert refused(second, ev.Join("link", "001 abandon ability able about", "")) == "name_taken"


def test_who_agreed_to_an_introduction_has_given_the_place_away() -> None:
    stage, link, first, second = pair()
    introduce(stage, link, first, second)
    first.do(ev.AcceptIntroduction("second"))
    assert refused(first, ev.Invite("x", Role.PARTNER)) == "partner_taken"
    first.do(ev.DeclineIntroduction())
    first.do(ev.Invite("x", Role.PARTNER))


@pytest.mark.parametrize("who", ["link", "second"])
@pytest.mark.parametrize("when", ["at once", "after agreeing"])
def test_an_owner_who_declines_ends_it_for_all_three(who: str, when: str) -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    actor, other = (link, second) if who == "link" else (second, link)
    if when == "after agreeing":
        actor.do(ev.AcceptIntroduction(other.name))
    actor.do(ev.DeclineIntroduction())
    post(stage, link, first, second, rounds=6)
    assert idle(link, first, second)
    assert told(first, "introduction_refused") == {"name": actor.name, "other": other.name}
    assert told(other, "introduction_over") == {"code": "introduction_refused", "by": "first"}
    assert len(second.device.relations) == 1
    whole(stage, first, link, second)
    assert writes(stage, link, second)


def test_who_is_bound_cannot_decline() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    for actor, other in ((link, "second"), (second, "link")):
        actor.do(ev.AcceptIntroduction(other))
    while not link.device.introductions.brought.bound:
        post(stage, link, first, second, rounds=1)
    assert refused(link, ev.DeclineIntroduction()) == "introduction_bound"
    post(stage, link, first, second, rounds=12)
    assert writes(stage, link, second)


def said_by(actor: Actor, name: str) -> list[tuple[int, bytes]]:
    """What waits for a neighbour and is no text, share of a line or commitment."""
    waiting = relation(actor, name).channel.waiting
    others = (LetterKind.TEXT, LetterKind.SHARE, LetterKind.COMMIT)
    return [(w.kind, w.body) for w in waiting if w.kind not in others]


@pytest.mark.parametrize("place", ["link", "busy", "misfit"])
def test_a_device_declines_by_itself_within_two_days_in_the_words_of_an_owner(place: str) -> None:
    stage, link, first, second = partner()
    if place == "busy":
        busy = Brought(bytes(16), bytes(16), stage.now, 0, Role.LINK, bytes(32))
        second.device = msgspec.structs.replace(second.device, introductions=Introductions(brought=busy))
    elif place == "link":
        stage.meet(link, second, Role.LINK)
    offer = Offer(1, b"i" * 16, bytes(32), 1, Role.PARTNER if place == "misfit" else Role.LINK)
    hand(second, "first", LetterKind.INTRODUCE, encode(offer))
    assert said_by(second, "first") == []
    assert told(second, "introduction_declined")["by"] == "first"
    (declined,) = second.device.introductions.declined
    assert stage.now < declined.at <= stage.now + DECLINE_WITHIN
    stage.now = declined.at - 1
    second.do(ev.SendNow())
    assert said_by(second, "first") == []
    stage.now += 1
    second.do(ev.SendNow())
    by_itself = said_by(second, "first")
    stage2, link2, first2, second2 = partner()
    hand(second2, "first", LetterKind.INTRODUCE, encode(Offer(1, b"i" * 16, bytes(32), 1, Role.LINK)))
    second2.do(ev.DeclineIntroduction())
    assert by_itself == said_by(second2, "first")


def test_offers_without_end_make_a_device_keep_one_no() -> None:
    stage, link, first, second = partner()
    stage.meet(link, second, Role.LINK)
    for number in range(50):
        offer = Offer(1, number.to_bytes(16, "big"), bytes(32), 1, Role.LINK)
        hand(second, "first", LetterKind.INTRODUCE, encode(offer))
        if number % 10 == 9:
            stage.now += DECLINE_WITHIN
            second.do(ev.SendNow())
    assert len(second.device.introductions.declined) <= 1
    assert len([kind for kind, _ in said_by(second, "first") if kind != LetterKind.HEAD]) <= 1


# ---- time


def test_an_introduction_without_an_answer_is_over_after_thirty_days_for_all_three() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    second.do(ev.AcceptIntroduction("link"))
    stage.now += LIFETIME
    post(stage, link, first, second)
    assert idle(link, first, second)
    assert told(first, "introduction_over")["code"] == "introduction_expired"
    assert told(second, "introduction_over")["code"] == "introduction_expired"
    assert len(second.device.relations) == 1


def test_an_answer_on_the_last_day_counts() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    for _ in range(29):
        stage.now += DAY
        post(stage, link, first, second, rounds=1)
    agree(stage, first, link, second)
    assert writes(stage, link, second)


def bound_without_answer() -> tuple[Stage, Actor, Actor, Actor]:
    """The newcomer has kept the relation; its last word has not come through."""
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    for actor, other in ((link, "second"), (second, "link")):
        actor.do(ev.AcceptIntroduction(other))
    while len(second.device.relations) == 1:
        post(stage, link, first, second, rounds=1)
        for _ in range(3):
            first.do(ev.SendNow())
    return stage, link, first, second


def test_who_is_bound_waits_ninety_days_and_then_no_longer() -> None:
    stage, link, first, second = bound_without_answer()
    if link.device.introductions.brought is None:
        pytest.skip("the last word came through in the same round")
    stage.now += LIFETIME
    link.do(ev.Beat())
    assert link.device.introductions.brought.bound
    stage.now += PATIENCE
    link.device = msgspec.structs.replace(link.device, confirmed=0)
    link.do(ev.Beat())
    assert link.device.introductions.brought is None


# ---- what comes twice, late, or is nonsense


def hand(actor: Actor, by: str, kind: LetterKind, body: bytes) -> None:
    """A letter of a neighbour, delivered."""
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    letter = letters.Letter(1, 1, 0, 1, actor.stage.now, kind, body)
    TAKE(turn, relation(actor, by).id, letter)
    actor.device = load(save(turn.device))
    for effect in turn.effects:
        actor.act(effect)


NONSENSE = (
    b"",
    b"\xc0",
    encode([1, b"i" * 16, "hello", []]),
    encode([1, b"i" * 16, "no", [b"x"]]),
    encode([1, b"i" * 16, "key", [b"x" * 3000, b"x"]]),
    encode(Frame(1, b"z" * 16, Said.NO, ())),
    encode(Frame(1, b"z" * 16, Said.CONSENT, (bytes(640),))),
)


@pytest.mark.parametrize("body", NONSENSE)
def test_nonsense_and_frames_of_other_introductions_change_nothing(body: bytes) -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    second.do(ev.AcceptIntroduction("link"))
    for actor, by in ((first, "link"), (first, "second"), (second, "first"), (link, "first"), (link, "desk")):
        before = actor.device
        hand(actor, by, LetterKind.INTRO_FRAME, body)
        assert actor.device == before
    for actor, by in ((first, "link"), (second, "first")):
        before = actor.device
        hand(actor, by, LetterKind.INTRODUCE, body)
        assert actor.device == before


def test_every_letter_that_comes_again_or_late_changes_nothing() -> None:
    stage, link, first, second = partner()
    actors = {id(actor.chance): actor for actor in (link, first, second)}
    heard: list[tuple[Actor, str, LetterKind, bytes]] = []

    def again(taken: list[tuple[Actor, str, LetterKind, bytes]]) -> None:
        for actor, by, kind, body in taken:
            before = actor.device
            if kind is LetterKind.INTRO_FRAME or before.introductions.brought is not None:
                hand(actor, by, kind, body)
            assert actor.device == before

    def remembered(turn: Turn, by: bytes, letter: letters.Letter) -> None:
        actor = actors[id(turn.chance)]
        name = next(r.name for r in turn.device.relations if r.id == by)
        heard.append((actor, name, LetterKind(letter.kind), letter.body))
        TAKE(turn, by, letter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(introducing, "take", remembered)
        introduce(stage, first, link, second)
        again(heard)
        link.do(ev.AcceptIntroduction("second"))
        second.do(ev.AcceptIntroduction("link"))
        for _ in range(18):
            post(stage, link, first, second, rounds=1)
            again(heard)
    assert len(heard) == 2 + 4 + 4
    assert writes(stage, link, second)


def test_only_who_introduces_may_pass_frames_on_and_only_the_two_may_send_them() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    name = first.device.introductions.bringing.id
    before = first.device
    hand(first, "second", LetterKind.INTRO_FRAME, encode(Frame(1, name, Said.HELLO, (b"x",))))
    assert first.device == before
    link.do(ev.WriteLetter("desk", "x"))
    before = link.device
    hand(link, "desk", LetterKind.INTRO_FRAME, encode(Frame(1, name, Said.NO, ())))
    assert link.device == before


@pytest.mark.parametrize("said", [s for s in Said if s is not Said.NO])
def test_a_frame_for_now_that_does_not_open_ends_it(said: Said) -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    link.do(ev.AcceptIntroduction("second"))
    second.do(ev.AcceptIntroduction("link"))
    actor = link if SAYS[said][0] == 1 else second
    while actor.device.introductions.brought is not None:
        meeting = actor.device.introductions.brought.meeting
        due = {
            (MeetingStage.GREETING, 0): Said.ANSWER,
            (MeetingStage.GREETING, 1): Said.HELLO,
            (MeetingStage.KEYING, 1): Said.KEY,
            (MeetingStage.CONFIRMING, 0): Said.CONSENT,
        }[meeting.stage, meeting.side]
        if due is said:
            name = actor.device.introductions.brought.id
            parts = tuple(b"x" * 100 for _ in range(SAYS[said][1]))
            hand(actor, "first", LetterKind.INTRO_FRAME, encode(Frame(1, name, said, parts)))
            break
        post(stage, link, first, second, rounds=1)
    assert actor.device.introductions.brought is None
    assert told(actor, "introduction_over")["code"] == "introduction_refused"
    post(stage, link, first, second, rounds=18)
    assert idle(link, first, second) or said is Said.CONSENT


def test_another_network_or_a_newcomers_hello_is_refused_and_the_other_hears_no() -> None:
    stage, link, first, second = partner()
    foreign = Stage().desk("foreign").device.card
    introduce(stage, first, link, second)
    card = second.device.card
    second.device = msgspec.structs.replace(second.device, card=foreign)
    second.do(ev.AcceptIntroduction("link"))
    link.do(ev.AcceptIntroduction("second"))
    for _ in range(4):
        link.do(ev.SendNow())
        first.do(ev.SendNow())
        second.device = msgspec.structs.replace(second.device, card=foreign)
        second.do(ev.SendNow())
        stage.now += 60
    second.device = msgspec.structs.replace(second.device, card=card)
    assert told(second, "introduction_over")["code"] == "network_differs"
    post(stage, link, first, second)
    assert told(link, "introduction_over")["code"] == "introduction_refused"
    assert idle(link, first, second)


def test_a_link_of_another_pair_is_refused_whatever_its_introducer_says() -> None:
    stage, link, first, second = partner()
    introduce(stage, first, link, second)
    changed = tuple(
        msgspec.structs.replace(r, pair=b"x" * 32) if r.name == "first" else r for r in second.device.relations
    )
    second.device = msgspec.structs.replace(second.device, relations=changed)
    agree(stage, first, link, second)
    assert told(second, "introduction_over")["code"] == "link_of_another_pair"
    assert told(link, "introduction_over")["code"] == "introduction_refused"


# ---- who introduces is hostile


class Between:
    """An introducer that answers for each of the two itself: one half of an introduction with either."""

    def __init__(self, stage: Stage, first: Actor, two: dict[str, tuple[int, Role]]) -> None:
        self.stage, self.actor, self.two = stage, first, two
        self.chance = Seeded("between")
        self.halves: dict[str, Brought] = {}

    def begin(self) -> None:
        self.here = here_of(Turn(self.actor.device, self.stage.now, self.chance), AnyCell())
        for name, (side, role) in self.two.items():
            shared = self.chance(32)
            self.say(name, LetterKind.INTRODUCE, encode(Offer(1, b"m" * 16, shared, side, role)))
            half = Brought(b"m" * 16, bytes(16), self.stage.now, 1 - side, COMPLEMENT[role], shared)
            self.halves[name], said = half.agreed("x", self.stage.now, self.here, self.chance)
            self.answer(name, said)

    def answer(self, name: str, said: Any) -> None:
        if said is not None:
            self.say(name, LetterKind.INTRO_FRAME, encode(Frame(1, b"m" * 16, *said)))

    def say(self, name: str, kind: LetterKind, body: bytes) -> None:
        held = relation(self.actor, name)
        changed = msgspec.structs.replace(held, channel=letters.write(held.channel, kind, body))
        relations = tuple(changed if r.id == held.id else r for r in self.actor.device.relations)
        self.actor.device = msgspec.structs.replace(self.actor.device, relations=relations)

    def hear(self, by: bytes, body: bytes) -> None:
        name = next(r.name for r in self.actor.device.relations if r.id == by)
        frame = parse_frame(body)
        self.halves[name], said = self.halves[name].heard(frame.said, frame.parts, self.here, self.chance)
        self.answer(name, said)


class AnyCell:
    """A cell that objects to nothing and knows no secret."""

    above = below = b""

    def admit(self, role: Role) -> None: ...

    def secret(self, role: Role) -> bytes:
        return b""

    def tag(self, role: Role, shared: bytes, side: int) -> bytes:
        return b""

    def objection(self, role: Role, theirs: bytes, shared: bytes, side: int) -> str:
        return ""


def test_somebody_in_between_is_found_when_the_two_compare_words() -> None:
    stage, link, first, second = pair()
    secret = relation(first, "link").pair
    between = Between(stage, link, {"first": (0, Role.PARTNER), "second": (1, Role.PARTNER)})
    take = introducing.take

    def heard(turn: Any, by: bytes, letter: Any) -> None:
        if turn.chance is link.chance and letter.kind == LetterKind.INTRO_FRAME:
            pending.append((by, letter.body))
        else:
            take(turn, by, letter)

    pending: list[tuple[bytes, bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(introducing, "take", heard)
        patch.setattr(AnyCell, "tag", lambda self, role, shared, side: tag_of(secret, shared, side))
        between.begin()
        post(stage, link, first, second)
        first.do(ev.AcceptIntroduction("second"))
        second.do(ev.AcceptIntroduction("first"))
        for _ in range(20):
            post(stage, link, first, second, rounds=1)
            while pending:
                between.hear(*pending.pop(0))
    assert not relation(first, "second").met
    assert not relation(second, "first").met
    first.do(ev.CompareWords("second"))
    second.do(ev.CompareWords("first"))
    assert told(first, "introduction_words") != told(second, "introduction_words")
    first.do(ev.WordsDiffer("second"))
    second.do(ev.WordsDiffer("first"))
    assert [r.name for r in first.device.relations] == ["link"]


def test_who_only_passes_on_cannot_make_the_root() -> None:
    """Everything the introducer's device ever held is not enough to open a letter of the two."""
    stage, link, first, second = partner()
    states: list[Device] = []
    introduce(stage, first, link, second)
    link.do(ev.AcceptIntroduction("second"))
    second.do(ev.AcceptIntroduction("link"))
    for _ in range(18):
        post(stage, link, first, second, rounds=1)
        states.append(first.device)
    made: Relation = relation(link, "second")
    assert all(made.chain.root not in save(state) for state in states)
    assert all(made.id not in save(state) for state in states)
