"""What the source says to people and asks them: read from its syntax, for comparison with the spec."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src" / "tercet"
FILES = sorted(
    file
    for place in ("core", "shell", "member", "desk", "cli.py")
    for file in [SRC / place, *(SRC / place).rglob("*.py")]
)


def calls(name: str) -> Iterator[ast.Call]:
    """Calls of a method whose first argument is a word."""
    for file in FILES:
        if file.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield node


def word(node: ast.Call) -> str | None:
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def told() -> set[tuple[str, frozenset[str]]]:
    """Every (what, names of its facts) that is told by a fixed word."""
    found = set()
    for node in calls("tell"):
        choices = [word(node)]
        first = node.args[0] if node.args else None
        if isinstance(first, ast.IfExp):
            choices = [part.value for part in (first.body, first.orelse) if isinstance(part, ast.Constant)]
        for what in choices:
            if what is not None:
                found.add((what, frozenset(k.arg or "*" for k in node.keywords)))
    return found


def asked() -> set[str]:
    """Every field that is asked for by a fixed word."""
    fields = {word(node) for node in calls("ask")} | set(_asked_until())
    return {field for field in fields if field is not None}


def _asked_until() -> Iterator[str | None]:
    """Fields asked for until the answer can be used: the second argument names them."""
    for file in FILES:
        if file.suffix == ".py":
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("ask_until", "agreed"):
                    yield node.args[1].value if isinstance(node.args[1], ast.Constant) else None
