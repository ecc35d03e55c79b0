"""What sealing costs on one core: python bench/sealing.py [--json] [--runs N] [--seconds S].

Does        times the room's functions as the house calls them; medians of several runs.
Does not    compare with anybody, or use more than one thread (Argon2id may).
Spec        spec/20-sealing.md
Always      1. Every figure is a median, with the slowest and the fastest run beside it.
Read first  JOBS.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from tercet import sealing

KEY, NONCE, INFO = os.urandom(32), os.urandom(24), b"tercet/1 bench"
VAULT_STATE = 1 << 20  # bytes


class Job(NamedTuple):
    """One thing to time; `size` in bytes if a rate in MB/s says more."""

    call: Callable[[], object]
    size: int = 0


def _sealed(size: int, content: int) -> tuple[Job, Job]:
    data = os.urandom(content)
    item = sealing.seal(KEY, data, size, NONCE)
    return (
        Job(lambda: sealing.seal(KEY, data, size, NONCE), size),
        Job(lambda: sealing.open_sealed(KEY, item), size),
    )


def _sessions() -> tuple[bytes, bytes]:
    ours, theirs = sealing.olm_account(), sealing.olm_account()
    a = sealing.olm_outbound(ours.pickle, theirs.identity, theirs.one_time)
    a, first = sealing.olm_encrypt(a, b"hello")
    b, _ = sealing.olm_inbound(theirs.pickle, ours.identity, first)
    b, answer = sealing.olm_encrypt(b, b"hello back")
    return sealing.olm_decrypt(a, answer)[0], b


def _jobs() -> dict[str, Job]:
    frame_seal, frame_open = _sealed(sealing.FRAME, sealing.FRAME_CONTENT)
    state_seal, state_open = _sealed(VAULT_STATE, VAULT_STATE - 41)
    piece = os.urandom(sealing.BLOCK_DATA)
    block = sealing.seal_block(KEY, 0, False, piece, NONCE)
    frame, report = os.urandom(sealing.FRAME), os.urandom(2800)
    public = sealing.kem_public(KEY)
    sealed = sealing.seal_to(public, report, INFO)
    a, b = _sessions()
    letter = os.urandom(sealing.OLM_CONTENT)
    a, message = sealing.olm_encrypt(a, letter)
    signature, signer = sealing.sign(KEY, report), sealing.sign_public(KEY)
    state, _ = sealing.spake_start("a", "sand captain hammer zoo", os.urandom)
    _, theirs = sealing.spake_start("b", "sand captain hammer zoo", os.urandom)
    return {
        "seal a frame": frame_seal,
        "open a frame": frame_open,
        "seal a block": Job(lambda: sealing.seal_block(KEY, 0, False, piece, NONCE), sealing.BLOCK),
        "open a block": Job(lambda: sealing.open_block(KEY, 0, False, block), sealing.BLOCK),
        "seal a vault state of 1 MiB": state_seal,
        "open a vault state of 1 MiB": state_open,
        "derive a key": Job(lambda: sealing.derive(KEY, "bench", b"context")),
        "compute a box": Job(lambda: sealing.box(KEY)),
        "name a frame": Job(lambda: sealing.digest(frame), sealing.FRAME),
        "HPKE public key of a seed": Job(lambda: sealing.kem_public(KEY)),
        "HPKE seal a report": Job(lambda: sealing.seal_to(public, report, INFO)),
        "HPKE open a report": Job(lambda: sealing.open_with(KEY, sealed, INFO)),
        "Olm encrypt a letter, state to state": Job(lambda: sealing.olm_encrypt(a, letter)),
        "Olm decrypt a letter, state to state": Job(lambda: sealing.olm_decrypt(b, message)),
        "sign": Job(lambda: sealing.sign(KEY, report)),
        "verify": Job(lambda: sealing.verify(signer, report, signature)),
        "spoken code, start": Job(lambda: sealing.spake_start("a", "sand captain hammer zoo", os.urandom)),
        "spoken code, finish": Job(lambda: sealing.spake_finish(state, theirs)),
        "stretch a passphrase": Job(lambda: sealing.stretch("five plain words", KEY, sealing.Cost())),
    }


def _per_second(job: Job, seconds: float) -> float:
    job.call()
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        job.call()
        done += 1
    return done / spent


def measure(runs: int, seconds: float) -> dict[str, dict[str, float]]:
    """Time every job; the runs are interleaved so that a slow moment does not fall on one job."""
    jobs = _jobs()
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            rates[name].append(_per_second(job, seconds))
    return {
        name: {
            "per_second": statistics.median(found),
            "slowest": min(found),
            "fastest": max(found),
            "mb_per_second": statistics.median(found) * jobs[name].size / 1e6,
        }
        for name, found in rates.items()
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=5, help="runs of each job (default 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="seconds a run (default 0.3)")
    options = parser.parse_args()
    found = measure(options.runs, options.seconds)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'':38}{'a second':>12}{'slowest':>12}{'fastest':>12}{'MB/s':>8}")
    for name, figure in found.items():
        rate = f"{figure['mb_per_second']:8.0f}" if figure["mb_per_second"] else ""
        columns = "".join(f"{figure[key]:12,.1f}" for key in ("per_second", "slowest", "fastest"))
        print(f"{name:38}{columns}{rate}")


if __name__ == "__main__":
    main()
