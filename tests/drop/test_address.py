"""A relay's address: strict, and the same text always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet.drop import DropFailure, RelayAddress


@given(st.text(max_size=120).map(lambda text: "tercet://" + text))
def test_what_reads_writes_the_same_and_the_rest_is_bad_address(text):
    try:
        assert str(RelayAddress.parse(text)) == text
    except DropFailure as failure:
        assert failure.code == "bad_address" and failure.hint.endswith(".")


@pytest.mark.parametrize(
    ("host", "port", "fingerprint"),
    [
        ("", 1, bytes(32)),
        ("a" * 254, 1, bytes(32)),
        ("a", 0, bytes(32)),
        ("a", 1, bytes(31)),
        ("a/b", 1, bytes(32)),
        ("A", 1, bytes(32)),
    ],
)
def test_an_address_of_bad_parts_cannot_be_made(host, port, fingerprint):
    with pytest.raises(DropFailure) as failure:
        RelayAddress(host, port, fingerprint)
    assert failure.value.code == "bad_address"


def test_the_hint_repeats_nothing_of_a_damaged_address():
    with pytest.raises(DropFailure) as failure:
        RelayAddress.parse("tercet://secret.example:1/short")
    assert "secret" not in failure.value.hint
