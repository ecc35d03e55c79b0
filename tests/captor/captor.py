"""Somebody who has the file, this project's documents and, perhaps, a passphrase.

Does        opens what opens, names boxes, matches them with what relays hold; gives plain data.
Does not    import anything of the product: it is written from spec/ alone.
Spec        spec/70-vault.md and what it leads to; what it may find: spec/90-limits.md, 3
Always      1. Every trick is tried, also after one has worked.  2. Whatever is found is in what is returned.
Read first  look(), Find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from . import image, keys, named, noise, notebook, relay, state

HORIZON = 24  # days from the beginning of a chain for which boxes are named


@dataclass
class Find:
    """All that came out of one device, and of relays beside it."""

    measured: noise.Measured | None = None
    copies: list[image.Copy] = field(default_factory=list)
    slots: list[image.Slot] = field(default_factory=list)
    states: list[state.Carved] = field(default_factory=list)
    named: list[named.Named] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)  # of files that open
    sides: list[notebook.Side] = field(default_factory=list)
    uses: list[state.Use] = field(default_factory=list)
    matched: list[tuple[state.Use, relay.Record]] = field(default_factory=list)
    frames: list[tuple[state.Use | None, bytes]] = field(
        default_factory=list
    )  # what opened of frames; None: the board's
    tied: list[relay.Record] = field(default_factory=list)  # intake frames that are known to be this device's

    @property
    def people(self) -> set[tuple[str, str]]:
        """Neighbours: name and role, of all states together."""
        return {(person.name, person.role) for one in self.states for person in one.people}

    @property
    def most_people(self) -> int:
        """The most neighbours that one state has."""
        return max((len(one.people) for one in self.states), default=0)

    @property
    def words(self) -> set[str]:
        """Every text in the device's memory; not those of the notebook."""
        return {word for one in self.states for word in one.words}

    @property
    def notes(self) -> set[str]:
        """Every text of the notebook."""
        return {word for side in self.sides for word in side.words}

    @property
    def paths(self) -> set[str]:
        """Paths of files."""
        return {path for one in self.states for path in one.paths}

    @property
    def times(self) -> set[int]:
        """Times in the device's memory."""
        return {time for one in self.states for time in one.times}

    @property
    def relays(self) -> set[str]:
        """Addresses of relays, from either side."""
        areas = (side.understudy for side in self.sides)
        return {each for one in (*self.states, *filter(None, areas)) for each in one.relays}

    @property
    def boxes(self) -> dict[bytes, str]:
        """Boxes by id, with their purpose: named for certain, or met at a relay."""
        return {use.box.id: use.purpose for use in (*self.uses, *(use for use, _ in self.matched))}

    def says(self, text: str) -> bool:
        """Whether a text stands in anything that opened, at a relay too, whatever lies around it."""
        looked_for = text.encode()
        contents = [one.payload for one in self.copies] + [slot.block for slot in self.slots]
        return any(looked_for in content for content in (*contents, *(content for _, content in self.frames)))

    def data(self) -> dict[str, Any]:
        """All of it as lists, texts and numbers; boxes in hex."""
        return {
            "noise": None if self.measured is None else asdict(self.measured),
            "opened": [[one.root.how, one.root.compartment, one.copy, one.offset, one.counter] for one in self.copies],
            "pieces": sum(map(len, self.pieces)),
            "odd": sum(one.odd for one in self.named),
            "blocks": [[one.compartment, one.slot, one.counter] for one in self.slots if one.block],
            "people": sorted(self.people),
            "words": sorted(self.words),
            "notes": sorted(self.notes),
            "paths": sorted(self.paths),
            "times": sorted(self.times),
            "relays": sorted(self.relays),
            "boxes": {box.hex(): purpose for box, purpose in self.boxes.items()},
            "sealed_reports": len({sealed for one in self.states for sealed in one.sealed_reports}),
            "items": len({record.name for _, record in self.matched}),
            "frames": len(self.frames),
            "tied": [record.name.hex() for record in self.tied],
        }


def look(
    images: Sequence[bytes],
    passphrases: Sequence[str] = (),
    cost: keys.Cost | None = None,
    relays: Sequence[Path] = (),
    pages: Sequence[int] = (),
    days: int = HORIZON,
) -> Find:
    """Take apart images of one vault, the first of which is the newest.

    Args:
        images: what was copied of the file, at one time or several.
        passphrases: all that were told.
        cost: of Argon2id; the program's if none is given.
        relays: folders of relays.
        pages: where to look for state copies besides their places; all of 16 MiB take ten seconds a root.
        days: for which boxes are named, from the first day of each chain.
    """
    found = Find(None if passphrases else noise.measured(images[0]))
    for one in images:
        _open(found, one, passphrases, cost or keys.Cost(), pages)
    for payload in dict.fromkeys(copy.payload for copy in found.copies if copy.real):
        found.states.append(state.carve(payload))
    found.named += filter(None, map(named.named, dict.fromkeys(c.payload for c in found.copies if c.real)))
    found.pieces += _pieces(found)
    books = [copy.fields[5][2] if copy.real else copy.payload for copy in found.copies]
    found.sides += filter(None, map(notebook.read, dict.fromkeys(books)))
    guesses = _name(found, days)
    for folder in relays:
        _match(found, guesses, relay.read_store(folder))
    return found


def _open(found: Find, one: bytes, passphrases: Sequence[str], cost: keys.Cost, pages: Sequence[int]) -> None:
    layout = image.Layout(len(one))
    known = [
        root
        for number, passphrase in enumerate(passphrases, 1)
        for root in image.roots(one, len(one), passphrase, f"passphrase {number}", cost)
    ]
    copies = image.opened_copies(one, layout, known, pages)
    rings = {copy.ring for copy in copies} | {bytes(copy.fields[5][3]) for copy in copies if copy.real}
    found.copies += copies
    found.slots += image.opened_slots(one, layout, rings)


def _pieces(found: Find) -> list[bytes]:
    """Blocks in slots that open under a key of any state (spec/50-report.md, 4; spec/20-sealing.md, 6)."""
    covers = {bytes(one["cover"]) for each in found.named for one in each.all("UnderWay")}
    files = [one for each in found.named for one in each.all("MediaSend") if one["key"]]
    pieces = []
    for block in {slot.block for slot in found.slots if slot.block}:
        for sealed in (block, *(keys.uncovered(cover, block) for cover in covers)):
            for one in files:
                key = keys.derive(one["key"], "block seal")
                places = [int(one["index"]).to_bytes(8, "big") + bytes([last]) for last in (0, 1)]
                pieces += [piece for place in places if (piece := keys.opened(key, sealed, place)) is not None]
    return list(dict.fromkeys(pieces))


def _name(found: Find, days: int) -> list[state.Use]:
    """Name boxes for certain; give back those that only a relay can tell from mere bytes."""
    guesses = []
    for one in found.states:
        found.uses += state.boxes(one, days)
        guesses += state.guesses(one)
    for side in found.sides:
        if side.understudy is not None:
            found.uses += side.understudy.uses
            guesses += state.guesses(state.Carved(secrets=side.understudy.returns))
    return guesses


def _match(found: Find, guesses: list[state.Use], records: list[relay.Record]) -> None:
    """What of a relay's log belongs to boxes that were named, and what opens of it."""
    by_id: dict[bytes, list[state.Use]] = {}
    for use in (*found.uses, *guesses):
        by_id.setdefault(use.box.id, []).append(use)
    secrets = {secret for one in found.states for secret in one.secrets}
    boards = {keys.derive(secret, "board frame") for secret in secrets}
    for record in records:
        uses = by_id.get(record.box, [])
        found.matched += [(use, record) for use in uses]
        outer = boards if record.posted else {use.key for use in uses if use.key}
        whose = None if record.posted or not uses else uses[0]
        found.frames += [(whose, content) for key in outer if (content := keys.opened(key, record.item)) is not None]
    ids = {record.box for record in records}
    frames = {record.name: record for use, record in found.matched if use.purpose == "intake" and record.item}
    salts = {b"", *(name for one in found.states for name in one.names)}
    found.tied += [record for record in frames.values() if _answered(secrets, salts, record, ids)]


def _answered(secrets: set[bytes], salts: set[bytes], record: relay.Record, ids: set[bytes]) -> bool:
    """Whether this frame, if any of these made it, was answered, or is awaited (spec/50-report.md, 5)."""
    nonce = record.item[: keys.NONCE]
    for secret, salt in product(secrets, salts):
        root = keys.derive(secret, "return root", *filter(None, (nonce, salt)))
        if root in secrets or any(box.id in ids for box in keys.lane(root, "return", 0).boxes):
            return True
    return False
