"""Adopting: what a desk does with the commitments that came with burns, and with those who call.

Does        keeps commitments, adopts who shows the secret of one, once, and answers the same call alike.
Does not    learn who anybody is, or whose link was cut out.
Spec        spec/34-adoption.md, 5
Always      1. Nobody is adopted without a burn.  2. A commitment adopts once.
            3. Whatever is refused is answered as a dummy is.
Read first  note(), take().
"""

from __future__ import annotations

import msgspec

from tercet.core import adoption
from tercet.core.adoption import ADOPTED_MOST, COMMITMENT_KEPT, DUE_MOST, Due, Happening, Stage, parse_call
from tercet.core.cell import PAIR_SECRET, Role
from tercet.core.channel import Letter, LetterKind
from tercet.core.days import DAY
from tercet.core.encounter import keep
from tercet.core.fields import Malformed
from tercet.core.state import OWNER_MOST, Office
from tercet.core.turn import Turn
from tercet.sealing import CannotOpen, digest


def note(turn: Turn, commitments: tuple[bytes, ...]) -> None:
    """Keep the commitments that came with a burn that is posted now; one that came before is kept as long again.

    Args:
        turn: of a desk.
        commitments: of the two below, who may be adopted, then of the burned one, who may not.
    """
    kept = {one.commitment: one for one in _office(turn).due}
    for each, stage in zip(commitments, (Stage.DUE, Stage.DUE, Stage.VOID), strict=False):
        one = kept.get(each, Due(each, 0, stage))
        kept[each] = msgspec.structs.replace(one, since=turn.now, stage=stage if stage is Stage.VOID else one.stage)
    while len(kept) > DUE_MOST:  # the oldest one that nobody was adopted by, or the oldest one
        del kept[next((c for c, one in kept.items() if not one.call), next(iter(kept)))]
    _change(turn, due=tuple(kept.values()))


def tidy(turn: Turn) -> None:
    """Forget commitments with their burns, and answers to those whom our owner dropped."""
    there = {relation.id for relation in turn.device.relations}
    kept = (one for one in _office(turn).due if turn.sure - one.since <= COMMITMENT_KEPT)
    dropped = Happening.DROPPED
    due = tuple(one.move(dropped)[0] if one.relation and one.relation not in there else one for one in kept)
    _change(turn, due=due)


def take(turn: Turn, body: bytes) -> Letter | None:
    """Take in a call: adopt who wrote it, or answer it as before.

    Returns:
        The answer; none if it is answered as a dummy is.

    Source: spec/34-adoption.md, 5.
    """
    due = find(turn, parse_call(body).secret)
    if due is not None and due.stage is Stage.VOID:
        return None
    happening = _happening(due, body)
    due = _adopt(turn, due, body) if due and happening is Happening.CALL else due
    if due is None:
        return None
    due, answered = due.move(happening)
    _replace(turn, due)
    return Letter(1, 0, 0, 0, turn.now, LetterKind.ADOPT, due.answer) if answered else None


def _happening(due: Due | None, body: bytes) -> Happening:
    if due is None or not due.call:
        return Happening.CALL
    return Happening.SAME_CALL if due.call == digest(body) else Happening.OTHER_CALL


def find(turn: Turn, secret: bytes) -> Due | None:
    """The commitment to an adoption secret that came with a burn: of several a void one, else one that adopted."""
    found = [one for one in _office(turn).due if one.is_of(secret)]
    void = (one for one in found if one.stage is Stage.VOID)
    return next(void, next((one for one in found if one.call), found[0] if found else None))


def heard(turn: Turn, relation_id: bytes) -> None:
    """One whom we adopted has written: it has our answer, which is erased."""
    for one in turn.device.office.due if turn.device.office else ():
        if one.relation == relation_id:
            _replace(turn, one.move(Happening.LETTER)[0])


def _adopt(turn: Turn, due: Due, body: bytes) -> Due | None:
    """Make the relation; none, and nothing changes, if there is no room for it or the caller's pair is another."""
    unmet = sum(bool(r.adopted) and not r.met for r in turn.device.relations)
    if unmet >= ADOPTED_MOST or not turn.roomy(OWNER_MOST):
        return None
    call, cell, number = parse_call(body), turn.device.cell, _office(turn).adopted + 1
    if cell.objection(Role.FOUNDER, call.pair, call.shared, 0):
        return None
    pair = cell.secret(Role.FOUNDER) or turn.chance(PAIR_SECRET)
    name = _name(turn, number)
    try:
        relation, said = adoption.answer(body, name, turn.today, pair, turn.chance)
    except (Malformed, CannotOpen):
        return None
    _change(turn, adopted=number)
    keep(turn, msgspec.structs.replace(relation, adopted=turn.today * DAY))
    turn.tell("adopted_somebody", name=name)
    return msgspec.structs.replace(due, call=digest(body), answer=said, relation=relation.id)


def _name(turn: Turn, number: int) -> str:
    """The desk's word for somebody whom it never met, and knows nothing of."""
    name = f"adopted {number}"
    while name in turn.device.names:
        name += "'"
    return name


def _office(turn: Turn) -> Office:
    if turn.device.office is None:
        raise Malformed
    return turn.device.office


def _change(turn: Turn, **fields: object) -> None:
    turn.change(office=msgspec.structs.replace(_office(turn), **fields))


def _replace(turn: Turn, due: Due) -> None:
    _change(turn, due=tuple(due if one.commitment == due.commitment else one for one in _office(turn).due))
