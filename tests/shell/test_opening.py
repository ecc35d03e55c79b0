"""Opening: whose passphrase is asked for, and how a process that is stopped ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tercet.core.errors import Refusal
from tercet.desk.service import DeskService
from tercet.drop import RelayClient
from tercet.member.service import MemberService
from tercet.scene.actor import Actor
from tercet.sealing import LOW_COST
from tercet.shell import opening
from tercet.shell.dialogue import RemoteFailure
from tercet.shell.failures import STATUS_STOPPED, ShellError
from tercet.shell.notebook import Closed
from tercet.shell.opening import ask_new_passphrase, carry_out, relay_drop, unlock
from tercet.shell.service import Service
from tercet.vault import OPENING_COMMITS, Vault, VaultError, door_path, open_vault

from ..cheap import COMMAND
from ..vault.disks import RecordingDisk
from .founded import founded
from .world import NOTEBOOK, PASSPHRASE, RELAY, Awake, Person, World, beat, do, run


def test_a_passphrase_is_asked_for_only_where_the_vault_is_opened(tmp_path: Path) -> None:
    world = founded(tmp_path)
    place = tmp_path / "amal" / "vault"

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            holder = Person()
            running = asyncio.create_task(amal.run(3600, place, holder))
            await holder.heard("running")
            asker = Person()
            found = await carry_out(place, asker, {"do": "status"}, lambda _: amal, LOW_COST)
            assert found["reports"] == []
            assert asker.asked == []
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(scene())


@pytest.mark.parametrize("size", [4_000, 17 * 1_048_576])
@pytest.mark.parametrize(
    ("who", "request_", "fields", "code"),
    [
        ("amal", {"do": "report"}, {}, "report_long"),
        ("amal", {"do": "letter"}, {"name": "badr"}, "letter_long"),
        ("amal", {"do": "answer", "number": 1}, {}, "letter_long"),
        ("desk", {"do": "letter"}, {"name": "amal"}, "letter_long"),
        ("desk", {"do": "reply", "number": 1}, {}, "letter_long"),
    ],
)
def test_a_text_that_is_too_long_fails_with_the_same_code_with_a_door_and_without(
    tmp_path: Path, who: str, request_: dict[str, Any], fields: dict[str, str], code: str, size: int
) -> None:
    world = founded(tmp_path)
    place = tmp_path / who / "vault"

    def service_of(vault: Vault) -> Service:
        if who == "desk":
            return DeskService(vault, world.drop, world.clock, tmp_path / who / "archive")
        return MemberService(vault, world.drop, world.clock)

    async def scene() -> None:
        async with Awake(world.member("amal"), world.desk()) as (amal, desk):
            await do(amal, Person(text="I was there."), do="report", now=True, yes=True)
            await beat(desk, amal)
        found = []
        async with Awake(world.service(who)) as (service,):
            holder = Person()
            running = asyncio.create_task(service.run(3600, place, holder))
            await holder.heard("running")
            with pytest.raises(RemoteFailure) as far:
                await carry_out(place, Person(text="x" * size, **fields), dict(request_), service_of, LOW_COST)
            found.append(far.value.code)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        with pytest.raises(Refusal) as refused:
            person = Person(text="x" * size, passphrase=PASSPHRASE, **fields)
            await carry_out(place, person, dict(request_), service_of, LOW_COST)
        found.append(refused.value.code)
        assert found == [code, code]

    run(scene())


def test_a_vault_in_use_is_said_before_a_passphrase_is_asked_for(tmp_path: Path) -> None:
    world = founded(tmp_path)

    async def scene() -> None:
        place, person = tmp_path / "amal" / "vault", Person(passphrase=PASSPHRASE)
        async with Awake(world.member("amal")):
            with pytest.raises(VaultError) as failed:
                await unlock(place, person, LOW_COST)
            assert (failed.value.code, person.asked) == ("vault_in_use", [])
        (await unlock(place, person, LOW_COST)).close()
        assert person.asked == ["passphrase"]

    run(scene())


@pytest.mark.parametrize(("secret", "side"), [(NOTEBOOK, "closed"), (PASSPHRASE, "real")])
def test_only_the_real_side_is_given_out(tmp_path: Path, secret: str, side: str) -> None:
    place = World(tmp_path).make("amal")

    async def scene() -> str:
        try:
            vault = await unlock(place, Person(passphrase=secret), LOW_COST)
        except Closed:
            return "closed"
        vault.close()
        return vault.side

    assert run(scene()) == side


def test_a_command_writes_the_same_bytes_at_the_same_places_whichever_passphrase_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = founded(tmp_path)
    place = tmp_path / "amal" / "vault"

    async def writes(secret: str) -> list[tuple[str, int, int]]:
        disk = RecordingDisk()
        monkeypatch.setattr(opening, "open_vault", partial(open_vault, files=disk))

        def service_of(vault: Vault) -> MemberService:
            return MemberService(vault, world.drop, world.clock)

        with contextlib.suppress(Closed):
            await carry_out(place, Person(passphrase=secret), {"do": "status"}, service_of, LOW_COST)
        return [call for call in disk.calls if call[0] != "read"]

    before = place.read_bytes()
    ours = run(writes(PASSPHRASE))
    place.write_bytes(before)
    assert run(writes(NOTEBOOK)) == ours
    assert len(ours) == OPENING_COMMITS * 9


def test_the_notebooks_passphrase_ends_the_real_side_before_anything_is_said(tmp_path: Path) -> None:
    world = founded(tmp_path)
    place = tmp_path / "amal" / "vault"
    with pytest.raises(Closed):
        run(carry_out(place, Person(passphrase=NOTEBOOK), {"do": "status"}, lambda _: world.member("amal"), LOW_COST))
    with pytest.raises(VaultError) as failed:
        run(unlock(place, Person(passphrase=PASSPHRASE), LOW_COST))
    assert failed.value.code == "vault_wrong_passphrase"


def test_a_new_passphrase_is_suggested_once_and_typed_twice() -> None:
    typed = Person(passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    assert run(ask_new_passphrase(typed, "passphrase", "")) == PASSPHRASE
    assert typed.asked == ["passphrase", "passphrase_again"]
    ((what, facts),) = typed.told
    assert what == "suggested"
    assert len(facts["words"].split(" ")) == 5
    assert PASSPHRASE not in str(typed.told)


@pytest.mark.parametrize(
    ("secret", "again", "other", "code"),
    [
        ("twelve chars", "twelve chars", "", "passphrase_weak"),
        (PASSPHRASE, PASSPHRASE.upper(), "", "passphrases_differ"),
        (PASSPHRASE, PASSPHRASE, f"{PASSPHRASE}1", "passphrases_alike"),
    ],
)
def test_a_new_passphrase_that_will_not_do_is_refused_by_a_code_without_it(
    secret: str, again: str, other: str, code: str
) -> None:
    typed = Person(passphrase=secret, passphrase_again=again)
    with pytest.raises(ShellError) as failed:
        run(ask_new_passphrase(typed, "passphrase", "", other))
    assert failed.value.code == code
    assert secret not in f"{failed.value} {failed.value.hint} {failed.value.args}"
    assert failed.value.__cause__ is None


@pytest.mark.parametrize("other", ["", f"{PASSPHRASE}1"])
def test_a_new_passphrase_that_will_not_do_is_asked_for_again_under_the_same_words(other: str) -> None:
    good = "quilt maple drum harbor nine"
    typed = iter(["twelve chars", other or "12345678", good, "something else", good, good])
    prompts: list[str] = []

    class Learning(Person):
        async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
            assert hidden
            prompts.append(prompt)
            return next(typed)

    person = Learning()
    assert run(ask_new_passphrase(person, "passphrase", "Passphrase", other)) == good
    assert person.words() == ["suggested"] * 4
    assert len({facts["words"] for _, facts in person.told}) == 1
    reasons = [found for prompt in prompts for found in re.findall(r"\[([a-z_]+)\] Passphrase", prompt)]
    alike = "vault_same_passphrase" if other else "passphrase_weak"
    assert reasons == ["passphrase_weak", alike, "passphrases_differ"]


def test_a_relay_is_reached_by_its_address() -> None:
    assert isinstance(relay_drop(RELAY), RelayClient)


def test_a_process_that_is_asked_to_end_closes_its_door_and_ends_with_its_own_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Actor, "COMMAND", COMMAND)
    place = World(tmp_path).make("amal")

    async def scene() -> None:
        words = ("member", "run", "--vault", str(place))
        actor = await Actor.start("amal", *words, answers={"passphrase": PASSPHRASE})
        await actor.hears("running")
        assert door_path(place).exists()
        actor._process.send_signal(signal.SIGTERM)
        await actor.end()
        assert actor._process.returncode == STATUS_STOPPED
        assert not door_path(place).exists()

    run(scene())
