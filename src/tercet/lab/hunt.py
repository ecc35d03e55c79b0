"""The hunt: how captors and owners of a world with burns behave, in numbers.

Does        names every number of a hunt.
Does not    act on any.
Spec        spec/95-lab.md, 14
Always      1. A hunt hangs on its numbers, on the plan of the world, and on the core.
Read first  Hunt.
"""

from __future__ import annotations

from dataclasses import dataclass

from tercet.lab.plan import DAY, HOUR


@dataclass(frozen=True)
class Hunt:
    """What captors do, and what owners do about it. Seconds are averages, drawn anew each time.

    Attributes:
        firsts: members who are seized without having been named, at moments from `begin` to `end`.
        begin, end: days after the set-up.
        founders: whether both of the first founding pair are seized on the first of those days, before all others.
        talks: the probability that somebody who was seized gives up one neighbour.
        holds: seconds from the seizure until that one is given up, and seized.
        second: the probability that the second passphrase is given; otherwise the device falls silent.
        opens: seconds from the seizure until then.
        acts: seconds from what the device says until its owner has a neighbour cut out.
        agrees: seconds until an owner who was asked says yes.
        leaves: seconds from being told that a neighbour was burned until one is not found any more.
        meets: seconds until somebody whose link was burned meets another; 0 for never.
        burning: whether owners have anybody cut out.
        comes_back: seconds from the first drop of a burned neighbour until the captor tries what its device can do.
        malicious: share of members who try to burn neighbours alone.
        tries: of each of these, a day.
    """

    firsts: int = 3
    begin: float = 2.0
    end: float = 9.0
    founders: bool = False
    talks: float = 0.4
    holds: float = 36 * HOUR
    second: float = 0.5
    opens: float = 3 * HOUR
    acts: float = 4 * HOUR
    agrees: float = 8 * HOUR
    leaves: float = 6 * HOUR
    meets: float = 2 * DAY
    burning: bool = True
    comes_back: float = 12 * HOUR
    malicious: float = 0.1
    tries: float = 0.5
