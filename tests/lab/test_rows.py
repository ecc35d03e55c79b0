"""Each row of the exposure table is proved on what real processes left, and planted faults are caught."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tercet.lab.captor import Seen, look_at
from tercet.lab.heard import read_log
from tercet.lab.law import ROWS, breaches
from tercet.lab.seizure import PLACES
from tercet.lab.ties import addresses_of
from tercet.scene.actor import Actor
from tercet.sealing import LOW_COST

from ..shell.troupe import OTHER, SECRET
from . import keeping
from .at import ADDRESSES
from .taken import AFTER, BELOW, EARLIER, LATER, LETTER, NOTE, PARTNER, TIES, Taken, take, take_awake
from .test_exposure import table

NAMES = {"desk", PARTNER, BELOW}
HIDDEN = (PARTNER, BELOW)  # names that are long enough to be searched for
WHO = {address: name for name, address in ADDRESSES.items()}
RUN = 24  # letters in a row; of texts that were never written, a memory has up to 21 by chance
NOTED = f"{NOTE[0]}: {NOTE[1]}"
TEXTS = (EARLIER, LATER, AFTER, LETTER, NOTE[1], *HIDDEN)


def readable() -> None:
    """Skip, and say what is missing, where a test may not read another process."""
    if os.geteuid() != 0 or not Path("/proc/self/mem").exists():
        pytest.skip("root's right and /proc/PID/mem are needed to read a process that is closed to its own user")


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    readable()
    before = Actor.COMMAND
    yield take(tmp_path_factory.mktemp("taken"))
    Actor.COMMAND = before


def look(taken: Taken, name: str, *passphrases: str, **more: Any) -> Seen:
    return look_at(taken.at(name), passphrases, cost=LOW_COST, **{"depth": PLACES} | more)


def told(seen: Seen) -> set[tuple[str, str]]:
    return {(one.kind, one.text) for one in seen.exposure.words}


def remembered(taken: Taken, name: str, *passphrases: str, **more: Any) -> Seen:
    return look(taken, f"{name}.image", *passphrases, memory=str(taken.at(f"{name}.memory")), **more)


def left(text: str, memory: bytes) -> int:
    """How many letters in a row of a text lie in a memory, at most."""
    data, most = text.encode(), 0
    for at in range(len(data)):
        while at + most < len(data) and data[at : at + most + 1] in memory:
            most += 1
    return most


# ---- the rows


@pytest.mark.full
def test_row_no_passphrase(taken: Taken) -> None:
    for name in ("asleep", "opened"):
        seen = look(taken, name, "a wrong one", hidden=TEXTS)
        assert (seen.row, seen.opened, seen.breaches) == ("no passphrase", (), ())
        assert seen.noise is not None
        assert seen.noise.noise


@pytest.mark.full
def test_row_notebook_opened_by_the_captor(taken: Taken) -> None:
    seen = look(taken, "opened", OTHER, SECRET, hidden=(EARLIER, LATER, AFTER, LETTER, *HIDDEN))
    assert seen.opened == ("notebook",)
    assert breaches("notebook, opened by the captor", seen.exposure) == ()
    assert "post" in seen.exposure.powers
    assert (told(seen), seen.exposure.lanes) == ({("note", NOTED)}, 3)


@pytest.mark.full
def test_row_notebook_image_made_before(taken: Taken) -> None:
    seen = look(taken, "asleep", OTHER, hidden=(EARLIER, LATER, AFTER, LETTER, *HIDDEN))
    assert (seen.row, seen.breaches) == ("notebook, image made before", ())
    assert (told(seen), seen.exposure.people, seen.exposure.lanes) == ({("note", NOTED)}, (), 3)


@pytest.mark.full
def test_row_locked(taken: Taken) -> None:
    seen = remembered(taken, "locked", hidden=(*TEXTS, SECRET, OTHER))
    assert (seen.row, seen.unlocked, seen.breaches) == ("locked", 0, ())
    assert seen.exposure.boxes[0].count > 5
    assert seen.exposure.relays
    assert "post" in seen.exposure.powers
    both = remembered(taken, "locked", SECRET)
    assert both.memory is not None
    assert both.memory.known == dict.fromkeys(both.memory.known, 0)
    assert both.memory.looked_for["keys"] > 10


@pytest.mark.full
def test_row_awake(taken: Taken) -> None:
    """No passphrase is given: the keys of the vault lie in the memory, and so does the owner's own passphrase."""
    seen = remembered(taken, "awake", hidden=(EARLIER,))
    assert (seen.row, seen.opened, seen.breaches) == ("awake", ("notebook", "real"), ())
    assert seen.unlocked >= 1
    assert {one.name for one in seen.exposure.people} == NAMES
    assert told(seen) == {("letter", LETTER), ("note", NOTED)}
    assert seen.memory is not None
    assert seen.memory.known["keys"] == seen.memory.looked_for["keys"] > 10
    assert seen.memory.known["sessions"] == len(NAMES)
    assert seen.memory.known["names"] == len(HIDDEN)
    assert seen.memory.known["texts"] >= 1
    memory = taken.at("awake.memory").read_bytes()
    assert left(EARLIER, memory) < RUN
    assert SECRET.encode() in memory


@pytest.mark.full
def test_row_passphrase(taken: Taken) -> None:
    seen = look(taken, "asleep", SECRET, hidden=(EARLIER, LATER, AFTER))
    assert (seen.row, seen.breaches) == ("passphrase", ())
    assert {one.name for one in seen.exposure.people} == NAMES
    assert told(seen) == {("letter", LETTER), ("note", NOTED)}
    assert [one.noise for one in seen.exposure.reports] == [True] * 3


@pytest.mark.full
def test_row_passphrase_and_relay(taken: Taken) -> None:
    seen = look(taken, "asleep", SECRET, relay=taken.at("relay"), hidden=(EARLIER, LATER, AFTER))
    assert (seen.row, seen.breaches) == ("passphrase and relay", ())
    assert seen.correlation is not None
    met = {(one.purpose, one.direction) for one in seen.correlation.met}
    assert met >= {("neighbour", "from"), ("neighbour", "to"), ("intake", "to")}
    assert "stray" not in {purpose for purpose, _ in met}


@pytest.mark.full
def test_row_stick(taken: Taken) -> None:
    seen = look(taken, "stick", hidden=(*TEXTS, SECRET))
    assert (seen.row, seen.breaches) == ("stick", ())
    assert {one.kind for one in seen.exposure.items} >= {"frame", "want"}


@pytest.mark.full
def test_row_relay(taken: Taken) -> None:
    seen = look(taken, "relay", SECRET, hidden=(*TEXTS, SECRET))
    assert (seen.row, seen.breaches) == ("relay", ())
    assert {one.kind for one in seen.exposure.items} >= {"board", "frame"}
    assert seen.exposure.addresses == seen.exposure.ties == ()


@pytest.mark.full
def test_row_relay_run_by_the_captor(taken: Taken) -> None:
    seen = look(taken, "relay", log=taken.at("log.awake"), hidden=(*TEXTS, SECRET))
    assert (seen.row, seen.breaches, seen.exposure.odd) == ("relay, run by the captor", (), 0)
    assert (seen.exposure.people, seen.exposure.words) == ((), ())
    mutual = {tuple(sorted((WHO[t.one], WHO[t.other]))) for t in seen.exposure.ties if t.there and t.back}
    assert mutual == TIES  # all that there is, and nobody else: cyra is tied to neither badr nor the desk
    assert {WHO[one.address] for one in seen.exposure.addresses if one.intake} == {"desk"}
    still = [one for one in read_log(taken.at("log.awake")).touches if taken.quiet < one.at < taken.loud]
    shared = {WHO[one.address]: one.shared for one in addresses_of(still)}
    assert {name for name, count in shared.items() if count} <= {"desk"}
    assert set(shared) == set(ADDRESSES)


@pytest.mark.full
def test_row_desk_no_passphrase(taken: Taken) -> None:
    seen = look(taken, "desk", "a wrong one", hidden=TEXTS)
    assert (seen.row, seen.breaches, seen.exposure.words) == ("desk, no passphrase", (), ())
    assert seen.exposure.items[0].count > 1


@pytest.mark.full
def test_row_desk(taken: Taken) -> None:
    seen = look(taken, "desk", SECRET)
    assert (seen.row, seen.breaches) == ("desk", ())
    assert "post" in seen.exposure.powers
    assert {text for kind, text in told(seen) if kind == "report"} == {EARLIER, LATER}
    assert {one.name for one in seen.exposure.people} == {"amal", PARTNER}


# ---- no row without its proof


def unproved(rows: list[list[str]]) -> list[str]:
    """Rows of the law that a table of proofs does not prove by a test of this file on what was taken."""
    here = sys.modules[__name__]
    proofs = {row[0]: row[2].strip("`") for row in rows}
    tests = [getattr(here, name, None) for name in proofs.values()]
    wrong = [row for row in ROWS if row not in proofs]
    for row, test in zip(proofs, tests, strict=True):
        named = f"test_row_{row.replace(',', '').replace(' ', '_')}" == proofs[row]
        marks = {mark.name for mark in getattr(test, "pytestmark", ())}
        real = callable(test) and "taken" in inspect.signature(test).parameters
        if row not in ROWS or not named or not real or marks != {"full"} or f'"{row}"' not in inspect.getsource(test):
            wrong.append(row)
    return wrong


def test_every_row_names_the_test_that_proves_it() -> None:
    assert unproved(table("proofs")) == []


def test_a_row_without_its_proof_would_be_seen() -> None:
    rows = table("proofs")
    assert unproved(rows[1:]) == [rows[0][0]]
    assert unproved([[*rows[0][:2], "`test_row_desk`"], *rows[1:]]) == [rows[0][0]]
    assert unproved([*rows[:-1], [rows[-1][0], "", "`test_that_is_gone`"]]) == [rows[-1][0]]


def test_what_is_taken_is_made_without_the_core_the_vault_or_a_store() -> None:
    tree = ast.parse((Path(__file__).parent / "taken.py").read_text())
    used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in used if name.startswith("tercet")} == {"tercet.lab.unopened", "tercet.scene.actor"}


# ---- planted faults


@pytest.mark.full
def test_a_device_that_keeps_the_text_of_a_report_is_caught_in_the_next_process_s_memory(tmp_path: Path) -> None:
    readable()
    before = Actor.COMMAND
    try:
        taken = take_awake(tmp_path, keeping.COMMAND)
    finally:
        Actor.COMMAND = before
    seen = remembered(taken, "awake", hidden=(EARLIER, LATER))
    assert (seen.row, seen.exposure.found) == ("awake", (EARLIER,))
    assert "a text that was sealed here" in seen.breaches
