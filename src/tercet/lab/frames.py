"""Frames: what the frames of a small network mean, to whoever has all its keys.

Does        tells of each frame that a device puts who reads it and what its letter says; names points, lines, secrets.
Does not    move anything.
Spec        spec/95-lab.md, 13
Always      1. Frames that mean the same are one.
Read first  Frames.put(), Message.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import msgspec

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.adoption import COMMITMENT, COMMITMENTS, commitment_of, handed, parse_call
from tercet.core.burning import POINT, Shares, line_through, point_of
from tercet.core.chain import lane
from tercet.core.channel import Letter, LetterKind
from tercet.core.committing import about
from tercet.core.content import WordContent, open_content
from tercet.core.conversation import open_answer
from tercet.core.entry import Burn, body_of, open_entry
from tercet.core.envelope import SALT, return_lane, return_root, unwrap
from tercet.core.fields import Malformed, decode
from tercet.core.relation import RATCHET_KEY, Relation, lanes_to_read, parse_plain
from tercet.core.state import Device, Return
from tercet.lab.small import FIRST_DAY, RELAY, Founded, found
from tercet.sealing import NONCE, digest, open_sealed

DAYS_KNOWN: Final = 32  # days of which boxes are known by their ids
AWAITED: Final = Return(bytes(16), return_root(bytes(32), bytes(NONCE), bytes(SALT)), 0, 0)  # where chance is zeros


class Message(NamedTuple):
    """A frame at a relay.

    Attributes:
        to: whose box it is in.
        source: who put it.
        text: what it means, for people.
        event: how it arrives.
        letter: in it.
    """

    to: str
    source: str
    text: str
    event: ev.Arrived
    letter: Letter


class Put(NamedTuple):
    """What a beat puts: a message, or a frame for the board; `ref` is what it is called until it is stored."""

    ref: bytes
    message: Message | None
    posted: bytes = b""


class Box(NamedTuple):
    """A box of a day: who reads it and writes it, how it is read, its outer key."""

    reader: str
    writer: str
    query: ev.Query
    key: bytes


class Frames:
    """Reads frames, where letters are in the open (`small.in_the_open`)."""

    def __init__(self, founded: Founded) -> None:
        self.desk = founded.devices["desk"]
        self.devices = founded.devices
        self.boxes = dict(self._boxes())
        self.lines = {name: line_of(d) for name, d in founded.devices.items() if d.shares}
        self._points = {
            point_of(share): f"{name}'s {place} point"
            for name, device in founded.devices.items()
            if device.shares
            for place, share in Shares(*device.shares)._asdict().items()
        }
        self._sent = {(name, r.id): r.channel.sent for name, d in founded.devices.items() for r in d.relations}
        self._posted: dict[bytes, bytes] = {}
        self.secrets = {r.adoption: name for name, d in founded.devices.items() for r in d.relations if r.adoption}
        self.adopted: dict[bytes, bytes] = {}  # relation that a desk made -> the secret that was shown
        self.sent_along = self._at_the_desk()  # line -> commitments

    def put(self, source: str, effect: fx.Effect) -> Iterator[Put]:
        """What an order of `source` puts; nothing for other orders, and for answers that nobody waits for."""
        if isinstance(effect, fx.PostItem):
            yield Put(effect.ref, None, effect.item)
        if isinstance(effect, fx.PutItem) and (box := self.boxes.get(effect.places[0][1])):
            message = self.message(box, source, effect.item)
            if message is not None:
                yield Put(effect.ref, message)

    def answered(self, to: str, effect: fx.Effect) -> Iterator[Put]:
        """What the desk answers to a call of `to`; nothing for other orders."""
        where = return_lane(AWAITED.root)
        if isinstance(effect, fx.PutItem) and effect.places[0][1] == where.boxes[0].id:
            letter = open_answer(where, effect.item)
            if letter.kind == LetterKind.ADOPT:
                event = ev.Arrived(ev.Query("return", AWAITED.id), (effect.item,), False, RELAY)
                yield Put(b"", Message(to, "desk", f"desk adopts {to} {mark(letter.body)}", event, letter))

    def message(self, box: Box, source: str, item: bytes) -> Message | None:
        """What a frame means; none for a letter that says nothing to its reader."""
        event = ev.Arrived(box.query, (item,), False, RELAY)
        if box.query.kind == "intake":
            letter = self._word(box.query.day, item).letter
            self._note(letter)
            text = f"{source} puts to intake {self.called(letter.body)}"
            return Message(box.reader, source, text, event, letter)
        letter = read_letter(open_sealed(box.key, item))
        sent = self._sent.get((box.reader, box.query.id), 0)
        if not letter.number and not letter.body and letter.ack <= sent:
            return None
        what = f"{LetterKind(letter.kind).name} {self.called(letter.body)}".strip()
        numbers = f"{letter.number} of {letter.first} on, heard {letter.ack}"
        text = f"{source} to {box.reader}: {what} ({numbers}; {box.query.day}, {letter.written})"
        return Message(box.reader, source, text, event, letter)

    def _word(self, day: int, item: bytes) -> WordContent:
        if self.desk.card is None or self.desk.office is None:
            raise TypeError("not a desk")
        seeds = self.desk.office.seeds
        content = open_content(unwrap(lane(self.desk.card.chain, day, "intake", 0), item, seeds)[1], seeds)
        if not isinstance(content, WordContent):
            raise TypeError("a report")
        return content

    def burned_by(self, posted: bytes) -> bytes:
        """The line (64 bytes) that a frame of the board burns; empty if it burns none."""
        if posted not in self._posted:
            card = self.desk.card
            if card is None:
                raise TypeError("not a desk")
            body = body_of(open_entry(posted, card.board_secret, card.board_key)[0])
            self._posted[posted] = line_through(*body.points) if isinstance(body, Burn) else b""
        return self._posted[posted]

    def whose(self, body: bytes) -> str:
        """Whose line a point (64 bytes) is on, or the two that a burn begins with; empty for nobody's."""
        if len(body) > POINT:
            line = line_through(body[:POINT], body[POINT : 2 * POINT])
            return next((name for name, own in self.lines.items() if own == line), "")
        return self._points.get(body, "").partition("'")[0]

    def called(self, body: bytes) -> str:
        """A body, for people."""
        if len(body) > 5 * POINT:
            return f"a call with {self.secrets.get(parse_call(body).secret, 'nobody')}'s secret, {mark(body)}"
        points = [body[i : i + POINT] for i in range(0, len(body), POINT)]
        return " and ".join(self._points.get(point, f"something {point.hex()[-6:]}") for point in points)

    def _note(self, letter: Letter) -> None:
        """Remember which commitments (64 bytes) were ever sent along with a line (64 bytes)."""
        if letter.kind == LetterKind.BURN:
            points, along = letter.body[: 2 * POINT], letter.body[2 * POINT :]
            line = line_through(points[:POINT], points[POINT:])
            self.sent_along.setdefault(line, set()).update((along[:COMMITMENT], along[COMMITMENT : 2 * COMMITMENT]))

    def came_with(self, secret: bytes) -> set[bytes]:
        """The lines with which a commitment to a secret was ever sent along, or lies at the desk, which may burn."""
        ours = commitment_of(secret)
        return {
            line for line, along in self.sent_along.items() if any(each == handed(ours, each[:32]) for each in along)
        }

    def learn(self, relation: Relation, caller: str, secret: bytes) -> None:
        """A relation that the desk made for whoever called: both sides have boxes, too."""
        if relation.id not in self.adopted:
            self.adopted[relation.id] = secret
            theirs = msgspec.structs.replace(relation, side=1 - relation.side)
            for day in range(max(FIRST_DAY, relation.chain.day), FIRST_DAY + DAYS_KNOWN):
                self.boxes.update(_boxes_on(day, "desk", caller, relation))
                self.boxes.update(_boxes_on(day, caller, "desk", theirs))

    def anew(self) -> Frames:
        """The same, to which nothing that happened is known."""
        new = copy.copy(self)
        new.boxes, new.adopted, new.sent_along = dict(self.boxes), {}, self._at_the_desk()
        return new

    def _at_the_desk(self) -> dict[bytes, set[bytes]]:
        """The commitments that the desk was handed by each neighbour of its own, by that neighbour's line."""
        return {self.lines[r.name]: set(about(self.desk, r)[:COMMITMENTS]) for r in self.desk.relations}

    def _boxes(self) -> Iterator[tuple[bytes, Box]]:
        """All boxes that a network has within the days known, by their ids."""
        for day in range(FIRST_DAY, FIRST_DAY + DAYS_KNOWN):
            for name, device in self.devices.items():
                for relation in device.relations:
                    yield from _boxes_on(day, name, relation.name, relation)
            if self.desk.card is not None and self.desk.office is not None:
                boxes = lane(self.desk.office.intake, day, "intake", 0).boxes
                key = lane(self.desk.card.chain, day, "intake", 0).key
                yield boxes[0].id, Box("desk", "", ev.Query("intake", day=day), key)


def _boxes_on(day: int, name: str, other: str, relation: Relation) -> Iterator[tuple[bytes, Box]]:
    """The boxes of a day in which a neighbour writes to a device."""
    for number, where in lanes_to_read(relation, day):
        yield where.boxes[0].id, Box(name, other, ev.Query("relation", relation.id, day, number), where.key)


def mark(body: bytes) -> str:
    """A few letters that tell a body from others."""
    return digest(body).hex()[:6]


def read_letter(content: bytes) -> Letter:
    """The letter in an opened frame, whichever way it was sealed.

    Raises:
        Malformed: there is none.
    """
    try:
        return decode(content[1 + RATCHET_KEY + 2 :], Letter) if content[0] else parse_plain(content[1:])
    except IndexError:
        raise Malformed from None


def line_of(device: Device) -> bytes:
    """The line that a device's own shares are on, 64 bytes."""
    shares = Shares(*device.shares)
    return line_through(point_of(shares.own), point_of(shares.partner))


@cache
def known() -> Frames:
    """The frames of the network that was founded in this process."""
    return Frames(found())
