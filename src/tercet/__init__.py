"""Tercet: a capture-resistant reporting network.

Does        names the version.
Does not    import any room: each is imported by who needs it.
Spec        docs/tour.md
Always      1. One version, here and in pyproject.toml.
Read first  docs/tour.md
"""

__version__ = "0.1.0"
