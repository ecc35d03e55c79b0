"""The cell rule: places, pairs, and what the other side hears of a refusal."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core.cell import ABOVE, COMPLEMENT, MANY, PAIRS, PLACES, Bond, Cell, Role, Secrets, gives, tag_of
from tercet.core.errors import HINTS, Refusal
from tercet.core.hello import open_shared, shared_box
from tercet.core.state import save
from tests.sealing.cases import bad_cases, cases

from .meetings import begin, failure, look
from .stage import Actor, Stage

SPEC = (Path(__file__).parents[2] / "spec" / "21-cell.md").read_text()
R = bytes(range(32))
ONE, OTHER = b"1" * 32, b"2" * 32


def table(name: str) -> list[list[str]]:
    """The rows of a marked table, without its head."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    rows = [[cell.strip().strip("`") for cell in line[1:-1].split("|")] for line in found[1].splitlines()]
    assert len(rows) > 2
    return rows[2:]


def pair_of(actor: Actor, name: str) -> bytes:
    return next(r.pair for r in actor.device.relations if r.name == name)


def refused(actor: Actor, event: ev.Event) -> str:
    with pytest.raises(Refusal) as refusal:
        actor.do(event)
    return refusal.value.code


def met(stage: Stage, inviter: Actor, joiner: Actor, role: Role) -> tuple[str, str]:
    """A meeting as far as it comes: both failures, or nothing."""
    held = len(inviter.device.relations)
    begin(inviter, joiner, role)
    look(inviter, joiner, rounds=4)
    if inviter.device.meeting is None:
        assert len(inviter.device.relations) == held
        return failure(inviter), failure(joiner)
    for actor in (inviter, joiner):
        actor.do(ev.SameWords())
    look(inviter, joiner, rounds=2)
    assert len(inviter.device.relations) == held + 1
    return "", ""


def branch(stage: Stage, desk: Actor, name: str, below: int = 2) -> tuple[Actor, list[Actor]]:
    """A founder with so many below, who are not partners yet."""
    link = stage.actor(name)
    stage.meet(desk, link, Role.DESK)
    under = [stage.actor(f"{name}{number}") for number in range(below)]
    for member in under:
        stage.meet(link, member, Role.LINK)
    return link, under


def test_the_places_of_the_spec_are_the_codes() -> None:
    rows = {
        (device == "desk", Role(role)): (MANY if most == "many" else int(most), code)
        for device, role, most, code in table("places")
    }
    assert rows == dict(PLACES)
    assert {code for _, code in rows.values() if code} <= set(HINTS)


def test_the_pairs_of_the_spec_are_the_codes() -> None:
    names = {**{s.value: s for s in Secrets}}
    assert {(Bond(bond), names[how]): code for bond, how, code in table("pairs")} == dict(PAIRS)
    assert {code for code in PAIRS.values() if code} <= set(HINTS)


@pytest.mark.parametrize("case", cases("tag", "cell"))
def test_a_tag_is_that_of_the_vectors(case: Any) -> None:
    given = case["input"]
    tag = tag_of(bytes.fromhex(given["secret"]), bytes.fromhex(given["shared"]), given["side"])
    assert tag.hex() == case["expected"]["tag"]


def cell_in(given: Any) -> Cell:
    held = tuple(Role(role) for role in given["held"])
    return Cell(given["desk"], held, bytes.fromhex(given["above"]), bytes.fromhex(given["below"]))


@pytest.mark.parametrize("case", [*cases("place", "cell"), *bad_cases("place", "cell")])
def test_a_neighbour_is_taken_or_refused_as_the_vectors_say(case: Any) -> None:
    given = case["input"]
    role, theirs, shared = Role(given["role"]), bytes.fromhex(given["tag"]), bytes.fromhex(given["shared"])
    code = cell_in(given).objection(role, theirs, shared, given["side"])
    assert code == case.get("fails", "")
    if not code:
        assert cell_in(given).tag(role, shared, given["side"]).hex() == case["expected"]["tag"]


def test_no_order_of_admissions_gives_a_member_a_fifth_neighbour_or_two_of_a_kind() -> None:
    for order in product([Role.PARTNER, Role.LINK, Role.DESK, Role.BELOW, Role.FOUNDER], repeat=6):
        cell = Cell()
        for role in order:
            try:
                cell.admit(role)
            except Refusal as refusal:
                assert refusal.code in ("partner_taken", "link_taken", "pair_below_full", "not_the_desk", "link_first")
                continue
            cell = msgspec.structs.replace(cell, held=(*cell.held, role))
        held = cell.held
        assert len(held) <= 4
        assert held.count(Role.PARTNER) <= 1
        assert sum(role in ABOVE for role in held) <= 1
        assert held.count(Role.BELOW) <= 2


def test_a_desk_takes_many_founders_and_nobody_else() -> None:
    cell = Cell(desk=True, held=(Role.FOUNDER,) * 99)
    cell.admit(Role.FOUNDER)
    for role in set(Role) - {Role.FOUNDER}:
        with pytest.raises(Refusal) as refusal:
            cell.admit(role)
        assert refusal.value.code == "desk_takes_founders"


def test_a_tag_fits_one_meeting_and_one_side() -> None:
    tags = {tag_of(secret, shared, side) for secret in (ONE, OTHER) for shared in (R, ONE) for side in (0, 1)}
    assert len(tags) == 8
    assert tag_of(b"", R, 0) == b""
    cell = Cell(held=(Role.LINK,), above=ONE)
    assert cell.objection(Role.PARTNER, tag_of(ONE, R, 1), R, 0) == ""
    assert cell.objection(Role.PARTNER, cell.tag(Role.PARTNER, R, 0), R, 0) == "partner_of_another_pair"


def test_what_one_side_gives_is_what_the_other_awaits() -> None:
    for role, ours, theirs in product(Role, (b"", ONE), (b"", ONE)):
        both = gives(role, ours, theirs) and gives(COMPLEMENT[role], theirs, ours)
        assert not both


# ---- real cores


def test_founders_share_one_secret_and_so_does_each_pair_below() -> None:
    stage = Stage()
    desk = stage.desk()
    first, under = branch(stage, desk, "a")
    second, _ = branch(stage, desk, "b", below=1)
    assert pair_of(first, "desk") == pair_of(second, "desk") == pair_of(desk, "a") == pair_of(desk, "b")
    assert pair_of(under[0], "a") == pair_of(under[1], "a") == pair_of(first, "a0") == pair_of(first, "a1")
    assert len({pair_of(first, "desk"), pair_of(under[0], "a"), pair_of(second, "b0")}) == 3


def test_two_below_one_link_become_partners_and_neither_learns_more() -> None:
    stage = Stage()
    _, under = branch(stage, stage.desk(), "a")
    secret = pair_of(under[0], "a")
    assert met(stage, under[0], under[1], Role.PARTNER) == ("", "")
    assert pair_of(under[0], "a1") == pair_of(under[1], "a0") == b""
    assert pair_of(under[1], "a") == secret


def test_two_who_have_different_links_do_not_become_partners() -> None:
    stage = Stage()
    desk = stage.desk()
    _, under = branch(stage, desk, "a")
    _, others = branch(stage, desk, "b")
    assert met(stage, under[0], others[0], Role.PARTNER) == ("code_refused", "partner_of_another_pair")
    assert met(stage, others[1], under[1], Role.PARTNER) == ("code_refused", "partner_of_another_pair")


def test_a_founder_and_somebody_below_do_not_become_partners() -> None:
    stage = Stage()
    desk = stage.desk()
    _, under = branch(stage, desk, "a")
    founder, _ = branch(stage, desk, "b", below=0)
    assert met(stage, founder, under[0], Role.PARTNER) == ("code_refused", "partner_of_another_pair")


def test_a_newcomer_learns_the_pair_secret_from_its_partner_and_takes_no_other_link() -> None:
    stage = Stage()
    desk = stage.desk()
    link, under = branch(stage, desk, "a", below=1)
    other, _ = branch(stage, desk, "b", below=0)
    new = stage.actor("new")
    stage.meet(under[0], new, Role.PARTNER)
    assert pair_of(new, "a0") == pair_of(under[0], "a")
    assert pair_of(under[0], "new") == b""
    assert met(stage, other, new, Role.LINK) == ("code_refused", "link_of_another_pair")
    assert met(stage, link, new, Role.LINK) == ("", "")
    assert pair_of(new, "a") == pair_of(under[0], "a")
    assert pair_of(new, "a0") == b""


def test_a_link_takes_a_strangers_partner_neither_first_nor_second() -> None:
    stage = Stage()
    desk = stage.desk()
    _, under = branch(stage, desk, "a", below=1)
    new = stage.actor("new")
    stage.meet(under[0], new, Role.PARTNER)
    full, _ = branch(stage, desk, "b", below=1)
    assert met(stage, full, new, Role.LINK) == ("code_refused", "link_of_another_pair")
    assert met(stage, desk, new, Role.DESK) == ("code_refused", "link_of_another_pair")


def test_who_has_no_link_takes_nobody_below() -> None:
    stage = Stage()
    desk = stage.desk()
    first = stage.actor("first")
    stage.meet(desk, first, Role.DESK)
    new = stage.actor("new")
    stage.meet(first, new, Role.PARTNER)
    assert refused(new, ev.Invite("x", Role.LINK)) == "link_first"


def test_one_of_two_partners_has_a_link() -> None:
    stage = Stage()
    desk = stage.desk()
    first, second, new = stage.actor("first"), stage.actor("second"), stage.actor("new")
    stage.meet(desk, first, Role.DESK)
    stage.meet(first, second, Role.PARTNER)
    kept = tuple(r for r in second.device.relations if r.role is not Role.PARTNER)
    second.device = msgspec.structs.replace(second.device, relations=kept)
    assert met(stage, second, new, Role.PARTNER) == ("code_refused", "link_first")
    assert new.device.card is None


@pytest.mark.parametrize("reason", ["partner_taken", "partner_of_another_pair"])
def test_who_is_refused_hears_the_same_bytes_whatever_the_reason(reason: str) -> None:
    """Our frames in the inviter's box after the refusal: as many, and the verdict says no more than no."""
    stage = Stage()
    desk = stage.desk()
    _, under = branch(stage, desk, "a")
    _, others = branch(stage, desk, "b")
    if reason == "partner_taken":
        stage.meet(under[0], under[1], Role.PARTNER)
    begin(others[0], under[0], Role.PARTNER)
    look(others[0], rounds=1)
    shared = others[0].device.meeting.shared
    look(under[0], rounds=2)
    assert failure(under[0]) == reason
    held = [item for key, _, item in next(iter(stage.relays.values())).entries() if key == shared_box(shared, 1).id]
    assert [open_shared(shared, 1, item) for item in held] == [(3, bytes.fromhex("9201a26e6f"))]


def test_no_pair_secret_is_in_a_hello() -> None:
    stage = Stage()
    _, under = branch(stage, stage.desk(), "a")
    begin(under[0], under[1], Role.PARTNER)
    look(under[0], under[1], rounds=3)
    meeting = under[0].device.meeting
    secret = pair_of(under[0], "a")
    assert secret in save(under[0].device)
    assert secret not in meeting.ours
    assert secret not in meeting.theirs
