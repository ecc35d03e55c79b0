"""The world: a whole network on the product's own core, in virtual time.

Does        grows a network, lets it live through rough days and then quiet ones until all that is owed has come.
Does not    read a clock but for how long it took; hold rules: the core does.
Spec        spec/95-lab.md
Always      1. The same plan gives the same trace.  2. A broken invariant ends it.
Read first  World.run().
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil
from time import perf_counter

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.device import step as core_step
from tercet.core.passes import dressed
from tercet.core.state import Device
from tercet.lab.agenda import Agenda
from tercet.lab.chance import Stream
from tercet.lab.growth import grow
from tercet.lab.ledger import Broken, Ledger
from tercet.lab.machine import Machine
from tercet.lab.memory import remember
from tercet.lab.network import QUIET, Network, Observation, weather_of
from tercet.lab.owners import Owner
from tercet.lab.plan import DAY, HOUR, START, Plan
from tercet.lab.result import Result, result_of
from tercet.lab.sticks import Stick
from tercet.lab.trace import Trace

Step = Callable[..., tuple[Device, tuple[fx.Effect, ...]]]
Progress = Callable[[int], None]
LOOK_EVERY = HOUR  # seconds between two looks whether all has settled
CARRIED_LATE = 14 * DAY  # seconds by which a letter by stick may be later than the late days
NOT_TRACED = {"meeting_code", "meeting_compare"}  # their words come from chance that no seed reaches


class World:
    """One simulated network.

    Args:
        plan: how large, how long, how rough.
        step: the core; tests give one with a fault.
        observe: whether to note what relays and watchers of lines see.
        keep_lines: how many of the first lines of the trace to keep.

    Attributes:
        machines: the desk, then the members.
        rough: whether the weather is rough and owners write.
        began: when the days began, after the set-up; whole world seconds.
        beats, steps: how many there were so far.
        met: who truly met whom: the inviter's number, the joiner's, what the inviter is to the joiner.
        token_keys: both private keys of every week's tokens, 512 bytes; none for a network without tokens.
        kind: of machine that it is made of.
    """

    kind: type[Machine] = Machine

    def __init__(self, plan: Plan, step: Step = core_step, observe: bool = False, keep_lines: int = 0) -> None:
        remember()
        self.plan = plan
        self.agenda = Agenda(float(START))
        self.trace = Trace(keep_lines)
        self.network = Network(plan, self.agenda, self.trace)
        self.ledger = Ledger(self)
        self.rough = False
        self.began = float(START)
        self.beats = self.steps = 0
        self.refusals: Counter[str] = Counter()
        self.met: list[tuple[int, int, Role]] = []
        self.machines = [self.kind(self, number) for number in range(2 * plan.pairs + 1)]
        self.token_keys = b""
        self.by_name = {machine.name: machine for machine in self.machines}
        self._step = step
        self._observe = observe
        self._said: dict[tuple[int, str], dict[str, str]] = {}
        self._owners = [Owner(self, machine) for machine in self.machines]
        self._fate = Stream(plan.seed, "fate")

    @property
    def observations(self) -> list[Observation]:
        """What relays and watchers of lines have seen since the set-up, in the order of arrival; empty if not asked."""
        return self.network.observations or []

    def reports_made(self) -> list[tuple[float, int]]:
        """Who truly reported when: the moment, world seconds, and the member's number, which is its address too."""
        return [(fate.made, fate.member) for fate in self.ledger.reports.values()]

    def replace_owner(self, machine: Machine, kind: type[Owner]) -> None:
        """Give a device another owner, before the world runs."""
        self._owners[machine.number] = kind(self, machine)

    # ---- what machines need

    def step(self, *given: object) -> tuple[Device, tuple[fx.Effect, ...]]:
        """One step of the core."""
        self.steps += 1
        return self._step(*given)

    def keep(self, machine: Machine, state: Device) -> Device | None:
        """What a vault keeps of the state that a machine saves: all of it."""
        return state

    def told(self, machine: Machine, tell: fx.Tell) -> None:
        """A device says something to its owner."""
        self._said[machine.number, tell.what] = tell.facts
        if tell.what not in NOT_TRACED:
            self.trace.line(self.agenda.now, machine.name, tell.what, *tell.facts.values())
        if self.rough:
            self._owners[machine.number].told(tell)

    def said(self, machine: Machine, what: str) -> dict[str, str]:
        """What a device last said of something; empty if nothing."""
        return self._said.pop((machine.number, what), {})

    def refused(self, machine: Machine, event: ev.Event, code: str) -> None:
        """A core refused something."""
        self.refusals[code] += 1
        self.trace.line(self.agenda.now, machine.name, "is refused", type(event).__name__, code)

    # ---- a life

    def run(self, progress: Progress | None = None) -> Result:
        """Grow, live, settle.

        Args:
            progress: called with the day, now and then.

        Raises:
            Broken: an invariant does not hold.
        """
        started = perf_counter()
        levels = self.live(progress)
        self._calm()
        last = self.agenda.now + self.plan.settle_days * DAY
        while self.ledger.owed() is not None:
            if self.agenda.now >= last:
                raise Broken(f"After {self.plan.settle_days} quiet days, {self.ledger.owed()}.")
            self._live(self.agenda.now + LOOK_EVERY, progress)
        for machine in self.machines:
            self.ledger.restarted(machine)
        return result_of(self, levels, perf_counter() - started)

    def live(self, progress: Progress | None = None) -> dict[int, int]:
        """Grow, and live through the rough days, after which something is still owed.

        Returns:
            The level of each member, as `grow`.

        Raises:
            Broken: an invariant does not hold.
        """
        levels = grow(self)
        self._begin()
        self._live(self.began + self.plan.days * DAY, progress)
        return levels

    def _begin(self) -> None:
        """The set-up is over: rough weather, beating devices, living owners."""
        self.agenda.run(float(ceil(self.agenda.now)))
        self.began = self.agenda.now
        self.rough = True
        self.beats = 0
        self.network.begin(weather_of(self.plan))
        if self._observe:
            self.network.observations = []
        for machine, owner in zip(self.machines, self._owners, strict=True):
            self._plan_fate(machine)
            machine.begin()
            owner.begin()

    def _calm(self) -> None:
        """The days are over: quiet weather, right clocks, everybody on, nobody writes."""
        self.rough = False
        self.network.begin(QUIET)
        for machine in self.machines:
            machine.skew = 0.0
            machine.wake(machine.life)

    def _live(self, end: float, progress: Progress | None) -> None:
        """Run up to a moment, and look after the world once a day."""
        while self.agenda.now < end:
            day = (self.agenda.now - self.began) // DAY + 1
            self.agenda.run(min(end, self.began + day * DAY))
            if self.agenda.now == self.began + day * DAY:
                self.network.sweep()
                self.ledger.hold_relays()
                self.ledger.hold_late()
                if progress is not None:
                    progress(int(day))

    # ---- what befalls a device

    def _plan_fate(self, machine: Machine) -> None:
        """Draw what befalls a device in the days to come."""
        plan, fate = self.plan, self._fate
        self.agenda.after(fate.wait(DAY / max(plan.naps, 1e-9)), self._nap, machine)
        if not machine.number:
            return
        if fate.hit(plan.away):
            self.agenda.after(fate.between(0, plan.days * DAY), machine.stop, fate.between(7, 21) * DAY, "is away")
        if fate.hit(plan.skewed):
            self._jump(machine)
        if fate.hit(plan.sticks):
            machine.stick = Stick()
            machine.patience = CARRIED_LATE
            self.agenda.after(fate.wait(plan.visit_every * DAY), self._visit, machine)

    def _nap(self, machine: Machine) -> None:
        if self.rough:
            machine.stop(self._fate.between(1, 10) * HOUR, "is off")
            self.agenda.after(self._fate.wait(DAY / self.plan.naps), self._nap, machine)

    def _jump(self, machine: Machine) -> None:
        """A clock jumps: to anywhere within a day, or back to the right time."""
        if self.rough:
            machine.skew = 0.0 if machine.skew and self._fate.hit(0.5) else self._fate.between(-DAY, DAY)
            self.trace.line(self.agenda.now, machine.name, "clock is off by", int(machine.skew))
            self.agenda.after(self._fate.wait(4 * DAY), self._jump, machine)

    def _visit(self, machine: Machine) -> None:
        """A carrier comes from the relays, visits a member without a line, and goes back to the relays."""
        if machine.stick is not None:
            self.trace.line(self.agenda.now, machine.name, "is visited")
            machine.visited()
            self.agenda.after(self._fate.between(1, 6) * HOUR, self._pass_relays, machine, machine.stick)
            self.agenda.after(self._fate.wait(self.plan.visit_every * DAY), self._visit, machine)

    def _pass_relays(self, machine: Machine, stick: Stick) -> None:
        carrier = len(self.machines) + machine.number
        passes, now = machine.passes, machine.clock  # a carrier has the week's address from a member
        stick.carry(lambda relay, op: self.network.carry_out(carrier, dressed(relay, passes, now), op))
