"""Committing: commitments to adoption, handed to those who may one day cut their owner's link out.

Does        hands our own commitment and those of the pair below us to partner and link, and keeps theirs.
Does not    know a secret that was committed to, but our own.
Spec        spec/34-adoption.md, 2
Always      1. No two get the same bytes, and what is handed has one length, whether anybody is below us or not.
            2. Nothing of somebody who was introduced is handed on before words were compared.
Read first  hand(), take(), about().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core import channel as letters
from tercet.core.adoption import COMMITMENT, COMMITMENTS, commitment_of, handed
from tercet.core.cell import ABOVE, Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.fields import Malformed, Version1, decode, encode
from tercet.core.mail import replace_relation, understood
from tercet.core.relation import Relation
from tercet.core.state import Device
from tercet.core.turn import Turn
from tercet.sealing import KEY, derive

HANDED_TO: Final = (Role.PARTNER, *ABOVE)
TAKEN_FROM: Final = (Role.PARTNER, Role.BELOW, Role.FOUNDER)


Entry = Annotated[bytes, msgspec.Meta(min_length=COMMITMENT, max_length=COMMITMENT)]


class Handed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter COMMIT.

    Attributes:
        version: 1.
        own: the writer's own commitment, given to its link; 64 bytes, of nobody where there is none.
        below: those of the pair below the writer, 64 bytes each, the smaller first; of nobody where there is none.
    """

    version: Version1
    own: Entry
    below: Annotated[tuple[Entry, ...], msgspec.Meta(min_length=COMMITMENTS, max_length=COMMITMENTS)]


def parse_handed(body: bytes) -> Handed:
    """What a neighbour handed.

    Raises:
        Malformed: it is no such body.
    """
    said = decode(body, Handed)
    if not said.below[0] < said.below[1]:
        raise Malformed
    return said


def hand(turn: Turn) -> None:
    """Write to partner and link what changed since they last got it; it is sealed in a later step.

    Source: spec/34-adoption.md, 2.
    """
    to = [r for r in turn.device.relations if r.met and r.role in HANDED_TO]
    if not to or turn.device.is_desk:
        return
    if not turn.device.blank:
        turn.change(blank=turn.chance(KEY))
    for relation in to:
        body = encode(ours(turn.device, relation.id))
        if relation.handed != body:
            channel = letters.write(relation.channel, LetterKind.COMMIT, body)
            replace_relation(turn, msgspec.structs.replace(relation, channel=channel, handed=body))


def ours(device: Device, to: bytes) -> Handed:
    """What a device hands to one neighbour, by the relation's id: its own commitment, and those of the pair below."""
    own = next((commitment_of(r.adoption) for r in device.relations if r.role in ABOVE and r.adoption), b"")
    below = [r.commitment for r in device.relations if r.role is Role.BELOW and r.met and r.commitment]
    blank = derive(device.blank, "handed to", to)
    return Handed(1, salted(own, blank, 0), _two([salted(each, blank, 1 + i) for i, each in enumerate(below)], blank))


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Keep what a neighbour hands, in place of what it handed before; what makes no sense changes nothing."""
    heard = understood(turn, relation_id, TAKEN_FROM, letter, parse_handed)
    if heard is None:
        return
    relation, said = heard
    own = said.own if relation.role is Role.PARTNER else relation.commitment
    replace_relation(turn, msgspec.structs.replace(relation, commitment=own, branch=said.below))


def about(device: Device, gone: Relation) -> tuple[bytes, ...]:
    """The commitments that go along when a neighbour is cut out: of the two below it, then its own; or of nobody.

    Its own lets the desk refuse whoever calls with its secret, if its link is cut out as well.

    Source: spec/34-adoption.md, 2.
    """
    known, blank = gone.branch, derive(gone.share, "nobody known", device.blank)
    if gone.role in ABOVE:
        partner = [r.commitment for r in device.relations if r.role is Role.PARTNER and r.commitment]
        known = (salted(commitment_of(gone.adoption), blank, 0), *partner) if gone.adoption else ()
    own = gone.commitment if gone.role is Role.PARTNER else b""
    own = own or salted(gone.commitment if gone.role is Role.BELOW else b"", blank, 1 + COMMITMENTS)
    return (*_two(list(known), blank), own)


def _two(known: list[bytes], blank: bytes) -> tuple[bytes, ...]:
    """Two commitments, the smaller first: those that are known, and of nobody what is missing."""
    missing = range(1 + len(known), 1 + COMMITMENTS)
    return tuple(sorted([*known, *(salted(b"", blank, number) for number in missing)]))


def salted(commitment: bytes, blank: bytes, number: int) -> bytes:
    """A commitment as it is handed, the same each time; of nobody, and looking alike, if there is none."""
    nobodys = derive(blank, "nobody's commitment", bytes([number]))
    return handed(commitment or nobodys, derive(blank, "salt", bytes([number])))
