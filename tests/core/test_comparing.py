"""Neighbours compare how far they have read the board; two faces are named, and one who lies changes nothing."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import comparing
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.comparing import HEAD_EVERY, WITHHELD, HeadBody, parse_head
from tercet.core.days import DAY, day_of
from tercet.core.fields import Malformed, encode
from tercet.core.relation import Head
from tercet.core.turn import Turn
from tests.sealing.cases import bad_cases, cases

from .scenes import relation
from .stage import Actor, Stage

SPEC = (Path(__file__).parents[2] / "spec" / "60-board.md").read_text()


@cache
def _weeks() -> tuple[Stage, Actor, Actor, Actor]:
    stage = Stage()
    desk, amal, badr = stage.desk(), stage.actor("amal"), stage.actor("badr")
    stage.beat(desk)
    stage.meet(desk, amal, Role.DESK)
    stage.meet(amal, badr, Role.LINK)
    for _ in range(HEAD_EVERY + 2):
        stage.now += DAY
        stage.beat(desk, amal, badr, rounds=2)
    return stage, desk, amal, badr


def weeks() -> tuple[Stage, Actor, Actor, Actor]:
    """A desk, a founder and one below, a week and two days after they met."""
    return copy.deepcopy(_weeks())


def about(turn: Turn) -> list[tuple[str, str]]:
    """What the owner is told, and of whom."""
    return [(effect.what, effect.facts["name"]) for effect in turn.effects if isinstance(effect, fx.Tell)]


def says(actor: Actor, name: str, number: int, mark: bytes) -> Turn:
    """A neighbour's letter with a head comes."""
    letter = Letter(1, 99, 0, 0, actor.stage.now, LetterKind.HEAD, encode(HeadBody(1, number, mark)))
    turn = Turn(actor.device, actor.stage.now, actor.chance)
    comparing.take(turn, relation(actor, name).id, letter)
    actor.device = turn.device
    return turn


def looks(actor: Actor, days: int) -> Turn:
    """Some days later it holds what it was told against what it has read, and has read nothing new."""
    turn = Turn(actor.device, actor.stage.now + days * DAY, actor.chance)
    comparing.look(turn)
    actor.device = turn.device
    return turn


def test_the_spec_has_the_fields_and_the_numbers() -> None:
    found = re.search(r"<!-- table: head -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]
    assert tuple(row[1] for row in rows) == HeadBody.__struct_fields__
    for name in ("HEAD_EVERY", "WITHHELD"):
        assert f"| `{name}` | {getattr(comparing, name)} |" in SPEC


@pytest.mark.parametrize("case", cases("head", "board"))
def test_a_heads_bytes(case: Any) -> None:
    body = bytes.fromhex(case["input"]["body"])
    said = parse_head(body)
    assert {"number": said.number, "mark": said.mark.hex()} == case["expected"]
    assert encode(said) == body


@pytest.mark.parametrize("case", bad_cases("head", "board"))
def test_what_is_no_head_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        parse_head(bytes.fromhex(case["input"]["body"]))


# ---- who tells whom, and what comes of it


def test_after_a_week_each_tells_each_and_who_reads_the_same_board_hears_nothing() -> None:
    _, desk, amal, badr = weeks()
    for actor in (desk, amal, badr):
        assert not actor.heard("board_differs")
        assert not actor.heard("board_behind")
    written = [a.device.relations[0].told for a in (desk, amal, badr)]
    assert all(day_of(_weeks()[0].now) - HEAD_EVERY <= told for told in written)


def test_heads_arrive_as_letters_once_a_week() -> None:
    stage, desk, amal, badr = weeks()
    heads = []
    for _ in range(2 * HEAD_EVERY):
        stage.now += DAY
        for actor in (desk, amal, badr):
            actor.do(ev.Beat())
            waiting = [w for r in actor.device.relations for w in r.channel.waiting if w.kind == LetterKind.HEAD]
            heads += [w.body for w in waiting if not w.times]
            stage.beat(actor)
    assert 4 <= len(heads) <= 16  # four ways, two weeks; one that waits a day is seen again
    assert all(parse_head(body).number > 0 for body in heads)


def test_a_neighbour_who_reads_another_board_is_named_once() -> None:
    _, _, _, badr = weeks()
    board = badr.device.board
    assert about(says(badr, "amal", board.number, board.head)) == []
    assert about(says(badr, "amal", board.number, bytes(32))) == [("board_differs", "amal")]
    assert about(looks(badr, 1)) == []
    before = board.number - 1
    mark = board.mark_of(before)
    assert mark is not None
    assert about(says(badr, "amal", before, mark)) == []
    assert about(says(badr, "amal", before, board.head)) == [("board_differs", "amal")]


def test_a_head_of_what_is_forgotten_is_let_go() -> None:
    _, _, _, badr = weeks()
    marks = badr.device.board.marks
    badr.device = msgspec.structs.replace(
        badr.device, board=msgspec.structs.replace(badr.device.board, marks=marks[-1:])
    )
    assert about(says(badr, "amal", badr.device.board.number - 1, bytes(32))) == []
    assert relation(badr, "amal").head == Head()


def test_what_a_relay_keeps_back_for_a_week_is_told_and_what_comes_in_time_is_not() -> None:
    _, desk, _, badr = weeks()
    ahead, mark = badr.device.board.number + 1, b"m" * 32
    kept_back = copy.deepcopy(badr)
    assert about(says(kept_back, "amal", ahead, mark)) == []
    assert about(looks(kept_back, WITHHELD - 1)) == []
    assert about(looks(kept_back, WITHHELD)) == [("board_behind", "amal")]
    assert about(looks(kept_back, WITHHELD + 1)) == []
    for came, wanted in ((mark, []), (b"n" * 32, [("board_differs", "amal")])):
        reader = copy.deepcopy(badr)
        says(reader, "amal", ahead, mark)
        board = reader.device.board
        view = msgspec.structs.replace(board, number=ahead, marks=(*board.marks, came))
        reader.device = msgspec.structs.replace(reader.device, board=view)
        assert about(looks(reader, 1)) == wanted


def test_a_desk_hears_at_once_that_somebody_else_signs() -> None:
    _, desk, _, _ = weeks()
    assert about(says(desk, "amal", desk.device.board.number + 1, bytes(32))) == [("board_differs", "amal")]


def test_one_neighbours_word_changes_nothing_else() -> None:
    _, _, _, badr = weeks()
    before = badr.device
    says(badr, "amal", before.board.number, bytes(32))
    assert badr.device == before
    turn = Turn(before, badr.stage.now, badr.chance)
    comparing.take(turn, relation(badr, "amal").id, Letter(1, 9, 0, 0, 0, LetterKind.HEAD, b"no"))
    comparing.take(turn, bytes(16), Letter(1, 9, 0, 0, 0, LetterKind.HEAD, encode(HeadBody(1, 1, bytes(32)))))
    assert turn.device == before
    assert turn.effects == []


def test_a_clock_that_went_back_begins_the_week_anew() -> None:
    _, _, _, badr = weeks()
    turn = Turn(badr.device, badr.stage.now - 30 * DAY, badr.chance)
    comparing.tell(turn)
    assert turn.device.relations[0].told == turn.today
    assert turn.device.relations[0].channel == badr.device.relations[0].channel
