"""The captor that was written from the spec finds no more than `tercet seize`, which has all of the product's code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.core import intake, sending
from tercet.core.envelope import return_root
from tercet.core.state import Return
from tercet.lab.captor import Seen, look_at
from tercet.lab.exposure import ENDLESS
from tercet.sealing import LOW_COST, derive

from ..shell.world import NOTEBOOK, PASSPHRASE
from .captor import Find, look
from .seized import Seized, seize
from .test_captor import COST

pytestmark = pytest.mark.full  # each looks into whole worlds

# What seize calls the boxes that the captor has other words for.
PURPOSES = {"relation": "neighbour", "written": "neighbour", "read": "neighbour", "return": "answer", "block": "file"}
# Times that seize does not print one by one; spec/91-exposure.md, 7, 4, speaks of them.
UNSAID = {"spoke", "sealed", "put", "used", "asked", "issued", "until"}  # fields of spec/76-state.md


def both(seized: Seized, one: bytes, folder: Path, *passphrases: str) -> tuple[Find, Seen]:
    """What the two captors make of one image, with a relay's history."""
    place = folder / "image"
    place.write_bytes(one)
    seen = look_at(place, passphrases, relay=seized.relay, now=seized.now, cost=LOW_COST)
    return look([one], passphrases, COST, [seized.relay]), seen


def texts(value: Any) -> set[str]:
    """Every text in what seize reports."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    return {text for one in value for text in texts(one)} if isinstance(value, list | tuple) else set()


def numbers(value: Any) -> set[int]:
    """Every number in it."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        return {number for one in value for number in numbers(one)}
    return {value} if type(value) is int else set()


def more(found: Find, seen: Seen) -> list[str]:
    """What the captor found and seize does not report."""
    told = msgspec.to_builtins(seen)
    said, known = texts(told), numbers(told["exposure"])
    plates = {one["plate"] for each in found.named for one in each.all("Spent")} if _counts(seen, "meeting") else set()
    people = {(person.name, person.role) for person in seen.exposure.people}
    listed = "\n".join(sorted(said))
    wrong = [f"person: {who}" for who in found.people - people]
    wrong += [f"word: {word}" for word in found.words - said - plates]
    wrong += [f"note: {note}" for note in found.notes if note not in listed]
    wrong += [f"relay: {relay}" for relay in found.relays if "/".join(relay.split("/")[:4]) not in said]
    wrong += [f"time: {time}" for time in found.times - known - _unsaid(found)]
    wrong += [f"box: {use.purpose} on {use.day}" for use in found.uses if not _has(seen, use.purpose, use.day)]
    matched = [use for use, _ in found.matched if use.purpose in ("return", "block")]
    wrong += [f"box at the relay: {use.purpose}" for use in matched if not _counts(seen, PURPOSES[use.purpose])]
    wrong += [f"piece of {len(piece)}" for piece in found.pieces if len(piece) not in {n for *_, n in seen.blocks}]
    held = {share for one in found.states for share in one.shares}
    wrong += (
        [f"shares: {len(held)}"] if held and not {"burn", "one_voice", "two_voices"} & set(seen.exposure.powers) else []
    )
    tokens = {token for one in found.states for token in one.tokens}
    wrong += (
        [f"tokens: {len(tokens)}"] if tokens and not (seen.exposure.tokens and "tokens" in seen.exposure.powers) else []
    )
    weeks = {one["week"] for each in found.named for one in each.all("Held")}
    weeks |= {week for side in found.sides if side.understudy for week in side.understudy.weeks}
    passed = "post_weeks" in seen.exposure.powers and seen.exposure.passes >= max(weeks, default=0)
    wrong += [f"passes: {max(weeks)}"] if weeks and not passed else []
    fits = seen.correlation.fits if seen.correlation else {}
    wrong += [f"a report at the relay: {len(found.tied)}"] if len(found.tied) > sum(map(bool, fits.values())) else []
    met = seen.correlation.met if seen.correlation else ()
    opened = len({content for use, content in found.frames if use and use.purpose != "intake"})
    if opened > sum(one.empty + one.sealed + one.opened for one in met if one.purpose != "intake"):
        wrong.append(f"frames that open: {opened}")
    return wrong


def _unsaid(found: Find) -> set[int]:
    kinds = ("Channel", "Waiting", "Report", "Return", "BoardView", "HeldNotice", "Spent")
    structs = [one for each in found.named for kind in kinds for one in each.all(kind)]
    return {time for one in structs for name in UNSAID & set(one.fields) if type(time := one[name]) is int}


def _counts(seen: Seen, purpose: str) -> bool:
    return any(one.purpose == purpose and one.count for one in seen.exposure.boxes)


def _has(seen: Seen, purpose: str, day: int) -> bool:
    """Whether seize reports boxes of this purpose on this day."""
    name = PURPOSES.get(purpose, purpose)
    return any(
        one.purpose == name and (one.first <= day and (day <= one.last or one.last == ENDLESS) or not day)
        for one in seen.exposure.boxes
    )


def test_with_the_owners_passphrase_it_finds_no_more_than_seize(seized: Seized, tmp_path: Path) -> None:
    found, seen = both(seized, seized.asleep, tmp_path, PASSPHRASE)
    assert more(found, seen) == []
    assert seen.opened == ("notebook", "real")
    assert seen.breaches == ()
    assert {copy.counter for copy in found.copies} == set(seen.copies)


def test_a_box_of_an_answer_that_hung_on_the_reply_secret_and_the_nonce_alone_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sending, intake):
        monkeypatch.setattr(module, "return_root", lambda back, nonce, salt: derive(back, "return root", nonce))
    seized = seize(tmp_path)
    assert look([seized.asleep], [PASSPHRASE], COST, [seized.relay]).tied


def test_a_state_that_kept_the_salt_of_a_frame_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    salts: list[bytes] = []

    def noted(back: bytes, nonce: bytes, salt: bytes) -> bytes:
        salts.append(salt)
        return return_root(back, nonce, salt)

    monkeypatch.setattr(sending, "return_root", noted)
    monkeypatch.setattr(sending, "Return", lambda _, *rest, **named: Return(salts[-1], *rest, **named))
    seized = seize(tmp_path)
    assert look([seized.asleep], [PASSPHRASE], COST, [seized.relay]).tied


@pytest.mark.parametrize("which", ["asleep", "opened"])
def test_with_the_notebooks_passphrase_it_finds_no_more_than_seize(seized: Seized, tmp_path: Path, which: str) -> None:
    found, seen = both(seized, getattr(seized, which), tmp_path, NOTEBOOK)
    assert more(found, seen) == []
    assert seen.opened == ("notebook",)
    assert [wrong for wrong in more(found, FORGETS["passes"](seen)) if wrong.startswith("passes")]


@pytest.mark.parametrize("which", ["asleep", "opened"])
def test_without_a_passphrase_neither_finds_anything(seized: Seized, tmp_path: Path, which: str) -> None:
    found, seen = both(seized, getattr(seized, which), tmp_path)
    assert more(found, seen) == []
    assert found.measured is not None and seen.noise is not None
    assert found.measured.noise and seen.noise.noise
    assert seen.exposure.people == seen.exposure.words == seen.exposure.boxes == ()


FORGETS: dict[str, Callable[[Seen], Seen]] = {
    "person": lambda seen: _without(seen, people=seen.exposure.people[1:]),
    "word": lambda seen: _without(seen, words=seen.exposure.words[1:]),
    "note": lambda seen: _without(seen, words=tuple(one for one in seen.exposure.words if one.kind != "note")),
    "time": lambda seen: _without(seen, reports=()),
    "relay": lambda seen: _without(seen, relays=()),
    "shares": lambda seen: _without(seen, powers=()),
    "tokens": lambda seen: _without(seen, powers=tuple(p for p in seen.exposure.powers if p != "tokens")),
    "passes": lambda seen: _without(seen, powers=tuple(p for p in seen.exposure.powers if p != "post_weeks")),
    "box: relation": lambda seen: _without(seen, boxes=_but(seen, "neighbour")),
    "box: intake": lambda seen: _without(seen, boxes=_but(seen, "intake")),
    "box at the relay": lambda seen: _without(seen, boxes=_but(seen, "answer")),
    "piece": lambda seen: msgspec.structs.replace(seen, blocks=()),
    "frames that open": lambda seen: msgspec.structs.replace(seen, correlation=None),
}


def _without(seen: Seen, **changed: Any) -> Seen:
    return msgspec.structs.replace(seen, exposure=msgspec.structs.replace(seen.exposure, **changed))


def _but(seen: Seen, purpose: str) -> tuple[Any, ...]:
    return tuple(one for one in seen.exposure.boxes if one.purpose != purpose)


def test_whatever_seize_forgot_would_be_seen(seized: Seized, tmp_path: Path) -> None:
    found, seen = both(seized, seized.asleep, tmp_path, PASSPHRASE)
    for what, forget in FORGETS.items():
        assert any(wrong.startswith(what) for wrong in more(found, forget(seen))), what
