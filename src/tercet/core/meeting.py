"""The meeting: two people in one place make a relation by a spoken code.

Does        carries one meeting from the code to the two confirmations, on either side.
Does not    show or ask anything: it tells the shell what to show, and is told what the owner said.
Spec        spec/30-meeting.md
Always      1. One wrong try ends a code.  2. Nothing is kept unless both owners confirmed the same words.
Read first  TABLE, Meeting, take_frame().
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.card import Card
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.errors import Refusal
from tercet.core.fields import Address, Day, Key, Malformed, Version1, decode, encode
from tercet.core.relation import COMPLEMENT, Relation, Role
from tercet.sealing import (
    FRAME,
    NONCE,
    Box,
    CannotOpen,
    UnknownWord,
    box,
    derive,
    digest,
    kem_public,
    normal_words,
    olm_account,
    olm_decrypt,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
    open_sealed,
    open_with,
    seal,
    seal_to,
    spake_finish,
    spake_start,
    spoken_words,
    words_of,
)

Chance = Callable[[int], bytes]
Welcome = Callable[[Role], bool]
OFFER_LIFETIME: Final = 600  # seconds; protocol.md, 4: a code lives ten minutes
LOOK_PATIENCE: Final = 120  # seconds; how long a joiner looks for an offer before the code counts as unknown
CODE_WORDS: Final = 4
PLATES_TRIED: Final = 20  # nameplates that the inviter finds in use before it takes one anyway


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


_OPEN = (
    Stage.CHOOSING,
    Stage.OFFERED,
    Stage.LOOKING,
    Stage.GREETING,
    Stage.KEYING,
    Stage.COMPARING,
    Stage.CONFIRMING,
)
TABLE: Final = MappingProxyType(
    {
        (Stage.CHOOSING, Happening.PLATE_FREE): Stage.OFFERED,
        (Stage.CHOOSING, Happening.PLATE_TAKEN): Stage.CHOOSING,
        (Stage.OFFERED, Happening.ANSWER): Stage.GREETING,
        (Stage.OFFERED, Happening.WRONG): Stage.FAILED,
        (Stage.LOOKING, Happening.OFFER): Stage.GREETING,
        (Stage.GREETING, Happening.HELLO): Stage.KEYING,
        (Stage.KEYING, Happening.KEY): Stage.COMPARING,
        (Stage.COMPARING, Happening.OWNER_YES): Stage.CONFIRMING,
        (Stage.COMPARING, Happening.CONFIRM): Stage.COMPARING,
        (Stage.CONFIRMING, Happening.CONFIRM): Stage.KEPT,
    }
    | {(stage, Happening.DEADLINE): Stage.FAILED for stage in _OPEN}
    | {(stage, Happening.OWNER_NO): Stage.FAILED for stage in _OPEN}
    | {(stage, Happening.REFUSAL): Stage.FAILED for stage in _OPEN if stage is not Stage.CHOOSING}
)


class Knock(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frame in a nameplate's box: offer, answer or refusal. Anybody who knows the plate can open it.

    Attributes:
        version: 1.
        kind: `offer`, `answer` or `refusal`.
        spake: SPAKE2 message, 33 bytes; empty in a refusal.
        proof: of the answer, 32 bytes: only who knows the words can make it; else empty.
        code: of the refusal; else empty.
    """

    version: Version1
    kind: Annotated[str, msgspec.Meta(pattern="^(offer|answer|refusal)$")]
    spake: Annotated[bytes, msgspec.Meta(max_length=33)]
    proof: Annotated[bytes, msgspec.Meta(max_length=32)]
    code: Annotated[str, msgspec.Meta(pattern="^(code_(wrong|expired|used))?$")]


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What each tells the other under the code's key.

    Attributes:
        version: 1.
        day: the writer's day.
        role: what the writer will be to the reader.
        kem: X-Wing public key, 1,216 bytes.
        identity: Olm identity key, 32 bytes.
        one_time: Olm one-time key, 32 bytes.
        network: digest of the board key of the writer's network, or empty for a newcomer.
        card: of the writer's network; none from a newcomer.
        burn_point: reserved for burn lines, up to 96 bytes; empty in this version.
        commitment: reserved for adoption, up to 32 bytes; empty in this version.
    """

    version: Version1
    day: Day
    role: Role
    kem: Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]
    identity: Key
    one_time: Key
    network: Annotated[bytes, msgspec.Meta(max_length=32)]
    card: Card | None
    burn_point: Annotated[bytes, msgspec.Meta(max_length=96)]
    commitment: Annotated[bytes, msgspec.Meta(max_length=32)]


class KeyFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The fresh secret for the other's KEM key, and the inviter's first Olm message.

    Attributes:
        version: 1.
        secret: 32 bytes sealed to the other's key, 1,168 bytes.
        olm: pre-key message of the inviter; empty from the joiner.
    """

    version: Version1
    secret: Annotated[bytes, msgspec.Meta(min_length=1168, max_length=1168)]
    olm: Annotated[bytes, msgspec.Meta(max_length=512)]


class Verdict(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An owner's word on the four words, or a refusal on the way there.

    Attributes:
        version: 1.
        kind: `yes`, `no`, `full` or `network`.
        olm: with the joiner's `yes`, an Olm message that ends the inviter's pre-key messages; else empty.
    """

    version: Version1
    kind: Annotated[str, msgspec.Meta(pattern="^(yes|no|full|network)$")]
    olm: Annotated[bytes, msgspec.Meta(max_length=512)]


class Meeting(msgspec.Struct, frozen=True, array_like=True):
    """One meeting under way; what is not known yet is empty.

    Attributes:
        stage: where it stands.
        side: 0 the inviter, 1 the joiner.
        name: our owner's word for the other.
        role: what we will be to the other; none until the joiner has read the inviter's hello.
        began: our clock when it began, seconds.
        relay: the relay's address.
        plate: the three digits.
        words: the code's words; erased once the key is made.
        spake: SPAKE2 state; erased likewise.
        tried: nameplates found in use so far.
        shared: r, 32 bytes.
        seed: our X-Wing seed, 32 bytes.
        account: our Olm account, pickled.
        ours: our hello as sent.
        theirs: their hello as read.
        our_key: our key frame as sent.
        our_secret: the secret in it, 32 bytes.
        root: the relation's first root, 32 bytes.
        session: the Olm session, pickled.
        they_confirmed: whether their `yes` has come.
        failure: code, once failed.
    """

    stage: Stage
    side: int
    name: str
    role: Role | None
    began: int
    relay: Address
    plate: str
    words: str = ""
    spake: bytes = b""
    tried: int = 0
    shared: bytes = b""
    seed: bytes = b""
    account: bytes = b""
    ours: bytes = b""
    theirs: bytes = b""
    our_key: bytes = b""
    our_secret: bytes = b""
    root: bytes = b""
    session: bytes = b""
    they_confirmed: bool = False
    failure: str = ""

    @property
    def compare(self) -> tuple[str, ...]:
        """The four words to compare, once both keys are here; empty before."""
        return words_of(self.root, "compare words") if self.root else ()

    @property
    def code(self) -> str:
        """What the inviter says aloud; only while it is offered."""
        return f"{self.plate} {self.words}" if self.words else ""


class Out(msgspec.Struct, frozen=True):
    """A frame to put: the id of its box, and 4,096 bytes."""

    box: bytes
    item: bytes


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
    ended = advance(meeting, happening)
    return Meeting(
        ended.stage,
        meeting.side,
        meeting.name,
        meeting.role,
        meeting.began,
        meeting.relay,
        meeting.plate,
        failure=code,
    )


def parse_code(text: str) -> tuple[str, str]:
    """Split a spoken code into its nameplate and its normalised words.

    Raises:
        Refusal: `bad_code`.
    """
    plate, _, rest = text.strip().replace("-", " ").partition(" ")
    try:
        words = normal_words(rest)
    except UnknownWord:
        raise Refusal("bad_code") from None
    if not (len(plate) == 3 and plate.isascii() and plate.isdigit()) or len(words) != CODE_WORDS:
        raise Refusal("bad_code")
    return plate, " ".join(words)


def invite(name: str, role: Role, relay: str, now: int, chance: Chance) -> Meeting:
    """Begin as the inviter; the plate is to be looked at before it is used."""
    return Meeting(Stage.CHOOSING, 0, name, role, now, relay, _draw_plate(chance))


def join(name: str, code: str, relay: str, now: int) -> Meeting:
    """Begin as the joiner, with the code heard.

    Raises:
        Refusal: `bad_code`.
    """
    plate, words = parse_code(code)
    return Meeting(Stage.LOOKING, 1, name, None, now, relay, plate, words)


def plate_seen(meeting: Meeting, empty: bool, chance: Chance) -> tuple[Meeting, Out | None]:
    """The inviter has looked into the plate's box: take it, or draw another."""
    if not empty and meeting.tried < PLATES_TRIED:
        again = advance(meeting, Happening.PLATE_TAKEN, plate=_draw_plate(chance), tried=meeting.tried + 1)
        return again, None
    words = " ".join(spoken_words(chance, CODE_WORDS))
    state, message = spake_start("a", words, chance)
    offered = advance(meeting, Happening.PLATE_FREE, words=words, spake=state)
    return offered, _knock(offered, Knock(1, "offer", message, b"", ""), chance)


def box_to_read(meeting: Meeting) -> Box | None:
    """The box in which the other's next frame will lie; none when nothing is awaited."""
    if meeting.stage in (Stage.CHOOSING, Stage.LOOKING):
        return plate_box(meeting.plate, 0)
    if meeting.stage is Stage.OFFERED:
        return plate_box(meeting.plate, 1)
    if meeting.stage in (Stage.GREETING, Stage.KEYING, Stage.COMPARING, Stage.CONFIRMING):
        return _shared_box(meeting, 1 - meeting.side)
    return None


def refusal_box(meeting: Meeting) -> Box | None:
    """Where the inviter leaves a refusal: the joiner looks here too until it has read a hello."""
    return plate_box(meeting.plate, 0) if meeting.side == 1 and meeting.stage is Stage.GREETING else None


def end_if_late(meeting: Meeting, now: int) -> Meeting:
    """The meeting, ended if its time is over; a clock set back does not lengthen it."""
    looking = meeting.stage is Stage.LOOKING
    lifetime = LOOK_PATIENCE if looking else OFFER_LIFETIME
    if meeting.began <= now < meeting.began + lifetime:
        return meeting
    return fail(meeting, Happening.DEADLINE, "code_unknown" if looking else "code_expired")


def take_frame(
    meeting: Meeting, frame: bytes, today: int, card: Card | None, welcome: Welcome, chance: Chance
) -> tuple[Meeting, tuple[Out, ...]]:
    """Take in a frame found in a box of the meeting.

    Args:
        meeting: the state before.
        frame: 4,096 bytes.
        today: our day.
        card: our network's, or none for a newcomer.
        welcome: whether our cell has a place for a neighbour of that role.
        chance: randomness.

    Returns:
        The meeting after (failed, with a code, if the other side was wrong) and frames to put. A frame that
        is noise, old or of another stage changes nothing.
    """
    try:
        if meeting.stage is Stage.OFFERED:
            return _take_answer(meeting, frame, today, card, chance)
        if meeting.stage is Stage.LOOKING:
            return _take_offer(meeting, frame, chance)
        if meeting.stage in (Stage.GREETING, Stage.KEYING, Stage.COMPARING, Stage.CONFIRMING):
            return _take_shared(meeting, frame, today, card, welcome, chance)
    except (CannotOpen, Malformed):
        pass
    return meeting, ()


def say_yes(meeting: Meeting, chance: Chance) -> tuple[Meeting, Out]:
    """Our owner found the same words on both screens; kept at once if the other has confirmed already."""
    session, message = meeting.session, b""
    if meeting.side == 1 and session:
        session, message = olm_encrypt(session, b"")
    meeting = advance(meeting, Happening.OWNER_YES, session=session)
    told = _under(meeting, encode(Verdict(1, "yes", message)), chance)
    if meeting.they_confirmed:
        meeting = advance(meeting, Happening.CONFIRM)
    return meeting, told


def say_no(meeting: Meeting, chance: Chance) -> tuple[Meeting, tuple[Out, ...]]:
    """Our owner found different words, or stopped; the other side is told when it can be."""
    told = (_under(meeting, encode(Verdict(1, "no", b"")), chance),) if meeting.shared else ()
    code = "words_differ" if meeting.stage is Stage.COMPARING else "code_refused"
    return fail(meeting, Happening.OWNER_NO, code), told


def relation_of(meeting: Meeting) -> Relation:
    """The relation that a kept meeting made."""
    if meeting.stage is not Stage.KEPT or meeting.role is None:
        raise Refusal("no_meeting")
    hellos = [decode(meeting.ours, Hello), decode(meeting.theirs, Hello)]
    first = max(min(h.day for h in hellos) - 1, 0)
    chain = DayChain(first, derive(meeting.root, "relation chain"))
    return Relation(
        derive(meeting.root, "relation id", length=16),
        meeting.name,
        COMPLEMENT[meeting.role],
        Channel(chain, meeting.side),
        meeting.session,
    )


def card_of(meeting: Meeting) -> Card | None:
    """The card that the other brought, if it brought one."""
    return decode(meeting.theirs, Hello).card if meeting.theirs else None


def plate_box(plate: str, side: int) -> Box:
    """The box of a nameplate in which side 0 (inviter) or 1 (joiner) writes; no secret at all."""
    return box(derive(plate.encode(), "plate box", bytes([side])))


def refuse(plate: str, code: str, chance: Chance) -> Out:
    """What the inviter leaves in the plate's box when a code is spent, for whoever still tries it."""
    frame = encode(Knock(1, "refusal", b"", b"", code))
    return Out(plate_box(plate, 0).id, seal(_plate_key(plate), frame, FRAME, chance(NONCE)))


def _plate_key(plate: str) -> bytes:
    return derive(plate.encode(), "plate key")


def _draw_plate(chance: Chance) -> str:
    return f"{int.from_bytes(chance(8), 'big') % 1000:03d}"


def _knock(meeting: Meeting, knock: Knock, chance: Chance) -> Out:
    frame = seal(_plate_key(meeting.plate), encode(knock), FRAME, chance(NONCE))
    return Out(plate_box(meeting.plate, meeting.side).id, frame)


def _shared_box(meeting: Meeting, side: int) -> Box:
    return box(derive(meeting.shared, "meeting box", bytes([side])))


def _under(meeting: Meeting, content: bytes, chance: Chance) -> Out:
    key = derive(meeting.shared, "meeting key", bytes([meeting.side]))
    return Out(_shared_box(meeting, meeting.side).id, seal(key, content, FRAME, chance(NONCE)))


def _greet(meeting: Meeting, role: Role, today: int, card: Card | None, chance: Chance) -> Meeting:
    """Draw our fresh keys and write our hello."""
    account = olm_account()
    seed = chance(32)
    hello = Hello(
        1,
        today,
        role,
        kem_public(seed),
        account.identity,
        account.one_time,
        card.network if card else b"",
        card.from_day(today - 1) if card else None,
        b"",
        b"",
    )
    return msgspec.structs.replace(meeting, role=role, seed=seed, account=account.pickle, ours=encode(hello))


def _take_answer(
    meeting: Meeting, frame: bytes, today: int, card: Card | None, chance: Chance
) -> tuple[Meeting, tuple[Out, ...]]:
    knock = decode(open_sealed(_plate_key(meeting.plate), frame), Knock)
    if knock.kind != "answer" or meeting.role is None:
        return meeting, ()
    try:
        shared = spake_finish(meeting.spake, knock.spake)
    except CannotOpen:
        shared = b""
    if not shared or knock.proof != derive(shared, "answer proof"):
        return fail(meeting, Happening.WRONG, "code_wrong"), ()
    role = meeting.role
    meeting = advance(meeting, Happening.ANSWER, shared=shared, words="", spake=b"")
    meeting = _greet(meeting, role, today, card, chance)
    return meeting, (_under(meeting, meeting.ours, chance),)


def _take_offer(meeting: Meeting, frame: bytes, chance: Chance) -> tuple[Meeting, tuple[Out, ...]]:
    knock = decode(open_sealed(_plate_key(meeting.plate), frame), Knock)
    if knock.kind == "refusal":
        return fail(meeting, Happening.REFUSAL, knock.code or "code_refused"), ()
    if knock.kind != "offer":
        return meeting, ()
    state, message = spake_start("b", meeting.words, chance)
    shared = spake_finish(state, knock.spake)
    answer = _knock(meeting, Knock(1, "answer", message, derive(shared, "answer proof"), ""), chance)
    return advance(meeting, Happening.OFFER, shared=shared, words=""), (answer,)


def _take_shared(
    meeting: Meeting, frame: bytes, today: int, card: Card | None, welcome: Welcome, chance: Chance
) -> tuple[Meeting, tuple[Out, ...]]:
    refusal = refusal_box(meeting)
    if refusal is not None:
        try:
            knock = decode(open_sealed(_plate_key(meeting.plate), frame), Knock)
            return (fail(meeting, Happening.REFUSAL, knock.code), ()) if knock.kind == "refusal" else (meeting, ())
        except CannotOpen:
            pass
    content = open_sealed(derive(meeting.shared, "meeting key", bytes([1 - meeting.side])), frame)
    try:
        return _take_verdict(meeting, decode(content, Verdict))
    except Malformed:
        pass
    if meeting.stage is Stage.GREETING:
        return _take_hello(meeting, decode(content, Hello), content, today, card, welcome, chance)
    if meeting.stage is Stage.KEYING:
        return _take_key(meeting, content), ()
    return meeting, ()


def _take_verdict(meeting: Meeting, verdict: Verdict) -> tuple[Meeting, tuple[Out, ...]]:
    if verdict.kind != "yes":
        codes = {"full": "cell_full", "network": "network_differs", "no": "code_refused"}
        return fail(meeting, Happening.REFUSAL, codes[verdict.kind]), ()
    if meeting.stage not in (Stage.COMPARING, Stage.CONFIRMING) or meeting.they_confirmed:
        return meeting, ()
    session = meeting.session
    if meeting.side == 0:
        session, _ = olm_decrypt(session, verdict.olm)
    return advance(meeting, Happening.CONFIRM, session=session, they_confirmed=True), ()


def _take_hello(
    meeting: Meeting,
    hello: Hello,
    content: bytes,
    today: int,
    card: Card | None,
    welcome: Welcome,
    chance: Chance,
) -> tuple[Meeting, tuple[Out, ...]]:
    expected = COMPLEMENT[meeting.role] if meeting.role else hello.role
    networks = {n for n in (hello.network, card.network if card else b"") if n}
    if hello.role is not expected or (hello.card and hello.card.network != hello.network):
        raise Malformed
    if len(networks) != 1 or (hello.network and not hello.card):
        told = _under(meeting, encode(Verdict(1, "network", b"")), chance)
        return fail(meeting, Happening.REFUSAL, "network_differs" if networks else "no_card"), (told,)
    if not welcome(hello.role):
        told = _under(meeting, encode(Verdict(1, "full", b"")), chance)
        return fail(meeting, Happening.REFUSAL, "cell_full"), (told,)
    out: tuple[Out, ...] = ()
    if meeting.side == 1:
        meeting = _greet(meeting, COMPLEMENT[hello.role], today, card, chance)
        out = (_under(meeting, meeting.ours, chance),)
    session, message = b"", b""
    if meeting.side == 0:
        session = olm_outbound(meeting.account, hello.identity, hello.one_time)
        session, message = olm_encrypt(session, b"")
    secret = chance(32)
    info = _transcript(meeting.side, meeting.ours, content)
    key = encode(KeyFrame(1, seal_to(hello.kem, secret, info), message))
    meeting = advance(meeting, Happening.HELLO, theirs=content, session=session, our_key=key, our_secret=secret)
    return meeting, (*out, _under(meeting, key, chance))


def _take_key(meeting: Meeting, content: bytes) -> Meeting:
    key = decode(content, KeyFrame)
    info = _transcript(meeting.side, meeting.ours, meeting.theirs)
    secret = open_with(meeting.seed, key.secret, info)
    session = meeting.session
    if meeting.side == 1:
        session, _ = olm_inbound(meeting.account, decode(meeting.theirs, Hello).identity, key.olm)
    ours, theirs = (meeting.our_secret, meeting.our_key), (secret, content)
    (first, first_key), (second, second_key) = (ours, theirs) if meeting.side == 0 else (theirs, ours)
    whole = digest(info + digest(first_key) + digest(second_key))
    root = derive(meeting.shared + first + second, "relation root", whole)
    return advance(meeting, Happening.KEY, root=root, session=session, seed=b"", account=b"", our_secret=b"")


def _transcript(side: int, ours: bytes, theirs: bytes) -> bytes:
    first, second = (ours, theirs) if side == 0 else (theirs, ours)
    return digest(digest(first) + digest(second))
