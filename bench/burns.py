"""Hunted networks that cut out whom they lost: people lost for one capture, delays, and what malice gains.

    .venv/bin/python bench/burns.py [--json] [--record] [--members 40] [--days 25] [--seeds 1-20] [--pace 1800]
        [--founders 2] [--at-once 2]

Each seed is a world of its own, in a process of its own, in bad weather. Captors seize three of its members, and whom
those give up; people have neighbours cut out, leave, and meet another link. The row `with burning` says how many people
one capture cost; `without burning` what the same captors take of the same tree where nobody is cut out, and `expected`
what one capture of a random member loses there by the closed form. Rows `after…` are delays in hours. In the worlds of
the row `founders` both founders of the only founding pair are seized on one day.

Rows `model` hold the captors to the closed form: thousands of captures without devices, `sigma` is the distance in
standard deviations; captors who ask twice must be told from it. The last of them is the tree of a million members. Rows
`planted` are cores with a fault in a small world. A breach ends the bench with its sentence, and so does a fault that
is not caught. The same seed gives the same figures on any machine.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, pstdev

from recording import Row, finish, options
from worlds import all_done, days_of, pool_of, seeds_of

from tercet.core.beat import PACE
from tercet.core.cell import Role
from tercet.lab import Broken, Plan
from tercet.lab.burned import Burned, exposed, together
from tercet.lab.burnfaults import FAULTS
from tercet.lab.burns import BurnWorld
from tercet.lab.campaigns import Tree
from tercet.lab.cascade import Confessions, Loss, Named, expected_in_whole_tree, expected_loss, spread
from tercet.lab.chance import Stream
from tercet.lab.hunt import Hunt
from tercet.lab.plan import HOUR

BAD = Plan(sticks=0.0)
FAULTY = Plan(members=6, days=4, pace=7_200, desk_pace=3_600, loss=0.05, naps=0.0, away=0.0, skewed=0.0)
FAULTY = replace(FAULTY, sticks=0.0, reports=1.0, outage_every=10_000.0, crash_every=1_000.0)
QUICK = Hunt(firsts=1, begin=1, end=1.2, second=1.0, malicious=0.5, tries=2.0, opens=HOUR / 2, acts=HOUR / 2)
QUICK = replace(QUICK, agrees=HOUR, leaves=HOUR, meets=6 * HOUR)
FOUNDERS = Hunt(firsts=0, founders=True)
FAULTY_SEEDS = (2, 3, 4, 11)  # worlds in which a fault may show: in some nobody does what it needs
CAPTURES = 4_000  # of the model
SIGMA = 4.0  # standard deviations; below it captors agree with the closed form, above it they do not
LEVELS = 20  # of a tree of a million
PUBLISHED = (5.87, 18.55)  # lost on average of a random member, and of the top, in such a tree


def hunted(plan: Plan, hunt: Hunt) -> Burned:
    world = BurnWorld(plan, hunt)
    if plan.pace > PACE:
        world.ledger.hold_late = lambda: None  # type: ignore[method-assign]  # so slow a device may read a letter late
    burned = world.burned(days_of(plan))
    if burned.wrong:
        raise Broken(f"World {plan.seed}: {burned.wrong[0]}")
    return burned


def planted(name: str) -> Row:
    """What comes of a core with a fault."""
    for seed in FAULTY_SEEDS:
        world = BurnWorld(replace(FAULTY, seed=seed), QUICK, FAULTS[name].core())
        world.live()
        breaches = [wrong for wrong in world.law.wrong if wrong.startswith(f"{FAULTS[name].law}: ")]
        if breaches:
            return {"what": f"planted: {name}", "law": FAULTS[name].law, "breaches": len(breaches)}
    raise Broken(f"A planted fault is not caught: {name}.")


# ---- the model


class Insistent(Confessions):
    """Captors who ask about each neighbour twice."""

    def of(self, member: int, neighbours: Iterable[int]) -> Iterator[Named]:
        """See `Confessions.of`."""
        both = list(neighbours)
        yield from super().of(member, both)
        yield from Confessions(self._seed + CAPTURES, self._talks, self._holds).of(member, both)


def grown(members: int) -> Tree:
    """A tree as a world grows one, without devices."""
    chance, met, free = Stream(1, "growth"), list[tuple[int, int, Role]](), list[int]()
    plan = Plan(members=members)
    for pair in range(plan.pairs):
        above = 0 if pair < plan.founding_pairs else free.pop(chance.below(len(free)))
        role = Role.LINK if above else Role.DESK
        one, other = 2 * pair + 1, 2 * pair + 2
        met += [(above, one, role), (above, other, role), (one, other, Role.PARTNER)]
        free += [one, other]
    return Tree(met)


def model(tree: Tree, kind: type[Confessions]) -> Row:
    """Captures of random members, held to the closed form."""
    hunt, chance = Hunt(), Stream(1, "whom the model seizes")
    firsts = [chance.pick(tree.members) for _ in range(CAPTURES)]
    lost = [
        len(spread(tree, [Loss(0.0, first)], kind(seed, hunt.talks, hunt.holds))) for seed, first in enumerate(firsts)
    ]
    expected = fmean(expected_loss(tree, hunt.talks).values())
    sigma = (fmean(lost) - expected) / (pstdev(lost) / sqrt(CAPTURES))
    what = "model" if kind is Confessions else "model, captors who ask twice"
    return row_of(what, lost) | {"expected": round(expected, 2), "sigma": round(sigma, 1)}


def models(tree: Tree) -> list[Row]:
    """Rows of the model.

    Raises:
        Broken: captors do not lose what the closed form says, or a planted fault of theirs is not seen.
    """
    sound, faulty = model(tree, Confessions), model(tree, Insistent)
    million = tuple(round(lost, 2) for lost in expected_in_whole_tree(LEVELS, Hunt().talks))
    if abs(sound["sigma"]) >= SIGMA or faulty["sigma"] < SIGMA or million != PUBLISHED:
        raise Broken("Captors do not lose what the closed form says, or those who ask twice are not told from it.")
    rows = [
        {"what": f"model, a million, {who}", "expected": lost}
        for who, lost in zip(("random", "top"), million, strict=True)
    ]
    return [sound, faulty, *rows]


# ---- figures


def row_of(what: str, lost: Sequence[int]) -> Row:
    figures = exposed(lost)
    row: Row = {"what": what, "captures": figures.firsts, "lost_mean": round(figures.mean, 2)}
    return row | {"lost_95": figures.ninety_fifth, "lost_worst": figures.worst}


def counts_of(burned: Burned) -> Row:
    """What was counted of worlds."""
    seized = len(burned.by_alarm) + len(burned.by_silence) + burned.uncut
    counts: Row = {"worlds": burned.worlds, "member_days": burned.member_days, "seized": seized}
    counts |= {"uncut": burned.uncut, "left": burned.safe, "named_in_vain": burned.vain}
    counts |= {"healed": len(burned.healed), "unhealed": burned.unhealed, "tried": burned.tried}
    counts |= {"burns_of_nobody": burned.strays, "breaches": len(burned.wrong)}
    return counts | {name.replace(" ", "_"): many for name, many in burned.reports.items()}


def rows_of(burned: Burned) -> list[Row]:
    expected = {"expected": round(fmean(burned.expected), 2)}
    rows = [row_of("with burning", burned.lost) | counts_of(burned)]
    rows += [row_of("without burning", burned.without) | expected, *delays_of(burned)]
    return rows


def delays_of(burned: Burned, of: str = "") -> list[Row]:
    rows: list[Row] = []
    for name, delays in burned.spreads().items():
        row: Row = {"what": f"{of}{AFTER[name]}", "count": delays.count, "median_h": delays.median}
        rows.append(row | {"h_95": delays.ninety_fifth, "longest_h": delays.longest})
    return rows


AFTER = {
    "told": "after a seizure: a neighbour is asked",
    "by_alarm": "after a seizure, with an alarm: on the board",
    "by_silence": "after a seizure, in silence: on the board",
    "dropped": "after the board: a neighbour drops",
    "healed": "after the board: below, a link again",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--members", type=int, default=40)
    parser.add_argument("--days", type=int, default=25)
    parser.add_argument("--seeds", default="1-20", help="one world each")
    parser.add_argument("--pace", type=float, default=1_800.0)
    parser.add_argument("--founders", type=int, default=2, help="worlds in which both founders are lost, besides")
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    seeds = seeds_of(chosen.seeds)
    plan = replace(BAD, members=chosen.members, days=chosen.days, pace=chosen.pace)
    headless = replace(plan, members=12, founding=1, days=12)
    with pool_of(chosen.at_once) as pool:
        tried = pool.submit(models, grown(chosen.members))
        faults = [pool.submit(planted, name) for name in FAULTS]
        worlds = [pool.submit(hunted, replace(plan, seed=seed), Hunt()) for seed in seeds]
        founders = [pool.submit(hunted, replace(headless, seed=s), FOUNDERS) for s in seeds[: chosen.founders]]
        all_done([tried, *faults, *worlds, *founders])
    rows = rows_of(together([world.result() for world in worlds]))
    if founders:
        lost = together([world.result() for world in founders])
        rows += [row_of("founders", lost.lost) | counts_of(lost), *delays_of(lost, "founders, ")]
    rows += [*tried.result(), *(fault.result() for fault in faults)]
    finish(chosen, "burns", chosen.seeds, rows)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
