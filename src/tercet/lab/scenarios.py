"""Scenarios: the searches that are made, and the mistakes in rules that they must find.

Does        names bounds, and plants one mistake at a time in the core of this process.
Does not    search.
Spec        spec/95-lab.md, 13
Always      1. A mistake is gone when its `with` is over.
Read first  SCENARIOS, MISTAKES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from tercet.core import accusing, adopting, adoption, calling, cutting, device, mail, parting, publishing
from tercet.core.adoption import Due
from tercet.core.burning import POINT, line_through, on_line, point_of
from tercet.core.cell import Role
from tercet.core.cutting import Cut, Happening, Stage
from tercet.core.events import Arrived
from tercet.core.relation import Relation
from tercet.core.state import Device, save
from tercet.core.turn import Turn
from tercet.lab import judge
from tercet.lab.forged import Forger
from tercet.lab.frames import known
from tercet.lab.search import Scenario, Searched, explore
from tercet.sealing import KEY

_TWO = ("desk", "second")
_THREE = ("desk", "second", "third")
_OTHERS = ("desk", "first", "third")
_FALSE = ("desk", "first", "fourth")
FORTNIGHT: Final = 15 * 86_400  # seconds: more than an ASK counts

SCENARIOS: Final = MappingProxyType(
    {
        "two agree": Scenario("first", ("first",), _TWO, _TWO),
        "lost on the way": Scenario("first", ("first",), _TWO, _TWO, mishaps=1),
        "too late": Scenario("first", ("first",), _TWO, ("second",), moments=1, tick=FORTNIGHT),
        "captured": Scenario("first", ("first",), _THREE, _TWO),
        "alarm": Scenario("first", ("first",), ("desk", "third"), ("third",), to=("third",), mishaps=1),
        "false partner": Scenario("second", ("first",), ("desk", "third"), ("third",), to=("desk",)),
        "false below": Scenario("third", ("first",), _FALSE, ("fourth",), to=("first", "fourth")),
        "orphan": Scenario("first", ("first",), ("desk", "third"), (), begun=("first",), calls=True),
        "thief below": Scenario("third", ("first",), ("desk", "fourth"), (), begun=("first",), calls=True),
        "copied below": Scenario("third", ("first",), ("desk", "third"), (), begun=("first",), calls=True, mishaps=1),
        "orphan, and losses": Scenario(
            "first", ("first",), ("desk", "third"), (), moments=1, mishaps=1, begun=("first",)
        ),
        "thief, and losses": Scenario(
            "third", ("first",), ("desk", "fourth"), (), mishaps=1, begun=("first",), calls=True
        ),
        "burned below": Scenario("third", ("third",), ("desk",), (), begun=("third", "first"), calls=True),
    }
)
FAST: Final = ("two agree", "false below", "orphan", "thief below", "burned below")

LARGER: Final = MappingProxyType(
    {
        "too late for two": Scenario("first", ("first",), _TWO, _TWO, moments=1, tick=FORTNIGHT),
        "captured, and losses": Scenario("first", ("first",), _THREE, _TWO, mishaps=1),
        "captured, and writes": Scenario("first", ("first",), _THREE, _TWO, to=("desk",)),
        "alarms": Scenario("first", ("first",), _THREE, ("second", "third"), to=("second", "third")),
        "false partner of all": Scenario("second", ("first",), _OTHERS, ("third",), to=("desk", "first")),
        "all four": Scenario("first", ("first",), (*_THREE, "fourth"), _TWO, to=("desk",)),
        "words twice": Scenario("first", ("first",), _TWO, _TWO, to=_TWO, words=2, mishaps=1),
        "days and losses": Scenario("first", ("first",), _THREE, _TWO, moments=1, mishaps=1, one=True),
        "burned below, and its partner": Scenario(
            "third", ("third", "first"), ("desk", "fourth"), (), begun=("third", "first"), calls=True
        ),
        "two orphans": Scenario("first", ("first",), ("desk", "third", "fourth"), (), begun=("first",)),
        "both accused": Scenario("second", ("first", "second"), _OTHERS, ("desk", "first")),
    }
)


class Mistake(NamedTuple):
    """A mistake in a rule.

    Attributes:
        found_by: the invariant that it breaks.
        scenario: in which it is found.
        plant: plants it.
    """

    found_by: str
    scenario: Scenario
    plant: Callable[[], AbstractContextManager[None]]


@contextmanager
def _instead(place: object, **new: Any) -> Iterator[None]:
    """Meanwhile these names of a module or a class mean something else."""
    old = {name: getattr(place, name) for name in new}
    try:
        for name, thing in new.items():
            setattr(place, name, thing)
        yield
    finally:
        for name, thing in old.items():
            setattr(place, name, thing)


def _table(stage: Stage, happening: Happening, after: Stage | None) -> Callable[[], AbstractContextManager[None]]:
    """One entry of the table of stages says something else, or is missing."""
    rest = {key: to for key, to in cutting.TABLE.items() if key != (stage, happening)}
    new = rest | ({} if after is None else {(stage, happening): after})
    return lambda: _instead(cutting, TABLE=MappingProxyType(new))


def _one_point(share: bytes, first: bytes, second: bytes) -> bool:
    return on_line(line_through(first, second), point_of(share))


def _asks_all(relations: tuple[Relation, ...], about: Relation) -> tuple[Relation, ...]:
    return tuple(r for r in relations if r.id != about.id)


def _with_another(turn: Turn, gone: Relation) -> None:
    kept = [r for r in turn.device.relations if r.id != gone.id]
    turn.change(relations=tuple(kept[1:]))


@contextmanager
def _comes_back() -> Iterator[None]:
    """Whoever is dropped is kept somewhere, and is back with its next letter."""
    kept: dict[bytes, Relation] = {}
    drop, take = parting._drop, device.ARRIVALS["relation"]

    def dropped(turn: Turn, gone: Relation) -> None:
        kept[gone.id] = gone
        drop(turn, gone)

    def arrived(turn: Turn, event: Arrived) -> None:
        if mail.find_relation(turn, event.query.id) is None and event.query.id in kept:
            turn.change(relations=(*turn.device.relations, kept[event.query.id]))
        take(turn, event)

    with (
        _instead(parting, _drop=dropped),
        _instead(device, ARRIVALS=MappingProxyType(dict(device.ARRIVALS) | {"relation": arrived})),
    ):
        yield


def _two_shares(forger: Forger, about: tuple[str, ...]) -> list[bytes]:
    """What a neighbour holds whom somebody dealt the shares of two places."""
    whose = forger.frames.devices[about[0]].shares
    return [point_of(share) for share in whose[1:3]]


def _begins_anyway(turn: Turn, gone: Relation) -> None:
    if gone.role is Role.PARTNER:
        turn.change(calling=adoption.call_with(gone.share[:KEY], b"", turn.chance(KEY), turn.now, turn.chance))


def _without_the_own(turn: Turn, commitments: tuple[bytes, ...], note: Callable[..., None] = adopting.note) -> None:
    note(turn, commitments[:-1])


def _answered_once() -> Mapping[tuple[adoption.Stage, adoption.Happening], tuple[adoption.Stage, bool]]:
    again = adoption.Stage.ANSWERED, adoption.Happening.SAME_CALL
    return MappingProxyType(dict(adoption.TABLE) | {again: (adoption.Stage.ANSWERED, False)})


def _without_cuts(whole: Device) -> bytes:
    bare = tuple(msgspec.structs.replace(r, cut=Cut()) for r in whole.relations)
    return save(msgspec.structs.replace(whole, relations=bare))


_ASKED = Scenario("first", ("first",), _TWO, _TWO, to=("desk",), words=2)
_DESK = Scenario("first", ("first",), ("desk",), ("desk",), to=("desk",))
_CALLED = Scenario("first", ("first",), _TWO, ("second",), to=("second",), mishaps=1)
_FROM_ABOVE = Scenario("second", ("second",), ("desk", "first"), ("first",))
_FALSE_BELOW = SCENARIOS["false below"]
_FALSE_PARTNER = SCENARIOS["false partner"]
_THIEF = SCENARIOS["thief below"]
_PARTNER = Scenario("first", ("first",), _TWO, (), begun=("first",))
_LOST = Scenario("first", ("first",), ("desk", "third"), (), mishaps=1, begun=("first",))

MISTAKES: Final = MappingProxyType(
    {
        "a second share is dealt": Mistake("two voices", _FALSE_PARTNER, lambda: _instead(Forger, _held=_two_shares)),
        "an ask counts as a yes": Mistake("an owner's yes", _ASKED, _table(Stage.QUIET, Happening.ASK, Stage.BURNING)),
        "an alarm counts as a yes": Mistake(
            "an owner's yes", _CALLED, _table(Stage.QUIET, Happening.ALARM, Stage.BURNING)
        ),
        "spare keeps the second point": Mistake(
            "no means no", _ASKED, _table(Stage.ACCUSED, Happening.SPARE, Stage.CALLED)
        ),
        "spare takes nothing back": Mistake("no means no", _ASKED, _table(Stage.ASKING, Happening.SPARE, None)),
        "any point is taken from an ask": Mistake(
            "in pairs", _ASKED, lambda: _instead(accusing, agrees=lambda share, point: True)
        ),
        "every neighbour is asked": Mistake("who knows", _FROM_ABOVE, lambda: _instead(accusing, voices=_asks_all)),
        "burns are told apart by their points": Mistake(
            "once",
            _DESK,
            lambda: _instead(
                publishing,
                line_through=lambda first, second: first + second,
                on_line=lambda points, point: point in (points[:POINT], points[POINT:]),
            ),
        ),
        "a reader is content with its own point": Mistake(
            "nobody else", _FALSE_BELOW, lambda: _instead(parting, burns=_one_point)
        ),
        "who is dropped takes another along": Mistake(
            "nobody else", _DESK, lambda: _instead(parting, _drop=_with_another)
        ),
        "a replayed letter brings back who was dropped": Mistake("gone is gone", _DESK, _comes_back),
        "stages are not saved": Mistake("remembered", _DESK, lambda: _instead(judge, save=_without_cuts)),
        "both points go once": Mistake("through", _CALLED, lambda: _instead(cutting, PUT_EVERY=10**9)),
        "the desk forgets whom it adopted": Mistake(
            "one adoption", _THIEF, lambda: _instead(adopting, _happening=lambda due, body: adoption.Happening.CALL)
        ),
        "any secret is taken for a commitment's": Mistake(
            "one adoption",
            SCENARIOS["orphan"],
            lambda: _instead(Due, is_of=lambda due, secret: due.stage is not adoption.Stage.VOID),
        ),
        "a burned one's own commitment is not void": Mistake(
            "not the burned", SCENARIOS["burned below"], lambda: _instead(adopting, note=_without_the_own)
        ),
        "the partner of who was cut out calls, too": Mistake(
            "one adoption", _PARTNER, lambda: _instead(calling, begin=_begins_anyway)
        ),
        "a call goes once": Mistake("linked", _LOST, lambda: _instead(calling, CALL_EVERY=10**9)),
        "an answer is given once": Mistake("linked", _LOST, lambda: _instead(adoption, TABLE=_answered_once())),
    }
)


def tried(mistake: Mistake, most: int = 0) -> Searched:
    """Search where a mistake is planted; the network was founded without it."""
    known()
    with mistake.plant():
        return explore(mistake.scenario, most)
