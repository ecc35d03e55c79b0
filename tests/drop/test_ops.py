"""Operations are well formed or they do not exist; box ids are what the vectors say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tercet.drop import BLOCK, FRAME, Ack, Post, Put, Read, id_of_read, read_of_ack, read_of_post

VECTORS = sorted((Path(__file__).parents[2] / "vectors/drop").glob("box-*.json"))
S = bytes(32)


def test_there_are_box_vectors():
    assert len(VECTORS) >= 2


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_boxes_are_what_the_vectors_say(path):
    case = json.loads(path.read_text())
    secret = bytes.fromhex(case["input"]["secret"])
    posted = case["input"]["kind"] == "posted"
    read = read_of_post(secret) if posted else read_of_ack(secret)
    assert read.hex() == case["expected"]["read"]
    assert id_of_read(read, posted).hex() == case["expected"]["id"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Put(S[1:], bytes(FRAME)),
        lambda: Put(S, bytes(FRAME - 1)),
        lambda: Put(S, b""),
        lambda: Read(S + b"x"),
        lambda: Read(S, size=100),
        lambda: Read(S, limit=0),
        lambda: Read(S, limit=129),
        lambda: Read(S, size=BLOCK, limit=2),
        lambda: Read(S, start=-1),
        lambda: Read(S, start=2**32),
        lambda: Ack(S, S[1:]),
        lambda: Ack(S[1:], S),
        lambda: Post(S, bytes(BLOCK)),
        lambda: Post(S[1:], bytes(FRAME)),
    ],
)
def test_an_operation_that_is_not_well_formed_cannot_be_made(make):
    with pytest.raises(ValueError):
        make()
