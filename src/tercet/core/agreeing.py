"""Agreeing: two owners compare the words on their screens, and the relation that is kept if both say yes.

Does        gives and takes consents; makes the relation of a kept meeting.
Does not    show or ask anything: it is told what the owner said.
Spec        spec/30-meeting.md
Always      1. Nothing is kept unless both owners confirmed the same words.
Read first  say_yes(), take_consent(), relation_of().
"""

from __future__ import annotations

import msgspec

from tercet.core.card import Card
from tercet.core.cell import ABOVE, COMPLEMENT, PAIR_SECRET, Cell, Role, gives
from tercet.core.chain import DayChain
from tercet.core.channel import Channel
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.hello import Consent, parse_hello, seal_consent
from tercet.core.knock import Chance, Out
from tercet.core.meeting import Happening, Meeting, Stage, Step, advance, fail, tell
from tercet.core.relation import Relation
from tercet.sealing import derive, olm_decrypt, olm_encrypt


def say_yes(meeting: Meeting, card: Card | None, cell: Cell, chance: Chance) -> tuple[Meeting, Out]:
    """Our owner found the same words on both screens; kept at once if the other has confirmed already.

    Args:
        meeting: being compared.
        card: our network's, beginning at the day to pass on; it goes to a newcomer only.
        cell: ours.
        chance: randomness.

    Raises:
        Refusal: `no_meeting`, there is nothing to confirm.
    """
    meeting, consent = agree(meeting, card, cell, chance)
    told = seal_consent(meeting.shared, meeting.root, meeting.side, consent, chance, padded=bool(meeting.relay))
    if meeting.they_confirmed:
        meeting = advance(meeting, Happening.CONFIRM)
    return meeting, told


def agree(meeting: Meeting, card: Card | None, cell: Cell, chance: Chance) -> tuple[Meeting, Consent]:
    """The meeting confirmed by our side, and the consent to seal; arguments and errors as for `say_yes`."""
    session, message = meeting.session, b""
    if meeting.stage is Stage.COMPARING and meeting.side == 1:
        session, message = olm_encrypt(session, b"")
    meeting = advance(meeting, Happening.OWNER_YES, session=session)
    newcomer = meeting.side == 0 and parse_hello(meeting.theirs, 1).network is None
    given = secret_to_give(meeting, cell, chance)
    if given and meeting.role in ABOVE:
        meeting = msgspec.structs.replace(meeting, pair=given)
    return meeting, Consent(1, message, card if newcomer else None, given)


def secret_to_give(meeting: Meeting, cell: Cell, chance: Chance) -> bytes:
    """The pair secret that our consent carries, 32 bytes; empty where the rule gives none.

    A link draws it for the first of its pair below, and gives the second the same.
    """
    neighbour, ours, theirs = _tags(meeting)
    if not gives(neighbour, ours, theirs):
        return b""
    return cell.secret(neighbour) or chance(PAIR_SECRET)


def say_no(meeting: Meeting, chance: Chance) -> Step:
    """Our owner found different words, or stopped; the other side is told when it can be."""
    code = "words_differ" if meeting.stage is Stage.COMPARING else "code_refused"
    return fail(meeting, Happening.OWNER_NO, code), tell(meeting, "no", chance)


def _tags(meeting: Meeting) -> tuple[Role, bytes, bytes]:
    """What the other will be to us, and the pair tags in our hello and in theirs."""
    theirs = parse_hello(meeting.theirs, 1 - meeting.side)
    return theirs.role, parse_hello(meeting.ours, meeting.side).pair, theirs.pair


def take_consent(meeting: Meeting, consent: Consent) -> Meeting:
    """Take in the other side's yes.

    Raises:
        Malformed, CannotOpen: it is not what the rule asks of them.
    """
    if meeting.they_confirmed:
        return meeting
    session = meeting.session
    if meeting.side == 0:
        session, _ = olm_decrypt(session, consent.olm)
    newcomer = meeting.side == 1 and parse_hello(meeting.ours, 1).network is None
    network = consent.card.network if consent.card else None
    if network != (parse_hello(meeting.theirs, 0).network if newcomer else None):
        raise Malformed
    neighbour, ours, theirs = _tags(meeting)
    if bool(consent.pair) != gives(COMPLEMENT[neighbour], theirs, ours):
        raise Malformed
    pair = consent.pair or meeting.pair
    return advance(meeting, Happening.CONFIRM, session=session, they_confirmed=True, card=consent.card, pair=pair)


def relation_of(meeting: Meeting) -> Relation:
    """The relation that a kept meeting made."""
    if meeting.stage is not Stage.KEPT or meeting.role is None:
        raise Refusal("no_meeting")
    days = (parse_hello(meeting.ours, meeting.side).day, parse_hello(meeting.theirs, 1 - meeting.side).day)
    chain = DayChain(max(min(days) - 1, 0), derive(meeting.root, "relation chain"))
    return Relation(
        derive(meeting.root, "relation id", length=16),
        meeting.name,
        COMPLEMENT[meeting.role],
        chain,
        meeting.side,
        Channel(),
        meeting.session,
        pair=meeting.pair,
        adoption=meeting.adoption,
        commitment=parse_hello(meeting.theirs, 1 - meeting.side).commitment,
    )
