"""The vault as its owner uses it."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from tercet import sealing
from tercet.sealing import BLOCK, LOW_COST, Cost
from tercet.vault import OPENING_COMMITS, Files, Geometry, VaultError, create, open_vault
from tercet.vault import vault as room
from tercet.vault.geometry import COMPARTMENTS, STRIDE
from tercet.vault.records import Slot
from tests.vault.cases import cases
from tests.vault.disks import NOTEBOOK, REAL, SIZE, RecordingDisk, new_vault, some_block, unlock

LAYOUT = Geometry.of(SIZE)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return new_vault(tmp_path_factory.mktemp("vault") / "fresh")


@pytest.fixture
def path(fresh, tmp_path):
    return shutil.copyfile(fresh, tmp_path / "v")


def _code(action, *args, **more):
    with pytest.raises(VaultError) as failure:
        action(*args, **more)
    return failure.value.code


def test_a_new_vault_opens_to_nothing_on_both_sides(path):
    for passphrase, side in ((REAL, "real"), (NOTEBOOK, "notebook")):
        with unlock(path, passphrase) as vault:
            assert (vault.side, vault.state, vault.notebook) == (side, b"", b"")
            assert vault.blocks == frozenset()
            assert not vault.stepped_back
    assert path.stat().st_size == SIZE


def test_a_new_vault_file_is_for_its_owner_alone(fresh):
    assert fresh.stat().st_mode & 0o777 == 0o600


def test_what_was_committed_is_there_after_opening_again(path):
    with unlock(path) as vault:
        for n in range(7):
            vault.set_notebook(b"note %d" % n)
            vault.commit(b"state %d" % n)
            assert vault.state == b"state %d" % n
    with unlock(path) as vault:
        assert (vault.state, vault.notebook, vault.stepped_back) == (b"state 6", b"note 6", False)
    with unlock(path, NOTEBOOK) as vault:
        assert (vault.state, vault.notebook, vault.stepped_back) == (b"note 6", b"", False)


def test_blocks_wait_and_wander_until_they_are_removed(path):
    waiting = {}
    with unlock(path) as vault:
        for n in range(30):
            ref, block = some_block(n)
            gone = [min(waiting)] if n % 5 == 4 and waiting else []
            add = (ref, block) if vault.room else None
            if add:
                waiting[ref] = block
            vault.commit(b"%d" % n, add, gone)
            for name in gone:
                del waiting[name]
            assert vault.blocks == waiting.keys()
            assert all(vault.read_block(name) == waiting[name] for name in waiting)
    assert waiting
    with unlock(path) as vault:
        assert {name: vault.read_block(name) for name in vault.blocks} == waiting


def test_an_empty_ring_takes_one_block_a_commit_up_to_all_slots_but_one(path):
    with unlock(path) as vault:
        for n in range(LAYOUT.slots - 1):
            assert vault.room
            vault.commit(b"", some_block(n))
        assert not vault.room
        assert _code(vault.commit, b"", some_block(9)) == "vault_no_room"
        vault.commit(b"later")
        assert len(vault.blocks) == LAYOUT.slots - 1


def test_a_block_removed_in_the_same_commit_makes_room_for_another(path):
    with unlock(path) as vault:
        for n in range(LAYOUT.slots - 1):
            vault.commit(b"", some_block(n))
        vault.commit(b"", some_block(9), [some_block(0)[0]])
        assert vault.blocks == {some_block(1)[0], some_block(9)[0]}


def test_a_block_lies_in_the_file_under_another_seal_than_the_one_it_travels_under(path):
    block = sealing.seal_block(os.urandom(32), 0, True, b"a picture", os.urandom(24))
    with unlock(path) as vault:
        vault.commit(b"", (b"r" * 16, block))
        first = path.read_bytes()
        vault.commit(b"")
        vault.commit(b"")
        second = path.read_bytes()
        assert vault.read_block(b"r" * 16) == block
    assert block[:32] not in first + second
    assert block[1000:1032] not in first + second


def test_a_block_that_moves_is_sealed_afresh(path):
    with unlock(path) as vault:
        vault.commit(b"", some_block(1))
        before = path.read_bytes()
        for _ in range(LAYOUT.slots):
            vault.commit(b"")
        assert vault.blocks == {some_block(1)[0]}
    after = path.read_bytes()
    old = {before[i : i + 32] for i in range(4096, SIZE, 4096)}
    layout_slots = [LAYOUT.slot_at(c, s) for c in range(COMPARTMENTS) for s in range(LAYOUT.slots)]
    assert all(after[offset : offset + 32] not in old for offset in layout_slots)


def test_a_damaged_block_is_reported_when_read_and_dropped_when_moved(path):
    with unlock(path) as vault:
        vault.commit(b"", some_block(1))
        place, slot = vault._place, vault._blocks[some_block(1)[0]]
    _flip(path, LAYOUT.slot_at(place, slot) + 777)
    with unlock(path) as vault:
        # the newest state needs that block, so the one before counts, and says that it may not be the last
        assert vault.blocks == frozenset() and vault.stepped_back
    with unlock(path) as vault:
        vault.commit(b"", some_block(1))
        slot = vault._blocks[some_block(1)[0]]
        vault.commit(b"")
    _flip(path, LAYOUT.slot_at(place, slot) + 777)
    with unlock(path) as vault:
        assert not vault.stepped_back
        assert _code(vault.read_block, some_block(1)[0]) == "vault_block_lost"
        vault.commit(b"")
        assert vault.blocks == frozenset()


def test_an_unknown_block_is_lost_and_an_unknown_ref_to_remove_is_nothing(path):
    with unlock(path) as vault:
        assert _code(vault.read_block, b"?" * 16) == "vault_block_lost"
        vault.commit(b"fine", None, [b"?" * 16])
        assert vault.state == b"fine"


@pytest.mark.parametrize(("ref", "size"), [(15, BLOCK), (17, BLOCK), (16, BLOCK - 1), (16, BLOCK + 1), (16, 0)])
def test_a_block_of_another_size_is_refused_and_nothing_changes(path, ref, size):
    with unlock(path) as vault:
        before = path.read_bytes()
        with pytest.raises(ValueError, match="262,144"):
            vault.commit(b"x", (b"r" * ref, bytes(size)))
        assert path.read_bytes() == before
        assert vault.state == b"" and vault.blocks == frozenset()


def test_one_ref_cannot_wait_twice(path):
    with unlock(path) as vault:
        vault.commit(b"", some_block(1))
        with pytest.raises(ValueError, match="new ref"):
            vault.commit(b"", some_block(1))


def test_a_state_fits_to_the_last_byte_and_one_more_is_refused(path):
    with unlock(path) as vault:
        low, high = 0, LAYOUT.state
        while low + 1 < high:
            middle = (low + high) // 2
            try:
                vault.commit(bytes(middle))
                low = middle
            except VaultError as failure:
                assert failure.code == "vault_full"
                high = middle
        assert LAYOUT.state - low < 200
        vault.commit(bytes(low))
        before = path.read_bytes()
        assert _code(vault.commit, bytes(high)) == "vault_full"
        assert path.read_bytes() == before
    with unlock(path) as vault:
        assert vault.state == bytes(low)


def test_the_notebook_is_saved_by_the_next_commit_and_not_before(path):
    with unlock(path) as vault:
        vault.set_notebook(b"eggs")
        assert vault.notebook == b"eggs"
    with unlock(path) as vault:
        assert vault.notebook == b""
        vault.set_notebook(b"eggs")
        vault.commit(b"")
    with unlock(path, NOTEBOOK) as vault:
        assert vault.state == b"eggs"


def test_every_commit_writes_the_same_bytes_count_at_the_same_places(path, tmp_path):
    quiet = shutil.copyfile(path, tmp_path / "quiet")
    busy_disk, quiet_disk = RecordingDisk(), RecordingDisk()
    with unlock(path, files=busy_disk) as busy, unlock(quiet, files=quiet_disk) as still:
        busy_disk.calls.clear()
        quiet_disk.calls.clear()
        for n in range(12):
            busy.set_notebook(b"n" * n)
            gone = [min(busy.blocks)] if n % 3 == 2 and busy.blocks else []
            busy.commit(b"s" * n * 100, some_block(n) if busy.room else None, gone)
            still.commit(b"")
    written = [call for call in busy_disk.calls if call[0] != "read"]
    assert written == [call for call in quiet_disk.calls if call[0] != "read"]
    per_commit = 2 * COMPARTMENTS + 1
    assert len(written) == 12 * per_commit
    for n in range(12):
        number = n + 2
        calls = set(written[n * per_commit : (n + 1) * per_commit])
        expected = {("sync", 0, 0)}
        for place in range(COMPARTMENTS):
            expected.add(("write", LAYOUT.slot_at(place, number % LAYOUT.slots), STRIDE))
            expected.add(("write", LAYOUT.copy_at(place, number % 2), LAYOUT.state))
        assert calls == expected
        assert written[(n + 1) * per_commit - 1][0] == "sync"


def test_a_commit_changes_every_page_that_it_writes_and_no_other(path):
    with unlock(path) as vault:
        vault.commit(b"one")
        before = path.read_bytes()
        vault.commit(b"one")
        after = path.read_bytes()
    changed = {n for n in range(0, SIZE, 4096) if before[n : n + 4096] != after[n : n + 4096]}
    number = 3
    expected = set()
    for place in range(COMPARTMENTS):
        slot, copy = LAYOUT.slot_at(place, number % LAYOUT.slots), LAYOUT.copy_at(place, number % 2)
        expected |= set(range(slot, slot + STRIDE, 4096)) | set(range(copy, copy + LAYOUT.state, 4096))
    assert changed == expected


def test_the_two_sides_are_placed_by_chance_and_never_together(tmp_path):
    seen = set()
    for _ in range(40):
        sides = room._new_sides(LAYOUT, (REAL, NOTEBOOK), LOW_COST, os.urandom)[1]
        ours = next(place for place, (_, kept) in sides.items() if kept)
        theirs = next(place for place, (_, kept) in sides.items() if not kept)
        assert ours != theirs
        assert sides[ours][1].compartment == theirs
        seen.add((ours, theirs))
    assert len(seen) > 6
    every = {_placed(byte) for byte in range(252)}
    assert len(every) == 12
    assert all(sum(_placed(byte) == pair for byte in range(252)) == 21 for pair in every)


def _placed(byte):
    draws = iter([bytes(32), bytes([byte]), bytes(32), bytes(32)])
    sides = room._new_sides(LAYOUT, (REAL, NOTEBOOK), LOW_COST, lambda size: next(draws))[1]
    ours = next(place for place, (_, kept) in sides.items() if kept)
    return ours, sides[ours][1].compartment


def test_a_draw_that_would_favour_a_place_is_drawn_again():
    draws = iter([bytes(32), b"\xff", b"\xfc", b"\x05", bytes(32), bytes(32)])
    sides = room._new_sides(LAYOUT, (REAL, NOTEBOOK), LOW_COST, lambda size: next(draws))[1]
    assert len(sides) == 2 and next(draws, None) is None


@pytest.mark.parametrize("other", [REAL, f"  {REAL} ", REAL.replace("f", "\uff46")])
def test_two_passphrases_that_are_the_same_to_the_vault_are_refused(tmp_path, other):
    assert _code(create, tmp_path / "v", REAL, other, size=SIZE, cost=LOW_COST) == "vault_same_passphrase"
    assert not (tmp_path / "v").exists()


def test_a_vault_never_replaces_a_file(tmp_path):
    (tmp_path / "v").write_bytes(b"letters")
    assert _code(create, tmp_path / "v", REAL, NOTEBOOK, size=SIZE, cost=LOW_COST) == "vault_exists"
    assert (tmp_path / "v").read_bytes() == b"letters"


def test_a_vault_that_cannot_be_finished_leaves_nothing(tmp_path):
    class Full(Files):
        def write(self, handle, offset, data):
            if offset > SIZE // 2:
                raise OSError(28, "No space left on device")
            super().write(handle, offset, data)

    path = tmp_path / "v"
    assert _code(create, path, REAL, NOTEBOOK, size=SIZE, cost=LOW_COST, files=Full()) == "vault_disk"
    assert not path.exists()


@pytest.mark.parametrize("missing", ["nothing/there", "."])
def test_a_file_that_cannot_be_opened_is_a_failing_disk(tmp_path, missing):
    assert _code(unlock, tmp_path / missing) == "vault_disk"


def test_a_pipe_is_no_vault_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert _code(unlock, tmp_path / "pipe") == "vault_disk"


def test_one_process_opens_a_vault(path):
    with unlock(path):
        assert _code(unlock, path) == "vault_in_use"
        assert _code(unlock, path, "wrong") == "vault_in_use"
    unlock(path).close()


def test_a_closed_vault_does_nothing_more(path):
    vault = unlock(path)
    vault.close()
    vault.close()
    assert _code(vault.commit, b"x") == "vault_disk"
    assert _code(vault.read_block, b"r" * 16) == "vault_disk"


@pytest.mark.parametrize("call", ["write", "sync"])
def test_after_a_failed_write_or_sync_nothing_more_is_saved_before_opening_again(path, call):
    class Failing(Files):
        broken = False

        def write(self, handle, offset, data):
            if self.broken and call == "write":
                raise OSError(5, "Input/output error")
            super().write(handle, offset, data)

        def sync(self, handle):
            if self.broken:
                raise OSError(5, "Input/output error")
            super().sync(handle)

    disk = Failing()
    with unlock(path, files=disk) as vault:
        vault.commit(b"good")
        disk.broken = True
        assert _code(vault.commit, b"lost") == "vault_disk"
        assert vault.state == b"good"
        disk.broken = False
        assert _code(vault.commit, b"after") == "vault_disk"
    with unlock(path) as vault:
        assert vault.state in (b"good", b"lost")


def _flip(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def _cut(path):
    os.truncate(path, SIZE - 4096)


def _cut_inside_the_last_noise(path):
    os.truncate(path, SIZE - 1)


def _cut_to_nothing(path):
    os.truncate(path, 0)


def _grow(path):
    os.truncate(path, SIZE + 4096)


def _grow_by_a_byte(path):
    os.truncate(path, SIZE + 1)


def _flip_the_salt(path):
    _flip(path, 31)


def _flip_both_copies(path):
    for place in range(COMPARTMENTS):
        for copy in (0, 1):
            _flip(path, LAYOUT.copy_at(place, copy) + 5_000)


def _replace(path):
    path.write_bytes(os.urandom(SIZE))


def _zeros(path):
    path.write_bytes(bytes(SIZE))


def _swap_copies(path):
    data = bytearray(path.read_bytes())
    for place in range(COMPARTMENTS):
        start, size = LAYOUT.copy_at(place, 0), LAYOUT.state
        first, second = data[start : start + size], data[start + size : start + 2 * size]
        data[start : start + 2 * size] = second + first
    path.write_bytes(data)


def _end_the_real_side(path):
    with unlock(path, NOTEBOOK) as vault:
        for _ in range(OPENING_COMMITS):
            vault.commit(vault.state)


def _nothing(path):
    pass


DAMAGE = [
    _nothing,
    _cut,
    _cut_inside_the_last_noise,
    _cut_to_nothing,
    _grow,
    _grow_by_a_byte,
    _flip_the_salt,
    _flip_both_copies,
    _replace,
    _zeros,
    _swap_copies,
    _end_the_real_side,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_does_not_open_fails_in_one_way_after_the_same_work(path, damage, monkeypatch):
    with unlock(path) as vault:
        vault.commit(b"a")
    damage(path)
    work = []
    real_stretch, real_open = sealing.stretch, sealing.open_sealed

    def stretch(passphrase, salt, cost):
        work.append(("stretch", len(salt)))
        return real_stretch(passphrase, salt, cost)

    def open_sealed(key, sealed, aad=b""):
        work.append(("open", len(aad)))
        return real_open(key, sealed, aad)

    monkeypatch.setattr(sealing, "stretch", stretch)
    monkeypatch.setattr(sealing, "open_sealed", open_sealed)
    disk = RecordingDisk()
    with pytest.raises(VaultError) as failure:
        unlock(path, REAL if damage is not _nothing else "wrong", disk)
    error = failure.value
    assert (error.code, error.args) == ("vault_wrong_passphrase", ("vault_wrong_passphrase",))
    assert error.__cause__ is None
    assert work == [("stretch", 32)] + [("open", 1)] * 8
    assert [kind for kind, _, _ in disk.calls] == ["read"] * 9
    if path.stat().st_size:
        unlocked = [("read", 0, 32)]
        layout = Geometry.nearest(path.stat().st_size)
        for place in range(COMPARTMENTS):
            unlocked += [("read", layout.copy_at(place, copy), layout.state) for copy in (0, 1)]
        assert disk.calls == unlocked


def test_both_sides_open_after_the_same_reads(path):
    with unlock(path) as vault:
        vault.commit(b"a", some_block(1))
        vault.commit(b"b")
    real, notebook = RecordingDisk(), RecordingDisk()
    unlock(path, REAL, real).close()
    unlock(path, NOTEBOOK, notebook).close()
    assert real.calls == notebook.calls


def test_a_byte_flipped_in_the_newest_copy_steps_back_and_says_so(path):
    with unlock(path) as vault:
        for n in range(5):
            vault.commit(b"%d" % n)
        place, number = vault._place, vault._saved.counter
    newest, older = LAYOUT.copy_at(place, number % 2), LAYOUT.copy_at(place, (number + 1) % 2)
    other = shutil.copyfile(path, path.with_name("other"))
    _flip(path, newest + 40)
    with unlock(path) as vault:
        assert (vault.state, vault.stepped_back) == (b"3", True)
        vault.commit(b"again")
    with unlock(path) as vault:
        assert (vault.state, vault.stepped_back) == (b"again", False)
    _flip(other, older + 40)
    with unlock(other) as vault:
        assert (vault.state, vault.stepped_back) == (b"4", False)


def test_the_size_is_part_of_the_key():
    roots = {room.compartment_root(bytes(32), place, size) for place in range(4) for size in (SIZE, SIZE + 4096)}
    assert len(roots) == 8


@pytest.mark.parametrize("case", cases("key"))
def test_keys_come_from_the_passphrase_the_place_and_the_size(case):
    given = case["input"]
    secret = sealing.stretch(given["passphrase"], bytes.fromhex(given["salt"]), Cost(**given["cost"]))
    root = room.compartment_root(secret, given["compartment"], given["size"])
    assert {
        "root": root.hex(),
        "state_key": sealing.derive(root, "vault state").hex(),
    } == case["expected"]


@pytest.mark.parametrize("case", cases("sealed"))
def test_copies_and_slots_are_sealed_as_the_vectors_say(case):
    given = case["input"]
    nonce = bytes.fromhex(given["nonce"])
    if "copy" in given:
        root, content = bytes.fromhex(given["root"]), bytes.fromhex(given["content"])
        sealed = room.seal_copy(root, given["copy"], content, given["size"], lambda size: nonce)
    else:
        block = bytes([given["block_byte"]]) * BLOCK
        slot = Slot(given["counter"], bytes.fromhex(given["stamp"]), bytes.fromhex(given["ref"]), block)
        sealed = room.seal_slot(bytes.fromhex(given["ring"]), given["slot"], slot.encode(), lambda size: nonce)
    assert sealed[:96].hex() == case["expected"]["head"]
    assert hashlib.blake2b(sealed, digest_size=32).hexdigest() == case["expected"]["blake2b"]


def test_a_passphrase_opens_only_at_the_cost_it_was_made_with(path):
    assert _code(open_vault, path, REAL, cost=Cost(128, 1, 1)) == "vault_wrong_passphrase"
