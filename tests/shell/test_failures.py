"""Failures: each has a code, a sentence and an exit status, and shows nothing of its own."""

from __future__ import annotations

import pytest

from tercet.core.errors import Refusal
from tercet.core.fields import Malformed
from tercet.desk.records import ArchiveError
from tercet.drop import DropFailure
from tercet.evidence import EvidenceError
from tercet.sealing import UnknownWord, normal_words
from tercet.shell import failures
from tercet.shell.failures import HINTS, ShellError, failure_of
from tercet.vault import DoorError, VaultError


def unknown_word() -> UnknownWord:
    try:
        normal_words("xyzzy")
    except UnknownWord as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refusal("no_card"), failures.STATUS_REFUSED),
        (unknown_word(), failures.STATUS_REFUSED),
        (VaultError("vault_full"), failures.STATUS_VAULT),
        (DropFailure("relay_lied", "The relay lied."), failures.STATUS_DROP),
        (EvidenceError("file_changed"), failures.STATUS_FILE),
        (ArchiveError("archive_disk"), failures.STATUS_FILE),
        (DoorError("door_closed"), failures.STATUS_HERE),
        (Malformed(), failures.STATUS_HERE),
        *((ShellError(code), failures.STATUS_HERE) for code in HINTS),
    ],
)
def test_every_error_of_a_room_keeps_its_code_and_sentence(error: Exception, status: int) -> None:
    failure = failure_of(error)
    assert failure.status == status
    assert failure.code == getattr(error, "code", "bad_state")
    assert failure.hint == getattr(error, "hint", HINTS["bad_state"])
    assert failure.hint.endswith(".")


@pytest.mark.parametrize("error", [ValueError("a secret"), KeyError("a secret"), OSError(13, "a secret", "/a/path")])
def test_what_nobody_foresaw_shows_nothing_of_its_own_words(error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.status) == ("unforeseen", 1)
    assert "secret" not in failure.hint


def test_what_opens_the_notebook_is_not_told_from_what_has_nothing() -> None:
    assert not [code for code in HINTS if "notebook" in code or "side" in code or "duress" in code]
