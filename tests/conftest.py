"""Options that every test shares, and what is worked out once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal

import pytest
import typer.testing
from hypothesis import settings

from tercet.core import meeting
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
meeting.spake_start = _start
meeting.spake_finish = lru_cache(1 << 12)(spake_finish)


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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests of the full tier first, whole, so that no worker is left alone with a long one at the end.

    First of all the scene, which takes minutes and mostly waits.
    """
    dear = {item.path for item in items if item.get_closest_marker("full")}
    items.sort(key=lambda item: (item.path not in dear, item.path.name != "test_up.py"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--no-skips") and skipped and exitstatus == 0:
        session.exitstatus = 1
