"""Campaigns: whom a captor seizes, in which order, when, and how the device is found.

Does        draws campaigns over the true tree of a world.
Does not    seize anything, or look into a device.
Spec        spec/95-lab.md, 11
Always      1. The captor knows the whole tree, more than any would.  2. The same seed gives the same campaigns.
Read first  ORDERS, STATES, draw_campaigns().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from tercet.core.cell import Role
from tercet.lab.chance import Stream
from tercet.lab.plan import DAY, HOUR

AT_RANDOM_MOST: Final = 8  # members in a campaign without an order
NEXT_AFTER: Final = 3 * HOUR  # seconds from one seizure of a campaign to the next, on average
TAKEN: Final = 0.2  # share of members whose devices may be taken away; from the others a copy is taken
STATES: Final = MappingProxyType(
    {
        "no passphrase": "off: its file, and a passphrase that is none",
        "passphrase": "off: both copies of the state, and the passphrase",
        "passphrase and relay": "the same, and all that any relay ever stored",
        "locked": "running and locked: the list that its process has",
        "notebook, image made before": "off: the notebook's passphrase, and an image made before it was typed",
        "awake": "awake: the state that the process has",
    }
)


class Tree:
    """Who truly met whom.

    Args:
        met: the inviter, the joiner, and what the inviter is to the joiner, by number; the desk is 0.

    Attributes:
        neighbours: of each.
        partner, link: of each member who has one.
        below: the pair below each.
        members: all numbers but the desk's.
    """

    def __init__(self, met: Iterable[tuple[int, int, Role]]) -> None:
        self.neighbours: defaultdict[int, set[int]] = defaultdict(set)
        self.below: defaultdict[int, list[int]] = defaultdict(list)
        self.partner: dict[int, int] = {}
        self.link: dict[int, int] = {}
        for inviter, joiner, role in met:
            self.neighbours[inviter].add(joiner)
            self.neighbours[joiner].add(inviter)
            if role is Role.PARTNER:
                self.partner |= {inviter: joiner, joiner: inviter}
            elif role is Role.LINK:
                self.link[joiner] = inviter
                self.below[inviter].append(joiner)
        self.members = sorted(set(self.neighbours) - {0})


Order = Callable[[Tree, Stream], list[int]]


def at_random(tree: Tree, chance: Stream) -> list[int]:
    """Up to eight members, anywhere."""
    return chance.sample(tree.members, min(len(tree.members), 1 + chance.below(AT_RANDOM_MOST)))


def partner_after_partner(tree: Tree, chance: Stream) -> list[int]:
    """A member and its partner, then one below either and that one's partner, down to the last pair."""
    one, seized = chance.pick(tree.members), []
    while True:
        pair = [one, tree.partner[one]]
        seized += pair
        under = [number for each in pair for number in tree.below[each]]
        if not under:
            return seized
        one = chance.pick(under)


def link_first(tree: Tree, chance: Stream) -> list[int]:
    """A member, its link, that one's link, up to a founder."""
    seized = [chance.pick(tree.members)]
    while seized[-1] in tree.link:
        seized.append(tree.link[seized[-1]])
    return seized


def whole_branch(tree: Tree, chance: Stream) -> list[int]:
    """A link, then everyone below it, level by level."""
    links = [number for number in tree.members if tree.below[number]]
    seized = [chance.pick(links or tree.members)]
    for each in seized:  # it grows while we go through it
        seized += tree.below[each]
    return seized


ORDERS: Final[MappingProxyType[str, Order]] = MappingProxyType(
    {
        "at random": at_random,
        "partner after partner": partner_after_partner,
        "link first": link_first,
        "whole branch": whole_branch,
    }
)


class Catch(NamedTuple):
    """One seizure to come.

    Attributes:
        at: seconds after the days began.
        campaign: its number, from 0.
        order: a key of `ORDERS`.
        row: a key of `STATES`, and of the exposure table.
        member: whose device.
        taken: whether it is taken away for good; else it is copied, and its owner goes on.
    """

    at: float
    campaign: int
    order: str
    row: str
    member: int
    taken: bool


def draw_campaigns(
    tree: Tree, seizures: int, days: float, chance: Stream, taken: float = TAKEN, states: Sequence[str] = tuple(STATES)
) -> list[Catch]:
    """Draw campaigns until there are so many seizures: of each order about as many, and within it of each state.

    Args:
        tree: of the world.
        seizures: of all campaigns together.
        days: of the world.
        chance: of the captor.
        taken: share of members whose devices may be taken away.
        states: in which devices are found.
    """
    decks: dict[str, list[str]] = {order: [] for order in ORDERS}
    counts = dict.fromkeys(ORDERS, 0)
    may_take = int(taken * len(tree.members))
    catches: list[Catch] = []
    campaign = 0
    while len(catches) < seizures:
        order = min(counts, key=lambda each: counts[each])
        members = ORDERS[order](tree, chance)[: seizures - len(catches)]
        takes = len(members) <= may_take and chance.hit(taken)
        may_take -= len(members) if takes else 0
        at = chance.between(0, days * DAY)
        for member in members:
            decks[order] = decks[order] or chance.sample(states, len(states))
            catches.append(Catch(min(at, days * DAY - 1), campaign, order, decks[order].pop(), member, takes))
            at += chance.wait(NEXT_AFTER)
        counts[order] += len(members)
        campaign += 1
    return catches
