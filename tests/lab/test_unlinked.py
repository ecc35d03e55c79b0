"""The game of who sent which: whoever has the desk, the board and every link wins it only if a token is not blinded."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from tercet.core import tokens
from tercet.lab import Plan, unlinked
from tercet.lab.unlinked import LIMIT, Listening, Sent, encoded, play, recognised
from tercet.sealing import blind, blind_sign, unblind

from ..core.stage import PRIVATE

SMALL = Plan(
    members=8, days=6, seed=5, reports=1.5, letters=0.0, looks=1.0, replies=0.0, pace=3_600, loss=0.0, duplicates=0.0,
    crash_every=1e6, naps=0.0, away=0.0, skewed=0.0, outage_every=1e6, sticks=0.0, relays=1, founding=1,
)  # fmt: skip
LARGE = Plan(
    members=50, days=36, seed=5, reports=1.1, letters=0.0, looks=0.5, replies=0.0, pace=7_200, loss=0.0, duplicates=0.0,
    crash_every=1e6, naps=0.0, away=0.0, skewed=0.0, outage_every=1e6, sticks=0.0, relays=1, founding=1,
)  # fmt: skip


def listened(plan: Plan) -> Listening:
    world = Listening(plan)
    world.token_keys = PRIVATE
    world.live()
    return world


@cache
def small() -> Listening:
    return listened(SMALL)


def held(world: Listening) -> None:
    """No way of guessing does better than chance, and no token fits a request by a small factor."""
    for score in play(world.asked, world.sent, 1):
        assert score.deviations < LIMIT, score
    assert recognised(world.asked, world.sent, world.moduli) == []


def test_with_the_desk_the_board_and_every_link_nobody_tells_who_sent_which() -> None:
    world = small()
    assert len(world.sent) > 30
    assert len({one.member for one in world.asked}) == SMALL.members
    held(world)


@pytest.mark.full
def test_nobody_tells_fifty_members_and_a_thousand_reports_apart() -> None:
    world = listened(LARGE)
    assert len({one.member for one in world.asked}) == LARGE.members
    assert len(world.sent) >= 1_000
    held(world)


def test_each_token_fits_each_request_of_its_week() -> None:
    """What makes blindness unconditional: whoever has the private key finds a factor for every pair."""
    world = small()
    p, q = (int.from_bytes(PRIVATE[at : at + 128], "big") for at in (0, 128))
    modulus, private = p * q, pow(65_537, -1, (p - 1) * (q - 1))
    for one in world.sent[:4]:
        for asked in [a for a in world.asked if a.week == one.week][:6]:
            part = int.from_bytes(asked.blinded[0], "big")
            factor = pow(part * pow(encoded(one, modulus), -1, modulus), private, modulus)
            assert 1 < factor < modulus
            assert encoded(one, modulus) * pow(factor, 65_537, modulus) % modulus == part


def test_a_token_that_was_not_blinded_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    known = small()
    seeds: list[bytes] = []

    def chance(seed: bytes, place: int) -> tuple[bytes, bytes, bytes]:
        prefix, salt, entropy = fair(seed, place)
        seeds.append(seed)
        return prefix, salt, bytes(271) + b"\x01" if seed == seeds[0] else entropy

    fair = tokens._chance
    monkeypatch.setattr(tokens, "_chance", chance)
    world = listened(SMALL)
    found = recognised(world.asked, world.sent, world.moduli)
    assert found
    assert {one.member for one, _ in found} == {asked.member for _, asked in found}
    assert len({asked.permit for _, asked in found}) == 1
    assert known is not world


def test_one_token_alone_that_was_not_blinded_is_recognised() -> None:
    world = small()
    last = world.asked[-1]
    keys = next(k for k in world.machines[0].device.board.tokens if k.week == last.week)
    said = tokens.message(tokens.TokenKind.REPORT, last.week, bytes(32))
    for factor, count in ((1, 1), (2**200, 0)):
        entropy = factor.to_bytes(272, "big")
        part = blind(keys.report, said, bytes(48), entropy)
        signed = blind_sign(PRIVATE[:256], part, bytes(271) + b"\x07")
        token = bytes(32) + unblind(keys.report, said, signed, entropy)
        planted = [*world.asked[:-1], replace(last, blinded=(part, *last.blinded[1:]))]
        found = recognised(planted, [*world.sent, Sent(last.member, last.week, token)], world.moduli)
        assert [asked.permit for _, asked in found] == [last.permit] * count


def test_a_way_of_guessing_that_knows_is_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small()
    monkeypatch.setattr(
        unlinked, "WAYS", {"knowing": lambda asked, sent, place, of: [a.member for a in asked].index(sent.member)}
    )
    assert all(score.deviations > LIMIT for score in play(world.asked, world.sent, 1))
