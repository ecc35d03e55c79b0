"""Bytes on the wire, TLS and all: a report with a photo of 3 MB, and sending now with nothing to say.

    .venv/bin/python bench/wire.py [--json] [--record] [--beats 20]

Counted at a TCP proxy on loopback that stands before the relay, for the member's connection alone. `ratio` is against
the photo's size. Sending now is counted over many times, on a connection that is open already; covered beats are
`bench/traffic.py`'s.
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
from tests.shell.covered import counted_member
from tests.shell.world import Person

from tercet.core import events as ev

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
    async with counted_member(folder) as (member, mine):
        connected = (mine.up, mine.down)
        for _ in range(beats):
            await member.engine.do(ev.SendNow())
        idle = ((mine.up - connected[0]) / beats, (mine.down - connected[1]) / beats)
        size = photo(folder / "photo.jpg")
        before = (mine.up, mine.down)
        request = {"do": "report", "photo": [str(folder / "photo.jpg")], "wait": True, "yes": True}
        member.awaited_beat = 2.0
        await member.request(request, Person(text="The bridge road is closed."))
        sent = (mine.up - before[0], mine.down - before[1])
    return [
        {
            "what": "report with a photo, to received",
            "photo_bytes": size,
            "up_bytes": sent[0],
            "down_bytes": sent[1],
            "up_ratio": round(sent[0] / size, 3),
            "both_ratio": round(sum(sent) / size, 3),
        },
        {"what": "sending now with nothing to say", "up_bytes": round(idle[0]), "down_bytes": round(idle[1])},
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
