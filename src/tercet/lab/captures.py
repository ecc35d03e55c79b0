"""Captures: a world in which a captor seizes devices, one campaign after another, each held to the exposure table.

Does        carries out campaigns in virtual time; holds each seizure to its row, and all of them together.
Does not    look into devices itself: `looks` does; choose whom: `campaigns` does.
Spec        spec/95-lab.md, 11; spec/91-exposure.md
Always      1. The true texts and the true tree are the measure, never what a device says.
            2. A copy that is taken changes nothing in the world.
Read first  Captured.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tercet.core import events as ev
from tercet.core.board import BoardView
from tercet.core.comparing import HeadBody
from tercet.core.fields import encode
from tercet.core.state import Device
from tercet.lab.campaigns import ORDERS, STATES, TAKEN, Catch, Tree, draw_campaigns
from tercet.lab.captured import JOINED, Captures, Tally
from tercet.lab.chance import Stream
from tercet.lab.exposure import Exposure, Words
from tercet.lab.law import ROWS, breaches
from tercet.lab.leaks import Leak, core_with
from tercet.lab.looks import NAME, Captor, History, Kept, Look
from tercet.lab.machine import Machine
from tercet.lab.plan import Plan
from tercet.lab.world import Progress, World

FOR_GOOD: Final = 1e9  # seconds, beyond the end of any world
SECRET: Final = 16  # bytes that no two strangers' devices have alike by chance


class Captured(World):
    """A world with a captor in it.

    Args:
        plan: of the world.
        seizures: how many, of all campaigns together.
        taken: share of members whose devices may be taken away.
        states: in which devices are found, keys of `campaigns.STATES`.
        leaks: planted faults.

    Attributes:
        captor: who looks at devices.
        wrong: breaches, a sentence each.
    """

    def __init__(
        self,
        plan: Plan,
        seizures: int,
        *,
        taken: float = TAKEN,
        states: Sequence[str] = tuple(STATES),
        leaks: Sequence[Leak] = (),
    ) -> None:
        super().__init__(plan, step=core_with(leaks))
        for machine in self.machines[1:]:
            machine.name = f"member-{machine.number:05d}"
        self.by_name = {machine.name: machine for machine in self.machines}
        self.wrong: list[str] = []
        self._folder = tempfile.TemporaryDirectory()
        self.captor = Captor(plan.seed, plan.pace, self._step, leaks, Path(self._folder.name))
        self.captor.true_texts = lambda: self.ledger.reports
        for relay in self.network.relays.values():
            relay.store = History(self.captor.history)
        self._given = (seizures, taken, states)
        self._tree = Tree(())
        self._numbers = {id(machine._chance): machine.number for machine in self.machines}
        self._beaten: dict[int, int] = {}  # of each device, the confirmed day at its last beat, once that is saved
        self._beating: dict[int, int] = {}  # the same, before it is saved
        self._before: dict[int, Kept] = {}  # of each vault, the state before the newest
        self._gone: set[int] = set()
        self._holders: dict[bytes, set[int]] = {}  # of each secret, whose memory had it
        self._heads: set[bytes] = set()  # the board's, as neighbours tell them: whoever reads it can say them
        self._campaigns: list[Campaign] = []
        self._tallies = {(order, row): Count() for order in ORDERS for row in STATES}

    def captures(self, progress: Progress | None = None, *, settle: bool = False) -> Captures:
        """Live, and seize.

        Args:
            progress: called with the day, now and then.
            settle: whether to go on until nothing is owed: devices that are taken away owe for ever.

        Raises:
            Broken: an invariant of the world does not hold.
        """
        try:
            (self.run if settle else self.live)(progress)
        finally:
            self.close()
        tallies = [self._tallies[key].tally(*key) for key in self._tallies]
        for order in ORDERS:
            mine = [campaign for campaign in self._campaigns if campaign.order == order]
            people = Counter(len(campaign.named) for campaign in mine)
            wrong = sum(campaign.wrong for campaign in mine)
            tallies.append(Tally(order, JOINED, dict(people), {}, breaches=wrong))
        return Captures(
            worlds=1,
            members=len(self._tree.members),
            campaigns=len(self._campaigns),
            taken=len(self._gone),
            reports=len(self.ledger.reports),
            traces=(self.trace.digest,),
            tallies=tuple(tallies),
            breaches=tuple(self.wrong),
        )

    def close(self) -> None:
        """Give up the captor's vault, after which nothing more can be seized."""
        self.captor.close()
        self._folder.cleanup()

    # ---- what is noted of the world

    def step(self, *given: Any) -> Any:
        """One step of the core; of a beat it is noted which day was confirmed."""
        device, event, _, chance = given
        if isinstance(event, ev.Beat | ev.SendNow):
            self._beating[self._numbers[id(chance)]] = device.confirmed
        return super().step(*given)

    def keep(self, machine: Machine, state: Device) -> Device | None:
        """What a vault keeps: the newest state, and the one before."""
        number = machine.number
        if number and machine.kept is not None:
            self._before[number] = Kept(machine.kept, self._confirmed(machine))
        if number in self._beating:
            self._beaten[number] = self._beating.pop(number)
        if not number:
            self._heads |= heads_of(state.board)
        return super().keep(machine, state)

    def _confirmed(self, machine: Machine) -> int:
        return self._beaten.get(machine.number, machine.device.confirmed)

    def kept(self, machine: Machine) -> tuple[Kept, ...]:
        """What a machine's vault holds: the newest state, then the one before."""
        before = self._before.get(machine.number)
        newest = Kept(machine.kept or Device(), self._confirmed(machine))
        return (newest, before) if before else (newest,)

    # ---- campaigns

    def _begin(self) -> None:
        super()._begin()
        seizures, taken, states = self._given
        self._tree = Tree(self.met)
        chance = Stream(self.plan.seed, "captor")
        catches = draw_campaigns(self._tree, seizures, self.plan.days, chance, taken, states)
        orders = {catch.campaign: catch.order for catch in catches}
        self._campaigns = [Campaign(order) for order in orders.values()]
        for catch in catches:
            self.agenda.after(catch.at, self._seize, catch)

    def _seize(self, catch: Catch) -> None:
        """Look at one device, and let it go on or take it away."""
        machine, campaign = self.machines[catch.member], self._campaigns[catch.campaign]
        look = self.captor.look(catch.row, machine, self.kept(machine))
        named = {name for exposure in look.exposures for name in names_in(exposure)}
        faults = list(dict.fromkeys([*self._of_seizure(catch, look, named), *self._of_ties(catch.member, look)]))
        joined = self._of_campaign(campaign, catch.member, named)
        self._tallies[catch.order, catch.row].add(look, len(named), len(faults))
        who = f"Seizure of {machine.name}, {catch.order}, {catch.row}"
        self.wrong += [f"{who}: {fault}." for fault in faults + joined]
        if catch.taken and catch.member not in self._gone:
            self._gone.add(catch.member)
            machine.stop(FOR_GOOD, "is taken away")
            machine.life += 1  # whoever was off already is never on again

    def _of_seizure(self, catch: Catch, look: Look, named: set[str]) -> Iterator[str]:
        """What one seizure shows that its row of the table, or the truth, does not allow."""
        member = catch.member
        own = {self.machines[number].name for number in self._tree.neighbours[member]}
        for exposure in look.exposures:
            yield from breaches(catch.row, exposure)
            made = sum(fate.member == member for fate in self.ledger.reports.values())
            if exposure.made > made:
                yield f"{exposure.made} reports in place of {made}"
            yield from (
                f"{each.text!r} is nothing that it may read" for each in exposure.words if not self._may(member, each)
            )
        yield from look.wrong
        opens = ROWS[catch.row].people > 0
        if named != (own if opens else set()):
            yield f"{_listed(named)} are named, and it was introduced to {_listed(own)}"
        strangers = {found.decode() for found in set(NAME.findall(look.data))}
        strangers -= {*own, self.machines[member].name} if opens else set()
        if strangers:
            known = "whom it has never met" if opens else "where none may be"
            yield f"a name stands in the bytes {known}: {_listed(strangers)}"

    def _may(self, member: int, said: Words) -> bool:
        """Whether a text was written to this member or by it."""
        name, threads = self.machines[member].name, self.ledger.threads
        if said.kind == "notice":
            return any(one.text == said.text for one in self.machines[0].device.board.notices)
        if said.kind in ("letter", "own letter"):
            way = (said.who, name) if said.kind == "letter" else (name, said.who)
            return way in threads and any(letter.text == said.text for letter in threads[way].letters)
        fates = [fate for fate in self.ledger.reports.values() if fate.member == member]
        written = [fate.words if said.kind == "desk" else fate.answers for fate in fates]
        return any(letter.text == said.text for thread in written for letter in thread.letters)

    def _of_ties(self, member: int, look: Look) -> Iterator[str]:
        """Whether any secret that lies here also lay in the memory of somebody whom this member never met."""
        met = self._tree.neighbours[member] | {member}
        for device in look.devices:
            network = self._heads | set(secrets_in((device.card, device.board)))
            for secret in set(secrets_in(device)) - network:
                holders = self._holders.setdefault(secret, set())
                for other in sorted(holders - met):
                    yield f"it and {self.machines[other].name} have a secret in common, and have never met"
                holders.add(member)

    def _of_campaign(self, campaign: Campaign, member: int, named: set[str]) -> list[str]:
        """What all seizures of a campaign name together, beside all whom the seized were introduced to."""
        campaign.named |= named
        campaign.met |= {self.machines[number].name for number in self._tree.neighbours[member]}
        beyond = campaign.named - campaign.met
        campaign.wrong += bool(beyond)
        return [f"the campaign names {_listed(beyond)}, whom none of the seized has met"] if beyond else []


class Campaign:
    """What the seizures of one campaign name together.

    Attributes:
        named: people, by name.
        met: all whom the seized were truly introduced to.
        wrong: seizures after which it named somebody else.
    """

    def __init__(self, order: str) -> None:
        self.order = order
        self.named: set[str] = set()
        self.met: set[str] = set()
        self.wrong = 0


class Count:
    """A tally that grows."""

    def __init__(self) -> None:
        self._people: Counter[int] = Counter()
        self._lanes: Counter[int] = Counter()
        self._kinds: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def add(self, look: Look, people: int, wrong: int) -> None:
        """Take in one seizure."""
        self._people[people] += 1
        self._lanes[max(exposure.lanes for exposure in look.exposures)] += 1
        self._kinds.update(kind for kind, _ in {(w.kind, w.text) for each in look.exposures for w in each.words})
        sealed = sum(report.sealed > 0 for report in look.exposures[0].reports)
        self._sums.update(sealed=sealed, opened=look.opened, wrong=wrong)

    def tally(self, order: str, row: str) -> Tally:
        """All that was taken in."""
        people, lanes, kinds = dict(self._people), dict(self._lanes), dict(self._kinds)
        sums = (self._sums[name] for name in ("sealed", "opened", "wrong"))
        return Tally(order, row, people, lanes, kinds, *sums)


def names_in(exposure: Exposure) -> set[str]:
    """Everybody whom an exposure names."""
    return {person.name for person in exposure.people} | ({exposure.meeting} if exposure.meeting else set())


def heads_of(view: BoardView) -> set[bytes]:
    """Digests of a board's newest entries, each by itself and in the letter that tells it."""
    last = [(view.number - back, mark) for back, mark in enumerate(reversed(view.marks)) if view.number > back]
    return {mark for _, mark in last} | {encode(HeadBody(1, number, mark)) for number, mark in last}


def secrets_in(value: Any) -> Iterator[bytes]:
    """Every byte string of 16 bytes or more in a part of a state."""
    if isinstance(value, bytes):
        if len(value) >= SECRET:
            yield value
    elif isinstance(value, msgspec.Struct):
        yield from secrets_in(msgspec.structs.astuple(value))
    elif isinstance(value, dict):
        yield from secrets_in(tuple(value.items()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from secrets_in(each)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"
