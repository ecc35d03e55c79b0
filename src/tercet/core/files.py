"""Files: a report's photos, films and sound, which follow it block by block.

Does        seals one block at a time, and takes in what became of it; sends again what the desk asks for.
Does not    read files: it asks the shell for one chunk at a time.
Spec        spec/50-report.md, 4
Always      1. One block is under way at a time.  2. A key goes when its block is sealed.
Read first  move_files(), chunk_read().
"""

from __future__ import annotations

import msgspec

from tercet.core import channel as letters
from tercet.core.chain import LANE_RELAYS
from tercet.core.channel import LetterKind
from tercet.core.content import MediaKind, MediaRef
from tercet.core.effects import ForgetBlock, KeepBlock, PutBlock, ReadChunk
from tercet.core.errors import Refusal
from tercet.core.events import ChunkRead, FileStopped, MediaGiven
from tercet.core.fields import Malformed, decode
from tercet.core.report import MediaSend, MediaState, Report, ResendRequest, UnderWay
from tercet.core.turn import Turn
from tercet.sealing import NONCE, block_box, cover, derive, next_block_key, seal_block

BLOCKS_MOST = 24  # sealed blocks in the vault at a time
RESENT_LEAST = 3  # blocks that a desk may ask for again, however small the file; else as many as it has
OPEN_MEDIA = (MediaState.WAITING, MediaState.LEFT)


def find_report(turn: Turn, number: int) -> Report:
    """A report by its number.

    Raises:
        Refusal: `unknown_report`.
    """
    for report in turn.device.reports:
        if report.number == number:
            return report
    raise Refusal("unknown_report")


def replace_report(turn: Turn, report: Report) -> None:
    """Put a changed report in its place."""
    turn.change(reports=tuple(report if r.number == report.number else r for r in turn.device.reports))


def announce(given: MediaGiven, turn: Turn) -> list[tuple[MediaRef, MediaGiven]]:
    """What the report says of a file: the travel copy first, so that the desk sees something soon."""
    whole = MediaRef(given.kind, given.form, turn.chance(32), given.size, given.sha256)
    if not given.travel:
        return [(whole, given)]
    small = MediaRef(MediaKind.TRAVEL, "jpg", turn.chance(32), len(given.travel), given.travel_sha256)
    return [(small, given), (whole, given)]


def first_state(turn: Turn, ref: MediaRef, given: MediaGiven) -> MediaSend:
    """A file as it waits: a travel copy is sealed at once, for it is in one block and its pixels are here."""
    if ref.kind is not MediaKind.TRAVEL:
        return MediaSend(ref.kind, given.path, ref.size, ref.sha256, ref.secret, 0)
    way = _seal(turn, ref.secret, 0, True, given.travel)
    return MediaSend(ref.kind, "", ref.size, b"", b"", 1, MediaState.WAITING, way)


def move_media(turn: Turn) -> None:
    """Order the next step of the first file that can move."""
    for report in turn.device.reports:
        if move_files(turn, report):
            break


def move_files(turn: Turn, report: Report) -> bool:
    """Order the next step of the first file that can move; whether there was one."""
    for place, media in enumerate(report.media):
        if media.state not in OPEN_MEDIA:
            continue
        if media.under_way is not None:
            way = media.under_way
            places = tuple(zip(turn.device.order(way.turn), way.boxes, strict=False))
            turn.order(PutBlock(way.ref, places, way.cover))
            return True
        if media.again or media.key:
            index = media.again[0][0] if media.again else media.index
            facts = (media.path, media.size, media.sha256, bool(media.again))
            turn.order(ReadChunk(report.number, place, index, *facts))
            return True
    return False


def _seal(turn: Turn, key: bytes, index: int, last: bool, data: bytes) -> UnderWay:
    block = seal_block(key, index, last, data, turn.chance(NONCE))
    boxes = tuple(block_box(key, place).id for place in range(LANE_RELAYS))
    way = UnderWay(turn.chance(16), boxes, _block_turn(key), turn.chance(32))
    turn.order(KeepBlock(way.ref, cover(way.cover, block)))
    return way


def _block_turn(key: bytes) -> int:
    return int.from_bytes(derive(key, "block relay", length=4), "big")


def stored(turn: Turn, ref: bytes) -> None:
    """A relay has stored something: if it was a block under way, that goes, and the next one is asked for."""
    for report in turn.device.reports:
        for place, media in enumerate(report.media):
            if media.under_way is not None and media.under_way.ref == ref:
                _block_stored(turn, report, place)
                return


def _block_stored(turn: Turn, report: Report, place: int) -> None:
    media = report.media[place]
    if media.under_way is None:
        return
    turn.order(ForgetBlock(media.under_way.ref))
    media = msgspec.structs.replace(media, under_way=None)
    if media.index == media.blocks and media.state is MediaState.WAITING:
        media = msgspec.structs.replace(media, state=MediaState.LEFT)
        turn.tell("media_left", number=str(report.number), media=str(place))
    else:
        turn.tell("media_moves", number=str(report.number), sent=str(media.index), of=str(media.blocks))
    report = replace_media(turn, report, place, media)
    for other in (report, *turn.device.reports):
        if move_files(turn, other):
            break


def replace_media(turn: Turn, report: Report, place: int, media: MediaSend) -> Report:
    """Put a changed file in its place; returns the report with it."""
    report = _with(report, place, media)
    replace_report(turn, report)
    return report


def _with(report: Report, place: int, media: MediaSend) -> Report:
    return msgspec.structs.replace(report, media=(*report.media[:place], media, *report.media[place + 1 :]))


def chunk_read(turn: Turn, event: ChunkRead) -> None:
    """Seal the chunk that was asked for; a chunk nobody asked for changes nothing."""
    report = next((r for r in turn.device.reports if r.number == event.number), None)
    if report is None or event.media >= len(report.media):
        return
    media = report.media[event.media]
    if media.under_way is not None or media.state not in OPEN_MEDIA or event.again != bool(media.again):
        return
    last = event.index == media.blocks - 1
    if event.again:
        (index, key), *rest = media.again
        if index != event.index:
            return
        media = msgspec.structs.replace(media, under_way=_seal(turn, key, index, last, event.data), again=tuple(rest))
    else:
        if event.index != media.index or not media.key:
            return
        way = _seal(turn, media.key, media.index, last, event.data)
        following = b"" if last else next_block_key(media.key)
        media = msgspec.structs.replace(media, under_way=way, key=following, index=media.index + 1)
    move_files(turn, replace_media(turn, report, event.media, media))


def file_stopped(turn: Turn, event: FileStopped) -> None:
    """A file changed or is gone: what was not sent of it never will be, and both sides are told."""
    report = next((r for r in turn.device.reports if r.number == event.number), None)
    if report is None or event.media >= len(report.media):
        return
    state = MediaState.CHANGED if event.changed else MediaState.MISSING
    media = report.media[event.media]
    if media.state not in OPEN_MEDIA:
        return
    replace_report(turn, _withdraw(turn, report, event.media, state))


def _withdraw(turn: Turn, report: Report, place: int, state: MediaState) -> Report:
    report = _with(report, place, _stop(turn, report.media[place], state))
    channel = letters.write(report.channel, LetterKind.MEDIA_WITHDRAWN, bytes([place]))
    turn.tell("media_stopped", number=str(report.number), why=state.value)
    return msgspec.structs.replace(report, channel=channel)


def refused(turn: Turn, ref: bytes, code: str) -> None:
    """A relay refused a block: a full box means that an earlier copy of it already lies there."""
    if code == "box_full":
        stored(turn, ref)


def give_up_files(turn: Turn, report: Report) -> Report:
    """A report whose files that wait are given up; the owner is told."""
    if not any(m.state in OPEN_MEDIA for m in report.media):
        return report
    media = tuple(_stop(turn, m, MediaState.LAPSED) if m.state in OPEN_MEDIA else m for m in report.media)
    turn.tell("media_stopped", number=str(report.number), why=MediaState.LAPSED.value)
    return msgspec.structs.replace(report, media=media)


def _stop(turn: Turn, media: MediaSend, state: MediaState) -> MediaSend:
    """A file that is done with: nothing that names or opens it is kept."""
    if media.under_way is not None:
        turn.order(ForgetBlock(media.under_way.ref))
    return msgspec.structs.replace(media, state=state, path="", sha256=b"", key=b"", under_way=None, again=())


def settle_media(turn: Turn, report: Report, place: int, good: bool) -> Report:
    """Take in that the desk has a file whole, or that it came and was not what was announced."""
    if place >= len(report.media) or report.media[place].state not in OPEN_MEDIA:
        return report
    state = MediaState.RECEIVED if good else MediaState.CHANGED
    media = _stop(turn, report.media[place], state)
    turn.tell("media_received" if good else "media_stopped", number=str(report.number), why=state.value)
    return replace_media(turn, report, place, media)


def send_again(turn: Turn, report: Report, body: bytes) -> Report:
    """The desk asks for blocks: their keys come with the request, for this device has none any more.

    A travel copy is not kept once it left, so it is withdrawn: the original is still on its way.
    """
    try:
        request = decode(body, ResendRequest)
    except Malformed:
        return report
    if request.media >= len(report.media):
        return report
    media = report.media[request.media]
    wanted = tuple(pair for pair in request.blocks if pair[0] < media.index)
    if media.resent + len(wanted) > max(media.blocks, RESENT_LEAST):
        turn.tell("desk_asks_much", number=str(report.number))
        return report
    if media.state not in OPEN_MEDIA or media.under_way is not None and not media.path:
        return report
    if not media.path:
        return _withdraw(turn, report, request.media, MediaState.MISSING)
    media = msgspec.structs.replace(media, again=wanted, resent=media.resent + len(wanted))
    return _with(report, request.media, media)
