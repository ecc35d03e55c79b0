"""The meeting: two people in one place make a relation by a spoken or a scanned code.

Does        carries one meeting from the code to the two confirmations, on either side.
Does not    show or ask anything: it tells the shell what to show, and is told what the owner said.
Spec        spec/30-meeting.md; by scanned codes, bycode.py
Always      1. One wrong try ends a code.  2. Nothing is kept unless both owners confirmed the same words.
Read first  TABLE, Meeting, take_frame().
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.adoption import commitment_of
from tercet.core.card import Card
from tercet.core.cell import ABOVE, COMPLEMENT, PAIR_SECRET, Cell, Role, gives
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.days import LATE_DAYS
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, encode
from tercet.core.hello import (
    REFUSALS,
    Consent,
    FrameKind,
    Hello,
    KeyFrame,
    Verdict,
    likeness_of,
    open_consent,
    open_shared,
    parse_hello,
    parse_key,
    parse_verdict,
    promise_of,
    root_of,
    seal_consent,
    seal_shared,
    shared_box,
    transcript_of,
)
from tercet.core.knock import (
    CODE_WORDS,
    Chance,
    Out,
    answer_box,
    draw_plate,
    open_answer,
    open_knock,
    parse_code,
    plate_box,
    proof_of,
    seal_answer,
    seal_offer,
)
from tercet.core.relation import Relation
from tercet.sealing import (
    Box,
    CannotOpen,
    derive,
    digest,
    kem_public,
    olm_account,
    olm_decrypt,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
    open_with,
    seal_to,
    spake_finish,
    spake_start,
    spoken_words,
    words_of,
)

OFFER_LIFETIME: Final = 600  # seconds; spec/30-meeting.md, 7: a code lives ten minutes
CONFIRM_LIFETIME: Final = 4_200  # seconds; who has confirmed waits an hour longer for the other's word
LOOK_PATIENCE: Final = 120  # seconds; how long a joiner looks for an offer before the code counts as unknown
PLATES_TRIED: Final = 20  # nameplates found in use before the inviter gives up


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


_SHARED = (Stage.GREETING, Stage.KEYING, Stage.COMPARING, Stage.CONFIRMING)
_OPEN = (Stage.CHOOSING, Stage.OFFERED, Stage.LOOKING, *_SHARED)
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
    | {(stage, Happening.REFUSAL): Stage.FAILED for stage in _SHARED}
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


def box_to_read(meeting: Meeting) -> Box | None:
    """The box in which the other's next frame will lie; none when nothing is awaited."""
    if meeting.stage in (Stage.CHOOSING, Stage.LOOKING):
        return plate_box(meeting.plate)
    if meeting.stage is Stage.OFFERED:
        return answer_box(meeting.plate, meeting.offer)
    return shared_box(meeting.shared, 1 - meeting.side) if meeting.stage in _SHARED and meeting.relay else None


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
        if meeting.stage in _SHARED:
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


def say_yes(meeting: Meeting, card: Card | None, cell: Cell, chance: Chance) -> tuple[Meeting, Out]:
    """Our owner found the same words on both screens; kept at once if the other has confirmed already.

    Args:
        meeting: being compared.
        card: our network's, beginning at the day to pass on; it goes to a newcomer only.
        cell: ours.
        chance: randomness.

    Raises:
        Refusal: `no_meeting`, there is nothing to confirm.
    """
    meeting, consent = agree(meeting, card, cell, chance)
    told = seal_consent(meeting.shared, meeting.root, meeting.side, consent, chance, padded=bool(meeting.relay))
    if meeting.they_confirmed:
        meeting = advance(meeting, Happening.CONFIRM)
    return meeting, told


def agree(meeting: Meeting, card: Card | None, cell: Cell, chance: Chance) -> tuple[Meeting, Consent]:
    """The meeting confirmed by our side, and the consent to seal; arguments and errors as for `say_yes`."""
    session, message = meeting.session, b""
    if meeting.stage is Stage.COMPARING and meeting.side == 1:
        session, message = olm_encrypt(session, b"")
    meeting = advance(meeting, Happening.OWNER_YES, session=session)
    newcomer = meeting.side == 0 and parse_hello(meeting.theirs, 1).network is None
    given = secret_to_give(meeting, cell, chance)
    if given and meeting.role in ABOVE:
        meeting = msgspec.structs.replace(meeting, pair=given)
    return meeting, Consent(1, message, card if newcomer else None, given)


def secret_to_give(meeting: Meeting, cell: Cell, chance: Chance) -> bytes:
    """The pair secret that our consent carries, 32 bytes; empty where the rule gives none.

    A link draws it for the first of its pair below, and gives the second the same.
    """
    neighbour, ours, theirs = _tags(meeting)
    if not gives(neighbour, ours, theirs):
        return b""
    return cell.secret(neighbour) or chance(PAIR_SECRET)


def say_no(meeting: Meeting, chance: Chance) -> Step:
    """Our owner found different words, or stopped; the other side is told when it can be."""
    code = "words_differ" if meeting.stage is Stage.COMPARING else "code_refused"
    return fail(meeting, Happening.OWNER_NO, code), _tell(meeting, "no", chance)


def relation_of(meeting: Meeting) -> Relation:
    """The relation that a kept meeting made."""
    if meeting.stage is not Stage.KEPT or meeting.role is None:
        raise Refusal("no_meeting")
    days = (parse_hello(meeting.ours, meeting.side).day, parse_hello(meeting.theirs, 1 - meeting.side).day)
    chain = DayChain(max(min(days) - 1, 0), derive(meeting.root, "relation chain"))
    return Relation(
        derive(meeting.root, "relation id", length=16),
        meeting.name,
        COMPLEMENT[meeting.role],
        chain,
        meeting.side,
        Channel(),
        meeting.session,
        pair=meeting.pair,
        adoption=meeting.adoption,
        commitment=parse_hello(meeting.theirs, 1 - meeting.side).commitment,
    )


def _tags(meeting: Meeting) -> tuple[Role, bytes, bytes]:
    """What the other will be to us, and the pair tags in our hello and in theirs."""
    theirs = parse_hello(meeting.theirs, 1 - meeting.side)
    return theirs.role, parse_hello(meeting.ours, meeting.side).pair, theirs.pair


def say(meeting: Meeting, kind: FrameKind, content: bytes, chance: Chance) -> Out:
    """A frame of ours under the shared key; by scanned codes alone it is as short as it can be."""
    return seal_shared(meeting.shared, meeting.side, kind, content, chance, padded=bool(meeting.relay))


def _tell(meeting: Meeting, kind: str, chance: Chance) -> tuple[Out, ...]:
    if not meeting.shared:
        return ()
    return (say(meeting, FrameKind.VERDICT, encode(Verdict(1, kind)), chance),)


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


def take_consent(meeting: Meeting, consent: Consent) -> Meeting:
    """Take in the other side's yes.

    Raises:
        Malformed, CannotOpen: it is not what the rule asks of them.
    """
    if meeting.they_confirmed:
        return meeting
    session = meeting.session
    if meeting.side == 0:
        session, _ = olm_decrypt(session, consent.olm)
    newcomer = meeting.side == 1 and parse_hello(meeting.ours, 1).network is None
    network = consent.card.network if consent.card else None
    if network != (parse_hello(meeting.theirs, 0).network if newcomer else None):
        raise Malformed
    neighbour, ours, theirs = _tags(meeting)
    if bool(consent.pair) != gives(COMPLEMENT[neighbour], theirs, ours):
        raise Malformed
    pair = consent.pair or meeting.pair
    return advance(meeting, Happening.CONFIRM, session=session, they_confirmed=True, card=consent.card, pair=pair)


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


def _take_first_hello(meeting: Meeting, content: bytes, here: Here, chance: Chance) -> Step:
    """By scanned codes with a relay, a hello is the one that the other screen promised, and waits until it has."""
    hello = parse_hello(content, 1 - meeting.side)
    if meeting.scanned and meeting.relay:
        if not meeting.expect:
            return meeting, ()
        if digest(content) != meeting.expect:
            return fail(meeting, Happening.WRONG, "hello_swapped"), _tell(meeting, "no", chance)
    return take_hello(meeting, hello, content, here, chance)


def take_hello(meeting: Meeting, hello: Hello, content: bytes, here: Here, chance: Chance) -> Step:
    """Take in the other's hello: answer it with ours and our key frame, or end the meeting with a reason.

    Raises:
        Malformed: its role does not answer ours.
    """
    if meeting.role is not None and hello.role is not COMPLEMENT[meeting.role]:
        raise Malformed
    told, code = _objection(meeting, hello, here)
    if code:
        return fail(meeting, Happening.REFUSAL, code), _tell(meeting, told, chance)
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
