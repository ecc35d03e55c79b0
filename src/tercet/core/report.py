"""A report: one frame that goes straight to the desk, and the files that follow it.

Does        builds, seals and parses reports; keeps what a member still owes the desk.
Does not    read files, and after sealing cannot open what it sealed.
Spec        spec/50-report.md
Always      1. A sealed report opens only with the desk's key of its week.
            2. A media key is used for one block and then replaced by the next.
Read first  ReportContent, Report, MediaSend.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Final

import msgspec

from tercet.core.adoption import COMMITMENT, COMMITMENTS, parse_call
from tercet.core.burning import POINT, line_through
from tercet.core.chain import Lane, lane_of
from tercet.core.channel import Channel, Letter
from tercet.core.days import last_day_of, week_of
from tercet.core.errors import Refusal
from tercet.core.fields import Day, Key, Malformed, Number, Ref, Seconds, Version1, decode, encode
from tercet.core.relation import Note
from tercet.core.tokens import parse_request
from tercet.sealing import (
    BLOCK_DATA,
    ENVELOPE_OVERHEAD,
    FRAME,
    FRAME_CONTENT,
    HPKE_OVERHEAD,
    CannotOpen,
    derive,
    open_envelope,
    open_sealed,
    open_with,
    put_in_envelope,
    seal,
    seal_to,
)

SALT: Final = 16  # bytes in an envelope, fresh at each put: with them alone the box of its answer is found
SEALED: Final = FRAME_CONTENT - 2 - SALT - ENVELOPE_OVERHEAD  # 3,989 bytes in an envelope; 2 name its week key
REPORT_PLAIN: Final = SEALED - 2 - HPKE_OVERHEAD  # 2,851 bytes beneath HPKE; 2 name the week key
TOKEN_SIZE: Final = 296  # bytes reserved for a report token and for a witness token each
REPORT_TEXT: Final = 1_850  # bytes; with one photo, a place and both tokens still to come, it fits
MEDIA_MOST: Final = 4  # files in a report
PLACE_NAME: Final = 120  # bytes
RESEND_MOST: Final = 8  # blocks asked for in one letter
KEYS_KEPT: Final = 45  # days after the end of their week; a desk's private keys then die
WORD_TEXT: Final = 2_700  # bytes of a reporter's letter in an answer to the desk
NOBODY: Final = bytes(16)  # the conversation that a dummy names


class ReportKind(IntEnum):
    """What an intake frame is, beneath its seal."""

    REPORT = 1
    WORD = 2
    DUMMY = 3
    FILLER = 4
    BURN = 5
    CALL = 6
    REQUEST = 7


KINDS: Final = frozenset(ReportKind)


class LetterKind(IntEnum):
    """What the body of a letter is, in relations and conversations."""

    EMPTY = 0
    TEXT = 1
    RECEIPT = 2
    MEDIA_RECEIVED = 3
    MEDIA_BROKEN = 4
    RESEND = 5
    MEDIA_WITHDRAWN = 6
    MIX = 7
    MIX_BACK = 8
    INTRODUCE = 9
    INTRO_FRAME = 10
    WELCOME = 11
    ALARM = 12
    SHARE = 13
    ASK = 14
    BURN = 15
    PAIR = 16
    COMMIT = 17
    ADOPT = 18
    HERE = 19
    NEED = 20
    PERMITS = 21
    REQUEST = 22
    TOKENS = 23
    HEAD = 24
    PASSES = 25


class MediaKind(StrEnum):
    """What a file shows; `travel` is the small copy without metadata that goes ahead of a photo."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    TRAVEL = "travel"


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where, as coarse as the witness chose.

    Attributes:
        precision: `exact`, `1km`, `10km` or `district`.
        latitude: degrees times 100,000, or none for a district.
        longitude: likewise.
        name: words for the place, may be empty.
    """

    precision: Annotated[str, msgspec.Meta(pattern="^(exact|1km|10km|district)\\Z")]
    latitude: Annotated[int, msgspec.Meta(ge=-9_000_000, le=9_000_000)] | None
    longitude: Annotated[int, msgspec.Meta(ge=-18_000_000, le=18_000_000)] | None
    name: Annotated[str, msgspec.Meta(max_length=PLACE_NAME)]


class MediaRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A file announced in a report.

    Attributes:
        kind: what it is.
        form: file ending without a dot, lower case, such as `jpg`.
        secret: 32 bytes, the key of block 0.
        size: bytes, at least 1.
        sha256: of the whole file.
    """

    kind: MediaKind
    form: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]{1,5}\\Z")]
    secret: Key
    size: Annotated[int, msgspec.Meta(ge=1, le=2**42)]
    sha256: Key

    @property
    def blocks(self) -> int:
        """How many blocks the file takes."""
        return blocks_of(self.size)


class ReportContent(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the desk reads; padded to 2,851 bytes beneath the seal.

    Attributes:
        version: 1.
        kind: `ReportKind`.
        day: the sender's day when it was sealed.
        token: a report token of the day's week, 288 bytes, or empty.
        witness: a witness token of that week, likewise.
        claim: reserved: hash of a claim key, 32 bytes, or empty.
        reply: 32 bytes, the secret of the conversation that follows, and of the boxes for the answers to this frame.
        text: up to 1,850 bytes of UTF-8.
        place: or none.
        happened: when, seconds since 1970, or none.
        media: up to four files and their travel copies.
        reserved: empty.
    """

    version: Version1
    kind: Annotated[int, msgspec.Meta(ge=1, le=1)]
    day: Day
    token: Annotated[bytes, msgspec.Meta(max_length=TOKEN_SIZE)]
    witness: Annotated[bytes, msgspec.Meta(max_length=TOKEN_SIZE)]
    claim: Annotated[bytes, msgspec.Meta(max_length=32)]
    reply: Key
    text: Annotated[str, msgspec.Meta(max_length=REPORT_TEXT)]
    place: Place | None
    happened: Seconds | None
    media: Annotated[tuple[MediaRef, ...], msgspec.Meta(max_length=2 * MEDIA_MOST)]
    reserved: Annotated[bytes, msgspec.Meta(max_length=0)]


class WordContent(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a reporter says in a conversation, or nothing at all; padded like a report.

    Attributes:
        version: 1.
        kind: `ReportKind.WORD`, or `DUMMY`, which the desk only answers, or `FILLER`, which it only lets go, or
            `BURN`, whose letter is two points of a burn line, or `CALL`, whose letter asks for adoption, or
            `REQUEST`, whose letter asks for tokens.
        day: the sender's day when it was sealed.
        back: 32 bytes, the secret of the box for the answer.
        id: of the conversation, 16 bytes; zeros in all but a word.
        letter: the reporter's next letter, or an empty one.
    """

    version: Version1
    kind: Annotated[int, msgspec.Meta(ge=2, le=7)]
    day: Day
    back: Key
    id: Ref
    letter: Letter


class ReportState(StrEnum):
    """What a member sees of a report."""

    WAITING = "waiting"
    LEFT = "left this device"
    RECEIVED = "received by the desk"
    LAPSED = "lapsed: the desk has no key for it any more"


class MediaState(StrEnum):
    """What a member sees of a file."""

    WAITING = "waiting"
    LEFT = "left this device"
    RECEIVED = "received by the desk"
    CHANGED = "stopped: the file changed"
    MISSING = "stopped: the file is gone"
    LAPSED = "stopped: the desk answers no more"


class UnderWay(msgspec.Struct, frozen=True, array_like=True):
    """The one block that is sealed, saved and not yet stored at a relay.

    Attributes:
        ref: 16 random bytes, its name in the vault.
        boxes: ids of its boxes at its two relays, 32 bytes each.
        turn: picks the first relay.
        cover: 32 bytes; the vault keeps the block covered with it, so that what stays on the disk fits nothing.
    """

    ref: bytes
    boxes: tuple[bytes, ...]
    turn: int
    cover: bytes


class MediaSend(msgspec.Struct, frozen=True, array_like=True):
    """A file on its way out.

    Attributes:
        kind: what it is.
        path: where the file lies; empty once the desk has it, and for a travel copy.
        size: bytes.
        sha256: of the first pass; erased with the path.
        key: 32 bytes, of the next block to seal; erased when the last one is sealed.
        index: number of the next block to seal.
        state: what the owner sees.
        under_way: the block being sent, if any.
        again: (index, key) of blocks that the desk asked for once more.
        resent: how many were sent again so far; no more than the file has, and at least three.
    """

    kind: MediaKind
    path: str
    size: int
    sha256: bytes
    key: bytes
    index: int
    state: MediaState = MediaState.WAITING
    under_way: UnderWay | None = None
    again: tuple[tuple[int, bytes], ...] = ()
    resent: int = 0

    @property
    def blocks(self) -> int:
        """How many blocks the file takes."""
        return blocks_of(self.size)


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A report as its sender keeps it: a sealed frame it cannot open, and a conversation.

    Attributes:
        number: 1, 2, 3… on this device.
        made: when, seconds.
        state: what the owner sees.
        sealed: HPKE-sealed content behind its week number; empty once received.
        put: when a relay last stored it, or it lapsed, seconds; 0 for never.
        reply: 32 bytes, where its receipt comes from; empty once received.
        id: of the conversation, 16 bytes.
        channel: the conversation with the desk.
        media: files on their way.
        notes: what the desk wrote.
        asked: when we last gave the desk the chance to speak, seconds; 0 for never.
        used: when something new last came, went or was acknowledged, seconds.
    """

    number: int
    made: int
    state: ReportState
    sealed: bytes
    put: int
    reply: bytes
    id: bytes
    channel: Channel
    media: tuple[MediaSend, ...]
    notes: tuple[Note, ...] = ()
    asked: int = 0
    used: int = 0


class ResendRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The desk asks for lost blocks and gives their keys, which the sender no longer has.

    Attributes:
        media: which file of the report, from 0.
        blocks: (index, key) pairs.
    """

    media: Annotated[int, msgspec.Meta(ge=0, lt=2 * MEDIA_MOST)]
    blocks: Annotated[tuple[tuple[Number, Key], ...], msgspec.Meta(max_length=RESEND_MOST)]


def blocks_of(size: int) -> int:
    """How many blocks a file of `size` bytes takes."""
    return -(-size // BLOCK_DATA)


def seal_content(content: ReportContent, week: int, public: bytes) -> bytes:
    """Seal a report to the desk's key of a week; 3,989 bytes.

    Room for both tokens and the claim is kept free, so that no text that fits today stops fitting later.

    Raises:
        Refusal: `report_long`, text or the whole is too large for one frame; `report_odd`, the desk could not
            read it.
    """
    try:
        plain = encode(content)
        text = content.text.encode()
    except (UnicodeEncodeError, OverflowError):
        raise Refusal("report_odd") from None
    to_come = 2 * (TOKEN_SIZE + 2) + 32 - len(content.token) - len(content.witness) - len(content.claim)
    if len(text) > REPORT_TEXT or len(plain) + to_come >= REPORT_PLAIN:
        raise Refusal("report_long")
    padded = _pad(plain)
    try:
        parse_content(padded, week)
    except Malformed:
        raise Refusal("report_odd") from None
    return _seal(padded, week, public)


def seal_word_content(content: WordContent, week: int, public: bytes) -> bytes:
    """Seal a word or a dummy to the desk's key of a week; 3,989 bytes, as a report."""
    return _seal(_pad(encode(content)), week, public)


def _pad(plain: bytes) -> bytes:
    return plain + b"\x80" + bytes(REPORT_PLAIN - len(plain) - 1)


def _seal(padded: bytes, week: int, public: bytes) -> bytes:
    return week.to_bytes(2, "big") + seal_to(public, padded, _info("report", week))


def open_content(sealed: bytes, seeds: dict[int, bytes]) -> ReportContent | WordContent:
    """Open a sealed report, word or dummy with the desk's week seeds.

    Raises:
        CannotOpen: no key of ours opens it.
        Malformed: it opens and is nothing of this version.
    """
    week = int.from_bytes(sealed[:2], "big")
    if week not in seeds:
        raise CannotOpen
    return parse_content(open_with(seeds[week], sealed[2:], _info("report", week)), week)


def parse_content(padded: bytes, week: int) -> ReportContent | WordContent:
    """The report, word or dummy in opened and still padded bytes.

    Args:
        padded: 2,851 bytes.
        week: of the key it was sealed to; the content's day is one of that week.

    Raises:
        Malformed: it is none.
    """
    plain = padded.rstrip(b"\x00")
    if len(padded) != REPORT_PLAIN or plain[-1:] != b"\x80":
        raise Malformed
    if plain[2:3] != bytes([ReportKind.REPORT]):
        return _parse_word(plain[:-1], week)
    content = decode(plain[:-1], ReportContent)
    secrets = [m.secret for m in content.media]
    if len(content.text.encode()) > REPORT_TEXT or len(set(secrets)) != len(secrets):
        raise Malformed
    if week_of(content.day) != week or not _sound(content.place):
        raise Malformed
    return content


def _parse_word(plain: bytes, week: int) -> WordContent:
    content = decode(plain, WordContent)
    if content.kind not in KINDS:
        raise Malformed
    dummy = content.kind != ReportKind.WORD
    if week_of(content.day) != week or dummy != (content.id == NOBODY) or (dummy and content.letter.number):
        raise Malformed
    if content.kind == ReportKind.BURN:
        parse_burn(content.letter)
    if content.kind == ReportKind.CALL:
        if content.letter.kind != LetterKind.ADOPT:
            raise Malformed
        parse_call(content.letter.body)
    if content.kind == ReportKind.REQUEST:
        if content.letter.kind != LetterKind.REQUEST:
            raise Malformed
        parse_request(content.letter.body)
    return content


def parse_burn(letter: Letter) -> tuple[tuple[bytes, bytes], tuple[bytes, ...]]:
    """The two points in a burn's letter, and three commitments, 64 bytes each.

    Returns:
        The points, the smaller first; the commitments of the pair below, the smaller first, then the burned one's own.

    Raises:
        Malformed: there are no two points with a line and three commitments, or of a pair the larger comes first.

    Source: spec/33-burn.md, 9.
    """
    first, second, rest = letter.body[:POINT], letter.body[POINT : 2 * POINT], letter.body[2 * POINT :]
    line_through(first, second)
    commitments = rest[:COMMITMENT], rest[COMMITMENT : 2 * COMMITMENT], rest[2 * COMMITMENT :]
    if letter.kind != LetterKind.BURN or first > second or len(rest) != (COMMITMENTS + 1) * COMMITMENT:
        raise Malformed
    if not commitments[0] < commitments[1]:
        raise Malformed
    return (first, second), commitments


def _sound(place: Place | None) -> bool:
    """Whether a place says what its precision lets it say: a district never has coordinates."""
    if place is None:
        return True
    if len(place.name.encode()) > PLACE_NAME or (place.latitude is None) != (place.longitude is None):
        return False
    grid = place.latitude is not None
    return {"district": not grid, "1km": grid, "10km": grid}.get(place.precision, True)


def lapses(sealed: bytes) -> int:
    """The first day on which the desk has no key any more for a sealed report."""
    return last_day_of(int.from_bytes(sealed[:2], "big")) + KEYS_KEPT + 1


def wrap(lane: Lane, sealed: bytes, week: int, public: bytes, nonce: bytes, salt: bytes) -> bytes:
    """The frame that travels: an envelope to the desk under the network's outer key of the day.

    The same report put again is another item, and in another envelope, as a dummy would be: so who holds a card of the
    network cannot tell either.

    Args:
        lane: an intake lane of the day.
        sealed: 3,989 bytes, of whatever week.
        week: of the key that is in use when it is put, not of the one it was sealed with.
        public: that key, 1,216 bytes.
        nonce: 24 fresh random bytes.
        salt: 16 fresh random bytes, for the box of the answer; nobody keeps them.
    """
    envelope = put_in_envelope(public, salt + sealed, _info("envelope", week))
    return seal(lane.key, week.to_bytes(2, "big") + envelope, FRAME, nonce)


def unwrap(lane: Lane, frame: bytes, seeds: dict[int, bytes]) -> tuple[bytes, bytes]:
    """Take an intake frame out of the outer layer and its envelope, with the desk's week seeds.

    Returns:
        The salt of its answer, 16 bytes, and what was sealed, 3,989 bytes.

    Raises:
        CannotOpen: it is not from this network, not of that day, or in no envelope that a key of ours opens.
    """
    content = open_sealed(lane.key, frame)
    week = int.from_bytes(content[:2], "big")
    if week not in seeds:
        raise CannotOpen
    inside = open_envelope(seeds[week], content[2:], _info("envelope", week))
    return inside[:SALT], inside[SALT:]


def conversation_id(reply: bytes) -> bytes:
    """What the desk calls a report and its conversation: 16 bytes."""
    return derive(reply, "conversation id", length=16)


def return_lane(root: bytes) -> Lane:
    """Where the desk puts its one answer to an intake frame; `root` is `return_root`'s."""
    return lane_of(root, "return", 0)


def return_root(back: bytes, nonce: bytes, salt: bytes) -> bytes:
    """The 32 bytes that the box for an answer and its key come from.

    Args:
        back: the secret in the frame, 32 bytes; of a report, its reply secret.
        nonce: of the frame, 24 bytes: a frame put again has another box for its answer.
        salt: in its envelope, 16 bytes: who has `back` and the frame, but not the desk's key, finds no box.
    """
    return derive(back, "return root", nonce, salt)


def _info(purpose: str, week: int) -> bytes:
    return b"tercet/1 " + purpose.encode() + week.to_bytes(4, "big")
