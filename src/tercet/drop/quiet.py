"""A log that writes nothing.

Does        stand in where a library insists on a logger and would write addresses into it.
Does not    belong to the tree of loggers, so no setting elsewhere can make it speak.
Spec        spec/10-drop.md, 7
Always      1. Nothing is written.
Read first  `quiet_log`.
"""

from __future__ import annotations

import logging


def quiet_log() -> logging.Logger:
    """Return a logger that writes nothing, nor do the loggers that the library derives from it."""
    log = logging.Logger("tercet.quiet", logging.CRITICAL + 1)
    log.propagate = False
    return log
