"""The search: every order in which a small network can cut somebody out, and mistakes in rules that it must find."""

from __future__ import annotations

import pytest

from tercet.core import cutting, relation
from tercet.lab import small
from tercet.lab.frames import known
from tercet.lab.judge import INVARIANTS
from tercet.lab.scenarios import FAST, LARGER, MISTAKES, SCENARIOS, Mistake, tried
from tercet.lab.search import Scenario, explore

from .test_lab_spec import table

NOBODY_AGREES = ("too late", "false partner")  # by their bounds, so that nothing has to get through
NEAREST = 12_000  # states: more than any mistake needs to be found


def shown(scenario: Scenario) -> list[str]:
    """A scenario's bounds, as the spec has them."""
    names = scenario.bad, scenario.about, scenario.on, scenario.speakers, scenario.to
    cells = [name if isinstance(name, str) else ", ".join(name) or "nobody" for name in names]
    hours = scenario.tick // 3_600 if scenario.moments else 0
    numbers = str(scenario.words), str(hours), str(scenario.mishaps)
    return [*cells, *numbers, ", ".join(scenario.begun) or "nobody", "yes" if scenario.calls else "no"]


def test_the_spec_names_each_search_with_its_bounds() -> None:
    assert {row[0]: row[1:-1] for row in table("searches")} == {name: shown(s) for name, s in SCENARIOS.items()}
    assert {row[0] for row in table("searches") if row[-1] == "fast"} == set(FAST)


def test_the_spec_names_each_invariant_of_the_search_and_each_has_a_planted_mistake() -> None:
    assert [row[0] for row in table("what must hold of a burn")] == list(INVARIANTS)
    assert {mistake.found_by for mistake in MISTAKES.values()} == set(INVARIANTS)


def test_the_spec_names_each_planted_mistake_and_what_finds_it() -> None:
    assert {row[0]: row[1] for row in table("mistakes")} == {name: m.found_by for name, m in MISTAKES.items()}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_planted_mistake_is_found_with_the_moves_that_lead_there(mistake: Mistake) -> None:
    found = tried(mistake, NEAREST)
    assert found.wrong == mistake.found_by, found
    assert found.trace
    assert len(found.trace) <= 9, "the nearest first"


def test_a_mistake_and_the_ratchet_in_the_open_are_gone_afterwards() -> None:
    rule, sealed = cutting.TABLE, relation.olm_encrypt
    tried(MISTAKES["an alarm counts as a yes"], NEAREST)
    assert cutting.TABLE is rule
    assert relation.olm_encrypt is sealed
    with small.in_the_open():
        assert relation.olm_encrypt is small.encrypt


def test_the_same_search_gives_the_same() -> None:
    assert explore(SCENARIOS["two agree"], 200) == explore(SCENARIOS["two agree"], 200)


@pytest.mark.parametrize("name", [n for n in SCENARIOS if n in FAST])
def test_the_smallest_searches_find_nothing(name: str) -> None:
    found = explore(SCENARIOS[name])
    assert (found.wrong, found.trace) == ("", ())
    assert found.ended
    assert found.states > 100


@pytest.mark.full
@pytest.mark.parametrize("name", LARGER)
def test_larger_searches_find_nothing_in_their_nearest_states(name: str) -> None:
    found = explore(LARGER[name], 2_000)
    assert (found.wrong, found.trace) == ("", ())


@pytest.mark.full
@pytest.mark.parametrize("name", [n for n in SCENARIOS if n not in FAST])
def test_all_searches_find_nothing(name: str) -> None:
    found = explore(SCENARIOS[name])
    assert (found.wrong, found.trace) == ("", ())
    assert found.ended
    assert (found.agreed == 0) == (name in NOBODY_AGREES)


def test_the_network_is_founded_by_real_meetings_and_everybody_has_dealt() -> None:
    devices = known().devices
    assert {name: {r.name for r in device.relations} for name, device in devices.items()} == {
        "desk": {"first", "second"},
        "first": {"desk", "second", "third", "fourth"},
        "second": {"desk", "first"},
        "third": {"first", "fourth"},
        "fourth": {"first", "third"},
    }
    for device in devices.values():
        assert all(bool(r.share) == (r.name != "desk") for r in device.relations)
        assert not any(r.channel.waiting for r in device.relations)
