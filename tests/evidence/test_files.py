"""Opening a witness's file."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from tercet.evidence import EvidenceError, files
from tercet.evidence.files import check_unchanged, mark, open_source


def code_of(path: str | Path) -> str:
    with pytest.raises(EvidenceError) as caught:
        open_source(path)
    return caught.value.code


def test_nothing_at_the_path_is_file_missing(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none") == "file_missing"
    (tmp_path / "file").write_bytes(b"x")
    assert code_of(tmp_path / "file" / "below") == "file_missing"


def test_no_byte_in_it_is_file_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert code_of(tmp_path / "empty") == "file_empty"


def test_a_folder_a_pipe_a_device_and_a_loop_are_unreadable_and_nothing_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero", tmp_path / "loop", "bad\0name"):
        assert code_of(path) == "file_unreadable"


def test_a_file_one_may_not_open_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError

    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(files.os, "open", refuse)
    assert code_of(tmp_path / "file") == "file_unreadable"


def test_where_the_quiet_way_is_refused_the_plain_way_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    plain = os.open

    def open_loudly(path: str, flags: int) -> int:
        tried.append(flags)
        if flags & os.O_NOATIME:
            raise PermissionError
        return plain(path, flags)

    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(files.os, "open", open_loudly)
    with open_source(tmp_path / "file") as file:
        assert file.read() == b"x"
    assert [bool(flags & os.O_NOATIME) for flags in tried] == [True, False]


def test_reading_leaves_no_new_access_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, ns=(10**18, 2 * 10**18))
    with open_source(path) as file:
        file.read()
    assert path.stat().st_atime_ns == 10**18


def test_no_error_carries_the_path(tmp_path: Path) -> None:
    for path in (tmp_path / "telltale", tmp_path / "telltale\0"):
        with pytest.raises(EvidenceError) as caught:
            open_source(path)
        error = caught.value
        assert error.__cause__ is None
        assert error.__suppress_context__
        assert "telltale" not in str(error) + repr(error) + error.hint
        assert "telltale" not in "".join(traceback.format_exception_only(error))


@pytest.mark.parametrize("change", ["grow", "touch", "replace", "remove"])
def test_each_change_of_a_file_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    os.utime(path, ns=(0, 10**18))
    with open_source(path) as file:
        before = mark(file)
        check_unchanged(path, before)
        if change == "grow":
            with path.open("ab") as more:
                more.write(b"!")
            os.utime(path, ns=(0, 10**18))
        elif change == "touch":
            os.utime(path, ns=(0, 10**18 + 1))
        elif change == "replace":
            (tmp_path / "other").write_bytes(b"before")
            os.utime(tmp_path / "other", ns=(0, 10**18))
            os.replace(tmp_path / "other", path)
        else:
            path.unlink()
        with pytest.raises(EvidenceError) as caught:
            check_unchanged(path, before)
    assert caught.value.code == "file_changed"
