"""The ledger: what was promised, what came of it, and which promise was broken.

Does        follows every report, letter and word from its writer to its reader; holds devices to what is always true.
Does not    help anybody: no device sees it.
Spec        spec/95-lab.md, 6
Always      1. The first broken invariant ends the run.
Read first  Broken, then Ledger.saved().
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NoReturn

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import PLACES, Role
from tercet.core.days import LATE_DAYS
from tercet.core.relation import Note
from tercet.core.state import Device
from tercet.lab.machine import Machine
from tercet.lab.plan import DAY

if TYPE_CHECKING:
    from tercet.lab.world import World

NEIGHBOURS_MOST = 4
NONCE = 24  # bytes at a frame's front
FRAMES_REMEMBERED = 200_000  # puts among which no nonce may stand twice


class Broken(Exception):
    """An invariant does not hold; the text is one sentence that names it."""

    code = "world_broken"

    @property
    def hint(self) -> str:
        """The sentence."""
        return str(self)


@dataclass
class Letter:
    """One text on its way.

    Attributes:
        text: what it says; no two say the same.
        made: when it was saved on its writer's device, world seconds.
        patience: seconds that its reader and writer had been off, and relays dead, by then.
        came: when it was saved on its reader's, or none.
    """

    text: str
    made: float
    patience: float = 0.0
    came: float | None = None


@dataclass
class Thread:
    """What one says to one other, in order; `next` is the place of the first that has not come."""

    letters: list[Letter] = field(default_factory=list)
    next: int = 0


@dataclass
class ReportFate:
    """One report.

    Attributes:
        member: number of its writer.
        number: as its writer counts.
        made, filed, received: when it was saved there, filed at the desk, and known there to be received.
        case: the desk's name for it.
        words, answers: of the desk, and of its writer.
    """

    member: int
    number: int
    text: str
    made: float
    filed: float | None = None
    received: float | None = None
    case: bytes = b""
    words: Thread = field(default_factory=Thread)
    answers: Thread = field(default_factory=Thread)


class Ledger:
    """Everything owed in one world, and what is always true of its devices."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reports: dict[str, ReportFate] = {}
        self.threads: dict[tuple[str, str], Thread] = {}
        self._made: dict[int, list[ReportFate]] = {}
        self._by_number: dict[tuple[int, int], ReportFate] = {}
        self._by_case: dict[bytes, ReportFate] = {}
        self._by_desk_number: dict[int, ReportFate] = {}
        self._kept_cases: set[bytes] = set()
        self._filed_words: dict[tuple[bytes, int], str] = {}
        self._nonces: dict[bytes, bytes] = {}
        self.holds_beats = True  # off where a planted fault is to be found by a watcher, not by us

    def _broken(self, machine: Machine | str, sentence: str) -> NoReturn:
        who = machine if isinstance(machine, str) else machine.name
        day = (self._world.agenda.now - self._world.began) / DAY
        raise Broken(f"On day {day:.2f}, {who}: {sentence}.")

    # ---- what was written

    def saved(
        self, machine: Machine, event: ev.Event, before: Device, after: Device, effects: tuple[fx.Effect, ...]
    ) -> None:
        """A device has saved a step."""
        if len(after.relations) != len(before.relations):
            self._hold_cell(machine, after)
        if isinstance(event, ev.Beat):
            self._hold_beat(machine, event, effects)
        elif isinstance(event, ev.Arrived) and event.query.alone:
            self._hold_alone(machine, effects)
        for effect in effects:
            if isinstance(effect, fx.PutItem):
                self._hold_nonce(machine, effect)
        if isinstance(event, ev.WriteReport):
            self._report_made(machine, event, after)
        elif isinstance(event, ev.WriteLetter):
            self._write(self.threads.setdefault((machine.name, event.to), Thread()), machine, event.text, event.to)
        elif isinstance(event, ev.WriteWord):
            fate = self._by_number[machine.number, event.number]
            self._write(fate.answers, machine, event.text, "desk")
        elif isinstance(event, ev.Reply):
            case = self._by_desk_number.get(event.case)
            if case is None:
                self._broken(machine, "its owner answers a report, and the desk has never filed it")
            self._write(case.words, machine, event.text, self._world.machines[case.member].name)
        if after.relations is not before.relations:
            self._look_for_letters(machine, before, after)
        if after.reports is not before.reports:
            self._look_for_words(machine, before, after)
        if after.office is not None:
            self._keep_cases(effects)

    def _report_made(self, machine: Machine, event: ev.WriteReport, after: Device) -> None:
        now = self._world.agenda.now
        fate = ReportFate(machine.number, after.reported, event.text, now)
        self.reports[event.text] = self._by_number[machine.number, after.reported] = fate
        self._made.setdefault(machine.number, []).append(fate)
        self._world.trace.line(now, machine.name, "reports", event.text)

    def _write(self, thread: Thread, machine: Machine, text: str, to: str) -> None:
        now = self._world.agenda.now
        thread.letters.append(Letter(text, now, self._off(machine, self._world.by_name[to], now)))
        self._world.trace.line(now, machine.name, "writes to", to, text)

    def _off(self, writer: Machine, reader: Machine, now: float) -> float:
        """Seconds that the two were off, and relays dead, up to now."""
        return writer.off_until(now) + reader.off_until(now) + self._world.network.dead_until(now)

    def _keep_cases(self, effects: tuple[fx.Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, fx.FileReport):
                self._kept_cases.add(effect.case)

    # ---- what came

    def filed(self, machine: Machine, effect: fx.FileReport | fx.FileWord) -> None:
        """The desk has filed something."""
        now = self._world.agenda.now
        if isinstance(effect, fx.FileReport):
            self._report_filed(machine, effect, now)
            return
        if effect.ours:
            return
        fate = self._by_case.get(effect.case)
        if fate is None:
            self._broken(machine, "a word was filed for a report that was never filed")
        key = (effect.case, effect.number)
        before = self._filed_words.setdefault(key, effect.text)
        if before != effect.text:
            self._broken(machine, f"the word {before!r} was filed over by {effect.text!r}")
        place = next((i for i, w in enumerate(fate.answers.letters) if w.text == effect.text), None)
        if place is None or place > fate.answers.next:
            self._broken(machine, f"the word {effect.text!r} was filed before those written earlier, or never written")
        if place == fate.answers.next:
            self._come(fate.answers)

    def _report_filed(self, machine: Machine, effect: fx.FileReport, now: float) -> None:
        fate = self.reports.get(effect.content.text)
        if fate is None:
            self._broken(machine, "a report was filed that nobody made")
        if fate.case not in (b"", effect.case):
            self._broken(machine, f"the report {fate.text!r} was filed twice")
        if effect.case in self._kept_cases:
            self._broken(machine, f"the report {fate.text!r} was filed again after it was saved as filed")
        if fate.filed is None:
            fate.filed = now
            self._world.trace.line(now, machine.name, "files", effect.number, fate.text)
        fate.case = effect.case
        self._by_case[effect.case] = self._by_desk_number[effect.number] = fate

    def _look_for_letters(self, machine: Machine, before: Device, after: Device) -> None:
        held = {r.id: r.notes for r in before.relations}
        for relation in after.relations:
            notes = held.get(relation.id, ())
            if notes != relation.notes:
                for note in self._new(machine, notes, relation.notes):
                    thread = self.threads.get((relation.name, machine.name))
                    self._deliver(machine, thread, note, relation.name)

    def _look_for_words(self, machine: Machine, before: Device, after: Device) -> None:
        held = {r.number: r for r in before.reports}
        for report in after.reports:
            old = held.get(report.number)
            if old is None or old is report:
                continue
            fate = self._by_number[machine.number, report.number]
            for note in self._new(machine, old.notes, report.notes):
                self._deliver(machine, fate.words, note, "desk")
            if report.state is not old.state and report.state.name == "RECEIVED":
                self._received(machine, fate)

    def _received(self, machine: Machine, fate: ReportFate) -> None:
        if fate.filed is None:
            self._broken(machine, f"the report {fate.text!r} is shown as received, and the desk has never filed it")
        fate.received = self._world.agenda.now

    def _new(self, machine: Machine, before: tuple[Note, ...], after: tuple[Note, ...]) -> list[Note]:
        """The notes that a step added; none may go before it was read."""
        left = Counter((n.number, n.text, n.came) for n in after)
        for note in before:
            key = (note.number, note.text, note.came)
            if left[key]:
                left[key] -= 1
            elif not note.seen:
                self._broken(machine, f"the letter {note.text!r} vanished before it was read")
        return [n for n in after if _take(left, (n.number, n.text, n.came))]

    def _deliver(self, machine: Machine, thread: Thread | None, note: Note, writer: str) -> None:
        if thread is None or thread.next >= len(thread.letters):
            self._broken(machine, f"the letter {note.text!r} of {writer} was delivered twice, or never written")
        letter = thread.letters[thread.next]
        if letter.text != note.text:
            known = any(early.text == note.text for early in thread.letters[: thread.next])
            how = "twice" if known else f"before {letter.text!r}"
            self._broken(machine, f"the letter {note.text!r} of {writer} was delivered {how}")
        self._come(thread)
        self._world.trace.line(self._world.agenda.now, machine.name, "has from", writer, note.text)

    def _come(self, thread: Thread) -> None:
        thread.letters[thread.next].came = self._world.agenda.now
        thread.next += 1

    # ---- what is always true

    def restarted(self, machine: Machine) -> None:
        """A device has started from its vault: what its owner was told is still there."""
        device = machine.device
        made = self._made.get(machine.number, [])
        if any(fate.number > device.reported for fate in made):
            self._broken(machine, "a report that was saved is gone after a crash")
        held = {r.number for r in device.reports}
        if any(fate.received is None and fate.number not in held for fate in made):
            self._broken(machine, "a report that waits is gone after a crash")
        for relation in device.relations:
            thread = self.threads.get((machine.name, relation.name))
            if thread is not None and relation.channel.sent < len(thread.letters):
                self._broken(machine, "a letter that was saved is gone after a crash")

    def _hold_cell(self, machine: Machine, device: Device) -> None:
        roles = Counter(Role.LINK if r.role is Role.DESK else r.role for r in device.relations)
        if device.is_desk:
            if set(roles) - {Role.FOUNDER}:
                self._broken(machine, "a desk has a neighbour who is no founder")
            return
        if roles.total() > NEIGHBOURS_MOST or any(n > PLACES[False, role][0] for role, n in roles.items()):
            self._broken(machine, "it has neighbours beyond the cell rule")

    def _hold_beat(self, machine: Machine, event: ev.Beat, effects: tuple[fx.Effect, ...]) -> None:
        """A covered beat is one put and its reads, each within the span, whatever there is to say."""
        if not self.holds_beats:
            return
        if machine.device.is_desk or machine.device.card is None:
            return
        acts = [e for e in effects if not isinstance(e, fx.Tell)]
        puts = [e for e in acts if isinstance(e, fx.PutItem)]
        reads = [e for e in acts if isinstance(e, fx.ReadBox)]
        if (len(puts), len(reads), len(acts)) != (1, event.reads, 1 + event.reads):
            kinds = ", ".join(type(e).__name__ for e in acts) or "nothing"
            self._broken(machine, f"a beat was not one put and {event.reads} reads but {kinds}")
        moments = [e.after for e in puts] + [e.after for e in reads]
        if any(not 0 <= moment < event.span for moment in moments) or any(e.limit != 1 for e in reads):
            self._broken(machine, "a beat's operation lies outside its span or asks for more than one frame")

    def _hold_alone(self, machine: Machine, effects: tuple[fx.Effect, ...]) -> None:
        """Nothing follows at once from what a covered beat read, but that the relay may forget it."""
        if not self.holds_beats:
            return
        if any(not isinstance(e, fx.AckItem | fx.Tell) for e in effects):
            self._broken(machine, "something was sent at once because of what a beat had read")

    def _hold_nonce(self, machine: Machine, effect: fx.PutItem) -> None:
        item = blake2b(effect.item, digest_size=16).digest()
        for _, box in effect.places[:1]:
            key = effect.item[:NONCE] + box
            if self._nonces.setdefault(key, item) != item:
                self._broken(machine, "two frames were put into one box under the same nonce")
        if len(self._nonces) > FRAMES_REMEMBERED:
            del self._nonces[next(iter(self._nonces))]

    # ---- what is owed

    def owed(self) -> str | None:
        """The first thing that has not come yet, as a sentence; none when all is settled."""
        for fate in self.reports.values():
            if fate.filed is None:
                return f"the report {fate.text!r} is not in the desk's files"
            if fate.received is None:
                return f"the report {fate.text!r} is not shown as received"
            if thread_owes(fate.words) or thread_owes(fate.answers):
                return f"a word about the report {fate.text!r} has not come"
        for (writer, reader), thread in self.threads.items():
            if thread_owes(thread):
                return f"the letter {thread.letters[thread.next].text!r} of {writer} has not come to {reader}"
        return None

    def hold_relays(self) -> None:
        """A relay still has what it stored, unless that was acknowledged or is out of date."""
        relay = self._world.network.forgotten()
        if relay is not None:
            self._broken(f"relay {relay}", "something that it had stored is gone, and nobody had acknowledged it")

    def hold_late(self) -> None:
        """No letter may be on its way for longer than the late days and the time that devices or relays were off."""
        now, machines = self._world.agenda.now, self._world.by_name
        for (writer, reader), thread in self.threads.items():
            if thread_owes(thread):
                letter = thread.letters[thread.next]
                off = self._off(machines[writer], machines[reader], now) - letter.patience
                carried = machines[writer].patience + machines[reader].patience
                if now - letter.made > LATE_DAYS * DAY + off + carried:
                    self._broken(writer, f"the letter {letter.text!r} to {reader} is later than the late days")


def thread_owes(thread: Thread) -> bool:
    """Whether something written there has not come."""
    return thread.next < len(thread.letters)


def _take(left: Counter[tuple[int, str, int]], key: tuple[int, str, int]) -> bool:
    if left[key]:
        left[key] -= 1
        return True
    return False
