"""A process whose memory nobody else of the same user may read.

Does        switches off core dumps and reading by other processes.
Does not    keep the system's owner or a memory image of the whole machine out.
Spec        spec/90-limits.md
Always      1. It is called before the first secret comes in.
Read first  keep_memory_closed().
"""

from __future__ import annotations

import contextlib
import ctypes
import resource

PR_SET_DUMPABLE = 4  # linux/prctl.h


def keep_memory_closed() -> None:
    """No core dumps, and no other process of this user may read this one's memory (Linux: PR_SET_DUMPABLE)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
