"""What an operator is shown: numbers, and one box id."""

from __future__ import annotations

from tercet.drop import Ack, MemoryStore, Post, Put, Read, name_of
from tercet.drop.counted import CountedStore

from .things import NOW, block, box, frame, posted_box


def test_counts_follow_what_was_done_and_nothing_else_is_kept():
    store = CountedStore(MemoryStore())
    b = box(1)
    store.apply([Put(b.id, frame(1)), Put(b.id, block(1)), Put(b.id, block(2)), Post(posted_box(1).ack, frame(2))], NOW)
    store.apply([Read(b.read), Ack(b.ack, name_of(frame(1)))], NOW)
    assert store.seen() == {"puts": 3, "reads": 1, "acks": 1, "frames": 2, "blocks": 1, "box": b.id.hex()}


def test_a_counted_store_is_the_store_beneath():
    beneath = MemoryStore()
    store = CountedStore(beneath)
    store.lay(box(1).id, False, frame(1), NOW)
    assert list(store.entries()) == list(beneath.entries()) == [(box(1).id, False, frame(1))]
    store.remove(box(1).id, name_of(frame(1)))
    assert store.sweep(NOW) == 0 and list(beneath.entries()) == []
    store.close()
