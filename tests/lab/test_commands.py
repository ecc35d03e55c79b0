"""`tercet lab world`: what it prints, and how it ends when a promise was broken."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from tercet.lab import Broken, World
from tercet.lab.commands import app

SMALL = ("world", "--members", "2", "--days", "1", "--seed", "3")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.full
def test_a_world_s_figures_come_as_text_or_as_one_json_object() -> None:
    text = run(*SMALL)
    assert text.exit_code == 0
    result = json.loads(run(*SMALL, "--json").stdout)
    assert result["members"] == 2
    assert result["report_received"]["count"] == result["reports"]
    assert result["trace"] in text.stdout
    for label in ("beats", "operations", "weather", "report received", "letter", "broken  nothing"):
        assert label in text.stdout


def test_a_broken_promise_is_one_sentence_a_code_and_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Broken("On day 1.00, m1: it has neighbours beyond the cell rule.")

    monkeypatch.setattr(World, "run", broken)
    shown = run(*SMALL)
    assert shown.exit_code == 7
    assert "beyond the cell rule. [world_broken]" in shown.output
    assert json.loads(run(*SMALL, "--json").stdout)["failed"] == "world_broken"


@pytest.mark.parametrize(
    "words", [("--members", "1"), ("--days", "0"), ("--pace", "10"), ("--loss", "1"), ("--duplicates", "-1")]
)
def test_a_number_out_of_range_is_refused_before_anything_runs(words: tuple[str, str]) -> None:
    assert run("world", *words).exit_code == 2
