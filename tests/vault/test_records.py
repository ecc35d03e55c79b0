"""What lies beneath the seals."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.sealing import BLOCK
from tercet.vault.records import (
    VERSION,
    BadRecord,
    Notebook,
    Slot,
    State,
    encode_state,
    parse_slot,
    parse_state,
    settle,
)
from tests.vault.cases import cases


@pytest.mark.parametrize("case", cases("state"))
def test_a_state_is_read_by_the_rules_or_not_at_all(case):
    content, slots = bytes.fromhex(case["input"]["content"]), case["input"]["slots"]
    if "fails" in case:
        with pytest.raises(BadRecord) as failure:
            parse_state(content, slots)
        assert failure.value.code == case["fails"]
        return
    state = parse_state(content, slots)
    kept = state.notebook
    assert {
        "counter": state.counter,
        "stamp": state.stamp.hex(),
        "payload": state.payload.hex(),
        "blocks": [[ref.hex(), slot] for ref, slot in state.blocks],
        "notebook": kept and [kept.compartment, kept.root.hex(), kept.payload.hex(), kept.ring.hex()],
        "ring": state.ring.hex(),
    } == case["expected"]


@pytest.mark.parametrize("case", cases("slot"))
def test_a_slot_is_empty_or_carries_a_whole_block(case):
    given_ = case["input"]
    if "fails" in case:
        content = bytes.fromhex(given_.get("content", given_.get("head", "")))
        if "fill" in given_:
            content = content.ljust(given_["length"], bytes([given_["fill"]]))
        with pytest.raises(BadRecord):
            parse_slot(content)
        return
    block = b"" if given_["block_byte"] is None else bytes([given_["block_byte"]]) * BLOCK
    slot = Slot(given_["counter"], bytes.fromhex(given_["stamp"]), bytes.fromhex(given_["ref"]), block)
    content = slot.encode()
    expected = case["expected"]
    assert len(content) == expected["length"]
    assert content.hex() == expected.get("content", content.hex())
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()
    assert digest == expected.get("blake2b", digest)
    assert parse_slot(content) == slot


def _named(letter: str) -> bytes:
    return letter.encode() * 16


@pytest.mark.parametrize("case", cases("settle"))
def test_the_newest_whole_commit_counts_and_a_lost_one_is_flagged(case):
    copies = [
        copy
        and State(
            VERSION,
            copy["counter"],
            _named(copy["stamp"]),
            b"",
            tuple((_named(ref), slot) for ref, slot in copy["blocks"].items()),
            None,
            bytes(32),
        )
        for copy in case["input"]["copies"]
    ]
    slots = {
        int(n): slot and Slot(slot["counter"], _named(slot["stamp"])) for n, slot in case["input"]["slots"].items()
    }
    state, stepped_back = settle((copies[0], copies[1]), slots.__getitem__, case["input"]["ring"])
    before = next(copy for copy in copies if copy and copy.counter == state.counter)
    lost = {ref for ref, _ in before.blocks} - {ref for ref, _ in state.blocks}
    assert {
        "counter": state.counter,
        "stepped_back": stepped_back,
        "lost": [ref[:1].decode() for ref in lost],
    } == case["expected"]


_states = st.builds(
    State,
    version=st.just(VERSION),
    counter=st.integers(0, 2**62),
    stamp=st.binary(min_size=16, max_size=16),
    payload=st.binary(max_size=200),
    blocks=st.lists(
        st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 54)),
        unique_by=(lambda pair: pair[0], lambda pair: pair[1]),
        max_size=8,
    ).map(tuple),
    notebook=st.none()
    | st.builds(
        Notebook,
        compartment=st.integers(0, 3),
        root=st.binary(min_size=32, max_size=32),
        payload=st.binary(max_size=50),
        ring=st.binary(min_size=32, max_size=32),
    ),
    ring=st.binary(min_size=32, max_size=32),
)


@settings(max_examples=100, deadline=None)
@given(_states)
def test_what_was_saved_is_read_back(state):
    assert parse_state(encode_state(state), 55) == state


@settings(max_examples=200, deadline=None)
@given(_states, st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_beneath_the_seal_is_another_state_or_a_bad_record(state, where, value):
    content = bytearray(encode_state(state))
    content[where % len(content)] = value
    try:
        parse_state(bytes(content), 55)
    except BadRecord as failure:
        assert failure.code == "bad_record"
