"""What is got out of images that devices made by living: within the table, and everything that is there."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tercet.cli import app
from tercet.core.relation import Note
from tercet.core.state import Device, load, save
from tercet.drop.disk import DiskStore
from tercet.lab import captor, seize, unopened
from tercet.lab.captor import Seen, look_at
from tercet.lab.relayed import correlate, read_store, summary
from tercet.lab.seizure import (
    EVERYWHERE,
    HINTS,
    PLACES,
    Image,
    SeizureError,
    compare,
    open_image,
    opened_blocks,
    read_image,
    sealed_blocks,
)
from tercet.member.locked import LOCKED
from tercet.notebook import AREA, Book, decode_payload, encode_payload
from tercet.notebook.book import add
from tercet.sample import photo
from tercet.scene.actor import Actor
from tercet.sealing import LOW_COST, seal
from tercet.vault import OPENING_COMMITS, Geometry, open_vault

from ..cheap import COMMAND
from ..shell.founded import founded
from ..shell.troupe import OTHER, SECRET, Troupe
from ..shell.world import NOTEBOOK, PASSPHRASE, RELAY, UNREACHABLE, Awake, Person, World, beat, do, run, run_long

pytestmark = pytest.mark.full  # each looks into images, key by key

TEXT = "They came at four in the morning, in three cars without plates."
LETTER = "The heron stands behind the mill."
WORD = "Which of the cars had come before?"
DAY = 86_400


STATISTICS = lru_cache(4)(unopened.look)  # of bytes alone, and slow: those of one image are made once


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unopened, "look", STATISTICS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A network in which amal reported with a photo, was asked by the desk, and has a letter of badr's."""
    world = founded(tmp_path_factory.mktemp("lived"))
    run(_live(world))
    return world


async def _live(world: World) -> None:
    async with Awake(world.desk(), world.member("amal"), world.member("badr")) as (desk, amal, badr):
        await do(amal, Person(text=TEXT), do="report", photo=[str(photo())])
        await do(badr, Person(text=LETTER, name="amal"), do="letter")
        await beat(desk, amal, badr, rounds=40)
        await do(desk, Person(text=WORD), do="reply", number=1)
        await beat(desk, amal, badr, rounds=40)


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return made.copy(tmp_path)


def vault_of(world: World, name: str = "amal") -> Path:
    return world.folder / name / "vault"


def looked(world: World, *passphrases: str, **more: Any) -> Seen:
    return look_at(vault_of(world), passphrases, now=world.now, cost=LOW_COST, **{"depth": PLACES} | more)


def changed(world: World, change: Callable[[Device], Device], name: str = "amal") -> None:
    """Commit another state, twice, so that both copies have it."""
    with open_vault(vault_of(world, name), PASSPHRASE, cost=LOW_COST) as vault:
        for _ in range(2):
            vault.commit(save(change(load(vault.state))))


def told(seen: Seen) -> set[tuple[str, str]]:
    return {(one.kind, one.text) for one in seen.exposure.words}


# ---- rows, on images that real devices made


def test_without_a_passphrase_a_device_yields_nothing(world: World) -> None:
    for passphrases in ((), ("a wrong one",)):
        seen = looked(world, *passphrases)
        assert (seen.row, seen.opened, seen.exposure.people, seen.breaches) == ("no passphrase", (), (), ())
        assert seen.noise is not None
        assert seen.noise.noise
        assert seen.noise.of_a_vault


def test_with_its_passphrase_a_device_yields_what_the_table_says(world: World) -> None:
    seen = looked(world, PASSPHRASE)
    assert (seen.row, seen.breaches, seen.noise) == ("passphrase", (), None)
    assert seen.opened == ("notebook", "real")
    assert {(one.name, one.role) for one in seen.exposure.people} == {("desk", "desk"), ("badr", "partner")}
    assert ("letter", LETTER) in told(seen)
    assert ("desk", WORD) in told(seen)
    assert seen.exposure.reports[0].state == "received by the desk"
    assert TEXT not in json.dumps(msgspec.to_builtins(seen))


def test_no_text_place_or_file_of_a_sent_report_is_anywhere_in_the_image_that_opens(world: World) -> None:
    image = open_image(read_image(vault_of(world)), [PASSPHRASE, NOTEBOOK], LOW_COST, depth=PLACES)
    opened = [copy.state.payload for copy in image.copies] + [slot.block for _, _, slot in image.slots]
    assert len(opened) > 10
    assert not any(TEXT.encode() in one or str(photo()).encode() in one for one in opened)


def test_the_notebook_s_passphrase_yields_the_notes_and_an_understudy(world: World) -> None:
    with open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST) as vault:
        area = decode_payload(vault.notebook)[1]
        book = add(Book(), "Beans", "two kilos", world.now)
        vault.set_notebook(encode_payload(book, area))
        vault.commit(vault.state)
    before = looked(world, NOTEBOOK)
    assert (before.row, before.opened, before.breaches) == ("notebook, image made before", ("notebook",), ())
    assert told(before) == {("note", "Beans: two kilos")}
    assert before.exposure.people == ()
    assert before.exposure.lanes == 2
    assert before.copies[0] > 20  # more commits than notes: worse than the design wants; spec/91-exposure.md, 7


def open_for_captors(world: World) -> None:
    """What opening the notebook does: two commits of its payload."""
    with open_vault(vault_of(world), NOTEBOOK, cost=LOW_COST) as vault:
        for _ in range(OPENING_COMMITS):
            vault.commit(vault.state)


def test_after_the_notebook_was_opened_the_real_passphrase_yields_nothing(world: World) -> None:
    earlier = shutil.copyfile(vault_of(world), world.folder / "earlier")
    open_for_captors(world)
    assert looked(world, PASSPHRASE).opened == ()
    assert looked(world, NOTEBOOK).breaches == ()
    both = looked(world, PASSPHRASE, NOTEBOOK)
    assert (both.opened, both.row) == (("notebook",), "notebook, image made before")
    old = looked(world, PASSPHRASE, second=earlier)  # an image from before is another matter, and the table says so
    assert ("letter", LETTER) in told(old)


def test_an_opening_for_captors_that_was_cut_after_one_commit_is_seen_through(world: World) -> None:
    with open_vault(vault_of(world), NOTEBOOK, cost=LOW_COST) as vault:
        vault.commit(vault.state)
    seen = looked(world, PASSPHRASE)
    assert "real" in seen.opened
    assert ("letter", LETTER) in told(seen)


def test_a_desk_yields_its_reports_to_its_passphrase_alone(world: World) -> None:
    closed = look_at(world.folder / "desk", (), now=world.now, cost=LOW_COST, depth=PLACES)
    assert (closed.row, closed.breaches) == ("desk, no passphrase", ())
    assert closed.exposure.items[0].count > 0
    seen = look_at(world.folder / "desk", (PASSPHRASE,), now=world.now, cost=LOW_COST, depth=PLACES)
    assert (seen.row, seen.breaches) == ("desk", ())
    assert ("report", TEXT) in told(seen)
    assert {one.name for one in seen.exposure.people} == {"amal", "badr"}


# ---- planted faults


def test_a_fifth_neighbour_in_an_image_is_caught(world: World) -> None:
    changed(world, lambda d: msgspec.structs.replace(d, relations=(d.relations * 3)[:5]))
    assert looked(world, PASSPHRASE).breaches == ("5 people in place of 4 at most",)


def test_the_text_of_a_sent_report_in_an_image_is_caught(world: World) -> None:
    def plant(device: Device) -> Device:
        report = msgspec.structs.replace(device.reports[0], sealed=b"\0\1" + (TEXT.encode() * 80)[:4_003])
        return msgspec.structs.replace(device, reports=(report,))

    changed(world, plant)
    assert looked(world, PASSPHRASE).breaches == ("report 1 is not noise",)


def test_a_text_in_a_field_that_nobody_knows_is_caught(world: World) -> None:
    with open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST) as vault:
        raw = msgspec.msgpack.decode(vault.state)
        vault.commit(msgspec.msgpack.encode([*raw, TEXT]))
    assert "no field accounts for" in looked(world, PASSPHRASE).breaches[0]


def test_boxes_older_than_the_bound_in_an_image_are_caught(world: World) -> None:
    def plant(device: Device) -> Device:
        first = device.relations[0]
        chain = msgspec.structs.replace(first.chain, day=device.confirmed - 50)
        return msgspec.structs.replace(
            device, relations=(msgspec.structs.replace(first, chain=chain), *device.relations[1:])
        )

    changed(world, plant)
    assert looked(world, PASSPHRASE).breaches == ("boxes of the kind neighbour from 50 days back, 40 at most",)


@pytest.mark.parametrize("understudy", [True, False])
def test_what_is_left_in_the_notebook_s_area_is_caught(world: World, understudy: bool) -> None:
    with open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST) as vault:
        book, area = decode_payload(vault.notebook)
        kept = area[: 4 + int.from_bytes(area[:4], "big")] if understudy else b""
        planted = kept + (TEXT.encode() * 1_000)[: AREA - len(kept)]
        vault.set_notebook(encode_payload(book, planted))
        vault.commit(vault.state)
    assert "no field accounts for" in looked(world, NOTEBOOK).breaches[0]


# ---- the older copy, blocks, carving


def test_the_older_copy_opens_and_shows_what_the_newest_has_erased(world: World) -> None:
    with open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST) as vault:
        device = load(vault.state)
        first = msgspec.structs.replace(device.relations[0], notes=(Note(90, "erased since", world.now),))
        vault.commit(save(msgspec.structs.replace(device, relations=(first, *device.relations[1:]))))
        vault.commit(save(device))
        assert "erased since" not in vault.state.decode("latin-1")
    seen = looked(world, PASSPHRASE)
    assert ("letter", "erased since") in told(seen)
    with open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST) as vault:
        vault.commit(vault.state)
    assert ("letter", "erased since") not in told(looked(world, PASSPHRASE))


def test_the_block_of_a_file_that_was_sealed_last_opens_with_the_key_in_the_older_copy(
    world: World, tmp_path: Path
) -> None:
    """Worse than the design wants; spec/91-exposure.md, 7."""
    film = tmp_path / "film.mp4"
    data = bytes.fromhex("0000001c66747970") + b"isom" + os.urandom(900_000)
    film.write_bytes(data)
    images: list[Image] = []
    world.trouble[RELAY] = UNREACHABLE

    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="with a film"), do="report", video=[str(film)])
            while amal.engine.device.reports[-1].media[0].under_way is None:
                await asyncio.sleep(0)
            images.append(read_image(vault_of(world)))

    run(scene())
    image = open_image(images[0], [PASSPHRASE], LOW_COST, depth=PLACES)
    (found,) = opened_blocks(image)
    assert (found.report, found.media, found.index, found.data) == (2, 0, 0, data[:262_103])
    assert len(sealed_blocks(image)[0]) == 262_144


def test_a_copy_a_slot_or_an_item_where_none_belongs_is_found(world: World) -> None:
    image = open_image(read_image(vault_of(world)), [PASSPHRASE], LOW_COST)
    assert image.strays == []
    layout, data, newest = image.layout, bytearray(image.data), image.copies[0]
    at = layout.copy_at(newest.place, newest.copy)
    free = layout.slot_at((newest.place + 1) % 4, 1) + 4_096  # within a slot, on a page
    data[free : free + layout.state] = image.data[at : at + layout.state]
    item = seal(image.states[0][1].relations[0].chain.root, b"left over", 4_096, bytes(24))
    data[-4_096:] = item
    again = open_image(Image(bytes(data)), [PASSPHRASE], LOW_COST, depth=EVERYWHERE)
    assert set(again.strays) == {free, len(data) - 4_096}


# ---- two images


@pytest.mark.parametrize("commits", [1, 2, 5])
def test_two_images_tell_how_many_commits_lie_between_and_nothing_of_the_side(world: World, commits: int) -> None:
    found = []
    for passphrase in (PASSPHRASE, NOTEBOOK):
        path = shutil.copyfile(vault_of(world), world.folder / passphrase[:4])
        before = path.read_bytes()
        with open_vault(path, passphrase, cost=LOW_COST) as vault:
            for _ in range(commits):
                vault.commit(vault.state)
        found.append(compare(before, path.read_bytes()))
    assert found[0] == found[1]
    assert (found[0].commits, found[0].alike, found[0].elsewhere, found[0].salt) == (commits, True, 0, False)


def test_a_compartment_that_was_not_written_is_caught(world: World) -> None:
    path = vault_of(world)
    before = path.read_bytes()
    with open_vault(path, PASSPHRASE, cost=LOW_COST) as vault:
        vault.commit(vault.state)
    after, layout = bytearray(path.read_bytes()), Geometry.of(len(before))
    at = layout.copy_at(2, 0)
    after[at : at + layout.compartment] = before[at : at + layout.compartment]
    assert not compare(before, bytes(after)).alike
    after[0] ^= 1
    after[-1] ^= 1
    wrong = compare(before, bytes(after))
    assert (wrong.salt, wrong.elsewhere > 0 or layout.rest is not None) == (True, True)


# ---- a relay's history


def store_of(world: World, folder: Path) -> Path:
    """What the relay of a world holds, as a real relay keeps it on its disk."""
    disk = DiskStore(folder / "store")
    for memory in world.relays.values():
        for key, name, _ in list(memory._boxes.walk()):
            entry = memory._boxes.get(key, name)
            if entry is not None:
                disk.lay(key.box, key.posted, entry.place, entry.arrived)
    disk.close()
    return folder


def test_a_relay_yields_counts_and_times_alone(world: World, tmp_path: Path) -> None:
    folder = store_of(world, tmp_path / "relay")
    seen = look_at(folder, (PASSPHRASE,), cost=LOW_COST)
    assert (seen.row, seen.breaches, seen.exposure.words) == ("relay", (), ())
    assert {one.kind for one in seen.exposure.items} >= {"board"}


def test_looking_changes_nothing_of_a_store_or_a_vault(world: World, tmp_path: Path) -> None:
    folder = store_of(world, tmp_path / "relay")
    every = [*folder.rglob("*"), *(world.folder / "amal").rglob("*")]
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in every if p.is_file()}
    looked(world, PASSPHRASE, relay=folder)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in every if p.is_file()} == before


def test_with_a_relay_waiting_letters_open_and_reports_do_not(world: World, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Awake(world.member("badr")) as (badr,):
            await do(badr, Person(text="read by nobody", name="amal"), do="letter")
            await beat(badr, rounds=25)

    run(scene())
    seen = looked(world, PASSPHRASE, relay=store_of(world, tmp_path / "relay"))
    assert (seen.row, seen.breaches) == ("passphrase and relay", ())
    assert ("letter", "read by nobody") in told(seen)
    assert seen.correlation is not None
    met = {(one.purpose, one.direction) for one in seen.correlation.met}
    assert ("neighbour", "from") in met
    assert "stray" not in {one.purpose for one in seen.correlation.met}
    assert sum(one.opened for one in seen.correlation.met if one.purpose == "neighbour") >= 1


def test_all_that_is_known_of_a_reports_frame_is_its_day(world: World, tmp_path: Path) -> None:

    async def scene() -> None:
        for name in ("amal", "badr"):
            async with Awake(world.member(name)) as (member,):
                world.now += 3_600
                await do(member, Person(text="sealed for good"), do="report")
                await beat(member)
                assert member.engine.device.reports[-1].put // DAY == world.now // DAY

    run(scene())
    seen = looked(world, PASSPHRASE, relay=store_of(world, tmp_path / "relay"))
    assert seen.correlation is not None
    intake = sum(one.count for one in seen.correlation.met if one.purpose == "intake")
    assert 1 < seen.correlation.fits[2] <= intake
    assert not any(one.kind == "report" for one in seen.exposure.words)


def test_what_was_acknowledged_lies_in_the_log_and_is_seen(tmp_path: Path) -> None:
    from tercet.drop import Ack, Put
    from tercet.drop.ops import id_of_read, name_of, read_of_ack

    disk = DiskStore(tmp_path / "store")
    item = os.urandom(4_096)
    disk.apply([Put(id_of_read(read_of_ack(b"a" * 32)), item)], 7)
    disk.apply([Ack(b"a" * 32, name_of(item))], 9)
    disk.close()
    (found,) = read_store(tmp_path)
    assert (found.item, found.gone, found.arrived) == (item, True, 7)
    assert summary([found])[0].gone == 1


def test_the_desk_s_keys_open_what_a_relay_has_at_intake(world: World, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Awake(world.member("amal")) as (amal,):
            await do(amal, Person(text="only for the desk"), do="report", wait=False)
            for _ in range(60):
                await beat(amal)

    run(scene())
    image = open_image(read_image(vault_of(world, "desk")), [PASSPHRASE], LOW_COST, depth=PLACES)
    items = read_store(store_of(world, tmp_path / "relay"))
    found = correlate([d for _, d in image.states], None, items, world.now // DAY)
    assert "only for the desk" in {one.text for one in found.words}


# ---- from outside


def test_statistics_know_noise_and_what_is_none() -> None:
    noise = os.urandom(1 << 20)
    assert unopened.look(noise).noise
    zeros = bytearray(noise)
    zeros[4_096:4_608] = bytes(512)
    twice = noise[:-512] + noise[:512]
    for planted in (bytes(zeros), twice, b"PK\x03\x04" + noise[4:], (b"words " * 200_000)):
        assert not unopened.look(planted).noise
    assert unopened.look(b"").bits == 0


def test_an_image_of_any_size_is_looked_at(tmp_path: Path) -> None:
    for data in (b"", b"x", os.urandom(5_000)):
        path = tmp_path / "odd"
        path.write_bytes(data)
        seen = look_at(path, ("whatever",), now=0, cost=LOW_COST)
        assert (seen.row, seen.opened, seen.breaches) == ("no passphrase", (), ())


# ---- memory


def test_where_there_is_nothing_of_a_kind_a_sentence_says_so() -> None:
    result = CliRunner().invoke(app, ["seize", str(photo())])
    for nothing in ("People: none.", "Words: none.", "Boxes and items: none."):
        assert nothing in result.stdout
    assert "the folder of a desk or of a relay" in " ".join(CliRunner().invoke(app, ["seize", "--help"]).stdout.split())


def test_a_memory_is_searched_for_what_an_image_gives(world: World, tmp_path: Path) -> None:
    image = open_image(read_image(vault_of(world)), [PASSPHRASE], LOW_COST, depth=PLACES)
    root = image.states[0][1].relations[0].chain.root
    dump = tmp_path / "dump"
    dump.write_bytes(os.urandom(9_000) + root + LETTER.encode("utf-16-le") + b"tercet://10.0.0.9:7443/" + b"a" * 52)
    seen = looked(world, PASSPHRASE, memory=str(dump)).memory
    assert seen is not None
    assert (seen.known["keys"], seen.known["texts"], seen.known["sessions"]) == (1, 1, 0)
    assert (seen.addresses, seen.passes) == (("10.0.0.9:7443",), 0)
    dump.write_bytes(dump.read_bytes() + b"tercet://10.0.0.9:7443/" + b"a" * 52 + b"/" + b"b" * 26)
    locked = look_at(vault_of(world), (), cost=LOW_COST, memory=str(dump))
    assert (locked.row, "post" in locked.exposure.powers, locked.breaches) == ("locked", True, ())
    dump.write_bytes(os.urandom(90_000))
    seen = looked(world, PASSPHRASE, memory=str(dump)).memory
    assert seen is not None
    assert set(seen.known.values()) == {0}
    assert seen.looked_for["keys"] > 10


def test_a_locked_process_holds_no_key_root_name_or_text_and_an_open_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ..member.test_lock_processes import asleep, locked_process

    monkeypatch.setattr(Actor, "COMMAND", COMMAND)

    async def whole() -> None:
        troupe = Troupe(tmp_path, COMMAND)
        process = 0
        try:
            await troupe.open_relay(proxied=False)
            await troupe.open_desk()
            await troupe.open_member("amal")
            await troupe.open_member("badr")
            await troupe.meet("desk", "amal")
            await troupe.meet("amal", "badr")
            vault = troupe.at("amal")
            await troupe.once("member", "letter", "--vault", vault, name="badr", text=LETTER)
            await troupe.once("member", "report", "--vault", vault, text=TEXT)
            image = shutil.copyfile(vault, tmp_path / "image")
            awake = looked_in(image, troupe.actors["amal"]._process.pid)
            assert awake.known["keys"] > 5  # it beats on meanwhile; `test_rows.py` stops it, and finds all
            assert awake.known["sessions"] >= 1
            assert awake.known["texts"] >= 1
            await troupe.once("member", "lock", "--vault", vault)
            await asleep(troupe)
            process = locked_process(vault)
            image = shutil.copyfile(vault, tmp_path / "image")
            locked = looked_in(image, process)
            assert LOCKED.encode() in unopened.read_memory(str(process))
            assert locked.known == dict.fromkeys(locked.known, 0)
            assert locked.looked_for["keys"] > 10
            assert locked.addresses
            assert locked.keys > 5
            seen = look_at(image, (SECRET,), now=world_time(), cost=LOW_COST, relay=Path(troupe.at("relay")))
            assert seen.breaches == ()
            notes = look_at(image, (OTHER,), now=world_time(), cost=LOW_COST)
            assert (notes.opened, notes.breaches) == (("notebook",), ())
            none = look_at(image, (), now=world_time(), cost=LOW_COST)
            assert none.noise is not None
            assert none.noise.noise
        finally:
            await troupe.end()
            if process:
                os.kill(process, 9)

    run_long(whole())


def world_time() -> int:
    from tercet.shell.opening import wall_clock

    return wall_clock()


def looked_in(image: Path, process: int) -> unopened.Remains:
    try:
        seen = look_at(image, (SECRET,), now=world_time(), cost=LOW_COST, memory=str(process))
    except SeizureError as error:
        if error.code != "memory_unreadable":
            raise
        pytest.skip("this system lets nobody look, not even a test")
    assert seen.memory is not None
    return seen.memory


# ---- the command


def passed(*lines: str) -> int:
    take, give = os.pipe()
    os.write(give, "".join(f"{line}\n" for line in lines).encode())
    os.close(give)
    return take


def test_the_command_prints_one_object_and_no_passphrase(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captor, "COST", LOW_COST)
    words = ["seize", str(vault_of(world)), "--passphrase-fd", str(passed("wrong", PASSPHRASE)), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["row"] == "passphrase"
    assert {one["name"] for one in found["exposure"]["people"]} == {"desk", "badr"}
    assert PASSPHRASE not in done.output
    device = load(open_vault(vault_of(world), PASSPHRASE, cost=LOW_COST).state)
    for secret in unopened._keys(device):
        assert secret.hex() not in done.stdout


@pytest.mark.parametrize(("given", "said"), [(("wrong",), True), (("wrong", PASSPHRASE), False), ((), False)])
def test_passphrases_that_open_nothing_are_said_to(
    world: World, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], said: bool
) -> None:
    monkeypatch.setattr(captor, "COST", LOW_COST)
    words = ["seize", str(vault_of(world)), *(("--passphrase-fd", str(passed(*given))) if given else ())]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert ("No passphrase that was given opens anything here" in done.stdout) is said


def test_the_command_shows_tables_to_a_person(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(captor, "COST", LOW_COST)
    folder, other = store_of(world, tmp_path / "relay"), shutil.copyfile(vault_of(world), tmp_path / "other")
    seen = looked(world, PASSPHRASE, relay=folder, second=other, memory=str(photo()))
    console = Console(record=True, width=160, file=io.StringIO())
    seize.show(console, seen)
    text = console.export_text()
    for said in ("Row of the exposure table: passphrase", "badr", LETTER, "Below this device", "Second image", "yes."):
        assert said in text
    assert PASSPHRASE not in text
    console = Console(record=True, width=160, file=io.StringIO())
    seize.show(console, looked(world))
    assert "People: none." in console.export_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["seize", "/nowhere/at-all"], "image_unreadable"),
        (["seize", __file__, "--relay", "/nowhere/at-all"], "relay_unreadable"),
        (["seize", __file__, "--memory", "/nowhere/at-all"], "memory_unreadable"),
        (["seize", __file__, "--passphrase-fd", "999"], "passphrases_unreadable"),
        (["seize", __file__, "--texts-fd", "999"], "texts_unreadable"),
    ],
)
def test_what_cannot_be_looked_at_fails_with_a_code(words: list[str], code: str) -> None:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["failed"]) == (6, code)
    assert HINTS[code] in done.stdout


def test_a_stick_yields_counts_alone(tmp_path: Path) -> None:
    from tercet.drop import Put, Stick

    stick = Stick(tmp_path)
    part = stick.at(RELAY)
    part.apply([Put(b"b" * 32, os.urandom(4_096))], 1_790_000_000)
    part.close()
    seen = look_at(tmp_path, (PASSPHRASE,), cost=LOW_COST)
    assert (seen.row, seen.breaches) == ("stick", ())
    assert {one.kind: one.count for one in seen.exposure.items} == {"frame": 1}


def test_an_empty_folder_is_nothing_that_was_seized(tmp_path: Path) -> None:
    with pytest.raises(SeizureError) as failed:
        look_at(tmp_path, ())
    assert failed.value.code == "image_unreadable"


@pytest.mark.parametrize(
    ("files", "powers"),
    [
        ({}, set()),
        ({"pass": b"a\n"}, {"post"}),
        ({"pass": b"", "weekly": b"a\n"}, {"make_passes"}),
    ],
)
def test_whoever_copies_a_relays_folder_has_its_passes(
    tmp_path: Path, files: dict[str, bytes], powers: set[str]
) -> None:
    from tercet.drop import Put

    disk = DiskStore(tmp_path / "store")
    disk.apply([Put(b"i" * 32, os.urandom(4_096))], 7)
    disk.close()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seen = look_at(tmp_path, ())
    assert set(seen.exposure.powers) == {"withhold"} | powers
    assert seen.breaches == ()
