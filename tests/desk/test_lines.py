"""What the desk's commands say: lists, reports, and the table in the spec of what each report says of itself."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

from rich.console import Console

from tercet.desk.archive import Archive
from tercet.desk.lines import report_table, token_words
from tercet.desk.records import CaseSummary

from .cases import HOUSE, KEY, report, word


def case(number: int, **facts: Any) -> dict[str, Any]:
    plain = {"came": 0, "text": "They came at dawn.", "media": [], "damaged": False, "standing": "", "witness": False}
    return {"number": number} | plain | {"event": 0, "letters": 0, "last": ""} | facts


def drawn(*cases: dict[str, Any]) -> list[str]:
    """The rows of the list, title and lines left away."""
    console = Console(file=io.StringIO(), width=200)
    console.print(report_table(cases))
    return [line for line in console.file.getvalue().splitlines() if re.search(r"\w", line)][1:]  # type: ignore[attr-defined]


def test_the_list_shows_events_answers_and_tokens_and_no_column_that_says_nothing() -> None:
    head, first, second, third = drawn(
        case(1, event=1, standing="member"), case(2, event=1, letters=3, last="reporter"), case(0, damaged=True)
    )
    assert [name for name in ("event", "letters", "from") if name in head] == ["event", "letters", "from"]
    assert "report 1" in first and "a member" in first and "last" not in first
    assert "report 1" in second and "3, last: reporter" in second
    assert "damaged" in third
    (head, _) = drawn(case(1))
    assert not [name for name in ("event", "letters", "from") if name in head]


def test_a_report_says_whether_a_good_witness_token_came_with_it() -> None:
    assert token_words(case(1, standing="member", witness=True)) == ", from a member, with a good witness token"
    assert token_words(case(1, standing="stranger")) == ", from a stranger, without a good witness token"
    assert token_words(case(1)) == ""


def test_the_last_letter_is_the_last_that_was_held_whatever_the_clock_did(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", KEY)
    archive.file_report(report(1))
    archive.file_report(report(2))
    archive.file_word(word(1, 1, "Who saw it?", ours=True, came=100))
    archive.file_word(word(1, 1, "Two neighbours.", came=200))
    archive.file_word(word(1, 2, "And my brother.", came=50))  # our clock was set back
    one, two = archive.cases()
    assert (one.letters, one.last) == (3, "reporter")
    assert archive.words(1)[-1].text == "And my brother."
    assert (two.letters, two.last) == (0, "")


def test_what_a_report_in_a_list_says_of_itself_stands_in_the_spec() -> None:
    spec = (HOUSE / "spec" / "72-dialogue.md").read_text()
    said, table = re.search(r"Each of `cases`(.*?)<!-- table: case -->(.*?)<!-- end -->", spec, re.S).groups()  # type: ignore[union-attr]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert rows
    first = [name for name in re.findall(r"`(\w+)`", said) if name not in ("report", "show")]
    assert sorted([*first, *rows]) == sorted(field.name for field in dataclasses.fields(CaseSummary))
