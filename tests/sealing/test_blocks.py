"""Media blocks."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tercet import sealing
from tests.sealing.cases import cases, unhex

KEY, NONCE = bytes(range(32)), bytes(range(24))


@pytest.mark.parametrize("case", cases("block"))
def test_a_block_matches_its_vectors(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), unhex(case["expected"])
    block = sealing.seal_block(v["key"], v["index"], v["last"], v["data"], v["nonce"])
    assert len(block) == sealing.BLOCK
    assert hashlib.sha256(block).digest() == expected["block_sha256"]
    assert sealing.open_block(v["key"], v["index"], v["last"], block) == v["data"]
    for place in (0, 1):
        assert sealing.block_box(v["key"], place).ack == expected[f"box_ack_{place}"]
        assert sealing.block_box(v["key"], place).id == expected[f"box_id_{place}"]
    assert sealing.next_block_key(v["key"]) == expected["next_key"]


def test_a_block_opens_at_its_place_only() -> None:
    block = sealing.seal_block(KEY, 3, False, b"piece", NONCE)
    next_key = sealing.next_block_key(KEY)
    for key, index, last in [(KEY, 2, False), (KEY, 4, False), (KEY, 3, True), (next_key, 3, False)]:
        with pytest.raises(sealing.CannotOpen):
            sealing.open_block(key, index, last, block)
    assert sealing.open_block(KEY, 3, False, block) == b"piece"


def test_a_block_holds_so_many_bytes_of_a_file_and_no_more() -> None:
    data = b"\x80" * sealing.BLOCK_DATA
    assert sealing.open_block(KEY, 0, True, sealing.seal_block(KEY, 0, True, data, NONCE)) == data
    with pytest.raises(ValueError):
        sealing.seal_block(KEY, 0, True, data + b"a", NONCE)


def test_the_key_that_walks_the_chain_is_not_the_key_that_seals() -> None:
    block = sealing.seal_block(KEY, 0, False, b"piece", NONCE)
    with pytest.raises(sealing.CannotOpen):
        sealing.open_sealed(KEY, block, bytes(9))


def test_a_cover_is_the_chacha20_stream_of_rfc_8439_and_comes_off_as_it_went_on() -> None:
    block = sealing.seal_block(KEY, 0, True, b"piece", NONCE)
    covered = sealing.cover(KEY, block)
    assert len(covered) == sealing.BLOCK
    assert covered != block
    assert sealing.cover(KEY, covered) == block
    # RFC 8439, A.1, test vector 1: key, nonce and counter of zeros
    assert sealing.cover(bytes(32), bytes(16)).hex() == "76b8e0ada0f13d90405d6ae55386bd28"
