"""The pictures show what the devices say, and what one capture exposes is counted from that."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tercet.scene.picture import bonds, exposed, network, two_views


def status(*neighbours: tuple[str, str], unmet: str = "") -> dict[str, Any]:
    return {"neighbours": [{"name": name, "role": role, "met": name != unmet} for name, role in neighbours]}


STATUSES = {
    "desk": status(("amal", "founder"), ("badr", "founder")),
    "amal": status(("desk", "desk"), ("badr", "partner"), ("cyra", "below")),
    "badr": status(("amal", "partner"), ("desk", "desk"), unmet="desk"),
    "cyra": status(("amal", "link")),
}


def drawn(what: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=160, highlight=False).print(what)
    return out.getvalue()


def test_each_stands_below_its_link_with_whom_it_knows() -> None:
    assert drawn(network(STATUSES, "desk")).splitlines() == [
        "desk  knows amal (founder), badr (founder)",
        "├── amal  knows desk (desk), badr (partner), cyra (below)",
        "│   └── cyra  knows amal (link)",
        "└── badr  knows amal (partner), desk (introduced)",
    ]


def test_who_was_not_met_is_no_bond() -> None:
    assert bonds(STATUSES)["badr"] == {"amal": "partner"}
    assert bonds(STATUSES)["cyra"] == {"amal": "link"}


def test_the_device_that_knows_most_is_the_worst_capture_and_the_desk_is_said_apart() -> None:
    said = exposed(STATUSES, "desk")
    assert "exposes 3 neighbours at most: whoever opens amal's vault finds desk, badr and cyra" in said
    assert "The desk's vault names amal and badr" in said
    assert "finds nobody" in exposed({"desk": status(), "amal": status()}, "desk")


def test_the_two_views_hold_what_each_side_sees() -> None:
    report = {"number": 1, "text": "It burned.", "place": {"name": "old town"}, "media": []}
    said = drawn(two_views({"frames": 7, "box": "ab" * 32}, report))
    assert "7 frames of 4,096 bytes" in said
    assert "abab" in said
    assert "It burned." in said
