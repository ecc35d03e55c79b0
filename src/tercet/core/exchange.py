"""The exchange: what the devices of a meeting tell each other, from the code to the consents.

Does        begins on either side, takes in each frame of the other's, and answers it.
Does not    read or put a frame: `encounter` does. Meetings by scanned codes begin in `bycode`.
Spec        spec/30-meeting.md
Always      1. One wrong try ends a code.  2. The inviter's key goes when the joiner cannot choose its own any more.
Read first  invite(), join(), take_frame().
"""

from __future__ import annotations

from typing import Final

import msgspec

from tercet.core.adoption import commitment_of
from tercet.core.agreeing import take_consent
from tercet.core.cell import COMPLEMENT, Role
from tercet.core.days import LATE_DAYS
from tercet.core.fields import Malformed, encode
from tercet.core.hello import (
    REFUSALS,
    FrameKind,
    Hello,
    KeyFrame,
    likeness_of,
    open_consent,
    open_shared,
    parse_hello,
    parse_key,
    parse_verdict,
    promise_of,
    root_of,
)
from tercet.core.knock import (
    CODE_WORDS,
    Chance,
    Out,
    draw_plate,
    open_answer,
    open_knock,
    parse_code,
    proof_of,
    seal_answer,
    seal_offer,
)
from tercet.core.meeting import SHARED, Happening, Here, Meeting, Stage, Step, advance, fail, say, tell
from tercet.sealing import (
    CannotOpen,
    digest,
    kem_public,
    olm_account,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
    open_with,
    seal_to,
    spake_finish,
    spake_start,
    spoken_words,
)

PLATES_TRIED: Final = 20  # nameplates found in use before the inviter gives up


def invite(name: str, role: Role, relay: str, now: int, chance: Chance) -> Meeting:
    """Begin as the inviter; the plate is to be looked at before it is used."""
    return Meeting(Stage.CHOOSING, 0, name, role, now, relay, draw_plate(chance))


def join(name: str, code: str, relay: str, now: int) -> Meeting:
    """Begin as the joiner, with the code heard.

    Raises:
        Refusal: `bad_code`.
    """
    plate, words = parse_code(code)
    return Meeting(Stage.LOOKING, 1, name, None, now, relay, plate, words)


def plate_seen(meeting: Meeting, empty: bool, chance: Chance) -> Step:
    """The inviter has looked into the plate's box: take it, draw another, or give up."""
    if not empty and meeting.tried >= PLATES_TRIED:
        return fail(meeting, Happening.NO_PLATE, "plates_taken"), ()
    if not empty:
        return advance(meeting, Happening.PLATE_TAKEN, plate=draw_plate(chance), tried=meeting.tried + 1), ()
    words = " ".join(spoken_words(chance, CODE_WORDS))
    state, message = spake_start("a", words, chance)
    offered = advance(meeting, Happening.PLATE_FREE, words=words, spake=state, offer=message)
    return offered, (seal_offer(meeting.plate, message, chance),)


def take_frame(meeting: Meeting, frame: bytes, here: Here, chance: Chance) -> Step:
    """Take in a frame found in a box of the meeting.

    Args:
        meeting: the state before.
        frame: 4,096 bytes.
        here: our day, network and cell.
        chance: randomness.

    Returns:
        The meeting after (failed, with a code, if the other side was wrong) and frames to put. A frame that
        is noise, old or of another stage changes nothing: the very same meeting comes back.
    """
    try:
        if meeting.stage is Stage.OFFERED:
            return _take_answer(meeting, frame, here, chance)
        if meeting.stage is Stage.LOOKING:
            return _take_offer(meeting, frame, chance)
        if meeting.stage in SHARED:
            return _take_shared(meeting, frame, here, chance)
    except (CannotOpen, Malformed):
        pass
    return meeting, ()


def refused_by(meeting: Meeting, frame: bytes) -> Meeting:
    """The joiner's meeting after a look at the plate: ended, if the frame refuses the offer it answered."""
    try:
        knock = open_knock(meeting.plate, frame)
    except (CannotOpen, Malformed):
        return meeting
    if knock.kind != "refusal" or knock.spake != meeting.offer:
        return meeting
    return fail(meeting, Happening.REFUSAL, knock.code)


def _take_answer(meeting: Meeting, frame: bytes, here: Here, chance: Chance) -> Step:
    knock = open_answer(meeting.plate, meeting.offer, frame)
    if meeting.role is None:
        return meeting, ()
    try:
        shared = spake_finish(meeting.spake, knock.spake)
    except CannotOpen:
        return fail(meeting, Happening.WRONG, "code_wrong"), ()
    if knock.proof != proof_of(shared):
        return fail(meeting, Happening.WRONG, "code_wrong"), ()
    role = meeting.role
    meeting = advance(meeting, Happening.ANSWER, shared=shared, words="", spake=b"")
    meeting = greet(meeting, role, here, chance)
    return meeting, (say(meeting, FrameKind.HELLO, meeting.ours, chance),)


def _take_offer(meeting: Meeting, frame: bytes, chance: Chance) -> Step:
    knock = open_knock(meeting.plate, frame)
    if knock.kind == "refusal":
        return fail(meeting, Happening.REFUSAL, knock.code), ()
    if knock.kind != "offer":
        return meeting, ()
    state, message = spake_start("b", meeting.words, chance)
    shared = spake_finish(state, knock.spake)
    answer = seal_answer(meeting.plate, knock.spake, message, proof_of(shared), chance)
    return advance(meeting, Happening.OFFER, shared=shared, offer=knock.spake, words=""), (answer,)


def _take_shared(meeting: Meeting, frame: bytes, here: Here, chance: Chance) -> Step:
    side = 1 - meeting.side
    try:
        kind, content = open_shared(meeting.shared, side, frame)
    except CannotOpen:
        if not meeting.root:
            raise
        return take_consent(meeting, open_consent(meeting.root, side, frame)), ()
    return take_said(meeting, kind, content, here, chance)


def take_said(meeting: Meeting, kind: int, content: bytes, here: Here, chance: Chance) -> Step:
    """Take in a hello, key frame or verdict of the other side, opened; arguments as for `take_frame`.

    Raises:
        Malformed, CannotOpen: it is none, or not from the other.
    """
    side = 1 - meeting.side
    if kind == FrameKind.VERDICT:
        return fail(meeting, Happening.REFUSAL, _refused_for(meeting, parse_verdict(content).kind)), ()
    if kind == FrameKind.HELLO and meeting.stage is Stage.GREETING:
        return _take_first_hello(meeting, content, here, chance)
    if kind == FrameKind.KEY and meeting.stage is Stage.KEYING:
        return _take_key(meeting, parse_key(content, side), content, chance)
    return meeting, ()


def _refused_for(meeting: Meeting, kind: str) -> str:
    """The code of a verdict; once there are words, whoever says no may have seen others than our owner."""
    compared = meeting.stage in (Stage.COMPARING, Stage.CONFIRMING)
    return "words_refused" if kind == "no" and compared else REFUSALS[kind]


def _take_first_hello(meeting: Meeting, content: bytes, here: Here, chance: Chance) -> Step:
    """By scanned codes with a relay, a hello is the one that the other screen promised, and waits until it has."""
    hello = parse_hello(content, 1 - meeting.side)
    if meeting.scanned and meeting.relay:
        if not meeting.expect:
            return meeting, ()
        if digest(content) != meeting.expect:
            return fail(meeting, Happening.WRONG, "hello_swapped"), tell(meeting, "no", chance)
    return take_hello(meeting, hello, content, here, chance)


def _objection(meeting: Meeting, hello: Hello, here: Here) -> tuple[str, str]:
    """Why a hello ends the meeting: what to tell the other, and our own code; both empty if it does not."""
    inviter, joiner = (hello.network, here.network) if meeting.side else (here.network, hello.network)
    if inviter is None:
        return "network", "no_card"
    if joiner not in (None, inviter):
        return "network", "network_differs"
    if abs(hello.day - here.today) > LATE_DAYS:
        return "clock", "clocks_differ"
    inviters = hello.role if meeting.side else COMPLEMENT[hello.role]
    if joiner is None and inviters in (Role.BELOW, Role.FOUNDER):
        return "newcomer", "newcomer_above"
    code = here.cell.objection(hello.role, hello.pair, meeting.shared, meeting.side)
    return ("no" if code else "", code)


def greet(meeting: Meeting, role: Role, here: Here, chance: Chance) -> Meeting:
    """Draw our fresh keys and write our hello."""
    account = olm_account()
    seed = chance(32)
    reveal, promise = b"", b""
    if meeting.side == 0:
        reveal = chance(32)
        promise = promise_of(reveal)
    public = (kem_public(seed), account.identity, account.one_time)
    tag = here.cell.tag(COMPLEMENT[role], meeting.shared, meeting.side)
    adoption = chance(32) if role is Role.BELOW else b""
    commitment = commitment_of(adoption) if adoption else b""
    hello = Hello(1, here.today, role, *public, here.network, promise, b"", commitment, tag)
    drawn = {"seed": seed, "account": account.pickle, "reveal": reveal, "adoption": adoption}
    return msgspec.structs.replace(meeting, role=role, ours=encode(hello), **drawn)


def take_hello(meeting: Meeting, hello: Hello, content: bytes, here: Here, chance: Chance) -> Step:
    """Take in the other's hello: answer it with ours and our key frame, or end the meeting with a reason.

    Raises:
        Malformed: its role does not answer ours.
    """
    if meeting.role is not None and hello.role is not COMPLEMENT[meeting.role]:
        raise Malformed
    told, code = _objection(meeting, hello, here)
    if code:
        return fail(meeting, Happening.REFUSAL, code), tell(meeting, told, chance)
    if meeting.side == 0:
        return advance(meeting, Happening.HELLO, theirs=content), ()
    meeting = greet(meeting, COMPLEMENT[hello.role], here, chance)
    meeting = advance(meeting, Happening.HELLO, theirs=content)
    meeting = _write_key(meeting, hello, b"", chance)
    greeting = say(meeting, FrameKind.HELLO, meeting.ours, chance)
    return meeting, (greeting, say(meeting, FrameKind.KEY, meeting.our_key, chance))


def _write_key(meeting: Meeting, theirs: Hello, olm: bytes, chance: Chance) -> Meeting:
    secret = chance(32)
    key = KeyFrame(1, seal_to(theirs.kem, secret, meeting.hellos), olm, meeting.reveal)
    return msgspec.structs.replace(meeting, our_secret=secret, our_key=encode(key))


def _take_key(meeting: Meeting, key: KeyFrame, content: bytes, chance: Chance) -> Step:
    """Both keys are here; the inviter sends its own only now, when the joiner cannot choose any more."""
    theirs = parse_hello(meeting.theirs, 1 - meeting.side)
    secret = open_with(meeting.seed, key.secret, meeting.hellos)
    out: tuple[Out, ...] = ()
    if meeting.side == 0:
        session, message = olm_encrypt(olm_outbound(meeting.account, theirs.identity, theirs.one_time), b"")
        meeting = _write_key(meeting, theirs, message, chance)
        out = (say(meeting, FrameKind.KEY, meeting.our_key, chance),)
        reveal, secrets, keys = meeting.reveal, (meeting.our_secret, secret), (meeting.our_key, content)
    else:
        if promise_of(key.reveal) != theirs.promise:
            raise Malformed
        session, _ = olm_inbound(meeting.account, theirs.identity, key.olm)
        reveal, secrets, keys = key.reveal, (secret, meeting.our_secret), (content, meeting.our_key)
    root = root_of(meeting.shared, secrets, meeting.hellos, keys)
    likeness = likeness_of(meeting.shared, reveal, meeting.hellos, keys[1])
    made = {"root": root, "likeness": likeness, "session": session}
    return advance(meeting, Happening.KEY, seed=b"", account=b"", reveal=b"", our_secret=b"", **made), out
