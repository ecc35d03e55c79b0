"""What the benches that live through whole worlds share: processes, progress, and an end at the first broken rule."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from tercet.lab import Broken, Plan


def days_of(plan: Plan) -> Callable[[int], None]:
    """Say each day of a world as it is over."""

    def progress(day: int) -> None:
        print(f"world {plan.seed}: day {day} of {plan.days}", file=sys.stderr, flush=True)

    return progress


def seeds_of(text: str) -> list[int]:
    """Numbers and ranges of them, as `1-4,9`."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return [seed for end in ends for seed in range(end[0], end[-1] + 1)]


@contextmanager
def pool_of(at_once: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes; the first rule that is broken ends them, and the bench with its sentence."""
    with ProcessPoolExecutor(at_once) as pool:
        try:
            yield pool
        except Broken as broken:
            for process in multiprocessing.active_children():
                process.terminate()
            raise SystemExit(str(broken)) from None


def all_done(every: Iterable[Future[Any]]) -> None:
    """Wait for all; raises what the first that fails raises."""
    for each in as_completed(every):
        each.result()
