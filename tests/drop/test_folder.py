"""A folder as a drop: whole files or none, and nothing that is found in it can do harm."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
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
from tercet.drop import folder as module
from tercet.drop.folder import (
    ACKS,
    BOARD,
    ERRAND_LIFETIME,
    ITEMS,
    MAIL,
    OTHERS,
    RENEWED,
    WANTS,
)
from tercet.drop.found import AHEAD

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


@pytest.mark.full
@pytest.mark.parametrize("power_cut", [False, True])
def test_killed_at_any_boundary_an_item_is_whole_or_not_there(tmp_path, power_cut):
    def work(path: Path, files) -> None:
        store = FolderStore(path, files=files)
        store.apply([Put(B.id, frame(1))], NOW)
        store.apply([Put(B.id, block(1)), Ack(B.ack, name_of(frame(1)))], NOW)
        store.want(Want(B.read), NOW)
        store.settle(B.id, name_of(block(1)))

    die_at, status = 1, 9
    while status == 9:
        path = tmp_path / str(die_at)
        status = in_a_child(lambda path=path, at=die_at: work(path, DyingFiles(at, power_cut, at)))
        assert status in (0, 9)
        store = FolderStore(path)
        assert {item for _, _, item in store.entries()} <= {frame(1), block(1)}
        for file in (*(path / ITEMS).glob("*.*"), *(path / MAIL).glob("*.*")):
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
    assert store.wants(NOW) == {} and store.acks(NOW) == []
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
    store.want(Want(hostile), NOW)
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
    for use in (
        lambda: all_of(store),
        lambda: store.wants(NOW),
        lambda: store.acks(NOW),
        lambda: list(store.entries()),
    ):
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
    assert store.acks(NOW) == [ack]
    store.take(B.id, False, frame(2), NOW)
    store.apply([Ack(B.ack, name_of(frame(2)))], NOW)
    assert all_of(store) == () and len(store.acks(NOW)) == 2, "mail that was read goes, and the relay is to be told"
    for each in store.acks(NOW):
        store.forget_ack(each)
    store.forget_ack(ack)
    assert store.acks(NOW) == []


def test_threads_of_a_device_that_ask_at_once_are_served_one_by_one(tmp_path, monkeypatch):
    store, both, met = FolderStore(tmp_path), threading.Barrier(2, timeout=0.1), []

    def meet(self, op, now):
        with contextlib.suppress(threading.BrokenBarrierError):
            met.append(both.wait())
        return Items((), False)

    monkeypatch.setattr(FolderStore, "_one", meet)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: store.apply([Read(B.read)], NOW), range(2)))
    assert met == []


def test_whoever_reads_here_is_known_to_wait_for_that_box(tmp_path):
    store = FolderStore(tmp_path)
    p = posted_box(1)
    asked = [Read(B.read), Read(B.read, BLOCK), Read(p.read, posted=True), Read(p.read, BLOCK, posted=True)]
    assert store.apply(asked, NOW) == [Items((), False)] * 4
    waits = {Want(B.read): NOW, Want(B.read, BLOCK): NOW, Want(p.read, posted=True): NOW}
    assert FolderStore(tmp_path).wants(NOW) == waits
    store.apply([Put(B.id, frame(1)), *asked], NOW)
    assert store.wants(NOW) == waits, "the box is waited for also when something lies in it: more may come"


@pytest.mark.parametrize(("start", "limit"), [(0, 1), (7, 1), (500, 3)])
def test_a_reader_here_is_shown_the_whole_box_whatever_it_saw_at_the_relay(tmp_path, start, limit):
    store = FolderStore(tmp_path)
    p = posted_box(1)
    for i in range(9):
        store.take(p.id, True, frame(i), NOW)
    for i in range(4):
        store.take(B.id, False, frame(i), NOW) if i % 2 else store.apply([Put(B.id, frame(i))], NOW)
    board = store.apply([Read(p.read, start=start, limit=limit, posted=True)], NOW)
    assert board == [Items(tuple(frame(i) for i in range(9)), more=False)]
    mine = store.apply([Read(B.read, start=start, limit=limit)], NOW)
    assert mine == [Items(tuple(frame(i) for i in range(4)), more=False)]


def test_a_reader_is_shown_more_frames_than_one_read_may_ask_for(tmp_path):
    store, p = FolderStore(tmp_path), posted_box(1)
    for i in range(130):
        store.take(p.id, True, frame(i), NOW)
    assert store.apply([Read(p.read, posted=True)], NOW) == [Items(tuple(frame(i) for i in range(130)), more=False)]


def test_a_reader_is_shown_so_many_frames_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_SHOWN", 4)
    monkeypatch.setattr(module, "READ_LIMIT", {FRAME: 2})
    store, p = FolderStore(tmp_path), posted_box(1)
    for i in range(6):
        store.take(p.id, True, frame(i), NOW)
    (shown,) = store.apply([Read(p.read, posted=True)], NOW)
    assert (len(shown.items), shown.more) == (4, False)


def test_a_stick_that_is_full_or_closed_for_writing_still_shows_what_it_has(tmp_path):
    for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        files = FailingFiles()
        store = FolderStore(tmp_path / str(number), files=files)
        store.take(B.id, False, frame(1), NOW)
        files.sync_error = number
        assert store.apply([Read(B.read)], NOW) == [Items((frame(1),), False)]
        assert store.wants(NOW) == {}
    files.sync_error = errno.EIO
    with pytest.raises(DropFailure):
        store.apply([Read(B.read)], NOW)


def test_a_want_ends_with_its_age_and_its_owner_renews_it_by_reading(tmp_path):
    store = FolderStore(tmp_path)
    store.apply([Read(B.read), Read(box(2).read)], NOW)
    assert len(store.wants(NOW + ERRAND_LIFETIME - 1)) == 2
    store.apply([Read(B.read)], NOW + RENEWED - 1)
    assert store.wants(NOW)[Want(B.read)] == NOW, "a new date once a day is enough"
    store.apply([Read(B.read)], NOW + RENEWED)
    later = NOW + ERRAND_LIFETIME
    assert store.wants(later) == {Want(B.read): NOW + RENEWED}
    store.sweep(later)
    assert len(list((tmp_path / WANTS).iterdir())) == 1


def test_an_old_ack_ends_too(tmp_path):
    store = FolderStore(tmp_path)
    store.apply([Ack(B.ack, name_of(frame(1)))], NOW)
    assert store.acks(NOW + ERRAND_LIFETIME - 1) and not store.acks(NOW + ERRAND_LIFETIME)
    store.sweep(NOW + ERRAND_LIFETIME)
    assert not list((tmp_path / ACKS).iterdir())


def test_a_want_that_is_handed_on_keeps_the_later_of_two_dates(tmp_path):
    store = FolderStore(tmp_path)
    for since, kept in ((NOW, NOW), (NOW - 5 * RENEWED, NOW), (NOW + 2 * RENEWED, NOW + 2 * RENEWED)):
        assert store.want(Want(B.read), since, NOW) == Stored()
        assert store.wants(NOW + 2 * RENEWED) == {Want(B.read): kept}


def test_the_newest_wants_are_served_and_so_many_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_WANTS", 2)
    store = FolderStore(tmp_path)
    for i in range(4):
        store.want(Want(box(i).read), NOW + i)
    assert list(store.wants(NOW)) == [Want(box(3).read), Want(box(2).read)]


def test_what_whoever_reads_here_waits_for_is_served_before_what_was_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_WANTS", 2)
    store = FolderStore(tmp_path)
    store.apply([Read(B.read)], NOW - 5 * RENEWED)
    for i in range(2, 6):
        store.want(Want(box(i).read), NOW + i)
    assert list(store.wants(NOW)) == [Want(B.read), Want(box(5).read)]


def date(folder: Path, at: int) -> None:
    for file in folder.iterdir():
        os.utime(file, (at, at))


@pytest.mark.parametrize("ahead", [AHEAD + 1, 10**9])
def test_what_is_dated_more_than_a_day_ahead_has_ended(tmp_path, ahead):
    store, other = FolderStore(tmp_path), box(2)
    store.apply([Put(B.id, frame(1)), Read(B.read), Ack(other.ack, name_of(frame(2)))], NOW)
    store.take(B.id, False, frame(3), NOW)
    store.want(Want(other.read), NOW)
    parts = [tmp_path / part for part in (ITEMS, MAIL, WANTS, OTHERS, ACKS)]
    for part in parts:
        date(part, NOW + AHEAD)
    assert len(all_of(store)) == 2 and len(store.wants(NOW)) == 2 and len(store.acks(NOW)) == 1
    for part in parts:
        date(part, NOW + ahead)
    assert store.wants(NOW) == {} and store.acks(NOW) == []
    visited = FolderStore(tmp_path)
    assert visited.acks(NOW) == [] and not visited.holds(B.id, False, name_of(frame(3))), "a visit fetches it again"
    assert visited.sweep(NOW) == 2
    assert not [file for part in parts for file in part.iterdir()]


def test_what_is_dated_ahead_is_dated_anew_by_its_reader_and_by_who_lays_it(tmp_path):
    store = FolderStore(tmp_path)
    store.apply([Put(B.id, frame(1)), Read(B.read)], NOW)
    for part in (ITEMS, WANTS):
        date(tmp_path / part, NOW + 10**9)
    assert all_of(store) == ()
    assert store.wants(NOW) == {Want(B.read): NOW}
    assert store.apply([Put(B.id, frame(1))], NOW) == [Stored()]
    assert all_of(store) == (frame(1),)


def test_acks_are_bounded_and_half_the_room_is_for_who_reads_here(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_ACKS", 4)
    monkeypatch.setattr(module, "MOST_HANDED", 2)
    store, acks = FolderStore(tmp_path), [Ack(box(i).ack, name_of(frame(i))) for i in range(6)]
    store.apply([Put(box(5).id, frame(5))], NOW)
    assert [store.take_ack(ack, NOW) for ack in acks[:3]] == [Acked(), Acked(), Refused("disk_full")]
    assert store.apply(acks[2:], NOW) == [Acked(), Acked(), Refused("disk_full"), Refused("disk_full")]
    assert store.apply([acks[0]], NOW) == [Acked()], "what is kept already is no more"
    assert len(store.acks(NOW)) == 4
    assert len(list(store.entries())) == 1, "what was refused has changed nothing"


def test_what_goes_to_the_relay_and_what_came_from_it_lie_apart(tmp_path):
    store = FolderStore(tmp_path)
    store.apply([Put(B.id, frame(1)), Put(B.id, frame(2))], NOW)
    store.take(B.id, False, frame(3), NOW)
    assert [item for _, _, item in store.outgoing()] == [frame(1), frame(2)]
    store.settle(B.id, name_of(frame(1)))
    store.settle(B.id, name_of(frame(99)))
    assert [item for _, _, item in store.outgoing()] == [frame(2)]
    assert {item for _, _, item in store.incoming()} == {frame(1), frame(3)}
    assert all_of(store) == (frame(1), frame(2), frame(3))
    assert store.apply([Put(B.id, frame(3))], NOW) == [Stored()]
    assert len(list(store.outgoing())) == 1, "what lies at the relay need not go there again"


def test_a_folder_with_too_many_files_is_looked_at_in_part_and_none_is_filled_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 20)
    monkeypatch.setattr(module, "MOST_ITEMS", 10)
    store = FolderStore(tmp_path)
    answers = [store.take(box(i).id, False, frame(i), NOW) for i in range(12)]
    assert answers == [Stored()] * 10 + [Refused("disk_full")] * 2
    for i in range(11):
        (tmp_path / MAIL / f"hostile{i}").touch()
    assert len(list(store.entries())) < 21 and store.overfull() == [MAIL]
    for file in (tmp_path / MAIL).glob("hostile*"):
        file.unlink()
    assert len(list(store.entries())) == 10 and store.overfull() == []


@pytest.mark.parametrize("part", ["", ITEMS, WANTS])
def test_a_folder_that_is_a_link_is_not_used(tmp_path, part):
    outside, stick = tmp_path / "outside", tmp_path / "stick"
    outside.mkdir()
    if part:
        stick.mkdir()
    (stick / part).symlink_to(outside)
    with pytest.raises(DropFailure) as failure:
        FolderStore(stick)
    assert failure.value.code == "store_failed" and not list(outside.iterdir())


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
