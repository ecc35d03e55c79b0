"""The first pass."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tercet.evidence import KINDS, EvidenceError, MediaFacts, inspect, media, sniff
from tercet.evidence.media import FORMATS, UNDECODED
from tercet.sample import photo
from tests.evidence.cases import SPEC, cases

MP4 = bytes.fromhex("00000018667479706d70343200000000") + b"mp42isom"
AMR = b"#!AMR\n" + bytes(40)


def refused(path: Path, kind: media.Kind) -> str:
    with pytest.raises(EvidenceError) as caught:
        inspect(path, kind)
    return caught.value.code


def listed(text: str) -> dict[str, set[str]]:
    """Kind to formats, from the table in the spec's section 3."""
    rows = re.findall(r"^\| (photo|video|audio) \| ([a-z0-9` ]+) \|", text, re.MULTILINE)
    return {kind: set(re.findall("`([a-z0-9]+)`", formats)) for kind, formats in rows}


@pytest.mark.parametrize("case", cases("format"))
def test_a_format_is_known_by_its_first_bytes(case: dict[str, Any]) -> None:
    assert sniff(bytes.fromhex(case["input"]["head"])) == case["expected"]["format"]


def test_the_spec_lists_the_formats_of_each_kind() -> None:
    assert listed(SPEC) == {kind: {form for form, kinds in FORMATS.items() if kind in kinds} for kind in KINDS}
    assert listed(SPEC.replace("`3gp` `aac`", "`aac`")) != listed(SPEC)


def test_the_facts_of_a_real_photo_are_those_of_its_bytes() -> None:
    data = photo().read_bytes()
    assert inspect(photo(), "photo") == MediaFacts("photo", "png", len(data), hashlib.sha256(data).digest())


def test_facts_hold_no_path_and_no_name() -> None:
    assert "coffee" not in repr(inspect(photo(), "photo"))


def test_the_name_of_a_file_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(MP4)
    (tmp_path / "video.mp4").write_bytes(photo().read_bytes())
    assert refused(tmp_path / "photo.jpg", "photo") == "not_a_photo"
    assert refused(tmp_path / "video.mp4", "video") == "not_a_video"
    assert inspect(tmp_path / "photo.jpg", "video").format == "mp4"


def test_each_kind_refuses_the_others_by_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "video").write_bytes(MP4)
    (tmp_path / "sound").write_bytes(AMR)
    (tmp_path / "words").write_text("no medium at all")
    assert refused(tmp_path / "sound", "photo") == "not_a_photo"
    assert refused(tmp_path / "sound", "video") == "not_a_video"
    assert refused(photo(), "audio") == "not_a_sound"
    for kind in KINDS:
        assert refused(tmp_path / "words", kind).startswith("not_a_")


def test_sound_in_a_video_container_counts_for_both(tmp_path: Path) -> None:
    (tmp_path / "memo").write_bytes(MP4)
    assert inspect(tmp_path / "memo", "audio").kind == "audio"
    assert inspect(tmp_path / "memo", "video").kind == "video"


def test_a_wrong_kind_is_refused_before_anything_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_hash", lambda *_, **__: pytest.fail("hashed"))
    (tmp_path / "words").write_text("no medium at all")
    refused(tmp_path / "words", "video")


def test_a_photo_cut_short_or_with_a_flipped_byte_is_no_photo(tmp_path: Path) -> None:
    data = photo().read_bytes()
    (tmp_path / "short").write_bytes(data[: len(data) // 2])
    (tmp_path / "flipped").write_bytes(data[:200_000] + bytes([data[200_000] ^ 1]) + data[200_001:])
    assert refused(tmp_path / "short", "photo") == "not_a_photo"
    assert refused(tmp_path / "flipped", "photo") == "not_a_photo"


def test_a_photo_damaged_behind_its_pixels_is_no_photo(tmp_path: Path) -> None:
    data = photo().read_bytes()
    chunk = b"\0\0\0\4prVtnote" + b"\0\0\0\0"  # its checksum is wrong
    (tmp_path / "damaged").write_bytes(data[:-12] + chunk + data[-12:])
    assert refused(tmp_path / "damaged", "photo") == "not_a_photo"


def test_a_photo_without_a_decoder_is_taken_by_its_first_bytes(tmp_path: Path) -> None:
    head = bytes.fromhex("00000018667479706865696300000000") + b"mif1heic"
    (tmp_path / "phone").write_bytes(head + os.urandom(5_000))
    assert inspect(tmp_path / "phone", "photo").format in UNDECODED


def test_an_empty_a_missing_and_a_strange_file_keep_their_own_codes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert refused(tmp_path / "empty", "photo") == "file_empty"
    assert refused(tmp_path / "none", "photo") == "file_missing"
    assert refused(tmp_path, "photo") == "file_unreadable"


def test_progress_counts_to_the_size_in_pieces_of_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "video"
    path.write_bytes(MP4 + bytes(2_500_000))
    seen: list[tuple[int, int]] = []
    facts = inspect(path, "video", lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == [1 << 20, 2 << 20, facts.size]
    assert {total for _, total in seen} == {facts.size}


@pytest.mark.parametrize("change", ["grow", "shrink", "same size", "replace", "remove"])
def test_a_file_that_changes_while_it_is_read_gives_no_facts(tmp_path: Path, change: str) -> None:
    path = tmp_path / "video"
    path.write_bytes(MP4 + bytes(3_000_000))

    def meddle(done: int, _: int) -> None:
        if done != 1 << 20:
            return
        if change == "grow":
            with path.open("ab") as more:
                more.write(b"more")
        elif change == "shrink":
            os.truncate(path, 2_000_000)
        elif change == "same size":
            with path.open("r+b") as other:
                other.seek(2_900_000)
                other.write(b"changed")
            os.utime(path, ns=(0, 1))
        elif change == "replace":
            (tmp_path / "other").write_bytes(path.read_bytes())
            os.replace(tmp_path / "other", path)
        else:
            path.unlink()

    with pytest.raises(EvidenceError) as caught:
        inspect(path, "video", meddle)
    assert caught.value.code == "file_changed"


@pytest.mark.parametrize("announced", [24, 26])
def test_more_or_fewer_bytes_than_announced_are_a_change(announced: int) -> None:
    with pytest.raises(EvidenceError) as caught:
        media._hash(io.BytesIO(bytes(25)), announced, None)
    assert caught.value.code == "file_changed"


def test_without_a_change_the_same_pass_gives_facts(tmp_path: Path) -> None:
    path = tmp_path / "video"
    path.write_bytes(MP4 + bytes(3_000_000))
    assert inspect(path, "video", lambda *_: None).size == 3_000_024


def test_a_card_pulled_out_while_hashing_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(media, "_hash", fail)
    assert refused(photo(), "photo") == "file_unreadable"


def test_a_large_file_takes_no_more_memory_than_a_few_pieces(tmp_path: Path) -> None:
    path = tmp_path / "video"
    path.write_bytes(MP4)
    os.truncate(path, 32 << 20)
    tracemalloc.start()
    try:
        inspect(path, "video")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20
