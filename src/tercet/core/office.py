"""The office: what only a desk does.

Does        publishes week keys and relays, takes in reports and files, answers reporters it does not know.
Does not    store what it received: it orders the shell to file it before anything is acknowledged.
Spec        spec/50-report.md, spec/60-board.md
Always      1. A report is filed once, however often it arrives.  2. A week's private key dies 45 days after it.
Read first  set_up(), beat(), arrived().
"""

from __future__ import annotations

import msgspec

from tercet.core import adopting, minting, parting, posting
from tercet.core import board as boards
from tercet.core import channel as letters
from tercet.core.burning import POINT, line_through, on_line
from tercet.core.card import Card
from tercet.core.chain import DayChain, Lane, lane
from tercet.core.channel import Channel, Letter
from tercet.core.conversation import next_letter, seal_answer, unheard
from tercet.core.days import DAY, KEPT_DAYS, LATE_DAYS, last_day_of, week_of
from tercet.core.effects import CheckMedia, DrawTokenKeys, FileBlock, FileReport, FileWord, PostItem, PutItem, ReadBox
from tercet.core.errors import Refusal
from tercet.core.events import Arrived, MediaChecked, Query, TokenKeysDrawn
from tercet.core.fields import Malformed, decode, encode
from tercet.core.mail import body_for
from tercet.core.notice import NOTICE_DAYS, NOTICE_MOST, NOTICES_KEPT, HeldNotice, Notice, in_force, parse_notice
from tercet.core.relation import words
from tercet.core.report import (
    KEYS_KEPT,
    LetterKind,
    ReportContent,
    ReportKind,
    ResendRequest,
    WordContent,
    conversation_id,
    open_content,
    parse_burn,
    return_lane,
    return_root,
    unwrap,
)
from tercet.core.root import parse_signed
from tercet.core.rooted import seal_root
from tercet.core.state import ARRIVING_MOST, BoardPost, Case, Device, MediaDue, Office
from tercet.core.statement import parse_said, signed_by
from tercet.core.turn import Turn
from tercet.core.wording import size_of
from tercet.sealing import (
    FRAME,
    NONCE,
    CannotOpen,
    block_box,
    derive,
    digest,
    kem_public,
    next_block_key,
    open_block,
    sign_public,
)

POSTS_KEPT = 120 * DAY  # seconds; what a relay keeps on the board too
ROOTS_AGAIN = POSTS_KEPT // 2  # seconds; roots are put again before relays forget them
CONVERSATION_KEPT = 30 * DAY  # seconds after its last use
BLOCKS_AHEAD = 8  # blocks of a file that are looked for at once, and asked for in one letter
FILES_A_BEAT = 64  # files whose blocks are looked for in one beat; the others have their turn at the next
INTAKE_FRAMES = 32  # asked for at once
BATCH_MOST = 40_000  # bytes of state that so many reports may take
EARLY_WORDS = 4_096  # bytes of letters kept that came ahead of a missing one; a stranger wrote them
LOST_AFTER = 3_600  # seconds; a gap that stays this long is asked for
BURNS_A_DAY = 8  # posted in 24 hours: whoever has a card can send points of nobody
BURNS_MOST = 120 * BURNS_A_DAY  # remembered; a flood of so many pushes out the oldest, and holds up nothing
POSTS_MOST = BURNS_MOST + 240  # posts kept, however still the confirmed day stands
STALLED_AFTER = DAY  # seconds; a file that stands still this long is asked for


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
        decode(encode(boards.RelayList(boards.relay_table(bytes(32), relays), shards)), boards.RelayList)
    except (Malformed, UnicodeEncodeError, OverflowError):
        raise Refusal("set_up_wrong") from None
    post, signer = turn.chance(32), turn.chance(32)
    yesterday = turn.today - 1
    table = boards.relay_table(post, relays)
    card = Card(1, DayChain(yesterday, turn.chance(32)), turn.chance(32), sign_public(signer), table, shards)
    intake = DayChain(yesterday, turn.chance(32))
    ours = Office(post, signer, turn.chance(32), intake, {}, announced=yesterday - 1)
    turn.device = Device(card=card, confirmed=turn.today, office=ours)
    _publish(turn, boards.EntryKind.RELAYS, encode(boards.RelayList(table, shards)))
    _publish_keys(turn)
    _publish_intake(turn)


def beat(turn: Turn) -> None:
    """Everything a beat does for a desk."""
    _forget_keys(turn)
    adopting.tidy(turn)
    _publish_keys(turn)
    _publish_intake(turn)
    publish_marks(turn)
    week = minting.wanted(turn)
    if week is not None:
        turn.order(DrawTokenKeys(week))
    if office(turn).roots and turn.sure - office(turn).rooted > ROOTS_AGAIN:
        publish_roots(turn)
    for number, post in enumerate(office(turn).posts):
        for relay in (*turn.device.relays, *post.farewell):
            if _tag(relay) not in post.stored:
                ref, frame = _post_ref(number, relay, post.item), frame_of(turn, post)
                turn.order(PostItem(ref, boards.post_at(office(turn).post, relay), frame, relay))
    _read_intake(turn)
    _close_cases(turn)
    for case in office(turn).cases:
        _ask_for_lost(turn, case)
    _look_for_files(turn)


def _close_cases(turn: Turn) -> None:
    """End conversations 30 days after their last use; where a text of ours was not heard, the owner is told."""
    over = [c for c in office(turn).cases if turn.sure - c.used > CONVERSATION_KEPT]
    for case in over:
        if unheard(case.channel):
            turn.tell("word_lapsed", number=str(case.number))
    change(turn, cases=tuple(c for c in office(turn).cases if c not in over))


def _look_for_files(turn: Turn) -> None:
    """Look for blocks of files on their way, and have whole ones checked."""
    files = [(c.id, place, m) for c in office(turn).cases for place, m in enumerate(c.media)]
    for case_id, place, media in files:
        if media.state == "checking":
            turn.order(CheckMedia(case_id, place))
    coming = [f for f in files if f[2].state == "coming"]
    first = turn.device.beats * FILES_A_BEAT % len(coming) if len(coming) > FILES_A_BEAT else 0
    for case_id, place, media in (coming[first:] + coming[:first])[:FILES_A_BEAT]:
        _read_media(turn, case_id, place, media)


def office(turn: Turn) -> Office:
    """The desk's part of the state.

    Raises:
        Refusal: `not_the_desk`.
    """
    if turn.device.office is None:
        raise Refusal("not_the_desk")
    return turn.device.office


def change(turn: Turn, **fields: object) -> None:
    """Replace fields of the office."""
    turn.change(office=msgspec.structs.replace(office(turn), **fields))


def find_case(turn: Turn, case_id: bytes) -> Case | None:
    """A case by its id."""
    return next((c for c in office(turn).cases if c.id == case_id), None)


def replace_case(turn: Turn, case: Case) -> None:
    """Put a changed case in its place."""
    change(turn, cases=tuple(case if c.id == case.id else c for c in office(turn).cases))


# ---- the board


def change_relays(turn: Turn, relays: tuple[str, ...]) -> None:
    """Publish another list of relays, also at those that are on it no more: their readers learn it there.

    Raises:
        Refusal: `not_the_desk`, `relay_missing`.
    """
    office(turn)
    if not relays:
        raise Refusal("relay_missing")
    left = tuple(r for r in turn.device.relays if r not in relays)
    table = boards.relay_table(office(turn).post, relays)
    _publish(turn, boards.EntryKind.RELAYS, encode(boards.RelayList(table, turn.device.shards)), left)


def publish_again(turn: Turn, relays: boards.RelayList, notices: tuple[HeldNotice, ...]) -> None:
    """Say anew all that is in force, under the key that counts now, marks of passes first.

    A reader who lost these shows no pass, and so posts nothing, until it has read them.
    """
    this_week = week_of(turn.today)
    turn.change(board=msgspec.structs.replace(turn.device.board, passes=()))
    publish_marks(turn)
    _publish(turn, boards.EntryKind.RELAYS, encode(relays))
    _say_keys(turn, sorted(w for w in office(turn).seeds if w >= this_week))
    change(turn, announced=turn.today - 2)
    _publish_intake(turn)
    for mint in minting.mints(turn):
        if mint.keys.week >= this_week:
            _publish(turn, boards.EntryKind.TOKEN_KEYS, encode(mint.keys))
    for both, _ in office(turn).burned:
        _publish(turn, boards.EntryKind.BURN, encode(boards.burn_of(both[:POINT], both[POINT:])))
    for one in in_force(notices, turn.today):
        if one.said:  # three of the five signed it; it can be brought again
            continue
        _publish(turn, boards.EntryKind.NOTICE, encode(Notice(one.until, one.text)))


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
    burn, line = boards.burn_of(*points), line_through(*points)
    posted = tuple(one for one in office(turn).burned if turn.sure - one[1] <= POSTS_KEPT)
    known = any(on_line(line, both[:POINT]) and on_line(line, both[POINT:]) for both, _ in posted)
    today = sum(abs(turn.now - when) < DAY for _, when in posted)
    if not known:
        if today >= BURNS_A_DAY and not own:
            return
        posted = (*posted, (b"".join(burn.points), turn.now))[-BURNS_MOST:]
        _publish(turn, boards.EntryKind.BURN, encode(burn))
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
    _publish(turn, boards.EntryKind.NOTICE, body)


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
    _publish(turn, boards.EntryKind.STATEMENT, encode(said))


def _publish(turn: Turn, kind: boards.EntryKind, body: bytes, farewell: tuple[str, ...] = ()) -> None:
    card = turn.device.card
    if card is None:
        return
    view = turn.device.board
    entry = boards.Entry(1, view.number + 1, view.head, turn.now, kind, body)
    signed = boards.sign_entry(entry, office(turn).signer)
    turn.change(board=boards.apply_entry(view, entry, digest(signed), turn.now))
    change(turn, posts=(*office(turn).posts, BoardPost(signed, turn.now, farewell=farewell))[-POSTS_MOST:])


def frame_of(turn: Turn, post: BoardPost) -> bytes:
    """The frame of a post; that of an entry is made when it travels, so that many entries take little room."""
    card = turn.device.card
    return post.item if card is None or len(post.item) == FRAME else boards.seal_signed(post.item, card.board_secret)


def _publish_keys(turn: Turn) -> None:
    """Keep eight weeks of keys ahead on the board; the private halves are drawn here."""
    this_week = week_of(turn.today)
    missing = [w for w in range(this_week, this_week + boards.WEEKS_AHEAD + 1) if w not in office(turn).seeds]
    if missing:
        change(turn, seeds=office(turn).seeds | {week: turn.chance(32) for week in missing})
    _say_keys(turn, missing)


def token_keys_drawn(turn: Turn, event: TokenKeysDrawn) -> None:
    """Keep the keys of a week's tokens, and put their public halves on the board.

    Raises:
        Refusal: `not_the_desk`.
    """
    office(turn)
    keys = minting.open_week(turn, event.week, event.private)
    if keys is not None:
        _publish(turn, boards.EntryKind.TOKEN_KEYS, encode(keys))


def _say_keys(turn: Turn, weeks: list[int]) -> None:
    """Put the public halves of the keys of some weeks on the board."""
    seeds = office(turn).seeds
    for i in range(0, len(weeks), boards.KEYS_AN_ENTRY):
        said = weeks[i : i + boards.KEYS_AN_ENTRY]
        keys = tuple(boards.WeekKey(week, kem_public(seeds[week])) for week in said)
        _publish(turn, boards.EntryKind.WEEK_KEYS, encode(boards.WeekKeys(keys)))


def publish_marks(turn: Turn) -> None:
    """Say of the passes of weeks which are everybody's."""
    for marks in posting.marks_due(turn):
        _publish(turn, boards.EntryKind.PASS_MARKS, encode(marks))


def _publish_intake(turn: Turn) -> None:
    """Keep the ids of eight weeks of intake boxes ahead on the board: who puts must know no more of them."""
    card = turn.device.card
    a_day = 64 * turn.device.shards + 64
    days = max(1, min(boards.DAYS_AN_ENTRY, boards.INTAKE_ROOM // a_day))
    while card is not None and office(turn).announced + days <= turn.today + boards.DAYS_AHEAD:
        first = max(office(turn).announced + 1, turn.today - 1)
        body = tuple(_sealed_day(turn, card, day) for day in range(first, first + days))
        change(turn, announced=first + days - 1)
        _publish(turn, boards.EntryKind.INTAKE, encode(boards.IntakeDays(body)))


def _sealed_day(turn: Turn, card: Card, day: int) -> boards.IntakeDay:
    intake = office(turn).intake.since(day)
    ids = tuple(tuple(b.id for b in lane(intake, day, "intake", s).boxes) for s in range(turn.device.shards))
    return boards.seal_intake(day, ids, card.chain.root_on(day), turn.chance(NONCE))


def _intake_lane(network: DayChain, intake: DayChain, day: int, shard: int) -> Lane:
    """An intake lane: key and relays are the network's, boxes the desk's own: nobody else can read or empty them."""
    boxes = lane(intake, day, "intake", shard).boxes
    return msgspec.structs.replace(lane(network, day, "intake", shard), boxes=boxes)


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


def _post_ref(number: int, relay: str, item: bytes) -> bytes:
    return digest(number.to_bytes(8, "big") + relay.encode() + item)[:16]


def _tag(relay: str) -> str:
    """What stands for a relay beside a post: of hundreds of posts whole addresses would fill the state."""
    return digest(relay.encode(errors="replace"))[:4].hex()


def stored(turn: Turn, ref: bytes, relay: str) -> None:
    """A relay has stored a board frame."""
    posts = list(office(turn).posts)
    for number, post in enumerate(posts):
        if _tag(relay) not in post.stored and _post_ref(number, relay, post.item) == ref:
            posts[number] = msgspec.structs.replace(post, stored=(*post.stored, _tag(relay)))
            change(turn, posts=tuple(posts))
            return


# ---- intake


def _read_intake(turn: Turn) -> None:
    card = turn.device.card
    if card is None:
        return
    oldest = turn.device.confirmed - KEPT_DAYS
    if _intake_drained(turn, card):
        oldest = max(oldest, card.chain.day + 1)
    if oldest > card.chain.day:
        card = msgspec.structs.replace(card, chain=card.chain.since(oldest))
        turn.change(card=card)
        change(turn, drained=(), intake=office(turn).intake.since(oldest))
    first = max(card.chain.day, turn.today - (KEPT_DAYS if turn.late else 1))
    chain, intake = card.chain, office(turn).intake
    for day in range(first, turn.today + 2):
        chain, intake = chain.since(day), intake.since(day)
        for shard in range(turn.device.shards):
            where = _intake_lane(chain, intake, day, shard)
            turn.read(Query("intake", day=day, index=shard), where, INTAKE_FRAMES)


def _intake_drained(turn: Turn, card: Card) -> bool:
    """Whether each relay showed each of the oldest day's intake boxes empty since its late days passed."""
    wanted = {
        (shard, relay)
        for shard in range(turn.device.shards)
        for relay in turn.device.order(lane(card.chain, card.chain.day, "intake", shard).turn)
    }
    return wanted.issubset(office(turn).drained)


def arrived(turn: Turn, event: Arrived) -> None:
    """Take in what an intake box or a media box held."""
    if event.query.kind == "intake":
        _intake_arrived(turn, event)
    else:
        _media_arrived(turn, event)


def _intake_arrived(turn: Turn, event: Arrived) -> None:
    card = turn.device.card
    day, shard = event.query.day, event.query.index
    if card is None or day < card.chain.day:
        return
    if event.items and not turn.roomy(ARRIVING_MOST - BATCH_MOST):
        turn.tell("desk_full")  # nothing is opened, so that what stays shows nothing of what it is
        return
    where = _intake_lane(card.chain, office(turn).intake, day, shard)
    box = where.boxes[event.query.place]
    answers: list[PutItem] = []
    for item in event.items:
        answer = _take_frame(turn, where, item)
        answers += [answer] if answer else []
        turn.acknowledge(box, item, event.relay)
    for put in sorted(answers, key=lambda _: turn.chance(8)):  # in another order than they came in
        turn.order(put)
    if event.carried and event.items:
        _look_for_files(turn)  # they lie on the same stick
    turn.read_on(event, box, INTAKE_FRAMES)
    empty = not event.items and not event.more and not event.carried
    if empty and day == card.chain.day and turn.device.confirmed > day + LATE_DAYS:
        change(turn, drained=tuple(sorted({*office(turn).drained, (shard, event.relay)})))


def _take_frame(turn: Turn, where: Lane, item: bytes) -> PutItem | None:
    """Take in an intake frame; returns its answer, none to a filler or to noise."""
    try:
        seeds = office(turn).seeds
        salt, sealed = unwrap(where, item, seeds)
        content = open_content(sealed, seeds)
    except (CannotOpen, Malformed):
        turn.tell("strange_frame")
        return None
    turn.confirm(content.day * DAY)
    if isinstance(content, WordContent) and content.kind == ReportKind.FILLER:
        return None
    if isinstance(content, WordContent):
        letter, back = _hear(turn, content), content.back
    else:
        letter, back = _take_report(turn, int.from_bytes(sealed[:2], "big"), content), content.reply
    there = return_lane(return_root(back, item[:NONCE], salt))
    answer = seal_answer(there, letter, turn.chance(NONCE))
    return PutItem(b"", turn.device.places(there), answer)


def _take_report(turn: Turn, week: int, content: ReportContent) -> Letter:
    """File a report unless it was filed before; returns what to answer."""
    case_id = conversation_id(content.reply)
    filed = Letter(1, 0, 0, 0, turn.now, LetterKind.RECEIPT, b"")
    if any(case_id in ids for ids in office(turn).seen.values()):
        return _say(turn, case_id) or filed
    number = office(turn).opened + 1
    seen = (*office(turn).seen.get(week, ()), case_id)
    change(turn, opened=number, seen=office(turn).seen | {week: seen})
    standing, witness = minting.judge(turn, content)
    turn.order(FileReport(case_id, number, turn.now, content, standing, witness))
    _open_case(turn, case_id, number, content)
    turn.tell("report_filed", number=str(number))
    return _say(turn, case_id) or filed


def _say(turn: Turn, case_id: bytes) -> Letter | None:
    """What is said next in a conversation; none if it is not open."""
    case = find_case(turn, case_id)
    if case is None:
        return None
    channel, letter = next_letter(case.channel, turn.now)
    replace_case(turn, msgspec.structs.replace(case, channel=channel))
    return letter


def _hear(turn: Turn, content: WordContent) -> Letter:
    """Take in a word, a burn, a call or a request; returns what to answer: nothing new where nothing is open."""
    if content.kind == ReportKind.BURN:
        post_burn(turn, *parse_burn(content.letter))
    if content.kind == ReportKind.CALL and (answer := adopting.take(turn, content.letter.body)):
        return answer
    if content.kind == ReportKind.REQUEST:
        return minting.sign(turn, content.letter.body)
    case = find_case(turn, content.id)
    if case is None:
        return Letter(1, 0, 0, 0, turn.now, LetterKind.EMPTY, b"")
    early = EARLY_WORDS if turn.roomy(ARRIVING_MOST) else 0
    channel, delivered = letters.accept(case.channel, content.letter, turn.now, early)
    used = turn.now if letters.is_used(case.channel, channel) else case.used
    case = msgspec.structs.replace(case, channel=channel, used=used)
    for word in delivered:
        case = _take_word(turn, case, word)
    replace_case(turn, case)
    return _say(turn, case.id) or Letter(1, 0, 0, 0, turn.now, LetterKind.EMPTY, b"")


def _open_case(turn: Turn, case_id: bytes, number: int, content: ReportContent) -> None:
    channel = letters.write(Channel(), LetterKind.RECEIPT, b"")
    media = tuple(MediaDue(ref.secret, 0, (), ref.blocks, 0) for ref in content.media)
    case = Case(case_id, number, channel, media, turn.now)
    change(turn, cases=(*office(turn).cases, case))


# ---- files


def _read_media(turn: Turn, case_id: bytes, place: int, media: MediaDue) -> None:
    if media.state != "coming":
        return
    case = find_case(turn, case_id)
    if case is not None and not media.moved:  # patience counts from the first look
        _replace_media(turn, case, place, msgspec.structs.replace(media, moved=turn.now))
    key = media.key
    for index in range(media.low, min(media.low + BLOCKS_AHEAD, media.blocks)):
        if index not in media.have:
            _read_block(turn, case_id, place, index, key)
        key = next_block_key(key)


def _read_block(turn: Turn, case_id: bytes, place: int, index: int, key: bytes) -> None:
    relays = turn.device.order(int.from_bytes(derive(key, "block relay", length=4), "big"))
    for number, relay in enumerate(relays):
        query = Query("media", case_id, index=place, place=number, block=index)
        turn.order(ReadBox(query, block_box(key, number).read, relay, block=True))


def _media_arrived(turn: Turn, event: Arrived) -> None:
    case = find_case(turn, event.query.id)
    if case is None or not event.items or event.query.index >= len(case.media):
        return
    media = case.media[event.query.index]
    index = event.query.block
    if media.state != "coming" or not media.low <= index < media.low + BLOCKS_AHEAD or index in media.have:
        return
    key = media.key
    for _ in range(index - media.low):
        key = next_block_key(key)
    for item in event.items:
        try:
            open_block(key, index, index == media.blocks - 1, item)
        except CannotOpen:
            turn.tell("strange_frame")
            turn.acknowledge(block_box(key, event.query.place), item, event.relay)
            continue
        turn.order(FileBlock(case.id, event.query.index, index, item))
        turn.acknowledge(block_box(key, event.query.place), item, event.relay)
        _note_block(turn, case, event.query.index, index)
        return


def _note_block(turn: Turn, case: Case, place: int, index: int) -> None:
    media = case.media[place]
    have, low, key = {*media.have, index}, media.low, media.key
    while low in have:
        have.discard(low)
        low, key = low + 1, next_block_key(key)
    state = "checking" if low == media.blocks else "coming"
    after = MediaDue(key, low, tuple(sorted(have)), media.blocks, turn.now, state)
    _replace_media(turn, case, place, after)
    turn.tell("media_moves", number=str(case.number), came=str(low + len(have)), of=str(media.blocks))
    if state == "checking":
        turn.order(CheckMedia(case.id, place))
        return
    key = after.key
    for ahead in range(low, min(low + BLOCKS_AHEAD, media.blocks)):
        if ahead not in have and (ahead >= media.low + BLOCKS_AHEAD or ahead == index + 1):
            _read_block(turn, case.id, place, ahead, key)
        key = next_block_key(key)


def _replace_media(turn: Turn, case: Case, place: int, media: MediaDue) -> None:
    files = tuple(media if i == place else m for i, m in enumerate(case.media))
    replace_case(turn, msgspec.structs.replace(case, media=files, used=turn.now))


def _ask_for_lost(turn: Turn, case: Case) -> None:
    """Ask for blocks that did not come though later ones did, or of a file that stands still."""
    for place, media in enumerate(case.media):
        patience = LOST_AFTER if media.have else STALLED_AFTER
        if media.state != "coming" or not media.moved or turn.now - media.moved <= patience or _asked(case, place):
            continue
        if not turn.roomy(ARRIVING_MOST):
            return
        wanted, key = [], media.key
        for index in range(media.low, min(media.low + BLOCKS_AHEAD, media.blocks)):
            if index not in media.have:
                wanted.append((index, key))
            key = next_block_key(key)
        body = encode(ResendRequest(place, tuple(wanted)))
        asked = msgspec.structs.replace(media, moved=turn.now)
        files = tuple(asked if i == place else m for i, m in enumerate(case.media))
        case = msgspec.structs.replace(case, media=files, channel=letters.write(case.channel, LetterKind.RESEND, body))
        replace_case(turn, case)


def _asked(case: Case, place: int) -> bool:
    """Whether a request for blocks of a file still waits to be heard: one at a time is enough."""
    requests = (decode(w.body, ResendRequest) for w in case.channel.waiting if w.kind == LetterKind.RESEND)
    return any(r.media == place for r in requests)


def media_checked(turn: Turn, event: MediaChecked) -> None:
    """The shell has hashed a file: tell its sender."""
    case = find_case(turn, event.case)
    if case is None or event.media >= len(case.media) or case.media[event.media].state != "checking":
        return
    kind = LetterKind.MEDIA_RECEIVED if event.good else LetterKind.MEDIA_BROKEN
    after = msgspec.structs.replace(case.media[event.media], state="here" if event.good else "broken", key=b"")
    _replace_media(turn, case, event.media, after)
    case = find_case(turn, event.case) or case
    channel = letters.write(case.channel, kind, bytes([event.media]))
    replace_case(turn, msgspec.structs.replace(case, channel=channel))
    turn.tell("media_filed" if event.good else "media_broken", number=str(case.number), media=str(event.media))


# ---- conversations


def reply(turn: Turn, number: int, text: str) -> None:
    """The desk writes to a reporter.

    Raises:
        Refusal: `not_the_desk`, `unknown_report`, `bad_reply`, `letter_long`, `too_much_waiting`.
    """
    case = next((c for c in office(turn).cases if c.number == number), None)
    if case is None:
        raise Refusal("unknown_report")
    channel = letters.write(case.channel, LetterKind.TEXT, body_for(turn, case.channel, text))
    turn.order(FileWord(case.id, True, channel.sent, turn.now, text.strip()))
    replace_case(turn, msgspec.structs.replace(case, channel=channel, used=turn.now))


def _take_word(turn: Turn, case: Case, word: Letter) -> Case:
    if word.kind == LetterKind.TEXT:
        turn.order(FileWord(case.id, False, word.number, turn.now, words(word)))
        turn.tell("word_filed", number=str(case.number))
    if word.kind == LetterKind.MEDIA_WITHDRAWN and len(word.body) == 1 and word.body[0] < len(case.media):
        place = word.body[0]
        if case.media[place].state != "coming":
            return case
        gone = msgspec.structs.replace(case.media[place], state="withdrawn", key=b"", have=())
        turn.tell("media_withdrawn", number=str(case.number), media=str(place))
        files = tuple(gone if i == place else m for i, m in enumerate(case.media))
        return msgspec.structs.replace(case, media=files)
    return case
