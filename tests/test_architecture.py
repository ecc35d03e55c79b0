"""The arrows between the rooms, and the shape of every module.

Does        reads all of src/tercet without running it and holds it to the tables below.
Does not    import what it reads.
Spec        docs/adr/0002-a-shared-shell-room.md
Always      1. A room or an import that no table names is a failure.  2. Every rule has a planted fault.
Read first  MAY, then faults().
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
SOURCE = HOUSE / "src" / "tercet"
ADR = HOUSE / "docs" / "adr" / "0002-a-shared-shell-room.md"

_BELOW_SHELLS = {"core", "drop", "evidence", "notebook", "sealing", "vault"}

# Room -> the rooms of ours that it may import, besides itself. Nothing else in the repository repeats this, but
# the table in the ADR, which a test compares.
MAY: dict[str, set[str]] = {
    "sealing": set(),
    "drop": set(),
    "sample": set(),
    "notebook": set(),
    "core": {"sealing"},
    "vault": {"sealing"},
    "evidence": {"sealing"},
    "shell": _BELOW_SHELLS,
    "member": _BELOW_SHELLS | {"shell"},
    "desk": _BELOW_SHELLS | {"shell"},
    "lab": _BELOW_SHELLS | {"shell", "member", "desk", "sample"},
    "scene": {"shell"},
}
NOT_EVEN = {"lab": {"member.web", "desk.web"}}  # parts of allowed rooms
ANYTHING = {"cli", "up", "up_capture", "up_heal", "up_voice", "__main__"}  # modules beside the rooms
ROOT = "__init__"  # src/tercet/__init__.py: imports nothing of ours

CRYPTO = {"cryptography", "nacl", "vodozemac", "spake2"}  # sealing only

# What core may import from outside: nothing that reaches the world, a clock or chance.
CORE_OUTSIDE = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses"),
    *("enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "math", "msgspec"),
    *("operator", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata"),
}
CORE_NOT_NAMED = {"open", "input", "print", "breakpoint"}
# Sealing may draw where a library leaves it no choice, but has no clock to read, no disk, no network, no log.
SEALING_NOT = {"asyncio", "http", "io", "logging", "pathlib", "shutil", "socket", "sqlite3", "ssl", "subprocess"} | {
    *("tempfile", "threading", "time", "urllib"),
}
LABELS = ("Does", "Does not", "Spec", "Always", "Read first")

Found = list[str]


def room_of(path: Path) -> str:
    """The room a module of src/tercet lies in; for a module beside the rooms its own name."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def imports(tree: ast.AST, path: Path) -> Iterator[str]:
    """Every module or name that a module imports, by its full dotted name, wherever in the file."""
    package = ("tercet", *path.parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (start, node.module) if part)
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def arrows(tree: ast.AST, path: Path) -> Found:
    """Imports of our own rooms that the table does not allow."""
    room = room_of(path)
    if room in ANYTHING:
        return []
    if room != ROOT and room not in MAY:
        return [f"{path}: a room that no table names"]
    allowed = {room} | MAY.get(room, set())
    wrong = []
    for name in imports(tree, path):
        parts = name.split(".")
        if parts[0] != "tercet":
            continue
        target = parts[1] if len(parts) > 1 else "*"  # `import tercet` could reach anything
        known = target in MAY or target in ANYTHING or target == "*"
        barred = any(name.startswith(f"tercet.{part}") for part in NOT_EVEN.get(room, ()))
        if (known and target not in allowed) or barred:
            wrong.append(f"{path}: {room} may not import {name}")
    return wrong


def outside(tree: ast.AST, path: Path) -> Found:
    """Imports from outside that a room may not have."""
    room = room_of(path)
    wrong = []
    for name in imports(tree, path):
        top = name.split(".")[0]
        if top in CRYPTO and room != "sealing":
            wrong.append(f"{path}: only sealing imports {top}")
        if room == "core" and top != "tercet" and top not in CORE_OUTSIDE:
            wrong.append(f"{path}: core may not import {top}")
        if room == "sealing" and top in SEALING_NOT:
            wrong.append(f"{path}: sealing may not import {top}")
        if top in ("importlib", "imp", "runpy") and not name.startswith(("importlib.metadata", "importlib.resources")):
            wrong.append(f"{path}: imports by a name made at run time")
    return wrong


def names(tree: ast.AST, path: Path) -> Found:
    """Names that bring in the world or a module without an import."""
    room = room_of(path)
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            wrong.append(f"{path}: {node.id}")
        if room == "core" and isinstance(node, ast.Name) and node.id in CORE_NOT_NAMED:
            wrong.append(f"{path}: core may not {node.id}")
    return wrong


def header(tree: ast.Module, path: Path) -> Found:
    """What is missing of the five labelled lines, in their order, below one sentence."""
    lines = (ast.get_docstring(tree) or "").splitlines()
    wrong = []
    if not lines or not lines[0].endswith(".") or (lines[1:] and lines[1]):
        wrong.append(f"{path}: does not begin with one sentence and an empty line")
    labels = [m[1] for line in lines if (m := re.match(r"(Does not|Does|Spec|Always|Read first) +\S", line))]
    if labels != list(LABELS):
        wrong.append(f"{path}: its header has {labels}")
    return wrong


def sources(tree: ast.Module, path: Path) -> Found:
    """Spec lines that name no file, or one that is not there."""
    spec = next((x for x in (ast.get_docstring(tree) or "").splitlines() if x.startswith("Spec ")), "")
    named = re.findall(r"[\w./-]+\.md", spec)
    missing = [name for name in named if not (HOUSE / name).is_file()]
    return [f"{path}: {missing or 'nothing'} in its Spec line"] if missing or not named else []


def faults(text: str, path: str) -> Found:
    """Everything wrong with one module, given its text and its path below src/tercet."""
    tree, where = ast.parse(text), Path(path)
    return [fault for check in (arrows, outside, names, header, sources) for fault in check(tree, where)]


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    if not found:
        raise AssertionError("no source")
    return found


def pinned(text: str) -> Found:
    """Lines of a pinned list that hold an address or no hash."""
    wrong = [line for line in text.splitlines() if re.search(r"://|^\s*-(-index|-extra|-find|i |f )| @ |git\+", line)]
    wrong += [line for line in text.replace("\\\n", " ").splitlines() if "==" in line and "--hash=sha256:" not in line]
    return wrong


GOOD = '''"""A module.

Does        one thing.
Does not    another.
Spec        spec/80-evidence.md
Always      1. The first.
Read first  it.
"""
'''


# --- the house as it is


def test_every_module_keeps_the_tables() -> None:
    wrong = [f for path in modules() for f in faults(path.read_text(), str(path.relative_to(SOURCE)))]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_every_room_is_there_and_every_folder_is_a_room() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert folders == set(MAY)


def test_the_decision_shows_the_same_table() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (.+) \|$", ADR.read_text(), re.MULTILINE))
    rows.pop("room")
    shown = {room: text.split("; not ") for room, text in rows.items()}
    allowed = {room: set() if text[0] == "nothing" else set(text[0].split(", ")) for room, text in shown.items()}
    assert allowed == MAY
    assert {room: set(text[1].split(", ")) for room, text in shown.items() if len(text) > 1} == NOT_EVEN


def test_no_room_reaches_itself_through_the_table() -> None:
    reach = {room: set(targets) for room, targets in MAY.items()}
    for _ in MAY:
        reach = {room: targets.union(*(reach[t] for t in targets)) for room, targets in reach.items()}
    assert not [room for room, targets in reach.items() if room in targets]


def test_what_core_may_import_cannot_reach_the_world() -> None:
    world = {
        "os",
        "time",
        "random",
        "secrets",
        "socket",
        "asyncio",
        "logging",
        "pathlib",
        "datetime",
        "io",
        "sys",
        "uuid",
    }
    assert not CORE_OUTSIDE & (world | SEALING_NOT | CRYPTO)
    assert CORE_OUTSIDE - set(sys.stdlib_module_names) == {"msgspec"}


@pytest.mark.parametrize("path", sorted((HOUSE / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_pinned_lists_hold_hashes_and_no_address(path: Path) -> None:
    assert pinned(path.read_text()) == []
    assert path.read_text().count("==") > 5


# --- planted faults


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("sealing/a.py", "from tercet.core import x"),
        ("sealing/a.py", "from tercet.drop.ops import Put"),
        ("drop/a.py", "from tercet.sealing import digest"),
        ("drop/a.py", "import tercet.sealing.keys"),
        ("drop/a.py", "from ..sealing import digest"),
        ("drop/a.py", "from .. import sealing"),
        ("drop/deep/a.py", "from ...sealing.keys import digest"),
        ("drop/a.py", "from tercet import sealing"),
        ("drop/a.py", "import tercet"),
        ("drop/a.py", "def f():\n    from tercet.vault import x"),
        ("drop/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tercet.core import x"),
        ("core/a.py", "from tercet.drop import x"),
        ("core/a.py", "from tercet.vault import x"),
        ("vault/a.py", "from tercet.core import x"),
        ("evidence/a.py", "from tercet.core.content import Place"),
        ("shell/a.py", "from tercet.member import x"),
        ("shell/a.py", "from tercet.sample import photo"),
        ("member/a.py", "from tercet.desk import x"),
        ("desk/a.py", "from tercet.member import x"),
        ("member/a.py", "from tercet.lab import x"),
        ("member/a.py", "from tercet.cli import main"),
        ("lab/a.py", "from tercet.member.web import x"),
        ("lab/a.py", "from tercet.desk.web.pages import x"),
        ("lab/a.py", "from tercet.desk import web"),
        ("sample/a.py", "from tercet.evidence import x"),
        ("notebook/a.py", "from tercet.sealing import x"),
        ("scene/a.py", "from tercet.member.service import x"),
        ("__init__.py", "from tercet.sealing import x"),
        ("attic/a.py", "import math"),
        ("helpers.py", "import math"),
    ],
)
def test_a_wrong_arrow_is_caught(path: str, line: str) -> None:
    assert arrows(ast.parse(line), Path(path))
    assert faults(GOOD + line + "\n", path)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/a.py", "from tercet.sealing import digest"),
        ("core/a.py", "from .days import Day"),
        ("core/deep/a.py", "from ..days import Day"),
        ("shell/a.py", "from tercet import core, drop"),
        ("lab/a.py", "from tercet.member.service import x"),
        ("lab/a.py", "from tercet.sample import photo"),
        ("cli.py", "from tercet.member.web import x\nfrom tercet.lab import y"),
        ("desk/a.py", "from tercet import __version__"),
        ("drop/a.py", "import hashlib, os, asyncio, ssl, picows"),
        ("sealing/a.py", "import nacl.bindings"),
        ("core/a.py", "import hashlib, msgspec\nfrom collections.abc import Callable\nx = turn.now"),
        ("cli.py", "from importlib.metadata import version"),
    ],
)
def test_a_right_arrow_is_left_alone(path: str, line: str) -> None:
    assert faults(GOOD + line + "\n", path) == []


@pytest.mark.parametrize("library", sorted(CRYPTO))
@pytest.mark.parametrize("room", sorted({*MAY, "cli"} - {"sealing"}))
def test_a_crypto_library_outside_sealing_is_caught(room: str, library: str) -> None:
    path = "cli.py" if room == "cli" else f"{room}/a.py"
    assert faults(GOOD + f"from {library}.part import thing\n", path)
    assert faults(GOOD + f"def f():\n    import {library}\n", path)


@pytest.mark.parametrize(
    "line",
    [
        *(f"import {name}" for name in ("os", "time", "random", "secrets", "socket", "asyncio", "logging", "pathlib")),
        *(f"from {name} import x" for name in ("os.path", "time", "io", "uuid", "threading", "picows", "PIL", "numpy")),
        "from datetime import datetime\nx = datetime.now()",
        "import datetime as d\nx = d.date.today()",
        "x = open('file')",
        "print('a name')",
        "x = __import__('os')",
    ],
)
def test_a_core_that_reaches_for_the_world_is_caught(line: str) -> None:
    assert faults(GOOD + line + "\n", "core/a.py")


@pytest.mark.parametrize("name", sorted(SEALING_NOT))
def test_a_sealing_that_reaches_for_the_world_is_caught(name: str) -> None:
    assert faults(GOOD + f"import {name}\n", "sealing/a.py")


@pytest.mark.parametrize(
    "line",
    ["import importlib", "from importlib import import_module", "x = __import__('tercet.core')", "exec('import os')"],
)
def test_an_import_by_a_name_made_at_run_time_is_caught(line: str) -> None:
    assert faults(GOOD + line + "\n", "drop/a.py")


@pytest.mark.parametrize("label", LABELS)
def test_a_missing_label_is_caught(label: str) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{label} " + " " * (label == "Does")))
    assert text != GOOD.rstrip()
    assert header(ast.parse(text), Path("core/a.py"))


@pytest.mark.parametrize(
    "text",
    ["", '"""Room: lab."""\n', GOOD.replace("A module.", "A module"), GOOD.replace("A module.\n", "A module.\nMore.")],
)
def test_a_module_without_a_proper_header_is_caught(text: str) -> None:
    assert header(ast.parse(text), Path("lab/a.py"))


def test_labels_out_of_order_or_empty_are_caught() -> None:
    lines = GOOD.splitlines()
    lines[2], lines[3] = lines[3], lines[2]
    assert header(ast.parse("\n".join(lines)), Path("lab/a.py"))
    assert header(ast.parse(GOOD.replace("Always      1. The first.", "Always")), Path("lab/a.py"))


@pytest.mark.parametrize("spec", ["spec/99-nowhere.md", "none", "spec/80-evidence.md, spec/99-nowhere.md, 3"])
def test_a_spec_line_that_leads_nowhere_is_caught(spec: str) -> None:
    assert faults(GOOD.replace("spec/80-evidence.md", spec), "evidence/a.py")


def test_a_good_module_has_no_faults() -> None:
    assert faults(GOOD, "evidence/a.py") == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--extra-index-url example",
        "--find-links wheels",
        "-i example",
        "thing @ file:///tmp/thing.whl --hash=sha256:00",
        "git+ssh://example/thing",
        "thing==1.0",
        "thing==1.0 \\\n    # no hash",
    ],
)
def test_an_address_or_a_pin_without_a_hash_is_caught(line: str) -> None:
    good = "other==1.0 \\\n    --hash=sha256:00\n"
    assert pinned(good) == []
    assert pinned(good + line + "\n")
