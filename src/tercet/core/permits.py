"""Permits: one-time leave to ask for a week's tokens, and what a device holds of both.

Does        makes and recognises permits, counts who may have how many, holds a device's stock and its purses.
Does not    write letters or requests: `granting` and `redeeming` do.
Spec        spec/51-tokens.md
Always      1. A permit is good for one week and once.  2. Who has it learns of nobody who does not.
Read first  Trust, Grant, Mint.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Final

import msgspec

from tercet.core.fields import Key, Malformed, Version1, decode
from tercet.core.relation import LETTER_TEXT
from tercet.core.tokens import TokenKeys, Week
from tercet.sealing import KEY, derive

PERMIT: Final = 32  # bytes
NONCE: Final = 16  # of them drawn by chance; the others say that the desk made it
WEEKS_DEALT: Final = 3  # this week and the two that follow
PERMITS_A_LETTER: Final = (LETTER_TEXT - 64) // (PERMIT + 2)  # 114; two more bytes say how long each is
ALLOWANCE: Final = 1_024  # permits a week that a desk deals to one founder, at most
FIRST_NEED: Final = 3  # permits a week of somebody with nobody below: its own, and one for each place there
NEED_MOST: Final = 65_535  # that anybody says
STOCK_MOST: Final = ALLOWANCE  # permits that a device keeps of a week; what comes on top is let go
FULL: Final = "permit"  # label of a permit that gives a witness token too
LESSER: Final = "permit without witness"  # of one that gives none


class Need(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter to one's link: how many permits a week we and those below us can use, rounded up."""

    version: Version1
    permits: Annotated[int, msgspec.Meta(ge=1, le=NEED_MOST)]


class Dealt(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Permits of one week, 32 bytes each."""

    week: Week
    permits: Annotated[tuple[Key, ...], msgspec.Meta(max_length=PERMITS_A_LETTER)]


class Grant(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Body of a letter to somebody below.

    Attributes:
        version: 1.
        allowance: how many a week the reader gets at most; it deals each of the two below it less than half of that.
        weeks: permits.
    """

    version: Version1
    allowance: Annotated[int, msgspec.Meta(ge=1, le=NEED_MOST)]
    weeks: Annotated[tuple[Dealt, ...], msgspec.Meta(max_length=WEEKS_DEALT)]


class Stock(msgspec.Struct, frozen=True, array_like=True):
    """Permits of a week that a device holds, for itself and those below.

    Attributes:
        week: of which they are.
        permits: 32 bytes each.
        dealt: how many were dealt to each neighbour below, by its relation's id.
    """

    week: int
    permits: tuple[bytes, ...] = ()
    dealt: dict[bytes, int] = {}


class Asking(msgspec.Struct, frozen=True, array_like=True):
    """A request that was not answered yet.

    Attributes:
        week: whose tokens are asked for.
        permit: 32 bytes.
        seed: 32 bytes, of which the tokens come.
        put: when it last went to intake, seconds, rounded down to four hours; 0 for never.
        pair: digest of the pair of keys that it was made under; the seed serves no other pair.
    """

    week: int
    permit: bytes
    seed: bytes
    put: int = 0
    pair: bytes = b""


class Purse(msgspec.Struct, frozen=True, array_like=True):
    """A week's tokens, 288 bytes each; empty where one was used or has lapsed, which nothing tells apart.

    Attributes:
        week: in which they are good.
        reports: one for each day from Monday on, and one that is good on any.
        witness: the witness token.
    """

    week: int
    reports: tuple[bytes, ...]
    witness: bytes = b""


class Trust(msgspec.Struct, frozen=True, array_like=True):
    """What a device holds of permits and tokens.

    Attributes:
        needs: how many permits a week each neighbour below said it can use, by its relation's id.
        told: the number that we last told, and the relation of the link that we told it.
        allowance: how many a week our link says we get at most.
        stocks: permits by week.
        asking: the request under way.
        purses: tokens by week.
    """

    needs: dict[bytes, int] = {}
    told: tuple[bytes, int] = (b"", 0)
    allowance: int = 0
    stocks: tuple[Stock, ...] = ()
    asking: Asking | None = None
    purses: tuple[Purse, ...] = ()

    def stock(self, week: int) -> Stock:
        """The permits of a week."""
        return next((s for s in self.stocks if s.week == week), Stock(week))

    def with_stock(self, stock: Stock) -> Trust:
        """The same with another stock of that week."""
        others = tuple(s for s in self.stocks if s.week != stock.week)
        return msgspec.structs.replace(self, stocks=tuple(sorted((*others, stock), key=lambda s: s.week)))

    def purse(self, week: int) -> Purse | None:
        """The tokens of a week, if there ever were any."""
        return next((p for p in self.purses if p.week == week), None)

    def with_purse(self, purse: Purse) -> Trust:
        """The same with another purse of that week."""
        others = tuple(p for p in self.purses if p.week != purse.week)
        return msgspec.structs.replace(self, purses=tuple(sorted((*others, purse), key=lambda p: p.week)))


class Mint(msgspec.Struct, frozen=True, array_like=True):
    """What a desk keeps of a week's tokens.

    Attributes:
        keys: public, as on the board.
        private: both private keys, 512 bytes; empty once the week is over.
        secret: 32 bytes, by which permits are made and recognised; empty once the week is over.
        dealt: how many permits were dealt to each founder, by its relation's id.
        spent: of each permit spent its first 16 bytes and a mark of what was asked for with it, 8 more.
        count: how many were spent; it stays when they are erased.
        used: marks of tokens that reports brought, 16 bytes each.
    """

    keys: TokenKeys
    private: bytes
    secret: bytes
    dealt: dict[bytes, int] = {}
    spent: tuple[bytes, ...] = ()
    count: int = 0
    used: tuple[bytes, ...] = ()


def make(secret: bytes, nonce: bytes, label: str = FULL) -> bytes:
    """A permit, 32 bytes.

    Args:
        secret: the week's, 32 bytes.
        nonce: 16 fresh random bytes.
        label: FULL, or LESSER for one that gives no witness token.
    """
    return nonce + derive(secret, label, nonce, length=PERMIT - NONCE)


def label_of(secret: bytes, permit: bytes) -> str:
    """What a permit (32 bytes from outside) gives: FULL or LESSER; empty if this desk never made it for that week."""
    if len(secret) != KEY:
        return ""
    return next(
        (label for label in (FULL, LESSER) if hmac.compare_digest(make(secret, permit[:NONCE], label), permit)), ""
    )


def rounded(count: int) -> int:
    """A need as it is told: rounded up to three binary digits, so that who hears it does not count people."""
    step = 1 << max(count.bit_length() - 3, 0)
    return min(-(-count // step) * step, NEED_MOST)


def share_of(allowance: int) -> int:
    """What each of the two below gets of an allowance, at most: half of what is left after our own."""
    return max((allowance - 1) // 2, 0)


def parse_need(body: bytes) -> int:
    """The number in a letter of need.

    Raises:
        Malformed: it is none.
    """
    return decode(body, Need).permits


def parse_grant(body: bytes) -> Grant:
    """The permits in a letter.

    Raises:
        Malformed: it is none, or names a week twice.
    """
    grant = decode(body, Grant)
    weeks = [dealt.week for dealt in grant.weeks]
    if len(set(weeks)) != len(weeks):
        raise Malformed
    return grant
