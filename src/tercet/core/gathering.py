"""Gathering: a desk brings together the blocks of the files that reports announced.

Does        looks for blocks, orders whole files to be checked, asks senders for blocks that were lost.
Does not    store or join blocks: it orders the shell to file them before they are acknowledged.
Spec        spec/50-report.md
Always      1. A block's key is replaced by the next once all before it are here.
Read first  look_for_files(), media_arrived().
"""

from __future__ import annotations

import msgspec

from tercet.core import channel as letters
from tercet.core.cases import find_case, office, replace_case
from tercet.core.channel import LetterKind
from tercet.core.days import DAY
from tercet.core.effects import CheckMedia, FileBlock, ReadBox
from tercet.core.events import Arrived, MediaChecked, Query
from tercet.core.fields import decode, encode
from tercet.core.report import ResendRequest
from tercet.core.state import ARRIVING_MOST, Case, MediaDue
from tercet.core.turn import Turn
from tercet.sealing import CannotOpen, block_box, derive, next_block_key, open_block

BLOCKS_AHEAD = 8  # blocks of a file that are looked for at once, and asked for in one letter
FILES_A_BEAT = 64  # files whose blocks are looked for in one beat; the others have their turn at the next
LOST_AFTER = 3_600  # seconds; a gap that stays this long is asked for
STALLED_AFTER = DAY  # seconds; a file that stands still this long is asked for


def look_for_files(turn: Turn) -> None:
    """Look for blocks of files on their way, and have whole ones checked."""
    files = [(c.id, place, m) for c in office(turn).cases for place, m in enumerate(c.media)]
    for case_id, place, media in files:
        if media.state == "checking":
            turn.order(CheckMedia(case_id, place))
    coming = [f for f in files if f[2].state == "coming"]
    first = turn.device.beats * FILES_A_BEAT % len(coming) if len(coming) > FILES_A_BEAT else 0
    for case_id, place, media in (coming[first:] + coming[:first])[:FILES_A_BEAT]:
        _read_media(turn, case_id, place, media)


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


def media_arrived(turn: Turn, event: Arrived) -> None:
    """Take in what a media box held: a block that opens, once."""
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


def ask_for_lost(turn: Turn, case: Case) -> None:
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
