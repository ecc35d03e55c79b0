"""Deniability: vaults of every kind, what their commits write, and faults that must be caught.

Does        makes vaults by living in them; compares what was written, what changed and how long unlocking took.
Does not    judge whether bytes are noise: randomness.py does.
Spec        spec/70-vault.md, 1 to 7
Always      1. The vaults are the product's own, opened and committed as it does.
            2. What a comparison allows is computed from size and number of commits alone.
Read first  KINDS, then written() and told_by().
"""

from __future__ import annotations

import math
import os
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tercet.lab.randomness import BLOCK as PIECE
from tercet.sealing import BLOCK, LOW_COST
from tercet.vault import OPENING_COMMITS, Files, Geometry, Vault, VaultError, create, open_vault
from tercet.vault.geometry import COMPARTMENTS, PAGE, STRIDE
from tercet.vault.seals import Entropy

REAL, NOTEBOOK, WRONG = "the heron stands still", "shopping and sums", "neither of them"
FIRST = 2  # the number of the first commit of a new vault: 0 and 1 are its making

Call = tuple[str, int, int]  # "write" or "sync", offset, bytes
Life = Callable[[Vault, int], None]  # one commit; which one


class RecordingDisk(Files):
    """Remembers the offset and the length of every write that reaches the file, and every sync.

    Attributes:
        spared: writes that begin here do not reach the file: a planted fault.
        calls: what happened.
    """

    def __init__(self, spared: range = range(0)) -> None:
        self.spared, self.calls = spared, list[Call]()

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """Write and remember."""
        if offset in self.spared:
            return
        self.calls.append(("write", offset, len(data)))
        super().write(handle, offset, data)

    def sync(self, handle: int) -> None:
        """Sync and remember."""
        self.calls.append(("sync", 0, 0))
        super().sync(handle)


class SlowDisk(Files):
    """Takes `delay` seconds more for every copy and slot that is read: a planted fault."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Wait and read."""
        if size >= PAGE:
            time.sleep(self.delay)
        return super().read(handle, offset, size)


# --- vaults of every kind


def unlock(path: Path, passphrase: str, files: Files | None = None, entropy: Entropy = os.urandom) -> Vault:
    """Open a vault at the low cost of a trial."""
    return open_vault(path, passphrase, cost=LOW_COST, files=files or Files(), entropy=entropy)


def stuck(size: int) -> bytes:
    """Chance that always gives the same: a planted fault."""
    return bytes(size)


def mark(number: int) -> tuple[bytes, bytes]:
    """A ref, and a block that repeats it: as far from noise as a block can be."""
    ref = number.to_bytes(PIECE, "big")
    return ref, ref * (BLOCK // PIECE)


def busy(vault: Vault, number: int) -> None:
    """A commit of somebody who writes, sends files and keeps notes; on the notebook's side, of one who keeps notes."""
    note = b"eggs, milk " * (100 * (number % 7))
    if vault.side == "notebook":
        vault.commit(note)
        return
    vault.set_notebook(note)
    old = [ref for ref in vault.blocks if int.from_bytes(ref, "big") < number - 6]
    vault.commit(bytes(2_000 * (number % 9)), mark(number) if vault.room and number % 3 else None, old)


def idle(vault: Vault, number: int) -> None:
    """A commit that changes nothing."""
    vault.commit(vault.state)


def emptying(vault: Vault, number: int) -> None:
    """A commit that forgets everything."""
    vault.commit(b"", remove=vault.blocks)


LIVES: dict[str, Life] = {"idle": idle, "busy": busy, "emptying": emptying}


def fresh(path: Path, size: int) -> int:
    """A new vault."""
    create(path, REAL, NOTEBOOK, size=size, cost=LOW_COST)
    return FIRST


def used(path: Path, size: int) -> int:
    """One whose ring turned more than twice."""
    first = fresh(path, size)
    return _live(path, REAL, busy, first, 2 * Geometry.of(size).slots + 5)


def duress(path: Path, size: int) -> int:
    """A used one whose notebook was opened, and written to."""
    first = _live(path, NOTEBOOK, idle, used(path, size), OPENING_COMMITS)
    return _live(path, NOTEBOOK, busy, first, 7)


def full(path: Path, size: int) -> int:
    """One whose ring has no room left, and whose copies have 16 bytes to spare; all zeros beneath the seals."""
    first = fresh(path, size)
    layout = Geometry.of(size)
    with unlock(path, REAL) as vault:
        for number in range(layout.slots - 1):
            vault.commit(b"", (mark(number)[0], bytes(BLOCK)))
            first += 1
        length = layout.state - 256 - 24 * layout.slots
        with suppress(VaultError):  # one byte more does not fit
            while True:
                vault.commit(bytes(length))
                first, length = first + 1, length + 1
        for _ in range(2):
            vault.commit(bytes(length - 17))  # the number of a commit takes more bytes one day
    return first + 2


KINDS: dict[str, Callable[[Path, int], int]] = {"fresh": fresh, "used": used, "duress": duress, "full": full}


def _live(path: Path, passphrase: str, life: Life, first: int, commits: int) -> int:
    """Open a vault and commit; the number of the next commit."""
    with unlock(path, passphrase) as vault:
        for number in range(first, first + commits):
            life(vault, number)
    return first + commits


# --- what commits write, and what changes between two images


def written(
    path: Path,
    who: tuple[str, Life],
    first: int,
    commits: int,
    disk: RecordingDisk | None = None,
    entropy: Entropy = os.urandom,
) -> list[Call]:
    """Open a vault and commit.

    Args:
        path: the vault.
        who: the passphrase, and how its owner lives.
        first: the number of the next commit.
        commits: how many.
        disk: one with a planted fault.
        entropy: likewise.

    Returns:
        Every write and sync, in order.
    """
    disk = disk or RecordingDisk()
    passphrase, life = who
    with unlock(path, passphrase, disk, entropy) as vault:
        for number in range(first, first + commits):
            life(vault, number)
    return disk.calls


def allowed(size: int, first: int, commits: int) -> list[Call]:
    """What these commits write, by the file's size and their numbers alone.

    Source: spec/70-vault.md, 6.
    """
    layout = Geometry.of(size)
    calls: list[Call] = []
    for number in range(first, first + commits):
        slot, copy = number % layout.slots, number % 2
        calls += [("write", layout.slot_at(place, slot), STRIDE) for place in range(COMPARTMENTS)]
        calls += [("write", layout.copy_at(place, copy), layout.state) for place in range(COMPARTMENTS)]
        calls.append(("sync", 0, 0))
    return calls


def pages_of(calls: Sequence[Call]) -> set[int]:
    """The pages of 4,096 bytes that writes touch."""
    return {
        page for _, offset, size in calls for page in range(offset // PAGE, (offset + size + PAGE - 1) // PAGE) if size
    }


def changed_pages(before: bytes, after: bytes) -> set[int]:
    """The pages of 4,096 bytes in which two images differ."""
    return {at // PAGE for at in range(0, len(after), PAGE) if before[at : at + PAGE] != after[at : at + PAGE]}


def left_of(before: bytes, after: bytes, pages: set[int]) -> list[int]:
    """Offsets, in these pages, of 16 bytes that stayed as they were."""
    spots = (at for page in sorted(pages) for at in range(page * PAGE, (page + 1) * PAGE, PIECE))
    return [at for at in spots if before[at : at + PIECE] == after[at : at + PIECE]]


def told_by(before: bytes, after: bytes, calls: Sequence[Call], may: Sequence[Call]) -> set[str]:
    """What in two images, and in the writes between them, is not as `may` allows: "writes", "pages", "old bytes"."""
    pages = pages_of(may)
    told = {"writes"} if list(calls) != list(may) or len(before) != len(after) else set()
    told |= {"pages"} if changed_pages(before, after) != pages else set()
    return told | ({"old bytes"} if left_of(before, after, pages) else set())


def difference(before: bytes, after: bytes, pages: set[int]) -> bytes:
    """Both images, one laid over the other (exclusive or), in these pages: noise, if no key stream was used twice."""
    size = len(pages) * PAGE
    one, other = (b"".join(image[p * PAGE : (p + 1) * PAGE] for p in sorted(pages)) for image in (before, after))
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(size, "big")


# --- times


@dataclass(frozen=True)
class Apart:
    """How far two passphrases are apart in time; `middle` and its interval in the unit of what was compared.

    Attributes:
        middle: the median of the differences, round by round.
        least: the lower end of its interval of confidence, 99.9 %, by ranks.
        most: the upper end.
        chance: the p-value of the worse of the two one-sided tests: the chance to see them as close as this if the
            median were `margin` or more away from 0.
    """

    middle: float
    least: float
    most: float
    chance: float


def apart(ours: Sequence[float], theirs: Sequence[float], margin: float) -> Apart:
    """Compare two series round by round: two one-sided sign tests of the median difference against a margin.

    Exact whatever law the times follow, and deaf to a few slow rounds.

    Args:
        ours: one figure a round.
        theirs: of the same rounds.
        margin: how far apart is still taken as equal.
    """
    gaps = sorted(a - b for a, b in zip(ours, theirs, strict=True))
    rounds = len(gaps)
    below, above = sum(gap < margin for gap in gaps), sum(gap > -margin for gap in gaps)
    rank = bisect_left(range(rounds), 0.0005, key=lambda rank: coin_tail(rounds, rounds - rank))
    rank = max(0, rank - 1)
    chance = max(coin_tail(rounds, below), coin_tail(rounds, above))
    return Apart(median(gaps), gaps[rank], gaps[rounds - 1 - rank], chance)


def coin_tail(throws: int, least: int) -> float:
    """The chance of at least so many heads with a fair coin, exactly."""
    if 2 * least <= throws:  # at least a half
        return 1 - coin_tail(throws, throws - least + 1) if least > 0 else 1.0
    ways: int = sum(math.comb(throws, heads) for heads in range(least, throws + 1))
    return ways / (1 << throws)


def times_of(actions: Mapping[str, Callable[[], None]], rounds: int, seed: int) -> dict[str, list[float]]:
    """Milliseconds that each action takes, in every round in another order.

    Args:
        actions: by name.
        rounds: of all of them.
        seed: of the orders.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name in chance.sample(list(actions), len(actions)):
            start = time.perf_counter()
            actions[name]()
            times[name].append((time.perf_counter() - start) * 1_000)
    return times


def try_to_open(path: Path, passphrase: str, files: Files) -> None:
    """Open a vault and close it again, or be refused."""
    try:
        unlock(path, passphrase, files).close()
    except VaultError as error:
        if passphrase != WRONG or error.code != "vault_wrong_passphrase":
            raise


def open_as_shells_do(path: Path, passphrase: str) -> None:
    """Open a vault, make the commits that follow every opening, and close it."""
    with unlock(path, passphrase) as vault:
        for number in range(OPENING_COMMITS):
            idle(vault, number)
