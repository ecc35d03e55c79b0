"""A folder as a drop: whole files or none, and nothing that is found in it can do harm."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tercet.drop import (
    BLOCK,
    FRAME,
    Ack,
    Acked,
    DropFailure,
    FolderStore,
    Items,
    Put,
    Read,
    Refused,
    Stored,
    Want,
    name_of,
)
from tercet.drop.folder import ACKS, BOARD, ITEMS, WANTS

from .things import NOW, DyingFiles, FailingFiles, block, box, frame, in_a_child, posted_box

B = box(1)


def all_of(store: FolderStore) -> tuple[bytes, ...]:
    return store.apply([Read(B.read, limit=128)], NOW)[0].items


def test_another_process_sees_what_was_laid_and_in_its_order(tmp_path):
    one, two = FolderStore(tmp_path), FolderStore(tmp_path)
    one.apply([Put(B.id, frame(i)) for i in range(5)], NOW)
    assert all_of(two) == all_of(FolderStore(tmp_path)) == tuple(frame(i) for i in range(5))
    two.apply([Ack(B.ack, name_of(frame(2)))], NOW)
    assert all_of(one) == tuple(frame(i) for i in (0, 1, 3, 4))


@pytest.mark.parametrize("power_cut", [False, True])
def test_killed_at_any_boundary_an_item_is_whole_or_not_there(tmp_path, power_cut):
    def work(path: Path, files) -> None:
        store = FolderStore(path, files=files)
        store.apply([Put(B.id, frame(1))], NOW)
        store.apply([Put(B.id, block(1)), Ack(B.ack, name_of(frame(1)))], NOW)
        store.want(Want(B.read))

    die_at, status = 1, 9
    while status == 9:
        path = tmp_path / str(die_at)
        status = in_a_child(lambda path=path, at=die_at: work(path, DyingFiles(at, power_cut, at)))
        assert status in (0, 9)
        store = FolderStore(path)
        assert {item for _, _, item in store.entries()} <= {frame(1), block(1)}
        for file in (path / ITEMS).glob("*.*"):
            assert file.suffix == ".part" or file.stat().st_size in (FRAME, BLOCK)
        assert store.apply([Put(B.id, frame(1)), Put(B.id, block(1))], NOW) == [Stored(), Stored()]
        assert {item for _, _, item in store.entries()} == {frame(1), block(1)}
        store.sweep(NOW)
        assert not list(path.rglob("*.part"))
        die_at += 1
    assert die_at > 20


def test_foreign_files_are_passed_over_and_left_alone(tmp_path):
    store = FolderStore(tmp_path)
    store.apply([Put(B.id, frame(1))], NOW)
    foreign = [
        tmp_path / "holiday.jpg",
        tmp_path / ITEMS / "holiday.jpg",
        tmp_path / ITEMS / ("0" * 64 + "." + "0" * 63),
        tmp_path / ITEMS / ("G" * 64 + "." + "0" * 64),
        tmp_path / WANTS / "readme.txt",
        tmp_path / ACKS / "readme.txt",
    ]
    for path in foreign:
        path.write_bytes(b"x" * FRAME)
    (tmp_path / ITEMS / f"{'0' * 64}.{'1' * 64}").mkdir()
    assert [item for _, _, item in store.entries()] == [frame(1)]
    assert store.wants() == store.acks() == []
    store.sweep(NOW + 10**9)
    assert all(path.exists() for path in foreign)


@pytest.mark.parametrize("damage", [b"", b"x", bytes(FRAME), bytes(FRAME + 1), bytes(BLOCK)])
def test_damaged_files_are_not_shown_and_a_new_put_mends_them(tmp_path, damage):
    store = FolderStore(tmp_path)
    store.apply([Put(B.id, frame(1)), Put(B.id, frame(2))], NOW)
    path = tmp_path / ITEMS / f"{B.id.hex()}.{name_of(frame(1)).hex()}"
    path.write_bytes(damage)
    assert all_of(store) == (frame(2),)
    assert path.read_bytes() == damage
    assert store.apply([Put(B.id, frame(1))], NOW) == [Stored()]
    assert set(all_of(store)) == {frame(1), frame(2)}


def test_links_and_pipes_are_not_followed(tmp_path):
    secret = tmp_path / "outside"
    secret.write_bytes(frame(5))
    store = FolderStore(tmp_path / "stick")
    (tmp_path / "stick" / ITEMS / f"{B.id.hex()}.{name_of(frame(5)).hex()}").symlink_to(secret)
    os.mkfifo(tmp_path / "stick" / ITEMS / f"{B.id.hex()}.{name_of(frame(6)).hex()}")
    assert all_of(store) == ()
    assert list(store.entries()) == []
    store.apply([Put(B.id, frame(5)), Put(B.id, frame(6))], NOW)
    assert set(all_of(store)) == {frame(5), frame(6)}
    assert secret.read_bytes() == frame(5) and not secret.is_symlink()


def test_no_name_that_is_received_leads_out_of_the_folder(tmp_path):
    """Ids and names are bytes of a fixed length, written in hex: whatever they are, no path is in them."""
    stick = tmp_path / "stick"
    store = FolderStore(stick)
    hostile = b"../../../../etc/passwd\0".ljust(32, b"/")
    store.apply([Put(hostile, frame(1)), Ack(hostile, hostile)], NOW)
    store.want(Want(hostile))
    store.remove(hostile, hostile)
    assert [path.name for path in tmp_path.iterdir()] == ["stick"]
    assert all(set(path.name) <= set("0123456789abcdef.frame") for path in stick.rglob("*") if path.is_file())


def test_a_full_stick_refuses_and_leaves_no_half(tmp_path):
    files = FailingFiles()
    store = FolderStore(tmp_path, files=files)
    files.room = 100
    assert store.apply([Put(B.id, frame(1))], NOW) == [Refused("disk_full")]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    files.room = None
    assert store.apply([Put(B.id, frame(1))], NOW) == [Stored()]


def test_a_stick_that_was_pulled_out_is_a_failure_with_a_code(tmp_path):
    store = FolderStore(tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "gone")
    for use in (lambda: all_of(store), store.wants, store.acks, lambda: list(store.entries())):
        with pytest.raises(DropFailure) as failure:
            use()
        assert failure.value.code == "store_failed"


def test_a_failing_stick_acknowledges_nothing(tmp_path):
    files = FailingFiles()
    store = FolderStore(tmp_path, files=files)
    files.sync_error = errno.EIO
    with pytest.raises(DropFailure):
        store.apply([Put(B.id, frame(1))], NOW)
    files.sync_error = None
    assert all_of(store) == ()


def test_an_ack_is_kept_for_the_carrier_whether_or_not_the_item_lies_here(tmp_path):
    store = FolderStore(tmp_path)
    ack = Ack(B.ack, name_of(frame(1)))
    assert store.apply([ack, ack], NOW) == [Acked(), Acked()]
    assert store.acks() == [ack]
    store.forget_ack(ack)
    store.forget_ack(ack)
    assert store.acks() == []


def test_wants_are_kept_until_taken_back(tmp_path):
    store = FolderStore(tmp_path)
    wants = [Want(B.read), Want(box(2).read, BLOCK), Want(posted_box(1).read, posted=True)]
    for want in wants:
        store.want(want)
    assert sorted(FolderStore(tmp_path).wants(), key=repr) == sorted(wants, key=repr)
    store.unwant(wants[0])
    store.unwant(wants[0])
    assert len(store.wants()) == 2


@pytest.mark.parametrize("bad", [(b"x", FRAME, False), (bytes(32), 5, False), (bytes(32), BLOCK, True)])
def test_a_want_that_cannot_be_is_not_made(bad):
    with pytest.raises(ValueError):
        Want(*bad)


def test_posted_items_lie_apart(tmp_path):
    store = FolderStore(tmp_path)
    store.lay(posted_box(1).id, True, frame(1), NOW)
    assert len(list((tmp_path / BOARD).iterdir())) == 1 and not list((tmp_path / ITEMS).iterdir())
    read = Read(posted_box(1).read, posted=True)
    assert store.apply([read], NOW) == [Items((frame(1),), False)]
