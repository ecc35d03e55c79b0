"""The pictures that `tercet up` draws of what came about.

Does        draws who knows whom as a tree, says what one capture exposes, and sets two views of a report side by side.
Does not    ask anybody: it is given what the commands said.
Spec        README.md
Always      1. What is drawn is what the devices know, not what was meant to be.
Read first  network(), exposed().
"""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from tercet.shell.text import shown

LOWER = ("founder", "below")

Line = dict[str, Any]


def network(statuses: dict[str, Line], top: str) -> Tree:
    """The network as a tree, each with whom it knows.

    Args:
        statuses: what `status` said on each device, by name.
        top: whom to begin with.
    """
    tree = Tree(_known(top, statuses[top]))
    _grow(tree, statuses, top)
    return tree


def _grow(tree: Tree, statuses: dict[str, Line], name: str) -> None:
    for one in statuses[name]["neighbours"]:
        if one["role"] in LOWER and one["name"] in statuses:
            _grow(tree.add(_known(one["name"], statuses[one["name"]])), statuses, one["name"])


def _known(name: str, status: Line) -> Text:
    whom = (f"{n['name']} ({n['role']})" if n["met"] else f"{n['name']} (introduced)" for n in status["neighbours"])
    return Text.assemble((name, "bold"), (f"  knows {', '.join(whom)}", "dim"))


def bonds(statuses: dict[str, Line]) -> dict[str, dict[str, str]]:
    """Whom each device knows, and as what: its name, its neighbours' names, their roles; who is not met is left out."""
    return {
        name: {one["name"]: one["role"] for one in status["neighbours"] if one["met"]}
        for name, status in statuses.items()
    }


def exposed(statuses: dict[str, Line], desk: str) -> str:
    """What one capture would expose, at most, in words."""
    known = {name: list(neighbours) for name, neighbours in bonds(statuses).items()}
    founders = known.pop(desk)
    worst = max(known, key=lambda name: len(known[name]))
    return (
        f"One capture exposes {len(known[worst])} neighbours at most: whoever opens {worst}'s vault finds "
        f"{_listed(known[worst])}, by {worst}'s own words for them, nobody else, and no report that could be opened. "
        f"The desk's vault names {_listed(founders)}; what was reported lies there, and not who reported it."
    )


def _listed(names: list[str]) -> str:
    *others, last = names or ["nobody"]
    return f"{', '.join(others)} and {last}" if others else last


def two_views(seen: Line, report: Line) -> Table:
    """What the relay sees beside what the desk sees.

    Args:
        seen: the relay's counters.
        report: as `desk show` gives it.
    """
    table = Table("The relay sees", "The desk sees", expand=True)
    files = "\n".join(f"{m['kind']}, .{m['form']}, {m['size']:,} bytes" for m in report["media"])
    place = (report.get("place") or {}).get("name", "")
    left = (
        f"{seen.get('frames', 0)} frames of 4,096 bytes\n{seen.get('blocks', 0)} blocks of 262,144 bytes\n"
        f"{seen.get('reads', 0)} reads\na box, among others:\n{str(seen.get('box', ''))[:32]}…\n"
        "no name, no account, no key that opens anything"
    )
    told = f"report {report['number']}\n{shown(report['text'])}\n{shown(place)}"
    table.add_row(left, f"{told}\n{files}\nno name: it cannot say who sent it")
    return table
