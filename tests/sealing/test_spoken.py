"""A key from spoken words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tercet import sealing
from tests.sealing.cases import bad_cases, cases, unhex


def _drawn(seed: bytes) -> Callable[[int], bytes]:
    return lambda count: hashlib.shake_256(seed).digest(count)


@pytest.mark.parametrize("case", cases("spake"))
def test_an_exchange_matches_its_vectors(case: dict[str, Any]) -> None:
    v, expected = case["input"], unhex(case["expected"])
    code_b = v.get("code_b", v["code"])
    a, message_a = sealing.spake_start("a", v["code"], lambda _: bytes.fromhex(v["drawn_a"]))
    b, message_b = sealing.spake_start("b", code_b, lambda _: bytes.fromhex(v["drawn_b"]))
    assert (message_a, message_b) == (expected["message_a"], expected["message_b"])
    assert len(message_a) == len(message_b) == sealing.SPAKE_MESSAGE
    assert sealing.spake_finish(a, message_b) == expected["key"]
    assert (sealing.spake_finish(b, message_a) == expected["key"]) == (code_b == v["code"])


@pytest.mark.parametrize("case", bad_cases("spake"))
def test_a_bad_message_fails_in_one_way(case: dict[str, Any]) -> None:
    v = case["input"]
    state, _ = sealing.spake_start("a", v["code"], lambda _: bytes.fromhex(v["drawn_a"]))
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.spake_finish(state, bytes.fromhex(v["message"]))
    assert failure.value.code == case["fails"]


def test_a_wrong_code_gives_another_key_and_no_error() -> None:
    a, message_a = sealing.spake_start("a", "sand zoo", _drawn(b"a"))
    b, message_b = sealing.spake_start("b", "sand zone", _drawn(b"b"))
    assert sealing.spake_finish(a, message_b) != sealing.spake_finish(b, message_a)


def test_a_message_says_nothing_about_its_code_but_its_draw() -> None:
    _, one = sealing.spake_start("a", "sand zoo", _drawn(b"a"))
    _, two = sealing.spake_start("a", "sand zoo", _drawn(b"b"))
    assert one != two


def test_a_third_side_or_a_short_draw_is_the_callers_mistake() -> None:
    side: Any = "c"
    with pytest.raises(ValueError):
        sealing.spake_start(side, "zoo", _drawn(b"a"))
    with pytest.raises(ValueError):
        sealing.spake_start("a", "zoo", lambda _: b"")
