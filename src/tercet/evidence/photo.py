"""Photos: does it decode, and a small clean copy of it.

Does        decodes photos under a pixel limit; makes a JPEG of nothing but pixels, upright, that fits one block.
Does not    change the original, hide faces, or remove what is in the picture itself.
Spec        spec/80-evidence.md, 3 and 4
Always      1. A copy that holds anything but pixels never leaves this file.
            2. Only the decoders in DECODERS ever see a stranger's bytes.
Read first  travel_copy(), then check_bare().
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO, Final, cast

from PIL import Image

from tercet.sealing import BLOCK_DATA

from .errors import EvidenceError
from .files import open_source

DECODERS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # of the library's forty
JPEG_PIXELS: Final = 120_000_000  # a JPEG is decoded at a fraction of its size
MOST_PIXELS: Final = 50_000_000  # of any other photo: 150 MB when decoded
EDGES: Final = (2_560, 2_048, 1_600, 1_280, 1_024, 800, 640, 480, 320, 160)  # pixels, longest side of a copy
QUALITIES: Final = (85, 75, 65)  # of JPEG, tried in turn before the next smaller edge
ORIENTATION: Final = 0x0112  # EXIF 2.32, table 4
UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_START, _END, _SCAN, _APP0 = b"\xff\xd8", 0xD9, 0xDA, 0xE0
_TABLES = frozenset({0xDB, 0xC0, 0xC4})  # quantisation, frame header (baseline), Huffman codes
_INSIDE_SCAN = frozenset({0x00, *range(0xD0, 0xD8)})  # a stuffed byte, restart marks
_JFIF = b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # version 1.1, no density, no thumbnail


def check_photo(file: BinaryIO) -> None:
    """Check that a photo decodes to its end.

    Raises:
        EvidenceError: `not_a_photo`, `photo_too_large`.
    """
    _decode(file, EDGES[-1])


def travel_copy(path: str | Path, limit: int = BLOCK_DATA) -> bytes | None:
    """A JPEG of a photo without any metadata, as large as fits.

    Args:
        path: the original; it is only read.
        limit: most bytes of the copy; one media block, 262,103.

    Returns:
        The copy; None where no decoder is at hand for this photo, or nothing is small enough.

    Raises:
        EvidenceError: `file_missing`, `file_unreadable`, `file_empty`, `photo_too_large`, `copy_not_clean`.

    Source: spec/80-evidence.md, 4.
    """
    with open_source(path) as file:
        try:
            pixels = _pixels(_decode(file, EDGES[0]))
        except EvidenceError as error:
            if error.code == "not_a_photo":
                return None
            raise
    return fit(pixels, limit)


def fit(pixels: Image.Image, limit: int) -> bytes | None:
    """The largest clean JPEG of these RGB pixels in at most `limit` bytes, or None."""
    largest = min(EDGES[0], max(pixels.size))
    for edge in (largest, *(e for e in EDGES if e < largest)):
        scale = edge / max(pixels.size)
        size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
        small = pixels if size == pixels.size else pixels.resize(size, Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            copy = _encode(small, quality)
            if len(copy) <= limit:
                check_bare(copy)
                return copy
    return None


def check_bare(jpeg: bytes) -> None:
    """Check that a JPEG holds what draws its pixels and nothing else.

    Allowed: one bare JFIF header without a thumbnail, quantisation tables, a baseline frame header, Huffman
    tables, one scan, the end mark, and not one byte behind it.

    Raises:
        EvidenceError: `copy_not_clean`.

    Source: spec/80-evidence.md, 4; ITU T.81, annex B.
    """
    unclean = EvidenceError("copy_not_clean")
    if jpeg[:2] != _START:
        raise unclean
    at, headers = 2, 0
    while True:
        if len(jpeg) < at + 4 or jpeg[at] != 0xFF:
            raise unclean
        kind = jpeg[at + 1]
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if kind == _SCAN:
            break
        if kind == _APP0 and jpeg[at + 4 : at + 2 + size] == _JFIF and not headers:
            headers += 1
        elif kind not in _TABLES:
            raise unclean
        at += 2 + size
    if _end_of_scan(jpeg, at + 2 + size) != len(jpeg):
        raise unclean


def _end_of_scan(jpeg: bytes, at: int) -> int:
    """Where the first mark that ends a scan stops, if it is the end mark; else -1."""
    while (at := jpeg.find(b"\xff", at)) >= 0 and at + 1 < len(jpeg):
        if jpeg[at + 1] not in _INSIDE_SCAN:
            return at + 2 if jpeg[at + 1] == _END else -1
        at += 2
    return -1


def _decode(file: BinaryIO, edge: int) -> Image.Image:
    """Decode a whole photo; a JPEG may come out smaller, but not below `edge` pixels.

    Raises:
        EvidenceError: `not_a_photo`, `photo_too_large`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they may quote what is in the file
            file.seek(0)
            Image.open(file, formats=DECODERS).verify()
            file.seek(0)
            image = Image.open(file, formats=DECODERS)
            jpeg = image.format in ("JPEG", "MPO")
            if image.width * image.height > (JPEG_PIXELS if jpeg else MOST_PIXELS):
                raise EvidenceError("photo_too_large")
            if jpeg:
                image.draft(None, (edge, edge))
            image.load()
            return image
    except EvidenceError:
        raise
    except Image.DecompressionBombError:
        raise EvidenceError("photo_too_large") from None
    except Exception:  # a decoder given a stranger's bytes raises whatever it likes
        raise EvidenceError("not_a_photo") from None


def _pixels(image: Image.Image) -> Image.Image:
    """A fresh RGB image, upright, with nothing attached; what was transparent is white.

    Raises:
        EvidenceError: `not_a_photo`, for a kind of colour that has no RGB.
    """
    try:
        turn = UPRIGHT.get(_orientation(image))
        if image.mode.startswith("I"):
            image = image.convert("I").point(lambda value: value / 257).convert("L")  # 16 bits to 8
        if image.has_transparency_data:
            layered = image.convert("RGBA")
            bare = Image.new("RGB", image.size, "white")
            bare.paste(layered, mask=layered)
        else:
            bare = Image.new("RGB", image.size)
            bare.paste(image.convert("RGB"))
        return bare if turn is None else bare.transpose(turn)
    except Exception:
        raise EvidenceError("not_a_photo") from None


def _orientation(image: Image.Image) -> int:
    """How the camera was held: 1 to 8 (EXIF); 1 when it does not say, or says it badly."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast(int, image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def _encode(pixels: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    pixels.save(out, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
    return out.getvalue()
