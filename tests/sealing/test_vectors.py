"""The vectors themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.sealing.cases import VECTORS, cases

TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_an_empty_folder_of_vectors_is_a_failure() -> None:
    with pytest.raises(AssertionError):
        cases("nothing")


@pytest.mark.parametrize("path", sorted((VECTORS / "sealing").glob("*")), ids=lambda path: path.stem)
def test_every_vector_says_why_what_and_how_it_ends_and_is_read_by_a_test(path: Path) -> None:
    case = json.loads(path.read_text())
    assert set(case) in ({"why", "input", "expected"}, {"why", "input", "fails"})
    assert case["why"]
    match = re.fullmatch(r"([a-z0-9-]+?)-(?:(bad)-[a-z0-9-]+|[0-9]+)", path.stem)
    assert match
    topic, bad = match.groups()
    assert ("fails" in case) == bool(bad)
    assert f'cases("{topic}")' in TESTS if not bad else f'bad_cases("{topic}")' in TESTS
