"""Chance that repeats, and streams that do not disturb one another."""

from __future__ import annotations

import pytest

from tercet.lab.chance import Stream


def draws(stream: Stream) -> list[object]:
    return [stream(5), stream.hit(0.5), stream.between(2, 3), stream.below(9), stream.pick("abc"), stream.wait(4.0)]


def test_the_same_seed_and_name_draw_the_same() -> None:
    assert draws(Stream(7, "owner 1")) == draws(Stream(7, "owner 1"))


@pytest.mark.parametrize(("seed", "name"), [(8, "owner 1"), (7, "owner 2"), (71, "owner"), (7, "device 1")])
def test_another_seed_or_name_draws_otherwise(seed: int, name: str) -> None:
    assert Stream(7, "owner 1")(16) != Stream(seed, name)(16)


def test_a_stream_that_draws_more_shifts_no_other() -> None:
    one, other = Stream(7, "one"), Stream(7, "other")
    one(1000)
    assert draws(other) == draws(Stream(7, "other"))


def test_shares_and_means_come_out_about_right() -> None:
    stream = Stream(7, "many")
    assert 1_800 < sum(stream.hit(0.2) for _ in range(10_000)) < 2_200
    assert 0.9 < sum(stream.wait(1.0) for _ in range(10_000)) / 10_000 < 1.1
    assert {stream.below(3) for _ in range(100)} == {0, 1, 2}
