"""How the notebook refuses: one sentence and a stable code.

Does        names every refusal, those of whoever opens the notebook too.
Does not    say a word of anything but a notebook.
Spec        spec/74-notebook.md, 5
Always      1. A code never changes its meaning.  2. Nothing that was written stands in a code or a hint.
Read first  HINTS.
"""

from __future__ import annotations

HINTS = {
    "full": "The notebook is full: delete something first.",
    "list_long": "A list has at most 200 things: begin another one.",
    "no_such_number": "Nothing has that number: type list to see the numbers.",
    "no_such_thing": "The list has no such thing: type show and its number to see them.",
    "not_a_list": "That is a note: only a list has things to tick or take out.",
    "nothing_deleted": "Nothing was deleted since you began.",
    "text_long": "This is too long: a note has at most 60,000 characters, a thing of a list 400.",
    "text_odd": "There are characters here that cannot be kept: type it again.",
    "title_long": "A title is one line of at most 120 characters: shorten it.",
    "title_missing": "A title is needed: type it behind the command.",
    "unknown_command": "There is no such command: type help to see them all.",
    "unreadable": "The notebook was written by a newer version of this program.",
    "closed_elsewhere": "The notebook was closed meanwhile: open it again; what was saved is there.",
    "in_use": "The notebook is open already: go on there, or close it first.",
    "no_notebook": "There is no notebook here: check the name of the file.",
    "not_saved": "The notebook could not be read or written: check the disk.",
    "version_differs": "Two versions of this program are at work: close both and start again.",
    "wrong_passphrase": "This passphrase does not open it: check the spelling.",
    "unforeseen": "Something failed that nobody foresaw; what was saved is safe.",
}


class NotebookError(Exception):
    """The notebook cannot do what it was asked, and nothing has changed; `code` is a key of `HINTS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]
