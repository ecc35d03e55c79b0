"""The pass: strangers lay nothing down, and whoever holds the address notices nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from tercet.drop import (
    Ack,
    Acked,
    DropFailure,
    Items,
    MemoryStore,
    Post,
    Put,
    Read,
    Refused,
    RelayAddress,
    RelayClient,
    Stored,
    name_of,
    serve,
)
from tercet.drop import passes as module
from tercet.drop.passes import (
    MOST_PASSES,
    MOST_SECRETS,
    SECRET,
    PassFile,
    read_passes,
    shown_is_one,
    taken_at,
    week_pass,
    write_passes,
)
from tercet.drop.wire import Request, decode_answers, decode_request, encode_request

from .test_client import honest, relay_that, ws
from .test_server import http
from .things import NOW, PATIENCE, box, certificate, frame, posted_box

OURS, THEIRS, STRANGE = bytes([1]) * 16, bytes([2]) * 16, bytes([3]) * 16
B, P = box(1), posted_box(1)
WRITES = [Put(B.id, frame(1)), Post(P.ack, frame(2))]


@contextlib.asynccontextmanager
async def guarded(folder, passes=(OURS, THEIRS)):
    """A relay with passes, and a maker of clients that hold the one they are told."""
    own, store = certificate(folder), MemoryStore()
    relay = await serve(store, "127.0.0.1", 0, own.cert, own.key, clock=lambda: NOW, passes=passes)
    clients = []

    def client(pass_: bytes = b"") -> RelayClient:
        clients.append(RelayClient(RelayAddress("127.0.0.1", relay.port, own.fingerprint, pass_), timeout=PATIENCE))
        return clients[-1]

    try:
        yield relay, store, client
    finally:
        for each in clients:
            await each.close()
        await relay.close()


@pytest.mark.parametrize("shown", [b"", STRANGE], ids=["missing", "wrong"])
def test_without_a_valid_pass_nothing_is_laid_down_and_nothing_changes(tmp_path, shown):
    async def main():
        async with guarded(tmp_path) as (_, store, client):
            await client(OURS).perform(WRITES)
            before = list(store.entries())
            found = await client(shown).perform([Put(B.id, frame(3)), Read(B.read), Post(P.ack, frame(4)), WRITES[0]])
            assert found == [Refused("no_pass"), Items((frame(1),), False), Refused("no_pass"), Refused("no_pass")]
            assert list(store.entries()) == before

    asyncio.run(main())


@pytest.mark.parametrize("shown", [OURS, THEIRS])
def test_each_pass_lets_its_holders_post(tmp_path, shown):
    async def main():
        async with guarded(tmp_path) as (_, _, client):
            assert await client(shown).perform(WRITES) == [Stored(), Stored()]

    asyncio.run(main())


def test_reading_and_acknowledging_need_no_pass(tmp_path):
    async def main():
        async with guarded(tmp_path) as (_, _, client):
            await client(OURS).perform(WRITES)
            asked = [Read(B.read), Ack(B.ack, name_of(frame(1))), Read(P.read, posted=True)]
            assert await client().perform(asked) == [Items((frame(1),), False), Acked(), Items((frame(2),), False)]

    asyncio.run(main())


def test_an_open_relay_takes_from_anybody_and_minds_no_pass(tmp_path):
    async def main():
        async with guarded(tmp_path, passes=None) as (_, _, client):
            assert await client().perform(WRITES) == await client(STRANGE).perform(WRITES) == [Stored(), Stored()]

    asyncio.run(main())


def test_a_relay_without_any_pass_takes_from_nobody(tmp_path):
    async def main():
        async with guarded(tmp_path, passes=()) as (_, _, client):
            assert await client().perform(WRITES) == [Refused("no_pass")] * 2
            assert await client(OURS).perform(WRITES) == [Refused("no_pass")] * 2

    asyncio.run(main())


def test_a_pass_that_is_taken_back_ends_while_its_holder_is_connected(tmp_path):
    async def main():
        async with guarded(tmp_path) as (relay, _, client):
            ours = client(OURS)
            assert await ours.perform(WRITES) == [Stored(), Stored()]
            relay.passes = (THEIRS,)
            assert await ours.perform(WRITES) == [Refused("no_pass")] * 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("shown", "answer"), [(OURS, Stored()), (STRANGE, Refused("no_pass")), (b"", Refused("no_pass"))]
)
def test_the_pass_counts_over_http_too(tmp_path, shown, answer):
    async def main():
        async with guarded(tmp_path) as (relay, _, _):
            _, body = await http(relay, encode_request(7, WRITES[:1], shown))
            assert decode_answers(Request(7, tuple(WRITES[:1])), body) == [answer]

    asyncio.run(main())


def test_the_client_shows_its_pass_when_it_lays_something_down_and_only_then(tmp_path):
    shown = []

    def answer(request: Request) -> bytes:
        shown.append(request.pass_)
        return ws(honest(request, *(Items((), False) if isinstance(op, Read) else Stored() for op in request.ops)))

    async def main():
        async with relay_that(tmp_path, answer) as plain:
            at = plain.address
            client = RelayClient(RelayAddress(at.host, at.port, at.fingerprint, OURS), timeout=PATIENCE)
            for ops in ([Read(B.read)], WRITES[:1], [Read(B.read), WRITES[1]]):
                await client.perform(ops)
            await plain.perform(WRITES)
            await client.close()

    asyncio.run(main())
    assert shown == [b"", OURS, OURS, b""]


def test_a_long_batch_shows_the_pass_in_each_of_its_messages(tmp_path):
    async def main():
        async with guarded(tmp_path) as (_, _, client):
            puts = [Put(box(i).id, frame(i)) for i in range(1_100)]
            assert await client(OURS).perform(puts) == [Stored()] * 1_100
            acks = [Ack(box(i).ack, name_of(frame(i))) for i in range(2_000)]
            assert await client(OURS).perform([*acks, *puts[:1]]) == [Acked()] * 2_000 + [Stored()]

    asyncio.run(main())


def test_every_pass_is_compared_by_the_constant_time_function(monkeypatch):
    compared = []
    true = module.hmac.compare_digest
    monkeypatch.setattr(module.hmac, "compare_digest", lambda a, b: bool(compared.append((a, b))) or true(a, b))
    assert shown_is_one(OURS, (OURS, THEIRS, STRANGE)) and not shown_is_one(b"", (OURS, THEIRS))
    assert compared[:3] == [(OURS, OURS), (OURS, THEIRS), (OURS, STRANGE)] and len(compared) == 5


def test_neither_an_address_nor_a_request_shows_its_pass_when_it_is_printed():
    address = RelayAddress("a.example", 1, bytes(32), OURS)
    request = decode_request(encode_request(1, WRITES, OURS))
    for shown in (repr(address), repr(request)):
        assert repr(OURS) not in shown and "pass" not in shown


def drawn(number: int):
    return bytes([number]) * 16


def counting():
    made = iter(range(1, 99))
    return lambda size: bytes([next(made)]) * size


def test_a_file_that_is_not_there_is_made_with_one_pass_for_its_owner_only(tmp_path):
    path = tmp_path / "pass"
    assert PassFile(path, counting()).load() == (drawn(1),)
    assert path.stat().st_mode & 0o777 == 0o600
    assert PassFile(path, counting()).load() == (drawn(1),), "the second start draws none"
    assert [each.name for each in tmp_path.iterdir()] == ["pass"]


def test_a_pass_more_is_seen_by_a_running_relay_and_so_is_one_less(tmp_path):
    path = tmp_path / "pass"
    running = PassFile(path, counting())
    running.load()
    assert running.changed() is None
    assert PassFile(path, lambda size: bytes([9]) * size).add() == drawn(9)
    assert running.changed() == (drawn(1), drawn(9))
    assert running.changed() is None
    os.replace(_with(tmp_path, write_passes([drawn(9)])), path)
    assert running.changed() == (drawn(9),)


def test_a_running_relay_keeps_its_passes_when_the_file_is_gone_or_damaged(tmp_path):
    path = tmp_path / "pass"
    running = PassFile(path, counting())
    running.load()
    path.unlink()
    assert running.changed() is None
    path.write_text("nonsense")
    with pytest.raises(DropFailure) as failure:
        running.changed()
    assert failure.value.code == "bad_pass"
    assert running.changed() is None, "it is told once"


def test_a_damaged_file_is_an_error_and_never_an_open_door(tmp_path):
    path = tmp_path / "pass"
    path.write_text("nonsense")
    for use in (PassFile(path).load, PassFile(path).add):
        with pytest.raises(DropFailure) as failure:
            use()
        assert failure.value.code == "bad_pass"
    assert path.read_text() == "nonsense"
    path.unlink()
    path.mkdir()
    with pytest.raises(DropFailure):
        PassFile(path).load()


def test_a_relay_has_so_many_passes_and_no_more(tmp_path):
    file = PassFile(tmp_path / "pass")
    for _ in range(MOST_PASSES):
        file.add()
    with pytest.raises(DropFailure) as failure:
        file.add()
    assert failure.value.code == "bad_pass" and len(set(file.load())) == MOST_PASSES


def test_a_disk_that_fails_leaves_the_file_as_it_was(tmp_path):
    from .things import FailingFiles

    file = PassFile(tmp_path / "pass")
    held = file.load()
    full = PassFile(tmp_path / "pass", files=FailingFiles(room=5))
    with pytest.raises(DropFailure) as failure:
        full.add()
    assert failure.value.code == "bad_pass" and file.load() == held
    assert read_passes((tmp_path / "pass").read_bytes()) == held


def _with(folder, data: bytes):
    path = folder / "edited"
    path.write_bytes(data)
    return path


WEEKLY, DAY = bytes([7]) * SECRET, 86_400
WEEK = (NOW // DAY + 3) // 7


@pytest.mark.parametrize("week", range(-3, 4))
def test_a_relay_takes_the_pass_of_this_week_and_no_other_in_its_middle(tmp_path, week):
    async def main():
        async with guarded(tmp_path, passes=()) as (relay, _, client):
            relay.clock = lambda: (7 * WEEK - 3 + 3) * DAY  # a Thursday
            relay.weekly = (bytes(SECRET), WEEKLY)
            answer = Stored() if week == 0 else Refused("no_pass")
            assert await client(week_pass(WEEKLY, WEEK + week)).perform(WRITES) == [answer] * 2

    asyncio.run(main())


def test_a_pass_is_taken_two_days_before_and_after_its_week_for_clocks_differ():
    monday, ours = (7 * WEEK - 3) * DAY, week_pass(WEEKLY, WEEK)
    taken = [now for now in range(monday - 9 * DAY, monday + 16 * DAY, DAY // 2) if ours in taken_at((WEEKLY,), now)]
    assert (taken[0], taken[-1]) == (monday - 2 * DAY, monday + 9 * DAY - DAY // 2)
    assert len(taken) == 2 * 11
    assert {len(taken_at((WEEKLY,), now)) for now in range(monday, monday + 7 * DAY, DAY // 2)} == {1, 2}


def test_passes_that_last_and_those_of_a_week_are_taken_side_by_side(tmp_path):
    async def main():
        async with guarded(tmp_path) as (relay, _, client):
            relay.weekly = (WEEKLY,)
            for shown in (OURS, week_pass(WEEKLY, WEEK)):
                assert await client(shown).perform(WRITES) == [Stored(), Stored()]
            assert await client(week_pass(bytes(SECRET), WEEK)).perform(WRITES) == [Refused("no_pass")] * 2

    asyncio.run(main())


def test_no_weekly_secret_is_drawn_unless_asked_for_and_there_are_so_many_at_most(tmp_path):
    file = PassFile(tmp_path / "weekly", size=SECRET)
    assert file.load() == () and not (tmp_path / "weekly").exists()
    drawn = [file.add() for _ in range(MOST_SECRETS)]
    assert file.load() == tuple(drawn) and len(set(drawn)) == MOST_SECRETS
    assert (tmp_path / "weekly").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DropFailure):
        file.add()


def test_a_damaged_file_of_weekly_secrets_is_an_error_and_never_an_open_door(tmp_path):
    (tmp_path / "weekly").write_text("a" * 26 + "\n")
    for use in (PassFile(tmp_path / "weekly", size=SECRET).load, PassFile(tmp_path / "weekly", size=SECRET).add):
        with pytest.raises(DropFailure) as failure:
            use()
        assert failure.value.code == "bad_pass" and "weekly" in failure.value.hint
