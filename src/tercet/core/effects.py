"""Effects: what the core orders the shell to do, in order.

Does        names everything a shell must be able to carry out.
Does not    carry it out.
Spec        spec/00-overview.md, 5
Always      1. The shell files what is `Filed`, then saves the state, then does the rest.
Read first  Effect.
"""

from __future__ import annotations

import msgspec

from tercet.core.content import ReportContent
from tercet.core.events import Query
from tercet.core.tokens import Standing

Places = tuple[tuple[str, bytes], ...]  # relays, and the id of the box (32 bytes) at each


class PutItem(msgspec.Struct, frozen=True):
    """Put a frame into its box at the first relay that answers; empty `ref` if nobody waits to hear of it.

    It is carried out `after` so many seconds.
    """

    ref: bytes
    places: Places
    item: bytes
    after: float = 0.0


class PutBlock(msgspec.Struct, frozen=True):
    """Put the block that the vault keeps under `ref`, uncovered with the key `cover` (32 bytes)."""

    ref: bytes
    places: Places
    cover: bytes


class PostItem(msgspec.Struct, frozen=True):
    """Post a frame on the board at one relay."""

    ref: bytes
    post: bytes
    item: bytes
    relay: str


class ReadBox(msgspec.Struct, frozen=True):
    """Read a box, `after` so many seconds; what lay in it comes back as `Arrived`."""

    query: Query
    read: bytes
    relay: str
    block: bool = False
    posted: bool = False
    limit: int = 1
    after: float = 0.0


class AckItem(msgspec.Struct, frozen=True):
    """Let a drop forget an item: its `name` (32 bytes), and the box's ack secret."""

    ack: bytes
    name: bytes
    relay: str


class KeepBlock(msgspec.Struct, frozen=True):
    """Keep a sealed and covered block in the vault under `ref`, in the same commit as the state or before it."""

    ref: bytes
    block: bytes


class ForgetBlock(msgspec.Struct, frozen=True):
    """The vault may forget a block, with this commit or a later one."""

    ref: bytes


class ReadChunk(msgspec.Struct, frozen=True):
    """Read one block's worth of a file and give it back as `ChunkRead` or `FileStopped`."""

    number: int
    media: int
    index: int
    path: str
    size: int
    sha256: bytes
    again: bool


class FileReport(msgspec.Struct, frozen=True):
    """File a new report in the desk's archive, durably, before the state is saved.

    `standing` and `witness`: what its tokens say.
    """

    case: bytes
    number: int
    came: int
    content: ReportContent
    standing: Standing = Standing.UNTOLD
    witness: bool = False


class FileWord(msgspec.Struct, frozen=True):
    """File a letter of a conversation: `ours` or the reporter's, its number and text."""

    case: bytes
    ours: bool
    number: int
    came: int
    text: str


class FileBlock(msgspec.Struct, frozen=True):
    """File a block of a file as it came, sealed."""

    case: bytes
    media: int
    index: int
    block: bytes


class CheckMedia(msgspec.Struct, frozen=True):
    """All blocks are here: open and hash them; the answer is `MediaChecked`."""

    case: bytes
    media: int


class DrawTokenKeys(msgspec.Struct, frozen=True):
    """Draw the private keys of a week's tokens, which takes a second; the answer is `TokenKeysDrawn`."""

    week: int


class ShowCode(msgspec.Struct, frozen=True):
    """Show a message as codes, instead of what was shown before; empty for nothing.

    `ref` (16 bytes) names the frame in it, if it is one that a relay could store as well: `Stored` says that
    the other side has scanned it.
    """

    content: bytes
    ref: bytes = b""


class Tell(msgspec.Struct, frozen=True):
    """Let the owner know: a stable word for what happened, and what to say with it (never kept, never logged)."""

    what: str
    facts: dict[str, str] = {}


Filed = FileReport | FileWord | FileBlock
Effect = (
    PutItem
    | PutBlock
    | PostItem
    | ReadBox
    | AckItem
    | KeepBlock
    | ForgetBlock
    | ReadChunk
    | Filed
    | CheckMedia
    | DrawTokenKeys
    | ShowCode
    | Tell
)
