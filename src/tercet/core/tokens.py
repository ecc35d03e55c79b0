"""Tokens: what a report carries to show that a member sent it, and not which.

Does        makes a week's tokens from one secret and the desk's blind signatures, and checks them.
Does not    know who asks, what was spent, or when: `redeeming` and `minting` do.
Spec        spec/51-tokens.md
Always      1. All tokens of a request are good, or none is kept.  2. A token says its kind and week, and nothing else.
Read first  TokenKeys, blinded(), finished().
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from tercet.core.fields import Key, Malformed, Version1, decode, encode
from tercet.sealing import (
    BLIND_ENTROPY,
    BLIND_PREFIX,
    BLIND_PUBLIC,
    BLIND_SALT,
    CannotOpen,
    blind,
    derive,
    digest,
    unblind,
    verify_blind,
)

REPORTS_A_WEEK: Final = 8  # report tokens: one a day, and one that is good on any
SPARE: Final = REPORTS_A_WEEK - 1  # its place
TOKENS_A_WEEK: Final = REPORTS_A_WEEK + 1  # the last one is the witness token
TOKEN: Final = BLIND_PREFIX + BLIND_PUBLIC  # bytes
Week = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Modulus = Annotated[bytes, msgspec.Meta(min_length=BLIND_PUBLIC, max_length=BLIND_PUBLIC)]


class TokenKind(StrEnum):
    """What a token is for; each kind has a key of its own."""

    REPORT = "report"
    WITNESS = "witness"


class Standing(StrEnum):
    """What the desk may say of who sent a report."""

    UNTOLD = ""
    MEMBER = "member"
    STRANGER = "stranger"


class TokenKeys(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a board entry: the keys under which a week's tokens are good.

    Attributes:
        week: week number.
        report: modulus for report tokens, 256 bytes.
        witness: modulus for witness tokens, 256 bytes.
    """

    week: Week
    report: Modulus
    witness: Modulus

    def of(self, kind: TokenKind) -> bytes:
        """The modulus of a kind."""
        return self.report if kind is TokenKind.REPORT else self.witness

    @property
    def mark(self) -> bytes:
        """Digest by which this pair is told from every other one, 32 bytes."""
        return digest(encode(self))


class Request(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter in an intake frame: a week's tokens, please.

    Attributes:
        version: 1.
        week: of the tokens and of the permit.
        permit: 32 bytes.
        blinded: nine times 256 bytes, report tokens first.
    """

    version: Version1
    week: Week
    permit: Key
    blinded: Annotated[
        bytes, msgspec.Meta(min_length=TOKENS_A_WEEK * BLIND_PUBLIC, max_length=TOKENS_A_WEEK * BLIND_PUBLIC)
    ]


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of the desk's answer.

    Attributes:
        version: 1.
        week: as asked.
        signed: 256 bytes a token, the witness token missing where the permit gives none; empty if the permit is
            none, or was spent on other tokens.
    """

    version: Version1
    week: Week
    signed: Annotated[bytes, msgspec.Meta(max_length=TOKENS_A_WEEK * BLIND_PUBLIC)]


def message(kind: TokenKind, week: int, prefix: bytes) -> bytes:
    """What is signed; `prefix` is 32 bytes of chance, the only ones that tell one token from another."""
    return prefix + f"tercet/1 {kind.value} token".encode() + week.to_bytes(4, "big")


def kind_at(place: int) -> TokenKind:
    """The kind of the token at a place of a request, from 0."""
    return TokenKind.REPORT if place < REPORTS_A_WEEK else TokenKind.WITNESS


def blinded(seed: bytes, keys: TokenKeys) -> bytes:
    """What a request for a week's tokens sends.

    Args:
        seed: 32 fresh random bytes; the tokens come from them, and with them alone the blind comes off.
        keys: the week's.

    Raises:
        CannotOpen: a key is none.

    Source: spec/51-tokens.md, 3.
    """
    parts = []
    for place in range(TOKENS_A_WEEK):
        prefix, salt, entropy = _chance(seed, place)
        kind = kind_at(place)
        parts.append(blind(keys.of(kind), message(kind, keys.week, prefix), salt, entropy))
    return b"".join(parts)


def finished(seed: bytes, keys: TokenKeys, signed: bytes) -> tuple[bytes, ...]:
    """A week's tokens, 288 bytes each: nine, or eight where the permit gave no witness token.

    Args:
        seed: that `blinded` was given.
        keys: the week's.
        signed: 256 bytes a token, from the desk.

    Raises:
        CannotOpen: one of them is wrong: then none is good, so that nobody can tell members by which tokens they have.

    Source: spec/51-tokens.md, 3.
    """
    if len(signed) not in (REPORTS_A_WEEK * BLIND_PUBLIC, TOKENS_A_WEEK * BLIND_PUBLIC):
        raise CannotOpen
    tokens = []
    for place in range(len(signed) // BLIND_PUBLIC):
        prefix, _, entropy = _chance(seed, place)
        kind = kind_at(place)
        one = signed[place * BLIND_PUBLIC : (place + 1) * BLIND_PUBLIC]
        tokens.append(prefix + unblind(keys.of(kind), message(kind, keys.week, prefix), one, entropy))
    return tuple(tokens)


def check(keys: TokenKeys, kind: TokenKind, token: bytes) -> None:
    """Whether a token (from outside) is good in the week of these keys, or raise.

    Raises:
        CannotOpen: it is none.
    """
    if len(token) != TOKEN:
        raise CannotOpen
    prefix, signature = token[:BLIND_PREFIX], token[BLIND_PREFIX:]
    verify_blind(keys.of(kind), message(kind, keys.week, prefix), signature)


def parse_request(body: bytes) -> Request:
    """The request in a letter.

    Raises:
        Malformed: it is none.
    """
    return decode(body, Request)


def parse_signed(body: bytes) -> Signed:
    """The desk's answer in a letter.

    Raises:
        Malformed: it is none.
    """
    said = decode(body, Signed)
    if len(said.signed) not in (0, REPORTS_A_WEEK * BLIND_PUBLIC, TOKENS_A_WEEK * BLIND_PUBLIC):
        raise Malformed
    return said


def _chance(seed: bytes, place: int) -> tuple[bytes, bytes, bytes]:
    """Prefix, salt and blinding entropy of one token."""
    drawn = derive(seed, "token", bytes([place]), length=BLIND_PREFIX + BLIND_SALT + BLIND_ENTROPY)
    return drawn[:BLIND_PREFIX], drawn[BLIND_PREFIX:-BLIND_ENTROPY], drawn[-BLIND_ENTROPY:]
