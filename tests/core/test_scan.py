"""What codes say: messages and their vectors, and letters that go from screen to camera."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import events as ev
from tercet.core import scan
from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.core.scan import KINDS, Carried, encode_message, meeting_of, parse_message, relay_tag
from tercet.core.state import save
from tests.sealing.cases import bad_cases, cases

from .scenes import DAY, SECOND_RELAY, founders, letters
from .screens import Screen, met, screens
from .stage import RELAY, Stage

SPEC = (Path(__file__).parents[2] / "spec" / "31-codes.md").read_text()


def rows(name: str) -> list[tuple[str, ...]]:
    table = SPEC.split(f"<!-- table: {name} -->")[1].split("<!-- end -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_kinds_of_the_spec_are_those_of_the_code() -> None:
    assert {int(kind): name for kind, name, _ in rows("kinds")} == {k: v.__name__.upper() for k, v in KINDS.items()}


def test_the_fields_of_the_spec_are_those_of_the_code() -> None:
    written: dict[str, list[str]] = {}
    for message, field, *_ in rows("fields"):
        written.setdefault(message, []).append(field)
    assert written == {v.__name__.upper(): list(v.__struct_fields__) for v in KINDS.values()}


@pytest.mark.parametrize("case", cases("message", "codes"))
def test_a_message_is_that_of_the_vectors(case: Any) -> None:
    content = bytes.fromhex(case["input"]["content"])
    message = parse_message(content)
    assert type(message).__name__.upper() == case["expected"]["kind"]
    plain = msgspec.to_builtins(message, builtin_types=(bytes,))
    hexed = [
        [i.hex() for i in f] if isinstance(f, tuple | list) else f.hex() if isinstance(f, bytes) else f for f in plain
    ]
    assert hexed == case["expected"]["fields"]
    assert encode_message(message) == content


@pytest.mark.parametrize("case", bad_cases("message", "codes"))
def test_what_is_no_message_is_malformed(case: Any) -> None:
    with pytest.raises(Malformed):
        parse_message(bytes.fromhex(case["input"]["content"]))


@pytest.mark.parametrize("case", cases("names", "codes"))
def test_meetings_and_relays_are_named_as_the_vectors_say(case: Any) -> None:
    assert meeting_of(bytes.fromhex(case["input"]["secret"])).hex() == case["expected"]["meeting"]
    assert relay_tag(case["input"]["relay"]).hex() == case["expected"]["relay"]


# ---- letters by code


def pair() -> tuple[Stage, Screen, Screen]:
    """Two partners; from now on no relay answers."""
    stage, _, first, second = founders()
    stage.down |= set(stage.relays)
    return stage, *screens(first, second)  # type: ignore[return-value]


def hand_over(giver: Screen, taker: Screen, to: str, rounds: int = 20) -> int:
    """Show and scan until nothing waits; how many codes it took."""
    for done in range(rounds):
        giver.actor.do(ev.ShowLetter(to))
        if not giver.shows:
            return done
        taker.scan(giver)
        giver.actor.do(ev.Stored(giver.ref, RELAY))
    return rounds


def test_letters_go_from_screen_to_camera_and_back_with_no_relay() -> None:
    stage, first, second = pair()
    asked = len(stage.asked)
    for day in range(8):
        for giver, taker, to in ((first, second, "second"), (second, first, "first")):
            for number in range(3):
                giver.actor.do(ev.WriteLetter(to, f"{day}.{number} from {giver.actor.name}"))
            assert 3 <= hand_over(giver, taker, to) <= 5
        stage.now += DAY
    hand_over(first, second, "second")
    for actor, name, other in ((first.actor, "second", "second"), (second.actor, "first", "first")):
        assert letters(actor, name) == [f"{d}.{n} from {other}" for d in range(8) for n in range(3)]
    assert not [w for r in first.actor.device.relations if r.name == "second" for w in r.channel.waiting]
    assert len(stage.asked) == asked


def test_a_letter_that_is_shown_again_or_came_by_relay_too_is_read_once() -> None:
    stage, first, second = pair()
    first.actor.do(ev.WriteLetter("second", "once"))
    first.actor.do(ev.ShowLetter("second"))
    ref = first.ref
    second.scan(first)
    second.scan(first)
    first.actor.do(ev.ShowLetter("second"))
    assert first.ref == ref
    second.scan(first)
    stage.down.clear()
    stage.beat(first.actor, second.actor, rounds=2)
    assert letters(second.actor, "first") == ["once"]


def test_scanning_a_letter_asks_no_relay_and_so_does_showing_one() -> None:
    stage, first, second = pair()
    stage.down.clear()
    first.actor.do(ev.WriteLetter("second", "quiet"))
    asked = len(stage.asked)
    hand_over(first, second, "second")
    assert len(stage.asked) == asked
    assert letters(second.actor, "first") == ["quiet"]


def code_of(side: Screen, event: ev.Event) -> str:
    before = save(side.actor.device)
    with pytest.raises(Refusal) as refused:
        side.actor.do(event)
    assert save(side.actor.device) == before
    return refused.value.code


def test_a_letter_is_taken_in_only_by_the_device_whose_box_it_is_for() -> None:
    stage, first, second = pair()
    (desk,) = screens(founders()[1])
    stranger = Screen(stage.actor("stranger"))
    first.actor.do(ev.WriteLetter("second", "for you"))
    first.actor.do(ev.ShowLetter("second"))
    for side in (desk, stranger, first):
        assert code_of(side, ev.Scanned(first.shows)) == "code_not_awaited"
    carried = parse_message(first.shows)
    assert isinstance(carried, Carried)
    for other in (
        msgspec.structs.replace(carried, relay=relay_tag(SECOND_RELAY)),
        msgspec.structs.replace(carried, box=bytes(32)),
    ):
        assert code_of(second, ev.Scanned(encode_message(other))) == "code_not_awaited"
    second.scan(first)
    assert letters(second.actor, "first") == ["for you"]


def test_a_letter_that_was_changed_on_its_way_is_counted_and_not_read() -> None:
    _, first, second = pair()
    first.actor.do(ev.WriteLetter("second", "true"))
    first.actor.do(ev.ShowLetter("second"))
    carried = parse_message(first.shows)
    assert isinstance(carried, Carried)
    item = bytes([carried.item[0] ^ 1]) + carried.item[1:]
    second.actor.do(ev.Scanned(encode_message(msgspec.structs.replace(carried, item=item))))
    assert letters(second.actor, "first") == []
    assert next(r for r in second.actor.device.relations if r.name == "first").strange == 1
    second.scan(first)
    assert letters(second.actor, "first") == ["true"]


def test_late_letters_are_taken_in_as_long_as_their_box_is_read() -> None:
    stage, first, second = pair()
    first.actor.do(ev.WriteLetter("second", "late"))
    first.actor.do(ev.ShowLetter("second"))
    stage.now += 6 * DAY
    second.scan(first)
    assert letters(second.actor, "first") == ["late"]


def test_somebody_nobody_knows_gets_no_letter() -> None:
    _, first, _ = pair()
    assert code_of(first, ev.ShowLetter("nobody")) == "unknown_neighbour"


# ---- the welcome


def test_a_newcomer_without_a_network_can_seal_a_report_once_the_welcome_is_handed_over() -> None:
    stage = Stage()
    desk, new = met(stage)
    assert code_of(new, ev.WriteReport("what I saw", None, None, ())) == "no_week_key"
    assert hand_over(desk, new, "new") >= 1
    new.actor.do(ev.WriteReport("what I saw", None, None, ()))
    assert new.actor.device.board.number == 0
    assert new.actor.device.board.lent
    stage.down.clear()
    for _ in range(3):
        new.actor.do(ev.SendNow())
        desk.actor.do(ev.SendNow())
    assert [r.content.text for r in desk.actor.reports.values()] == ["what I saw"]
    assert new.actor.device.board.number > 0
    assert not new.actor.device.board.lent


def test_the_sizes_of_the_spec_hold_for_every_message() -> None:
    assert re.search(rf"bytes, up to {scan.HELLO_MOST} ", SPEC)
    assert f"1 to {scan.FRAMES_MOST} of {scan.FRAME_LEAST} to 4096 bytes" in SPEC
