"""The device: one step of a member or a desk.

Does        hands each event to the part that knows it, and returns state and effects.
Does not    know how any part works.
Spec        spec/00-overview.md, 5
Always      1. A failed step changes nothing.  2. The same state, event, time and chance give the same decisions.
Read first  step().
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import msgspec

from tercet.core import (
    accusing,
    adopting,
    beat,
    bycode,
    calling,
    cases,
    committing,
    comparing,
    dealing,
    encounter,
    files,
    gathering,
    granting,
    handover,
    introducing,
    locked,
    mail,
    moments,
    notice,
    office,
    posting,
    publishing,
    reader,
    redeeming,
    relinking,
    reporting,
    rooting,
    sending,
    welcome,
)
from tercet.core import events as e
from tercet.core.chain import FARTHEST
from tercet.core.channel import LetterKind
from tercet.core.days import day_of
from tercet.core.effects import Effect, Filed, Tell
from tercet.core.errors import Refusal
from tercet.core.scan import Carried
from tercet.core.state import Device
from tercet.core.turn import Turn

Chance = Callable[[int], bytes]


def step(device: Device, event: e.Event, now: int, chance: Chance) -> tuple[Device, tuple[Effect, ...]]:
    """Apply one event.

    Args:
        device: the state before; it is not changed.
        event: what happened.
        now: the shell's clock, whole seconds since 1970, UTC.
        chance: gives that many random bytes; the shell passes the system's, the laboratory a seeded one.

    Returns:
        The state after, and the effects to carry out, in order: what is filed first, then the new state is
        saved, then the rest.

    Raises:
        Refusal: the owner asked for something that cannot be done now, or this clock is too far off to go on;
            nothing has changed.

    Source: spec/00-overview.md, 5.
    """
    turn = Turn(device, now, chance)
    PARTS[type(event)](turn, event)
    return moments.coarse(device, turn.device), tuple(turn.effects)


def _beat(turn: Turn, event: e.Beat) -> None:
    _time_passes(turn)
    if turn.device.is_desk:
        mail.send_all(turn)
        office.beat(turn)
    else:
        beat.covered(turn, event.span, event.reads)
        files.move_media(turn)
    _write_to_neighbours(turn)


def _send_now(turn: Turn, event: e.SendNow) -> None:
    _time_passes(turn)
    mail.send_all(turn)
    if turn.device.is_desk:
        office.beat(turn)
    else:
        sending.send_all(turn, event.polls)
        reader.read(turn)
    _write_to_neighbours(turn)


def _write_to_neighbours(turn: Turn) -> None:
    """What devices themselves have to say to each other; it is sealed in a later step than it is written."""
    mail.begin_mixes(turn)
    dealing.deal(turn)
    committing.hand(turn)
    granting.deal(turn)
    posting.deal(turn)
    comparing.tell(turn)


def _time_passes(turn: Turn) -> None:
    """What each beat does before it orders anything: forget what is over, go on with a meeting."""
    confirmed = turn.device.confirmed
    if confirmed and abs(turn.today - confirmed) > FARTHEST:
        raise Refusal("clock_far")
    turn.change(beats=turn.device.beats + 1)
    card = turn.device.card
    if card is not None and not turn.device.is_desk:
        turn.change(card=msgspec.structs.replace(card, chain=card.chain.since(turn.device.confirmed - 1)))
    board = turn.device.board
    if board.notices:
        turn.change(board=msgspec.structs.replace(board, notices=notice.in_force(board.notices, day_of(turn.sure))))
    mail.tidy(turn)
    encounter.tidy(turn)
    introducing.tidy(turn)
    accusing.tidy(turn)
    granting.tidy(turn)
    posting.tidy(turn)
    comparing.look(turn)
    if not turn.device.is_desk:
        reporting.tidy(turn)
        calling.tidy(turn)
        redeeming.prepare(turn)


def _stored(turn: Turn, event: e.Stored) -> None:
    turn.change(outbox=tuple(o for o in turn.device.outbox if o.ref != event.ref))
    mail.let_go(turn, event.ref)
    if turn.device.is_desk:
        publishing.stored(turn, event.ref, event.relay)
    else:
        sending.stored(turn, event.ref)


def _refused(turn: Turn, event: e.Refused) -> None:
    if event.code == "box_full":
        turn.change(outbox=tuple(o for o in turn.device.outbox if o.ref != event.ref))
        mail.let_go(turn, event.ref)
    files.refused(turn, event.ref, event.code)
    turn.tell("relay_refused", code=event.code)


def _neighbour_wrote(turn: Turn, event: e.Arrived) -> None:
    for letter in mail.arrived(turn, event):
        if letter.kind in (LetterKind.INTRODUCE, LetterKind.INTRO_FRAME):
            introducing.take(turn, event.query.id, letter)
        elif letter.kind in (LetterKind.MIX, LetterKind.MIX_BACK):
            mail.take_mix(turn, event.query.id, letter)
        elif letter.kind == LetterKind.SHARE:
            dealing.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.ASK:
            accusing.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.PAIR:
            relinking.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.COMMIT:
            committing.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.HERE:
            adopting.heard(turn, event.query.id)
        elif letter.kind == LetterKind.HEAD:
            comparing.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.NEED:
            granting.take_need(turn, event.query.id, letter)
        elif letter.kind == LetterKind.PERMITS:
            granting.take_grant(turn, event.query.id, letter)
        elif letter.kind == LetterKind.PASSES:
            posting.take(turn, event.query.id, letter)
        elif letter.kind == LetterKind.WELCOME and _brought_us_in(turn, event.query.id):
            turn.change(board=welcome.take(turn.device.board, letter.body, turn.today))


def _brought_us_in(turn: Turn, relation_id: bytes) -> bool:
    relation = mail.find_relation(turn, relation_id)
    return relation is not None and relation.host


ARRIVALS: Final[MappingProxyType[str, Callable[[Turn, e.Arrived], None]]] = MappingProxyType(
    {
        "relation": _neighbour_wrote,
        "return": reporting.arrived,
        "intake": office.arrived,
        "media": office.arrived,
        "board": reader.arrived,
        "meeting": encounter.arrived,
        "refusal": encounter.arrived,
        "plate": encounter.arrived,
        "cover": lambda turn, event: None,
    }
)


def _arrived(turn: Turn, event: e.Arrived) -> None:
    ARRIVALS[event.query.kind](turn, event)
    if event.query.alone and not event.carried:
        beat.saw(turn, event)


def _unlocked(turn: Turn, event: e.Unlocked) -> None:
    """What a locked process saw, each as if it had just happened; what cannot be taken in changes nothing."""
    for happened in locked.meant(turn, event.happened):
        before, ordered = turn.device, len(turn.effects)
        try:
            _stored(turn, happened) if isinstance(happened, e.Stored) else _arrived(turn, happened)
        except Refusal as refusal:
            turn.device = before
            del turn.effects[ordered:]
            turn.tell(refusal.code)


def _scanned(turn: Turn, event: e.Scanned) -> None:
    message = bycode.read(event.content)
    if not isinstance(message, Carried):
        encounter.scanned(turn, message)
        return
    _arrived(turn, handover.awaited(turn, message))
    turn.effects = [effect for effect in turn.effects if isinstance(effect, Tell | Filed)]  # no relay is asked


def _notes_seen(turn: Turn, _: e.NotesSeen) -> None:
    def seen(holder: Any) -> Any:
        notes = tuple(n if n.seen else msgspec.structs.replace(n, seen=turn.now) for n in holder.notes)
        return msgspec.structs.replace(holder, notes=notes)

    turn.change(
        relations=tuple(seen(r) for r in turn.device.relations), reports=tuple(seen(r) for r in turn.device.reports)
    )


def _notices_seen(turn: Turn, _: e.NoticesSeen) -> None:
    board = turn.device.board
    turn.change(board=msgspec.structs.replace(board, notices=notice.read_by_owner(board.notices)))


def _take_weekly(turn: Turn, event: e.TakeWeekly) -> None:
    posting.take_secret(turn, event)
    publishing.publish_marks(turn)


PARTS: Final[MappingProxyType[type, Callable[[Turn, Any], None]]] = MappingProxyType(
    {
        e.Beat: _beat,
        e.SendNow: _send_now,
        e.Lock: lambda turn, event: locked.plan(turn, event.seconds, event.pace),
        e.Unlocked: _unlocked,
        e.Look: lambda turn, _: encounter.look(turn),
        e.Stored: _stored,
        e.Refused: _refused,
        e.Arrived: _arrived,
        e.SetUpDesk: lambda turn, event: office.set_up(turn, event.relays, event.shards),
        e.ChangeRelays: lambda turn, event: publishing.change_relays(turn, event.relays),
        e.TakeWeekly: _take_weekly,
        e.TakeRoots: lambda turn, event: rooting.take_roots(turn, event.documents),
        e.DrawBoardKey: lambda turn, _: rooting.draw_key(turn),
        e.Invite: lambda turn, event: encounter.invite(turn, event.name, event.role),
        e.Join: lambda turn, event: encounter.join(turn, event.name, event.code, event.relay),
        e.InviteByCode: lambda turn, event: encounter.invite_by_code(turn, event.name, event.role, event.offline),
        e.JoinByCode: lambda turn, event: encounter.join_by_code(turn, event.name, event.content),
        e.Scanned: _scanned,
        e.ShowCodes: lambda turn, _: encounter.show_codes(turn),
        e.ShowLetter: lambda turn, event: handover.show_letter(turn, event.to),
        e.SameWords: lambda turn, _: encounter.same_words(turn),
        e.OtherWords: lambda turn, _: encounter.other_words(turn),
        e.Introduce: lambda turn, event: introducing.introduce(turn, event.first, event.second),
        e.AcceptIntroduction: lambda turn, event: introducing.accept(turn, event.name),
        e.DeclineIntroduction: lambda turn, _: introducing.decline(turn),
        e.CompareWords: lambda turn, event: introducing.compare(turn, event.name),
        e.WordsAgree: lambda turn, event: introducing.words_agree(turn, event.name),
        e.WordsDiffer: lambda turn, event: introducing.words_differ(turn, event.name),
        e.Burn: lambda turn, event: accusing.burn(turn, event.name),
        e.Spare: lambda turn, event: accusing.spare(turn, event.name),
        e.WriteLetter: lambda turn, event: mail.write_letter(turn, event.to, event.text),
        e.WriteReport: reporting.write_report,
        e.WriteWord: lambda turn, event: reporting.write_word(turn, event.number, event.text),
        e.Reply: lambda turn, event: cases.reply(turn, event.case, event.text),
        e.WriteNotice: lambda turn, event: publishing.post_notice(turn, event.text, event.until),
        e.PostStatement: lambda turn, event: publishing.post_statement(turn, event.said),
        e.NoticesSeen: _notices_seen,
        e.NotesSeen: _notes_seen,
        e.ChunkRead: files.chunk_read,
        e.FileStopped: files.file_stopped,
        e.MediaChecked: gathering.media_checked,
        e.TokenKeysDrawn: publishing.token_keys_drawn,
        e.RelayTime: lambda turn, event: mail.relay_time(turn, event.seconds),
        e.WentBack: lambda turn, _: mail.went_back(turn),
    }
)
