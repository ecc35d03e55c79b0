"""The client against relays that lie, against other keys, and through proxies."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import socket
import ssl
from pathlib import Path

import pytest

from tercet.drop import (
    BLOCK,
    FRAME,
    Ack,
    Acked,
    DropFailure,
    Items,
    MemoryStore,
    Put,
    Read,
    Refused,
    RelayAddress,
    RelayClient,
    Stored,
    name_of,
    serve,
)
from tercet.drop.wire import HEAD, VERSION, Request, decode_request, encode_answers, encode_hello, encode_refusal

from .things import NOW, PATIENCE, box, certificate, frame


def ws(payload: bytes, first: int = 0x82) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return (
        bytes((first,))
        + (b"\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x7f" + size.to_bytes(8, "big"))
        + payload
    )


async def receive(reader) -> bytes:
    _, size = await reader.readexactly(2)
    size &= 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


@contextlib.asynccontextmanager
async def relay_that(folder: Path, answer, *, hello: bytes | None = None, seen: list | None = None):
    """A relay with the right key whose answers `answer(request)` decides: bytes on the wire, or a coroutine."""
    own = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)

    async def guest(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            head = await reader.readuntil(b"\r\n\r\n")
            if seen is not None:
                seen.append(head)
            key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if b"websocket-key" in line.lower())
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(
                b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                % accept
            )
            writer.write(ws(encode_hello(NOW)) if hello is None else hello)
            while True:
                data = answer(decode_request(await receive(reader)))
                if asyncio.iscoroutine(data):
                    data = await data
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(guest, "127.0.0.1", 0, ssl=context)
    client = RelayClient(own.address(server.sockets[0].getsockname()[1]), timeout=PATIENCE)
    try:
        yield client
    finally:
        await client.close()
        server.close()


def failure_of(folder: Path, answer, ops, **more) -> str:
    async def main():
        async with relay_that(folder, answer, **more) as client:
            with pytest.raises(DropFailure) as failure:
                await client.perform(ops)
            return failure.value

    failed = asyncio.run(main())
    assert failed.hint.endswith(".")
    return failed.code


def honest(request: Request, *answers) -> bytes:
    return encode_answers(request, answers, bytes)


def forged(request: Request, body: bytes, count: int | None = None) -> bytes:
    count = len(request.ops) if count is None else count
    return ws(HEAD.pack(VERSION, request.number, count) + body)


B = box(1)
ONE = [Read(B.read)]
MANY = [Read(B.read, limit=3)]

LIES = {
    "an answer to another request": (ONE, lambda r: ws(honest(Request(r.number + 1, r.ops), Items((), False)))),
    "another number of answers": (ONE, lambda r: forged(r, b"\0\0" * 2, count=2)),
    "an answer to another operation": (ONE, lambda r: forged(r, b"\0\0")),
    "stored instead of acked": ([Ack(B.ack, bytes(32))], lambda r: forged(r, b"\0\0")),
    "an item of another size": (ONE, lambda r: forged(r, b"\1\0\1" + bytes(FRAME - 1))),
    "too many items": (MANY, lambda r: forged(r, b"\1\0\4" + bytes(4 * FRAME))),
    "too many items for one": (ONE, lambda r: forged(r, b"\1\0\2" + bytes(2 * FRAME))),
    "a truncated answer": (MANY, lambda r: forged(r, b"\1\0\2" + bytes(FRAME))),
    "no filler": (ONE, lambda r: forged(r, b"\1\0\0")),
    "bytes left over": ([Put(B.id, frame(1))], lambda r: forged(r, b"\0\0\0")),
    "an unknown flag": (ONE, lambda r: forged(r, b"\1\2\1" + bytes(FRAME))),
    "an unknown refusal": ([Put(B.id, frame(1))], lambda r: forged(r, b"\3\x63")),
    "a refusal with an item": (ONE, lambda r: forged(r, b"\3\1\1" + bytes(FRAME))),
    "an empty message": (ONE, lambda r: ws(b"")),
    "another version": (ONE, lambda r: ws(b"\1" + honest(r, Items((), False))[1:])),
    "a message too long": (ONE, lambda r: b"\x82\x7f" + (5_000_000).to_bytes(8, "big") + bytes(100)),
    "text": (ONE, lambda r: ws(honest(r, Items((), False)), first=0x81)),
    "a message in parts": (ONE, lambda r: ws(honest(r, Items((), False)), first=0x02)),
    "nonsense": (ONE, lambda r: b"\xff" * 500),
    "a refusal that is no code": (ONE, lambda r: forged(r, b"\x63", count=0)),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_does_not_fit_its_question_is_a_lie(tmp_path, lie):
    ops, answer = LIES[lie]
    assert failure_of(tmp_path, answer, ops) == "relay_lied"


def test_an_answer_that_nobody_asked_for_is_a_lie(tmp_path):
    def twice(request: Request) -> bytes:
        return ws(honest(request, Stored())) * 2

    async def main():
        async with relay_that(tmp_path, twice) as client:
            assert await client.perform([Put(B.id, frame(1))]) == [Stored()]
            link = client._link
            while not link.over:
                await asyncio.sleep(0)
            assert link.over == "relay_lied"

    asyncio.run(main())


@pytest.mark.parametrize("hello", [ws(b""), ws(b"\1" + bytes(8)), ws(bytes(9)), ws(encode_hello(NOW) + b"x")])
def test_a_greeting_that_is_none_is_a_lie(tmp_path, hello):
    assert failure_of(tmp_path, lambda r: b"", ONE, hello=hello) == "relay_lied"


def test_an_endless_answer_is_cut_by_the_time_allowed(tmp_path):
    async def trickle():
        await asyncio.Event().wait()

    async def main():
        async with relay_that(tmp_path, lambda r: trickle()) as client:
            client._timeout = 0.05
            with pytest.raises(DropFailure) as failure:
                await client.perform(ONE)
            assert failure.value.code == "relay_unreachable"

    asyncio.run(main())


def test_an_endless_flood_of_pings_does_not_pass_for_an_answer(tmp_path):
    async def main():
        async with relay_that(tmp_path, lambda r: ws(b"x", first=0x89) * 1_000) as client:
            client._timeout = 0.05
            with pytest.raises(DropFailure) as failure:
                await client.perform(ONE)
            assert failure.value.code == "relay_unreachable"

    asyncio.run(main())


def test_every_asker_learns_of_a_lie(tmp_path):
    asked: list[Request] = []

    def answer(request: Request) -> bytes:
        asked.append(request)
        return b"" if len(asked) < 3 else ws(b"nonsense")

    async def main():
        async with relay_that(tmp_path, answer) as client:
            results = await asyncio.gather(*(client.perform(ONE) for _ in range(3)), return_exceptions=True)
            assert [failure.code for failure in results] == ["relay_lied"] * 3

    asyncio.run(main())


def test_after_a_lie_a_new_connection_is_made(tmp_path):
    lies = [True, False]

    def answer(request: Request) -> bytes:
        return ws(b"x") if lies.pop(0) else ws(honest(request, Stored()))

    async def main():
        async with relay_that(tmp_path, answer) as client:
            with pytest.raises(DropFailure):
                await client.perform([Put(B.id, frame(1))])
            assert await client.perform([Put(B.id, frame(1))]) == [Stored()]

    asyncio.run(main())


def test_wrong_bytes_of_the_right_size_are_handed_on_because_only_their_reader_can_tell(tmp_path):
    """Someone else's item, or noise: this layer knows no key. Sealing finds it out, and the name does not fit."""

    async def main():
        async with relay_that(tmp_path, lambda r: ws(honest(r, Items((frame(99),), False)))) as client:
            assert await client.perform(ONE) == [Items((frame(99),), False)]

    asyncio.run(main())


def test_old_bytes_may_come_again_and_are_acked_again(tmp_path):
    """A relay (or a courier) may bring back what was acked: harmless here, its reader knows it by its name."""

    def answer(request: Request) -> bytes:
        return ws(
            honest(request, *(Acked() if isinstance(op, Ack) else Items((frame(1),), False) for op in request.ops))
        )

    async def main():
        async with relay_that(tmp_path, answer) as client:
            for _ in range(2):
                (shown,) = await client.perform(ONE)
                assert shown == Items((frame(1),), False)
                assert await client.perform([Ack(B.ack, name_of(frame(1)))]) == [Acked()]

    asyncio.run(main())


def test_a_refused_request_tells_its_code(tmp_path):
    async def main():
        async with relay_that(tmp_path, lambda r: ws(encode_refusal(r.number, "busy"))) as client:
            with pytest.raises(DropFailure) as failure:
                await client.perform(ONE)
            assert failure.value.code == "relay_refused" and "too much to do" in failure.value.hint

    asyncio.run(main())


def test_a_refused_operation_is_an_answer(tmp_path):
    async def main():
        async with relay_that(tmp_path, lambda r: ws(honest(r, Refused("disk_full"), Refused("busy")))) as client:
            answers = await client.perform([Put(B.id, frame(1)), Read(B.read)])
            assert answers == [Refused("disk_full"), Refused("busy")]

    asyncio.run(main())


def test_another_key_ends_the_handshake_before_a_byte_of_ours_is_sent(tmp_path):
    seen: list[bytes] = []

    async def main():
        async with relay_that(tmp_path, lambda r: b"", seen=seen) as client:
            right = client.address
            wrong = RelayClient(RelayAddress(right.host, right.port, certificate(tmp_path, 1).fingerprint))
            with pytest.raises(DropFailure) as failure:
                await wrong.perform(ONE)
            assert failure.value.code == "relay_wrong_key"
            await wrong.close()

    asyncio.run(main())
    assert seen == []


def test_the_greeting_of_tls_names_no_host(tmp_path):
    names: list[str | None] = []

    async def main():
        own = certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.cert, own.key)
        context.sni_callback = lambda _, name, __: names.append(name)
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
        client = RelayClient(own.address(server.sockets[0].getsockname()[1], "localhost"), timeout=PATIENCE)
        with pytest.raises(DropFailure):
            await client.perform(ONE)
        server.close()

    asyncio.run(main())
    assert names == [None]


def test_nobody_there_is_unreachable(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def main():
        client = RelayClient(certificate(tmp_path).address(port), timeout=PATIENCE)
        with pytest.raises(DropFailure) as failure:
            await client.perform(ONE)
        assert failure.value.code == "relay_unreachable"

    asyncio.run(main())


def test_something_that_is_no_relay_is_a_lie_or_unreachable_but_never_an_answer(tmp_path):
    async def main():
        own = certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.cert, own.key)

        async def web(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 301 X\r\nLocation: wss://example.org/\r\nContent-Length: 0\r\n\r\n")

        server = await asyncio.start_server(web, "127.0.0.1", 0, ssl=context)
        client = RelayClient(own.address(server.sockets[0].getsockname()[1]), timeout=PATIENCE)
        with pytest.raises(DropFailure) as failure:
            await client.perform(ONE)
        assert failure.value.code == "relay_lied"
        server.close()

    asyncio.run(main())


def test_a_closed_client_stays_closed(tmp_path):
    async def main():
        async with relay_that(tmp_path, lambda r: ws(honest(r, Stored()))) as client:
            await client.perform([Put(B.id, frame(1))])
            await client.close()
            await client.close()
            with pytest.raises(DropFailure):
                await client.perform([Put(B.id, frame(1))])

    asyncio.run(main())


# Proxies


@contextlib.asynccontextmanager
async def socks_proxy(port_of_relay: int, asked: list, *, refuse: bool = False):
    """A SOCKS5 proxy that notes what it was asked for and connects to the relay, whatever the name."""

    async def pump(reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def guest(reader, writer):
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        user = None
        if 2 in methods:
            writer.write(b"\5\2")
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\1\0")
        else:
            writer.write(b"\5\0")
        _, _, _, kind = await reader.readexactly(4)
        size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        asked.append((kind, await reader.readexactly(size), user))
        await reader.readexactly(2)
        if refuse:
            writer.write(b"\5\1\0\1" + bytes(6))
            writer.close()
            return
        onward, back = await asyncio.open_connection("127.0.0.1", port_of_relay)
        writer.write(b"\5\0\0\1" + bytes(6))
        await asyncio.gather(pump(reader, back), pump(onward, writer))

    server = await asyncio.start_server(guest, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def through_proxy(folder: Path, *, refuse: bool = False, user: str = ""):
    asked: list = []
    reached: list = []

    class Noting(MemoryStore):
        def apply(self, ops, now):
            reached.append(ops)
            return super().apply(ops, now)

    async def main():
        own = certificate(folder)
        relay = await serve(Noting(), "127.0.0.1", 0, own.cert, own.key, clock=lambda: NOW)
        async with socks_proxy(relay.port, asked, refuse=refuse) as port:
            address = own.address(relay.port, "localhost")
            client = RelayClient(address, f"socks5://{user}127.0.0.1:{port}", timeout=PATIENCE)
            try:
                return await client.perform([Put(B.id, frame(1))])
            except DropFailure as failure:
                return failure.code
            finally:
                await client.close()
                await relay.close()

    return asyncio.run(main()), asked, reached


def test_a_proxy_gets_the_name_and_resolves_it_itself(tmp_path, monkeypatch):
    def lookup(host, *rest, **more):
        if host == "localhost":
            raise AssertionError("the name was looked up here")
        return original(host, *rest, **more)

    original = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    answers, asked, _ = through_proxy(tmp_path)
    assert answers == [Stored()]
    assert asked == [(3, b"localhost", None)]


def test_the_proxy_is_told_a_user_so_that_circuits_can_be_kept_apart(tmp_path):
    answers, asked, _ = through_proxy(tmp_path, user="beat7:x@")
    assert answers == [Stored()] and asked[0][2] == b"beat7"


def test_a_proxy_that_refuses_is_never_gone_around(tmp_path):
    answers, asked, reached = through_proxy(tmp_path, refuse=True)
    assert answers == "relay_unreachable" and len(asked) == 1 and reached == []


def test_a_dead_proxy_is_never_gone_around(tmp_path):
    reached = []

    async def main():
        own = certificate(tmp_path)
        relay = await serve(MemoryStore(), "127.0.0.1", 0, own.cert, own.key, clock=lambda: NOW)
        relay.committer.submit = lambda *a: reached.append(a)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        client = RelayClient(own.address(relay.port), f"socks5://127.0.0.1:{port}", timeout=PATIENCE)
        with pytest.raises(DropFailure) as failure:
            await client.perform(ONE)
        assert failure.value.code == "relay_unreachable"
        await relay.close()

    asyncio.run(main())
    assert reached == []


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1:9050", "http://127.0.0.1:1", "socks4://a:1", "socks5://a", "socks5://a:x"]
)
def test_a_proxy_that_cannot_be_used_is_an_error_and_not_left_out(tmp_path, text):
    with pytest.raises(DropFailure) as failure:
        RelayClient(certificate(tmp_path).address(1), text)
    assert failure.value.code == "bad_proxy"


def test_the_client_writes_no_address_anywhere(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        through_proxy(tmp_path)
        through_proxy(tmp_path, refuse=True)
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert "127.0.0.1" not in written and "localhost" not in written


def test_a_block_goes_and_comes(tmp_path):
    from .things import block

    async def main():
        own = certificate(tmp_path)
        relay = await serve(MemoryStore(), "127.0.0.1", 0, own.cert, own.key, clock=lambda: NOW)
        client = RelayClient(own.address(relay.port))
        await client.perform([Put(B.id, block(1))])
        assert await client.perform([Read(B.read, BLOCK)]) == [Items((block(1),), False)]
        await client.close()
        await relay.close()

    asyncio.run(main())
