"""What the archive keeps and what it shows: records, summaries, failures.

Does        gives every record its fields and bounds, and parses what was opened.
Does not    seal, or touch a disk.
Spec        spec/81-archive.md, 3 and 8
Always      1. No record holds a token or the secret of a conversation.
Read first  FiledReport, CaseSummary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.content import MEDIA_MOST, REPORT_TEXT, MediaKind, MediaRef, Place
from tercet.core.fields import Day, Number, Ref, Seconds
from tercet.core.tokens import Standing

WORD_MOST: Final = 4_096  # characters of a letter; no more fit into a frame

HINTS: Final = MappingProxyType(
    {
        "archive_damaged": "This part of the archive is damaged: ask its reporter to send it again.",
        "archive_disk": "The archive could not be read or written: check its folder, the disk and its permissions.",
        "archive_disk_full": "The disk of the archive is full: make room, and what waits will be filed by itself.",
        "archive_incomplete": "Parts of this file have not arrived yet: wait for them, or look at the list.",
        "archive_unknown_file": "This report has no such file: look at the list for its files.",
        "archive_unknown_report": "The archive has no such report: look at the list for its number.",
    }
)


class ArchiveError(Exception):
    """The archive could not do what was asked; what was to be filed counts as not filed.

    Attributes:
        code: one of the keys of `HINTS`, for programs.
        hint: one sentence for a person.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]


class FiledReport(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """A report as the archive keeps it: without its tokens and without the secret of its conversation.

    Attributes:
        id: 16 bytes, the case.
        number: 1, 2, 3…; above a million if its own was given to another after a crash.
        came: when it was filed, seconds since 1970, UTC.
        day: the sender's day.
        claim: hash of a claim key, 32 bytes, or empty.
        text: what the reporter wrote.
        place: or none.
        happened: seconds, or none.
        media: files, with the keys that open their blocks.
        standing: what its report token said.
        witness: whether it brought a good witness token.
        event: the number of a report about the same event; 0 for none. What is in one event, `same` says.
    """

    id: Ref
    number: Number
    came: Seconds
    day: Day
    claim: Annotated[bytes, msgspec.Meta(max_length=32)]
    text: Annotated[str, msgspec.Meta(max_length=REPORT_TEXT)]
    place: Place | None
    happened: Seconds | None
    media: Annotated[tuple[MediaRef, ...], msgspec.Meta(max_length=2 * MEDIA_MOST)]
    standing: Standing = Standing.UNTOLD
    witness: bool = False
    event: Number = 0


class FiledWord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """A letter of a conversation.

    Attributes:
        id: 16 bytes, the case.
        ours: whether the desk wrote it.
        number: of the letter, in its direction.
        came: when it was filed, seconds since 1970, UTC.
        text: as written.
    """

    id: Ref
    ours: bool
    number: Number
    came: Seconds
    text: Annotated[str, msgspec.Meta(max_length=WORD_MOST)]


@dataclass(frozen=True)
class MediaSummary:
    """A file in a list: what was announced, how many `blocks` it has and how many are `here`."""

    kind: MediaKind
    form: str
    size: int
    sha256: bytes
    blocks: int
    here: int


@dataclass(frozen=True)
class PlaceSummary:
    """A place: its precision, degrees north and east (none for a district), and its name."""

    precision: str
    latitude: float | None
    longitude: float | None
    name: str


@dataclass(frozen=True)
class Word:
    """A letter of a conversation in a list: whether the desk wrote it, its number, when it was filed, its text."""

    ours: bool
    number: int
    came: int
    text: str


@dataclass(frozen=True)
class CaseSummary:
    """A report in a list.

    Attributes:
        number: as filed; 0 if damaged.
        id: 16 bytes; empty if damaged.
        came: seconds since 1970, UTC.
        text: what the reporter wrote.
        place: or none.
        happened: seconds, or none.
        media: files in the report's order.
        damaged: a record that does not open, a report or a word; nothing else is known of it.
        standing: what its report token said.
        witness: whether it brought a good witness token.
        event: the number of the report by which the desk calls the event that it is in; 0 for none.
        letters: how many its conversation has.
        last: who wrote the last of these: `desk`, `reporter`, or nobody, empty.
    """

    number: int
    id: bytes
    came: int
    text: str
    place: PlaceSummary | None
    happened: int | None
    media: tuple[MediaSummary, ...]
    damaged: bool = False
    standing: Standing = Standing.UNTOLD
    witness: bool = False
    event: int = 0
    letters: int = 0
    last: str = ""


Record = FiledReport | FiledWord
_RECORDS: Final = msgspec.msgpack.Decoder(Record)


def parse_record(plain: bytes) -> Record:
    """The record in opened bytes.

    Raises:
        ArchiveError: `archive_damaged`, it is none.
    """
    try:
        record: Record = _RECORDS.decode(plain)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ArchiveError("archive_damaged") from None
    return record


def place_summary(place: Place | None) -> PlaceSummary | None:
    """A place in degrees."""
    if place is None:
        return None
    latitude, longitude = (None if part is None else part / 100_000 for part in (place.latitude, place.longitude))
    return PlaceSummary(place.precision, latitude, longitude, place.name)


def as_held(words: Iterable[FiledWord]) -> list[FiledWord]:
    """Letters in the order in which they were written and read; one direction keeps its numbers' order."""
    words, at = list(words), dict[tuple[bool, int], int]()
    latest = {False: 0, True: 0}
    for word in sorted(words, key=lambda w: w.number):
        latest[word.ours] = max(latest[word.ours], word.came)
        at[word.ours, word.number] = latest[word.ours]
    return sorted(words, key=lambda w: (at[w.ours, w.number], w.ours, w.number))
