"""The desk's archive: what it has received, sealed, in one folder.

Does        files reports, words and blocks durably; lists them, reads them, checks files against their hashes.
Does not    decide what is filed, forget anything, or keep a secret that a conversation still uses.
Spec        spec/81-archive.md
Always      1. What a filing call returned from survives a power cut.
            2. Without the key there are counts, sizes and times.  3. One damaged file spoils nothing else.
Read first  Archive.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from tercet.core.content import MediaRef
from tercet.core.days import week_of
from tercet.core.effects import FileBlock, FileReport, FileWord
from tercet.core.fields import encode
from tercet.desk.disk import Files, Mark
from tercet.desk.records import (
    WORD_MOST,
    ArchiveError,
    CaseSummary,
    FiledReport,
    FiledWord,
    MediaSummary,
    Record,
    Word,
    as_held,
    parse_record,
    place_summary,
)
from tercet.desk.same import Event, events_of, joined, left_without, taken_out
from tercet.sealing import (
    BLOCK,
    BLOCK_DATA,
    KEY,
    NONCE,
    CannotOpen,
    derive,
    next_block_key,
    open_block,
    open_sealed,
    seal,
)

PAGE: Final = 4_096  # bytes; records are sealed to multiples of this
OVERHEAD: Final = 41  # bytes that sealing.seal adds: nonce, tag, end mark
RECORD_MOST: Final = 65_536  # bytes; no record is larger, no file of blocks smaller than four times this
BLOCKS_MOST: Final = -(-(2**42) // BLOCK_DATA)  # blocks of the largest file a report may announce
SPARE_NUMBERS: Final = 1_000_000  # above it lie the numbers of reports whose own was given to another
HEAD: Final = 32  # bytes of a block's place that show whether a block lies there
_NAME: Final = re.compile("[0-9a-f]{64}")
_FRESH: Final = ".new"


class Archive:
    """The archive in one folder.

    One process files at a time; others may read beside it. Reading may happen in another thread.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
        files: Files | None = None,
    ) -> None:
        """Use a folder; it is made, mode 0700, if there is none.

        Args:
            folder: of the archive alone; its parent must exist.
            key: 32 bytes, `Office.archive`.
            entropy: returns as many random bytes as asked for.
            files: the disk; tests bring their own.

        Raises:
            ArchiveError: `archive_disk`, `archive_disk_full`.
            ValueError: the key has not 32 bytes.
        """
        if len(key) != KEY:
            raise ValueError("a key has 32 bytes")
        self.folder = folder
        self._names, self._seals = derive(key, "archive names"), derive(key, "archive records")
        self._entropy, self._files = entropy, files or Files()
        self._lock = threading.RLock()
        self._known: dict[str, tuple[Mark | None, Record | None]] = {}
        self._counts: dict[str, tuple[Mark, int]] = {}
        self._named: set[str] = set()
        self._ready = False
        with _disk():
            self._files.make_folder(folder)

    # ---- filing

    def file_report(self, effect: FileReport) -> None:
        """File a report; durable on return.

        Filed again, the report replaces itself. A number belongs to the report filed last; one that had it before (a
        crash or an older state gave it out twice) moves to a number above a million.

        Raises:
            ArchiveError: `archive_disk`, `archive_disk_full`; the report counts as not filed.

        Source: spec/81-archive.md, 4.
        """
        new = effect.content
        report = FiledReport(
            effect.case,
            effect.number,
            effect.came,
            new.day,
            new.claim,
            new.text,
            new.place,
            new.happened,
            new.media,
            effect.standing,
            effect.witness,
        )
        with self._lock, _disk():
            self._prepare()
            for other in self._reports():
                if other.number == report.number and other.id != report.id:
                    self._move(other, self._spare_number())
            event = next((one.event for one in self._reports() if one.id == report.id), 0)
            self._write(msgspec.structs.replace(report, event=event))

    def same_event(self, first: int, others: tuple[int, ...]) -> Event:
        """Note that reports, and all that are in an event with one of them, are about one; durable on return.

        Args:
            first: number of the report by which the event is called from now on.
            others: numbers.

        Returns:
            The event.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`, `archive_disk_full`.

        Source: spec/81-archive.md, 3a.
        """
        with self._lock, _disk():
            for report in joined(self._among((first, *others)), first, others):
                self._write(report)
            return events_of(self._reports()).get(first, (first,))

    def apart(self, numbers: tuple[int, ...]) -> list[Event]:
        """Take reports out of their events, in which the others stay together; durable on return.

        Returns:
            What is left of these events; of one that is none any more, the one report.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`, `archive_disk_full`.

        Source: spec/81-archive.md, 3a.
        """
        with self._lock, _disk():
            reports = self._among(numbers)
            for report in taken_out(reports, numbers):
                self._write(report)
            return left_without(reports, numbers)

    def _among(self, numbers: tuple[int, ...]) -> list[FiledReport]:
        """All reports, among which there are these."""
        self._prepare()
        reports = self._reports()
        if not set(numbers) <= {report.number for report in reports}:
            raise ArchiveError("archive_unknown_report")
        return reports

    def file_word(self, effect: FileWord) -> None:
        """File a letter; durable on return. Filed again under the same number it replaces itself.

        Raises:
            ArchiveError: `archive_disk`, `archive_disk_full`; the letter counts as not filed.
            ValueError: the text has more than 4,096 characters.
        """
        if len(effect.text) > WORD_MOST:
            raise ValueError("no letter is that long")
        with self._lock, _disk():
            self._prepare()
            self._write(FiledWord(effect.case, effect.ours, effect.number, effect.came, effect.text))

    def file_block(self, effect: FileBlock) -> None:
        """File a block as it came, at its place; durable on return.

        Raises:
            ArchiveError: `archive_disk`, `archive_disk_full`; the block counts as not filed.
            ValueError: not 262,144 bytes, or no file has such a place.
        """
        if len(effect.block) != BLOCK or not 0 <= effect.index < BLOCKS_MOST:
            raise ValueError("a block has 262,144 bytes and a place in its file")
        name = self._media_name(effect.case, effect.media)
        with self._lock, _disk():
            self._counts.pop(name, None)
            handle = self._files.open(self.folder / name)
            try:
                self._put_block(handle, effect.index * BLOCK, effect.block)
            finally:
                self._files.close(handle)
            if name not in self._named:
                self._files.sync_folder(self.folder)
                self._named.add(name)

    def _put_block(self, handle: int, offset: int, block: bytes) -> None:
        end = self._files.size(handle)
        try:
            self._files.write(handle, offset, block)
            self._files.sync(handle)
        except OSError:
            # A block that is half here must not look as if it were here.
            with suppress(OSError):
                if offset >= end:
                    self._files.truncate(handle, end)
                else:
                    self._files.write(handle, offset, bytes(HEAD))
            raise

    def _move(self, report: FiledReport, number: int) -> None:
        """Give a report another number; those that name it as about the same event name it by that."""
        for one in self._reports():
            if one.event == report.number and one.id != report.id:
                self._write(msgspec.structs.replace(one, event=number))
        event = number if report.event == report.number else report.event
        self._write(msgspec.structs.replace(report, number=number, event=event))

    def _spare_number(self) -> int:
        return max(SPARE_NUMBERS, *(report.number for report in self._reports())) + 1

    def _prepare(self) -> None:
        """Before the first filing: learn what is here, and remove what an interrupted one left."""
        if self._ready:
            return
        self._refresh()
        for name in self._files.marks(self.folder):
            if name.endswith(_FRESH) and _NAME.fullmatch(name.removesuffix(_FRESH)):
                self._files.remove(self.folder / name)
        self._ready = True

    def _write(self, record: Record) -> None:
        """Write a record beside its place, make it durable, move it to its place, make that durable."""
        name = self._record_name(record)
        plain = encode(record)
        size = -(-(len(plain) + OVERHEAD) // PAGE) * PAGE
        sealed = seal(self._seals, plain, size, self._entropy(NONCE), name.encode())
        fresh = self.folder / (name + _FRESH)
        try:
            handle = self._files.create(fresh)
            try:
                self._files.write(handle, 0, sealed)
                self._files.sync(handle)
            finally:
                self._files.close(handle)
            self._files.rename(fresh, self.folder / name)
        except OSError:
            with suppress(OSError):
                self._files.remove(fresh)
            raise
        self._known[name] = (None, _light(record))
        self._files.sync_folder(self.folder)

    # ---- reading

    def cases(self) -> list[CaseSummary]:
        """All reports by number, then one entry for each record that is damaged.

        Raises:
            ArchiveError: `archive_disk`, the folder itself cannot be read.
        """
        with self._lock:
            self._look()
            reports = sorted(self._reports(), key=lambda r: (r.number, r.came, r.id))
            events, words = events_of(reports), self._words()
            listed = [self._summary(r, events.get(r.number, ()), words.get(r.id, [])) for r in reports]
            return listed + [CaseSummary(0, b"", 0, "", None, None, (), damaged=True) for _ in self._spoiled()]

    def damaged(self) -> list[str]:
        """Names of the files in the folder that are records and do not open.

        Raises:
            ArchiveError: `archive_disk`.
        """
        with self._lock:
            self._look()
            return self._spoiled()

    def numbers(self) -> frozenset[int]:
        """The numbers of all reports that can be read.

        Raises:
            ArchiveError: `archive_disk`.
        """
        with self._lock:
            self._look()
            return frozenset(report.number for report in self._reports())

    def report(self, number: int) -> FiledReport:
        """The report of a number.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`.
        """
        with self._lock:
            self._look()
            found = next((r for r in self._reports() if r.number == number), None)
        if found is None:
            raise ArchiveError("archive_unknown_report")
        return found

    def event(self, number: int) -> Event:
        """The event that a report is in; of one that is in none, its number alone.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`.
        """
        with self._lock:
            self.report(number)
            return events_of(self._reports()).get(number, (number,))

    def witnesses(self, number: int) -> list[int]:
        """The week of each good witness token that came with a report, or another about the same event.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`.
        """
        with self._lock:
            event = self.event(number)
            return [week_of(r.day) for r in self._reports() if r.number in event and r.witness]

    def words(self, number: int) -> list[Word]:
        """The conversation about a report, in the order in which it was held.

        Letters of one direction keep the order of their numbers, whatever the clock did.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_disk`.
        """
        with self._lock:
            case = self.report(number).id
            full = [self._read(self._record_name(word)) for word in self._words().get(case, [])]
        return [Word(w.ours, w.number, w.came, w.text) for w in as_held(w for w in full if isinstance(w, FiledWord))]

    def open_media(self, number: int, media: int) -> Iterator[bytes]:
        """A file in the clear, block by block, at most 262,103 bytes at once.

        The caller compares the hash: blocks may be right and the whole still not what was announced.

        Args:
            number: of the report.
            media: which of its files, from 0.

        Raises:
            ArchiveError: at once `archive_unknown_report`, `archive_unknown_file`; while it streams
                `archive_incomplete`, `archive_damaged`, `archive_disk`.
        """
        return self._stream(self.report(number), media)

    def check(self, case: bytes, media: int) -> bool:
        """Whether a file is here and is the one that was announced; may take minutes, in any thread.

        Args:
            case: 16 bytes.
            media: which of its files, from 0.

        Raises:
            ArchiveError: `archive_unknown_report`, `archive_unknown_file`, `archive_disk`.
        """
        with self._lock, _disk():
            self._refresh()
            report = next((r for r in self._reports() if r.id == case), None)
        if report is None:
            raise ArchiveError("archive_unknown_report")
        whole = hashlib.sha256()
        try:
            for chunk in self._stream(report, media):
                whole.update(chunk)
        except ArchiveError as error:
            if error.code in ("archive_incomplete", "archive_damaged"):
                return False
            raise
        return whole.digest() == report.media[media].sha256

    def _stream(self, report: FiledReport, media: int) -> Iterator[bytes]:
        if not 0 <= media < len(report.media):
            raise ArchiveError("archive_unknown_file")
        return self._chunks(self.folder / self._media_name(report.id, media), report.media[media])

    def _chunks(self, path: Path, ref: MediaRef) -> Iterator[bytes]:
        try:
            handle = self._files.open_to_read(path)
        except FileNotFoundError:
            raise ArchiveError("archive_incomplete") from None
        except OSError:
            raise ArchiveError("archive_disk") from None
        try:
            key, last = ref.secret, ref.blocks - 1
            for index in range(ref.blocks):
                with _disk():
                    block = self._files.read(handle, index * BLOCK, BLOCK)
                if len(block) < BLOCK or not any(block[:HEAD]):
                    raise ArchiveError("archive_incomplete")
                yield _chunk(ref, key, index, block)
                if index < last:
                    key = next_block_key(key)
        finally:
            self._files.close(handle)

    # ---- what is here

    def _look(self) -> None:
        with _disk():
            self._refresh()

    def _refresh(self) -> None:
        """Read the records that are new or changed since the last look."""
        marks = {name: mark for name, mark in self._files.marks(self.folder).items() if _NAME.fullmatch(name)}
        for name in self._known.keys() - marks.keys():
            del self._known[name]
        for name, mark in marks.items():
            if self._known.get(name, (None, None))[0] == mark:
                continue
            record = self._read(name) if 0 < mark.size <= RECORD_MOST else None
            self._known[name] = (mark, _light(record) if record else None)

    def _read(self, name: str) -> Record | None:
        """A record from the disk, or none if it does not open."""
        try:
            handle = self._files.open_to_read(self.folder / name)
            try:
                sealed = self._files.read(handle, 0, RECORD_MOST)
            finally:
                self._files.close(handle)
            return parse_record(open_sealed(self._seals, sealed, name.encode()))
        except (OSError, CannotOpen, ArchiveError):
            return None

    def _reports(self) -> list[FiledReport]:
        return [record for _, record in self._known.values() if isinstance(record, FiledReport)]

    def _words(self) -> dict[bytes, list[FiledWord]]:
        """Letters by case, without their texts."""
        found: dict[bytes, list[FiledWord]] = {}
        for _, record in self._known.values():
            if isinstance(record, FiledWord):
                found.setdefault(record.id, []).append(record)
        return found

    def _spoiled(self) -> list[str]:
        blocks = {self._media_name(report.id, i) for report in self._reports() for i in range(len(report.media))}
        return sorted(
            name
            for name, (mark, record) in self._known.items()
            if record is None and name not in blocks and mark and (mark.size % BLOCK or not mark.size)
        )

    def _summary(self, report: FiledReport, event: Event, words: list[FiledWord]) -> CaseSummary:
        media = tuple(
            MediaSummary(ref.kind, ref.form, ref.size, ref.sha256, ref.blocks, self._here(report.id, place, ref.blocks))
            for place, ref in enumerate(report.media)
        )
        return CaseSummary(
            report.number,
            report.id,
            report.came,
            report.text,
            place_summary(report.place),
            report.happened,
            media,
            standing=report.standing,
            witness=report.witness,
            event=event[0] if event else 0,
            letters=len(words),
            last="" if not words else "desk" if as_held(words)[-1].ours else "reporter",
        )

    def _here(self, case: bytes, media: int, blocks: int) -> int:
        """How many blocks of a file lie here; whether they open shows only when they are checked."""
        name = self._media_name(case, media)
        mark = self._known.get(name, (None, None))[0]
        if mark is None:
            return 0
        if self._counts.get(name, (None, 0))[0] != mark:
            try:
                handle = self._files.open_to_read(self.folder / name)
                try:
                    places = range(min(blocks, mark.size // BLOCK))
                    count = sum(any(self._files.read(handle, place * BLOCK, HEAD)) for place in places)
                finally:
                    self._files.close(handle)
            except OSError:
                return 0
            self._counts[name] = (mark, count)
        return self._counts[name][1]

    def _record_name(self, record: Record) -> str:
        if isinstance(record, FiledReport):
            return derive(self._names, "archive report", record.id).hex()
        return derive(
            self._names, "archive word", record.id, bytes([record.ours]), record.number.to_bytes(8, "big")
        ).hex()

    def _media_name(self, case: bytes, media: int) -> str:
        return derive(self._names, "archive media", case, bytes([media])).hex()


def _light(record: Record) -> Record:
    """What is held in memory of a record: all of a report, of a letter not its text."""
    return record if isinstance(record, FiledReport) else msgspec.structs.replace(record, text="")


def _chunk(ref: MediaRef, key: bytes, index: int, block: bytes) -> bytes:
    last = index == ref.blocks - 1
    try:
        data = open_block(key, index, last, block)
    except CannotOpen:
        raise ArchiveError("archive_damaged") from None
    if len(data) != (ref.size - index * BLOCK_DATA if last else BLOCK_DATA):
        raise ArchiveError("archive_damaged")
    return data


@contextmanager
def _disk() -> Iterator[None]:
    """Turn what the system says into what the archive says; no path travels in it."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ArchiveError("archive_disk_full" if full else "archive_disk") from None
