"""A relay, seen from outside.

Does        perform operations at a relay over one pinned TLS connection, through a proxy if one is named.
Does not    fall back: not to another key, not to a direct connection, not to an older protocol.
Spec        spec/10-drop.md, 6 and 8
Always      1. Not one byte of ours leaves before the relay's key was compared.  2. With a proxy, names are resolved
            by the proxy and nothing goes around it.  3. An answer that does not fit its question is a lie.
Read first  `RelayClient.perform`, then `_Link`.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import ssl
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from picows import (
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
)
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy

from tercet.drop.address import PASS, RelayAddress
from tercet.drop.ops import REFUSAL_HINTS, Answer, DropFailure, Op, Post, Put
from tercet.drop.quiet import quiet_log
from tercet.drop.wire import (
    HEAD,
    MAX_MESSAGE,
    MAX_OPS,
    BadMessage,
    Request,
    WholeRefusal,
    decode_answers,
    decode_hello,
    encode_request,
    longest_answer,
    number_of,
)

TIMEOUT = 120.0  # seconds for a connection with its greeting, and again for each answer; spec/10-drop.md, 8

_HINTS = {
    "relay_unreachable": "The relay could not be reached: what was to go is kept for the next try.",
    "relay_wrong_key": "Whoever answered is not this relay, and nothing was sent: compare the relay's address.",
    "relay_lied": "The relay answered something else than was asked: nothing it said was believed.",
}


def _failure(code: str) -> DropFailure:
    return DropFailure(code, _HINTS[code])


class _WrongKey(ssl.SSLError):
    """The certificate is not the one whose fingerprint stands in the address."""


def _pinned(fingerprint: bytes) -> ssl.SSLContext:
    """Return TLS settings that end the handshake, before anything is sent, unless the certificate is the one."""

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            if not hmac.compare_digest(sha256(certificate).digest(), fingerprint):
                raise _WrongKey("another key")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the fingerprint is the whole of trust; names and authorities have no say
    context.sslobject_class = PinnedObject
    return context


class _Link(WSListener):
    """One connection. `over` is None while it lives, then the code of why it ended."""

    def __init__(self) -> None:
        self.over: str | None = None
        self.clock: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked: dict[int, tuple[Request, asyncio.Future[list[Answer]]]] = {}
        self._number = 0
        self._ws: WSTransport | None = None
        self._end: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._ws = transport
        self._end = asyncio.get_running_loop().create_task(self._watch(transport))

    async def _watch(self, transport: WSTransport) -> None:
        try:
            await transport.wait_disconnected()
        except WSProtocolError:
            self.fail("relay_lied")
        except Exception:
            self.fail("relay_unreachable")
        else:
            self.fail("relay_unreachable")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self.over or frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        if frame.msg_type == WSMsgType.CLOSE:
            self.fail("relay_unreachable")
            return
        try:
            if frame.msg_type != WSMsgType.BINARY or not frame.fin:
                raise BadMessage
            self._take(frame.get_payload_as_bytes())
        except BadMessage:
            self.fail("relay_lied")

    def _take(self, data: bytes) -> None:
        if not self.clock.done():
            self.clock.set_result(decode_hello(data))
            return
        known = self._asked.pop(number_of(data), None)
        if known is None:
            raise BadMessage
        request, answered = known
        try:
            answers = decode_answers(request, data)
        except BadMessage:
            self._asked[request.number] = known  # so that its asker, too, learns that it was lied to
            raise
        except WholeRefusal as refusal:
            if not answered.done():
                answered.set_exception(DropFailure("relay_refused", REFUSAL_HINTS[refusal.code]))
            return
        if not answered.done():
            answered.set_result(answers)

    def fail(self, code: str) -> None:
        """End the connection; everybody who waits on it learns why."""
        if self.over:
            return
        self.over = code
        if self._ws is not None:
            self._ws.disconnect(graceful=False)
        waiting: list[asyncio.Future[Any]] = [self.clock, *(answered for _, answered in self._asked.values())]
        self._asked.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(_failure(code))
                future.exception()  # an asker who went away is no reason for a warning

    def ask(self, ops: Sequence[Op], pass_: bytes) -> asyncio.Future[list[Answer]]:
        """Send a request, with the pass if it lays something down; the future gets its answers."""
        if self._ws is None or self.over:
            raise _failure(self.over or "relay_unreachable")
        self._number = self._number % 0xFFFF_FFFF + 1
        shown = pass_ if any(isinstance(op, Put | Post) for op in ops) else b""
        data = encode_request(self._number, ops, shown)
        answered: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = (Request(self._number, tuple(ops), shown), answered)
        self._ws.send(WSMsgType.BINARY, data)
        return answered


class RelayClient:
    """A `Drop` at a relay. One connection, opened at the first need and again after it was lost.

    Args:
        address: where it is and by which key it is known.
        proxy: `socks5://[user:password@]host:port`, or None for a direct connection.
        timeout: seconds for connecting, and for each answer.

    Attributes:
        address: as given.
        relay_clock: what the relay's clock said, seconds UTC, when last connected; None before.

    Raises:
        DropFailure: bad_proxy.
    """

    def __init__(self, address: RelayAddress, proxy: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._proxy = None if proxy is None else _read_proxy(proxy)
        self._timeout = timeout
        self._context = _pinned(address.fingerprint)
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self.relay_clock: int | None = None

    async def reach(self) -> None:
        """Connect, if there is no connection yet, and ask nothing. Raises DropFailure, as `perform` does."""
        await self._connected()

    async def perform(self, ops: Sequence[Op]) -> list[Answer]:
        """Carry out operations in order; more than fit one message travel as several.

        Raises:
            DropFailure: relay_unreachable, relay_wrong_key, relay_lied or relay_refused. It is not known then
                which operations were carried out; all of them may be asked again.

        Source: spec/10-drop.md, 8.
        """
        answers: list[Answer] = []
        for part in _parts(ops):
            link = await self._connected()
            try:
                async with asyncio.timeout(self._timeout):
                    answers.extend(await link.ask(part, self.address.pass_))
            except TimeoutError:
                link.fail("relay_unreachable")
                raise _failure("relay_unreachable") from None
        return answers

    async def close(self) -> None:
        """See `Drop.close`."""
        self._closed = True
        if self._link is not None:
            self._link.fail("relay_unreachable")

    async def _connected(self) -> _Link:
        async with self._connecting:
            if self._closed:
                raise _failure("relay_unreachable")
            if self._link is None or self._link.over:
                self._link = await self._connect()
            return self._link

    async def _connect(self) -> _Link:
        try:
            async with asyncio.timeout(self._timeout):
                link = await self._open()
                self.relay_clock = await link.clock
        except _WrongKey:
            raise _failure("relay_wrong_key") from None
        except WSHandshakeError:
            raise _failure("relay_lied") from None
        except (OSError, TimeoutError, WSError, ProxyError, ProxyConnectionError, ProxyTimeoutError):
            raise _failure("relay_unreachable") from None
        return link

    async def _open(self) -> _Link:
        async def tunnel(_: object) -> socket.socket | None:
            return await self._tunnel()

        _, link = await ws_connect(
            _Link,
            f"wss://{self.address.place}/",
            ssl_context=self._context,
            websocket_handshake_timeout=self._timeout,
            logger_name=quiet_log(),
            max_frame_size=MAX_MESSAGE,
            max_redirects=0,
            socket_factory=tunnel,
            use_aiofastnet=False,
            server_hostname="",
        )
        if not isinstance(link, _Link):
            raise _failure("relay_unreachable")
        return link

    async def _tunnel(self) -> socket.socket | None:
        """Return a connection through the proxy, which alone resolves the name; None if no proxy is set."""
        if self._proxy is None:
            return None
        host, port, user, password = self._proxy
        proxy = Proxy(ProxyType.SOCKS5, host, port, user, password, rdns=True)
        return await proxy.connect(self.address.host, self.address.port, timeout=self._timeout)


def _read_proxy(text: str) -> tuple[str, int, str | None, str | None]:
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("socks5", "socks5h") or not parts.hostname or not parts.port or parts.path:
            raise ValueError("not a SOCKS proxy")
    except ValueError:
        raise DropFailure("bad_proxy", "A proxy looks like socks5://127.0.0.1:9050.") from None
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return parts.hostname, parts.port, user, password


def _parts(ops: Sequence[Op]) -> Iterator[list[Op]]:
    """Cut operations, in order, into rows that fit one message with a pass, as do their answers."""
    part: list[Op] = []
    head = HEAD.size + 1 + PASS
    out = back = head
    for op in ops:
        ask = len(encode_request(1, [op])) - HEAD.size
        answer = longest_answer([op]) - HEAD.size
        if part and (len(part) == MAX_OPS - 1 or out + ask > MAX_MESSAGE or back + answer > MAX_MESSAGE):
            yield part
            part, out, back = [], head, head
        part.append(op)
        out, back = out + ask, back + answer
    if part:
        yield part
