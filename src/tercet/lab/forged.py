"""Forged: what one malicious neighbour may put, from the shares and keys that its device holds.

Does        makes frames with points it holds, points it made up, and points it learned.
Does not    break a seal, or guess a line.
Spec        spec/95-lab.md, 13
Always      1. What it needs for a frame is in its device, was sent to it, or is on the board.
Read first  Forger.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

from tercet.core.adoption import COMMITMENT, Call
from tercet.core.burning import POINT, Shares, draw, line_through, point_at, point_of
from tercet.core.cell import Role
from tercet.core.chain import lane
from tercet.core.channel import Letter, LetterKind
from tercet.core.committing import about
from tercet.core.content import WordContent, seal_word_content
from tercet.core.conversation import burn, call
from tercet.core.days import week_of
from tercet.core.envelope import SALT, wrap
from tercet.core.fields import encode
from tercet.core.relation import PLAIN, RATCHET, Relation, wrap_letter
from tercet.lab.frames import Frames, Message
from tercet.lab.small import FIRST_DAY, START, message
from tercet.sealing import KEY, NONCE, kem_public

MADE_UP: Final = draw(b"a line of nobody's" + bytes(14))
NOBODYS: Final = bytes(COMMITMENT), bytes([1] * COMMITMENT), bytes([2] * COMMITMENT)
ITS_NUMBERS: Final = 1_000  # of messages of its ratchet: beyond all that its own device would use


class Forger:
    """A malicious neighbour's hands; `name` is whose device it has."""

    def __init__(self, frames: Frames, name: str) -> None:
        self.frames = frames
        self._name = name
        self._device = frames.devices[name]
        self._made = ITS_NUMBERS

    def at_first(self, about: tuple[str, ...], to: tuple[str, ...], numbers: int) -> list[Message]:
        """What it can put from the beginning.

        Args:
            about: whom owners speak about; letters and burns are made of points of their lines and of no line.
            to: whom it writes to.
            numbers: each letter comes under so many numbers, so that several count, in any order.
        """
        held = self._held(about)
        made_up = point_of(MADE_UP.own), point_of(MADE_UP.link)
        pairs = [(point, made_up[0]) for point in held] + list(combinations(held, 2))
        forged = [self.to_intake(pair) for pair in pairs]
        for relation in (r for r in self._device.relations if r.name in to):
            bodies = [(LetterKind.ASK, point) for point in (*held, made_up[0])]
            bodies += [(LetterKind.SHARE, MADE_UP.link)]
            for number in range(1, numbers + 1):
                forged += [self._letter(relation, number, *each) for each in bodies]
            forged += [self._alarm(relation, point) for point in (*held[:1], made_up[0])]
        return [each for each in forged if each is not None]

    def _held(self, about: tuple[str, ...]) -> list[bytes]:
        """Points that lie in its device: of its neighbours' lines one each, of its own line all that differ."""
        own = [point_of(share) for share in Shares(*self._device.shares)] if self._name in about else []
        return own[:1] + [point_of(r.share) for r in self._device.relations if r.share and r.name in about]

    def honest(self, name: str) -> Message:
        """What the partner of somebody puts about whom two agreed."""
        partner = next(r.name for r in self.frames.devices[name].relations if r.role is Role.PARTNER)
        device, line = self.frames.devices[partner], self.frames.lines[name]
        gone = next(r for r in device.relations if r.name == name)
        return Forger(self.frames, partner).to_intake((point_at(line, 3), point_at(line, 4)), about(device, gone))

    def calls(self) -> list[Message]:
        """Calls for adoption: twice with each secret in its device, and with each commitment as if that were one."""
        known = [r.adoption for r in self._device.relations if r.adoption]
        known += [r.commitment[-KEY:] for r in self._device.relations if r.commitment]
        keys = (bytes([1] * KEY), bytes([2] * KEY))
        return [self._sent(_call(secret, shared)) for secret in known for shared in keys]

    def learned(self, told: Message) -> list[Message]:
        """What it can put besides, once a letter came to it: a neighbour's point beside its own."""
        if told.letter.kind != LetterKind.ASK:
            return []
        own = [point_of(r.share) for r in self._device.relations if r.share]
        whose = [point for point in own if self.frames.whose(point) == self.frames.whose(told.letter.body)]
        return [self.to_intake((point, told.letter.body)) for point in whose]

    def seen(self, line: bytes) -> list[Message]:
        """What it can put besides, once a line was burned: two other points of it."""
        return [self.to_intake((point_at(line, 1), point_at(line, 2)))]

    def to_intake(self, pair: tuple[bytes, ...], along: tuple[bytes, ...] = ()) -> Message:
        """Two points, as a burn that anybody with a card can put.

        Whoever is below somebody sends along what it knows of that one's pair, so that a true commitment comes with a
        burn of nobody, too; others send what is nobody's.
        """
        first, second = pair[0], pair[1]
        line_through(first[:POINT], second[:POINT])
        link = [r for r in self._device.relations if r.role is Role.LINK]
        commitments = along or (about(self._device, link[0]) if link else NOBODYS)
        return self._sent(burn((first, second), commitments, bytes(32), START, FIRST_DAY))

    def _sent(self, content: WordContent) -> Message:
        card, board = self._device.card, self._device.board
        key, named = board.key_for(FIRST_DAY), board.intake_on(FIRST_DAY)
        if card is None or key is None or named is None:
            raise TypeError("not a member")
        sealed = seal_word_content(content, key.week, key.public)
        where = lane(card.chain, FIRST_DAY, "intake", 0)
        frame = wrap(where, sealed, week_of(FIRST_DAY), key.public, bytes(NONCE), bytes(SALT))
        box = self.frames.boxes[named.ids(card.chain.root_on(FIRST_DAY))[0][0]]
        return self._known(self.frames.message(box, self._name, frame))

    def _letter(self, relation: Relation, number: int, kind: LetterKind, body: bytes) -> Message:
        """A numbered letter in its session, which claims that none before it will come any more."""
        at = relation.channel.sent + number
        letter = Letter(1, at, relation.channel.received, at, START, kind, body)
        self._made += 1
        return self._sealed(relation, bytes([RATCHET]) + message(self._made, encode(letter)))

    def _alarm(self, relation: Relation, body: bytes) -> Message:
        letter = Letter(1, 0, relation.channel.received, 1, START, LetterKind.ALARM, body)
        return self._sealed(relation, bytes([PLAIN]) + encode(letter))

    def _sealed(self, relation: Relation, content: bytes) -> Message:
        where, frame = wrap_letter(relation, content, FIRST_DAY, bytes(NONCE))
        return self._known(self.frames.message(self.frames.boxes[where.boxes[0].id], self._name, frame))

    def _known(self, made: Message | None) -> Message:
        if made is None:
            raise TypeError("a frame that says nothing")
        return made


def _call(secret: bytes, shared: bytes) -> WordContent:
    """A call with a secret, and keys of whoever makes it."""
    made = Call(1, secret, shared, kem_public(shared), bytes(KEY), bytes(KEY), b"")
    return call(encode(made), bytes(32), START, FIRST_DAY)
