"""Parting: what a burn on the board does to a device whose neighbour was burned.

Does        drops the neighbour of whom it holds a share of the burned line, with all that hangs on it; tells the owner.
Does not    decide who is burned: two points on the board do.
Spec        spec/33-burn.md, 6
Always      1. No other neighbour changes.  2. What is gone is gone: the same burn again finds nothing.
Read first  take().
"""

from __future__ import annotations

import msgspec

from tercet.core import calling, introducing
from tercet.core.burning import burns
from tercet.core.cutting import Happening, move
from tercet.core.entry import Burn
from tercet.core.relation import Relation
from tercet.core.turn import Turn


def take(turn: Turn, burn: Burn) -> None:
    """Take in a burn that the desk signed: drop whom it burns; to anyone else it is two random numbers."""
    for relation in turn.device.relations:
        if relation.share and burns(relation.share, *burn.points):
            _drop(turn, relation)
            turn.tell("burned", name=relation.name)
            calling.begin(turn, relation)


def _drop(turn: Turn, gone: Relation) -> None:
    """Forget a neighbour: keys, letters, looks at its boxes, and introductions that it makes or takes part in."""
    introducing.forget_neighbour(turn, gone.id)
    kept = (r for r in turn.device.relations if r.id != gone.id)
    turn.change(
        relations=tuple(_without(r, gone, turn.now) for r in kept),
        looked={name: beat for name, beat in turn.device.looked.items() if name[:5] != gone.id[:5]},
    )


def _without(relation: Relation, gone: Relation, now: int) -> Relation:
    """A neighbour that stays; what the one who is gone asked about it counts no longer."""
    if relation.cut.by != gone.id:
        return relation
    return msgspec.structs.replace(relation, cut=move(relation.cut, Happening.LOST, now))
