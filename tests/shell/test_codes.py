"""Codes: bytes to pictures and back, by good cameras and bad ones, and what strangers' parts and pictures can do."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from tercet.core import scan
from tercet.evidence import EvidenceError
from tercet.sealing import digest
from tercet.shell import codes
from tercet.shell.codes import Collector, as_png, as_text, parse_part, read_all, read_file, read_picture, split
from tercet.shell.failures import ShellError
from tests.sealing.cases import VECTORS, bad_cases, cases

SPEC = (Path(__file__).resolve().parents[2] / "spec" / "31-codes.md").read_text()


def some(count: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(count)


def seen(png: bytes, angle: float = 0, pixels: int = 0, noise: float = 0, blur: float = 0) -> bytes:
    """A photo of a screen that shows a code: aslant, turned, scaled, out of focus, grainy, as JPEG."""
    screen = Image.open(io.BytesIO(png)).convert("L")
    edge = int(screen.width * 1.6)
    room = Image.new("L", (edge, edge), 90)
    room.paste(screen, (int(screen.width * 0.3),) * 2)
    tilt = int(0.06 * edge)
    corners = (0, 0, 0, edge, edge, edge - tilt, edge, tilt)
    room = room.transform(room.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    room = room.rotate(angle, Image.Resampling.BICUBIC, fillcolor=90)
    if pixels:
        room = room.resize((pixels, pixels), Image.Resampling.LANCZOS)
    room = room.filter(ImageFilter.GaussianBlur(blur))
    grain = Image.frombytes("L", room.size, some(room.width * room.height, len(png)))
    room = Image.blend(room, grain, noise)
    out = io.BytesIO()
    room.save(out, "JPEG", quality=70)
    return out.getvalue()


def as_picture(text: str, module: int = 4) -> bytes:
    """What a terminal shows of a code, as a PNG: blocks are light, all else is dark."""
    lines = text.split("\n")
    picture = Image.new("L", (len(lines[0]), 2 * len(lines)), 0)
    for y, line in enumerate(lines):
        for x, block in enumerate(line):
            picture.putpixel((x, 2 * y), 255 if block in "█▀" else 0)
            picture.putpixel((x, 2 * y + 1), 255 if block in "█▄" else 0)
    out = io.BytesIO()
    picture.resize((picture.width * module, picture.height * module), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def collected(parts: Any, collector: Collector | None = None) -> list[bytes]:
    collector = collector or Collector()
    found = [collector.take(part) for part in parts]
    return [message for message in found if message is not None]


def test_the_sizes_of_the_spec_are_those_of_the_code() -> None:
    table = SPEC.split("<!-- table: sizes -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.M)
    assert len(rows) == 12
    for name, value in rows:
        assert getattr(codes, name) == int(value), name


@pytest.mark.parametrize("case", cases("part", "codes"))
def test_a_message_is_cut_as_the_vectors_say(case: Any) -> None:
    message = bytes.fromhex(case["input"]["message"])
    parts = split(message, case["input"]["size"])
    assert [part.hex() for part in parts] == case["expected"]["parts"]
    assert collected(parts) == [message]


@pytest.mark.parametrize("case", bad_cases("part", "codes"))
def test_what_is_no_part_is_dropped(case: Any) -> None:
    collector = Collector()
    assert parse_part(bytes.fromhex(case["input"]["part"])) is None
    assert collector.take(bytes.fromhex(case["input"]["part"])) is None
    assert not collector._open


def test_vectors_of_pictures_read_back() -> None:
    for path in (VECTORS / "codes").glob("picture-*.json"):
        case = json.loads(path.read_text())
        read = read_file(path.parent / case["input"]["file"])
        assert collected(read) == [bytes.fromhex(m) for m in case["expected"]["messages"]], path.name


@given(st.binary(min_size=1, max_size=3_000), st.integers(codes.PART_LEAST, codes.PART_MOST), st.randoms())
@settings(max_examples=60, deadline=None)
def test_parts_make_the_message_whole_in_any_order_and_with_any_repeats(message: bytes, size: int, mix: Random) -> None:
    parts = list(split(message, size))
    assert all(len(part) <= size for part in parts)
    shuffled = parts + mix.choices(parts, k=3)
    mix.shuffle(shuffled)
    assert collected(shuffled) == [message]


def test_pieces_are_as_few_and_as_equal_as_can_be() -> None:
    assert [len(p) for p in split(some(1_093))] == [1_100]
    assert [len(p) - codes.HEADER for p in split(some(1_094))] == [547, 547]
    assert len(split(some(codes.MESSAGE_MOST))) == 15


@pytest.mark.parametrize(("length", "size"), [(0, 1_100), (codes.MESSAGE_MOST + 1, 1_100), (5, 99), (5, 2_901)])
def test_what_cannot_be_cut_is_refused(length: int, size: int) -> None:
    with pytest.raises(ValueError, match="a message has"):
        split(some(length), size)


def test_more_codes_than_anybody_would_scan_are_refused() -> None:
    with pytest.raises(ShellError) as refused:
        split(some(codes.MESSAGE_MOST), 100)
    assert refused.value.code == "codes_many"


def test_parts_of_several_messages_do_not_mix() -> None:
    messages = [some(3_000, seed) for seed in range(3)]
    woven = [part for row in zip(*(split(m) for m in messages), strict=True) for part in row]
    assert sorted(collected(woven)) == sorted(messages)


def test_a_message_is_given_once() -> None:
    collector, parts = Collector(), split(some(3_000))
    assert len(collected(parts * 3, collector)) == 1
    assert collector.seen == (len(parts), len(parts))


def test_a_collector_says_how_far_it_is() -> None:
    collector, parts = Collector(), split(some(3_000))
    assert collector.seen == (0, 0)
    for done, part in enumerate(parts[:2], 1):
        collector.take(part)
        assert collector.seen == (done, 3)


def test_a_false_part_under_the_right_name_costs_a_second_look_and_no_more() -> None:
    message = some(3_000)
    parts = split(message)
    false = parts[1][: codes.HEADER] + b"x" * 900
    for order in permutations((parts[0], false, parts[2])):
        collector = Collector()
        assert collected(order, collector) == []
        assert collected(parts, collector) == [message]


def test_hostile_parts_take_bounded_memory() -> None:
    collector = Collector()
    largest = 2_953 - codes.HEADER
    for seed in range(2_000):
        head = bytes([codes.VERSION]) + some(4, seed % 50) + bytes([seed % 31, 32])
        collector.take(head + some(largest, seed))
    assert len(collector._open) <= codes.OPEN_MOST
    assert all(sum(map(len, pieces.values())) <= codes.MESSAGE_MOST for pieces in collector._open.values())
    for seed in range(200):
        collected(split(some(20, seed)), collector)
    assert len(collector._done) == codes.DONE_KEPT
    assert collected(split(some(3_000, 7)), collector) == [some(3_000, 7)]


def test_somebody_else_s_parts_do_not_push_out_what_is_being_read() -> None:
    collector, ours = Collector(), split(some(3_000))
    collector.take(ours[0])
    for seed in range(codes.OPEN_MOST - 1):
        collector.take(split(some(3_000, seed + 2))[0])
        collector.take(ours[0])
    assert collected(ours[1:], collector) == [some(3_000)]


# ---- pictures


@pytest.mark.parametrize("length", [1, 500, 1_100, 2_000, codes.PART_MOST])
def test_a_code_reads_back_byte_for_byte(length: int) -> None:
    data = some(length)
    assert read_picture(as_png(data)) == [data]


def test_every_byte_reads_back() -> None:
    data = bytes(range(256))
    assert read_picture(as_png(data)) == [data]


@pytest.mark.parametrize("length", [100, 458, 1_100])
def test_what_a_terminal_shows_reads_back(length: int) -> None:
    data = some(length)
    assert read_picture(as_picture(as_text(data))) == [data]


def test_a_terminal_of_the_documented_size_holds_a_part_of_the_usual_size() -> None:
    lines = as_text(split(some(1_093))[0]).split("\n")
    assert (len(lines[0]), len(lines)) == (121, 61)
    assert {len(line) for line in lines} == {121}


@pytest.mark.full
@pytest.mark.parametrize("angle", [0, 7, 45, 90, 143, 200])
@pytest.mark.parametrize("pixels", [800, 1_600])
def test_a_poor_photo_of_the_screen_reads_back(angle: float, pixels: int) -> None:
    data = split(some(1_093))[0]
    photo = seen(as_png(data, 4), angle, pixels, noise=0.35, blur=0.8)
    assert read_picture(photo) == [data]


def test_a_photo_in_which_nobody_could_read_it_gives_nothing() -> None:
    data = split(some(1_093))[0]
    assert read_picture(seen(as_png(data, 4), pixels=150)) == []


def test_several_codes_in_one_picture_are_all_read() -> None:
    parts = split(some(3_000))
    screens = [Image.open(io.BytesIO(as_png(part, 4))).convert("L") for part in parts]
    wall = Image.new("L", (sum(s.width for s in screens), screens[0].height), 255)
    for place, screen in enumerate(screens):
        wall.paste(screen, (sum(s.width for s in screens[:place]), 0))
    out = io.BytesIO()
    wall.save(out, "PNG")
    assert sorted(read_picture(out.getvalue())) == sorted(parts)


def test_a_row_of_frames_as_a_camera_takes_them_makes_messages_whole(tmp_path: Path) -> None:
    message = some(3_000)
    frames = [seen(as_png(part, 4), pixels=900, noise=0.2) for part in split(message)]
    frames = [seen(as_png(b"a poster on the wall")), *frames[::-1], frames[0], seen(as_png(b"x"), pixels=30)]
    for number, frame in enumerate(frames):
        (tmp_path / f"{number}.jpg").write_bytes(frame)
    assert read_all(sorted(tmp_path.iterdir()), Collector()) == [message]


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(7_072, 7_072), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int], monkeypatch: Any) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "convert", decode)
    with pytest.raises(ShellError) as refused:
        read_picture(bomb(*size))
    assert refused.value.code == "picture_large"


def test_a_file_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(ShellError) as refused:
        read_picture(bytes(codes.FILE_MOST + 1))
    assert refused.value.code == "picture_large"


def gif() -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(as_png(b"a code"))).save(out, "GIF")
    return out.getvalue()


@pytest.mark.parametrize("file", [b"", b"x" * 100, as_png(b"a code")[:100], bomb(10, 10)[:-20], gif()])
def test_what_is_no_picture_of_a_known_kind_is_refused(file: bytes) -> None:
    with pytest.raises(ShellError) as refused:
        read_picture(file)
    assert refused.value.code == "bad_picture"


def test_a_picture_that_is_not_there_is_said_to_be_missing_and_not_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError) as missing:
        read_file(tmp_path / "none.png")
    assert missing.value.code == "file_missing"
    with pytest.raises(ShellError) as refused:
        read_file(tmp_path)
    assert refused.value.code == "bad_picture"


def test_every_message_of_the_core_fits_in_a_few_codes() -> None:
    frame = scan.Carried(1, bytes(8), bytes(32), bytes(4_096))
    assert len(split(scan.encode_message(frame))) == 4
    assert digest(b"")[:4] != digest(b"x")[:4]
