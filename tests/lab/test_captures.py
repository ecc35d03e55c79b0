"""Whoever is seized, in any order and state, yields what the exposure table allows; whatever is planted is caught."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tercet.core.cell import Role
from tercet.core.state import load
from tercet.lab import Plan, looks
from tercet.lab.campaigns import AT_RANDOM_MOST, ORDERS, STATES, TAKEN, Catch, Tree, draw_campaigns
from tercet.lab.captured import JOINED, Captures, Tally, together
from tercet.lab.captures import Campaign, Captured
from tercet.lab.chance import Stream
from tercet.lab.deniability import REAL
from tercet.lab.exposure import Person, Words
from tercet.lab.law import NEIGHBOURS_MOST, ROWS
from tercet.lab.leaks import LEAKS
from tercet.lab.looks import Look
from tercet.lab.plan import DAY
from tercet.lab.seizure import PLACES, Image, open_image
from tercet.sealing import LOW_COST
from tercet.vault import Geometry

pytestmark = pytest.mark.full  # each looks into whole worlds

SPEC = (Path(__file__).parents[2] / "spec" / "95-lab.md").read_text()
LIFE = Plan(members=6, days=3, seed=21, pace=7_200, desk_pace=3_600, reports=2.0, letters=2.0, replies=0.8)
SEIZURES = 216
SMALL = Plan(members=4, days=1, seed=3, pace=7_200, desk_pace=3_600, reports=3.0)
ROUGH = Plan(members=16, days=8, seed=12, reports=0.5)
WEEKLY = Plan(members=6, days=9, seed=21, pace=21_600, desk_pace=7_200)  # long enough that heads are compared
FEW = 24
# A desk, its founders 1 and 2, the pair 3 and 4 below 1, the pair 5 and 6 below 4.
MET = [(0, 1, Role.DESK), (0, 2, Role.DESK), (1, 2, Role.PARTNER), (1, 3, Role.LINK), (1, 4, Role.LINK)]
MET += [(3, 4, Role.PARTNER), (4, 5, Role.LINK), (4, 6, Role.LINK), (5, 6, Role.PARTNER)]


@pytest.fixture(scope="module")
def seized() -> Captures:
    return Captured(LIFE, SEIZURES).captures()


@pytest.fixture(scope="module")
def copied() -> Captures:
    return Captured(SMALL, FEW, taken=0.0).captures()


def tallies(captures: Captures, row: str) -> list[Tally]:
    return [tally for tally in captures.tallies if tally.row == row]


# ---- the law


def test_hundreds_of_seizures_in_every_order_and_state_are_within_the_table(seized: Captures) -> None:
    assert seized.breaches == ()
    assert seized.seizures == SEIZURES
    assert {(t.order, t.row) for t in seized.tallies} == {(o, r) for o in ORDERS for r in (*STATES, JOINED)}
    assert all(tally.seizures >= 8 for tally in seized.tallies)
    assert (seized.taken, seized.reports) > (0, 20)
    assert not sum(tally.breaches for tally in seized.tallies)


def test_they_found_what_there_was_to_find(seized: Captures) -> None:
    """Or that they found nothing else would prove nothing."""
    opening = [tally for row in ("passphrase", "awake", "passphrase and relay") for tally in tallies(seized, row)]
    assert {tally.worst for tally in opening} == {NEIGHBOURS_MOST}
    assert {kind for tally in opening for kind in tally.kinds} >= {"letter", "own letter", "desk"}
    assert all(tally.sealed for tally in opening)
    assert all(tally.opened for tally in tallies(seized, "passphrase and relay"))
    assert {t.worst_lanes for t in tallies(seized, "notebook, image made before")} == {NEIGHBOURS_MOST}


def test_without_the_passphrase_nobody_is_named(seized: Captures) -> None:
    for row in ("no passphrase", "locked", "notebook, image made before"):
        assert {(tally.worst, tuple(tally.kinds)) for tally in tallies(seized, row)} == {(0, ())}


def test_who_only_copies_changes_nothing_in_the_world(copied: Captures) -> None:
    assert copied.seizures == FEW
    assert copied.traces == Captured(SMALL, 0).captures().traces


def test_the_same_seed_seizes_the_same_and_finds_the_same(copied: Captures) -> None:
    assert Captured(SMALL, FEW, taken=0.0).captures() == copied


def test_the_image_that_shows_nothing_without_a_passphrase_holds_the_member_s_state(world: Captured) -> None:
    """Or that it shows nothing would prove nothing."""
    machine = world.machines[1]
    data = world.captor.image(machine, world.kept(machine))
    image = open_image(Image(data), (REAL,), LOW_COST, depth=PLACES)
    assert image.states[0][1] == load(machine.saved)
    assert image.copies[0].understudy


def test_what_neighbours_tell_of_the_board_ties_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[str, ...]:
        return Captured(WEEKLY, FEW, states=("passphrase",)).captures().breaches

    assert found() == ()
    monkeypatch.setattr("tercet.lab.captures.heads_of", lambda view: set())
    assert any("have a secret in common" in breach for breach in found())


def test_a_thousand_seizures_in_bad_weather_are_within_the_table() -> None:
    captures = Captured(ROUGH, 1_200).captures()
    assert captures.breaches == ()
    assert captures.seizures > 1_000


# ---- planted faults


def test_every_planted_fault_is_caught_by_its_own_sentence(seized: Captures) -> None:
    found = Captured(LIFE, 2 * FEW, leaks=tuple(LEAKS.values())).captures().breaches
    assert [name for name, leak in LEAKS.items() if not leak.is_caught(found)] == []
    assert not any(leak.is_caught(seized.breaches) for leak in LEAKS.values())


@pytest.mark.parametrize("name", LEAKS)
def test_each_planted_fault_is_caught_where_there_is_no_other(name: str) -> None:
    found = Captured(LIFE, 4 * FEW, leaks=(LEAKS[name],)).captures().breaches
    assert LEAKS[name].is_caught(found)
    assert not any(leak.is_caught(found) for other, leak in LEAKS.items() if leak.says != LEAKS[name].says), name


@pytest.fixture(scope="module")
def world() -> Iterator[Captured]:
    world = Captured(SMALL, 0)
    world.live()
    yield world
    world.close()


def a_person(look: Look) -> Look:
    stranger = Person("member-00004", "below", True, 0, 0, 0)
    return doctored(look, people=(*look.exposures[0].people[1:], stranger))


def a_word(look: Look) -> Look:
    return doctored(look, words=(Words("letter", "member-00001", "nobody wrote this"),))


def a_report(look: Look) -> Look:
    return doctored(look, made=look.exposures[0].made + 1)


def an_old_frame(look: Look) -> Look:
    return look._replace(wrong=("frames of day 9 can be found",))


def doctored(look: Look, **fields: object) -> Look:
    return look._replace(exposures=(msgspec.structs.replace(look.exposures[0], **fields), *look.exposures[1:]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (a_person, "and it was introduced to"),
        (a_person, "whom none of the seized has met"),
        (a_word, "'nobody wrote this' is nothing that it may read"),
        (a_report, "reports in place of"),
        (an_old_frame, "frames of day 9 can be found"),
        (lambda look: look, ""),
    ],
)
def test_whatever_is_more_than_the_truth_is_said(
    world: Captured, monkeypatch: pytest.MonkeyPatch, change: Callable[[Look], Look], says: str
) -> None:
    honest = world.captor.look
    monkeypatch.setattr(world.captor, "look", lambda *given, **named: change(honest(*given, **named)))
    monkeypatch.setattr(world, "wrong", [])
    monkeypatch.setattr(world, "_campaigns", [Campaign("at random")])
    world._seize(Catch(0.0, 0, "at random", "passphrase", 2, taken=False))
    assert says in "".join(world.wrong)
    assert bool(world.wrong) == bool(says)


def test_a_copy_that_is_no_noise_is_said(world: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = world.machines[1]
    honest = world.captor.image(machine, world.kept(machine))
    at = Geometry.of(len(honest)).copy_at(2, 1)
    monkeypatch.setattr(world.captor, "image", lambda *_, **__: honest[:at] + bytes(20_000) + honest[at + 20_000 :])
    look = world.captor.look("no passphrase", machine, world.kept(machine))
    assert look.wrong == ("a copy in the file is not noise",)


def test_a_file_that_opens_with_any_passphrase_is_said(world: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "WRONG", REAL)
    machine = world.machines[1]
    look = world.captor.look("no passphrase", machine, world.kept(machine))
    assert look.wrong == ("a copy opens",)


def test_a_relay_s_history_has_what_was_acknowledged(world: Captured) -> None:
    items = list(world.captor.history.values())
    there = sum(1 for relay in world.network.relays.values() for _ in relay.store.entries())
    assert sum(not item.gone for item in items) <= there + len(items) // 10
    assert sum(item.gone for item in items) > 20
    assert any(item.posted for item in items)


def test_every_state_has_a_planted_fault() -> None:
    assert {leak.row for leak in LEAKS.values()} == set(STATES)


# ---- campaigns


def test_each_order_seizes_whom_it_says() -> None:
    tree = Tree(MET)
    for seed in range(40):
        chance = Stream(seed, "orders")
        some = ORDERS["at random"](tree, chance)
        assert len(some) == len(set(some)) <= AT_RANDOM_MOST
        pairs = ORDERS["partner after partner"](tree, chance)
        assert all(tree.partner[one] == other for one, other in zip(pairs[::2], pairs[1::2], strict=True))
        assert not any(tree.below[number] for number in pairs[-2:])
        up = ORDERS["link first"](tree, chance)
        assert up[-1] in (1, 2)
        assert all(tree.link[one] == other for one, other in zip(up, up[1:], strict=False))
    branches = {tuple(ORDERS["whole branch"](tree, Stream(seed, "orders"))) for seed in range(40)}
    assert branches == {(1, 3, 4, 5, 6), (4, 5, 6)}


def test_the_tree_is_who_met_whom() -> None:
    tree = Tree(MET)
    assert tree.neighbours[4] == {1, 3, 5, 6}
    assert tree.neighbours[2] == {0, 1}
    assert tree.members == [1, 2, 3, 4, 5, 6]


def test_campaigns_are_spread_over_orders_states_and_days() -> None:
    catches = draw_campaigns(Tree(MET), 600, 3, Stream(5, "captor"))
    assert len(catches) == 600
    assert max(Counter(c.order for c in catches).values()) < 170
    assert max(Counter((c.order, c.row) for c in catches).values()) < 30
    assert {int(c.at // DAY) for c in catches} == {0, 1, 2}
    assert len({c.member for c in catches if c.taken}) <= TAKEN * 6
    assert not any(c.taken for c in draw_campaigns(Tree(MET), 600, 3, Stream(5, "captor"), taken=0.0))


# ---- counts


def test_a_tally_says_the_mean_the_ninety_fifth_and_the_worst() -> None:
    tally = Tally("at random", "awake", {2: 90, 4: 10}, {0: 100})
    assert (tally.seizures, tally.mean, tally.ninety_fifth, tally.worst) == (100, 2.2, 4, 4)
    assert (Tally("", "", {}, {}).mean, Tally("", "", {}, {}).ninety_fifth) == (0, 0)


def test_captures_of_two_worlds_are_counted_together(seized: Captures, copied: Captures) -> None:
    both = together([seized, copied])
    assert both.seizures == SEIZURES + FEW
    assert (both.worlds, both.members, len(both.traces)) == (2, 10, 2)
    assert len(both.tallies) == len(seized.tallies)


# ---- the spec


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]


def test_the_spec_names_every_state_order_and_planted_fault() -> None:
    assert {row[0]: row[1] for row in table("states")} == dict(STATES)
    assert set(STATES) <= set(ROWS)
    assert [row[0] for row in table("orders")] == list(ORDERS)
    assert {row[0]: row[1] for row in table("leaks")} == {name: leak.row for name, leak in LEAKS.items()}
