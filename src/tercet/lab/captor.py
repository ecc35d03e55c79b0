"""The captor: everything that can be got out of what was seized.

Does        opens a vault's image, a desk's or a relay's folder or a stick; adds a log, a history, a memory.
Does not    show anything, or change what was seized.
Spec        spec/91-exposure.md
Always      1. What is found is held against the exposure table.
Read first  Seen, look_at().
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from tercet.core.days import day_of
from tercet.core.state import Device
from tercet.desk.archive import Archive
from tercet.desk.records import ArchiveError
from tercet.drop import BLOCK, FRAME
from tercet.lab import relayed, unopened
from tercet.lab.exposure import (
    NOTHING,
    Boxes,
    Exposure,
    Items,
    Words,
    exposure_of,
    exposure_of_understudy,
    joined,
)
from tercet.lab.heard import exposure_of_log, read_log
from tercet.lab.law import SHOWN, breaches
from tercet.lab.relayed import Correlation, correlate, read_store
from tercet.lab.seizure import (
    PAGES,
    Change,
    Image,
    SeizureError,
    compare,
    open_image,
    opened_blocks,
    read_image,
    roots_in,
    sealed_blocks,
)
from tercet.sealing import KEY, Cost
from tercet.shell.opening import wall_clock

COST: Final = Cost()
VAULT, ARCHIVE = "vault", "archive"  # in a desk's folder
LAID: Final = frozenset({"items", "mail", "board"})  # parts of a stick; spec/10-drop.md, 5
ERRANDS: Final = {"wants": "want", "others": "want", "acks": "ack"}
_LAID: Final = re.compile("[0-9a-f]{64}[.]", re.ASCII)
PASSES: Final = {"pass": "post", "weekly": "make_passes"}  # files beside a relay's store, and what who has one may do


class Seen(msgspec.Struct, frozen=True):
    """All that was found.

    Attributes:
        row: of the exposure table.
        exposure: what it yields.
        breaches: what of it the table does not allow.
        opened: sides that opened: `real`, `notebook`.
        unlocked: how many keys of this image lay in the memory; it opens with them, without any passphrase.
        copies: state copies that opened, and how old: the numbers of their commits.
        slots: slots that opened; `strays` pages that opened where nothing lies; `tried` trials in all.
        blocks: blocks of files that open, as report, file, number and bytes.
        waiting: blocks that can be matched with a relay's though they do not open.
        noise: what the file looks like from outside, if nothing opened.
        change: how it differs from a second image.
        correlation: what a relay has of it.
        memory: what a process's memory holds.
    """

    row: str
    exposure: Exposure
    breaches: tuple[str, ...]
    opened: tuple[str, ...] = ()
    copies: tuple[int, ...] = ()
    slots: int = 0
    strays: int = 0
    tried: int = 0
    blocks: tuple[tuple[int, int, int, int], ...] = ()
    waiting: int = 0
    noise: unopened.Noise | None = None
    change: Change | None = None
    correlation: Correlation | None = None
    memory: unopened.Remains | None = None
    unlocked: int = 0


def look_at(
    place: Path,
    passphrases: tuple[str, ...],
    *,
    relay: Path | None = None,
    second: Path | None = None,
    memory: str = "",
    log: Path | None = None,
    hidden: tuple[str, ...] = (),
    depth: int = PAGES,
    say: Callable[[str], None] = lambda text: None,
    now: int | None = None,
    cost: Cost | None = None,
) -> Seen:
    """Look at what was seized; arguments as of the command.

    Raises:
        SeizureError: it could not look.
        DropFailure: a stick could not be read.

    Source: spec/91-exposure.md, 3 to 6.
    """
    archive = place / ARCHIVE
    if place.is_dir() and not (place / VAULT).is_file():
        return _of_store(place, log, hidden)
    held = unopened.read_memory(memory) if memory else b""
    now = wall_clock() if now is None else now
    image = read_image(place / VAULT if place.is_dir() else place)
    other = read_image(second) if second else None
    images = [one for one in (image, other) if one is not None]
    keys: set[bytes] = set()
    if held:
        say("Trying every key that the memory may hold…")
        candidates = unopened.byte_strings(held, KEY)
        keys = {root for one in images for root in roots_in(one, candidates)}
    for one in images:
        if passphrases or keys:
            say("Trying every copy, slot and page…")
            open_image(one, passphrases, cost or COST, depth=depth, keys=keys)
    row, exposure = _exposed(images, now)
    if archive.is_dir():
        row, exposure = _with_archive(archive, row, exposure, [device for _, device in image.states])
    items = read_store(relay) if relay else None
    found = None
    if items is not None:
        say("Looking for its boxes at the relay…")
        devices = [device for one in images for _, device in one.states]
        understudies = [copy.understudy for one in images for copy in one.copies]
        found = correlate(devices, next((u for u in understudies if u), None), items, day_of(now))
        row = "passphrase and relay" if row == "passphrase" else row
        exposure = msgspec.structs.replace(exposure, words=tuple(dict.fromkeys((*exposure.words, *found.words))))
    remains = None
    if held:
        say("Searching the memory…")
        secrets = unopened.secrets_of([d for one in images for _, d in one.states], [exposure])
        remains = unopened.remains(held, secrets)
        row, exposure = _with_memory(row, exposure, remains, bool(keys), day_of(now))
    kept = [copy.state.payload for one in images for copy in one.copies]
    kept += [slot.block for one in images for _, _, slot in one.slots]
    exposure = _searched(exposure, [*kept, held], hidden)
    return Seen(
        row,
        exposure,
        breaches(row, exposure),
        tuple(sorted({"real" if copy.real else "notebook" for copy in image.copies})),
        tuple(sorted({copy.state.counter for copy in image.copies}, reverse=True)),
        len(image.slots),
        len(image.strays),
        image.tried,
        tuple((b.report, b.media, b.index, len(b.data)) for b in opened_blocks(image)),
        len(sealed_blocks(image)),
        None if image.copies else unopened.look(image.data),
        compare(image.data, other.data) if other else None,
        found,
        remains,
        len(keys),
    )


def _with_memory(
    row: str, exposure: Exposure, remains: unopened.Remains, opened: bool, today: int
) -> tuple[str, Exposure]:
    """The row of a process: awake if its memory opens the image, locked if all it has are boxes and where they are."""
    if opened and row == "passphrase":
        return "awake", exposure
    if row == "no passphrase" and remains.addresses:
        boxes = (Boxes("locked", today, today + SHOWN, remains.keys),)
        powers = ("read_boxes", "take_over", *(("post",) if remains.passes else ()))
        return "locked", Exposure("locked", today, today, boxes=boxes, relays=remains.addresses, powers=powers)
    return row, exposure


def _searched(exposure: Exposure, data: Iterable[bytes], hidden: Iterable[str]) -> Exposure:
    """The exposure with those of the texts that must not be there, and are."""
    places = list(data)
    found = (text for text in hidden if any(form in one for form in unopened.forms(text) for one in places))
    return msgspec.structs.replace(exposure, found=tuple(dict.fromkeys((*exposure.found, *found))))


def _exposed(images: list[Image], now: int) -> tuple[str, Exposure]:
    """The row of what opened, and everything that all copies of all images yield together."""
    states = [(copy, device) for image in images for copy, device in image.states]
    notes = tuple(
        dict.fromkeys(
            Words("note", "", f"{entry.title}: {' / '.join(entry.lines)}", entry.changed)
            for image in images
            for copy in image.copies
            for entry in copy.book.entries
        )
    )
    if states:
        every = [exposure_of(device, now, saved=copy.state.payload or None) for copy, device in states]
        exposure = joined(every)
        exposure = msgspec.structs.replace(exposure, words=(*exposure.words, *notes))
        return ("desk" if exposure.kind == "desk" else "passphrase"), exposure
    copies = [copy for image in images for copy in image.copies]
    if not copies:
        return "no passphrase", NOTHING
    understudy = next((u for copy in copies if (u := copy.understudy)), None)
    odd = max(copy.leftover for copy in copies) + sum(len(s.block) for one in images for _, _, s in one.slots)
    exposure = msgspec.structs.replace(exposure_of_understudy(understudy, now), words=notes, odd=odd)
    return "notebook, image made before", exposure


def _with_archive(folder: Path, row: str, exposure: Exposure, devices: list[Device]) -> tuple[str, Exposure]:
    """What a desk's archive adds: counts, sizes and times without its key, all reports with it."""
    files = [path.stat() for path in folder.iterdir() if path.is_file()]
    if not files:
        return row, exposure
    times = [int(one.st_mtime) for one in files]
    items = (Items("file", len(files), 0, 0, min(times), max(times)),)
    key = next((device.office.archive for device in devices if device.office), None)
    if key is None:
        return "desk, no passphrase", msgspec.structs.replace(exposure, kind="archive", items=items)
    told: list[Words] = []
    archive = Archive(folder, key)
    try:
        for case in archive.cases():
            told.append(Words("report", str(case.number), case.text, case.came))
            kinds = {True: "to a reporter", False: "reporter"}
            said = archive.words(case.number) if not case.damaged else []
            told += [Words(kinds[one.ours], str(case.number), one.text, one.came) for one in said]
    except ArchiveError:
        raise SeizureError("image_unreadable") from None
    return row, msgspec.structs.replace(exposure, items=items, words=(*exposure.words, *told))


def _has_lines(file: Path) -> bool:
    try:
        return bool(file.read_bytes().strip())
    except OSError:
        return False


def _of_store(folder: Path, log: Path | None, hidden: Iterable[str]) -> Seen:
    """A relay's folder, with what it heard if its captor let it listen, or a stick."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        raise SeizureError("image_unreadable") from None
    if "store" in names or any(relayed.SEGMENT.fullmatch(name) for name in names):
        stored = read_store(folder)
        places, row = [one.item for one in stored], "relay"
        powers = ("withhold", *(power for name, power in PASSES.items() if _has_lines(folder / name)))
        exposure = Exposure("relay", items=relayed.summary(stored), powers=powers)
        if log is not None:
            heard, row = read_log(log), "relay, run by the captor"
            exposure = msgspec.structs.replace(exposure_of_log(heard, exposure.items), powers=powers)
            places.append(bytes(heard.data))
        exposure = _searched(exposure, places, hidden)
        return Seen(row, exposure, breaches(row, exposure))
    items = _of_stick(folder)
    if not items:
        raise SeizureError("image_unreadable")
    laid = (path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= BLOCK)
    exposure = _searched(Exposure("stick", items=items, powers=("withhold",)), laid, hidden)
    return Seen("stick", exposure, breaches("stick", exposure))


def _of_stick(folder: Path) -> tuple[Items, ...]:
    """Items by their size, and errands, by the names of the files alone."""
    found: dict[str, list[tuple[str, int]]] = {}
    for path in sorted(folder.glob("relay-*/*/*")):
        part, about = path.parent.name, path.lstat()
        kind = {FRAME: "frame", BLOCK: "block"}.get(about.st_size, "") if part in LAID else ERRANDS.get(part, "")
        kind = "board" if kind and part == "board" else kind
        if kind and _LAID.match(path.name):
            found.setdefault(kind, []).append((path.name[:64], int(about.st_mtime)))
    return tuple(
        Items(kind, len(some), len({box for box, _ in some}), 0, min(t for _, t in some), max(t for _, t in some))
        for kind, some in sorted(found.items())
    )
