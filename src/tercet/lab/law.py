"""The law of the exposure table: what each kind of seizure may yield at most.

Does        holds the bounds of every row and compares an exposure with them.
Does not    look into anything itself.
Spec        spec/91-exposure.md, 1 and 2
Always      1. What a row does not name it forbids.
Read first  ROWS, breaches().
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core.cell import MANY
from tercet.core.channel import EARLY_BYTES
from tercet.core.days import KEPT_DAYS, LATE_DAYS, week_of
from tercet.core.granting import GRANTS_WAITING, PLACES_BELOW
from tercet.core.passes import WEEKS_PASSED
from tercet.core.permits import PERMIT, PERMITS_A_LETTER, STOCK_MOST, WEEKS_DEALT
from tercet.core.report import MediaState
from tercet.core.sending import RETURNS_MOST
from tercet.core.state import OUTBOX_MOST
from tercet.core.tokens import TOKENS_A_WEEK
from tercet.core.understudy import AHEAD_DAYS
from tercet.lab.exposure import ENDLESS, Boxes, Exposure, Reported

NEIGHBOURS_MOST: Final = 4  # the cell; spec/21-cell.md
INTAKE_BACK: Final = 1  # days of intake before the confirmed one
TOKENS_MOST: Final = 2 * TOKENS_A_WEEK  # of this week and the next
PERMITS_MOST: Final = (
    (WEEKS_DEALT + 1) * STOCK_MOST
    + PLACES_BELOW * GRANTS_WAITING * PERMITS_A_LETTER
    + NEIGHBOURS_MOST * (EARLY_BYTES // (PERMIT + 2))
)  # in stock, in letters to those below, in letters that came ahead of a missing one
SHOWN: Final = 1  # days that a locked list reaches into the next
ENDED: Final = frozenset(state.value for state in MediaState) - {MediaState.WAITING.value, MediaState.LEFT.value}


Reach = tuple[int, int | None]


class Row(msgspec.Struct, frozen=True):
    """What one kind of seizure may yield.

    Attributes:
        kinds: of exposure.
        people: neighbours with a name, at most.
        lanes: neighbours without one, at most.
        words: kinds of words.
        reports: whether anything may be known of reports.
        boxes: purposes; for each how many days before the confirmed one it may reach, and how many after it (none:
            it goes on).
        powers: names.
        marks: whether it may be known which PUTs of a locked list carry something.
        addresses: whether network addresses may be known, and which of them write to each other.
    """

    kinds: frozenset[str]
    people: int = 0
    lanes: int = 0
    words: frozenset[str] = frozenset()
    reports: bool = False
    boxes: dict[str, Reach] = {}
    powers: frozenset[str] = frozenset()
    marks: bool = False
    addresses: bool = False


_WAYS: Final[dict[str, Reach]] = {"answer": (0, None), "board": (0, None)}
_CUTTING: Final = frozenset({"one_voice", "two_voices"})
_NOTEBOOK: Final = Row(
    frozenset({"notebook", "nothing"}),
    lanes=NEIGHBOURS_MOST,
    words=frozenset({"note"}),
    boxes={"neighbour": (LATE_DAYS + 1, AHEAD_DAYS - 1), "intake": (0, AHEAD_DAYS - 1)} | _WAYS,
    powers=frozenset({"alarm", "empty_boxes", "own_voice", "post", "post_weeks", "read_boxes"}),
)
_DEVICE: Final = Row(
    frozenset({"device"}),
    people=NEIGHBOURS_MOST,
    words=frozenset({"letter", "own letter", "desk", "to the desk", "notice", "note"}),
    reports=True,
    boxes={"neighbour": (KEPT_DAYS, None), "intake": (INTAKE_BACK, None), "file": (0, None), "meeting": (0, None)}
    | _WAYS,
    powers=frozenset({"be_the_member", "ask_the_desk", "report", "empty_boxes", "post", "post_weeks", "read_boxes"})
    | _CUTTING
    | {"burn", "be_adopted", "permits", "tokens"},
    marks=True,
)
_STORE: Final = frozenset({"withhold"})
_RELAY: Final = _STORE | {"post", "make_passes"}
ROWS: Final = MappingProxyType(
    {
        "no passphrase": Row(frozenset({"nothing"})),
        "notebook, opened by the captor": _NOTEBOOK,
        "notebook, image made before": _NOTEBOOK,
        "locked": Row(
            frozenset({"locked"}), boxes={"locked": (0, SHOWN)}, powers=frozenset({"post", "read_boxes", "take_over"})
        ),
        "awake": _DEVICE,
        "passphrase": _DEVICE,
        "passphrase and relay": _DEVICE,
        "stick": Row(frozenset({"stick"}), powers=_STORE),
        "relay": Row(frozenset({"relay"}), powers=_RELAY),
        "relay, run by the captor": Row(frozenset({"relay"}), powers=_RELAY, addresses=True),
        "desk, no passphrase": Row(frozenset({"archive", "nothing"})),
        "desk": Row(
            frozenset({"desk"}),
            people=MANY,
            words=frozenset({"letter", "own letter", "notice", "report", "reporter", "to a reporter"}),
            boxes={"neighbour": (KEPT_DAYS, None), "intake": (MANY, None), "board": (0, None), "meeting": (0, None)},
            powers=frozenset({"sign_the_board", "mint", "make_passes", "be_the_member", "empty_boxes", "read_boxes"})
            | {"post", "post_weeks"}
            | _CUTTING,
        ),
    }
)


def holds(row: str, exposure: Exposure) -> bool:
    """Whether an exposure is within a row of the table; what breaks it is said by breaches()."""
    return not breaches(row, exposure)


def breaches(row: str, exposure: Exposure) -> tuple[str, ...]:
    """What an exposure shows that its row does not allow, a sentence each.

    Args:
        row: a key of ROWS.
        exposure: what was found.

    Source: spec/91-exposure.md, 2.
    """
    law = ROWS[row]
    wrong = [f"{exposure.kind} is not what this row speaks of"] if exposure.kind not in law.kinds else []
    if len(exposure.people) > law.people:
        wrong.append(f"{len(exposure.people)} people in place of {law.people} at most")
    if exposure.lanes > law.lanes:
        wrong.append(f"{exposure.lanes} neighbours without a name in place of {law.lanes} at most")
    wrong += [f"{exposure.tokens} tokens"] if exposure.tokens > TOKENS_MOST else []
    wrong += [f"{exposure.permits} permits"] if exposure.permits > PERMITS_MOST else []
    last = week_of(max(exposure.confirmed, exposure.today)) + WEEKS_PASSED
    wrong += [f"passes of week {exposure.passes}"] if exposure.passes > last else []
    wrong += [f"words of the kind {kind}" for kind in sorted({w.kind for w in exposure.words} - law.words)]
    wrong += ["reports" for _ in exposure.reports[:1] if not law.reports]
    wrong += [fault for report in exposure.reports for fault in _of_report(report)]
    wrong += [fault for boxes in exposure.boxes for fault in _of_boxes(law, boxes, exposure)]
    wrong += [f"the power to {power}" for power in exposure.powers if power not in law.powers]
    wrong += ["what a locked list's frames carry"] if exposure.marks and not law.marks else []
    wrong += ["network addresses"] if (exposure.addresses or exposure.ties) and not law.addresses else []
    wrong += ["a time that tells a frame at intake"] if exposure.fine else []
    wrong += ["a text that was sealed here"] if exposure.found else []
    wrong += [f"{exposure.odd} bytes that no field accounts for"] if exposure.odd else []
    return tuple(wrong)


def _of_report(report: Reported) -> list[str]:
    wrong = [] if report.noise else [f"report {report.number} is not noise"]
    kept = [m for m in report.files if m.state in ENDED and (m.path or m.sha256 or m.keyed or m.waits)]
    return wrong + [f"a file of report {report.number} that is over is still known" for _ in kept[:1]]


def _of_boxes(law: Row, boxes: Boxes, exposure: Exposure) -> list[str]:
    if boxes.purpose not in law.boxes:
        return [f"boxes of the kind {boxes.purpose}"]
    if boxes.purpose == "answer" and boxes.count > RETURNS_MOST:
        return [f"{boxes.count} answers awaited in place of {RETURNS_MOST} at most"]
    if boxes.purpose == "meeting" and boxes.count > 2 * OUTBOX_MOST:
        return [f"{boxes.count} boxes of meetings"]
    if not boxes.first:
        return []
    back, ahead = law.boxes[boxes.purpose]
    measured = exposure.confirmed or exposure.today
    wrong = []
    if boxes.first < measured - back:
        wrong.append(f"boxes of the kind {boxes.purpose} from {measured - boxes.first} days back, {back} at most")
    if ahead is not None and (boxes.last == ENDLESS or boxes.last > measured + ahead):
        wrong.append(f"boxes of the kind {boxes.purpose} more than {ahead} days ahead")
    return wrong
