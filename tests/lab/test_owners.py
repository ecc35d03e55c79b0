"""Owners write what nobody wrote before, and answer the desk."""

from __future__ import annotations

import pytest

from tercet.lab import Plan, World

BUSY = Plan(members=2, days=2, seed=1, letters=12, reports=12, replies=1.0, loss=0, crash_every=1e9, naps=0.01)


@pytest.mark.full
def test_no_two_texts_are_the_same_and_the_desk_s_words_are_answered() -> None:
    world = World(BUSY)
    world.run()
    ledger = world.ledger
    threads = [*ledger.threads.values(), *(t for f in ledger.reports.values() for t in (f.words, f.answers))]
    texts = [letter.text for thread in threads for letter in thread.letters] + list(ledger.reports)
    assert len(texts) == len(set(texts)) > 20
    assert any(fate.words.letters for fate in ledger.reports.values())
    assert any(fate.answers.letters for fate in ledger.reports.values())
    assert sorted(world.reports_made()) == sorted((f.made, f.member) for f in ledger.reports.values())
