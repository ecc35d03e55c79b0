"""The second pass."""

from __future__ import annotations

import hashlib
import os
import random
import tracemalloc
from pathlib import Path

import pytest

from tercet.evidence import EvidenceError, SourceFile, source
from tercet.sealing import BLOCK_DATA

SIZE = 3 * BLOCK_DATA + 1_000


@pytest.fixture
def data() -> bytes:
    return random.Random(1).randbytes(SIZE)


@pytest.fixture
def path(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "file").write_bytes(data)
    return tmp_path / "file"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def code_of(file: SourceFile, index: int) -> str:
    with pytest.raises(EvidenceError) as caught:
        file.chunk(index)
    return caught.value.code


def overwrite(path: Path, at: int, new: bytes) -> None:
    """Change bytes in place and put the times back, so that only a hash can tell."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(new)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("size", [1, BLOCK_DATA - 1, BLOCK_DATA, BLOCK_DATA + 1, 2 * BLOCK_DATA, SIZE])
def test_the_pieces_together_are_the_file(tmp_path: Path, data: bytes, size: int) -> None:
    (tmp_path / "file").write_bytes(data[:size])
    with SourceFile(tmp_path / "file", size, sha256(data[:size])) as file:
        pieces = [file.chunk(i) for i in range(file.count)]
    assert b"".join(pieces) == data[:size]
    assert {len(piece) for piece in pieces[:-1]} <= {BLOCK_DATA}
    assert pieces[-1]


def test_a_resumed_send_goes_on_where_it_stopped(path: Path, data: bytes) -> None:
    with SourceFile(path, SIZE, sha256(data)) as file:
        assert file.chunk(2) == data[2 * BLOCK_DATA : 3 * BLOCK_DATA]
        assert file.chunk(3) == data[3 * BLOCK_DATA :]


def test_pieces_may_be_asked_for_in_any_order_and_again(path: Path, data: bytes) -> None:
    with SourceFile(path, SIZE, sha256(data)) as file:
        for index in (3, 0, 2, 2, 3, 1):
            assert file.chunk(index) == data[index * BLOCK_DATA : (index + 1) * BLOCK_DATA]


@pytest.mark.parametrize("at", [0, BLOCK_DATA, 2 * BLOCK_DATA + 5, SIZE - 1])
@pytest.mark.parametrize("first", [0, 3])
def test_the_last_piece_of_a_file_that_differs_is_never_handed_out(
    path: Path, data: bytes, at: int, first: int
) -> None:
    overwrite(path, at, bytes([data[at] ^ 1]))
    with SourceFile(path, SIZE, sha256(data)) as file:
        for index in range(first, 3):
            file.chunk(index)
        assert code_of(file, 3) == "file_changed"


@pytest.mark.parametrize("index", [-1, 4])
def test_a_piece_that_the_file_does_not_have_is_an_index_error(path: Path, data: bytes, index: int) -> None:
    with SourceFile(path, SIZE, sha256(data)) as file, pytest.raises(IndexError):
        file.chunk(index)


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
def test_another_size_is_noticed_before_any_piece(path: Path, data: bytes, size: int) -> None:
    with pytest.raises(EvidenceError) as caught:
        SourceFile(path, size, sha256(data))
    assert caught.value.code == "file_changed"


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_change_while_the_file_is_open_is_noticed_at_the_next_piece(path: Path, data: bytes, change: str) -> None:
    with SourceFile(path, SIZE, sha256(data)) as file:
        file.chunk(0)
        if change == "touch":
            os.utime(path, ns=(0, 1))
        else:
            os.truncate(path, SIZE + (7 if change == "grow" else -7))
        assert code_of(file, 1) == "file_changed"


def test_a_file_that_ends_early_is_changed(path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with SourceFile(path, SIZE, sha256(data)) as file:
        os.truncate(path, BLOCK_DATA)
        monkeypatch.setattr(source, "mark", lambda *_, **__: file._mark)
        assert code_of(file, 1) == "file_changed"


def test_a_missing_file_and_an_empty_one_keep_their_codes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, code in (("none", "file_missing"), ("empty", "file_empty")):
        with pytest.raises(EvidenceError) as caught:
            SourceFile(tmp_path / name, 5, bytes(32))
        assert caught.value.code == code


def test_a_card_pulled_out_is_unreadable(path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise OSError(5, "input/output error")

    with SourceFile(path, SIZE, sha256(data)) as file:
        monkeypatch.setattr(source, "mark", fail)
        assert code_of(file, 0) == "file_unreadable"


def test_closing_twice_is_no_error(path: Path, data: bytes) -> None:
    file = SourceFile(path, SIZE, sha256(data))
    file.close()
    file.close()


def test_a_file_in_its_second_pass_takes_no_more_memory_than_two_pieces(path: Path, data: bytes) -> None:
    expected = sha256(data)
    tracemalloc.start()
    try:
        with SourceFile(path, SIZE, expected) as file:
            for index in range(file.count):
                file.chunk(index)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * BLOCK_DATA
