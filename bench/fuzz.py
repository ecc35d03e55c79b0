"""Look for inputs that a parser of outside bytes does not stand.

    .venv/bin/python bench/fuzz.py [TARGET...] [--seconds 30 | --runs 1000000] [--seed 1] [--keep]
                                   [--out bench/results/fuzz.json] [--module tests.fuzz.targets_drop]

Each target runs in a process of its own, its modules and ours instrumented, from its corpus on. For each: executions,
executions a second, and how much of its parsers' own lines the corpus reaches: a million inputs that die at the first
check are worth nothing. What raises is saved beneath scratch/finds/ and printed, and the exit status is 1. With
--keep, new inputs that reach something new in our code join the corpus, smallest first.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

HOUSE = Path(__file__).resolve().parent.parent
FINDS = HOUSE / "scratch" / "finds"
KEPT_MOST = 24  # files in a corpus, beyond those that people wrote
KEPT_BYTES = 65_536  # no larger input joins a corpus
ONE_INPUT = 10  # seconds that one input may take
MEMORY = 2_048  # MiB
RAW = 0.2  # share of changes that are made to bytes where the corpus is MessagePack
ODD = (None, True, False, 0, -1, 2**63, 1.5, float("nan"), b"", "", [], {}, [[]], {"a": 1})
SHOWN = 200  # characters of a find's bytes that are printed


def child(module: str, name: str, flags: list[str]) -> None:
    """Fuzz one target; the library ends the process."""
    import atheris

    with atheris.instrument_imports(include=["tercet", module]):
        from tests.fuzz import corpus, targets

        target = targets(module)[name]
    more = {"custom_mutator": change} if packed([path.read_bytes() for path in corpus(name)]) else {}
    atheris.Setup([sys.argv[0], *flags], target, **more)
    atheris.Fuzz()


def packed(files: list[bytes]) -> bool:
    """Whether most of a corpus is MessagePack: changes to its bytes would mostly die in the decoder's first check."""
    return sum(_tree(data) is not None for data in files) > len(files) / 2


def _tree(data: bytes) -> Any:
    try:
        tree = msgspec.msgpack.decode(data)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, list | dict) else None


def change(data: bytes, most: int, seed: int) -> bytes:
    """Change one value of a MessagePack message, or sometimes its bytes."""
    import atheris

    chance = random.Random(seed)
    tree = _tree(data)
    if tree is None or chance.random() < RAW:
        return atheris.Mutate(data, most)
    for _ in range(chance.choice((1, 1, 2, 4))):
        _change_one(tree, chance)
    try:
        new = msgspec.msgpack.encode(tree)
    except (ValueError, TypeError, RecursionError, OverflowError):
        new = b""
    return new if 0 < len(new) <= most else atheris.Mutate(data, most)


def _change_one(tree: Any, chance: random.Random) -> None:
    """Walk down to some place and change what is there."""
    while True:
        places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not places:
            return
        place = chance.choice(places)
        if not isinstance(tree[place], list | dict) or not tree[place] or chance.random() < 0.1:
            break
        tree = tree[place]
    how = chance.randrange(10)
    if how == 0 and isinstance(tree, list):
        tree.insert(place, tree[chance.choice(places)])
    elif how == 1:
        del tree[place]
    elif how == 2:
        tree[place] = tree[chance.choice(places)]
    else:
        tree[place] = _other(tree[place], chance)


def _other(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool) or value is None or chance.random() < 0.05:
        return copy.deepcopy(chance.choice(ODD))
    if isinstance(value, int):
        drawn = chance.getrandbits(chance.randrange(1, 64))
        return chance.choice((value + 1, value - 1, -value, drawn, 0, 1, 2**53, 2**62, 2**64 - 1))
    if isinstance(value, bytes):
        cut = chance.randrange(len(value) + 1)
        return chance.choice((value[:cut], value + b"\0", value + value, chance.randbytes(len(value)), value[::-1]))
    if isinstance(value, str):
        cut = chance.randrange(len(value) + 1)
        extra = chance.choice(("\n", "\0", "\u202e", "\u0660", "\U0001f600", "/", "..", "a", "9"))
        return chance.choice((value[:cut] + extra + value[cut:], value + extra, value[:cut], value * 2, extra * 50))
    return copy.deepcopy(chance.choice(ODD))


def fuzz(module: str, name: str, options: argparse.Namespace, room: Path) -> dict[str, Any]:
    """Fuzz one target in a process of its own; new inputs lie in room/new afterwards, finds in room/finds."""
    from tests.fuzz import CORPUS, corpus

    new, finds = room / "new", room / "finds"
    new.mkdir()
    finds.mkdir()
    longest = max([4_096, *(path.stat().st_size for path in corpus(name))])
    limit = f"-runs={options.runs}" if options.runs else f"-max_total_time={options.seconds}"
    flags = [limit, f"-seed={options.seed}", f"-max_len={longest}", f"-timeout={ONE_INPUT}", f"-rss_limit_mb={MEMORY}"]
    flags += [f"-artifact_prefix={finds}/", "-print_final_stats=1", str(new)]
    if corpus(name):
        flags.append(str(CORPUS / name))
    command = [sys.executable, str(Path(__file__).resolve()), "--child", module, name, *flags]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, errors="replace")
    took = time.monotonic() - began
    counted = re.search(r"stat::number_of_executed_units:\s+(\d+)", ended.stderr)
    said = ended.stdout + ended.stderr
    last = re.findall(r"^#(\d+)\s", ended.stderr, re.MULTILINE)
    executions = int(counted[1]) if counted else int(last[-1]) if last else 0
    spent = re.findall(r"Done (\d+) runs in (\d+) second", ended.stderr)
    fuzzed = int(spent[-1][1]) if spent else 0
    row: dict[str, Any] = {
        "target": name,
        "executions": executions,
        "per_second": round(executions / (fuzzed or took)),
        "seconds": round(took, 1),
        "ended_well": ended.returncode == 0,
        "finds": [_save(name, path, said) for path in sorted(finds.iterdir())],
    }
    if ended.returncode and not row["finds"]:
        row["trouble"] = said[-2_000:]
    return row


def _save(name: str, path: Path, said: str) -> dict[str, str]:
    data = path.read_bytes()
    place = FINDS / name / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    why = re.search(r"=== Uncaught Python exception: ===\n(.*?)(?:\n\n|\n==|\Z)", said, re.DOTALL)
    lines = why[1].strip().splitlines() if why else [path.name.partition("-")[0]]
    return {
        "input": data[: SHOWN // 2].hex(),
        "bytes": str(len(data)),
        "file": str(place.relative_to(HOUSE)),
        "why": " | ".join(lines)[:600],
    }


def reach(module: str, name: str, files: list[Path]) -> tuple[dict[str, float], dict[Path, set[Any]]]:
    """Share of its parsers' lines that files reach, and the steps in our code that each one takes."""
    from tests.fuzz import targets
    from tests.fuzz.lines import Reach, function_of, lines_of
    from tests.fuzz.parsers import parsers_of

    target = targets(module)[name]
    lines: set[Any] = set()
    steps: dict[Path, set[Any]] = {}
    for path in files:
        data = path.read_bytes()
        try:
            with Reach() as seen:
                target(data)
        except Exception:  # a find; it is counted elsewhere
            continue
        lines |= seen.lines
        steps[path] = seen.steps
    parsers = {parser: lines_of(function_of(parser)) for parser in parsers_of(name)}
    return {parser: round(len(own & lines) / len(own), 3) for parser, own in parsers.items()}, steps


def keep(name: str, old: list[Path], steps: dict[Path, set[Any]]) -> int:
    """Copy into the corpus what takes steps that nothing in it takes, smallest first; returns how many."""
    from tests.fuzz import CORPUS

    known: set[Any] = set().union(*(steps.get(path, set()) for path in old)) if old else set()
    room = KEPT_MOST - sum(path.name.startswith("found-") for path in old)
    kept = 0
    for path in sorted((p for p in steps if p not in old), key=lambda p: (p.stat().st_size, p.name)):
        data = path.read_bytes()
        if kept >= room or len(data) > KEPT_BYTES or steps[path] <= known:
            continue
        known |= steps[path]
        folder = CORPUS / name
        folder.mkdir(exist_ok=True)
        (folder / f"found-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
        kept += 1
    return kept


def one(module: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Everything about one target."""
    from tests.fuzz import corpus

    with tempfile.TemporaryDirectory() as folder:
        row = fuzz(module, name, options, Path(folder))
        old = corpus(name)
        new = sorted((Path(folder) / "new").iterdir())
        before, _ = reach(module, name, old)
        after, steps = reach(module, name, [*old, *new])
        row |= {"corpus": len(old), "new": len(new), "reached": before, "reached_with_new": after}
        row["kept"] = keep(name, old, steps) if options.keep else 0
    return row


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "atheris": version("atheris"),
    }


def write(out: Path, rows: list[dict[str, Any]], seed: int) -> None:
    """Write results; those of other targets that are in the file already stay."""
    new = {
        "command": " ".join(["bench/fuzz.py", *sys.argv[1:]]),
        "seed": seed,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
    }
    held = json.loads(out.read_text())["targets"] if out.exists() else []
    held = {row["target"]: row for row in held} | {row["target"]: row | new for row in rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"targets": [held[name] for name in sorted(held)]}, indent=1) + "\n")


def main() -> int:
    sys.path[0] = str(HOUSE)  # the tests are a package there
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4:])
        return 0
    parser = argparse.ArgumentParser(description="Look for inputs that a parser does not stand.")
    parser.add_argument("targets", nargs="*", help="names of targets; all of them if none is given")
    parser.add_argument("--module", help="take the targets of one module only")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target, instead of --seconds")
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="take new interesting inputs into the corpus")
    parser.add_argument("--out", type=Path, help="put the results into this file too, as JSON")
    options = parser.parse_args()
    from tests.fuzz import all_targets, targets

    where = dict.fromkeys(targets(options.module), options.module) if options.module else {}
    where = where or {name: module for name, (module, _) in all_targets().items()}
    if unknown := set(options.targets) - set(where):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    rows = []
    for name in options.targets or sorted(where):
        row = one(where[name], name, options)
        rows.append(row)
        lowest = min(row["reached"].values(), default=0.0)
        print(f"{name:<24}{row['executions']:>10,} runs {row['per_second']:>8,}/s  ", end="")
        print(f"lines {lowest:>4.0%}  corpus {row['corpus']} + {row['kept']}  finds {len(row['finds'])}", flush=True)
        for find in row["finds"]:
            print(f"    {find['why']}\n    {find['input']}\n    {find['file']}", flush=True)
        if "trouble" in row:
            print(row["trouble"])
    if options.out:
        write(options.out, rows, options.seed)
    return 0 if all(row["ended_well"] and not row["finds"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
