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
from tercet.core.cases import change, office
from tercet.core.entry import RelayList
from tercet.core.errors import Refusal
from tercet.core.publishing import publish_again, publish_roots
from tercet.core.root import BoardKey, Root, Signed
from tercet.core.rooted import under
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
    ours, view = device.office, device.board
    newest, public = held(ours), sign_public(ours.fresh or ours.signer)
    if newest is not None and newest.board.public == public:
        return msgspec.structs.replace(newest.board, first=first, last=last)
    if newest is None:
        return BoardKey(public, first, last, 0, roots.NOTHING)
    return BoardKey(public, first, last, view.number, view.head)


def draw_key(turn: Turn) -> None:
    """Draw a board key that is to be delegated, unless one waits for that already.

    Raises:
        Refusal: `not_the_desk`, `root_first`.
    """
    if not office(turn).roots:
        raise Refusal("root_first")
    if not office(turn).fresh:
        change(turn, fresh=turn.chance(32))


def take_roots(turn: Turn, documents: tuple[bytes, ...]) -> None:
    """Take in root documents in order; those that are held already may stand before. What is in force is said anew.

    Raises:
        Malformed: one is none.
        Refusal: `not_the_desk`, `root_board`, `root_late`, `root_many`, `root_place`, and what a root is refused for.
    """
    ours = office(turn)
    kept = list(ours.roots)
    for data in documents:
        signed = roots.parse_signed(data)
        if signed.payload in [roots.parse_signed(each).payload for each in kept]:
            continue
        _check(kept, signed)
        if ours.roots and signed.root.board.number > turn.device.board.number:
            raise Refusal("root_place")  # readers would wait for that entry, and take no other
        kept.append(data)
    if len(kept) == len(ours.roots) and kept:
        return
    if len(kept) > ROOTS_MOST:
        raise Refusal("root_many")
    seeds = {sign_public(seed): seed for seed in (ours.signer, ours.fresh) if seed}
    signer = seeds.get(roots.parse_signed(kept[-1]).root.board.public) if kept else None
    if signer is None:
        raise Refusal("root_board")
    if not ours.roots:
        _anchor(turn, roots.parse_signed(kept[0]))
    relays, notices = RelayList(turn.device.table, turn.device.shards), turn.device.board.notices
    for data in kept[len(ours.roots) :]:
        turn.change(board=under(turn.device.board, roots.parse_signed(data).payload))
    change(turn, posts=(), roots=tuple(kept), signer=signer, fresh=b"" if signer == ours.fresh else ours.fresh)
    publish_roots(turn)
    publish_again(turn, relays, notices)


def _anchor(turn: Turn, first: Signed) -> None:
    """From now on the card names the first root in place of a key; whoever has met already has the other card."""
    card = turn.device.card
    if card is None or turn.device.relations or turn.device.meeting:
        raise Refusal("root_late")
    turn.change(card=msgspec.structs.replace(card, board_key=first.mark))


def _check(kept: list[bytes], signed: Signed) -> None:
    if kept:
        roots.check_next(roots.parse_signed(kept[-1]).payload, signed)
    else:
        roots.check_first(digest(signed.payload), signed)
