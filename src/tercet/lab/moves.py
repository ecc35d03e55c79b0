"""Moves: all that one device of a small network may do next, by the core's own step.

Does        turns an event into the device after it and what it put, and has both judged.
Does not    choose the order of moves: `search` does.
Spec        spec/95-lab.md, 13
Always      1. The same device, event and moment give the same.
Read first  Moves.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Final, NamedTuple

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import parse_call
from tercet.core.channel import LetterKind
from tercet.core.cutting import Stage
from tercet.core.days import DAY
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.relation import Relation
from tercet.core.state import Device
from tercet.lab.frames import AWAITED, Message, Put, known
from tercet.lab.judge import Judge, Local, Said
from tercet.lab.small import FIRST_DAY, RELAY, START, found, neighbour

LATER: Final = 3_600  # seconds between the founding and the first moment


def wake(device: Device, now: int) -> Device:
    """A device as if it had heard everybody a moment ago: signs of life, silence and doubtful days are left out."""
    heard = (_channel(r, now) for r in device.relations)
    return msgspec.structs.replace(device, relations=tuple(heard), confirmed=now // DAY)


def rest(device: Device) -> Device:
    """A device without what only counts and dates."""
    quiet = (msgspec.structs.replace(_channel(r, 0), strange=0, asked=False, drained=()) for r in device.relations)
    return msgspec.structs.replace(
        device, relations=tuple(quiet), confirmed=FIRST_DAY, beats=0, rounds=0, looked={}, returns=()
    )


def _channel(relation: Relation, now: int) -> Relation:
    return msgspec.structs.replace(relation, channel=msgspec.structs.replace(relation.channel, heard=now, spoke=now))


def new_ones(before: Device, after: Device) -> tuple[Relation, ...]:
    """The relations that a device has and had not."""
    old = {relation.id for relation in before.relations}
    return tuple(relation for relation in after.relations if relation.id not in old)


class Beaten(NamedTuple):
    """A device after a move, before it heard what a relay stored; and what it put, in order."""

    local: Local
    puts: tuple[Put, ...]


class Moves:
    """The moves of all devices of a network.

    Args:
        about: whom owners speak about, by name.
        tick: seconds between two moments.
    """

    def __init__(self, about: tuple[str, ...], tick: int = DAY) -> None:
        self.about = about
        self.board = found().board
        self.tick = tick
        self.frames = known().anew()
        self.judge = Judge(self.frames, about)

    def now(self, moment: int) -> int:
        """Seconds at a moment."""
        return START + LATER + moment * self.tick

    def begin(self, name: str, words: int) -> Local:
        """A device before anything happened; `words` is how often its owner speaks."""
        return Local(name, rest(self.frames.devices[name]), (Said(),) * len(self.about), words)

    def speak(self, local: Local, about: int, burn: bool, moment: int) -> Local | None:
        """The owner says burn or spare; none if it cannot, or changes nothing."""
        name, said = self.about[about], local.said[about]
        before = neighbour(local.device, name)
        if before is None or not local.words:
            return None
        try:
            device, _ = self._step(local.device, ev.Burn(name) if burn else ev.Spare(name), moment)
        except Refusal:
            return None
        after = neighbour(device, name)
        self.judge.of_no(local.name, before, after, burn)
        new = Said(burn or (said.yes and before.cut.stage is Stage.BURNING), said.ever or burn)
        if device == local.device and new == said:
            return None
        every = tuple(new if i == about else s for i, s in enumerate(local.said))
        return self._after(local, device, said=every, words=local.words - 1)

    def take(self, local: Local, message: Message, moment: int) -> Beaten | None:
        """A message arrives, and a desk answers a call; none if that changes nothing."""
        before = local.device
        if message.event.query.kind == "return":
            before = msgspec.structs.replace(before, returns=(AWAITED,))
        device, effects = self._step(before, message.event, moment)
        if local.device.is_desk and message.letter.kind == LetterKind.ADOPT:
            for relation in new_ones(local.device, device):
                self.frames.learn(relation, message.source, parse_call(message.letter.body).secret)
        answers = tuple(put for effect in effects for put in self.frames.answered(message.source, effect))
        if device == local.device and not answers:
            return None
        self.judge.of_gone(local, message)
        alarmed = local.alarmed or message.letter.kind == LetterKind.ALARM
        return Beaten(self._after(local, device, alarmed=alarmed), answers)

    def read_board(self, local: Local, posted: tuple[bytes, ...], one: bool, moment: int) -> Local | None:
        """The board is read to its end, or its next item alone; none if there is nothing new."""
        seen, whole = local.device.board.places.get(RELAY, 0), (*self.board, *posted)
        if local.device.is_desk or seen >= len(whole):
            return None
        query = ev.Query("board", start=seen, alone=True) if one else ev.Query("board", start=seen - 1)
        items = whole[seen : seen + 1] if one else whole[seen - 1 :]
        device, _ = self._step(local.device, ev.Arrived(query, items, False, RELAY), moment)
        return self._after(local, device, {self.frames.burned_by(item) for item in items})

    def beat(self, local: Local, moment: int) -> Beaten:
        """Everything that is due is put; what was put is not stored yet."""
        device, effects = self._step(local.device, ev.SendNow(), moment)
        puts = tuple(put for effect in effects for put in self.frames.put(local.name, effect))
        self.judge.of_puts(local, puts)
        said = tuple(
            self.judge.of_time(local, device, name, said, self.now(moment))
            for name, said in zip(self.about, local.said, strict=True)
        )
        return Beaten(self._after(local, device, said=said), puts)

    def stored(self, local: Local, puts: Sequence[Put], moment: int) -> Local:
        """The relay's answers to puts are heard."""
        device = local.device
        for put in puts:
            if put.ref:
                device, _ = self._step(device, ev.Stored(put.ref, RELAY), moment)
        return self._after(local, device)

    def _step(self, device: Device, event: ev.Event, moment: int) -> tuple[Device, tuple[fx.Effect, ...]]:
        now = self.now(moment)
        after, effects = step(wake(device, now), event, now, bytes)
        return rest(after), effects

    def _after(self, before: Local, device: Device, burned: Set[bytes] = frozenset(), **changed: Any) -> Local:
        after = before._replace(device=device, **changed)
        self.judge.of_change(before, after, burned)
        return after
