"""The board under the root: roots on the board, and which entries count under the one that is held.

Does        seals and opens root frames, moves a view from root to root, opens entries under the key that counts.
Does not    publish, or read a box.
Spec        spec/60-board.md, 9
Always      1. What a replaced or lapsed key signed changes nothing.  2. A view holds one root, and goes forward only.
Read first  turned(), open_under().
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tercet.core import root as roots
from tercet.core.board import BoardView
from tercet.core.card import Card
from tercet.core.days import day_of
from tercet.core.entry import Entry, open_entry
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.root import parse_root
from tercet.sealing import FRAME, NONCE, CannotOpen, derive, digest, open_sealed, seal


def seal_root(signed: bytes, secret: bytes, when: int) -> bytes:
    """A root frame, 4,096 bytes.

    Args:
        signed: the root document with its signatures.
        secret: what opens the board, 32 bytes.
        when: seconds; the same document put again later is another item, since relays forget the first one.
    """
    nonce = digest(when.to_bytes(8, "big") + signed)[:NONCE]
    return seal(derive(secret, "board root"), signed, FRAME, nonce)


def turned(card: Card, view: BoardView, items: Iterable[bytes]) -> BoardView:
    """The view after the roots among some frames; the same one if none follows.

    The first root is believed if the card names it: then its mark stands where a network without a root has its key.
    """
    found = []
    for item in items:
        try:
            found.append(open_sealed(derive(card.board_secret, "board root"), item))
        except CannotOpen:
            continue
    held = view.root or _first(card.board_key, found)
    held = roots.forward(held, found) if held else b""
    return view if held == view.root else under(view, held)


def _first(mark: bytes, found: list[bytes]) -> bytes:
    for data in found:
        try:
            signed = roots.parse_signed(data)
            roots.check_first(mark, signed)
        except (Malformed, Refusal):
            continue
        return signed.payload
    return b""


def under(view: BoardView, held: bytes) -> BoardView:
    """The view under a root: with another key of the board, what stands after its place never was.

    Args:
        view: what was known.
        held: payload of the root, checked.
    """
    board, before = parse_root(held).board, parse_root(view.root).board if view.root else None
    known, whole = view.mark_of(board.number), not view.missing and view.number == board.number
    view = msgspec.structs.replace(view, root=held, places={}, anew=())
    if before is None or before.public == board.public:
        return view
    if view.listed > board.number or known not in (None, board.mark):
        view = msgspec.structs.replace(view, relays=None, listed=0)
    notices = () if known not in (None, board.mark) else tuple(n for n in view.notices if n.number <= board.number)
    view = msgspec.structs.replace(view, notices=notices)
    if not whole or known != board.mark:
        view = msgspec.structs.replace(view, keys=(), intake=(), lent=False, tokens=(), passes=())
    return msgspec.structs.replace(view, number=board.number, marks=(board.mark,), missing=(), forked=False)


def open_under(card: Card, view: BoardView, frame: bytes, confirmed: int) -> tuple[Entry, bytes]:
    """Open an entry that counts today: signed by the card's key, or by the key of the root that is held.

    Args:
        card: the network's.
        view: with the root that is held, if there is one.
        frame: 4,096 bytes, from a relay.
        confirmed: the confirmed day.

    Raises:
        CannotOpen: noise; not signed by that key, or not on one of its days, or it is lapsed.
        Malformed: signed and yet no entry.
    """
    if not view.root:
        return open_entry(frame, card.board_secret, card.board_key)
    board = parse_root(view.root).board
    entry, mark = open_entry(frame, card.board_secret, board.public)
    if entry.number <= board.number or confirmed > board.last or not board.first <= day_of(entry.issued) <= board.last:
        raise CannotOpen
    return entry, mark
