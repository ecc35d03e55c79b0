"""Content: what an intake frame says to the desk, beneath its seal.

Does        builds, seals, opens and parses reports, words, and what looks like them.
Does not    read files, put anything into an envelope, or keep anything.
Spec        spec/50-report.md
Always      1. What is sealed opens only with the desk's key of its week.  2. All that is sealed is of one size.
Read first  ReportContent, WordContent, parse_content().
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Final

import msgspec

from tercet.core.adoption import COMMITMENT, COMMITMENTS, parse_call
from tercet.core.burning import POINT, line_through
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import last_day_of, week_of
from tercet.core.envelope import SEALED, info_for
from tercet.core.errors import Refusal
from tercet.core.fields import Day, Key, Malformed, Ref, Seconds, Version1, decode, encode
from tercet.core.tokens import parse_request
from tercet.sealing import BLOCK_DATA, HPKE_OVERHEAD, CannotOpen, derive, open_with, seal_to

REPORT_PLAIN: Final = SEALED - 2 - HPKE_OVERHEAD  # 2,851 bytes beneath HPKE; 2 name the week key
TOKEN_SIZE: Final = 296  # bytes reserved for a report token and for a witness token each
REPORT_TEXT: Final = 1_850  # bytes; with one photo, a place and both tokens still to come, it fits
MEDIA_MOST: Final = 4  # files in a report
PLACE_NAME: Final = 120  # bytes
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
    return week.to_bytes(2, "big") + seal_to(public, padded, info_for("report", week))


def open_content(sealed: bytes, seeds: dict[int, bytes]) -> ReportContent | WordContent:
    """Open a sealed report, word or dummy with the desk's week seeds.

    Raises:
        CannotOpen: no key of ours opens it.
        Malformed: it opens and is nothing of this version.
    """
    week = int.from_bytes(sealed[:2], "big")
    if week not in seeds:
        raise CannotOpen
    return parse_content(open_with(seeds[week], sealed[2:], info_for("report", week)), week)


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


def conversation_id(reply: bytes) -> bytes:
    """What the desk calls a report and its conversation: 16 bytes."""
    return derive(reply, "conversation id", length=16)
