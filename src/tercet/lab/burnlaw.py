"""The law of burns: what no step of any free device may do, and what may not be lost.

Does        watches each saved step; notes who dropped whom when; says at the end which reports are missing.
Does not    help or hinder a device.
Spec        spec/95-lab.md, 14
Always      1. Who was truly taken is the measure, not what devices say.  2. A breach is a sentence; the world goes on.
Read first  Law.saved().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.burning import POINT, Shares, line_through, point_of
from tercet.core.chain import lane
from tercet.core.mixing import chains_on
from tercet.core.relation import Note, Relation
from tercet.core.state import Device
from tercet.lab.ledger import Ledger, Thread
from tercet.lab.machine import Machine
from tercet.lab.plan import DAY

if TYPE_CHECKING:
    from tercet.lab.burns import BurnWorld

SHUT_DAYS: Final = 10  # days from a drop on for which the boxes written to before are known


class Law:
    """What must hold in a world with burns.

    Attributes:
        wrong: breaches, a sentence each, the same one once.
        posted: when the burn of somebody came onto the board, world seconds, by number.
        dropped: when a free device dropped somebody, by both numbers.
        strays: burns on the board whose line is nobody's.
    """

    def __init__(self, world: BurnWorld) -> None:
        self._world = world
        self.wrong: dict[str, None] = {}
        self.posted: dict[int, float] = {}
        self.dropped: dict[tuple[int, int], float] = {}
        self.strays = 0
        self._gone: defaultdict[int, dict[bytes, str]] = defaultdict(dict)  # of each device: relations it dropped
        self._shut: defaultdict[int, dict[bytes, str]] = defaultdict(dict)  # and boxes that it wrote to for them

    def saved(self, machine: Machine, before: Device, after: Device, effects: tuple[fx.Effect, ...]) -> None:
        """A device has saved a step."""
        if machine.number in self._world.lost:
            return
        if after.office is not None and before.office is not None and after.office.burned != before.office.burned:
            known = {both for both, _ in before.office.burned}
            for both, _ in after.office.burned:
                if both not in known:
                    self._posted(both)
        if after.reports is not before.reports:
            self._hold_reports(machine, before, after)
        if after.relations is not before.relations:
            self._hold_drops(machine, before, after, effects)
        if self._gone[machine.number]:
            self._hold_shut(machine, effects)

    def _say(self, rule: str, machine: Machine, sentence: str) -> None:
        self.wrong[f"{rule}: {machine.name} {sentence}."] = None

    def _posted(self, both: bytes) -> None:
        line = line_through(both[:POINT], both[POINT:])
        whose = next((number for number, shares in self._world.shares() if _line_of(shares) == line), None)
        if whose is None:
            self.strays += 1
        elif whose not in self._world.lost:
            self._say("two voices", self._world.machines[whose], "is burned on the board, and is free")
        else:
            self.posted.setdefault(whose, self._world.agenda.now)

    def _hold_drops(self, machine: Machine, before: Device, after: Device, effects: tuple[fx.Effect, ...]) -> None:
        """Who was taken goes with all that is theirs, when it was burned; nobody else does, and none comes back."""
        number, lost = machine.number, self._world.lost
        told = {e.facts["name"] for e in effects if isinstance(e, fx.Tell) and e.what == "burned"}
        held = {relation.id: relation for relation in before.relations}
        kept = {relation.id: relation for relation in after.relations}
        for relation in before.relations:
            if relation.id in kept:
                continue
            whom = self._world.by_name[relation.name]
            if relation.name not in told:
                self._say("others stay", machine, f"drops {whom.name}, of whom it was told nothing")
            elif whom.number not in lost:
                self._say("two voices", machine, f"drops {whom.name}, who is free")
            self._drop(machine, relation)
        for name in told:
            if any(relation.name == name for relation in after.relations):
                self._say("gone", machine, f"was told that {name} is burned, and keeps the relation")
            whom = self._world.by_name[name]
            self.dropped.setdefault((number, whom.number), self._world.agenda.now)
        for relation in after.relations:
            known = self._world.by_name.get(relation.name)  # a desk calls whom it adopted by no name of theirs
            again = relation.id in self._gone[number] or (known is not None and (number, known.number) in self.dropped)
            if relation.id not in held and again:
                self._say("stays out", machine, f"has {relation.name} again, whom it had dropped")

    def _drop(self, machine: Machine, relation: Relation) -> None:
        self._gone[machine.number][relation.id] = relation.name
        today = int(self._world.agenda.now // DAY)
        for day in range(max(today - 1, relation.chain.day), today + SHUT_DAYS):
            for _, chain in chains_on(relation.mix, relation.chain, day):
                for box in lane(chain, max(day, chain.day), "relation", relation.side).boxes:
                    self._shut[machine.number][box.id] = relation.name

    def _hold_shut(self, machine: Machine, effects: tuple[fx.Effect, ...]) -> None:
        """The boxes of who was dropped are not read and not written any more."""
        gone, shut = self._gone[machine.number], self._shut[machine.number]
        for effect in effects:
            if isinstance(effect, fx.ReadBox) and effect.query.kind == "relation" and effect.query.id in gone:
                self._say("gone", machine, f"still reads boxes of {gone[effect.query.id]}, whom it had dropped")
            elif isinstance(effect, fx.PutItem):
                for _, box in effect.places:
                    if box in shut:
                        self._say("gone", machine, f"still writes to {shut[box]}, whom it had dropped")

    def _hold_reports(self, machine: Machine, before: Device, after: Device) -> None:
        """A report that is sealed and waits stays until the desk has it."""
        kept = {report.number for report in after.reports}
        for report in before.reports:
            if report.sealed and report.number not in kept:
                self._say("nothing lost", machine, f"forgets report {report.number}, which waits")

    # ---- what is owed

    def pending(self) -> bool:
        """Whether a burn that is on the board still has to reach a free neighbour who can tell whose it is."""
        names = {self._world.machines[number].name for number in self.posted}
        return any(r.name in names and r.share for machine in self._world.free() for r in machine.device.relations)

    def reports(self) -> dict[str, int]:
        """What became of each report; one that a free member sealed is received, or visibly waits."""
        counts = dict.fromkeys(("received", "waiting", "taken along"), 0)
        for fate in self._world.ledger.reports.values():
            machine = self._world.machines[fate.member]
            waits = any(report.number == fate.number for report in machine.device.reports)
            if fate.received is not None:
                counts["received"] += 1
            elif fate.member in self._world.lost:
                counts["received" if fate.filed is not None else "taken along"] += 1
            elif waits:
                counts["waiting"] += 1
            else:
                self._say("nothing lost", machine, f"made the report {fate.text!r}, and it is nowhere")
        return counts


def _line_of(shares: tuple[bytes, ...]) -> bytes:
    own = Shares(*shares)
    return line_through(point_of(own.own), point_of(own.partner))


class FreeLedger(Ledger):
    """A ledger to which who was taken owes nothing any more, and nobody owes them."""

    def __init__(self, world: BurnWorld) -> None:
        super().__init__(world)
        self._burns = world
        self._meeting = False

    def saved(
        self, machine: Machine, event: ev.Event, before: Device, after: Device, effects: tuple[fx.Effect, ...]
    ) -> None:
        """See `Ledger.saved`."""
        self._meeting = before.meeting is not None or bool(before.spent) or bool(before.outbox)
        super().saved(machine, event, before, after, effects)
        self._burns.law.saved(machine, before, after, effects)

    def restarted(self, machine: Machine) -> None:
        """See `Ledger.restarted`."""
        if machine.number not in self._burns.lost:
            super().restarted(machine)

    def owed(self) -> str | None:
        """See `Ledger.owed`."""
        with self._of_the_free():
            return super().owed()

    def hold_late(self) -> None:
        """See `Ledger.hold_late`."""
        with self._of_the_free():
            super().hold_late()

    def _deliver(self, machine: Machine, thread: Thread | None, note: Note, writer: str) -> None:
        """See `Ledger._deliver`; until a neighbour reads of the burn, it has letters from who holds the device, too."""
        if self._burns.by_name[writer].number not in self._burns.lost:
            super()._deliver(machine, thread, note, writer)

    def _hold_beat(self, machine: Machine, event: ev.Beat, effects: tuple[fx.Effect, ...]) -> None:
        """See `Ledger._hold_beat`; a beat that ends a meeting over a relay, or says its last word again, does more."""
        if not self._meeting:
            super()._hold_beat(machine, event, effects)

    def _know(self, writer: str, reader: str) -> bool:
        """Whether both are free and each has the other: who meets a new link may be off when the last word comes."""
        pair = self._burns.by_name[writer], self._burns.by_name[reader]
        names = ({relation.name for relation in machine.device.relations} for machine in pair)
        return not any(machine.number in self._burns.lost for machine in pair) and all(
            other.name in known for other, known in zip(pair[::-1], names, strict=True)
        )

    @contextmanager
    def _of_the_free(self) -> Iterator[None]:
        """For a moment it holds only what free members wrote, and wrote to one another."""
        reports, threads = self.reports, self.threads
        self.reports = {text: fate for text, fate in reports.items() if fate.member not in self._burns.lost}
        self.threads = {both: thread for both, thread in threads.items() if self._know(*both)}
        try:
            yield
        finally:
            self.reports, self.threads = reports, threads
