"""The desk's roots: documents that the five signed, checked one by one, and kept.

Does        takes in root documents at the desk; says which key is to be delegated next, and from which place on.
Does not    sign a root: no key of the five is ever in a vault.
Spec        spec/61-root.md, 9
Always      1. A root that names another board key than this desk's is not taken in.  2. All of them are, or none.
Read first  take_roots().
"""

from __future__ import annotations

import msgspec

from tercet.core import root as roots
from tercet.core.errors import Refusal
from tercet.core.office import change, office
from tercet.core.root import BoardKey, Root, Signed
from tercet.core.state import Device, Office
from tercet.core.turn import Turn
from tercet.sealing import digest, sign_public

ROOTS_MOST = 64  # documents that a desk keeps; more rotations than that are a new network


def held(ours: Office) -> Root | None:
    """The newest root that the desk holds, if there is one."""
    return roots.parse_signed(ours.roots[-1]).root if ours.roots else None


def offer(device: Device, first: int, last: int) -> BoardKey:
    """The desk's board key, to be delegated for these days.

    Args:
        device: a desk's.
        first: day number.
        last: day number.

    Raises:
        Refusal: `not_the_desk`.
    """
    if device.office is None:
        raise Refusal("not_the_desk")
    newest, public = held(device.office), sign_public(device.office.signer)
    if newest is not None and newest.board.public == public:
        return msgspec.structs.replace(newest.board, first=first, last=last)
    return BoardKey(public, first, last, 0, roots.NOTHING)


def take_roots(turn: Turn, documents: tuple[bytes, ...]) -> None:
    """Take in root documents in order; those that are held already may stand before.

    Raises:
        Malformed: one is none.
        Refusal: `not_the_desk`, `root_board`, `root_many`, and what a root is refused for.
    """
    ours = office(turn)
    kept = list(ours.roots)
    for data in documents:
        signed = roots.parse_signed(data)
        if signed.payload in [roots.parse_signed(each).payload for each in kept]:
            continue
        _check(kept, signed)
        kept.append(data)
    if not kept or roots.parse_signed(kept[-1]).root.board.public != sign_public(ours.signer):
        raise Refusal("root_board")
    if len(kept) > ROOTS_MOST:
        raise Refusal("root_many")
    change(turn, roots=tuple(kept))


def _check(kept: list[bytes], signed: Signed) -> None:
    if kept:
        roots.check_next(roots.parse_signed(kept[-1]).payload, signed)
    else:
        roots.check_first(digest(signed.payload), signed)
