"""Judge: what must hold of a device that cuts somebody out, whatever happened before.

Does        looks at a device, at what changed in one move and at what it put, and raises what is wrong.
Does not    know the core's own rules of it: true lines, what owners said, and sets are all it goes by.
Spec        spec/95-lab.md, 13
Always      1. What is wrong begins with the invariant's name.
Read first  INVARIANTS.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Final, NamedTuple

from tercet.core.burning import POINT, agrees, line_through
from tercet.core.cell import Role
from tercet.core.cutting import ASKED_KEPT, HOLDING, Stage
from tercet.core.report import LetterKind
from tercet.core.state import Device, load, save
from tercet.lab.small import neighbour

if TYPE_CHECKING:
    from tercet.core.relation import Relation
    from tercet.lab.frames import Frames, Message, Put

INVARIANTS: Final = (
    "two voices",
    "an owner's yes",
    "no means no",
    "in pairs",
    "who knows",
    "once",
    "nobody else",
    "gone is gone",
    "remembered",
    "through",
)


class Wrong(Exception):
    """What a device did is against an invariant, the first of its two arguments."""


class Said(NamedTuple):
    """What an owner said about a neighbour: whether its yes is in force, and whether there ever was one."""

    yes: bool = False
    ever: bool = False


class Local(NamedTuple):
    """A device, and what is remembered of it to judge it.

    Attributes:
        name: its place in the network.
        device: at rest (`moves.rest`).
        said: by its owner, of each of those whom owners speak about.
        words: how many more times its owner speaks.
        alarmed: whether it opened an alarm.
    """

    name: str
    device: Device
    said: tuple[Said, ...]
    words: int
    alarmed: bool = False


class Judge:
    """Judges the devices of one network; owners speak of those in `about` alone."""

    def __init__(self, frames: Frames, about: tuple[str, ...]) -> None:
        self.frames = frames
        self.about = about

    def of_change(self, before: Local, after: Local, burned: Set[bytes]) -> None:
        """One move of a device, in which it read of these lines on the board."""
        if after.device is before.device:
            return
        if load(save(after.device)) != after.device:
            raise Wrong("remembered", f"{after.name} would not be the same after a restart")
        old = {r.id: r for r in before.device.relations}
        new = {r.id: r for r in after.device.relations}
        if not set(new) <= set(old):
            raise Wrong("gone is gone", f"{after.name} has a neighbour again")
        lost = [old[id] for id in old if id not in new]
        office = after.device.office
        if office is not None:
            burned = {line_through(both[:POINT], both[POINT:]) for both, _ in office.burned}
        for relation in lost:
            if self.frames.lines.get(relation.name) not in burned:
                raise Wrong("nobody else", f"{after.name} drops {relation.name}, whom no burn names")
        if office is None:
            for id, relation in new.items():
                if burned and relation != old[id] and old[id].cut.by not in {r.id for r in lost}:
                    raise Wrong("nobody else", f"{relation.name} changes at {after.name}, whom no burn names")
        for relation in new.values():
            self._of_stage(after, relation)

    def _of_stage(self, local: Local, relation: Relation) -> None:
        cut = relation.cut
        if bool(cut.point) != (cut.stage in HOLDING) or (cut.point and not agrees(relation.share, cut.point)):
            raise Wrong("in pairs", f"what {local.name} holds about {relation.name} is not two points of its line")
        yes = relation.name in self.about and local.said[self.about.index(relation.name)].yes
        if cut.stage in (Stage.ASKING, Stage.BURNING) and not yes:
            raise Wrong("an owner's yes", f"{local.name} is {cut.stage} about {relation.name}, unasked")

    def of_no(self, name: str, before: Relation, after: Relation | None, burn: bool) -> None:
        """An owner spoke."""
        asked = before.cut.stage in (Stage.ACCUSED, Stage.ASKING)
        if not burn and asked and (after is None or after.cut.stage is not Stage.QUIET or after.cut.point):
            raise Wrong("no means no", f"{name}'s owner spares {before.name}, and it is still {before.cut.stage}")

    def of_gone(self, local: Local, message: Message) -> None:
        """A message changed something."""
        gone = message.source in self.frames.devices and neighbour(local.device, message.source) is None
        if gone and message.event.query.kind == "relation":
            raise Wrong("gone is gone", f"{local.name} takes in what {message.source} wrote, whom it dropped")

    def of_puts(self, local: Local, puts: Sequence[Put]) -> None:
        """What a beat put."""
        for put in puts:
            if put.message is None:
                continue
            to, letter = put.message.to, put.message.letter
            intake = put.message.event.query.kind == "intake"
            if not intake and neighbour(local.device, to) is None:
                raise Wrong("gone is gone", f"{local.name} writes to {to}, whom it dropped")
            if letter.kind not in (LetterKind.ASK, LetterKind.BURN):
                continue
            whose = self.frames.whose(letter.body)
            if intake != (letter.kind == LetterKind.BURN) or not whose:
                raise Wrong("in pairs", f"{local.name} lets out what is not two points of one line")
            said = local.said[self.about.index(whose)] if whose in self.about else Said()
            if not (said.yes if intake else said.ever):
                raise Wrong("an owner's yes", f"{local.name} lets out a point of {whose}, unasked")
            if not intake and neighbour(self.frames.devices[to], whose) is None:
                raise Wrong("who knows", f"{local.name} asks {to} about {whose}, who is no neighbour of it")

    def of_time(self, local: Local, device: Device, name: str, said: Said, now: int) -> Said:
        """What an owner's yes is worth after a beat: it ends with time alone."""
        before, after = neighbour(local.device, name), neighbour(device, name)
        if before is None or after is None or before.cut.stage == after.cut.stage:
            return said
        if now - before.cut.since <= ASKED_KEPT:
            raise Wrong("no means no", f"{local.name} forgets at a beat that it is {before.cut.stage} about {name}")
        return Said(False, said.ever)

    def of_voices(self, everyone: Sequence[Local], posted: Sequence[bytes], bad: str) -> None:
        """The whole network, in which `bad` is malicious: who is burned, and by how many."""
        for i, name in enumerate(self.about):
            line = self.frames.lines[name]
            there = sum(self.frames.burned_by(item) == line for item in posted)
            if there > 1:
                raise Wrong("once", f"the line of {name} is posted again")
            dropped = any(
                neighbour(self.frames.devices[x.name], name) and not neighbour(x.device, name) for x in everyone
            )
            if name == bad or not (there or dropped):
                continue
            voices = {voice(self.frames.devices[name], x.name) for x in everyone if x.said[i].ever}
            voices |= {voice(self.frames.devices[name], bad)}
            if len(voices - {""}) < 2:
                raise Wrong("two voices", f"{name} is burned by {' and '.join(voices - {''}) or 'nobody'} alone")

    def agreed(self, everyone: Sequence[Local], posted: Sequence[bytes], about: int, now: int) -> bool:
        """Whether so much was said about somebody that nothing but time is missing until all have dropped it."""
        name = self.about[about]
        if any(self.frames.burned_by(item) == self.frames.lines[name] for item in posted):
            return True
        held = {x.name: neighbour(x.device, name) for x in everyone}
        if any(r is not None and r.cut.stage is Stage.BURNING for r in held.values()):
            return True
        said = [x for x in everyone if x.said[about].yes and (r := held[x.name]) and now - r.cut.since <= ASKED_KEPT]
        member = self.frames.devices[name]
        return any(
            neighbour(x.device, y.name) and voice(member, x.name) != voice(member, y.name) for x in said for y in said
        )

    def of_end(self, everyone: Sequence[Local], about: int) -> None:
        """All was delivered after so much was said: who held a share has dropped the member."""
        name = self.about[about]
        left = [x.name for x in everyone if neighbour(x.device, name)]
        if left:
            raise Wrong("through", f"two agreed on {name}, and in the end {' and '.join(left)} keep it")


def voice(device: Device, name: str) -> str:
    """Whose voice a neighbour has in burning the owner of a device: the pair below have one."""
    relation = neighbour(device, name)
    if relation is None:
        return ""
    return "the pair below" if relation.role is Role.BELOW else name
