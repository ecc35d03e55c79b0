"""Which lines of ours a target reaches: a small tracer.

Does        runs something and notes the lines, and the steps from line to line, of chosen functions or of all of ours.
Does not    need the interpreter's help beyond sys.settrace, or see into libraries.
Spec        spec/00-overview.md
Always      1. A line counts when it began to run.
Read first  Reach.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SOURCE = str(Path(__file__).resolve().parents[2] / "src" / "tercet")
Line = tuple[str, int]
Step = tuple[str, int, int]


def function_of(name: str) -> CodeType:
    """The code of a function, method or property by its whole name, such as `tercet.core.content.parse_content`.

    Raises:
        LookupError: there is no such function.
    """
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = inspect.getattr_static(found, part, None)
            found = getattr(found, "__func__", found)
        found = inspect.unwrap(found) if callable(found) else None
        code = getattr(found, "__code__", None)
        if isinstance(code, CodeType):
            return code
    raise LookupError(name)


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def lines_of(code: CodeType) -> set[Line]:
    """The lines of a function that can run, without its first (`def`)."""
    found = {line for each in _with_inner(code) for _, _, line in each.co_lines() if line}
    return {(code.co_filename, line) for line in found - {code.co_firstlineno}}


class Reach:
    """Notes what runs inside `with`.

    Args:
        codes: the functions to look at; none for everything of ours.

    Attributes:
        lines: reached so far.
        steps: from which line to which, within one function.
    """

    def __init__(self, codes: list[CodeType] | None = None) -> None:
        self._wanted = None if codes is None else {each for code in codes for each in _with_inner(code)}
        self.lines: set[Line] = set()
        self.steps: set[Step] = set()

    def __enter__(self) -> Reach:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code not in self._wanted if self._wanted is not None else not code.co_filename.startswith(SOURCE):
            return None
        name, last = code.co_filename, code.co_firstlineno

        def within(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            if event == "line":
                self.lines.add((name, frame.f_lineno))
                self.steps.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return within

        return within
