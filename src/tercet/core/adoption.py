"""Adoption: what the pair below a member who was cut out says to the desk, and what the desk answers.

Does        makes commitments, the call and its answer, and of both the relation that a founder has with a desk.
Does not    decide who is adopted, or send anything: `adopting` and `calling` do.
Spec        spec/34-adoption.md
Always      1. Who holds a commitment cannot call.  2. An answer opens only for the call that it answers.
Read first  TABLE, Call, Answer, answer().
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from tercet.core.cell import Role
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.days import DAY
from tercet.core.fields import Day, Key, Malformed, Version1, decode, encode
from tercet.core.hello import OLM_SMALL
from tercet.core.knock import Chance
from tercet.core.relation import Relation
from tercet.sealing import (
    KEM_PUBLIC,
    derive,
    digest,
    kem_public,
    olm_account,
    olm_encrypt,
    olm_inbound,
    olm_outbound,
    open_with,
    seal_to,
)

COMMITMENT: Final = 64  # bytes of a commitment as it is handed: a salt and what it makes of the commitment
COMMITMENTS: Final = 2  # of a pair; spec/34-adoption.md, 2
SEALED_PAIR: Final = 1200  # bytes; a secret and the pair secret, 64, under HPKE
CALL_EVERY: Final = 14_400  # seconds between two frames with one call, as for a burn
CALL_KEPT: Final = 14 * DAY  # seconds that a pair calls; spec/34-adoption.md, 6
ADOPTED_MOST: Final = 32  # whom a desk has adopted and never met; likewise
DUE_MOST: Final = 640  # commitments that a desk keeps, the newest; a flood of burns pushes out the oldest
COMMITMENT_KEPT: Final = 120 * DAY  # seconds, as the burn with which it came


class Stage(StrEnum):
    """What a commitment that came with a burn is at the desk."""

    DUE = "due"
    ANSWERED = "answered"
    DONE = "done"
    VOID = "void"


class Happening(StrEnum):
    """What happens to it."""

    CALL = "call"
    SAME_CALL = "the same call"
    OTHER_CALL = "another call"
    LETTER = "letter"
    DROPPED = "dropped"


# The stage, and what happens -> the stage after, and whether the call is answered. What is not here changes nothing
# and is answered as a dummy is.
TABLE: Final = MappingProxyType(
    {
        (Stage.DUE, Happening.CALL): (Stage.ANSWERED, True),
        (Stage.ANSWERED, Happening.SAME_CALL): (Stage.ANSWERED, True),
        (Stage.ANSWERED, Happening.OTHER_CALL): (Stage.ANSWERED, False),
        (Stage.ANSWERED, Happening.LETTER): (Stage.DONE, False),
        (Stage.ANSWERED, Happening.DROPPED): (Stage.DONE, False),
        (Stage.DONE, Happening.SAME_CALL): (Stage.DONE, False),
        (Stage.DONE, Happening.OTHER_CALL): (Stage.DONE, False),
        (Stage.VOID, Happening.CALL): (Stage.VOID, False),
    }
)


class Call(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From one of a pair to the desk, beneath the seal of an intake frame; every key in it is fresh.

    Attributes:
        version: 1.
        secret: the adoption secret whose commitment came with a burn, 32 bytes.
        shared: r, 32 random bytes.
        kem: X-Wing public key, 1,216 bytes.
        identity: Olm identity key, 32 bytes.
        one_time: Olm one-time key, 32 bytes.
        pair: tag of the pair secret that the writer knows from its partner, 32 bytes, or empty.
    """

    version: Version1
    secret: Key
    shared: Key
    kem: Annotated[bytes, msgspec.Meta(min_length=KEM_PUBLIC, max_length=KEM_PUBLIC)]
    identity: Key
    one_time: Key
    pair: Annotated[bytes, msgspec.Meta(max_length=32)]


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From the desk to whom it adopts.

    Attributes:
        version: 1.
        day: the desk's.
        identity: Olm identity key, 32 bytes.
        sealed: a secret (32) and the desk's pair secret (32), sealed to the key in the call, 1,200 bytes.
        olm: first message of the Olm session, of an empty text, up to 512 bytes.
    """

    version: Version1
    day: Day
    identity: Key
    sealed: Annotated[bytes, msgspec.Meta(min_length=SEALED_PAIR, max_length=SEALED_PAIR)]
    olm: Annotated[bytes, msgspec.Meta(min_length=1, max_length=OLM_SMALL)]


class Calling(msgspec.Struct, frozen=True, array_like=True):
    """A call under way, as its writer keeps it.

    Attributes:
        body: the call as sent.
        seed: X-Wing seed, 32 bytes.
        account: Olm account, pickled.
        since: when it began, seconds.
        put: when it last went to intake, seconds, rounded down to four hours; 0 for never.
    """

    body: bytes
    seed: bytes
    account: bytes
    since: int
    put: int = 0


class Due(msgspec.Struct, frozen=True, array_like=True):
    """A commitment that came with a burn, as the desk keeps it.

    Attributes:
        commitment: as it was handed, 64 bytes.
        since: when it came, seconds.
        stage: what it is.
        call: digest of the call that used it up, 32 bytes; empty while it is due.
        answer: what was answered; empty once the one adopted has written.
        relation: of the one adopted, 16 bytes, until it has written: whoever knows the commitment would know them.
    """

    commitment: bytes
    since: int
    stage: Stage = Stage.DUE
    call: bytes = b""
    answer: bytes = b""
    relation: bytes = b""

    def is_of(self, secret: bytes) -> bool:
        """Whether it commits to an adoption secret, 32 bytes."""
        return self.commitment == handed(commitment_of(secret), self.commitment[:32])

    def move(self, happening: Happening) -> tuple[Due, bool]:
        """What it is after something happened, and whether that is answered.

        Source: spec/34-adoption.md, 5.
        """
        stage, answered = TABLE.get((self.stage, happening), (self.stage, False))
        kept = self.answer if stage is Stage.ANSWERED else b""
        whose = self.relation if stage is Stage.ANSWERED else b""
        return msgspec.structs.replace(self, stage=stage, answer=kept, relation=whose), answered


def commitment_of(secret: bytes) -> bytes:
    """What a link is given of an adoption secret (32 bytes): 32 bytes that show nothing of it."""
    return derive(secret, "adoption commitment")


def handed(commitment: bytes, salt: bytes) -> bytes:
    """A commitment (32 bytes) as one neighbour gets it, 64 bytes: with another salt it has no byte in common.

    So what two devices hold of one commitment ties them no more than if they held nothing.

    Source: spec/34-adoption.md, 2.
    """
    return salt + derive(commitment, "handed commitment", salt)


def parse_call(body: bytes) -> Call:
    """The call in an intake frame's letter.

    Raises:
        Malformed: it is none.
    """
    call = decode(body, Call)
    if len(call.pair) not in (0, 32):
        raise Malformed
    return call


def parse_answer(body: bytes) -> Answer:
    """The desk's answer to a call.

    Raises:
        Malformed: it is none.
    """
    return decode(body, Answer)


def call_with(secret: bytes, tag: bytes, shared: bytes, now: int, chance: Chance) -> Calling:
    """Begin a call.

    Args:
        secret: the adoption secret, 32 bytes.
        tag: of the pair secret that our partner told, or empty.
        shared: r, 32 fresh random bytes; the tag was made with it.
        now: seconds.
        chance: randomness.
    """
    account, seed = olm_account(), chance(32)
    call = Call(1, secret, shared, kem_public(seed), account.identity, account.one_time, tag)
    return Calling(encode(call), seed, account.pickle, now)


def answer(body: bytes, name: str, today: int, pair: bytes, chance: Chance) -> tuple[Relation, bytes]:
    """Adopt whoever wrote a call.

    Args:
        body: the call as it came.
        name: the desk's word for the other.
        today: the desk's day.
        pair: the desk's pair secret, 32 bytes.
        chance: randomness.

    Returns:
        The relation at the desk, and the answer.

    Raises:
        Malformed, CannotOpen: the call is none, or a key in it is none.

    Source: spec/34-adoption.md, 4.
    """
    call, account, secret = parse_call(body), olm_account(), chance(32)
    session, first = olm_encrypt(olm_outbound(account.pickle, call.identity, call.one_time), b"")
    sealed = seal_to(call.kem, secret + pair, _info(body))
    said = encode(Answer(1, today, account.identity, sealed, first))
    made = _relation(name, Role.FOUNDER, 0, session, pair)
    return _rooted(made, call.shared, secret, body, said, today), said


def finish(calling: Calling, said: bytes, name: str) -> Relation:
    """The relation that an answer makes, at whoever called.

    Raises:
        Malformed: the answer is none.
        CannotOpen: it answers another call.

    Source: spec/34-adoption.md, 4.
    """
    heard, call = parse_answer(said), parse_call(calling.body)
    opened = open_with(calling.seed, heard.sealed, _info(calling.body))
    session, _ = olm_inbound(calling.account, heard.identity, heard.olm)
    made = _relation(name, Role.DESK, 1, session, opened[32:])
    return _rooted(made, call.shared, opened[:32], calling.body, said, heard.day)


def root_of(shared: bytes, secret: bytes, call: bytes, said: bytes) -> bytes:
    """The relation's first root, 32 bytes: of r and the desk's secret, and of call and answer as sent."""
    return derive(shared + secret, "adoption root", digest(digest(call) + digest(said)))


def _relation(name: str, role: Role, side: int, session: bytes, pair: bytes) -> Relation:
    """A relation that is introduced, not met, and has no keys yet."""
    return Relation(b"", name, role, DayChain(0, b""), side, Channel(), session, pair=pair, met=False)


def _rooted(relation: Relation, shared: bytes, secret: bytes, call: bytes, said: bytes, day: int) -> Relation:
    """A relation with the keys that call and answer make."""
    root = root_of(shared, secret, call, said)
    return msgspec.structs.replace(
        relation,
        id=derive(root, "relation id", length=16),
        chain=DayChain(max(day - 1, 0), derive(root, "relation chain")),
        likeness=derive(root, "adoption likeness"),
    )


def _info(call: bytes) -> bytes:
    return b"tercet/1 adoption" + digest(call)
