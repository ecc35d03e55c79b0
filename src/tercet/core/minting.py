"""Minting: the desk's part in tokens. It makes permits, signs blind, and knows what was spent.

Does        keeps a week's keys, draws permits for founders, answers requests, judges what reports bring.
Does not    publish: the office does. Know whose a permit or a token is.
Spec        spec/51-tokens.md, 2, 3 and 5
Always      1. A permit buys one set of tokens, the same however often it is asked for.  2. A token counts once.
            3. What could make tokens is erased when its week is over; what was spent is known for 45 days more.
Read first  open_week(), sign(), judge().
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tercet.core.channel import Letter, LetterKind
from tercet.core.content import KEYS_KEPT, ReportContent
from tercet.core.days import last_day_of, week_of
from tercet.core.fields import Malformed, encode
from tercet.core.permits import FULL, NONCE, WEEKS_DEALT, Mint, label_of, make
from tercet.core.tokens import (
    REPORTS_A_WEEK,
    TOKENS_A_WEEK,
    Request,
    Signed,
    Standing,
    TokenKeys,
    TokenKind,
    check,
    parse_request,
)
from tercet.core.turn import Turn
from tercet.sealing import BLIND_ENTROPY, BLIND_PUBLIC, KEY, CannotOpen, blind_public, blind_sign, digest

MARK = 16  # bytes of a token that is known as used
ASKED = 8  # bytes of what was asked for with a permit


def mints(turn: Turn) -> tuple[Mint, ...]:
    """What the desk keeps of each week; none on a member's device."""
    return turn.device.office.mints if turn.device.office else ()


def mint_of(turn: Turn, week: int) -> Mint | None:
    """What it keeps of one."""
    return next((m for m in mints(turn) if m.keys.week == week), None)


def wanted(turn: Turn) -> int | None:
    """The first week, of this and the two that follow, that has no keys yet."""
    week = week_of(turn.today)
    return next((one for one in range(week, week + WEEKS_DEALT) if mint_of(turn, one) is None), None)


def open_week(turn: Turn, week: int, private: bytes) -> TokenKeys | None:
    """Keep the keys of a week that were drawn; what is to be published, or none if it has some, or is far.

    Args:
        turn: of a desk.
        week: week number.
        private: 512 bytes: for report tokens, then for witness tokens.
    """
    now = week_of(turn.today)
    if mint_of(turn, week) is not None or not now <= week < now + WEEKS_DEALT or len(private) != 2 * BLIND_PUBLIC:
        return None
    report, witness = private[:BLIND_PUBLIC], private[BLIND_PUBLIC:]
    keys = TokenKeys(week, blind_public(report), blind_public(witness))
    _keep(turn, Mint(keys, private, turn.chance(KEY)))
    return keys


def tidy(turn: Turn) -> None:
    """Erase what could make tokens of weeks that are over, and 45 days later what is known of them at all."""
    confirmed = turn.device.confirmed
    kept = (m for m in mints(turn) if confirmed <= last_day_of(m.keys.week) + KEYS_KEPT)
    _set(turn, (_over(m) if confirmed > last_day_of(m.keys.week) + 1 else m for m in kept))


def _over(mint: Mint) -> Mint:
    return msgspec.structs.replace(mint, private=b"", secret=b"", spent=())


def _keep(turn: Turn, mint: Mint) -> None:
    _set(turn, (*(m for m in mints(turn) if m.keys.week != mint.keys.week), mint))


def _set(turn: Turn, kept: Iterable[Mint]) -> None:
    if turn.device.office is not None:
        by_week = tuple(sorted(kept, key=lambda m: m.keys.week))
        turn.change(office=msgspec.structs.replace(turn.device.office, mints=by_week))


# ---- permits


def dealt(turn: Turn, relation_id: bytes, week: int) -> int:
    """How many permits of a week a founder was dealt."""
    mint = mint_of(turn, week)
    return mint.dealt.get(relation_id, 0) if mint else 0


def draw(turn: Turn, relation_id: bytes, week: int, count: int, label: str = FULL) -> tuple[bytes, ...]:
    """Make permits of a week for a founder; none if there are no keys.

    Args:
        turn: of a desk.
        relation_id: the founder's.
        week: in which their tokens are good.
        count: how many, or fewer than none.
        label: LESSER for permits that give no witness token.
    """
    mint = mint_of(turn, week)
    if mint is None or not mint.secret or count <= 0:
        return ()
    made = tuple(make(mint.secret, turn.chance(NONCE), label) for _ in range(count))
    had = mint.dealt.get(relation_id, 0)
    _keep(turn, msgspec.structs.replace(mint, dealt=mint.dealt | {relation_id: had + count}))
    return made


# ---- requests


def sign(turn: Turn, body: bytes) -> Letter:
    """What to answer to a request for tokens: the signatures, or that its permit is none.

    Source: spec/51-tokens.md, 3.
    """
    try:
        asked = parse_request(body)
    except Malformed:
        return Letter(1, 0, 0, 0, turn.now, LetterKind.EMPTY, b"")
    signed = Signed(1, asked.week, _signed(turn, asked))
    return Letter(1, 0, 0, 0, turn.now, LetterKind.TOKENS, encode(signed))


def _signed(turn: Turn, asked: Request) -> bytes:
    """The blind signatures; empty if the permit is none of the week's, or bought other tokens."""
    mint = mint_of(turn, asked.week)
    label = label_of(mint.secret, asked.permit) if mint else ""
    if mint is None or not label or not mint.private:
        return b""
    note = asked.permit[:NONCE] + digest(asked.blinded)[:ASKED]
    before = next((one for one in mint.spent if one[:NONCE] == note[:NONCE]), None)
    if before not in (None, note):
        return b""
    try:
        signed = _sign_each(turn, mint, asked.blinded, TOKENS_A_WEEK if label == FULL else REPORTS_A_WEEK)
    except CannotOpen:
        return b""
    if before is None:
        _keep(turn, msgspec.structs.replace(mint, spent=(*mint.spent, note), count=mint.count + 1))
    return signed


def _sign_each(turn: Turn, mint: Mint, blinded: bytes, count: int) -> bytes:
    report, witness = mint.private[:BLIND_PUBLIC], mint.private[BLIND_PUBLIC:]
    parts = [blinded[place * BLIND_PUBLIC : (place + 1) * BLIND_PUBLIC] for place in range(count)]
    return b"".join(
        blind_sign(report if place < REPORTS_A_WEEK else witness, part, turn.chance(BLIND_ENTROPY))
        for place, part in enumerate(parts)
    )


# ---- reports


def judge(turn: Turn, content: ReportContent) -> tuple[Standing, bool]:
    """What a report's tokens say: whether a member sent it, and whether as a witness; they count as used now.

    Returns:
        UNTOLD in a week without keys, MEMBER for a good report token that no report brought before, else STRANGER;
        and whether it brought a good witness token, likewise.

    Source: spec/51-tokens.md, 5.
    """
    mint = mint_of(turn, week_of(content.day))
    if mint is None:
        return Standing.UNTOLD, False
    good = []
    for kind, token in ((TokenKind.REPORT, content.token), (TokenKind.WITNESS, content.witness)):
        mark = digest(token)[:MARK]
        try:
            check(mint.keys, kind, token)
        except CannotOpen:
            good.append(False)
            continue
        good.append(mark not in mint.used)
        if good[-1]:
            mint = msgspec.structs.replace(mint, used=(*mint.used, mark))
    _keep(turn, mint)
    return (Standing.MEMBER if good[0] else Standing.STRANGER), good[1]
