"""Whole cores against each other: from a meeting to a file at the desk."""

from __future__ import annotations

import random

import msgspec
import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.chain import Lane, lane
from tercet.core.channel import Letter
from tercet.core.content import MediaKind
from tercet.core.device import step
from tercet.core.envelope import return_lane
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.report import MediaState, ReportState, ResendRequest
from tercet.core.state import Device, load, save
from tercet.sealing import seal

from .stage import RELAY, Actor, Seeded, Stage


def founders(stage: Stage) -> tuple[Actor, Actor, Actor]:
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(desk, second, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    stage.beat(desk, first, second)
    return desk, first, second


def staged() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage()
    return (stage, *founders(stage))


def test_a_report_with_a_photo_reaches_the_desk_and_its_sender_sees_it_received() -> None:
    stage = Stage()
    desk, first, second = founders(stage)
    photo = bytes(range(256)) * 3000
    given = first.give("p.png", photo, MediaKind.PHOTO, travel=b"small" * 100)
    first.do(ev.WriteReport("what I saw", None, None, (given,)))
    stage.beat(first, desk, second, rounds=6, every=60)
    stage.beat(first)
    (filed,) = desk.reports.values()
    assert filed.content.text == "what I saw"
    assert desk.file_of(filed.case, 1) == photo
    assert desk.file_of(filed.case, 0) == b"small" * 100
    (report,) = first.device.reports
    assert report.state is ReportState.RECEIVED
    assert [m.state for m in report.media] == [MediaState.RECEIVED, MediaState.RECEIVED]
    assert not first.blocks
    assert report.sealed == b""


def test_letters_pass_between_partners_once_and_in_order() -> None:
    stage = Stage()
    desk, first, second = founders(stage)
    for n in range(5):
        first.do(ev.WriteLetter("second", f"letter {n}"))
    stage.beat(first, second, rounds=9)
    relation = next(r for r in second.device.relations if r.name == "first")
    assert [n.text for n in relation.notes] == [f"letter {n}" for n in range(5)]
    assert not next(r for r in first.device.relations if r.name == "second").channel.waiting


def test_the_desk_asks_and_the_reporter_answers() -> None:
    stage = Stage()
    desk, first, second = founders(stage)
    first.do(ev.WriteReport("x", None, None, ()))
    stage.beat(desk, first, rounds=2)
    desk.do(ev.Reply(1, "where exactly?"))
    stage.beat(desk, first, rounds=2)
    assert [n.text for n in first.device.reports[0].notes] == ["where exactly?"]
    first.do(ev.WriteWord(1, "by the well"))
    stage.beat(desk, first, rounds=2)
    assert [w.text for w in desk.words] == ["where exactly?", "by the well"]


# ---- a step, whatever comes


def test_a_failed_step_changes_nothing() -> None:
    stage, _, first, _ = staged()
    before = save(first.device)
    for event in (ev.WriteLetter("nobody", "x"), ev.WriteReport("", None, None, ()), ev.SameWords(), ev.Reply(1, "x")):
        with pytest.raises(Refusal):
            first.do(event)
        assert save(first.device) == before


def test_the_same_state_event_time_and_chance_give_the_same_decisions() -> None:
    stage, _, first, _ = staged()
    event = ev.WriteReport("x", None, None, (first.give("f", b"film"),))
    beats = [step(first.device, ev.SendNow(), stage.now, Seeded("same")) for _ in range(2)]
    assert beats[0] == beats[1]
    kinds = [[type(e) for e in step(first.device, event, stage.now, Seeded("same"))[1]] for _ in range(2)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("years", [-30, -2, 2, 30, 5_000])
def test_a_clock_years_off_is_refused_and_changes_nothing(years: int) -> None:
    stage, desk, first, _ = staged()
    for actor in (desk, first):
        before = save(actor.device)
        actor.skew = max(years * 365 * 86_400, -stage.now)
        with pytest.raises(Refusal, match="clock_far"):
            actor.do(ev.SendNow())
        assert save(actor.device) == before
        actor.skew = 0
        actor.do(ev.SendNow())


def test_one_neighbour_whose_days_are_out_of_reach_does_not_hold_up_the_others() -> None:
    stage, desk, first, second = staged()
    broken = next(r for r in first.device.relations if r.name == "second")
    broken = msgspec.structs.replace(broken, chain=msgspec.structs.replace(broken.chain, day=0))
    others = tuple(r for r in first.device.relations if r.name != "second")
    first.device = msgspec.structs.replace(first.device, relations=(broken, *others))
    first.do(ev.WriteLetter("desk", "x"))
    stage.beat(first, desk, first, desk, rounds=2)
    assert first.heard("clock_far")
    assert [n.text for r in desk.device.relations if r.name == "first" for n in r.notes] == ["x"]


class Feeder:
    """Answers each read of a device with hostile frames that open: a neighbour or a desk gone bad."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def letter(self) -> Letter:
        big = (0, 1, 2, 3, 5, 31, 33, 2**32, 2**53 - 1)
        pick = self.chance.choice
        body = pick((b"", b"x", bytes(3_900), b"\xff" * 3_900, encode(ResendRequest(0, ((2**53 - 1, bytes(32)),) * 8))))
        written = pick((0, 1, 1_790_000_000, 253_402_300_799))
        return Letter(1, pick(big), pick(big), pick(big), written, pick((0, 1, 2, 3, 4, 5, 6, 255)), body)


def lane_read(device: Device, effect: fx.Effect) -> Lane | None:
    """The lane of which an effect reads a box, if it is a neighbour's or an answer's."""
    lanes: list[Lane] = []
    if isinstance(effect, fx.ReadBox) and effect.query.kind == "relation":
        day = effect.query.day
        lanes = [lane(r.chain, day, "relation", 1 - r.side) for r in device.relations if r.chain.day <= day]
    elif isinstance(effect, fx.ReadBox) and effect.query.kind == "return":
        lanes = [return_lane(r.root) for r in device.returns]
    return next((w for w in lanes for box in w.boxes if box.read == getattr(effect, "read", b"")), None)


@pytest.mark.parametrize(("seed", "beats"), [(0, 15), (1, 15), pytest.param(2, 150, marks=pytest.mark.full)])
def test_no_frame_of_a_hostile_neighbour_or_desk_makes_a_step_fail_or_the_state_grow(seed: int, beats: int) -> None:
    stage, desk, first, second = staged()
    feeder, chance, fed = Feeder(random.Random(seed)), random.Random(seed), set[str]()
    first.do(ev.WriteReport("x", None, None, (first.give("f", bytes(600_000)),)))
    stage.beat(desk, first, rounds=2)
    for _ in range(beats):
        stage.now += chance.choice((600, 90_000))
        device, effects = step(first.device, ev.SendNow(), stage.now, first.chance)
        for effect in effects:
            where = lane_read(device, effect)
            if where is None:
                continue
            frames = tuple(
                seal(where.key, b"\0" + encode(feeder.letter()), 4_096, chance.randbytes(24)) for _ in range(3)
            )
            assert isinstance(effect, fx.ReadBox)
            event = ev.Arrived(effect.query, frames, chance.random() < 0.5, RELAY)
            device, _ = step(device, event, stage.now, first.chance)
            fed.add(effect.query.kind)
        first.device = load(save(device))
        assert len(save(device)) < 300_000
    assert first.device.confirmed <= stage.now // 86_400
    assert fed == {"relation", "return"}
