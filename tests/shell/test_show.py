"""What members and desks see of themselves, on a terminal of the usual width."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from tercet.shell.show import show_notes, show_notices, show_status, show_words
from tercet.shell.terminal import Terminal

ADDRESS = f"tercet://{'relay.' * 10}example:65535/{'a' * 52}/{'b' * 26}"
NAME = "w" * 40


def status(columns: int, **more: Any) -> str:
    """What the status shows on a screen of so many columns."""
    person = {"name": NAME, "role": "partner", "met": False, "heard": 0, "waiting": 0, "unread": 0}
    found = {
        "neighbours": [person],
        "relays": [{"relay": ADDRESS, "trouble": "no_pass", "passes": 20_730}],
        "introduction": {},
    }
    file = io.StringIO()
    show_status(Terminal(file=file, width=columns), found | more)
    return file.getvalue()


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_a_relay_s_address_stands_whole_on_a_line_of_its_own_however_narrow_the_screen(columns: int) -> None:
    shown = status(columns).splitlines()
    assert ADDRESS in shown
    assert shown[shown.index(ADDRESS) + 1].strip() == "trouble: no_pass"
    assert "until 2026-10-04;" in " ".join(" ".join(shown[shown.index(ADDRESS) + 2 :]).split())


def test_no_word_is_cut_on_a_screen_of_eighty_columns() -> None:
    shown = status(80)
    assert "…" not in shown
    assert sum(line.count("w") for line in shown.splitlines() if "www" in line) == len(NAME)


def test_who_knows_no_relay_yet_is_told_so() -> None:
    assert "No relay is known yet." in status(80, relays=[])


def test_what_there_is_none_of_is_said_in_a_sentence_and_whoever_is_in_no_network_reads_the_next_step() -> None:
    shown = status(80, neighbours=[], relays=[], reports=[])
    assert "Neighbours: none yet." in shown
    assert "Reports: none yet." in shown
    assert "`./tercet member meet`" in " ".join(shown.split())
    assert not set(shown) & set("┏━┃│└")
    assert "member meet" not in status(80)


def test_what_a_neighbour_is_stands_in_words() -> None:
    person = {"name": NAME, "role": "below", "met": True, "heard": 0, "waiting": 0, "unread": 0}
    assert "one of the pair below you" in status(160, neighbours=[person])


def test_an_address_from_outside_steers_no_terminal() -> None:
    assert "\x1b" not in status(80, relays=[{"relay": "tercet://\x1b[2J", "trouble": "", "passes": 0}])


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (
            {"today": 2, "witness": True, "came": True},
            "Tokens for reports of today: 2. Witness token of this week: here.",
        ),
        ({"today": 0, "witness": False, "came": True}, "read as a stranger's. Witness token of this week: none."),
        ({"today": 0, "witness": False, "came": False}, "No tokens of this week yet"),
    ],
)
def test_what_a_report_of_today_would_carry_is_said_in_sentences(tokens: dict[str, Any], said: str) -> None:
    assert said in " ".join(status(80, tokens=tokens).split())
    assert "oken" not in status(80, tokens={})


FORGED = "2026-09-22 09:00  from Layla:"
TEXT = f"Line one.\nLine two.\n\r{FORGED}\u2028{FORGED}\x85  {FORGED}"


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize(
    ("show", "note"),
    [
        (show_notes, {"came": 0, "from": "Omar"}),
        (show_words, {"came": 0, "report": 1}),
        (show_notices, {"issued": 0, "until": "2026-10-01", "new": True}),
    ],
)
def test_what_others_wrote_keeps_its_lines_and_none_of_them_looks_like_a_line_of_ours(
    show: Callable[[Console, list[dict[str, Any]]], None], note: dict[str, Any], person: bool
) -> None:
    file = io.StringIO()
    show(Terminal(file=file, width=60, force_terminal=person, color_system=None), [note | {"text": TEXT}])
    first, *others = "".join(c for c in file.getvalue() if c not in "\u2068\u2069").splitlines()
    assert not first.startswith(" ")
    assert "  Line one." in others
    assert "  Line two." in others
    assert all(line.startswith("  ") for line in others if line)
    assert sum(FORGED in line for line in others) == 3
