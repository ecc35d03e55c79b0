"""Statements: each rule of spec/62-voice.md, its vectors, and what reaches members by the board."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import statement as statements
from tercet.core.days import DAY, day_of
from tercet.core.entry import Entry, EntryKind
from tercet.core.errors import HINTS, Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.notice import NOTICE_DAYS
from tercet.core.root import Other, parse_root
from tercet.core.statement import TEXT_MOST, Said, Statement, check, list_mark, parse_publication, parse_said
from tercet.sealing import digest, words_of
from tests.sealing.cases import VECTORS, bad_cases, cases, hold_vectors

from .entries import seal_entry
from .stage import START, Stage
from .test_board import members, publish, shown
from .test_root import FIVE, SEEDS, after, document
from .test_rooted import founded, rotated

SPEC = (Path(__file__).parents[2] / "spec" / "62-voice.md").read_text()
TESTS = Path(__file__).read_text()
Case = dict[str, Any]


def statement(root: bytes, text: str = "We saw it.", number: int = 1, issued: int = day_of(START)) -> bytes:
    return encode(Statement(1, number, issued, digest(root), text))


def said(payload: bytes, by: tuple[int, ...] = (0, 2, 4)) -> Said:
    return Said(payload, tuple(sorted(statements.sign_statement(payload, SEEDS[n]) for n in by)))


def checked(case: Case) -> dict[str, Any]:
    given = case["input"]

    def is_first(mark: bytes) -> bool:
        return given["first"] in (mark.hex(), " ".join(words_of(mark, "root", 8)))

    known = [parse_publication(bytes.fromhex(each)) for each in given["known"]]
    found = check(parse_publication(bytes.fromhex(given["file"])), is_first, [(k.roots, k.listed) for k in known])
    return {
        "number": found.statement.number,
        "issued": found.statement.issued,
        "text": found.statement.text,
        "mark": found.mark.hex(),
        "words": " ".join(words_of(found.mark, "statement", 8)),
        "under": found.under,
        "newest": found.newest.number,
        "newest_words": " ".join(words_of(found.newest_mark, "root", 8)),
        "listed": found.listed,
        "signers": found.signers,
    }


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


# ---- the spec and the vectors


def test_fields_numbers_labels_and_codes_of_the_spec_are_those_of_the_code() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    assert [(int(row[0]), row[1]) for row in rows("Statement")] == list(enumerate(Statement.__struct_fields__))
    written = {name: int(value) for name, value in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", SPEC, re.M)}
    assert written == {
        name: getattr(statements, name) for name in ("TEXT_MOST", "SIGNERS_MOST", "ROOTS_MOST", "LISTED_MOST")
    }
    assert f'"{statements.LABEL.decode()}"' in SPEC
    assert f'"{statements.LIST_LABEL.decode()}"' in SPEC
    assert f"named `{statements.NAME}`" in SPEC
    codes = {code for row in rows("cases") for code in re.findall(r"`(\w+)`", row[1])}
    source = Path(statements.__file__).read_text() + Path(statements.roots.__file__).read_text()
    assert codes - {"voice_file"} == set(re.findall(r'Refusal\("(\w+)"\)', source)) - {
        "root_lapsed",
        "voice_long",
        "voice_odd",
    }
    assert codes - {"voice_file"} <= set(HINTS)


@pytest.mark.parametrize("case", cases("statement", "voice"))
def test_a_statement_holds_as_the_vectors_say(case: Case) -> None:
    assert checked(case) == case["expected"]


@pytest.mark.parametrize("case", bad_cases("statement", "voice"))
def test_a_statement_that_breaks_a_rule_is_refused_for_that_rule(case: Case) -> None:
    with pytest.raises((Refusal, Malformed)) as failure:
        checked(case)
    assert getattr(failure.value, "code", "voice_file") == case["fails"]


@pytest.mark.parametrize("case", cases("list", "voice"))
def test_a_list_has_the_hash_of_the_vectors(case: Case) -> None:
    assert list_mark(bytes.fromhex(mark) for mark in case["input"]["marks"]).hex() == case["expected"]["list"]


def test_every_vector_is_read_and_every_case_of_the_spec_has_one() -> None:
    hold_vectors("voice", TESTS)
    ended = {json.loads(path.read_text()).get("fails") for path in (VECTORS / "voice").glob("*.json")}
    assert {code for row in rows("cases") for code in re.findall(r"`(\w+)`", row[1])} == ended - {None}


def test_the_longest_statement_with_all_its_signatures_fits_an_entry_of_the_board() -> None:
    payload = encode(Statement(1, 2**32, 2_932_896, b"\1" * 32, "x" * TEXT_MOST))
    entry = Entry(1, 2**32, bytes(32), 253_402_300_799, EntryKind.STATEMENT, encode(said(payload, FIVE)))
    assert seal_entry(entry, bytes(32), bytes(32))


def test_signatures_are_put_together_and_one_that_verifies_is_kept() -> None:
    payload = statement(document())
    wrong = msgspec.structs.replace(said(payload).signatures[0], signature=bytes(64))
    whole = statements.with_signatures(Said(payload, (wrong,)), said(payload, FIVE).signatures)
    assert whole == said(payload, FIVE)
    assert statements.with_signatures(whole, [wrong]) == whole
    with pytest.raises(Malformed):
        statements.with_signatures(whole, said(payload, (7,)).signatures)


# ---- by the board


def heard(actor: Any) -> list[tuple[int, str]]:
    return [(one.said, one.text) for one in actor.device.board.notices]


def test_what_three_of_the_five_say_in_public_reaches_members_by_the_board() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    desk.do(ev.PostStatement(encode(said(statement(first, "قلنا هذا.")))))
    stage.beat(desk, amal, rounds=2)
    assert heard(amal) == [(1, "قلنا هذا.")]
    assert (len(amal.heard("statement_came")), len(amal.heard("notice_came"))) == (1, 0)


def test_a_desk_posts_only_what_enough_of_its_newest_root_s_five_have_signed() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    for made, code in ((said(statement(first), (0, 2)), "voice_few"), (said(statement(first), (7, 8, 9)), "voice_few")):
        with pytest.raises(Refusal) as refused:
            desk.do(ev.PostStatement(encode(made)))
        assert refused.value.code == code
    with pytest.raises(Refusal) as refused:
        amal.do(ev.PostStatement(encode(said(statement(first)))))
    assert refused.value.code == "not_the_desk"
    with pytest.raises(Refusal) as refused:
        members(Stage())[0].do(ev.PostStatement(encode(said(statement(first)))))
    assert refused.value.code == "root_first"
    with pytest.raises(Malformed):
        desk.do(ev.PostStatement(b"noise"))


def test_a_thief_of_the_desk_cannot_speak_for_the_group() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    start = amal.device.board.number
    for made in (said(statement(first, "false"), (0, 2)), said(statement(first, "false"), (7, 8, 9))):
        frame = publish(desk, desk.device.board, EntryKind.STATEMENT, encode(made), stage.now)
        shown(amal, (frame,), start=start)
        assert heard(amal) == []
    assert amal.device.board.number == start + 1, "the entry is chained all the same"


def test_after_a_rotation_members_hear_nothing_of_the_keys_that_were_replaced() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    second = rotated(stage, desk, first, (0, 5, 2, 6, 4))
    stage.beat(desk, amal, rounds=4)
    desk.do(ev.PostStatement(encode(said(statement(second, "new"), (5, 2, 4)))))
    stage.beat(desk, amal, rounds=2)
    old = said(statement(first, "old"), (0, 1, 3))
    shown(amal, (publish(desk, desk.device.board, EntryKind.STATEMENT, encode(old), stage.now),), start=99)
    assert amal.device.board.number == desk.device.board.number + 1
    assert heard(amal) == [(1, "new")]


@pytest.mark.parametrize(("ago", "kept"), [(60, True), (0, True), (61, False), (-1, False)])
def test_a_statement_keeps_its_own_day_and_one_of_a_later_day_or_over_is_passed_over(ago: int, kept: bool) -> None:
    """Or a thief of the board's key could say an old one as if it were of today."""
    stage = Stage()
    desk, amal, first = founded(stage)
    day = day_of(stage.now) - ago
    made = encode(said(statement(first, issued=day)))
    shown(amal, (publish(desk, desk.device.board, EntryKind.STATEMENT, made, stage.now),), start=99)
    held = [(one.issued, one.until) for one in amal.device.board.notices]
    assert held == ([(day * DAY, day + NOTICE_DAYS)] if kept else [])
    assert amal.device.board.number == desk.device.board.number + 1


@pytest.mark.parametrize(("ago", "posted"), [(60, True), (0, True), (61, False), (-1, False)])
def test_a_desk_posts_no_statement_that_members_would_pass_over_for_its_day(ago: int, posted: bool) -> None:
    stage = Stage()
    desk, _, first = founded(stage)
    made, before = encode(said(statement(first, issued=day_of(stage.now) - ago))), desk.device.board.number
    if posted:
        desk.do(ev.PostStatement(made))
    else:
        with pytest.raises(Refusal) as refused:
            desk.do(ev.PostStatement(made))
        assert refused.value.code == "voice_day"
    assert desk.device.board.number == before + posted


def test_in_a_network_without_a_root_nobody_speaks() -> None:
    stage = Stage()
    desk, amal = members(stage)
    frame = publish(desk, desk.device.board, EntryKind.STATEMENT, encode(said(statement(document()))), stage.now)
    shown(amal, (frame,), start=amal.device.board.number)
    assert heard(amal) == []


def test_a_statement_is_not_said_anew_as_a_notice() -> None:
    stage = Stage()
    desk, amal, first = founded(stage)
    desk.do(ev.PostStatement(encode(said(statement(first)))))
    stage.beat(desk, amal, rounds=2)
    rotated(stage, desk, first)
    stage.beat(desk, amal, rounds=4)
    assert heard(amal) == [(1, "We saw it.")]
    assert day_of(stage.now) <= amal.device.board.notices[0].until


def test_a_root_that_names_a_list_is_a_root_as_before() -> None:
    named = after(document(), others=(Other("voice", list_mark([bytes(32)])),))
    assert statements.list_of(parse_root(named)) == list_mark([bytes(32)])
    assert statements.list_of(parse_root(document())) is None
    twice = (Other("voice", bytes(32)), Other("voice", b"\1" * 32))
    assert statements.list_of(parse_root(document(others=twice))) is None


def test_bytes_that_are_no_statement_are_malformed() -> None:
    for data in (b"", b"\xc0", encode(said(statement(document()))) + b"\0"):
        with pytest.raises(Malformed):
            parse_said(data)
