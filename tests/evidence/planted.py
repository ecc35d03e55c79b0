"""Photos with planted metadata, for the tests of the travel copy."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

SECRET = b"TELLTALE"  # every plant carries this word, so a search for it finds any of them
GPS = (33.0, 30.0, 36.25)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><who>' + SECRET + b"</who></x:xmpmeta>"


def picture(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A picture with four different corners: red, green / blue, yellow."""
    image = Image.new("RGB", size, "red")
    half = (size[0] // 2, size[1] // 2)
    image.paste((0, 160, 0), (half[0], 0, size[0], half[1]))
    image.paste((0, 0, 255), (0, half[1], half[0], size[1]))
    image.paste((255, 255, 0), (half[0], half[1], size[0], size[1]))
    return image


def exif(orientation: int = 1) -> Image.Exif:
    """EXIF with a camera, a time, a maker's note and a position."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = SECRET.decode()
    tags[0x0132] = "2026:11:20 14:30:00 " + SECRET.decode()
    tags.get_ifd(0x8769).update({0x927C: SECRET + b" maker's note", 0xA431: SECRET.decode() + " serial"})
    tags.get_ifd(0x8825).update({1: "N", 2: GPS, 3: "E", 4: GPS, 0x1B: SECRET + b" gps"})
    return tags


def exif_with_thumbnail() -> bytes:
    """EXIF whose second directory holds a small JPEG of the uncropped picture."""
    small = io.BytesIO()
    picture((32, 24)).save(small, "JPEG", comment=SECRET)
    thumb = small.getvalue()
    first = struct.pack("<2sHIH", b"II", 42, 8, 1) + struct.pack("<HHII", 0x0112, 3, 1, 1)
    start = len(first) + 4
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, start + 2 + 36 + 4), (0x0202, 4, 1, len(thumb))]
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"Exif\0\0" + first + struct.pack("<I", start) + second + thumb


def icc() -> bytes:
    """A colour profile that carries the word in its description."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile + SECRET


def saved(form: str, **options: Any) -> bytes:
    """The picture in a format, with whatever is to be planted."""
    out = io.BytesIO()
    picture().save(out, form, **options)
    return out.getvalue()


def with_segment(marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment behind its start."""
    plain = saved("JPEG")
    return plain[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + plain[2:]


def with_jfif_thumbnail() -> bytes:
    """A JPEG whose JFIF header holds a tiny picture."""
    plain = saved("JPEG")
    small = (SECRET * 2)[:12]
    header = b"JFIF\0\1\1\0\0\1\0\1\2\2" + small
    return plain[:2] + b"\xff\xe0" + struct.pack(">H", len(header) + 2) + header + plain[20:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    plain = saved("PNG")
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return plain[:33] + chunk + plain[33:]


def png_texts() -> bytes:
    """A PNG with all three kinds of text."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_text("Software", SECRET.decode(), zip=False)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return saved("PNG", pnginfo=texts)


def tiff_tags() -> bytes:
    """A TIFF with words, XMP and IPTC in tags."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315], tags[700], tags[33723] = SECRET.decode(), SECRET.decode(), XMP, SECRET
    tags.tagtype[700] = tags.tagtype[33723] = 7
    return saved("TIFF", tiffinfo=tags, icc_profile=icc())


def mpo() -> bytes:
    """A JPEG with a second picture behind the first, as some phones write."""
    out = io.BytesIO()
    picture().save(out, "MPO", save_all=True, append_images=[picture((48, 32))], exif=exif(), comment=SECRET)
    return out.getvalue()


PLANTS: dict[str, Callable[[], bytes]] = {
    "jpeg exif, gps, maker's note": lambda: saved("JPEG", exif=exif()),
    "jpeg exif thumbnail": lambda: saved("JPEG", exif=exif_with_thumbnail()),
    "jpeg icc": lambda: saved("JPEG", icc_profile=icc()),
    "jpeg xmp": lambda: saved("JPEG", xmp=XMP),
    "jpeg extended xmp": lambda: with_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
    "jpeg comment": lambda: saved("JPEG", comment=SECRET),
    "jpeg iptc": lambda: with_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08" + SECRET),
    "jpeg content credentials": lambda: with_segment(0xEB, b"JP\0\1\0\0\0\1" + SECRET),
    "jpeg application segment": lambda: with_segment(0xEF, SECRET),
    "jpeg jfif thumbnail": with_jfif_thumbnail,
    "jpeg jfxx thumbnail": lambda: with_segment(0xE0, b"JFXX\0\x13\2\2" + SECRET + bytes(4)),
    "jpeg with something behind": lambda: saved("JPEG") + SECRET,
    "jpeg with a film behind": lambda: saved("JPEG") + b"\0\0\0\x18ftypmp42" + SECRET,
    "jpeg with a second picture": mpo,
    "png texts": png_texts,
    "png exif": lambda: saved("PNG", exif=exif()),
    "png icc": lambda: saved("PNG", icc_profile=icc()),
    "png time": lambda: png_chunk(b"tIME", b"\x07\xea\x0b\x14\x0e\x1e\0") + SECRET,
    "png private chunk": lambda: png_chunk(b"prVt", SECRET),
    "webp exif, icc, xmp": lambda: saved("WEBP", exif=exif().tobytes(), icc_profile=icc(), xmp=XMP),
    "gif comment": lambda: saved("GIF", comment=SECRET),
    "tiff tags": tiff_tags,
    "avif exif, icc, xmp": lambda: saved("AVIF", exif=exif().tobytes(), icc_profile=icc(), xmp=XMP),
    "bmp with something behind": lambda: saved("BMP") + SECRET,
}


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker segment of a JPEG, by a second way than the product's; what lies behind the end is marker 0."""
    at = 2
    while at < len(jpeg):
        if jpeg[at] != 0xFF:
            yield 0, jpeg[at:]
            return
        marker = jpeg[at + 1]
        if marker == 0xD9:
            at += 2
            continue
        size = struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        yield marker, jpeg[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xDA:
            while not (jpeg[at] == 0xFF and jpeg[at + 1] != 0 and not 0xD0 <= jpeg[at + 1] <= 0xD7):
                at += 1


def metadata(jpeg: bytes) -> list[str]:
    """What a JPEG carries besides its pixels; a detector of the tests' own."""
    found = [hex(kind) for kind, _ in segments(jpeg) if kind not in (0xE0, 0xDB, 0xC0, 0xC4, 0xDA)]
    headers = [data for kind, data in segments(jpeg) if kind == 0xE0]
    found += ["jfif"] * (headers != [b"JFIF\0\1\1\0\0\1\0\1\0\0"])
    with Image.open(io.BytesIO(jpeg)) as image:
        found += sorted(set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"})
        found += ["exif"] * bool(image.getexif()) + ["frames"] * (getattr(image, "n_frames", 1) > 1)
    found += ["secret"] * (SECRET in jpeg)
    return found
