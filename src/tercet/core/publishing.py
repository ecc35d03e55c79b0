"""Publishing: what a desk puts on the board, and keeps until each relay has it.

Does        signs and posts relays, keys of weeks and tokens, intake boxes, marks, roots, burns, notices, statements.
Does not    check or apply what others signed: `board` does.
Spec        spec/60-board.md; spec/33-burn.md, 9
Always      1. Each entry follows the one before.  2. No flood of burns holds up one of our own owner.
Read first  publish(), order_posts(), publish_again().
"""

from __future__ import annotations

import msgspec

from tercet.core import adopting, minting, parting, posting
from tercet.core import board as boards
from tercet.core.burning import POINT, line_through, on_line
from tercet.core.card import Card
from tercet.core.cases import change, office
from tercet.core.chain import lane
from tercet.core.days import DAY, week_of
from tercet.core.effects import PostItem
from tercet.core.entry import (
    DAYS_AN_ENTRY,
    INTAKE_ROOM,
    KEYS_AN_ENTRY,
    Entry,
    EntryKind,
    IntakeDay,
    IntakeDays,
    RelayList,
    WeekKey,
    WeekKeys,
    burn_of,
    post_at,
    relay_table,
    seal_intake,
    seal_signed,
    sign_entry,
)
from tercet.core.errors import Refusal
from tercet.core.events import TokenKeysDrawn
from tercet.core.fields import Malformed, encode
from tercet.core.notice import NOTICE_DAYS, NOTICE_MOST, NOTICES_KEPT, HeldNotice, Notice, in_force, parse_notice
from tercet.core.root import parse_signed
from tercet.core.rooted import seal_root
from tercet.core.state import BoardPost
from tercet.core.statement import parse_said, signed_by
from tercet.core.turn import Turn
from tercet.core.wording import size_of
from tercet.sealing import FRAME, NONCE, digest, kem_public

POSTS_KEPT = 120 * DAY  # seconds; what a relay keeps on the board too
ROOTS_AGAIN = POSTS_KEPT // 2  # seconds; roots are put again before relays forget them
BURNS_A_DAY = 8  # posted in 24 hours: whoever has a card can send points of nobody
BURNS_MOST = 120 * BURNS_A_DAY  # remembered; a flood of so many pushes out the oldest, and holds up nothing
POSTS_MOST = BURNS_MOST + 240  # posts kept, however still the confirmed day stands


def publish(turn: Turn, kind: EntryKind, body: bytes, farewell: tuple[str, ...] = ()) -> None:
    """Sign an entry, take it in, and keep it as a post; `farewell`: relays that are left and shall have it too."""
    card = turn.device.card
    if card is None:
        return
    view = turn.device.board
    entry = Entry(1, view.number + 1, view.head, turn.now, kind, body)
    signed = sign_entry(entry, office(turn).signer)
    turn.change(board=boards.apply_entry(view, entry, digest(signed), turn.now))
    change(turn, posts=(*office(turn).posts, BoardPost(signed, turn.now, farewell=farewell))[-POSTS_MOST:])


def change_relays(turn: Turn, relays: tuple[str, ...]) -> None:
    """Publish another list of relays, also at those that are on it no more: their readers learn it there.

    Raises:
        Refusal: `not_the_desk`, `relay_missing`.
    """
    office(turn)
    if not relays:
        raise Refusal("relay_missing")
    left = tuple(r for r in turn.device.relays if r not in relays)
    table = relay_table(office(turn).post, relays)
    publish(turn, EntryKind.RELAYS, encode(RelayList(table, turn.device.shards)), left)


def publish_again(turn: Turn, relays: RelayList, notices: tuple[HeldNotice, ...]) -> None:
    """Say anew all that is in force, under the key that counts now, marks of passes first.

    A reader who lost these shows no pass, and so posts nothing, until it has read them.
    """
    this_week = week_of(turn.today)
    turn.change(board=msgspec.structs.replace(turn.device.board, passes=()))
    publish_marks(turn)
    publish(turn, EntryKind.RELAYS, encode(relays))
    _say_keys(turn, sorted(w for w in office(turn).seeds if w >= this_week))
    change(turn, announced=turn.today - 2)
    publish_intake(turn)
    for mint in minting.mints(turn):
        if mint.keys.week >= this_week:
            publish(turn, EntryKind.TOKEN_KEYS, encode(mint.keys))
    for both, _ in office(turn).burned:
        publish(turn, EntryKind.BURN, encode(burn_of(both[:POINT], both[POINT:])))
    for one in in_force(notices, turn.today):
        if one.said:  # three of the five signed it; it can be brought again
            continue
        publish(turn, EntryKind.NOTICE, encode(Notice(one.until, one.text)))


def publish_roots(turn: Turn) -> None:
    """Put all roots on the board: the first time, and again before relays forget them."""
    card = turn.device.card
    if card is None:
        return
    frames = (seal_root(each, card.board_secret, turn.now) for each in office(turn).roots)
    change(turn, posts=(*office(turn).posts, *(BoardPost(frame, turn.now) for frame in frames)), rooted=turn.now)


def post_burn(turn: Turn, points: tuple[bytes, bytes], commitments: tuple[bytes, ...], own: bool = False) -> None:
    """Post two points, unless their line was burned before or too many were today; keep the commitments with it.

    Args:
        turn: of a desk.
        points: 64 bytes each.
        commitments: of the two below, then of the burned one; 64 bytes each.
        own: whether it is our owner who burns: no flood of others' burns holds that up.

    The desk learns whom they burn only if that is a neighbour of its own, and then drops it.

    Raises:
        Refusal: `not_the_desk`.
        Malformed: they are no two points with a line.

    Source: spec/33-burn.md, 9.
    """
    burn, line = burn_of(*points), line_through(*points)
    posted = tuple(one for one in office(turn).burned if turn.sure - one[1] <= POSTS_KEPT)
    known = any(on_line(line, both[:POINT]) and on_line(line, both[POINT:]) for both, _ in posted)
    today = sum(abs(turn.now - when) < DAY for _, when in posted)
    if not known:
        if today >= BURNS_A_DAY and not own:
            return
        posted = (*posted, (b"".join(burn.points), turn.now))[-BURNS_MOST:]
        publish(turn, EntryKind.BURN, encode(burn))
        adopting.note(turn, commitments)
    change(turn, burned=posted)
    parting.take(turn, burn)


def post_notice(turn: Turn, text: str, until: int) -> None:
    """Say something to everyone, until a day.

    Raises:
        Refusal: `not_the_desk`, `notice_long`, `notice_odd`, `notice_days`, `notice_many`.

    Source: spec/60-board.md, 10.
    """
    office(turn)
    if size_of(text) > NOTICE_MOST:
        raise Refusal("notice_long")
    if not turn.today <= until <= turn.today + NOTICE_DAYS:
        raise Refusal("notice_days")
    if len(in_force(turn.device.board.notices, turn.today)) >= NOTICES_KEPT:
        raise Refusal("notice_many")
    try:
        body = encode(Notice(until, text))
        parse_notice(body, turn.today)
    except (Malformed, UnicodeEncodeError):
        raise Refusal("notice_odd") from None
    publish(turn, EntryKind.NOTICE, body)


def post_statement(turn: Turn, data: bytes) -> None:
    """Put on the board what the group says in public.

    Raises:
        Malformed: it is no statement.
        Refusal: `not_the_desk`, `root_first`, `voice_few`, `voice_day`.

    Source: spec/62-voice.md, 6.
    """
    held, said = office(turn).roots, parse_said(data)
    if not held:
        raise Refusal("root_first")
    if not signed_by(said, parse_signed(held[-1]).payload):
        raise Refusal("voice_few")
    if not boards.of_late(said.statement, turn.today):
        raise Refusal("voice_day")
    publish(turn, EntryKind.STATEMENT, encode(said))


def token_keys_drawn(turn: Turn, event: TokenKeysDrawn) -> None:
    """Keep the keys of a week's tokens, and put their public halves on the board.

    Raises:
        Refusal: `not_the_desk`.
    """
    office(turn)
    keys = minting.open_week(turn, event.week, event.private)
    if keys is not None:
        publish(turn, EntryKind.TOKEN_KEYS, encode(keys))


def publish_keys(turn: Turn) -> None:
    """Keep eight weeks of keys ahead on the board; the private halves are drawn here."""
    this_week = week_of(turn.today)
    missing = [w for w in range(this_week, this_week + boards.WEEKS_AHEAD + 1) if w not in office(turn).seeds]
    if missing:
        change(turn, seeds=office(turn).seeds | {week: turn.chance(32) for week in missing})
    _say_keys(turn, missing)


def _say_keys(turn: Turn, weeks: list[int]) -> None:
    """Put the public halves of the keys of some weeks on the board."""
    seeds = office(turn).seeds
    for i in range(0, len(weeks), KEYS_AN_ENTRY):
        said = weeks[i : i + KEYS_AN_ENTRY]
        keys = tuple(WeekKey(week, kem_public(seeds[week])) for week in said)
        publish(turn, EntryKind.WEEK_KEYS, encode(WeekKeys(keys)))


def publish_marks(turn: Turn) -> None:
    """Say of the passes of weeks which are everybody's."""
    for marks in posting.marks_due(turn):
        publish(turn, EntryKind.PASS_MARKS, encode(marks))


def publish_intake(turn: Turn) -> None:
    """Keep the ids of eight weeks of intake boxes ahead on the board: who puts must know no more of them."""
    card = turn.device.card
    a_day = 64 * turn.device.shards + 64
    days = max(1, min(DAYS_AN_ENTRY, INTAKE_ROOM // a_day))
    while card is not None and office(turn).announced + days <= turn.today + boards.DAYS_AHEAD:
        first = max(office(turn).announced + 1, turn.today - 1)
        body = tuple(_sealed_day(turn, card, day) for day in range(first, first + days))
        change(turn, announced=first + days - 1)
        publish(turn, EntryKind.INTAKE, encode(IntakeDays(body)))


def _sealed_day(turn: Turn, card: Card, day: int) -> IntakeDay:
    intake = office(turn).intake.since(day)
    ids = tuple(tuple(b.id for b in lane(intake, day, "intake", s).boxes) for s in range(turn.device.shards))
    return seal_intake(day, ids, card.chain.root_on(day), turn.chance(NONCE))


def order_posts(turn: Turn) -> None:
    """Order each post to be put at each relay that is not known to have it."""
    for number, post in enumerate(office(turn).posts):
        for relay in (*turn.device.relays, *post.farewell):
            if _tag(relay) not in post.stored:
                ref, frame = _post_ref(number, relay, post.item), frame_of(turn, post)
                turn.order(PostItem(ref, post_at(office(turn).post, relay), frame, relay))


def frame_of(turn: Turn, post: BoardPost) -> bytes:
    """The frame of a post; that of an entry is made when it travels, so that many entries take little room."""
    card = turn.device.card
    return post.item if card is None or len(post.item) == FRAME else seal_signed(post.item, card.board_secret)


def stored(turn: Turn, ref: bytes, relay: str) -> None:
    """A relay has stored a board frame."""
    posts = list(office(turn).posts)
    for number, post in enumerate(posts):
        if _tag(relay) not in post.stored and _post_ref(number, relay, post.item) == ref:
            posts[number] = msgspec.structs.replace(post, stored=(*post.stored, _tag(relay)))
            change(turn, posts=tuple(posts))
            return


def _post_ref(number: int, relay: str, item: bytes) -> bytes:
    return digest(number.to_bytes(8, "big") + relay.encode() + item)[:16]


def _tag(relay: str) -> str:
    """What stands for a relay beside a post: of hundreds of posts whole addresses would fill the state."""
    return digest(relay.encode(errors="replace"))[:4].hex()
