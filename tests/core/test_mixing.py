"""Weekly mixing: a silent copy goes blind, and no letter is lost on the way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import mail, mixing
from tercet.core.board import BoardView
from tercet.core.chain import DayChain
from tercet.core.channel import Letter, LetterKind, Waiting
from tercet.core.device import step
from tercet.core.fields import Malformed
from tercet.core.mixing import MIX_EVERY, MIX_PATIENCE, Mix
from tercet.core.relation import Relation
from tercet.core.state import save
from tercet.core.turn import Turn

from .copies import Watched, copied, derived, last_read, watched
from .scenes import DAY, HOUR, empty_relay, founders, letters, relation
from .stage import START, Actor, Stage

BLIND_AFTER = 14 * DAY  # seconds; spec/42-mixing.md, 1


def readable_for(scene: Watched, began: int, copies_until: int) -> list[tuple[int, Relation]]:
    """For how long each copy of the first days could follow, seconds; longest first."""
    held = [(when, holder) for when, holder in copied(scene) if when - began <= copies_until]
    assert len({holder.side for _, holder in held}) == 2
    return sorted(((last_read(scene, when, holder) - when, holder) for when, holder in held), key=lambda r: -r[0])


def watch(monkeypatch: pytest.MonkeyPatch, days: int) -> tuple[Watched, int]:
    scene = watched(monkeypatch)
    began = scene.stage.now
    scene.beat(days)
    assert sum(when > began + (days - 1) * DAY for when, _, _ in scene.put) >= 40
    return scene, began


@pytest.mark.full
def test_a_copy_of_either_side_taken_at_any_moment_is_blind_after_two_weeks_of_beats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, began = watch(monkeypatch, 26)
    follows = readable_for(scene, began, 10 * DAY)
    assert len(follows) > 12
    assert any(holder.mix.seed for _, holder in follows)
    assert any(not holder.mix.proven for _, holder in follows)
    assert follows[0][0] < BLIND_AFTER
    assert follows[0][0] > MIX_EVERY * DAY


def test_without_mixing_a_copy_reads_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail.mixing, "is_due", lambda *_, **__: False)
    scene, began = watch(monkeypatch, 20)
    assert readable_for(scene, began, 4 * DAY)[-1][0] > BLIND_AFTER


def test_a_secret_that_is_sealed_to_nobody_leaves_the_copy_its_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "seal_to", lambda public, content, info: content + bytes(mixing.SEALED - len(content)))
    monkeypatch.setattr(mixing, "open_with", lambda seed, sealed, info: sealed[: len(seed)])
    scene, began = watch(monkeypatch, 20)
    assert scene.first.device.relations[0].mix.number >= 2
    assert readable_for(scene, began, 4 * DAY)[-1][0] > BLIND_AFTER


@pytest.mark.full
def test_a_key_that_is_not_fresh_leaves_the_copy_its_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = mixing.begin
    monkeypatch.setattr(mixing, "begin", lambda mix, confirmed, seed: begin(mix, confirmed, bytes(32)))
    scene, began = watch(monkeypatch, 26)
    follows = readable_for(scene, began, 9 * DAY)
    assert max(long for long, holder in follows if holder.mix.seed) > BLIND_AFTER


def partners(days: float) -> tuple[Stage, Actor, Actor]:
    """Two neighbours who have sent and read everything twice a day for so many days."""
    stage, _, first, second = founders()
    for actor, other in ((first, "second"), (second, "first")):
        actor.device = msgspec.structs.replace(actor.device, relations=(relation(actor, other),), board=BoardView())
    go_on(stage, first, second, days)
    return stage, first, second


def go_on(stage: Stage, first: Actor, second: Actor, days: float) -> None:
    stage.beat(first, second, rounds=int(days * 2), every=12 * HOUR)


def mix_of(actor: Actor) -> Mix:
    return actor.device.relations[0].mix


def agree(first: Actor, second: Actor) -> bool:
    """Whether both go on from the same secret."""
    ours, theirs = mix_of(first), mix_of(second)
    return (ours.coming or ours.base) == (theirs.coming or theirs.base) != b""


def test_mixes_begin_every_seven_days_and_never_sooner() -> None:
    stage, first, second = partners(1)
    began = []
    for _ in range(2 * 30):
        go_on(stage, first, second, 0.5)
        if mix_of(first).number and mix_of(first).since not in began:
            began.append(mix_of(first).since)
    assert len(began) == 4
    assert {after - before for before, after in pairwise(began)} == {MIX_EVERY}
    assert mix_of(first).number == mix_of(second).number == 4


def test_the_secrets_of_a_mix_are_gone_from_both_states_once_it_is_over() -> None:
    stage, first, second = partners(6.5)
    while not mix_of(first).seed:
        go_on(stage, first, second, 0.5)
    seed = mix_of(first).seed
    secret = derived(seed, "mix secret")
    assert secret in save(first.device)
    go_on(stage, first, second, 2)
    assert mix_of(first).number == 1
    for actor in (first, second):
        assert seed not in save(actor.device)
        assert secret not in save(actor.device)


def test_old_chains_are_gone_when_their_late_days_are() -> None:
    stage, first, second = partners(60)
    for actor in (first, second):
        holder = actor.device.relations[0]
        assert holder.chain.day >= stage.now // DAY - 9
        assert len(holder.mix.later) <= 2
        assert holder.mix.first > 0


def test_letters_written_on_every_day_of_a_change_come_once_in_order_and_within_a_day() -> None:
    stage, first, second = partners(5)
    written: list[str] = []
    for number in range(14):
        written.append(str(number))
        first.do(ev.WriteLetter("second", written[-1]))
        second.do(ev.WriteLetter("first", written[-1]))
        stage.beat(first, second, rounds=8, every=2 * HOUR)
        for actor, other in ((first, "second"), (second, "first")):
            came = letters(actor, other)
            assert came == written[: len(came)]
            assert len(came) >= len(written) - 1
    assert mix_of(first).day == mix_of(second).day > 0


@pytest.mark.full
@pytest.mark.parametrize("off", ["first", "second"])
@pytest.mark.parametrize("after", [7, 8, 9.5])
def test_who_was_off_for_eight_weeks_finds_every_letter_and_the_next_mix(off: str, after: float) -> None:
    stage, first, second = partners(after)
    away, here = (first, second) if off == "first" else (second, first)
    away.do(ev.WriteLetter(here.name, "before"))
    for week in range(8):
        here.do(ev.WriteLetter(away.name, f"week {week}"))
        stage.beat(here, rounds=14, every=12 * HOUR)
    began = mix_of(first).number
    go_on(stage, first, second, 14)
    assert letters(away, here.name) == [f"week {week}" for week in range(8)]
    assert letters(here, away.name) == ["before"]
    assert mix_of(first).number == mix_of(second).number > began
    assert agree(first, second)


def waiting(actor: Actor) -> list[Waiting]:
    """What waits for the first neighbour, but for heads of the board."""
    return [w for w in actor.device.relations[0].channel.waiting if w.kind != LetterKind.HEAD]


def test_one_mix_waits_while_the_other_is_off() -> None:
    stage, first, second = partners(6)
    while not mix_of(first).seed:
        go_on(stage, first, second, 0.5)
    begun = mix_of(first)
    for _ in range(8):
        stage.now += 7 * DAY
        first.device = msgspec.structs.replace(first.device, confirmed=stage.now // DAY)
        first.do(ev.SendNow())
    assert mix_of(first) == begun
    assert [w.kind for w in waiting(first)] == [LetterKind.MIX]


def test_a_mix_that_was_received_and_never_answered_is_begun_anew_after_four_weeks() -> None:
    stage, first, second = partners(6)
    went = mix_of(second)
    while not mix_of(second).number:
        go_on(stage, first, second, 0.5)
    lost = msgspec.structs.replace(second.device.relations[0], mix=went)
    lost = msgspec.structs.replace(lost, channel=msgspec.structs.replace(lost.channel, waiting=()))
    second.device = msgspec.structs.replace(second.device, relations=(lost,))
    go_on(stage, first, second, MIX_PATIENCE - 2)
    assert (mix_of(first).number, mix_of(second).number) == (1, 0)
    go_on(stage, first, second, 7)
    assert mix_of(first).number == mix_of(second).number == 2
    assert agree(first, second)


def test_a_letter_of_a_mix_from_the_wrong_side_or_malformed_changes_nothing() -> None:
    _, first, second = partners(2)
    fresh, body = mixing.begin(mix_of(first), 1, bytes(32))
    assert fresh.number == 1
    for actor, kind, data in (
        (first, LetterKind.MIX, body),
        (second, LetterKind.MIX, body[:-1]),
        (second, LetterKind.MIX, b""),
        (second, LetterKind.MIX_BACK, body),
        (first, LetterKind.MIX_BACK, b"\x93"),
    ):
        turn = Turn(actor.device, START, actor.chance)
        mail.take_mix(turn, actor.device.relations[0].id, Letter(1, 9, 0, 9, START, kind, data))
        assert turn.device == actor.device


def test_a_hostile_inviter_makes_one_chain_a_week_at_most() -> None:
    oldest = DayChain(20_690, bytes(32))
    mix, begun, starts = Mix(), Mix(), []
    for turn in range(200):
        confirmed = 20_700 + turn // 5
        begun, body = mixing.begin(begun, confirmed, bytes([turn]) * 32)
        try:
            mix, _ = mixing.answer(mix, bytes(16), oldest, body, confirmed, bytes(32))
        except Malformed:
            continue
        mix = mixing.prove(mix, mix.number, 0)
        starts.append(mix.day)
    assert len(starts) == len(set(starts))
    assert all(after - before >= MIX_EVERY for before, after in pairwise(starts))


def test_a_hostile_inviter_that_proves_nothing_gets_one_answer_a_week_and_leaves_one_chain() -> None:
    oldest = DayChain(20_690, bytes(32))
    mix, begun, answered = Mix(), Mix(), 0
    for turn in range(20):
        confirmed = 20_700 + turn
        begun, body = mixing.begin(begun, confirmed, bytes([turn]) * 32)
        try:
            mix, _ = mixing.answer(mix, bytes(16), oldest, body, confirmed, bytes(32))
        except Malformed:
            continue
        answered += 1
    assert answered == 3
    assert len(mix.later) == 1


def test_one_forged_mix_with_a_far_number_does_not_end_mixing() -> None:
    oldest = DayChain(20_690, bytes(32))
    mix, begun = Mix(), Mix()
    _, forged = mixing.begin(Mix(number=2**53 - 2), 20_700, b"f" * 32)
    with pytest.raises(Malformed):
        mixing.answer(mix, bytes(16), oldest, forged, 20_700, bytes(32))
    _, ahead = mixing.begin(Mix(number=7), 20_700, b"f" * 32)
    mix, _ = mixing.answer(mix, bytes(16), oldest, ahead, 20_700, bytes(32))
    answered = 0
    for week in range(1, 12):
        begun, body = mixing.begin(begun, 20_700 + 7 * week, bytes([week]) * 32)
        try:
            mix, _ = mixing.answer(mix, bytes(16), oldest, body, 20_700 + 7 * week, bytes(32))
        except Malformed:
            continue
        answered += 1
    assert answered == 3


def test_a_chain_may_not_begin_within_a_week_of_the_one_before_it_whatever_the_other_says() -> None:
    oldest = DayChain(20_690, bytes(32))
    begun, body = mixing.begin(Mix(number=1, day=20_700), 20_705, bytes(32))
    _, soon = mixing.answer(Mix(number=1), bytes(16), oldest, body, 20_704, bytes(32))
    with pytest.raises(Malformed):
        mixing.finish(begun, bytes(16), oldest, soon)
    _, later = mixing.answer(Mix(number=1, day=20_700), bytes(16), oldest, body, 20_704, bytes(32))
    assert mixing.finish(begun, bytes(16), oldest, later).later[-1].day == 20_700 + MIX_EVERY


def test_the_letter_of_a_mix_is_never_sealed_in_the_step_that_draws_its_seed() -> None:
    stage, first, second = partners(6)
    while not mix_of(first).seed:
        before = first.device
        go_on(stage, first, second, 0.5)
    (letter,) = waiting(first)
    assert (letter.kind, letter.times) == (LetterKind.MIX, 0)
    first.device = before
    first.do(ev.WentBack())
    go_on(stage, first, second, 5)
    assert mix_of(first).number == mix_of(second).number == 1
    assert agree(first, second)


@pytest.mark.full
@pytest.mark.parametrize("behind", [-20, -3, 3, 20])
def test_clocks_apart_do_not_keep_a_mix_from_healing_once_they_are_right(behind: int) -> None:
    stage, first, second = partners(3)
    second.skew = behind * DAY
    go_on(stage, first, second, 12)
    second.skew = 0
    first.do(ev.WriteLetter("second", "a"))
    second.do(ev.WriteLetter("first", "b"))
    go_on(stage, first, second, 40)
    assert (letters(second, "first"), letters(first, "second")) == (["a"], ["b"])
    assert mix_of(first).number == mix_of(second).number >= 3
    assert agree(first, second)


def test_a_desk_and_its_founder_mix_too() -> None:
    stage, desk, first, _ = founders()
    stage.beat(desk, first, rounds=2 * 12, every=12 * HOUR)
    ours, theirs = relation(desk, "first").mix, relation(first, "desk").mix
    assert ours.number == theirs.number == 1
    assert ours.base == theirs.base != b""


def test_during_a_change_a_covered_beat_still_reads_two_boxes() -> None:
    stage, first, second = partners(6)
    while mix_of(first).proven:
        go_on(stage, first, second, 0.5)
    stage.now += DAY
    boxes = set()
    for _ in range(40):
        _, effects = step(first.device, ev.Beat(), stage.now, first.chance)
        reads = [e for e in effects if isinstance(e, fx.ReadBox)]
        assert len(reads) == 2
        first.do(ev.Beat())
        boxes |= {(e.query.day, e.query.index) for e in reads if e.query.kind == "relation"}
    day = mix_of(first).later[-1].day
    assert {(day, 0), (day, 1)} <= boxes


def answered_to_nobody() -> tuple[list[str], list[str]]:
    """What the inviter gets, of what was written, when it is off from the answer on until the new chain is in use."""
    stage, first, second = partners(6)
    while not mix_of(second).number:
        go_on(stage, first, second, 0.5)
    while mix_of(second).later[-1].day > stage.now // DAY:
        stage.now += 12 * HOUR
    empty_relay(stage)
    second.do(ev.WriteLetter("first", "on the new chain's first day"))
    go_on(stage, first, second, 8)
    return letters(first, "second"), ["on the new chain's first day"]


def test_the_other_writes_where_the_inviter_reads_until_it_has_seen_it_on_the_new_chain() -> None:
    came, written = answered_to_nobody()
    assert came == written


def test_going_over_without_a_proof_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = mixing.answer

    def at_once(*about: Any, **named: Any) -> tuple[Mix, bytes]:
        mix, body = answer(*about, **named)
        return mixing.prove(mix, mix.number, 0), body

    monkeypatch.setattr(mixing, "answer", at_once)
    came, written = answered_to_nobody()
    assert came != written
