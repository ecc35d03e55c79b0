"""Exports: one report with its conversation and files, in the clear, in a folder to hand on.

Does        writes a report for people and for programs, checks every file's hash while writing it, sums it all up.
Does not    change the archive, write to a name from outside, or touch a folder that holds anything.
Spec        spec/81-archive.md, 6
Always      1. The folder appears under its name only when it is complete on the disk.
            2. A file in it is the one that was announced, byte for byte.
Read first  export_case().
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tercet.core.content import MediaKind, MediaRef
from tercet.desk.archive import Archive
from tercet.desk.disk import Files
from tercet.desk.records import ArchiveError, FiledReport, Word, place_summary
from tercet.evidence.media import FORMATS
from tercet.shell.text import is_safe, shown, shown_lines

PARTIAL: Final = ".partial"
SUMS: Final = "SHA256SUMS"
_CENTURIES: Final = 146_097 * 86_400  # seconds in the 400 years after which the calendar repeats
_ESCAPED: Final = re.compile("[^ -~]")

HINTS: Final = MappingProxyType(
    {
        "export_disk": "The folder could not be written: check that its parent exists and that you may write there.",
        "export_disk_full": "The disk is full and the export was removed: make room, or export to another disk.",
        "export_exists": "There is something at that place already: name a new folder, or an empty one.",
        "export_inside": "That place lies inside the archive: name a folder outside of it.",
        "export_unfinished": "An earlier export stopped half way: remove the folder ending in .partial and try again.",
    }
)


class ExportError(Exception):
    """An export that was not made; nothing of it is left under its name.

    Attributes:
        code: one of the keys of `HINTS`, for programs.
        hint: one sentence for a person.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]


@dataclass(frozen=True)
class MediaExport:
    """One file of the report.

    Attributes:
        name: in the folder; empty if it was not written.
        state: `written`, `incomplete` (blocks are missing) or `damaged` (not what was announced).
    """

    name: str
    state: str


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        folder: where it lies.
        files: names in it, the list of sums included.
        media: the report's files, in its order.
        whole: whether every file of the report is there.
    """

    folder: Path
    files: tuple[str, ...]
    media: tuple[MediaExport, ...]
    whole: bool


def export_case(archive: Archive, number: int, target: Path, *, files: Files | None = None) -> ExportReport:
    """Write a report, its conversation and its files into a folder, in the clear.

    A file that is incomplete or damaged is left out, and the export says so in three places.

    Args:
        archive: where the report lies.
        number: of the report.
        target: a folder that does not exist or is empty; its parent exists.
        files: the disk; tests bring their own.

    Raises:
        ExportError: `export_exists`, `export_inside`, `export_unfinished`, `export_disk`, `export_disk_full`.
        ArchiveError: `archive_unknown_report`, `archive_disk`.

    Source: spec/81-archive.md, 6.
    """
    report, words, damaged = archive.report(number), archive.words(number), len(archive.damaged())
    target = target.absolute()
    with _disk():
        writer = _Writer(_start(archive, target), files or Files())
        try:
            media = tuple(_write_media(archive, report, place, writer) for place in range(len(report.media)))
            _write_texts(report, words, media, damaged, writer)
            writer.finish(target)
        except BaseException:
            shutil.rmtree(writer.folder, ignore_errors=True)
            raise
    whole = all(one.state == "written" for one in media)
    return ExportReport(target, (*sorted(writer.sums), SUMS), media, whole)


def _start(archive: Archive, target: Path) -> Path:
    """Check the place and make the folder beside it in which the export grows."""
    if archive.folder.resolve() in (target.resolve(), *target.resolve().parents):
        raise ExportError("export_inside")
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise ExportError("export_exists")
    partial = target.with_name(target.name + PARTIAL)
    try:
        partial.mkdir(mode=0o700)
    except FileExistsError:
        raise ExportError("export_unfinished") from None
    return partial


class _Writer:
    """Writes files into the growing folder, hashing each as it goes."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.folder, self.files = folder, files
        self.sums: dict[str, bytes] = {}

    def write(self, name: str, chunks: Iterable[bytes]) -> bytes:
        """Write a file; returns its SHA-256."""
        handle = self.files.create(self.folder / name)
        try:
            whole, offset = hashlib.sha256(), 0
            for chunk in chunks:
                self.files.write(handle, offset, chunk)
                whole.update(chunk)
                offset += len(chunk)
            self.files.sync(handle)
        finally:
            self.files.close(handle)
        self.sums[name] = whole.digest()
        return whole.digest()

    def drop(self, name: str) -> None:
        """Remove a file that is not what it should be."""
        self.sums.pop(name, None)
        self.files.remove(self.folder / name)

    def finish(self, target: Path) -> None:
        """Add the sums and give the folder its name."""
        lines = "".join(f"{sha256.hex()}  {name}\n" for name, sha256 in sorted(self.sums.items()))
        handle = self.files.create(self.folder / SUMS)
        try:
            self.files.write(handle, 0, lines.encode())
            self.files.sync(handle)
        finally:
            self.files.close(handle)
        self.files.sync_folder(self.folder)
        try:
            self.files.rename(self.folder, target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise ExportError("export_exists") from None
            raise
        self.folder = target
        self.files.sync_folder(target.parent)


def media_name(place: int, ref: MediaRef) -> str:
    """What a file is called in an export: its place from 1, its kind, and an ending that fits the kind."""
    known = ref.form == "jpg" if ref.kind is MediaKind.TRAVEL else ref.kind.value in FORMATS.get(ref.form, ())
    return f"{place + 1}-{ref.kind.value}.{ref.form if known else 'bin'}"


def _write_media(archive: Archive, report: FiledReport, place: int, writer: _Writer) -> MediaExport:
    ref = report.media[place]
    name = media_name(place, ref)
    try:
        if writer.write(name, archive.open_media(report.number, place)) == ref.sha256:
            return MediaExport(name, "written")
        state = "damaged"
    except ArchiveError as error:
        if error.code not in ("archive_incomplete", "archive_damaged"):
            raise
        state = error.code.removeprefix("archive_")
    writer.drop(name)
    return MediaExport("", state)


def _write_texts(
    report: FiledReport, words: list[Word], media: tuple[MediaExport, ...], damaged: int, writer: _Writer
) -> None:
    letters = [
        {"from": "desk" if w.ours else "reporter", "number": w.number, "filed": iso(w.came), "text": w.text}
        for w in words
    ]
    place = place_summary(report.place)
    facts = {
        "version": 1,
        "report": report.number,
        "case": report.id.hex(),
        "came": iso(report.came),
        "happened": None if report.happened is None else iso(report.happened),
        "place": asdict(place) if place else None,
        "text": report.text,
        "claim": report.claim.hex(),
        "media": [
            {
                "kind": ref.kind.value,
                "announced_form": ref.form,
                "size": ref.size,
                "sha256": ref.sha256.hex(),
                "state": one.state,
                "name": one.name,
            }
            for ref, one in zip(report.media, media, strict=True)
        ],
        "damaged_records_in_archive": damaged,
    }
    texts: dict[str, str] = {
        "report.json": exact_json(facts),
        "conversation.json": exact_json({"version": 1, "report": report.number, "letters": letters}),
        "report.txt": _lines(_report_lines(report, media, damaged)),
        "conversation.txt": _lines(_conversation_lines(report.number, words)),
    }
    for name, text in texts.items():
        writer.write(name, [text.encode()])


def _report_lines(report: FiledReport, media: tuple[MediaExport, ...], damaged: int) -> Iterator[str]:
    yield f"Report {report.number}"
    yield f"Came:      {iso(report.came)}"
    yield f"Happened:  {'not said' if report.happened is None else iso(report.happened)}"
    place = place_summary(report.place)
    if place is None:
        yield "Place:     not said"
    else:
        at = "" if place.latitude is None else f"{place.latitude:.5f}, {place.longitude:.5f} "
        yield f"Place:     {at}({place.precision}) {shown(place.name)}".rstrip()
    yield ""
    yield from ("| " + line for line in shown_lines(report.text))
    yield ""
    for number, (ref, one) in enumerate(zip(report.media, media, strict=True), 1):
        yield f"File {number}:    {one.name or 'not in this export: ' + one.state} ({ref.kind.value}, {ref.size} bytes)"
        yield f"           sha256 {ref.sha256.hex()}"
    if any(one.state != "written" for one in media):
        yield "NOT COMPLETE: files of this report are missing from this export."
    if damaged:
        yield f"The archive holds {damaged} damaged records; letters of this report may be among them."
    yield "Characters that steer a terminal are left out here; report.json has the text exactly as it came."


def _conversation_lines(number: int, words: list[Word]) -> Iterator[str]:
    yield f"Conversation about report {number}"
    for word in words:
        yield ""
        yield f"{iso(word.came)}  {'desk' if word.ours else 'reporter'}"
        yield from ("| " + line for line in shown_lines(word.text))


def _lines(lines: Iterable[str]) -> str:
    return "".join(line + "\n" for line in lines)


def iso(seconds: int) -> str:
    """A moment as ISO 8601 in UTC; years above 9,999 take a plus sign and more digits."""
    cycles, rest = divmod(seconds, _CENTURIES)
    moment = datetime.fromtimestamp(rest, UTC)
    year = moment.year + 400 * cycles
    return f"{'+' if year > 9_999 else ''}{year:04d}{moment:-%m-%dT%H:%M:%SZ}"


def exact_json(facts: Any) -> str:
    """JSON that holds every character exactly and shows none that steers a terminal: those are escaped."""
    text = json.dumps(facts, ensure_ascii=False, indent=2)
    return _ESCAPED.sub(_escape, text) + "\n"


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return character if character == "\n" or is_safe(character) else json.dumps(character)[1:-1]


@contextmanager
def _disk() -> Iterator[None]:
    """Turn what the system says into what an export says."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ExportError("export_disk_full" if full else "export_disk") from None
