"""Beats drawn ahead: what is believed of the marks that come back."""

from __future__ import annotations

import msgspec
import pytest

from tercet.core import beat, device, locked
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.errors import Refusal
from tercet.core.turn import Turn

from .scenes import founders
from .stage import Actor


def locked_actor() -> tuple[Actor, tuple[fx.Effect, ...]]:
    """A member that has something to say, locked for a day; and what was planned."""
    stage, _, first, _ = founders()
    first.do(ev.WriteReport("what I saw", None, None, ()))
    first.do(ev.WriteLetter(first.device.relations[1].name, "at the mill"))
    first.device, planned = device.step(first.device, ev.Lock(86_400.0, beat.PACE), stage.now, first.chance)
    return first, planned


def meant(actor: Actor, *happened: ev.Stored | ev.Arrived) -> list[ev.Stored | ev.Arrived]:
    return locked.meant(Turn(actor.device, 0, actor.chance), happened)


def test_every_operation_has_a_fresh_mark_and_says_nothing_else() -> None:
    _, planned = locked_actor()
    marks = [
        one.ref if isinstance(one, fx.PutItem) else one.query.id for one in planned if not isinstance(one, fx.Tell)
    ]
    assert {len(mark) for mark in marks} == {locked.MARK}
    assert len(set(marks)) == len(marks) == len(planned)
    queries = [one.query for one in planned if isinstance(one, fx.ReadBox)]
    assert {msgspec.structs.replace(q, id=b"", start=0) for q in queries} == {ev.Query("ahead")}


def test_a_mark_counts_once_and_an_unknown_one_not_at_all() -> None:
    actor, _ = locked_actor()
    mark, ref = next(iter(actor.device.ahead.puts.items()))
    assert meant(actor, ev.Stored(mark), ev.Stored(mark), ev.Stored(bytes(16)), ev.Stored(ref)) == [ev.Stored(ref)]
    mark, (query, relay) = next(iter(actor.device.ahead.reads.items()))
    came = ev.Arrived(ev.Query("ahead", mark, start=query.start), (), False, "another relay")
    found = ev.Arrived(query, (), False, actor.device.ahead.relays[relay])
    strange = ev.Arrived(ev.Query("relation", query.id, query.day), (b"x",), False, "")
    assert meant(actor, came, came, strange) == [found]


@pytest.mark.parametrize(("start", "items"), [(-1, 1), (locked.READS_MOST + 1, 1), (0, 2)])
def test_a_read_that_cannot_have_been_is_passed_over(start: int, items: int) -> None:
    actor, _ = locked_actor()
    mark, (query, _) = next(iter(actor.device.ahead.reads.items()))
    came = ev.Arrived(ev.Query("ahead", mark, start=query.start + start), (b"x",) * items, False, "")
    assert meant(actor, came) == []


def test_what_cannot_be_taken_in_changes_nothing_and_does_not_hold_up_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actor, _ = locked_actor()

    def refuse(turn: Turn, _: ev.Arrived) -> None:
        turn.change(beats=0)
        turn.tell("half done")
        raise Refusal("clock_far")

    monkeypatch.setattr(device, "_arrived", refuse)
    mark = next(iter(actor.device.ahead.puts))
    read, (query, _) = next(iter(actor.device.ahead.reads.items()))
    came = ev.Arrived(ev.Query("ahead", read, start=query.start), (b"x",), False, "")
    after, effects = device.step(actor.device, ev.Unlocked((came, ev.Stored(mark))), 0, actor.chance)
    assert after.beats == actor.device.beats
    assert fx.Tell("clock_far") in effects
    assert fx.Tell("half done") not in effects
    assert after.ahead.reads == {}
