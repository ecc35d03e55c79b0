"""The weather: what is lost, doubled, late; relays that die; what watchers see."""

from __future__ import annotations

from collections import Counter

import pytest

from tercet.drop import FRAME, Ack, Answer, Items, Put, Read, Stored, id_of_read, name_of, read_of_ack
from tercet.lab.agenda import Agenda
from tercet.lab.network import QUIET, Network, Weather
from tercet.lab.plan import DAY, Plan
from tercet.lab.trace import Trace

ACK = bytes(32)
READ = read_of_ack(ACK)
BOX = id_of_read(READ)
MANY = 2_000


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big") * (FRAME // 4)


class Place:
    """A network, and the answers that came."""

    def __init__(self, weather: Weather = QUIET, **plan: float) -> None:
        self.agenda = Agenda(1_000_000.0)
        self.network = Network(Plan(**{"outage_every": 1e9} | plan), self.agenda, Trace())  # type: ignore[arg-type]
        self.network.observations = []
        self.network.begin(weather)
        self.relay = next(iter(self.network.relays))
        self.answers: list[tuple[float, Answer | None]] = []

    def ask(self, op: object, relay: str = "") -> None:
        self.network.ask(5, relay or self.relay, op, self.take)  # type: ignore[arg-type]

    def take(self, answer: Answer | None) -> None:
        self.answers.append((self.agenda.now, answer))

    def put_many(self) -> None:
        for number in range(MANY):
            self.ask(Put(number.to_bytes(32, "big"), frame(number)))
        self.agenda.run(self.agenda.now + DAY)

    def held(self) -> int:
        return sum(1 for _ in self.network.relays[self.relay].store.entries())


def test_in_quiet_weather_each_request_is_answered_once_and_soon() -> None:
    place = Place()
    place.put_many()
    assert [type(answer) for _, answer in place.answers] == [Stored] * MANY
    assert {round(when - 1_000_000.0, 3) for when, _ in place.answers} == {0.4}


def test_lost_requests_are_lost_before_the_relay_or_behind_it() -> None:
    place = Place(Weather(0.2, 0.0))
    place.put_many()
    unanswered = sum(answer is None for _, answer in place.answers)
    assert len(place.answers) == MANY
    assert 0.16 * MANY < unanswered < 0.24 * MANY
    assert 0.86 * MANY < place.held() < 0.94 * MANY
    assert place.network.counts.lost == unanswered


def test_duplicates_reach_the_relay_twice_and_are_answered_twice() -> None:
    place = Place(Weather(0.0, 0.1))
    place.put_many()
    assert 0.07 * MANY < len(place.answers) - MANY < 0.13 * MANY
    assert place.held() == MANY


def test_requests_overtake_one_another() -> None:
    place = Place(Weather(0.0, 0.0))
    place.put_many()
    boxes = [seen.box for seen in place.network.observations or []]
    assert boxes == list(range(1, MANY + 1))  # numbered as they come
    sent = [item for _, _, item in place.network.relays[place.relay].store.entries()]
    assert sent != sorted(sent)


def test_a_dead_relay_answers_nothing_and_has_lost_nothing_when_it_is_back() -> None:
    place = Place(Weather(0.0, 0.0), outage_every=0.5)
    seen: Counter[bool] = Counter()
    for number in range(200):
        place.ask(Put(number.to_bytes(32, "big"), frame(number)))
        place.agenda.run(place.agenda.now + DAY / 10)
    for _, answer in place.answers:
        seen[answer is None] += 1
    assert seen[True] > 20
    assert seen[False] > 20
    assert place.held() == seen[False]
    assert place.network.forgotten() is None
    place.network.begin(QUIET)
    assert all(relay.up for relay in place.network.relays.values())


def test_a_relay_that_forgets_what_it_stored_is_found_out() -> None:
    place = Place()
    place.ask(Put(BOX, frame(1)))
    place.agenda.run(place.agenda.now + 10)
    assert place.network.forgotten() is None
    place.network.relays[place.relay].store.remove(BOX, name_of(frame(1)))
    assert place.network.forgotten() == 0


def test_what_was_acknowledged_or_is_out_of_date_may_be_gone() -> None:
    place = Place()
    place.ask(Put(BOX, frame(1)))
    place.ask(Put(bytes(32), frame(2)))
    place.agenda.run(place.agenda.now + 10)
    place.ask(Ack(ACK, name_of(frame(1))))
    place.agenda.run(place.agenda.now + 31 * DAY)
    place.network.sweep()
    assert place.held() == 0
    assert place.network.forgotten() is None


def test_watchers_see_when_who_where_what_and_how_much_and_no_content() -> None:
    place = Place()
    for op in (Put(BOX, frame(1)), Read(READ), Read(bytes(32)), Ack(ACK, name_of(frame(1)))):
        place.ask(op)
        place.agenda.run(place.agenda.now + 1)
    seen = place.network.observations or []
    assert [(o.operation, o.address, o.relay, o.box, o.hit) for o in seen] == [
        ("put", 5, 0, 1, True),
        ("read", 5, 0, 1, True),
        ("read", 5, 0, 2, False),
        ("ack", 5, 0, 1, True),
    ]
    assert seen[1].down == seen[2].down > FRAME  # an empty box is answered with as many bytes
    assert seen[0].up > FRAME > seen[1].up
    assert all(o.sent < o.came for o in seen)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_brings_the_same_weather(seed: int) -> None:
    def answers() -> list[tuple[float, bool]]:
        place = Place(Weather(0.2, 0.05), seed=seed)
        place.put_many()
        return [(when, answer is None) for when, answer in place.answers]

    assert answers() == answers()


def test_a_carrier_asks_on_a_good_line_and_gets_nothing_from_a_dead_relay() -> None:
    place = Place(Weather(0.9, 0.0))
    assert isinstance(place.network.carry_out(9, place.relay, Put(BOX, frame(1))), Stored)
    found = place.network.carry_out(9, place.relay, Read(READ))
    assert isinstance(found, Items)
    assert found.items == (frame(1),)
    place.network.relays[place.relay].up = False
    assert place.network.carry_out(9, place.relay, Read(READ)) is None
