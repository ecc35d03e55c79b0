"""The wire: one meaning, one text of bytes; nothing but a message is read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.drop import BLOCK, FRAME, Ack, Items, Post, Put, Read, Refused, Stored
from tercet.drop.wire import (
    MAX_MESSAGE,
    MAX_OPS,
    BadMessage,
    Request,
    WholeRefusal,
    decode_answers,
    decode_request,
    encode_answers,
    encode_request,
    longest_answer,
)

secrets = st.binary(min_size=32, max_size=32)
frames = st.binary(min_size=1, max_size=8).map(lambda b: (b * FRAME)[:FRAME])
blocks = st.binary(min_size=1, max_size=8).map(lambda b: (b * BLOCK)[:BLOCK])
ops = st.one_of(
    st.builds(Put, secrets, st.one_of(frames, blocks)),
    st.builds(Read, secrets, st.just(FRAME), st.integers(0, 2**32 - 1), st.integers(1, 128), st.booleans()),
    st.builds(Read, secrets, st.just(BLOCK), st.integers(0, 2**32 - 1), st.just(1), st.booleans()),
    st.builds(Ack, secrets, secrets),
    st.builds(Post, secrets, frames),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2**32 - 1), st.lists(ops, min_size=1, max_size=6))
def test_a_request_survives_the_wire(number, batch):
    data = encode_request(number, batch)
    assert decode_request(data) == Request(number, tuple(batch))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200).map(lambda b: b"\2" + b), st.booleans())
def test_what_decodes_encodes_to_the_same_bytes(data, pad):
    data = data + bytes(FRAME) if pad else data
    try:
        request = decode_request(data)
    except BadMessage:
        return
    assert encode_request(request.number, request.ops) == data


@settings(max_examples=300, deadline=None)
@given(st.lists(ops, min_size=1, max_size=3), st.binary(max_size=60))
def test_no_answer_to_a_request_breaks_the_client(batch, tail):
    data = encode_request(1, batch)[:5] + tail
    with contextlib.suppress(BadMessage, WholeRefusal):
        decode_answers(Request(1, tuple(batch)), data)


@pytest.mark.parametrize(
    ("number", "batch"),
    [
        (0, [Ack(bytes(32), bytes(32))]),
        (2**32, [Ack(bytes(32), bytes(32))]),
        (1, []),
        (1, [Ack(bytes(32), bytes(32))] * (MAX_OPS + 1)),
        (1, [Read(bytes(32), limit=128)] * 8),
        (1, [Put(bytes(32), bytes(BLOCK))] * 17),
    ],
)
def test_a_request_that_no_relay_would_read_is_not_made(number, batch):
    with pytest.raises(ValueError):
        encode_request(number, batch)


def test_no_answer_is_longer_than_its_request_said():
    batch = [Read(bytes(32), limit=9), Read(bytes(32)), Put(bytes(32), bytes(FRAME)), Read(bytes(32), BLOCK)]
    fullest = [
        Items((bytes(FRAME),) * 9, True),
        Items((bytes(FRAME),), True),
        Stored(),
        Items((bytes(BLOCK),), False),
    ]
    assert len(encode_answers(Request(1, tuple(batch)), fullest, bytes)) == longest_answer(batch) < MAX_MESSAGE


def test_every_answer_to_a_read_of_one_frame_has_one_length():
    request = Request(1, (Read(bytes(32)),))
    answers = [Items((), False), Items((bytes(FRAME),), True), Refused("busy"), Refused("no_pass")]
    assert len({len(encode_answers(request, [answer], bytes)) for answer in answers}) == 1


def test_every_answer_to_a_put_has_one_length():
    request = Request(1, (Put(bytes(32), bytes(FRAME)),))
    assert len({len(encode_answers(request, [a], bytes)) for a in (Stored(), Refused("box_full"))}) == 1
