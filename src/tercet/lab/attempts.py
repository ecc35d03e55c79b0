"""Attempts: what a malicious neighbour does to burn somebody alone, and a captor with a burned member's device.

Does        makes the frames: made-up points, the same share twice, points used before; old letters, hellos, alarms.
Does not    break a seal: whoever tries holds the keys of one device and no others.
Spec        spec/95-lab.md, 14
Always      1. What it makes comes out of the core's own code, from a state or of points that somebody has doctored.
Read first  alone(), come_back().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Final, NamedTuple

from tercet.core import drawing, publishing, sending, understudy
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import COMMITMENT
from tercet.core.burning import PRIME, point_of
from tercet.core.cell import Role
from tercet.core.conversation import burn
from tercet.core.device import step
from tercet.core.errors import Refusal
from tercet.core.state import Device
from tercet.core.turn import Turn

if TYPE_CHECKING:
    from tercet.lab.burns import Hunted
    from tercet.lab.chance import Stream

SAYINGS: Final = 8  # times that all is said which a captor has to say: a step seals one letter for each neighbour
ALARMS: Final = 24  # beats of an understudy: as many chances to raise an alarm
OLD_KEPT: Final = 12  # frames that a captor keeps, of those that the device put before


class Attempt(NamedTuple):
    """A frame that somebody puts: at which relay, into which box."""

    relay: str
    box: bytes
    item: bytes


def alone(device: Device, name: str, used: Sequence[tuple[bytes, bytes]], now: int, chance: Stream) -> list[Attempt]:
    """What somebody puts who wants a neighbour burned and holds one share of its line.

    Args:
        device: of who tries.
        name: its word for that neighbour.
        used: points that stand on the board.
        now: seconds.
        chance: how.
    """
    victim = next((relation for relation in device.relations if relation.name == name and relation.share), None)
    if victim is None:
        return []
    own = point_of(victim.share)
    made_up = chance.below(PRIME).to_bytes(32, "big") + chance.below(PRIME).to_bytes(32, "big")
    before = [point for points in used for point in points] or [made_up]
    second = chance.pick([made_up, own, chance.pick(before)])
    return list(_burn(device, (own, second), now, chance))


def _burn(device: Device, points: tuple[bytes, bytes], now: int, chance: Stream) -> Iterator[Attempt]:
    """The frames by which a device sends two points to the desk, whatever they are."""
    turn = Turn(device, now, chance)
    commitments = chance(COMMITMENT), chance(COMMITMENT), chance(COMMITMENT)
    sending._put_sealed(turn, burn(points, commitments, chance(32), now, turn.today), 0, 0.0)
    return _attempts(turn.effects)


def intake_of(device: Device) -> set[bytes]:
    """The intake boxes of all days that a device knows."""
    card = device.card
    days = device.board.intake if card is not None else ()
    known: set[bytes] = set()
    for day in days:
        if card is not None and day.day >= card.chain.day:
            known |= {box for ids in day.ids(card.chain.root_on(day.day)) for box in ids}
    return known


def _puts(device: Device, events: Sequence[ev.Event], now: int, chance: Stream) -> Iterator[Attempt]:
    """What a device puts when these things happen to it, and every relay stores it at once; refusals pass."""
    for event in events:
        try:
            device, effects = step(device, event, now, chance)
        except Refusal:
            continue
        yield from _attempts(effects)
        for effect in effects:
            if isinstance(effect, fx.PutItem) and effect.ref:
                device, _ = step(device, ev.Stored(effect.ref, effect.places[0][0]), now, chance)


def _attempts(effects: Sequence[fx.Effect]) -> Iterator[Attempt]:
    for effect in effects:
        if isinstance(effect, fx.PutItem):
            yield Attempt(*effect.places[0], effect.item)


def frames_of(desk: Device) -> list[bytes]:
    """What a desk has on the board, frame by frame."""
    posts = desk.office.posts if desk.office is not None else ()
    turn = Turn(desk, 0, bytes)
    return [publishing.frame_of(turn, post) for post in posts]


def come_back(machine: Hunted, old: Sequence[Attempt], board: Sequence[bytes], chance: Stream) -> list[Attempt]:
    """All that a captor tries with the device of somebody who was burned, beside letting it beat on.

    Args:
        machine: the device, as it was when it was seized.
        old: what it put in its days.
        board: frames of the board, the burn among them.
        chance: of the captor.
    """
    device, now = machine.device, machine.clock
    names = [relation.name for relation in device.relations]
    said: list[ev.Event] = [ev.WriteLetter(name, f"it is me, {machine.name}, to {name}") for name in names]
    said += [ev.Burn(name) for name in names]
    said += [ev.Introduce(*two) for two in permutations(names, 2)]
    letters = list(_puts(device, [*said, *[ev.SendNow()] * SAYINGS], now, chance))
    boxes = {(one.relay, one.box) for one in letters if one.box not in intake_of(device)}
    hello = list(_puts(device, [ev.Invite("somebody new", Role.LINK), ev.Look(), ev.Look()], now, chance))
    again = [*(one.item for one in hello), *(one.item for one in old[-OLD_KEPT:]), *board[-2:]]
    alarms = list(_alarms(device, now, chance))
    strays = [Attempt(relay, box, item) for relay, box in sorted(boxes) for item in again]
    own = [point_of(share) for share in device.shares]
    burns = [frame for pair in combinations(own, 2) for frame in _burn(device, pair, now, chance)]
    return [*letters, *old[-OLD_KEPT:], *strays, *alarms, *burns]


def _alarms(device: Device, now: int, chance: Stream) -> Iterator[Attempt]:
    drawn = drawing.draw(device, now, chance)
    for _ in range(ALARMS if drawn is not None else 0):
        if drawn is not None:
            drawn, effects = understudy.step(drawn, ev.Beat(1_800.0), now, chance)
            yield from _attempts(effects)
