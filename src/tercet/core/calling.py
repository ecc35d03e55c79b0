"""Calling: what a device does whose link was cut out, until the desk has adopted it.

Does        begins a call when the board burned our link, ends it, and keeps the desk's answer as a relation.
Does not    put the call into intake: `sending` does.  Answer calls: `adopting` does.
Spec        spec/34-adoption.md, 3
Always      1. Nobody calls whose link was not burned.  2. A link that was met meanwhile counts before the desk.
Read first  TABLE, begin(), take().
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import adoption
from tercet.core import channel as letters
from tercet.core.adoption import CALL_EVERY, CALL_KEPT
from tercet.core.cell import Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import DAY
from tercet.core.encounter import keep
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.relation import Relation
from tercet.core.turn import Turn
from tercet.sealing import CannotOpen

NAME: Final = "desk"  # our owner's word for a desk that adopted us, unless it is in use


class Stage(StrEnum):
    """How it stands with adoption, at a device that may be adopted."""

    QUIET = "quiet"
    CALLING = "calling"


class Happening(StrEnum):
    """What happens to it."""

    BURNED = "burned"
    ANSWER = "answer"
    OTHER_PAIR = "answer of another pair"
    LINK = "link"
    LAPSE = "lapse"


# The stage, and what happens -> the stage after, and what the owner is told. What is not here changes nothing.
TABLE: Final = MappingProxyType(
    {
        (Stage.QUIET, Happening.BURNED): (Stage.CALLING, "adoption_begun"),
        (Stage.CALLING, Happening.ANSWER): (Stage.QUIET, "adopted"),
        (Stage.CALLING, Happening.OTHER_PAIR): (Stage.QUIET, "adoption_other_pair"),
        (Stage.CALLING, Happening.LINK): (Stage.QUIET, ""),
        (Stage.CALLING, Happening.LAPSE): (Stage.QUIET, "adoption_lapsed"),
    }
)


def stage_of(turn: Turn) -> Stage:
    """How it stands."""
    return Stage.QUIET if turn.device.calling is None else Stage.CALLING


def begin(turn: Turn, gone: Relation) -> None:
    """Our link was burned: call the desk, if we gave that link a commitment.

    Source: spec/34-adoption.md, 3.
    """
    if gone.role is not Role.LINK or not gone.adoption or not _moves(turn, Happening.BURNED):
        return
    shared = turn.chance(32)
    tag = turn.device.cell.tag(Role.DESK, shared, 1)
    turn.change(calling=adoption.call_with(gone.adoption, tag, shared, turn.now, turn.chance))


def tidy(turn: Turn) -> None:
    """End a call that has a link already, or that nobody answered for two weeks."""
    call = turn.device.calling
    if call is None:
        return
    if any(r.role in (Role.LINK, Role.DESK) for r in turn.device.relations):
        _end(turn, Happening.LINK)
    elif turn.sure - call.since > CALL_KEPT:
        _end(turn, Happening.LAPSE)


def due(turn: Turn) -> bool:
    """Whether the call wants to go to intake now."""
    call = turn.device.calling
    return call is not None and abs(turn.now - call.put) >= CALL_EVERY


def put_at(turn: Turn) -> None:
    """The call went to intake; the time is kept no finer than four hours."""
    if turn.device.calling is not None:
        put = turn.now - turn.now % CALL_EVERY
        turn.change(calling=msgspec.structs.replace(turn.device.calling, put=put))


def take(turn: Turn, letter: Letter) -> bool:
    """Take in the desk's answer to a call: keep the relation, if the cell has room for it.

    Returns:
        False while a meeting is under way, which may bring a link: the answer stays where it lies.
    """
    if turn.device.calling is None:
        return True
    if turn.device.meeting is not None:
        return False
    name = _free_name(turn)
    try:
        relation = adoption.finish(turn.device.calling, letter.body, name)
        turn.device.cell.admit(Role.DESK)
    except (Malformed, CannotOpen, Refusal):
        return True
    known = turn.device.cell.secret(Role.DESK)
    if known and known != relation.pair:
        _end(turn, Happening.OTHER_PAIR)
        return True
    channel = letters.write(relation.channel, LetterKind.HERE, b"")
    keep(turn, msgspec.structs.replace(relation, channel=channel, adopted=turn.today * DAY))
    _end(turn, Happening.ANSWER, name=name)
    return True


def _moves(turn: Turn, happening: Happening, **facts: str) -> bool:
    """Whether something may happen now; the owner is told what the table says."""
    move = TABLE.get((stage_of(turn), happening))
    if move is not None and move[1]:
        turn.tell(move[1], **facts)
    return move is not None


def _end(turn: Turn, happening: Happening, **facts: str) -> None:
    if _moves(turn, happening, **facts):
        turn.change(calling=None)


def _free_name(turn: Turn) -> str:
    names = turn.device.names
    return next(name for i in range(len(names) + 1) if (name := f"{NAME} {i + 1}" if i else NAME) not in names)
