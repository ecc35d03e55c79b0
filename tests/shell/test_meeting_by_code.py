"""Meeting and writing by codes as people do it: two services, screens as PNG files, and no relay at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tercet.core.errors import Refusal
from tercet.shell.codes import Collector, read_all, split
from tercet.shell.failures import ShellError
from tercet.shell.screen import Screen, pictures
from tercet.shell.service import Service

from .founded import founded
from .test_codes import as_picture, seen
from .world import RELAY, UNREACHABLE, Awake, Person, World, do, run


class Two:
    """Two people who hold their screens to each other's cameras."""

    def __init__(self, folder: Path) -> None:
        self.folders = (folder / "inviter", folder / "joiner")
        self.inviter = Person(name="newcomer", same_words="yes", shown="")
        self.joiner = Person(name="brought me in", same_words="yes", shown="")

    def screen(self, side: int, camera: bool = True) -> Screen:
        person = (self.inviter, self.joiner)[side]
        watch = self.folders[1 - side] if camera else None
        return Screen(person, self.folders[side], watch, look_every=0.001)

    async def meet(self, first: Service, second: Service, role: str = "", codes: str = "alone") -> None:
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        await asyncio.gather(
            first.request({"do": "meet", "role": role, "codes": codes}, self.screen(0)),
            second.request({"do": "meet", "codes": codes}, self.screen(1)),
        )


def compared(person: Person) -> str:
    return next(str(facts["words"]) for what, facts in person.told if what == "meeting_compare")


async def handed(giver: Service, taker: Service, folder: Path, to: str) -> tuple[int, list[dict[str, Any]]]:
    """Show what waits, and scan each message as it is shown."""
    folder.mkdir(exist_ok=True)
    results: list[dict[str, Any]] = []

    class Hands(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "shown":
                found = read_all(pictures([folder]), Collector())
                results.append(await do(taker, do="scan", messages=[m.hex() for m in found]))
            return await super().ask(field, prompt, hidden)

    person = Hands(name=to, shown="")
    out = await giver.request({"do": "hand"}, Screen(person, folder, None))
    return int(out["handed"]), results


@pytest.mark.full
def test_two_phones_without_a_network_meet_write_and_report(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.trouble = {RELAY: UNREACHABLE}
    world.make("cyra")
    two = Two(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("cyra")) as (amal, cyra):
            asked = len(world.asked)
            await two.meet(amal, cyra, "link")
            assert compared(two.inviter) == compared(two.joiner)
            assert two.joiner.told[-1] == ("meeting_kept", {"name": "brought me in", "role": "link"})
            assert (await handed(amal, cyra, tmp_path / "a", "newcomer"))[0] >= 1
            for day in range(2):
                await do(amal, Person(name="newcomer", text=f"day {day}"), do="letter")
                await handed(amal, cyra, tmp_path / "a", "newcomer")
                await do(cyra, Person(name="brought me in", text=f"answer {day}"), do="letter")
                await handed(cyra, amal, tmp_path / "b", "brought me in")
                world.now += 86_400
            assert [n["text"] for n in (await do(cyra, do="inbox"))["letters"]] == ["day 0", "day 1"]
            assert [n["text"] for n in (await do(amal, do="inbox"))["letters"]] == ["answer 0", "answer 1"]
            made = await do(cyra, Person(text="what I saw"), do="report")
            assert made["state"] == "waiting"
            assert len(world.asked) == asked

    run(scene())


def test_a_desk_brings_in_a_founder_by_codes_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("desk", "amal"):
        world.make(name)
    two = Two(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            world.trouble = {RELAY: UNREACHABLE}
            await two.meet(desk, amal, "desk")
            await handed(desk, amal, tmp_path / "a", "newcomer")
            await do(amal, Person(text="by stick"), do="report")
            world.trouble = {}
            for _ in range(3):
                for service in (amal, desk):
                    await do(service, do="beat")
            assert (await do(amal, do="status"))["reports"][0]["state"] == "received by the desk"

    run(scene())


def test_with_a_relay_two_small_codes_are_enough(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.make("cyra")
    two = Two(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("cyra")) as (amal, cyra):
            await two.meet(amal, cyra, "link", "relay")
            assert compared(two.inviter) == compared(two.joiner)
            assert [f["count"] for p in (two.inviter, two.joiner) for w, f in p.told if w == "codes_drawn"] == [1, 1]

    run(scene())


def test_a_meeting_that_a_crash_broke_off_goes_on(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.trouble = {RELAY: UNREACHABLE}
    world.make("cyra")
    two = Two(tmp_path)

    async def until_killed(service: Service, screen: Screen, **request: Any) -> None:
        """Until it waits for the camera; then the process is gone, and has not said anything to anybody."""
        task = asyncio.create_task(service.request({"do": "meet", "codes": "alone", **request}, screen))
        while "codes_drawn" not in [*two.inviter.words(), *two.joiner.words()]:
            await asyncio.sleep(0.001)
        service.engine.do = lambda *_: asyncio.sleep(0)  # type: ignore[method-assign]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def scene() -> None:
        for folder in two.folders:
            folder.mkdir()
        async with Awake(world.member("amal")) as (amal,):
            await until_killed(amal, two.screen(0), role="link")
        async with Awake(world.member("amal"), world.member("cyra")) as (amal, cyra):
            assert amal.engine.device.meeting is not None
            await two.meet(amal, cyra, "link")
            assert compared(two.inviter) == compared(two.joiner)

    run(scene())


def test_who_leaves_at_the_last_code_was_told_what_is_kept_and_can_show_it_again_for_an_hour(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.trouble = {RELAY: UNREACHABLE}
    world.make("cyra")
    two = Two(tmp_path)
    del two.inviter.answers["shown"]  # it leaves when it is asked

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("cyra")) as (amal, cyra):
            with pytest.raises(ShellError) as left:
                await two.meet(amal, cyra, "link")
            assert left.value.code == "no_answer"
            assert two.inviter.told[-1] == ("meeting_last", {"name": "newcomer", "role": "below"})
            assert "meeting_kept" not in two.inviter.words()
            while not cyra.engine.device.relations:
                await asyncio.sleep(0.001)
            for picture in pictures([two.folders[0]]):
                picture.unlink()
            two.inviter.answers["shown"] = ""
            request = {"do": "meet", "role": "link", "codes": "alone"}
            assert await amal.request(request, two.screen(0)) == {"name": "newcomer", "role": "below"}
            assert two.inviter.words()[-3:] == ["codes_drawn", "meeting_last", "meeting_kept"]
            assert list(pictures([two.folders[0]]))
            world.now += 3_601 + 600
            with pytest.raises(Refusal) as refused:
                await amal.request(request, two.screen(0))
            assert refused.value.code == "name_taken"

    run(scene())


def test_an_owner_who_says_no_ends_it_for_both(tmp_path: Path) -> None:
    world = founded(tmp_path)
    world.trouble = {RELAY: UNREACHABLE}
    world.make("cyra")
    two = Two(tmp_path)
    two.joiner.answers["same_words"] = "no"

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("cyra")) as services:
            results = await asyncio.gather(two.meet(*services, "link"), return_exceptions=True)
            assert isinstance(results[0], Refusal)
            assert results[0].code == "words_differ"
            assert not services[1].engine.device.relations

    run(scene())


def test_pictures_of_a_terminal_are_read_when_they_are_named(tmp_path: Path) -> None:
    """One side shows on a terminal and the other photographs it, with bad pictures in between."""
    lines: list[str] = []
    message = bytes(range(256)) * 5
    shower = Screen(Person(next=""), None, None, size=400, write=lines.append)
    run(shower.tell("codes", content=message.hex()))
    assert len(lines) == len(split(message, 400))
    assert lines[-1].endswith(f"Code {len(lines)} of {len(lines)}")
    for number, text in enumerate(lines):
        picture = as_picture(text.rpartition("\n")[0], 3)
        (tmp_path / f"{number}.jpg").write_bytes(seen(picture, 3, 900, noise=0.2))
    (tmp_path / "note.txt").write_text("no picture, and not looked at")
    given = iter([str(tmp_path / "0.jpg"), str(tmp_path / "none.png"), "'", f"'{tmp_path}'"])

    class Namer(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            assert field == "pictures"
            return next(given)

    namer = Namer()
    assert run(Screen(namer, None, None).ask("scanned", "")) == message.hex()
    assert [f["code"] for _, f in namer.told] == ["no_code", "file_missing", "bad_picture"]


def test_a_watched_folder_is_read_as_pictures_come_whole(tmp_path: Path) -> None:
    folder, message = tmp_path / "camera", bytes(3_000)
    drawer = Screen(Person(), tmp_path / "screen", None)
    run(drawer.tell("codes", content=message.hex()))
    folder.mkdir()
    person = Person()

    async def camera() -> None:
        for file in sorted((tmp_path / "screen").glob("*.png")):
            whole = file.read_bytes()
            (folder / file.name).write_bytes(whole[:200])
            await asyncio.sleep(0.01)
            (folder / file.name).write_bytes(whole)

    async def scene() -> str:
        _, answer = await asyncio.gather(camera(), Screen(person, None, folder, look_every=0.001).ask("scanned", ""))
        return answer

    assert run(scene()) == message.hex()
    assert person.told[0] == ("watching", {"folder": str(folder)})
    assert ("code_read", {"have": 3, "of": 3}) in person.told


def test_pictures_of_codes_that_are_shown_no_longer_go(tmp_path: Path) -> None:
    screen = Screen(Person(), tmp_path, None)
    for size, files in ((3_000, ["1.png", "2.png", "3.png"]), (10, ["1.png"])):
        run(screen.tell("codes", content=bytes(size).hex()))
        assert sorted(p.name for p in tmp_path.iterdir()) == files


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ShellError) as refused:
        run(Screen(Person(), tmp_path / "file", None).tell("codes", content="00"))
    assert refused.value.code == "bad_folder"


@pytest.mark.parametrize("messages", [None, "00", [1], ["0"], ["zz"]])
def test_a_scan_of_another_shape_is_refused(tmp_path: Path, messages: Any) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(ShellError) as refused:
                await do(amal, do="scan", messages=messages)
            assert refused.value.code == "bad_request"
            with pytest.raises(ShellError) as refused:
                await do(amal, do="scan", messages=[])
            assert refused.value.code == "no_code"
            with pytest.raises(Refusal) as refusal:
                await do(amal, do="scan", messages=["00"])
            assert refusal.value.code == "bad_scan"

    run(scene())


def test_a_letter_to_nobody_is_refused(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(Refusal) as refused:
                await do(amal, Person(name="nobody"), do="hand")
            assert refused.value.code == "unknown_neighbour"

    run(scene())
