"""A machine: one device at work, its vault, its clock, and how it dies and wakes.

Does        steps the core, files, saves, acts at the moments the core names; crashes between any two of these.
Does not    decide: the core does. Know what its owner wants: `owners` does.
Spec        spec/95-lab.md, 5; spec/00-overview.md, 5
Always      1. What is not in the saved bytes is gone after a crash.  2. Nothing is done before it is saved.
Read first  Machine.do(), then Machine._act().
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.beat import draw_span, reads_at
from tercet.core.errors import Refusal
from tercet.core.mail import more_to_say
from tercet.core.passes import Held, WeekPass, dressed
from tercet.core.state import Device, load, save
from tercet.drop import FRAME, Ack, Answer, Items, Op, Post, Put, Read, Refused, Stored
from tercet.lab.chance import Stream
from tercet.lab.plan import HOUR
from tercet.lab.sticks import Stick
from tercet.shell.by_stick import POLLS, ROUNDS

if TYPE_CHECKING:
    from tercet.lab.world import World

ACTS_A_DAY = 400  # files, saves and acts of a device on a day, about; sets how many lie between two crashes
RESTART = 0.2 * HOUR  # seconds until a device that crashed is on again, on average


class Machine:
    """One device.

    Args:
        world: where it is.
        number: 0 for the desk, 1, 2, 3… for members; its network address too.

    Attributes:
        name: by which everybody calls its owner.
        kept: the state in its vault, or none in a new one: all that is left of it after a crash, as bytes.
        device: what the core last made of it; the same as in `kept`.
        life: how often it was started; what an earlier life began is not finished.
        on: whether it runs.
        skew: seconds by which its clock is off.
        off_for: seconds that it has been off so far.
        down: relays that did not answer when last asked.
        patience: seconds by which its letters may be later than others'.
        stick: what it has in place of a line, or none.
    """

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.name = f"m{number}" if number else "desk"
        self.kept: Device | None = None
        self.device = Device()
        self.life = 0
        self.on = True
        self.skew = 0.0
        self.off_for = 0.0
        self.crashes = 0
        self.patience = 0.0
        self.down: set[str] = set()
        self.stick: Stick | None = None
        self._off_since = 0.0
        self._chance = Stream(world.plan.seed, f"device {number}")
        self._luck = Stream(world.plan.seed, f"luck {number}")
        self._fuse = self._draw_fuse()

    @property
    def saved(self) -> bytes:
        """Bytes of its vault. They are made when somebody looks: no step changes a state that is kept."""
        return b"" if self.kept is None else save(self.kept)

    @property
    def clock(self) -> int:
        """What its clock shows."""
        return int(self.world.agenda.now + self.skew)

    @property
    def passes(self) -> tuple[Held | WeekPass, ...]:
        """The passes of weeks that it posts with."""
        return self.device.vouched

    # ---- one step

    def do(self, event: ev.Event) -> bool:
        """Step, file, save, act; whether it came to that.

        Returns:
            False if the core refused, the device is off, or crashed before it had saved.
        """
        if not self.on:
            return False
        world, before = self.world, self.device
        try:
            after, effects = world.step(before, event, self.clock, self._chance)
        except Refusal as refusal:
            world.refused(self, event, refusal.code)
            return False
        for effect in effects:
            if isinstance(effect, fx.FileReport | fx.FileWord):
                if self._dies():
                    return False
                world.ledger.filed(self, effect)
        if self._dies():
            return False
        self.kept = world.keep(self, after)
        self.device = after
        world.ledger.saved(self, event, before, after, effects)
        self._carry_out(effects)
        return True

    def _carry_out(self, effects: tuple[fx.Effect, ...]) -> None:
        """Carry out what a step ordered, each at its moment."""
        life = self.life
        for effect in effects:
            after_seconds = getattr(effect, "after", 0.0)
            if after_seconds:
                self.world.agenda.after(after_seconds, self._act, life, effect)
            else:
                self._act(life, effect)

    def _act(self, life: int, effect: fx.Effect) -> None:
        """Carry out one effect, unless the device died meanwhile."""
        if life != self.life or self._dies():
            return
        if isinstance(effect, fx.Tell):
            self.world.told(self, effect)
        elif isinstance(effect, fx.PutItem):
            self._put(life, effect, 0)
        elif isinstance(effect, fx.ReadBox):
            op = Read(effect.read, FRAME, effect.query.start, effect.limit, effect.posted)
            self._ask(life, effect, effect.relay, op)
        elif isinstance(effect, fx.AckItem):
            self._ask(life, effect, effect.relay, Ack(effect.ack, effect.name))
        elif isinstance(effect, fx.DrawTokenKeys):
            if self.world.token_keys:
                self.do(ev.TokenKeysDrawn(effect.week, self.world.token_keys))
        elif isinstance(effect, fx.PostItem):
            self._ask(life, effect, effect.relay, Post(effect.post, effect.item))
        elif not isinstance(effect, fx.FileReport | fx.FileWord):
            raise NotImplementedError(type(effect).__name__)

    def _put(self, life: int, effect: fx.PutItem, place: int) -> None:
        relay, box = effect.places[place]
        self._ask(life, effect, relay, Put(box, effect.item), place)

    def _ask(self, life: int, effect: fx.Effect, relay: str, op: Op, place: int = 0) -> None:
        def then(answer: Answer | None) -> None:
            if life == self.life:
                self.answered(life, effect, relay, answer, place)
                (self.down.add if answer is None else self.down.discard)(relay)

        if self.stick is None:
            self.world.network.ask(self.number, dressed(relay, self.passes, self.clock), op, then)
        else:
            self.world.agenda.after(0.0, then, self.stick.ask(relay, op))

    def answered(self, life: int, effect: fx.Effect, relay: str, answer: Answer | None, place: int = 0) -> None:
        """Hand the core what came of an operation; a put goes on from a relay that was silent the time before, too."""
        if isinstance(effect, fx.PutItem):
            if answer is None and relay in self.down and place + 1 < len(effect.places):
                self._put(life, effect, place + 1)
            elif isinstance(answer, Stored) and effect.ref:
                self.do(ev.Stored(effect.ref, relay))
            elif isinstance(answer, Refused) and effect.ref:
                self.do(ev.Refused(effect.ref, answer.code))
        elif isinstance(effect, fx.PostItem) and isinstance(answer, Stored):
            self.do(ev.Stored(effect.ref, relay))
        elif isinstance(effect, fx.ReadBox) and isinstance(answer, Items):
            self.do(ev.Arrived(effect.query, answer.items, answer.more, relay, self.stick is not None))

    # ---- beats

    def begin(self) -> None:
        """Begin to beat, somewhere within a pace from now; a device with only a stick waits for its carrier."""
        if self.stick is None:
            self.world.agenda.after(self._luck.between(0, self._pace), self._beat, self.life)

    def visited(self) -> None:
        """A carrier is here: read what the stick brings, and write on it all that is due, as the shell does."""
        if self.stick is not None and self.on:
            self.stick.forget()
            self.do(ev.SendNow(POLLS))
            self.world.agenda.after(0.0, self._exchange, self.life, ROUNDS)

    def _exchange(self, life: int, rounds: int) -> None:
        """Look for the next letter of each neighbour, now that the stick has taken the one before."""
        if life == self.life and rounds and more_to_say(self.device, self.clock):
            self.do(ev.SendNow())
            self.world.agenda.after(0.0, self._exchange, life, rounds - 1)

    def _beat(self, life: int) -> None:
        if life != self.life:
            return
        span = draw_span(self._pace, self._luck)
        self.world.agenda.after(span, self._beat, life)
        self.world.beats += 1
        self.do(ev.Beat(span, reads_at(self._pace)))

    @property
    def _pace(self) -> float:
        plan = self.world.plan
        return plan.pace if self.number else plan.desk_pace

    # ---- dying and waking

    def _dies(self) -> bool:
        """Whether it crashes at this moment."""
        if not self.world.rough:
            return False
        self._fuse -= 1
        if self._fuse > 0:
            return False
        self._fuse = self._draw_fuse()
        self.crashes += 1
        self.stop(self._luck.wait(RESTART), "crashes")
        return True

    def _draw_fuse(self) -> float:
        return self._luck.wait(self.world.plan.crash_every * ACTS_A_DAY)

    def stop(self, seconds: float, why: str) -> None:
        """End this life at once; another begins after `seconds`."""
        if not self.on:
            return
        world = self.world
        world.trace.line(world.agenda.now, self.name, why)
        self.on = False
        self.life += 1
        self._off_since = world.agenda.now
        world.agenda.after(seconds, self.wake, self.life)

    def wake(self, life: int) -> None:
        """Start again from what the vault holds."""
        if self.on or life != self.life:
            return
        world = self.world
        self.on = True
        self.off_for += world.agenda.now - self._off_since
        self._load()
        self.begin()

    def _load(self) -> None:
        self.device = load(self.saved)
        self.world.ledger.restarted(self)

    def off_until(self, now: float) -> float:
        """Seconds that it was off, up to now."""
        return self.off_for + (0.0 if self.on else now - self._off_since)
