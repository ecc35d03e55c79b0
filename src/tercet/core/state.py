"""The state of a device: all that a member or a desk remembers, in one value.

Does        holds it, and turns it into bytes for the vault and back.
Does not    decide or seal.
Spec        spec/00-overview.md, 6
Always      1. What is not in here after a commit is not remembered.
Read first  Device.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.adoption import Calling, Due
from tercet.core.board import BoardView
from tercet.core.bycode import Screen
from tercet.core.card import Card, Relay
from tercet.core.cell import Cell
from tercet.core.chain import DayChain, Lane, relay_order
from tercet.core.channel import Channel
from tercet.core.days import day_of, week_of
from tercet.core.effects import Places
from tercet.core.events import Query
from tercet.core.fields import decode, encode
from tercet.core.introduction import Introductions
from tercet.core.meeting import Meeting
from tercet.core.passes import Held, vouched
from tercet.core.permits import Mint, Trust
from tercet.core.relation import Relation, cell_of
from tercet.core.report import Report

STATE_VERSION: Final = 2
OWNER_MOST: Final = 550_000  # bytes of state beyond which the owner is asked to wait
ARRIVING_MOST: Final = 700_000  # bytes of state beyond which nothing that arrives may add to it
OUTBOX_MOST: Final = 32  # frames of meetings that wait for a relay; the oldest makes room
AHEAD_MOST: Final = 120_000  # bytes that the meaning of the marks of beats drawn ahead may add


class Outgoing(msgspec.Struct, frozen=True, array_like=True):
    """A meeting's frame that the relay has not stored yet.

    Attributes:
        ref: 16 bytes.
        relay: where it goes.
        box: id of its box, 32 bytes.
        item: 4,096 bytes.
        day: on which it was sealed.
    """

    ref: bytes
    relay: str
    box: bytes
    item: bytes
    day: int


class Return(msgspec.Struct, frozen=True, array_like=True):
    """A one-time box in which the desk answers one intake frame.

    Attributes:
        id: 16 random bytes.
        root: 32 bytes; the box and its key come from it.
        owner: number of the report whose conversation it is; 0 for a dummy's.
        made: the day on which the frame was sealed, in seconds.
        known: whether the desk was known to have the report before this frame was put.
        tried: how often it was looked into on purpose.
        asks: whether that frame was the request for tokens that is under way.
    """

    id: bytes
    root: bytes
    owner: int
    made: int
    known: bool = False
    tried: int = 0
    asks: bool = False


class Spent(msgspec.Struct, frozen=True, array_like=True):
    """A nameplate in whose box our offer and refusal lie until `until`; `offer` (33 bytes) tells them as ours."""

    plate: str
    relay: str
    until: int
    offer: bytes


class MediaDue(msgspec.Struct, frozen=True, array_like=True):
    """A file that the desk is receiving.

    Attributes:
        key: 32 bytes, of block `low`.
        low: the first block that is missing.
        have: blocks beyond `low` that are here.
        blocks: how many there are.
        moved: when a block last came or was last asked for, or one was first looked for, seconds; 0 for never.
        state: `coming`, `checking`, `here`, `broken` or `withdrawn`.
    """

    key: bytes
    low: int
    have: tuple[int, ...]
    blocks: int
    moved: int
    state: str = "coming"


class Case(msgspec.Struct, frozen=True, array_like=True):
    """A report at the desk, and the conversation with whoever sent it.

    Attributes:
        id: 16 bytes, from the reply secret.
        number: 1, 2, 3… at this desk.
        channel: what was said.
        media: files on their way, in the report's order.
        used: when something last came or went, seconds.
    """

    id: bytes
    number: int
    channel: Channel
    media: tuple[MediaDue, ...]
    used: int


class BoardPost(msgspec.Struct, frozen=True, array_like=True):
    """What is on the board, the relays that have stored it, and relays that it goes to though they are in use no more.

    Attributes:
        item: a signed entry, of which the frame is made when it travels; or the whole frame of a root document.
        issued: when, seconds.
        stored: relays that have it.
        farewell: relays that are in use no more, and get it all the same.
    """

    item: bytes
    issued: int
    stored: tuple[str, ...] = ()
    farewell: tuple[str, ...] = ()


class Office(msgspec.Struct, frozen=True, array_like=True):
    """What only a desk has.

    Attributes:
        post: 32 bytes; the secrets that let the desk post at each relay come from it.
        signer: 32 bytes, Ed25519 seed of the board key.
        archive: 32 bytes, the key of the desk's archive on disk.
        intake: the desk's own day chain; the intake boxes' secrets come from it and are nobody else's.
        seeds: week number to X-Wing seed (32 bytes), kept 45 days after the week.
        posts: what was put on the board in the last 120 days.
        cases: open conversations.
        opened: how many reports were ever filed.
        seen: week number to ids of reports filed from it; kept as long as the week's key.
        announced: the last day whose intake boxes are on the board.
        drained: shards of the oldest kept day, and where they were found empty since its late days passed.
        roots: signed root documents, the first one first.
        rooted: when they were last put on the board, seconds.
        fresh: 32 bytes, seed of a board key that is to be delegated; empty for none.
        burned: burns of the last 120 days: both points, 128 bytes, and when they were posted.
        due: commitments that came with them.
        adopted: how many were ever adopted.
        mints: of each week its tokens' keys, and what was dealt and spent.
        weekly: for relays (8 bytes of the fingerprint) the secret (32 bytes) of which their passes of a week come.
    """

    post: bytes
    signer: bytes
    archive: bytes
    intake: DayChain
    seeds: dict[int, bytes]
    posts: tuple[BoardPost, ...] = ()
    cases: tuple[Case, ...] = ()
    opened: int = 0
    seen: dict[int, tuple[bytes, ...]] = {}
    announced: int = 0
    drained: tuple[tuple[int, str], ...] = ()
    roots: tuple[bytes, ...] = ()
    rooted: int = 0
    fresh: bytes = b""
    burned: tuple[tuple[bytes, int], ...] = ()
    due: tuple[Due, ...] = ()
    adopted: int = 0
    mints: tuple[Mint, ...] = ()
    weekly: dict[bytes, bytes] = {}


class Ahead(msgspec.Struct, frozen=True, array_like=True):
    """What the marks of beats that were drawn ahead mean; the locked process knows no more than the marks.

    Attributes:
        secret: 32 random bytes that the last locked process has too; empty if there never was one.
        puts: marks (16 bytes) of PUTs whose coming to rest matters, and their refs.
        reads: marks (16 bytes) of READs, each with why it was ordered and the number of its relay.
        relays: addresses.
    """

    secret: bytes = b""
    puts: dict[bytes, bytes] = {}
    reads: dict[bytes, tuple[Query, int]] = {}
    relays: tuple[str, ...] = ()


class Device(msgspec.Struct, frozen=True, array_like=True):
    """A member's or a desk's memory.

    Attributes:
        version: of this layout.
        card: the network, or none before the first meeting.
        relations: neighbours.
        meeting: the one under way, if any.
        spent: plates to tidy up.
        board: what is known of it.
        outbox: frames of meetings, not stored yet.
        reports: the member's.
        reported: how many reports were ever made here.
        confirmed: newest day that both our clock and an authentic message said had begun.
        beats: how many there were.
        rounds: how many frames went round the neighbours in covered beats.
        looked: for each box that is read now and then (8 bytes of its name), the beat at which it last was.
        returns: one-time boxes in which the desk's answers are awaited, oldest first.
        office: a desk's, else none.
        introductions: one it makes, one it is in, and what it is about to decline.
        screen: meetings by codes that are over.
        ahead: what beats drawn ahead for a locked process mean, until it was taken over from.
        shares: of our burn line, 96 bytes each, as `burning.Shares` names them; none before there is a neighbour.
        blank: 32 random bytes, of which commitments of nobody are made; empty before any was handed.
        calling: our call to the desk, since our link was cut out; or none.
        trust: permits and tokens that we hold, and what neighbours below need.
        passes: of this week and those to come, with which we post at relays.
    """

    version: Annotated[int, msgspec.Meta(ge=STATE_VERSION, le=STATE_VERSION)] = STATE_VERSION
    card: Card | None = None
    relations: tuple[Relation, ...] = ()
    meeting: Meeting | None = None
    spent: tuple[Spent, ...] = ()
    board: BoardView = BoardView()
    outbox: tuple[Outgoing, ...] = ()
    reports: tuple[Report, ...] = ()
    reported: int = 0
    confirmed: int = 0
    beats: int = 0
    rounds: int = 0
    looked: dict[bytes, int] = {}
    returns: tuple[Return, ...] = ()
    office: Office | None = None
    introductions: Introductions = Introductions()
    screen: Screen = Screen()
    ahead: Ahead = Ahead()
    shares: tuple[bytes, ...] = ()
    blank: bytes = b""
    calling: Calling | None = None
    trust: Trust = Trust()
    passes: tuple[Held, ...] = ()

    @property
    def vouched(self) -> tuple[Held, ...]:
        """The passes that we show and hand on: the board says that they are everybody's, or cannot have said yet."""
        if not self.passes:
            return ()
        return vouched(self.passes, self.board.passes, week_of(day_of(self.board.issued)))

    @property
    def cell(self) -> Cell:
        """What the cell rule needs to know; who is being introduced, and was accepted, has a place."""
        coming = self.introductions.coming
        return cell_of(self.relations, self.is_desk, self.confirmed, (coming.role,) if coming else ())

    @property
    def names(self) -> frozenset[str]:
        """The owner's words for others that are in use."""
        coming = self.introductions.coming
        return frozenset(r.name for r in self.relations) | ({coming.name} if coming else frozenset())

    @property
    def is_desk(self) -> bool:
        """Whether this is a desk's memory."""
        return self.office is not None

    @property
    def table(self) -> tuple[Relay, ...]:
        """Relays in use: the board's list, else the card's."""
        if self.board.relays is not None:
            return self.board.relays.relays
        return self.card.relays if self.card else ()

    @property
    def relays(self) -> tuple[str, ...]:
        """Their addresses."""
        return tuple(relay.address for relay in self.table)

    @property
    def shards(self) -> int:
        """Intake boxes a day."""
        if self.board.relays is not None:
            return self.board.relays.shards
        return self.card.shards if self.card else 1

    def order(self, turn: int) -> tuple[str, ...]:
        """The two relays of a lane, the first before the one that stands in for it."""
        return relay_order(self.relays, turn)

    def places(self, where: Lane) -> Places:
        """The relays of a lane, and the id of its box at each."""
        return tuple((relay, box.id) for relay, box in zip(self.order(where.turn), where.boxes, strict=False))


def save(device: Device) -> bytes:
    """The bytes that the vault keeps."""
    return encode(device)


def load(data: bytes) -> Device:
    """The device in the vault's bytes; empty bytes are a new device.

    Raises:
        Malformed: not a state of this version.
    """
    if not data:
        return Device()
    return decode(data, Device)


def kept_blocks(device: Device) -> frozenset[bytes]:
    """Refs of all blocks that the state still needs; the vault may forget the rest."""
    return frozenset(m.under_way.ref for r in device.reports for m in r.media if m.under_way)
