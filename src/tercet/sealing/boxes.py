"""Boxes of a drop: a chain of secrets, each the hash of the one before.

Does        computes what must be shown to acknowledge, to read and to put.
Does not    speak to a drop. The drop room computes the same by itself.
Spec        spec/20-sealing.md, 5
Always      1. Who can read can put; who can acknowledge can read; never the other way.
Read first  box().
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .keys import KEY


@dataclass(frozen=True)
class Box:
    """The three secrets of a box, 32 bytes each, strongest first.

    Attributes:
        ack: shown to acknowledge; in a posted box, shown to post.
        read: shown to read.
        id: shown to put; the name of the box.
    """

    ack: bytes
    read: bytes
    id: bytes


def _hash(secret: bytes, kind: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=KEY, person=kind).digest()


def _chain(secret: bytes, read: bytes, box_id: bytes) -> Box:
    if len(secret) != KEY:
        raise ValueError("a box secret has 32 bytes")
    shown = _hash(secret, read)
    return Box(secret, shown, _hash(shown, box_id))


def box(ack: bytes) -> Box:
    """Compute an ordinary box from its strongest secret.

    Args:
        ack: 32 bytes.

    Raises:
        ValueError: it has another length.

    Source: spec/20-sealing.md, 5.
    """
    return _chain(ack, b"tercet read", b"tercet box")


def id_of_read(read: bytes) -> bytes:
    """The id of an ordinary box, 32 bytes, from its read secret."""
    return _hash(read, b"tercet box")


def posted_box(post: bytes) -> Box:
    """Compute a posted box, where putting needs the strongest secret and nobody acknowledges.

    Args:
        post: 32 bytes; it stands in the `ack` field.

    Raises:
        ValueError: it has another length.

    Source: spec/20-sealing.md, 5.
    """
    return _chain(post, b"tercet post", b"tercet board")
