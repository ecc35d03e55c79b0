"""The vectors themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tercet.evidence import HINTS
from tests.evidence.cases import HOUSE, cases

TOPICS = ("place", "time", "format")


def test_an_empty_folder_of_vectors_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        cases("place", tmp_path)


def test_every_vector_says_why_and_either_expects_or_fails_and_is_read_by_a_test() -> None:
    files = sorted((HOUSE / "vectors/evidence").iterdir())
    assert files
    for path in files:
        case = json.loads(path.read_text())
        assert case["why"]
        assert path.suffix == ".json"
        assert path.name.rsplit("-", 1)[0] in TOPICS
        assert set(case) in ({"why", "input", "expected"}, {"why", "input", "fails"})
        assert case.get("fails", "bad_place") in HINTS


@pytest.mark.parametrize("topic", TOPICS[:2])
def test_both_good_and_bad_cases_exist(topic: str) -> None:
    kinds = {"fails" in case.values[0] for case in cases(topic)}
    assert kinds == {True, False}
