"""Carrying: nothing is removed before it is safe, and a carrier who is stopped begins again."""

from __future__ import annotations

import asyncio

import pytest

from tercet.drop import (
    BLOCK,
    Ack,
    Acked,
    DiskStore,
    DropFailure,
    FolderStore,
    Items,
    LocalDrop,
    MemoryStore,
    Post,
    Put,
    Read,
    Refused,
    RelayClient,
    Stored,
    Want,
    carry,
    name_of,
    open_drop,
)

from .test_server import running
from .things import NOW, block, box, certificate, frame, posted_box

B, C, P = box(1), box(2), posted_box(1)


def clock() -> int:
    return NOW


def go(source, target, **more):
    return asyncio.run(carry(source, target, clock=clock, **more))


def stores(tmp_path):
    return {
        "memory": MemoryStore,
        "disk": lambda: DiskStore(tmp_path / "disk-store"),
        "folder": lambda: FolderStore(tmp_path / "folder"),
    }


def filled(store):
    store.apply([Put(B.id, frame(i)) for i in range(40)] + [Put(C.id, block(1)), Post(P.ack, frame(99))], NOW)
    return store


@pytest.mark.parametrize("kind", ["memory", "disk", "folder"])
def test_everything_moves_between_stores_in_order(tmp_path, kind):
    source, target = filled(stores(tmp_path)[kind]()), FolderStore(tmp_path / "target")
    before = list(source.entries())
    report = go(source, target)
    assert (report.carried, report.left) == (42, 0)
    assert sorted(target.entries()) == sorted(before) and list(source.entries()) == []
    assert target.apply([Read(B.read, limit=128)], NOW)[0].items == tuple(frame(i) for i in range(40))
    source.close()


@pytest.mark.parametrize("kind", ["memory", "disk", "folder"])
def test_keep_leaves_the_source_as_it_was(tmp_path, kind):
    source, target = filled(MemoryStore()), stores(tmp_path)[kind]()
    assert go(source, target, keep=True).carried == 42
    assert go(source, target, keep=True).carried == 42
    assert sorted(source.entries()) == sorted(target.entries())
    target.close()


def test_from_a_stick_to_a_relay_and_back_with_what_is_waited_for(tmp_path):
    stick = FolderStore(tmp_path / "stick")
    stick.apply([Put(B.id, frame(1)), Put(C.id, block(1)), Ack(box(3).ack, name_of(frame(3)))], NOW)
    for want in (Want(box(4).read), Want(box(5).read, BLOCK), Want(P.read, posted=True), Want(box(6).read)):
        stick.want(want)

    async def main():
        async with running(tmp_path) as (_, client, _):
            await client.perform([Put(box(3).id, frame(3)), Put(box(5).id, block(5)), Put(box(7).id, frame(7))])
            await client.perform([Put(box(4).id, frame(100 + i)) for i in range(50)])
            await client.perform([Post(P.ack, frame(200 + i)) for i in range(20)])
            out = await carry(stick, client, clock=clock)
            assert (out.carried, out.acks, out.left) == (2, 1, 0)
            assert await client.perform([Read(B.read), Read(box(3).read)]) == [
                Items((frame(1),), False),
                Items((), False),
            ]
            assert list(stick.entries()) == [] and stick.acks() == []
            for _ in range(2):
                back = await carry(client, stick, clock=clock)
                assert back.carried == 50 + 1 + 20
            assert await client.perform([Read(box(5).read, BLOCK)]) == [Items((block(5),), False)], "it stays there"

    asyncio.run(main())
    assert stick.apply([Read(box(4).read, limit=128)], NOW)[0].items == tuple(frame(100 + i) for i in range(50))
    assert stick.apply([Read(P.read, limit=128, posted=True)], NOW)[0].items == tuple(frame(200 + i) for i in range(20))
    assert stick.apply([Read(box(7).read)], NOW) == [Items((), False)], "what nobody on the stick waits for stays"


def test_posted_items_stay_on_the_stick_because_a_relay_takes_them_from_their_author_only(tmp_path):
    stick = FolderStore(tmp_path)
    stick.lay(P.id, True, frame(1), NOW)
    report = go(stick, LocalDrop(MemoryStore(), clock))
    assert (report.carried, report.left) == (0, 1) and len(list(stick.entries())) == 1


def test_from_one_stick_to_another_go_wants_and_acks_too(tmp_path):
    one, two = FolderStore(tmp_path / "1"), FolderStore(tmp_path / "2")
    one.want(Want(B.read))
    one.apply([Ack(C.ack, name_of(frame(1)))], NOW)
    assert go(one, two).acks == 1
    assert two.wants() == one.wants() == [Want(B.read)]
    assert two.acks() == [Ack(C.ack, name_of(frame(1)))] and one.acks() == []


def test_a_relay_gives_only_to_a_folder(tmp_path):
    with pytest.raises(DropFailure) as failure:
        go(LocalDrop(MemoryStore(), clock), MemoryStore())
    assert failure.value.code == "cannot_carry"


def test_what_the_target_refuses_stays_and_is_counted(tmp_path):
    source, target = filled(MemoryStore()), MemoryStore(quota_bytes=10 * 4096)
    report = go(source, target)
    assert report.carried == 10 and report.left == 32 and report.refused == {"disk_full": 32}
    assert len(list(source.entries())) == 32


class Dying(MemoryStore):
    """A target whose carrier dies at the n-th operation, before or after it was carried out."""

    def __init__(self, after: int, done_first: bool) -> None:
        super().__init__()
        self.left, self.done_first = after, done_first

    def _lay(self, key, item, now):
        self.left -= 1
        if self.left == 0:
            if self.done_first:
                super()._lay(key, item, now)
            raise KeyboardInterrupt
        return super()._lay(key, item, now)


@pytest.mark.parametrize("done_first", [False, True])
@pytest.mark.parametrize("far", [False, True])
def test_killed_anywhere_and_begun_again_nothing_is_lost_or_doubled(tmp_path, done_first, far):
    for after in range(1, 8):
        source, target = MemoryStore(), Dying(after, done_first)
        source.apply([Put(box(i % 3).id, frame(i)) for i in range(6)], NOW)
        everything = sorted(source.entries())
        drop = LocalDrop(target, clock) if far else target
        try:
            go(source, drop)
        except KeyboardInterrupt:
            assert set(everything) == set(source.entries()) | set(target.entries())
            go(source, drop)
        assert sorted(target.entries()) == everything and list(source.entries()) == []


def test_a_relay_that_dies_under_way_leaves_everything_at_the_source(tmp_path):
    class Dead:
        async def perform(self, ops):
            raise DropFailure("relay_unreachable", "x")

        async def close(self):
            pass

    source = filled(MemoryStore())
    with pytest.raises(DropFailure):
        go(source, Dead())
    assert len(list(source.entries())) == 42


def test_a_relay_that_offers_without_end_is_cut_off(tmp_path):
    class Endless:
        asked = 0

        async def perform(self, ops):
            self.asked += 1
            return [Items(tuple(frame(self.asked * 100 + i) for i in range(op.limit)), True) for op in ops]

        async def close(self):
            pass

    stick, relay = FolderStore(tmp_path), Endless()
    stick.want(Want(B.read))
    assert go(relay, stick).carried == 128
    assert relay.asked == 8


def test_each_item_goes_in_a_request_of_its_own(tmp_path):
    batches = []

    class Counting(LocalDrop):
        async def perform(self, ops):
            batches.append(len(ops))
            return await super().perform(ops)

    go(filled(MemoryStore()), Counting(MemoryStore(), clock))
    assert set(batches) == {1} and len(batches) == 41


def test_progress_is_told_after_each_item(tmp_path):
    seen = []
    go(filled(MemoryStore()), MemoryStore(), progress=seen.append)
    assert [report.carried for report in seen] == list(range(1, 43))


def test_a_text_names_a_relay_a_disk_store_or_a_folder(tmp_path):
    DiskStore(tmp_path / "disk").close()
    (tmp_path / "stick").mkdir()
    assert isinstance(open_drop(str(certificate(tmp_path).address(1))), RelayClient)
    disk = open_drop(str(tmp_path / "disk"))
    assert isinstance(disk, DiskStore)
    disk.close()
    assert isinstance(open_drop(str(tmp_path / "stick")), FolderStore)
    for text, code in ((str(tmp_path / "none"), "no_store"), ("tercet://x", "bad_address")):
        with pytest.raises(DropFailure) as failure:
            open_drop(text)
        assert failure.value.code == code


def test_an_answer_other_than_stored_moves_nothing(tmp_path):
    class Odd:
        async def perform(self, ops):
            return [Refused("busy"), Acked(), Stored()][:1]

        async def close(self):
            pass

    source = MemoryStore()
    source.apply([Put(B.id, frame(1))], NOW)
    assert go(source, Odd()).refused == {"busy": 1}
    assert len(list(source.entries())) == 1
