"""Real processes, killed in the middle of a file: what was sent is not sent again, what came stays."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tercet.scene.actor import Actor, SceneFailure
from tercet.sealing import BLOCK, BLOCK_DATA

from ..cheap import COMMAND
from .troupe import Troupe
from .world import run_long

SIZE = 6_000_000
BLOCKS = -(-SIZE // BLOCK_DATA)


def film(folder: Path) -> tuple[Path, str]:
    data = bytes(3) + b"\x18ftypisom" + os.urandom(SIZE - 12)
    path = folder / "film.mp4"
    path.write_bytes(data)
    return path, sha256(data).hexdigest()


def scene(folder: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Troupe], Awaitable[None]]) -> None:
    monkeypatch.setattr(Actor, "COMMAND", COMMAND)

    async def whole() -> None:
        troupe = Troupe(folder, COMMAND, rate=1_500_000)
        try:
            await troupe.open_relay()
            await troupe.open_desk()
            await troupe.open_member("amal")
            await troupe.meet("desk", "amal")
            await work(troupe)
        finally:
            await troupe.end()

    run_long(whole())


async def received(troupe: Troupe) -> None:
    """Ask the desk in the open until it has said that the file is there: under cover that takes hours."""
    for _ in range(30):
        await troupe.once("member", "send-now", "--yes", "--vault", troupe.at("amal"))
        with contextlib.suppress(SceneFailure):
            await troupe.actors["amal"].hears("media_received", patience=5.0, number="1")
            return
    raise AssertionError("the desk did not say it")


@pytest.mark.full
def test_after_a_kill_of_member_or_relay_only_the_block_under_way_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = film(tmp_path)

    async def work(troupe: Troupe) -> None:
        before = troupe.proxy.up
        words = ("member", "report", "--video", str(path), "--vault", troupe.at("amal"))
        await troupe.once(*words, text="A film.")
        await troupe.proxy.went_up(before + 2_000_000)
        await troupe.kill("amal")
        amal = await troupe.again("amal")
        await troupe.proxy.went_up(before + 4_000_000)
        await troupe.kill("relay")
        await troupe.again("relay")
        await amal.hears("media_left", number="1")
        sent = (troupe.proxy.up - before) // BLOCK
        assert BLOCKS <= sent <= BLOCKS + 2, sent
        await received(troupe)
        assert digest in await troupe.exported(1)

    scene(tmp_path, monkeypatch, work)


@pytest.mark.full
def test_a_desk_killed_while_it_receives_gets_the_file_whole_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = film(tmp_path)

    async def work(troupe: Troupe) -> None:
        words = ("member", "report", "--video", str(path), "--vault", troupe.at("amal"))
        await troupe.once(*words, text="A film.")
        for came in (5, 12):
            desk = troupe.actors["desk"]
            while int((await desk.hears("media_moves")).get("came", 0)) < came:
                desk._lines = [line for line in desk._lines if line.get("what") != "media_moves"]
            await troupe.kill("desk")
            await troupe.again("desk")
        await received(troupe)
        (case,) = await troupe.cases()
        (media,) = case["media"]
        assert (case["number"], case["text"], media["here"], media["blocks"]) == (1, "A film.", BLOCKS, BLOCKS)
        assert digest in await troupe.exported(1)

    scene(tmp_path, monkeypatch, work)
