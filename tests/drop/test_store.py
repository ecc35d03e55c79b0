"""The rules that every store keeps: the same tests for memory, disk and folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tercet.drop import (
    BLOCK,
    BOX_FRAMES,
    ITEM_LIFETIME,
    POSTED_LIFETIME,
    Ack,
    Acked,
    DiskStore,
    FolderStore,
    Items,
    MemoryStore,
    Post,
    Put,
    Read,
    Refused,
    Store,
    Stored,
    name_of,
)

from .things import NOW, block, box, frame, posted_box


@pytest.fixture(params=["memory", "disk", "folder"])
def store(request, tmp_path: Path):
    kinds: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "disk": lambda: DiskStore(tmp_path / "disk", segment_bytes=64 * 1024),
        "folder": lambda: FolderStore(tmp_path / "folder"),
    }
    made = kinds[request.param]()
    yield made
    made.close()


@pytest.fixture(params=["memory", "disk"])
def relay_store(request, tmp_path: Path):
    """A store that a relay serves: a folder shows whole boxes (test_folder.py)."""
    made = MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "disk", segment_bytes=64 * 1024)
    yield made
    made.close()


def do(store: Store, *ops, now: int = NOW):
    return store.apply(ops, now)


def shown(store: Store, read: Read, now: int = NOW) -> tuple[bytes, ...]:
    (answer,) = store.apply([read], now)
    assert isinstance(answer, Items)
    return answer.items


def test_what_was_put_is_read_until_it_is_acked(store):
    b = box(1)
    assert do(store, Put(b.id, frame(1))) == [Stored()]
    assert do(store, Read(b.read)) == [Items((frame(1),), more=False)]
    assert do(store, Read(b.read)) == [Items((frame(1),), more=False)]
    assert do(store, Ack(b.ack, name_of(frame(1)))) == [Acked()]
    assert do(store, Read(b.read)) == [Items((), more=False)]


def test_operations_of_one_batch_see_one_another_in_their_order(store):
    b = box(1)
    answers = do(
        store, Put(b.id, frame(1)), Read(b.read), Ack(b.ack, name_of(frame(1))), Read(b.read), Put(b.id, frame(1))
    )
    assert answers == [Stored(), Items((frame(1),), False), Acked(), Items((), False), Stored()]
    assert shown(store, Read(b.read)) == (frame(1),)


def test_put_and_ack_are_idempotent(store):
    b = box(1)
    assert do(store, Put(b.id, frame(1)), Put(b.id, frame(1))) == [Stored(), Stored()]
    assert shown(store, Read(b.read, limit=9)) == (frame(1),)
    assert do(store, *[Ack(b.ack, name_of(frame(1)))] * 2) == [Acked(), Acked()]
    assert do(store, Ack(b.ack, name_of(frame(2)))) == [Acked()]


def test_items_come_oldest_first_in_windows(relay_store):
    b, store = box(1), relay_store
    do(store, *[Put(b.id, frame(i)) for i in range(10)])
    assert shown(store, Read(b.read, limit=128)) == tuple(frame(i) for i in range(10))
    assert do(store, Read(b.read, start=3, limit=4)) == [Items(tuple(frame(i) for i in range(3, 7)), more=True)]
    assert do(store, Read(b.read, start=8, limit=4)) == [Items((frame(8), frame(9)), more=False)]
    assert do(store, Read(b.read, start=10)) == [Items((), more=False)]


def test_frames_and_blocks_of_one_box_are_counted_apart(store):
    b = box(1)
    do(store, Put(b.id, frame(1)), Put(b.id, block(1)), Put(b.id, frame(2)))
    assert shown(store, Read(b.read, limit=9)) == (frame(1), frame(2))
    assert do(store, Read(b.read, BLOCK)) == [Items((block(1),), more=False)]


def test_a_full_box_refuses_loudly_and_takes_again_after_an_ack(store):
    b = box(1)
    do(store, *[Put(b.id, frame(i)) for i in range(BOX_FRAMES)])
    assert do(store, Put(b.id, frame(999))) == [Refused("box_full")]
    assert do(store, Put(b.id, frame(0))) == [Stored()], "what lies there is stored, full or not"
    assert do(store, Ack(b.ack, name_of(frame(5))), Put(b.id, frame(999))) == [Acked(), Stored()]


def test_a_box_holds_one_block(store):
    b = box(1)
    assert do(store, Put(b.id, block(1)), Put(b.id, block(2))) == [Stored(), Refused("box_full")]


def test_only_the_ack_secret_removes_and_only_the_read_secret_shows(store):
    b = box(1)
    do(store, Put(b.id, frame(1)))
    do(store, Ack(b.read, name_of(frame(1))), Ack(b.id, name_of(frame(1))))
    assert do(store, Read(b.id), Read(b.ack)) == [Items((), False), Items((), False)]
    assert shown(store, Read(b.read)) == (frame(1),)


def test_a_posted_box_takes_only_from_its_author_and_nobody_can_ack(store):
    p = posted_box(1)
    do(store, Post(p.ack, frame(1)))
    do(store, Put(p.id, frame(2)), Post(p.read, frame(3)))
    do(store, Ack(p.ack, name_of(frame(1))), Ack(p.read, name_of(frame(1))))
    assert shown(store, Read(p.read, limit=9, posted=True)) == (frame(1),)
    assert shown(store, Read(p.read, limit=9, posted=False)) == ()


def test_a_posted_box_never_fills(store):
    p = posted_box(1)
    answers = do(store, *[Post(p.ack, frame(i)) for i in range(BOX_FRAMES + 2)])
    assert answers == [Stored()] * (BOX_FRAMES + 2)
    assert shown(store, Read(p.read, start=BOX_FRAMES, limit=9, posted=True))[-2:] == (frame(128), frame(129))


@pytest.mark.parametrize(("posted", "life"), [(False, ITEM_LIFETIME), (True, POSTED_LIFETIME)])
def test_items_end_with_their_lifetime(store, posted, life):
    b = posted_box(1) if posted else box(1)
    op = Post(b.ack, frame(1)) if posted else Put(b.id, frame(1))
    do(store, op)
    read = Read(b.read, posted=posted)
    assert shown(store, read, NOW + life - 1) == (frame(1),)
    assert shown(store, read, NOW + life) == ()
    assert store.sweep(NOW + life - 1) == 0
    assert store.sweep(NOW + life) == 1
    assert list(store.entries()) == []


def test_an_item_put_again_after_its_lifetime_lives_anew(store):
    b = box(1)
    do(store, Put(b.id, frame(1)))
    later = NOW + ITEM_LIFETIME
    assert do(store, Put(b.id, frame(1)), now=later) == [Stored()]
    assert shown(store, Read(b.read), later + ITEM_LIFETIME - 1) == (frame(1),)


def test_outdated_items_do_not_fill_a_box(store):
    b = box(1)
    do(store, *[Put(b.id, frame(i)) for i in range(BOX_FRAMES)])
    assert do(store, Put(b.id, frame(999)), now=NOW + ITEM_LIFETIME) == [Stored()]


def test_entries_names_everything_and_remove_takes_by_id(store):
    b, p = box(1), posted_box(1)
    do(store, Put(b.id, frame(1)), Put(b.id, frame(2)), Post(p.ack, frame(3)))
    assert set(store.entries()) == {(b.id, False, frame(1)), (b.id, False, frame(2)), (p.id, True, frame(3))}
    store.remove(b.id, name_of(frame(1)))
    store.remove(p.id, name_of(frame(3)))
    store.remove(p.id, name_of(frame(99)))
    assert list(store.entries()) == [(b.id, False, frame(2))]


def test_entries_may_be_removed_while_they_are_walked(store):
    do(store, *[Put(box(i % 5).id, frame(i)) for i in range(40)])
    for where, _, item in store.entries():
        store.remove(where, name_of(item))
    assert list(store.entries()) == []


def test_lay_puts_into_either_kind_of_box_by_id(store):
    b, p = box(1), posted_box(1)
    assert store.lay(b.id, False, frame(1), NOW) == store.lay(p.id, True, frame(2), NOW) == Stored()
    assert shown(store, Read(b.read)) == (frame(1),)
    assert shown(store, Read(p.read, posted=True)) == (frame(2),)


def test_closing_twice_is_harmless(store):
    store.close()
    store.close()


def test_an_empty_box_takes_no_memory():
    store = MemoryStore()
    for i in range(50):
        b = box(i)
        do(store, Put(b.id, frame(i)), Ack(b.ack, name_of(frame(i))), Read(b.read))
    assert len(store._boxes) == 0 and store._held == 0


def test_memory_with_a_quota_refuses_and_takes_again():
    store = MemoryStore(quota_bytes=2 * 4096)
    b = box(1)
    assert do(store, *[Put(b.id, frame(i)) for i in range(3)]) == [Stored(), Stored(), Refused("disk_full")]
    assert do(store, Ack(b.ack, name_of(frame(0))), Put(b.id, frame(2))) == [Acked(), Stored()]
