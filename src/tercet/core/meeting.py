"""A meeting: two people in one place make a relation by a spoken or a scanned code.

Does        holds where a meeting stands on one side, what may happen to it then, where its frames lie and go.
Does not    decide what to answer the other side: `exchange` does, and `agreeing` once there are words.
Spec        spec/30-meeting.md
Always      1. What is not in the table does not happen.  2. A meeting that failed holds no secret.
Read first  TABLE, Meeting, advance().
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.card import Card
from tercet.core.cell import Cell, Role
from tercet.core.errors import Refusal
from tercet.core.fields import encode
from tercet.core.hello import FrameKind, Verdict, seal_shared, shared_box, transcript_of
from tercet.core.knock import Chance, Out, answer_box, plate_box
from tercet.sealing import Box, words_of

OFFER_LIFETIME: Final = 600  # seconds; spec/30-meeting.md, 7: a code lives ten minutes
CONFIRM_LIFETIME: Final = 4_200  # seconds; who has confirmed waits an hour longer for the other's word
LOOK_PATIENCE: Final = 120  # seconds; how long a joiner looks for an offer before the code counts as unknown


class Stage(StrEnum):
    """Where a meeting stands."""

    CHOOSING = "choosing"
    OFFERED = "offered"
    LOOKING = "looking"
    GREETING = "greeting"
    KEYING = "keying"
    COMPARING = "comparing"
    CONFIRMING = "confirming"
    KEPT = "kept"
    FAILED = "failed"


class Happening(StrEnum):
    """What can happen to a meeting."""

    PLATE_FREE = "plate free"
    PLATE_TAKEN = "plate taken"
    NO_PLATE = "no plate free"
    OFFER = "offer"
    ANSWER = "answer"
    HELLO = "hello"
    KEY = "key"
    OWNER_YES = "owner: same words"
    OWNER_NO = "owner: other words"
    CONFIRM = "confirm"
    REFUSAL = "refusal"
    WRONG = "does not open"
    DEADLINE = "deadline"


SHARED = (Stage.GREETING, Stage.KEYING, Stage.COMPARING, Stage.CONFIRMING)
_OPEN = (Stage.CHOOSING, Stage.OFFERED, Stage.LOOKING, *SHARED)
TABLE: Final = MappingProxyType(
    {
        (Stage.CHOOSING, Happening.PLATE_FREE): Stage.OFFERED,
        (Stage.CHOOSING, Happening.PLATE_TAKEN): Stage.CHOOSING,
        (Stage.CHOOSING, Happening.NO_PLATE): Stage.FAILED,
        (Stage.OFFERED, Happening.ANSWER): Stage.GREETING,
        (Stage.OFFERED, Happening.WRONG): Stage.FAILED,
        (Stage.LOOKING, Happening.OFFER): Stage.GREETING,
        (Stage.LOOKING, Happening.REFUSAL): Stage.FAILED,
        (Stage.GREETING, Happening.HELLO): Stage.KEYING,
        (Stage.GREETING, Happening.WRONG): Stage.FAILED,
        (Stage.KEYING, Happening.KEY): Stage.COMPARING,
        (Stage.COMPARING, Happening.OWNER_YES): Stage.CONFIRMING,
        (Stage.COMPARING, Happening.CONFIRM): Stage.COMPARING,
        (Stage.CONFIRMING, Happening.CONFIRM): Stage.KEPT,
    }
    | {(stage, Happening.DEADLINE): Stage.FAILED for stage in _OPEN}
    | {(stage, Happening.OWNER_NO): Stage.FAILED for stage in _OPEN}
    | {(stage, Happening.REFUSAL): Stage.FAILED for stage in SHARED}
)


class Meeting(msgspec.Struct, frozen=True, array_like=True):
    """One meeting under way; what is not known yet is empty.

    Attributes:
        stage: where it stands.
        side: 0 the inviter, 1 the joiner.
        name: our owner's word for the other.
        role: what we will be to the other; none until the joiner has read the inviter's hello.
        began: our clock when it began, seconds.
        relay: the relay's address; empty for a meeting by scanned codes alone.
        plate: the three digits; empty for a meeting by scanned codes.
        words: the code's words; erased once the key is made.
        spake: SPAKE2 state; erased likewise.
        offer: SPAKE2 message of the offer, 33 bytes; public.
        tried: nameplates found in use so far.
        shared: r, 32 bytes.
        seed: our X-Wing seed, 32 bytes.
        account: our Olm account, pickled.
        reveal: what the inviter promised, 32 bytes.
        ours: our hello as sent.
        theirs: their hello as read.
        our_key: our key frame as sent.
        our_secret: the secret in it, 32 bytes.
        root: the relation's first root, 32 bytes.
        likeness: what the compared words stand for, 32 bytes.
        session: the Olm session, pickled.
        they_confirmed: whether their `yes` has come.
        card: the network's, from the inviter's `yes` to a newcomer.
        failure: code, once failed.
        pair: the pair secret that the relation will hold, 32 bytes; empty for none.
        scanned: whether it is a meeting by scanned codes.
        expect: by scanned codes, digest of the hello that the other screen showed, 32 bytes.
        frames: by scanned codes alone, ours that the other may not have yet; the newest last.
        adoption: the secret of the commitment in our hello, 32 bytes; empty if we will not be below the other.
    """

    stage: Stage
    side: int
    name: str
    role: Role | None
    began: int
    relay: Annotated[str, msgspec.Meta(max_length=160)]
    plate: str
    words: str = ""
    spake: bytes = b""
    offer: bytes = b""
    tried: int = 0
    shared: bytes = b""
    seed: bytes = b""
    account: bytes = b""
    reveal: bytes = b""
    ours: bytes = b""
    theirs: bytes = b""
    our_key: bytes = b""
    our_secret: bytes = b""
    root: bytes = b""
    likeness: bytes = b""
    session: bytes = b""
    they_confirmed: bool = False
    card: Card | None = None
    failure: str = ""
    pair: bytes = b""
    scanned: bool = False
    expect: bytes = b""
    frames: tuple[bytes, ...] = ()
    adoption: bytes = b""

    @property
    def compare(self) -> tuple[str, ...]:
        """The four words to compare, once both keys are here; empty before."""
        return words_of(self.likeness, "compare words") if self.likeness else ()

    @property
    def code(self) -> str:
        """What the inviter says aloud; only while it is offered."""
        return f"{self.plate} {self.words}" if self.words else ""

    @property
    def hellos(self) -> bytes:
        """The transcript of both hellos, 32 bytes."""
        pair = (self.ours, self.theirs) if self.side == 0 else (self.theirs, self.ours)
        return transcript_of(*pair)


class Here(msgspec.Struct, frozen=True):
    """What a device brings to a meeting.

    Attributes:
        today: its day.
        network: digest of its network's board key, 32 bytes; none from a newcomer.
        cell: its neighbours, and the pair secrets it knows.
    """

    today: int
    network: bytes | None
    cell: Cell


Step = tuple[Meeting, tuple[Out, ...]]


def advance(meeting: Meeting, happening: Happening, **changes: object) -> Meeting:
    """Move along the table.

    Raises:
        Refusal: `no_meeting`, the table has no such arrow.
    """
    target = TABLE.get((meeting.stage, happening))
    if target is None:
        raise Refusal("no_meeting")
    return msgspec.structs.replace(meeting, stage=target, **changes)


def fail(meeting: Meeting, happening: Happening, code: str) -> Meeting:
    """End a meeting; every secret of it is erased."""
    stage = advance(meeting, happening).stage
    return Meeting(
        stage,
        meeting.side,
        meeting.name,
        meeting.role,
        meeting.began,
        meeting.relay,
        meeting.plate,
        offer=meeting.offer,
        failure=code,
        scanned=meeting.scanned,
    )


def box_to_read(meeting: Meeting) -> Box | None:
    """The box in which the other's next frame will lie; none when nothing is awaited."""
    if meeting.stage in (Stage.CHOOSING, Stage.LOOKING):
        return plate_box(meeting.plate)
    if meeting.stage is Stage.OFFERED:
        return answer_box(meeting.plate, meeting.offer)
    return shared_box(meeting.shared, 1 - meeting.side) if meeting.stage in SHARED and meeting.relay else None


def refusal_box(meeting: Meeting) -> Box | None:
    """Where the inviter leaves a refusal: the joiner looks here too until it has read a hello."""
    spoken = meeting.side == 1 and not meeting.scanned
    return plate_box(meeting.plate) if spoken and meeting.stage is Stage.GREETING else None


def boxes_of(meeting: Meeting) -> frozenset[bytes]:
    """Ids of the boxes that this side may have frames on the way to."""
    ours = {plate_box(meeting.plate).id} if meeting.side == 0 and not meeting.scanned else set()
    if meeting.offer:
        ours.add(answer_box(meeting.plate, meeting.offer).id)
    if meeting.shared:
        ours.add(shared_box(meeting.shared, meeting.side).id)
    return frozenset(ours)


def end_if_late(meeting: Meeting, now: int) -> Meeting:
    """The meeting, ended if its time is over; a clock set back does not lengthen it."""
    lifetimes = {Stage.LOOKING: LOOK_PATIENCE, Stage.CONFIRMING: CONFIRM_LIFETIME}
    if meeting.began <= now < meeting.began + lifetimes.get(meeting.stage, OFFER_LIFETIME):
        return meeting
    return fail(meeting, Happening.DEADLINE, "code_unknown" if meeting.stage is Stage.LOOKING else "code_expired")


def say(meeting: Meeting, kind: FrameKind, content: bytes, chance: Chance) -> Out:
    """A frame of ours under the shared key; by scanned codes alone it is as short as it can be."""
    return seal_shared(meeting.shared, meeting.side, kind, content, chance, padded=bool(meeting.relay))


def tell(meeting: Meeting, kind: str, chance: Chance) -> tuple[Out, ...]:
    """Our verdict, such as `no`, to the other side; nothing while there is no shared key yet."""
    if not meeting.shared:
        return ()
    return (say(meeting, FrameKind.VERDICT, encode(Verdict(1, kind)), chance),)
