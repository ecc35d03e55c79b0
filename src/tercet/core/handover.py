"""Letters by code: a sealed frame goes from one screen to the other device, instead of over a relay.

Does        orders the next frame for a neighbour to be shown; finds the box that a scanned frame is for.
Does not    open frames, or send anything.
Spec        spec/31-codes.md, 5
Always      1. Nothing that is shown or scanned makes a member's device ask a relay.
            2. A frame is taken in only for a box that this device reads anyway.
Read first  show_letter(), awaited().
"""

from __future__ import annotations

import msgspec

from tercet.core import mail, office, sending
from tercet.core.effects import Places, PutItem, ReadBox, ShowCode
from tercet.core.errors import Refusal
from tercet.core.events import Arrived
from tercet.core.relation import named
from tercet.core.scan import Carried, encode_message, relay_tag
from tercet.core.turn import LATE_EVERY, Turn
from tercet.sealing import id_of_read


def show_letter(turn: Turn, to: str) -> None:
    """Order the next frame for a neighbour to be shown; an empty order when nothing waits.

    A letter is held until the shell says that it was scanned, or that a relay has it.

    Raises:
        Refusal: `unknown_neighbour`, `clock_far`.
    """
    relation = named(turn.device.relations, to)
    before = len(turn.effects)
    mail.write_due(turn, relation)
    puts = [e for e in turn.effects[before:] if isinstance(e, PutItem)]
    del turn.effects[before:]
    turn.order(ShowCode(_carried(puts[0].places, puts[0].item), puts[0].ref) if puts else ShowCode(b""))


def _carried(places: Places, item: bytes) -> bytes:
    relay, box = places[0]
    return encode_message(Carried(1, relay_tag(relay), box, item))


def awaited(turn: Turn, message: Carried) -> Arrived:
    """What a scanned frame is to this device: as if it had been read where it would lie.

    Raises:
        Refusal: `code_not_awaited`.
    """
    trial = Turn(msgspec.structs.replace(turn.device, beats=LATE_EVERY), turn.now, turn.chance)
    mail.send_all(trial)
    if trial.device.is_desk:
        office.beat(trial)
    else:
        sending.send_all(trial)
    for effect in trial.effects:
        if not isinstance(effect, ReadBox) or effect.posted or effect.block:
            continue
        if id_of_read(effect.read) == message.box and relay_tag(effect.relay) == message.relay:
            return Arrived(effect.query, (message.item,), False, effect.relay, carried=True)
    raise Refusal("code_not_awaited")
