"""`tercet up`: the scene comes true, ends what it began, and says so when it does not."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from tercet import up, up_capture, up_heal, up_voice
from tercet.desk import papers
from tercet.lab.captor import Seen
from tercet.lab.exposure import Exposure, Person, Words
from tercet.lab.unopened import Noise
from tercet.sample import photo
from tercet.scene.actor import Actor
from tercet.shell.failures import STATUS_FILE, STATUS_HERE
from tercet.shell.text import FIRST_STRONG, POP

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
        timeout=1_500,
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
    status, said = play(
        tmp_path, "--once", command=(sys.executable, "-m", "tercet")
    )  # at the true cost of a passphrase
    assert status == 0, said
    assert "the photo: received by the desk, whole." in said
    for line in up_voice.NOTICE.splitlines():
        assert re.search(rf"ghada +reads, from the desk, to everyone: “{FIRST_STRONG}{line}{POP}”", said)
    assert re.search(rf"ghada +reads, statement 1 of the five: “{FIRST_STRONG}{up_voice.STATEMENT}{POP}”", said)
    assert "`tercet verify`: IT HOLDS." in said
    assert f"tries it with “Five” for “Four”: refused [{up_voice.REFUSED}]." in said
    assert {number for number in ("1", "2") if re.search(rf"desk +files report {number} ", said)} == {"1", "2"}
    assert "files report 1 as from a stranger" in said
    assert "files report 2 from a member" in said
    assert "took tokens this week: fewer than 10." in said
    assert "One capture exposes 4 neighbours at most" in said
    hashes = [line.split()[-1] for line in said.splitlines() if "SHA-256 of the photo" in line]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
    assert list(tmp_path.iterdir()) == []
    assert running(tmp_path) == {}


@pytest.mark.full
def test_a_seized_member_yields_what_the_table_says_and_her_neighbours_learn_of_it(tmp_path: Path) -> None:
    status, said = play(tmp_path, "--capture", "--once")
    assert status == 0, said
    for view in up_capture.VIEWS:
        assert f"The captor sees, with {view} " in said
    assert said.count("Within the exposure table: yes.") == 3
    for name in up.meant()[up.SEIZED]:
        assert re.search(rf"{name} +sees, [0-9.]+ s after it was typed: “dalia is in danger", said)
    assert "it opens nothing any more" in said
    assert "opens the notebook once more" in said
    for name in up.meant()[up.SEIZED]:
        assert re.search(rf"{name} +sees: “dalia was cut out", said)
    for name in ("fadi", "ghada"):
        assert re.search(rf"{name} +sees: “The desk took you in", said)
    assert re.search("has two founders more, adopted 1, adopted 2: it does not know who they are", said)
    assert f"has report {up_heal.NUMBER}, from it does not know whom: “{up_heal.REPORT}”" in said
    assert list(tmp_path.iterdir()) == []
    assert running(tmp_path) == {}


PLANTED = """
import sys
from tests import cheap
from tercet.desk.service import DeskService
if "serve" in sys.argv:
    {fault}
cheap.COMMAND = (sys.executable, {path!r})
cheap.main()
"""
FILES_NOTHING = 'DeskService.file = lambda self, effect: (_ for _ in ()).throw(OSError("planted"))'


@pytest.mark.full
def test_a_planted_fault_makes_the_scene_fail_and_everything_still_ends(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(PLANTED.format(path=str(planted), fault=FILES_NOTHING))
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


# ---- the captor's views


# ---- what is said to everyone


def says(*lines: dict[str, object]) -> tuple[str, ...]:
    """A command that says these lines, whatever it is asked, and ends."""
    return (sys.executable, "-c", f"import json\nfor line in {lines!r}: print(json.dumps(line), flush=True)")


def statement_file(folder: Path) -> Path:
    file = folder / "statement-1"
    file.write_text(papers.to_text(papers.STATEMENT_TITLE, b"\x91" + up_voice.STATEMENT.encode()))
    return file


def test_a_changed_statement_differs_in_one_word_and_its_file_is_still_one(tmp_path: Path) -> None:
    before = statement_file(tmp_path).read_text()
    assert up_voice.STATEMENT.count(up_voice.WORD) == 1
    assert len(up_voice.WORD) == len(up_voice.OTHER)
    changed = papers.parse_text(papers.STATEMENT_TITLE, up_voice.with_another_word(before))
    assert changed == b"\x91" + up_voice.STATEMENT.replace(up_voice.WORD, up_voice.OTHER).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"what": "statement_holds"}, r"verify: what nobody signed holds"),
        ({"failed": "voice_few"}, r"verify: voice_few"),
    ],
    ids=["changed, and holds", "signed, and refused"],
)
def test_a_statement_that_is_not_judged_as_it_must_be_ends_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: dict[str, object], why: str
) -> None:
    monkeypatch.setattr(Actor, "COMMAND", says(line))
    statement = statement_file(tmp_path)
    assert re.search(why, fails(lambda played: played.voice.check(statement), tmp_path))


def test_a_member_whom_a_notice_never_reaches_ends_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'import signal; print(\'{"what": "statement_came"}\', flush=True); signal.pause()'
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(Actor, "PATIENCE", 0.2)

    async def work(played: up.Scene) -> None:
        await played.start(up.DEEPEST, "member", "run")
        await played.voice.heard_by(up.DEEPEST)

    assert "(ghada: notice_came: waited in vain)" in fails(work, tmp_path)


NOTICES = [{"said": 0, "text": up_voice.NOTICE}, {"said": 1, "text": up_voice.STATEMENT}]


def heard(folder: Path, monkeypatch: pytest.MonkeyPatch, notices: list[dict[str, object]]) -> str:
    """What a scene shows whose deepest member finds these notices."""
    done = {"what": "done", "notices": notices}
    monkeypatch.setattr(Actor, "COMMAND", says({"what": "notice_came"}, {"what": "statement_came"}, done))
    out = io.StringIO()

    async def play() -> None:
        played = up.Scene(folder, photo(), Console(file=out, soft_wrap=True, width=80))
        try:
            await played.start(up.DEEPEST, "member", "run")
            await played.voice.heard_by(up.DEEPEST)
        finally:
            await played.end()

    asyncio.run(play())
    return out.getvalue()


@pytest.mark.parametrize(
    "notices",
    [NOTICES[:1], NOTICES[1:], [NOTICES[0], {"said": 0, "text": up_voice.STATEMENT}], [*NOTICES, NOTICES[0]]],
    ids=["no statement", "no notice", "a notice for a statement", "twice"],
)
def test_notices_that_are_not_those_said_end_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notices: list[dict[str, object]]
) -> None:
    with pytest.raises(up.SceneFailure) as failed:
        heard(tmp_path, monkeypatch, notices)
    assert "they are not what was said to everyone" in failed.value.hint


def test_a_line_that_runs_from_right_to_left_is_shown_within_a_fence_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = heard(tmp_path, monkeypatch, NOTICES)
    (line,) = [line for line in shown.splitlines() if any("\u0600" <= letter <= "\u06ff" for letter in line)]
    before, _, rest = line.partition(FIRST_STRONG)
    inside, _, after = rest.partition(POP)
    assert inside == up_voice.NOTICE.splitlines()[1]
    assert (before + after).isascii() or set(before + after) - set(map(chr, range(128))) == {"“", "”"}


def test_a_report_without_a_token_that_counts_as_a_member_s_ends_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [{"number": number, "text": up.LATER, "standing": "member"} for number in (1, 2)]
    lines = [{"what": "report_filed", "number": "2"}, {"what": "report_bare", "number": "2"}]
    monkeypatch.setattr(Actor, "COMMAND", says(*lines, {"what": "done", "cases": cases}))

    async def work(played: up.Scene) -> None:
        for name in (up.DESK, up.FOUNDER):
            await played.start(name, "runs")
            await played.actors[name].hears("done")
        await played.count()

    assert "the second report there is not the one that was sent" in fails(work, tmp_path)


ROLES = up.meant()[up.SEIZED]
NOISE = Noise(2**26, True, 8.0, 0.0, 0.0, 0, 2, (), True)
NOTES = (Words("note", "", up_capture.NOTE, 1),)
PEOPLE = tuple(Person(name, role, True, 1, 1, 1) for name, role in ROLES.items())
AS_IT_MUST_BE = {
    up_capture.NONE: Seen("no passphrase", Exposure("nothing"), (), noise=NOISE),
    up_capture.OTHER: Seen(
        "notebook, image made before", Exposure("notebook", lanes=4, words=NOTES), (), opened=("notebook",)
    ),
    up_capture.OWN: Seen("passphrase", Exposure("device", people=PEOPLE, words=NOTES), (), opened=("notebook", "real")),
}


def with_exposure(seen: Seen, **what: object) -> Seen:
    return msgspec.structs.replace(seen, exposure=msgspec.structs.replace(seen.exposure, **what))


@pytest.mark.parametrize("view", up_capture.VIEWS)
def test_a_captor_s_view_that_is_as_it_must_be_has_no_fault(view: str) -> None:
    assert list(up_capture.faults(view, AS_IT_MUST_BE[view], ROLES)) == []


@pytest.mark.parametrize("view", up_capture.VIEWS)
@pytest.mark.parametrize(
    "planted",
    [
        lambda seen: msgspec.structs.replace(seen, breaches=("people: 5",)),
        lambda seen: msgspec.structs.replace(seen, opened=("real",)),
        lambda seen: with_exposure(seen, people=(Person("badr", "partner", True, 1, 1, 1), *seen.exposure.people[1:])),
        lambda seen: with_exposure(seen, lanes=3),
        lambda seen: with_exposure(seen, words=(Words("note", "", "dalia knows amal", 1),)),
    ],
    ids=["breach", "opened", "people", "lanes", "notes"],
)
def test_a_captor_s_view_that_is_another_ends_the_scene(view: str, planted: Callable[[Seen], Seen]) -> None:
    assert list(up_capture.faults(view, planted(AS_IT_MUST_BE[view]), ROLES))


def test_a_file_that_is_no_noise_ends_the_scene() -> None:
    told = msgspec.structs.replace(NOISE, zeros=512, noise=False)
    seen = msgspec.structs.replace(AS_IT_MUST_BE[up_capture.NONE], noise=told)
    assert list(up_capture.faults(up_capture.NONE, seen, ROLES)) == ["the file is no noise"]


def test_a_captor_that_cannot_look_ends_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "COMMAND", COMMAND)
    monkeypatch.chdir(HOUSE)
    with pytest.raises(up.SceneFailure, match="scene_failed") as failed:
        asyncio.run(up_capture.look(tmp_path / "nothing", "a passphrase"))
    assert "image_unreadable" in failed.value.hint


def test_a_passphrase_reaches_the_captor_by_a_descriptor_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys; print(sys.argv, os.read(int(sys.argv[-1]), 99))"
    monkeypatch.setattr(Actor, "COMMAND", (sys.executable, "-c", program))
    with pytest.raises(up.SceneFailure) as failed:
        asyncio.run(up_capture.look(tmp_path, "heron behind the mill"))
    arguments, _, read = failed.value.hint.partition("]")
    assert "heron" not in arguments
    assert "b'heron behind the mill\\n'" in read


def test_a_captor_s_view_is_shown_within_its_frame() -> None:
    out = io.StringIO()
    shown = up_capture.panel("The captor sees", AS_IT_MUST_BE[up_capture.OWN], 80)
    Console(file=out, width=80, soft_wrap=True).print(shown)
    lines = out.getvalue().splitlines()
    assert {cell_len(line) for line in lines} == {80}
    assert all(any(name in line for line in lines) for name in ROLES)
