"""Comparing: neighbours tell each other how far they have read the board, so that two faces of it are found out.

Does        writes our head to each neighbour once a week, and holds theirs against what we read.
Does not    believe a neighbour against the board: the owner is told whose device saw what, and nothing else changes.
Spec        spec/60-board.md, 11
Always      1. A head is compared with the entry of its own number, or not at all.  2. Each is told of once.
Read first  tell(), look().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core import channel as letters
from tercet.core.channel import Letter, LetterKind
from tercet.core.fields import Key, Malformed, Version1, decode, encode
from tercet.core.mail import find_relation, replace_relation
from tercet.core.relation import Head, Relation
from tercet.core.turn import Turn

HEAD_EVERY: Final = 7  # days between two tellings of our head to a neighbour
WITHHELD: Final = 7  # days after which what a neighbour has read, and no relay showed us, is called withheld


class HeadBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter: the newest entry of the board that its writer has read.

    Attributes:
        version: 1.
        number: of the entry.
        mark: its digest, 32 bytes.
    """

    version: Version1
    number: Annotated[int, msgspec.Meta(ge=1, le=2**32)]
    mark: Key


def parse_head(body: bytes) -> HeadBody:
    """The head in a letter.

    Raises:
        Malformed: it is none.
    """
    return decode(body, HeadBody)


def tell(turn: Turn) -> None:
    """Write our head to each neighbour whom we told none for a week; the first week begins with the relation.

    Source: spec/60-board.md, 11.
    """
    for relation in turn.device.relations:
        if not 0 < relation.told <= turn.today:  # new, or our clock went back
            replace_relation(turn, msgspec.structs.replace(relation, told=turn.today))
        elif turn.today - relation.told >= HEAD_EVERY:
            _tell(turn, relation)


def _tell(turn: Turn, relation: Relation) -> None:
    """Write our head to one of them, unless there is none, or one waits still."""
    board, channel = turn.device.board, relation.channel
    if board.number and all(w.kind != LetterKind.HEAD for w in channel.waiting):
        channel = letters.write(channel, LetterKind.HEAD, encode(HeadBody(1, board.number, board.head)))
        replace_relation(turn, msgspec.structs.replace(relation, told=turn.today, channel=channel))


def take(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Keep a neighbour's head until it can be compared; what is none changes nothing."""
    relation = find_relation(turn, relation_id)
    if relation is None:
        return
    try:
        said = parse_head(letter.body)
    except Malformed:
        return
    replace_relation(turn, msgspec.structs.replace(relation, head=Head(said.number, said.mark, turn.today)))
    look(turn)


def look(turn: Turn) -> None:
    """Hold the heads that neighbours told us against the board as we have read it."""
    for relation in turn.device.relations:
        if relation.head.number:
            _compare(turn, relation)


def _compare(turn: Turn, relation: Relation) -> None:
    board, head = turn.device.board, relation.head
    if head.number > board.number and not turn.device.is_desk:
        if turn.today - head.since < WITHHELD:
            return
        turn.tell("board_behind", name=relation.name)
    elif board.mark_of(head.number) not in (None, head.mark) or head.number > board.number:
        turn.tell("board_differs", name=relation.name)
    replace_relation(turn, msgspec.structs.replace(relation, head=Head()))
