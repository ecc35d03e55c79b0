"""Fuzz targets of the desk: records beneath their seal, and text from outside on its way to a screen or a file.

Does        hands bytes to one parser and swallows its documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/81-archive.md
Always      1. Anything but the documented failure is a find.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tercet.core.fields import encode
from tercet.desk.archive import RECORD_MOST
from tercet.desk.export import exact_json, iso, media_name
from tercet.desk.records import ArchiveError, FiledReport, parse_record, place_summary
from tercet.shell.text import FIRST_STRONG, POP, is_safe, shown, shown_lines


def record(data: bytes) -> None:
    """A record: what parses reads back as itself, and can be exported."""
    try:
        found = parse_record(data)
    except ArchiveError:
        return
    plain = encode(found)
    if parse_record(plain) != found or len(plain) >= RECORD_MOST - 41:
        raise AssertionError("a record does not read back")
    iso(found.came)
    shown_lines(found.text)
    if isinstance(found, FiledReport):
        place_summary(found.place)
        for place, ref in enumerate(found.media):
            if "/" in media_name(place, ref) or media_name(place, ref)[0] in ".-":
                raise AssertionError("a name leaves the folder")


def text(data: bytes) -> None:
    """Outside text: each line stays one line, and its fence stays closed."""
    given = data.decode("utf-8", "surrogateescape")
    for line in [shown(given), *shown_lines(given)]:
        inside = line.removeprefix(FIRST_STRONG).removesuffix(POP)
        if (line and len(line) - len(inside) != 2) or not all(is_safe(character) for character in inside):
            raise AssertionError("a line steers")
        line.encode()


def exact(data: bytes) -> None:
    """JSON of outside text: it reads back exactly and steers nothing."""
    given = data.decode("utf-8", "replace")
    written = exact_json({"text": given})
    if json.loads(written)["text"] != given:
        raise AssertionError("the text changed")
    if not all(character == "\n" or is_safe(character) for character in written):
        raise AssertionError("the JSON steers")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "desk-record": record,
    "desk-text": text,
    "desk-json": exact,
}
