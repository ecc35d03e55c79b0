"""Blind signatures: the published vector, our own, and each check once with what it must refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tercet import sealing
from tercet.sealing import blinding
from tests.sealing.cases import VECTORS, bad_cases, cases, hold_vectors, unhex

Case = dict[str, Any]
TESTS = "\n".join(
    path.read_text() for path in (Path(__file__), *(Path(__file__).parents[1] / "core").glob("test_tokens*.py"))
)


def test_every_vector_has_its_form_and_its_reader() -> None:
    hold_vectors("tokens", TESTS)


@pytest.mark.parametrize("case", cases("blind", "tokens"))
def test_blinding_signing_and_unblinding_are_the_rfcs(case: Case) -> None:
    v, expected = unhex(case["input"]), unhex(case["expected"])
    public = sealing.blind_public(v["private"])
    assert public == expected["public"]
    assert sealing.blind(public, v["message"], v["salt"], v["entropy"]) == expected["blinded"]
    signed = sealing.blind_sign(v["private"], expected["blinded"], v["cover"])
    assert signed == expected["signed"]
    assert sealing.unblind(public, v["message"], signed, v["entropy"]) == expected["signature"]
    sealing.verify_blind(public, v["message"], expected["signature"])


def test_the_first_vector_is_the_rfcs_own() -> None:
    assert "RFC 9474, appendix A.1" in (VECTORS / "tokens" / "blind-1.json").read_text()


@pytest.mark.parametrize("case", bad_cases("public", "tokens"))
def test_what_is_no_public_key_blinds_unblinds_and_verifies_nothing(case: Case) -> None:
    v = unhex(case["input"])
    for use in (
        lambda: sealing.blind(v["public"], v["message"], v["salt"], v["entropy"]),
        lambda: sealing.unblind(v["public"], v["message"], bytes(len(v["public"])), v["entropy"]),
        lambda: sealing.verify_blind(v["public"], v["message"], bytes(len(v["public"]))),
    ):
        with pytest.raises(sealing.CannotOpen) as failure:
            use()
        assert failure.value.code == case["fails"]


@pytest.mark.parametrize("case", bad_cases("sign", "tokens"))
def test_what_cannot_be_signed_is_not(case: Case) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.blind_sign(v["private"], v["blinded"], v["cover"])
    assert failure.value.code == case["fails"]


@pytest.mark.parametrize("case", bad_cases("unblind", "tokens"))
def test_nothing_comes_of_a_wrong_blind_signature(case: Case) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.unblind(v["public"], v["message"], v["signed"], v["entropy"])
    assert failure.value.code == case["fails"]


@pytest.mark.parametrize("case", bad_cases("verify", "tokens"))
def test_a_wrong_signature_raises(case: Case) -> None:
    v = unhex(case["input"])
    with pytest.raises(sealing.CannotOpen) as failure:
        sealing.verify_blind(v["public"], v["message"], v["signature"])
    assert failure.value.code == case["fails"]


GIVEN = unhex(cases("blind", "tokens")[1].values[0]["input"])
PUBLIC = sealing.blind_public(GIVEN["private"])


def test_the_signature_does_not_hang_on_what_covers_the_private_key() -> None:
    blinded = sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], GIVEN["entropy"])
    signed = {sealing.blind_sign(GIVEN["private"], blinded, bytes(271) + bytes([cover])) for cover in (1, 2, 255)}
    assert len(signed) == 1


def test_the_private_key_meets_a_covered_number_only(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[int] = []
    power = blinding._power
    monkeypatch.setattr(blinding, "_power", lambda number, p, q: met.append(number) or power(number, p, q))
    blinded = sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], GIVEN["entropy"])
    for cover in (GIVEN["cover"], GIVEN["entropy"]):
        sealing.blind_sign(GIVEN["private"], blinded, cover)
    assert len({*met, int.from_bytes(blinded, "big")}) == 3


def test_a_fault_by_one_prime_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two signatures that differ by one prime alone give the key away."""
    power = blinding._power
    monkeypatch.setattr(blinding, "_power", lambda number, p, q: (power(number, p, q) + q) % (p * q))
    blinded = sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], GIVEN["entropy"])
    with pytest.raises(sealing.CannotOpen):
        sealing.blind_sign(GIVEN["private"], blinded, GIVEN["cover"])


def test_two_blindings_of_one_message_have_nothing_in_common() -> None:
    first = sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], GIVEN["entropy"])
    second = sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], GIVEN["cover"])
    assert sum((a ^ b).bit_count() for a, b in zip(first, second, strict=True)) > 700


@pytest.mark.parametrize("entropy", [bytes(272), bytes(16) + PUBLIC])
def test_a_factor_is_none_of_chance_that_gives_none(entropy: bytes) -> None:
    with pytest.raises(sealing.CannotOpen):
        sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], entropy)
    for use in (
        lambda: sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"], entropy[1:]),
        lambda: sealing.blind_sign(GIVEN["private"], bytes(256), entropy[1:]),
        lambda: sealing.unblind(PUBLIC, GIVEN["message"], bytes(256), entropy[1:]),
    ):
        with pytest.raises(ValueError):
            use()


def test_a_modulus_with_a_small_factor_is_refused_and_is_no_bug() -> None:
    public = (int.from_bytes(b"\xff" * 256, "big") // 3 // 2 * 2 * 3 - 3).to_bytes(256, "big")
    assert int.from_bytes(public, "big") % 6 == 3
    with pytest.raises(sealing.CannotOpen):
        sealing.blind(public, GIVEN["message"], GIVEN["salt"], bytes(271) + b"\x03")


def test_a_salt_has_48_bytes() -> None:
    with pytest.raises(ValueError):
        sealing.blind(PUBLIC, GIVEN["message"], GIVEN["salt"][1:], GIVEN["entropy"])


def test_a_fresh_key_signs() -> None:
    private = sealing.blind_key()
    public = sealing.blind_public(private)
    assert (len(private), len(public)) == (256, sealing.BLIND_PUBLIC)
    blinded = sealing.blind(public, GIVEN["message"], GIVEN["salt"], GIVEN["entropy"])
    signed = sealing.blind_sign(private, blinded, GIVEN["cover"])
    sealing.verify_blind(public, GIVEN["message"], sealing.unblind(public, GIVEN["message"], signed, GIVEN["entropy"]))
