"""The result: what happened in a world, in figures.

Does        counts, and takes percentiles of delays.
Does not    judge: a run that broke an invariant has no result.
Spec        spec/95-lab.md, 10
Always      1. The same run gives the same result, but for how long it took.
Read first  Result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tercet.lab.plan import DAY, HOUR

if TYPE_CHECKING:
    from tercet.lab.ledger import Thread
    from tercet.lab.world import World


class Spread(msgspec.Struct, frozen=True):
    """Delays, in hours: how many there are, half are no longer than `median`, 95 % no longer than `most`."""

    count: int
    median: float
    ninety_fifth: float
    longest: float


class Result(msgspec.Struct, frozen=True):
    """One run that broke nothing. Days and hours are virtual, `seconds` real."""

    seed: int
    members: int
    levels: int
    days: int
    quiet_days: float
    trace: str
    steps: int
    beats: int
    puts: int
    reads: int
    hits: int
    acks: int
    posts: int
    bytes_up: int
    bytes_down: int
    lost: int
    duplicated: int
    crashes: int
    outages: int
    reports: int
    letters: int
    words: int
    refused: dict[str, int]
    report_filed: Spread
    report_received: Spread
    letter: Spread
    seconds: float


def spread(delays: Sequence[float]) -> Spread:
    """The spread of delays given in seconds."""
    if not delays:
        return Spread(0, 0.0, 0.0, 0.0)
    ordered = sorted(delays)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / HOUR, 2)

    return Spread(len(ordered), at(0.5), at(0.95), at(1.0))


def result_of(world: World, levels: dict[int, int], seconds: float) -> Result:
    """The figures of a world that has settled."""
    counts, ledger = world.network.counts, world.ledger
    reports = list(ledger.reports.values())
    words = [thread for fate in reports for thread in (fate.words, fate.answers)]
    return Result(
        seed=world.plan.seed,
        members=len(levels),
        levels=max(levels.values()),
        days=world.plan.days,
        quiet_days=round((world.agenda.now - world.began) / DAY - world.plan.days, 2),
        trace=world.trace.digest,
        steps=world.steps,
        beats=world.beats,
        puts=counts.puts,
        reads=counts.reads,
        hits=counts.hits,
        acks=counts.acks,
        posts=counts.posts,
        bytes_up=counts.up,
        bytes_down=counts.down,
        lost=counts.lost,
        duplicated=counts.duplicated,
        crashes=sum(machine.crashes for machine in world.machines),
        outages=counts.outages,
        reports=len(reports),
        letters=sum(len(thread.letters) for thread in ledger.threads.values()),
        words=sum(len(thread.letters) for thread in words),
        refused=dict(sorted(world.refusals.items())),
        report_filed=spread([f.filed - f.made for f in reports if f.filed is not None]),
        report_received=spread([f.received - f.made for f in reports if f.received is not None]),
        letter=spread(delays_of(list(ledger.threads.values()))),
        seconds=round(seconds, 1),
    )


def delays_of(threads: Sequence[Thread]) -> list[float]:
    """How long each letter that came was on its way, seconds."""
    return [x.came - x.made for thread in threads for x in thread.letters if x.came is not None]
