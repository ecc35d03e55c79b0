"""A network with a desk and two founders, made once a run and copied for each test that wants it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from .world import World, found, run

_made: list[tuple[World, TemporaryDirectory[str]]] = []


def founded(folder: Path) -> World:
    """A copy in `folder`: relay, desk, amal and badr, all asleep."""
    if not _made:
        home = TemporaryDirectory()
        world = World(Path(home.name))
        run(found(world))
        _made.append((world, home))
    return _made[0][0].copy(folder)
