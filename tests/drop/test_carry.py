"""Carrying: nothing is removed before it is safe, and a carrier who is stopped begins again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

import pytest

from tercet.drop import (
    BLOCK,
    DAY,
    FRAME,
    Ack,
    Acked,
    CarryReport,
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
    RelayAddress,
    RelayClient,
    Stick,
    Stored,
    Want,
    carry,
    name_of,
    open_drop,
    tag_of,
    visit,
)

from .test_server import running
from .things import NOW, DyingFiles, FailingFiles, block, box, certificate, frame, in_a_child, posted_box

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


def meet(stick, store, **more):
    return asyncio.run(visit(stick, LocalDrop(store, clock), clock=clock, **more))


def everything(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_visit_delivers_what_lies_there_and_fetches_what_is_waited_for(tmp_path):
    (tmp_path / "stick").mkdir()

    async def main():
        async with running(tmp_path) as (_, client, _):
            part = Stick(tmp_path / "stick").at(str(client.address))
            part.apply([Put(B.id, frame(1)), Put(C.id, block(1)), Ack(box(3).ack, name_of(frame(3)))], NOW)
            part.apply([Read(box(4).read), Read(box(5).read, BLOCK), Read(P.read, posted=True), Read(box(6).read)], NOW)
            await client.perform([Put(box(3).id, frame(3)), Put(box(5).id, block(5)), Put(box(7).id, frame(7))])
            await client.perform([Put(box(4).id, frame(100 + i)) for i in range(50)])
            await client.perform([Post(P.ack, frame(200 + i)) for i in range(20)])
            stick = Stick(tmp_path / "stick")
            for source, target in ((stick, client), (client, stick)):
                report = await carry(source, target, clock=clock)
                assert report == (
                    CarryReport(carried=2, fetched=71, acks=1, board=20) if source is stick else CarryReport(board=20)
                )
            assert await client.perform([Read(B.read), Read(box(3).read), Read(box(5).read, BLOCK)]) == [
                Items((frame(1),), False),
                Items((), False),
                Items((block(5),), False),
            ], "what was fetched stays at the relay until it is acknowledged"
            return part

    part = asyncio.run(main())
    assert part.acks(NOW) == [] and not list(part.outgoing())
    assert part.apply([Read(box(4).read)], NOW)[0].items == tuple(frame(100 + i) for i in range(50))
    assert part.apply([Read(P.read, posted=True)], NOW)[0].items == tuple(frame(200 + i) for i in range(20))
    assert part.apply([Read(box(7).read)], NOW) == [Items((), False)], "what nobody at the stick waits for stays"


def test_a_relay_is_shown_nothing_of_what_the_stick_holds_for_another(tmp_path):
    shown = []

    class Noting(MemoryStore):
        def apply(self, ops, now):
            shown.extend(ops)
            return super().apply(ops, now)

    async def main():
        async with running(tmp_path, Noting()) as (_, client, own):
            stick = Stick(tmp_path)
            other = stick.at(str(RelayAddress("other.example", 443, own.fingerprint)))
            other.apply([Put(B.id, frame(1)), Ack(C.ack, name_of(frame(2))), Read(box(4).read)], NOW)
            before = everything(tmp_path)
            assert await carry(stick, client, clock=clock) == CarryReport()
            assert shown == [] and everything(tmp_path) == before

    asyncio.run(main())


def test_mail_that_somebody_waits_for_at_the_stick_is_put_and_stays_and_is_put_once(tmp_path):
    stick, relay = FolderStore(tmp_path), MemoryStore()
    stick.apply([Put(B.id, frame(1)), Read(B.read), Put(C.id, frame(2))], NOW)
    assert meet(stick, relay).carried == 2
    assert stick.apply([Read(B.read)], NOW) == [Items((frame(1),), False)]
    relay.apply([Ack(B.ack, name_of(frame(1)))], NOW)
    assert meet(stick, relay) == CarryReport()
    assert list(relay.entries()) == [(C.id, False, frame(2))], "its reader acknowledged it at the relay"


def test_a_visit_lays_down_nothing_that_the_relay_said_it_has(tmp_path):
    stick, relay = FolderStore(tmp_path), MemoryStore()
    stick.apply([Put(B.id, frame(1)), Read(B.read)], NOW)
    relay.apply([Put(B.id, frame(1)), Put(B.id, frame(2))], NOW)
    assert meet(stick, relay) == CarryReport(fetched=1)
    assert not list(stick.outgoing()) and len(list(stick.incoming())) == 2


def test_what_was_acknowledged_at_the_stick_does_not_come_back_even_if_the_relay_will_not_hear_it(tmp_path):
    class Deaf(MemoryStore):
        def _one(self, op, now):
            return Refused("busy") if isinstance(op, Ack) else super()._one(op, now)

    stick, relay = FolderStore(tmp_path), Deaf()
    relay.apply([Put(B.id, frame(1))], NOW)
    stick.apply([Read(B.read), Ack(B.ack, name_of(frame(1)))], NOW)
    report = meet(stick, relay)
    assert (report.fetched, report.left, report.refused) == (0, 1, {"busy": 1})
    assert len(stick.acks(NOW)) == 1, "and the ack waits for the next visit"


def test_a_want_outlives_the_trip_and_serves_the_mail_of_tomorrow(tmp_path):
    stick, relay = FolderStore(tmp_path), MemoryStore()
    stick.apply([Read(B.read)], NOW)
    for day in range(3):
        relay.apply([Put(B.id, frame(day))], NOW)
        assert meet(stick, relay).fetched == 1
    assert asyncio.run(visit(stick, LocalDrop(relay, clock), clock=lambda: NOW + 41 * DAY)).fetched == 0


def test_a_stick_is_tidied_only_when_the_relay_agrees_about_the_day(tmp_path):
    class Told(LocalDrop):
        relay_clock = NOW

    for said, left in ((NOW + 50 * DAY, 0), (NOW, 1)):
        stick = FolderStore(tmp_path / str(left))
        stick.take(B.id, False, frame(1), NOW)
        drop = Told(MemoryStore(), clock)
        drop.relay_clock = said
        asyncio.run(visit(stick, drop, clock=lambda: NOW + 50 * DAY))
        assert len(list(stick.entries())) == left


def test_keep_leaves_everything_on_the_stick(tmp_path):
    stick, relay = FolderStore(tmp_path), MemoryStore()
    stick.apply([Put(B.id, frame(1)), Ack(C.ack, name_of(frame(2)))], NOW)
    before = everything(tmp_path)
    for _ in range(2):
        assert meet(stick, relay, keep=True) == CarryReport(carried=1, acks=1)
    assert everything(tmp_path) == before


def test_items_of_the_board_stay_on_the_stick_because_a_relay_takes_them_from_the_desk_only(tmp_path):
    stick, relay = FolderStore(tmp_path), MemoryStore()
    stick.lay(P.id, True, frame(1), NOW)
    assert meet(stick, relay) == CarryReport(board=1)
    assert len(list(stick.entries())) == 1 and not list(relay.entries())
    store = MemoryStore()
    store.lay(P.id, True, frame(1), NOW)
    assert go(store, LocalDrop(relay, clock)) == CarryReport(board=1)
    assert len(list(store.entries())) == 1


def sticks(tmp_path, *names):
    for name in names:
        (tmp_path / name).mkdir()
    return [Stick(tmp_path / name) for name in names]


ONE, TWO = (str(RelayAddress(host, 443, bytes(32))) for host in ("one.example", "two.example"))


def test_between_sticks_everything_goes_for_every_relay_and_stays_apart(tmp_path):
    first, second = sticks(tmp_path, "1", "2")
    for number, relay in enumerate((ONE, TWO)):
        part = first.at(relay)
        part.apply([Put(box(number).id, frame(number)), Ack(C.ack, name_of(frame(1))), Read(box(9).read)], NOW)
        part.take(box(9).id, False, frame(90 + number), NOW)
        part.take(P.id, True, frame(200), NOW)
    assert go(first, second) == CarryReport(carried=6, acks=2)
    assert go(first, second) == CarryReport(), "what comes again is one"
    for number, relay in enumerate((ONE, TWO)):
        one, two = first.at(relay), second.at(relay)
        assert not list(one.outgoing()) and one.acks(NOW) == [] and len(list(one.incoming())) == 2
        assert list(two.outgoing()) == [(box(number).id, False, frame(number))]
        assert set(two.incoming()) == {(box(9).id, False, frame(90 + number)), (P.id, True, frame(200))}
        assert two.acks(NOW) == [Ack(C.ack, name_of(frame(1)))]
        assert two.wants(NOW) == one.wants(NOW) == {Want(box(9).read): NOW}


def test_the_wants_of_a_member_travel_over_several_hands_and_the_mail_comes_back(tmp_path):
    mine, courier, stranger = sticks(tmp_path, "mine", "courier", "stranger")
    relay = MemoryStore()
    relay.apply([Put(B.id, frame(1))], NOW)
    mine.at(ONE).apply([Read(B.read), Put(C.id, frame(2))], NOW)
    go(mine, courier)
    go(courier, stranger)
    assert meet(stranger.at(ONE), relay) == CarryReport(carried=1, fetched=1)
    go(stranger, courier)
    go(courier, mine)
    reader = mine.at(ONE)
    assert reader.apply([Read(B.read), Ack(B.ack, name_of(frame(1)))], NOW) == [Items((frame(1),), False), Acked()]
    go(courier, mine)
    assert reader.apply([Read(B.read)], NOW) == [Items((), False)], "what was read does not come again"
    go(mine, courier)
    assert meet(courier.at(ONE), relay).acks == 1
    assert list(relay.entries()) == [(C.id, False, frame(2))]


def test_a_want_does_not_grow_younger_by_being_handed_on(tmp_path):
    first, second = sticks(tmp_path, "1", "2")
    first.at(ONE).apply([Read(B.read)], NOW - 39 * DAY)
    go(first, second)
    assert second.at(ONE).wants(NOW) and not second.at(ONE).wants(NOW + DAY)


def test_more_wants_than_a_stick_serves_are_refused_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tercet.drop.carry"], "MOST_HANDED", 2)
    first, second = sticks(tmp_path, "1", "2")
    first.at(ONE).apply([Read(box(i).read) for i in range(2)], NOW)
    second.at(ONE).apply([Read(box(9).read)], NOW)
    assert go(first, second).refused == {"disk_full": 1}
    assert len(second.at(ONE).wants(NOW)) == 2


def folder_of(tmp_path, name, part):
    return tmp_path / name / f"relay-{tag_of(ONE)}" / part


def test_wants_of_a_hostile_stick_push_out_no_honest_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tercet.drop.folder"], "MOST_WANTS", 8)
    monkeypatch.setattr(sys.modules["tercet.drop.carry"], "MOST_HANDED", 6)
    evil, good, third = sticks(tmp_path, "evil", "good", "third")
    evil.at(ONE).apply([Read(box(100 + i).read) for i in range(8)], NOW)
    for number, file in enumerate(sorted(folder_of(tmp_path, "evil", "wants").iterdir())):
        at = NOW + (10**9 if number < 2 else DAY)
        os.utime(file, (at, at))
    good.at(ONE).apply([Read(box(1).read)], NOW - DAY)
    go(evil, good)
    assert max(good.at(ONE).wants(NOW).values()) == NOW, "none is handed on with a date to come"
    good.at(ONE).apply([Read(box(i).read) for i in (2, 3)], NOW)
    mine = {Want(box(i).read) for i in (1, 2, 3)}
    assert mine <= good.at(ONE).wants(NOW).keys()
    third.at(ONE).apply([Read(box(4).read)], NOW - DAY)
    go(good, third)
    third.at(ONE).apply([Read(box(5).read)], NOW)
    assert mine | {Want(box(i).read) for i in (4, 5)} <= third.at(ONE).wants(NOW).keys()
    good.at(ONE).sweep(NOW + 41 * DAY)
    assert good.at(ONE).wants(NOW + 41 * DAY) == {}


@pytest.mark.parametrize("filled_with", ["nothing", "junk"])
def test_parts_of_a_hostile_stick_stop_no_honest_one(tmp_path, monkeypatch, filled_with):
    monkeypatch.setattr(sys.modules["tercet.drop.stick"], "MOST_PARTS", 4)
    evil, good, third = sticks(tmp_path, "evil", "good", "third")
    for number in range(6):
        (tmp_path / "evil" / f"relay-{number:016x}").mkdir()
        if filled_with == "junk":
            evil.part(f"{number:016x}").apply([Put(C.id, frame(number))], NOW)
    good.at(ONE).apply([Put(B.id, frame(50)), Read(C.read)], NOW)
    report = go(evil, good)
    assert report.refused == ({"disk_full": 3} if filled_with == "junk" else {})
    assert len(good.tags()) == (4 if filled_with == "junk" else 1)
    good.at(TWO).apply([Put(B.id, frame(51)), Read(C.read)], NOW)
    go(good, third)
    assert [list(third.at(relay).outgoing()) for relay in (ONE, TWO)] == [
        [(B.id, False, frame(50))],
        [(B.id, False, frame(51))],
    ], "what somebody who reads here uses goes first"


def test_a_part_that_is_there_is_handed_on_to_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tercet.drop.stick"], "MOST_PARTS", 1)
    first, second = sticks(tmp_path, "1", "2")
    for relay in (ONE, TWO):
        second.at(relay)
        first.at(relay).apply([Put(B.id, frame(1))], NOW)
    first.part("f" * 16).apply([Put(B.id, frame(1))], NOW)
    report = go(first, second)
    assert (report.carried, report.refused) == (2, {"disk_full": 1})
    assert go(first, second).refused == {"disk_full": 1}


def test_items_of_another_stick_leave_room_for_those_of_who_uses_this_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tercet.drop.folder"], "MOST_ITEMS", 4)
    monkeypatch.setattr(sys.modules["tercet.drop.folder"], "MOST_ITEMS_HANDED", 2, raising=False)
    for kind in ("items", "mail"):
        evil, good = sticks(tmp_path, f"evil {kind}", f"good {kind}")
        for i in range(4):
            part = evil.at(ONE)
            part.take(C.id, False, frame(i), NOW) if kind == "mail" else part.apply([Put(C.id, frame(i))], NOW)
        assert go(evil, good).refused == {"disk_full": 2}
        assert good.at(ONE).apply([Put(B.id, frame(10))], NOW) == [Stored()]
        assert good.at(ONE).take(B.id, False, frame(11), NOW) == Stored(), "a visit fetches too"


def test_acks_that_do_not_fit_are_counted_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["tercet.drop.folder"], "MOST_HANDED", 2)
    first, second = sticks(tmp_path, "1", "2")
    first.at(ONE).apply([Ack(box(i).ack, name_of(frame(i))) for i in range(5)], NOW)
    first.at(ONE).apply([Put(box(9).id, frame(9))], NOW)
    report = go(first, second)
    assert (report.acks, report.carried, report.refused) == (2, 1, {"disk_full": 3})
    assert len(first.at(ONE).acks(NOW)) == 3 and len(second.at(ONE).acks(NOW)) == 2


@pytest.mark.parametrize("part", ["wants", "acks", "items", "mail", "board"])
def test_an_overfull_folder_stops_no_visit_and_is_said(tmp_path, monkeypatch, part):
    monkeypatch.setattr(sys.modules["tercet.drop.folder"], "MOST_FILES", 8)
    (stick,) = sticks(tmp_path, "1")
    relay = MemoryStore()
    relay.apply([Put(C.id, frame(2))], NOW)
    stick.at(ONE).apply([Put(B.id, frame(1)), Read(C.read)], NOW)
    for number in range(9):
        (folder_of(tmp_path, "1", part) / f"junk{number}").touch()
    report = meet(stick.at(ONE), relay)
    assert report.refused == {"disk_full": 1}
    assert report.carried == 1 or part == "items"
    assert report.fetched == 1 or part == "wants"
    (other,) = sticks(tmp_path, "2")
    assert go(stick, other).refused == {"disk_full": 1}


def test_a_stick_is_not_carried_onto_itself(tmp_path):
    (stick,) = sticks(tmp_path, "1")
    (tmp_path / "same").symlink_to(tmp_path / "1")
    stick.at(ONE).apply([Put(B.id, frame(1))], NOW)
    for other in (stick, Stick(tmp_path / "same")):
        with pytest.raises(DropFailure) as failure:
            go(stick, other)
        assert failure.value.code == "cannot_carry"
    assert len(list(stick.at(ONE).outgoing())) == 1


@pytest.mark.full
@pytest.mark.parametrize("power_cut", [False, True])
def test_a_carrier_killed_at_any_boundary_of_the_stick_begins_again_and_ends_the_same(tmp_path, power_cut):
    relay_items = [Put(B.id, frame(1)), Put(box(3).id, frame(3))]

    def filled_stick(path):
        stick = FolderStore(path)
        stick.apply([Put(C.id, frame(2)), Put(B.id, frame(4)), Read(B.read)], NOW)
        stick.apply([Ack(box(3).ack, name_of(frame(3)))], NOW)

    def trip(path, files=None):
        relay = MemoryStore()
        relay.apply(relay_items, NOW)
        asyncio.run(visit(FolderStore(path, files=files), LocalDrop(relay, clock), clock=clock))
        return sorted(relay.entries())

    filled_stick(tmp_path / "whole")
    trip(tmp_path / "whole")
    wanted = {name for name in everything(tmp_path / "whole")}
    die_at, status = 1, 9
    while status == 9:
        path = tmp_path / str(die_at)
        filled_stick(path)
        status = in_a_child(lambda path=path, at=die_at: trip(path, DyingFiles(at, power_cut, at)))
        assert status in (0, 9)
        trip(path)
        FolderStore(path).sweep(NOW)
        assert set(everything(path)) == wanted
        die_at += 1
    assert die_at > 10


@pytest.mark.parametrize("far", [False, True])
def test_a_visit_broken_off_at_any_operation_and_begun_again_loses_and_doubles_nothing(tmp_path, far):
    for after in range(1, 9):
        stick, relay = FolderStore(tmp_path / f"{after}"), MemoryStore()
        relay.apply([Put(B.id, frame(1)), Put(B.id, frame(2)), Put(box(3).id, frame(3))], NOW)
        stick.apply([Read(B.read), Put(B.id, frame(4)), Put(C.id, frame(5)), Ack(box(3).ack, name_of(frame(3)))], NOW)
        left = [after]

        class Breaking(LocalDrop):
            async def perform(self, ops, left=left):
                left[0] -= 1
                answers = [] if left[0] == 0 and not far else await super().perform(ops)
                if left[0] == 0:
                    raise DropFailure("relay_unreachable", "x")
                return answers

        with contextlib.suppress(DropFailure):
            asyncio.run(visit(stick, Breaking(relay, clock), clock=clock))
        meet(stick, relay)
        assert sorted(item for _, _, item in relay.entries()) == sorted(frame(i) for i in (1, 2, 4, 5))
        assert {item for _, _, item in stick.entries()} == {frame(1), frame(2), frame(4)}


def test_a_hostile_relay_that_fills_the_stick_is_asked_no_more(tmp_path):
    class Flood:
        asked = 0

        async def perform(self, ops):
            self.asked += 1
            return [Items(tuple(frame(self.asked * 100 + i) for i in range(op.limit)), True) for op in ops]

        async def close(self):
            pass

    files = FailingFiles()
    stick, relay = FolderStore(tmp_path, files=files), Flood()
    for i in range(64):
        stick.want(Want(box(i).read), NOW)
    files.room = 10 * FRAME
    report = asyncio.run(visit(stick, relay, clock=clock))
    assert report.fetched == 10 and report.refused.keys() == {"disk_full"} and relay.asked <= 17


def test_places_that_do_not_go_together_are_refused(tmp_path):
    relay, (stick,) = LocalDrop(MemoryStore(), clock), sticks(tmp_path, "stick")
    for source, target in ((relay, MemoryStore()), (MemoryStore(), stick), (stick, MemoryStore()), (relay, relay)):
        with pytest.raises(DropFailure) as failure:
            go(source, target)
        assert failure.value.code == "cannot_carry"


def test_what_the_target_refuses_stays_and_is_counted(tmp_path):
    source, target = filled(MemoryStore()), MemoryStore(quota_bytes=10 * 4096)
    report = go(source, target)
    assert report.carried == 10 and report.left == 32 and report.refused == {"disk_full": 32}
    assert len(list(source.entries())) == 32


class Killed(Exception):
    """The carrier is gone."""


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
            raise Killed
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
        except Killed:
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
    stick.want(Want(B.read), NOW)
    assert asyncio.run(visit(stick, relay, clock=clock)).fetched == 128
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


def test_a_text_names_a_relay_a_disk_store_or_a_stick(tmp_path):
    DiskStore(tmp_path / "disk").close()
    (tmp_path / "stick").mkdir()
    assert isinstance(open_drop(str(certificate(tmp_path).address(1))), RelayClient)
    disk = open_drop(str(tmp_path / "disk"))
    assert isinstance(disk, DiskStore)
    disk.close()
    assert isinstance(open_drop(str(tmp_path / "stick")), Stick)
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
