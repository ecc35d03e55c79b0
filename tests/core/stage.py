"""A stage for real cores: memory drops, a clock one can turn, and no shell.

Does        carries out effects at once, in the order that the spec demands, and feeds the answers back.
Does not    run threads, sleep or touch a disk.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.content import MediaKind
from tercet.core.device import step
from tercet.core.passes import dressed
from tercet.core.state import Device, load, save
from tercet.drop import Ack, Items, MemoryStore, Post, Put, Read, Refused, Stored
from tercet.drop.address import from_base32
from tercet.drop.passes import shown_is_one, taken_at
from tercet.sealing import BLOCK, BLOCK_DATA, FRAME, cover, next_block_key, open_block

START = 1_790_000_000  # seconds; a Monday in September 2026
# Both private keys of every week's tokens: real ones take a second each to draw.
PRIVATE = b"".join(
    bytes.fromhex(json.loads((Path(__file__).parents[2] / "vectors" / "tokens" / name).read_text())["input"]["private"])
    for name in ("blind-2.json", "blind-3.json")
)
RELAY = "tercet://relay.example:443/aaaa"


class Seeded:
    """Chance that repeats: the same seed, the same bytes."""

    def __init__(self, seed: str) -> None:
        self.state = sha256(seed.encode()).digest()

    def __call__(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            self.state = sha256(self.state).digest()
            out += sha256(self.state + b"out").digest()
        return out[:count]


class Actor:
    """One device on the stage: its state, its files, and what it was told."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name
        self.device = Device()
        self.chance = Seeded(name)
        self.blocks: dict[bytes, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.told: list[fx.Tell] = []
        self.reports: dict[bytes, fx.FileReport] = {}
        self.words: list[fx.FileWord] = []
        self.received: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self.skew = 0
        self.before_act: Callable[[fx.Effect], bool] = lambda effect: True

    def __deepcopy__(self, known: dict[int, object]) -> Actor:
        """A device and what it ordered cannot change: a copy of the actor shares them."""
        twin = copy.copy(self)
        known[id(self)] = twin
        for same in (self.device, *self.told, *self.reports.values(), *self.words):
            known[id(same)] = same
        for name, value in vars(self).items():
            setattr(twin, name, copy.deepcopy(value, known))
        return twin

    def do(self, event: ev.Event) -> None:
        """One step, saved and acted upon; what the acts bring is worked through too."""
        queue = [event]
        while queue:
            device, effects = step(self.device, queue.pop(0), self.stage.now + self.skew, self.chance)
            for effect in effects:
                self.file(effect)
            self.device = load(save(device))
            for effect in effects:
                if self.before_act(effect):
                    queue += self.act(effect)

    def file(self, effect: fx.Effect) -> None:
        if isinstance(effect, fx.FileReport):
            self.reports[effect.case] = effect
        elif isinstance(effect, fx.FileWord):
            self.words.append(effect)
        elif isinstance(effect, fx.FileBlock):
            self.received.setdefault((effect.case, effect.media), {})[effect.index] = effect.block
        elif isinstance(effect, fx.KeepBlock):
            self.blocks[effect.ref] = effect.block

    def act(self, effect: fx.Effect) -> list[ev.Event]:
        stage = self.stage
        if isinstance(effect, fx.Tell):
            self.told.append(effect)
        elif isinstance(effect, fx.PutItem | fx.PutBlock):
            item = cover(effect.cover, self.blocks[effect.ref]) if isinstance(effect, fx.PutBlock) else effect.item
            for relay, box in effect.places:
                answer = stage.ask(self.at(relay), Put(box, item))
                if answer is None:
                    continue
                if not effect.ref:
                    return []
                if isinstance(answer, Refused):
                    return [ev.Refused(effect.ref, answer.code)]
                return [ev.Stored(effect.ref, relay)]
        elif isinstance(effect, fx.PostItem):
            answer = stage.ask(self.at(effect.relay), Post(effect.post, effect.item))
            return [ev.Stored(effect.ref, effect.relay)] if isinstance(answer, Stored) else []
        elif isinstance(effect, fx.ReadBox):
            return self.read(effect)
        elif isinstance(effect, fx.AckItem):
            stage.ask(effect.relay, Ack(effect.ack, effect.name))
        elif isinstance(effect, fx.ForgetBlock):
            self.blocks.pop(effect.ref, None)
        elif isinstance(effect, fx.ReadChunk):
            return [self.read_chunk(effect)]
        elif isinstance(effect, fx.DrawTokenKeys) and stage.mints:
            return [ev.TokenKeysDrawn(effect.week, PRIVATE)]
        elif isinstance(effect, fx.CheckMedia):
            return [ev.MediaChecked(effect.case, effect.media, self.check(effect))]
        return []

    def at(self, relay: str) -> str:
        """Where to post: the relay's address with the week's pass, as a shell makes it."""
        return dressed(relay, self.device.passes, self.stage.now + self.skew)

    def read(self, effect: fx.ReadBox) -> list[ev.Event]:
        size = BLOCK if effect.block else FRAME
        op = Read(effect.read, size, effect.query.start, effect.limit, effect.posted)
        answer = self.stage.ask(effect.relay, op)
        if not isinstance(answer, Items):
            return []
        return [ev.Arrived(effect.query, answer.items, answer.more, effect.relay)]

    def read_chunk(self, effect: fx.ReadChunk) -> ev.Event:
        data = self.files.get(effect.path)
        if data is None or sha256(data).digest() != effect.sha256:
            return ev.FileStopped(effect.number, effect.media, data is not None)
        chunk = data[effect.index * BLOCK_DATA : (effect.index + 1) * BLOCK_DATA]
        return ev.ChunkRead(effect.number, effect.media, effect.index, chunk, effect.again)

    def file_of(self, case: bytes, media: int) -> bytes:
        ref = self.reports[case].content.media[media]
        key, out = ref.secret, b""
        for index in range(ref.blocks):
            out += open_block(key, index, index == ref.blocks - 1, self.received[case, media][index])
            key = next_block_key(key)
        return out

    def check(self, effect: fx.CheckMedia) -> bool:
        ref = self.reports[effect.case].content.media[effect.media]
        return sha256(self.file_of(effect.case, effect.media)).digest() == ref.sha256

    def heard(self, what: str) -> list[fx.Tell]:
        return [t for t in self.told if t.what == what]

    def give(self, path: str, data: bytes, kind: MediaKind = MediaKind.VIDEO, travel: bytes = b"") -> ev.MediaGiven:
        """A file on this device, as it goes with a report."""
        self.files[path] = data
        return ev.MediaGiven(
            kind, "bin", path, len(data), sha256(data).digest(), travel, sha256(travel).digest() if travel else b""
        )


class Stage:
    """The world between the actors: relays, and one clock."""

    def __init__(self, relays: tuple[str, ...] = (RELAY,)) -> None:
        self.now = START
        self.relays = {address: MemoryStore() for address in relays}
        self.down: set[str] = set()
        self.mints = False
        self.weekly: tuple[bytes, ...] = ()  # secrets of the relays, if they take passes of a week and no others
        self.asked: list[object] = []

    def __deepcopy__(self, known: dict[int, object]) -> Stage:
        """What was asked cannot change: a copy of the stage shares it."""
        twin = copy.copy(self)
        known[id(self)] = twin
        twin.relays, twin.down, twin.asked = copy.deepcopy(self.relays, known), set(self.down), list(self.asked)
        return twin

    def ask(self, relay: str, op: object) -> object:
        if relay in self.down:
            return None
        self.asked.append(op)
        if self.weekly and isinstance(op, Put | Post):
            shown = from_base32("".join(relay.split("/")[4:]))
            if not shown_is_one(shown, taken_at(self.weekly, self.now)):
                return Refused("no_pass")
        return self.relays[next(one for one in self.relays if relay.startswith(one))].apply([op], self.now)[0]

    def desk(self, name: str = "desk", shards: int = 2) -> Actor:
        actor = Actor(self, name)
        actor.do(ev.SetUpDesk(tuple(self.relays), shards))
        actor.do(ev.SendNow())
        return actor

    def actor(self, name: str) -> Actor:
        return Actor(self, name)

    def meet(self, inviter: Actor, joiner: Actor, role: Role) -> None:
        """A whole meeting that goes well."""
        inviter.do(ev.Invite(joiner.name, role))
        code = inviter.heard("meeting_code")[-1].facts
        joiner.do(ev.Join(inviter.name, code["code"], code["relay"]))
        for _ in range(6):
            inviter.do(ev.Look())
            joiner.do(ev.Look())
        assert inviter.heard("meeting_compare")[-1].facts["words"] == joiner.heard("meeting_compare")[-1].facts["words"]
        inviter.do(ev.SameWords())
        joiner.do(ev.SameWords())
        inviter.do(ev.Look())
        joiner.do(ev.Look())
        assert inviter.device.meeting is None
        assert joiner.device.meeting is None

    def beat(self, *actors: Actor, rounds: int = 1, every: int = 10) -> None:
        for _ in range(rounds):
            self.now += every
            for actor in actors:
                actor.do(ev.SendNow())
