"""Small: the smallest network that has every kind of neighbour, brought to the state after dealing by real meetings.

Does        has a desk, two founders and a pair below the first meet, deal shares and read the board; once a process.
Does not    search: `search` does.
Spec        spec/95-lab.md, 13
Always      1. All that is set by hand afterwards is in still().
Read first  found().
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from hashlib import sha256
from types import ModuleType
from typing import Any, Final, NamedTuple

import msgspec

from tercet.core import adoption, burning, chain, content, entry, envelope, publishing, rooted
from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core import relation as relations
from tercet.core.cell import Role
from tercet.core.days import DAY, week_of
from tercet.core.device import step
from tercet.core.fields import decode, encode
from tercet.core.relation import RATCHET_KEY, Relation
from tercet.core.state import Device
from tercet.drop import Ack, Items, MemoryStore, Post, Put, Read
from tercet.sealing import CannotOpen, OlmAccount, digest, kem_public

RELAY: Final = "tercet://relay.example:443/aaaa"
FIRST_DAY: Final = 20_721  # a Friday; nothing here hangs on the day of the week
START: Final = FIRST_DAY * DAY + 3_600  # seconds
NAMES: Final = ("desk", "first", "second", "third", "fourth")
WEEKS: Final = 8  # of keys drawn beyond those that the desk has, so that none are drawn later
NEVER: Final = 10_000  # days, after which mixing would begin
MOST: Final = 2**16  # results of each pure derivation that are remembered
PURE: Final = (
    *((chain, "next_day"), (chain, "lane_of"), (envelope, "open_envelope"), (content, "open_with")),
    *((burning, "line_through"), (entry, "line_through"), (publishing, "line_through"), (rooted, "open_entry")),
    (adoption, "kem_public"),
)


class Founded(NamedTuple):
    """A network at rest.

    Attributes:
        devices: by name; they do not change.
        board: all frames on the board, 4,096 bytes each.
    """

    devices: dict[str, Device]
    board: tuple[bytes, ...]


class _Table:
    """Where all sit: one relay, one clock; every order is carried out at once."""

    def __init__(self) -> None:
        self.now = START
        self.devices = dict.fromkeys(NAMES, Device())
        self.store = MemoryStore()
        self.codes: dict[str, str] = {}
        self._drawn = 0

    def chance(self, count: int) -> bytes:
        self._drawn += 1
        return b"".join(sha256(b"%d %d" % (self._drawn, i)).digest() for i in range(count // 32 + 1))[:count]

    def do(self, name: str, event: ev.Event) -> None:
        queue = [event]
        while queue:
            self.devices[name], effects = step(self.devices[name], queue.pop(0), self.now, self.chance)
            for effect in effects:
                queue += self._act(name, effect)

    def _act(self, name: str, effect: fx.Effect) -> list[ev.Event]:
        if isinstance(effect, fx.Tell) and effect.what == "meeting_code":
            self.codes[name] = effect.facts["code"]
        elif isinstance(effect, fx.PutItem):
            self.store.apply([Put(effect.places[0][1], effect.item)], self.now)
            return [ev.Stored(effect.ref, RELAY)] if effect.ref else []
        elif isinstance(effect, fx.PostItem):
            self.store.apply([Post(effect.post, effect.item)], self.now)
            return [ev.Stored(effect.ref, RELAY)]
        elif isinstance(effect, fx.AckItem):
            self.store.apply([Ack(effect.ack, effect.name)], self.now)
        elif isinstance(effect, fx.ReadBox):
            read = Read(effect.read, 4_096, effect.query.start, effect.limit, effect.posted)
            answer = self.store.apply([read], self.now)[0]
            if isinstance(answer, Items):
                return [ev.Arrived(effect.query, answer.items, answer.more, RELAY)]
        return []

    def meet(self, inviter: str, joiner: str, role: Role) -> None:
        self.do(inviter, ev.Invite(joiner, role))
        self.do(joiner, ev.Join(inviter, self.codes[inviter], RELAY))
        looks: list[ev.Event] = [*[ev.Look()] * 6, ev.SameWords(), ev.Look(), ev.Look()]
        for event in looks:
            for name in (inviter, joiner):
                self.do(name, event)

    def beat(self, rounds: int) -> None:
        for _ in range(rounds):
            self.now += 10
            for name in NAMES:
                self.do(name, ev.SendNow())


@cache
def found() -> Founded:
    """A desk, two founders who are partners, and a pair of partners below the first; all have dealt."""
    table = _Table()
    table.do("desk", ev.SetUpDesk((RELAY,), 1))
    table.do("desk", ev.SendNow())
    table.meet("desk", "first", Role.DESK)
    table.meet("desk", "second", Role.DESK)
    table.meet("first", "second", Role.PARTNER)
    table.meet("first", "third", Role.LINK)
    table.meet("first", "fourth", Role.LINK)
    table.meet("third", "fourth", Role.PARTNER)
    table.beat(8)
    board = tuple(item for _, posted, item in table.store.entries() if posted)
    return Founded({name: still(device) for name, device in table.devices.items()}, board)


def still(device: Device) -> Device:
    """A device as the search begins with it: nobody mixes, the desk has said all for weeks, letters are in the open."""
    quiet = tuple(
        msgspec.structs.replace(r, session=encode(Ratchet()), mix=msgspec.structs.replace(r.mix, since=NEVER * 10))
        for r in device.relations
    )
    office = device.office
    if office is not None:
        week = week_of(FIRST_DAY)
        more = {w: bytes(32) for w in range(week, week + 2 * WEEKS + 1) if w not in office.seeds}
        office = msgspec.structs.replace(office, posts=(), seeds=office.seeds | more, announced=FIRST_DAY + NEVER)
    return msgspec.structs.replace(device, relations=quiet, office=office)


class Ratchet(msgspec.Struct, frozen=True, array_like=True):
    """A ratchet in the open: how many messages were sealed, and which of the other's were opened."""

    sent: int = 0
    opened: tuple[int, ...] = ()


def encrypt(session: bytes, plain: bytes) -> tuple[bytes, bytes]:
    """Do as `olm_encrypt`: each message opens once, whatever comes before or after it."""
    ratchet = decode(session, Ratchet)
    return encode(msgspec.structs.replace(ratchet, sent=ratchet.sent + 1)), message(ratchet.sent, plain)


def message(number: int, plain: bytes) -> bytes:
    """The message of that number, with a letter in the open."""
    return bytes(RATCHET_KEY) + number.to_bytes(2, "big") + plain


def decrypt(session: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """Do as `olm_decrypt`.

    Raises:
        CannotOpen: it was opened before.
    """
    ratchet, number = decode(session, Ratchet), int.from_bytes(sealed[RATCHET_KEY : RATCHET_KEY + 2], "big")
    if number in ratchet.opened:
        raise CannotOpen
    opened = tuple(sorted((*ratchet.opened, number)))
    return encode(msgspec.structs.replace(ratchet, opened=opened)), sealed[RATCHET_KEY + 2 :]


def account() -> OlmAccount:
    """Do as `olm_account`."""
    return OlmAccount(b"account", bytes(32), bytes(32))


def outbound(account: bytes, identity: bytes, one_time: bytes) -> bytes:
    """Do as `olm_outbound`."""
    return encode(Ratchet())


def inbound(account: bytes, identity: bytes, first: bytes) -> tuple[bytes, bytes]:
    """Do as `olm_inbound`."""
    return encode(Ratchet(0, (0,))), b""


def seal_to(public: bytes, plain: bytes, info: bytes) -> bytes:
    """Do as `seal_to` of what an adoption says, in the open: it opens for whom it is sealed to, and no other call."""
    return (plain + digest(public + info)).ljust(adoption.SEALED_PAIR, bytes(1))


def open_with(seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """Do as `open_with`.

    Raises:
        CannotOpen: it is sealed to somebody else, or answers another call.
    """
    if sealed[64:96] != digest(kem_public(seed) + info):
        raise CannotOpen
    return sealed[:64]


@contextmanager
def in_the_open() -> Iterator[None]:
    """Meanwhile, in this process, letters and adoptions are sealed in the open, so that the same step gives the same.

    Their libraries draw chance of their own in a step between neighbours. What gives the same anyway is derived once.
    """
    instead: list[tuple[ModuleType, str, Any]] = [
        (relations, "olm_encrypt", encrypt),
        (relations, "olm_decrypt", decrypt),
        *((adoption, "olm_account", account), (adoption, "olm_outbound", outbound), (adoption, "olm_encrypt", encrypt)),
        *((adoption, "olm_inbound", inbound), (adoption, "seal_to", seal_to), (adoption, "open_with", open_with)),
        *((module, name, lru_cache(MOST)(getattr(module, name))) for module, name in PURE),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in instead]
    try:
        for module, name, new in instead:
            setattr(module, name, new)
        yield
    finally:
        for module, name, old in before:
            setattr(module, name, old)


def neighbour(device: Device, name: str) -> Relation | None:
    """A device's neighbour by its owner's word for it."""
    return next((r for r in device.relations if r.name == name), None)
