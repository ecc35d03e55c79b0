"""Frames: what the frames of a small network mean, to whoever has all its keys.

Does        tells of each frame that a device puts who reads it and what its letter says; names points and lines.
Does not    move anything.
Spec        spec/95-lab.md, 13
Always      1. Frames that mean the same are one.
Read first  Frames.put(), Message.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.board import Burn, body_of, open_entry
from tercet.core.burning import POINT, Shares, line_through, point_of
from tercet.core.chain import lane
from tercet.core.channel import Letter
from tercet.core.fields import Malformed, decode
from tercet.core.relation import RATCHET_KEY, lanes_to_read, parse_plain
from tercet.core.report import LetterKind, WordContent, open_content, unwrap
from tercet.core.state import Device
from tercet.lab.small import FIRST_DAY, RELAY, Founded, found
from tercet.sealing import open_sealed

DAYS_KNOWN: Final = 32  # days of which boxes are known by their ids


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

    def put(self, source: str, effect: fx.Effect) -> Iterator[Put]:
        """What an order of `source` puts; nothing for other orders, and for answers that nobody waits for."""
        if isinstance(effect, fx.PostItem):
            yield Put(effect.ref, None, effect.item)
        if isinstance(effect, fx.PutItem) and (box := self.boxes.get(effect.places[0][1])):
            message = self.message(box, source, effect.item)
            if message is not None:
                yield Put(effect.ref, message)

    def message(self, box: Box, source: str, item: bytes) -> Message | None:
        """What a frame means; none for a letter that says nothing to its reader."""
        event = ev.Arrived(box.query, (item,), False, RELAY)
        if box.query.kind == "intake":
            letter = self._word(box.query.day, item).letter
            text = f"{source} puts to intake {self.called(letter.body)}"
            return Message(box.reader, source, text, event, letter)
        letter = read_letter(open_sealed(box.key, item))
        if not letter.number and not letter.body and letter.ack <= self._sent[box.reader, box.query.id]:
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
        """Whose line a point (64 bytes) or two points are on; empty for nobody's."""
        if len(body) == 2 * POINT:
            line = line_through(body[:POINT], body[POINT:])
            return next((name for name, own in self.lines.items() if own == line), "")
        return self._points.get(body, "").partition("'")[0]

    def called(self, body: bytes) -> str:
        """A body, for people."""
        points = [body[i : i + POINT] for i in range(0, len(body), POINT)]
        return " and ".join(self._points.get(point, f"something {point.hex()[-6:]}") for point in points)

    def _boxes(self) -> Iterator[tuple[bytes, Box]]:
        """All boxes that a network has within the days known, by their ids."""
        for day in range(FIRST_DAY, FIRST_DAY + DAYS_KNOWN):
            for name, device in self.devices.items():
                for relation in device.relations:
                    for number, where in lanes_to_read(relation, day):
                        query = ev.Query("relation", relation.id, day, number)
                        yield where.boxes[0].id, Box(name, relation.name, query, where.key)
            if self.desk.card is not None and self.desk.office is not None:
                boxes = lane(self.desk.office.intake, day, "intake", 0).boxes
                key = lane(self.desk.card.chain, day, "intake", 0).key
                yield boxes[0].id, Box("desk", "", ev.Query("intake", day=day), key)


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
