"""An independent captor finds no more than spec/90-limits.md says, on images that services left on the disk."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tercet.core.days import LATE_DAYS
from tercet.core.state import Device, load, save
from tercet.sealing import LOW_COST
from tercet.vault import open_vault

from ..shell.founded import founded
from ..shell.world import NOTEBOOK, PASSPHRASE, RELAY
from . import image, keys, noise, pack
from .captor import Find, look
from .seized import ANSWERED, FOUR, LEFT, NOTE, OURS, PLACE, READ, REPLY, SENT, UNREAD, WAITING, WORD, Seized

pytestmark = pytest.mark.full  # each looks into images, key by key

HERE = Path(__file__).parent
MAKERS = {
    "conftest.py",
    "seized.py",
    "test_captor.py",
    "test_compared.py",
}  # may use the product, to make images and to compare
ALLOWED = {"cryptography", "nacl"} | sys.stdlib_module_names
COST = keys.Cost(LOW_COST.memory_kib, LOW_COST.iterations, LOW_COST.lanes)
DRAWN = range(14)  # days of an understudy

# What spec/90-limits.md, 3, says that the passphrase yields, of this life.
NAMES = {name for name, _ in FOUR}
ROLES = {role for _, role in FOUR}
ADMITTED = {READ, UNREAD, OURS, REPLY, ANSWERED, WORD, "video", "waiting", "left this device", "received by the desk"}


@pytest.fixture(scope="module")
def with_it(seized: Seized) -> Find:
    """With the owner's passphrase, and a relay."""
    return look([seized.asleep], [PASSPHRASE], COST, [seized.relay])


def imported(source: str) -> set[str]:
    """The modules that a file of this folder imports; of its own as a dot and the name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            names |= {stem} if node.module else {stem + alias.name for alias in node.names}
    return names


def foreign(source: str) -> set[str]:
    """What of it the captor may not import: the product, a maker of images, any package but two."""
    makers = {"." + name.removesuffix(".py") for name in MAKERS}
    own = {name for name in imported(source) if name.startswith(".") and not name.startswith("..")} - makers
    return {name for name in imported(source) - own if name.startswith(".") or name.split(".")[0] not in ALLOWED}


def replant(place: Path, change: Callable[[Device], Device]) -> bytes:
    """Change what the device of a vault remembers, as a faulty program would; the image then."""
    with open_vault(place, PASSPHRASE, cost=LOW_COST) as vault:
        vault.commit(save(change(load(vault.state))))
    return place.read_bytes()


@pytest.fixture
def vault(seized: Seized, tmp_path: Path) -> Path:
    place = tmp_path / "vault"
    place.write_bytes(seized.asleep)
    return place


# --- it is independent


def test_the_captor_imports_nothing_of_the_product() -> None:
    modules = [path for path in HERE.glob("*.py") if path.name not in MAKERS]
    assert len(modules) > 7
    assert {path.name: wrong for path in modules if (wrong := foreign(path.read_text()))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import tercet",
        "from tercet.core import chain",
        "from ..shell import world",
        "from . import seized",
        "import msgspec",
    ],
)
def test_an_import_of_the_product_would_be_seen(line: str) -> None:
    assert foreign(f"def later():\n    {line}\n")


# --- without a passphrase


@pytest.fixture(scope="module")
def whole() -> bytes:
    """Noise, of which nothing could be told."""
    drawn = os.urandom(1 << 20)
    assert noise.measured(drawn).noise
    return drawn


@pytest.mark.parametrize("which", ["opened", "asleep"])
def test_without_a_passphrase_an_image_is_noise_and_no_more(seized: Seized, which: str) -> None:
    found = look([getattr(seized, which)], relays=[seized.relay])
    assert found.measured is not None
    assert found.measured.noise, found.measured
    assert not (found.copies or found.slots or found.boxes or found.frames)


@pytest.mark.parametrize(
    "fault",
    [
        lambda one: bytes(512) + one[512:],
        lambda one: one[:8192] + b"tercet vault, version 2, do not open" + one[8228:],
        lambda one: one[:-8192] + one[4096:12288],
        lambda one: one[: len(one) // 2] + bytes(len(one) // 2),
        lambda one: bytes(byte & 0xFE if at % 32 == 0 else byte for at, byte in enumerate(one)),
    ],
    ids=["a zero sector", "a name", "a page twice", "half of it zeros", "a bit that is never set"],
)
def test_a_file_that_is_not_noise_is_seen(fault: Callable[[bytes], bytes], whole: bytes) -> None:
    assert not noise.measured(fault(whole)).noise


def test_a_wrong_passphrase_opens_nothing_anywhere(seized: Seized) -> None:
    found = look([seized.asleep, seized.opened], ["five unrelated words are bad"], COST, [seized.relay])
    assert not (found.copies or found.slots or found.boxes or found.frames)


# --- with the owner's passphrase


def test_it_opens_what_the_spec_says_and_no_copy_besides(seized: Seized, with_it: Find) -> None:
    assert sorted((copy.real, copy.copy) for copy in with_it.copies) == [(False, 0), (False, 1), (True, 0), (True, 1)]
    assert len({copy.root.compartment for copy in with_it.copies}) == 2
    newest = max(copy.counter for copy in with_it.copies)
    assert {copy.counter for copy in with_it.copies} == {newest, newest - 1}


def test_it_finds_four_people_by_the_owners_words(with_it: Find) -> None:
    assert with_it.people == FOUR
    assert with_it.most_people == 4


def test_it_finds_no_text_and_no_place_of_a_report(with_it: Find) -> None:
    for text in (SENT, LEFT, WAITING, PLACE):
        assert not with_it.says(text)
    for text in (READ, UNREAD, OURS, REPLY, ANSWERED, WORD):
        assert with_it.says(text)


def test_each_word_it_finds_is_admitted(seized: Seized, with_it: Find) -> None:
    assert with_it.words == NAMES | ROLES | ADMITTED | {str(seized.film)}
    assert with_it.paths == {str(seized.film)}
    assert with_it.relays == {RELAY}
    assert with_it.notes == set(NOTE)
    assert len({sealed for one in with_it.states for sealed in one.sealed_reports}) == 2


def test_a_meeting_that_is_over_shows_its_nameplate_until_it_is_cleared_away(tmp_path: Path) -> None:
    founded(tmp_path)
    found = look([(tmp_path / "amal" / "vault").read_bytes()], [PASSPHRASE], COST)
    (nameplate,) = found.words - NAMES - ROLES
    assert len(nameplate) == 3 and nameplate.isdigit()
    assert found.people == {("desk", "desk"), ("badr", "partner")}


def test_it_names_every_box_that_the_device_put_into(seized: Seized, with_it: Find) -> None:
    assert len(seized.put) > 4  # of intake and of neighbours, on two days
    assert seized.put <= set(with_it.boxes)
    assert {use.purpose for use in with_it.uses} >= {"relation", "intake", "written", "read", "board"}


def test_a_relay_beside_it_gives_empty_letters_and_no_words(with_it: Find) -> None:
    assert {use.purpose for use, _ in with_it.frames if use} >= {"relation", "return"}
    for text in (SENT, LEFT, WAITING, PLACE, READ, UNREAD, OURS, REPLY, ANSWERED):
        assert not any(text.encode() in content for _, content in with_it.frames)


def test_no_secret_of_the_device_and_no_relay_beside_it_show_which_frame_was_a_report(with_it: Find) -> None:
    assert with_it.tied == []  # though LEFT was put, its secret is there, and its answer waits at the relay


def test_what_the_notebook_keeps_for_the_understudy_is_in_what_the_real_side_yields(with_it: Find) -> None:
    drawn = {use.box.id for use in with_it.uses if use.purpose in ("written", "read")}
    assert drawn <= {use.box.id for use in with_it.uses if use.purpose == "relation"}


def test_every_field_of_the_state_has_a_name_in_the_spec(with_it: Find) -> None:
    assert len(with_it.named) == 2
    assert [one.odd for one in with_it.named] == [0, 0]
    newest = max(with_it.named, key=lambda one: int(one.device["beats"]))
    assert {(one["name"], one["role"]) for one in newest.all("Relation")} == FOUR
    assert [one["state"] for one in newest.all("Report")] == ["received by the desk", "left this device", "waiting"]


def test_of_a_file_on_its_way_one_block_opens(seized: Seized, with_it: Find) -> None:
    (piece,) = with_it.pieces
    assert piece == seized.film.read_bytes()[: len(piece)]
    assert len(piece) == 262_103


# --- with the notebook's passphrase


def test_with_the_notebooks_passphrase_it_finds_the_notebook_and_fourteen_days_of_boxes(seized: Seized) -> None:
    for one in (seized.asleep, seized.opened):
        found = look([one], [NOTEBOOK], COST, [seized.relay])
        assert found.states == []
        assert not any(copy.real for copy in found.copies)
        assert found.notes == set(NOTE)
        assert found.words == found.paths == found.times == set()
        for text in (*NAMES - {"desk"}, SENT, LEFT, WAITING, PLACE, READ, UNREAD, OURS, REPLY, ANSWERED, WORD):
            assert not found.says(text)
        assert found.relays == {RELAY}
        days = {use.day for use in found.uses if use.day}
        assert max(days) - seized.day in DRAWN
        assert min(days) == min(use.day for use in found.uses if use.purpose == "read")  # read, never written
        assert min(days) >= seized.day - LATE_DAYS - 1


def near(layout: image.Layout) -> list[int]:
    """Pages around the beginning of each state copy."""
    starts = [layout.copy_at(compartment, copy) // image.PAGE for compartment in range(4) for copy in (0, 1)]
    return sorted({max(start + off, 0) for start in starts for off in range(-3, 20)})


def test_the_notebooks_passphrase_and_a_relay_show_how_many_letters_went_each_way(seized: Seized) -> None:
    """An empty letter acknowledges under the outer key alone, and the understudy has that of the day it was drawn."""
    found = look([seized.asleep], [NOTEBOOK], COST, [seized.relay])
    frames = [(use, content) for use, content in found.frames if use and use.purpose == "written"]
    letters = {use.who: pack.array(content[1:]) for use, content in frames if content[0] == 0}
    counts = [(letter[3] - 1, letter[2]) for letter in letters.values() if letter]
    assert any(wrote and received in (2, 3) for wrote, received in counts)  # shares, permits, and a letter or two
    assert {use.day for use, _ in frames} == {seized.day}
    assert not any(content[0] == 0 and (pack.array(content[1:]) or [0, 1])[1] for _, content in frames)


@pytest.mark.parametrize("whole", [False, True])
def test_once_the_notebook_was_opened_no_passphrase_opens_the_rest(seized: Seized, whole: bool) -> None:
    layout = image.Layout(len(seized.opened))
    pages = range(layout.size // image.PAGE) if whole else near(layout)
    found = look([seized.opened], [PASSPHRASE, NOTEBOOK], COST, [seized.relay], pages)
    assert {copy.root.how for copy in found.copies} == {"passphrase 2"}
    assert found.states == []
    alone = look([seized.opened], [PASSPHRASE], COST, [seized.relay])
    assert not (alone.copies or alone.slots or alone.boxes)


def test_an_image_from_before_opens_to_the_owners_passphrase_all_the_same(seized: Seized) -> None:
    found = look([seized.opened, seized.asleep], [PASSPHRASE], COST)
    assert found.people == FOUR


# --- planted faults


def test_a_reports_text_in_the_state_would_be_found(vault: Path) -> None:
    def keeps_the_text(device: Device) -> Device:
        first, *rest = device.reports
        return msgspec.structs.replace(device, reports=(msgspec.structs.replace(first, sealed=SENT.encode()), *rest))

    found = look([replant(vault, keeps_the_text)], [PASSPHRASE], COST)
    assert found.says(SENT)
    assert SENT in found.words


def test_a_reports_text_inside_other_bytes_would_be_found(vault: Path) -> None:
    def hides_it(device: Device) -> Device:
        first, *rest = device.reports
        inside = os.urandom(500) + SENT.encode() + os.urandom(500)
        return msgspec.structs.replace(device, reports=(msgspec.structs.replace(first, sealed=inside), *rest))

    found = look([replant(vault, hides_it)], [PASSPHRASE], COST)
    assert found.says(SENT)
    assert any(SENT in word for word in found.words)


def test_a_fifth_relation_would_be_found(vault: Path) -> None:
    def knows_one_more(device: Device) -> Device:
        more = msgspec.structs.replace(device.relations[1], id=os.urandom(16), name="emre")
        return msgspec.structs.replace(device, relations=(*device.relations, more))

    found = look([replant(vault, knows_one_more)], [PASSPHRASE], COST)
    assert found.most_people == 5
    assert "emre" in found.words


def test_a_name_in_the_notebooks_area_would_be_found(seized: Seized, tmp_path: Path) -> None:
    place = tmp_path / "vault"
    place.write_bytes(seized.opened)
    with open_vault(place, NOTEBOOK, cost=LOW_COST) as vault:
        vault.commit(vault.state[:-100] + b"badr" + vault.state[-96:])
    assert look([place.read_bytes()], [NOTEBOOK], COST).says("badr")


@pytest.mark.parametrize("page", [0, 17])
def test_a_copy_of_the_real_side_that_was_left_anywhere_would_be_found(seized: Seized, page: int) -> None:
    layout = image.Layout(len(seized.asleep))
    root = next(copy.root for copy in look([seized.asleep], [PASSPHRASE], COST).copies if copy.real)
    left = seized.asleep[layout.copy_at(root.compartment, 0) :][: layout.state]
    at = layout.copy_at((root.compartment + 1) % 4, 0) + page * image.PAGE
    planted = seized.opened[:at] + left + seized.opened[at + layout.state :]
    found = look([planted], [PASSPHRASE], COST, pages=near(layout))
    assert found.people == FOUR


def test_a_compartment_that_the_notebook_left_alone_would_be_found(seized: Seized) -> None:
    layout = image.Layout(len(seized.asleep))
    for number in range(image.COMPARTMENTS):
        at = layout.copy_at(number, 0)
        untouched = (
            seized.opened[:at] + seized.asleep[at:][: layout.compartment] + seized.opened[at + layout.compartment :]
        )
        if look([untouched], [PASSPHRASE], COST).people == FOUR:
            return
    pytest.fail("the real side was not found in any compartment")
