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
from tercet.core.channel import LetterKind
from tercet.core.cutting import ASKED_KEPT, HOLDING, Stage
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
    "one adoption",
    "not the burned",
    "linked",
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
        self._founded = {r.id for device in frames.devices.values() for r in device.relations}
        self._line_of = {  # of each adoption secret, the line of whose it is
            r.adoption: frames.lines[name]
            for name, device in frames.devices.items()
            for r in device.relations
            if r.adoption
        }

    def of_change(self, before: Local, after: Local, burned: Set[bytes]) -> None:
        """One move of a device, in which it read of these lines on the board."""
        if after.device is before.device:
            return
        if load(save(after.device)) != after.device:
            raise Wrong("remembered", f"{after.name} would not be the same after a restart")
        old = {r.id: r for r in before.device.relations}
        new = {r.id: r for r in after.device.relations}
        if any(not relation.adopted or id in self._founded for id, relation in new.items() if id not in old):
            raise Wrong("gone is gone", f"{after.name} has a neighbour again")
        lost = [old[id] for id in old if id not in new]
        office = after.device.office
        if office is not None:
            burned = _burned_at(after.device)
        for relation in lost:
            if self.frames.lines.get(relation.name) not in burned:
                raise Wrong("nobody else", f"{after.name} drops {relation.name}, whom no burn names")
        if office is None:
            for id, relation in new.items():
                if burned and id in old and relation != old[id] and old[id].cut.by not in {r.id for r in lost}:
                    raise Wrong("nobody else", f"{relation.name} changes at {after.name}, whom no burn names")
        for relation in new.values():
            self._of_stage(after, relation)
        if office is not None:
            self._of_adoptions(after, burned)
            self._of_the_burned(before.device, after)
        links = (r for r in self.frames.devices[after.name].relations if r.role is Role.LINK)
        if after.device.calling is not None and not any(r.id not in new for r in links):
            raise Wrong("one adoption", f"{after.name} calls the desk, whose link was not cut out")

    def _of_adoptions(self, desk: Local, burned: Set[bytes]) -> None:
        """Each burn has one pair adopted at most, and each of those showed another secret that was sent along."""
        shown = [self.frames.adopted[r.id] for r in desk.device.relations if r.adopted]
        lines = [self.frames.came_with(secret) & burned for secret in shown]
        if len(set(shown)) < len(shown):
            raise Wrong("one adoption", "the desk adopts twice for one commitment")
        if not all(lines):
            raise Wrong("one adoption", "the desk adopts somebody whose commitment came with no burn")
        if len(shown) > 2 * len(set[bytes]().union(*lines)):
            raise Wrong("one adoption", "the desk adopts more than a pair for a burn")

    def _of_the_burned(self, before: Device, desk: Local) -> None:
        """Nobody is adopted now whose own line had been burned."""
        known = {relation.id for relation in before.relations}
        burned = _burned_at(before)
        shown = [self.frames.adopted[r.id] for r in desk.device.relations if r.adopted and r.id not in known]
        if any(self._line_of.get(secret) in burned for secret in shown):
            raise Wrong("not the burned", "the desk adopts somebody whose own line was burned")

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
        query = message.event.query
        if query.kind == "relation" and all(r.id != query.id for r in local.device.relations):
            raise Wrong("gone is gone", f"{local.name} takes in what {message.source} wrote, whom it dropped")

    def of_puts(self, local: Local, puts: Sequence[Put]) -> None:
        """What a beat put."""
        for put in puts:
            if put.message is None:
                continue
            to, letter = put.message.to, put.message.letter
            query = put.message.event.query
            intake = query.kind == "intake"
            if not intake and all(r.id != query.id for r in local.device.relations):
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

    def of_voices(
        self, everyone: Sequence[Local], posted: Sequence[bytes], bad: str, begun: tuple[str, ...] = ()
    ) -> None:
        """The whole network, in which `bad` is malicious: who is burned but those `begun`, and by how many."""
        for i, name in enumerate(self.about):
            line = self.frames.lines[name]
            there = sum(self.frames.burned_by(item) == line for item in posted)
            if there > 1:
                raise Wrong("once", f"the line of {name} is posted again")
            dropped = any(
                neighbour(self.frames.devices[x.name], name) and not neighbour(x.device, name) for x in everyone
            )
            if name in (bad, *begun) or not (there or dropped):
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

    def of_links(self, everyone: Sequence[Local], bad: str) -> None:
        """All was delivered after a burn: whoever was below, and is not malicious, is linked to the desk."""
        desk = next(x.device for x in everyone if x.device.is_desk)
        there = {relation.id for relation in desk.relations if relation.adopted}
        for local in everyone:
            link = next((r for r in self.frames.devices[local.name].relations if r.role is Role.LINK), None)
            if link is None or local.name == bad or neighbour(local.device, link.name):
                continue
            if not any(r.role is Role.DESK and r.id in there for r in local.device.relations):
                raise Wrong("linked", f"in the end {local.name}, whose link was cut out, has none")


def _burned_at(desk: Device) -> set[bytes]:
    """The lines that a desk has posted."""
    return {line_through(both[:POINT], both[POINT:]) for both, _ in desk.office.burned} if desk.office else set()


def voice(device: Device, name: str) -> str:
    """Whose voice a neighbour has in burning the owner of a device: the pair below have one."""
    relation = neighbour(device, name)
    if relation is None:
        return ""
    return "the pair below" if relation.role is Role.BELOW else name
