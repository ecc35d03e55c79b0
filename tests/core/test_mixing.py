"""Weekly mixing: a silent copy goes blind, and no letter is lost on the way."""

from __future__ import annotations

import pytest

from tercet.core import mail, mixing
from tercet.core.mixing import MIX_EVERY
from tercet.core.relation import Relation

from .copies import Watched, copied, last_read, watched
from .scenes import DAY

BLIND_AFTER = 14 * DAY  # seconds; spec/42-mixing.md, 1


def readable_for(scene: Watched, began: int, copies_until: int) -> list[tuple[int, Relation]]:
    """For how long each copy of the first days could follow, seconds; longest first."""
    held = [(when, holder) for when, holder in copied(scene) if when - began <= copies_until]
    assert len({holder.side for _, holder in held}) == 2
    return sorted(((last_read(scene, when, holder) - when, holder) for when, holder in held), key=lambda r: -r[0])


def watch(monkeypatch: pytest.MonkeyPatch, days: int) -> tuple[Watched, int]:
    scene = watched(monkeypatch)
    began = scene.stage.now
    scene.beat(days)
    assert sum(when > began + (days - 1) * DAY for when, _, _ in scene.put) >= 40
    return scene, began


def test_a_copy_of_either_side_taken_at_any_moment_is_blind_after_two_weeks_of_beats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, began = watch(monkeypatch, 26)
    follows = readable_for(scene, began, 10 * DAY)
    assert len(follows) > 12
    assert any(holder.mix.seed for _, holder in follows)
    assert any(not holder.mix.proven for _, holder in follows)
    assert follows[0][0] < BLIND_AFTER
    assert follows[0][0] > MIX_EVERY * DAY


def test_without_mixing_a_copy_reads_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail.mixing, "is_due", lambda *_: False)
    scene, began = watch(monkeypatch, 20)
    assert readable_for(scene, began, 4 * DAY)[-1][0] > BLIND_AFTER


def test_a_secret_that_is_sealed_to_nobody_leaves_the_copy_its_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "seal_to", lambda key, secret, info: secret + bytes(mixing.SEALED - len(secret)))
    monkeypatch.setattr(mixing, "open_with", lambda seed, sealed, info: sealed[: len(seed)])
    scene, began = watch(monkeypatch, 20)
    assert scene.first.device.relations[0].mix.number >= 2
    assert readable_for(scene, began, 4 * DAY)[-1][0] > BLIND_AFTER


def test_a_key_that_is_not_fresh_leaves_the_copy_its_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = mixing.begin
    monkeypatch.setattr(mixing, "begin", lambda mix, day, seed: begin(mix, day, bytes(32)))
    scene, began = watch(monkeypatch, 26)
    follows = readable_for(scene, began, 9 * DAY)
    assert max(long for long, holder in follows if holder.mix.seed) > BLIND_AFTER
