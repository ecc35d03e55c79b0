"""The introduction: two who share a neighbour come to know each other through it, and compare words later.

Does        says who may introduce whom, what the letters say, and how far each of the three has come.
Does not    agree on keys: the meeting does.  Write letters: `introducing` does.
Spec        spec/32-introduction.md
Always      1. Nobody is introduced whose owner did not agree.  2. Every no is the same bytes, whatever the reason.
Read first  INTRODUCES, PASSES, Offer, Frame.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.agreeing import agree, relation_of, take_consent
from tercet.core.cell import COMPLEMENT, Role
from tercet.core.days import DAY
from tercet.core.exchange import greet, take_said
from tercet.core.fields import Key, Malformed, Ref, Version1, decode
from tercet.core.hello import Consent, FrameKind, consent_sealed, open_consent, parse_hello
from tercet.core.knock import Chance
from tercet.core.meeting import Here, Meeting, Stage
from tercet.core.relation import Relation

LIFETIME: Final = 30 * DAY  # seconds; an introduction without an answer is over then
PATIENCE: Final = 90 * DAY  # seconds; once both have answered, for the last frames to come through
DECLINE_WITHIN: Final = 2 * DAY  # seconds; a no that no owner said goes out at a moment drawn within this
CONSENT_SEALED: Final = 640  # bytes of a sealed consent
PART_MOST: Final = 2_048  # bytes of a hello, a key frame or a sealed consent

# What two neighbours are to who introduces them -> what the first will be to the second.
INTRODUCES: Final = MappingProxyType(
    {
        (Role.LINK, Role.PARTNER): Role.LINK,
        (Role.DESK, Role.PARTNER): Role.DESK,
        (Role.BELOW, Role.BELOW): Role.PARTNER,
        (Role.FOUNDER, Role.FOUNDER): Role.PARTNER,
    }
)
# Which offers make sense: what the introducer is to the reader, what the other would be, the reader's side.
FITTING: Final = frozenset(
    fitting
    for (first, second), role in INTRODUCES.items()
    for fitting in ((COMPLEMENT[first], COMPLEMENT[role], 0), (COMPLEMENT[second], role, 1))
)


class Said(StrEnum):
    """What a frame of an introduction says."""

    HELLO = "hello"
    ANSWER = "answer"
    KEY = "key"
    CONSENT = "consent"
    NO = "no"


# Which side says it (a no: either), and of how many parts it is made.
SAYS: Final = MappingProxyType(
    {Said.HELLO: (0, 1), Said.ANSWER: (1, 2), Said.KEY: (0, 2), Said.CONSENT: (1, 1), Said.NO: (None, 0)}
)


class Way(StrEnum):
    """How far an introduction has come, as its introducer sees it."""

    ASKED = "asked"
    GREETED = "greeted"
    ANSWERED = "answered"
    KEYED = "keyed"
    DONE = "done"
    OVER = "over"


PASSES: Final = MappingProxyType(
    {
        (Way.ASKED, Said.HELLO): Way.GREETED,
        (Way.GREETED, Said.ANSWER): Way.ANSWERED,
        (Way.ANSWERED, Said.KEY): Way.KEYED,
        (Way.KEYED, Said.CONSENT): Way.DONE,
    }
    | {(way, Said.NO): Way.OVER for way in (Way.ASKED, Way.GREETED, Way.ANSWERED, Way.KEYED)}
)


class Offer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From who introduces to each of the two.

    Attributes:
        version: 1.
        id: 16 random bytes.
        shared: r, 32 random bytes; the introducer knows it.
        side: the reader's, 0 or 1.
        role: what the other would be to the reader.
    """

    version: Version1
    id: Ref
    shared: Key
    side: Annotated[int, msgspec.Meta(ge=0, le=1)]
    role: Role


class Frame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From one of the two to the other; the introducer passes it on as it came.

    Attributes:
        version: 1.
        id: of the offer.
        said: what it says.
        parts: hello, key frame or sealed consent, up to 2,048 bytes each, as many as `SAYS` says.
    """

    version: Version1
    id: Ref
    said: Said
    parts: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(min_length=1, max_length=PART_MOST)], ...], msgspec.Meta(max_length=2)
    ]


def parse_offer(body: bytes) -> Offer:
    """The offer in a letter of kind 9.

    Raises:
        Malformed: it is none.
    """
    return decode(body, Offer)


def parse_frame(body: bytes) -> Frame:
    """The frame in a letter of kind 10.

    Raises:
        Malformed: it is none, or has parts too many or too few.
    """
    frame = decode(body, Frame)
    if len(frame.parts) != SAYS[frame.said][1]:
        raise Malformed
    return frame


class Bringing(msgspec.Struct, frozen=True, array_like=True):
    """An introduction that our owner makes.

    Attributes:
        id: 16 bytes.
        pair: ids of the relations of side 0 and side 1, 16 bytes each.
        since: when it began, seconds.
        way: how far it has come.
    """

    id: bytes
    pair: tuple[bytes, bytes]
    since: int
    way: Way = Way.ASKED

    def passed(self, relation: bytes, frame: Frame) -> Bringing | None:
        """The state after a frame that came from a relation is passed on; none if it is not for now."""
        if frame.id != self.id or relation not in self.pair:
            return None
        after = PASSES.get((self.way, frame.said))
        if after is None or SAYS[frame.said][0] not in (None, self.pair.index(relation)):
            return None
        return msgspec.structs.replace(self, way=after)

    def late(self, now: int) -> bool:
        """Whether its time is over."""
        answered = self.way in (Way.ANSWERED, Way.KEYED)
        return abs(now - self.since) >= (PATIENCE if answered else LIFETIME)


class Brought(msgspec.Struct, frozen=True, array_like=True):
    """An introduction in which our owner is one of the two.

    Attributes:
        id: 16 bytes.
        by: id of the relation with who introduces, 16 bytes.
        since: when the offer came, seconds.
        side: ours.
        role: what the other would be to us.
        shared: r, 32 bytes.
        early: their hello, if it came before our owner's word; else empty.
        meeting: from our owner's yes on.
    """

    id: bytes
    by: bytes
    since: int
    side: int
    role: Role
    shared: bytes
    early: bytes = b""
    meeting: Meeting | None = None

    @property
    def bound(self) -> bool:
        """Whether we have said yes in a way that cannot be taken back: the other may have kept the relation."""
        return self.meeting is not None and self.meeting.stage is Stage.CONFIRMING

    def late(self, now: int) -> bool:
        """Whether its time is over."""
        return abs(now - self.since) >= (PATIENCE if self.bound else LIFETIME)

    def agreed(self, name: str, now: int, here: Here, chance: Chance) -> Step:
        """Our owner agrees, and says by which word the other is to be called."""
        meeting = Meeting(Stage.GREETING, self.side, name, COMPLEMENT[self.role], now, "", "", shared=self.shared)
        if self.side == 0:
            meeting = greet(meeting, COMPLEMENT[self.role], here, chance)
            return self._with(meeting), (Said.HELLO, (meeting.ours,))
        brought = self._with(meeting)
        return brought.heard(Said.HELLO, (self.early,), here, chance) if self.early else (brought, None)

    def heard(self, said: Said, parts: tuple[bytes, ...], here: Here, chance: Chance) -> Step:
        """Take in what the other said; what is not for now changes nothing.

        Raises:
            Malformed, CannotOpen: it is for now and is not what it says.
        """
        if SAYS[said][0] == self.side:
            return self, None
        meeting = self.meeting
        if meeting is None:
            if said is not Said.HELLO or self.early:
                return self, None
            return msgspec.structs.replace(self, early=parts[0]), None
        if (meeting.stage, said) == (Stage.GREETING, Said.HELLO):
            meeting = self._greeted(meeting, parts[0], here, chance)
            if meeting.stage is Stage.FAILED:
                return self._with(meeting), None
            return self._with(meeting), (Said.ANSWER, (meeting.ours, meeting.our_key))
        if (meeting.stage, said) == (Stage.GREETING, Said.ANSWER):
            return self._answered(meeting, parts, here, chance)
        if (meeting.stage, said) == (Stage.KEYING, Said.KEY):
            return self._keyed(meeting, parts, here, chance)
        if (meeting.stage, said) == (Stage.CONFIRMING, Said.CONSENT):
            return self._with(take_consent(meeting, open_consent(meeting.root, 1, parts[0]))), None
        return self, None

    def _greeted(self, meeting: Meeting, hello: bytes, here: Here, chance: Chance) -> Meeting:
        if parse_hello(hello, 1 - self.side).network is None:
            raise Malformed
        return take_said(meeting, FrameKind.HELLO, hello, here, chance)[0]

    def _answered(self, meeting: Meeting, parts: tuple[bytes, ...], here: Here, chance: Chance) -> Step:
        """Side 0 has their hello and key frame: send ours, and our yes with it."""
        meeting = self._greeted(meeting, parts[0], here, chance)
        if meeting.stage is Stage.FAILED:
            return self._with(meeting), None
        meeting, _ = take_said(meeting, FrameKind.KEY, parts[1], here, chance)
        meeting, consent = agree(meeting, None, here.cell, chance)
        return self._with(meeting), (Said.KEY, (meeting.our_key, _sealed(meeting, consent, chance)))

    def _keyed(self, meeting: Meeting, parts: tuple[bytes, ...], here: Here, chance: Chance) -> Step:
        """Side 1 has their key frame and their yes: keep the relation."""
        meeting, _ = take_said(meeting, FrameKind.KEY, parts[0], here, chance)
        meeting, consent = agree(meeting, None, here.cell, chance)
        meeting = take_consent(meeting, open_consent(meeting.root, 0, parts[1]))
        return self._with(meeting), (Said.CONSENT, (_sealed(meeting, consent, chance),))

    def _with(self, meeting: Meeting) -> Brought:
        return msgspec.structs.replace(self, meeting=meeting, early=b"")


Step = tuple[Brought, tuple[Said, tuple[bytes, ...]] | None]


class Declined(msgspec.Struct, frozen=True, array_like=True):
    """An offer that the device declines by itself, at a moment drawn by chance, seconds; `by` is a relation's id."""

    id: bytes
    by: bytes
    at: int


class Coming(msgspec.Struct, frozen=True):
    """What somebody will be to us, and our owner's word for them."""

    role: Role
    name: str


class Introductions(msgspec.Struct, frozen=True, array_like=True):
    """All that a device knows of introductions: one it makes, one it is in, and what it is about to decline."""

    bringing: Bringing | None = None
    brought: Brought | None = None
    declined: tuple[Declined, ...] = ()

    @property
    def coming(self) -> Coming | None:
        """Whom the owner agreed to be introduced to; none if there is nobody."""
        if self.brought is None or self.brought.meeting is None:
            return None
        return Coming(self.brought.role, self.brought.meeting.name)


def introduced(brought: Brought) -> Relation:
    """The relation that an introduction made: not met, with what the words stand for."""
    if brought.meeting is None:
        raise Malformed
    relation = relation_of(brought.meeting)
    return msgspec.structs.replace(relation, met=False, likeness=brought.meeting.likeness)


def _sealed(meeting: Meeting, consent: Consent, chance: Chance) -> bytes:
    return consent_sealed(meeting.root, meeting.side, consent, CONSENT_SEALED, chance)
