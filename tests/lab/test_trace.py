"""One hash of all that happened, without a sealed byte in it."""

from __future__ import annotations

from tercet.lab.trace import Trace


def test_boxes_and_items_are_numbered_as_they_first_appear() -> None:
    trace = Trace()
    assert [trace.box(b"x"), trace.box(b"a"), trace.box(b"x")] == [1, 2, 1]
    assert [trace.item(b"q"), trace.item(b"b"), trace.item(b"q")] == [1, 2, 1]


def test_an_item_that_left_and_comes_back_has_a_new_number() -> None:
    trace = Trace()
    trace.item(b"q")
    trace.forget(b"q")
    assert trace.item(b"q") == 2


def test_every_word_moment_and_turn_changes_the_hash() -> None:
    def of(*lines: tuple[float, str]) -> str:
        trace = Trace()
        for now, words in lines:
            trace.line(now, *words.split())
        return trace.digest

    whole = of((1.0, "a does b"), (2.0, "c"))
    assert whole == of((1.0, "a does b"), (2.0, "c"))
    others = [
        of((1.0, "a does c"), (2.0, "c")),
        of((1.001, "a does b"), (2.0, "c")),
        of((2.0, "c"), (1.0, "a does b")),
        of((1.0, "a does b")),
    ]
    assert whole not in others


def test_the_first_lines_are_kept_for_looking_at() -> None:
    trace = Trace(keep=1)
    trace.line(1.0, "one")
    trace.line(2.0, "two")
    assert trace.lines == ["1.000 one\n"]
    assert trace.count == 2
