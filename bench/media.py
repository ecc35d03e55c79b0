"""A large video from a member through a relay to a desk, each a process of its own, over TLS on loopback.

    .venv/bin/python bench/media.py [--json] [--record] [--mb 200] [--folder /var/tmp]

Seconds from the sealed report to the desk's check of the whole file. `rss_growth_mb` is how far each process's peak
memory rose above what it used just after its vault was open (the passphrase's 256 MiB are gone by then);
`written_mb` is what each gave the disk to write. Vaults and passphrases are as people have them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from recording import REAL, Row, finish, options
from tests.shell.troupe import Troupe

SEED = "media"
PIECE = 1_000_000
MOST_GROWTH = 150  # MB


def make(path: Path, megabytes: int) -> str:
    """A file that passes for a video; returns its SHA-256."""
    chance, whole = random.Random(SEED), sha256()
    with path.open("wb") as file:
        for number in range(megabytes):
            piece = chance.randbytes(PIECE)
            if number == 0:
                piece = bytes(3) + b"\x18ftypisom" + piece[12:]
            whole.update(piece)
            file.write(piece)
    return whole.hexdigest()


def status(process: int, field: str) -> int:
    """A figure of /proc/PID/status, bytes."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def written(process: int) -> int:
    """Bytes that a process gave the disk to write."""
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{process}/io").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


async def measure(folder: Path, megabytes: int) -> list[Row]:
    digest = await asyncio.to_thread(make, folder / "film.mp4", megabytes)
    troupe = Troupe(folder, REAL, every="5")
    try:
        await troupe.open_relay(proxied=False)
        await troupe.open_desk()
        await troupe.open_member("amal")
        await troupe.meet("desk", "amal")
        ids = {name: actor._process.pid for name, actor in troupe.actors.items()}
        before = {name: (status(i, "VmRSS"), written(i)) for name, i in ids.items()}
        for i in ids.values():
            Path(f"/proc/{i}/clear_refs").write_text("5")  # the peak begins anew
        words = ("member", "report", "--video", str(folder / "film.mp4"), "--vault", troupe.at("amal"))
        await troupe.once(*words, text="A film.")
        began = time.monotonic()
        await troupe.actors["amal"].hears("media_left", patience=3_600)
        left = time.monotonic() - began
        await troupe.actors["desk"].hears("media_filed", patience=3_600)
        filed = time.monotonic() - began
        rows: list[Row] = []
        for name, i in ids.items():
            growth = (status(i, "VmHWM") - before[name][0]) / 1e6
            disk = (written(i) - before[name][1]) / 1e6
            rows.append({"process": name, "rss_growth_mb": round(growth, 1), "written_mb": round(disk)})
        if digest not in await troupe.exported(1):
            raise SystemExit("the file did not arrive whole")
    finally:
        await troupe.end()
    for row in rows:
        row |= {"file_mb": megabytes, "left_s": round(left, 1), "filed_s": round(filed, 1)}
        row["mb_s"] = round(megabytes / filed, 2)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--folder", default="/var/tmp", help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        rows = asyncio.run(measure(Path(folder), chosen.mb))
    finish(chosen, "media", SEED, rows)
    if any(row["rss_growth_mb"] >= MOST_GROWTH for row in rows):
        raise SystemExit(f"a process grew by {MOST_GROWTH} MB or more")


if __name__ == "__main__":
    main()
