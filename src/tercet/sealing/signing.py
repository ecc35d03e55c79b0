"""Signatures.

Does        signs with a seed, and verifies.
Does not    decide whose key counts.
Spec        spec/20-sealing.md, 8
Always      1. A signature that does not verify raises; nothing returns False.
Read first  verify().
"""

from __future__ import annotations

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from .failure import CannotOpen
from .keys import KEY

SIGNATURE = 64  # bytes


def sign_public(seed: bytes) -> bytes:
    """Return the 32-byte Ed25519 public key of a 32-byte seed.

    Raises:
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 8; RFC 8032.
    """
    return crypto_sign_seed_keypair(seed)[0]


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message.

    Args:
        seed: 32 bytes.
        message: any length; it says itself what it is for.

    Returns:
        64 bytes, the same each time.

    Raises:
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 8; RFC 8032.
    """
    return crypto_sign(message, crypto_sign_seed_keypair(seed)[1])[:SIGNATURE]


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature, or raise.

    Args:
        public: 32 bytes, from outside.
        message: what was signed.
        signature: 64 bytes, from outside.

    Raises:
        CannotOpen: it is not that key's signature of that message, or has a wrong form; also a key
            of small order, for which one signature fits every message.

    Source: spec/20-sealing.md, 8; RFC 8032.
    """
    if len(public) != KEY or len(signature) != SIGNATURE:
        raise CannotOpen
    try:
        crypto_sign_open(signature + message, public)
    except CryptoError:
        raise CannotOpen from None
