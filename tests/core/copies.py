"""A silent copy of a device, and two honest ones that go on: what can the copy still read?

Does        runs two partners on covered beats, records all that ever lay at the relays, and lets copies follow it.
Does not    know how the code makes a chain: it derives by the spec.
Spec        spec/42-mixing.md, 1
Always      1. A copy is given every letter's text, as if Olm were broken for it: only the mixing is on trial.
Read first  Watched, last_read().
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import relation as relations
from tercet.core.board import BoardView
from tercet.core.channel import Letter, LetterKind
from tercet.core.fields import decode
from tercet.core.relation import Relation
from tercet.core.state import Device, load, save
from tercet.sealing import CannotOpen, olm_encrypt, open_with

from .scenes import DAY, SECOND_RELAY, founders, relation
from .stage import RELAY, Actor, Stage


def derived(secret: bytes, label: str, *context: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 of spec/20-sealing.md, 3, from `hmac` alone."""
    info = b"tercet/1 " + label.encode() + b"".join(len(c).to_bytes(4, "big") + c for c in context)
    key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")[:length]


def mixed(base: bytes, inviters: bytes, others: bytes, number: int, day: int) -> tuple[bytes, bytes]:
    """The root and the next base of a mix, by hand: spec/42-mixing.md, 2."""
    where = number.to_bytes(8, "big"), day.to_bytes(4, "big")
    secret = derived(base, "mix", inviters, others, *where)
    return derived(secret, "mixed root"), derived(secret, "mix base")


def ids_on(root: bytes) -> Iterator[bytes]:
    """The four box ids of a day's root: two directions, two places."""
    for direction in (b"\0\0", b"\0\1"):
        for place in (b"\0", b"\1"):
            ack = derived(root, "relation box", direction, place)
            read = hashlib.blake2b(ack, digest_size=32, person=b"tercet read").digest()
            yield hashlib.blake2b(read, digest_size=32, person=b"tercet box").digest()


@dataclass
class Watched:
    """Two partners who only beat, and what can be seen of them.

    Attributes:
        put: when each frame was put, into which boxes, and the letter in it if Olm were broken.
        copies: when a state was saved, and the state's bytes.
    """

    stage: Stage
    first: Actor
    second: Actor
    put: list[tuple[int, tuple[bytes, ...], Letter | None]] = field(default_factory=list)
    copies: list[tuple[int, bytes]] = field(default_factory=list)

    def beat(self, days: float, pace: int = 3_600) -> None:
        """Let both beat under cover for so many days, every `pace` seconds."""
        for _ in range(int(days * DAY) // pace):
            self.stage.now += pace
            for actor in (self.first, self.second):
                actor.do(ev.Beat(float(pace)))


def watched(monkeypatch: object = None) -> Watched:
    """Two partners with nobody else, watched from now on."""
    stage, _, first, second = founders((RELAY, SECOND_RELAY))
    scene = Watched(stage, first, second)
    known: dict[bytes, Letter] = {}

    def told(session: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        after, message = olm_encrypt(session, plaintext)
        if plaintext:
            known[message] = decode(plaintext, Letter)
        return after, message

    if monkeypatch is not None:
        monkeypatch.setattr(relations, "olm_encrypt", told)  # type: ignore[attr-defined]
    for actor, other in ((first, "second"), (second, "first")):
        actor.device = msgspec.structs.replace(actor.device, relations=(relation(actor, other),), board=BoardView())
        actor.before_act = _watch(scene, actor, known)
    return scene


def _watch(scene: Watched, actor: Actor, known: dict[bytes, Letter]) -> object:
    def before_act(effect: fx.Effect) -> bool:
        if isinstance(effect, fx.ReadBox) and effect.posted:
            return False  # they read no board, so all their frames go to each other
        if isinstance(effect, fx.PutItem):
            held = actor.device.relations[0].held[1:] if effect.ref else b""
            boxes = tuple(box for _, box in effect.places)
            scene.put.append((scene.stage.now, boxes, known.get(held)))
        scene.copies.append((scene.stage.now, save(actor.device)))
        return True

    return before_act


class Copy:
    """What somebody who holds a device's state can know.

    Args:
        holder: the relation as it was copied.
        until: the last day that matters.
    """

    def __init__(self, holder: Relation, until: int) -> None:
        self.name = holder.id
        self.until = until
        self.boxes: set[bytes] = set()
        self.bases = {holder.mix.base or holder.id, holder.mix.coming} - {b""}
        self.seed = holder.mix.seed
        self.asked: dict[int, bytes] = {}
        for chain in (holder.chain, *(later.chain for later in holder.mix.later)):
            self.follow(chain.day, chain.root)
        for waiting in holder.channel.waiting:
            self.learn(Letter(1, waiting.number, 0, 0, 0, waiting.kind, waiting.body))

    def follow(self, day: int, root: bytes) -> None:
        for _ in range(day, self.until + 1):
            self.boxes.update(ids_on(root))
            root = derived(root, "next day")

    def learn(self, letter: Letter) -> None:
        """Whatever a letter of a mix tells somebody who can read it."""
        if letter.kind == LetterKind.MIX:
            number, _, secret = msgspec.msgpack.decode(letter.body)
            self.asked[number] = secret
        if letter.kind == LetterKind.MIX_BACK:
            number, day, sealed = msgspec.msgpack.decode(letter.body)
            others = self.opened(number, sealed)
            if others is not None and number in self.asked:
                for base in tuple(self.bases):
                    root, coming = mixed(base, self.asked[number], others, number, day)
                    self.bases.add(coming)
                    self.follow(day, root)

    def opened(self, number: int, sealed: bytes) -> bytes | None:
        if not sealed[32:].strip(b"\0"):  # sealed to nobody: the fault of one test
            return sealed[:32]
        try:
            return open_with(self.seed, sealed, b"mix" + self.name + number.to_bytes(8, "big")) if self.seed else None
        except CannotOpen:
            return None


def last_read(scene: Watched, at: int, holder: Relation) -> int:
    """When the last frame was put that a copy taken at `at` can find, seconds; `at` for none."""
    copy, last = Copy(holder, scene.stage.now // DAY + 3), at
    for when, boxes, letter in scene.put:
        if when >= at and copy.boxes.intersection(boxes):
            last = when
            if letter is not None:
                copy.learn(letter)
    return last


def copied(scene: Watched) -> list[tuple[int, Relation]]:
    """Each state with other secrets than the one before it, when it was first saved."""
    seen: set[bytes] = set()
    out = []
    for when, data in scene.copies:
        device: Device = load(data)
        (holder,) = device.relations
        mix = msgspec.structs.replace(holder.mix, since=0)
        waiting = tuple(w.body for w in holder.channel.waiting if w.kind in (LetterKind.MIX, LetterKind.MIX_BACK))
        what = msgspec.msgpack.encode((holder.side, holder.chain, mix, waiting))
        if what not in seen:
            seen.add(what)
            out.append((when, holder))
    return out
