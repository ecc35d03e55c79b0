"""The file: where everything lies, and what opens of it.

Does        tries every compartment, copy and slot of an image, and every page of it on demand.
Does not    say what a payload means.
Spec        spec/70-vault.md, 2 to 5
Always      1. Every compartment is tried, whatever opened before.  2. Copies that break a rule are shown all the same.
Read first  opened_copies(), opened_slots().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import keys, pack

PAGE = 4_096
BLOCK = 262_144
SLOT = BLOCK + PAGE
COMPARTMENTS = 4
SMALLEST, LARGEST = 4 << 20, 1 << 30


@dataclass(frozen=True)
class Layout:
    """Where things lie in a file of so many bytes."""

    size: int

    @property
    def compartment(self) -> int:
        """Bytes of a compartment."""
        near = min(max(self.size, SMALLEST), LARGEST) // PAGE * PAGE
        return (near - PAGE) // 4 // PAGE * PAGE

    @property
    def state(self) -> int:
        """Bytes of a state copy."""
        return self.compartment // 16 // PAGE * PAGE

    @property
    def slots(self) -> int:
        """Slots of a compartment."""
        return (self.compartment - 2 * self.state) // SLOT

    def copy_at(self, compartment: int, copy: int) -> int:
        """Offset of a state copy."""
        return PAGE + compartment * self.compartment + copy * self.state

    def slot_at(self, compartment: int, slot: int) -> int:
        """Offset of a slot."""
        return PAGE + compartment * self.compartment + 2 * self.state + slot * SLOT


@dataclass(frozen=True)
class Root:
    """The key of one compartment, and how it was come by."""

    key: bytes
    compartment: int
    how: str


@dataclass(frozen=True)
class Copy:
    """A state copy that opened; `fields` is what it says."""

    root: Root
    copy: int
    offset: int
    fields: list[Any]

    @property
    def counter(self) -> int:
        """The number of its commit."""
        return int(self.fields[1])

    @property
    def payload(self) -> bytes:
        """What the core, or the notebook, saved."""
        return bytes(self.fields[3])

    @property
    def real(self) -> bool:
        """Whether it is of the side that knows the other one."""
        return self.fields[5] is not None

    @property
    def ring(self) -> bytes:
        """The secret of its slots."""
        return bytes(self.fields[6])


@dataclass(frozen=True)
class Slot:
    """A slot that opened: of which commit, and its block if it has one."""

    compartment: int
    slot: int
    counter: int
    ref: bytes
    block: bytes


def roots(image: bytes, size: int, passphrase: str, how: str, cost: keys.Cost) -> list[Root]:
    """The key of each compartment under a passphrase."""
    secret = keys.stretch(passphrase, image[:32].ljust(32, b"\0"), cost)
    return [
        Root(keys.derive(secret, "vault compartment", bytes([c]), size.to_bytes(8, "big")), c, how)
        for c in range(COMPARTMENTS)
    ]


def opened_copies(image: bytes, layout: Layout, known: list[Root], pages: Sequence[int] = ()) -> list[Copy]:
    """Every state copy, in its place or at one of the pages, that opens under a root or one found in such a copy."""
    found: list[Copy] = []
    tried: set[bytes] = set()
    waiting = list(known)
    while waiting:
        root = waiting.pop(0)
        if root.key in tried:
            continue
        tried.add(root.key)
        for copy, offset in _places(layout, pages):
            one = _opened_copy(image, layout, root, copy, offset)
            if one is None:
                continue
            found.append(one)
            if one.real:
                waiting.append(Root(bytes(one.fields[5][1]), int(one.fields[5][0]), f"in {root.how}"))
    return found


def opened_slots(image: bytes, layout: Layout, rings: set[bytes]) -> list[Slot]:
    """Every slot that opens under one of the rings, at its own place or at another's."""
    found = []
    for ring in sorted(rings):
        key = keys.derive(ring, "vault slot")
        for compartment in range(COMPARTMENTS):
            for place in range(layout.slots):
                at = layout.slot_at(compartment, place)
                for slot in range(layout.slots):
                    content = keys.opened(key, image[at : at + SLOT], slot.to_bytes(4, "big"))
                    if content is not None:
                        counter, ref, block = int.from_bytes(content[:8], "big"), content[24:40], content[40:]
                        found.append(Slot(compartment, slot, counter, ref, block))
    return found


def _places(layout: Layout, pages: Sequence[int]) -> Iterator[tuple[int, int]]:
    for copy in (0, 1):
        own = {layout.copy_at(compartment, copy) for compartment in range(COMPARTMENTS)}
        yield from ((copy, offset) for offset in sorted(own | {page * PAGE for page in pages}))


def _opened_copy(image: bytes, layout: Layout, root: Root, copy: int, offset: int) -> Copy | None:
    sealed = image[offset : offset + layout.state].ljust(layout.state, b"\0")
    content = keys.opened(keys.derive(root.key, "vault state"), sealed, bytes([copy]))
    fields = None if content is None else pack.array(content)
    return None if fields is None or len(fields) != 7 else Copy(root, copy, offset, fields)
