"""Burns: a world in which captors seize people, one gives up another, and the network cuts out whom it lost.

Does        seizes in virtual time; lets people act; lets captors and malicious neighbours try what they can.
Does not    burn: the core of every device does.  Say what may not be: `burnlaw` does.
Spec        spec/95-lab.md, 14; spec/33-burn.md
Always      1. Whom somebody gives up is the same with burning and without.  2. The true tree is the measure.
Read first  BurnWorld.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import Due, parse_call
from tercet.core.burning import POINT
from tercet.core.cell import ABOVE, Role
from tercet.core.device import step as core_step
from tercet.core.passes import dressed
from tercet.core.relation import Relation
from tercet.core.state import Device
from tercet.drop import Op, Put
from tercet.lab.attempts import OLD_KEPT, Attempt, alone, come_back, frames_of
from tercet.lab.burned import Burned
from tercet.lab.burnlaw import FreeLedger, Law
from tercet.lab.campaigns import Tree
from tercet.lab.cascade import Confessions, Loss, expected_loss, spread
from tercet.lab.chance import Stream
from tercet.lab.duress import DuressWorld, Taken
from tercet.lab.growth import with_root
from tercet.lab.hunt import Hunt
from tercet.lab.ledger import Broken
from tercet.lab.machine import Machine
from tercet.lab.people import Person
from tercet.lab.plan import DAY, HOUR, Plan
from tercet.lab.relinks import Relink
from tercet.lab.world import LOOK_EVERY, Progress, Step, World

FOR_GOOD: Final = 1e9  # seconds, beyond the end of any world
PATIENCE: Final = DAY  # seconds until a meeting that came to nothing is tried again
TRIES_WITHIN: Final = 6 * HOUR  # seconds over which a captor spreads what it tries


class Hunted(Taken):
    """One device, that may be seized.

    Attributes:
        held: whether it lies at a captor's, off.
        old: the last frames that it put.
        shares: of its line, as they were when it was seized.
    """

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.held = False
        self.old: list[Attempt] = []
        self.shares: tuple[bytes, ...] = ()

    def seize(self) -> None:
        """It falls silent, whether it was on or off."""
        self.shares = self.device.shares
        self.stop(FOR_GOOD, "is seized")
        self.life += 1
        self.held = True

    def open(self, second: bool) -> None:
        """The captor opens it: with the second passphrase its understudy beats on, with the first its real side."""
        self.held = False
        self.wake(self.life)
        if second:
            self.opened(True)

    def wake(self, life: int) -> None:
        """See `Machine.wake`; who is held does not wake."""
        if not self.held:
            super().wake(life)

    def do(self, event: ev.Event) -> bool:
        """As for every machine; the root of a relation that a step made is exchanged for one of the seed at once."""
        known = {relation.id for relation in self.device.relations}
        done = super().do(event)
        world = self.world
        if done and isinstance(world, BurnWorld) and world.living and self.device.relations:
            self._repeat(known)
        return done

    def _repeat(self, known: set[bytes]) -> None:
        for made in self.device.relations:
            if made.id not in known:
                other = self.world.by_name.get(made.name) or _adopted(self.world, self.device, made)
                pair = sorted((self.number, other.number))
                chance = Stream(self.world.plan.seed, f"root {pair[0]} {pair[1]}")
                new = msgspec.structs.replace(with_root(made, chance(16), chance(32)), name=other.name)
                self.device = _with(self.device, made, new)
        self.kept = self.device

    def _ask(self, life: int, effect: fx.Effect, relay: str, op: Op, place: int = 0) -> None:
        if isinstance(op, Put) and self.number:
            self.old = [*self.old[1 - OLD_KEPT :], Attempt(relay, op.box, op.item)]
        super()._ask(life, effect, relay, op, place)


def _adopted(world: World, desk: Device, made: Relation) -> Machine:
    """Who called a desk and was adopted: it knows the secret."""
    due = next(one for one in desk.office.due if one.relation == made.id) if desk.office else None
    for machine in world.machines:
        calling = machine.device.calling
        if due and calling and due.is_of(parse_call(calling.body).secret):
            return machine
    raise Broken(f"{made.name} is nobody who called.")


def _with(device: Device, old: Relation, new: Relation) -> Device:
    """A device with a relation in the place of another, also where a desk remembers whom it adopted."""
    office = device.office
    if office is not None:
        dues = (_due_of(due, new.id) if due.relation == old.id else due for due in office.due)
        office = msgspec.structs.replace(office, due=tuple(dues))
    relations = tuple(new if relation is old else relation for relation in device.relations)
    return msgspec.structs.replace(device, relations=relations, office=office)


def _due_of(due: Due, relation: bytes) -> Due:
    return msgspec.structs.replace(due, relation=relation)


class BurnWorld(DuressWorld):
    """A network that is hunted.

    Args:
        plan: of the world.
        hunt: what captors and people do.
        step: the core; tests give one with a fault.

    Attributes:
        lost: who was seized, by number.
        safe: who left and is not found any more, and when.
        tree: who knows whom, and who is whose link now.
        law: what must hold, and what was noted.
        living: whether the set-up is over.
    """

    kind = Hunted

    def __init__(self, plan: Plan, hunt: Hunt | None = None, step: Step = core_step) -> None:
        super().__init__(plan)
        self._step = step
        self.hunt = hunt or Hunt()
        self.lost: dict[int, Loss] = {}
        self.safe: dict[int, float] = {}
        self.tree = Tree(())
        self.living = False
        self.law = Law(self)
        self.ledger = FreeLedger(self)
        self._confessions = Confessions(plan.seed, self.hunt.talks, self.hunt.holds)
        self._captors = Stream(plan.seed, "captors")
        self._firsts: list[Loss] = []
        self._first_tree = Tree(())
        self._told: dict[int, float] = {}
        self._orphans: dict[int, int] = {}  # free members whose link was burned: by whose loss
        self._raised: set[int] = set()  # whose neighbours were told in danger
        self._meeting: set[int] = set()
        self._healed: dict[int, float] = {}
        self._vain = self._tried = 0
        self._owners = [Person(self, machine, self) for machine in self.machines]

    @property
    def hunted(self) -> list[Hunted]:
        """All machines but the desk's."""
        return [machine for machine in self.machines[1:] if isinstance(machine, Hunted)]

    def free(self) -> Iterator[Machine]:
        """All devices that nobody has seized; the desk's among them."""
        return (machine for machine in self.machines if machine.number not in self.lost)

    def shares(self) -> Iterator[tuple[int, tuple[bytes, ...]]]:
        """The shares of each member's own line."""
        for machine in self.hunted:
            shares = machine.shares or machine.device.shares
            if shares:
                yield machine.number, shares

    # ---- a life

    def burned(self, progress: Progress | None = None) -> Burned:
        """Live, hunt, settle.

        Args:
            progress: called with the day, now and then.

        Raises:
            Broken: an invariant of the world does not hold.
        """
        self.live(progress)
        self._calm()
        last = self.agenda.now + self.plan.settle_days * DAY
        while (owed := self.ledger.owed()) is not None or self.law.pending():
            if self.agenda.now >= last:
                raise Broken(f"After {self.plan.settle_days} quiet days, {owed or 'a burn has not come'}.")
            self._live(self.agenda.now + LOOK_EVERY, progress)
        for machine in self.free():
            self.ledger.restarted(machine)
        return self._result()

    def _begin(self) -> None:
        super()._begin()
        self.living = True
        self.tree, self._first_tree = Tree(self.met), Tree(self.met)
        hunt, chance = self.hunt, self._captors
        members = self.tree.members
        begin, end = hunt.begin * DAY, hunt.end * DAY
        self._firsts = [
            Loss(chance.between(begin, end), member)
            for member in chance.sample(members, min(hunt.firsts, len(members)))
        ]
        if hunt.founders:
            rest = [one for one in self._firsts if one.origin not in (1, 2)]
            self._firsts = [Loss(begin, 1), Loss(begin + 3 * HOUR, 2), *rest]
        for one in self._firsts:
            self.agenda.after(one.at, self._seize, one.origin, one.origin)
        for member, victim in self._liars(int(hunt.malicious * len(members))):
            self._often(member, victim)

    # ---- captors

    def _seize(self, member: int, origin: int) -> None:
        """Somebody is taken, unless it happened before or nobody finds them."""
        if member in self.lost or not self.rough:
            return
        if member in self.safe:
            self._vain += 1
            return
        now, machine = self.agenda.now, self.machines[member]
        self.lost[member] = Loss(now - self.began, origin)
        self.trace.line(now, machine.name, "is taken, because of", origin)
        if isinstance(machine, Hunted):
            machine.seize()
        for named in self._confessions.of(member, self.tree.neighbours[member]):
            self.agenda.after(named.after, self._seize, named.member, origin)
        chance = Stream(self.plan.seed, f"passphrase of {member}")
        if chance.hit(self.hunt.second) and isinstance(machine, Hunted):
            self.agenda.after(chance.wait(self.hunt.opens), machine.open, True)

    def leaves(self, member: int) -> None:
        """Somebody leaves, and is not found any more."""
        if member not in self.lost and member not in self.safe:
            self.safe[member] = self.agenda.now
            self.trace.line(self.agenda.now, self.machines[member].name, "leaves")

    def _come_back(self, machine: Hunted) -> None:
        """A captor opens the device of somebody who was burned, and tries all it can."""
        if machine.held:
            board = frames_of(self.machines[0].device)
            machine.open(False)
            self._try(machine, come_back(machine, machine.old, board, self._captors))

    def _liars(self, most: int) -> Iterator[tuple[int, int]]:
        """So many members, and for each a neighbour; no two of them want the same one burned, or they would be two."""
        victims: set[int] = set()
        for member in self._captors.sample(self.tree.members, most):
            others = sorted(self.tree.neighbours[member] - victims - {0})
            if others:
                victims.add(victim := self._captors.pick(others))
                yield member, victim

    def _often(self, member: int, victim: int) -> None:
        self.agenda.after(self._captors.wait(DAY / max(self.hunt.tries, 1e-9)), self._be_malicious, member, victim)

    def _be_malicious(self, member: int, victim: int) -> None:
        """A neighbour tries to burn another one alone."""
        machine, office = self.machines[member], self.machines[0].device.office
        if self.rough and member not in self.lost and machine.on and office is not None:
            used = [(both[:POINT], both[POINT:]) for both, _ in office.burned]
            name = self.machines[victim].name
            self._try(machine, alone(machine.device, name, used, machine.clock, self._captors))
        if self.rough:
            self._often(member, victim)

    def _try(self, machine: Machine, attempts: list[Attempt]) -> None:
        self._tried += len(attempts)
        for one in attempts:
            put = Put(one.box, one.item)
            after = self._captors.between(0, TRIES_WITHIN)
            relay = dressed(one.relay, machine.passes, machine.clock)
            self.agenda.after(after, self.network.ask, machine.number, relay, put, lambda answer: None)

    # ---- what people learn

    def told(self, machine: Machine, tell: fx.Tell) -> None:
        """See `World.told`; in quiet weather, too, people cut out and leave."""
        super().told(machine, tell)
        if not self.living or machine.number in self.lost:
            return
        if not self.rough:
            self._owners[machine.number].told(tell)
        named = self.by_name.get(tell.facts.get("name", ""))  # whom a desk adopted it calls by no name of theirs
        other = named.number if named else 0
        if tell.what == "adopted" and machine.number in self._orphans:
            self._healed[machine.number] = self.agenda.now
        if other in self.lost and tell.what in ("in_danger", "silent"):
            self._told.setdefault(other, self.agenda.now)
            self._raised |= {other} if tell.what == "in_danger" and other not in self.law.posted else set()
        elif other in self.lost and tell.what == "burned":
            self._parted(machine.number, other)

    def _parted(self, member: int, gone: int) -> None:
        """A free member dropped somebody; if that was its link it will look for another one."""
        machine = self.machines[gone]
        if isinstance(machine, Hunted) and machine.held:
            self.agenda.after(self._captors.wait(self.hunt.comes_back), self._come_back, machine)
        if self.tree.link.get(member) == gone:
            del self.tree.link[member]
            self._orphans[member] = gone
            if self.hunt.meets:
                self.agenda.after(self._captors.wait(self.hunt.meets), self._relink, member)

    # ---- healing

    def _relink(self, member: int) -> None:
        """Somebody without a link meets one: the partner's, or anybody who hangs on the desk and has nobody below."""
        if member in self.lost or self._has_link(member):
            return
        partner = self.tree.partner.get(member, 0)
        link = 0 if self._meeting & {member, partner} else self._new_link(member, partner)
        if not link:
            self.agenda.after(self._captors.wait(PATIENCE), self._relink, member)
            return
        self._meeting |= {member, link}
        Relink(self, self.machines[link], self.machines[member], partial(self._relinked, member, link))

    def _relinked(self, member: int, link: int, done: bool) -> None:
        self._meeting -= {member, link}
        if not done:
            self.agenda.after(self._captors.wait(PATIENCE), self._relink, member)
            return
        self.met.append((link, member, Role.LINK))
        self.tree.neighbours[link].add(member)
        self.tree.neighbours[member].add(link)
        self.tree.link[member] = link
        self.tree.below[link].append(member)
        self._healed[member] = self.agenda.now
        self.trace.line(self.agenda.now, self.machines[member].name, "has a new link in", self.machines[link].name)

    def _new_link(self, member: int, partner: int) -> int:
        """Whom somebody can have as a link; 0 for nobody."""
        if partner not in self.lost and self._has_link(partner):
            theirs = self.tree.link.get(partner, 0)
            return theirs if theirs not in self.lost and theirs not in self._meeting else 0
        able = [
            machine.number
            for machine in self.free()
            if machine.number not in (0, member, partner)
            and machine.on
            and machine.number not in self._meeting
            and not any(relation.role is Role.BELOW for relation in machine.device.relations)
            and self._hangs(machine.number)
        ]
        return self._captors.pick(able) if able else 0

    def _has_link(self, member: int) -> bool:
        return any(relation.role in ABOVE for relation in self.machines[member].device.relations)

    def _hangs(self, member: int) -> bool:
        """Whether a member hangs on the desk by a chain of free links."""
        while member not in self.lost and self._has_link(member):
            if member not in self.tree.link:
                return True
            member = self.tree.link[member]
        return False

    # ---- figures

    def _result(self) -> Burned:
        hunt, law = self.hunt, self.law
        by_origin = Counter(loss.origin for loss in self.lost.values())
        without = Counter(loss.origin for loss in self.without().values())
        expected = expected_loss(self._first_tree, hunt.talks)
        seized = {member: self.began + loss.at for member, loss in self.lost.items()}
        first = [one.origin for one in self._firsts]
        reports = law.reports()
        healed = [
            self._healed[m] - law.posted[x] for m, x in self._orphans.items() if m in self._healed and x in law.posted
        ]
        return Burned(
            worlds=1,
            members=len(self._first_tree.members),
            member_days=len(self._first_tree.members) * self.plan.days,
            traces=(self.trace.digest,),
            lost=tuple(by_origin[member] for member in first),
            without=tuple(without[member] for member in first),
            expected=(sum(expected.values()) / len(expected),),
            vain=self._vain,
            safe=len(self.safe),
            told=tuple(self._told[member] - at for member, at in seized.items() if member in self._told),
            by_alarm=tuple(law.posted[m] - at for m, at in seized.items() if m in law.posted and m in self._raised),
            by_silence=tuple(
                law.posted[m] - at for m, at in seized.items() if m in law.posted and m not in self._raised
            ),
            dropped=tuple(at - law.posted[gone] for (_, gone), at in law.dropped.items() if gone in law.posted),
            healed=tuple(healed),
            uncut=len(set(self.lost) - set(law.posted)),
            unhealed=sum(not self._has_link(m) for m in self._orphans if m not in self.lost),
            strays=law.strays,
            reports=reports,
            tried=self._tried,
            wrong=tuple(law.wrong),
        )

    def without(self) -> dict[int, Loss]:
        """Whom the same captors take, at the same days, where nobody is cut out or warned."""
        return spread(self._first_tree, self._firsts, self._confessions, self.plan.days * DAY)
