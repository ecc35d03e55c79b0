"""The command line: each command on real vaults, each failure as one sentence, a code and an exit status."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from tercet.cli import app
from tercet.desk import commands as desk_commands
from tercet.drop import MemoryStore, RelayAddress
from tercet.drop.server import serve
from tercet.member import commands as member_commands
from tercet.notebook import SENTENCES as NOTES
from tercet.sample import photo
from tercet.sealing import LOW_COST, relay_identity
from tercet.shell import failures, service
from tercet.shell.opening import relay_drop, wall_clock
from tercet.shell.usage import must_be

from .shell.founded import founded
from .shell.world import NOTEBOOK, PASSPHRASE, RELAY, UNREACHABLE, Awake, World, answers, beat

HOUSE = Path(__file__).parent.parent
OPEN = {"passphrase": PASSPHRASE}
NEW = {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
UNDERSTOOD = {"duress_understood": "yes", "duress_understood_again": "yes"}
NEW_BOTH = NEW | UNDERSTOOD | {"notebook_passphrase": NOTEBOOK, "notebook_passphrase_again": NOTEBOOK}
SHORT = 12  # characters below which an answer may stand in what is shown by chance
SECRETS = (PASSPHRASE, NOTEBOOK)


class Terminal:
    """Runs commands in this process, on a world's relays and clock."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        for module in (member_commands, desk_commands):
            patch.setattr(module, "COST", LOW_COST)
            patch.setattr(module, "relay_drop", world.drop)
            patch.setattr(module, "wall_clock", world.clock)
        patch.setattr(desk_commands, "VAULT_SIZE", 16 * 1_048_576)

    def at(self, name: str) -> str:
        return str(self.world.folder / name / "vault")

    def type(self, *words: str, **fields: str) -> Result:
        """Type a command; the fields are its answers."""
        handle = answers(fields)
        result = CliRunner().invoke(app, [*words, "--answers", str(handle)], prog_name="./tercet")
        for field, secret in fields.items():
            shows = words[1] in ("inbox", "show") or len(secret) < SHORT
            assert shows or field == "name" or secret not in result.output
        return result

    def member(self, command: str, *words: str, name: str = "amal", **fields: str) -> Result:
        return self.type("member", command, *words, "--vault", self.at(name), **OPEN | fields)

    def desk(self, command: str, *words: str, **fields: str) -> Result:
        return self.type("desk", command, *words, "--dir", str(self.world.folder / "desk"), **OPEN | fields)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(founded(tmp_path), monkeypatch)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(World(tmp_path), monkeypatch)


def failed(result: Result, code: str, status: int, said: bool = False) -> None:
    """One sentence with its code, on standard error, and the status; something else before it only if `said`."""
    assert (result.exit_code, bool(result.stdout)) == (status, said), result.output
    (line,) = result.stderr.strip().splitlines()
    sentence, _, found = line.rpartition(" ")
    assert found == f"[{code}]"
    assert sentence.endswith(".")
    plain = re.sub("`[^`]*`", "", sentence)  # a command names the place that was typed
    assert "/" not in plain.replace("tercet://HOST:PORT/FINGERPRINT/PASS", "")
    assert "Traceback" not in result.output


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


# ---- what goes well


def test_a_report_goes_from_a_member_to_an_export_and_the_answer_back(terminal: Terminal, tmp_path: Path) -> None:
    terminal.world.now += 10
    words = ("--photo", str(photo()), "--where", "old town", "--when", "yesterday 14:30", "--now", "--yes", "--json")
    said = lines(terminal.member("report", *words, text="I was there."))
    words_said = [line["what"] for line in said if line["what"] != "hashing"]
    assert words_said == [
        "asks",
        "volume",
        "asks",
        "visible",
        "report_made",
        "done",
    ]
    assert said[-1]["state"] == "left this device"
    for _ in range(8):
        terminal.world.now += 10
        asyncio.run(beat_all(terminal.world))
    (case,) = lines(terminal.desk("inbox", "--json"))[-1]["cases"]
    assert (case["number"], case["text"], [m["here"] for m in case["media"]]) == (1, "I was there.", [1, 2])
    assert "I was there." in terminal.desk("inbox").stdout
    assert "I was there." in terminal.desk("show", "1").stdout
    assert terminal.desk("reply", "1", text="Who saw it?").exit_code == 0
    assert "Who saw it?" in terminal.desk("show", "1").stdout
    asyncio.run(beat_all(terminal.world))
    assert "Who saw it?" in terminal.member("inbox").stdout
    assert terminal.member("answer", "1", text="Two neighbours.").exit_code == 0
    asyncio.run(beat_all(terminal.world))
    assert "Two neighbours." in terminal.desk("show", "1").stdout
    out = tmp_path / "out"
    assert "every hash was checked" in terminal.desk("export", "1", "--to", str(out)).stdout
    assert photo().read_bytes() in [file.read_bytes() for file in out.rglob("*") if file.is_file()]
    assert "received by the desk" in terminal.member("status").stdout
    assert "badr" in terminal.desk("status").stdout


async def beat_all(world: World) -> None:
    async with Awake(world.desk(), world.member("amal"), world.member("badr")) as services:
        await beat(*services, rounds=2)


def test_a_letter_is_written_and_read(terminal: Terminal) -> None:
    result = terminal.type("member", "letter", "--vault", terminal.at("amal"), **OPEN, name="badr", text="At the mill.")
    assert result.exit_code == 0
    asyncio.run(beat_all(terminal.world))
    assert "At the mill." in terminal.member("inbox", name="badr").stdout
    assert "from \u2068amal" in terminal.member("inbox", name="badr").stdout


def test_a_desk_and_a_member_are_made_by_commands(bare: Terminal) -> None:
    result = bare.type("desk", "init", "--relay", RELAY, "--dir", str(bare.world.folder / "desk"), "--json", **NEW)
    assert lines(result)[-1] == {"what": "founded"}
    result = bare.type("member", "init", "--vault", bare.at("amal"), "--size", "16", "--json", **NEW_BOTH)
    assert lines(result)[-1] == {"what": "vault_made"}
    assert Path(bare.at("amal")).stat().st_size == 16 * 1_048_576
    found = lines(bare.member("status", "--json"))[-1]
    assert (found["neighbours"], found["reports"]) == ([], [])


def test_set_up_shows_costs_suggests_and_explains_before_it_asks(bare: Terminal) -> None:
    result = bare.type("member", "init", "--vault", bare.at("amal"), "--size", "16", "--json", **NEW_BOTH)
    order = [line.get("field", line["what"]) for line in lines(result) if line["what"] != "guess_cost"]
    assert order == [
        "suggested",
        "passphrase",
        "passphrase_again",
        "duress_explained",
        "duress_understood",
        "duress_understood_again",
        "suggested",
        "notebook_passphrase",
        "notebook_passphrase_again",
        "vault_made",
    ]
    said = bare.type("member", "init", "--vault", bare.at("badr"), "--size", "16", **NEW_BOTH).stdout
    assert "5 words drawn by chance: 64.6 bits, all tried in 2,201 years" in said
    for plain in ("captors only", "destroys everything else", "raises the alarm"):
        assert plain in said
    assert said.count("A passphrase drawn by chance, kept nowhere: ") == 2


def test_a_desk_has_the_floor_and_no_second_passphrase_to_explain(bare: Terminal) -> None:
    words = ("desk", "init", "--relay", RELAY, "--dir", str(bare.world.folder / "desk"), "--json")
    weak = bare.type(*words, passphrase="password123456", passphrase_again="password123456")
    assert weak.exit_code == failures.STATUS_HERE
    assert json.loads(weak.stdout.splitlines()[-1])["failed"] == "passphrase_weak"
    assert not (bare.world.folder / "desk").exists()
    said = [line["what"] for line in lines(bare.type(*words, **NEW))]
    assert said.count("suggested") == 1
    assert "duress_explained" not in said


def test_report_with_wait_keeps_the_beat_itself_until_the_desk_has_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a process that runs, the one that waits beats."""
    monkeypatch.setattr(service, "AWAITED_BEAT", 0.01)
    stop = threading.Event()

    def desk() -> None:
        while not stop.is_set():
            asyncio.run(beat_desk(terminal.world))

    async def beat_desk(world: World) -> None:
        async with Awake(world.desk()) as services:
            await beat(*services)

    thread = threading.Thread(target=desk)
    thread.start()
    try:
        said = lines(terminal.member("report", "--wait", "--yes", "--json", text="I was there."))
    finally:
        stop.set()
        thread.join()
    assert [line["what"] for line in said][-3:] == ["report_left", "report_received", "done"]
    assert said[-1]["state"] == "received by the desk"


# ---- what goes wrong


def test_a_wrong_passphrase_and_a_damaged_vault_fail_alike(terminal: Terminal) -> None:
    wrong = terminal.type("member", "status", "--vault", terminal.at("amal"), passphrase="not the passphrase at all")
    vault = Path(terminal.at("amal"))
    vault.write_bytes(os.urandom(vault.stat().st_size))
    damaged = terminal.member("status")
    vault.write_bytes(b"cut")
    cut = terminal.member("status")
    for result in (wrong, damaged, cut):
        failed(result, "vault_wrong_passphrase", failures.STATUS_VAULT)
    assert wrong.stderr == damaged.stderr == cut.stderr


def test_the_notebooks_passphrase_opens_the_notebook_in_place_of_any_command(terminal: Terminal) -> None:
    for command in ("status", "inbox"):
        result = terminal.type("member", command, "--vault", terminal.at("amal"), passphrase=NOTEBOOK)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{NOTES['notes_empty']}\n"


def test_a_place_without_a_vault_is_said_before_a_passphrase_is_asked_for(bare: Terminal) -> None:
    failed(bare.type("member", "status", "--vault", bare.at("nobody")), "no_vault", failures.STATUS_HERE)


def test_a_vault_is_never_made_over_a_file_or_twice(terminal: Terminal) -> None:
    before = Path(terminal.at("amal")).read_bytes()
    result = terminal.type("member", "init", "--vault", terminal.at("amal"), **NEW_BOTH)
    failed(result, "vault_exists", failures.STATUS_VAULT)
    result = terminal.type("desk", "init", "--relay", RELAY, "--dir", str(terminal.world.folder / "desk"), **NEW)
    failed(result, "already_founded", failures.STATUS_HERE)
    assert Path(terminal.at("amal")).read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        (NEW_BOTH | {"passphrase": "short", "passphrase_again": "short"}, "passphrase_weak", failures.STATUS_HERE),
        (NEW_BOTH | {"notebook_passphrase": "Passw0rd1234"}, "passphrase_weak", failures.STATUS_HERE),
        (NEW_BOTH | {"notebook_passphrase": f"{PASSPHRASE}!"}, "passphrases_alike", failures.STATUS_HERE),
        (NEW_BOTH | {"duress_understood": "no"}, "second_not_understood", failures.STATUS_HERE),
        (NEW_BOTH | {"duress_understood_again": "no"}, "second_not_understood", failures.STATUS_HERE),
        (NEW_BOTH | {"passphrase_again": "something else"}, "passphrases_differ", failures.STATUS_HERE),
        (
            NEW_BOTH | {"notebook_passphrase": PASSPHRASE, "notebook_passphrase_again": PASSPHRASE},
            "vault_same_passphrase",
            failures.STATUS_VAULT,
        ),
        (NEW, "no_answer", failures.STATUS_HERE),
    ],
)
def test_bad_new_passphrases_make_no_vault(bare: Terminal, fields: dict[str, str], code: str, status: int) -> None:
    before = sorted(bare.world.folder.rglob("*"))
    failed(bare.type("member", "init", "--vault", bare.at("amal"), "--size", "16", **fields), code, status, said=True)
    assert sorted(bare.world.folder.rglob("*")) == before


def test_a_vault_has_a_size_between(bare: Terminal) -> None:
    for size in ("3", "1025"):
        result = bare.type("member", "init", "--vault", bare.at("amal"), "--size", size, **NEW_BOTH)
        failed(result, "bad_size", failures.STATUS_HERE)


def test_a_folder_that_cannot_be_made_is_said(bare: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = bare.type("member", "init", "--vault", str(tmp_path / "file" / "x" / "vault"), "--size", "16", **NEW_BOTH)
    failed(result, "bad_folder", failures.STATUS_HERE, said=True)


def test_answers_that_are_no_objects_are_said(terminal: Terminal) -> None:
    take, give = os.pipe()
    os.write(give, b"[]\n")
    os.close(give)
    result = CliRunner().invoke(app, ["member", "status", "--vault", terminal.at("amal"), "--answers", str(take)])
    failed(result, "bad_answers", failures.STATUS_HERE)


def test_a_photo_that_is_none_and_a_file_that_is_not_there_make_no_report(terminal: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "note.jpg"
    note.write_text("not a photo")
    for path, code in ((note, "not_a_photo"), (tmp_path / "gone.jpg", "file_missing")):
        result = terminal.member("report", "--photo", str(path), text="I was there.")
        failed(result, code, failures.STATUS_FILE)
    assert lines(terminal.member("status", "--json"))[-1]["reports"] == []


def test_a_file_that_changes_before_it_has_left_is_stopped_and_said(terminal: Terminal, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(3) + b"\x18ftypisom" + os.urandom(1_000_000))
    terminal.world.trouble = dict.fromkeys(terminal.world.relays, UNREACHABLE)
    assert terminal.member("report", "--video", str(film), text="A film.").exit_code == 0
    film.write_bytes(film.read_bytes()[:-1] + bytes([film.read_bytes()[-1] ^ 1]))
    terminal.world.trouble = {}
    for _ in range(3):
        terminal.world.now += 60
        asyncio.run(beat_all(terminal.world))
    (report,) = lines(terminal.member("status", "--json"))[-1]["reports"]
    assert [file["state"] for file in report["files"]] == ["stopped: the file changed"]


@pytest.mark.parametrize(
    ("words", "fields", "code", "status"),
    [
        (("report",), {"text": " "}, "report_empty", failures.STATUS_REFUSED),
        (("report",), {"text": "x" * 2_000}, "report_long", failures.STATUS_REFUSED),
        (
            ("report", "--where", "33.5, 36.2", "--precision", "5km"),
            {"text": "x"},
            "place_precision",
            failures.STATUS_FILE,
        ),
        (("report", "--when", "some day"), {"text": "x"}, "bad_time", failures.STATUS_FILE),
        (("report",), {}, "no_answer", failures.STATUS_HERE),
        (("answer", "7"), {"text": "x"}, "unknown_report", failures.STATUS_REFUSED),
        (("meet",), {"name": "carl", "code": "12 words"}, "bad_code", failures.STATUS_REFUSED),
        (("meet", "--relay", "nowhere"), {"name": "carl", "code": "123 a b c d"}, "bad_address", failures.STATUS_DROP),
        (("meet", "--as", "partner"), {"name": "carl"}, "partner_taken", failures.STATUS_REFUSED),
        (("meet", "--stop"), {}, "no_meeting", failures.STATUS_REFUSED),
        (("report", "--precision", "5km"), {"text": "x"}, "place_precision", failures.STATUS_FILE),
        (("compare",), {}, "nothing_to_compare", failures.STATUS_REFUSED),
    ],
)
def test_what_a_member_gets_wrong_is_said(
    terminal: Terminal, words: tuple[str, ...], fields: dict[str, str], code: str, status: int
) -> None:
    fields = OPEN | fields
    failed(terminal.type("member", *words, "--vault", terminal.at("amal"), **fields), code, status)


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("show", "7"), "no_such_report", failures.STATUS_HERE),
        (("meet", "--stop"), "no_meeting", failures.STATUS_REFUSED),
        (("reply", "7"), "no_such_report", failures.STATUS_HERE),
        (("export", "7", "--to", "/nowhere/at/all"), "no_such_report", failures.STATUS_HERE),
        (("case", "7", "8"), "no_such_report", failures.STATUS_HERE),
        (("case", "7", "--apart"), "no_such_report", failures.STATUS_HERE),
        (("witnesses", "7"), "no_such_report", failures.STATUS_HERE),
    ],
)
def test_what_a_desk_gets_wrong_is_said(terminal: Terminal, words: tuple[str, ...], code: str, status: int) -> None:
    failed(terminal.desk(*words, text="x"), code, status)


def test_who_would_wake_a_device_that_is_awake_is_told_so_before_being_asked_for_a_passphrase(
    terminal: Terminal,
) -> None:
    holding = (terminal.world.member("amal"), terminal.world.desk())
    try:
        for said in (terminal.member("run", "--json"), terminal.desk("serve", "--json")):
            assert said.exit_code == failures.STATUS_VAULT
            assert [json.loads(line).get("failed") for line in said.stdout.splitlines()] == ["vault_in_use"]
    finally:
        for service in holding:
            service.engine._vault.close()


def test_in_a_wrong_folder_a_desk_is_told_of_desks_and_a_member_of_vaults(bare: Terminal) -> None:
    for words in (("show", "1"), ("status",), ("serve",), ("inbox",)):
        result = bare.desk(*words)
        failed(result, "no_desk", failures.STATUS_HERE)
        assert f"`./tercet desk init --dir {bare.world.folder / 'desk'}`" in result.stderr
        assert "tercet member" not in result.stderr
    for words in (("status",), ("run",)):
        result = bare.member(*words)
        failed(result, "no_vault", failures.STATUS_HERE)
        assert f"`./tercet member init --vault {bare.at('amal')}`" in result.stderr


@pytest.mark.parametrize("where", [(), ("--where", "33.5, 36.2"), ("--where", "old town")])
def test_a_wrong_precision_is_answered_with_the_four_there_are(terminal: Terminal, where: tuple[str, ...]) -> None:
    result = terminal.member("report", "--precision", "5km", *where, text="x")
    failed(result, "place_precision", failures.STATUS_FILE)
    for value in ("exact", "1km", "10km", "district"):
        assert value in result.stderr


def test_a_members_vault_is_no_desk(terminal: Terminal) -> None:
    shutil.copyfile(terminal.at("amal"), terminal.at("desk"))
    failed(terminal.desk("inbox"), "no_desk", failures.STATUS_HERE)


def test_a_report_while_the_relay_is_away_is_made_waits_and_says_why(terminal: Terminal) -> None:
    terminal.world.trouble = dict.fromkeys(terminal.world.relays, UNREACHABLE)
    said = lines(terminal.member("report", "--now", "--yes", "--json", text="I was there."))
    assert said[-1]["state"] == "waiting"
    trouble = {"what": "relay_trouble", "relay": RELAY, "code": "relay_unreachable", "hint": UNREACHABLE.hint}
    assert trouble in said


def test_with_json_a_failure_is_one_line_on_standard_output(terminal: Terminal) -> None:
    result = terminal.type("member", "status", "--vault", terminal.at("amal"), "--json", passphrase="not this at all")
    assert (result.exit_code, result.stderr) == (failures.STATUS_VAULT, "")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert said[0] == {"what": "asks", "field": "passphrase"}
    assert said[1]["failed"] == "vault_wrong_passphrase"
    assert set(said[1]) == {"failed", "hint"}


def test_both_statuses_show_a_relay_s_whole_address_at_eighty_columns(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for result in (terminal.member("status"), terminal.desk("status")):
        assert RELAY in result.stdout.splitlines()


def test_what_nobody_foresaw_is_said_without_its_words(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a secret word")

    monkeypatch.setattr(member_commands.MemberService, "_status", broken)
    result = terminal.member("status")
    assert result.exit_code == failures.STATUS_UNFORESEEN
    assert "[unforeseen]" in result.stderr
    assert "a secret word" not in result.output


def test_a_wrong_command_line_has_a_status_of_its_own() -> None:
    for words in (["member", "meet", "--as", "king"], ["member", "run", "--every", "0"], ["sing"]):
        assert CliRunner().invoke(app, words).exit_code == failures.STATUS_USAGE


@pytest.mark.parametrize(("every", "more"), [("5", ()), ("7h", ()), ("soon", ()), ("0", ("--rehearsal",))])
def test_beats_too_close_or_too_far_apart_are_refused_with_the_range_and_what_allows_closer_ones(
    every: str, more: tuple[str, ...]
) -> None:
    result = CliRunner().invoke(app, ["member", "run", "--every", every, *more], terminal_width=300)
    assert result.exit_code == failures.STATUS_USAGE
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())
    assert "from 5m to 6h" in said
    assert "with --rehearsal closer too" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("desk show abc", "'number' must be a whole number: the report's number."),
        ("desk case 1 x", "'others' must be a whole number: reports about the same event."),
        ("desk notice --until 2026-12-01", "'--until' must be a whole number from 0 to 60: for how many days it holds"),
        ("desk notice --until 61", "'--until' must be a whole number from 0 to 60: for how many days it holds"),
        ("desk witnesses 1 --captured -1", "'--captured' must be a whole number, 0 at least: permits a week"),
        ("desk serve --every soon", "'--every' must be a number: seconds between beats"),
        ("desk ceremony key boss --to x", "'seat' must be founder, desk or guardian: whose key it is."),
        ("member answer abc", "'number' must be a whole number"),
    ],
)
def test_a_value_that_cannot_be_is_answered_with_what_it_must_be_and_no_word_of_the_parser(
    line: str, said: str
) -> None:
    result = CliRunner().invoke(app, line.split(), terminal_width=300)
    assert result.exit_code == failures.STATUS_USAGE
    shown = " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())
    assert said in shown
    for word in ("Input", "parse", "Value error", "Invalid"):
        assert word not in shown


def test_every_number_and_every_choice_of_a_command_has_words_for_what_it_must_be() -> None:
    def params(command: Any) -> Iterator[Any]:
        yield from command.params
        for one in getattr(command, "commands", {}).values():
            yield from params(one)

    kinds = [(param, param.type_descriptor.annotation) for param in params(typer.main.get_command(app))]
    judged = [param for param, kind in kinds if not re.search("str|bool|Path", str(kind))]
    assert len(judged) > 20
    assert [param.name for param in judged if " must be " not in must_be(param)] == []


@pytest.mark.parametrize(
    "line",
    [
        "sing",
        "member sing",
        "member meet --as king",
        "member run --every 0",
        "member report --phot secret",
        "member answer",
        "member answer secret",
        "member answer 1 secret",
        "desk init",
        "carry",
        "relay --quota 3",
        "lab world --secret",
        "--secret",
    ],
)
def test_with_json_a_wrong_command_line_is_one_line_with_a_code_and_repeats_nothing(line: str) -> None:
    for words in (["--json", *line.split()], [*line.split(), "--json"]):
        result = CliRunner().invoke(app, words)
        assert (result.exit_code, result.stderr) == (failures.STATUS_USAGE, "")
        assert json.loads(result.stdout) == {"failed": "bad_usage", "hint": failures.HINTS["bad_usage"]}
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == failures.STATUS_USAGE
    assert "failed" not in result.stdout


# ---- relays


class RealRelay:
    """A relay on loopback, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        made = relay_identity()
        (folder / "crt").write_bytes(made.cert_pem)
        (folder / "key").write_bytes(made.key_pem)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        opening = serve(MemoryStore(), "127.0.0.1", 0, folder / "crt", folder / "key", clock=wall_clock)
        self.server = asyncio.run_coroutine_threadsafe(opening, self.loop).result(30)
        self.address = str(RelayAddress("127.0.0.1", self.server.port, made.fingerprint))
        self.other_key = str(RelayAddress("127.0.0.1", self.server.port, bytes(32)))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RealRelay]:
    opened = RealRelay(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal(World(tmp_path), monkeypatch)
    for module in (member_commands, desk_commands):
        monkeypatch.setattr(module, "relay_drop", relay_drop)
        monkeypatch.setattr(module, "wall_clock", wall_clock)
    return terminal


def test_no_network_is_founded_at_a_relay_with_another_key(wired: Terminal, relay: RealRelay) -> None:
    folder = str(wired.world.folder / "desk")
    result = wired.type("desk", "init", "--relay", relay.other_key, "--dir", folder, **NEW)
    failed(result, "relay_wrong_key", failures.STATUS_DROP)
    assert not Path(folder).exists()


def test_nobody_meets_at_a_relay_with_another_key(wired: Terminal, relay: RealRelay) -> None:
    wired.world.make("amal")
    code = "123 abandon ability able about"
    result = wired.type(
        "member", "meet", "--vault", wired.at("amal"), "--relay", relay.other_key, **OPEN, name="desk", code=code
    )
    failed(result, "relay_wrong_key", failures.STATUS_DROP)


def test_a_network_may_be_founded_while_its_relay_is_down(wired: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = str(RelayAddress("127.0.0.1", taken.getsockname()[1], bytes(32), bytes(16)))
        folder = str(wired.world.folder / "desk")
        said = lines(wired.type("desk", "init", "--relay", address, "--dir", folder, "--json", **NEW))
    assert said[0]["what"] == "relay_trouble"
    assert said[-1] == {"what": "founded"}


def test_no_network_is_founded_at_an_address_without_the_pass(bare: Terminal) -> None:
    """Before a passphrase is asked for; whether the relay says so, or cannot be asked."""
    folder = str(bare.world.folder / "desk")
    for bare.world.refuses, bare.world.trouble in (({RELAY: "no_pass"}, {}), ({}, {RELAY: UNREACHABLE})):
        result = bare.type("desk", "init", "--relay", RELAY, "--dir", folder)
        failed(result, "no_pass", failures.STATUS_DROP)
        assert "ask whoever runs the relay" in result.stderr
        assert not Path(folder).exists()
    bare.world.refuses, bare.world.trouble = {}, {}
    assert bare.type("desk", "init", "--relay", RELAY, "--dir", folder, **NEW).exit_code == 0  # it is open to all


def test_no_list_of_relays_names_an_address_without_the_pass(terminal: Terminal) -> None:
    other = RELAY.replace("7443", "7444")
    terminal.world.relays[other] = MemoryStore()
    terminal.world.refuses = {other: "no_pass"}
    result = terminal.desk("relays", "--relay", RELAY, "--relay", other)
    failed(result, "no_pass", failures.STATUS_DROP)
    assert other not in terminal.desk("status").stdout
    terminal.world.refuses = {}
    assert terminal.desk("relays", "--relay", RELAY, "--relay", other).exit_code == 0


def test_a_relay_says_what_keeps_it_from_opening(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "file").write_text("")
        for words, code in (
            (("--listen", "nowhere"), "bad_listen"),
            (("--listen", "127.0.0.1:99999"), "bad_listen"),
            (("--listen", busy), "listen_failed"),
            (("--listen", "127.0.0.1:0", "--dir", str(tmp_path / "file" / "relay")), "bad_folder"),
        ):
            result = CliRunner().invoke(app, ["relay", "--dir", str(tmp_path / "relay"), *words])
            failed(result, code, failures.STATUS_HERE)


def test_carrying_from_nowhere_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["carry", str(tmp_path / "gone"), str(tmp_path)])
    assert result.exit_code == failures.STATUS_DROP
    assert "[no_store]" in result.stderr


# ---- secrets


def test_no_command_takes_a_secret_as_an_argument() -> None:
    def options(command: Any) -> Iterator[str]:
        for part in command.params:
            yield part.name
        for inner in getattr(command, "commands", {}).values():
            yield from options(inner)

    found = set(options(typer.main.get_command(app)))
    assert "vault" in found
    assert not found & {"passphrase", "code", "text", "name", "notebook_passphrase", "password", "phrase"}


def test_secrets_stand_in_no_file_name_no_argument_and_no_environment(tmp_path: Path) -> None:
    take, give = os.pipe()
    words = [sys.executable, "-m", "tests.cheap", "member", "init", "--vault", str(tmp_path / "vault"), "--size", "16"]
    process = subprocess.Popen(
        [*words, "--answers", str(take)], cwd=HOUSE, pass_fds=(take,), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.close(take)
    with os.fdopen(give, "w") as pipe:
        pipe.write(json.dumps({"passphrase": PASSPHRASE}) + "\n")
        pipe.flush()
        seen = b"".join((Path("/proc") / str(process.pid) / what).read_bytes() for what in ("cmdline", "environ"))
        pipe.write(json.dumps(NEW_BOTH) + "\n")
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    names = " ".join(str(path) for path in tmp_path.rglob("*")).encode()
    contents = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret.encode() not in seen + said + names + contents


def test_a_process_keeps_its_memory_to_itself() -> None:
    code = (
        "import resource, ctypes; from tercet.cli import keep_memory_closed; keep_memory_closed();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "(0, 0) 0"
