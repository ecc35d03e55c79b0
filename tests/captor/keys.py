"""The cryptography that a captor needs, written again from spec/20-sealing.md and spec/40-letters.md.

Does        stretches, derives, opens what is sealed, names boxes and lanes.
Does not    import anything of the product; draw chance.
Spec        spec/20-sealing.md, spec/40-letters.md, 2
Always      1. What does not open is None: a captor goes on.
Read first  opened(), lane().
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as decrypt
from nacl.exceptions import CryptoError

NONCE = 24


@dataclass(frozen=True)
class Cost:
    """What one guess costs; the default is the program's."""

    memory_kib: int = 262_144
    passes: int = 3
    lanes: int = 4


@dataclass(frozen=True)
class Box:
    """What can be known of one box; what is not known is empty."""

    id: bytes
    read: bytes = b""
    ack: bytes = b""


@dataclass(frozen=True)
class Lane:
    """One direction on one day: the outer key and its box at each of two relays."""

    key: bytes
    boxes: tuple[Box, Box]


def stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """The secret of a passphrase. Source: spec/20-sealing.md, 11."""
    text = unicodedata.normalize("NFKC", passphrase).strip().encode("utf-8", "surrogatepass")
    work = Argon2id(salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return work.derive(text)


def digest(item: bytes) -> bytes:
    """The name of an item."""
    return blake2b(item, digest_size=32).digest()


def derive(secret: bytes, label: str, *context: bytes, length: int = 32) -> bytes:
    """A key from a key. Source: spec/20-sealing.md, 3."""
    info = b"tercet/1 " + label.encode() + b"".join(len(part).to_bytes(4, "big") + part for part in context)
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def opened(key: bytes, sealed: bytes, aad: bytes = b"") -> bytes | None:
    """What a sealed item holds, or None. Source: spec/20-sealing.md, 4."""
    if len(sealed) < NONCE + 17:
        return None
    try:
        padded = decrypt(sealed[NONCE:], aad, sealed[:NONCE], key)
    except CryptoError:
        return None
    bare = padded.rstrip(b"\0")
    return bare[:-1] if bare.endswith(b"\x80") else None


def uncovered(key: bytes, block: bytes) -> bytes:
    """A block as a relay had it, from one that waited in a vault. Source: spec/20-sealing.md, 6."""
    return Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(block)


def _hashed(secret: bytes, person: str) -> bytes:
    return blake2b(secret, digest_size=32, person=person.encode()).digest()


def box_of_read(read: bytes) -> Box:
    """The ordinary box of a read secret."""
    return Box(_hashed(read, "tercet box"), read)


def box_of_ack(ack: bytes) -> Box:
    """The ordinary box of an ack secret."""
    read = _hashed(ack, "tercet read")
    return Box(_hashed(read, "tercet box"), read, ack)


def posted_box(read: bytes) -> Box:
    """The posted box of a read secret."""
    return Box(_hashed(read, "tercet board"), read)


def roots(day: int, root: bytes, days: int) -> Iterator[tuple[int, bytes]]:
    """The roots of `days` days of a chain, from the one it stands at."""
    for later in range(days):
        yield day + later, root
        root = derive(root, "next day")


def lane(root: bytes, purpose: str, where: int) -> Lane:
    """One lane of a day's root. Source: spec/40-letters.md, 2."""
    at = where.to_bytes(2, "big")
    first, second = (box_of_ack(derive(root, f"{purpose} box", at, bytes([place]))) for place in (0, 1))
    return Lane(derive(root, f"{purpose} key", at), (first, second))


def block_boxes(key: bytes) -> tuple[Box, Box]:
    """The two boxes of the block with this key. Source: spec/20-sealing.md, 6."""
    first, second = (box_of_ack(derive(key, "block box", bytes([place]))) for place in (0, 1))
    return first, second
