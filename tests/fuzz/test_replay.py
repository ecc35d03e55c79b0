"""Every corpus file through its target; every parser with a target; every target with a corpus that gets somewhere."""

from __future__ import annotations

import functools
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tercet.core.fields import encode
from tercet.core.state import load
from tests.fuzz import CORPUS, LEAST_COVERED, Target, all_targets, corpus, planted
from tests.fuzz.lines import Line, Reach, function_of, lines_of
from tests.fuzz.parsers import NOT_FROM_OUTSIDE, PARSERS, decoding, parsers_of, targets_of

HOUSE = Path(__file__).resolve().parents[2]
FOUND = all_targets()
LARGEST = 300_000  # bytes: a vault's slot and a little


def replay(target: Target, files: list[Path]) -> list[str]:
    """What went wrong with which file."""
    wrong = []
    for path in files:
        try:
            target(path.read_bytes())
        except Exception as error:
            wrong.append(f"{path.name}: {error!r}")
    return wrong


@functools.cache
def reached(name: str) -> set[Line]:
    """The lines of its parsers that a target's corpus reaches."""
    return reached_with(FOUND[name][1], parsers_of(name), corpus(name))


def reached_with(target: Target, parsers: list[str], files: list[Path]) -> set[Line]:
    """The lines of parsers that files reach through a target."""
    with Reach([function_of(parser) for parser in parsers]) as seen:
        replay(target, files)
    return seen.lines


def unreached(parser: str, lines: set[Line]) -> list[int]:
    """The lines of a parser that were not reached, if they are more than a fifth of it."""
    own = lines_of(function_of(parser))
    missed = sorted(line for _, line in own - lines)
    return missed if len(own) - len(missed) < LEAST_COVERED * len(own) else []


def without_a_row(found: list[str], parsers: dict[str, str], reasons: dict[str, str]) -> list[str]:
    """Functions that parse and are in no table."""
    return [name for name in found if name not in parsers and name not in reasons]


@pytest.mark.parametrize("name", sorted(FOUND))
def test_every_corpus_file_passes_its_target(name: str) -> None:
    assert corpus(name), "a target without a corpus tests nothing"
    assert replay(FOUND[name][1], corpus(name)) == []


@pytest.mark.parametrize("parser", sorted(PARSERS))
def test_the_corpora_reach_four_fifths_of_each_parser(parser: str) -> None:
    lines = set().union(*(reached(name) for name in targets_of(parser)))
    assert unreached(parser, lines) == [], "the corpus dies before these lines"


def test_every_corpus_folder_has_a_target() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(FOUND)


def test_corpora_are_small() -> None:
    for name in FOUND:
        files = corpus(name)
        assert len(files) <= 96
        assert all(path.stat().st_size <= LARGEST for path in files)


def test_every_parser_has_a_target_and_every_target_a_parser() -> None:
    named = {name for parser in PARSERS for name in targets_of(parser)}
    assert sorted(named) == sorted(FOUND)


@pytest.mark.full
def test_every_function_that_decodes_is_in_a_table() -> None:
    found = list(decoding(HOUSE / "src" / "tercet"))
    assert without_a_row(found, PARSERS, NOT_FROM_OUTSIDE) == []
    assert set(NOT_FROM_OUTSIDE) - set(found) == set(), "a reason for a function that decodes no more"
    assert not set(PARSERS) & set(NOT_FROM_OUTSIDE)


def test_a_parser_in_no_table_is_seen(tmp_path: Path) -> None:
    room = tmp_path / "tercet" / "room"
    room.mkdir(parents=True)
    (room / "wire.py").write_text("import json\nclass A:\n    def take(self, x):\n        return json.loads(x)\n")
    found = list(decoding(tmp_path / "tercet"))
    assert without_a_row(found, PARSERS, NOT_FROM_OUTSIDE) == ["tercet.room.wire.A.take"]


def test_replay_fails_on_a_target_that_raises_something_undocumented(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(b"\x54\x5b\x00\xff")
    good.write_bytes(b"\x54\x5b\x00\x00\x00")
    wrong = replay(planted.TARGETS["planted"], [bad, good])
    assert len(wrong) == 1
    assert wrong[0].startswith("bad: IndexError")


def test_a_corpus_that_dies_at_the_first_check_is_seen(tmp_path: Path) -> None:
    parser, target = "tests.fuzz.planted.shallow", planted.TARGETS["planted"]
    (tmp_path / "dies").write_bytes(b"no")
    assert unreached(parser, reached_with(target, [parser], list(tmp_path.iterdir())))
    for name, data in {"1": b"\x54\x5b\xff\x00", "2": b"\x54\x00\x00\x00", "3": b"\x54\x5b\x00\x00\x00"}.items():
        (tmp_path / name).write_bytes(data)
    assert unreached(parser, reached_with(target, [parser], list(tmp_path.iterdir()))) == []


def test_a_function_that_is_not_there_is_no_parser() -> None:
    with pytest.raises(LookupError):
        function_of("tercet.drop.wire.no_such_parser")


def test_the_runner_changes_values_within_packed_messages() -> None:
    spec = importlib.util.spec_from_file_location("fuzz_runner", HOUSE / "bench" / "fuzz.py")
    assert spec and spec.loader
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    assert runner.packed([encode((1, "no")), b"no"]) is False
    assert runner.packed([encode((1, "no")), encode({"a": 1}), b"no"]) is True
    made = set()
    for seed in range(3_000):
        tree = [1, "no", [b"12"]]
        runner._change_one(tree, random.Random(seed))
        made.add(encode(tree))
    for wanted in ([1, "no\n", [b"12"]], [1, "no"], [2, "no", [b"12"]], [1, "no", [b"1"]], [1, "no", []]):
        assert encode(wanted) in made, wanted


@pytest.mark.full
def test_the_runner_finds_a_planted_crash(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "bench/fuzz.py", "--module", "tests.fuzz.planted", "--runs", "200000", "--out", str(out)]
    ended = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (row,) = json.loads(out.read_text())["targets"]
    assert row["executions"] < 200_000
    assert "IndexError" in row["finds"][0]["why"]


def test_the_corpus_of_states_is_of_today() -> None:
    held = [
        load(path.read_bytes()) for name in ("desk", "meeting", "joiner") for path in [CORPUS / "core-state" / name]
    ]
    assert [device.is_desk for device in held] == [True, True, False]
