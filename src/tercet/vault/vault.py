"""The vault: one file of constant size that looks like noise.

Does        creates and opens a vault; saves a state and one waiting block in one durable step, on either side.
Does not    know what the state or a block means; decide when to save; erase secrets from Python's memory.
Spec        spec/70-vault.md
Always      1. A commit writes the same number of bytes at the same places in all four compartments, from either side.
            2. A crash at any byte leaves the old state or the new one, with its blocks.
            3. Whatever does not open fails in one way, after the same work.
Read first  Vault.commit(), then open_vault().
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tercet import sealing
from tercet.sealing import BLOCK, Cost
from tercet.vault.errors import VaultError
from tercet.vault.files import Files
from tercet.vault.geometry import COMPARTMENTS, DEFAULT_SIZE, PAGE, STRIDE, Geometry
from tercet.vault.records import (
    REF,
    STAMP,
    VERSION,
    Notebook,
    Slot,
    State,
    encode_state,
    settle,
)
from tercet.vault.seals import (
    OVERHEAD,
    Entropy,
    Side,
    compartment_root,
    noise,
    open_copy,
    open_slot,
    seal_copy,
    seal_slot,
)

SALT = 32  # bytes at the start of the file; spec/70-vault.md, 2
OPENING_COMMITS = 2  # commits that follow every opening, before anything else; spec/70-vault.md, 7
FULL_COST = Cost()
DISK = Files()


class Vault:
    """An open vault, held alone by this process; made by open_vault(). One thread at a time.

    Attributes:
        side: "real" or "notebook": which passphrase opened it.
        stepped_back: the newest commit may be lost although it may have been acted upon: no ratchet of this
            state may be used again (spec/70-vault.md, 6).
    """

    def __init__(
        self,
        disk: tuple[Files, int, Geometry],
        place: tuple[int, bytes],
        state: State,
        stepped_back: bool,
        entropy: Entropy,
    ) -> None:
        self._files, self._handle, self._layout = disk
        self._place, self._root = place
        self._entropy = entropy
        self._saved = state
        self._blocks = dict(state.blocks)
        self._notebook = state.notebook.payload if state.notebook else b""
        self._usable = True
        self.side: Literal["real", "notebook"] = "real" if state.notebook else "notebook"
        self.stepped_back = stepped_back

    @property
    def state(self) -> bytes:
        """What the last commit saved; b"" in a new vault. On the notebook side, the notebook's payload."""
        return self._saved.payload

    @property
    def notebook(self) -> bytes:
        """On the real side, the notebook's payload as it stands, with what set_notebook() changed; else b""."""
        return self._notebook

    @property
    def blocks(self) -> frozenset[bytes]:
        """The refs (16 bytes each) of the blocks that wait here."""
        return frozenset(self._blocks)

    @property
    def room(self) -> bool:
        """Whether the next commit can take a new block; if not, a commit without one may make room.

        Never on the notebook side.
        """
        ahead = (self._saved.counter + 2) % self._layout.slots
        return self.side == "real" and ahead not in self._blocks.values()

    def set_notebook(self, payload: bytes) -> None:
        """Change the notebook from the real side; the next commit saves it.

        Raises:
            ValueError: on the notebook side, which commits its payload as its state.
        """
        if self.side != "real":
            raise ValueError("this side commits its own payload")
        self._notebook = payload

    def read_block(self, ref: bytes) -> bytes:
        """Return a waiting block, 262,144 bytes.

        Raises:
            VaultError: vault_block_lost (not here, or damaged), vault_disk.

        Source: spec/70-vault.md, 5.
        """
        self._check_usable()
        slot = self._read_slot(self._blocks[ref]) if ref in self._blocks else None
        if slot is None or slot.ref != ref:
            raise VaultError("vault_block_lost")
        return slot.block

    def commit(self, state: bytes, add: tuple[bytes, bytes] | None = None, remove: Collection[bytes] = ()) -> None:
        """Save a state, and take and drop waiting blocks, durably before this returns.

        What this side cannot open is overwritten: from the notebook side, two commits end the real side.

        Args:
            state: what to remember, on the notebook side its payload; with the notebook it must fit in one state copy.
            add: a ref (16 bytes) and a block (262,144 bytes) to keep.
            remove: refs to forget; unknown ones are ignored.

        Raises:
            VaultError: vault_full, vault_no_room (nothing was written); vault_disk (the
                disk failed under the write: this object is of no more use, close it and open the file again).
            ValueError: a ref or a block of a wrong size, or a ref that waits here already.

        Source: spec/70-vault.md, 5 to 7.
        """
        self._check_usable()
        if add is not None and self.side != "real":
            raise VaultError("vault_no_room")
        number, stamp, ring = self._saved.counter + 1, self._entropy(STAMP), self._saved.ring
        blocks = {ref: slot for ref, slot in self._blocks.items() if ref not in remove}
        slot = self._turn(blocks, number, stamp, add)
        kept = self._saved.notebook
        if kept is not None:
            kept = Notebook(kept.compartment, kept.root, self._notebook, kept.ring)
        saved = State(VERSION, number, stamp, state, tuple(blocks.items()), kept, ring)
        content = encode_state(saved)
        if len(content) > self._layout.state - OVERHEAD:
            raise VaultError("vault_full")
        sides = {self._place: Side(self._root, ring, content, slot.encode())}
        if kept is not None:
            theirs = encode_state(State(VERSION, number, stamp, kept.payload, (), None, kept.ring))
            sides[kept.compartment] = Side(kept.root, kept.ring, theirs, Slot(number, stamp).encode())
        self._write(number, sides)
        self._saved, self._blocks = saved, blocks

    def close(self) -> None:
        """Give the file back. What was read may linger in memory until the process ends."""
        if self._handle >= 0:
            self._files.close(self._handle)
        self._handle, self._usable = -1, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(self, blocks: dict[bytes, int], number: int, stamp: bytes, add: tuple[bytes, bytes] | None) -> Slot:
        """Turn the ring by one: move the block ahead or take a new one. Changes `blocks`."""
        here, ahead = number % self._layout.slots, (number + 1) % self._layout.slots
        moving = next((ref for ref, slot in blocks.items() if slot == ahead), None)
        if add is not None:
            ref, block = add
            if len(ref) != REF or len(block) != BLOCK or ref in blocks:
                raise ValueError("a block needs a new ref of 16 bytes and 262,144 bytes")
            if moving is not None:
                raise VaultError("vault_no_room")
            blocks[ref] = here
            return Slot(number, stamp, ref, block)
        if moving is None:
            return Slot(number, stamp)
        old = self._read_slot(ahead)
        if old is None or old.ref != moving:
            del blocks[moving]  # damaged on the disk: its owner sees that it no longer waits here
            return Slot(number, stamp)
        blocks[moving] = here
        return Slot(number, stamp, moving, old.block)

    def _write(self, number: int, known: dict[int, Side]) -> None:
        """Write one slot and one copy in all four compartments, slots first, then make them durable."""
        layout, copy, slot = self._layout, number % 2, number % self._layout.slots
        sides = [known.get(place) or Side.noise(self._entropy) for place in range(COMPARTMENTS)]
        self._usable = False
        with _disk():
            for place, side in enumerate(sides):
                data = seal_slot(side.ring, slot, side.slot, self._entropy)
                self._files.write(self._handle, layout.slot_at(place, slot), data)
            for place, side in enumerate(sides):
                data = seal_copy(side.root, copy, side.state, layout.state, self._entropy)
                self._files.write(self._handle, layout.copy_at(place, copy), data)
            self._files.sync(self._handle)
        self._usable = True

    def _read_slot(self, slot: int) -> Slot | None:
        with _disk():
            return _read_slot(self._files, self._handle, self._layout, (self._place, self._saved.ring), slot)

    def _check_usable(self) -> None:
        if not self._usable:
            raise VaultError("vault_disk")


def create(
    path: str | Path,
    real: str,
    notebook: str,
    *,
    size: int = DEFAULT_SIZE,
    cost: Cost = FULL_COST,
    entropy: Entropy = os.urandom,
    files: Files = DISK,
) -> None:
    """Make a new vault file of `size` bytes, all of them written, with an empty state and an empty notebook.

    Args:
        path: where; nothing may be there yet.
        real: the owner's passphrase.
        notebook: the passphrase for captors; another one than `real`.
        size: bytes, 4 MiB to 1 GiB in whole pages of 4,096.
        cost: what one trial of a passphrase costs; open_vault() needs the same one.
        entropy: gives that many random bytes.
        files: the disk.

    Raises:
        VaultError: vault_exists, vault_same_passphrase, vault_disk; nothing is left behind.
        ValueError: a size that no vault can have.

    Source: spec/70-vault.md, 2 and 3.
    """
    layout, path = Geometry.of(size), Path(path)
    try:
        with _disk():
            handle = files.create(path)
    except FileExistsError:
        raise VaultError("vault_exists") from None
    try:
        with _disk():
            files.lock(handle)
            _fill(files, handle, layout, _new_sides(layout, (real, notebook), cost, entropy), entropy)
            files.sync(handle)
            files.sync_folder(path)
    except BaseException:
        files.remove(path)
        raise
    finally:
        files.close(handle)


def open_vault(
    path: str | Path,
    passphrase: str,
    *,
    cost: Cost = FULL_COST,
    entropy: Entropy = os.urandom,
    files: Files = DISK,
) -> Vault:
    """Open a vault with either passphrase.

    Raises:
        VaultError: vault_wrong_passphrase (or damaged, cut short, not a vault: nothing tells which),
            vault_in_use, vault_disk.

    Whoever opens commits OPENING_COMMITS times before anything else.

    Source: spec/70-vault.md, 3, 6 and 7.
    """
    with _disk():
        handle = files.open(Path(path))
    try:
        with _disk():
            try:
                files.lock(handle)
            except BlockingIOError:
                raise VaultError("vault_in_use") from None
            return _unlock(files, handle, passphrase, cost, entropy)
    except BaseException:
        files.close(handle)
        raise


def _unlock(files: Files, handle: int, passphrase: str, cost: Cost, entropy: Entropy) -> Vault:
    """Try every copy of every compartment, never stopping early, and settle on a state."""
    size = files.size(handle)
    layout = Geometry.nearest(size)
    secret = sealing.stretch(passphrase, files.read(handle, 0, SALT), cost)
    found: tuple[int, bytes, bytes, tuple[State | None, State | None]] | None = None
    for place in range(COMPARTMENTS):
        root = compartment_root(secret, place, size)
        first, second = (_read_copy(files, handle, layout, (place, root), copy) for copy in (0, 1))
        if newer := first or second:
            found = place, root, newer.ring, (first, second)
    if found is None:
        raise VaultError("vault_wrong_passphrase")
    place, root, ring, copies = found
    state, stepped_back = settle(
        copies, lambda slot: _read_slot(files, handle, layout, (place, ring), slot), layout.slots
    )
    return Vault((files, handle, layout), (place, root), state, stepped_back, entropy)


def _new_sides(
    layout: Geometry, passphrases: tuple[str, str], cost: Cost, entropy: Entropy
) -> tuple[bytes, dict[int, tuple[Side, Notebook | None]]]:
    """Draw the salt, and the places and keys of the two sides of a new vault."""
    salt = entropy(SALT)
    real, notebook = (sealing.stretch(text, salt, cost) for text in passphrases)
    if real == notebook:
        raise VaultError("vault_same_passphrase")
    draw = 255
    while draw >= 252:  # 12 ordered pairs of places; 252 is the largest multiple of 12 in a byte
        draw = entropy(1)[0]
    ours, step = divmod(draw % 12, 3)
    theirs = (ours + 1 + step) % COMPARTMENTS
    kept = Notebook(theirs, compartment_root(notebook, theirs, layout.size), b"", entropy(sealing.KEY))
    our_side = Side(compartment_root(real, ours, layout.size), entropy(sealing.KEY))
    return salt, {ours: (our_side, kept), theirs: (Side(kept.root, kept.ring), None)}


def _fill(
    files: Files,
    handle: int,
    layout: Geometry,
    new: tuple[bytes, dict[int, tuple[Side, Notebook | None]]],
    entropy: Entropy,
) -> None:
    """Write every byte of a new vault: commits 0 and 1, empty slots, noise."""
    salt, sides = new
    files.write(handle, 0, salt + noise(PAGE - SALT, entropy))
    for place in range(COMPARTMENTS):
        side, kept = sides.get(place) or (Side.noise(entropy), None)
        for copy in (0, 1):
            content = encode_state(State(VERSION, copy, bytes(STAMP), b"", (), kept, side.ring))
            data = seal_copy(side.root, copy, content, layout.state, entropy)
            files.write(handle, layout.copy_at(place, copy), data)
        for slot in range(layout.slots):
            data = seal_slot(side.ring, slot, Slot(0, bytes(STAMP)).encode(), entropy)
            files.write(handle, layout.slot_at(place, slot), data)
    for offset, length in layout.rest():
        files.write(handle, offset, noise(length, entropy))


def _read_copy(files: Files, handle: int, layout: Geometry, place: tuple[int, bytes], copy: int) -> State | None:
    compartment, root = place
    sealed = files.read(handle, layout.copy_at(compartment, copy), layout.state)
    return open_copy(root, copy, sealed, layout.slots)


def _read_slot(files: Files, handle: int, layout: Geometry, place: tuple[int, bytes], slot: int) -> Slot | None:
    """Read and open one slot; `place` is a compartment and its ring."""
    compartment, ring = place
    return open_slot(ring, slot, files.read(handle, layout.slot_at(compartment, slot), STRIDE))


@contextmanager
def _disk() -> Iterator[None]:
    """Give a failing disk its one name; FileExistsError passes, because only create() can meet it."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise VaultError("vault_disk") from error
