"""Locked but beating: the covered beats of hours to come, drawn and sealed at once.

Does        runs the covered beat for each beat to come and orders its operations, each at its own moment.
Does not    carry anything out, or know what comes in meanwhile: that is handed over when the owner is back.
Spec        spec/73-locked.md, 1
Always      1. What is planned has the shape of ordinary covered beats.  2. Nothing planned says that something left.
Read first  plan().
"""

from __future__ import annotations

from typing import Final

import msgspec

from tercet.core import beat, mail, sending
from tercet.core.days import DAY
from tercet.core.effects import Effect, PutItem, ReadBox
from tercet.core.errors import Refusal
from tercet.core.turn import Turn

LOCKED_MOST: Final = DAY  # seconds for which beats are drawn ahead
BEATS_MOST: Final = 600  # beats drawn ahead, whatever the pace: 2.4 MB of frames


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
    planned: list[Effect] = []
    begins = 0.0
    for _ in range(BEATS_MOST):
        span = beat.draw_span(pace, turn.chance)
        if begins + span > min(seconds, LOCKED_MOST):
            break
        ahead = Turn(turn.device, turn.now + int(begins), turn.chance)
        ahead.change(beats=ahead.device.beats + 1)
        beat.covered(ahead, span)
        for effect in ahead.effects:
            if isinstance(effect, PutItem | ReadBox):
                planned.append(msgspec.structs.replace(effect, after=begins + effect.after))
            if isinstance(effect, PutItem) and effect.ref:
                mail.let_go(ahead, effect.ref)
                sending.planned(ahead, effect.ref, ahead.now + int(effect.after))
        turn.device = ahead.device
        begins += span
    turn.effects += planned
