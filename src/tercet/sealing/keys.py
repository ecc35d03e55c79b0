"""Names of items, and keys that grow from other keys.

Does        hashes an item to its name, derives keys for one purpose each, steps a day chain forward.
Does not    encrypt, or draw anything by chance.
Spec        spec/20-sealing.md, 3
Always      1. One purpose, one label.  2. No step can be taken back.
Read first  derive().
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = 32  # bytes; every secret, key, seed and name
_PREFIX = b"tercet/1 "


def digest(data: bytes) -> bytes:
    """Name an item: BLAKE2b-256 of its bytes.

    Args:
        data: the whole item, any length.

    Returns:
        32 bytes.

    Source: spec/20-sealing.md, 3; RFC 7693.
    """
    return hashlib.blake2b(data, digest_size=KEY).digest()


def derive(secret: bytes, label: str, *context: bytes, length: int = KEY) -> bytes:
    """Derive a key for one purpose: HKDF-SHA256 without salt.

    Args:
        secret: the key to derive from, any length; 32 bytes of entropy or more.
        label: the purpose, printable ASCII, a constant of the code.
        context: what else the key is bound to, in order; each is framed by its length.
        length: bytes wanted, at most 8,160.

    Returns:
        `length` bytes.

    Raises:
        ValueError: the label is not printable ASCII, or too much is asked for.

    Source: spec/20-sealing.md, 3; RFC 5869.
    """
    if not (label and label.isascii() and label.isprintable()):
        raise ValueError("a label is printable ASCII")
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in context)
    info = _PREFIX + label.encode("ascii") + framed
    return HKDF(SHA256(), length, salt=None, info=info).derive(secret)


def next_day(root: bytes) -> bytes:
    """Step a day chain forward by one day; nobody can step it back.

    Args:
        root: the 32 bytes of day t.

    Returns:
        The 32 bytes of day t + 1.

    Source: spec/20-sealing.md, 3.
    """
    return derive(root, "next day")
