"""Signatures.

Does        signs with a seed, and verifies.
Does not    decide whose key counts.
Spec        spec/20-sealing.md, 8
Always      1. A signature that does not verify raises; nothing returns False.
Read first  verify().
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .failure import CannotOpen

SIGNATURE = 64  # bytes


def sign_public(seed: bytes) -> bytes:
    """Return the 32-byte Ed25519 public key of a 32-byte seed.

    Raises:
        ValueError: the seed has another length.

    Source: spec/20-sealing.md, 8; RFC 8032.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


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
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature, or raise.

    Args:
        public: 32 bytes, from outside.
        message: what was signed.
        signature: 64 bytes.

    Raises:
        CannotOpen: it is not that key's signature of that message, or has a wrong form.

    Source: spec/20-sealing.md, 8; RFC 8032.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise CannotOpen from None
