"""Who was away for eight weeks comes back: nothing promised is lost, and what expired is said."""

from __future__ import annotations

import pytest

from tercet.core import events as ev
from tercet.core.channel import LetterKind
from tercet.core.days import DAY, KEPT_DAYS
from tercet.core.errors import Refusal
from tercet.core.relation import Role
from tercet.core.report import ReportState
from tests.core.stage import Actor, Stage

RELAYS = ("tercet://one.example:443/aaaa", "tercet://two.example:443/bbbb")
AWAY = 56  # days
QUARTER = DAY // 4
HALF_HOUR = 1_800


def life(stage: Stage, *actors: Actor, seconds: int, every: int) -> None:
    """Covered beats; everybody reads what came once a day."""
    for number in range(seconds // every):
        stage.now += every
        for actor in actors:
            actor.do(ev.Beat())
            if number % (DAY // every) == 0:
                actor.do(ev.NotesSeen())


def letters_to(actor: Actor, told: list[str]) -> None:
    """Note the texts that came and were not noted yet, in order."""
    told += [n.text for r in actor.device.relations for n in r.notes if n.text not in told]


@pytest.fixture(scope="module")
def back() -> tuple[Stage, Actor, Actor, Actor, list[str]]:
    """A desk, amal and badr; badr was away for eight weeks, with a report unsent, and lives three days again."""
    stage = Stage(RELAYS)
    desk, amal, badr = stage.desk(), stage.actor("amal"), stage.actor("badr")
    stage.meet(desk, amal, Role.DESK)
    stage.meet(amal, badr, Role.LINK)
    stage.beat(amal, badr, desk, rounds=3)
    badr.do(ev.WriteReport("before the flood", None, None, ()))
    badr.do(ev.WriteLetter("amal", "I must go"))
    for week in range(AWAY // 7):
        amal.do(ev.WriteLetter("badr", f"week {week}"))
        life(stage, amal, desk, seconds=7 * DAY, every=QUARTER)
    came: list[str] = []
    for _ in range(6):
        life(stage, amal, badr, desk, seconds=DAY // 2, every=HALF_HOUR)
        letters_to(badr, came)
    return stage, desk, amal, badr, came


@pytest.mark.full
def test_every_letter_of_eight_weeks_comes_once_and_in_order(
    back: tuple[Stage, Actor, Actor, Actor, list[str]],
) -> None:
    _, _, amal, badr, came = back
    assert came == [f"week {week}" for week in range(AWAY // 7)]
    assert len(badr.heard("letter_came")) == AWAY // 7
    waiting = amal.device.relations[-1].channel.waiting  # a mix may have begun just now
    assert [w for w in waiting if w.kind == LetterKind.TEXT] == []


def test_the_letter_written_before_leaves_and_arrives(back: tuple[Stage, Actor, Actor, Actor, list[str]]) -> None:
    _, _, amal, _, _ = back
    assert len(amal.heard("letter_came")) == 1


def test_a_report_whose_key_died_meanwhile_is_said_to_have_lapsed(
    back: tuple[Stage, Actor, Actor, Actor, list[str]],
) -> None:
    _, desk, _, badr, _ = back
    (report,) = badr.device.reports
    assert report.state is ReportState.LAPSED
    assert [t.facts for t in badr.heard("report_lapsed")] == [{"number": "1"}]
    assert not desk.reports


def test_old_roots_are_gone_and_the_neighbour_was_asked_about_the_silence_once(
    back: tuple[Stage, Actor, Actor, Actor, list[str]],
) -> None:
    stage, _, amal, badr, _ = back
    for actor in (amal, badr):
        assert all(r.chain.day >= stage.now // DAY - KEPT_DAYS for r in actor.device.relations)
    assert [t.facts["name"] for t in amal.heard("silent")].count("badr") == 1


def test_the_board_is_read_again_and_a_new_report_reaches_the_desk(
    back: tuple[Stage, Actor, Actor, Actor, list[str]],
) -> None:
    stage, desk, amal, badr, _ = back
    badr.do(ev.WriteReport("after the flood", None, None, ()))
    life(stage, amal, badr, desk, seconds=DAY, every=HALF_HOUR)
    assert [r.content.text for r in desk.reports.values()] == ["after the flood"]
    assert badr.device.reports[-1].state is ReportState.RECEIVED


def test_without_the_new_boards_keys_a_report_is_refused_rather_than_sealed_to_nobody() -> None:
    stage = Stage(RELAYS)
    desk, amal = stage.desk(), stage.actor("amal")
    stage.meet(desk, amal, Role.DESK)
    stage.beat(amal, desk, rounds=2)
    stage.now += 100 * DAY
    with pytest.raises(Refusal) as refusal:
        amal.do(ev.WriteReport("too late for these keys", None, None, ()))
    assert refusal.value.code == "no_week_key"
