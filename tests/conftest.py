"""Options that every test shares, and what is worked out once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal

import pytest
import typer.testing
from hypothesis import settings

from tercet.core import exchange
from tercet.lab.memory import remember
from tercet.sealing import spake_finish, spake_start
from tercet.shell import called

# Most of a long life in memory is the same days' lanes worked out again, and most meetings of the tests draw the same
# chance. All of these are functions of bytes alone: remembering them changes no result. tests/sealing asks them afresh.
remember()
_started = lru_cache(1 << 12)(lambda side, code, drawn: spake_start(side, code, lambda count: drawn[:count]))


def _start(side: Literal["a", "b"], code: str, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    return _started(side, code, entropy(64))


typer.testing._get_command = cache(typer.testing._get_command)  # the whole tree of commands, once
exchange.spake_start = _start
exchange.spake_finish = lru_cache(1 << 12)(spake_finish)


# Where a test names no number of its own; and no example is late because the machine is busy.
settings.register_profile("full", max_examples=100, deadline=None)
settings.register_profile("fast", max_examples=30, deadline=None)


@pytest.fixture(autouse=True)
def _called_by_its_own_name() -> None:
    """A command that another test ran in this process has noted how it was called."""
    called.note(called.PROGRAM, ())


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("fast" if config.option.markexpr == "not full" else "full")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if any test was skipped")


# Seconds that the dearest files take in the full tier, about: who begins with which. A file that is not here, or takes
# longer by now, costs time at the end and nothing else.
DEAR = {
    "test_up.py": 640, "test_unlinked.py": 340, "test_burns.py": 280, "test_watcher.py": 230, "test_duress.py": 210,
    "test_rows.py": 200, "test_engine.py": 190, "test_world.py": 180, "test_seizure.py": 170, "test_search.py": 150,
    "test_captures.py": 140, "test_disk.py": 100, "test_kill.py": 90, "test_voice_page.py": 90, "test_crash.py": 85,
    "test_deniability.py": 75, "test_lock_processes.py": 65, "test_meeting_by_code_weather.py": 60,
    "test_meeting_weather.py": 45, "test_compared.py": 40, "test_no_network.py": 40, "test_exposure.py": 35,
}  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the dearest files to the workers, each to whom has least so far, and fill up with the others.

    A worker takes an equal part of the list, from its head on, and who is done takes over from another's tail; so no
    worker is left alone with a long test at the end. Files stay whole: what a file works out once it works out once.
    """
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path.name, []).append(item)
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    taken = [0] * workers
    for name, seconds in DEAR.items():
        least = taken.index(min(taken))
        hands[least] += files.pop(name, [])
        taken[least] += seconds
    rest = [item for file in files.values() for item in file]
    for number, hand in enumerate(hands):
        share = (number + 1) * len(items) // workers - number * len(items) // workers
        room = max(share - len(hand), 0)
        hand += rest[:room]
        del rest[:room]
    items[:] = [item for hand in hands for item in hand] + rest


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--no-skips") and skipped and exitstatus == 0:
        session.exitstatus = 1
