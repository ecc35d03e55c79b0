"""Sealing to a public key."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tercet import sealing
from tests.sealing import by_hand
from tests.sealing.cases import bad_cases, cases, unhex

SEED = bytes(range(32))


@pytest.mark.parametrize("case", cases("xwing"))
def test_x_wing_by_hand_is_the_published_one(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), unhex(case["expected"])
    assert by_hand.xwing_open(v["seed"], v["encapsulated"]) == expected["shared_secret"]
    assert sealing.kem_public(v["seed"]) == expected["public"]


@pytest.mark.parametrize("case", cases("hpke"))
def test_hpke_by_hand_is_the_published_one(case: dict[str, Any]) -> None:
    v, expected = unhex({**case["input"]}), case["expected"]
    found = by_hand.hpke_key(by_hand.xwing_open(v["seed"], v["encapsulated"]), v["info"])
    assert found.key.hex() == expected["key"]
    assert found.base_nonce.hex() == expected["base_nonce"]
    assert found.exporter_secret.hex() == expected["exporter_secret"]
    for message in map(unhex, expected["messages"]):
        sealed = ChaCha20Poly1305(found.key).encrypt(message["nonce"], message["pt"], message["aad"])
        assert sealed == message["ct"]


@pytest.mark.parametrize("case", cases("hpke"))
def test_a_message_under_the_published_keys_opens_in_the_room(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), case["expected"]
    cipher, nonce = (
        ChaCha20Poly1305(bytes.fromhex(expected["key"])),
        bytes.fromhex(expected["base_nonce"]),
    )
    sealed = v["encapsulated"] + cipher.encrypt(nonce, b"a report", b"")
    assert sealing.open_with(v["seed"], sealed, v["info"]) == b"a report"


def test_what_is_sealed_by_hand_opens_in_the_room() -> None:
    secret, enc = by_hand.xwing_seal(sealing.kem_public(SEED), bytes(range(1, 33)))
    found = by_hand.hpke_key(secret, b"purpose")
    sealed = enc + ChaCha20Poly1305(found.key).encrypt(found.base_nonce, b"by hand", b"")
    assert sealing.open_with(SEED, sealed, b"purpose") == b"by hand"


def test_what_the_room_seals_opens_by_hand() -> None:
    sealed = sealing.seal_to(sealing.kem_public(SEED), b"by the room", b"purpose")
    enc, body = sealed[:1120], sealed[1120:]
    found = by_hand.hpke_key(by_hand.xwing_open(SEED, enc), b"purpose")
    assert ChaCha20Poly1305(found.key).decrypt(found.base_nonce, body, b"") == b"by the room"


@pytest.mark.parametrize("case", cases("sealed-to"))
def test_a_recorded_message_still_opens(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    assert sealing.open_with(v["seed"], v["sealed"], v["info"]).hex() == case["expected"]["content"]


@pytest.mark.parametrize("case", bad_cases("sealed-to"))
def test_a_sealed_message_fails_in_one_way(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.open_with(v["seed"], v["sealed"], v["info"])
    assert failure.value.code == case["fails"]
    assert str(failure.value) == sealing.CannotOpen.hint


@pytest.mark.parametrize("case", cases("public"))
def test_a_public_key_can_be_sealed_to(case: dict[str, Any]) -> None:
    public = bytes.fromhex(case["input"]["public"])
    assert len(public) == sealing.KEM_PUBLIC == case["expected"]["length"]
    assert len(sealing.seal_to(public, b"abc", b"")) == 3 + sealing.HPKE_OVERHEAD


@pytest.mark.parametrize("case", bad_cases("public"))
def test_what_is_no_public_key_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.seal_to(bytes.fromhex(case["input"]["public"]), b"abc", b"")
    assert failure.value.code == case["fails"]


@pytest.mark.parametrize("length", [0, 1, 2959, 10_000])
def test_sealing_adds_the_stated_overhead(length: int) -> None:
    content = b"a" * length
    sealed = sealing.seal_to(sealing.kem_public(SEED), content, b"purpose")
    assert len(sealed) == length + sealing.HPKE_OVERHEAD
    assert sealing.open_with(SEED, sealed, b"purpose") == content


def test_sealing_the_same_twice_gives_different_messages() -> None:
    public = sealing.kem_public(SEED)
    assert sealing.seal_to(public, b"same", b"") != sealing.seal_to(public, b"same", b"")


@pytest.mark.parametrize("seed", [b"", SEED[1:], SEED + b"\0"])
def test_a_seed_of_another_length_is_the_callers_mistake(seed: bytes) -> None:
    with pytest.raises(ValueError):
        sealing.kem_public(seed)
    with pytest.raises(ValueError):
        sealing.open_with(seed, bytes(2000), b"")


@pytest.mark.parametrize("case", cases("dhkem"))
def test_an_envelope_by_hand_is_the_published_one(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), case["expected"]
    shared = by_hand.dhkem(v["private"], v["enc"], v["enc"], v["public"])
    assert shared.hex() == expected["shared_secret"]
    found = by_hand.hpke_key(shared, v["info"], by_hand.ENVELOPE)
    assert (found.key.hex(), found.base_nonce.hex()) == (expected["key"], expected["base_nonce"])
    assert found.exporter_secret.hex() == expected["exporter_secret"]
    assert ChaCha20Poly1305(found.key).encrypt(found.base_nonce, v["pt"], v["aad"]).hex() == expected["ct"]


def test_an_envelope_of_the_room_opens_by_hand() -> None:
    _, private, public = by_hand.xwing_key(SEED)
    sealed = sealing.put_in_envelope(public, b"by the room", b"purpose")
    enc, half = sealed[:32], public[1184:]
    found = by_hand.hpke_key(by_hand.dhkem(private.private_bytes_raw(), enc, enc, half), b"purpose", by_hand.ENVELOPE)
    assert ChaCha20Poly1305(found.key).decrypt(found.base_nonce, sealed[32:], b"") == b"by the room"


def test_an_envelope_made_by_hand_opens_in_the_room() -> None:
    private, public = X25519PrivateKey.from_private_bytes(bytes(range(1, 33))), sealing.kem_public(SEED)
    enc, half = private.public_key().public_bytes_raw(), public[1184:]
    found = by_hand.hpke_key(by_hand.dhkem(private.private_bytes_raw(), half, enc, half), b"purpose", by_hand.ENVELOPE)
    sealed = enc + ChaCha20Poly1305(found.key).encrypt(found.base_nonce, b"by hand", b"")
    assert sealing.open_envelope(SEED, sealed, b"purpose") == b"by hand"


def test_the_same_content_is_in_another_envelope_each_time() -> None:
    public = sealing.kem_public(SEED)
    made = [sealing.put_in_envelope(public, b"same", b"") for _ in range(2)]
    assert made[0][:32] != made[1][:32] and made[0][32:] != made[1][32:]
    assert [len(envelope) for envelope in made] == [4 + sealing.ENVELOPE_OVERHEAD] * 2


@pytest.mark.parametrize("case", cases("envelope"))
def test_a_recorded_envelope_still_opens(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    assert sealing.open_envelope(v["seed"], v["sealed"], v["info"]).hex() == case["expected"]["content"]


@pytest.mark.parametrize("case", bad_cases("envelope"))
def test_an_envelope_fails_in_one_way(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.open_envelope(v["seed"], v["sealed"], v["info"])
    assert failure.value.code == case["fails"]
    assert str(failure.value) == sealing.CannotOpen.hint


@pytest.mark.parametrize("half", [b"", bytes(31), bytes(32), bytes(33)])
def test_no_envelope_is_made_for_what_is_no_key(half: bytes) -> None:
    with pytest.raises(sealing.CannotOpen):
        sealing.put_in_envelope(sealing.kem_public(SEED)[:1184] + half, b"abc", b"")
