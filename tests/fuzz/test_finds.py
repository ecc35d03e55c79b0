"""What fuzzing and reading found, kept found: each input once made a parser do what no spec says."""

from __future__ import annotations

import signal

import pytest

from tercet.cli import _listen
from tercet.core.content import MediaRef, Place
from tercet.core.fields import Malformed, decode, encode
from tercet.core.hello import parse_verdict
from tercet.core.knock import parse_knock
from tercet.drop import DropFailure
from tercet.drop.carry import open_drop
from tercet.evidence import EvidenceError, place
from tercet.shell.dialogue import parse_answers, parse_said
from tercet.shell.failures import ShellError
from tercet.vault import DoorError

SPAKE, KEY = bytes(33), bytes(32)


@pytest.mark.parametrize("kind", ["no", "network", "clock", "newcomer"])
def test_a_verdict_with_a_line_end_is_none(kind: str) -> None:
    assert parse_verdict(encode((1, kind))).kind == kind
    with pytest.raises(Malformed):
        parse_verdict(encode((1, kind + "\n")))


@pytest.mark.parametrize(("kind", "code"), [("offer\n", ""), ("refusal", "code_wrong\n"), ("offer", "\n")])
def test_a_knock_with_a_line_end_is_none(kind: str, code: str) -> None:
    with pytest.raises(Malformed):
        parse_knock(encode((1, kind, SPAKE, b"", code)))


def test_a_district_with_a_line_end_cannot_smuggle_coordinates() -> None:
    with pytest.raises(Malformed):
        decode(encode(("district\n", 3_351_000, 3_629_000, "x")), Place)


def test_a_file_ending_has_no_line_end() -> None:
    assert decode(encode(("photo", "jpg", KEY, 1, KEY)), MediaRef).form == "jpg"
    with pytest.raises(Malformed):
        decode(encode(("photo", "jpg\n", KEY, 1, KEY)), MediaRef)


@pytest.mark.parametrize("port", ["\u00b2", "\u0663", "1" * 5_000, "65536", "1\n"])
def test_a_port_is_at_most_five_plain_digits(port: str) -> None:
    with pytest.raises(ShellError, match="bad_listen"):
        _listen(f"host:{port}")


@pytest.mark.parametrize("text", ["]:2", "[]:443", ":443"])
def test_brackets_alone_are_no_host(text: str) -> None:
    with pytest.raises(ShellError, match="bad_listen"):
        _listen(text)


def test_a_folder_name_that_no_disk_takes_is_no_folder() -> None:
    with pytest.raises(DropFailure) as failure:
        open_drop("a" * 5_000)
    assert failure.value.code == "no_store"


def test_long_gaps_in_a_place_cost_next_to_nothing() -> None:
    def over(_: int, __: object) -> None:
        raise AssertionError("more than five seconds of work")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, 5.0)  # of this process's own work
    try:
        with pytest.raises(EvidenceError, match="bad_place"):
            place("1" + " " * 140 + "1" + " " * 140 + "\x01", "exact")
        assert place("33.51" + " " * 140 + "," + " " * 140 + "36.29", "exact").latitude == 3_351_000
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_an_answer_is_text_that_can_be_stored() -> None:
    with pytest.raises(ShellError, match="bad_answers"):
        parse_answers('{"passphrase":"\\ud800"}')


@pytest.mark.parametrize(
    "message",
    [
        {"failed": "cell_full", "hint": "x", "status": "three"},
        {"tell": "letter_came", "facts": None},
        {"tell": "letter_came", "facts": {"what": "x"}},
        {"tell": "letter_came", "facts": {"name": b"\xff"}},
        {"ask": 1},
        {"result": None},
        {"something": "else"},
    ],
)
def test_a_far_side_that_says_something_odd_is_malformed(message: dict[str, object]) -> None:
    with pytest.raises(DoorError, match="door_malformed"):
        parse_said(message)
