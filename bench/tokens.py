"""What tokens cost: operations a second, bytes a member and week, and how many members a founding pair can carry.

    .venv/bin/python bench/tokens.py [--json] [--record] [--seconds 3] [--carried 300:3,1800:3,21600:12]

Operations are counted by the time of one core. `sign` is what the desk does for one token, `a week's tokens` all nine
of them, at the member and at the desk.
`carried`: a founding pair, and two below one of them who say that they need all that they may get, in a world with no
losses whose relay takes passes of a week; for each pace so many weeks. `letters` is how many letters a link could put
to one of them in a week by its beats (spec/41-beat.md) less `OTHERS`, `by_letters` and `by_allowance` the members that
such a pair could carry at most, half of its permits being kept for free places. `came` is how many permits of a week
the two had when it ended (the fewer of them, the mean of all weeks but the first two, whose permits were dealt late),
and `members` what two such pairs would carry; `share` is what part of the smaller computed figure that is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import mean

import msgspec
from recording import Row, finish, options
from tests.core.stage import PRIVATE

from tercet.core import channel as letters
from tercet.core import granting, permits, tokens
from tercet.core.beat import INTAKE_SHARE, SLOTS
from tercet.core.cell import ABOVE
from tercet.core.channel import LetterKind
from tercet.core.days import DAY, day_of, week_of
from tercet.core.fields import encode
from tercet.core.turn import Turn
from tercet.lab import Plan
from tercet.lab.machine import Machine
from tercet.lab.world import World
from tercet.sealing import BLIND_PUBLIC, blind, blind_public, blind_sign, unblind, verify_blind

WEEK = 604_800  # seconds
OTHERS = 3  # letters a week to somebody below that are not permits: the board's head, a secret for the root, passes
SEED = bytes(32)
ENTROPY = bytes(range(256)) + bytes(range(16))
KEYS = tokens.TokenKeys(2_960, blind_public(PRIVATE[:256]), blind_public(PRIVATE[256:]))


def rate(what: str, seconds: float, work: Callable[[], object]) -> Row:
    """How often something can be done in a second of one core, whatever else the machine does."""
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        work()
        done += 1
    return {"what": what, "a_second": round(done / (time.process_time() - began), 1)}


def operations(seconds: float) -> list[Row]:
    private, public = PRIVATE[:256], KEYS.report
    said = tokens.message(tokens.TokenKind.REPORT, 2_960, bytes(32))
    asked = blind(public, said, bytes(48), ENTROPY)
    signed = blind_sign(private, asked, ENTROPY)
    token = unblind(public, said, signed, ENTROPY)
    parts = tokens.blinded(SEED, KEYS)
    each = [parts[at : at + BLIND_PUBLIC] for at in range(0, len(parts), BLIND_PUBLIC)]
    ours = [PRIVATE[:256]] * tokens.REPORTS_A_WEEK + [PRIVATE[256:]]
    all_signed = b"".join(blind_sign(key, part, ENTROPY) for key, part in zip(ours, each, strict=True))
    return [
        rate("blind", seconds, lambda: blind(public, said, bytes(48), ENTROPY)),
        rate("sign", seconds, lambda: blind_sign(private, asked, ENTROPY)),
        rate("unblind", seconds, lambda: unblind(public, said, signed, ENTROPY)),
        rate("verify", seconds, lambda: verify_blind(public, said, token)),
        rate(
            "a week's tokens, at a member",
            seconds,
            lambda: (tokens.blinded(SEED, KEYS), tokens.finished(SEED, KEYS, all_signed)),
        ),
        rate(
            "a week's tokens, at the desk",
            seconds,
            lambda: [blind_sign(key, part, ENTROPY) for key, part in zip(ours, each, strict=True)],
        ),
    ]


def sizes() -> list[Row]:
    request = len(encode(tokens.Request(1, 2_960, bytes(32), tokens.blinded(SEED, KEYS))))
    answer = len(encode(tokens.Signed(1, 2_960, bytes(9 * BLIND_PUBLIC))))
    one, two = (len(encode(permits.Dealt(2_960, (bytes(32),) * n))) for n in (10, 11))
    return [
        {"what": "a request, in a frame that would have been a dummy", "bytes": request},
        {"what": "its answer, in a frame that would have been empty", "bytes": answer},
        {"what": "a permit in a letter, for each step down", "bytes": two - one},
        {"what": "frames on the line that would not have been there", "bytes": 0},
    ]


def needing(machine: Machine, need: int) -> None:
    """Let a device say to its link that it needs so many permits a week."""
    device = machine.device
    link = next(r for r in device.relations if r.role in ABOVE)
    channel = letters.write(link.channel, LetterKind.NEED, encode(permits.Need(1, need)))
    kept = tuple(msgspec.structs.replace(r, channel=channel) if r.id == link.id else r for r in device.relations)
    ours = permits.rounded(granting.need_of(Turn(device, machine.clock, bytes)))
    trust = msgspec.structs.replace(device.trust, told=(link.id, ours))
    machine.device = machine.kept = msgspec.structs.replace(device, relations=kept, trust=trust)


class Wide(World):
    """A founding pair, and a pair below one of them who need all that they may get.

    Attributes:
        had: for each week how many of its permits the two had when it ended, the fewer.
    """

    def _begin(self) -> None:
        self.had: list[int] = []
        for machine in self.machines[3:]:
            needing(machine, permits.share_of(permits.ALLOWANCE))
        super()._begin()
        started = self.agenda.now
        ends = (7 - (day_of(int(started)) + 3) % 7) * DAY - started % DAY - 1
        for number in range(self.plan.days // 7 + 1):
            self.agenda.after(ends + number * WEEK, self._count)

    def _count(self) -> None:
        week, had = week_of(day_of(int(self.agenda.now))), []
        for machine in self.machines[3:]:
            stock, purse = machine.device.trust.stock(week), machine.device.trust.purse(week)
            had.append(len(stock.permits) + sum(stock.dealt.values()) + (purse is not None))
        self.had.append(min(had))


def carried(pace: int, weeks: int) -> Row:
    letters_a_week = WEEK / pace * (INTAKE_SHARE - 1) / INTAKE_SHARE / SLOTS - OTHERS
    share = permits.share_of(permits.ALLOWANCE)
    by_letters = 2 + int(4 * letters_a_week * permits.PERMITS_A_LETTER) // 2
    by_allowance = 2 + 4 * share // 2
    plan = Plan(
        members=4, founding=1, days=7 * weeks, seed=3, pace=pace, loss=0.0, duplicates=0.0, relays=1, reports=0.0,
        letters=0.0, looks=0.1, replies=0.0, crash_every=1e6, naps=0.0, away=0.0, skewed=0.0, outage_every=1e6,
        sticks=0.0, weekly=1,
    )  # fmt: skip
    world = Wide(plan)
    world.token_keys = PRIVATE
    world.live()
    came = round(mean(world.had[2:]))
    members = 2 + 4 * came // 2
    return {
        "what": f"carried at {pace // 60} minutes",
        "letters": round(letters_a_week, 2),
        "by_letters": by_letters,
        "by_allowance": by_allowance,
        "came": came,
        "members": members,
        "share": round(members / min(by_letters, by_allowance), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--carried", default="300:3,1800:3,21600:12", help="pace in seconds : weeks, for each")
    chosen = parser.parse_args()
    rows = operations(chosen.seconds) + sizes()
    rows += [carried(*map(int, one.split(":"))) for one in chosen.carried.split(",")]
    finish(chosen, "tokens", "3", rows)


if __name__ == "__main__":
    main()
