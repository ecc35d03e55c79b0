"""Meetings by scanned codes: what the two screens show, and what scanning the other one does.

Does        begins such a meeting on either side, takes in what was scanned, says what to show now.
Does not    draw codes, or know a hello from a key: the meeting does.
Spec        spec/30-meeting.md, 10; spec/31-codes.md, 4
Always      1. A code is taken for what its meeting and side say, or refused with a reason.
            2. What is shown stays the same until the other has shown that it got it.
Read first  invite(), join(), take(), shown().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.exchange import greet, take_frame, take_hello
from tercet.core.fields import Malformed, Ref
from tercet.core.hello import FrameKind, parse_hello
from tercet.core.knock import Chance, Out
from tercet.core.meeting import OFFER_LIFETIME, Here, Meeting, Stage, Step, say
from tercet.core.scan import Answer, Carried, Frames, Invitation, encode_message, meeting_of, parse_message
from tercet.sealing import CannotOpen, digest

USED_MOST: Final = 16  # meetings by codes that are remembered after their end
USED_KEPT: Final = 2 * OFFER_LIFETIME  # seconds; an invitation is too old by then, whatever the two clocks say
NOTHING: Final = b""  # to show


class Screen(msgspec.Struct, frozen=True, array_like=True):
    """What a device remembers of meetings by codes that are over.

    Attributes:
        used: meetings (16 bytes each) and until when they are remembered, seconds.
        last: what the last one ended with: the other side may not have scanned it yet.
        until: how long that is shown, seconds.
    """

    used: tuple[tuple[Ref, int], ...] = ()
    last: bytes = NOTHING
    until: Annotated[int, msgspec.Meta(ge=0)] = 0

    def at(self, now: int) -> Screen:
        """The same, without what is over."""
        used = tuple((m, until) for m, until in self.used if until - USED_KEPT <= now < until)
        last = self.last if now < self.until else NOTHING
        return Screen(used, last, self.until if last else 0)

    def ended(self, meeting: bytes, last: bytes, now: int, shown_for: int) -> Screen:
        """The same after one more meeting; `last` is shown for `shown_for` seconds."""
        used = (*self.used, (meeting, now + USED_KEPT))[-USED_MOST:]
        return Screen(used, last, now + shown_for if last else 0)

    def knows(self, meeting: bytes) -> bool:
        """Whether a meeting was had already."""
        return any(meeting == m for m, _ in self.used)


def begun(side: int, name: str, role: Role | None, relay: str, secret: bytes, now: int) -> Meeting:
    """A meeting in which nothing has been said yet.

    Args:
        side: 0 the inviter, 1 the joiner.
        name: our owner's word for the other.
        role: what we shall be to them; none for the joiner.
        relay: where the meeting goes on; empty for by codes alone.
        secret: r, 32 bytes.
        now: our clock, seconds.
    """
    return Meeting(Stage.GREETING, side, name, role, now, relay, "", shared=secret, scanned=True)


def invite(meeting: Meeting, role: Role, here: Here, chance: Chance) -> Step:
    """Write the inviter's hello; with a relay it goes there."""
    meeting = greet(meeting, role, here, chance)
    return meeting, (say(meeting, FrameKind.HELLO, meeting.ours, chance),) if meeting.relay else ()


def join(meeting: Meeting, invitation: Invitation, here: Here, chance: Chance) -> Step:
    """Take in the invitation; without a relay the hello in it may end the meeting at once.

    Raises:
        Refusal: `scan_late`; `bad_scan`, the hello in it is none, or its keys are.
    """
    if not -OFFER_LIFETIME < meeting.began - invitation.made < OFFER_LIFETIME:
        raise Refusal("scan_late")
    if invitation.relay:
        return msgspec.structs.replace(meeting, expect=invitation.hello), ()
    try:
        return take_hello(meeting, parse_hello(invitation.hello, 0), invitation.hello, here, chance)
    except (Malformed, CannotOpen):
        raise Refusal("bad_scan") from None


def read(content: bytes) -> Invitation | Answer | Frames | Carried:
    """The message that was scanned.

    Raises:
        Refusal: `bad_scan`.
    """
    try:
        return parse_message(content)
    except Malformed:
        raise Refusal("bad_scan") from None


def named(message: Invitation | Answer | Frames) -> bytes:
    """The meeting that a message belongs to, 16 bytes."""
    return meeting_of(message.secret) if isinstance(message, Invitation) else message.meeting


def take(meeting: Meeting, message: Invitation | Answer | Frames, here: Here, chance: Chance) -> Step:
    """Take in a message that was scanned during a meeting; what is old or twice comes back as the same meeting.

    Raises:
        Refusal: `scan_own`, `scan_other`.
    """
    if named(message) != meeting_of(meeting.shared):
        raise Refusal("scan_other")
    side = message.side if isinstance(message, Frames) else int(isinstance(message, Answer))
    if side == meeting.side:
        raise Refusal("scan_own")
    if isinstance(message, Invitation):
        return meeting, ()
    if isinstance(message, Frames) == bool(meeting.relay):
        raise Refusal("scan_other")
    if isinstance(message, Frames):
        return _take_frames(meeting, message.frames, here, chance)
    if meeting.expect not in (b"", message.hello):
        raise Refusal("scan_other")
    return msgspec.structs.replace(meeting, expect=message.hello), ()


def _take_frames(meeting: Meeting, frames: tuple[bytes, ...], here: Here, chance: Chance) -> Step:
    """Take in frames in whatever order makes sense."""
    out: tuple[Out, ...] = ()
    waiting, moved = list(frames), True
    while moved:
        moved = False
        for frame in tuple(waiting):
            after, more = take_frame(meeting, frame, here, chance)
            if after is not meeting:
                meeting, out, moved = after, (*out, *more), True
                waiting.remove(frame)
    return meeting, out


def held(before: Meeting, after: Meeting, out: tuple[Out, ...]) -> Meeting:
    """By codes alone: the meeting with the frames to show from now on.

    The inviter's key frame is shown until the joiner's consent has come, which nobody can write without it;
    each one's own consent from then on; anything else until the next frame of the other.
    """
    kept: tuple[bytes, ...] = ()
    if before.stage is Stage.CONFIRMING:
        kept = before.frames[-1:] if after.they_confirmed else before.frames
    elif before.stage is Stage.COMPARING and not after.they_confirmed:
        kept = before.frames
    if after.stage is Stage.FAILED:
        kept = ()
    return msgspec.structs.replace(after, frames=(*kept, *(o.item for o in out)))


def shown(meeting: Meeting, shared: bytes = b"") -> bytes:
    """What to show now; empty for nothing.

    Args:
        meeting: by scanned codes.
        shared: r, 32 bytes, of a meeting that has failed and forgotten it.
    """
    shared = meeting.shared or shared
    if meeting.side == 0 and meeting.stage is Stage.GREETING:
        hello = digest(meeting.ours) if meeting.relay else meeting.ours
        return encode_message(Invitation(1, shared, meeting.began, meeting.relay, hello))
    if meeting.relay:
        answers = meeting.side == 1 and meeting.stage is Stage.KEYING
        return encode_message(Answer(1, meeting_of(shared), digest(meeting.ours))) if answers else NOTHING
    if not meeting.frames:
        return NOTHING
    return encode_message(Frames(1, meeting_of(shared), meeting.side, meeting.frames))
