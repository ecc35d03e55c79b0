"""Sealed items of one size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from tercet import sealing
from tercet.sealing.frames import pad, unpad
from tests.sealing.cases import bad_cases, cases, unhex

KEY, NONCE = bytes(range(32)), bytes(range(24))


@pytest.mark.parametrize("case", cases("xchacha"))
def test_the_library_is_the_published_xchacha(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(v["plaintext"], v["aad"], v["nonce"], v["key"])
    assert sealed.hex() == case["expected"]["ciphertext"]


@pytest.mark.parametrize("case", cases("seal"))
def test_sealing_matches_its_vectors_and_opens_again(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    sealed = sealing.seal(v["key"], v["content"], v["size"], v["nonce"], v["aad"])
    assert sealed.hex() == case["expected"]["sealed"]
    assert sealing.open_sealed(v["key"], sealed, v["aad"]) == v["content"]


@pytest.mark.parametrize("case", bad_cases("open"))
def test_what_does_not_open_fails_in_one_way(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.open_sealed(v["key"], v["sealed"], v["aad"])
    assert failure.value.code == case["fails"]
    assert str(failure.value) == sealing.CannotOpen.hint


@pytest.mark.parametrize("case", cases("open"))
def test_the_item_behind_the_bad_ones_opens(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    assert sealing.open_sealed(v["key"], v["sealed"], v["aad"]).hex() == case["expected"]["content"]


@pytest.mark.parametrize(
    ("size", "content"), [(sealing.FRAME, sealing.FRAME_CONTENT), (sealing.BLOCK, sealing.BLOCK_CONTENT)]
)
def test_content_fits_to_the_last_byte_and_no_further(size: int, content: int) -> None:
    full = b"\x80" * content
    sealed = sealing.seal(KEY, full, size, NONCE)
    assert len(sealed) == size
    assert sealing.open_sealed(KEY, sealed) == full
    with pytest.raises(ValueError):
        sealing.seal(KEY, full + b"a", size, NONCE)


def test_an_empty_item_and_a_full_one_have_the_same_size() -> None:
    sizes = {len(sealing.seal(KEY, bytes(n), sealing.FRAME, NONCE)) for n in (0, 1, sealing.FRAME_CONTENT)}
    assert sizes == {sealing.FRAME}


@pytest.mark.parametrize(("key", "nonce"), [(KEY[1:], NONCE), (KEY, NONCE[1:]), (b"", NONCE), (KEY, b"")])
def test_a_key_or_nonce_of_another_length_is_the_callers_mistake(key: bytes, nonce: bytes) -> None:
    with pytest.raises(ValueError):
        sealing.seal(key, b"", sealing.FRAME, nonce)


def test_opening_with_a_key_of_another_length_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError):
        sealing.open_sealed(KEY[1:], bytes(sealing.FRAME))


def test_every_flipped_byte_of_a_frame_is_noticed() -> None:
    sealed = bytearray(sealing.seal(KEY, b"a letter", 128, NONCE))
    for place in range(len(sealed)):
        sealed[place] ^= 0x40
        with pytest.raises(sealing.CannotOpen):
            sealing.open_sealed(KEY, bytes(sealed))
        sealed[place] ^= 0x40
    assert sealing.open_sealed(KEY, bytes(sealed)) == b"a letter"


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@property_of(content=st.binary(max_size=200), extra=st.integers(1, 100))
def test_padding_comes_off_again_whatever_the_content(content: bytes, extra: int) -> None:
    padded = pad(content, len(content) + extra)
    assert len(padded) == len(content) + extra
    assert unpad(padded) == content


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@property_of(padded=st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), max_size=12).map(bytes))
def test_only_what_pad_makes_comes_off(padded: bytes) -> None:
    try:
        content = unpad(padded)
    except sealing.CannotOpen:
        assert not padded.rstrip(b"\0").endswith(b"\x80")
    else:
        assert pad(content, len(padded)) == padded
