"""The network: relays, and the weather between them and the devices.

Does        loses, duplicates, delays and reorders requests; lets relays die and come back; notes what watchers see.
Does not    open anything, or lose what a relay has acknowledged.
Spec        spec/95-lab.md, 4
Always      1. A relay's answer comes after the store has it.  2. What is lost is lost before or after the relay.
Read first  Network.ask().
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from tercet.core.passes import BARE
from tercet.drop import (
    ITEM_LIFETIME,
    POSTED_LIFETIME,
    Ack,
    Answer,
    Items,
    MemoryStore,
    Op,
    Post,
    Put,
    Read,
    Refused,
    Stored,
)
from tercet.drop.address import base32, from_base32
from tercet.drop.memory import Store, acked_box, target
from tercet.drop.ops import id_of_read, name_of
from tercet.drop.passes import SECRET, shown_is_one, taken_at
from tercet.drop.wire import Request, encode_answers, encode_request
from tercet.lab.agenda import Agenda
from tercet.lab.chance import Stream
from tercet.lab.plan import DAY, HOUR, Plan
from tercet.lab.trace import Trace

Then = Callable[[Answer | None], None]
PATIENCE = 30.0  # seconds until a request without answer is given up
NEAR = 0.2  # seconds a request or an answer takes at least
SLOW = 0.02  # share of requests and answers that take long
SLOWEST = 180.0  # seconds that they take at most
LATE_COPY = HOUR  # seconds by which a duplicate may come later


class Observation(NamedTuple):
    """One request as a relay and a watcher of its line see it.

    Attributes:
        sent: when it left the device, seconds; what a watcher of the line sees.
        came: when it reached the relay, seconds.
        address: number that stands for the network address, one a device.
        relay: which relay, from 0.
        operation: `put`, `read`, `ack` or `post`.
        box: number of the box, in the order in which they appear.
        item: number of the item put or acknowledged, likewise; 0 for a read.
        hit: whether a read found something, or another operation was carried out.
        up, down: bytes of the request and of its answer, without TLS.
    """

    sent: float
    came: float
    address: int
    relay: int
    operation: str
    box: int
    item: int
    hit: bool
    up: int
    down: int


@dataclass(frozen=True)
class Weather:
    """How rough it is: shares of requests lost and duplicated, and whether delays vary."""

    loss: float
    duplicates: float
    rough: bool = True


QUIET = Weather(0.0, 0.0, rough=False)


class Relay:
    """One relay: its store, whether it is up, and the secrets of its passes of a week; without any it takes all."""

    def __init__(self, number: int, store: Store, weekly: tuple[bytes, ...] = ()) -> None:
        self.number = number
        name = base32(sha256(f"relay {number}".encode()).digest()) if weekly else "aaaa"
        self.address = f"tercet://relay{number}.example:443/{name}"
        self.store = store
        self.weekly = weekly
        self.up = True
        self.dead_for = 0.0  # seconds that it has been dead so far, but for the time that it still is
        self.died = 0.0


@dataclass
class Counts:
    """What passed over the network; `barred` is what relays refused for want of a pass."""

    puts: int = 0
    reads: int = 0
    hits: int = 0
    acks: int = 0
    posts: int = 0
    lost: int = 0
    duplicated: int = 0
    unanswered: int = 0
    outages: int = 0
    up: int = 0
    down: int = 0
    barred: int = 0


class Network:
    """All relays and the lines to them."""

    def __init__(self, plan: Plan, agenda: Agenda, trace: Trace) -> None:
        made = (Relay(i, MemoryStore(), self._secrets(plan, i)) for i in range(plan.relays))
        self.relays = {r.address: r for r in made}
        self.weather = QUIET
        self.counts = Counts()
        self.observations: list[Observation] | None = None
        self._plan, self._agenda, self._trace = plan, agenda, trace
        self._chance = Stream(plan.seed, "network")
        self._fate = {a: Stream(plan.seed, f"relay {r.number}") for a, r in self.relays.items()}
        self._sizes: dict[object, int] = {}
        self._owed: dict[tuple[int, bytes, bytes], float] = {}

    @staticmethod
    def _secrets(plan: Plan, number: int) -> tuple[bytes, ...]:
        return (Stream(plan.seed, f"passes of relay {number}")(SECRET),) if plan.weekly else ()

    def begin(self, weather: Weather) -> None:
        """Let the weather change; in rough weather relays die now and then."""
        self.weather = weather
        for relay in self.relays.values():
            if weather.rough:
                self._await_outage(relay)
            else:
                relay.up = True
            relay.dead_for += self._agenda.now - relay.died

    def sweep(self) -> None:
        """Let relays forget what is out of date."""
        now = self._agenda.now
        for relay in self.relays.values():
            relay.store.sweep(int(now))
        self._owed = {key: until for key, until in self._owed.items() if until > now}

    def forgotten(self) -> int | None:
        """The number of a relay that lacks something which it stored, and nobody acknowledged; none if all is there."""
        there = {
            (relay.number, box, name_of(item))
            for relay in self.relays.values()
            for box, _, item in relay.store.entries()
        }
        return next((key[0] for key in self._owed if key not in there), None)

    def dead_until(self, now: float) -> float:
        """Seconds that relays were dead, all of them together, up to now."""
        return sum(r.dead_for + (0.0 if r.up else now - r.died) for r in self.relays.values())

    def _await_outage(self, relay: Relay) -> None:
        fate = self._fate[relay.address]
        self._agenda.after(fate.wait(self._plan.outage_every * DAY), self._die, relay)

    def _die(self, relay: Relay) -> None:
        if self.weather.rough:
            relay.up = False
            relay.died = self._agenda.now
            self.counts.outages += 1
            self._trace.line(self._agenda.now, "relay", relay.number, "dies")
            self._agenda.after(DAY, self._come_back, relay)

    def _come_back(self, relay: Relay) -> None:
        if not relay.up:
            relay.up = True
            self._trace.line(self._agenda.now, "relay", relay.number, "comes back")
        if self.weather.rough:
            self._await_outage(relay)

    def ask(self, address: int, relay: str, op: Op, then: Then) -> None:
        """Send one request.

        Args:
            address: who asks; a number.
            relay: the relay's address, with the pass that is shown, if any.
            op: what is asked.
            then: called with the answer; with none once patience is over; twice if the request was duplicated.
        """
        draw, weather = self._chance.random(), self.weather
        self.counts.lost += draw < weather.loss
        if draw < weather.loss / 2:
            self._agenda.after(PATIENCE, then, None)
            return
        answered = draw >= weather.loss
        agenda, sent = self._agenda, self._agenda.now
        agenda.after(self._delay(), self._reach, sent, address, relay, op, then, answered)
        if weather.duplicates and self._chance.hit(weather.duplicates):
            self.counts.duplicated += 1
            late = self._chance.between(0, LATE_COPY)
            agenda.after(late, self._reach, sent, address, relay, op, then, answered, True)

    def _delay(self) -> float:
        if not self.weather.rough:
            return NEAR
        if self._chance.hit(SLOW):
            return self._chance.between(NEAR, SLOWEST)
        return NEAR + self._chance.wait(1.0)

    def _reach(
        self, sent: float, address: int, at: str, op: Op, then: Then, answered: bool, again: bool = False
    ) -> None:
        """A request has reached a relay."""
        now, relay = self._agenda.now, self._relay(at)
        if not relay.up:
            self.counts.unanswered += 1
            if not again:
                self._agenda.after(PATIENCE, then, None)
            return
        answer = self.answer(address, at, op)
        self._note(sent, now, address, relay, op, answer)
        if answered:
            self._agenda.after(self._delay(), then, answer)
        elif not again:
            self._agenda.after(PATIENCE, then, None)

    def _relay(self, at: str) -> Relay:
        return self.relays["/".join(at.split("/")[:BARE])]

    def answer(self, address: int, at: str, op: Op) -> Answer:
        """What the relay at an address, with a pass or without one, answers to who asks."""
        relay, now = self._relay(at), int(self._agenda.now)
        if relay.weekly and isinstance(op, Put | Post):
            shown = from_base32("".join(at.split("/")[BARE:]))
            if not shown_is_one(shown, taken_at(relay.weekly, now)):
                self.counts.barred += 1
                return Refused("no_pass")
        return relay.store.apply([op], now)[0]

    def carry_out(self, address: int, relay: str, op: Op) -> Answer | None:
        """A carrier asks at the relay itself, on a good line."""
        asked = self._relay(relay)
        if not asked.up:
            return None
        answer = self.answer(address, relay, op)
        self._note(self._agenda.now, self._agenda.now, address, asked, op, answer)
        return answer

    def _note(self, sent: float, now: float, address: int, relay: Relay, op: Op, answer: Answer) -> None:
        operation, box, item = _of(op)
        number = self._trace.box(box)
        found = len(answer.items) if isinstance(answer, Items) else 0
        said = answer.code if isinstance(answer, Refused) else found
        thing = self._trace.item(item) if item else 0
        self._trace.line(now, "relay", relay.number, operation, address, number, thing, said)
        if isinstance(op, Ack):
            self._trace.forget(item)
            self._owed.pop((relay.number, box, item), None)
        elif isinstance(answer, Stored):
            lifetime = ITEM_LIFETIME if isinstance(op, Put) else POSTED_LIFETIME
            self._owed.setdefault((relay.number, box, item), now + lifetime - 1)
        up, down = self._size(op), self._size_back(op, answer)
        counts = self.counts
        counts.up += up
        counts.down += down
        counts.puts += isinstance(op, Put)
        counts.reads += isinstance(op, Read)
        counts.hits += found > 0
        counts.acks += isinstance(op, Ack)
        counts.posts += isinstance(op, Post)
        if self.observations is not None:
            hit = found > 0 if isinstance(op, Read) else not isinstance(answer, Refused)
            seen = Observation(sent, now, address, relay.number, operation, number, thing, hit, up, down)
            self.observations.append(seen)

    def _size(self, op: Op) -> int:
        """Bytes of a request that holds this operation alone; the same for all of a kind."""
        kind = (type(op), len(op.item) if isinstance(op, Put) else 0)
        if kind not in self._sizes:
            self._sizes[kind] = len(encode_request(1, [op]))
        return self._sizes[kind]

    def _size_back(self, op: Op, answer: Answer) -> int:
        kind: object = type(answer)
        if isinstance(answer, Items) and isinstance(op, Read):
            kind = (op.limit, op.size, len(answer.items))
        if kind not in self._sizes:
            self._sizes[kind] = len(encode_answers(Request(1, (op,)), [answer], bytes))
        return self._sizes[kind]


def _of(op: Op) -> tuple[str, bytes, bytes]:
    """What a relay is asked for: the kind, the box's id and the item's name, if one is named."""
    if isinstance(op, Read):
        return "read", id_of_read(op.read, op.posted), b""
    if isinstance(op, Ack):
        return "ack", acked_box(op).box, op.name
    return "post" if isinstance(op, Post) else "put", target(op).box, name_of(op.item)


def weather_of(plan: Plan) -> Weather:
    """The rough weather of a plan."""
    return replace(QUIET, loss=plan.loss, duplicates=plan.duplicates, rough=True)
