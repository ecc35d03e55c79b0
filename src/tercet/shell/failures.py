"""Failures as people and programs see them: one sentence, a stable code, an exit status.

Does        turns the errors of all rooms into one shape.
Does not    show anything secret: errors never carry it.
Spec        spec/01-errors.md
Always      1. A code and an exit status never change their meaning.
Read first  Failure, failure_of().
"""

from __future__ import annotations

from typing import NamedTuple

from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.drop import DropFailure
from tercet.evidence import EvidenceError
from tercet.sealing import UnknownWord
from tercet.vault import DoorError, VaultError

STATUS_USAGE = 2
STATUS_REFUSED = 3
STATUS_VAULT = 4
STATUS_DROP = 5
STATUS_FILE = 6
STATUS_HERE = 7


class Failure(NamedTuple):
    """What went wrong.

    Attributes:
        code: stable name.
        hint: one sentence saying what to do.
        status: exit status of a command.
    """

    code: str
    hint: str
    status: int


class ShellError(Exception):
    """A shell cannot do what it was asked; `code` is a key of `HINTS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]


HINTS = {
    "already_founded": "There is a desk in this folder already: use it, or choose another folder.",
    "bad_answers": "The answers must come as JSON objects, one a line, with text in each field.",
    "bad_listen": "Give the place to listen at as HOST:PORT, such as 127.0.0.1:7443.",
    "bad_state": "This vault was written by another version of Tercet: open it with that version.",
    "no_desk": "There is no desk here yet: found one with `tercet desk init`.",
    "no_such_report": "There is no report with that number: look at the list with `tercet desk inbox`.",
    "no_answer": "An answer is missing: run this in a terminal, or give it with --answers.",
    "no_vault": "There is no vault here: make one with `tercet member init`, or name it with --vault.",
    "not_a_photo_run": "The scene needs a photo: name another file, or leave --photo away.",
    "notebook_side": "Nothing of that kind is here.",
    "passphrases_differ": "The two entries differ: type the passphrase again.",
    "passphrase_short": "A passphrase needs at least twelve characters: five unrelated words are good.",
    "scene_failed": "The scene did not come true: the last step shown is where it stopped.",
}


def failure_of(error: BaseException) -> Failure | None:
    """What an error means to its owner; none for one that nobody foresaw."""
    statuses: tuple[tuple[type[BaseException], int], ...] = (
        (Refusal, STATUS_REFUSED),
        (UnknownWord, STATUS_REFUSED),
        (VaultError, STATUS_VAULT),
        (DropFailure, STATUS_DROP),
        (EvidenceError, STATUS_FILE),
        (DoorError, STATUS_HERE),
        (ShellError, STATUS_HERE),
    )
    for kind, status in statuses:
        if isinstance(error, kind):
            return Failure(str(getattr(error, "code", "")), str(getattr(error, "hint", "")), status)
    if isinstance(error, Malformed):
        return Failure("bad_state", HINTS["bad_state"], STATUS_HERE)
    return None
