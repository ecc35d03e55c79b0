"""Leaks: planted faults of a device that a captor's campaigns must catch.

Does        gives cores that keep what they must not, and a vault that shows what it must not.
Does not    look for any of it.
Spec        spec/95-lab.md, 11
Always      1. The network goes on as it should: nothing but a seizure shows the fault.
Read first  LEAKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.chain import DayChain
from tercet.core.device import step as honest
from tercet.core.state import Device
from tercet.lab.world import Step
from tercet.sealing import KEY

Effects = tuple[fx.Effect, ...]
Change = Callable[[Device, ev.Event, Device, Effects], tuple[Device, Effects]]
changed = msgspec.structs.replace


@dataclass(frozen=True)
class Leak:
    """A fault.

    Attributes:
        row: of the exposure table in which it shows.
        says: what the breach says.
        change: makes, for one world, what changes each step of a member's core; none if the core is as it should be.
        shown: what stands in the open in a vault's file, given the state's bytes.
    """

    row: str
    says: str
    change: Callable[[], Change] | None = None
    shown: Callable[[bytes], bytes] = lambda saved: b""

    def is_caught(self, breaches: Iterable[str]) -> bool:
        """Whether it is among these breaches, in its row."""
        return any(self.row in breach and self.says in breach for breach in breaches)


def core_with(leaks: Iterable[Leak]) -> Step:
    """The core, with faults for one world."""
    changes = [leak.change() for leak in leaks if leak.change]

    def step(device: Device, event: ev.Event, now: int, chance: Callable[[int], bytes]) -> tuple[Device, Effects]:
        after, effects = honest(device, event, now, chance)
        for change in () if after.is_desk else changes:
            after, effects = change(device, event, after, effects)
        return after, effects

    return step if changes else honest


def _put_by(device: Device, text: str) -> Device:
    """Keep a text in a field that is none of its business."""
    ahead = device.ahead
    return device if text in ahead.relays else changed(device, ahead=changed(ahead, relays=(*ahead.relays, text)))


def _hide(device: Device, place: int, secret: bytes) -> Device:
    """Keep a secret in a relation, where the compared words' one is until they are compared."""
    relations = list(device.relations)
    if relations:
        relations[place] = changed(relations[place], likeness=secret)
    return changed(device, relations=tuple(relations))


def _two_steps_away() -> Change:
    """A device keeps the name of a neighbour's neighbour."""
    names: dict[bytes, set[tuple[str, ...]]] = {}  # of a relation, as both sides know it: their neighbours

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        own = tuple(relation.name for relation in after.relations)
        for relation in after.relations:
            names.setdefault(relation.id, set()).add(own)
            for theirs in sorted(names[relation.id] - {own}):
                for name in theirs:
                    after = _put_by(after, name)
        return after, effects

    return change


def _sent_text() -> Change:
    """A device keeps the text of a report that it sealed."""

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        return (_put_by(after, event.text) if isinstance(event, ev.WriteReport) else after), effects

    return change


def _named_list() -> Change:
    """A locked process's list says whose frame it carries."""

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        if isinstance(event, ev.Lock) and after.relations:
            effects = tuple(_labelled(each, after.relations[0].name) for each in effects)
        return after, effects

    return change


def _labelled(effect: fx.Effect, name: str) -> fx.Effect:
    if not isinstance(effect, fx.PutItem):
        return effect
    return changed(effect, places=tuple((f"{relay}/{name}", box) for relay, box in effect.places))


def _named_understudy() -> Change:
    """A device notes a neighbour's name beside the relays, from where its understudy has it."""

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        places = after.board.places | {relation.name: 0 for relation in after.relations}
        return changed(after, board=changed(after.board, places=places)), effects

    return change


def _old_root() -> Change:
    """A device never erases the root of an intake day."""
    kept: dict[bytes, DayChain] = {}  # the first chain of each device, by its first relation and its side of it

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        if after.card is None or not after.relations:
            return after, effects
        first = after.relations[0]
        chain = kept.setdefault(first.id + bytes([first.side]), after.card.chain)
        return changed(after, card=changed(after.card, chain=chain)), effects

    return change


def _stray_root() -> Change:
    """A device keeps the root of a one-time box from which it has had its answer."""

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        left = {back.root for back in after.returns}
        gone = [back.root for back in before.returns if back.root not in left]
        return (_hide(after, -1, gone[0]) if gone else after), effects

    return change


def _number_for_all() -> Change:
    """Every device keeps the same secret, which ties strangers together."""

    def change(before: Device, event: ev.Event, after: Device, effects: Effects) -> tuple[Device, Effects]:
        return _hide(after, 0, b"n" * KEY), effects

    return change


LEAKS: Final = MappingProxyType(
    {
        "a name from two steps away": Leak("passphrase", "has never met", _two_steps_away),
        "the text of a sent report": Leak("passphrase", "a text that was sealed here", _sent_text),
        "the root of a day that is over": Leak("awake", "boxes of the kind intake from", _old_root),
        "the root of an answered box": Leak("passphrase and relay", "whose root should be gone", _stray_root),
        "a name in the locked list": Leak("locked", "a name stands in the bytes", _named_list),
        "a name in the understudy": Leak(
            "notebook, image made before", "a name stands in the bytes", _named_understudy
        ),
        "a state in the open": Leak("no passphrase", "a name stands in the bytes", shown=lambda saved: saved),
        "a number that all devices have": Leak("passphrase", "have a secret in common", _number_for_all),
    }
)
