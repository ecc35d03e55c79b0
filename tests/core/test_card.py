"""The network card against its vectors."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.core.card import Card
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, decode, encode
from tests.sealing.cases import bad_cases, cases

from .test_knock import bytes_of


@pytest.mark.parametrize("case", cases("card", "card"))
def test_a_card_is_parsed_and_passed_on_as_the_vectors_say(case: Any) -> None:
    content = bytes_of(case["input"]["content"])
    card = decode(content, Card)
    later = card.from_day(case["input"]["day"])
    assert case["expected"] == {
        "network": card.network.hex(),
        "chain_day": later.chain.day,
        "chain_root": later.chain.root.hex(),
    }
    assert encode(card) == content


@pytest.mark.parametrize("case", bad_cases("card", "card"))
def test_what_is_no_card_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        decode(bytes_of(case["input"]["content"]), Card)


def test_a_card_is_not_passed_on_by_a_clock_a_year_ahead() -> None:
    card = decode(bytes_of(cases("card", "card")[0].values[0]["input"]["content"]), Card)
    with pytest.raises(Refusal) as refusal:
        card.from_day(card.chain.day + 401)
    assert refusal.value.code == "clock_far"
