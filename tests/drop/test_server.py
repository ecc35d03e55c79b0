"""A relay over TLS on loopback, asked by its real client, by plain HTTP, and by guests who mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from tercet.drop import (
    BLOCK,
    FRAME,
    Ack,
    Acked,
    DiskStore,
    DropFailure,
    Items,
    Limits,
    MemoryStore,
    Post,
    Put,
    Read,
    Refused,
    RelayClient,
    Stored,
    name_of,
    serve,
)
from tercet.drop.guest import Guest
from tercet.drop.server import _Visitor
from tercet.drop.wire import HELLO, MAX_MESSAGE, Request, decode_answers, encode_request

from .things import NOW, PATIENCE, block, box, certificate, frame, posted_box


@contextlib.asynccontextmanager
async def running(folder: Path, store=None, limits: Limits | None = None):
    own = certificate(folder)
    store = store or MemoryStore()
    relay = await serve(store, "127.0.0.1", 0, own.cert, own.key, clock=lambda: NOW, limits=limits)
    client = RelayClient(own.address(relay.port), timeout=PATIENCE)
    try:
        yield relay, client, own
    finally:
        await client.close()
        await relay.close()
        store.close()


def tls(maximum: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if maximum:
        context.maximum_version = maximum
    return context


async def raw(relay):
    return await asyncio.open_connection("127.0.0.1", relay.port, ssl=tls(), server_hostname="")


async def http(relay, body: bytes, head: bytes | None = None) -> tuple[bytes, bytes]:
    reader, writer = await raw(relay)
    head = head or b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body)
    writer.write(head + b"\r\n" + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    first, _, rest = answer.partition(b"\r\n\r\n")
    return first, rest


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def ws_frame(payload: bytes, first: int = 0x82, length: int | None = None) -> bytes:
    length = len(payload) if length is None else length
    size = (
        bytes((0x80 | length,))
        if length < 126
        else b"\xfe" + length.to_bytes(2, "big")
        if length < 65_536
        else b"\xff" + length.to_bytes(8, "big")
    )
    return bytes((first,)) + size + bytes(4) + payload


async def websocket(relay):
    reader, writer = await raw(relay)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    hello = await reader.readexactly(2 + HELLO.size)
    return reader, writer, hello[2:]


async def ended(reader) -> bool:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while await asyncio.wait_for(reader.read(65_536), 10):
            pass
    return True


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_relay_keeps_the_rules_of_a_drop(tmp_path, kind):
    b, p = box(1), posted_box(1)

    async def main():
        store = MemoryStore() if kind == "memory" else DiskStore(tmp_path / "disk")
        async with running(tmp_path, store) as (_, client, _):
            assert await client.perform([Put(b.id, frame(1)), Put(b.id, block(1))]) == [Stored(), Stored()]
            assert await client.perform([Post(p.ack, frame(2))]) == [Stored()]
            assert await client.perform([Read(b.read), Read(b.read, BLOCK), Read(p.read, posted=True)]) == [
                Items((frame(1),), False),
                Items((block(1),), False),
                Items((frame(2),), False),
            ]
            assert await client.perform([Ack(b.ack, name_of(frame(1))), Read(b.read)]) == [Acked(), Items((), False)]
            assert await client.perform([Put(b.id, block(2))]) == [Refused("box_full")]
            assert client.relay_clock == NOW

    asyncio.run(main())


def test_many_requests_under_way_are_answered_each_with_its_own(tmp_path):
    async def main():
        async with running(tmp_path, DiskStore(tmp_path / "disk")) as (_, client, _):
            await asyncio.gather(*(client.perform([Put(box(i).id, frame(i))]) for i in range(200)))
            found = await asyncio.gather(*(client.perform([Read(box(i).read)]) for i in range(200)))
            assert found == [[Items((frame(i),), False)] for i in range(200)]

    asyncio.run(main())


def test_a_long_batch_travels_as_several_messages(tmp_path):
    async def main():
        async with running(tmp_path) as (_, client, _):
            puts = [Put(box(i).id, frame(i)) for i in range(1_500)]
            assert await client.perform(puts) == [Stored()] * 1_500
            reads = [Read(box(i).read, limit=128) for i in range(40)]
            assert await client.perform(reads) == [Items((frame(i),), False) for i in range(40)]
            assert await client.perform([]) == []

    asyncio.run(main())


def test_requests_of_many_guests_share_one_sync(tmp_path):
    from .things import FailingFiles

    async def main():
        files = FailingFiles()
        async with running(tmp_path, DiskStore(tmp_path / "disk", files=files)) as (_, client, own):
            await client.perform([Read(box(0).read)])
            await asyncio.gather(*(client.perform([Put(box(i).id, frame(i))]) for i in range(300)))
            assert files.syncs < 150

    asyncio.run(main())


def test_http_gives_the_same_answer_bytes_as_the_websocket(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            ops = (Put(box(1).id, frame(1)), Read(box(1).read), Ack(box(1).ack, name_of(frame(1))))
            data = encode_request(7, ops)
            head, body = await http(relay, data)
            assert head.startswith(b"HTTP/1.1 200 ") and f"Tercet-Clock: {NOW}".encode() in head
            reader, writer, _ = await websocket(relay)
            writer.write(ws_frame(data))
            frame_head = await reader.readexactly(4)
            assert frame_head[:2] == b"\x82\x7e"
            assert await reader.readexactly(int.from_bytes(frame_head[2:], "big")) == body
            assert decode_answers(Request(7, ops), body) == [Stored(), Items((frame(1),), False), Acked()]
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /other HTTP/1.1\r\nContent-Length: 1\r\n", b"404"),
        (b"POST / HTTP/1.1\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n", b"431"),
    ],
)
def test_http_that_is_not_ours_is_refused(tmp_path, head, status):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            answer, _ = await http(relay, b"", head)
            assert answer.split(b" ")[1] == status

    asyncio.run(main())


def test_http_asks_for_the_body_that_curl_holds_back(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            data = encode_request(1, [Read(box(1).read)])
            reader, writer = await raw(relay)
            writer.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(data)
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()

    asyncio.run(main())


def test_the_answer_to_one_frame_has_one_length(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, client, _):
            await client.perform([Put(box(1).id, frame(1))])
            _, full = await http(relay, encode_request(1, [Read(box(1).read)]))
            _, empty = await http(relay, encode_request(1, [Read(box(2).read)]))
            _, again = await http(relay, encode_request(1, [Read(box(2).read)]))
            assert len(full) == len(empty)
            assert empty[-FRAME:] != again[-FRAME:], "filler is noise, and fresh"

    asyncio.run(main())


def test_tls_below_1_3_is_refused(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(
                    "127.0.0.1", relay.port, ssl=tls(ssl.TLSVersion.TLSv1_2), server_hostname=""
                )

    asyncio.run(main())


def test_the_relay_gives_no_session_tickets(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            reader, writer, _ = await websocket(relay)
            session = writer.get_extra_info("ssl_object").session
            assert session is None or not session.has_ticket
            writer.close()

    asyncio.run(main())


def test_nothing_that_a_guest_does_makes_the_relay_write_an_address(tmp_path, caplog):
    async def main():
        async with running(tmp_path) as (relay, client, _):
            port = None
            await client.perform([Put(box(1).id, frame(1))])
            reader, writer, _ = await websocket(relay)
            port = writer.get_extra_info("sockname")[1]
            writer.write(ws_frame(b"nonsense"))
            assert await ended(reader)
            await http(relay, b"nonsense")
            plain_reader, plain = await asyncio.open_connection("127.0.0.1", relay.port)
            plain.write(b"GET / HTTP/1.1\r\n\r\n" * 10)
            assert await ended(plain_reader)
            _, torn = await raw(relay)
            torn.transport.abort()
            return port

    with caplog.at_level(logging.DEBUG):
        port = asyncio.run(main())
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert str(port) not in written and "127.0.0.1" not in written


def test_a_request_that_cannot_be_read_is_refused_and_its_guest_goes(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            reader, writer, _ = await websocket(relay)
            writer.write(ws_frame(b"\x02\x00\x00\x00\x05\x00\x01nonsense"))
            refusal = await reader.readexactly(2 + 8)
            assert refusal[2:] == b"\x02\x00\x00\x00\x05\x00\x00\x03"
            assert await ended(reader)

    asyncio.run(main())


@pytest.mark.parametrize(
    "sent",
    [
        ws_frame(b"", length=MAX_MESSAGE + 1),
        ws_frame(b"", length=2**63 - 1),
        ws_frame(b"text", first=0x81),
        ws_frame(b"part of a message", first=0x02),
        b"\xff" * 100,
    ],
    ids=["too long", "endless", "text", "in parts", "nonsense"],
)
def test_a_guest_outside_the_protocol_goes(tmp_path, sent):
    async def main():
        async with running(tmp_path) as (relay, client, _):
            reader, writer, _ = await websocket(relay)
            writer.write(sent)
            assert await ended(reader)
            assert await client.perform([Read(box(1).read)]) == [Items((), False)], "others are served"

    asyncio.run(main())


def test_bytes_that_are_neither_face_end_the_connection(tmp_path):
    async def main():
        async with running(tmp_path) as (relay, _, _):
            reader, writer = await raw(relay)
            writer.write(b"SSH-2.0-x\r\n")
            assert await ended(reader)

    asyncio.run(main())


def test_at_the_limit_whoever_was_silent_longest_goes_and_the_newcomer_stays(tmp_path):
    async def main():
        async with running(tmp_path, limits=Limits(guests=3)) as (relay, client, _):
            readers = [await websocket(relay) for _ in range(3)]
            readers[0][1].write(ws_frame(b"", first=0x89))  # a ping: the first to come is not the longest silent
            await readers[0][0].readexactly(2)
            assert await client.perform([Read(box(1).read)]) == [Items((), False)]
            assert await ended(readers[1][0])
            assert len(relay.guests) == 3
            assert not readers[0][0].at_eof() and not readers[2][0].at_eof()
            for _, writer, _ in readers:
                writer.close()

    asyncio.run(main())


def test_a_row_of_idle_visitors_keeps_nobody_out(tmp_path):
    async def main():
        async with running(tmp_path, limits=Limits(guests=4)) as (relay, _, own):
            idle = []
            for _ in range(3):
                idle += [await raw(relay) for _ in range(4)]
                client = RelayClient(own.address(relay.port), timeout=PATIENCE)
                assert await client.perform([Put(box(1).id, frame(1))]) == [Stored()]
                assert len(relay.guests) == 4
                await client.close()
            for _, writer in idle:
                writer.transport.abort()

    asyncio.run(main())


def test_when_all_wait_for_answers_the_newcomer_goes(tmp_path):
    async def main():
        async with running(tmp_path, limits=Limits(guests=1)) as (relay, client, _):
            await client.perform([Read(box(1).read)])
            (guest,) = relay.guests
            guest.unanswered = 1
            reader, _ = await raw(relay)
            assert await ended(reader)
            guest.unanswered = 0
            assert await client.perform([Read(box(1).read)]) == [Items((), False)], "the one who waited was not cut"

    asyncio.run(main())


def guest_with_time(limits: Limits):
    """A guest of a relay whose time the test sets."""
    relay = SimpleNamespace(limits=limits, now=0.0, heard=lambda _: None, hold=lambda _: None, takes=lambda _: True)
    relay.time, relay.clock = lambda: relay.now, lambda: NOW
    relay.committer = SimpleNamespace(submit=lambda *_, **__: None)
    return relay, Guest(relay, None)


def test_an_idle_visitor_has_seconds_and_a_guest_who_asked_has_minutes():
    limits = Limits()
    relay, guest = guest_with_time(limits)
    assert guest.deadline == limits.greeting
    relay.now = 15.0
    _Visitor(guest).on_ws_connected(SimpleNamespace(send=lambda *_: None))
    assert guest.deadline == limits.greeting, "the upgrade is no request"
    assert guest.ask(encode_request(1, [Read(box(1).read)]), lambda _: None)
    assert guest.deadline == 15.0 + limits.idle


def test_a_first_request_on_a_slow_line_gets_the_time_it_takes():
    limits = Limits()
    _, guest = guest_with_time(limits)
    for second in range(1, BLOCK // int(limits.slowest)):
        assert second < guest.deadline
        guest.came(int(limits.slowest))
    guest.coming = 1
    assert guest.deadline < limits.greeting + 1, "a few bytes give no time"


def test_a_request_that_cannot_be_read_gives_no_time():
    relay, guest = guest_with_time(Limits())
    relay.now = 10.0
    assert not guest.ask(b"nonsense", lambda _: None)
    assert guest.deadline == relay.limits.greeting


def test_who_hoards_half_requests_goes_and_the_others_stay(tmp_path):
    async def main():
        async with running(tmp_path, limits=Limits(held=1_000_000)) as (relay, client, _):
            await client.perform([Read(box(1).read)])
            small_reader, small, _ = await websocket(relay)
            small.write(ws_frame(bytes(50_000), length=60_000))
            hoarder_reader, hoarder, _ = await websocket(relay)
            hoarder.write(ws_frame(bytes(2_000_000), length=MAX_MESSAGE))
            assert await ended(hoarder_reader)
            assert await client.perform([Put(box(1).id, frame(1))]) == [Stored()]
            assert not small_reader.at_eof()
            small.close()

    asyncio.run(main())


def test_a_guest_who_stands_still_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tercet.drop.server.PATROL", 0.01)

    async def main():
        async with running(tmp_path, limits=Limits(idle=0.05, greeting=PATIENCE)) as (relay, _, _):
            reader, writer, _ = await websocket(relay)
            writer.write(ws_frame(encode_request(1, [Read(box(1).read)])))
            assert await ended(reader)
        async with running(tmp_path, limits=Limits(greeting=PATIENCE)) as (relay, _, _):
            reader, _, _ = await websocket(relay)
            other, _ = await raw(relay)
            relay.limits = Limits(greeting=0.05)  # only now: until here a busy machine may take its time
            assert await ended(reader)
            assert await ended(other)

    asyncio.run(main())


def test_a_guest_who_does_not_take_answers_is_not_read_from(tmp_path):
    """It asks for far more than it takes: what the relay holds for it stays bounded."""

    async def main():
        async with running(tmp_path) as (relay, client, _):
            await client.perform([Put(box(1).id, frame(i)) for i in range(128)])
            reader, writer, _ = await websocket(relay)
            reader._transport.pause_reading()
            ask = ws_frame(encode_request(1, [Read(box(1).read, limit=128)]))
            for _ in range(50):  # 200 MiB of answers
                writer.write(ask * 8)
                for _ in range(4):
                    await client.perform([Read(box(2).read)])
            (guest,) = [each for each in relay.guests if each.unsent]
            assert guest.transport.get_write_buffer_size() <= 2 * relay.limits.unanswered
            assert relay._held <= 2 * relay.limits.unanswered + 1_000_000
            writer.transport.abort()
            while guest in relay.guests:
                await asyncio.sleep(0)
            assert relay._held < 100_000

    asyncio.run(main())


def test_too_much_under_way_is_answered_busy_and_nothing_breaks(tmp_path):
    async def main():
        async with running(tmp_path, limits=Limits(unanswered=600_000)) as (_, client, _):
            ask = [Read(box(1).read, limit=128)]
            results = await asyncio.gather(*(client.perform(ask) for _ in range(20)), return_exceptions=True)
            failures = [each for each in results if isinstance(each, DropFailure)]
            assert failures and {failure.code for failure in failures} == {"relay_refused"}
            assert "too much to do" in failures[0].hint
            assert await client.perform([Put(box(1).id, frame(1))]) == [Stored()]

    asyncio.run(main())


def test_a_store_that_fails_makes_the_relay_say_busy_and_serve_on(tmp_path, caplog):
    class Sick(MemoryStore):
        sick = True

        def apply(self, ops, now):
            if self.sick:
                raise DropFailure("store_failed", "x")
            return super().apply(ops, now)

    async def main():
        store = Sick()
        async with running(tmp_path, store) as (_, client, _):
            with pytest.raises(DropFailure) as failure:
                await client.perform([Read(box(1).read)])
            assert failure.value.code == "relay_refused"
            store.sick = False
            assert await client.perform([Read(box(1).read)]) == [Items((), False)]

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records if record.name == "tercet.relay"] == [
        "store: store_failed"
    ]


def test_closing_a_relay_twice_is_harmless_and_what_was_answered_stays(tmp_path):
    async def main():
        async with running(tmp_path, DiskStore(tmp_path / "disk")) as (relay, client, _):
            await client.perform([Put(box(1).id, frame(1))])
            await relay.close()
            await relay.close()

    asyncio.run(main())
    store = DiskStore(tmp_path / "disk")
    assert [item for _, _, item in store.entries()] == [frame(1)]
    store.close()


def test_the_relay_also_runs_on_uvloop(tmp_path):
    uvloop = pytest.importorskip("uvloop")

    async def main():
        async with running(tmp_path, DiskStore(tmp_path / "disk")) as (relay, client, _):
            assert await client.perform([Put(box(1).id, block(1)), Read(box(1).read, BLOCK)]) == [
                Stored(),
                Items((block(1),), False),
            ]
            head, _ = await http(relay, encode_request(1, [Read(box(1).read)]))
            assert head.startswith(b"HTTP/1.1 200 ")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
