"""The notebook side: it commits as the real side does, and ends it."""

from __future__ import annotations

import random
import shutil

import msgspec
import pytest

from tercet import sealing
from tercet.sealing import LOW_COST
from tercet.vault import OPENING_COMMITS, Geometry, VaultError
from tercet.vault.geometry import COMPARTMENTS, STRIDE
from tercet.vault.seals import compartment_root, open_copy, open_slot
from tests.vault.disks import (
    NOTEBOOK,
    REAL,
    SIZE,
    KillingDisk,
    PowerCut,
    PowerDisk,
    RecordingDisk,
    SparingDisk,
    die,
    new_vault,
    some_block,
    unlock,
)

LAYOUT = Geometry.of(SIZE)
STEPS = 4
CALLS = 9  # writes and syncs of one commit


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory):
    """A vault with a state, a notebook and a block that waits; its newest commit wrote that block."""
    path = new_vault(tmp_path_factory.mktemp("notebook") / "lived")
    with unlock(path) as vault:
        for n in range(3):
            vault.set_notebook(b"note %d" % n)
            vault.commit(b"state %d" % n, some_block(n) if n else None)
    return path


@pytest.fixture
def path(lived_in, tmp_path):
    return shutil.copyfile(lived_in, tmp_path / "v")


def _code(action, *args, **more):
    with pytest.raises(VaultError) as failure:
        action(*args, **more)
    return failure.value.code


def _write(path, passphrase, commits=OPENING_COMMITS, disk=None):
    """Open and commit; every write and sync of it."""
    disk = disk or RecordingDisk()
    with unlock(path, passphrase, disk) as vault:
        for _ in range(commits):
            vault.commit(vault.state)
    return [call for call in disk.calls if call[0] != "read"]


def _expected(first, commits=OPENING_COMMITS):
    """What the spec says that commits write, in order."""
    calls = []
    for number in range(first, first + commits):
        slots = [LAYOUT.slot_at(place, number % LAYOUT.slots) for place in range(COMPARTMENTS)]
        copies = [LAYOUT.copy_at(place, number % 2) for place in range(COMPARTMENTS)]
        calls += [("write", at, STRIDE) for at in slots] + [("write", at, LAYOUT.state) for at in copies]
        calls.append(("sync", 0, 0))
    return calls


def _left_untouched(before, after, calls):
    """Compartments in which some sixteen bytes stayed, of those that commits must write anew."""
    return {
        place
        for kind, start, size in calls
        if kind == "write"
        for place in [(start - 4096) // LAYOUT.compartment]
        for at in range(start, start + size, 16)
        if before[at : at + 16] == after[at : at + 16]
    }


def _readable(path, passphrase):
    """Copies, and slots, that open with a passphrase: with its roots, and with the rings that its copies hold."""
    image = path.read_bytes()
    secret = sealing.stretch(passphrase, image[:32], LOW_COST)
    roots = [compartment_root(secret, place, len(image)) for place in range(COMPARTMENTS)]
    copies = []
    for place in range(COMPARTMENTS):
        for copy in (0, 1):
            at = LAYOUT.copy_at(place, copy)
            copies += [open_copy(roots[place], copy, image[at : at + LAYOUT.state], LAYOUT.slots)]
    found = [state for state in copies if state is not None]
    slots = 0
    for key in {*roots, *(state.ring for state in found)}:
        for place in range(COMPARTMENTS):
            starts = [LAYOUT.slot_at(place, n) for n in range(LAYOUT.slots)]
            opened = [open_slot(key, n, image[at : at + STRIDE]) for n, at in enumerate(starts)]
            slots += sum(slot is not None for slot in opened)
    return len(found), slots


def test_both_sides_write_the_same_bytes_at_the_same_places_in_the_same_order(path, tmp_path):
    other = shutil.copyfile(path, tmp_path / "other")
    ours, theirs = _write(path, REAL, 7), _write(other, NOTEBOOK, 7)
    assert ours == theirs == _expected(5, 7)
    assert path.stat().st_size == other.stat().st_size == SIZE


@pytest.mark.parametrize("passphrase", [REAL, NOTEBOOK])
def test_what_follows_an_opening_writes_both_copies_of_every_compartment_anew(path, passphrase):
    before = path.read_bytes()
    calls = _write(path, passphrase)
    assert calls == _expected(5)
    assert _left_untouched(before, path.read_bytes(), calls) == set()
    copies = {LAYOUT.copy_at(place, copy) for place in range(COMPARTMENTS) for copy in (0, 1)}
    assert copies <= {offset for _, offset, _ in calls}


@pytest.mark.parametrize("place", range(COMPARTMENTS))
def test_a_compartment_left_untouched_is_noticed_by_what_was_written_and_by_what_changed(path, place):
    before = path.read_bytes()
    start = LAYOUT.copy_at(place, 0)
    calls = _write(path, NOTEBOOK, disk=SparingDisk(start, start + LAYOUT.compartment))
    assert calls != _expected(5)
    assert _left_untouched(before, path.read_bytes(), _expected(5)) == {place}


def test_nothing_of_the_real_side_opens_after_two_commits_of_the_notebook(path):
    assert _readable(path, REAL) == (2, LAYOUT.slots)
    with unlock(path, NOTEBOOK) as vault:
        vault.commit(vault.state)
        assert _readable(path, REAL)[0] == 1
        vault.commit(vault.state)
    assert _readable(path, REAL) == (0, 0)
    assert _code(unlock, path) == _code(unlock, path, "another one") == "vault_wrong_passphrase"
    assert _readable(path, NOTEBOOK) == (2, LAYOUT.slots)


def test_a_real_side_that_was_spared_is_noticed(path):
    with unlock(path) as vault:
        start = LAYOUT.copy_at(vault._place, 0)
    _write(path, NOTEBOOK, disk=SparingDisk(start, start + LAYOUT.compartment))
    assert _readable(path, REAL) == (2, LAYOUT.slots)
    unlock(path).close()


def test_a_slot_that_the_passphrase_alone_could_open_is_noticed(path):
    with unlock(path) as vault:
        vault._saved = msgspec.structs.replace(vault._saved, ring=vault._root)  # as if slots were under the root
        for _ in range(LAYOUT.slots):
            vault.commit(b"state")
    _write(path, NOTEBOOK)
    assert _readable(path, REAL)[1] > 0


def test_the_notebook_is_saved_by_its_own_commits(path):
    with unlock(path, NOTEBOOK) as vault:
        assert (vault.side, vault.state, vault.notebook, vault.stepped_back) == ("notebook", b"note 2", b"", False)
        for n in range(5):
            vault.commit(b"eggs %d" % n)
            assert vault.state == b"eggs %d" % n
    with unlock(path, NOTEBOOK) as vault:
        assert (vault.state, vault.stepped_back) == (b"eggs 4", False)


def test_the_notebook_holds_no_block_and_has_no_other_notebook(path):
    before = path.read_bytes()
    with unlock(path, NOTEBOOK) as vault:
        assert not vault.room
        assert vault.blocks == frozenset()
        assert _code(vault.commit, b"", some_block(9)) == "vault_no_room"
        with pytest.raises(ValueError, match="its own payload"):
            vault.set_notebook(b"x")
    assert path.read_bytes() == before


def test_a_notebook_fits_to_the_last_byte_and_one_more_is_refused(path):
    most = LAYOUT.state - 41
    with unlock(path, NOTEBOOK) as vault:
        most -= 64  # the fields around the payload
        vault.commit(bytes(most))
        before = path.read_bytes()
        assert _code(vault.commit, bytes(LAYOUT.state - 41)) == "vault_full"
        assert path.read_bytes() == before
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state == bytes(most)


@pytest.mark.parametrize("number", [5, 6])
def test_a_notebook_that_lost_its_newest_copy_says_that_it_stepped_back(path, number):
    with unlock(path, NOTEBOOK) as vault:
        for n in range(5, number + 1):
            vault.commit(b"eggs %d" % n)
        at = LAYOUT.copy_at(vault._place, number % 2) + 40
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"0123456789abcdef")
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state == (b"note 2" if number == 5 else b"eggs 5")
        assert vault.stepped_back


def _live(vault, done):
    for n in range(STEPS):
        vault.commit(b"eggs %d" % n)
        done()


STORY = [b"note 2", *(b"eggs %d" % n for n in range(STEPS))]


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.full) for part in (0.4, 1))])
@pytest.mark.parametrize("after", range(STEPS * CALLS))
def test_a_process_killed_at_any_write_or_sync_leaves_the_old_or_the_new_notebook(lived_in, tmp_path, after, part):
    path = shutil.copyfile(lived_in, tmp_path / "v")
    done = die(path, NOTEBOOK, _live, KillingDisk(after, part))
    assert done == after // CALLS
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state in STORY[done : done + 2]
        if part != 0.4:
            assert not vault.stepped_back
        vault.commit(b"after")
        vault.commit(b"after")
    assert _readable(path, REAL) == (0, 0)
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state == b"after"


def test_the_real_side_killed_at_an_opening_still_opens_to_its_state(lived_in, tmp_path):
    for after in range(OPENING_COMMITS * CALLS):
        path = shutil.copyfile(lived_in, tmp_path / "v")
        die(path, REAL, lambda vault, _: [vault.commit(vault.state) for _ in range(2)], KillingDisk(after, 0.4))
        with unlock(path) as vault:
            assert (vault.state, vault.notebook) == (b"state 2", b"note 2")
            assert vault.blocks == {some_block(1)[0], some_block(2)[0]}
            assert all(vault.read_block(ref) == some_block(int.from_bytes(ref, "big"))[1] for ref in vault.blocks)


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_anywhere_leaves_the_old_or_the_new_notebook(lived_in, seed):
    chance = random.Random(seed)
    for _ in range(6):
        image, at = lived_in.read_bytes(), 0
        while at < STEPS:
            disk, acknowledged = PowerDisk(image, chance, chance.randrange(STEPS * CALLS)), at
            try:
                with unlock("memory", NOTEBOOK, disk) as vault:
                    for n in range(at, STEPS):
                        vault.commit(STORY[n + 1])
                        acknowledged = n + 1
            except PowerCut:
                pass
            image = disk.cut()
            with unlock("memory", NOTEBOOK, PowerDisk(image, chance, 10**9)) as vault:
                assert vault.state in STORY[acknowledged : acknowledged + 2], "an acknowledged notebook is gone"
                at = STORY.index(vault.state)


def test_the_kill_test_notices_a_notebook_that_goes_on_from_the_older_copy(lived_in, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tercet.vault.vault.settle", lambda copies, *_, **__: (min(copies, key=lambda c: c.counter), False)
    )
    with pytest.raises(AssertionError):
        test_a_process_killed_at_any_write_or_sync_leaves_the_old_or_the_new_notebook(lived_in, tmp_path, 2 * CALLS, 0)
