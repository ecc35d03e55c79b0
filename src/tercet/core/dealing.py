"""Dealing: each neighbour gets its share of our burn line once, and we keep one of each of theirs.

Does        draws our shares at the first neighbour, writes the letters that carry them, takes theirs.
Does not    know what a share is good for: `burning` does.
Spec        spec/33-burn.md, 5
Always      1. Shares are drawn once.  2. Nobody gets one before words were compared.
            3. A neighbour's first share counts, whatever comes later.
Read first  deal(), take().
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import channel as letters
from tercet.core.burning import Shares, draw, parse_share
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.fields import Malformed
from tercet.core.mail import find_relation, replace_relation
from tercet.core.relation import Relation
from tercet.core.turn import Turn
from tercet.sealing import KEY

# What a neighbour is to us -> the name of its share.
DEALS: Final = MappingProxyType(
    {Role.PARTNER: "partner", Role.LINK: "link", Role.DESK: "link", Role.BELOW: "below"},
)


def deal(turn: Turn) -> None:
    """Write a share to each neighbour that is met and has none; it is sealed in a later step than it is drawn.

    A vault that goes back one step thus loses shares that nobody has seen, or none.

    Source: spec/33-burn.md, 5.
    """
    due = [r for r in turn.device.relations if r.met and not r.dealt and r.role in DEALS]
    if not due or turn.device.is_desk:
        return
    if not turn.device.shares:
        turn.change(shares=tuple(draw(turn.chance(KEY))))
    for relation in due:
        replace_relation(turn, _dealt(relation, Shares(*turn.device.shares)))


def _dealt(relation: Relation, shares: Shares) -> Relation:
    body: bytes = getattr(shares, DEALS[relation.role])
    return msgspec.structs.replace(
        relation, dealt=True, channel=letters.write(relation.channel, LetterKind.SHARE, body)
    )


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Keep the first share that a neighbour dealt us; what is none, or a later one, changes nothing."""
    relation = find_relation(turn, relation_id)
    if relation is None or relation.share:
        return
    try:
        replace_relation(turn, msgspec.structs.replace(relation, share=parse_share(letter.body)))
    except Malformed:
        return
