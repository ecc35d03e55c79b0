"""Granting: permits go down the chain, each link to its pair, as many as they need within an allowance.

Does        tells our link what we and those below can use, deals below what we hold, takes both kinds of letters.
Does not    make permits: `minting` does. Spend them: `redeeming` does.
Spec        spec/51-tokens.md, 2
Always      1. Nobody below gets more than its share of our allowance.  2. Which permit goes where is drawn by chance.
            3. Our own are kept back first.
Read first  deal(), take_need(), take_grant().
"""

from __future__ import annotations

from functools import partial

import msgspec

from tercet.core import channel as letters
from tercet.core import mail, minting
from tercet.core.cell import ABOVE, UNDER, Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import week_of
from tercet.core.fields import encode
from tercet.core.mail import replace_relation, understood
from tercet.core.permits import (
    ALLOWANCE,
    FIRST_NEED,
    FULL,
    LESSER,
    NEED_MOST,
    PERMITS_A_LETTER,
    STOCK_MOST,
    WEEKS_DEALT,
    Dealt,
    Grant,
    Need,
    Stock,
    Trust,
    parse_grant,
    parse_need,
    rounded,
    share_of,
)
from tercet.core.relation import Relation, is_known, is_young
from tercet.core.turn import Turn

GRANTS_WAITING = 4  # letters of permits that wait for one neighbour; more are written when these have arrived
PLACES_BELOW = 2  # of a member


def deal(turn: Turn) -> None:
    """Write what is due between us and our neighbours; it is sealed in a later step, which a vault may lose.

    Source: spec/51-tokens.md, 2.
    """
    if not turn.device.is_desk:
        _tell_need(turn)
    if not turn.device.is_desk and not turn.device.trust.stocks:
        return
    below = [r for r in turn.device.relations if r.role in UNDER and is_known(r)]
    for number, relation in enumerate(below):
        _deal_to(turn, relation, len(below) - number)


def tidy(turn: Turn) -> None:
    """Forget permits of weeks that are over, and what there was between us and who is no neighbour any more."""
    mail.lapse(turn, LetterKind.PERMITS, lambda body: (dealt.week for dealt in parse_grant(body).weeks))
    trust, over = turn.device.trust, turn.first_week
    here = {r.id for r in turn.device.relations}
    needs = {one: need for one, need in trust.needs.items() if one in here}
    stocks = tuple(_dealt_among(s, here) for s in trust.stocks if s.week >= over)
    told = trust.told if trust.told[0] in here else (b"", 0)
    if (needs, stocks, told) != (trust.needs, trust.stocks, trust.told):
        turn.change(trust=msgspec.structs.replace(trust, needs=needs, stocks=stocks, told=told))


def _dealt_among(stock: Stock, here: set[bytes]) -> Stock:
    """A stock that says of none but neighbours that we have how much they were dealt."""
    dealt = {one: count for one, count in stock.dealt.items() if one in here}
    return msgspec.structs.replace(stock, dealt=dealt)


def need_of(turn: Turn) -> int:
    """How many permits a week we can use: our own, and for each place below what it needs, one if it is free.

    Of somebody below no more counts than it could be dealt, once our link has said what we get at most.
    """
    trust = turn.device.trust
    below = [r for r in turn.device.relations if r.role is Role.BELOW and is_known(r)]
    most = share_of(trust.allowance) if trust.allowance else NEED_MOST
    needs = [min(trust.needs.get(r.id, FIRST_NEED), most) for r in below]
    return 1 + sum(needs) + max(PLACES_BELOW - len(below), 0)


def _tell_need(turn: Turn) -> None:
    """Tell our link how many permits a week we can use, once the desk has said that there are any."""
    trust, week = turn.device.trust, week_of(turn.today)
    link = next((r for r in turn.device.relations if r.role in ABOVE and is_known(r)), None)
    if link is None or not turn.device.board.token_keys(week):
        return
    said = link.id, rounded(need_of(turn))
    if trust.told == said or any(w.kind == LetterKind.NEED and w.times for w in link.channel.waiting):
        return  # one is under way still: whoever below says another need each day fills no row of letters
    older = letters.without(link.channel, lambda one: one.kind == LetterKind.NEED)  # never sealed yet
    channel = letters.write(older, LetterKind.NEED, encode(Need(1, said[1])))
    replace_relation(turn, msgspec.structs.replace(link, channel=channel))
    turn.change(trust=msgspec.structs.replace(trust, told=said))


def _deal_to(turn: Turn, relation: Relation, sharers: int) -> None:
    """Write what is due to somebody below, of what there is, into a letter that was never sealed yet, or one more."""
    written = [w for w in relation.channel.waiting if w.kind == LetterKind.PERMITS]
    begun = next((w for w in written if not w.times), None)
    if begun is None and len(written) >= GRANTS_WAITING:
        return
    desk, week = turn.device.is_desk, week_of(turn.today)
    most = _allowed(turn, relation) if desk else share_of(turn.device.trust.allowance)
    wanted = min(turn.device.trust.needs.get(relation.id, FIRST_NEED), most)
    held = parse_grant(begun.body).weeks if begun else ()
    over = turn.first_week
    if any(dealt.week >= week + WEEKS_DEALT or over <= dealt.week < week for dealt in held):  # our clock may be wrong
        return
    given = {dealt.week: dealt.permits for dealt in held if dealt.week >= week}
    before = room = PERMITS_A_LETTER - sum(map(len, given.values()))
    ahead = [(one, wanted) for one in range(week + 1, week + WEEKS_DEALT)]
    for one, least in ((week, min(FIRST_NEED, wanted)), *ahead, (week, wanted)):
        count = min(least - _had(turn, relation, one), room)
        drawn = _make(turn, relation, one, count) if desk else _draw(turn, relation.id, one, count, sharers)
        given[one] = given.get(one, ()) + drawn
        room -= len(drawn)
    if room == before:
        return
    weeks = tuple(Dealt(one, drawn) for one, drawn in sorted(given.items()) if drawn)
    body = encode(Grant(1, most, weeks))
    put = partial(letters.rewrite, number=begun.number) if begun else partial(letters.write, kind=LetterKind.PERMITS)
    replace_relation(turn, msgspec.structs.replace(relation, channel=put(relation.channel, body=body)))


def _allowed(turn: Turn, relation: Relation) -> int:
    """How many permits a week the desk deals to a neighbour at most."""
    return share_of(ALLOWANCE) if is_young(relation, turn.device.confirmed) else ALLOWANCE


def _make(turn: Turn, relation: Relation, week: int, count: int) -> tuple[bytes, ...]:
    """Permits of the desk for a neighbour; without witness tokens for one that it adopted lately."""
    label = LESSER if is_young(relation, turn.device.confirmed) else FULL
    return minting.draw(turn, relation.id, week, count, label)


def _had(turn: Turn, relation: Relation, week: int) -> int:
    """How many permits of a week somebody below was dealt."""
    if turn.device.is_desk:
        return minting.dealt(turn, relation.id, week)
    return turn.device.trust.stock(week).dealt.get(relation.id, 0)


def _draw(turn: Turn, relation_id: bytes, week: int, count: int, sharers: int) -> tuple[bytes, ...]:
    """Take permits of a week out of our stock by chance: of what is not our own an equal share, one at least."""
    trust = turn.device.trust
    stock = trust.stock(week)
    own = trust.purse(week) is None and not (trust.asking and trust.asking.week == week)
    free = len(stock.permits) - own
    count = min(count, free, max(free // sharers, 1))
    if count <= 0:
        return ()
    mixed = sorted(stock.permits, key=lambda _: turn.chance(8))
    dealt = stock.dealt | {relation_id: stock.dealt.get(relation_id, 0) + count}
    after = msgspec.structs.replace(stock, permits=tuple(sorted(mixed[count:])), dealt=dealt)
    turn.change(trust=trust.with_stock(after))
    return tuple(mixed[:count])


def take_need(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Somebody below says how many permits a week it can use; from anybody else it says nothing."""
    heard = understood(turn, relation_id, UNDER, letter, parse_need)
    if heard is None:
        return
    needs = turn.device.trust.needs | {relation_id: heard[1]}
    turn.change(trust=msgspec.structs.replace(turn.device.trust, needs=needs))


def take_grant(turn: Turn, relation_id: bytes, letter: Letter) -> None:
    """Our link deals us permits; from anybody else they are none."""
    heard = understood(turn, relation_id, ABOVE, letter, parse_grant)
    if heard is None:
        return
    _, grant = heard
    trust: Trust = msgspec.structs.replace(turn.device.trust, allowance=grant.allowance)
    over, week = turn.first_week, week_of(turn.today)
    for dealt in grant.weeks:
        if over <= dealt.week < week + WEEKS_DEALT + 1:  # our clock may be behind theirs, or ahead
            stock = trust.stock(dealt.week)
            permits = _cut(turn, {*stock.permits, *dealt.permits})
            trust = trust.with_stock(msgspec.structs.replace(stock, permits=permits))
    turn.change(trust=trust)


def _cut(turn: Turn, permits: set[bytes]) -> tuple[bytes, ...]:
    """As many as a device keeps, drawn by chance: by their bytes a bad link could choose which ones stay."""
    ordered = sorted(permits)
    if len(ordered) > STOCK_MOST:
        ordered = sorted(sorted(ordered, key=lambda _: turn.chance(8))[:STOCK_MOST])
    return tuple(ordered)
