"""The two ways in which sealing fails.

Does        names the failures that a caller can meet.
Does not    say why something did not open: a captor could tell the reasons apart.
Spec        spec/20-sealing.md, 2
Always      1. CannotOpen has one text.  2. No error holds a secret or a word that was typed.
Read first  CannotOpen.
"""

from __future__ import annotations


class CannotOpen(Exception):
    """Something did not open or verify. There is one such failure, with one text, whatever the cause.

    Source: spec/20-sealing.md, 2.
    """

    code = "cannot_open"
    hint = "This does not open with this key: ask for it to be sent again."

    def __init__(self) -> None:
        super().__init__(self.hint)


class UnknownWord(Exception):
    """A typed word is not on the list of words.

    Source: spec/20-sealing.md, 9.
    """

    code = "unknown_word"

    def __init__(self, position: int) -> None:
        """Name the word by its place.

        Args:
            position: 1 for the first word typed.
        """
        self.position = position
        self.hint = f"Word {position} is not on the list: say or type that word again."
        super().__init__(self.hint)
