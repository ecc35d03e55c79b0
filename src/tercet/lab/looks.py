"""Looks: what a captor sees of a simulated device, in each state in which it may be found.

Does        gives the exposures of a machine, the bytes in which they lie, and the devices that they open.
Does not    judge, choose, or change the machine.
Spec        spec/95-lab.md, 11; spec/91-exposure.md
Always      1. What is looked at was made by the product's own code: its state, list, understudy, vault.
Read first  Look, Captor.look().
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tercet.core import drawing, understudy
from tercet.core import events as ev
from tercet.core.days import KEPT_DAYS
from tercet.core.state import Device, load, save
from tercet.drop import Ack, Answer, MemoryStore, Op, Post, Put, Stored, name_of
from tercet.drop.memory import acked_box, target
from tercet.lab.chance import Stream
from tercet.lab.deniability import NOTEBOOK, REAL, WRONG, unlock
from tercet.lab.exposure import (
    NOTHING,
    Exposure,
    exposure_of,
    exposure_of_locked,
    exposure_of_understudy,
    is_noise,
)
from tercet.lab.leaks import Leak
from tercet.lab.machine import Machine
from tercet.lab.plan import DAY
from tercet.lab.relayed import Item, correlate
from tercet.lab.seizure import PLACES, Image, open_image
from tercet.lab.world import Step
from tercet.member import locking
from tercet.member.locked import parse_plan
from tercet.notebook import Book, encode_payload
from tercet.sealing import LOW_COST
from tercet.vault import Files, Geometry, Vault, create
from tercet.vault.geometry import COMPARTMENTS

NAME: Final = re.compile(rb"member-[0-9]{5}")  # every name of a world that is captured, and nothing else by chance
TEXT: Final = re.compile(rb"report [0-9]+ of member-[0-9]{5}")  # likewise the text of every report
SIZE: Final = 8 * 1_048_576  # bytes of the vault, to begin with
BESIDE: Final = 40_000  # bytes of a copy that are not the state's: the notebook, and what the vault needs
LIST_FOR: Final = Path("/vault")  # where the vault of a locked process would lie


class Look(NamedTuple):
    """What one look shows.

    Attributes:
        exposures: of each memory; of a vault its newest state and the one before.
        data: the bytes that were looked at.
        devices: that they open.
        opened: frames of the relays' history that said something and opened.
        wrong: what no row of the table speaks of, a sentence each.
    """

    exposures: tuple[Exposure, ...]
    data: bytes
    devices: tuple[Device, ...] = ()
    opened: int = 0
    wrong: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A state copy in a vault, and the confirmed day at the last beat that it knows."""

    state: Device
    confirmed: int

    @property
    def saved(self) -> bytes:
        """Its bytes."""
        return save(self.state)


class History(MemoryStore):
    """A relay whose disk keeps everything.

    Args:
        history: of all relays, by box and name; it is filled in.
    """

    def __init__(self, history: dict[tuple[bytes, bytes], Item]) -> None:
        super().__init__()
        self._history = history

    def apply(self, ops: Sequence[Op], now: int) -> list[Answer]:
        """See `Store.apply`."""
        answers = super().apply(ops, now)
        for op, answer in zip(ops, answers, strict=True):
            if isinstance(op, Put | Post) and isinstance(answer, Stored):
                box = target(op)
                item = Item(box.box, box.posted, now, op.item)
                self._history.setdefault((box.box, name_of(op.item)), item)
            elif isinstance(op, Ack) and (found := self._history.get((acked_box(op).box, op.name))):
                found.gone = True
        return answers


class _Loose(Files):
    """A disk that need not last."""

    def sync(self, handle: int) -> None:
        """Do nothing."""


class Captor:
    """Looks at machines; what it draws shifts no draw of the world.

    Args:
        seed: of the world.
        pace: of beats, seconds.
        step: the core.
        leaks: planted faults.
        folder: where the one vault lies that every seized state is put into.
    """

    def __init__(self, seed: int, pace: float, step: Step, leaks: Sequence[Leak], folder: Path) -> None:
        self.history: dict[tuple[bytes, bytes], Item] = {}
        self.true_texts: Callable[[], object] = dict
        self._chance = Stream(seed, "captor's core")
        self._pace, self._step, self._leaks = pace, step, leaks
        self._path = folder / "vault"
        self._vault = self._fresh(SIZE)
        self._ways: dict[str, Callable[[Machine, tuple[Kept, ...]], Look]] = {
            "no passphrase": self._without,
            "passphrase": self._with,
            "passphrase and relay": self._with_history,
            "locked": self._locked,
            "notebook, image made before": self._notebook,
            "awake": self._awake,
        }

    def look(self, row: str, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        """Look at a machine.

        Args:
            row: a key of `campaigns.STATES`.
            machine: it is not changed.
            kept: what its vault holds: the newest state, then the one before.
        """
        return self._ways[row](machine, kept)

    def close(self) -> None:
        """Give up the vault."""
        self._vault.close()

    def _fresh(self, size: int) -> Vault:
        self._path.unlink(missing_ok=True)
        create(self._path, REAL, NOTEBOOK, size=size, cost=LOW_COST)
        return unlock(self._path, REAL, _Loose())

    def _sealed_here(self, data: bytes) -> list[str]:
        """Texts of the world's reports that stand somewhere in the bytes."""
        true = self.true_texts()
        return [text for found in set(TEXT.findall(data)) if (text := found.decode()) in true]  # type: ignore[operator]

    def _with(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        data = b"".join(copy.saved for copy in kept)
        hidden = self._sealed_here(data)
        devices = tuple(load(copy.saved) for copy in kept)
        exposures = tuple(
            exposure_of(device, machine.clock, hidden=hidden, confirmed=copy.confirmed, saved=copy.saved)
            for device, copy in zip(devices, kept, strict=True)
        )
        return Look(exposures, data, devices)

    def _with_history(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        look = self._with(machine, kept)
        first = look.exposures[0]
        found = correlate(look.devices, None, list(self.history.values()), first.today)
        newest = msgspec.structs.replace(first, words=tuple(dict.fromkeys((*first.words, *found.words))))
        oldest = min(copy.confirmed for copy in kept) - KEPT_DAYS
        wrong = [
            f"{met.count} frames in a box whose root should be gone" for met in found.met if met.purpose == "stray"
        ]
        wrong += [f"frames of day {met.day} can be found" for met in found.met if met.day and met.day < oldest]
        opened = sum(met.opened for met in found.met)
        return look._replace(exposures=(newest, *look.exposures[1:]), opened=opened, wrong=tuple(wrong))

    def _awake(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        device, data = machine.device, save(machine.device)
        hidden = self._sealed_here(data)
        exposure = exposure_of(device, machine.clock, hidden=hidden, confirmed=kept[0].confirmed)
        return Look((exposure,), data, (device,))

    def _locked(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        after, effects = self._step(machine.device, ev.Lock(DAY, self._pace), machine.clock, self._chance)
        data = locking.list_of(effects, after.ahead.secret, LIST_FOR)
        return Look((exposure_of_locked(parse_plan(data), machine.clock, hidden=self._sealed_here(data)),), data)

    def _notebook(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        data = understudy.pack(drawing.draw(machine.device, machine.clock, self._chance), self._chance)
        exposure = exposure_of_understudy(understudy.unpack(data), machine.clock, hidden=self._sealed_here(data))
        return Look((exposure,), data)

    def image(self, machine: Machine, kept: tuple[Kept, ...]) -> bytes:
        """The file of a vault that holds what the machine's would."""
        size = self._path.stat().st_size
        if max(len(copy.saved) for copy in kept) + BESIDE > Geometry.of(size).state:
            self._vault.close()
            self._vault = self._fresh(2 * size)
            return self.image(machine, kept)
        drawn = drawing.draw(machine.device, machine.clock, self._chance)
        self._vault.set_notebook(encode_payload(Book(), understudy.pack(drawn, self._chance)))
        for copy in reversed(kept):
            self._vault.commit(copy.saved)
        return self._path.read_bytes()

    def _without(self, machine: Machine, kept: tuple[Kept, ...]) -> Look:
        data = self.image(machine, kept)
        shown = b"".join(leak.shown(kept[0].saved) for leak in self._leaks)
        data = data[: len(data) - len(shown)] + shown
        image = open_image(Image(data), (WRONG,), LOW_COST, depth=PLACES)
        layout = image.layout
        places = [layout.copy_at(place, copy) for place in range(COMPARTMENTS) for copy in (0, 1)]
        noise = all(is_noise(data[at : at + layout.state]) for at in places)
        wrong = [] if noise else ["a copy in the file is not noise"]
        wrong += ["a copy opens"] if image.copies else []
        return Look((NOTHING,), data, wrong=tuple(wrong))
