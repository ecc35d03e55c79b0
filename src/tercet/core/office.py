"""The office: what only a desk does, and when.

Does        founds a network; says what a desk does at a beat, and who takes in what it read.
Does not    know how any part of that works: `publishing`, `intake`, `gathering` and `cases` do.
Spec        spec/50-report.md, spec/60-board.md
Always      1. A week's private key dies 45 days after it.
Read first  set_up(), beat(), arrived().
"""

from __future__ import annotations

from tercet.core import adopting, minting
from tercet.core.card import Card
from tercet.core.cases import change, close_cases, office
from tercet.core.chain import DayChain
from tercet.core.content import KEYS_KEPT
from tercet.core.days import last_day_of
from tercet.core.effects import DrawTokenKeys
from tercet.core.entry import EntryKind, RelayList, relay_table
from tercet.core.errors import Refusal
from tercet.core.events import Arrived
from tercet.core.fields import Malformed, decode, encode
from tercet.core.gathering import ask_for_lost, look_for_files, media_arrived
from tercet.core.intake import intake_arrived, read_intake
from tercet.core.publishing import (
    POSTS_KEPT,
    ROOTS_AGAIN,
    order_posts,
    publish,
    publish_intake,
    publish_keys,
    publish_marks,
    publish_roots,
)
from tercet.core.state import Device, Office
from tercet.core.turn import Turn
from tercet.sealing import sign_public


def set_up(turn: Turn, relays: tuple[str, ...], shards: int) -> None:
    """Found a network.

    Raises:
        Refusal: `relay_missing`, `set_up_wrong`, `network_exists`.
    """
    if turn.device.card is not None:
        raise Refusal("network_exists")
    if not relays:
        raise Refusal("relay_missing")
    try:
        decode(encode(RelayList(relay_table(bytes(32), relays), shards)), RelayList)
    except (Malformed, UnicodeEncodeError, OverflowError):
        raise Refusal("set_up_wrong") from None
    post, signer = turn.chance(32), turn.chance(32)
    yesterday = turn.today - 1
    table = relay_table(post, relays)
    card = Card(1, DayChain(yesterday, turn.chance(32)), turn.chance(32), sign_public(signer), table, shards)
    intake = DayChain(yesterday, turn.chance(32))
    ours = Office(post, signer, turn.chance(32), intake, {}, announced=yesterday - 1)
    turn.device = Device(card=card, confirmed=turn.today, office=ours)
    publish(turn, EntryKind.RELAYS, encode(RelayList(table, shards)))
    publish_keys(turn)
    publish_intake(turn)


def beat(turn: Turn) -> None:
    """Everything a beat does for a desk."""
    _forget_keys(turn)
    adopting.tidy(turn)
    publish_keys(turn)
    publish_intake(turn)
    publish_marks(turn)
    week = minting.wanted(turn)
    if week is not None:
        turn.order(DrawTokenKeys(week))
    if office(turn).roots and turn.sure - office(turn).rooted > ROOTS_AGAIN:
        publish_roots(turn)
    order_posts(turn)
    read_intake(turn)
    close_cases(turn)
    for case in office(turn).cases:
        ask_for_lost(turn, case)
    look_for_files(turn)


def _forget_keys(turn: Turn) -> None:
    """Erase private keys 45 days after their week, with the list of reports they opened, and old posts and burns."""
    confirmed = turn.device.confirmed
    dead = {w for w in office(turn).seeds if confirmed > last_day_of(w) + KEYS_KEPT}
    change(
        turn,
        seeds={w: s for w, s in office(turn).seeds.items() if w not in dead},
        seen={w: s for w, s in office(turn).seen.items() if w not in dead},
        posts=tuple(p for p in office(turn).posts if turn.sure - p.issued <= POSTS_KEPT),
        burned=tuple(one for one in office(turn).burned if turn.sure - one[1] <= POSTS_KEPT),
    )
    minting.tidy(turn)


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in what an intake box or a media box held."""
    if event.query.kind == "intake":
        intake_arrived(turn, event)
    else:
        media_arrived(turn, event)
