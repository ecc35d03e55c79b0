"""The plan: how large a world is, how long it runs, and how rough its weather is.

Does        names every number of a run.
Does not    act on any.
Spec        spec/95-lab.md, 1
Always      1. A run hangs on its plan and the core, on nothing else.
Read first  Plan.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86_400.0  # seconds
HOUR = 3_600.0  # seconds
START = 1_790_035_200  # seconds; Tuesday 22 September 2026, 00:00 UTC
MEMBERS_MOST = 100_000
SHARDS_MOST = 64


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        members: how many join, in pairs; an odd number is one less.
        days: how long owners write and the weather is rough.
        seed: of all chance.
        pace: seconds from one beat of a member to the next, on average.
        loss: share of requests that are lost, half of them on the way back.
        duplicates: share of requests that reach the relay twice.
        relays: how many there are.
        founding: pairs right under the desk; 0 for one in 20 pairs, at least one.
        desk_pace: seconds between two beats of the desk, on average.
        shards: intake boxes a day; 0 for one in 12 members, at least two.
        reports, letters, looks: of an owner a day, on average.
        replies: share of reports and answers that the desk writes to; and of its words that are answered.
        crash_every: days between two crashes of a device, about.
        naps: share of days on which a device is off for 1 to 10 hours.
        away: share of members who are off once for one to three weeks.
        skewed: share of members whose clock jumps, by up to a day.
        outage_every: days between two days on which a relay is dead, on average.
        sticks: share of members who have only a stick.
        visit_every: days between two visits of a carrier, on average.
        settle_days: quiet days after which something owed is a failure.
        weekly: 1 if relays take passes of a week and no others; else they take from anybody.
    """

    members: int = 200
    days: int = 30
    seed: int = 7
    pace: float = 1_800.0
    loss: float = 0.2
    duplicates: float = 0.05
    relays: int = 3
    founding: int = 0
    desk_pace: float = 900.0
    shards: int = 0
    reports: float = 0.15
    letters: float = 0.5
    looks: float = 3.0
    replies: float = 0.4
    crash_every: float = 10.0
    naps: float = 0.3
    away: float = 0.04
    skewed: float = 0.1
    outage_every: float = 8.0
    sticks: float = 0.02
    visit_every: float = 1.5
    settle_days: int = 40
    weekly: int = 0

    @property
    def intake(self) -> int:
        """How many intake boxes a day has: enough for what comes while the desk is off for some hours."""
        return min(SHARDS_MOST, self.shards or max(2, self.members // 12))

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return max(1, self.members // 2)

    @property
    def founding_pairs(self) -> int:
        """How many of them are right under the desk."""
        return min(self.pairs, self.founding or max(1, self.pairs // 20))
