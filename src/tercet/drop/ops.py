"""The words of the drop: what one may ask of a dead drop, and what it may answer.

Does        name the operations, the answers, the sizes and the limits; make box ids from box secrets.
Does not    store, send, read a clock, or hold a key that opens anything.
Spec        spec/10-drop.md, 2 and 3
Always      1. An operation that exists is well formed.  2. Nothing but frames and blocks is an item.
Read first  the five operations, then `Box` rules in spec/10-drop.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

FRAME = 4_096  # bytes; spec/10-drop.md, 1
BLOCK = 262_144  # bytes; spec/10-drop.md, 1
SIZES = (FRAME, BLOCK)
SECRET = 32  # bytes of a box id, a box secret and an item's name
BOX_FRAMES = 128  # frames a box holds; spec/10-drop.md, 3
BOX_BLOCKS = 1  # blocks a box holds
READ_LIMIT = {FRAME: 128, BLOCK: 1}  # most items of one READ, by size
MAX_START = 0xFFFF_FFFF  # the largest index a READ may start from
DAY = 86_400  # seconds
ITEM_LIFETIME = 30 * DAY  # seconds; spec/10-drop.md, 3
POSTED_LIFETIME = 120 * DAY  # seconds


class Refusal(StrEnum):
    """Why a drop refused an operation. The text is the stable code."""

    BOX_FULL = "box_full"
    DISK_FULL = "disk_full"
    BAD_REQUEST = "bad_request"
    NO_PASS = "no_pass"  # noqa: S105 - a code, not a password
    BUSY = "busy"


REFUSAL_HINTS = {
    Refusal.BOX_FULL: "This box is full until its reader has emptied it: it will be tried again.",
    Refusal.DISK_FULL: "There is no room left there: tell whoever runs the relay, or take a larger stick.",
    Refusal.BAD_REQUEST: "The relay did not understand: use the same version of Tercet as the relay.",
    Refusal.NO_PASS: "The relay takes nothing without its pass. Passes of a week come with the letters of your link: "
    "try again when those are here; if none come, meet a link, or let the relay take the old passes again. Who only "
    "carries needs the relay's whole, newest address.",
    Refusal.BUSY: "The relay has too much to do, or its disk failed: try again later.",
}

FAILURES = (
    "relay_unreachable",
    "relay_wrong_key",
    "relay_lied",
    "relay_refused",
    "bad_address",
    "bad_pass",
    "bad_proxy",
    "store_in_use",
    "store_failed",
    "no_store",
    "cannot_carry",
)


class DropFailure(Exception):
    """A drop could not be used, or did not keep to its rules.

    Attributes:
        code: one of `FAILURES`.
        hint: one sentence for a person.
    """

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(hint)
        self.code = code
        self.hint = hint


def name_of(item: bytes) -> bytes:
    """Return an item's name: BLAKE2b-256 of its bytes (32 bytes). Source: spec/10-drop.md, 2."""
    return blake2b(item, digest_size=32).digest()


def read_of_ack(ack: bytes) -> bytes:
    """Return the read secret (32 bytes) of a box whose ack secret is given. Source: spec/10-drop.md, 2."""
    return blake2b(ack, digest_size=32, person=b"tercet read").digest()


def read_of_post(post: bytes) -> bytes:
    """Return the read secret (32 bytes) of a posted box. Source: spec/10-drop.md, 2."""
    return blake2b(post, digest_size=32, person=b"tercet post").digest()


def id_of_read(read: bytes, posted: bool = False) -> bytes:
    """Return the id (32 bytes) of the box that a read secret opens. Source: spec/10-drop.md, 2."""
    return blake2b(read, digest_size=32, person=b"tercet board" if posted else b"tercet box").digest()


def _need(length: int, *values: bytes) -> None:
    if any(len(value) != length for value in values):
        raise ValueError(f"a box id, a box secret and a name have {length} bytes")


@dataclass(frozen=True, slots=True)
class Put:
    """Lay an item into a box. `box` is the id (32 bytes), `item` a FRAME or a BLOCK. ValueError otherwise."""

    box: bytes
    item: bytes

    def __post_init__(self) -> None:
        _need(SECRET, self.box)
        if len(self.item) not in SIZES:
            raise ValueError("an item is a frame or a block")


@dataclass(frozen=True, slots=True)
class Read:
    """Show items of one size that lie in a box, oldest first; nothing is removed.

    Attributes:
        read: the read secret, 32 bytes.
        size: FRAME or BLOCK; items of the other size are not counted.
        start: index of the first item wanted, 0 for the oldest.
        limit: most items wanted: 1 to 128 frames, 1 block.
        posted: the box is a posted one.
    """

    read: bytes
    size: int = FRAME
    start: int = 0
    limit: int = 1
    posted: bool = False

    def __post_init__(self) -> None:
        _need(SECRET, self.read)
        if self.size not in SIZES or not 1 <= self.limit <= READ_LIMIT[self.size]:
            raise ValueError("a read asks for 1 to 128 frames, or for 1 block")
        if not 0 <= self.start <= MAX_START:
            raise ValueError("a read starts at an index of 32 bits")


@dataclass(frozen=True, slots=True)
class Ack:
    """Remove the item called `name` (32 bytes) from the box whose ack secret (32 bytes) is shown."""

    ack: bytes
    name: bytes

    def __post_init__(self) -> None:
        _need(SECRET, self.ack, self.name)


@dataclass(frozen=True, slots=True)
class Post:
    """Append a frame to a posted box, showing its post secret (32 bytes)."""

    post: bytes
    item: bytes

    def __post_init__(self) -> None:
        _need(SECRET, self.post)
        if len(self.item) != FRAME:
            raise ValueError("a posted item is a frame")


@dataclass(frozen=True, slots=True)
class Stored:
    """The item lies in the box, durably."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items read, oldest first, each of the asked size. `more`: the box holds later ones."""

    items: tuple[bytes, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Acked:
    """No item of that name lies in the box any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The operation changed nothing. `code` is one of `Refusal`."""

    code: str


Op = Put | Read | Ack | Post
Answer = Stored | Items | Acked | Refused
