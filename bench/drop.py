"""What a drop does in a second: puts, reads and acks of one frame, in memory, on a disk, at a relay over TLS.

    .venv/bin/python bench/drop.py [--json] [--rounds 5] [--frames 4096] [--folder /var/tmp]

Medians of the rounds. The limit is what the same disk does with plain appends of the same frames, `fdatasync` after
each batch; `of limit` is puts a second over that, at the same batch. A relay runs in a process of its own on uvloop,
its load in another on the same machine, over TLS on loopback; "1 x 64" is one frame a request, 64 requests under way.
The column `relay_us_a_cycle` is the relay's processor time for one put, one read and one ack together.
The peers' figures stand in the design notes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from tercet.drop import (
    FRAME,
    Ack,
    Acked,
    DiskStore,
    Items,
    MemoryStore,
    Put,
    Read,
    RelayAddress,
    RelayClient,
    Stored,
    id_of_read,
    name_of,
    read_of_ack,
    serve,
)
from tercet.sealing import relay_identity

NOW = 1_800_000_000
STORE_BATCHES = (1, 16, 256)
RELAY_LOADS = ((1, 1), (1, 64), (16, 16), (64, 8))  # operations a request, requests under way


def work(frames: int) -> tuple[list[Put], list[Read], list[Ack]]:
    """Operations on as many boxes as frames."""
    puts, reads, acks = [], [], []
    for _ in range(frames):
        ack, item = os.urandom(32), os.urandom(FRAME)
        read = read_of_ack(ack)
        puts.append(Put(id_of_read(read), item))
        reads.append(Read(read))
        acks.append(Ack(ack, name_of(item)))
    return puts, reads, acks


def rows_of(ops: list, size: int) -> list[list]:
    return [ops[at : at + size] for at in range(0, len(ops), size)]


def check(answers: list, kind: type) -> None:
    if not all(isinstance(answer, kind) and (kind is not Items or answer.items) for answer in answers):
        raise SystemExit("an operation failed: the figures would mean nothing")


def disk_limit(folder: Path, frames: int, batch: int) -> float:
    data = os.urandom(FRAME * batch)
    with tempfile.TemporaryFile(dir=folder) as file:
        start = time.perf_counter()
        for at in range(frames // batch):
            os.pwrite(file.fileno(), data, at * len(data))
            os.fdatasync(file.fileno())
        return frames // batch * batch / (time.perf_counter() - start)


def at_a_store(store, frames: int, batch: int) -> list[float]:
    rates = []
    for ops, kind in zip(work(frames), (Stored, Items, Acked), strict=True):
        rows = rows_of(ops, batch)
        start = time.perf_counter()
        answers = [answer for row in rows for answer in store.apply(row, NOW)]
        rates.append(frames / (time.perf_counter() - start))
        check(answers, kind)
    store.close()
    return rates


def relay_process(folder: str, disk: bool, pipe) -> None:
    """Serve until told to end; tell the address, and at the end the processor time used."""

    async def main() -> None:
        identity = relay_identity()
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        cert.write_bytes(identity.cert_pem)
        key.write_bytes(identity.key_pem)
        store = DiskStore(Path(folder, "store")) if disk else MemoryStore()
        relay = await serve(store, "127.0.0.1", 0, cert, key, clock=lambda: NOW)
        before = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(str(RelayAddress("127.0.0.1", relay.port, identity.fingerprint)))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        after = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        await relay.close()
        store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def load(address: str, frames: int, batch: int, under_way: int) -> list[float]:
    clients = [RelayClient(RelayAddress.parse(address)) for _ in range(min(under_way, 8))]
    for client in clients:
        await client.perform([Read(bytes(32))])
    rates = []
    for ops, kind in zip(work(frames), (Stored, Items, Acked), strict=True):
        rows, answers = iter(rows_of(ops, batch)), []

        async def one(client: RelayClient, rows=rows, answers=answers) -> None:
            for row in rows:
                answers.extend(await client.perform(row))

        start = time.perf_counter()
        await asyncio.gather(*(one(clients[i % len(clients)]) for i in range(under_way)))
        rates.append(frames / (time.perf_counter() - start))
        check(answers, kind)
    for client in clients:
        await client.close()
    return rates


def at_a_relay(folder: Path, disk: bool, frames: int, batch: int, under_way: int) -> list[float]:
    """Puts, reads, acks a second, and the relay's processor microseconds for the three together."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=relay_process, args=(own, disk, theirs))
        process.start()
        address = ours.recv()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rates = runner.run(load(address, frames, batch, under_way))
        ours.send("end")
        seconds = ours.recv()
        process.join()
    return [*rates, seconds / frames * 1e6]


def medians(rounds: int, measure) -> list[float]:
    return [statistics.median(column) for column in zip(*(measure() for _ in range(rounds)), strict=True)]


def measure_all(folder: Path, rounds: int, frames: int) -> list[dict]:
    rows = []
    limits = {b: statistics.median(disk_limit(folder, frames, b) for _ in range(rounds)) for b in (*STORE_BATCHES, 64)}

    def row(what: str, load: str, rates: list[float], limit: float | None) -> None:
        names = ("puts", "reads", "acks", "relay_us_a_cycle")
        found = {"what": what, "load": load} | {n: round(r, 1) for n, r in zip(names, rates, strict=False)}
        rows.append(found | ({"limit": round(limit), "of_limit": round(rates[0] / limit, 2)} if limit else {}))

    def on_disk(batch: int) -> list[float]:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            return at_a_store(DiskStore(Path(own)), frames, batch)

    for batch in STORE_BATCHES:
        row("memory", str(batch), medians(rounds, lambda b=batch: at_a_store(MemoryStore(), frames, b)), None)
    for batch in STORE_BATCHES:
        row("disk", str(batch), medians(rounds, lambda b=batch: on_disk(b)), limits[batch])
    for disk in (False, True):
        for batch, under_way in RELAY_LOADS:
            rates = medians(rounds, lambda d=disk, b=batch, u=under_way: at_a_relay(folder, d, frames, b, u))
            together = min(256, batch * under_way)
            nearest = min(limits, key=lambda size, together=together: abs(size - together))
            limit = limits[nearest] if disk else None
            row(f"relay, {'disk' if disk else 'memory'}", f"{batch} x {under_way}", rates, limit)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=4096)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    arguments = parser.parse_args()
    rows = measure_all(arguments.folder, arguments.rounds, arguments.frames)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    columns = ("what", "load", "puts", "reads", "acks", "relay_us_a_cycle", "limit", "of_limit")
    print("  ".join(f"{name:>16}" for name in columns))
    for found in rows:
        print("  ".join(f"{found.get(name, ''):>16}" for name in columns))


if __name__ == "__main__":
    main()
