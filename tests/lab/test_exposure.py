"""What a memory yields is within the law of the exposure table, and whatever is not is caught."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import drawing, understudy
from tercet.core import events as ev
from tercet.core.beat import PACE
from tercet.core.channel import Channel, Letter, LetterKind, Waiting, without, write
from tercet.core.cutting import Cut, Stage
from tercet.core.days import DAY, day_of, week_of
from tercet.core.fields import encode
from tercet.core.passes import WEEKS_PASSED, Held
from tercet.core.permits import Dealt, Grant, Trust
from tercet.core.relation import Note
from tercet.core.report import MediaState, Report, ReportState
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import Device, Return, load, save
from tercet.core.tokens import SPARE
from tercet.lab import Plan
from tercet.lab.captured import Captures
from tercet.lab.captures import Captured
from tercet.lab.exposure import (
    ENDLESS,
    KINDS,
    NOTHING,
    POWERS,
    Boxes,
    Exposure,
    exposure_of,
    exposure_of_locked,
    exposure_of_understudy,
    is_noise,
    joined,
)
from tercet.lab.law import INTAKE_BACK, NEIGHBOURS_MOST, PERMITS_MOST, ROWS, TOKENS_MOST, breaches, holds
from tercet.lab.machine import Machine
from tercet.lab.seizure import HINTS
from tercet.member import locking
from tercet.member.locked import Plan as LockedPlan
from tercet.member.locked import parse_plan
from tercet.sealing import digest

from ..core.stage import PRIVATE

pytestmark = pytest.mark.full  # each looks into whole worlds

SPEC = (Path(__file__).parents[2] / "spec" / "91-exposure.md").read_text()
LIFE = Plan(members=4, days=3, seed=11, reports=2.0, letters=2.0, replies=0.8, pace=3_600)
SEIZURES = 120
LONG = Plan(members=8, days=5, seed=11, reports=1.0, letters=1.0, replies=0.8)
TEXT = "They came at four in the morning, in three cars without plates."


def chance() -> Any:
    count = iter(range(1, 1_000_000))
    return lambda size: (next(count).to_bytes(4, "big") * -(-size // 4))[:size]


@pytest.fixture(scope="module")
def seized() -> tuple[Captured, Captures]:
    """A network that lived a while and is settled, and what members whose memory was copied meanwhile yielded."""
    world = Captured(LIFE, SEIZURES, taken=0.0, states=("passphrase",))
    world.token_keys = PRIVATE
    return world, world.captures(settle=True)


@pytest.fixture
def lived(seized: tuple[Captured, Captures]) -> Captured:
    return seized[0]


def members(lived: Captured) -> list[Machine]:
    return lived.machines[1:]


def texts(lived: Captured) -> list[str]:
    return list(lived.ledger.reports)


@pytest.fixture
def machine(lived: Captured) -> Machine:
    return max(members(lived), key=lambda m: len(m.device.reports))


@pytest.fixture
def device(machine: Machine) -> Device:
    return machine.device


def of(device: Device, machine: Machine, **more: Any) -> Exposure:
    return exposure_of(device, machine.clock, **more)


def faults(device: Device, machine: Machine, **more: Any) -> str:
    return "; ".join(breaches("passphrase", of(device, machine, **more)))


def replaced(device: Device, place: int = 0, **fields: Any) -> Device:
    one = msgspec.structs.replace(device.relations[place], **fields)
    return msgspec.structs.replace(device, relations=(*device.relations[:place], one, *device.relations[place + 1 :]))


def reported(device: Device, **fields: Any) -> Device:
    return msgspec.structs.replace(
        device, reports=(msgspec.structs.replace(device.reports[0], **fields), *device.reports[1:])
    )


# ---- the table


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()[2:]]


def test_the_spec_has_the_rows_of_the_law_and_no_other() -> None:
    rows = table("exposure")
    assert [row[0].strip() for row in rows] == list(ROWS)
    assert all(len(row) == 5 and all(row) for row in rows)


def test_the_spec_names_the_bounds_that_are_compared() -> None:
    for name, cells in {row[0]: row[1:] for row in table("bounds")}.items():
        law = ROWS[name]
        boxes = ", ".join(
            f"{purpose} {back} to {'on and on' if ahead is None else ahead}"
            for purpose, (back, ahead) in sorted(law.boxes.items())
        )
        shown = [str(law.people), str(law.lanes), ", ".join(sorted(law.words)) or "none", boxes or "none"]
        assert cells == [*shown, ", ".join(sorted(law.powers)) or "none", "all" if law.addresses else "none"], name
    assert {row[0] for row in table("bounds")} == set(ROWS)


def test_the_spec_names_every_kind_of_word_and_every_power() -> None:
    assert {row[0]: row[1] for row in table("words")} == KINDS
    assert {row[0]: row[1] for row in table("powers")} == POWERS


def test_the_spec_names_every_failure_with_its_hint() -> None:
    assert {row[0].strip("`"): row[1] for row in table("failures")} == HINTS


# ---- what the law allows


def test_whoever_is_seized_at_any_time_yields_no_more_than_the_table_says(seized: tuple[Captured, Captures]) -> None:
    world, captures = seized
    assert len(texts(world)) > 20
    assert captures.breaches == ()
    assert captures.seizures == SEIZURES > 100
    found = [tally for tally in captures.tallies if tally.row == "passphrase"]
    assert max(tally.worst for tally in found) == NEIGHBOURS_MOST
    assert {kind for tally in found for kind in tally.kinds} >= {"letter", "own letter", "desk"}
    assert all(tally.sealed for tally in found)


def test_a_share_of_a_burn_line_where_no_row_allows_it_is_seen(lived: Captured) -> None:
    voices = {"burn", "one_voice"}
    for machine in members(lived):
        assert voices <= set(of(machine.device, machine).powers)
        assert "the power to burn" in breaches("desk", of(machine.device, machine))
        bare = msgspec.structs.replace(machine.device, shares=(), relations=())
        assert not voices & set(of(bare, machine).powers)


def test_tokens_and_permits_that_are_held_are_seen_and_no_more_than_two_weeks_of_tokens_are(lived: Captured) -> None:
    seen = [of(machine.device, machine) for machine in members(lived)]
    assert any("tokens" in one.powers and one.tokens for one in seen)
    assert any("permits" in one.powers and one.permits for one in seen)
    assert all(one.tokens <= TOKENS_MOST and one.permits <= PERMITS_MOST for one in seen)
    assert any(one.branch for one in seen)
    machine = next(m for m in members(lived) if of(m.device, m).tokens)
    here = of(machine.device, machine)
    for row in ("locked", "notebook, opened by the captor", "desk"):
        assert "the power to tokens" in breaches(row, here), row
    many = msgspec.structs.replace(here, tokens=TOKENS_MOST + 1, permits=PERMITS_MOST + 1)
    assert {f"{TOKENS_MOST + 1} tokens", f"{PERMITS_MOST + 1} permits"} <= set(breaches("passphrase", many))
    bare = of(without_permits(machine.device), machine)
    assert not {"tokens", "permits"} & set(bare.powers)


def without_permits(device: Device) -> Device:
    """A device that holds no permits and no tokens, in stock or in letters."""
    relations = tuple(
        msgspec.structs.replace(r, channel=without(r.channel, lambda w: w.kind == LetterKind.PERMITS))
        for r in device.relations
    )
    return msgspec.structs.replace(device, trust=Trust(), relations=relations)


def test_permits_that_lie_in_letters_are_counted(lived: Captured) -> None:
    machine = members(lived)[0]
    device = without_permits(machine.device)
    assert of(device, machine).permits == 0
    body = encode(Grant(1, 9, (Dealt(1, (b"a" * 32, b"b" * 32)), Dealt(2, (b"c" * 32,)))))
    early = Letter(1, 9, 0, 1, 0, LetterKind.PERMITS, body)
    noise = Letter(1, 8, 0, 1, 0, LetterKind.PERMITS, b"noise")
    one, *others = device.relations
    for channel, count in (
        (write(one.channel, LetterKind.PERMITS, body), 3),
        (msgspec.structs.replace(one.channel, early=(noise, early)), 3),
        (write(one.channel, LetterKind.TEXT, body), 0),
    ):
        holding = msgspec.structs.replace(one, channel=channel)
        found = of(msgspec.structs.replace(device, relations=(holding, *others)), machine)
        assert (found.permits, "permits" in found.powers) == (count, count > 0)


def test_until_when_a_seized_device_can_post_is_seen(lived: Captured) -> None:
    machine, desk = members(lived)[0], lived.machines[0]
    week = week_of(day_of(machine.clock))

    def holding(last: int) -> Exposure:
        held = tuple(Held(bytes(8), one, bytes(16)) for one in range(week, last + 1))
        return of(msgspec.structs.replace(machine.device, passes=held), machine)

    for last in (week, week + WEEKS_PASSED - 1):
        assert holding(last).passes == last
        assert "post_weeks" in holding(last).powers
        assert breaches("passphrase", holding(last)) == ()
    assert f"passes of week {week + 9}" in breaches("passphrase", holding(week + 9))
    assert "the power to post_weeks" in breaches("locked", holding(week))
    assert (of(machine.device, machine).passes, "post_weeks" in of(machine.device, machine).powers) == (0, False)
    assert desk.device.office is not None
    office = msgspec.structs.replace(desk.device.office, weekly={bytes(8): bytes(32)})
    made = of(msgspec.structs.replace(desk.device, office=office), desk)
    assert "make_passes" in made.powers
    assert breaches("desk", made) == ()


def test_a_desk_that_can_make_tokens_is_seen_to(lived: Captured) -> None:
    desk = lived.machines[0]
    assert "mint" in of(desk.device, desk).powers
    assert breaches("desk", of(desk.device, desk)) == ()
    assert "the power to mint" in breaches("passphrase", of(desk.device, desk))


def test_which_tokens_are_gone_tells_no_more_than_the_days_of_reports(lived: Captured) -> None:
    """Nothing but the day's, the spare one and the witness token may be gone before its slot is over."""
    held = [(m, p) for m in members(lived) for p in m.device.trust.purses]
    assert held
    for machine, purse in held:
        today = day_of(machine.clock)
        slots = range((today + 3) % 7 + 1, SPARE) if purse.week == week_of(today) else range(SPARE)
        assert all(purse.reports[slot] for slot in slots)
        made = [day_of(r.made) for r in machine.device.reports if week_of(day_of(r.made)) == purse.week]
        if len(set(made)) == len(made):
            assert purse.reports[SPARE] or not made or purse.reports == (b"",) * len(purse.reports)


def test_whoever_is_seized_in_a_longer_life_yields_no_more_than_the_table_says() -> None:
    captures = Captured(LONG, 2 * SEIZURES, taken=0.0, states=("passphrase",)).captures(settle=True)
    assert captures.breaches == ()
    assert captures.seizures == 2 * SEIZURES


def test_a_second_point_of_a_neighbours_line_is_the_power_to_cut_it_out(device: Device, machine: Machine) -> None:
    assert "two_voices" not in of(device, machine).powers
    held = replaced(device, cut=Cut(Stage.ACCUSED, bytes(64), bytes(16), machine.clock))
    assert {"one_voice", "two_voices"} <= set(of(held, machine).powers)
    assert breaches("passphrase", of(held, machine)) == ()
    assert any(
        "cut out a neighbour whose alarm came" in one or "two_voices" in one
        for one in breaches("locked", of(held, machine))
    )


def test_what_every_understudy_of_a_network_yields_is_within_the_table(lived: Captured) -> None:
    names = [r.name for machine in members(lived) for r in machine.device.relations if len(r.name) > 3]
    for machine in members(lived):
        drawn = drawing.draw(machine.device, machine.clock, chance())
        seen = exposure_of_understudy(drawn, machine.clock, hidden=[*texts(lived), *names])
        assert breaches("notebook, image made before", seen) == ()
        assert (seen.lanes, seen.people) == (len(machine.device.relations), ())


def test_noise_in_the_notebook_yields_nothing() -> None:
    seen = exposure_of_understudy(understudy.unpack(bytes(range(256)) * 128), 0)
    assert (seen.lanes, seen.boxes, seen.relays) == (0, (), ())


def locked_list(machine: Machine) -> LockedPlan:
    after, effects = machine.world.step(machine.device, ev.Lock(DAY, PACE), machine.clock, chance())
    return parse_plan(locking.list_of(effects, after.ahead.secret, Path("/nowhere/vault")))


def test_what_a_locked_list_yields_is_within_the_table(lived: Captured) -> None:
    for machine in members(lived)[:4]:
        plan = locked_list(machine)
        names = [r.name for r in machine.device.relations if len(r.name) > 3]
        seen = exposure_of_locked(plan, machine.clock, hidden=[*texts(lived), *names])
        assert breaches("locked", seen) == ()
        assert seen.boxes[0].count > 5


def test_a_locked_list_and_the_passphrase_together_tell_which_frame_is_the_report(lived: Captured) -> None:
    """Worse than the design wants; spec/91-exposure.md, 7."""
    machine = members(lived)[0]
    written, _ = machine.world.step(machine.device, ev.WriteReport(TEXT, None, None, ()), machine.clock, chance())
    after, effects = machine.world.step(written, ev.Lock(DAY, PACE), machine.clock, chance())
    plan = parse_plan(locking.list_of(effects, after.ahead.secret, Path("/nowhere/vault")))
    assert exposure_of(after, machine.clock).marks > 0
    ref = digest(written.reports[-1].sealed)[:16]
    frame, *_ = (one for one in plan.operations if after.ahead.puts.get(one.mark) == ref)
    assert len(frame.item) == 4_096
    assert breaches("passphrase", exposure_of(after, machine.clock)) == ()
    assert not holds("locked", msgspec.structs.replace(exposure_of_locked(plan, machine.clock), marks=1))


def test_the_desk_yields_no_more_than_its_row(lived: Captured) -> None:
    machine = lived.machines[0]
    seen = exposure_of(machine.device, machine.clock)
    assert breaches("desk", seen) == ()
    assert seen.kind == "desk"


def test_a_device_that_is_nothing_yields_nothing() -> None:
    assert breaches("passphrase", exposure_of(Device(), 0)) == ()
    assert holds("no passphrase", NOTHING)


def passed(device: Device, end: str) -> Device:
    """The device, whose relays' addresses end so."""
    table = tuple(msgspec.structs.replace(r, address=f"tercet://a.example:1/{'a' * 52}{end}") for r in device.table)
    if device.board.relays is None:
        return msgspec.structs.replace(device, card=msgspec.structs.replace(device.card, relays=table))
    board = msgspec.structs.replace(device.board, relays=msgspec.structs.replace(device.board.relays, relays=table))
    return msgspec.structs.replace(device, board=board)


def test_whoever_has_a_relays_pass_may_post_there_and_the_pass_is_not_shown(lived: Captured) -> None:
    for machine in (lived.machines[0], members(lived)[0]):
        for end, there in (("", False), (f"/{'b' * 26}", True)):
            device = passed(machine.device, end)
            seen = [exposure_of(device, machine.clock)]
            if not device.is_desk:
                seen.append(exposure_of_understudy(drawing.draw(device, machine.clock, chance()), machine.clock))
            for one in seen:
                assert ("post" in one.powers) is there
                assert one.relays == tuple(f"tercet://a.example:1/{'a' * 52}" for _ in one.relays) != ()
    plan = locked_list(members(lived)[0])
    assert "post" not in exposure_of_locked(plan, 0).powers
    places = tuple((f"tercet://a.example:1/{'a' * 52}/{'b' * 26}", box) for _, box in plan.operations[0].places)
    there = msgspec.structs.replace(plan, operations=(msgspec.structs.replace(plan.operations[0], places=places),))
    assert "post" in exposure_of_locked(there, 0).powers
    assert breaches("locked", exposure_of_locked(there, 0)) == ()


# ---- planted faults


def test_a_fifth_neighbour_is_caught(device: Device, machine: Machine) -> None:
    five = msgspec.structs.replace(device, relations=(device.relations * 5)[:5])
    assert "5 people" in faults(five, machine)


def test_the_text_of_a_sent_report_is_caught_wherever_it_lies(device: Device, machine: Machine) -> None:
    planted = (
        reported(device, sealed=TEXT.encode()),
        replaced(device, held=TEXT.encode()),
        reported(device, media=(msgspec.structs.replace(_file(device), path=TEXT),)),
    )
    for one in planted:
        assert "a text that was sealed here" in faults(one, machine, hidden=[TEXT])
    assert "a text" not in faults(device, machine, hidden=[TEXT])


def _file(device: Device) -> Any:
    from tercet.core.content import MediaKind
    from tercet.core.report import MediaSend

    return MediaSend(MediaKind.PHOTO, "/card/1.jpg", 5, b"h" * 32, b"k" * 32, 0, MediaState.WAITING)


def test_a_report_that_is_kept_open_is_caught_without_knowing_its_text(device: Device, machine: Machine) -> None:
    padded = (TEXT.encode() * 80)[:4_003]
    assert "is not noise" in faults(reported(device, sealed=b"\0\1" + padded), machine)
    assert "is not noise" in faults(reported(device, sealed=b"short"), machine)


def test_a_field_that_this_version_does_not_know_is_caught(device: Device, machine: Machine) -> None:
    raw = msgspec.msgpack.decode(save(device))
    saved = msgspec.msgpack.encode([*raw, TEXT])
    assert save(load(saved)) == save(device)  # it is passed over by the core
    assert "bytes that no field accounts for" in faults(device, machine, saved=saved)
    assert "no field" not in faults(device, machine, saved=save(device))


def test_boxes_older_than_the_bound_are_caught(device: Device, machine: Machine) -> None:
    old = msgspec.structs.replace(device.relations[0].chain, day=device.confirmed - 41)
    assert "boxes of the kind neighbour from 41 days back" in faults(replaced(device, chain=old), machine)
    kept = msgspec.structs.replace(device.relations[0].chain, day=device.confirmed - 40)
    assert "neighbour" not in faults(replaced(device, chain=kept), machine)


def test_an_intake_older_than_the_bound_is_caught(device: Device, machine: Machine) -> None:
    assert device.card is not None
    day = device.confirmed - INTAKE_BACK - 1
    card = msgspec.structs.replace(device.card, chain=msgspec.structs.replace(device.card.chain, day=day))
    assert "boxes of the kind intake from 2 days back" in faults(msgspec.structs.replace(device, card=card), machine)


def test_too_many_awaited_answers_are_caught(device: Device, machine: Machine) -> None:
    many = tuple(Return(bytes(16), bytes(32), 0, 0) for _ in range(RETURNS_MOST + 1))
    assert "33 answers awaited" in faults(msgspec.structs.replace(device, returns=many), machine)


def test_a_file_that_is_over_and_still_known_is_caught(device: Device, machine: Machine) -> None:
    over = msgspec.structs.replace(_file(device), state=MediaState.RECEIVED)
    assert "still known" in faults(reported(device, media=(over,)), machine)
    bare = msgspec.structs.replace(over, path="", sha256=b"", key=b"")
    assert "still known" not in faults(reported(device, media=(bare,)), machine)


def test_a_name_in_an_understudy_is_caught(device: Device, machine: Machine) -> None:
    drawn = drawing.draw(device, machine.clock, chance())
    assert drawn is not None
    planted = msgspec.structs.replace(drawn, places={"the word for Nour": 1})
    seen = exposure_of_understudy(planted, machine.clock, hidden=["Nour"])
    assert not holds("notebook, image made before", seen)


def test_an_understudy_of_too_many_days_or_neighbours_is_caught(device: Device, machine: Machine) -> None:
    drawn = drawing.draw(device, machine.clock, chance())
    assert drawn is not None
    later = msgspec.structs.replace(drawn, intake=(*drawn.intake, ()))
    assert not holds("notebook, image made before", exposure_of_understudy(later, machine.clock))
    crowd = msgspec.structs.replace(drawn, neighbours=(drawn.neighbours * 5)[:5])
    assert not holds("notebook, image made before", exposure_of_understudy(crowd, machine.clock))


def test_a_locked_list_of_three_days_or_with_a_name_is_caught(machine: Machine) -> None:
    plan = locked_list(machine)
    long = msgspec.structs.replace(
        plan, operations=(*plan.operations, msgspec.structs.replace(plan.operations[0], after=3.0 * DAY))
    )
    assert not holds("locked", exposure_of_locked(long, machine.clock))
    named = msgspec.structs.replace(plan, door="/home/nour/vault")
    assert not holds("locked", exposure_of_locked(named, machine.clock, hidden=["nour"]))


def test_a_row_forbids_what_another_allows(device: Device, machine: Machine) -> None:
    seen = of(device, machine)
    assert holds("passphrase", seen)
    for row in set(ROWS) - {"passphrase", "awake", "passphrase and relay"}:
        assert not holds(row, seen), row


# ---- words and joining


def test_every_kind_of_word_in_a_state_is_found(device: Device, machine: Machine) -> None:
    channel = device.relations[0].channel
    own = (*channel.waiting, Waiting(99, LetterKind.TEXT, b"to you", 0))
    one = replaced(device, notes=(Note(1, "from me", 5),), channel=msgspec.structs.replace(channel, waiting=own))
    channel = device.reports[0].channel
    said = msgspec.structs.replace(channel, waiting=(Waiting(9, LetterKind.TEXT, b"to the desk", 0),))
    one = reported(one, notes=(Note(1, "from the desk", 5, 9),), channel=said)
    told = {(word.kind, word.text) for word in of(one, machine).words}
    assert told >= {
        ("letter", "from me"),
        ("own letter", "to you"),
        ("desk", "from the desk"),
        ("to the desk", "to the desk"),
    }


def test_two_copies_together_yield_the_older_boxes_and_all_words(device: Device, machine: Machine) -> None:
    chain = msgspec.structs.replace(device.relations[0].chain, day=device.confirmed - 30)
    older = replaced(device, notes=(Note(7, "only then", 1),), chain=chain)
    both = joined([of(device, machine), of(older, machine)])
    assert "only then" in {word.text for word in both.words}
    assert {b.first for b in both.boxes if b.purpose == "neighbour"} == {device.confirmed - 30}
    assert joined([]) == NOTHING


def test_noise_is_told_from_text() -> None:
    import os

    assert is_noise(os.urandom(4_003))
    assert not is_noise((TEXT * 100).encode())


def test_boxes_of_a_relation_go_on_until_it_is_mixed(device: Device, machine: Machine) -> None:
    (ways,) = (b for b in of(device, machine).boxes if b.purpose == "neighbour")
    assert ways.last == ENDLESS
    assert isinstance(ways, Boxes)
    assert ways.first >= day_of(machine.clock) - 41


def test_relays_are_shown_without_their_pass(device: Device, machine: Machine) -> None:
    secret = "tercet://relay.example:7443/" + "a" * 52 + "/" + "b" * 26
    table = tuple(msgspec.structs.replace(relay, address=secret) for relay in device.table)
    assert device.card is not None
    card = msgspec.structs.replace(device.card, relays=table)
    board = msgspec.structs.replace(device.board, relays=None)
    seen = of(msgspec.structs.replace(device, card=card, board=board), machine)
    assert set(seen.relays) == {secret[: -len("/" + "b" * 26)]}


@pytest.mark.parametrize("fault", ["made", "used", "asked"])
def test_a_state_that_keeps_the_second_of_a_report_breaks_the_law(fault: str) -> None:
    now = 1_790_000_000
    report = Report(1, 0, ReportState.LEFT, b"", 0, b"", bytes(16), Channel(), ())
    device = Device(reports=(report,), returns=(Return(bytes(16), bytes(32), 1, 0),))
    assert breaches("passphrase", exposure_of(device, now)) == ()
    planted = Device(reports=(msgspec.structs.replace(report, **{fault: now + 1}),))
    assert breaches("passphrase", exposure_of(planted, now)) == ("a time that tells a frame at intake",)
    answer = Device(returns=(Return(bytes(16), bytes(32), 0, now + 1),))
    assert not holds("passphrase", exposure_of(answer, now))
