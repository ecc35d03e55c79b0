"""Redeeming: a member's permit becomes a week's tokens, and each token goes with one report or lapses.

Does        asks for tokens with a permit, keeps what comes, lets slots lapse, hands a report its tokens.
Does not    put frames into intake: `sending` does.
Spec        spec/51-tokens.md, 3 and 4
Always      1. A token that was used and one that has lapsed are both gone, and nothing tells which.
            2. One request at a time, the same bytes until it is answered.
            3. A seed is blinded under one pair of keys, ever: two would show whose tokens they are.
            4. No token is asked for or used while the board shows two faces: it may be ours alone.
Read first  prepare(), take(), spend(), at_hand().
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tercet.core.channel import Letter, LetterKind
from tercet.core.content import WordContent
from tercet.core.conversation import request
from tercet.core.days import week_of
from tercet.core.fields import Malformed, encode
from tercet.core.permits import Asking, Purse, Trust
from tercet.core.state import Device
from tercet.core.tokens import REPORTS_A_WEEK, SPARE, Request, TokenKeys, blinded, finished, parse_signed
from tercet.core.turn import Turn
from tercet.sealing import KEY, CannotOpen, digest

ASK_AGAIN = 14_400  # seconds until a request that was not answered goes again
SPREAD = 5  # days of a week over which the requests for the next one are spread


def prepare(turn: Turn) -> None:
    """What each beat does for tokens: forget what is over, and begin a request that is due.

    Source: spec/51-tokens.md, 3 and 4.
    """
    _lapse(turn)
    trust, week = turn.device.trust, week_of(turn.today)
    if trust.asking is not None and trust.asking.week < week:
        _end(turn, trust)
    trust = _give_up(turn)
    if trust.asking is not None:
        return
    for one in (week, week + 1):
        permits = trust.stock(one).permits
        keys = _named(turn, one)
        if trust.purse(one) is None and permits and keys and _is_time(turn, one, permits):
            _begin(turn, one, keys)
            return


def _is_time(turn: Turn, week: int, permits: tuple[bytes, ...]) -> bool:
    """For this week at once; for the next one from a day on that the permits decide, so that not all ask on Monday."""
    weekday = (turn.today + 3) % 7
    return week == week_of(turn.today) or weekday >= digest(permits[0])[0] % SPREAD


def _give_up(turn: Turn) -> Trust:
    """Erase a request, with its seed and its permit, if the board names another pair of keys than it was made under."""
    trust = turn.device.trust
    asking = trust.asking
    named = turn.device.board.token_keys(asking.week) if asking else None
    if asking is not None and named is not None and named.mark != asking.pair:
        turn.tell("tokens_other_keys")
        _end(turn, trust)
    return turn.device.trust


def _end(turn: Turn, trust: Trust) -> None:
    """No request is under way any more; which of the answers awaited are to it is forgotten in the same step."""
    returns = tuple(msgspec.structs.replace(one, asks=False) if one.asks else one for one in turn.device.returns)
    turn.change(trust=msgspec.structs.replace(trust, asking=None), returns=returns)


def _keys(turn: Turn, asking: Asking | None) -> TokenKeys | None:
    """The pair of keys that a request was made under; none while the board names none, or another one."""
    keys = _named(turn, asking.week) if asking else None
    return keys if asking and keys and keys.mark == asking.pair else None


def _named(turn: Turn, week: int) -> TokenKeys | None:
    """The pair of keys for a week's tokens; none while the board names none, or shows two faces."""
    board = turn.device.board
    return None if board.doubtful(week) else board.token_keys(week)


def _begin(turn: Turn, week: int, keys: TokenKeys) -> None:
    trust = turn.device.trust
    stock = trust.stock(week)
    permit = stock.permits[int.from_bytes(turn.chance(8), "big") % len(stock.permits)]
    left = tuple(p for p in stock.permits if p != permit)
    trust = trust.with_stock(msgspec.structs.replace(stock, permits=left))
    asking = Asking(week, permit, turn.chance(KEY), pair=keys.mark)
    turn.change(trust=msgspec.structs.replace(trust, asking=asking))


def _lapse(turn: Turn) -> None:
    """Erase the tokens whose slot is over, used or not."""
    trust, today = turn.device.trust, turn.today
    week = week_of(today)
    kept = tuple(_lapsed(purse, (today + 3) % 7) if purse.week == week else purse for purse in trust.purses)
    purses = tuple(purse for purse in kept if purse.week >= week)
    if purses != trust.purses:
        turn.change(trust=msgspec.structs.replace(trust, purses=purses))


def _lapsed(purse: Purse, weekday: int) -> Purse:
    reports = (*(b"" for _ in range(weekday)), *purse.reports[weekday:])
    return msgspec.structs.replace(purse, reports=reports)


def due(turn: Turn) -> Asking | None:
    """The request under way, if the board names the keys that it was made under, and it was not put for hours."""
    asking = turn.device.trust.asking
    if asking is None or _keys(turn, asking) is None or (asking.put and abs(turn.now - asking.put) < ASK_AGAIN):
        return None
    return asking


def content(turn: Turn) -> WordContent | None:
    """The request as it goes to intake, in a frame like any other; none without the keys that it was made under.

    It counts as put now.
    """
    asking = turn.device.trust.asking
    keys = _keys(turn, asking)
    if asking is None or keys is None:
        return None
    try:
        body = encode(Request(1, asking.week, asking.permit, blinded(asking.seed, keys)))
    except CannotOpen:
        return None
    return request(body, turn.chance(KEY), turn.now, turn.today)


def put(turn: Turn) -> None:
    """The request went to intake."""
    trust = turn.device.trust
    if trust.asking is not None:
        asking = msgspec.structs.replace(trust.asking, put=turn.now - turn.now % ASK_AGAIN)
        turn.change(trust=msgspec.structs.replace(trust, asking=asking))


def take(turn: Turn, letter: Letter) -> None:
    """Take in the desk's answer to a request; to another one than is under way it says nothing.

    Only what lies in the box of a frame that brought the request is handed in: a desk that laid it into the box of
    another frame would see by what goes again whether one device put both.

    Source: spec/51-tokens.md, 3.
    """
    trust = turn.device.trust
    asking = trust.asking
    keys = _keys(turn, asking)
    if asking is None or keys is None or letter.kind != LetterKind.TOKENS:
        return
    try:
        said = parse_signed(letter.body)
        tokens = finished(asking.seed, keys, said.signed) if said.week == asking.week and said.signed else ()
    except Malformed:
        return
    except CannotOpen:
        turn.tell("tokens_wrong")
        return
    if said.week != asking.week:
        return
    if len(tokens) == REPORTS_A_WEEK:
        turn.tell("tokens_no_witness")
    if tokens:
        trust = trust.with_purse(Purse(asking.week, tokens[:REPORTS_A_WEEK], b"".join(tokens[REPORTS_A_WEEK:])))
    _end(turn, trust)
    _lapse(turn)


def spend(turn: Turn, witness: bool) -> tuple[bytes, bytes]:
    """Take the tokens for a report of today out of the purse.

    Args:
        turn: of the step that seals the report.
        witness: whether its writer saw what it says.

    Returns:
        The day's token, else the spare one, 288 bytes; and the week's witness token. Each empty if there is none,
        or the board shows two faces.

    Source: spec/51-tokens.md, 4.
    """
    trust: Trust = turn.device.trust
    purse = _usable(turn.device, turn.today)
    if purse is None:
        return b"", b""
    place = next((p for p in _places(turn.today) if purse.reports[p]), None)
    token = b"" if place is None else purse.reports[place]
    reports = tuple(b"" if number == place else one for number, one in enumerate(purse.reports))
    said = purse.witness if witness else b""
    after = msgspec.structs.replace(purse, reports=reports, witness=b"" if witness else purse.witness)
    turn.change(trust=trust.with_purse(after))
    return token, said


class AtHand(NamedTuple):
    """What an owner may ask about the tokens of a device.

    Attributes:
        today: how many reports of today would go with a token.
        witness: whether one of them would go with the week's witness token.
        came: whether tokens of this week came, used or not.
    """

    today: int
    witness: bool
    came: bool


def at_hand(device: Device, today: int) -> AtHand:
    """The tokens that reports of a day, today, would take."""
    purse = _usable(device, today)
    came = device.trust.purse(week_of(today)) is not None
    if purse is None:
        return AtHand(0, False, came)
    return AtHand(sum(bool(purse.reports[place]) for place in _places(today)), bool(purse.witness), came)


def _usable(device: Device, today: int) -> Purse | None:
    """The tokens of a day's week; none if there are none, or the board shows two faces."""
    purse = device.trust.purse(week_of(today))
    return None if purse is None or device.board.doubtful(purse.week) else purse


def _places(today: int) -> tuple[int, int]:
    """Where in a purse the token of a day is, and the one that is good on any."""
    return (today + 3) % 7, SPARE
