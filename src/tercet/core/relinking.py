"""Relinking: two partners whose link was cut out come to one link again, and not to two.

Does        tells the partner the pair secret of a new link, and keeps what the partner tells.
Does not    choose a link, or name one: the secret says only whether two links are the same.
Spec        spec/21-cell.md, 6
Always      1. A link of our own counts before what the partner says.
Read first  say(), take().
"""

from __future__ import annotations

import msgspec

from tercet.core import channel as letters
from tercet.core.cell import ABOVE, PAIR_SECRET, Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.mail import find_relation, replace_relation
from tercet.core.relation import Relation
from tercet.core.turn import Turn


def say(turn: Turn, new: Relation) -> None:
    """Tell a partner who may not know it the pair secret of a link that was just kept; before that changes theirs.

    Source: spec/21-cell.md, 6.
    """
    for partner in turn.device.relations:
        unknown = partner.role is Role.PARTNER and partner.met and partner.pair != new.pair
        if new.role in ABOVE and new.pair and unknown:
            channel = letters.write(partner.channel, LetterKind.PAIR, new.pair)
            replace_relation(turn, msgspec.structs.replace(partner, channel=channel))


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Our partner has a new link: while we have none, ours can only be the same one."""
    partner = find_relation(turn, relation_id)
    if partner is None or partner.role is not Role.PARTNER or not partner.met or len(letter.body) != PAIR_SECRET:
        return  # a word from who was only introduced may be the introducer's
    replace_relation(turn, msgspec.structs.replace(partner, pair=letter.body))
    if any(r.role in ABOVE and r.pair != letter.body for r in turn.device.relations):
        turn.tell("pair_differs", name=partner.name)
