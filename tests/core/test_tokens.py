"""The spec of tokens says the same as the code, and its vectors hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import granting, passes, permits, redeeming, tokens
from tercet.core.fields import Malformed, decode
from tercet.core.passes import Passes, WeekPass, parse_passes
from tercet.core.permits import Dealt, Grant, Need, label_of, make, parse_grant, parse_need
from tercet.core.tokens import (
    Request,
    Signed,
    Standing,
    TokenKeys,
    TokenKind,
    blinded,
    check,
    finished,
    parse_request,
    parse_signed,
)
from tercet.sealing import BLIND_PUBLIC, CannotOpen, blind_sign
from tests.sealing.cases import bad_cases, cases, unhex

SPEC = (Path(__file__).parents[2] / "spec" / "51-tokens.md").read_text()
Case = dict[str, Any]
PARSE = {
    **{"NEED": parse_need, "PERMITS": parse_grant, "REQUEST": parse_request, "TOKENS": parse_signed},
    "PASSES": parse_passes,
}


def rows(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()][2:]


@pytest.mark.parametrize("kind", [TokenKeys, Need, Dealt, Grant, Request, Signed, WeekPass, Passes])
def test_fields_stand_in_the_order_of_the_bytes(kind: type[msgspec.Struct]) -> None:
    stated = rows(kind.__name__)
    assert [row[0] for row in stated] == [str(number) for number in range(len(stated))]
    assert tuple(row[1] for row in stated) == kind.__struct_fields__
    assert kind.__struct_config__.array_like
    assert kind.__struct_config__.forbid_unknown_fields


def test_each_number_is_the_codes() -> None:
    assert SPEC.splitlines()[2] == "Version 1"
    for name, value, _ in rows("pass numbers"):
        assert getattr(passes, name) == int(value), name
    for name, value, _ in rows("numbers"):
        found = {getattr(room, name) for room in (tokens, permits, granting, redeeming) if hasattr(room, name)}
        assert found == {int(value)}, name


def test_the_standings_are_the_codes() -> None:
    assert [row[0].strip("`") for row in rows("standings")] == [standing.value for standing in Standing]


def test_what_is_signed_is_what_the_spec_says() -> None:
    for kind in TokenKind:
        said = f'`prefix ‖ "tercet/1 {kind.value} token" ‖ u32 week`'
        assert said in SPEC
        assert tokens.message(kind, 258, b"p" * 32) == b"p" * 32 + f"tercet/1 {kind.value} token".encode() + b"\0\0\1\2"


@pytest.mark.parametrize("case", cases("week", "tokens"))
def test_a_weeks_tokens_from_seed_to_check(case: Case) -> None:
    v, expected = unhex(case["input"]), case["expected"]
    keys = TokenKeys(v["week"], v["report"], v["witness"])
    asked = blinded(v["seed"], keys)
    assert asked.hex() == expected["blinded"]
    parts = [asked[at : at + BLIND_PUBLIC] for at in range(0, len(asked), BLIND_PUBLIC)]
    private = [v["report_private"]] * 8 + [v["witness_private"]]
    signed = b"".join(blind_sign(key, part, v["cover"]) for key, part in zip(private, parts, strict=True))
    made = finished(v["seed"], keys, signed)
    assert [token.hex() for token in made] == expected["tokens"]
    for place, token in enumerate(made):
        check(keys, tokens.kind_at(place), token)
    assert finished(v["seed"], keys, signed[:-BLIND_PUBLIC]) == made[:-1]


@pytest.mark.parametrize("case", bad_cases("week", "tokens"))
def test_one_wrong_signature_leaves_no_token(case: Case) -> None:
    v = unhex(case["input"])
    with pytest.raises(CannotOpen):
        finished(v["seed"], TokenKeys(v["week"], v["report"], v["witness"]), v["signed"])


@pytest.mark.parametrize("case", bad_cases("token", "tokens"))
def test_what_is_no_token_of_that_week_and_kind_is_refused(case: Case) -> None:
    v = unhex({k: x for k, x in case["input"].items() if k != "kind"})
    keys = TokenKeys(v["week"], v["report"], v["witness"])
    with pytest.raises(CannotOpen):
        check(keys, TokenKind(case["input"]["kind"]), v["token"])


@pytest.mark.parametrize("case", cases("permit", "tokens"))
def test_a_permit_is_made_and_known_again(case: Case) -> None:
    v = unhex({k: x for k, x in case["input"].items() if k != "label"})
    label = case["input"]["label"]
    assert make(v["secret"], v["nonce"], label).hex() == case["expected"]["permit"]
    assert label_of(v["secret"], bytes.fromhex(case["expected"]["permit"])) == label


def plain(value: Any) -> Any:
    """Fields as a vector writes them: arrays and hex."""
    if isinstance(value, msgspec.Struct):
        return [plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", cases("letter", "tokens"))
def test_a_letters_bytes(case: Case) -> None:
    kind, body = case["input"]["kind"], bytes.fromhex(case["input"]["body"])
    PARSE[kind](body)
    struct = {"NEED": Need, "PERMITS": Grant, "REQUEST": Request, "TOKENS": Signed, "PASSES": Passes}[kind]
    assert msgspec.msgpack.encode(decode(body, struct)) == body
    assert plain(decode(body, struct)) == case["expected"]["fields"]


@pytest.mark.parametrize("case", bad_cases("letter", "tokens"))
def test_what_is_no_letter_of_its_kind_is_malformed(case: Case) -> None:
    with pytest.raises(Malformed):
        PARSE[case["input"]["kind"]](bytes.fromhex(case["input"]["body"]))
