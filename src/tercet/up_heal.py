"""`tercet up --capture`, the end: two cut the seized member out, and the desk adopts the pair below.

Does        has two neighbours burn her, waits until all have dropped her and her pair has the desk for its link.
Does not    tell anybody who was cut out, or the desk whom it adopts: each device reads the board, and knows.
Spec        spec/33-burn.md, 6 to 9; spec/34-adoption.md
Always      1. Whoever still knows her, or does not know whom they should, ends the scene.
Read first  Heal.play().
"""

from __future__ import annotations

import asyncio
from typing import Final

from tercet.member.service import SENTENCES
from tercet.scene import picture
from tercet.scene.actor import Actor, Line, SceneFailure
from tercet.scene.stage import DESK, UNDER_COVER, Stage

REPORT: Final = "The four houses are empty now. Two families need blankets."
NUMBER: Final = "3"  # of that report, at the desk
Known = dict[str, dict[str, str]]


class Heal:
    """What the others do once somebody on a stage was seized and the alarm has gone out.

    Args:
        stage: where everybody else is awake.
        name: who was seized.
        known: whom each knew, and as what.
    """

    def __init__(self, stage: Stage, name: str, known: Known) -> None:
        self._stage = stage
        self._name = name
        roles = known[name]
        self._neighbours = tuple(roles)
        self._link = next(one for one, role in roles.items() if role in ("link", "desk"))
        self._partner = next(one for one, role in roles.items() if role == "partner")
        self._below = tuple(one for one, role in roles.items() if role == "below")
        self._left = {
            one: {who: role for who, role in theirs.items() if who != name}
            for one, theirs in known.items()
            if one != name
        }

    async def play(self) -> None:
        """Play it.

        Raises:
            ShellError: `scene_failed`.
        """
        await self._burn()
        self._hold(await self._stage.statuses(self._left), self._left)
        await self._adopt()
        await self._report()

    async def _burn(self) -> None:
        """The partner and the link agree; everybody whom she knew drops her once they have read the board."""
        two = (self._partner, self._link)
        self._stage.say(
            ", ".join(two), f"talk to each other, and type `burn`: {self._name} is to be cut out, for good."
        )
        await asyncio.gather(*(self._agree(one) for one in two))

        async def drops(one: str) -> None:
            await self._stage.actors[one].hears("burned", UNDER_COVER * Actor.PATIENCE, name=self._name)
            self._stage.say(one, f"sees: “{SENTENCES['burned'].format(name=self._name)}”")

        await asyncio.gather(*(drops(one) for one in self._neighbours))
        for one in set(self._stage.actors) & set(self._left) - set(self._neighbours):
            if self._stage.actors[one].last("burned"):
                raise SceneFailure(one, "burned", "told of somebody whom they never met")

    async def _agree(self, one: str) -> None:
        """Type the command; who was slower than the board has nobody to cut out any more."""
        answers = {"name": self._name, "burn": "yes", "name_again": self._name}
        try:
            await self._stage.once(one, "member", "burn", **answers)
        except SceneFailure:
            if not self._stage.actors[one].last("burned"):
                raise

    async def _adopt(self) -> None:
        """The pair below calls the desk, each with a secret of its own; their owners do nothing, and see it."""

        async def comes(one: str) -> None:
            told = await self._stage.actors[one].hears("adopted", UNDER_COVER * Actor.PATIENCE)
            self._stage.say(one, f"sees: “{SENTENCES['adopted'].format(name=told['name'])}”")

        await asyncio.gather(*(comes(one) for one in self._below))
        found = await self._stage.statuses(self._left)
        self._hold(found, self._left)
        self._hold_adopted(found)
        for one in (DESK, *self._below):
            self._stage.console.print(picture.network(found, one))

    def _hold_adopted(self, found: dict[str, Line]) -> None:
        """The pair has the desk for its link, introduced and not met; the desk has two it does not know, no more."""
        unmet = {name: [one for one in status["neighbours"] if not one["met"]] for name, status in found.items()}
        for name, ones in unmet.items():
            meant = ["desk"] if name in self._below else ["founder"] * len(self._below) * (name == DESK)
            if [one["role"] for one in ones] != meant:
                raise SceneFailure(name, "status", f"has {len(ones)} neighbours whom it did not meet")
        names = ", ".join(one["name"] for one in unmet[DESK])
        if any(name in names for name in found):
            raise SceneFailure(DESK, "status", f"knows by name whom it adopted: {names}")
        self._stage.say(DESK, f"has two founders more, {names}: it does not know who they are, or whose link is gone.")

    async def _report(self) -> None:
        last = self._below[-1]
        words = ("member", "report", "--wait", "--yes")
        async with self._stage.command(last, *words, answers={"text": REPORT}) as sender:
            await sender.hears("report_received")
            await sender.hears("done")
        there = (await self._stage.once(DESK, "desk", "show", NUMBER))["report"]
        if there["text"] != REPORT:
            raise SceneFailure(DESK, "show", "the report there is not the one that was sent")
        self._stage.say(DESK, f"has report {NUMBER}, from it does not know whom: “{REPORT}”")

    def _hold(self, found: dict[str, Line], meant: Known) -> None:
        """Each device must know whom it should, and nobody else."""
        there = picture.bonds(found)
        for one, known in meant.items():
            if there[one] != known:
                raise SceneFailure(one, "status", f"knows {', '.join(there[one]) or 'nobody'}")
