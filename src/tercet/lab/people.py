"""People: owners who have neighbours cut out that were taken, and leave when one of theirs was.

Does        acts some time after the device said something: asks for a burn, agrees to one, spares, leaves.
Does not    burn anybody by itself: two devices and the board do.
Spec        spec/95-lab.md, 14
Always      1. A person wants cut out only whom it found taken.  2. Who is taken does nothing any more.
Read first  Person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cutting import Stage
from tercet.core.relation import Relation
from tercet.lab.chance import Stream
from tercet.lab.owners import Owner
from tercet.lab.plan import DAY

if TYPE_CHECKING:
    from tercet.lab.burns import BurnWorld
    from tercet.lab.machine import Machine
    from tercet.lab.world import World

ASKS: Final = frozenset({"in_danger", "silent", "burn_asked", "burn_lapsed"})
AGAIN: Final = DAY  # seconds until one looks again whether a neighbour still has to be cut out


class Person(Owner):
    """The owner of one device, in a world with captors."""

    def __init__(self, world: World, machine: Machine, burns: BurnWorld) -> None:
        super().__init__(world, machine)
        self._burns, self._number = burns, machine.number
        self._nerve = Stream(world.plan.seed, f"person {machine.number}")
        self._watched: set[str] = set()

    @property
    def _free(self) -> bool:
        return self._number not in self._burns.lost

    def told(self, tell: fx.Tell) -> None:
        """The device says something: in rough weather one may answer the desk, and at any time think of neighbours."""
        if not self._free:
            return
        if self._burns.rough:
            super().told(tell)
        if tell.what in ASKS:
            self._watch(tell.facts["name"], tell.what == "burn_asked")
        elif tell.what == "burned" and self._number:
            self._burns.agenda.after(self._nerve.wait(self._burns.hunt.leaves), self._burns.leaves, self._number)

    def _watch(self, name: str, asked: bool) -> None:
        hunt = self._burns.hunt
        if name not in self._watched and hunt.burning:
            self._watched.add(name)
            self._burns.agenda.after(self._nerve.wait(hunt.agrees if asked else hunt.acts), self._decide, name)

    def _decide(self, name: str) -> None:
        """Look after a neighbour: have it cut out if it was taken, spare it if it is there; look again tomorrow."""
        relation = next((r for r in self._machine.device.relations if r.name == name), None)
        if relation is None or not self._free:
            self._watched.discard(name)
            return
        taken = self._burns.by_name[name].number in self._burns.lost
        if taken and relation.cut.stage is not Stage.BURNING:
            self._machine.do(ev.Burn(name))
        elif not taken and relation.cut.stage is Stage.ACCUSED:
            self._machine.do(ev.Spare(name))
        if taken or _in_question(relation):
            self._burns.agenda.after(AGAIN, self._decide, name)
        else:
            self._watched.discard(name)

    # ---- what nobody does who was taken

    def _look(self, a_day: float) -> None:
        if self._free:
            super()._look(a_day)

    def _report(self) -> None:
        if self._free:
            super()._report()

    def _letter(self) -> None:
        if self._free:
            super()._letter()

    def _answer(self, number: int) -> None:
        if self._free:
            super()._answer(number)


def _in_question(relation: Relation) -> bool:
    """Whether the device still asks about a neighbour."""
    return relation.asked or relation.cut.stage is Stage.ACCUSED
