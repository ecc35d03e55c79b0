"""Crashes: the process killed at every write and sync, the power cut anywhere."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from tercet.sealing import LOW_COST
from tercet.vault import VaultError, create, records
from tercet.vault import vault as room
from tests.vault.disks import (
    NOTEBOOK,
    REAL,
    KillingDisk,
    PowerCut,
    PowerDisk,
    RecordingDisk,
    die,
    new_vault,
    some_block,
    unlock,
)

STEPS = 8
CALLS = 9  # writes and syncs of one commit


def _step(vault, n):
    """One commit of the story: new blocks, moved ones, removed ones, none."""
    vault.set_notebook(b"note %d" % n)
    gone = [min(vault.blocks)] if n % 4 == 3 and vault.blocks else []
    vault.commit(b"state %d" % n, some_block(n) if vault.room else None, gone)


def _look(vault):
    return vault.state, vault.notebook, vault.blocks


def _blocks_are_whole(vault):
    return all(vault.read_block(ref) == ref * (262_144 // 16) for ref in vault.blocks)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return new_vault(tmp_path_factory.mktemp("crash") / "fresh")


@pytest.fixture(scope="module")
def story(fresh, tmp_path_factory):
    """What each commit of the story leaves: the model that crashed vaults are held to."""
    path = shutil.copyfile(fresh, tmp_path_factory.mktemp("story") / "v")
    disk = RecordingDisk()
    with unlock(path, files=disk) as vault:
        looks = [_look(vault)]
        disk.calls.clear()
        for n in range(STEPS):
            _step(vault, n)
            looks.append(_look(vault))
    assert sum(kind != "read" for kind, _, _ in disk.calls) == STEPS * CALLS
    assert any(len(blocks) == 2 for _, _, blocks in looks)
    assert any(a[2] == b[2] for a, b in zip(looks, looks[1:], strict=False))
    return looks


def _live_through(vault, done):
    for n in range(STEPS):
        _step(vault, n)
        done()


def _kill_and_look(fresh, folder, story, after, part):
    path = shutil.copyfile(fresh, folder / "v")
    acknowledged = die(path, REAL, _live_through, KillingDisk(after, part))
    assert acknowledged == after // CALLS
    with unlock(path) as vault:
        assert _look(vault) in story[acknowledged : acknowledged + 2]
        assert _blocks_are_whole(vault)
        if part in (0, 1):
            assert not vault.stepped_back
        at = story.index(_look(vault))
        if at < STEPS:
            _step(vault, at)
            assert _look(vault) == story[at + 1]
            assert _blocks_are_whole(vault)
    with unlock(path) as vault:
        assert _look(vault) == story[min(at + 1, STEPS)]
        assert not vault.stepped_back
    with unlock(path, NOTEBOOK) as vault:
        notes = [note for _, note, _ in story]
        # killed in its last commit, the notebook may be one commit behind until there is another one
        expected = {notes[at + 1]} if at < STEPS else {notes[STEPS - 1], notes[STEPS]}
        assert vault.state in expected


@pytest.mark.parametrize("part", [0, 0.4])
@pytest.mark.parametrize("after", range(3 * CALLS, 5 * CALLS))
def test_a_process_killed_at_any_write_or_sync_leaves_the_old_or_the_new_state(fresh, tmp_path, story, after, part):
    _kill_and_look(fresh, tmp_path, story, after, part)


@pytest.mark.full
@pytest.mark.parametrize("part", [0, 0.001, 0.4, 0.999, 1])
@pytest.mark.parametrize("after", range(STEPS * CALLS))
def test_a_whole_story_killed_at_any_write_or_sync(fresh, tmp_path, story, after, part):
    _kill_and_look(fresh, tmp_path, story, after, part)


@pytest.mark.parametrize("after", [*range(3 * CALLS, 4 * CALLS)])
def test_the_notebook_opens_after_one_crash(fresh, tmp_path, story, after):
    path = shutil.copyfile(fresh, tmp_path / "v")
    acknowledged = die(path, REAL, _live_through, KillingDisk(after, 0.4))
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state in [look[1] for look in story[acknowledged : acknowledged + 2]]


def _live(image, story, at, chance, lying=False):
    """Live on from `story[at]` until the power goes; return the image, and the last acknowledged step."""
    calls = chance.randrange(STEPS * CALLS)
    disk = PowerDisk(image, chance, calls, lying)
    try:
        with unlock("memory", files=disk) as vault:
            while at < STEPS:
                _step(vault, at)
                at += 1
    except PowerCut:
        pass
    return disk.cut(), at


def _power_rounds(fresh, story, seed, rounds, lying=False):
    """Cut the power again and again; return how often the vault said that it may have stepped back."""
    chance = random.Random(seed)
    flags = 0
    for _ in range(rounds):
        image, at = fresh.read_bytes(), 0
        while at < STEPS:
            image, acknowledged = _live(image, story, at, chance, lying)
            with unlock("memory", files=PowerDisk(image, chance, 10**9)) as vault:
                assert _look(vault) in story[acknowledged : acknowledged + 2], "an acknowledged commit is gone"
                assert _blocks_are_whole(vault)
                flags += vault.stepped_back
                at = story.index(_look(vault))
    return flags


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_anywhere_loses_nothing_acknowledged_and_no_block(fresh, story, seed):
    _power_rounds(fresh, story, seed, 4)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 130))
def test_power_cuts_without_end_lose_nothing(fresh, story, seed):
    _power_rounds(fresh, story, seed, 10)


def test_the_power_test_notices_a_disk_whose_sync_lies(fresh, story):
    with pytest.raises((AssertionError, VaultError)):
        _power_rounds(fresh, story, 1, 10, lying=True)


def test_the_power_test_notices_a_state_that_counts_without_its_block(fresh, story, monkeypatch):
    monkeypatch.setattr(records, "_whole", lambda *_, **__: True)
    with pytest.raises((AssertionError, VaultError)):  # one round in nine shows it
        _power_rounds(fresh, story, 1, 200)


def test_the_kill_test_notices_a_vault_that_goes_on_from_the_older_copy(fresh, story, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "settle", lambda copies, *_, **__: (min(copies, key=lambda c: c.counter), False))
    with pytest.raises(AssertionError):
        _kill_and_look(fresh, tmp_path, story, 4 * CALLS, 0)


def test_a_creation_that_is_cut_short_is_no_vault(tmp_path):
    path = tmp_path / "v"
    child = os.fork()
    if child == 0:
        try:
            create(path, "a", "b", size=4 * 1_048_576, cost=LOW_COST, files=KillingDisk(9, 0.5))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with pytest.raises(VaultError) as failure:
        unlock(path, "a")
    assert failure.value.code == "vault_wrong_passphrase"
