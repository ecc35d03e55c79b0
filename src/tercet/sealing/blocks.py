"""Media blocks: a long file in sealed pieces, each in a box of its own.

Does        seals and opens one piece, and walks the chain of keys forward.
Does not    read files, or know which pieces are missing.
Spec        spec/20-sealing.md, 6
Always      1. A key tells nothing of the keys before it.  2. A piece opens at its place only.
Read first  seal_block().
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from .boxes import Box, box
from .frames import BLOCK, BLOCK_CONTENT, open_sealed, seal
from .keys import derive

BLOCK_DATA = BLOCK_CONTENT  # bytes of a file in one block


def next_block_key(key: bytes) -> bytes:
    """Return the 32-byte key of the next block.

    Source: spec/20-sealing.md, 6.
    """
    return derive(key, "next block")


def block_box(key: bytes, place: int) -> Box:
    """Return the box in which the block of this 32-byte key lies at the first (0) or second (1) of its relays.

    Source: spec/20-sealing.md, 6.
    """
    return box(derive(key, "block box", bytes((place,))))


def _place(index: int, last: bool) -> bytes:
    return index.to_bytes(8, "big") + bytes((last,))


def seal_block(key: bytes, index: int, last: bool, data: bytes, nonce: bytes) -> bytes:
    """Seal one piece of a file.

    Args:
        key: the 32-byte key of this block.
        index: 0 for the first piece.
        last: whether the file ends with this piece.
        data: at most 262,103 bytes.
        nonce: 24 random bytes.

    Returns:
        262,144 bytes.

    Raises:
        ValueError: the data is too long, or the nonce has another length.
        OverflowError: the index is negative or does not fit 64 bits.

    Source: spec/20-sealing.md, 6.
    """
    return seal(derive(key, "block seal"), data, BLOCK, nonce, _place(index, last))


def open_block(key: bytes, index: int, last: bool, block: bytes) -> bytes:
    """Open one piece of a file.

    Args:
        key: the 32-byte key of this block.
        index: the place that the piece must have.
        last: whether it must be the last piece.
        block: what lay in the box, 262,144 bytes.

    Returns:
        The piece of the file.

    Raises:
        CannotOpen: it is not that piece.
        OverflowError: the index is negative or does not fit 64 bits.

    Source: spec/20-sealing.md, 6.
    """
    return open_sealed(derive(key, "block seal"), block, _place(index, last))


def cover(key: bytes, block: bytes) -> bytes:
    """Cover a sealed block for as long as it waits in a vault, or uncover it: the same both ways, and the same size.

    A block that waits must not lie in the vault as it will lie at the relay, else whoever seizes both can match
    them. Without the key, which is forgotten when the block has left, the covered block is noise for good.

    Args:
        key: 32 fresh random bytes, used for one block.
        block: any bytes; as many come back.

    Raises:
        ValueError: the key has another length.

    Source: spec/20-sealing.md, 6; RFC 8439, 2.4.
    """
    return Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(block)
