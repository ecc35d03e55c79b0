"""A real photograph, for trying things out and for tests.

Does        says where the photograph lies.
Does not    read it.
Spec        src/tercet/sample/README.md: author and licence
Always      1. The file is the published one, byte for byte.
Read first  photo().
"""

from __future__ import annotations

from pathlib import Path


def photo() -> Path:
    """The path of a PNG photograph of a cup of coffee: 600 by 400 pixels, 466,706 bytes, CC0."""
    return Path(__file__).with_name("coffee.png")
