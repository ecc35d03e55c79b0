"""A relay: a store that the network can reach.

Does        speak TLS 1.3 with a WebSocket (and a small HTTP face) on one port; hand requests to the committer.
Does not    log or keep an address, an account, or a key that opens anything.
Spec        spec/10-drop.md, 6 and 7
Always      1. No guest can make the relay hold much: what is held for all guests is bounded, and when there is too
            much the guest who holds most goes.  2. A guest who stands still goes; when there are too many, whoever
            was silent longest.  3. No name or number of a guest is written anywhere.
Read first  `serve`, then `_Door.data_received`, then `_Visitor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from picows import WSAutoPingStrategy, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # docs/adr/0003

from tercet.drop.commit import Committer
from tercet.drop.guest import Guest, Limits
from tercet.drop.memory import Store
from tercet.drop.ops import Post, Put
from tercet.drop.passes import shown_is_one, taken_at
from tercet.drop.quiet import quiet_log
from tercet.drop.wire import MAX_MESSAGE, Request, encode_hello

SWEEP = 3_600  # seconds between removals of what is out of date
PATROL = 5.0  # seconds between looks for guests who stand still
HTTP_HEAD = 8_192  # bytes, at most, before the body of an HTTP request


class _Visitor(WSListener):
    """The WebSocket face of one guest."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._ws: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._ws = transport
        self._guest.whole()  # the upgrade; it is no request, and gives no more time
        transport.send(WSMsgType.BINARY, encode_hello(self._guest.relay.clock()))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        whole = frame.msg_type == WSMsgType.BINARY and frame.fin
        data = frame.get_payload_as_bytes() if whole else b""
        if not whole or not self._guest.ask(data, self._reply):
            transport.disconnect()

    def _reply(self, message: bytes) -> None:
        if self._ws is None or self._ws.is_disconnected:
            return
        self._ws.send(WSMsgType.BINARY, message)
        if self._guest.unsent:
            self._guest.waits(self._guest.transport.get_write_buffer_size())

    def pause_writing(self) -> None:
        self._guest.transport.pause_reading()
        self._guest.waits(self._guest.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._guest.waits(0)
        self._guest.transport.resume_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._ws = None


class _Socket(WSProtocol):  # type: ignore[misc]
    """The library's WebSocket, with its bytes counted."""

    def __init__(self, guest: Guest) -> None:
        def listen(_: WSUpgradeRequest) -> WSListener:
            return _Visitor(guest)

        self._guest = guest
        super().__init__(
            host_port=None,
            ws_path=None,
            is_client_side=False,
            ws_listener_factory=listen,
            logger=quiet_log(),
            disconnect_on_exception=True,
            websocket_handshake_timeout=guest.relay.limits.greeting,
            enable_auto_ping=False,
            auto_ping_idle_timeout=0,
            auto_ping_reply_timeout=0,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=True,
            max_frame_size=MAX_MESSAGE,
            extra_headers=None,
            read_buffer_init_size=16_384,
        )

    def buffer_updated(self, nbytes: int) -> None:
        self._guest.came(nbytes)
        super().buffer_updated(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.leave()
        super().connection_lost(exc)


def read_head(head: bytes) -> tuple[HTTPStatus, int, bool]:
    """Read the head of an HTTP request, without its last empty line.

    Returns:
        OK or the status to refuse with; the body's length in bytes; whether the client holds the body back until it
        is asked for.

    Source: spec/10-drop.md, 6.
    """
    first, *lines = head.split(b"\r\n")
    pairs = (line.partition(b":") for line in lines)
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = fields.get(b"content-length", b"")
    if first.split(b" ")[1:] not in ([b"/", b"HTTP/1.1"], [b"/", b"HTTP/1.0"]):
        return HTTPStatus.NOT_FOUND, 0, False
    if not (length.isdigit() and len(length) <= 8) or b"transfer-encoding" in fields:
        return HTTPStatus.LENGTH_REQUIRED, 0, False
    if int(length) > MAX_MESSAGE:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 0, False
    return HTTPStatus.OK, int(length), fields.get(b"expect", b"").lower() == b"100-continue"


class _Post(asyncio.Protocol):
    """The HTTP face: one POST a connection, its body a request's message, the answer's body the answer's."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._data = bytearray()
        self._length: int | None = None

    def data_received(self, data: bytes) -> None:
        self._guest.came(len(data))
        self._data += data
        if self._length is None:
            end = self._data.find(b"\r\n\r\n", 0, HTTP_HEAD)
            if end < 0:
                if len(self._data) >= HTTP_HEAD:
                    self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
            status, self._length, held_back = read_head(bytes(self._data[:end]))
            if status != HTTPStatus.OK:
                self._answer(status)
                return
            if held_back:
                self._guest.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            del self._data[: end + 4]
        if len(self._data) >= self._length:
            body = bytes(self._data[: self._length])
            self._guest.transport.pause_reading()
            self._guest.ask(body, self._reply)

    def _reply(self, message: bytes) -> None:
        self._answer(HTTPStatus.OK, message)

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {len(body)}\r\nTercet-Clock: {self._guest.relay.clock()}\r\nConnection: close\r\n\r\n"
        )
        self._guest.transport.write(head.encode() + body)
        self._guest.waits(self._guest.transport.get_write_buffer_size())
        self._guest.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.leave()


class _Door(asyncio.Protocol):
    """The first bytes of a guest decide which face it speaks to."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._guest: Guest | None = None
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        line = cast(asyncio.Transport, transport)  # TLS transports of some loops do not derive from the class
        if not self._relay.has_room():
            line.abort()
            return
        self._guest = Guest(self._relay, line)

    def data_received(self, data: bytes) -> None:
        self._first += data
        if self._guest is None or len(self._first) < 4:
            return
        transport = self._guest.transport
        if self._first.startswith(b"POST"):
            post = _Post(self._guest)
            transport.set_protocol(post)
            post.data_received(self._first)
        elif self._first.startswith(b"GET "):
            socket = _Socket(self._guest)
            transport.set_protocol(socket)
            socket.connection_made(transport)
            _feed(socket, self._first)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._guest is not None:
            self._guest.leave()


def _feed(socket: Any, data: bytes) -> None:
    while data:
        room = socket.get_buffer(len(data))
        count = min(len(room), len(data))
        room[:count] = data[:count]
        socket.buffer_updated(count)
        data = data[count:]


class Relay:
    """A running relay. Made by `serve`; end it with `close`, then close its store.

    Attributes:
        port: where it listens.
        limits: what guests may cost.
        passes: whoever shows one of these (16 bytes each) may put and post; None: anybody. May be replaced at any time.
        weekly: secrets (32 bytes each) of which passes of a week come, that are taken besides; likewise.
        guests: who is connected; whoever was silent longest comes first.
    """

    def __init__(
        self, store: Store, clock: Callable[[], int], limits: Limits, passes: Collection[bytes] | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._patrol: asyncio.Task[None] | None = None
        self._held = 0
        self.limits = limits
        self.clock = clock
        self.time = self._loop.time
        self.passes = passes
        self.weekly: Collection[bytes] = ()
        self.guests: dict[Guest, None] = {}
        self.committer = Committer(store, clock, self._loop)
        self.port = 0

    async def open(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Begin to listen."""
        self._server = await self._loop.create_server(
            lambda: _Door(self),
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=self.limits.greeting,
            ssl_shutdown_timeout=PATROL,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._patrol = self._loop.create_task(self._walk())

    def takes(self, request: Request) -> bool:
        """Say whether the puts and posts of a request are carried out."""
        if self.passes is None or not any(isinstance(op, Put | Post) for op in request.ops):
            return True
        return shown_is_one(request.pass_, (*self.passes, *self._weeks()))

    def _weeks(self) -> tuple[bytes, ...]:
        return taken_at(self.weekly, self.clock()) if self.weekly else ()

    def heard(self, guest: Guest) -> None:
        """A guest came or sent something: it goes to the end of the row."""
        self.guests.pop(guest, None)
        self.guests[guest] = None

    def has_room(self) -> bool:
        """Make room for one more guest, by cutting whoever was silent longest and waits for no answer."""
        if len(self.guests) < self.limits.guests:
            return True
        idle = next((guest for guest in self.guests if not guest.unanswered), None)
        if idle is None:
            return False
        del self.guests[idle]
        idle.transport.abort()
        return True

    def hold(self, count: int) -> None:
        """Count bytes held for guests; when it is too much, whoever holds most goes."""
        self._held += count
        if count > 0 and self._held > self.limits.held:
            worst = max(self.guests, key=lambda guest: guest.coming + guest.unsent)
            worst.transport.abort()

    async def _walk(self) -> None:
        swept = self.time()
        while True:
            await asyncio.sleep(PATROL)
            now = self.time()
            for guest in [each for each in self.guests if each.deadline < now]:
                guest.transport.abort()
            if now - swept >= SWEEP:
                swept = now
                self.committer.sweep()

    async def close(self) -> None:
        """Hang up on everybody and finish what was begun. The store stays open. A second call does nothing."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for guest in list(self.guests):
            guest.transport.abort()
        if self._patrol is not None:
            self._patrol.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._patrol
        await self._loop.run_in_executor(None, self.committer.stop)
        await server.wait_closed()


def tls_context(cert_pem_path: Path, key_pem_path: Path) -> ssl.SSLContext:
    """Return the relay's TLS settings: 1.3 only, no tickets (they would tie a guest's visits together)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(cert_pem_path, key_pem_path)
    return context


async def serve(
    store: Store,
    host: str,
    port: int,
    cert_pem_path: Path,
    key_pem_path: Path,
    *,
    clock: Callable[[], int],
    limits: Limits | None = None,
    passes: Collection[bytes] | None = None,
    weekly: Collection[bytes] = (),
) -> Relay:
    """Open a relay.

    Args:
        store: what it serves; touched only by the relay's own thread until `Relay.close` has returned.
        host: address to listen on.
        port: 0 for any; `Relay.port` says which.
        cert_pem_path: the certificate whose fingerprint stands in the relay's address.
        key_pem_path: its private key.
        clock: whole seconds since 1970, UTC.
        limits: what guests may cost.
        passes: see `Relay.passes`.
        weekly: see `Relay.weekly`.

    Raises:
        OSError: the address cannot be had, or a file cannot be read.
        ssl.SSLError: the certificate and the key do not fit.

    Source: spec/10-drop.md, 7.
    """
    context = tls_context(cert_pem_path, key_pem_path)
    relay = Relay(store, clock, limits or Limits(), passes)
    relay.weekly = weekly
    try:
        await relay.open(host, port, context)
    except OSError:
        relay.committer.stop()
        raise
    return relay
