"""Deniability: what somebody without a passphrase can tell from a vault's file, from two images, and from a stopwatch.

    .venv/bin/python bench/deniability.py [--json] [--record] [--size 16] [--images 2] [--rounds 1000]

Vaults of four kinds (fresh, used, duress: the notebook's passphrase was given, full) and files of the system's own
random bytes go through the tests of `tercet.lab.randomness`; so does what two images of one vault differ by. For each
the least p-value of all images is shown; the whole family is judged at 0.1 % after Holm. Commits of both sides and
three lives are compared byte count by byte count, place by place, and by the pages they change. Unlocking with three
passphrases is timed round by round in changing order, at the least cost of a trial, and two one-sided sign tests must
show that the median difference is below 5 ms.

Each detector must catch what is planted for it, or the program fails, as it does when an honest vault is flagged.
docs/deniability.md says what each test does and assumes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from functools import partial
from itertools import combinations
from multiprocessing import Pool
from pathlib import Path

from recording import Row, finish, options

from tercet.lab.deniability import (
    KINDS,
    LIVES,
    NOTEBOOK,
    REAL,
    WRONG,
    Apart,
    RecordingDisk,
    SlowDisk,
    allowed,
    apart,
    changed_pages,
    difference,
    idle,
    open_as_shells_do,
    pages_of,
    stuck,
    times_of,
    told_by,
    try_to_open,
    used,
    written,
)
from tercet.lab.planted import PLANTED
from tercet.lab.randomness import LEAST, TESTS, examine, holm, sizes
from tercet.vault import Files, Geometry
from tercet.vault.geometry import COMPARTMENTS

MIB = 1_048_576
FAMILY = 0.001  # chance that any honest image, or any pair of passphrases, is judged wrongly
TIMED = FAMILY / 8  # for each of three pairs of passphrases and one of both sides, in two kinds of vault
MARGIN = 5.0  # ms; unlock times within it count as equal
DELAY = 0.002  # seconds a copy or slot: the planted fault
SEED = 70
SIDES = {"real": REAL, "notebook": NOTEBOOK}
NAMES = {"real": REAL, "notebook": NOTEBOOK, "wrong": WRONG}


def image_of(kind: str, size: int, folder: Path) -> bytes:
    """An image of a vault of a kind; of random bytes; or what two images of a vault differ by."""
    if kind == "random":
        return os.urandom(size)
    path = folder / f"image-{os.getpid()}"
    try:
        if kind != "two images":
            KINDS[kind](path, size)
            return path.read_bytes()
        first = used(path, size)
        before = path.read_bytes()
        slots = Geometry.of(size).slots
        written(path, (REAL, idle), first, 2 * slots)  # every slot, and both copies
        return difference(before, path.read_bytes(), pages_of(allowed(size, first, 2 * slots)))
    finally:
        path.unlink(missing_ok=True)


def examined(task: tuple[str, int, Path]) -> dict[str, float]:
    return examine(image_of(*task))


def planted(task: tuple[str, int, Path]) -> dict[str, float]:
    name, size, folder = task
    image = bytearray(image_of("used", size, folder))
    PLANTED[name].plant(image, random.Random(SEED))
    return examine(bytes(image), PLANTED[name].caught_by)


def images(pool: Pool, size: int, many: int, folder: Path) -> tuple[list[Row], list[str]]:
    """Every test on every kind of image, and on every planted fault."""
    kinds = [*KINDS, "two images", "random"]
    tasks = [(kind, size, folder) for _ in range(many) for kind in kinds]
    found = pool.map(examined, tasks, chunksize=1)
    chances = {(n, tasks[n][0], test): p for n, each in enumerate(found) for test, p in each.items()}
    wrong = [f"{test} flags {kind}" for _, kind, test in holm(chances, FAMILY)]
    rows: list[Row] = []
    for test, sample in sizes(size).items():
        least = {kind: min(p for (_, k, t), p in chances.items() if (k, t) == (kind, test)) for kind in kinds}
        rows.append({"what": test, "sample": sample} | {kind: shown(p) for kind, p in least.items()})
    limit = FAMILY / len(chances)
    for name, caught in zip(
        PLANTED, pool.map(planted, [(name, size, folder) for name in PLANTED], chunksize=1), strict=True
    ):
        worst = max(caught.values())
        rows.append({"what": f"planted: {name}", "caught_by": ", ".join(sorted(caught)), "p": shown(worst)})
        wrong += [f"{test} misses {name}" for test, p in caught.items() if p >= limit]
    unproved = set(TESTS) - set().union(*(fault.caught_by for fault in PLANTED.values()))
    return rows, wrong + [f"nothing is planted for {test}" for test in unproved]


def lived(
    image: Path, size: int, first: int, who: tuple[str, str, int], disk: RecordingDisk | None = None, entropy=os.urandom
) -> tuple[Row, set[str]]:
    """Commits on a copy of a vault; what they wrote and changed, and what in it their number does not allow."""
    side, life, commits = who
    path = image.with_name(f"{image.name}-copy")
    shutil.copyfile(image, path)
    calls = written(path, (SIDES[side], LIVES[life]), first, commits, disk, entropy)
    told = told_by(image.read_bytes(), path.read_bytes(), calls, allowed(size, first, commits))
    changed = changed_pages(image.read_bytes(), path.read_bytes())
    path.unlink()
    bytes_each = sum(length for _, _, length in calls) / commits
    row: Row = {"what": f"{commits} commits, {side}, {life}", "bytes_a_commit": round(bytes_each)}
    return row | {"pages_changed": len(changed), "told_by": ", ".join(sorted(told)) or "nothing"}, told


def commits(size: int, folder: Path) -> tuple[list[Row], list[str]]:
    """What commits of both sides write and change, in three lives; and two faults."""
    path = folder / "commits"
    first = used(path, size)
    layout = Geometry.of(size)
    rows, wrong = [], []
    for many in (1, 2, layout.slots + 2):
        for who in ((side, life, many) for side in SIDES for life in LIVES):
            row, told = lived(path, size, first, who)
            rows.append(row)
            wrong += [f"{row['what']} are told by {each}" for each in told]
    for place in range(COMPARTMENTS):
        start = layout.copy_at(place, 0)
        disk = RecordingDisk(range(start, start + layout.compartment))
        row, told = lived(path, size, first, ("notebook", "idle", 2), disk)
        rows.append(row | {"what": f"planted: compartment {place} left untouched"})
        wrong += [
            f"{each} misses compartment {place} left untouched" for each in {"writes", "pages", "old bytes"} - told
        ]
    many = 2 * layout.slots
    written(path, (REAL, idle), first, many, entropy=stuck)
    row, told = lived(path, size, first + many, ("real", "idle", many), entropy=stuck)
    rows.append(row | {"what": "planted: chance that repeats itself"})
    wrong += [f"{each} misses chance that repeats itself" for each in {"pages", "old bytes"} - told]
    path.unlink()
    return rows, wrong


def compared(what: str, times: dict[str, list[float]]) -> tuple[list[Row], dict[str, Apart]]:
    rows, found = [], {}
    for one, other in combinations(times, 2):
        name = f"{what}: {one} less {other}"
        found[name] = pair = apart(times[one], times[other], MARGIN)
        row: Row = {"what": name, "rounds": len(times[one]), "median_ms": round(pair.middle, 3)}
        rows.append(row | {"from_ms": round(pair.least, 3), "to_ms": round(pair.most, 3), "p": shown(pair.chance)})
    return rows, found


def shown(p: float) -> str:
    return f"{p:.2g}" if p else "< 1e-300"


def opened(path: Path, rounds: int, slow: str = "") -> dict[str, list[float]]:
    """Times of the three passphrases; of one of them with the planted delay."""
    disks = {name: SlowDisk(DELAY) if name == slow else Files() for name in NAMES}
    return times_of({name: partial(try_to_open, path, NAMES[name], disks[name]) for name in NAMES}, rounds, SEED)


def committed(path: Path, rounds: int) -> dict[str, list[float]]:
    """Times of both sides, with the commits that follow every opening; each on a copy of its own."""
    copies = {side: path.with_name(f"{path.name}-{side}") for side in SIDES}
    for copy in copies.values():
        shutil.copyfile(path, copy)
    actions = {side: partial(open_as_shells_do, copies[side], SIDES[side]) for side in SIDES}
    times = times_of(actions, rounds, SEED)
    for copy in copies.values():
        copy.unlink()
    return times


def unlocking(size: int, rounds: int, folder: Path) -> tuple[list[Row], list[str]]:
    """Times of three passphrases, honest and with a delay on one side."""
    rows, wrong = [], []
    for kind in ("used", "full"):
        path = folder / f"times-{kind}"
        KINDS[kind](path, size)
        for what, times in (
            (f"unlock {kind}", opened(path, rounds)),
            (f"unlock {kind}, two commits", committed(path, rounds // 5)),
        ):
            more, found = compared(what, times)
            rows += more
            wrong += [f"{name} is not within {MARGIN} ms" for name, pair in found.items() if pair.chance >= TIMED]
    for side in SIDES:
        more, found = compared(f"planted, 2 ms a block of {side}", opened(folder / "times-used", rounds // 5, side))
        rows += more
        slowed = {name: pair for name, pair in found.items() if side in name.partition(":")[2]}
        missed = [name for name, pair in slowed.items() if not (pair.least > MARGIN or pair.most < -MARGIN)]
        wrong += [f"{name} is missed" for name in missed]
    return rows, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--size", type=int, default=16, help="MiB of a vault")
    parser.add_argument("--images", type=int, default=2, help="of each kind")
    parser.add_argument("--rounds", type=int, default=1_000, help="of unlocking")
    parser.add_argument("--folder", help="where the vaults are made")
    chosen = parser.parse_args()
    size = chosen.size * MIB
    if size < 4 * LEAST or chosen.images < 1 or chosen.rounds < 100:
        parser.error("at least 4 MiB, one image and 100 rounds")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        parts = [unlocking(size, chosen.rounds, folder), commits(size, folder)]
        with Pool(2) as pool:
            parts.insert(0, images(pool, size, chosen.images, folder))
    seed = f"{SEED} for orders and places of faults; vaults are made of the system's chance"
    finish(chosen, "deniability", seed, [row for rows, _ in parts for row in rows])
    wrong = [each for _, faults in parts for each in faults]
    if wrong:
        raise SystemExit(f"An honest vault was flagged, or a fault was missed: {'; '.join(wrong)}.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
