"""Sealing to someone's public key, safe against a quantum computer; and a thin envelope to the same key, which is not.

Does        makes the public half of a seed, seals to it, opens with the seed.
Does not    tell who sealed: anyone who has the public half can.
Spec        spec/20-sealing.md, 7
Always      1. Private keys are 32-byte seeds.  2. What is sealed here is no noise: wrap it in a frame.
Read first  seal_to(), then put_in_envelope().
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from .failure import CannotOpen
from .keys import KEY

KEM_PUBLIC = 1216  # bytes; ML-KEM-768 (1,184), then X25519 (32)
HPKE_OVERHEAD = 1136  # bytes; encapsulation (1,088 + 32), then tag (16)
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64
ENVELOPE_OVERHEAD = 48  # bytes; encapsulation (32), then tag (16)
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_ENVELOPE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _halves(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(seed) != KEY:
        raise ValueError("a seed has 32 bytes")
    expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED + KEY)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:]),
    )


def kem_public(seed: bytes) -> bytes:
    """Return the public half of an X-Wing seed.

    Args:
        seed: 32 random bytes.

    Returns:
        1,216 bytes.

    Raises:
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 7; draft-connolly-cfrg-xwing-kem, 5.2.
    """
    mlkem, x25519 = _halves(seed)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


@lru_cache(maxsize=4)
def _public(public: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
    )


def seal_to(public: bytes, content: bytes, info: bytes) -> bytes:
    """Seal content to a public key; not even the sender can open it again.

    Args:
        public: what kem_public() made, 1,216 bytes, from outside.
        content: any length.
        info: what the message is for; the opener must name the same.

    Returns:
        len(content) + 1,136 bytes. The randomness is the library's own.

    Raises:
        CannotOpen: this is not a public key.

    Source: spec/20-sealing.md, 7; RFC 9180, 6.1; draft-ietf-hpke-pq.
    """
    try:
        return _SUITE.encrypt(content, _public(public), info)
    except ValueError:
        raise CannotOpen from None


@lru_cache(maxsize=2)
def _halves_kept(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """The halves of a seed; making them costs more than opening, and a desk opens many frames with one or two."""
    return _halves(seed)


@lru_cache(maxsize=2)
def _private(seed: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*_halves_kept(seed))


def open_with(seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """Open what was sealed to the public half of a seed.

    Args:
        seed: 32 bytes.
        sealed: what seal_to() made.
        info: what the message is for.

    Returns:
        The content.

    Raises:
        CannotOpen: wrong seed, wrong info, damaged or too short.
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 7.
    """
    try:
        return _SUITE.decrypt(sealed, _private(seed), info)
    except InvalidTag:
        raise CannotOpen from None


def put_in_envelope(public: bytes, content: bytes, info: bytes) -> bytes:
    """Hide sealed content from all but the desk, afresh each time: the same content never looks the same twice.

    It keeps no secret from a quantum computer; what lies in it is sealed by seal_to().

    Args:
        public: what kem_public() made, 1,216 bytes, from outside; only its X25519 half is used.
        content: any length.
        info: what the envelope is for; the opener must name the same.

    Returns:
        len(content) + 48 bytes. The randomness is the library's own.

    Raises:
        CannotOpen: this is not a public key.

    Source: spec/20-sealing.md, 7; RFC 9180, 6.1.
    """
    try:
        return _ENVELOPE.encrypt(content, X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]), info)
    except ValueError:
        raise CannotOpen from None


def open_envelope(seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """Take content out of its envelope.

    Args:
        seed: 32 bytes.
        sealed: what put_in_envelope() made.
        info: what the envelope is for.

    Returns:
        The content.

    Raises:
        CannotOpen: wrong seed, wrong info, damaged or too short.
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 7.
    """
    try:
        return _ENVELOPE.decrypt(sealed, _halves_kept(seed)[1], info)
    except InvalidTag:
        raise CannotOpen from None
