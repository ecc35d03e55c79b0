"""Fuzz targets of the evidence room: everything that reads a stranger's bytes or a person's words.

Does        hands bytes to one parser and swallows its documented refusal only.
Does not    run anything: the runner and the replay test do.
Spec        spec/80-evidence.md
Always      1. Anything but the documented refusal is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta, timezone

from tercet.evidence import EvidenceError, Precision, check_bare, place, sniff, when
from tercet.evidence.media import FORMATS, UNDECODED
from tercet.evidence.photo import _decode, _pixels, check_photo, fit

NOW = 1_795_210_200
ZONE = timezone(timedelta(hours=3))
SMALL = 1 << 16  # bytes of a copy: enough for its shape, quick to make


def one_place(data: bytes) -> None:
    """Any words at any precision: a place that keeps its promise, or bad_place."""
    text = data.decode(errors="replace")
    for precision in Precision:
        try:
            found = place(text, precision)
        except EvidenceError as error:
            if error.code not in ("bad_place", "place_precision"):
                raise RuntimeError("another refusal") from error
            continue
        if (found.latitude is None) != bool(found.name) or len(found.name.encode()) > 120:
            raise RuntimeError("a place that is neither a name nor a point")
        if precision is Precision.DISTRICT and found.latitude is not None:
            raise RuntimeError("coordinates at district")


def one_time(data: bytes) -> None:
    """Any words: a time that has passed, or bad_time."""
    try:
        seconds = when(data.decode(errors="replace"), NOW, ZONE)
    except EvidenceError as error:
        if error.code != "bad_time":
            raise RuntimeError("another refusal") from error
        return
    if not 0 <= seconds <= NOW + 600:
        raise RuntimeError("a time to come")


def one_format(data: bytes) -> None:
    """Any first bytes: a format that is listed, or none."""
    if sniff(data) not in ("", *FORMATS):
        raise RuntimeError("a format of no list")


def one_photo(data: bytes) -> None:
    """Any file: it decodes, and its copy is clean; or a refusal."""
    if sniff(data[:8_192]) in ("", *UNDECODED):
        return
    try:
        check_photo(io.BytesIO(data))
        copy = fit(_pixels(_decode(io.BytesIO(data), 640)), SMALL)
    except EvidenceError as error:
        if error.code not in ("not_a_photo", "photo_too_large"):
            raise RuntimeError("another refusal") from error
        return
    if copy is not None:
        check_bare(copy)


def one_copy(data: bytes) -> None:
    """Any bytes: a bare JPEG or not."""
    try:
        check_bare(data)
    except EvidenceError as error:
        if error.code != "copy_not_clean":
            raise RuntimeError("another refusal") from error


TARGETS: dict[str, Callable[[bytes], None]] = {
    "evidence-copy": one_copy,
    "evidence-format": one_format,
    "evidence-photo": one_photo,
    "evidence-place": one_place,
    "evidence-time": one_time,
}
