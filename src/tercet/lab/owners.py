"""Owners: people, as far as their devices notice them.

Does        writes reports and letters at random moments, reads what came, answers; at the desk, replies.
Does not    know what is sealed, sent or lost.
Spec        spec/95-lab.md, 8
Always      1. No two texts are the same.
Read first  Owner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.lab.chance import Stream
from tercet.lab.plan import DAY, HOUR

if TYPE_CHECKING:
    from tercet.lab.machine import Machine
    from tercet.lab.world import World

Deed = Callable[[], None]
ANSWER_WITHIN = 8 * HOUR  # seconds until an owner answers, at most


class Owner:
    """The owner of one device."""

    def __init__(self, world: World, machine: Machine) -> None:
        self._world, self._machine = world, machine
        self._chance = Stream(world.plan.seed, f"owner {machine.number}")
        self._written = 0

    def begin(self) -> None:
        """Begin to live: writing until the days are over, reading for as long as the world runs."""
        plan = self._world.plan
        self._look(plan.looks)
        if self._machine.number:
            self._often(plan.reports, self._report)
            self._often(plan.letters, self._letter)

    def told(self, tell: fx.Tell) -> None:
        """The device says something: an owner may answer it."""
        if tell.what in ("desk_wrote", "report_filed", "word_filed") and self._chance.hit(self._world.plan.replies):
            self._world.agenda.after(self._chance.between(0, ANSWER_WITHIN), self._answer, int(tell.facts["number"]))

    def _often(self, a_day: float, deed: Deed) -> None:
        """Do something at random moments, so many times a day on average."""
        if a_day:
            self._world.agenda.after(self._chance.wait(DAY / a_day), self._once, a_day, deed)

    def _once(self, a_day: float, deed: Deed) -> None:
        if self._world.rough:
            deed()
            self._often(a_day, deed)

    def _look(self, a_day: float) -> None:
        device = self._machine.device
        notes = [r.notes for r in device.relations] + [r.notes for r in device.reports]
        if any(not note.seen for held in notes for note in held):
            self._machine.do(ev.NotesSeen())
        self._world.agenda.after(self._chance.wait(DAY / a_day), self._look, a_day)

    def _text(self, what: str) -> str:
        self._written += 1
        return f"{what} {self._written} of {self._machine.name}"

    def _report(self) -> None:
        self._machine.do(ev.WriteReport(self._text("report"), None, None, ()))

    def _letter(self) -> None:
        names = [r.name for r in self._machine.device.relations]
        if names:
            self._machine.do(ev.WriteLetter(self._chance.pick(names), self._text("letter")))

    def _answer(self, number: int) -> None:
        if not self._world.rough:
            return
        if self._machine.number:
            self._machine.do(ev.WriteWord(number, self._text("answer")))
        else:
            self._machine.do(ev.Reply(number, self._text("reply")))
