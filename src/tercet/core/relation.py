"""A relation: two neighbours who met, and what passes between them.

Does        seals letters for one neighbour and opens theirs: Olm inside the outer layer of the day.
Does not    hold anything that another relation of the same person also holds.
Spec        spec/40-letters.md
Always      1. The ratchet moves only for content.  2. A frame that does not open changes nothing.
Read first  Relation, seal_letter(), open_letter().
"""

from __future__ import annotations

from typing import Final

import msgspec

from tercet.core import channel as letters
from tercet.core.cell import ABOVE, UNDER, Cell, Role
from tercet.core.chain import DayChain, Lane, lane
from tercet.core.channel import Channel, Letter, Waiting
from tercet.core.cutting import Cut
from tercet.core.days import DAY, KEPT_DAYS, LATE_DAYS, day_of
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed, decode, encode
from tercet.core.mixing import Mix, chains_on, forget, prove
from tercet.sealing import (
    FRAME,
    OLM_CONTENT,
    OLM_FIRST_CONTENT,
    CannotOpen,
    digest,
    olm_decrypt,
    olm_encrypt,
    open_sealed,
    seal,
)

PLAIN: Final = 0  # first byte of a frame's content: a letter under the outer key alone
RATCHET_KEY: Final = 36  # bytes of a message that name its ratchet key: type, version, tag, length, key
RATCHET: Final = 1  # first byte: an Olm message that holds a letter
LETTER_TEXT: Final = OLM_CONTENT - 48  # bytes of text in a letter; 48 for the numbers around it
FIRST_TEXT: Final = OLM_FIRST_CONTENT - 48  # bytes of text in a letter to one who has not answered yet
ADOPTED_YOUNG: Final = 56 * DAY  # seconds that somebody adopted from afar takes nobody below; spec/34-adoption.md, 6
NUMBERS_SKIPPED: Final = 16  # letter numbers that a lost step may have used; fewer than are under way at once
UNREAD_KEPT: Final = 100  # letters; more wait at the relay until some are read
NOTES_BYTES: Final = 49_152  # of text that a neighbour can make us keep, read or not


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A letter that came, as the owner sees it.

    Attributes:
        number: its number in the relation or conversation.
        text: the words.
        came: when it was delivered, seconds.
        seen: when the owner first read it, seconds; 0 for unread. It vanishes a day later.
    """

    number: int
    text: str
    came: int
    seen: int = 0


class Head(msgspec.Struct, frozen=True, array_like=True):
    """How far a neighbour has read the board, until it is compared.

    Attributes:
        number: of its newest entry; 0 for none.
        mark: that entry's digest, 32 bytes.
        since: the day on which it told us.
    """

    number: int = 0
    mark: bytes = b""
    since: int = 0


class Relation(msgspec.Struct, frozen=True, array_like=True):
    """One neighbour.

    Attributes:
        id: 16 bytes, made at the meeting; known to both, to nobody else.
        name: the owner's word for the other; never leaves the device.
        role: what the other is to the owner.
        chain: the oldest kept day chain; boxes and outer keys come from it until a mixed one follows.
        side: 0 or 1, the direction in which we write.
        channel: numbers and unacknowledged letters.
        session: Olm session, pickled.
        notes: letters that came.
        strange: frames found in our boxes that did not open.
        held: content of a letter that is sealed and that no relay has stored yet, up to 4,055 bytes; empty for none.
            Each time it is put it gets a fresh outer layer, so that nobody sees that it is the same one.
        drained: relays that showed the oldest kept day's box empty since its late days passed.
        asked: whether the owner was asked about the other's silence since it was last heard.
        pair: the pair secret that the two share by the cell rule, 32 bytes; or empty.
        met: whether the two compared words face to face.
        likeness: what those words stand for, 32 bytes, until they are compared.
        mix: how far mixing has come, and the chains that follow.
        danger: when the other's device first said that its owner is in danger, by its clock, seconds; 0 for never.
        share: of the other's burn line, 96 bytes; empty until the other dealt it.
        dealt: whether ours was written to the other.
        cut: how far cutting the other out has come, and the second point of its line, where there is one.
        host: whether the other is who brought us in; a second one is not.
        adoption: our adoption secret while the other is our link, 32 bytes; or empty.
        commitment: the other's own: of one below us 32 bytes; of a partner as it was handed, 64; or empty.
        branch: the commitments of the pair below the other, as handed, 64 bytes each; two or none.
        handed: what we last handed the other of commitments.
        adopted: when one of the two adopted the other from afar, seconds; 0 for never.
        told: the day on which we last told the other how far we have read the board, or would have; 0 for never.
        head: how far the other has read it.
    """

    id: bytes
    name: str
    role: Role
    chain: DayChain
    side: int
    channel: Channel
    session: bytes
    notes: tuple[Note, ...] = ()
    strange: int = 0
    held: bytes = b""
    drained: tuple[str, ...] = ()
    asked: bool = False
    pair: bytes = b""
    met: bool = True
    likeness: bytes = b""
    mix: Mix = Mix()
    danger: int = 0
    share: bytes = b""
    dealt: bool = False
    cut: Cut = Cut()
    host: bool = False
    adoption: bytes = b""
    commitment: bytes = b""
    branch: tuple[bytes, ...] = ()
    handed: bytes = b""
    adopted: int = 0
    told: int = 0
    head: Head = Head()


def is_young(relation: Relation, confirmed: int) -> bool:
    """Whether one of the two adopted the other from afar, less than eight weeks before the confirmed day."""
    return bool(relation.adopted) and confirmed * DAY < relation.adopted + ADOPTED_YOUNG


def is_known(relation: Relation) -> bool:
    """Whether the two met, or one adopted the other from afar."""
    return relation.met or bool(relation.adopted)


def cell_of(relations: tuple[Relation, ...], desk: bool, confirmed: int, expected: tuple[Role, ...] = ()) -> Cell:
    """What the cell rule needs to know.

    Args:
        relations: all of a device's.
        desk: whether it is a desk.
        confirmed: the confirmed day.
        expected: what people who are being introduced, and were accepted, will be to it.
    """
    first = {role: r.pair for r in reversed(relations) for role in (r.role,) if r.pair}
    above = next((first[role] for role in (*ABOVE, Role.PARTNER) if role in first), b"")
    below = next((first[role] for role in UNDER if role in first), b"")
    young = any(r.role in ABOVE and is_young(r, confirmed) for r in relations)
    return Cell(desk, (*(r.role for r in relations), *expected), above, below, young)


def named(relations: tuple[Relation, ...], name: str) -> Relation:
    """The neighbour for whom that is the owner's word.

    Raises:
        Refusal: `unknown_neighbour`.
    """
    for relation in relations:
        if relation.name == name:
            return relation
    raise Refusal("unknown_neighbour")


def with_neighbour(relations: tuple[Relation, ...], new: Relation) -> tuple[Relation, ...]:
    """All relations with one more; who has a link needs its partner's word on the pair secret no longer.

    The first of them is who brought us in.
    """
    if new.role in ABOVE:
        relations = tuple(msgspec.structs.replace(r, pair=b"") if r.role is Role.PARTNER else r for r in relations)
    return (*relations, msgspec.structs.replace(new, host=not relations))


def seal_letter(relation: Relation, letter: Waiting | None, now: int) -> tuple[Relation, bytes]:
    """Seal one letter, or an empty one, for a neighbour.

    Args:
        relation: the state before.
        letter: one of ours that is due, or none for an empty letter.
        now: seconds.

    Returns:
        The relation after, and the content of a frame, for `wrap_letter`; that of a letter is held until stored.
    """
    channel, plain = letters.stamp(relation.channel, letter, now)
    if letter is None:
        return msgspec.structs.replace(relation, channel=channel), bytes([PLAIN]) + encode(plain)
    session, message = olm_encrypt(relation.session, encode(plain))
    held = bytes([RATCHET]) + message
    return msgspec.structs.replace(relation, channel=channel, session=session, held=held), held


def wrap_letter(relation: Relation, content: bytes, day: int, nonce: bytes) -> tuple[Lane, bytes]:
    """The lane of a day, and the frame (4,096 bytes) that goes there; `nonce` is 24 fresh random bytes.

    The inviter writes on a new chain from its first day; the other one only when it saw the inviter do so.
    """
    chains = chains_on(relation.mix, relation.chain, day)
    chain = chains[0 if relation.side == 0 or relation.mix.proven else -1][1]
    where = lane(chain, day, "relation", relation.side)
    return where, seal(where.key, content, FRAME, nonce)


def held_ref(relation: Relation) -> bytes:
    """What the letter that is held is called until a relay has stored it: 16 bytes."""
    return digest(relation.held)[:16]


def lanes_to_read(relation: Relation, day: int) -> tuple[tuple[int, Lane], ...]:
    """The other's lanes of a day, each with the number of the mix that made its chain: one, or two during a change.

    Raises:
        Refusal: `clock_far`, the day is out of reach.
    """
    chains = chains_on(relation.mix, relation.chain, day)
    return tuple((number, lane(chain, day, "relation", 1 - relation.side)) for number, chain in chains)


def lane_to_read(relation: Relation, day: int, number: int) -> Lane | None:
    """The other's lane of a day on the chain of a mix; none if it is not read, or not any more.

    Raises:
        Refusal: `clock_far`, the day is out of reach.
    """
    if day < relation.chain.day:
        return None
    return next((where for mixed, where in lanes_to_read(relation, day) if mixed == number), None)


def own_lane(relation: Relation, day: int) -> int:
    """The number of the mix whose chain a day belongs to."""
    return chains_on(relation.mix, relation.chain, day)[0][0]


def open_letter(relation: Relation, day: int, frame: bytes, number: int = 0) -> tuple[Relation, Letter]:
    """Open a frame found in the other's box of a day.

    Args:
        relation: the state before.
        day: of the box.
        frame: 4,096 bytes.
        number: of the mix that made the box's chain; that the other side has this chain is then proven.

    Returns:
        The relation with its ratchet moved, and the letter.

    Raises:
        CannotOpen: it is not from the other, or was opened before.
        Malformed: it is from the other and is not a letter.
    """
    where = lane_to_read(relation, day, number)
    if where is None:
        raise CannotOpen
    content = open_sealed(where.key, frame)
    if content[:1] == bytes([PLAIN]):
        letter = parse_plain(content[1:])
        if letter.number:
            raise Malformed
        return _proven(relation, number, day), letter
    if content[:1] != bytes([RATCHET]):
        raise Malformed
    session, plain = olm_decrypt(relation.session, content[1:])
    letter = decode(plain, Letter)
    if not letter.number:
        raise Malformed
    relation = msgspec.structs.replace(relation, session=settle(relation.session, session))
    return _proven(relation, number, day), letter


def _proven(relation: Relation, number: int, day: int) -> Relation:
    mix = prove(relation.mix, number, day)
    return relation if mix is relation.mix else _since(msgspec.structs.replace(relation, mix=mix), relation.chain.day)


def _since(relation: Relation, day: int) -> Relation:
    """The relation without the days before `day`."""
    mix, chain = forget(relation.mix, relation.chain, day)
    return msgspec.structs.replace(relation, mix=mix, chain=chain, drained=())


def settle(before: bytes, after: bytes) -> bytes:
    """Draw our next ratchet key now, if opening a letter made one due.

    Olm draws it with the first message after an answer. Drawn then, in a step that a vault could lose once
    the message is out, the other side would follow a key that we do not have any more, for good. Drawn
    here it is saved before anything is sealed under it; one message key is passed over for it.

    Args:
        before: session before the letter was opened, 0 to 4 kB.
        after: session after it.

    Returns:
        The session to keep.
    """
    _, ours = olm_encrypt(before, b"")
    drawn, now = olm_encrypt(after, b"")
    return after if now[:RATCHET_KEY] == ours[:RATCHET_KEY] else drawn


def fits(notes: tuple[Note, ...], early: tuple[Letter, ...], letter: Letter) -> bool:
    """Whether one more letter can be kept for the owner to read."""
    coming = (*early, letter)
    held = sum(len(n.text.encode()) for n in notes) + sum(len(words(c).encode()) for c in coming)
    return sum(not n.seen for n in notes) + len(coming) <= UNREAD_KEPT and held <= NOTES_BYTES


def words(letter: Letter) -> str:
    """The text of a letter; bytes that are no text are shown as such, never raised."""
    return letter.body.decode("utf-8", errors="replace")


def parse_plain(content: bytes) -> Letter:
    """The letter in an opened frame, behind its first byte.

    Raises:
        Malformed: it is none.
    """
    return decode(content, Letter)


def skip_keys(relation: Relation, count: int) -> Relation:
    """Pass over `count` message keys, and letter numbers.

    A device whose vault went back one step must not use again what the lost step used.

    Source: spec/70-vault.md, `stepped back`.
    """
    session = relation.session
    for _ in range(count):
        session, _ = olm_encrypt(session, b"")
    channel = letters.skip_numbers(relation.channel, NUMBERS_SKIPPED)
    return msgspec.structs.replace(relation, session=session, channel=channel)


def vanish(notes: tuple[Note, ...], now: int, after: int) -> tuple[Note, ...]:
    """The notes without those that were read longer than `after` seconds ago."""
    return tuple(n for n in notes if not (n.seen and abs(now - n.seen) > after))


def forget_drained(relation: Relation, day: int, relay: str, relays: tuple[str, ...], confirmed: int) -> Relation:
    """Take in that a relay showed a day's box empty; erase the day's root once all its relays have.

    Args:
        relation: the state before.
        day: the day whose box was read to its end.
        relay: where.
        relays: the relays that the box may lie on.
        confirmed: the day that both our clock and an authentic message say has begun.
    """
    if day != relation.chain.day or confirmed <= day + LATE_DAYS:
        return relation
    drained = {*relation.drained, relay}.intersection(relays)
    if drained.issuperset(relays):
        return _since(relation, day + 1)
    return msgspec.structs.replace(relation, drained=tuple(sorted(drained)))


def forget_old(relation: Relation, confirmed: int) -> Relation:
    """Erase roots of days so long past that no relay keeps anything of them."""
    if confirmed - KEPT_DAYS <= relation.chain.day:
        return relation
    return _since(relation, confirmed - KEPT_DAYS)


def days_to_read(relation: Relation, now: int, late: bool) -> tuple[int, ...]:
    """The days whose boxes are to be read, oldest first, as a ratchet wants them.

    They are yesterday, today and tomorrow; and all since the oldest kept one with `late`, or when the device
    was away for longer than the late days.
    """
    today, kept = day_of(now), relation.chain.day
    away = kept < today - LATE_DAYS - 2
    first = max(kept, today - KEPT_DAYS if late or away else today - 1)
    return tuple(range(first, max(today + 2, kept + 1)))
