"""The engine: what is saved before what, and what a death at any point leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tercet.core import effects as fx
from tercet.core import events as ev
from tercet.core.channel import LetterKind
from tercet.core.state import load
from tercet.drop import Ack, MemoryStore, Put, Read
from tercet.sample import photo
from tercet.shell.engine import put_item
from tercet.shell.relays import Relays
from tercet.shell.service import ANSWER_SPREAD, ANSWER_STEP, Service
from tercet.vault import VaultError

from .founded import founded
from .world import UNREACHABLE, Awake, Death, Killed, Person, World, beat, do, run

TEXT = "The bridge road is closed."
LETTER = "Meet me at the mill."
REPLY = "Who saw it?"


class Scene:
    """A report with a photo, a letter and the desk's answer, played by devices of which one may die and come back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.awake: dict[str, Service] = {}
        self.letters: list[str] = []
        self.replies: list[str] = []

    async def play(self) -> None:
        for name in ("desk", "amal", "badr"):
            await self._wake(name)
        await self._until("amal", self._report)
        await self._until("amal", self._letter)
        for round_number in range(12):
            self.world.now += 70
            for name in ("amal", "desk", "badr"):
                await self._until(name, self._beat)
            if round_number == 2:
                await self._until("desk", self._reply)
        self.letters = await self._until("badr", lambda badr: self._inbox(badr, "letters"))
        self.replies = await self._until("amal", lambda amal: self._inbox(amal, "desk"))
        await self._look()
        for name in tuple(self.awake):
            await self.awake.pop(name).close()

    async def _until(self, name: str, step: Any) -> Any:
        """Carry out a step; if its device dies over it, wake it up and let its owner look whether to do it again."""
        while True:
            try:
                return await step(self.awake[name])
            except Killed:
                await self._bury(name)
                await self._wake(name)

    async def _wake(self, name: str) -> None:
        service = self.awake[name] = self.world.service(name)
        try:
            await service.open()
        except Killed:
            await self._bury(name)
            await self._wake(name)

    async def _bury(self, name: str) -> None:
        service = self.awake.pop(name)
        if service._media is not None:
            service._media.cancel()
            with contextlib.suppress(asyncio.CancelledError, Killed):
                await service._media
        await asyncio.sleep(0)
        service.engine._vault.close()
        self.world.death = None

    async def _report(self, amal: Service) -> None:
        if amal.engine.device.reported == 0:
            await do(amal, Person(text=TEXT), do="report", photo=[str(photo())])

    async def _letter(self, amal: Service) -> None:
        badr = next(r for r in amal.engine.device.relations if r.name == "badr")
        if all(letter.kind != LetterKind.TEXT for letter in badr.channel.waiting):
            await do(amal, Person(name="badr", text=LETTER), do="letter")

    async def _reply(self, desk: Any) -> None:
        (case,) = desk.engine.device.office.cases
        if all(letter.kind != LetterKind.TEXT for letter in case.channel.waiting):
            await do(desk, Person(text=REPLY), do="reply", number=1)

    async def _beat(self, service: Service) -> None:
        await beat(service)
        media = service._media
        if media is not None and media.done():
            media.result()

    async def _inbox(self, service: Service, which: str) -> list[str]:
        return [note["text"] for note in (await do(service, do="inbox"))[which]]

    async def _look(self) -> None:
        desk: Any = self.awake["desk"]
        (self.case,) = desk.archive.cases()
        self.kept = [(w.ours, w.text) for w in desk.archive.words(1)]
        self.whole = [desk.archive.check(self.case.id, place) for place in (0, 1)]
        status = await do(self.awake["amal"], do="status")
        (self.report,) = status["reports"]

    def check(self) -> None:
        assert self.letters == [LETTER]
        assert self.replies == [REPLY]
        assert (self.case.number, self.case.text) == (1, TEXT)
        assert self.kept == [(True, REPLY)]
        assert self.whole == [True, True]
        assert self.report["state"] == "received by the desk"
        assert {f["state"] for f in self.report["files"]} == {"received by the desk"}


def play(folder: Path, name: str, at: int) -> Death:
    world = founded(folder)
    death = world.death = Death(name, at)
    scene = Scene(world)
    run(scene.play())
    scene.check()
    return death


def boundaries(folder: Path, name: str) -> int:
    folder.mkdir()
    return play(folder, name, -1).passed


VARIES = 12  # boundaries


def killed_everywhere(folder: Path, name: str, every: int) -> None:
    count = boundaries(folder / "whole", name)
    assert count > 20
    for at in range(0, count, every):
        home = folder / str(at)
        home.mkdir()
        died = play(home, name, at).dead
        assert (
            died or at >= count - VARIES
        )  # by chance a play has a few saves more or fewer; its end is checked all the same


@pytest.mark.full
@pytest.mark.parametrize("name", ["amal", "desk", "badr"])
def test_a_device_killed_between_file_save_and_act_loses_and_doubles_nothing(name: str, tmp_path: Path) -> None:
    killed_everywhere(tmp_path, name, 61)


@pytest.mark.full
@pytest.mark.parametrize(("name", "every"), [("amal", 1), ("desk", 2), ("badr", 3)])
def test_a_device_killed_at_any_boundary_loses_and_doubles_nothing(name: str, every: int, tmp_path: Path) -> None:
    killed_everywhere(tmp_path, name, every)


def test_nothing_leaves_before_the_state_that_knows_of_it_is_saved(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            vault: Any = amal.engine._vault

            def full(*_: object, **__: object) -> None:
                raise VaultError("vault_disk")

            vault.commit = full
            before, asked = amal.engine.device, len(world.asked)
            with pytest.raises(VaultError):
                await do(amal, Person(text=TEXT), do="report")
            assert amal.engine.device is before
            assert [op for op in world.asked[asked:] if not isinstance(op, Read)] == []

    run(scene())


def test_a_report_is_saved_before_it_is_put_and_each_block_before_it_travels(tmp_path: Path) -> None:
    world = founded(tmp_path)
    seen: list[str] = []

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            vault: Any = amal.engine._vault
            commit = vault.commit

            def watched(state: bytes, block: Any, gone: Any) -> None:
                seen.append(f"save {len(block[1])}" if block else "save")
                commit(state, block, gone)

            vault.commit = watched
            ask = amal.relays.ask

            async def asked(relay: str, op: Any) -> Any:
                if isinstance(op, Put):
                    seen.append(f"put {len(op.item)}")
                return await ask(relay, op)

            amal.relays.ask = asked
            await do(amal, Person(text=TEXT), do="report", photo=[str(photo())])
            await beat(amal)

    run(scene())
    blocks = [line for line in seen if line.endswith("262144")]
    assert blocks == ["save 262144", "put 262144"] * 3
    assert seen.index("save 262144") < seen.index("put 4096")


def test_one_commit_a_block_is_enough(tmp_path: Path) -> None:
    world = founded(tmp_path)
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(4) + b"ftypisom" + os.urandom(2_500_000))

    async def scene() -> int:
        async with Awake(world.member("amal")) as (amal,):
            vault: Any = amal.engine._vault
            before = vault._saved.counter
            await do(amal, Person(text=TEXT), do="report", video=[str(film)])
            await beat(amal)
            (report,) = amal.engine.device.reports
            assert report.media[0].state.value == "left this device"
            return int(vault._saved.counter - before)

    assert run(scene()) <= 10 + 5  # blocks, and what the report itself and the beat take


def test_a_save_that_began_is_finished_though_its_asker_was_cancelled(tmp_path: Path) -> None:
    world = founded(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    async def scene() -> None:
        amal = world.member("amal")
        vault: Any = amal.engine._vault
        commit, done = vault.commit, []

        def slow(*given: Any) -> None:
            begun.set()
            go_on.wait(120)
            commit(*given)
            done.append("saved")

        vault.commit = slow
        asking = asyncio.create_task(amal.engine.do(ev.WriteLetter("badr", LETTER)))
        await asyncio.to_thread(begun.wait, 120)
        asking.cancel()
        closing = asyncio.create_task(amal.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing
        assert done == ["saved"]
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(scene())


def test_a_block_that_no_relay_took_waits_and_is_the_one_sent_later(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            await do(amal, Person(text=TEXT), do="report", photo=[str(photo())])
            await beat(amal)
            (report,) = (await do(amal, do="status"))["reports"]
            assert {f["state"] for f in report["files"]} == {"waiting"}
            world.trouble, world.now = {}, world.now + 60
            asked = len(world.asked)
            await beat(amal, desk, rounds=8)  # the desk says one thing in each answer
            puts = [op.item for op in world.asked[asked:] if isinstance(op, Put) and len(op.item) == 262_144]
            assert len(puts) == len(set(puts)) == 3
            (report,) = (await do(amal, do="status"))["reports"]
            assert {f["state"] for f in report["files"]} == {"received by the desk"}

    run(scene())


def test_an_order_for_a_block_that_was_sent_meanwhile_is_let_go(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            places = tuple((relay, bytes(32)) for relay in world.relays)
            await amal.engine._put_block(fx.PutBlock(bytes(16), places, bytes(32)), amal.relays)
            await beat(amal)
            assert not amal._media.done()

    run(scene())


def test_a_put_turns_to_the_second_relay_only_when_the_first_did_not_answer_the_time_before_too(tmp_path: Path) -> None:
    world = founded(tmp_path)
    (first,), second = world.relays, "tercet://127.0.0.1:7444/" + "a" * 52
    world.relays[second] = MemoryStore()
    places = ((first, bytes(32)), (second, bytes(32)))

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):

            async def put() -> list[ev.Event]:
                world.now += 10  # a relay that failed is left alone for five seconds
                return list(await put_item(bytes(16), places, bytes(4096), amal.relays))

            assert await put() == [ev.Stored(bytes(16), first)]
            world.trouble = {first: UNREACHABLE}
            assert await put() == []
            assert await put() == [ev.Stored(bytes(16), second)]
            world.trouble = {}
            assert await put() == [ev.Stored(bytes(16), first)]
            world.refuses = {first: "no_pass"}
            assert await put() == [ev.Refused(bytes(16), "no_pass")]  # that is an answer
            assert await put() == [ev.Refused(bytes(16), "no_pass")]

    run(scene())


def test_what_was_read_is_let_go_only_after_it_was_saved(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await do(amal, Person(text=TEXT), do="report")
            seen: list[str] = []
            archive_file, commit = desk.file, desk.engine._vault.commit
            desk.file = lambda effect: (seen.append("file"), archive_file(effect))
            desk.engine._vault.commit = lambda *given: (seen.append("save"), commit(*given))
            await beat(amal)
            asked = len(world.asked)
            await beat(desk)
            seen += ["ack" for op in world.asked[asked:] if isinstance(op, Ack)]
            assert seen.index("file") < len(seen) - 1 - seen[::-1].index("save") < seen.index("ack")
            assert seen[: seen.index("file") + 2][-2:] == ["file", "save"]

    run(scene())


class Moments:
    """A sleep that one can wake, in order of the moments."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self.waiting.append((seconds, event))
        await event.wait()

    async def wake_next(self) -> float:
        await asyncio.sleep(0)
        after, event = min(self.waiting, key=lambda one: one[0])
        self.waiting.remove((after, event))
        event.set()
        return after


async def settled(service: Service, left: int) -> None:
    """Until only so many operations of covered beats wait."""
    async with asyncio.timeout(20):
        while len(service.engine._later) > left:
            await asyncio.sleep(0)


def test_each_operation_of_a_covered_beat_goes_at_its_own_moment_over_a_connection_of_its_own(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            moments, opened = Moments(), list[str]()
            amal.engine.sleep = moments.sleep
            open_drop = amal.relays._open_drop
            amal.relays._open_drop = lambda address: (opened.append(address), open_drop(address))[1]
            asked = len(world.asked)
            await amal.engine.do(ev.Beat(1_000.0))
            await asyncio.sleep(0)
            assert (len(world.asked) - asked, len(moments.waiting)) == (0, 3)
            assert len({after for after, _ in moments.waiting}) == 3
            await amal.engine.do(ev.Beat(1_000.0))  # while those of the last one are open
            await asyncio.sleep(0)
            for left in reversed(range(6)):
                await moments.wake_next()
                await settled(amal, left)
            shape = [type(op) for op in world.asked[asked:] if not isinstance(op, Ack)]
            assert sorted(kind.__name__ for kind in shape) == ["Put"] * 2 + ["Read"] * 4
            assert len(opened) == 6
            assert amal.relays._drops == {}

    run(scene())


def test_a_put_hangs_up_before_anything_is_made_of_its_answer(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            happened: list[str] = []
            moments, alone, turn = Moments(), amal.relays.alone, amal.engine._turn
            amal.engine.sleep = moments.sleep

            def watched() -> Relays:
                relays = alone()
                close = relays.close

                async def closing() -> None:
                    happened.append("hang up")
                    await close()

                relays.close = closing  # type: ignore[method-assign]
                return relays

            async def working(events: Sequence[ev.Event], keep: bool = True) -> list[fx.Effect]:
                happened.extend(type(e).__name__ for e in events)
                return await turn(events, keep)

            await amal.engine.do(ev.WriteReport("x", None, None, ()))
            amal.relays.alone, amal.engine._turn = watched, working  # type: ignore[method-assign]
            while "Stored" not in happened:  # until a beat carries the report
                await amal.engine.do(ev.Beat(1_000.0))
                await asyncio.sleep(0)
                for left in reversed(range(3)):
                    await moments.wake_next()
                    await settled(amal, left)
            assert happened[happened.index("Stored") - 1] == "hang up"

    run(scene())


def test_a_desk_at_work_spreads_its_answers_and_acts_at_full_steps(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await amal.engine.do(ev.WriteReport("x", None, None, ()), ev.SendNow())
            moments = Moments()
            desk.engine.sleep = moments.sleep
            desk._hide_work(1_800.0)
            steps = iter([10.0, 10.2])
            desk.engine.monotonic = lambda: next(steps, 10.2)
            reading = asyncio.create_task(desk.engine.do(ev.Beat()))
            while not any(0 < seconds <= ANSWER_STEP for seconds, *_ in moments.waiting):
                await asyncio.sleep(0.001)  # what goes to neighbours waits longer, at a moment of its own
            while not reading.done():
                if moments.waiting:
                    await moments.wake_next()
                await asyncio.sleep(0.001)
            desk._hide_work(1.0)  # a rehearsal takes no time for it
        assert ANSWER_STEP <= 1 < ANSWER_SPREAD

    run(scene())


def test_a_failure_in_an_operation_of_a_covered_beat_stops_the_service(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            moments = Moments()
            amal.engine.sleep = moments.sleep
            running = asyncio.create_task(amal.run(1_000.0, tmp_path / "amal" / "vault", Person()))
            while len(moments.waiting) < 4:  # three operations, and the wait for the next beat
                await asyncio.sleep(0.001)

            def broken(*_: object) -> None:
                raise VaultError("vault_disk")

            amal.engine._turn_now = lambda *_: _raise(broken)
            while not running.done() and moments.waiting:
                await moments.wake_next()
                await asyncio.sleep(0.001)
            with pytest.raises(VaultError):
                await running
            amal.engine._failure = None
            del amal.engine._turn_now

    run(scene())


async def _raise(broken: Any) -> Any:
    broken()


def test_closing_cancels_what_still_waits_for_its_moment(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        amal = world.member("amal")
        await amal.open()
        amal.engine.sleep = Moments().sleep
        asked = len(world.asked)
        await amal.engine.do(ev.Beat(1_000.0))
        await asyncio.sleep(0)
        assert len(amal.engine._later) == 3
        await amal.close()
        assert len(amal.engine._later) == 0
        assert len(world.asked) == asked

    run(scene())


def _opening(world: World, name: str = "amal") -> list[bytes]:
    """Open a device and close it again; the states that it committed on the way."""
    saved: list[bytes] = []

    async def scene() -> None:
        service = world.service(name)
        vault: Any = service.engine._vault
        commit = vault.commit
        vault.commit = lambda state, *more: (saved.append(state), commit(state, *more))
        await service.open()
        await service.close()

    run(scene())
    return saved


@pytest.mark.parametrize("name", ["amal", "desk"])
def test_every_opening_is_followed_by_two_commits_of_the_state_as_it_is(tmp_path: Path, name: str) -> None:
    world = founded(tmp_path)
    with world._vault(name) as vault:
        before = vault.state
    assert _opening(world, name) == [before, before]
    assert _opening(world, name) == [before, before]


def test_a_vault_that_stepped_back_saves_what_follows_from_that_first(tmp_path: Path) -> None:
    world = founded(tmp_path)
    with world._vault("amal") as vault:
        before, layout, number = vault.state, vault._layout, vault._saved.counter
        newest = layout.copy_at(vault._place, number % 2)
    with (tmp_path / "amal" / "vault").open("r+b") as file:
        file.seek(newest + 40)
        file.write(b"0123456789abcdef")
    with world._vault("amal") as vault:
        assert vault.stepped_back
        before = vault.state
    first, second = _opening(world)
    assert first == second != before
    sent = [[r.channel.sent for r in load(state).relations] for state in (before, first)]
    assert all(now > then for then, now in zip(*sent, strict=True))
    with world._vault("amal") as vault:
        assert (vault.state, vault.stepped_back) == (second, False)
