"""Failures as people and programs see them: one sentence, a stable code, an exit status.

Does        turns the errors of all rooms into one shape.
Does not    show anything secret: errors never carry it.
Spec        spec/72-dialogue.md, 5 and 6
Always      1. A code and an exit status never change their meaning.
Read first  Failure, failure_of().
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.drop import DropFailure
from tercet.evidence import EvidenceError
from tercet.sealing import UnknownWord
from tercet.shell.text import listed
from tercet.vault import DoorError, VaultError

STATUS_UNFORESEEN = 1
STATUS_USAGE = 2
STATUS_REFUSED = 3
STATUS_VAULT = 4
STATUS_DROP = 5
STATUS_FILE = 6
STATUS_HERE = 7
STATUS_STOPPED = 130


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


class NoSuchReport(ShellError):
    """No report at the desk has one of these numbers: the sentence says which."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__("no_such_report")
        self.hint = self.hint.replace("report with that number", f"report {listed(sorted(numbers), 'or')}")


HINTS = {
    "already_founded": "There is a desk in this folder already: use it, or choose another folder.",
    "bad_answers": "The answers must come as JSON objects, one a line, with text in each field.",
    "bad_folder": "This folder cannot be made or written: check the path, the disk and its permissions.",
    "bad_listen": "Give the place to listen at as HOST:PORT, such as 127.0.0.1:7443.",
    "bad_picture": "This is no picture that can be read: give a PNG or JPEG file of the other screen.",
    "bad_request": "The two programs do not understand each other: use the same version on both sides.",
    "bad_size": "A vault has 16 to 1024 MiB: choose a size between.",
    "bad_state": "This vault was written by another version of Tercet: open it with that version.",
    "bad_usage": "The command line is not right: type the command with --help to see what it takes.",
    "burn_unsure": "Nothing was begun: the second time you typed another word for them than the first.",
    "codes_many": "This would take more than 32 codes: allow more bytes a code.",
    "conversation_over": "The conversation on this report ended 30 days after its last word: it can only be read now.",
    "file_there": "There is a file of this name already: choose another name, so that nothing is lost.",
    "listen_failed": "This place to listen at is taken or not this machine's: choose another port or host.",
    "lock_failed": "The locked process did not start: the device is closed and does not beat; run it again.",
    "no_answer": "An answer is missing: run this in a terminal, or give it with --answers.",
    "no_code": "No whole message was found in these pictures: take every code once more, larger and sharper.",
    "no_desk": "There is no desk here yet: found one with `tercet desk init`, or name its folder with --dir.",
    "no_such_report": "There is no report with that number: look at the list with `tercet desk inbox`.",
    "no_vault": "There is no vault here: make one with `tercet member init`, or name it with --vault.",
    "no_weekly": "There are no weekly secrets: draw one first with --weekly, or nobody could post here any more.",
    "not_posted": "Nothing was posted: no member will read it.",
    "not_signed": "Nothing was signed: talk it over with the others, then begin again.",
    "not_wanted": "Nothing was sent and nothing has changed: what waits goes under cover, with the beats.",
    "one_report": "An event is of several reports: name the others too, or say --apart if it was marked wrongly.",
    "paper_differs": "These are not the words shown, so there is no key: throw the paper away and begin again.",
    "paper_other": "This paper is none of those that may sign this root: look for the right one.",
    "paper_wrong": "These are not the thirteen words of a key: read them from the paper once more.",
    "passphrase_weak": "This passphrase is too easy to guess: take one drawn by chance, such as the five words shown.",
    "passphrases_alike": "The two passphrases are too much alike: whoever has one would guess the other.",
    "passphrases_differ": "The two entries differ: type the passphrase again.",
    "picture_large": "This picture is too large to read: take it with fewer pixels.",
    "relay_unlisted": "This relay is not on the desk's list: name one that `tercet desk status` shows, or change the "
    "list first with `tercet desk relays`.",
    "root_file": "This is no file of the ceremony, or not of this kind: ask for it to be sent again.",
    "root_five": "A root needs five keys, of two founders, a desk and two guardians: give each file once.",
    "root_unlike": "These files are not of one root: give only those that came from one draft.",
    "root_words": "The first root is known by eight words, or by 64 digits: copy them from where they were printed.",
    "scene_failed": "The scene did not come true: the last step shown is where it stopped.",
    "second_not_understood": "No vault was made: have the second passphrase explained to you, then begin again.",
    "text_file": "This file cannot be read as text: give a short one in UTF-8.",
    "unforeseen": "Something failed that nobody foresaw; what was saved is safe: tell the makers what you did.",
    "voice_file": "This is no statement file, or a damaged one: ask for it to be sent again.",
    "voice_unlike": "These files are not of one statement: give only those that came from one draft.",
}


def failure_of(error: BaseException) -> Failure:
    """What an error means to its owner; `unforeseen`, without a word of the error's own, if nobody foresaw it."""
    if isinstance(error, Malformed):
        return Failure("bad_state", HINTS["bad_state"], STATUS_HERE)
    code, hint = getattr(error, "code", None), getattr(error, "hint", None)
    if not isinstance(code, str) or not isinstance(hint, str):
        return Failure("unforeseen", HINTS["unforeseen"], STATUS_UNFORESEEN)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return Failure(code, hint, status)
    return Failure(code, hint, STATUS_FILE)


_STATUSES: tuple[tuple[type[BaseException], int], ...] = (
    (Refusal, STATUS_REFUSED),
    (UnknownWord, STATUS_REFUSED),
    (VaultError, STATUS_VAULT),
    (DropFailure, STATUS_DROP),
    (EvidenceError, STATUS_FILE),
    (DoorError, STATUS_HERE),
    (ShellError, STATUS_HERE),
)  # what is not listed and yet has a code and a hint comes from a desk's archive or its exports: STATUS_FILE
