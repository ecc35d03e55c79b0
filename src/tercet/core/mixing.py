"""Mixing: once a week two neighbours begin a new day chain from fresh secrets, so that a silent copy goes blind.

Does        makes and takes the two letters of a mix, and keeps the chains that follow one another.
Does not    seal letters, or know which boxes are read.
Spec        spec/42-mixing.md
Always      1. A letter of a mix that is not as it must be changes nothing.
            2. The secrets of a mix are gone from the state once the chain is made.
Read first  Mix, begin(), answer(), finish().
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from tercet.core.chain import FARTHEST, DayChain
from tercet.core.fields import Day, Key, Malformed, Number, decode, encode
from tercet.sealing import HPKE_OVERHEAD, KEM_PUBLIC, KEY, CannotOpen, derive, kem_public, open_with, seal_to

MIX_AHEAD: Final = 8  # numbers by which a mix may be ahead: a forged one cannot use them all up
MIX_EVERY: Final = 7  # days between two mixes of a relation, at least
MIX_LEAD: Final = 2  # days after the confirmed one on which a new chain begins: time for its letters to arrive
MIX_PATIENCE: Final = 28  # days after which a mix that was received and never answered is begun anew
SEALED: Final = KEY + HPKE_OVERHEAD  # bytes of the secret in an answer


class MixBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a letter MIX says.

    Attributes:
        number: of the mix.
        key: X-Wing public key made for this mix alone, 1,216 bytes.
        secret: the inviter's share, 32 bytes.
    """

    number: Number
    key: Annotated[bytes, msgspec.Meta(min_length=KEM_PUBLIC, max_length=KEM_PUBLIC)]
    secret: Key


class MixBackBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a letter MIX_BACK says.

    Attributes:
        number: of the mix.
        day: the first day of the new chain.
        sealed: the other's share (32 bytes), sealed to the key of the MIX.
    """

    number: Number
    day: Day
    sealed: Annotated[bytes, msgspec.Meta(min_length=SEALED, max_length=SEALED)]


class Later(msgspec.Struct, frozen=True, array_like=True):
    """A chain that a mix made: the mix's number, the chain's first day, and what is kept of it."""

    number: int
    day: int
    chain: DayChain


class Mix(msgspec.Struct, frozen=True, array_like=True):
    """How far the mixing of a relation has come.

    Attributes:
        number: of the newest mix that we began or answered; 0 for none.
        since: the confirmed day when that was, or when the relation's first week began; 0 before.
        seed: X-Wing seed (32 bytes) of a mix that we began, until it is answered; else empty.
        base: what the next mix starts from, 32 bytes; empty before the first: then the relation's id serves.
        coming: the base after the newest chain, until that is proven; else empty.
        first: number of the mix that made the oldest kept chain; 0 for the meeting's.
        day: the first day of the newest proven chain; 0 for the meeting's.
        later: the chains that follow the oldest kept one, in order; empty when there is only one.
        proven: whether the other side has written on the newest chain.
        until: the last day on which it may have written on the chain before; that is read as long as the day is.
    """

    number: int = 0
    since: int = 0
    seed: bytes = b""
    base: bytes = b""
    coming: bytes = b""
    first: int = 0
    day: int = 0
    later: tuple[Later, ...] = ()
    proven: bool = True
    until: int = 0


def is_due(mix: Mix, confirmed: int, waiting: bool) -> bool:
    """Whether the inviter begins a mix now.

    Args:
        mix: how far mixing has come.
        confirmed: the confirmed day.
        waiting: whether a letter MIX still waits for its acknowledgement.

    Source: spec/42-mixing.md, 3.
    """
    age = confirmed - mix.since
    if not mix.since or waiting:
        return False
    return age >= MIX_PATIENCE if mix.seed else mix.proven and age >= MIX_EVERY


def begin(mix: Mix, confirmed: int, seed: bytes) -> tuple[Mix, bytes]:
    """Begin a mix, on the inviter's side.

    Args:
        mix: the state before.
        confirmed: the confirmed day.
        seed: 32 fresh random bytes.

    Returns:
        The state after, and the body of a letter MIX.
    """
    number = mix.number + 1
    body = MixBody(number, kem_public(seed), derive(seed, "mix secret"))
    return msgspec.structs.replace(mix, number=number, since=confirmed, seed=seed), encode(body)


def answer(mix: Mix, name: bytes, chain: DayChain, data: bytes, confirmed: int, secret: bytes) -> tuple[Mix, bytes]:
    """Answer a letter MIX and make the new chain, on the other side.

    Args:
        mix: the state before.
        name: the relation's id, 16 bytes.
        chain: the oldest kept chain.
        data: the letter's body.
        confirmed: the confirmed day.
        secret: 32 fresh random bytes.

    Returns:
        The state after, and the body of a letter MIX_BACK.

    Raises:
        Malformed: it is no MIX that may come now; nothing changes.

    Source: spec/42-mixing.md, 2.
    """
    body = decode(data, MixBody)
    if not 0 < body.number - mix.number <= MIX_AHEAD or not (mix.proven or confirmed - mix.since >= MIX_EVERY):
        raise Malformed
    day = max(confirmed + MIX_LEAD, chain.day, mix.day + MIX_EVERY if mix.day else 0)
    try:
        sealed = seal_to(body.key, secret, _info(name, body.number))
    except CannotOpen:
        raise Malformed from None
    after = msgspec.structs.replace(mix, number=body.number, since=confirmed)
    after = _with_chain(after, name, chain, body.secret, secret, day)
    return after, encode(MixBackBody(body.number, day, sealed))


def finish(mix: Mix, name: bytes, chain: DayChain, data: bytes) -> Mix:
    """Take the answer and make the new chain, on the inviter's side; the secrets go.

    Args and errors as for `answer`.

    Source: spec/42-mixing.md, 2.
    """
    body = decode(data, MixBackBody)
    soon = mix.day + MIX_EVERY if mix.day else 0
    if not mix.seed or body.number != mix.number or body.day < soon or abs(body.day - chain.day) > FARTHEST:
        raise Malformed
    try:
        secret = open_with(mix.seed, body.sealed, _info(name, body.number))
    except CannotOpen:
        raise Malformed from None
    ours = derive(mix.seed, "mix secret")
    return _with_chain(msgspec.structs.replace(mix, seed=b""), name, chain, ours, secret, body.day)


def _info(name: bytes, number: int) -> bytes:
    return b"mix" + name + number.to_bytes(8, "big")


def _with_chain(mix: Mix, name: bytes, chain: DayChain, inviters: bytes, others: bytes, day: int) -> Mix:
    """The state with the chain of mix `mix.number`, from `day` on; one that was never proven makes room."""
    where = mix.number.to_bytes(8, "big"), day.to_bytes(4, "big")
    mixed = derive(mix.base or name, "mix", inviters, others, *where)
    new = Later(mix.number, day, DayChain(day, derive(mixed, "mixed root")).since(chain.day))
    held = mix.later if mix.proven else mix.later[:-1]
    return msgspec.structs.replace(mix, later=(*held, new), coming=derive(mixed, "mix base"), proven=False)


def prove(mix: Mix, number: int, day: int) -> Mix:
    """Take in that the other side wrote on the chain of a mix, into a box of `day`."""
    if mix.proven or number != mix.later[-1].number:
        return mix
    return msgspec.structs.replace(mix, base=mix.coming, coming=b"", day=mix.later[-1].day, proven=True, until=day)


def chains_on(mix: Mix, oldest: DayChain, day: int) -> tuple[tuple[int, DayChain], ...]:
    """The chains that a day's boxes may lie on, each with the number of its mix.

    The day's own comes first. While the newest is not proven, and on the days before that, the one before it
    goes on behind.
    """
    held = ((mix.first, oldest), *((later.number, later.chain) for later in mix.later))
    own = max((i for i, (_, chain) in enumerate(held) if chain.day <= day), default=0)
    both = own > 0 and own == len(held) - 1 and (not mix.proven or day <= mix.until)
    return (held[own], held[own - 1]) if both else (held[own],)


def forget(mix: Mix, oldest: DayChain, day: int) -> tuple[Mix, DayChain]:
    """The chains without the days before `day`; one that is over goes whole.

    Raises:
        Refusal: `clock_far`, the day is more than 400 days ahead.
    """
    kept, first = mix.later, mix.first
    while kept and kept[0].day <= day and (len(kept) > 1 or (mix.proven and day > mix.until)):
        first, oldest, kept = kept[0].number, kept[0].chain, kept[1:]
    kept = tuple(msgspec.structs.replace(later, chain=later.chain.since(day)) for later in kept)
    return msgspec.structs.replace(mix, first=first, later=kept), oldest.since(day)
