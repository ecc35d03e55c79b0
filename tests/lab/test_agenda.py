"""What is to come happens in order, in virtual time."""

from __future__ import annotations

from tercet.lab.agenda import Agenda


def test_things_happen_by_moment_and_then_in_the_order_in_which_they_were_noted() -> None:
    agenda, seen = Agenda(100.0), []
    for seconds, what in ((5, "late"), (1, "first"), (1, "second"), (3, "middle")):
        agenda.after(seconds, seen.append, what)
    agenda.run(104.0)
    assert seen == ["first", "second", "middle"]
    assert agenda.now == 104.0
    agenda.run(200.0)
    assert seen[-1] == "late"


def test_what_a_deed_notes_happens_in_the_same_run_if_it_falls_within() -> None:
    agenda, seen = Agenda(0.0), []

    def again(left: int) -> None:
        seen.append(agenda.now)
        if left:
            agenda.after(2.0, again, left - 1)

    agenda.after(1.0, again, 5)
    agenda.run(6.0)
    assert seen == [1.0, 3.0, 5.0]
