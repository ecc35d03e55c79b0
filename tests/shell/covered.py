"""What a covered beat costs on the wire: a member, a real relay, and a proxy that counts between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tercet.core import events as ev
from tercet.core.beat import READS
from tercet.drop import RelayAddress, RelayClient
from tercet.member.service import MemberService
from tercet.sealing import LOW_COST
from tercet.shell.opening import wall_clock
from tercet.vault import open_vault
from tests.cheap import COMMAND
from tests.shell.troupe import SECRET, Troupe
from tests.shell.wire import CountingProxy

SPAN = 0.2  # seconds over which a beat is spread here


@asynccontextmanager
async def counted_member(folder: Path) -> AsyncIterator[tuple[MemberService, CountingProxy]]:
    """A member who has met a desk, and the proxy before the relay that counts its bytes alone."""
    troupe, mine = Troupe(folder, COMMAND, every="1"), CountingProxy()
    member: MemberService | None = None
    try:
        await troupe.open_relay(proxied=False)
        await troupe.open_desk()
        await troupe.open_member("amal", every="1")
        await troupe.meet("desk", "amal")
        await troupe.actors.pop("amal").end()
        relay = RelayAddress.parse(troupe.address)
        mine.target, port = relay.port, await mine.start()
        through = str(RelayAddress(relay.host, port, relay.fingerprint, relay.pass_))

        def drop(address: str) -> RelayClient:
            return RelayClient(RelayAddress.parse(through if address == troupe.address else address))

        member = MemberService(open_vault(troupe.at("amal"), SECRET, cost=LOW_COST), drop, wall_clock)
        await member.open()
        await member.engine.do(ev.SendNow())
        yield member, mine
    finally:
        if member is not None:
            await member.close()
        await mine.close()
        await troupe.end()


async def beat_bytes(folder: Path, beats: int, reads: int = READS) -> tuple[float, float]:
    """Bytes up and down of one covered beat that reads so many boxes, TLS and all, on average over `beats`."""
    async with counted_member(folder) as (member, mine):
        await member.relays.close()
        before = (mine.up, mine.down)
        for _ in range(beats):
            await member.engine.do(ev.Beat(SPAN, reads))
            await asyncio.sleep(2 * SPAN)
        return (mine.up - before[0]) / beats, (mine.down - before[1]) / beats
