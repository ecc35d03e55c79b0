"""An actor: who waits for a process hears of its failure, its end and its silence."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tercet.scene.actor import Actor, SceneFailure


def fails(monkeypatch: pytest.MonkeyPatch, program: str) -> str:
    """Why a process that runs this program is not waited for any more."""
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))

    async def scene() -> str:
        actor = await Actor.start("desk", "serve")
        with pytest.raises(SceneFailure) as failed:
            await actor.hears("running")
        await actor.end()
        return failed.value.hint

    return asyncio.run(scene())


def test_a_process_that_fails_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "(desk: running: planted)" in fails(monkeypatch, 'print(\'{"failed": "planted"}\')')


def test_a_process_that_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "(desk: running: ended)" in fails(monkeypatch, "print('no line of ours')")


def test_what_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "PATIENCE", 0.05)
    assert "waited in vain" in fails(monkeypatch, "import signal; signal.pause()")


@pytest.mark.parametrize(("times", "number"), [(1, 1), (2, 3)])
def test_a_line_that_is_said_again_can_be_waited_for(monkeypatch: pytest.MonkeyPatch, times: int, number: int) -> None:
    program = 'for what, n in (("a", 1), ("b", 2), ("a", 3)): print(\'{"what": "%s", "n": %s}\' % (what, n))'
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))

    async def scene() -> int:
        actor = await Actor.start("ghada", "run")
        line = await actor.hears("a", times=times)
        await actor.end()
        return int(line["n"])

    assert asyncio.run(scene()) == number


def test_a_line_that_is_not_said_as_often_is_waited_for_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", 'print(\'{"what": "a"}\')'))

    async def scene() -> None:
        actor = await Actor.start("ghada", "run")
        with pytest.raises(SceneFailure):
            await actor.hears("a", times=2)
        await actor.end()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
        ('print(\'{"failed": "planted"}\')', "planted"),
        ("", "ended"),
    ],
)
def test_why_a_process_ended_is_said(monkeypatch: pytest.MonkeyPatch, program: str, why: str) -> None:
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))

    async def scene() -> None:
        actor = await Actor.start("desk", "serve")
        assert await actor.ended() == why
        await actor.end()

    asyncio.run(scene())


def test_a_device_that_is_switched_off_has_no_time_to_do_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\'{"what": "up"}\', flush=True)'
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", f"{stubborn}; signal.pause()"))

    async def scene() -> None:
        actor = await Actor.start("dalia", "member", "run")
        await actor.hears("up")
        await actor.cut()
        assert await actor.ended() == "ended by SIGKILL"

    asyncio.run(scene())


def test_who_speaks_to_a_person_is_asked_for_no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Actor, "COMMAND", (sys.executable, "-c", "import sys; print(17); assert '--json' not in sys.argv")
    )

    async def scene() -> None:
        actor = await Actor.start("dalia", "notebook", as_json=False)
        assert await actor.ended() == "ended"
        await actor.end()

    asyncio.run(scene())


def test_an_answer_to_a_process_that_ended_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", ""))

    async def scene() -> None:
        actor = await Actor.start("desk", "serve", answers={})
        await actor.ended()
        actor.answer(same_words="yes")
        await actor.end()

    asyncio.run(scene())
