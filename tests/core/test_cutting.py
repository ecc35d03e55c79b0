"""Cutting out: the stages are the spec's, and a second point is held in those that need it and in no other."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.core import cutting, publishing
from tercet.core.cutting import ASKED_KEPT, HOLDING, PUT_EVERY, TABLE, Cut, Happening, Stage, lapsed, move, put_at
from tercet.core.sending import ASK_EVERY

SPEC = (Path(__file__).parents[2] / "spec" / "33-burn.md").read_text()
POINT, OTHER, WHO = b"p" * 64, b"q" * 64, b"w" * 16
BRINGS = (Happening.ALARM, Happening.ASK)


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


def test_the_stages_and_moves_of_the_spec_are_the_codes() -> None:
    assert [row[0] for row in rows("stages")] == [stage.value for stage in Stage]
    assert [row[0] for row in rows("happenings")] == [what.value for what in Happening]
    moves = {(Stage(a), Happening(what)): Stage(b) for a, what, b in rows("moves")}
    assert moves == dict(TABLE)
    assert {Stage(row[0]) for row in rows("stages") if "nothing" not in row[1]} == HOLDING


def test_the_numbers_of_the_spec_are_the_codes() -> None:
    numbers = {row[0]: int(row[1]) for row in rows("cutting numbers")}
    assert numbers == {
        "ASKED_KEPT": ASKED_KEPT,
        "PUT_EVERY": PUT_EVERY,
        "BURNS_A_DAY": publishing.BURNS_A_DAY,
        "BURNS_MOST": publishing.BURNS_MOST,
    }
    assert PUT_EVERY == ASK_EVERY


@pytest.mark.parametrize(("stage", "happening"), list(product(Stage, Happening)))
def test_what_is_not_in_the_table_changes_nothing(stage: Stage, happening: Happening) -> None:
    before = Cut(stage, POINT if stage in HOLDING else b"", since=5, put=3)
    after = move(before, happening, 9, OTHER if happening in BRINGS else b"")
    assert (after is before) == ((stage, happening) not in TABLE)


@given(st.lists(st.sampled_from(list(Happening)), max_size=12))
def test_a_second_point_is_held_where_one_is_needed_and_nowhere_else(path: list[Happening]) -> None:
    cut = Cut()
    for now, happening in enumerate(path, 1):
        brought = (POINT, WHO if happening is Happening.ASK else b"") if happening in BRINGS else (b"", b"")
        before, cut = cut, move(cut, happening, now, *brought)
        assert bool(cut.point) == (cut.stage in HOLDING)
        assert not cut.by or cut.point
        if cut.stage is Stage.BURNING and before.stage is not Stage.BURNING:
            assert Happening.BURN in path[:now], "no owner said yes"
            assert set(path[:now]) & set(BRINGS), "there was one voice"


def test_burning_ends_on_the_board_and_nowhere_else() -> None:
    assert not [move for move in TABLE if move[0] is Stage.BURNING]
    assert {a for (a, what), b in TABLE.items() if b is Stage.BURNING and what is Happening.BURN} == {
        Stage.CALLED,
        Stage.ACCUSED,
    }


def test_asking_lapses_after_two_weeks_and_an_alarm_does_not() -> None:
    for stage in Stage:
        counted = stage in (Stage.ACCUSED, Stage.ASKING)
        assert not lapsed(Cut(stage, since=100), 100 + ASKED_KEPT)
        assert lapsed(Cut(stage, since=100), 101 + ASKED_KEPT) == counted


def test_the_time_of_a_put_is_kept_to_four_hours() -> None:
    cut = put_at(Cut(Stage.BURNING, POINT), 1_790_003_333)
    assert cut.put == 1_790_003_333 // PUT_EVERY * PUT_EVERY
    assert msgspec.structs.replace(cut, put=0) == Cut(Stage.BURNING, POINT)
    assert cutting.due([], 0) == []
