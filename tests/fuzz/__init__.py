"""Fuzzing: every parser of bytes from outside has a target, every target a corpus.

Does        finds the targets of all rooms and their corpora.
Does not    run them: test_replay.py replays the corpora, bench/fuzz.py looks for new inputs.
Spec        spec/00-overview.md
Always      1. A target raises for a find and for nothing else.
Read first  targets(), then parsers.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from tercet.core.fields import Malformed

Target = Callable[[bytes], None]

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
LEAST_COVERED = 0.8  # share of a parser's own lines that its target's corpus must reach


def target_modules() -> list[str]:
    """Names of the modules that hold targets."""
    return sorted(f"{__name__}.{path.stem}" for path in HERE.glob("targets_*.py"))


def targets(module: str) -> dict[str, Target]:
    """The targets of one module."""
    found: dict[str, Target] = importlib.import_module(module).TARGETS
    return found


def all_targets() -> dict[str, tuple[str, Target]]:
    """Every target by name, with the module it is in.

    Raises:
        ValueError: two targets have one name.
    """
    found: dict[str, tuple[str, Target]] = {}
    for module in target_modules():
        for name, target in targets(module).items():
            if name in found:
                raise ValueError(f"{name} is in {found[name][0]} and in {module}")
            found[name] = module, target
    return found


def or_malformed(parser: Callable[[bytes], object]) -> Target:
    """The target of a parser that may call what it is given malformed, and do nothing else."""

    def target(data: bytes) -> None:
        try:
            parser(data)
        except Malformed:
            return

    return target


def corpus(name: str) -> list[Path]:
    """The corpus files of a target, in the order of their names."""
    return sorted(path for path in (CORPUS / name).glob("*") if path.is_file())
