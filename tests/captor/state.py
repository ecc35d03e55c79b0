"""What a device remembers, taken apart without knowing its layout.

Does        collects whatever looks like a person, a word, a path, a time, a chain or a sealed thing; makes the boxes.
Does not    trust places: what hides in a field that nobody speaks of is found as well.
Spec        spec/40-letters.md, 2; spec/42-mixing.md, 4; spec/50-report.md, 5; spec/60-board.md, 6; spec/70-vault.md, 4
Always      1. Nothing that is found is left out because it is admitted somewhere.
Read first  carve(), boxes().
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from . import keys, pack

ROLES = {"partner", "link", "below", "desk", "founder"}  # spec/30-meeting.md, 1
STAGES = {"quiet", "called", "accused", "asking", "burning"}  # spec/33-burn.md, 8
STAGES |= {"due", "answered", "done"}  # spec/34-adoption.md, 5
DAYS = range(15_000, 40_000)  # days that a person may live to see
TIMES = range(1_500_000_000, 2_500_000_000)  # seconds, likewise
SEALED_REPORT = 3_989  # spec/50-report.md, 1
SHARE, POINT = 96, 64  # spec/33-burn.md, 1
TOKEN = 288  # spec/51-tokens.md, 1
RUN = re.compile(
    rb"(?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){20,}"
)  # by chance once in some thousand states


@dataclass(frozen=True)
class Person:
    """A neighbour: the owner's word, what it is to the owner, its times, and how much is kept of it."""

    name: str
    role: str
    times: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Use:
    """What a box is for, as far as can be told."""

    purpose: str
    day: int
    where: int
    place: int
    who: str
    box: keys.Box
    key: bytes


@dataclass
class Carved:
    """All that one state says."""

    people: list[Person] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    relays: set[str] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    days: set[int] = field(default_factory=set)
    chains: set[tuple[int, bytes, str]] = field(default_factory=set)
    secrets: set[bytes] = field(default_factory=set)
    names: set[bytes] = field(default_factory=set)
    sealed_days: set[tuple[int, bytes]] = field(default_factory=set)
    sealed_reports: set[bytes] = field(default_factory=set)
    shares: set[bytes] = field(default_factory=set)
    tokens: set[bytes] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    other_bytes: list[int] = field(default_factory=list)

    @property
    def paths(self) -> set[str]:
        """Words that are paths of files."""
        return {word for word in self.words if word.startswith("/")}


def carve(content: bytes) -> Carved:
    """Take apart what a copy's payload holds."""
    found = Carved()
    value = pack.array(content)
    if value is None:
        found.words |= runs(content, set())
        return found
    people = _people(value)
    found.people = [person for _, person in people]
    for path, one in pack.arrays(value):
        whose = next((person.name for place, person in people if path[: len(place)] == place), "")
        found.chains |= {(day, root, whose) for day, root in _pairs(one, 32)}
        found.sealed_days |= {
            (day, sealed) for day, sealed in _pairs(one) if 105 <= len(sealed) <= 3113 and len(sealed) % 64 == 41
        }
        found.days |= {day for day in one if type(day) is int and day in DAYS}
    turns = _turns(value)
    for path, leaf in pack.leaves(value):
        if path not in turns:
            _sort(found, leaf)
    known = found.words | found.relays
    found.words |= runs(content, known)
    return found


def boxes(found: Carved, days: int) -> list[Use]:
    """The boxes of relations and intake that can be named, for so many days from each chain's day."""
    uses = []
    for day, root, who in sorted(found.chains):
        for on, today in keys.roots(day, root, days):
            if who:
                uses += _lanes("relation", on, today, (0, 1), who)
            uses += _intake(found, on, today)
    return uses


def guesses(found: Carved) -> list[Use]:
    """Boxes of every secret, as whatever it might be: for a relay to say which of them there are."""
    uses = []
    for secret in sorted(found.secrets):
        kinds = {"ack": keys.box_of_ack(secret), "read": keys.box_of_read(secret), "board": keys.posted_box(secret)}
        uses += [Use(purpose, 0, 0, 0, "", box, b"") for purpose, box in kinds.items()]
        uses += [Use("id", 0, 0, 0, "", keys.Box(secret), b"")]
        uses += _lanes("return", 0, secret, (0,), "")
        uses += [Use("block", 0, 0, place, "", box, secret) for place, box in enumerate(keys.block_boxes(secret))]
    return uses


def runs(content: bytes, known: set[str]) -> set[str]:
    """Text that stands in bytes without being a value, as a carver of memory finds it."""
    for word in sorted(known, key=len, reverse=True):
        content = content.replace(word.encode("utf-8", "surrogatepass"), b"\0")
    return {run.decode("utf-8", "replace") for run in RUN.findall(content)}


def _people(value: list[Any]) -> list[tuple[pack.Path, Person]]:
    """Arrays that hold a role, another word and, somewhere inside, a chain."""
    found: list[tuple[pack.Path, Person]] = []
    for path, one in pack.arrays(value):
        said = [item for item in one if isinstance(item, str)]
        roles = [word for word in said if word in ROLES]
        if len(said) < 2 or not roles or not any(list(_pairs(inner, 32)) for _, inner in pack.arrays(one)):
            continue
        if any(path[: len(place)] == place for place, _ in found):
            continue
        names = [word for word in said if word not in ROLES] or [said[0]]
        inside = Carved()
        for _, leaf in pack.leaves(one):
            _sort(inside, leaf)
        words = tuple(sorted(inside.words - ROLES - {names[0]}))
        found.append((path, Person(names[0], roles[-1], tuple(sorted(inside.times)), words)))
    return found


def _pairs(one: list[Any], size: int = 0) -> list[tuple[int, bytes]]:
    """A day followed by bytes."""
    return [
        (day, item)
        for day, item in zip(one, one[1:], strict=False)
        if type(day) is int and day in DAYS and isinstance(item, bytes) and (len(item) == size or not size)
    ]


def _turns(value: list[Any]) -> set[pack.Path]:
    """Where a number follows the boxes of a lane or a block: chance, and no time (spec/40-letters.md, 2)."""
    found = set()
    for path, one in pack.arrays(value):
        for place, (boxes, turn) in enumerate(zip(one, one[1:], strict=False), 1):
            if (
                type(turn) is int
                and isinstance(boxes, list)
                and [len(b) for b in boxes if isinstance(b, bytes)] == [32, 32]
            ):
                found.add((*path, place))
    return found


def _sort(found: Carved, leaf: Any) -> None:
    if isinstance(leaf, str) and leaf in STAGES:
        found.stages.add(leaf)
    elif isinstance(leaf, str):
        (found.relays if leaf.startswith("tercet://") else found.words).add(leaf)
    elif type(leaf) is int and leaf in TIMES:
        found.times.add(leaf)
    elif isinstance(leaf, bytes) and leaf:
        said = _said(leaf)
        if said:
            found.words.add(said)
        elif len(leaf) == 32:
            found.secrets.add(leaf)
        elif len(leaf) == 16:
            found.names.add(leaf)
        elif len(leaf) == SEALED_REPORT:
            found.sealed_reports.add(leaf)
        elif len(leaf) == TOKEN:
            found.tokens.add(leaf)
        elif len(leaf) in (SHARE, POINT):
            found.shares.add(leaf)
        else:
            found.other_bytes.append(len(leaf))
    found.words.discard("")


def _said(leaf: bytes) -> str:
    """Bytes that are a text."""
    try:
        text = leaf.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if len(leaf) == 8 and not text.replace(" ", "").isalpha():
        return ""  # names of 8 bytes drawn by chance are text too often
    return text if text.isprintable() and len(text) >= 4 else ""


def _lanes(purpose: str, day: int, root: bytes, directions: tuple[int, ...], who: str) -> list[Use]:
    uses = []
    for where in directions:
        lane = keys.lane(root, purpose, where)
        uses += [Use(purpose, day, where, place, who, box, lane.key) for place, box in enumerate(lane.boxes)]
    return uses


def _intake(found: Carved, day: int, root: bytes) -> list[Use]:
    """The intake boxes of a day, if this is the root that opens them."""
    uses = []
    key = keys.derive(root, "intake ids")
    for on, sealed in found.sealed_days:
        ids = keys.opened(key, sealed) if on == day else None
        for at in range(0, len(ids or b""), 32):
            shard, place = divmod(at // 32, 2)
            outer = keys.lane(root, "intake", shard).key
            uses.append(Use("intake", day, shard, place, "", keys.Box((ids or b"")[at : at + 32]), outer))
    return uses
