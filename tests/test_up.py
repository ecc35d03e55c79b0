"""`tercet up`: the scene comes true, ends what it began, and says so when it does not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tercet import up
from tercet.sample import photo
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


def still_running(folder: Path) -> list[str]:
    """Command lines of processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if os.fsencode(folder) in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found


@pytest.mark.full
def test_the_scene_comes_true_ends_its_processes_and_leaves_nothing(tmp_path: Path) -> None:
    status, said = play(tmp_path, "--once")
    assert status == 0, said
    assert "the photo: received by the desk, whole." in said
    hashes = [line.split()[-1] for line in said.splitlines() if "SHA-256 of the photo" in line]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


@pytest.mark.full
def test_the_real_command_plays_the_same_scene(tmp_path: Path) -> None:
    status, said = play(tmp_path, "--once", command=(sys.executable, "-m", "tercet"))
    assert status == 0, said
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


PLANTED = """
import sys
from tests import cheap
from tercet.desk import service
if "serve" in sys.argv:
    service.DeskService.file = lambda self, effect: (_ for _ in ()).throw(OSError("planted"))
from tercet import up
cheap.COMMAND = (sys.executable, {path!r})
up.PATIENCE = 20.0
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
    assert "scene_failed" in said
    assert list(folder.iterdir()) == []
    assert still_running(folder) == []


def test_a_photo_that_is_none_ends_it_before_anything_starts(tmp_path: Path) -> None:
    no_photo = tmp_path / "note.txt"
    no_photo.write_text("not a photo")
    status, said = play(tmp_path, "--once", "--photo", str(no_photo))
    assert status == STATUS_FILE
    assert "[not_a_photo]" in said
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_scene_whose_photos_differ_at_the_two_ends_did_not_come_true(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "1-photo.png").write_bytes(photo().read_bytes() + b"!")
    scene = up.Scene(tmp_path, photo(), up.Console(quiet=True))
    assert scene.hash_found(folder, "0" * 64) not in ("", "0" * 64)


def test_a_process_that_fails_or_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "COMMAND", (sys.executable, "-c", 'print(\'{"failed": "planted"}\')'))

    async def scene() -> None:
        actor = await up.Actor.start("desk", "serve")
        with pytest.raises(up.SceneFailure) as failed:
            await actor.hears("running")
        assert "desk: running: planted" in failed.value.hint
        await actor.end()

    asyncio.run(scene())


def test_what_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "COMMAND", (sys.executable, "-c", "import signal; signal.pause()"))
    monkeypatch.setattr(up, "PATIENCE", 0.05)

    async def scene() -> None:
        actor = await up.Actor.start("desk", "serve")
        with pytest.raises(up.SceneFailure) as failed:
            await actor.hears("running")
        assert "waited in vain" in failed.value.hint
        await actor.end()

    asyncio.run(scene())
