"""Locked but beating: the covered beats of hours to come, drawn and sealed at once.

Does        runs the covered beat for each beat to come and orders its operations, each at its own moment;
            knows afterwards what was meant by what came of them.
Does not    carry anything out, or know what comes in meanwhile: that is handed over when the owner is back.
Spec        spec/73-locked.md, 1 and 4
Always      1. What is planned has the shape of ordinary covered beats.  2. Nothing planned says that something left:
            each operation has a random mark, and what it means stays in the state.
Read first  plan(), meant().
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tercet.core import beat, mail, sending
from tercet.core.days import DAY
from tercet.core.effects import Effect, Places, PutItem, ReadBox
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, Query, Stored
from tercet.core.passes import dressed
from tercet.core.state import Ahead
from tercet.core.turn import Turn
from tercet.sealing import KEY

LOCKED_MOST: Final = DAY  # seconds for which beats are drawn ahead
BEATS_MOST: Final = 600  # beats drawn ahead, whatever the pace: 2.4 MB of frames
READS_MOST: Final = BEATS_MOST * beat.READS
MARK: Final = 16  # bytes


def plan(turn: Turn, seconds: float, pace: float) -> None:
    """Order the operations of the covered beats of the next `seconds`, `pace` seconds apart on average.

    Each letter is planned once: what is not acknowledged later is sealed again, as ever.

    Raises:
        Refusal: `no_card`, `meeting_under_way`.

    Source: spec/73-locked.md, 1.
    """
    if turn.device.card is None:
        raise Refusal("no_card")
    if turn.device.meeting is not None:
        raise Refusal("meeting_under_way")
    planned: list[PutItem | ReadBox] = []
    begins = 0.0
    for _ in range(BEATS_MOST):
        span = beat.draw_span(pace, turn.chance)
        if begins + span > min(seconds, LOCKED_MOST):
            break
        ahead = Turn(turn.device, turn.now + int(begins), turn.chance)
        ahead.change(beats=ahead.device.beats + 1)
        beat.covered(ahead, span, beat.reads_at(pace))
        for effect in ahead.effects:
            if isinstance(effect, PutItem | ReadBox):
                planned.append(msgspec.structs.replace(effect, after=begins + effect.after))
            if isinstance(effect, PutItem) and effect.ref:
                mail.let_go(ahead, effect.ref)
                sending.planned(ahead, effect.ref, ahead.now + int(effect.after))
        turn.device = ahead.device
        begins += span
    turn.effects += _marked(turn, planned)


def _marked(turn: Turn, planned: Sequence[PutItem | ReadBox]) -> list[Effect]:
    """The same operations, each named by a mark alone; the state keeps what the marks mean."""
    marked: list[Effect] = []
    puts: dict[bytes, bytes] = {}
    reads: dict[bytes, tuple[Query, int]] = {}
    relays = tuple(sorted({one.relay for one in planned if isinstance(one, ReadBox)}))
    for one in planned:
        mark = turn.chance(MARK)
        if isinstance(one, PutItem):
            if one.ref:
                puts[mark] = one.ref
            marked.append(msgspec.structs.replace(one, ref=mark, places=_dressed(turn, one)))
        else:
            reads[mark] = one.query, relays.index(one.relay)
            marked.append(msgspec.structs.replace(one, query=Query("ahead", mark, start=one.query.start)))
    turn.change(ahead=Ahead(turn.chance(KEY), puts, reads, relays))
    return marked


def _dressed(turn: Turn, put: PutItem) -> Places:
    """Where to put, with the passes of the week in which it is put: the locked process holds no others."""
    when = turn.now + int(put.after)
    return tuple((dressed(relay, turn.device.vouched, when), box) for relay, box in put.places)


def meant(turn: Turn, happened: Sequence[Stored | Arrived]) -> list[Stored | Arrived]:
    """What a locked process saw, in the words of the state; each mark counts once, and the others not at all.

    Afterwards the state knows the marks no more; the secret stays until the next time, should the process have to
    be asked again before it ends.

    Source: spec/73-locked.md, 4.
    """
    puts, reads = dict(turn.device.ahead.puts), dict(turn.device.ahead.reads)
    relays = turn.device.ahead.relays
    turn.change(ahead=Ahead(turn.device.ahead.secret))
    found: list[Stored | Arrived] = []
    for one in happened:
        if isinstance(one, Stored):
            ref = puts.pop(one.ref, b"")
            found += [Stored(ref)] if ref else []
            continue
        query, relay = reads.pop(one.query.id, (Query("cover"), 0))
        if query.kind != "cover" and 0 <= one.query.start - query.start <= READS_MOST and len(one.items) <= 1:
            query = msgspec.structs.replace(query, start=one.query.start)
            found.append(Arrived(query, one.items, one.more, relays[relay]))
    return found
