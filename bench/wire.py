"""Bytes on the wire, TLS and all: a report with a photo of 3 MB, and a beat with nothing to say.

    .venv/bin/python bench/wire.py [--json] [--record] [--beats 20]

Counted at a TCP proxy on loopback that stands before the relay, for the member's connection alone. `ratio` is against
the photo's size. A beat is counted over many, on a connection that is open already.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import tempfile
from pathlib import Path

from PIL import Image
from recording import Row, finish, options
from tests.cheap import COMMAND
from tests.shell.troupe import SECRET, Troupe
from tests.shell.wire import CountingProxy
from tests.shell.world import Person

from tercet.drop import RelayAddress, RelayClient
from tercet.member.service import MemberService
from tercet.sealing import LOW_COST
from tercet.shell.opening import wall_clock
from tercet.vault import open_vault

SEED = "wire"
PHOTO = 3_000_000  # bytes, within a tenth


def photo(path: Path) -> int:
    """A photo of about 3 MB that a camera could have made; returns its size."""
    chance = random.Random(SEED)
    side = 2_000
    grain = Image.frombytes("RGB", (side, side), chance.randbytes(3 * side * side)).resize((side, side))
    smooth = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    picture = Image.blend(smooth, grain, 0.5)
    for quality in range(95, 20, -1):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        if out.tell() <= PHOTO:
            break
    path.write_bytes(out.getvalue())
    return out.tell()


async def measure(folder: Path, beats: int) -> list[Row]:
    troupe = Troupe(folder, COMMAND, every="2")
    mine = CountingProxy()
    member: MemberService | None = None
    try:
        await troupe.open_relay(proxied=False)
        await troupe.open_desk()
        await troupe.open_member("amal", every="2")
        await troupe.meet("desk", "amal")
        await troupe.actors.pop("amal").end()
        relay = RelayAddress.parse(troupe.address)
        mine.target, port = relay.port, await mine.start()
        through = str(RelayAddress(relay.host, port, relay.fingerprint, relay.pass_))

        def drop(address: str) -> RelayClient:
            return RelayClient(RelayAddress.parse(through if address == troupe.address else address))

        member = MemberService(open_vault(troupe.at("amal"), SECRET, cost=LOW_COST), drop, wall_clock)
        await member.open()
        for _ in range(3):
            await member.request({"do": "beat"}, Person())
        connected = (mine.up, mine.down)
        for _ in range(beats):
            await member.request({"do": "beat"}, Person())
        idle = ((mine.up - connected[0]) / beats, (mine.down - connected[1]) / beats)
        size = photo(folder / "photo.jpg")
        before = (mine.up, mine.down)
        request = {"do": "report", "photo": [str(folder / "photo.jpg")], "wait": True}
        member.awaited_beat = 2.0
        await member.request(request, Person(text="The bridge road is closed."))
        sent = (mine.up - before[0], mine.down - before[1])
    finally:
        if member is not None:
            await member.close()
        await mine.close()
        await troupe.end()
    return [
        {
            "what": "report with a photo, to received",
            "photo_bytes": size,
            "up_bytes": sent[0],
            "down_bytes": sent[1],
            "up_ratio": round(sent[0] / size, 3),
            "both_ratio": round(sum(sent) / size, 3),
        },
        {"what": "idle beat", "up_bytes": round(idle[0]), "down_bytes": round(idle[1])},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--beats", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(Path(folder), chosen.beats))
    finish(chosen, "wire", SEED, rows)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
