"""Exposure: what whoever holds a memory learns from it.

Does        lists people, words, files, reports, boxes and powers in a device's state, an understudy or a locked list.
Does not    open files, judge, or hide anything: it is the captor's side.
Spec        spec/91-exposure.md
Always      1. What it cannot account for is found, never passed over.  2. It needs no disk and changes nothing.
Read first  Exposure, exposure_of().
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from typing import Final

import msgspec

from tercet.core.cell import UNDER
from tercet.core.channel import Channel, LetterKind, Waiting
from tercet.core.days import DAY, day_of
from tercet.core.envelope import SEALED
from tercet.core.fields import Malformed, encode
from tercet.core.moments import coarse
from tercet.core.permits import parse_grant
from tercet.core.relation import Note, Relation, words
from tercet.core.report import MediaSend, MediaState, Report
from tercet.core.state import Device, save
from tercet.core.understudy import Understudy
from tercet.lab.ties import Address, Tie
from tercet.member.locked import Plan

POWERS: Final = {
    "be_adopted": "be adopted by the desk in this member's place, if its link is cut out",
    "be_the_member": "read and write in the place of this member, until its neighbours' devices mix or it is given up",
    "ask_the_desk": "speak to the desk in the conversations that are kept",
    "report": "send reports, and fill intake with noise: the card says no number and no name",
    "empty_boxes": "take letters out of the boxes that it reads",
    "read_boxes": "see what lies in the boxes that it reads, sealed",
    "post": "lay items down at its relays, until they are full: their passes stand in its addresses",
    "post_weeks": "lay items down at its relays until two days after the last week of which it has a pass",
    "make_passes": "make its relays' passes of all weeks, until their operators draw other secrets",
    "withhold": "keep back what goes through it",
    "alarm": "raise the alarm, or keep it back",
    "burn": "cut out the owner of this device: its neighbours drop it for good",
    "one_voice": "be one of the two who cut out a neighbour; with its alarm, or a second seized neighbour, both",
    "two_voices": "cut out a neighbour whose alarm came, or about whom another asked; before its owner agreed",
    "own_voice": "be one of the two who cut out the owner of this device, as each alarm is",
    "take_over": "answer at the door in the locked process's place: keep frames back, open none",
    "tokens": "send reports that count as a member's, with the tokens of this week and the next, and two as a witness",
    "permits": "buy such tokens with the permits that it holds, those meant for others below among them",
    "mint": "make permits and tokens, and with them members and witnesses of its own",
    "sign_the_board": "publish relays and keys of its own, and open what is sealed to the desk",
}
KINDS: Final = {
    "letter": "from a neighbour",
    "own letter": "to a neighbour, not acknowledged yet",
    "desk": "from the desk, in a conversation",
    "to the desk": "in a conversation, not acknowledged yet",
    "notice": "from the desk, to everyone",
    "note": "in the notebook",
    "report": "a report at the desk",
    "reporter": "from a reporter, at the desk",
    "to a reporter": "from the desk, not acknowledged yet",
}
BARE: Final = 3  # slashes in a relay's address; one more stands before its pass
ENDLESS: Final = -1  # a last day of boxes that go on: roots roll forward until the next mix, the network's for ever


class Person(msgspec.Struct, frozen=True):
    """A neighbour, by the owner's own word for it; `sent` and `received` count letters, `heard` is in seconds."""

    name: str
    role: str
    met: bool
    heard: int
    sent: int
    received: int


class Words(msgspec.Struct, frozen=True):
    """Something said that can be read.

    Attributes:
        kind: one of `KINDS`.
        who: the owner's word for a neighbour, or the number of a report or case; empty for a note.
        text: as it stands there.
        when: it came, seconds; 0 where that is not kept.
        seen: when the owner read it, seconds; 0 for unread or their own.
    """

    kind: str
    who: str
    text: str
    when: int = 0
    seen: int = 0


class Media(msgspec.Struct, frozen=True):
    """A file of a report.

    Attributes:
        path, sha256: where it lies and its hash in hex; empty once nothing needs them.
        keyed: whether a key of blocks that are still to be sealed is there.
        waits: whether a sealed block of it waits in the vault.
    """

    kind: str
    state: str
    size: int
    path: str
    sha256: str
    keyed: bool
    waits: bool


class Reported(msgspec.Struct, frozen=True):
    """A report, as its sender's device still knows it.

    Attributes:
        made, put: seconds; when a relay last stored it, 0 for never.
        sealed: bytes of the sealed report that are kept.
        noise: whether these look like noise, as what only the desk opens does.
        files: what it had.
    """

    number: int
    state: str
    made: int
    put: int
    sealed: int
    noise: bool
    files: tuple[Media, ...]


class Boxes(msgspec.Struct, frozen=True):
    """Boxes that can be computed.

    Attributes:
        purpose: `neighbour`, `intake`, `answer`, `file`, `board`, `meeting`, or `locked`.
        first, last: day numbers; `last` is ENDLESS where it goes on, both 0 where days do not matter.
        count: a day, or of all of them where days do not matter.
    """

    purpose: str
    first: int
    last: int
    count: int


class Items(msgspec.Struct, frozen=True):
    """What lies in a store or on a stick: `frame`, `block`, `board`, `want`, `ack` or `file`, in so many boxes.

    Attributes:
        gone: how many of them were acknowledged, and lie there all the same.
        first, last: when they came, seconds; both 0 where that is not kept.
    """

    kind: str
    count: int
    boxes: int
    gone: int = 0
    first: int = 0
    last: int = 0


class Exposure(msgspec.Struct, frozen=True):
    """What a seizure yields.

    Attributes:
        kind: `nothing`, `device`, `desk`, `notebook`, `locked`, `relay`, `stick` or `archive`.
        confirmed: the day that boxes are measured from.
        today: the day of the seizure.
        people: neighbours, and whom the owner agreed to be introduced to.
        meeting: the owner's word for whoever is being met at this moment; empty for nobody.
        lanes: neighbours that are there without a name.
        below: how many of them are below this device.
        branch: how many permits a week those below said they can use, rounded up: the rough size of the branch.
        tokens: how many it holds; which were used and which have lapsed does not show.
        permits: how many it holds, of all weeks, those in letters among them.
        passes: the last week of which it has a relay's pass; 0 for none.
        words: everything that can be read.
        reports: what is known of each.
        made: how many reports were ever made here; -1 where that is not there.
        boxes: what traffic it tells.
        marks: PUTs of a locked list of which it is known that they carry something, and what.
        items: what lies in a store.
        addresses: of the network, with what each did; `ties` between them.
        relays: their addresses.
        powers: names in POWERS.
        found: texts that must not be there, and are.
        odd: bytes of the state that no field accounts for.
        fine: whether a time of a report, a conversation or an awaited answer is kept that tells its frame at intake.
    """

    kind: str
    confirmed: int = 0
    today: int = 0
    people: tuple[Person, ...] = ()
    meeting: str = ""
    lanes: int = 0
    below: int = 0
    branch: int = 0
    tokens: int = 0
    permits: int = 0
    passes: int = 0
    words: tuple[Words, ...] = ()
    reports: tuple[Reported, ...] = ()
    made: int = -1
    boxes: tuple[Boxes, ...] = ()
    marks: int = 0
    items: tuple[Items, ...] = ()
    addresses: tuple[Address, ...] = ()
    ties: tuple[Tie, ...] = ()
    relays: tuple[str, ...] = ()
    powers: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    odd: int = 0
    fine: bool = False


NOTHING: Final = Exposure("nothing")


def exposure_of(
    device: Device,
    now: int,
    *,
    hidden: Iterable[str] = (),
    confirmed: int | None = None,
    saved: bytes | None = None,
) -> Exposure:
    """What whoever has a device and its passphrase learns.

    Args:
        device: the state, of a member or a desk.
        now: seconds.
        hidden: texts that must not be in it, such as those of the reports that were sealed here.
        confirmed: the confirmed day at the last beat, where the caller knows it; else the state's.
        saved: the bytes of the state as the vault had them; they show what no field of this version accounts for.

    Source: spec/91-exposure.md, 2.
    """
    relations, permits = device.relations, _permits(device)
    coming = device.introductions.coming
    people = tuple(_person(r) for r in relations)
    if coming is not None:
        people += (Person(coming.name, coming.role.value, False, 0, 0, 0),)
    return Exposure(
        kind="desk" if device.is_desk else "device",
        confirmed=device.confirmed if confirmed is None else confirmed,
        today=day_of(now),
        people=people,
        meeting=device.meeting.name if device.meeting else "",
        below=sum(r.role in UNDER for r in relations),
        branch=sum(device.trust.needs.values()),
        tokens=sum(bool(one) for purse in device.trust.purses for one in (*purse.reports, purse.witness)),
        permits=len(permits),
        passes=max((one.week for one in device.passes), default=0),
        words=tuple(_words(device)),
        reports=tuple(_reported(r) for r in device.reports),
        made=device.reported,
        boxes=_boxes(device),
        marks=len(device.ahead.puts),
        relays=_bare(device.relays),
        powers=_powers(device, bool(permits)),
        found=_found(device, saved, hidden),
        odd=0 if saved is None else abs(len(saved) - len(save(device))),
        fine=coarse(Device(), device) != device,
    )


def exposure_of_understudy(understudy: Understudy | None, now: int, *, hidden: Iterable[str] = ()) -> Exposure:
    """What an understudy tells whoever holds the notebook's passphrase; none is noise, and tells nothing.

    Source: spec/91-exposure.md, 2.
    """
    if understudy is None:
        return Exposure("notebook", today=day_of(now))
    last = understudy.day + len(understudy.intake) - 1
    oldest = min((one.oldest for one in understudy.neighbours), default=understudy.day)
    ways = Boxes("neighbour", oldest, last, 2 * len(understudy.neighbours))
    intake = Boxes("intake", understudy.day, last, max((len(day) for day in understudy.intake), default=0))
    there = [Boxes("answer", 0, 0, len(understudy.returns)), Boxes("board", 0, 0, len(understudy.relays))]
    return Exposure(
        "notebook",
        understudy.day,
        day_of(now),
        lanes=len(understudy.neighbours),
        boxes=tuple(b for b in (ways, intake, *there) if b.count),
        relays=_bare(relay.address for relay in understudy.relays),
        powers=(
            "alarm",
            "empty_boxes",
            "read_boxes",
            *(("own_voice",) if understudy.point else ()),
            *_posts(relay.address for relay in understudy.relays),
            *(("post_weeks",) if understudy.passes else ()),
        ),
        passes=max((one.week for one in understudy.passes), default=0),
        found=_texts(encode(understudy), hidden),
    )


def exposure_of_locked(plan: Plan, now: int, *, hidden: Iterable[str] = ()) -> Exposure:
    """What the list of a locked process tells whoever reads its memory.

    Source: spec/91-exposure.md, 2.
    """
    today = day_of(now)
    boxes = {place for one in plan.operations for place in one.places}
    until = day_of(now + int(max((one.after for one in plan.operations), default=0)))
    return Exposure(
        "locked",
        today,
        today,
        boxes=(Boxes("locked", today, until, len(boxes)),) if boxes else (),
        relays=_bare(sorted({relay for relay, _ in boxes})),
        powers=("read_boxes", "take_over", *_posts(relay for relay, _ in boxes)),
        found=_texts(encode(plan), hidden),
    )


def joined(exposures: Iterable[Exposure]) -> Exposure:
    """What several memories of one device yield together: two copies of its state, or images of two days."""
    every = tuple(exposures)
    if not every:
        return NOTHING
    newest = every[0]
    oldest = {b.purpose: min(o.first for e in every for o in e.boxes if o.purpose == b.purpose) for b in newest.boxes}
    names, numbers = {p.name for p in newest.people}, {r.number for r in newest.reports}
    gone = {p.name: p for e in reversed(every) for p in e.people if p.name not in names}
    over = {r.number: r for e in reversed(every) for r in e.reports if r.number not in numbers}
    return msgspec.structs.replace(
        newest,
        people=(*newest.people, *gone.values()),
        words=tuple(dict.fromkeys(w for e in every for w in e.words)),
        reports=(*newest.reports, *over.values()),
        boxes=tuple(msgspec.structs.replace(b, first=oldest[b.purpose]) for b in newest.boxes),
        branch=max(e.branch for e in every),
        tokens=max(e.tokens for e in every),
        permits=max(e.permits for e in every),
        passes=max(e.passes for e in every),
        powers=tuple(dict.fromkeys(power for e in every for power in e.powers)),
        found=tuple(dict.fromkeys(f for e in every for f in e.found)),
        odd=max(e.odd for e in every),
        fine=any(e.fine for e in every),
    )


def is_noise(data: bytes) -> bool:
    """Whether bytes have nothing that a compressor could use, as sealed ones have nothing."""
    return len(zlib.compress(data, 1)) >= len(data)


def _person(relation: Relation) -> Person:
    channel = relation.channel
    return Person(relation.name, relation.role.value, relation.met, channel.heard, channel.sent, channel.received)


def _words(device: Device) -> Iterable[Words]:
    for notice in device.board.notices:
        yield Words("notice", "", notice.text, notice.issued)
    for relation in device.relations:
        yield from _letters(relation)
    for report in device.reports:
        yield from _said("desk", "to the desk", report.number, report.channel)
        yield from _notes("desk", str(report.number), report.notes)
    for case in device.office.cases if device.office else ():
        yield from _said("reporter", "to a reporter", case.number, case.channel)


def _letters(relation: Relation) -> Iterable[Words]:
    yield from _notes("letter", relation.name, relation.notes)
    for early in relation.channel.early:
        if early.kind == LetterKind.TEXT:
            yield Words("letter", relation.name, words(early))
    yield from _waiting("own letter", relation.name, relation.channel.waiting)


def _said(theirs: str, ours: str, number: int, channel: Channel) -> Iterable[Words]:
    for early in channel.early:
        if early.kind == LetterKind.TEXT:
            yield Words(theirs, str(number), words(early))
    yield from _waiting(ours, str(number), channel.waiting)


def _notes(kind: str, who: str, notes: tuple[Note, ...]) -> Iterable[Words]:
    return (Words(kind, who, note.text, note.came, note.seen) for note in notes)


def _waiting(kind: str, who: str, waiting: tuple[Waiting, ...]) -> Iterable[Words]:
    texts = (w for w in waiting if w.kind == LetterKind.TEXT)
    return (Words(kind, who, w.body.decode("utf-8", errors="replace"), w.sealed) for w in texts)


def _reported(report: Report) -> Reported:
    noise = len(report.sealed) in (0, SEALED) and (not report.sealed or is_noise(report.sealed[2:]))
    files = tuple(_media(m) for m in report.media)
    put = report.put - report.put % DAY  # the rest was drawn by chance
    return Reported(report.number, report.state.value, report.made, put, len(report.sealed), noise, files)


def _media(file: MediaSend) -> Media:
    keyed, waits = bool(file.key or file.again), file.under_way is not None
    return Media(file.kind.value, file.state.value, file.size, file.path, file.sha256.hex(), keyed, waits)


def _boxes(device: Device) -> tuple[Boxes, ...]:
    found: list[Boxes] = []
    if device.relations:
        lanes = sum(2 * (1 + bool(r.mix.later and not r.mix.proven)) for r in device.relations)
        found.append(Boxes("neighbour", min(r.chain.day for r in device.relations), ENDLESS, lanes))
    if device.card is not None:
        first = device.card.chain.day
        named = [d.day for d in device.board.intake if d.day >= first]
        if named:
            found.append(Boxes("intake", first, max(named), device.shards))
        found.append(Boxes("board", 0, 0, len(device.table)))
    if device.office is not None:
        found = [b for b in found if b.purpose != "intake"]
        found.append(Boxes("intake", device.office.intake.day, ENDLESS, device.shards))
    files = [m for r in device.reports for m in r.media if m.state in (MediaState.WAITING, MediaState.LEFT)]
    ahead = sum(m.blocks - m.index + bool(m.under_way) for m in files if m.key or m.under_way)
    counts = {"answer": len(device.returns), "file": ahead, "meeting": len(device.outbox) + len(device.spent)}
    return tuple(found) + tuple(Boxes(purpose, 0, 0, count) for purpose, count in counts.items() if count)


def _powers(device: Device, permits: bool) -> tuple[str, ...]:
    if device.office is not None:
        voices = [power for power, there in _voices(device).items() if there]
        there = {
            "mint": any(one.private for one in device.office.mints),
            "make_passes": bool(device.office.weekly),
            "post_weeks": bool(device.passes),
        }
        made = [power for power, held in there.items() if held]
        return ("sign_the_board", *made, "be_the_member", "empty_boxes", "read_boxes", *voices, *_posts(device.relays))
    held = {
        "be_the_member": bool(device.relations),
        "ask_the_desk": bool(device.reports),
        "report": device.card is not None,
        "empty_boxes": bool(device.relations),
        "read_boxes": bool(device.relations),
        "burn": bool(device.shares),
        "be_adopted": device.calling is not None or any(r.adoption for r in device.relations),
        "tokens": bool(device.trust.purses or device.trust.asking),
        "permits": permits,
        "post_weeks": bool(device.passes),
    } | _voices(device)
    return (*(power for power, there in held.items() if there), *_posts(device.relays))


def _permits(device: Device) -> set[bytes]:
    """Those in stock, in letters for those below, and in letters that came too early; a desk makes its own."""
    if device.is_desk:
        return set()
    channels = [relation.channel for relation in device.relations]
    bodies = [one.body for c in channels for one in c.waiting if one.kind == LetterKind.PERMITS]
    bodies += [one.body for c in channels for one in c.early if one.kind == LetterKind.PERMITS]
    held = {permit for stock in device.trust.stocks for permit in stock.permits}
    for body in bodies:
        with contextlib.suppress(Malformed):
            held |= {permit for dealt in parse_grant(body).weeks for permit in dealt.permits}
    return held


def _posts(addresses: Iterable[str]) -> tuple[str, ...]:
    """The power to post, if there is a pass at the end of an address."""
    return ("post",) if any(address.count("/") > BARE for address in addresses) else ()


def _voices(device: Device) -> dict[str, bool]:
    """What the points of neighbours' lines give: one alone burns nobody, two do."""
    return {
        "one_voice": any(r.share for r in device.relations),
        "two_voices": any(r.cut.point for r in device.relations),
    }


def _bare(addresses: Iterable[str]) -> tuple[str, ...]:
    """Addresses without the pass at their end, which is a secret."""
    return tuple("/".join(address.split("/")[: BARE + 1]) for address in addresses)


def _found(device: Device, saved: bytes | None, hidden: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(hidden)
    return _texts(save(device) + (saved or b""), wanted) if wanted else ()


def _texts(data: bytes, hidden: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in hidden if text and text.encode("utf-8", "surrogatepass") in data)
