"""Who sent which: what a desk that keeps everything, the board and every link know of requests and reports.

Does        listens to a world as a desk that keeps everything, and as links that tell whose each permit was.
Does not    make a network: `world` does. Guess: `guessing` does. Read what a report says.
Spec        spec/51-tokens.md, 8
Always      1. The adversary knows which member made each request: it has to tie reports to requests.
Read first  Listening.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.chain import lane
from tercet.core.content import ReportKind, WordContent, open_content
from tercet.core.days import week_of
from tercet.core.envelope import unwrap
from tercet.core.fields import Malformed
from tercet.core.state import Device
from tercet.core.tokens import TOKEN, TOKENS_A_WEEK, parse_request
from tercet.lab.owners import Owner
from tercet.lab.plan import Plan
from tercet.lab.world import World
from tercet.sealing import BLIND_PUBLIC, CannotOpen

SAW: Final = 0.3  # share of reports whose owner says that they saw it


@dataclass(frozen=True)
class Seen:
    """A frame as the desk found it.

    Attributes:
        when: by the desk's clock, seconds, when it emptied the box.
        day: of the box.
        shard: which of the day's boxes.
    """

    when: int
    day: int
    shard: int


@dataclass(frozen=True)
class Asked:
    """A request as the desk saw it, and who truly made it.

    Attributes:
        member: who.
        week: of the tokens.
        permit: 32 bytes.
        blinded: nine times 256 bytes.
        seen: each frame that brought it, the first one first.
        witness: whether the desk gave a witness token for it.
    """

    member: int
    week: int
    permit: bytes
    blinded: tuple[bytes, ...]
    seen: tuple[Seen, ...]
    witness: bool = False


@dataclass(frozen=True)
class Sent:
    """A report with a token as the desk saw it, and who truly sent it.

    Attributes:
        member: who.
        week: of the token.
        token: the report token, 288 bytes.
        day: on which it was made.
        seen: the frame that brought it.
        witness: the witness token, 288 bytes; empty for none.
    """

    member: int
    week: int
    token: bytes
    day: int
    seen: Seen
    witness: bytes = b""


class Seeing(Owner):
    """An owner who saw some of what it reports."""

    def _report(self) -> None:
        text, saw = self._text("report"), self._chance.hit(SAW)
        self._machine.do(ev.WriteReport(text, None, None, (), witness=saw))


class Listening(World):
    """A world whose desk keeps every request and every token that it ever saw, and whose links know whose permits were.

    Attributes:
        asked: requests, in the order in which they came, each once.
        sent: reports with tokens, likewise.
        moduli: of each week the keys for report tokens and for witness tokens.
    """

    def __init__(self, plan: Plan) -> None:
        self.asked: list[Asked] = []
        self.sent: list[Sent] = []
        self.moduli: dict[int, tuple[int, int]] = {}
        self._whose: dict[bytes, int] = {}
        super().__init__(plan)
        for machine in self.machines[1:]:
            self.replace_owner(machine, Seeing)

    def step(self, *given: object) -> tuple[Device, tuple[fx.Effect, ...]]:
        """One step; the adversary looks on."""
        before, event, now = given[:3]
        after, effects = super().step(*given)
        if after.trust.asking is not None:
            self._whose.setdefault(after.trust.asking.permit, self._number(before, after))
        if isinstance(before, Device) and isinstance(now, int):
            self._note_witness(before, after)
            if before.is_desk:
                self._look(before, event, now, effects)
        return after, effects

    def _number(self, before: object, after: Device) -> int:
        """Whose state this is."""
        return next(m.number for m in self.machines if m.device is before or m.device is after)

    def _note_witness(self, before: Device, after: Device) -> None:
        """A desk knows for which requests it gave a witness token: here we see it when that comes."""
        asking = before.trust.asking
        purse = after.trust.purse(asking.week) if asking and after.trust.asking is None else None
        if asking and purse and purse.witness:
            self.asked = [replace(one, witness=one.witness or one.permit == asking.permit) for one in self.asked]

    def _look(self, desk: Device, event: object, now: int, effects: tuple[fx.Effect, ...]) -> None:
        for mint in desk.office.mints if desk.office else ():
            keys = mint.keys
            self.moduli[keys.week] = int.from_bytes(keys.report, "big"), int.from_bytes(keys.witness, "big")
        if not isinstance(event, ev.Arrived) or event.query.kind != "intake":
            return
        seen = Seen(now, event.query.day, event.query.index)
        for item in event.items:
            self._open(desk, seen, item)
        for effect in effects:
            if isinstance(effect, fx.FileReport) and len(effect.content.token) == TOKEN:
                said = effect.content
                member = self.ledger.reports[said.text].member
                self.sent.append(Sent(member, week_of(said.day), said.token, said.day, seen, said.witness))

    def _open(self, desk: Device, seen: Seen, item: bytes) -> None:
        if desk.card is None or desk.office is None or seen.day < desk.card.chain.day:
            return
        try:
            _, sealed = unwrap(lane(desk.card.chain, seen.day, "intake", seen.shard), item, desk.office.seeds)
            content = open_content(sealed, desk.office.seeds)
        except (CannotOpen, Malformed):
            return
        if isinstance(content, WordContent) and content.kind == ReportKind.REQUEST:
            request = parse_request(content.letter.body)
            for place, one in enumerate(self.asked):
                if one.permit == request.permit:
                    self.asked[place] = replace(one, seen=(*one.seen, seen))
                    return
            at = range(0, TOKENS_A_WEEK * BLIND_PUBLIC, BLIND_PUBLIC)
            parts = tuple(request.blinded[i : i + BLIND_PUBLIC] for i in at)
            self.asked.append(Asked(self._whose[request.permit], request.week, request.permit, parts, (seen,)))
