"""What members' and desks' services share: requests, meetings, the door, the beat."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tercet.core import events as ev
from tercet.core.cell import Role
from tercet.core.errors import Refusal
from tercet.core.meeting import Stage
from tercet.drop import REFUSAL_HINTS, DropFailure, Put, Read
from tercet.drop import Refusal as DropRefusal
from tercet.sealing import LOW_COST, spoken_words
from tercet.shell import meetings
from tercet.shell.dialogue import RemoteFailure, ask_door
from tercet.shell.failures import ShellError
from tercet.shell.opening import carry_out
from tercet.shell.service import Service
from tercet.vault import DoorError, door_path, knock

from .founded import founded
from .world import RELAY, UNREACHABLE, WRONG_KEY, Awake, Person, World, WorldDrop, beat, do, found, meet, run


def test_two_who_met_write_to_each_other_and_what_was_read_is_not_new_again(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr")) as (amal, badr):
            await do(amal, Person(name="badr", text="Meet me at the mill."), do="letter")
            await beat(amal, badr, amal)
            (letter,) = (await do(badr, do="inbox"))["letters"]
            assert (letter["from"], letter["text"], letter["new"]) == ("amal", "Meet me at the mill.", True)
            (letter,) = (await do(badr, do="inbox"))["letters"]
            assert letter["new"] is False

    run(scene())


def test_a_status_counts_letters_that_the_owner_wrote_and_no_others(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.member("badr")) as (amal, badr):
            (relation,) = [r for r in amal.engine.device.relations if r.name == "badr"]
            assert relation.channel.waiting, "devices have letters of their own after a meeting"
            for written in range(2):
                found = {one["name"]: one["waiting"] for one in (await do(amal, do="status"))["neighbours"]}
                assert found == {"badr": written, "desk": 0}
                await do(amal, Person(name="badr", text="Meet me at the mill."), do="letter")
            await beat(amal, badr, amal, badr, amal, rounds=2)
            assert not any(one["waiting"] for one in (await do(amal, do="status"))["neighbours"])

    run(scene())


@pytest.mark.parametrize(
    ("request_", "code"),
    [({}, "bad_request"), ({"do": "sing"}, "bad_request"), ({"do": "meet", "role": "king"}, "bad_request"),
     ({"do": "answer"}, "bad_request"), ({"do": "answer", "number": "1"}, "bad_request")],
)  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused(tmp_path: Path, request_: dict[str, Any], code: str) -> None:
    world = World(tmp_path)
    world.make("amal")

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(ShellError) as failed:
                await amal.request(request_, Person(text="x", name="x"))
            assert failed.value.code == code

    run(scene())


async def invited(desk: Service, person: Person | None = None) -> tuple[asyncio.Task[Any], Person]:
    """A desk says a code to amal: the meeting under way, and who sits at its screen."""
    person = person or Person(name="amal", same_words="yes")
    task = asyncio.create_task(do(desk, person, do="meet"))
    await person.heard("meeting_code")
    return task, person


def new_pair(tmp_path: Path) -> World:
    """A desk with a network and nobody in it yet, and one newcomer."""
    world = World(tmp_path)
    world.make("desk")
    world.make("amal")
    return world


def test_a_wrong_code_is_refused_at_both_sides_and_works_no_second_time(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, person = await invited(desk)
            code = (await person.heard("meeting_code"))["code"]
            wrong = f"{code[:3]} {' '.join(spoken_words(bytes, 4))}"
            for given, seen in ((wrong, "code_wrong"), (code, "code_wrong")):
                with pytest.raises(Refusal) as refused:
                    await do(amal, Person(name="desk", code=given), do="meet", relay=RELAY)
                assert refused.value.code == seen
            with pytest.raises(Refusal) as refused:
                await inviting
            assert refused.value.code == "code_wrong"
            assert desk.engine.device.relations == amal.engine.device.relations == ()

    run(scene())


def test_a_code_works_once(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    world.make("badr")

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, person = await invited(desk)
            code = (await person.heard("meeting_code"))["code"]
            await do(amal, Person(name="desk", code=code, same_words="yes"), do="meet", relay=RELAY)
            await inviting
            await beat(desk)
            with pytest.raises(Refusal) as refused:
                await do(badr, Person(name="desk", code=code), do="meet", relay=RELAY)
            assert refused.value.code == "code_used"

    run(scene())


def test_a_code_lives_ten_minutes(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, person = await invited(desk)
            code = (await person.heard("meeting_code"))["code"]
            world.now += 601
            with pytest.raises(Refusal) as refused:
                await inviting
            assert refused.value.code == "code_expired"
            with pytest.raises(Refusal) as refused:
                await do(amal, Person(name="desk", code=code), do="meet", relay=RELAY)
            assert refused.value.code == "code_expired"

    run(scene())


def test_who_sees_other_words_stops_the_meeting_for_both(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, person = await invited(desk)
            code = (await person.heard("meeting_code"))["code"]
            with pytest.raises(Refusal):
                await do(amal, Person(name="desk", code=code, same_words="no"), do="meet", relay=RELAY)
            with pytest.raises(Refusal):
                await inviting
            assert desk.engine.device.relations == amal.engine.device.relations == ()
            assert desk.engine.device.meeting is None

    run(scene())


def test_an_owner_who_leaves_stops_the_meeting(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, _ = await invited(desk)
            inviting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await inviting
            assert desk.engine.device.meeting is None

    run(scene())


def test_a_meeting_whose_relay_is_down_is_not_begun_and_blocks_no_other(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    code = "123 " + " ".join(spoken_words(bytes, 4))

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            world.trouble[RELAY] = UNREACHABLE
            for service, person in ((desk, Person(name="amal")), (amal, Person(name="desk", code=code))):
                with pytest.raises(DropFailure) as failed:
                    await do(service, person, do="meet", relay=RELAY)
                assert failed.value.code == "relay_unreachable"
                assert "no meeting was begun" in failed.value.hint
                assert service.engine.device.meeting is None
            world.trouble, world.now = {}, world.now + 60
            await meet(desk, amal, "desk", "amal")

    run(scene())


def test_a_relay_that_goes_away_in_the_middle_of_a_meeting_is_told_once_and_waited_for(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, person = await invited(desk)
            world.trouble[RELAY] = UNREACHABLE
            await person.heard("relay_trouble")
            world.trouble, world.now = {}, world.now + 60
            code = (await person.heard("meeting_code"))["code"]
            await do(amal, Person(name="desk", code=code, same_words="yes"), do="meet", relay=RELAY)
            await inviting
            assert person.words().count("relay_trouble") == 1

    run(scene())


def test_a_meeting_left_while_its_relay_is_silent_is_dropped_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_pair(tmp_path)
    monkeypatch.setattr(meetings, "PATIENCE", 0.001)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            await do(desk, do="found", relays=[RELAY], shards=1)
            asked = asyncio.Event()

            async def silent(*_: object, **__: object) -> None:
                asked.set()
                await asyncio.Event().wait()

            monkeypatch.setattr(WorldDrop, "perform", silent)
            monkeypatch.setattr(meetings, "SLOW", 0.001)
            person = Person(name="amal")
            inviting = asyncio.create_task(do(desk, person, do="meet"))
            await asked.wait()
            await person.heard("meeting_begins")
            assert desk.engine.device.meeting is not None
            inviting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await inviting
            assert desk.engine.device.meeting is None
            assert person.words() == ["meeting_begins", "meeting_stopped"]

    run(scene())


def test_who_types_a_code_that_nobody_says_is_told_that_it_is_looked_for(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    code = "123 " + " ".join(spoken_words(bytes, 4))

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            person = Person(name="desk", code=code)
            joining = asyncio.create_task(do(amal, person, do="meet", relay=RELAY))
            await person.heard("meeting_looks")
            world.now += 121
            with pytest.raises(Refusal) as refused:
                await joining
            assert refused.value.code == "code_unknown"

    run(scene())


def test_who_leaves_after_saying_yes_is_told_that_the_other_side_may_have_kept_it(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    class Undecided(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "same_words":
                await asyncio.Event().wait()
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            says = Undecided(name="amal")
            inviting = asyncio.create_task(do(desk, says, do="meet"))
            hears = Person(name="desk", code=(await says.heard("meeting_code"))["code"], same_words="yes")
            joining = asyncio.create_task(do(amal, hears, do="meet", relay=RELAY))
            await hears.heard("meeting_waits")
            assert hears.words() == ["meeting_compare", "meeting_waits"]
            while amal.engine.device.meeting.stage is not Stage.CONFIRMING:
                await asyncio.sleep(0)
            for task in (joining, inviting):
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert hears.words()[-2:] == ["meeting_stopped", "meeting_unsure"]
            assert says.words()[-1] == "meeting_stopped"
            assert desk.engine.device.meeting is amal.engine.device.meeting is None

    run(scene())


def test_an_asker_who_leaves_the_door_stops_the_meeting(tmp_path: Path) -> None:
    world = founded(tmp_path)
    place = tmp_path / "desk" / "vault"

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            holder = Person()
            running = asyncio.create_task(desk.run(3600, place, holder))
            await holder.heard("running")
            person = Person(name="cyra")
            asking = asyncio.create_task(carry_out(place, person, {"do": "meet"}, lambda _: desk, LOW_COST))
            await person.heard("meeting_code")
            assert desk.engine.device.meeting is not None
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert person.words()[-1] == "meeting_left"
            while desk.engine.device.meeting is not None:
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(scene())


def test_a_meeting_that_a_crash_left_behind_can_be_stopped_and_ends_by_itself_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            for _ in range(2):
                await desk.engine.do(ev.Invite("cyra", Role.DESK))  # and nobody sits at the screen
                with pytest.raises(Refusal) as refused:
                    await do(desk, Person(name="dima"), do="meet")
                assert refused.value.code == "meeting_under_way"
                person = Person()
                await do(desk, person, do="meet", stop=True)
                assert (desk.engine.device.meeting, person.words(), person.asked) == (None, ["meeting_stopped"], [])
                with pytest.raises(Refusal) as refused:
                    await do(desk, do="meet", stop=True)
                assert refused.value.code == "no_meeting"
            await desk.engine.do(ev.Invite("cyra", Role.DESK))
            world.now += 601
            with pytest.raises(Refusal) as refused:
                await do(desk, Person(name="amal"), do="meet")
            assert refused.value.code == "name_taken"

    run(scene())


def test_a_second_meeting_that_is_refused_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    world = founded(tmp_path)

    class Slow(Person):
        """Names whom they meet once another command has begun a meeting."""

        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "name":
                await desk.engine.do(ev.Invite("cyra", Role.DESK))
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        nonlocal desk
        async with Awake(world.desk()) as (desk,):
            with pytest.raises(Refusal) as refused:
                await do(desk, Slow(name="dima"), do="meet")
            assert refused.value.code == "meeting_under_way"
            assert desk.engine.device.meeting is not None
            assert desk.engine.device.meeting.name == "cyra"

    desk: Any = None
    run(scene())


def test_a_meeting_over_a_relay_with_another_key_ends_at_once(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    world.trouble[RELAY] = WRONG_KEY
    code = "123 " + " ".join(spoken_words(bytes, 4))

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            with pytest.raises(DropFailure) as failed:
                await do(amal, Person(name="desk", code=code), do="meet", relay=RELAY)
            assert failed.value.code == "relay_wrong_key"
            assert amal.engine.device.meeting is None

    run(scene())


def test_trouble_with_a_relay_is_told_after_a_request_and_once_by_the_beat(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            world.trouble = dict.fromkeys(world.relays, UNREACHABLE)
            person = Person(text="I was there.")
            made = await do(amal, person, do="report", now=True, yes=True)
            assert made["state"] == "waiting"
            assert person.words() == ["visible", "report_made", "relay_trouble"]
            watcher = Person()
            beats = asyncio.create_task(amal._beats(0.001, watcher))
            await watcher.heard("relay_trouble")
            world.trouble, world.now = {}, world.now + 60
            await watcher.heard("relay_well")
            beats.cancel()
            assert watcher.words().count("relay_trouble") == 1

    run(scene())


def test_a_relay_that_takes_nothing_without_its_pass_is_told_once_with_what_to_do(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            world.refuses = dict.fromkeys(world.relays, "no_pass")
            person = Person(text="I was there.")
            await do(amal, person, do="report", now=True, yes=True)
            assert person.words() == ["visible", "report_made", "relay_trouble"]
            assert person.told[-1][1]["hint"] == REFUSAL_HINTS[DropRefusal.NO_PASS]
            watcher, asked = Person(), len(world.asked)
            beats = asyncio.create_task(amal._beats(0.001, watcher))
            while sum(isinstance(op, Put) for op in world.asked[asked:]) < 5:
                await asyncio.sleep(0)
            world.refuses = {}
            await watcher.heard("relay_well")
            beats.cancel()
            assert watcher.words().count("relay_trouble") == 1

    run(scene())


def test_a_meeting_over_a_relay_that_takes_nothing_without_its_pass_ends_at_once(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk()) as (desk,):
            await do(desk, do="found", relays=[RELAY], shards=1)
            world.refuses[RELAY] = "no_pass"
            with pytest.raises(DropFailure) as failed:
                await do(desk, Person(name="amal"), do="meet")
            assert failed.value.code == "no_pass"
            assert desk.engine.device.meeting is None

    run(scene())


def test_whether_it_may_be_seen_is_asked_once_there_is_a_text_that_fits(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            person = Person(text="x" * 5_000, go_on="yes")
            with pytest.raises(Refusal, match="report_long"):
                await do(amal, person, do="report", now=True)
            assert (person.asked, person.words()) == (["text", "text"], [])
            person = Person(text="I was there.", go_on="no")
            with pytest.raises(ShellError, match="not_wanted"):
                await do(amal, person, do="report", now=True)
            assert (person.asked, person.words()) == (["text", "go_on"], ["visible"])
            assert not amal.engine.device.reports
            person = Person(text="I was there.", go_on="yes")
            assert (await do(amal, person, do="report", now=True))["number"] == 1
            assert (person.asked, person.words()) == (["text", "go_on"], ["visible", "report_made"])

    run(scene())


def test_who_or_what_is_not_there_is_said_before_a_text_is_asked_for(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            for service, request, code in (
                (desk, {"do": "reply", "number": 9}, "no_such_report"),
                (desk, {"do": "letter"}, "unknown_neighbour"),
                (amal, {"do": "answer", "number": 9}, "unknown_report"),
                (amal, {"do": "letter"}, "unknown_neighbour"),
            ):
                person = Person(name="nobody", text="x")
                with pytest.raises((Refusal, ShellError), match=code):
                    await service.request(request, person)
                assert "text" not in person.asked

    run(scene())


def test_a_newcomer_whose_address_lacks_the_pass_is_refused_before_the_code_is_used(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    bare = RELAY.replace("7443", "7444")  # the same relay, by an address without its pass
    world.relays[bare] = world.relays[RELAY]

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, inviter = await invited(desk)
            code = (await inviter.heard("meeting_code"))["code"]
            world.refuses[bare] = "no_pass"
            joiner = Person(name="desk", code=code, same_words="yes")
            with pytest.raises(DropFailure) as failed:
                await do(amal, joiner, do="meet", relay=bare)
            assert (failed.value.code, joiner.asked) == ("no_pass", ["name"])
            assert "the last part (the pass)" in failed.value.hint
            assert not amal.relays.complaints()
            await do(amal, joiner, do="meet", relay=RELAY)  # with the same code
            assert (await inviting)["name"] == "amal"

    run(scene())


def test_a_relay_that_cannot_be_met_at_is_asked_for_again(tmp_path: Path) -> None:
    world = new_pair(tmp_path)
    bare = RELAY.replace("7443", "7444")
    world.relays[bare] = world.relays[RELAY]
    world.refuses[bare] = "no_pass"
    typed = iter(["tercet:nowhere", bare, RELAY])
    prompts: list[str] = []

    class Typing(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field != "relay":
                return await super().ask(field, prompt, hidden)
            prompts.append(prompt)
            return next(typed)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, inviter = await invited(desk)
            code = (await inviter.heard("meeting_code"))["code"]
            await do(amal, Typing(name="desk", code=code, same_words="yes"), do="meet")
            await inviting
            assert ["[bad_address]" in prompts[1], "[no_pass]" in prompts[2], len(prompts)] == [True, True, 3]

    run(scene())


def test_who_loses_the_pass_in_a_meeting_reads_that_the_code_is_over(tmp_path: Path) -> None:
    world = new_pair(tmp_path)

    class Slow(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "code":
                world.refuses[RELAY] = "no_pass"
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, inviter = await invited(desk)
            code = (await inviter.heard("meeting_code"))["code"]
            with pytest.raises(DropFailure) as failed:
                await do(amal, Slow(name="desk", code=code), do="meet", relay=RELAY)
            assert failed.value.code == "no_pass"
            assert "this code is over" in failed.value.hint
            assert "last part (the pass)" in failed.value.hint
            inviting.cancel()
            await asyncio.gather(inviting, return_exceptions=True)

    run(scene())


@pytest.mark.parametrize("beats", [True, False])
@pytest.mark.parametrize("says", ["yes", "no"])
def test_who_still_compares_is_warned_when_the_other_side_saw_other_words(
    tmp_path: Path, says: str, beats: bool
) -> None:
    """Whether the device looked meanwhile, as one that beats does, or not."""
    world = new_pair(tmp_path)
    answered = asyncio.Event()

    class Pondering(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            if field == "same_words":
                await answered.wait()
            return await super().ask(field, prompt, hidden)

    async def scene() -> None:
        async with Awake(world.desk(), world.member("amal")) as (desk, amal):
            await do(desk, do="found", relays=[RELAY], shards=1)
            inviting, inviter = await invited(desk, Pondering(name="amal", same_words=says))
            code = (await inviter.heard("meeting_code"))["code"]
            with pytest.raises(Refusal, match="words_differ"):
                await do(amal, Person(name="desk", code=code, same_words="no"), do="meet", relay=RELAY)
            await inviter.heard("meeting_compare")
            while beats and desk.engine.device.meeting is not None:
                await desk.engine.do(ev.Look())
            answered.set()
            warned = "words_refused" if beats or says == "yes" else "words_differ"
            with pytest.raises(Refusal, match=warned):
                await inviting
            assert not desk.engine.device.relations

    run(scene())


def test_a_command_goes_through_the_door_of_whoever_holds_the_vault(tmp_path: Path) -> None:
    world = founded(tmp_path)
    place = tmp_path / "amal" / "vault"

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            holder = Person()
            running = asyncio.create_task(amal.run(3600, place, holder))
            await holder.heard("running")

            async def through(person: Person, **request: Any) -> dict[str, Any]:
                door = await knock(door_path(place))
                try:
                    return await ask_door(door, request, person)
                finally:
                    await door.close()

            person = Person(text="I was there.")
            made = await through(person, do="report")
            assert (made["number"], person.words(), person.asked) == (1, ["report_made", "expected"], ["text"])
            with pytest.raises(RemoteFailure) as far:
                await through(Person(name="nobody", text="x"), do="letter")
            assert (far.value.code, far.value.status) == ("unknown_neighbour", 3)
            with pytest.raises(RemoteFailure) as far:
                await through(Person(), do="letter")
            assert (far.value.code, far.value.status) == ("no_answer", 7)
            amal.handlers = lambda: {"break": broken}
            with pytest.raises(RemoteFailure) as far:
                await through(Person(), do="break")
            assert (far.value.code, far.value.status) == ("unforeseen", 1)
            assert "secret" not in far.value.hint
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            with pytest.raises(DoorError):
                await knock(door_path(place))

    async def broken(request: Any, person: Any) -> dict[str, Any]:
        raise ValueError("a secret word")

    run(scene())


def test_one_who_leaves_the_door_in_the_middle_of_a_question_leaves_no_trace(tmp_path: Path) -> None:
    world = founded(tmp_path)
    place = tmp_path / "amal" / "vault"

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            holder = Person()
            running = asyncio.create_task(amal.run(3600, place, holder))
            await holder.heard("running")
            door = await knock(door_path(place))
            await door.send({"do": "report"})
            assert (await door.receive() or {})["ask"] == "text"
            await door.close()
            door = await knock(door_path(place))
            assert (await ask_door(door, {"do": "status"}, Person()))["reports"] == []
            await door.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(scene())


def test_a_failure_of_the_vault_ends_the_run(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        amal = world.member("amal")
        await amal.open()

        def broken(*_: object) -> None:
            raise OSError("planted")

        amal.engine._vault.commit = broken
        with pytest.raises(OSError, match="planted"):
            await amal.run(0.001, tmp_path / "amal" / "vault", Person())
        await amal.close()

    run(scene())


def test_every_operation_is_a_request_of_its_own(tmp_path: Path) -> None:
    """Batches of different boxes would link them for the relay."""
    world = founded(tmp_path)

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            asked: list[int] = []
            open_drop = amal.relays._open_drop

            def watched(address: str) -> Any:
                drop = open_drop(address)
                perform = drop.perform

                async def counted(ops: Any) -> Any:
                    asked.append(len(ops))
                    return await perform(ops)

                drop.perform = counted
                return drop

            amal.relays._open_drop = watched
            await beat(amal, rounds=3)
            assert set(asked) == {1}
            assert any(isinstance(op, Read) for op in world.asked)

    run(scene())


def test_meetings_of_one_desk_with_two_newcomers_at_two_beats_a_look_all_come_true(tmp_path: Path) -> None:
    """The beat and the meeting look for the same frames at the same time, in every order."""
    world = World(tmp_path)
    run(found_beating(world))


async def found_beating(world: World) -> None:
    for name in ("desk", "amal", "badr"):
        world.make(name)
    async with Awake(world.desk(), world.member("amal"), world.member("badr")) as services:
        desk, amal, badr = services
        await do(desk, do="found", relays=[RELAY], shards=1)
        beats = [asyncio.create_task(service._beats(0.0005, Person())) for service in services]
        await meet(desk, amal, "desk", "amal")
        await meet(desk, badr, "desk", "badr")
        await meet(amal, badr, "amal", "badr", "partner")
        for task in beats:
            task.cancel()
        await asyncio.gather(*beats, return_exceptions=True)
        assert [r.name for r in desk.engine.device.relations] == ["amal", "badr"]


def test_the_founding_scene_needs_no_beats_in_between(tmp_path: Path) -> None:
    run(found(World(tmp_path)))
