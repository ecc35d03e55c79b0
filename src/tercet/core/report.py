"""A report as its sender keeps it, and the files that follow it.

Does        holds what a member still owes the desk, and what the desk asks for once more.
Does not    seal or send; once sealed, a report cannot be opened here.
Spec        spec/50-report.md
Always      1. A media key is used for one block and then replaced by the next.
Read first  Report, MediaSend.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from tercet.core.channel import Channel
from tercet.core.content import MEDIA_MOST, MediaKind, blocks_of
from tercet.core.fields import Key, Number
from tercet.core.relation import Note

RESEND_MOST: Final = 8  # blocks asked for in one letter


class ReportState(StrEnum):
    """What a member sees of a report."""

    WAITING = "waiting"
    LEFT = "left this device"
    RECEIVED = "received by the desk"
    LAPSED = "lapsed: the desk has no key for it any more"


class MediaState(StrEnum):
    """What a member sees of a file."""

    WAITING = "waiting"
    LEFT = "left this device"
    RECEIVED = "received by the desk"
    CHANGED = "stopped: the file changed"
    MISSING = "stopped: the file is gone"
    LAPSED = "stopped: the desk answers no more"


class UnderWay(msgspec.Struct, frozen=True, array_like=True):
    """The one block that is sealed, saved and not yet stored at a relay.

    Attributes:
        ref: 16 random bytes, its name in the vault.
        boxes: ids of its boxes at its two relays, 32 bytes each.
        turn: picks the first relay.
        cover: 32 bytes; the vault keeps the block covered with it, so that what stays on the disk fits nothing.
    """

    ref: bytes
    boxes: tuple[bytes, ...]
    turn: int
    cover: bytes


class MediaSend(msgspec.Struct, frozen=True, array_like=True):
    """A file on its way out.

    Attributes:
        kind: what it is.
        path: where the file lies; empty once the desk has it, and for a travel copy.
        size: bytes.
        sha256: of the first pass; erased with the path.
        key: 32 bytes, of the next block to seal; erased when the last one is sealed.
        index: number of the next block to seal.
        state: what the owner sees.
        under_way: the block being sent, if any.
        again: (index, key) of blocks that the desk asked for once more.
        resent: how many were sent again so far; no more than the file has, and at least three.
    """

    kind: MediaKind
    path: str
    size: int
    sha256: bytes
    key: bytes
    index: int
    state: MediaState = MediaState.WAITING
    under_way: UnderWay | None = None
    again: tuple[tuple[int, bytes], ...] = ()
    resent: int = 0

    @property
    def blocks(self) -> int:
        """How many blocks the file takes."""
        return blocks_of(self.size)


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A report as its sender keeps it: a sealed frame it cannot open, and a conversation.

    Attributes:
        number: 1, 2, 3… on this device.
        made: when, seconds.
        state: what the owner sees.
        sealed: HPKE-sealed content behind its week number; empty once received.
        put: when a relay last stored it, or it lapsed, seconds; 0 for never.
        reply: 32 bytes, where its receipt comes from; empty once received.
        id: of the conversation, 16 bytes.
        channel: the conversation with the desk.
        media: files on their way.
        notes: what the desk wrote.
        asked: when we last gave the desk the chance to speak, seconds; 0 for never.
        used: when something new last came, went or was acknowledged, seconds.
    """

    number: int
    made: int
    state: ReportState
    sealed: bytes
    put: int
    reply: bytes
    id: bytes
    channel: Channel
    media: tuple[MediaSend, ...]
    notes: tuple[Note, ...] = ()
    asked: int = 0
    used: int = 0


class ResendRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The desk asks for lost blocks and gives their keys, which the sender no longer has.

    Attributes:
        media: which file of the report, from 0.
        blocks: (index, key) pairs.
    """

    media: Annotated[int, msgspec.Meta(ge=0, lt=2 * MEDIA_MOST)]
    blocks: Annotated[tuple[tuple[Number, Key], ...], msgspec.Meta(max_length=RESEND_MOST)]
