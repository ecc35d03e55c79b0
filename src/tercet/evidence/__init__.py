"""Evidence: what a witness attaches to a report.

Does        looks at media files, hashes them, cuts them into pieces, makes clean small copies;
            reads a place and a time as a person writes them.
Does not    seal, send or store anything, change a file, or read a clock.
Spec        spec/80-evidence.md
Always      1. A file that changed is never sent as the file that was announced.
            2. A travel copy holds pixels and nothing else.
Read first  media.py, then photo.py.
"""

from __future__ import annotations

from .errors import HINTS, EvidenceError
from .media import KINDS, Kind, MediaFacts, inspect, sniff
from .photo import check_bare, travel_copy
from .place import Place, Precision, place
from .source import SourceFile
from .times import when

__all__ = [
    "HINTS",
    "KINDS",
    "EvidenceError",
    "Kind",
    "MediaFacts",
    "Place",
    "Precision",
    "SourceFile",
    "check_bare",
    "inspect",
    "place",
    "sniff",
    "travel_copy",
    "when",
]
