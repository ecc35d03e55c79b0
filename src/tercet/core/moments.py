"""Moments: how finely a member's device remembers when it dealt with the desk.

Does        rounds the times of reports, conversations and awaited answers down, before a state is saved.
            The moment `put` of a report is one drawn by chance of its day (`reporting`).
Does not    touch times of neighbours, whose boxes are known anyway, or of what the owner read; or a desk.
Spec        spec/76-state.md, 3
Always      1. Whatever a step did, no time that tells a frame at intake from others of its day is saved.
Read first  coarse(), FINENESS.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import msgspec

from tercet.core.channel import Channel
from tercet.core.days import DAY
from tercet.core.report import Report
from tercet.core.sending import ASK_EVERY
from tercet.core.state import Device, Return

FINENESS: Final = MappingProxyType({"made": DAY, "used": DAY, "asked": ASK_EVERY})  # of a report, seconds


def coarse(before: Device, after: Device) -> Device:
    """The state after a step, as it may be saved.

    Answers that are awaited since one day stand in the order of their random names.

    Source: spec/76-state.md, 3.
    """
    if after.is_desk or (after.reports is before.reports and after.returns is before.returns):
        return after
    returns = sorted((_answer(one) for one in after.returns), key=lambda one: (one.made, one.id))
    return msgspec.structs.replace(after, reports=tuple(map(_report, after.reports)), returns=tuple(returns))


def _answer(one: Return) -> Return:
    return msgspec.structs.replace(one, made=_down(one.made, DAY))


def _report(report: Report) -> Report:
    times = {name: _down(getattr(report, name), fineness) for name, fineness in FINENESS.items()}
    notes = tuple(msgspec.structs.replace(note, came=_down(note.came, DAY)) for note in report.notes)
    return msgspec.structs.replace(report, channel=_channel(report.channel), notes=notes, **times)


def _channel(channel: Channel) -> Channel:
    waiting = tuple(msgspec.structs.replace(one, sealed=_down(one.sealed, DAY)) for one in channel.waiting)
    early = tuple(msgspec.structs.replace(one, written=_down(one.written, DAY)) for one in channel.early)
    spoke, heard = _down(channel.spoke, DAY), _down(channel.heard, DAY)
    return msgspec.structs.replace(channel, waiting=waiting, early=early, spoke=spoke, heard=heard)


def _down(seconds: int, fineness: int) -> int:
    return seconds - seconds % fineness
