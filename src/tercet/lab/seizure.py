"""A seized vault: everything in the file that a passphrase opens, with the product's code and beyond it.

Does        opens both copies of all compartments, every slot and every page under every key there is; compares images.
Does not    write to what was seized, or say what it means: `exposure` does.
Spec        spec/91-exposure.md, 3; spec/70-vault.md
Always      1. The file is only read.  2. A copy that does not count for its owner counts here.
Read first  Image, open_image().
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tercet.core.fields import Malformed
from tercet.core.state import Device, load
from tercet.core.understudy import Understudy, unpack
from tercet.lab.exposure import is_noise
from tercet.notebook import Book, NotebookError, decode_payload
from tercet.sealing import BLOCK, FRAME, CannotOpen, Cost, cover, derive, open_block, open_sealed, stretch
from tercet.vault import Geometry
from tercet.vault.geometry import COMPARTMENTS, MAX_SIZE, PAGE, STRIDE
from tercet.vault.records import Slot, State
from tercet.vault.seals import compartment_root, open_copy, open_slot
from tercet.vault.vault import SALT

PLACES, PAGES, EVERYWHERE = range(3)  # how far an image is searched
HINTS: Final = {
    "image_unreadable": "This cannot be read: give a file or a folder that you may open.",
    "image_large": "This is larger than any vault: a vault has 1 GiB at most.",
    "relay_unreadable": "There is no relay's store here: give the folder that `tercet relay` keeps.",
    "memory_unreadable": "This memory cannot be read: give a dump, or the number of a process that you may look into.",
    "log_unreadable": "This is no log of a relay that listened: spec/91-exposure.md, 4a, says what one looks like.",
    "texts_unreadable": "The texts cannot be read: give an open file descriptor, one a line, in UTF-8.",
    "passphrases_unreadable": "The passphrases cannot be read: give an open file descriptor, one a line, in UTF-8.",
}


class SeizureError(Exception):
    """It could not look; `code` is a key of `HINTS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]


@dataclass(frozen=True)
class Copy:
    """A state copy that opens: in which compartment, which of the two, and what it says."""

    place: int
    copy: int
    state: State

    @property
    def real(self) -> bool:
        """Whether it is the owner's side."""
        return self.state.notebook is not None

    @property
    def device(self) -> Device | None:
        """The core's state in it; none on the notebook's side, or if this version cannot read it."""
        try:
            return load(self.state.payload) if self.real else None
        except Malformed:
            return None

    @property
    def notebook(self) -> bytes:
        """The notebook's payload, as either side keeps it."""
        return self.state.notebook.payload if self.state.notebook else self.state.payload

    @property
    def book(self) -> Book:
        """The notes; an empty book where they cannot be read."""
        return _halves(self.notebook)[0]

    @property
    def leftover(self) -> int:
        """Bytes of the area that neither an understudy nor noise accounts for."""
        area = _halves(self.notebook)[1]
        size = int.from_bytes(area[:4], "big") if self.understudy else -4
        rest = area[4 + size :]
        return 0 if is_noise(rest) else len(rest)

    @property
    def understudy(self) -> Understudy | None:
        """What beats on in the device's place; none in noise."""
        return unpack(_halves(self.notebook)[1])


@dataclass
class Image:
    """A vault file as it was seized, and what opened.

    Attributes:
        data: all of it.
        copies: newest first.
        slots: that open, with their compartment and number.
        strays: offsets of pages that open although no copy and no slot of a vault lies there.
        tried: how many times something was tried.
    """

    data: bytes
    copies: list[Copy] = field(default_factory=list)
    slots: list[tuple[int, int, Slot]] = field(default_factory=list)
    strays: list[int] = field(default_factory=list)
    tried: int = 0

    @property
    def layout(self) -> Geometry:
        """Where everything would lie."""
        return Geometry.nearest(len(self.data))

    @property
    def states(self) -> list[tuple[Copy, Device]]:
        """The owner's states, newest first."""
        return [(copy, device) for copy in self.copies if (device := copy.device) is not None]


def read_image(path: Path) -> Image:
    """Read a seized file.

    Raises:
        SeizureError: `image_unreadable`, `image_large`.
    """
    try:
        if path.stat().st_size > MAX_SIZE:
            raise SeizureError("image_large")
        return Image(path.read_bytes())
    except OSError:
        raise SeizureError("image_unreadable") from None


def roots_in(image: Image, candidates: Iterable[bytes]) -> set[bytes]:
    """Which of some byte strings, such as a memory's, are keys that open a state copy where it lies."""
    layout, data = image.layout, memoryview(image.data)
    places = [(copy, layout.copy_at(place, copy)) for place in range(COMPARTMENTS) for copy in (0, 1)]
    sealed = [(copy, bytes(data[at : at + layout.state])) for copy, at in places]
    return {one for one in candidates if any(open_copy(one, copy, data, layout.slots) for copy, data in sealed)}


def open_image(
    image: Image, passphrases: Iterable[str], cost: Cost, *, depth: int = PAGES, keys: Iterable[bytes] = ()
) -> Image:
    """Open whatever opens.

    Args:
        image: is filled in.
        passphrases: all that the captor was given, or guesses.
        cost: what one trial costs; the product's, unless the vault was made for a test.
        depth: PLACES where something may lie; PAGES, each by itself besides; or EVERYWHERE, each as the beginning of a
            copy and of a slot too, which takes minutes for 64 MiB.
        keys: that open a copy, from `roots_in`.

    Source: spec/91-exposure.md, 3.
    """
    size, layout = len(image.data), image.layout
    roots = set(keys)
    for passphrase in passphrases:
        secret = stretch(passphrase, image.data[:SALT].ljust(SALT, b"\0"), cost)
        roots |= {compartment_root(secret, place, size) for place in range(COMPARTMENTS)}
    rings: set[bytes] = set()
    tried = 0
    while len(roots | rings) > tried:  # a state names a root and rings, which may open more
        tried = len(roots | rings)
        image.copies = _copies(image, roots)
        kept = [copy.state.notebook for copy in image.copies if copy.state.notebook]
        rings |= {copy.state.ring for copy in image.copies} | {notebook.ring for notebook in kept}
        roots |= {notebook.root for notebook in kept}
    image.slots = list(_slots(image, rings))
    if depth >= PAGES:
        image.strays = list(_strays(image, _keys(image, roots, rings)))
    if depth >= EVERYWHERE:
        image.strays += _carved(image, roots, rings, layout)
    return image


def _copies(image: Image, roots: set[bytes]) -> list[Copy]:
    """Every copy that opens under any root, wherever it belongs."""
    layout, found = image.layout, []
    for root in roots:
        for place in range(COMPARTMENTS):
            for lies in (0, 1):
                at = layout.copy_at(place, lies)
                sealed = image.data[at : at + layout.state]
                for copy in (0, 1):
                    image.tried += 1
                    state = open_copy(root, copy, sealed, layout.slots)
                    if state is not None:
                        found.append(Copy(place, copy, state))
    return sorted(found, key=lambda one: (one.real, one.state.counter), reverse=True)


def _slots(image: Image, rings: set[bytes]) -> Iterator[tuple[int, int, Slot]]:
    layout = image.layout
    for ring in rings:
        for place in range(COMPARTMENTS):
            for number in range(layout.slots):
                at = layout.slot_at(place, number)
                image.tried += 1
                slot = open_slot(ring, number, image.data[at : at + STRIDE])
                if slot is not None:
                    yield place, number, slot


def _keys(image: Image, roots: set[bytes], rings: set[bytes]) -> set[bytes]:
    """Every key that the passphrases and what they opened give: for pages that are sealed by themselves."""
    keys = roots | rings | {derive(root, "vault state") for root in roots}
    keys |= {derive(ring, "vault slot") for ring in rings}
    for _, device in image.states:
        keys |= {m.key for r in device.reports for m in r.media if m.key}
        keys |= {m.under_way.cover for r in device.reports for m in r.media if m.under_way}
        keys |= {relation.chain.root for relation in device.relations} | {back.root for back in device.returns}
    return keys


def _strays(image: Image, keys: set[bytes]) -> Iterator[int]:
    """Pages that open as an item of one page."""
    for key in keys:
        for at in range(0, len(image.data) - FRAME + 1, PAGE):
            image.tried += 1
            if _opens(key, image.data[at : at + FRAME], b""):
                yield at


def _carved(image: Image, roots: set[bytes], rings: set[bytes], layout: Geometry) -> list[int]:
    """Pages where a copy or a slot begins that no layout has."""
    known = {layout.copy_at(place, copy) for place in range(COMPARTMENTS) for copy in (0, 1)}
    known |= {layout.slot_at(place, slot) for place in range(COMPARTMENTS) for slot in range(layout.slots)}
    seals = [(derive(root, "vault state"), layout.state, bytes([copy])) for root in roots for copy in (0, 1)]
    found = []
    for at in range(0, len(image.data), PAGE):
        if at in known:
            continue
        last = [(derive(ring, "vault slot"), STRIDE, s.to_bytes(4, "big")) for ring in rings for s in _near(layout, at)]
        for key, size, aad in seals + last:
            image.tried += 1
            if at + size <= len(image.data) and _opens(key, image.data[at : at + size], aad):
                found.append(at)
    return found


def _near(layout: Geometry, at: int) -> tuple[int, ...]:
    """The slots that a stray one at an offset may have been."""
    inside = (at - PAGE) % layout.compartment - 2 * layout.state
    return tuple({max(min(inside // STRIDE + step, layout.slots - 1), 0) for step in (-1, 0, 1)})


def _opens(key: bytes, sealed: bytes, aad: bytes) -> bool:
    try:
        open_sealed(key, sealed, aad)
    except CannotOpen:
        return False
    return True


def _halves(payload: bytes) -> tuple[Book, bytes]:
    try:
        return decode_payload(payload)
    except NotebookError:
        return Book(), b""


@dataclass(frozen=True)
class OpenedBlock:
    """A block of a file that waits in the vault and opens: of which report and file, its number, its bytes."""

    report: int
    media: int
    index: int
    data: bytes


def opened_blocks(image: Image) -> list[OpenedBlock]:
    """Blocks that open with a cover key of one copy and a block key of the other.

    A state that has sealed a block no longer has its key, the copy before it has.
    """
    held = {(slot.ref, slot.block) for _, _, slot in image.slots if slot.block}
    files = [
        (report.number, place, media)
        for _, device in image.states
        for report in device.reports
        for place, media in enumerate(report.media)
    ]
    found: dict[tuple[int, int, int], OpenedBlock] = {}
    for number, place, media in files:
        blocks = [(b, media.under_way.cover) for ref, b in held if media.under_way and media.under_way.ref == ref]
        keys = [(m.index, m.key) for n, p, m in files if (n, p) == (number, place) and m.key]
        keys += [pair for n, p, m in files if (n, p) == (number, place) for pair in m.again]
        for block, covered in blocks:
            for index, key in keys:
                data = _block(key, index, index == media.blocks - 1, cover(covered, block))
                if data is not None:
                    found[number, place, index] = OpenedBlock(number, place, index, data)
    return list(found.values())


def sealed_blocks(image: Image) -> list[bytes]:
    """Waiting blocks as they lie at a relay: covered ones, with every cover key there is taken off."""
    covers = {m.under_way.cover for _, d in image.states for r in d.reports for m in r.media if m.under_way}
    held = {slot.block for _, _, slot in image.slots if len(slot.block) == BLOCK}
    return [cover(key, block) for block in held for key in covers]


def _block(key: bytes, index: int, last: bool, sealed: bytes) -> bytes | None:
    try:
        return open_block(key, index, last, sealed)
    except CannotOpen:
        return None


@dataclass(frozen=True)
class Change:
    """How two images of one file differ.

    Attributes:
        pages: how many differ, of `of`.
        slots: how many of each compartment's slots differ; copies likewise.
        salt: whether the first page differs: then they are two vaults.
        commits: the least number of commits between them; exact while it is less than there are slots, no more
            than that many slots were written.
        alike: whether all compartments changed at the same places.
        elsewhere: pages that differ where no commit writes.
    """

    pages: int
    of: int
    slots: tuple[int, ...]
    copies: tuple[int, ...]
    salt: bool
    commits: int
    alike: bool
    elsewhere: int


def compare(first: bytes, second: bytes) -> Change:
    """Compare two images, page by page.

    Source: spec/91-exposure.md, 3; spec/70-vault.md, 6 and 9.
    """
    layout = Geometry.nearest(max(len(first), len(second)))
    size = max(len(first), len(second))
    changed = {at // PAGE for at in range(0, size, PAGE) if first[at : at + PAGE] != second[at : at + PAGE]}

    def within(at: int, length: int) -> bool:
        return any(page in changed for page in range(at // PAGE, (at + length) // PAGE))

    every = range(COMPARTMENTS)
    slots = [frozenset(s for s in range(layout.slots) if within(layout.slot_at(c, s), STRIDE)) for c in every]
    copies = [frozenset(k for k in (0, 1) if within(layout.copy_at(c, k), layout.state)) for c in every]
    places = [(layout.copy_at(c, k), layout.state) for c in every for k in (0, 1)]
    places += [(layout.slot_at(c, s), STRIDE) for c in every for s in range(layout.slots)]
    written = {page for at, length in places for page in range(at // PAGE, (at + length) // PAGE)}
    return Change(
        pages=len(changed),
        of=-(-size // PAGE),
        slots=tuple(len(one) for one in slots),
        copies=tuple(len(one) for one in copies),
        salt=0 in changed,
        commits=max(len(one) for one in slots + copies),
        alike=len(set(slots)) == 1 and len(set(copies)) == 1,
        elsewhere=len(changed - written - {0}),
    )
