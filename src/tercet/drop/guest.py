"""A guest of a relay: what one connection may cost, and for how long it may stand still.

Does        count what a connection holds; say when it must go; pass its requests on.
Does not    know its address, or which face it speaks to.
Spec        spec/10-drop.md, 7
Always      1. Nobody gets time but for a finished request, or for bytes of the first one.
Read first  `Limits`, then `Guest.deadline`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tercet.drop.ops import Refusal
from tercet.drop.wire import MAX_MESSAGE, BadMessage, decode_request, encode_refusal, longest_answer

if TYPE_CHECKING:
    from tercet.drop.server import Relay


@dataclass(frozen=True, slots=True)
class Limits:
    """What guests may cost. Seconds and bytes; spec/10-drop.md, 7."""

    guests: int = 4_000
    held: int = 256 * 1024 * 1024  # bytes of unfinished requests and unsent answers, all guests together
    unanswered: int = 2 * MAX_MESSAGE  # bytes of answers one guest may have under way
    greeting: float = 20.0  # seconds for the TLS handshake, and again for the first request, to its end
    slowest: float = 1_024.0  # bytes a second; a first request that comes in at least so fast gets the time it takes
    idle: float = 300.0  # seconds without a finished request, once there was one


class Guest:
    """One connection. `coming`: bytes of a request not yet whole. `unsent`: bytes of answers not yet taken."""

    def __init__(self, relay: Relay, transport: asyncio.Transport) -> None:
        self.relay = relay
        self.transport = transport
        self.coming = 0
        self.unsent = 0
        self.unanswered = 0
        self._asked = False
        self._since = relay.time()
        relay.heard(self)

    @property
    def deadline(self) -> float:
        """When it must go, unless it finishes a request before."""
        limits = self.relay.limits
        return self._since + (limits.idle if self._asked else limits.greeting + self.coming / limits.slowest)

    def came(self, count: int) -> None:
        """Count bytes that came in."""
        self.coming += count
        self.relay.heard(self)
        self.relay.hold(count)

    def whole(self) -> None:
        """What came in is whole, and no longer held here."""
        self.relay.hold(-self.coming)
        self.coming = 0

    def waits(self, unsent: int) -> None:
        """So many bytes of answers are not yet taken."""
        self.relay.hold(unsent - self.unsent)
        self.unsent = unsent

    def leave(self) -> None:
        """The connection is gone."""
        self.whole()
        self.waits(0)
        self.relay.guests.pop(self, None)

    def ask(self, data: bytes, reply: Callable[[bytes], None]) -> bool:
        """Have a request answered by `reply`; False if it could not be read and the guest must go."""
        self.whole()
        try:
            request = decode_request(data)
        except BadMessage as bad:
            reply(encode_refusal(bad.number, Refusal.BAD_REQUEST))
            return False
        self._asked, self._since = True, self.relay.time()
        weight = longest_answer(request.ops)
        if self.unanswered + weight > self.relay.limits.unanswered:
            reply(encode_refusal(request.number, Refusal.BUSY))
            return True
        self.unanswered += weight

        def done(message: bytes) -> None:
            self.unanswered -= weight
            reply(message)

        posting = self.relay.takes(request)
        self.relay.committer.submit(request, len(data), done, posting=posting)
        return True
