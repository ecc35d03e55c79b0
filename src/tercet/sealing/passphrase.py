"""From a passphrase to a key, slowly.

Does        stretches a passphrase with Argon2id.
Does not    judge how good a passphrase is, or keep it.
Spec        spec/20-sealing.md, 11
Always      1. The same passphrase typed on another keyboard gives the same key.
Read first  stretch().
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from .keys import KEY


@dataclass(frozen=True)
class Cost:
    """What one guess costs.

    Attributes:
        memory_kib: memory filled, KiB.
        iterations: passes over it.
        lanes: parts that can be filled at the same time.
    """

    memory_kib: int = 262_144
    iterations: int = 3
    lanes: int = 4


LOW_COST = Cost(memory_kib=64, iterations=1, lanes=1)  # for tests alone


def stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """Stretch a passphrase to a key.

    Args:
        passphrase: as typed; brought to NFKC, outer spaces off. Bytes that are no UTF-8 are taken too: an
            error here would carry the passphrase.
        salt: random, 8 bytes or more; the vault has 32.
        cost: what one guess costs.

    Returns:
        32 bytes.

    Raises:
        ValueError: the salt is too short or the cost too low.

    Source: spec/20-sealing.md, 11; RFC 9106.
    """
    typed = unicodedata.normalize("NFKC", passphrase).strip().encode("utf-8", "surrogatepass")
    kdf = Argon2id(
        salt=salt,
        length=KEY,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    return kdf.derive(typed)
