"""A vault looks like noise, new or used."""

from __future__ import annotations

import os
import random

import pytest

from tercet.vault import OPENING_COMMITS, Geometry
from tests.vault.disks import NOTEBOOK, SIZE, new_vault, some_block, unlock
from tests.vault.noise import faults


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    path = new_vault(tmp_path_factory.mktemp("noise") / "v")
    fresh = path.read_bytes()
    with unlock(path) as vault:
        for n in range(10):
            vault.set_notebook(b"eggs, milk " * 100)
            vault.commit(bytes(20_000), some_block(n) if vault.room else None)
    return fresh, path.read_bytes()


def test_a_new_vault_is_noise_from_the_first_byte(used):
    assert faults(used[0]) == []


def test_a_used_vault_is_noise_and_keeps_its_size(used):
    assert len(used[1]) == SIZE
    assert faults(used[1]) == []


def test_a_vault_whose_real_side_is_gone_is_noise_and_keeps_its_size(used, tmp_path):
    path = tmp_path / "v"
    path.write_bytes(used[1])
    with unlock(path, NOTEBOOK) as vault:
        for _ in range(OPENING_COMMITS):
            vault.commit(b"eggs, milk " * 100)
    image = path.read_bytes()
    assert len(image) == SIZE
    assert faults(image) == []


def test_nothing_sealed_in_a_used_vault_stood_in_the_new_one(used):
    fresh, after = used
    layout = Geometry.of(SIZE)
    rest = {n for start, size in layout.rest() for n in range(start, start + size, 4096)} | {0}
    before = {fresh[n : n + 16] for n in range(0, SIZE, 16)}
    kept = {n - n % 4096 for n in range(0, SIZE, 16) if after[n : n + 16] in before}
    assert kept == rest


@pytest.mark.full
def test_a_vault_of_an_odd_size_is_noise_to_the_end(tmp_path):
    path = new_vault(tmp_path / "v", 16 * 1_048_576 + 3 * 4_096)
    assert faults(path.read_bytes()) == []


PLANTED = {
    "zeros": lambda image, n: bytes(4_096),
    "text": lambda image, n: b"the heron stands still; " * 10,
    "a copy of another page": lambda image, n: image[n + 8_192 : n + 12_288],
    "sixteen bytes twice": lambda image, n: image[n + 64 : n + 80],
    "bytes that avoid the upper half": lambda image, n: bytes(b & 0x7F for b in os.urandom(4_096)),
    "bytes spread too evenly": lambda image, n: bytes(random.Random(1).sample(range(256), 256)) * 16,
}


@pytest.mark.parametrize("what", PLANTED)
def test_the_detector_sees_what_is_planted(used, what):
    image = bytearray(used[1][: 1 << 20])
    assert faults(bytes(image)) == []
    plant = PLANTED[what](image, 40 * 4_096)
    image[40 * 4_096 : 40 * 4_096 + len(plant)] = plant
    assert faults(bytes(image)) != []
