"""How a bench shows and keeps what it measured: a table, JSON, a file under bench/results/.

`.venv/bin/python bench/recording.py` prints what a record of today would call the code it measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
RESULTS = HOUSE / "bench" / "results"
REAL = (sys.executable, "-m", "tercet")
sys.path.insert(0, str(HOUSE))  # the benches play with the same processes as the tests

Row = dict[str, Any]


def options(parser: argparse.ArgumentParser) -> None:
    """What every bench takes."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--record", action="store_true", help="write a file under bench/results/ too")


def machine() -> Row:
    """What it was measured on; nothing that names it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def code() -> str:
    """The code that is measured: 16 digits of a SHA-256 over the names and bytes of all files of src/tercet."""
    whole = hashlib.sha256()
    for path in sorted((HOUSE / "src" / "tercet").rglob("*.py")):
        whole.update(path.relative_to(HOUSE).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


CODE = code()  # when the bench began


def finish(chosen: argparse.Namespace, name: str, seed: str, figures: list[Row]) -> None:
    """Show, and record if wanted."""
    words = " ".join(word for word in sys.argv[1:] if word not in ("--json", "--record"))
    whole = {
        "command": f".venv/bin/python bench/{name}.py {words}".strip(),
        "seed": seed,
        "code": CODE,
        "machine": machine(),
        "date": datetime.now(tz=UTC).strftime("%Y-%m-%d"),
        "figures": figures,
    }
    if chosen.record:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(whole, indent=2) if chosen.json else table(figures))


def table(rows: list[Row]) -> str:
    """Rows as text, one column a key."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [keys] + [[shown(row.get(key, "")) for key in keys] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(keys))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def shown(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    print(CODE)
