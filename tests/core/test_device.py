"""Whole cores against each other: from a meeting to a file at the desk."""

from __future__ import annotations

from tercet.core import events as ev
from tercet.core.relation import Role
from tercet.core.report import MediaKind, MediaState, ReportState

from .stage import Actor, Stage


def founders(stage: Stage) -> tuple[Actor, Actor, Actor]:
    desk, first, second = stage.desk(), stage.actor("first"), stage.actor("second")
    stage.meet(desk, first, Role.DESK)
    stage.meet(desk, second, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    stage.beat(desk, first, second)
    return desk, first, second


def test_a_report_with_a_photo_reaches_the_desk_and_its_sender_sees_it_received() -> None:
    stage = Stage()
    desk, first, second = founders(stage)
    photo = bytes(range(256)) * 3000
    given = first.give("p.png", photo, MediaKind.PHOTO, travel=b"small" * 100)
    first.do(ev.WriteReport("what I saw", None, None, (given,)))
    stage.beat(desk, first, second, rounds=3)
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
    stage.beat(first, second, rounds=8)
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
