"""Exports: whole or not there, every hash checked, no name and no command from outside."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess

import pytest

from tercet.core.content import MediaKind, Place
from tercet.desk.archive import Archive
from tercet.desk.export import ExportError, exact_json, export_case, iso, media_name
from tercet.desk.records import ArchiveError
from tercet.sealing import BLOCK, BLOCK_DATA
from tests.desk.cases import (
    CAME,
    KEY,
    FullDisk,
    KillingDisk,
    block,
    blocks_of,
    case_id,
    die,
    file_all,
    media_of,
    photo,
    report,
    word,
)

PHOTO, SOUND = photo(BLOCK_DATA + 5), photo(2_000, 2)
REFS = (media_of(PHOTO), media_of(SOUND, MediaKind.AUDIO, "mp3"))
NASTY = (
    'first\n\x1b[2J\x1b]0;owned\x07second \u202egpj.exe\u202c "q"\n'
    "\u0627\u0644\u062c\u0633\u0631 \u0645\u06cc\u200c\u062e\u0648"
)


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path / "archive", KEY)
    archive.file_report(report(1, text=NASTY, media=REFS))
    for place, data in enumerate((PHOTO, SOUND)):
        file_all(archive, 1, place, REFS[place], data)
    archive.file_word(word(1, 1, "Which bank of the river?", ours=True, came=CAME + 60))
    archive.file_word(word(1, 1, "The north bank\x1b[31m.", came=CAME + 120))
    return archive


def _code(call, *args):
    with pytest.raises((ExportError, ArchiveError)) as failure:
        call(*args)
    return failure.value.code


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def _sums_hold(folder):
    subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(_names(folder)) - {"SHA256SUMS"}


ALL = ["1-photo.jpg", "2-audio.mp3", "SHA256SUMS", "conversation.json", "conversation.txt", "report.json", "report.txt"]


def test_an_export_holds_everything_and_its_sums_hold(archive, tmp_path):
    done = export_case(archive, 1, tmp_path / "out")
    assert done.whole and sorted(done.files) == _names(tmp_path / "out") == ALL
    assert (tmp_path / "out/1-photo.jpg").read_bytes() == PHOTO
    assert (tmp_path / "out/2-audio.mp3").read_bytes() == SOUND
    _sums_hold(tmp_path / "out")
    assert not (tmp_path / "out").stat().st_mode & 0o077
    assert not any(path.stat().st_mode & 0o077 for path in (tmp_path / "out").iterdir())
    assert not (tmp_path / "out.partial").exists()


def test_the_json_holds_every_field_exactly(archive, tmp_path):
    export_case(archive, 1, tmp_path / "out")
    facts = json.loads((tmp_path / "out/report.json").read_text())
    assert (
        facts["text"] == NASTY
        and facts["came"] == "2026-09-21T14:13:20Z"
        and facts["happened"] == "2026-09-21T13:13:20Z"
    )
    assert facts["place"] == {"precision": "1km", "latitude": 33.51, "longitude": 36.29, "name": "by the mill"}
    assert (facts["case"], facts["report"], facts["damaged_records_in_archive"]) == (case_id(1).hex(), 1, 0)
    assert facts["media"][0] == {
        "kind": "photo", "announced_form": "jpg", "size": len(PHOTO), "name": "1-photo.jpg",
        "sha256": hashlib.sha256(PHOTO).hexdigest(), "state": "written",
    }  # fmt: skip
    talk = json.loads((tmp_path / "out/conversation.json").read_text())["letters"]
    assert [(letter["from"], letter["text"]) for letter in talk] == [
        ("desk", "Which bank of the river?"), ("reporter", "The north bank\x1b[31m."),
    ]  # fmt: skip
    assert talk[0]["filed"] == "2026-09-21T14:14:20Z"


def test_no_text_file_can_steer_a_terminal(archive, tmp_path):
    export_case(archive, 1, tmp_path / "out")
    for name in ("report.txt", "conversation.txt", "report.json", "conversation.json"):
        text = (tmp_path / "out" / name).read_bytes().decode()
        assert not any(
            ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c in "\u202a\u202b\u202c\u202d\u202e" for c in text
        )
    text = (tmp_path / "out/report.txt").read_text()
    assert "| \u2068\u0627\u0644\u062c\u0633\u0631 \u0645\u06cc\u200c\u062e\u0648\u2069\n" in text
    assert "| \u2068[2J]0;ownedsecond gpj.exe" in text


def test_a_line_from_outside_cannot_pass_for_a_line_of_ours(tmp_path):
    archive = Archive(tmp_path / "archive", KEY)
    archive.file_report(
        report(1, text="x\nFile 1:    1-photo.jpg", place=Place("district", None, None, "a\nCame: never"))
    )
    export_case(archive, 1, tmp_path / "out")
    lines = (tmp_path / "out/report.txt").read_text().splitlines()
    assert not any(line.startswith(("File 1", "Came: never")) for line in lines)


def test_a_report_without_anything_optional_is_exported(tmp_path):
    archive = Archive(tmp_path / "archive", KEY)
    archive.file_report(report(1, text="", place=None, happened=None))
    assert export_case(archive, 1, tmp_path / "out").whole
    assert json.loads((tmp_path / "out/report.json").read_text())["happened"] is None
    _sums_hold(tmp_path / "out")


@pytest.mark.parametrize("spoil", ["gap", "flip", "lie"])
def test_a_file_that_is_not_as_announced_is_left_out_and_the_export_says_so(tmp_path, spoil):
    archive = Archive(tmp_path / "archive", KEY)
    ref = (
        REFS[0]
        if spoil != "lie"
        else type(REFS[0])(*[getattr(REFS[0], f) for f in ("kind", "form", "secret", "size")], b"h" * 32)
    )
    archive.file_report(report(1, media=(ref, REFS[1])))
    file_all(archive, 1, 1, REFS[1], SOUND)
    sealed = blocks_of(ref, PHOTO)
    if spoil == "flip":
        sealed[1] = sealed[1][:500] + bytes([sealed[1][500] ^ 1]) + sealed[1][501:]
    for index in range(1 if spoil == "gap" else 2):
        archive.file_block(block(1, 0, index, sealed[index]))
    done = export_case(archive, 1, tmp_path / "out")
    assert not done.whole and [one.name for one in done.media] == ["", "2-audio.mp3"]
    assert done.media[0].state == ("incomplete" if spoil == "gap" else "damaged")
    assert _names(tmp_path / "out") == ALL[1:]
    assert "NOT COMPLETE" in (tmp_path / "out/report.txt").read_text()
    assert json.loads((tmp_path / "out/report.json").read_text())["media"][0]["state"] == done.media[0].state
    _sums_hold(tmp_path / "out")


def test_damaged_records_are_mentioned(archive, tmp_path):
    (archive.folder / ("e" * 64)).write_bytes(b"x" * 4_096)
    export_case(archive, 1, tmp_path / "out")
    assert json.loads((tmp_path / "out/report.json").read_text())["damaged_records_in_archive"] == 1
    assert "1 damaged records" in (tmp_path / "out/report.txt").read_text()


# ---- where it may go


def test_an_empty_folder_may_be_filled_and_one_with_anything_in_it_may_not(archive, tmp_path):
    (tmp_path / "empty").mkdir()
    assert export_case(archive, 1, tmp_path / "empty").whole
    before = _names(tmp_path / "empty")
    assert _code(export_case, archive, 1, tmp_path / "empty") == "export_exists"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("full", "file", "link"):
        assert _code(export_case, archive, 1, tmp_path / name) == "export_exists"
    assert _names(tmp_path / "empty") == before and _names(tmp_path / "full") == ["mine"]
    assert not list(tmp_path.glob("*.partial"))


def test_an_export_never_goes_into_the_archive(archive, tmp_path):
    (tmp_path / "door").symlink_to(archive.folder)
    before = _names(archive.folder)
    for target in (archive.folder / "out", tmp_path / "door/out", tmp_path / "x/../archive/out"):
        assert _code(export_case, archive, 1, target) == "export_inside"
    assert _names(archive.folder) == before


def test_an_unknown_report_writes_nothing(archive, tmp_path):
    assert _code(export_case, archive, 2, tmp_path / "out") == "archive_unknown_report"
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_missing_parent_is_a_failure_of_the_disk(archive, tmp_path):
    assert _code(export_case, archive, 1, tmp_path / "no/such/out") == "export_disk"


@pytest.mark.parametrize(
    ("kind", "form", "ending"),
    [
        ("photo", "jpg", "jpg"), ("photo", "exe", "bin"), ("photo", "mp4", "bin"), ("photo", "html", "bin"),
        ("travel", "jpg", "jpg"), ("travel", "png", "bin"), ("video", "3gp", "3gp"), ("audio", "lnk", "bin"),
    ],
)  # fmt: skip
def test_an_ending_from_outside_is_used_only_if_the_kind_can_have_it(kind, form, ending):
    assert media_name(0, media_of(b"x", MediaKind(kind), form)) == f"1-{kind}.{ending}"


# ---- failures


@pytest.mark.parametrize("room", [0, 1_000, BLOCK_DATA, len(PHOTO) + 1_000, len(PHOTO) + len(SOUND) + 500])
def test_a_full_disk_leaves_no_export(archive, tmp_path, room):
    with pytest.raises(ExportError) as failure:
        export_case(archive, 1, tmp_path / "out", files=FullDisk(room))
    assert failure.value.code == "export_disk_full"
    assert _names(tmp_path) == ["archive"]
    with pytest.raises(ExportError) as failure:
        export_case(archive, 1, tmp_path / "out", files=FullDisk(room, errno.EIO))
    assert failure.value.code == "export_disk"
    assert export_case(archive, 1, tmp_path / "out").whole


def test_an_archive_that_cannot_be_read_leaves_no_export(archive, tmp_path, monkeypatch):
    def fail(self, handle, offset, size):
        raise OSError(errno.EIO, "broken")

    real = type(archive._files).read
    monkeypatch.setattr(
        type(archive._files), "read", lambda s, h, o, n: fail(s, h, o, n) if n == BLOCK else real(s, h, o, n)
    )
    assert _code(export_case, archive, 1, tmp_path / "out") == "archive_disk"
    assert _names(tmp_path) == ["archive"]


def test_a_killed_export_is_whole_or_marked_and_the_next_one_asks_for_it_to_be_removed(archive, tmp_path):
    after, status, marked = 0, 9, 0
    while status == 9:
        target = tmp_path / f"out{after}"
        _, status = die(lambda _, t=target, n=after: export_case(archive, 1, t, files=KillingDisk(n)))
        partial = target.with_name(target.name + ".partial")
        assert target.exists() != partial.exists()
        if target.exists():
            assert _names(target) == ALL
            _sums_hold(target)
        else:
            marked += 1
            assert _code(export_case, archive, 1, target) == "export_unfinished"
        after += 1
    assert status == 0 and marked > 20


def test_the_kill_test_notices_an_export_that_grows_in_its_place(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("tercet.desk.export.PARTIAL", "")
    with pytest.raises(AssertionError):
        test_a_killed_export_is_whole_or_marked_and_the_next_one_asks_for_it_to_be_removed(archive, tmp_path)


# ---- small parts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"), (CAME, "2026-09-21T14:13:20Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"), (253_402_300_800, "+10000-01-01T00:00:00Z"),
        (864_000_000_000, "+29349-01-26T00:00:00Z"),
    ],
)  # fmt: skip
def test_every_moment_that_a_report_may_name_can_be_written(seconds, text):
    assert iso(seconds) == text


def test_json_escapes_what_steers_and_keeps_every_character():
    text = "".join(map(chr, [*range(0x700), *range(0x2000, 0x2100), 0xFEFF, 0xE0001, 0x1F469, 0x10FFFF]))
    written = exact_json({"text": text})
    assert json.loads(written)["text"] == text
    assert not any(c in written for c in "\x1b\x7f\x9b\u202e\u2066\u2069\ufeff\U000e0001")
    assert "\u0645" in written and "\u200c" in written and "\U0001f469" in written
