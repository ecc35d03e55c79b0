"""Adoption's bytes against their vectors and their spec, and the tables against the spec's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tercet.core import adoption, calling, committing, relation
from tercet.core.adoption import Answer, Call, Due, Happening, Stage, parse_answer, parse_call
from tercet.core.cell import Role
from tercet.core.committing import Handed, parse_handed
from tercet.core.fields import Malformed, encode
from tercet.sealing import CannotOpen
from tests.sealing.cases import bad_cases, cases, hold_vectors

from .copies import derived
from .stage import Seeded

HOUSE = Path(__file__).parents[2]
SPEC = (HOUSE / "spec" / "34-adoption.md").read_text()
PARSERS = {"call": parse_call, "answer": parse_answer, "handed": parse_handed}
SECRET = b"s" * 32


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def called() -> adoption.Calling:
    return adoption.call_with(SECRET, b"", b"r" * 32, 7, Seeded("caller"))


def test_the_version_stands_on_the_third_line() -> None:
    assert SPEC.splitlines()[2] == "Version 1"


def test_every_vector_of_adoption_is_read() -> None:
    hold_vectors("adoption", Path(__file__).read_text())


@pytest.mark.parametrize("case", cases("commitment", "adoption"))
def test_a_commitment_is_that_of_the_vectors(case: Any) -> None:
    secret = bytes.fromhex(case["input"]["secret"])
    assert adoption.commitment_of(secret).hex() == case["expected"]["commitment"]
    assert derived(secret, "adoption commitment").hex() == case["expected"]["commitment"]


@pytest.mark.parametrize("case", cases("call", "adoption"))
def test_the_bytes_of_a_call(case: Any) -> None:
    reads("call", case)


@pytest.mark.parametrize("case", cases("answer", "adoption"))
def test_the_bytes_of_an_answer(case: Any) -> None:
    reads("answer", case)


@pytest.mark.parametrize("case", cases("handed", "adoption"))
def test_the_bytes_of_what_is_handed(case: Any) -> None:
    reads("handed", case)


def reads(topic: str, case: Any) -> None:
    body = bytes.fromhex(case["expected"]["body"])
    message = PARSERS[topic](body)
    assert {name: plain(getattr(message, name)) for name in message.__struct_fields__} == case["input"]
    assert encode(message) == body


@pytest.mark.parametrize("case", bad_cases("call", "adoption"))
def test_bytes_that_are_no_call(case: Any) -> None:
    fails("call", case)


@pytest.mark.parametrize("case", bad_cases("answer", "adoption"))
def test_bytes_that_are_no_answer(case: Any) -> None:
    fails("answer", case)


@pytest.mark.parametrize("case", bad_cases("handed", "adoption"))
def test_bytes_that_hand_nothing(case: Any) -> None:
    fails("handed", case)


def fails(topic: str, case: Any) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        PARSERS[topic](bytes.fromhex(case["input"]["body"]))


@pytest.mark.parametrize("case", cases("root", "adoption"))
def test_root_name_and_chain_are_those_of_the_vectors(case: Any) -> None:
    given = {k: bytes.fromhex(v) if isinstance(v, str) else v for k, v in case["input"].items()}
    root = adoption.root_of(given["shared"], given["secret"], given["call"], given["answer"])
    assert root.hex() == case["expected"]["root"]
    bare = adoption._relation("x", Role.DESK, 1, b"", b"")
    made = adoption._rooted(bare, given["shared"], given["secret"], given["call"], given["answer"], given["day"])
    assert made.id.hex() == derived(root, "relation id", length=16).hex() == case["expected"]["id"]
    assert made.chain.root.hex() == derived(root, "relation chain").hex() == case["expected"]["chain"]
    assert made.likeness.hex() == derived(root, "adoption likeness").hex() == case["expected"]["likeness"]
    assert made.chain.day == case["expected"]["day"] == given["day"] - 1


@pytest.mark.parametrize("message", [Call, Answer, Handed])
def test_fields_stand_in_the_spec_in_the_order_of_the_bytes(message: Any) -> None:
    rows = table(message.__name__)
    assert [row[0] for row in rows] == [str(n) for n in range(len(rows))]
    assert tuple(row[1] for row in rows) == message.__struct_fields__


def test_the_numbers_are_those_of_the_spec() -> None:
    for name, value, _ in table("numbers"):
        assert getattr(adoption, name, getattr(relation, name, None)) == int(value), name


def test_the_table_of_a_call_is_that_of_the_spec() -> None:
    rows = {(calling.Stage(a), calling.Happening(b)): (calling.Stage(c), told) for a, b, c, told in table("calling")}
    assert rows == calling.TABLE


def test_the_table_of_a_commitment_is_that_of_the_spec() -> None:
    rows = {(Stage(a), Happening(b)): (Stage(c), said == "yes") for a, b, c, said in table("due")}
    assert rows == adoption.TABLE


def test_what_is_not_in_the_table_changes_nothing_and_is_not_answered() -> None:
    for stage in Stage:
        for happening in Happening:
            due = Due(b"c" * 32, 1, stage, b"d" * 32, b"a" if stage is Stage.ANSWERED else b"")
            after, answered = due.move(happening)
            if (stage, happening) not in adoption.TABLE:
                assert (after, answered) == (due, False)
            assert bool(after.answer) is (after.stage is Stage.ANSWERED and bool(due.answer))


def test_call_and_answer_make_one_relation_on_both_sides() -> None:
    ours = called()
    theirs, said = adoption.answer(ours.body, "adopted 1", 20_717, b"p" * 32, Seeded("desk"))
    mine = adoption.finish(ours, said, "desk")
    assert (mine.id, mine.chain, mine.likeness, mine.pair) == (theirs.id, theirs.chain, theirs.likeness, b"p" * 32)
    assert (mine.side, theirs.side, mine.role, theirs.role) == (1, 0, Role.DESK, Role.FOUNDER)
    assert not mine.met
    assert not theirs.met


def test_an_answer_opens_for_no_other_call() -> None:
    _, said = adoption.answer(called().body, "x", 20_717, b"p" * 32, Seeded("desk"))
    with pytest.raises(CannotOpen):
        adoption.finish(adoption.call_with(SECRET, b"", b"q" * 32, 7, Seeded("caller")), said, "desk")


def test_an_answer_shows_neither_secret() -> None:
    ours = called()
    theirs, said = adoption.answer(ours.body, "x", 20_717, b"p" * 32, Seeded("desk"))
    for secret in (SECRET, b"r" * 32, b"p" * 32, theirs.chain.root, theirs.id):
        assert secret not in said


def test_a_call_with_an_olm_key_that_is_none_adopts_nobody() -> None:
    bad = encode(Call(1, SECRET, b"r" * 32, parse_call(called().body).kem, bytes(32), bytes(32), b""))
    with pytest.raises(CannotOpen):
        adoption.answer(bad, "x", 20_717, b"p" * 32, Seeded("desk"))


def test_commitments_of_nobody_fill_what_is_missing_the_same_each_time() -> None:
    known = b"k" * 64
    assert known in committing._two([known], b"b" * 32)
    assert committing._two([known], b"b" * 32) == committing._two([known], b"b" * 32)
    assert [len(each) for each in committing._two([], b"b" * 32)] == [64, 64]


@pytest.mark.parametrize("case", cases("salted", "adoption"))
def test_a_salted_commitment_is_that_of_the_vectors(case: Any) -> None:
    commitment, salt = (bytes.fromhex(case["input"][name]) for name in ("commitment", "salt"))
    assert adoption.handed(commitment, salt).hex() == case["expected"]["salted"]
    assert salt + derived(commitment, "handed commitment", salt) == adoption.handed(commitment, salt)


def test_two_neighbours_get_nothing_of_one_commitment_in_common() -> None:
    one, other = (adoption.handed(b"c" * 32, salt) for salt in (b"s" * 32, b"t" * 32))
    assert one[:32] != other[:32]
    assert one[32:] != other[32:]
