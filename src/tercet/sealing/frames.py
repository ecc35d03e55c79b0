"""Sealed items of one size: what travels, what is stored, all alike.

Does        pads content to a fixed size and seals it so that it looks like noise.
Does not    draw nonces, or say anything about what is inside.
Spec        spec/20-sealing.md, 4
Always      1. A sealed item has exactly the size asked for.  2. Nothing is read before the tag is verified.
Read first  seal().
"""

from __future__ import annotations

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as _decrypt
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as _encrypt
from nacl.exceptions import CryptoError

from .failure import CannotOpen
from .keys import KEY

FRAME = 4096  # bytes; the size of nearly everything that travels
BLOCK = 262_144  # bytes; the size of what does not fit a frame
NONCE = 24  # bytes; XChaCha20
_TAG = 16  # bytes; Poly1305
_OVERHEAD = NONCE + _TAG + 1  # the last one marks the end of the content
_MARK = b"\x80"
FRAME_CONTENT = FRAME - _OVERHEAD  # 4,055 bytes
BLOCK_CONTENT = BLOCK - _OVERHEAD  # 262,103 bytes


def pad(content: bytes, size: int) -> bytes:
    """Fill content up to `size` bytes: one 0x80, then zeros.

    Args:
        content: at most `size` - 1 bytes.
        size: the length wanted, bytes.

    Raises:
        ValueError: the content is too long.

    Source: spec/20-sealing.md, 4; ISO/IEC 7816-4.
    """
    room = size - len(content) - 1
    if room < 0:
        raise ValueError("the content is too long for this size")
    return b"".join((content, _MARK, bytes(room)))


def unpad(padded: bytes) -> bytes:
    """Take the filling off.

    Args:
        padded: what pad() made.

    Raises:
        CannotOpen: there is no 0x80, or something else than zeros after the last one.

    Source: spec/20-sealing.md, 4.
    """
    end = padded.rfind(_MARK)
    if end < 0 or not padded.endswith(bytes(len(padded) - end - 1)):
        raise CannotOpen
    return padded[:end]


def seal(key: bytes, content: bytes, size: int, nonce: bytes, aad: bytes = b"") -> bytes:
    """Seal content into exactly `size` bytes of noise.

    Args:
        key: 32 bytes.
        content: at most `size` - 41 bytes.
        size: the size of the result, bytes; FRAME, BLOCK, or a size of the vault.
        nonce: 24 random bytes, never used before with this key.
        aad: what is authenticated but not carried.

    Returns:
        nonce(24), then XChaCha20-Poly1305 of the padded content.

    Raises:
        ValueError: the content is too long, or the key or the nonce has another length.

    Source: spec/20-sealing.md, 4; draft-irtf-cfrg-xchacha-03.
    """
    if len(key) != KEY or len(nonce) != NONCE:
        raise ValueError("a key has 32 bytes and a nonce 24")
    return nonce + _encrypt(pad(content, size - NONCE - _TAG), aad, nonce, key)


def open_sealed(key: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
    """Open what seal() made.

    Args:
        key: 32 bytes.
        sealed: the whole item, any size.
        aad: what seal() was given.

    Returns:
        The content.

    Raises:
        CannotOpen: wrong key, wrong aad, damaged, too short or badly filled.
        ValueError: the key has not 32 bytes.

    Source: spec/20-sealing.md, 4.
    """
    if len(key) != KEY:
        raise ValueError("a key has 32 bytes")
    if len(sealed) < _OVERHEAD:
        raise CannotOpen
    try:
        padded = _decrypt(sealed[NONCE:], aad, sealed[:NONCE], key)
    except CryptoError:
        raise CannotOpen from None
    return unpad(padded)
