"""Codes: bytes to QR codes on a screen, and pictures of a screen back to bytes.

Does        cuts messages into parts, draws them, finds codes in pictures, and puts parts together again.
Does not    know what a message says, drive a camera, or keep anything.
Spec        spec/31-codes.md, 1 to 3
Always      1. A picture's size is asked before it is decoded.  2. A collector's memory has a bound.
Read first  split(), Collector, read_picture().
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import segno
import zxingcpp
from PIL import Image, ImageFilter

from tercet.evidence import EvidenceError
from tercet.sealing import digest
from tercet.shell.failures import ShellError

VERSION: Final = 1
NAME: Final = 4  # bytes of the whole message's digest in each part
HEADER: Final = 7  # bytes before the piece
PART: Final = 1_100  # bytes of a part: reads back from a photo of 600 pixels; spec/31-codes.md, 1
PART_LEAST: Final = 100  # bytes
PART_MOST: Final = 2_900  # bytes; the largest code holds 2,953
PARTS_MOST: Final = 32
MESSAGE_MOST: Final = 16_384  # bytes
OPEN_MOST: Final = 8  # messages in the making
DONE_KEPT: Final = 64  # names of whole messages
BORDER: Final = 4  # modules; ISO 18004, 9.1
MASK: Final = 3  # of the eight; what travels is noise already, and weighing them takes four times as long
PIXELS_MOST: Final = 50_000_000
FILE_MOST: Final = 33_554_432  # bytes
PICTURES_MOST: Final = 1_000
SOFTER: Final = 1.0  # pixels; grain hides a code from the reader, and a second look with less of it finds it
FORMATS: Final = ("PNG", "JPEG")
_HALVES: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # dark above, dark below; blocks are light


class Part(NamedTuple):
    """One code's content.

    Attributes:
        name: of the whole message, 4 bytes.
        number: from 0.
        parts: how many there are.
        piece: of the message.
    """

    name: bytes
    number: int
    parts: int
    piece: bytes


def split(message: bytes, size: int = PART) -> tuple[bytes, ...]:
    """Cut a message into parts, each for one code.

    Args:
        message: 1 to 16,384 bytes.
        size: most bytes of a part, 100 to 2,900.

    Raises:
        ShellError: `codes_many`, the message needs more than 32 parts of that size.
        ValueError: the message is empty or too long, or the size out of bounds.
    """
    if not 0 < len(message) <= MESSAGE_MOST or not PART_LEAST <= size <= PART_MOST:
        raise ValueError("a message has 1 to 16,384 bytes, a part 100 to 2,900")
    parts = -(-len(message) // (size - HEADER))
    if parts > PARTS_MOST:
        raise ShellError("codes_many")
    each = -(-len(message) // parts)
    parts = -(-len(message) // each)
    head = bytes([VERSION]) + digest(message)[:NAME]
    return tuple(head + bytes([i, parts]) + message[i * each : (i + 1) * each] for i in range(parts))


def parse_part(data: bytes) -> Part | None:
    """The part in a code's bytes, or none: cameras see other people's codes too."""
    if not HEADER < len(data) <= HEADER + MESSAGE_MOST or data[0] != VERSION:
        return None
    number, parts = data[5], data[6]
    return Part(data[1:5], number, parts, data[HEADER:]) if number < parts <= PARTS_MOST else None


class Collector:
    """Puts parts together, in whatever order they are seen.

    Attributes:
        seen: parts here and parts in all of the message that was touched last; zeros before any.
    """

    def __init__(self) -> None:
        self.seen = (0, 0)
        self._open: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self._done: dict[tuple[bytes, int], None] = {}

    def take(self, data: bytes) -> bytes | None:
        """Take in what a code held; returns the message that it made whole, or none.

        Source: spec/31-codes.md, 2.
        """
        part = parse_part(data)
        if part is None:
            return None
        key = (part.name, part.parts)
        if key in self._done:
            self.seen = (part.parts, part.parts)
            return None
        pieces = self._open.pop(key, {}) | {part.number: part.piece}
        if sum(map(len, pieces.values())) > MESSAGE_MOST:
            del pieces[part.number]
        self.seen = (len(pieces), part.parts)
        if len(pieces) == part.parts:
            return self._joined(key, pieces)
        if pieces:
            self._open[key] = pieces
        while len(self._open) > OPEN_MOST:
            del self._open[next(iter(self._open))]
        return None

    def _joined(self, key: tuple[bytes, int], pieces: dict[int, bytes]) -> bytes | None:
        message = b"".join(pieces[i] for i in range(key[1]))
        if digest(message)[:NAME] != key[0]:
            self.seen = (0, key[1])
            return None
        self._done[key] = None
        while len(self._done) > DONE_KEPT:
            del self._done[next(iter(self._done))]
        return message


def as_text(part: bytes) -> str:
    """A code for a dark terminal: half as many lines as modules, one column a module."""
    rows = [tuple(row) for row in _drawn(part).matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append((1,) * len(rows[0]))  # below the border: the terminal's own ground
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(_HALVES[a, b] for a, b in zip(*pair, strict=True)) for pair in pairs)


def as_png(part: bytes, scale: int = 6) -> bytes:
    """A code as a PNG file, `scale` pixels a module."""
    out = io.BytesIO()
    _drawn(part).save(out, kind="png", scale=scale, border=BORDER)
    return out.getvalue()


def _drawn(part: bytes) -> segno.QRCode:
    return segno.make_qr(part, mode="byte", error="l", boost_error=True, mask=MASK)


def read_picture(file: bytes) -> list[bytes]:
    """What the codes in a picture hold, if anything.

    Args:
        file: a PNG or JPEG file, up to 32 MiB and 50 million pixels.

    Raises:
        ShellError: `bad_picture`, `picture_large`.

    Source: spec/31-codes.md, 3.
    """
    sharp = _grey(file)
    found: dict[bytes, None] = {}
    for picture in (sharp, sharp.filter(ImageFilter.GaussianBlur(SOFTER))):
        codes = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
        found |= dict.fromkeys(bytes(one.bytes) for one in codes)
    return list(found)


def read_file(path: Path) -> list[bytes]:
    """What the codes in a picture file hold.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `bad_picture`, `picture_large`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise EvidenceError("file_missing") from None
    except OSError:
        raise ShellError("bad_picture") from None
    return read_picture(data)


def read_all(files: Iterable[Path], collector: Collector) -> list[bytes]:
    """The messages that a row of pictures makes whole, in the order in which they are.

    Raises:
        EvidenceError: `file_missing`.
        ShellError: `bad_picture`, `picture_large`.
    """
    found = [collector.take(code) for path in files for code in read_file(path)]
    return [message for message in found if message is not None]


def _grey(file: bytes) -> Image.Image:
    if len(file) > FILE_MOST:
        raise ShellError("picture_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes that are bounded here
            with Image.open(io.BytesIO(file), formats=FORMATS) as picture:
                if picture.width * picture.height > PIXELS_MOST:
                    raise ShellError("picture_large")
                return picture.convert("L")
    except ShellError:
        raise
    except Image.DecompressionBombError:
        raise ShellError("picture_large") from None
    except Exception:  # whatever a decoder makes of a stranger's bytes
        raise ShellError("bad_picture") from None
