"""The disk store: what it acknowledged survives kill -9, power loss, a full disk and damaged files."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.drop import (
    BLOCK,
    FRAME,
    ITEM_LIFETIME,
    Ack,
    Acked,
    DiskStore,
    DropFailure,
    Items,
    MemoryStore,
    Post,
    Put,
    Read,
    Refused,
    Stored,
    name_of,
)
from tercet.drop.log import HEADER

from .things import NOW, DyingFiles, FailingFiles, block, box, frame, in_a_child, posted_box

RECORD = HEADER.size + FRAME


def all_of(store, b=None, posted=False):
    b = b or box(1)
    (answer,) = store.apply([Read(b.read, limit=128, posted=posted)], NOW)
    return answer.items


def segments(path: Path) -> list[Path]:
    return sorted(path.glob("*.log1"))


def test_everything_is_there_after_opening_again(tmp_path):
    b, p = box(1), posted_box(1)
    store = DiskStore(tmp_path)
    store.apply([Put(b.id, frame(i)) for i in range(5)] + [Post(p.ack, frame(9)), Put(b.id, block(1))], NOW)
    store.apply([Ack(b.ack, name_of(frame(2)))], NOW)
    store.close()
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(0), frame(1), frame(3), frame(4))
    assert all_of(store, p, posted=True) == (frame(9),)
    assert store.apply([Read(b.read, BLOCK)], NOW) == [Items((block(1),), False)]
    store.close()


def test_one_apply_is_one_write_and_one_sync(tmp_path):
    files = FailingFiles()
    store = DiskStore(tmp_path, files=files)
    store.apply([Put(box(i).id, frame(i)) for i in range(50)], NOW)
    assert (files.writes, files.syncs) == (1, 1)
    store.apply([Read(box(1).read), Put(box(1).id, frame(1)), Ack(box(99).ack, name_of(frame(1)))], NOW)
    assert (files.writes, files.syncs) == (1, 1), "what changes nothing writes nothing"
    store.close()


def test_a_second_process_is_told_that_the_store_is_in_use(tmp_path):
    store = DiskStore(tmp_path)
    with pytest.raises(DropFailure) as failure:
        DiskStore(tmp_path)
    assert failure.value.code == "store_in_use"
    store.close()
    DiskStore(tmp_path).close()


def test_a_path_that_is_no_folder_is_a_failure_with_a_code(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DropFailure) as failure:
        DiskStore(tmp_path / "file")
    assert failure.value.code == "store_failed"


# Killed anywhere


def batches(seed: int):
    """A day of a relay in small: puts, acks, blocks, posts, expiry, and a log that is tidied many times."""
    chance = random.Random(seed)
    lying: list[int] = []
    for step in range(14):
        ops, new = [], []
        for _ in range(chance.randrange(1, 4)):
            if lying and chance.random() < 0.45:
                number = lying.pop(chance.randrange(len(lying)))
                ops.append(Ack(box(number % 3).ack, name_of(frame(number))))
            else:
                number = step * 10 + len(ops)
                new.append(number)
                ops.append(Put(box(number % 3).id, frame(number)))
        if step % 5 == 2:
            ops.append(Post(posted_box(1).ack, frame(1000 + step)))
        lying += new  # an item is never acked in the batch that lays it: a batch may be cut in the middle
        yield ops


def work(path: Path, files, told: int, seed: int) -> None:
    store = DiskStore(path, segment_bytes=3 * RECORD, files=files)
    for number, ops in enumerate(batches(seed)):
        answers = store.apply(ops, NOW)
        if not all(isinstance(answer, Stored | Acked) for answer in answers):
            os._exit(2)
        os.write(told, bytes((number,)))
    store.close()


def state_after(seed: int, count: int) -> list[set]:
    """Return what may lie in the store: after `count` batches, and after one more begun."""
    store, after = MemoryStore(), []
    for number, ops in enumerate(batches(seed)):
        if number == count:
            after.append(set(store.entries()))
        store.apply(ops, NOW)
        if number == count:
            after.append(set(store.entries()))
    return after or [set(store.entries())]


def check(path: Path, seed: int, done: int) -> None:
    before, *begun = state_after(seed, done)
    store = DiskStore(path, segment_bytes=3 * RECORD)
    held = list(store.entries())
    assert len(held) == len(set(held)), "nothing lies twice"
    after = begun[0] if begun else before
    assert before & after <= set(held), "nothing that was acknowledged is lost"
    assert set(held) <= before | after, "nothing that was removed comes back"
    for b in (box(i) for i in range(3)):
        order = [int_of(item) for item in all_of(store, b)]
        assert order == sorted(order), "the order of arrival survives"
    store.apply([Put(box(7).id, frame(77))], NOW)
    store.close()
    store = DiskStore(path, segment_bytes=3 * RECORD)
    assert (box(7).id, False, frame(77)) in set(store.entries()), "it goes on after the crash"
    store.close()


NUMBERS = {frame(i): i for i in range(150)}


def int_of(item: bytes) -> int:
    return NUMBERS[item]


def run_and_die(path: Path, die_at: int, power_cut: bool, seed: int) -> tuple[int, int]:
    there, told = os.pipe()
    status = in_a_child(lambda: work(path, DyingFiles(die_at, power_cut, die_at), told, seed))
    os.close(told)
    done = len(os.read(there, 1000))
    os.close(there)
    return status, done


def crash_everywhere(tmp_path: Path, power_cut: bool, seed: int, stride: int) -> None:
    die_at, deaths, status = 1, 0, 9
    while status == 9:
        path = tmp_path / str(die_at)
        status, done = run_and_die(path, die_at, power_cut, seed)
        assert status in (0, 9)
        check(path, seed, done)
        deaths += status == 9
        die_at += stride
    assert deaths >= 90 // stride


@pytest.mark.full
@pytest.mark.parametrize("power_cut", [False, True])
def test_killed_at_a_boundary_it_loses_nothing_acknowledged(tmp_path, power_cut):
    crash_everywhere(tmp_path, power_cut, seed=1, stride=3)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("power_cut", [False, True])
def test_killed_at_every_boundary_it_loses_nothing_acknowledged(tmp_path, power_cut, seed):
    crash_everywhere(tmp_path, power_cut, seed, stride=1)


def test_the_crash_test_sees_a_store_that_does_not_sync(tmp_path, monkeypatch):
    monkeypatch.setattr(DyingFiles, "sync", lambda self, fd: None)
    with pytest.raises(AssertionError, match="acknowledged"):
        crash_everywhere(tmp_path, power_cut=True, seed=1, stride=3)


@pytest.mark.parametrize("cut", [0, 1, 7, HEADER.size - 1, HEADER.size, RECORD - 1])
def test_a_torn_tail_is_cut_and_the_rest_stays(tmp_path, cut):
    store = DiskStore(tmp_path)
    store.apply([Put(box(1).id, frame(1))], NOW)
    store.apply([Put(box(1).id, frame(2))], NOW)
    store.close()
    (path,) = segments(tmp_path)
    os.truncate(path, RECORD + cut)
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(1),)
    assert path.stat().st_size == RECORD
    store.apply([Put(box(1).id, frame(3))], NOW)
    store.close()
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(1), frame(3))
    store.close()


# Damage


def test_a_damaged_record_costs_only_itself(tmp_path):
    store = DiskStore(tmp_path)
    store.apply([Put(box(1).id, frame(i)) for i in range(3)], NOW)
    store.close()
    (path,) = segments(tmp_path)
    for offset in (RECORD + 3, RECORD + 20, RECORD + HEADER.size + 99):
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(data)
        store = DiskStore(tmp_path)
        assert all_of(store) == (frame(0), frame(2))
        store.close()
        data[offset] ^= 1
        path.write_bytes(data)


def test_an_item_damaged_meanwhile_is_not_shown_and_does_not_block_the_box(tmp_path):
    store = DiskStore(tmp_path)
    store.apply([Put(box(1).id, frame(i)) for i in range(3)], NOW)
    (path,) = segments(tmp_path)
    with path.open("r+b") as file:
        file.seek(HEADER.size + 5)
        file.write(b"damage")
    assert store.apply([Read(box(1).read)], NOW) == [Items((frame(1),), more=True)]
    assert store.damaged == 1
    store.close()


def test_a_client_cannot_smuggle_a_record_inside_an_item(tmp_path):
    """Bytes that look like a record, but carry no marker of the file, are passed over even beside damage."""
    store = DiskStore(tmp_path)
    store.apply([Put(box(1).id, frame(1))], NOW)
    (path,) = segments(tmp_path)
    forged = path.read_bytes()[: HEADER.size]  # a real header, but of another file's marker
    forged = os.urandom(8) + forged[8:]
    store.apply([Put(box(2).id, (forged * 99)[:FRAME]), Put(box(1).id, frame(3))], NOW)
    store.close()
    data = bytearray(path.read_bytes())
    data[RECORD + 9] ^= 1
    path.write_bytes(data)
    store = DiskStore(tmp_path)
    assert [item for _, _, item in store.entries()] == [frame(1), frame(3)]
    store.close()


def test_foreign_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "00000001-zz.log1").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    store = DiskStore(tmp_path)
    store.apply([Put(box(1).id, frame(1))], NOW)
    store.close()
    assert (tmp_path / "notes.txt").read_text() == "x"


# Full disk and failing disk


@pytest.mark.parametrize("room", [0, 10, RECORD, RECORD + 50, 2 * RECORD + 1])
def test_a_full_disk_refuses_stores_no_half_and_takes_again_later(tmp_path, room):
    files = FailingFiles()
    store = DiskStore(tmp_path, files=files)
    store.apply([Put(box(1).id, frame(1))], NOW)
    files.room = room
    ops = [Put(box(1).id, frame(2)), Read(box(1).read, limit=9), Put(box(1).id, frame(1)), Put(box(1).id, frame(3))]
    ops.append(Put(box(1).id, frame(4)))
    full = Refused("disk_full")
    assert store.apply(ops, NOW) == [full, Items((frame(1),), False), Stored(), full, full]
    assert all_of(store) == (frame(1),)
    files.room = None
    assert store.apply([Put(box(1).id, frame(3))], NOW) == [Stored()]
    store.close()
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(1), frame(3))
    store.close()


def test_acks_are_taken_on_a_full_disk_and_written_when_there_is_room(tmp_path):
    files = FailingFiles()
    store = DiskStore(tmp_path, files=files)
    store.apply([Put(box(1).id, frame(i)) for i in range(3)], NOW)
    files.room = 0
    ack = Ack(box(1).ack, name_of(frame(1)))
    assert store.apply([ack, Put(box(1).id, frame(5))], NOW) == [Acked(), Refused("disk_full")]
    assert all_of(store) == (frame(0), frame(2))
    files.room = None
    store.apply([Put(box(2).id, frame(5))], NOW)
    store.close()
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(0), frame(2))
    store.close()


def test_a_full_disk_that_cannot_even_hold_a_new_file_refuses(tmp_path, monkeypatch):
    files = FailingFiles()
    store = DiskStore(tmp_path, segment_bytes=RECORD, files=files)
    store.apply([Put(box(1).id, frame(1))], NOW)

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "create", full)
    ops = [Ack(box(1).ack, name_of(frame(1))), Put(box(1).id, frame(2))]
    assert store.apply(ops, NOW) == [Acked(), Refused("disk_full")]
    monkeypatch.undo()
    assert store.apply([Put(box(1).id, frame(2))], NOW) == [Stored()]
    store.close()
    store = DiskStore(tmp_path)
    assert all_of(store) == (frame(2),)
    store.close()


def test_a_failing_disk_is_a_failure_and_nothing_is_acknowledged(tmp_path):
    files = FailingFiles()
    store = DiskStore(tmp_path, files=files)
    store.apply([Put(box(1).id, frame(1))], NOW)
    files.sync_error = errno.EIO
    with pytest.raises(DropFailure) as failure:
        store.apply([Put(box(1).id, frame(2))], NOW)
    assert failure.value.code == "store_failed"
    files.sync_error = None
    assert all_of(store) == (frame(1),)
    store.close()


# Room


def test_the_log_stays_within_twice_what_waits(tmp_path):
    store = DiskStore(tmp_path, segment_bytes=8 * RECORD)
    for i in range(300):
        store.apply([Put(box(i % 7).id, frame(i))], NOW)
        if i >= 10:
            store.apply([Ack(box((i - 10) % 7).ack, name_of(frame(i - 10)))], NOW)
    size = sum(path.stat().st_size for path in segments(tmp_path))
    assert size <= 2 * 10 * RECORD + 3 * 8 * (RECORD + HEADER.size)
    assert {int_or_more(item) for _, _, item in store.entries()} == set(range(290, 300))
    store.close()
    store = DiskStore(tmp_path)
    assert {int_or_more(item) for _, _, item in store.entries()} == set(range(290, 300))
    store.close()


def int_or_more(item: bytes) -> int:
    return next(i for i in range(300) if frame(i) == item)


def test_an_item_that_nobody_takes_does_not_hold_the_log_open(tmp_path):
    store = DiskStore(tmp_path, segment_bytes=4 * RECORD)
    store.apply([Put(box(99).id, frame(9999))], NOW)
    for i in range(100):
        store.apply([Put(box(1).id, frame(i)), Ack(box(1).ack, name_of(frame(i)))], NOW)
    assert len(segments(tmp_path)) <= 4
    assert all_of(store, box(99)) == (frame(9999),)
    store.close()


def test_a_quota_refuses_and_room_comes_back_with_acks(tmp_path):
    quota = 40 * RECORD
    store = DiskStore(tmp_path, quota)
    answers = store.apply([Put(box(i).id, frame(i)) for i in range(45)], NOW)
    taken = sum(answer == Stored() for answer in answers)
    assert answers[:39] == [Stored()] * 39 and answers[-1] == Refused("disk_full")
    store.apply([Ack(box(i).ack, name_of(frame(i))) for i in range(taken)], NOW)
    for i in range(200, 220):
        assert store.apply([Put(box(i).id, frame(i))], NOW) == [Stored()]
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= quota
    store.close()


def test_a_sweep_gives_room_back(tmp_path):
    store = DiskStore(tmp_path, segment_bytes=4 * RECORD)
    for i in range(40):
        store.apply([Put(box(i).id, frame(i))], NOW)
    store.apply([Put(box(99).id, frame(99))], NOW + 10)
    assert store.sweep(NOW + ITEM_LIFETIME) == 40
    store.sweep(NOW + ITEM_LIFETIME)
    store.sweep(NOW + ITEM_LIFETIME)
    assert len(segments(tmp_path)) <= 2
    assert list(store.entries()) == [(box(99).id, False, frame(99))]
    store.close()


steps = st.lists(
    st.tuples(st.sampled_from(["put", "ack", "post", "read", "sweep", "again"]), st.integers(0, 11), st.integers(0, 2)),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_disk_store_does_what_the_memory_store_does(tmp_path_factory, script):
    path = tmp_path_factory.mktemp("model")
    disk, memory, now = DiskStore(path, segment_bytes=2 * RECORD), MemoryStore(), NOW
    for what, item, where in script:
        now += 100_000
        ops = {
            "put": [Put(box(where).id, frame(item))],
            "ack": [Ack(box(where).ack, name_of(frame(item)))],
            "post": [Post(posted_box(where).ack, frame(item))],
            "read": [Read(box(where).read, limit=128), Read(posted_box(where).read, limit=128, posted=True)],
        }.get(what, [])
        assert disk.apply(ops, now) == memory.apply(ops, now)
        if what == "sweep":
            assert disk.sweep(now) == memory.sweep(now)
        if what == "again":
            disk.close()
            disk = DiskStore(path, segment_bytes=2 * RECORD)
    assert sorted(disk.entries()) == sorted(memory.entries()) or "again" in {what for what, _, _ in script}
    disk.close()
