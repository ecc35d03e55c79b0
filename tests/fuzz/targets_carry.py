"""Fuzz targets of carrying by hand: what a stick's folder is made of, and where to carry from and to.

Does        hands names and texts to their parsers and swallows the documented failure only.
Does not    run anything: the runner and the replay test do.
Spec        spec/10-drop.md, 5 and 9
Always      1. Anything but the documented failure is a find.  2. Nothing outside a folder of its own is written.
Read first  TARGETS.
"""

from __future__ import annotations

import atexit
import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from tercet.drop import FRAME, Ack, DropFailure, FolderStore, Read, Stick, Want
from tercet.drop.client import _read_proxy

carry = importlib.import_module("tercet.drop.carry")  # the package has a function of that name
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
_STICK = tempfile.TemporaryDirectory(prefix="fuzz-")
atexit.register(_FOLDER.cleanup)
atexit.register(_STICK.cleanup)
_PARTS = ("items", "board", "wants", "acks")
_NOW = 1_800_000_000
_SECRET = bytes(32)
FILES = 8  # names tried in one go


def _must(held: bool) -> None:
    if not held:
        raise AssertionError("the parser let something through")


def folder(data: bytes) -> None:
    """File names on a stick: one a line, behind a byte that says in which part it lies and what it is."""
    home = Path(_FOLDER.name)
    store = FolderStore(home)
    made: list[Path] = []
    try:
        for line in data.split(b"\n")[:FILES]:
            name = line[1:]
            if not name or b"/" in name or b"\0" in name or name in (b".", b"..") or len(name) > 255:
                continue
            path = home / _PARTS[line[0] % 4] / os.fsdecode(name)
            if not os.path.lexists(path):
                _make(path, line[0] // 4 % 4)
                made.append(path)
        before = sorted(made)
        for want in store.wants(_NOW):
            _must((home / "wants" / want.file_name()) in made)
        for ack in store.acks(_NOW):
            _must(isinstance(ack, Ack) and len(ack.ack) == len(ack.name) == 32)
        found = store.apply([Read(_SECRET, limit=128)], _NOW)
        (home / "wants" / Want(_SECRET).file_name()).unlink()  # the read is noted; a corpus file has another secret
        _must(len(found) == 1 and all(len(item) == FRAME for _, _, item in store.entries()))
        _must(before == sorted(path for part in _PARTS for path in (home / part).iterdir()))
    finally:
        for path in made:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _make(path: Path, kind: int) -> None:
    """An empty file, one as long as a frame, a folder, or a link to nowhere."""
    if kind == 2:
        path.mkdir()
    elif kind == 3:
        path.symlink_to("nowhere")
    else:
        path.touch()
        os.truncate(path, 4_096 * kind)


def _no_stick(path: Path) -> Path:
    if not path.is_dir():
        raise DropFailure("no_store", "")
    return path


def stick(data: bytes) -> None:
    """Names on a stick, one a line: which of them are parts."""
    home = Path(_STICK.name)
    made: list[Path] = []
    try:
        for name in data.split(b"\n")[:FILES]:
            if not name or b"/" in name or b"\0" in name or name in (b".", b"..") or len(name) > 255:
                continue
            path = home / os.fsdecode(name)
            if not os.path.lexists(path):
                path.mkdir()
                made.append(path)
        for tag in Stick(home).tags():
            _must(len(tag) == 16 and home / f"relay-{tag}" in made)
    finally:
        for path in made:
            path.rmdir()


def text(data: bytes) -> None:
    """Where to carry, as typed; nothing is opened."""
    given = data.decode("utf-8", "surrogateescape")
    with mock.patch.object(carry, "Stick", _no_stick), mock.patch.object(carry, "DiskStore", Path):
        try:
            carry.open_drop(given)
        except DropFailure as failure:
            _must(failure.code in ("bad_address", "no_store"))


def proxy(data: bytes) -> None:
    """A proxy, as typed or set."""
    try:
        host, port, user, password = _read_proxy(data.decode("utf-8", "surrogateescape"))
    except DropFailure as failure:
        _must(failure.code == "bad_proxy")
        return
    _must(bool(host) and 0 < port <= 65_535)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "carry-folder": folder,
    "carry-stick": stick,
    "carry-text": text,
    "carry-proxy": proxy,
}
