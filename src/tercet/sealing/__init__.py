"""Sealing: bytes in, bytes out.

Does        all cryptography of Tercet, by libraries; the rest of the house asks here.
Does not    read a clock, a disk or a network, or know what the bytes mean.
Spec        spec/20-sealing.md
Always      1. Only this room imports a crypto library.  2. What does not open raises CannotOpen.
Read first  frames.py, then keys.py.
"""

from __future__ import annotations

from .blinding import (
    BLIND_ENTROPY,
    BLIND_PREFIX,
    BLIND_PUBLIC,
    BLIND_SALT,
    blind,
    blind_key,
    blind_public,
    blind_sign,
    unblind,
    verify_blind,
)
from .blocks import BLOCK_DATA, block_box, cover, next_block_key, open_block, seal_block
from .boxes import Box, box, id_of_read, posted_box
from .certificate import RelayIdentity, relay_identity
from .failure import CannotOpen, UnknownWord
from .frames import BLOCK, BLOCK_CONTENT, FRAME, FRAME_CONTENT, NONCE, open_sealed, seal
from .kem import (
    ENVELOPE_OVERHEAD,
    HPKE_OVERHEAD,
    KEM_PUBLIC,
    kem_public,
    open_envelope,
    open_with,
    put_in_envelope,
    seal_to,
)
from .keys import KEY, derive, digest, next_day
from .olm import (
    OLM_CONTENT,
    OLM_FIRST_CONTENT,
    OlmAccount,
    olm_account,
    olm_decrypt,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
)
from .passphrase import LOW_COST, Cost, stretch
from .signing import SIGNATURE, sign, sign_public, verify
from .spoken import SPAKE_MESSAGE, spake_finish, spake_start
from .words import PAPER_SECRET, all_words, normal_words, paper_words, read_paper, spoken_words, words_of

__all__ = [
    "BLIND_ENTROPY",
    "BLIND_PREFIX",
    "BLIND_PUBLIC",
    "BLIND_SALT",
    "BLOCK",
    "BLOCK_CONTENT",
    "BLOCK_DATA",
    "FRAME",
    "FRAME_CONTENT",
    "ENVELOPE_OVERHEAD",
    "HPKE_OVERHEAD",
    "KEM_PUBLIC",
    "KEY",
    "LOW_COST",
    "NONCE",
    "OLM_CONTENT",
    "OLM_FIRST_CONTENT",
    "PAPER_SECRET",
    "SIGNATURE",
    "SPAKE_MESSAGE",
    "Box",
    "CannotOpen",
    "Cost",
    "OlmAccount",
    "RelayIdentity",
    "UnknownWord",
    "all_words",
    "blind",
    "blind_key",
    "blind_public",
    "blind_sign",
    "block_box",
    "box",
    "cover",
    "derive",
    "digest",
    "id_of_read",
    "kem_public",
    "open_envelope",
    "put_in_envelope",
    "next_block_key",
    "next_day",
    "normal_words",
    "olm_account",
    "olm_decrypt",
    "olm_encrypt",
    "olm_inbound",
    "olm_outbound",
    "open_block",
    "open_sealed",
    "open_with",
    "paper_words",
    "posted_box",
    "read_paper",
    "relay_identity",
    "seal",
    "seal_block",
    "seal_to",
    "sign",
    "sign_public",
    "spake_finish",
    "spake_start",
    "spoken_words",
    "stretch",
    "unblind",
    "verify",
    "verify_blind",
    "words_of",
]
