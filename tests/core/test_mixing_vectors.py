"""The spec of mixing says the same as the code, and its vectors hold, also by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import mixing
from tercet.core.chain import DayChain
from tercet.core.fields import Malformed, encode
from tercet.core.mixing import Mix, MixBackBody, MixBody
from tests.sealing.cases import bad_cases, cases, hold_vectors

from .copies import derived, mixed

SPEC = (Path(__file__).parents[2] / "spec" / "42-mixing.md").read_text()
TESTS = Path(__file__).read_text()
Case = dict[str, Any]


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


@pytest.mark.parametrize(("name", "kind"), [("MIX", MixBody), ("MIX_BACK", MixBackBody)])
def test_fields_stand_in_the_order_of_the_bytes(name: str, kind: type[msgspec.Struct]) -> None:
    assert [row[0] for row in rows(name)] == ["0", "1", "2"]
    assert tuple(row[1] for row in rows(name)) == kind.__struct_fields__
    assert kind.__struct_config__.array_like
    assert kind.__struct_config__.forbid_unknown_fields


def test_each_number_is_the_codes() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    assert {row[0]: int(row[1]) for row in rows("mixing numbers")} == {
        name: getattr(mixing, name) for name in ("MIX_EVERY", "MIX_LEAD", "MIX_PATIENCE", "MIX_AHEAD")
    }
    assert f"| {mixing.SEALED} bytes |" in SPEC


@pytest.mark.parametrize("case", cases("root", "mixing"))
def test_the_root_of_a_mixed_chain(case: Case) -> None:
    given, expected = case["input"], case["expected"]
    base, ours, theirs = (bytes.fromhex(given[name]) for name in ("base", "secret", "sealed_secret"))
    made = mixed(base, ours, theirs, given["number"], given["day"])
    assert [part.hex() for part in made] == [expected["root"], expected["base"]]
    begun = Mix(number=given["number"], base=base)
    after = mixing._with_chain(begun, b"", DayChain(given["day"], bytes(32)), ours, theirs, given["day"])
    assert (after.later[0].chain.root, after.coming) == made


@pytest.mark.parametrize("case", cases("mix", "mixing"))
def test_the_bytes_of_a_mix(case: Case) -> None:
    given, seed = case["input"], bytes.fromhex(case["input"]["seed"])
    after, body = mixing.begin(Mix(number=given["number"] - 1), 20_690, seed)
    assert body.hex() == case["expected"]["encoded"]
    assert (after.seed, after.number) == (seed, given["number"])
    assert msgspec.msgpack.decode(body)[2] == derived(seed, "mix secret")


@pytest.mark.parametrize("case", bad_cases("mix", "mixing"))
def test_bytes_that_are_no_mix(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        mixing.answer(
            Mix(), bytes(16), DayChain(20_690, bytes(32)), bytes.fromhex(case["input"]["body"]), 20_698, bytes(32)
        )


def finished(given: Case) -> Mix:
    begun = Mix(number=given["number"], seed=bytes.fromhex(given["seed"]))
    oldest = DayChain(given["oldest"], bytes(32))
    return mixing.finish(begun, bytes.fromhex(given["id"]), oldest, bytes.fromhex(given["body"]))


@pytest.mark.parametrize("case", cases("back", "mixing"))
def test_an_answer_gives_the_inviter_the_chain(case: Case) -> None:
    after, expected = finished(case["input"]), case["expected"]
    (later,) = after.later
    assert (later.day, later.chain.day, later.chain.root.hex()) == (expected["day"], expected["day"], expected["root"])
    assert (after.coming.hex(), after.seed, after.proven) == (expected["base"], b"", False)


@pytest.mark.parametrize("case", bad_cases("back", "mixing"))
def test_bytes_that_are_no_answer(case: Case) -> None:
    assert case["fails"] == "malformed"
    with pytest.raises(Malformed):
        finished(case["input"])


def test_both_sides_make_the_same_chain() -> None:
    oldest = DayChain(20_690, bytes(32))
    begun, letter = mixing.begin(Mix(), 20_697, b"s" * 32)
    theirs, back = mixing.answer(Mix(), bytes(16), oldest, letter, 20_698, b"t" * 32)
    ours = mixing.finish(begun, bytes(16), oldest, back)
    assert (ours.later, ours.coming) == (theirs.later, theirs.coming)
    assert b"t" * 32 not in encode((ours, theirs)) + back
    assert b"s" * 32 not in encode((ours, theirs)) + letter


def test_every_vector_says_why_and_how_it_ends_and_is_read_by_a_test() -> None:
    hold_vectors("mixing", TESTS)
