"""`tercet up`: the scene comes true, ends what it began, and says so when it does not."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tercet import up
from tercet.sample import photo
from tercet.scene.actor import Actor
from tercet.shell.failures import STATUS_FILE, STATUS_HERE

from .cheap import COMMAND

HOUSE = Path(__file__).parent.parent


def play(folder: Path, *words: str, command: tuple[str, ...] = COMMAND, **environment: str) -> tuple[int, str]:
    """Run `up` in a session of its own with `folder` for its files; returns its status and all that it said."""
    done = subprocess.run(
        [*command, "up", *words],
        cwd=HOUSE,
        env=os.environ | {"TMPDIR": str(folder)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        start_new_session=True,
        text=True,
    )
    return done.returncode, done.stdout


def running(folder: Path, *words: str) -> dict[int, str]:
    """Processes whose command lines name a folder, and each of these words."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if os.fsencode(folder) in line and all(word.encode() in line for word in words):
            found[int(entry.name)] = line.replace(b"\0", b" ").decode()
    return found


@pytest.mark.full
def test_the_scene_comes_true_ends_its_processes_and_leaves_nothing(tmp_path: Path) -> None:
    status, said = play(tmp_path, "--once")
    assert status == 0, said
    assert "the photo: received by the desk, whole." in said
    assert "One capture exposes 4 neighbours at most" in said
    hashes = [line.split()[-1] for line in said.splitlines() if "SHA-256 of the photo" in line]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
    assert list(tmp_path.iterdir()) == []
    assert running(tmp_path) == {}


@pytest.mark.full
def test_the_real_command_plays_the_same_scene(tmp_path: Path) -> None:
    status, said = play(tmp_path, "--once", command=(sys.executable, "-m", "tercet"))
    assert status == 0, said
    assert list(tmp_path.iterdir()) == []
    assert running(tmp_path) == {}


PLANTED = """
import sys
from tests import cheap
from tercet.desk import service
if "serve" in sys.argv:
    service.DeskService.file = lambda self, effect: (_ for _ in ()).throw(OSError("planted"))
cheap.COMMAND = (sys.executable, {path!r})
cheap.main()
"""


@pytest.mark.full
def test_a_desk_that_cannot_file_makes_the_scene_fail_and_everything_still_ends(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(PLANTED.format(path=str(planted)))
    folder = tmp_path / "scene"
    folder.mkdir()
    status, said = play(folder, "--once", command=(sys.executable, str(planted)), PYTHONPATH=f"{HOUSE}:{HOUSE}/src")
    assert status == STATUS_HERE, said
    assert re.search(r"\(desk: .*: unforeseen\) \[scene_failed\]", said)
    assert list(folder.iterdir()) == []
    assert running(folder) == {}


@pytest.mark.full
def test_a_member_that_is_killed_ends_the_scene_with_one_sentence_that_names_it(tmp_path: Path) -> None:
    playing = subprocess.Popen(
        [*COMMAND, "up", "--once"],
        cwd=HOUSE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    with playing:
        assert playing.stdout is not None
        assert any("says to dalia" in line for line in playing.stdout)
        (badr,) = running(tmp_path, "--rehearsal", "/badr")
        os.kill(badr, signal.SIGKILL)
        said = playing.stdout.read()
    assert playing.returncode == STATUS_HERE
    (sentence,) = [line for line in said.splitlines() if "[scene_failed]" in line]
    assert "(badr: awake until the end: ended by SIGKILL)" in sentence
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    assert running(tmp_path) == {}


def test_a_photo_that_is_none_ends_it_before_anything_starts(tmp_path: Path) -> None:
    no_photo = tmp_path / "note.txt"
    no_photo.write_text("not a photo")
    status, said = play(tmp_path, "--once", "--photo", str(no_photo))
    assert status == STATUS_FILE
    assert "[not_a_photo]" in said
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_photo_that_differs_at_the_desk_is_not_taken_for_the_one_sent(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "1-photo.png").write_bytes(photo().read_bytes() + b"!")
    assert up.hash_found(folder, "0" * 64) not in ("", "0" * 64)


def test_the_scene_keeps_the_cell_rule_and_is_three_levels_deep() -> None:
    meant = up.meant()
    assert set(meant) == {up.DESK, *up.MEMBERS}
    for name in up.MEMBERS:
        roles = sorted(meant[name].values())
        assert len(roles) <= 4
        assert roles.count("partner") == 1
        assert roles.count("below") in (0, 2)
    above = {name: next(o for o, r in meant[name].items() if r in ("link", "desk")) for name in up.MEMBERS}
    for name in up.MEMBERS:
        partner = next(other for other, role in meant[name].items() if role == "partner")
        assert above[partner] == above[name]
    assert above[above[above[up.DEEPEST]]] == up.DESK


def scene(folder: Path) -> up.Scene:
    return up.Scene(folder, photo(), up.Console(quiet=True))


def fails(work: Callable[[up.Scene], Awaitable[object]], folder: Path) -> str:
    async def play() -> str:
        played = scene(folder)
        try:
            with pytest.raises(up.SceneFailure) as failed:
                await work(played)
        finally:
            await played.end()
        return failed.value.hint

    return asyncio.run(play())


def test_who_falls_while_others_wait_ends_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Actor, "COMMAND", (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    )

    async def work(played: up.Scene) -> None:
        await played.start("relay", "relay")
        await played.watched(asyncio.Event().wait())

    assert "(relay: awake until the end: ended by SIGKILL)" in fails(work, tmp_path)


def test_who_fell_is_named_rather_than_who_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", 'print(\'{"failed": "planted"}\')'))

    async def notices(played: up.Scene) -> None:
        await played.start("relay", "relay")
        raise up.SceneFailure("amal", "done", "relay_silent")

    assert "(relay: awake until the end: planted)" in fails(lambda played: played.watched(notices(played)), tmp_path)


def test_screens_that_show_different_words_end_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'import os; print(\'{"what": "meeting_compare", "words": "%s"}\' % os.getpid(), flush=True)'
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))

    async def work(played: up.Scene) -> None:
        async with played.command("amal", "meet") as one, played.command("badr", "meet") as other:
            await played.same_words("meeting_compare", one, other)

    assert "their screens show different words" in fails(work, tmp_path)


def test_devices_that_do_not_know_whom_they_should_end_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'print(\'{"what": "done", "neighbours": []}\')'
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))
    assert "the devices do not know whom they should" in fails(
        lambda played: played.ask_all(asyncio.sleep(0)), tmp_path
    )
