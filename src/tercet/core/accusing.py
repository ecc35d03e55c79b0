"""Accusing: what a device does when its owner wants a neighbour cut out, or another neighbour asks for that.

Does        turns the owner's words and letters of kind 14 into stages and letters; has a desk post what it burns.
Does not    send the two points: `sending` does.  Drop anybody: the board does, through `parting`.
Spec        spec/33-burn.md, 8
Always      1. Nothing goes to the desk unless this owner wanted it.  2. A point that burns nobody here changes nothing.
Read first  burn(), take().
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import channel as letters
from tercet.core import committing, publishing
from tercet.core.burning import agrees, point_of, two_others
from tercet.core.cell import ABOVE, Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.cutting import Happening, Stage, lapsed, move
from tercet.core.errors import Refusal
from tercet.core.mail import find_relation, replace_relation
from tercet.core.relation import Relation, named
from tercet.core.turn import Turn
from tercet.sealing import KEY

# What the one to be cut out is to us -> what those are who hold another point of its line and know us both.
VOICES: Final = MappingProxyType(
    {Role.PARTNER: ABOVE, Role.BELOW: (Role.BELOW,), Role.FOUNDER: (Role.FOUNDER,), Role.LINK: (), Role.DESK: ()},
)


def burn(turn: Turn, name: str) -> None:
    """The owner wants a neighbour cut out, and has said so twice.

    Raises:
        Refusal: `unknown_neighbour`, `burn_no_share`, `burn_alone`, `too_much_waiting`.

    Source: spec/33-burn.md, 8.
    """
    relation = named(turn.device.relations, name)
    if not relation.share:
        raise Refusal("burn_no_share")
    cut = move(relation.cut, Happening.BURN, turn.now)
    if cut.stage is Stage.ASKING:
        _ask(turn, relation)
    replace_relation(turn, msgspec.structs.replace(relation, cut=cut))


def spare(turn: Turn, name: str) -> None:
    """The owner does not want a neighbour cut out, or not any more; what an alarm brought stays.

    Raises:
        Refusal: `unknown_neighbour`.
    """
    relation = named(turn.device.relations, name)
    cut = move(relation.cut, Happening.SPARE, turn.now)
    replace_relation(turn, msgspec.structs.replace(relation, cut=cut))


def voices(relations: tuple[Relation, ...], about: Relation) -> tuple[Relation, ...]:
    """The neighbours who can be asked for the second point of a line."""
    return tuple(r for r in relations if r.role in VOICES[about.role] and r.met and r.id != about.id)


def _ask(turn: Turn, about: Relation) -> None:
    """Write our point to whoever may hold another; not again where the letter still waits."""
    body = point_of(about.share)
    asked = voices(turn.device.relations, about)
    if not asked:
        raise Refusal("burn_alone")
    for relation in asked:
        if any(w.kind == LetterKind.ASK and w.body == body for w in relation.channel.waiting):
            continue
        letters.check_room(relation.channel, body)
        channel = letters.write(relation.channel, LetterKind.ASK, body)
        replace_relation(turn, msgspec.structs.replace(relation, channel=channel))


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """A neighbour asks us to cut out another: its point is kept if, with ours, it burns that one."""
    asking = find_relation(turn, relation_id)
    if asking is None:
        return
    for relation in turn.device.relations:
        if relation.id == relation_id or not relation.share or not agrees(relation.share, letter.body):
            continue
        cut = move(relation.cut, Happening.ASK, turn.now, letter.body, relation_id)
        if cut is not relation.cut:
            replace_relation(turn, msgspec.structs.replace(relation, cut=cut))
            turn.tell("burn_asked", name=relation.name, by=asking.name)


def tidy(turn: Turn) -> None:
    """What was asked too long ago counts no longer, and the owner is told; a desk posts what it burns itself."""
    for relation in turn.device.relations:
        if relation.cut.stage is Stage.BURNING and turn.device.is_desk:
            points = two_others(point_of(relation.share), relation.cut.point, turn.chance(KEY))
            publishing.post_burn(turn, points, committing.about(turn.device, relation), own=True)
        elif lapsed(relation.cut, turn.sure):
            cut = move(relation.cut, Happening.LAPSE, turn.now)
            replace_relation(turn, msgspec.structs.replace(relation, cut=cut))
            turn.tell("burn_lapsed", name=relation.name)
