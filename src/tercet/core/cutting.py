"""Cutting out: how far it has come with one neighbour, and what its second point may come from.

Does        says which stage follows when something happens, and what is held in each.
Does not    write letters, send frames or drop anybody: `accusing`, `sending` and `parting` do.
Spec        spec/33-burn.md, 8
Always      1. A second point is held in a stage of HOLDING and in no other.  2. Only the board ends BURNING.
Read first  TABLE, then move().
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from tercet.core.days import DAY

if TYPE_CHECKING:
    from tercet.core.relation import Relation

ASKED_KEPT: Final = 14 * DAY  # seconds that an ASK counts, theirs or ours; spec/33-burn.md, 9
PUT_EVERY: Final = 14_400  # seconds between two frames to intake with one burn; likewise


class Stage(StrEnum):
    """How far it has come with a neighbour."""

    QUIET = "quiet"
    CALLED = "called"
    ACCUSED = "accused"
    ASKING = "asking"
    BURNING = "burning"


class Happening(StrEnum):
    """What may bring it further, or to an end."""

    ALARM = "alarm"
    ASK = "ask"
    BURN = "burn"
    SPARE = "spare"
    LAPSE = "lapse"
    LOST = "lost"


HOLDING: Final = frozenset({Stage.CALLED, Stage.ACCUSED, Stage.BURNING})
# The stage, and what happens -> the stage after. What is not here changes nothing.
TABLE: Final = MappingProxyType(
    {
        (Stage.QUIET, Happening.ALARM): Stage.CALLED,
        (Stage.QUIET, Happening.ASK): Stage.ACCUSED,
        (Stage.QUIET, Happening.BURN): Stage.ASKING,
        (Stage.CALLED, Happening.BURN): Stage.BURNING,
        (Stage.ACCUSED, Happening.ALARM): Stage.CALLED,
        (Stage.ACCUSED, Happening.BURN): Stage.BURNING,
        (Stage.ACCUSED, Happening.SPARE): Stage.QUIET,
        (Stage.ACCUSED, Happening.LAPSE): Stage.QUIET,
        (Stage.ACCUSED, Happening.LOST): Stage.QUIET,
        (Stage.ASKING, Happening.ALARM): Stage.BURNING,
        (Stage.ASKING, Happening.ASK): Stage.BURNING,
        (Stage.ASKING, Happening.BURN): Stage.ASKING,
        (Stage.ASKING, Happening.SPARE): Stage.QUIET,
        (Stage.ASKING, Happening.LAPSE): Stage.QUIET,
    }
)


class Cut(msgspec.Struct, frozen=True, array_like=True):
    """How far cutting out a neighbour has come.

    Attributes:
        stage: see the table.
        point: the second point, 64 bytes; empty where the stage holds none.
        by: the relation (16 bytes) whose ASK brought the point; else empty.
        since: when the stage began, seconds; 0 for the first one.
        put: when both points last went to intake, seconds, rounded down to four hours; 0 for never.
    """

    stage: Stage = Stage.QUIET
    point: bytes = b""
    by: bytes = b""
    since: int = 0
    put: int = 0


def move(cut: Cut, happening: Happening, now: int, point: bytes = b"", by: bytes = b"") -> Cut:
    """What is held after something happened; the same cut if it changes nothing.

    Args:
        cut: before.
        happening: what happened.
        now: seconds.
        point: that an alarm or an ASK brought, 64 bytes; it lies on the line of the neighbour's share.
        by: the relation whose ASK it was.

    Source: spec/33-burn.md, 8.
    """
    after = TABLE.get((cut.stage, happening))
    if after is None:
        return cut
    if after is Stage.QUIET:
        return Cut()
    if after not in HOLDING:
        return Cut(after, since=now)
    return Cut(after, point, by, now) if point else Cut(after, cut.point, cut.by, now)


def lapsed(cut: Cut, sure: int) -> bool:
    """Whether what was asked counts no longer; `sure` is the latest moment that is not our clock's word alone."""
    return cut.stage in (Stage.ACCUSED, Stage.ASKING) and sure - cut.since > ASKED_KEPT


def due(relations: Iterable[Relation], now: int) -> list[Relation]:
    """The neighbours whose two points want to go to intake now, those that never went first."""
    burning = (r for r in relations if r.cut.stage is Stage.BURNING and abs(now - r.cut.put) >= PUT_EVERY)
    return sorted(burning, key=lambda relation: relation.cut.put)


def put_at(cut: Cut, now: int) -> Cut:
    """Both points went to intake; the time is kept no finer than four hours."""
    return msgspec.structs.replace(cut, put=now - now % PUT_EVERY)
