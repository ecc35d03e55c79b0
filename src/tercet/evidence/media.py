"""The first pass over a media file: what it is, how large, and its hash.

Does        recognises photos, videos and sounds by their bytes, and hashes the whole file once.
Does not    trust a file's name, or decode videos and sounds.
Spec        spec/80-evidence.md, 2 and 3
Always      1. Memory used does not grow with the file (a photo's pixels excepted).
            2. A file that changed during the pass gives no facts.
Read first  FORMATS, then inspect().
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, Literal, get_args

import filetype

from .errors import EvidenceError
from .files import check_unchanged, mark, open_source
from .photo import check_photo

Kind = Literal["photo", "video", "audio"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
HEAD: Final = 8_192  # bytes looked at to recognise a format
PIECE: Final = 1 << 20  # bytes hashed at a time

NOT_ONE: Final = MappingProxyType({"photo": "not_a_photo", "video": "not_a_video", "audio": "not_a_sound"})

# Which kinds a format may carry. Phones and recorders write sound into video containers, so those count for both.
FORMATS: Final[Mapping[str, tuple[Kind, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("jpg", "png", "gif", "webp", "tif", "bmp", "avif", "heic", "cr2"), ("photo",)),
        **dict.fromkeys(("mov", "m4v", "avi", "wmv", "mpg", "flv"), ("video",)),
        **dict.fromkeys(("mp4", "3gp", "mkv", "webm", "ogg"), ("video", "audio")),
        **dict.fromkeys(("mp3", "m4a", "flac", "wav", "amr", "aac", "aiff"), ("audio",)),
    }
)
UNDECODED: Final = frozenset({"heic", "cr2"})  # photos known by their first bytes only; no decoder is at hand

# ISO base media: the brand in bytes 8 to 12 names the format. The library misses most 3gp brands, which
# simple phones write.
_BRANDS: Final = (
    ((b"3g",), "3gp"),
    ((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "heic"),
    ((b"avif", b"avis"), "avif"),
    ((b"qt  ",), "mov"),
    ((b"M4V",), "m4v"),
    ((b"M4A", b"M4B"), "m4a"),
    ((b"iso", b"mp4", b"avc1", b"dash", b"MSNV"), "mp4"),
)
_RENAMED: Final = MappingProxyType({"apng": "png"})


@dataclass(frozen=True)
class MediaFacts:
    """What the first pass found out about a file; neither its name nor its path.

    Attributes:
        kind: what it shows.
        format: file ending without a dot, lower case, from the bytes: a key of `FORMATS`.
        size: bytes, at least 1.
        sha256: of the whole file, 32 bytes.
    """

    kind: Kind
    format: str
    size: int
    sha256: bytes


def inspect(path: str | Path, kind: Kind, progress: Callable[[int, int], None] | None = None) -> MediaFacts:
    """Look at a file once, from its first byte to its last.

    Args:
        path: an ordinary file; it is only read.
        kind: what its owner says it is.
        progress: called with bytes read and bytes in all, after each MiB.

    Raises:
        EvidenceError: `file_missing`, `file_unreadable`, `file_empty`, `file_changed`, `not_a_photo`,
            `not_a_video`, `not_a_sound`, `photo_too_large`.

    Source: spec/80-evidence.md, 2 and 3.
    """
    with open_source(path) as file:
        before = mark(file)
        try:
            form = sniff(file.read(HEAD))
            if kind not in FORMATS.get(form, ()):
                raise EvidenceError(NOT_ONE[kind])
            sha256 = _hash(file, before.size, progress)
            if kind == "photo" and form not in UNDECODED:
                check_photo(file)
        except OSError:
            raise EvidenceError("file_unreadable") from None
        finally:
            check_unchanged(path, before)  # a change explains any other trouble
    return MediaFacts(kind, form, before.size, sha256)


def sniff(head: bytes) -> str:
    """The format that a file's first bytes show, or "" when it is none of `FORMATS`."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        known = next((form for starts, form in _BRANDS if brand.startswith(starts)), None)
        if known:
            return known
    if head[4:8] in (b"moov", b"mdat", b"wide") and len(head) >= 16:
        return "mov"  # QuickTime from before brands existed
    found = str(filetype.guess_extension(head[:HEAD]) or "")
    form = _RENAMED.get(found, found)
    return form if form in FORMATS else ""


def _hash(file: BinaryIO, size: int, progress: Callable[[int, int], None] | None) -> bytes:
    """SHA-256 of an open file, 32 bytes."""
    file.seek(0)
    running, done = hashlib.sha256(), 0
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        running.update(view[:count])
        done += count
        if done > size:
            break
        if progress:
            progress(done, size)
    if done != size:
        raise EvidenceError("file_changed")
    return running.digest()
