"""The reader's side of the board: where to look, and what to make of what lies there.

Does        reads the board at two relays and keeps what it says.
Does not    publish: the desk does.
Spec        spec/60-board.md, 4
Always      1. Only what comes from a relay of the list is looked at.
Read first  read(), read_one(), arrived().
"""

from __future__ import annotations

import msgspec

from tercet.core import board as boards
from tercet.core import parting, rooted
from tercet.core.card import Card, Relay
from tercet.core.effects import ReadBox
from tercet.core.entry import Burn, Entry, body_of
from tercet.core.events import Arrived, Query
from tercet.core.fields import Malformed
from tercet.core.notice import in_force
from tercet.core.turn import FRAMES_A_READ, Turn
from tercet.sealing import CannotOpen

BOARD_ROUNDS = 64  # reads that follow a board in one go: 1,024 items, so that junk does not outrun a reader
BOARD_RELAYS = 2  # relays at which the board is read
LOOKS_AHEAD = 4  # of so many single looks one goes to the last item seen


def read(turn: Turn) -> None:
    """Read the board at two relays, from the last item seen there: it is still there unless the box has shrunk."""
    if turn.device.card is None or turn.device.is_desk:
        return
    view = turn.device.board
    for relay in turn.device.table[:BOARD_RELAYS]:
        seen = 0 if relay.address in view.anew else view.places.get(relay.address, 0)
        _read_at(turn, relay, max(seen - 1, 0))


def read_one(turn: Turn, relay: Relay, after: float) -> None:
    """Read one item of the board: the next one, or now and then the last one seen, which shows whether it is there."""
    seen = turn.device.board.places.get(relay.address, 0)
    back = turn.chance(1)[0] % LOOKS_AHEAD == 0
    query = Query("board", start=max(seen - 1, 0) if back else seen, alone=True)
    turn.order(ReadBox(query, relay.board, relay.address, posted=True, after=after))


def _read_at(turn: Turn, relay: Relay, start: int, rounds: int = 0) -> None:
    query = Query("board", start=start, round=rounds)
    turn.order(ReadBox(query, relay.board, relay.address, posted=True, limit=FRAMES_A_READ))


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in what the board held."""
    relay = next((r for r in turn.device.table if r.address == event.relay), None)
    if turn.device.card is None or turn.device.is_desk or relay is None:
        return
    before, start = turn.device.board, event.query.start
    view = rooted.turned(turn.device.card, before, event.items)
    entries = _open_entries(turn.device.card, view, event.items, turn.device.confirmed)
    other_root = view.root != before.root
    ahead = bool(entries) and entries[0][0].number > before.number + 1
    shrunk = bool(start) and not event.query.round and not other_root and (not event.items or ahead)
    if shrunk and not event.query.alone and not event.carried:
        _read_at(turn, relay, 0)
        return
    for entry, mark in entries:
        try:
            view = boards.apply_entry(view, entry, mark, turn.now)
        except boards.TwoFaces:
            view = msgspec.structs.replace(view, forked=True)
            break
        turn.confirm(entry.issued)
        body = body_of(entry)
        if isinstance(body, Burn):
            parting.take(turn, body)
    known = {one.number for one in before.notices}
    for fresh in in_force(view.notices, turn.today):
        if fresh.number not in known:
            turn.tell("statement_came" if fresh.said else "notice_came")
    if (view.forked and not before.forked) or set(view.torn) - set(before.torn):
        turn.tell("board_two_faces")
    if event.carried or (other_root and not event.query.alone):
        turn.change(board=view)
        if not event.carried:
            _read_at(turn, relay, 0)  # what lay before the root may count under it
        return
    seen = _step_back(before, event, entries) if shrunk else start + len(event.items)
    view, seen = _anew(view, before, event, seen, other_root)
    turn.change(board=view.placed(event.relay, seen, turn.device.relays))
    if event.more and event.items and event.query.round < BOARD_ROUNDS and not event.query.alone:
        _read_at(turn, relay, seen, event.query.round + 1)


def _anew(
    view: boards.BoardView, before: boards.BoardView, event: Arrived, seen: int, other_root: bool
) -> tuple[boards.BoardView, int]:
    """What is left to read anew at a relay, and where to read next: behind a root first, before it at the end.

    Args:
        view: after what came.
        before: as it was until then.
        event: what came.
        seen: where to read next if no root is in question.
        other_root: whether a root came with this look.
    """
    if other_root:  # what is in force is said again behind it
        return msgspec.structs.replace(view, anew=(event.relay,)), seen
    ended = event.query.alone and not event.items and event.query.start >= before.places.get(event.relay, 0)
    if event.relay not in view.anew or not (ended or event.query.start == 0):
        return view, seen
    left = tuple(one for one in view.anew if one != event.relay)
    return msgspec.structs.replace(view, anew=left), 0 if ended else seen  # what lay before it may count under it


def _step_back(before: boards.BoardView, event: Arrived, entries: list[tuple[Entry, bytes]]) -> int:
    """Where to read next when items before have expired: by the numbers passed over, else half way back."""
    if entries:
        return max(event.query.start - (entries[0][0].number - before.number - 1), 0)
    return step_back(before.places, event)


def step_back(places: dict[str, int], event: Arrived) -> int:
    """Where to read next at a relay that had nothing there: half way back, if it once had that item and more.

    Args:
        places: how many items of the board were seen at each relay.
        event: the look that found nothing; its `start` is not 0.
    """
    start = event.query.start
    return start if start >= places.get(event.relay, 0) else start // 2


def _open_entries(
    card: Card, view: boards.BoardView, items: tuple[bytes, ...], confirmed: int
) -> list[tuple[Entry, bytes]]:
    """What opens and is signed, in the order in which it lies."""
    entries: list[tuple[Entry, bytes]] = []
    for item in items:
        try:
            entries.append(rooted.open_under(card, view, item, confirmed))
        except (CannotOpen, Malformed):
            continue
    return entries
