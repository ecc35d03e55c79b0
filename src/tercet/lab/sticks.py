"""Sticks: how a member without a line reads and writes.

Does        keeps what a device asks of relays until a carrier passes them, and what they answered until it is back.
Does not    know what a device is, or open anything.
Spec        spec/95-lab.md, 7
Always      1. What a relay has not answered stays on the stick.
Read first  Stick.
"""

from __future__ import annotations

from collections.abc import Callable

from tercet.core.effects import Effect
from tercet.drop import Answer, Op

Asked = tuple[str, Op, Effect]
Carry = Callable[[str, Op], Answer | None]


class Stick:
    """One stick: what is asked, by relay, and what came of it."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._answers: list[tuple[Effect, str, Answer]] = []

    def note(self, relay: str, op: Op, effect: Effect) -> None:
        """Write down what a device asks of a relay."""
        self._asked.append((relay, op, effect))

    def carry(self, carry_out: Carry) -> None:
        """A carrier passes the relays: what one of them answers is kept, what none does stays asked."""
        left: list[Asked] = []
        for relay, op, effect in self._asked:
            answer = carry_out(relay, op)
            if answer is None:
                left.append((relay, op, effect))
            else:
                self._answers.append((effect, relay, answer))
        self._asked = left

    def take(self) -> list[tuple[Effect, str, Answer]]:
        """Give what came back; it is not given twice. What was asked and has not gone is asked afresh."""
        answers, self._answers, self._asked = self._answers, [], []
        return answers
