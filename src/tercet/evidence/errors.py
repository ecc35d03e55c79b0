"""What can be wrong with evidence: a stable code for programs, a sentence for a person.

Does        names every reason for which this room refuses.
Does not    carry a path, a place, a time or anything else that a person typed.
Spec        spec/80-evidence.md, 7
Always      1. A code never changes its meaning.  2. Each hint says what to do next.
Read first  HINTS.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

HINTS: Final = MappingProxyType(
    {
        "bad_place": "Write latitude (-90 to 90) and longitude (-180 to 180), such as 33.51, 36.29, "
        "or a district's name alone.",
        "bad_time": "Write a time that has passed, such as 14:30, yesterday 14:30 or 2026-11-20 14:30.",
        "copy_not_clean": "A clean small copy could not be made: send the photo without one, and tell your link.",
        "file_changed": "The file changed since it was first read: leave it alone and attach it again.",
        "file_empty": "The file is empty: choose another one.",
        "file_missing": "There is no file with this name: check the name, or put the card back in.",
        "file_unreadable": "The file cannot be read: choose an ordinary file that you may open.",
        "not_a_photo": "The file does not open as a photo: copy it from the camera again, or choose another one.",
        "not_a_sound": "The file is not a sound recording of a known kind: choose another one.",
        "not_a_video": "The file is not a video of a known kind: choose another one.",
        "photo_too_large": "The photo has too many pixels for this device: save a smaller copy and attach that.",
        "place_precision": "Two numbers need precision exact, 1km or 10km, and a name precision district or exact.",
    }
)


class EvidenceError(Exception):
    """A file, a place or a time that cannot be used; nothing was changed.

    Attributes:
        code: stable name of the reason, a key of `HINTS`.
        hint: one sentence for a person, saying what to do.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]
