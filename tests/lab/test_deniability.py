"""Vaults of every kind are noise, both sides write alike, and what gives a vault away is caught."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tercet.lab.deniability import (
    KINDS,
    LIVES,
    NOTEBOOK,
    REAL,
    WRONG,
    RecordingDisk,
    SlowDisk,
    allowed,
    apart,
    changed_pages,
    coin_tail,
    difference,
    idle,
    open_as_shells_do,
    pages_of,
    stuck,
    times_of,
    told_by,
    try_to_open,
    unlock,
    used,
    written,
)
from tercet.lab.randomness import LEAST, TESTS, examine, holm
from tercet.vault import Geometry, VaultError
from tercet.vault.geometry import COMPARTMENTS, PAGE

pytestmark = pytest.mark.full  # each counts through whole vaults

SIZE = 4 * 1_048_576
LAYOUT = Geometry.of(SIZE)
SLOW = {"lzma", "phases", "strides", "periods"}  # seconds on an image; test_randomness plants a fault for each
TIERS = [
    pytest.param([name for name in TESTS if name not in SLOW], id="quick tests"),
    pytest.param(list(TESTS), id="all tests"),
]


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("deniability") / "v"
    return path, used(path, SIZE)


@pytest.fixture
def path(lived_in, tmp_path) -> Path:
    return shutil.copyfile(lived_in[0], tmp_path / "v")


# ---- noise


@pytest.mark.parametrize("tests", TIERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_vault_of_every_kind_is_noise(tmp_path, kind, tests) -> None:
    KINDS[kind](tmp_path / "v", SIZE)
    image = (tmp_path / "v").read_bytes()
    assert len(image) == SIZE
    assert holm(examine(image, tests), 1e-6) == set()


@pytest.mark.parametrize("tests", TIERS)
@pytest.mark.parametrize("side", [REAL, NOTEBOOK])
def test_what_two_images_differ_by_is_noise(lived_in, path, side, tests) -> None:
    original, first = lived_in
    written(path, (side, idle), first, 6)
    pages = pages_of(allowed(SIZE, first, 6))
    assert holm(examine(difference(original.read_bytes(), path.read_bytes(), pages), tests), 1e-6) == set()


def test_a_full_vault_takes_no_block_and_its_states_have_hardly_a_byte_to_spare(tmp_path) -> None:
    first = KINDS["full"](tmp_path / "v", SIZE)
    with unlock(tmp_path / "v", REAL) as vault:
        assert not vault.room
        assert len(vault.blocks) == LAYOUT.slots - 1
        with pytest.raises(VaultError, match="vault_full"):
            vault.commit(vault.state + bytes(40))
    assert written(tmp_path / "v", (REAL, idle), first, 2) == allowed(SIZE, first, 2)


# ---- commits and two images


@pytest.mark.parametrize("commits", [1, 2, LAYOUT.slots + 2])
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("side", [REAL, NOTEBOOK])
def test_writes_and_changed_pages_hang_on_the_number_of_commits_alone(lived_in, path, side, life, commits) -> None:
    original, first = lived_in
    calls = written(path, (side, LIVES[life]), first, commits)
    assert told_by(original.read_bytes(), path.read_bytes(), calls, allowed(SIZE, first, commits)) == set()


@pytest.mark.parametrize("place", range(COMPARTMENTS))
def test_a_compartment_left_untouched_is_told_by_writes_by_pages_and_by_old_bytes(lived_in, path, place) -> None:
    original, first = lived_in
    start = LAYOUT.copy_at(place, 0)
    calls = written(path, (NOTEBOOK, idle), first, 2, RecordingDisk(range(start, start + LAYOUT.compartment)))
    told = told_by(original.read_bytes(), path.read_bytes(), calls, allowed(SIZE, first, 2))
    assert told == {"writes", "pages", "old bytes"}


def test_one_commit_more_is_told(lived_in, path) -> None:
    original, first = lived_in
    calls = written(path, (REAL, idle), first, 2)
    assert "writes" in told_by(original.read_bytes(), path.read_bytes(), calls, allowed(SIZE, first, 1))
    assert "pages" in told_by(original.read_bytes(), path.read_bytes(), calls, allowed(SIZE, first, 1))


def test_a_byte_written_less_is_told(lived_in, path) -> None:
    first = lived_in[1]
    calls = written(path, (REAL, idle), first, 1)
    kind, offset, size = calls[4]
    may = allowed(SIZE, first, 1)
    image = path.read_bytes()
    assert "writes" in told_by(image, image, [*calls[:4], (kind, offset, size - 1), *calls[5:]], may)


def test_chance_that_repeats_itself_is_told(lived_in, path) -> None:
    first, many = lived_in[1], 2 * LAYOUT.slots
    written(path, (REAL, idle), first, many, entropy=stuck)
    before = path.read_bytes()
    calls = written(path, (REAL, idle), first + many, many, entropy=stuck)
    told = told_by(before, path.read_bytes(), calls, allowed(SIZE, first + many, many))
    assert told == {"pages", "old bytes"}


def test_a_key_stream_used_twice_shows_in_what_two_images_differ_by() -> None:
    chance = random.Random(2)
    pad, pages = chance.randbytes(LEAST), set(range(LEAST // PAGE))
    other = difference(pad, (b"a state like that " * 60_000)[:LEAST], pages)
    assert holm(examine(difference(pad, other, pages)), 1e-6)


def test_the_pages_of_writes_and_of_images_are_the_same_pages() -> None:
    before = bytes(8 * PAGE)
    after = bytearray(before)
    after[PAGE : 2 * PAGE + 1] = b"\1" * (PAGE + 1)
    assert changed_pages(before, bytes(after)) == pages_of([("write", PAGE, PAGE + 1), ("sync", 0, 0)]) == {1, 2}


# ---- times, on made-up figures


def rounds(seed: int, mean: float, spread: float, slow: float = 0.0, many: int = 1_000) -> list[float]:
    """Made-up times: about normal, and some rounds far slower."""
    chance = random.Random(seed)
    return [chance.gauss(mean, spread) + (chance.random() < slow) * chance.random() * 500 for _ in range(many)]


def test_times_of_one_law_are_shown_to_be_equal_even_on_a_machine_with_other_work() -> None:
    found = apart(rounds(1, 30, 3, slow=0.1), rounds(2, 30, 3, slow=0.1), 5.0)
    assert found.chance < 1e-6
    assert found.least < 0 < found.most
    assert abs(found.middle) < 0.5


@pytest.mark.parametrize("shift", [5.5, -5.5, 16.0, -16.0])
def test_times_further_apart_than_the_margin_are_not(shift) -> None:
    found = apart(rounds(3, 30 + shift, 3), rounds(4, 30, 3), 5.0)
    assert found.chance > 0.5
    assert found.middle == pytest.approx(shift, abs=0.5)


def test_a_few_rounds_prove_nothing() -> None:
    assert apart(rounds(5, 30, 3, many=8), rounds(6, 30, 3, many=8), 5.0).chance > 0.001


def test_at_the_margin_equality_is_claimed_as_rarely_as_said() -> None:
    claimed = sum(
        apart(rounds(n, 35, 3, many=60), rounds(-n, 30, 3, many=60), 5.0).chance < 0.05 for n in range(1, 401)
    )
    assert claimed <= 35  # 20 on average


def test_the_interval_holds_the_median() -> None:
    held = [apart(rounds(n, 31, 3, many=60), rounds(-n, 30, 3, many=60), 5.0) for n in range(1, 201)]
    assert sum(not each.least <= 1 <= each.most for each in held) <= 2


def test_the_coin_is_fair() -> None:
    assert coin_tail(4, 3) == 5 / 16
    assert coin_tail(4, 0) == 1.0
    assert coin_tail(3, 2) == 0.5
    assert coin_tail(4, 2) == 11 / 16
    assert coin_tail(1_000, 1_000) == 2.0**-1_000


def test_a_slow_disk_waits_for_every_copy_and_slot_but_not_for_the_salt(path, monkeypatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tercet.lab.deniability.time.sleep", waits.append)
    try_to_open(path, WRONG, SlowDisk(0.002))
    assert waits == [0.002] * 8
    try_to_open(path, REAL, SlowDisk(0.002))
    assert len(waits) >= 16


def test_every_action_is_timed_in_every_round_in_changing_order(path) -> None:
    order: list[str] = []
    actions = {name: lambda name=name: order.append(name) for name in ("one", "two", "three")}
    times = times_of(actions, 20, 1)
    assert {name: len(figures) for name, figures in times.items()} == {"one": 20, "two": 20, "three": 20}
    assert len({tuple(order[n : n + 3]) for n in range(0, 60, 3)}) > 3


def test_trying_and_opening_as_shells_do(lived_in, path) -> None:
    first = lived_in[1]
    for passphrase in (REAL, NOTEBOOK, WRONG):
        try_to_open(path, passphrase, RecordingDisk())
    assert path.read_bytes() == lived_in[0].read_bytes()
    open_as_shells_do(path, NOTEBOOK)
    assert changed_pages(lived_in[0].read_bytes(), path.read_bytes()) == pages_of(allowed(SIZE, first, 2))
    with pytest.raises(VaultError, match="vault_wrong_passphrase"):
        try_to_open(path, REAL, RecordingDisk())
