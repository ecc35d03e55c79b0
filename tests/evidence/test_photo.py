"""Clean copies of photos."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tercet.evidence import EvidenceError, check_bare, inspect, photo, travel_copy
from tercet.evidence.photo import EDGES, QUALITIES, fit
from tercet.sample import photo as sample
from tercet.sealing import BLOCK_DATA
from tests.evidence.cases import SPEC
from tests.evidence.planted import GPS, PLANTS, SECRET, exif, metadata, picture, saved

CORNERS = {"red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}


def copy_of(folder: Path, data: bytes, limit: int = BLOCK_DATA) -> bytes | None:
    (folder / "photo").write_bytes(data)
    return travel_copy(folder / "photo", limit)


def opened(jpeg: bytes | None) -> Image.Image:
    assert jpeg is not None
    return Image.open(io.BytesIO(jpeg))


def nearest(pixel: object) -> str:
    assert isinstance(pixel, tuple)
    return min(CORNERS, key=lambda name: sum(abs(a - b) for a, b in zip(CORNERS[name], pixel, strict=True)))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# --- nothing but pixels


@pytest.mark.parametrize("plant", PLANTS)
def test_no_planted_metadata_reaches_the_copy(tmp_path: Path, plant: str) -> None:
    data = PLANTS[plant]()
    copy = copy_of(tmp_path, data)
    assert copy is not None
    assert metadata(copy) == []
    assert SECRET not in copy


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.startswith("jpeg")])
def test_the_check_of_the_product_finds_every_plant(plant: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        check_bare(PLANTS[plant]())
    assert caught.value.code == "copy_not_clean"


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.startswith("jpeg")])
def test_the_detector_of_these_tests_finds_every_plant(plant: str) -> None:
    assert metadata(PLANTS[plant]())


@pytest.mark.parametrize("plant", PLANTS)
def test_every_plant_is_really_planted(plant: str) -> None:
    data = PLANTS[plant]()
    packed = [zlib.decompress(data[data.index(b"iCCP") + 4 :].split(b"\0\0", 1)[1])] if b"iCCP" in data else []
    assert any(SECRET in part for part in (data, *packed))


def test_the_position_was_there_and_is_gone(tmp_path: Path) -> None:
    data = PLANTS["jpeg exif, gps, maker's note"]()
    assert opened(data).getexif().get_ifd(0x8825)[2] == GPS
    assert not opened(copy_of(tmp_path, data)).getexif().get_ifd(0x8825)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_the_copy_depends_on_the_pixels_alone(tmp_path: Path, form: str) -> None:
    plain = copy_of(tmp_path, saved("PNG"))
    assert copy_of(tmp_path, saved(form)) == plain
    assert copy_of(tmp_path, PLANTS["png texts"]()) == plain


def test_colours_beneath_full_transparency_do_not_travel(tmp_path: Path) -> None:
    hidden = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    out = io.BytesIO()
    hidden.save(out, "PNG")
    assert opened(copy_of(tmp_path, out.getvalue())).getpixel((32, 32)) == (255, 255, 255)


def test_a_copy_that_is_not_clean_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(pixels: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        pixels.save(out, "JPEG", quality=quality, exif=exif())
        return out.getvalue()

    monkeypatch.setattr(photo, "_encode", careless)
    with pytest.raises(EvidenceError) as caught:
        travel_copy(sample())
    assert caught.value.code == "copy_not_clean"


def test_every_shortening_and_lengthening_of_a_clean_copy_is_unclean() -> None:
    copy = fit(picture((16, 16)), BLOCK_DATA)
    assert copy is not None
    check_bare(copy)
    for cut in range(len(copy)):
        with pytest.raises(EvidenceError):
            check_bare(copy[:cut])
    for more in (b"\0", b"\xff\xd9", copy):
        with pytest.raises(EvidenceError):
            check_bare(copy + more)


@pytest.mark.parametrize("end", [0xD8, 0xDA, 0xE1, 0xFE])
def test_a_scan_that_another_mark_ends_is_unclean(end: int) -> None:
    copy = fit(picture((16, 16)), BLOCK_DATA)
    assert copy is not None
    with pytest.raises(EvidenceError):
        check_bare(copy[:-1] + bytes([end]))


def test_a_segment_without_room_for_its_own_length_is_unclean() -> None:
    for size in (0, 1):
        with pytest.raises(EvidenceError):
            check_bare(b"\xff\xd8\xff\xdb" + struct.pack(">H", size) + bytes(40))


def test_two_headers_or_two_scans_are_unclean() -> None:
    copy = fit(picture((16, 16)), BLOCK_DATA)
    assert copy is not None
    twice = copy[:20] + copy[2:]
    progressive = saved("JPEG", progressive=True)
    for odd in (twice, progressive):
        assert opened(odd).size
        with pytest.raises(EvidenceError):
            check_bare(odd)


# --- upright


@pytest.mark.parametrize(
    ("orientation", "row", "column"),  # where the stored first row and first column are to be seen: EXIF 2.32, table 4
    [
        (1, "top", "left"),
        (2, "top", "right"),
        (3, "bottom", "right"),
        (4, "bottom", "left"),
        (5, "left", "top"),
        (6, "right", "top"),
        (7, "right", "bottom"),
        (8, "left", "bottom"),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_rotated_photo_is_turned_upright(tmp_path: Path, form: str, orientation: int, row: str, column: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    copy = opened(copy_of(tmp_path, saved(form, exif=tags)))
    assert copy.size == ((96, 64) if row in ("top", "bottom") else (64, 96))
    opposite = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
    stored = {
        "red": {row, column},
        "green": {row, opposite[column]},
        "blue": {opposite[row], column},
        "yellow": {opposite[row], opposite[column]},
    }
    for vertical, horizontal in itertools.product(("top", "bottom"), ("left", "right")):
        x = 4 if horizontal == "left" else copy.width - 5
        y = 4 if vertical == "top" else copy.height - 5
        assert stored[nearest(copy.getpixel((x, y)))] == {vertical, horizontal}


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_a_senseless_orientation_leaves_the_photo_as_it_is(tmp_path: Path, orientation: int) -> None:
    copy = opened(copy_of(tmp_path, saved("JPEG", exif=exif(orientation))))
    assert nearest(copy.getpixel((4, 4))) == "red"


def test_damaged_exif_does_not_stop_a_photo(tmp_path: Path) -> None:
    for damage in (b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0"):
        assert opened(copy_of(tmp_path, saved("JPEG", exif=damage))).size == (96, 64)


# --- as large as fits


def test_a_small_photo_keeps_its_size(tmp_path: Path) -> None:
    copy = travel_copy(sample())
    assert opened(copy).size == (600, 400)
    assert opened(copy_of(tmp_path, saved("PNG"))).size == (96, 64)


def test_a_copy_fits_one_block_even_of_noise(tmp_path: Path) -> None:
    noise = Image.frombytes("RGB", (1_800, 1_200), random.Random(1).randbytes(1_800 * 1_200 * 3))
    copy = fit(noise, BLOCK_DATA)
    assert copy is not None
    assert BLOCK_DATA // 2 < len(copy) <= BLOCK_DATA
    assert opened(copy).width in EDGES


def test_the_next_larger_step_would_not_have_fitted() -> None:
    with Image.open(sample()) as image:
        pixels = image.convert("RGB")
    copy = fit(pixels, 30_000)
    assert copy is not None
    edge = opened(copy).width
    larger = [e for e in (600, *EDGES) if 600 >= e > edge]
    for step in larger:
        small = pixels.resize((step, round(400 * step / 600)), Image.Resampling.LANCZOS)
        assert all(len(photo._encode(small, quality)) > 30_000 for quality in QUALITIES)


@pytest.mark.parametrize("limit", [5_000, 20_000, 60_000])
def test_a_limit_is_a_limit(limit: int) -> None:
    copy = travel_copy(sample(), limit)
    assert copy is not None
    assert len(copy) <= limit


def test_a_limit_holds_to_the_byte() -> None:
    whole = travel_copy(sample())
    assert whole is not None
    assert travel_copy(sample(), len(whole)) == whole
    smaller = travel_copy(sample(), len(whole) - 1)
    assert smaller is not None
    assert len(smaller) < len(whole)


def test_a_jpeg_is_decoded_at_a_fraction_of_its_size_where_that_is_enough() -> None:
    out = io.BytesIO()
    picture((1_600, 800)).save(out, "JPEG")
    assert photo._decode(out, 160).size == (400, 200)  # a quarter: an eighth would be 100 high
    assert photo._decode(out, 1_600).size == (1_600, 800)


def test_where_nothing_is_small_enough_there_is_no_copy() -> None:
    assert travel_copy(sample(), 300) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 9_000), (9_000, 1)])
def test_extreme_shapes_keep_at_least_a_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, "PNG")
    assert min(opened(copy_of(tmp_path, out.getvalue())).size) >= 1


def test_the_spec_names_the_same_steps() -> None:
    text = " ".join(SPEC.split())
    assert ", ".join(f"{edge:,}" for edge in EDGES) in text
    assert ", ".join(map(str, QUALITIES)) in text
    assert f"{BLOCK_DATA:,}" in text
    assert f"{photo.JPEG_PIXELS:,}" in text
    assert f"{photo.MOST_PIXELS:,}" in text


# --- what is a photo


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_colour_gives_a_copy(tmp_path: Path, mode: str) -> None:
    image = Image.new("L", (32, 32), 128).convert(mode) if mode != "I;16" else Image.new(mode, (32, 32), 32_896)
    out = io.BytesIO()
    image.save(out, "TIFF" if mode in ("CMYK", "PA") else "PNG")
    pixel = opened(copy_of(tmp_path, out.getvalue())).getpixel((9, 9))
    assert isinstance(pixel, tuple)
    if mode != "1":
        assert all(abs(value - 128) < 12 for value in pixel)


def test_a_kind_of_colour_that_has_no_rgb_gives_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Image.Image:
        raise ValueError("conversion not supported")

    monkeypatch.setattr(Image.Image, "convert", fail)
    assert travel_copy(sample()) is None


def test_what_does_not_decode_gives_no_copy(tmp_path: Path) -> None:
    heic = bytes.fromhex("00000018667479706865696300000000") + b"mif1heic"
    for data in (b"no photo", heic + bytes(500), sample().read_bytes()[:1_000]):
        assert copy_of(tmp_path, data) is None


def test_a_missing_file_is_an_error_and_not_no_copy(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError) as caught:
        travel_copy(tmp_path / "none")
    assert caught.value.code == "file_missing"


@pytest.mark.parametrize(("width", "height"), [(8_000, 6_251), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_small_file_that_claims_a_huge_photo_is_refused(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "bomb").write_bytes(png_header(width, height))
    for look in (lambda path: inspect(path, "photo"), travel_copy):
        with pytest.raises(EvidenceError) as caught:
            look(tmp_path / "bomb")
        assert caught.value.code == "photo_too_large"


def test_a_jpeg_may_have_more_pixels_than_other_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "MOST_PIXELS", 96 * 64 - 1)
    assert copy_of(tmp_path, saved("JPEG"))
    with pytest.raises(EvidenceError):
        copy_of(tmp_path, saved("PNG"))
    monkeypatch.setattr(photo, "JPEG_PIXELS", 96 * 64 - 1)
    with pytest.raises(EvidenceError):
        copy_of(tmp_path, saved("JPEG"))


def test_only_the_listed_decoders_are_given_a_file(tmp_path: Path) -> None:
    for form in ("PPM", "ICO", "PCX", "EPS"):
        out = io.BytesIO()
        picture().save(out, form)
        assert Image.open(io.BytesIO(out.getvalue())).format == form
        assert copy_of(tmp_path, out.getvalue()) is None


@pytest.mark.parametrize("damage", [MemoryError, ValueError, SyntaxError, ZeroDivisionError, struct.error])
def test_whatever_a_decoder_raises_is_not_a_photo(monkeypatch: pytest.MonkeyPatch, damage: type[Exception]) -> None:
    def fail(*_: object, **__: object) -> Image.Image:
        raise damage

    monkeypatch.setattr(photo.Image, "open", fail)
    with pytest.raises(EvidenceError) as caught:
        inspect(sample(), "photo")
    assert caught.value.code == "not_a_photo"


def test_the_original_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(saved("JPEG", exif=exif()))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    travel_copy(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [p.name for p in tmp_path.iterdir()] == ["photo"]
