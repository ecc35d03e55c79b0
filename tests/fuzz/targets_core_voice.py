"""Fuzz targets of the voice: statement files from anywhere, and what is typed for the first root.

Does        hands bytes to the parsers and to the check; swallows the documented failures only.
Does not    run anything: the runner and the replay test do.
Spec        spec/62-voice.md
Always      1. Anything but the documented failure is a find.  2. What nobody signed holds under no root.
Read first  TARGETS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tercet.core import root as roots
from tercet.core import statement as statements
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.desk import papers
from tercet.sealing import UnknownWord
from tercet.shell.failures import ShellError

_VECTORS = Path(__file__).parents[2] / "vectors" / "voice"
_CASES = [json.loads(path.read_text()) for path in sorted(_VECTORS.glob("statement-[0-9]*.json"))]
_FILES = [statements.parse_publication(bytes.fromhex(each["input"]["file"])) for each in _CASES]
_SAID = {
    statements.parse_publication(bytes.fromhex(each["input"]["file"])).said.payload
    for each in (json.loads(path.read_text()) for path in _VECTORS.glob("statement-*.json"))
    if each.get("fails") != "voice_file"
}  # what somebody's keys signed in the vectors, true or false: three old ones may write an old date
_FIRST = roots.parse_signed(_FILES[0].roots[0]).mark
_ROTATED = next(each for each in _FILES if len(each.roots) == 2 and each.listed)
_OTHER = roots.parse_signed(_ROTATED.roots[1]).mark
_NEWER = [(_ROTATED.roots, _ROTATED.listed)]


def publication(data: bytes) -> None:
    """A statement file's bytes, alone and beside a newer root."""
    for parse in (statements.parse_publication, statements.parse_said):
        try:
            read = parse(data)
        except Malformed:
            continue
        if parse(encode(read)) != read:
            raise AssertionError("a statement was read as another one")
    try:
        found = statements.parse_publication(data)
    except Malformed:
        return
    for known in ((), _NEWER):
        try:
            verdict = statements.check(found, lambda mark: mark == _FIRST, known)
        except Refusal:
            continue
        if found.said.payload not in _SAID:
            raise AssertionError("a statement holds that the five did not sign")
        if known and not verdict.listed and verdict.newest.number < 2:
            raise AssertionError("a newer root was known, and not asked")


def file(data: bytes) -> None:
    """A statement file's text."""
    try:
        read = papers.parse_statement_text(data.decode("ascii", "replace"))
    except ShellError:
        return
    if papers.parse_statement_text(papers.to_text(papers.STATEMENT_TITLE, encode(read))) != read:
        raise AssertionError("a file was read as another one")


def first_root(data: bytes) -> None:
    """What is typed for the first root."""
    try:
        is_first = papers.root_given(data.decode(errors="replace"))
    except (ShellError, UnknownWord):
        return
    if is_first(_FIRST) and is_first(_OTHER):
        raise AssertionError("two roots are known by the same words")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "core-statement": publication,
    "voice-file": file,
    "voice-root": first_root,
}
