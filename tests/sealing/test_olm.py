"""The ratchet."""

from __future__ import annotations

from typing import Any

import pytest

from tercet import sealing
from tests.sealing.cases import bad_cases, cases, unhex


def _pair() -> tuple[bytes, bytes]:
    """Two sessions, each of which has heard the other."""
    ours, theirs = sealing.olm_account(), sealing.olm_account()
    a = sealing.olm_outbound(ours.pickle, theirs.identity, theirs.one_time)
    a, first = sealing.olm_encrypt(a, b"hello")
    b, _ = sealing.olm_inbound(theirs.pickle, ours.identity, first)
    b, answer = sealing.olm_encrypt(b, b"hello back")
    a, _ = sealing.olm_decrypt(a, answer)
    return a, b


@pytest.mark.parametrize("case", cases("olm"))
def test_a_recorded_session_still_opens(case: dict[str, Any]) -> None:
    v, expected = unhex(case["input"]), unhex(case["expected"])
    _, first = sealing.olm_inbound(v["account_b"], v["identity_a"], v["first"])
    _, answer = sealing.olm_decrypt(v["session_a"], v["answer"])
    _, second = sealing.olm_decrypt(v["session_b"], v["second"])
    assert (first, answer, second) == (expected["first"], expected["answer"], expected["second"])


@pytest.mark.parametrize("case", bad_cases("olm-first"))
def test_a_bad_first_message_fails_in_one_way(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.olm_inbound(v["account"], v["identity"], v["message"])
    assert failure.value.code == case["fails"]


@pytest.mark.parametrize("case", bad_cases("olm-letter"))
def test_a_bad_letter_fails_in_one_way(case: dict[str, Any]) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.olm_decrypt(v["session"], v["message"])
    assert failure.value.code == case["fails"]


def test_letters_go_both_ways_and_out_of_order() -> None:
    a, b = _pair()
    sent = []
    for number in range(5):
        a, message = sealing.olm_encrypt(a, b"letter %d" % number)
        sent.append(message)
    for number in (4, 0, 2, 1, 3):
        b, plaintext = sealing.olm_decrypt(b, sent[number])
        assert plaintext == b"letter %d" % number
    b, message = sealing.olm_encrypt(b, b"all here")
    assert sealing.olm_decrypt(a, message)[1] == b"all here"


def test_a_letter_opens_once() -> None:
    a, b = _pair()
    _, message = sealing.olm_encrypt(a, b"once")
    b, _ = sealing.olm_decrypt(b, message)
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_decrypt(b, message)


def test_a_failed_decrypt_changes_nothing() -> None:
    a, b = _pair()
    _, message = sealing.olm_encrypt(a, b"after the forgery")
    before = bytes(b)
    for bad in (b"", b"\x01", message[:-1], message[:-1] + bytes((message[-1] ^ 1,)), b"\x00" + message[1:]):
        with pytest.raises(sealing.CannotOpen):
            sealing.olm_decrypt(b, bad)
    assert b == before
    assert sealing.olm_decrypt(b, message)[1] == b"after the forgery"


def test_one_state_used_twice_uses_one_key_twice() -> None:
    """Why state is saved before a message leaves: an old state is dangerous."""
    a, _ = _pair()
    a, _ = sealing.olm_encrypt(a, b"the first after an answer draws a fresh key")
    assert sealing.olm_encrypt(a, b"same")[1] == sealing.olm_encrypt(a, b"same")[1]


def test_a_first_message_is_bound_to_its_sender() -> None:
    ours, theirs, other = sealing.olm_account(), sealing.olm_account(), sealing.olm_account()
    session = sealing.olm_outbound(ours.pickle, theirs.identity, theirs.one_time)
    _, first = sealing.olm_encrypt(session, b"hello")
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_inbound(theirs.pickle, other.identity, first)
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_inbound(other.pickle, ours.identity, first)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)])
def test_keys_of_another_length_or_small_order_are_refused(key: bytes) -> None:
    ours, theirs = sealing.olm_account(), sealing.olm_account()
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_outbound(ours.pickle, key, theirs.one_time)
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_outbound(ours.pickle, theirs.identity, key)


def test_a_full_letter_with_its_kind_fits_a_frame_and_one_byte_more_may_not() -> None:
    a, b = _pair()
    a, message = sealing.olm_encrypt(a, bytes(sealing.OLM_CONTENT))
    assert message[0] == 1
    assert 1 + len(message) <= sealing.FRAME_CONTENT
    assert 1 + len(sealing.olm_encrypt(a, bytes(sealing.OLM_CONTENT + 1))[1]) > sealing.FRAME_CONTENT
    # the number of a letter in its chain takes up to five bytes: four more than here
    assert 1 + len(message) + 4 <= sealing.FRAME_CONTENT


def test_a_full_first_letter_with_its_kind_fits_a_frame_and_one_byte_more_may_not() -> None:
    ours, theirs = sealing.olm_account(), sealing.olm_account()
    session = sealing.olm_outbound(ours.pickle, theirs.identity, theirs.one_time)
    _, message = sealing.olm_encrypt(session, bytes(sealing.OLM_FIRST_CONTENT))
    assert message[0] == 0
    assert 1 + len(message) + 4 <= sealing.FRAME_CONTENT
    longer = sealing.olm_encrypt(session, bytes(sealing.OLM_FIRST_CONTENT + 1))[1]
    assert 1 + len(longer) > sealing.FRAME_CONTENT


def test_a_late_letter_of_a_long_chain_still_fits() -> None:
    a, _ = _pair()
    for _ in range(200):
        a, message = sealing.olm_encrypt(a, b"")
    a, message = sealing.olm_encrypt(a, bytes(sealing.OLM_CONTENT))
    assert 1 + len(message) <= sealing.FRAME_CONTENT


def test_forty_letters_may_be_skipped_and_the_forty_first_loses_the_oldest() -> None:
    """Why an empty letter never moves the ratchet, and content is sealed afresh."""
    a, b = _pair()
    sent = []
    for _ in range(42):
        a, message = sealing.olm_encrypt(a, b"letter")
        sent.append(message)
    late, _ = sealing.olm_decrypt(b, sent[41])
    with pytest.raises(sealing.CannotOpen):
        sealing.olm_decrypt(late, sent[0])
    assert sealing.olm_decrypt(late, sent[1])[1] == b"letter"


def test_a_pickle_that_is_none_is_refused() -> None:
    ours = sealing.olm_account()
    for bad in (b"", b"\0", ours.pickle[:-1], ours.identity):
        with pytest.raises(sealing.CannotOpen):
            sealing.olm_encrypt(bad, b"")
        with pytest.raises(sealing.CannotOpen):
            sealing.olm_outbound(bad, ours.identity, ours.one_time)
