"""What the vault costs: time and memory to unlock it, time and bytes of a commit.

    .venv/bin/python bench/vault.py [--json] [--rounds 31] [--folder /var/tmp]

Medians; the commits are on the disk of --folder, each with its sync. The peers' figures for a passphrase stand in
the design notes; here is only our own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from tercet.sealing import BLOCK, LOW_COST, Cost
from tercet.vault import Files, VaultError, create, open_vault

MIB = 1_048_576
REAL, NOTEBOOK, WRONG = "the heron stands still", "shopping and sums", "neither of them"


class CountingDisk(Files):
    """Counts the bytes of writes."""

    written = 0

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """Write and count."""
        self.written += len(data)
        super().write(handle, offset, data)


def timed(action) -> float:
    """Milliseconds that one call takes."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def unlock_once(path: Path, passphrase: str, cost: Cost) -> None:
    try:
        open_vault(path, passphrase, cost=cost).close()
    except VaultError as failure:
        if failure.code != "vault_wrong_passphrase":
            raise


def peak_memory(path: Path, cost: Cost) -> float:
    """MiB that unlocking adds to the peak of a process of its own."""

    def child(pipe) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unlock_once(path, REAL, cost)
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=(theirs,))
    process.start()
    kib = ours.recv()
    process.join()
    return kib / 1024


def unlocking(folder: Path, rounds: int) -> list[dict]:
    rows = []
    path = folder / "unlock"
    for name, cost in (("full cost", Cost()), ("test cost", LOW_COST)):
        create(path, REAL, NOTEBOOK, cost=cost)
        row = {"what": f"unlock 64 MiB, {name}", "memory_mib": round(peak_memory(path, cost), 1)}
        times: dict[str, list[float]] = {"real": [], "notebook": [], "wrong": []}
        for _ in range(rounds):
            for who, passphrase in (("real", REAL), ("notebook", NOTEBOOK), ("wrong", WRONG)):
                times[who].append(timed(lambda p=passphrase, c=cost: unlock_once(path, p, c)))
        rows.append(row | {f"{who}_ms": round(statistics.median(t), 2) for who, t in times.items()})
        path.unlink()
    return rows


def committing(folder: Path, size: int, rounds: int) -> list[dict]:
    path, disk = folder / "commit", CountingDisk()
    making = timed(lambda: create(path, REAL, NOTEBOOK, size=size, cost=LOW_COST))
    rows = [{"what": f"create {size // MIB} MiB, without the passphrases", "ms": round(making, 1)}]
    state = os.urandom(60_000 if size >= 64 * MIB else 20_000)
    with open_vault(path, REAL, cost=LOW_COST, files=disk) as vault:

        def commits(add: bool, gone: bool) -> list[float]:
            block = os.urandom(BLOCK) if add else b""
            times = []
            for n in range(rounds):
                new = (n.to_bytes(16, "big"), block) if add else None
                old = list(vault.blocks) if gone else []
                times.append(timed(lambda new=new, old=old: vault.commit(state, new, old)))
            return times

        disk.written = 0
        times = {"quiet": commits(add=False, gone=False)}
        written = disk.written // rounds
        times["new block"] = commits(add=True, gone=True)
        while vault.room:
            vault.commit(state, (os.urandom(16), os.urandom(BLOCK)))
        times["moved block"] = commits(add=False, gone=False)
    for kind, all_ms in times.items():
        ordered = sorted(all_ms)
        rows.append(
            {
                "what": f"commit {size // MIB} MiB, {kind}",
                "ms": round(statistics.median(ordered), 2),
                "p95_ms": round(ordered[len(ordered) * 95 // 100], 2),
                "bytes": written,
            }
        )
    path.unlink()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="What the vault costs.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--folder", help="where the vaults are made; a folder on a real disk")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        rows += unlocking(Path(name), min(options.rounds, 15))
        for size in (4 * MIB, 64 * MIB, 256 * MIB):
            rows += committing(Path(name), size, options.rounds)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        figures = "  ".join(f"{key} {value:,}" for key, value in row.items() if key != "what")
        print(f"{row['what']:<44} {figures}")


if __name__ == "__main__":
    main()
