"""Events: what happened, as the shell tells the core.

Does        names everything a core can learn: time passing, answers of drops, the owner's words.
Does not    decide.
Spec        spec/00-overview.md, 5
Always      1. An event carries what happened, never what to do.
Read first  Event.
"""

from __future__ import annotations

import msgspec

from tercet.core.cell import Role
from tercet.core.content import MediaKind, Place


class Query(msgspec.Struct, frozen=True, array_like=True):
    """Why a box was read; comes back with what lay in it.

    Attributes:
        kind: `relation`, `return`, `intake`, `media`, `board`, `meeting`, `refusal`, `plate`, `cover` or `ahead`.
        id: of the relation, return or case, the plate's digits, or the mark of a READ drawn ahead; else empty.
        day: of the box; 0 where days do not matter.
        index: shard, media number, or number of the mix that made a relation's chain.
        place: which of its lane's relays the box is at, 0 or 1.
        block: index of a media block.
        start: how many items were passed over.
        round: how often the box was read on already in one go.
        alone: whether it is one of a covered beat's two reads: nothing may follow from it at once.
    """

    kind: str
    id: bytes = b""
    day: int = 0
    index: int = 0
    place: int = 0
    block: int = 0
    start: int = 0
    round: int = 0
    alone: bool = False


class Beat(msgspec.Struct, frozen=True):
    """It is time for a beat; the next one comes in `span` seconds, and it reads that many boxes (`beat.reads_at`)."""

    span: float = 0.0
    reads: int = 2


class SendNow(msgspec.Struct, frozen=True):
    """The owner wants everything that is due to go and come now, though whoever watches can see it.

    `polls`: how often, besides, the desk is asked in each conversation: by stick it answers once a trip to each.
    """

    polls: int = 0


class Lock(msgspec.Struct, frozen=True):
    """The owner locks the device for `seconds`: draw its covered beats ahead, `pace` seconds apart on average."""

    seconds: float
    pace: float


class Look(msgspec.Struct, frozen=True):
    """A meeting is under way: look for the other side's next frame."""


class Stored(msgspec.Struct, frozen=True):
    """A drop has stored, durably, what `ref` (16 bytes) names; `relay` is its address."""

    ref: bytes
    relay: str = ""


class Refused(msgspec.Struct, frozen=True):
    """A drop refused what `ref` names; `code` is its reason."""

    ref: bytes
    code: str


class Arrived(msgspec.Struct, frozen=True):
    """What a box held: items, oldest first, and whether there are more behind them.

    `carried`: it came by stick or code, so what is missing proves nothing about the relay.
    """

    query: Query
    items: tuple[bytes, ...]
    more: bool
    relay: str
    carried: bool = False


class Unlocked(msgspec.Struct, frozen=True):
    """The device is open again; this is what a locked process saw, named by its marks. Empty if it is gone."""

    happened: tuple[Stored | Arrived, ...] = ()


class SetUpDesk(msgspec.Struct, frozen=True):
    """Found a network: its relays, and how many intake boxes a day has."""

    relays: tuple[str, ...]
    shards: int


class ChangeRelays(msgspec.Struct, frozen=True):
    """The desk gives the network another list of relays, 1 to 8."""

    relays: tuple[str, ...]


class TakeWeekly(msgspec.Struct, frozen=True):
    """The desk is given the weekly secret (32 bytes) of the relay at an address; empty: it is to forget that."""

    relay: str
    secret: bytes


class TakeRoots(msgspec.Struct, frozen=True):
    """The desk is given root documents, signed, in order."""

    documents: tuple[bytes, ...]


class DrawBoardKey(msgspec.Struct, frozen=True):
    """The desk wants a fresh board key, to be delegated by a next root."""


class Invite(msgspec.Struct, frozen=True):
    """The owner begins a meeting; `role` is what we will be to the other."""

    name: str
    role: Role


class Join(msgspec.Struct, frozen=True):
    """The owner has heard a code; `relay` is where to meet, for a newcomer."""

    name: str
    code: str
    relay: str


class InviteByCode(msgspec.Struct, frozen=True):
    """The owner begins a meeting by scanned codes; `offline`: by codes alone, with no relay."""

    name: str
    role: Role
    offline: bool


class JoinByCode(msgspec.Struct, frozen=True):
    """The owner has scanned an invitation."""

    name: str
    content: bytes


class Scanned(msgspec.Struct, frozen=True):
    """The owner has scanned the other screen."""

    content: bytes


class ShowCodes(msgspec.Struct, frozen=True):
    """The owner wants to see again what the other is to scan."""


class ShowLetter(msgspec.Struct, frozen=True):
    """The owner wants to hand the next frame for a neighbour over by codes."""

    to: str


class SameWords(msgspec.Struct, frozen=True):
    """The owner saw the same four words on both screens."""


class OtherWords(msgspec.Struct, frozen=True):
    """The owner saw other words, or stopped the meeting."""


class Introduce(msgspec.Struct, frozen=True):
    """The owner introduces two neighbours to each other, by its words for them."""

    first: str
    second: str


class AcceptIntroduction(msgspec.Struct, frozen=True):
    """The owner agrees to be introduced; `name` is its word for the other."""

    name: str


class DeclineIntroduction(msgspec.Struct, frozen=True):
    """The owner does not want to be introduced."""


class CompareWords(msgspec.Struct, frozen=True):
    """The owner stands face to face with somebody it was introduced to, and wants to see the words."""

    name: str


class WordsAgree(msgspec.Struct, frozen=True):
    """Both saw the same words."""

    name: str


class WordsDiffer(msgspec.Struct, frozen=True):
    """They saw different words."""

    name: str


class Burn(msgspec.Struct, frozen=True):
    """The owner wants a neighbour cut out, and said so twice."""

    name: str


class Spare(msgspec.Struct, frozen=True):
    """The owner does not want a neighbour cut out, or not any more."""

    name: str


class WriteLetter(msgspec.Struct, frozen=True):
    """The owner writes to a neighbour."""

    to: str
    text: str


class MediaGiven(msgspec.Struct, frozen=True):
    """A file that goes with a report, after its first pass.

    Attributes:
        kind: photo, video or audio.
        form: file ending, lower case.
        path: where it lies.
        size: bytes.
        sha256: 32 bytes.
        travel: a small copy without metadata that fits one block, or empty.
    """

    kind: MediaKind
    form: str
    path: str
    size: int
    sha256: bytes
    travel: bytes
    travel_sha256: bytes


class WriteReport(msgspec.Struct, frozen=True):
    """The owner reports; `witness`: and saw it, so that the week's witness token goes along."""

    text: str
    place: Place | None
    happened: int | None
    media: tuple[MediaGiven, ...]
    witness: bool = False


class WriteWord(msgspec.Struct, frozen=True):
    """The owner answers the desk in the conversation of a report."""

    number: int
    text: str


class Reply(msgspec.Struct, frozen=True):
    """The desk writes to the reporter of a case (its number)."""

    case: int
    text: str


class WriteNotice(msgspec.Struct, frozen=True):
    """The desk says something to everyone, until a day (its number)."""

    text: str
    until: int


class PostStatement(msgspec.Struct, frozen=True):
    """The desk is given what the group says in public, signed."""

    said: bytes


class NoticesSeen(msgspec.Struct, frozen=True):
    """The owner has read the notices that are here."""


class NotesSeen(msgspec.Struct, frozen=True):
    """The owner has read what came; it vanishes a day later."""


class ChunkRead(msgspec.Struct, frozen=True):
    """A piece of a file was read for sealing; `again` when the desk had asked for it."""

    number: int
    media: int
    index: int
    data: bytes
    again: bool


class FileStopped(msgspec.Struct, frozen=True):
    """A file can no longer be sent: `changed` or else it is gone."""

    number: int
    media: int
    changed: bool


class MediaChecked(msgspec.Struct, frozen=True):
    """The desk's shell has hashed a whole file: `good` if it is the one announced."""

    case: bytes
    media: int
    good: bool


class TokenKeysDrawn(msgspec.Struct, frozen=True):
    """The desk's shell has drawn the keys of a week's tokens: 256 bytes for report tokens, 256 for witness tokens."""

    week: int
    private: bytes


class RelayTime(msgspec.Struct, frozen=True):
    """A relay said what time it is, seconds; nothing but a warning follows from it."""

    seconds: int


class WentBack(msgspec.Struct, frozen=True):
    """The vault opened one step older than it may have been: message keys must be passed over."""


Event = (
    Beat
    | SendNow
    | Lock
    | Unlocked
    | Look
    | Stored
    | Refused
    | Arrived
    | SetUpDesk
    | ChangeRelays
    | TakeWeekly
    | TakeRoots
    | DrawBoardKey
    | Invite
    | Join
    | InviteByCode
    | JoinByCode
    | Scanned
    | ShowCodes
    | ShowLetter
    | SameWords
    | OtherWords
    | Introduce
    | AcceptIntroduction
    | DeclineIntroduction
    | CompareWords
    | WordsAgree
    | WordsDiffer
    | Burn
    | Spare
    | WriteLetter
    | WriteReport
    | WriteWord
    | Reply
    | WriteNotice
    | PostStatement
    | NoticesSeen
    | NotesSeen
    | ChunkRead
    | FileStopped
    | MediaChecked
    | TokenKeysDrawn
    | RelayTime
    | WentBack
)
