"""The published constructions again, from plainer parts, to hold the room and its libraries to them.

Does        HKDF on hmac; X-Wing on ML-KEM and X25519; DHKEM on X25519; the HPKE key schedule of base mode.
Does not    import the room that it checks.
Spec        RFC 5869; draft-connolly-cfrg-xwing-kem; RFC 9180, 4.1 and 5.1; spec/20-sealing.md, 3 and 7
Always      1. Test code alone.
Read first  hpke_key().
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")
SUITE = b"HPKE" + bytes.fromhex("647a00010003")  # MLKEM768-X25519, HKDF-SHA256, ChaCha20Poly1305
ENVELOPE = b"HPKE" + bytes.fromhex("002000010003")  # X25519, HKDF-SHA256, ChaCha20Poly1305
DHKEM = b"KEM" + bytes.fromhex("0020")


def hkdf_extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), secret, "sha256")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes((counter,)), "sha256")
        out, counter = out + block, counter + 1
    return out[:length]


def derive(secret: bytes, label: bytes, context: list[bytes], length: int) -> bytes:
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in context)
    return hkdf_expand(hkdf_extract(b"", secret), b"tercet/1 " + label + framed, length)


def xwing_key(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey, bytes]:
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return mlkem, x25519, public


def _combine(ss_m: bytes, ss_x: bytes, ct_x: bytes, pk_x: bytes) -> bytes:
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + XWING_LABEL).digest()


def xwing_open(seed: bytes, enc: bytes) -> bytes:
    """Decapsulate: 32 bytes."""
    mlkem, x25519, public = xwing_key(seed)
    ct_m, ct_x = enc[:1088], enc[1088:]
    ss_x = x25519.exchange(X25519PublicKey.from_public_bytes(ct_x))
    return _combine(mlkem.decapsulate(ct_m), ss_x, ct_x, public[1184:])


def xwing_seal(public: bytes, ephemeral: bytes) -> tuple[bytes, bytes]:
    """Encapsulate: the shared secret and the encapsulation. ML-KEM's chance is the library's own."""
    pk_x = public[1184:]
    ss_m, ct_m = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    ct_x = private.public_key().public_bytes_raw()
    ss_x = private.exchange(X25519PublicKey.from_public_bytes(pk_x))
    return _combine(ss_m, ss_x, ct_x, pk_x), ct_m + ct_x


@dataclass(frozen=True)
class HpkeKey:
    """What the HPKE key schedule yields."""

    key: bytes
    base_nonce: bytes
    exporter_secret: bytes


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + secret)


def _expand(suite: bytes, prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
    return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context, length)


def dhkem(private: bytes, theirs: bytes, enc: bytes, public: bytes) -> bytes:
    """The shared secret of either side: its private key, the other's public one, and what both know."""
    shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(theirs))
    prk = _extract(DHKEM, b"", b"eae_prk", shared)
    return _expand(DHKEM, prk, b"shared_secret", enc + public, 32)


def hpke_key(shared_secret: bytes, info: bytes, suite: bytes = SUITE) -> HpkeKey:
    """Run the key schedule of base mode."""
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared_secret, b"secret", b"")
    return HpkeKey(
        _expand(suite, secret, b"key", context, 32),
        _expand(suite, secret, b"base_nonce", context, 12),
        _expand(suite, secret, b"exp", context, 32),
    )
