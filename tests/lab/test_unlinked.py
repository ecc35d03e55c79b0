"""The game of who sent which: whoever has the desk, the board and every link wins it only if a core leaks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tercet.core import minting, permits, redeeming, sending, tokens
from tercet.core.conversation import request
from tercet.core.device import Device
from tercet.core.permits import Asking
from tercet.core.report import Report
from tercet.core.turn import Turn
from tercet.lab import Plan
from tercet.lab.chance import Stream
from tercet.lab.guessing import (
    LIMIT,
    PAIRS_MOST,
    SHUFFLES,
    SMALL_FACTORS,
    WAYS,
    Guess,
    Score,
    encoded,
    play,
    recognised,
    tied,
)
from tercet.lab.unlinked import Asked, Listening, Seen, Sent
from tercet.sealing import KEY, blind, blind_sign, digest, unblind

from ..core.stage import PRIVATE

pytestmark = pytest.mark.full  # each looks into whole worlds

SPEC = (Path(__file__).parents[2] / "spec" / "51-tokens.md").read_text()
SMALL = Plan(
    members=8, days=6, seed=5, reports=1.5, letters=0.0, looks=1.0, replies=0.0, pace=3_600, loss=0.0, duplicates=0.0,
    crash_every=1e6, naps=0.0, away=0.0, skewed=0.0, outage_every=1e6, sticks=0.0, relays=1, founding=1, shards=4,
)  # fmt: skip
LARGE = Plan(
    members=50, days=26, seed=5, reports=2.2, letters=0.0, looks=0.5, replies=0.0, pace=7_200, loss=0.0, duplicates=0.0,
    crash_every=1e6, naps=0.0, away=0.0, skewed=0.0, outage_every=1e6, sticks=0.0, relays=1, founding=1,
)  # fmt: skip
P, Q = (int.from_bytes(PRIVATE[at : at + 128], "big") for at in (0, 128))
MODULUS, SIGNING = P * Q, pow(65_537, -1, (P - 1) * (Q - 1))
MODULI = MODULUS, MODULUS


def listened(plan: Plan, law: bool = True) -> Listening:
    world = Listening(plan)
    world.token_keys = PRIVATE
    world.ledger.holds_beats = law
    world.live()
    return world


@cache
def small() -> Listening:
    return listened(SMALL)


def scores_of(world: Listening, ways: dict[str, Guess] | None = None) -> dict[str, Score]:
    return {score.way: score for score in play(world.asked, world.sent, world.moduli, 1, ways)}


def held(world: Listening) -> None:
    """No way of guessing does better or worse than chance, and no token fits a request, or another token."""
    scores = scores_of(world)
    assert {f"sender by {way}" for way in WAYS} <= set(scores)
    for score in scores.values():
        assert abs(score.deviations) < LIMIT, score
    assert recognised(world.asked, world.sent, world.moduli) == []
    assert tied(world.asked, world.sent, world.moduli) == []


def test_with_the_desk_the_board_and_every_link_nobody_tells_who_sent_which() -> None:
    world = small()
    assert len(world.sent) > 30
    assert len({one.member for one in world.asked}) == SMALL.members
    held(world)


def test_nobody_tells_fifty_members_and_a_thousand_reports_apart() -> None:
    world = listened(LARGE)
    assert len({one.member for one in world.asked}) == LARGE.members
    assert len(world.sent) >= 1_000
    held(world)


def test_of_one_day_a_member_sends_one_report_with_a_token_and_a_spare_one_a_week() -> None:
    """What a desk does know: so pairs of one day are left out of the game, and pairs of two witnesses."""
    world = small()
    days = Counter((one.member, one.week, one.day) for one in world.sent)
    spare = Counter((member, week) for (member, week, _), count in days.items() for _ in range(count - 1))
    assert all(count <= 1 for count in spare.values())
    witnesses = Counter((one.member, one.week) for one in world.sent if one.witness)
    assert witnesses
    assert all(count == 1 for count in witnesses.values())


def test_each_token_fits_each_request_of_its_week() -> None:
    """What makes blindness unconditional: whoever has the private key finds a factor for every pair."""
    world = small()
    for one in world.sent[:4]:
        whole = encoded(one.token, MODULUS)
        for asked in [a for a in world.asked if a.week == one.week][:6]:
            part = int.from_bytes(asked.blinded[0], "big")
            factor = pow(part * pow(whole, -1, MODULUS), SIGNING, MODULUS)
            assert 1 < factor < MODULUS
            assert whole * pow(factor, 65_537, MODULUS) % MODULUS == part


def test_the_spec_names_each_way_of_guessing_and_each_number_of_the_game() -> None:
    rows = {name: [line.strip("| ").split(" | ") for line in table(name)] for name in ("ways", "game")}
    assert [row[0] for row in rows["ways"]] == [f"`{way}`" for way in WAYS]
    assert {row[0]: float(row[1]) for row in rows["game"]} == {
        "LIMIT": LIMIT,
        "SMALL_FACTORS": SMALL_FACTORS,
        "PAIRS_MOST": PAIRS_MOST,
        "SHUFFLES": SHUFFLES,
    }


def table(name: str) -> list[str]:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.S)
    assert found
    return found[1].splitlines()[2:]


# ---- cores that leak


class Leaks:
    """Cores with a fault each; each fault is of one device or of all."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.permits: dict[bytes, bytes] = {}
        self.bodies: dict[bytes, bytes] = {}
        self.seeds: list[bytes] = []

    def plant(self, *names: str) -> None:
        for name in names:
            getattr(self, name)()

    def unblinded(self) -> None:
        """The first request of all goes out with the factor 1."""
        self._with_chance(lambda seed, place, drawn: (*drawn[:2], bytes(271) + b"\x01"), 0)

    def one_factor(self) -> None:
        """All tokens of the second request are blinded by one factor."""
        fair = tokens._chance
        self._with_chance(lambda seed, place, drawn: (*drawn[:2], fair(seed, 0)[2]), 1)

    def _with_chance(self, fault, which: int) -> None:  # type: ignore[no-untyped-def]
        fair = tokens._chance

        def chance(seed: bytes, place: int) -> tuple[bytes, bytes, bytes]:
            if seed not in self.seeds:
                self.seeds.append(seed)
            drawn = fair(seed, place)
            return fault(seed, place, drawn) if self.seeds.index(seed) == which else drawn

        self.patch.setattr(tokens, "_chance", chance)

    def prefix(self) -> None:
        """Prefixes come from the permit."""
        fair = tokens._chance

        def asking(week: int, permit: bytes, seed: bytes, pair: bytes) -> Asking:
            self.permits[seed] = permit
            return Asking(week, permit, seed, pair=pair)

        def chance(seed: bytes, place: int) -> tuple[bytes, bytes, bytes]:
            return self.permits[seed][:31] + bytes([place]), *fair(seed, place)[1:]

        self.patch.setattr(redeeming, "Asking", asking)
        self.patch.setattr(tokens, "_chance", chance)

    def box(self) -> None:
        """All that a device sends to intake goes to one place of its own."""
        fair = sending._put_intake

        def put(turn: Turn, *given: object) -> bool:
            chance, own = turn.chance, name_of(turn.device)[:4]
            turn.chance = lambda count: own if count == len(own) else chance(count)
            done = fair(turn, *given)  # type: ignore[arg-type]
            turn.chance = chance
            return done

        self.patch.setattr(sending, "_put_intake", put)

    def time(self) -> None:
        """With each report the last request goes once more."""
        ask, tell = redeeming.content, sending._put_report

        def content(turn: Turn):  # type: ignore[no-untyped-def]
            said = ask(turn)
            if said is not None:
                self.bodies[name_of(turn.device)] = said.letter.body
            return said

        def put(turn: Turn, report: Report, after: float = 0.0) -> None:
            tell(turn, report, after)
            body = self.bodies.get(name_of(turn.device))
            if body:
                sending._put_sealed(turn, request(body, turn.chance(KEY), turn.now, turn.today), 0, after)

        self.patch.setattr(redeeming, "content", content)
        self.patch.setattr(sending, "_put_report", put)

    def witness(self) -> None:
        """The desk gives one member of each week a witness token, and nobody else."""
        given: dict[bytes, bytes] = {}

        def label_of(secret: bytes, permit: bytes) -> str:
            label = permits.label_of(secret, permit)
            return permits.LESSER if label and given.setdefault(secret, permit) != permit else label

        self.patch.setattr(minting, "label_of", label_of)


def name_of(device: Device) -> bytes:
    """What tells a device from others."""
    return digest(b"".join(sorted(r.id for r in device.relations)))


def test_a_core_that_leaks_is_found_by_the_way_that_looks_there(monkeypatch: pytest.MonkeyPatch) -> None:
    Leaks(monkeypatch).plant("prefix", "box", "time", "unblinded", "one_factor")
    world = listened(SMALL, law=False)
    scores = scores_of(world)
    for way in ("permit", "box", "time"):
        for what in (f"sender by {way}", f"pairs by {way}"):
            assert scores[what].deviations > LIMIT, scores[what]
    found = recognised(world.asked, world.sent, world.moduli)
    assert {one.member for one, _ in found} == {asked.member for _, asked in found} == {world.asked[0].member}
    pairs = tied(world.asked, world.sent, world.moduli)
    assert world.asked[1].member in {asked.member for _, _, asked in pairs}
    assert all(one.member == other.member == asked.member for one, other, asked in pairs)


@pytest.mark.parametrize(("leak", "days"), [("prefix", 6), ("box", 6), ("time", 6), ("witness", 27)])
def test_one_leak_is_found_by_its_own_way_and_by_no_other(
    leak: str, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Leaks(monkeypatch).plant(leak)
    scores = scores_of(listened(replace(SMALL, days=days), law=False))
    way = {"prefix": "permit"}.get(leak, leak)
    found = {score.way.split()[-1] for score in scores.values() if abs(score.deviations) > LIMIT}
    assert found == {way}


# ---- leaks in lists


def lists(members: int = 40, weeks: int = 4, each: int = 5) -> tuple[list[Asked], list[Sent]]:
    """Requests and reports with chance in place of tokens."""
    chance = Stream(3, "lists")
    asked = [
        Asked(m, week, chance(32), tuple(chance(256) for _ in range(9)), (Seen(week * 1_000 + m, 1, 0),), True)
        for week in range(weeks)
        for m in range(members)
    ]
    made = [(week, m, day) for week in range(weeks) for m in range(members) for day in chance.sample(range(7), each)]
    chance.shuffle(made)
    sent = [
        Sent(m, week, chance(288), 7 * week + day, Seen(week * 1_000 + 100 + n, 1, 0), chance(288) if n % 5 else b"")
        for n, (week, m, day) in enumerate(made)
    ]
    return asked, sent


def judged(asked: list[Asked], sent: list[Sent], *ways: str) -> list[Score]:
    moduli = {one.week: MODULI for one in asked}
    return play(asked, sent, moduli, 1, {way: WAYS[way] for way in ways})


def test_lists_of_chance_give_no_way_anything() -> None:
    scores = judged(*lists(), *WAYS)
    assert len(scores) >= 2 * len(WAYS) - 1
    assert all(abs(score.deviations) < LIMIT for score in scores), scores


def test_who_reports_in_the_order_of_asking_is_found() -> None:
    asked, sent = lists()
    ordered = sorted(sent, key=lambda one: (one.week, one.member))
    assert all(score.deviations > LIMIT for score in judged(asked, ordered, "order"))


def test_a_witness_token_that_was_given_to_few_is_found() -> None:
    asked, sent = lists()
    few = [replace(one, witness=one.member < 4) for one in asked]
    theirs = [one if one.member < 4 else replace(one, witness=b"") for one in sent]
    assert judged(few, theirs, "witness")[0].deviations > LIMIT


@pytest.mark.parametrize("way", ["bits", "difference"])
def test_one_unblinded_number_in_each_request_is_found(way: str) -> None:
    asked, sent = lists(members=20, weeks=2)
    bare = {(one.member, one.week): one for one in reversed(sent)}
    planted = []
    for one in asked:
        part = encoded(bare[one.member, one.week].token, MODULUS).to_bytes(256, "big")
        planted.append(replace(one, blinded=(part, *one.blinded[1:])))
    assert judged(planted, list(bare.values()), way)[0].deviations > LIMIT


def test_a_number_nearly_unblinded_is_found_by_the_difference() -> None:
    asked, sent = lists(members=20, weeks=2)
    bare = {(one.member, one.week): one for one in reversed(sent)}
    planted = []
    for one in asked:
        near = (encoded(bare[one.member, one.week].token, MODULUS) - 2**1_900) % MODULUS
        planted.append(replace(one, blinded=(near.to_bytes(256, "big"), *one.blinded[1:])))
    assert judged(planted, list(bare.values()), "difference")[0].deviations > LIMIT


def test_a_way_that_never_names_the_sender_has_lost_the_game_too() -> None:
    asked, sent = lists()
    never = play(
        asked,
        sent,
        {one.week: MODULI for one in asked},
        1,
        {"never": lambda known, report: next(one for one in known.asked if one.member != report.member)},
    )
    assert never[0].right == 0
    assert never[0].deviations < -LIMIT


def test_a_way_of_guessing_that_knows_is_beyond_the_limit() -> None:
    def knowing(known, report):  # type: ignore[no-untyped-def]
        return next(one for one in known.asked if one.member == report.member)

    assert all(score.deviations > LIMIT for score in scores_of(small(), {"knowing": knowing}).values())


def test_chance_is_one_in_those_who_had_asked_before_the_report_came() -> None:
    asked, sent = lists(members=10, weeks=1)
    late = [replace(one, seen=(Seen(10**6, 1, 0),)) if one.member > 1 else one for one in asked]
    first = [one for one in sent if one.member < 2]
    score = judged(late, first, "order")[0]
    assert score.expected == len(first) / 2


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
        fresh = Sent(last.member, last.week, token, 7 * last.week, Seen(0, 0, 0))
        found = recognised(planted, [*world.sent, fresh], world.moduli)
        assert [asked.permit for _, asked in found] == [last.permit] * count
