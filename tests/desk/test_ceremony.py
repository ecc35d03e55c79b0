"""The ceremony: the guide's every line is run, in its order, by five people with paper; and each way to fail."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tercet.cli import app
from tercet.core import root as roots
from tercet.core.fields import encode
from tercet.desk import commands as desk_commands
from tercet.desk import papers
from tercet.sealing import LOW_COST, paper_words
from tercet.shell.failures import STATUS_HERE, STATUS_REFUSED, ShellError
from tests.shell.world import PASSPHRASE, RELAY, Awake, World, answers, run

GUIDE = (Path(__file__).parents[2] / "docs" / "ceremony.md").read_text()
LINES = [line for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.M | re.S) for line in block.splitlines()]
SPEC = (Path(__file__).parents[2] / "spec" / "61-root.md").read_text()
SIGNERS = {  # who signs which file of the guide: by the file of their key
    "signed-1a": "founder-1.key",
    "signed-1b": "guardian-2.key",
    "signed-1c": "desk.key",
    "signed-2a": "founder-2.key",
    "signed-2b": "founder-1.key",
    "signed-2c": "guardian-1.key",
    "signed-fa": "founder-2.key",
    "signed-fb": "guardian-2.key",
    "signed-fc": "desk.key",
    "signed-3a": "founder-1.key",
    "signed-3b": "desk.key",
    "signed-3c": "guardian-1.key",
    "signed-4a": "desk.key",
    "signed-4b": "guardian-3.key",
    "signed-4c": "guardian-1.key",
}


class Five:
    """People with papers, in one folder, beside a desk."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.papers: dict[str, str] = {}
        self.said: list[str] = []
        self.drawn = 0
        for name, value in (("COST", LOW_COST), ("relay_drop", world.drop), ("wall_clock", world.clock)):
            patch.setattr(desk_commands, name, value)
        patch.setattr("tercet.desk.ceremony.urandom", self.draw)
        patch.chdir(world.folder)

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return bytes([self.drawn]) * count

    def type(self, line: str, **fields: str) -> Result:
        words = shlex.split(line)
        if words[2:4] in (["ceremony", "board"], ["ceremony", "load"]):
            words += ["--dir", str(self.world.folder / "desk")]
            fields = {"passphrase": PASSPHRASE} | fields
        result = CliRunner().invoke(app, [*words[1:], "--answers", str(answers(fields))])
        self.said.append(result.output)
        return result

    def key(self, seat: str, to: str) -> Result:
        paper = " ".join(paper_words(bytes([self.drawn + 1]) * 16))
        self.papers[to] = paper
        return self.type(f"tercet desk ceremony key {seat} --to {to}", paper=paper)

    def sign(self, line: str, by: str) -> Result:
        return self.type(line, agreed="yes", paper=self.papers[by])

    def play(self, line: str) -> Result:
        """A line of the guide."""
        words = shlex.split(line)
        to = words[words.index("--to") + 1] if "--to" in words else ""
        if words[3] == "key":
            return self.key(words[4], to)
        if words[3] == "sign":
            return self.sign(line, SIGNERS[to])
        return self.type(line)


class Silent:
    """Nobody who listens."""

    async def tell(self, what: str, **facts: Any) -> None:
        pass

    async def ask(self, field: str, prompt: str, hidden: bool = False) -> str:
        raise ShellError("no_answer")


@pytest.fixture
def five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Five:
    world = World(tmp_path)
    world.make("desk")

    async def found() -> None:
        async with Awake(world.desk()) as (desk,):
            await desk.request({"do": "found", "relays": [RELAY], "shards": 1}, Silent())

    run(found())
    return Five(world, monkeypatch)


def failed(result: Result, code: str, status: int = STATUS_HERE) -> None:
    assert result.exit_code == status, result.output
    sentence, _, found = result.stderr.strip().splitlines()[-1].rpartition(" ")
    assert (found, sentence.endswith(".")) == (f"[{code}]", True)


def begun(five: Five, last: str) -> None:
    """The guide, line by line, up to the first one that ends so."""
    for line in LINES:
        assert five.play(line.partition("  #")[0]).exit_code in (0, STATUS_REFUSED), line
        if line.endswith(last):
            return
    raise AssertionError(f"no line of the guide ends with {last}")


@pytest.mark.full
def test_the_guide_is_played_line_by_line_and_refuses_where_it_says_so(five: Five) -> None:
    for line in LINES:
        command, _, note = line.partition("  # refused: ")
        result = five.play(command)
        if note:
            failed(result, note, STATUS_REFUSED)
        else:
            assert result.exit_code == 0, (line, result.output)
    assert "root 5" in result.stdout
    chain = [papers.parse_root_text(Path(f"root-{n}").read_text()) for n in (1, 2, "f", 3, 4)]
    held = roots.walk(chain[0].mark, [encode(each) for each in chain])
    assert roots.parse_root(held).number == 5
    said = "".join(five.said)
    assert re.search(r"Root 1, to be compared by: (?:[a-z]+ ?){8}\n", said)
    assert "2 of its own five have signed; 3 are needed." in said
    status = five.type(f"tercet desk status --dir {five.world.folder / 'desk'}", passphrase=PASSPHRASE)
    assert re.search(r"Root 5: the board's key counts to \d{4}-\d\d-\d\d\.", status.stdout)


def test_no_word_of_a_paper_is_in_any_file_or_said_more_than_once(five: Five) -> None:
    begun(five, "--to root-1")
    said = "".join(five.said)
    written = b"".join(path.read_bytes() for path in five.world.folder.iterdir() if path.is_file())
    assert len(five.papers) == 5
    for paper in five.papers.values():
        assert said.count(paper) == 1
        assert paper.encode() not in written
        assert papers.seed_from(paper).hex() not in said + written.replace(b"\n", b"").decode()


def test_json_lines_say_the_same(five: Five) -> None:
    begun(five, "--to root-1")
    said = [json.loads(line) for line in five.type("tercet desk ceremony check root-1 --json").stdout.splitlines()]
    assert [each["what"] for each in said] == [
        "root_document",
        *["root_key"] * 5,
        "root_board",
        "root_from",
        "root_needs",
        "root_signed",
        "root_holds",
    ]
    assert said[-2:] == [{"what": "root_signed", "count": 3, "needed": 3}, {"what": "root_holds", "number": 1}]
    found = five.type("tercet desk ceremony load root-1 --json").stdout.splitlines()[-1]
    assert json.loads(found)["number"] == 1


@pytest.mark.parametrize(
    "typed", ["abandon " * 13, " ".join(paper_words(b"another key here")), "abandon " * 12, "tercet"]
)
def test_who_types_a_fresh_key_s_words_back_wrong_is_told_that_the_paper_is_void(five: Five, typed: str) -> None:
    result = five.type("tercet desk ceremony key founder --to founder-1.key", paper=typed)
    failed(result, "paper_differs", STATUS_HERE)
    assert "throw the paper away and begin again" in " ".join(result.stderr.split())
    assert not Path("founder-1.key").exists()


def test_nothing_is_ever_written_over(five: Five) -> None:
    begun(five, "--to signed-1a")
    for line in ("key founder --to desk.key", "sign draft-1 --to desk.key", "board --to desk.key"):
        before = Path("desk.key").read_bytes()
        result = five.type(f"tercet desk ceremony {line}", paper="x", agreed="yes")
        failed(result, "file_there")
        assert Path("desk.key").read_bytes() == before
    assert "thirteen words on paper" not in five.said[-3]


def test_who_says_no_signs_nothing_and_is_asked_for_no_paper(five: Five) -> None:
    begun(five, "--to draft-1")
    failed(five.type("tercet desk ceremony sign draft-1 --to signed", agreed="no"), "not_signed")
    assert not Path("signed").exists()


def test_all_that_a_root_says_is_shown_before_it_is_signed(five: Five) -> None:
    """Who drafts it may have put the board's place where no entry will ever be, or asked for four papers."""
    begun(five, "--to draft-1")
    root = papers.parse_root_text(Path("draft-1").read_text()).root
    board = msgspec.structs.replace(root.board, number=2**32, mark=b"m" * 32)
    others = (roots.Other("spare", b"o" * 32), roots.Other("voice", b"v" * 32))
    odd = msgspec.structs.replace(root, board=board, threshold=4, others=others)
    papers.write_file(Path("odd"), papers.ROOT_TITLE, encode(roots.Signed(encode(odd), ())))
    failed(five.type("tercet desk ceremony sign odd --to signed", agreed="no"), "not_signed")
    assert f"behind its entry {2**32};" in five.said[-1]
    assert "4 of these five must sign the next root" in five.said[-1]
    assert f"it names besides “spare”: {papers.compared(b'o' * 32)}" in five.said[-1]
    assert f"go on counting: {papers.compared_statement(b'v' * 32)}" in five.said[-1]
    assert "“voice”" not in five.said[-1]


def test_a_paper_of_a_stranger_or_of_one_who_left_signs_nothing(five: Five) -> None:
    begun(five, "--to draft-4")
    five.papers["stranger"] = " ".join(paper_words(b"s" * 16))
    failed(five.sign("tercet desk ceremony sign draft-4 --to signed", "stranger"), "paper_other")
    failed(five.sign("tercet desk ceremony sign draft-4 --to signed", "founder-1.key"), "paper_other")
    assert five.sign("tercet desk ceremony sign draft-4 --after root-3 --to signed", "founder-1.key").exit_code == 0
    failed(five.sign("tercet desk ceremony sign draft-4 --after root-3 --to more", "guardian-2.key"), "paper_other")


def test_the_lost_papers_of_two_founders_make_no_root(five: Five) -> None:
    begun(five, "--to draft-4")
    names = []
    for by in ("founder-1.key", "founder-2.key", "founder-3.key", "founder-4.key"):
        names.append(f"bad-{by}")
        assert five.sign(f"tercet desk ceremony sign draft-4 --after root-3 --to bad-{by}", by).exit_code == 0
    result = five.type(f"tercet desk ceremony check {' '.join(names)} --after root-3 --to root-4")
    failed(result, "root_old_few", STATUS_REFUSED)
    assert not Path("root-4").exists()


def test_the_desk_takes_in_no_root_that_few_signed_skips_or_names_another_key(five: Five) -> None:
    begun(five, "--to root-1")
    failed(five.type("tercet desk ceremony load signed-1a"), "root_new_few", STATUS_REFUSED)
    assert five.type("tercet desk ceremony load root-1").exit_code == 0
    begun_after(five, "--to root-1", "--to root-3")
    failed(five.type("tercet desk ceremony load root-3"), "root_not_next", STATUS_REFUSED)
    failed(five.type("tercet desk ceremony load signed-2a"), "root_old_few", STATUS_REFUSED)
    other = papers.parse_board(Path("board-2").read_text())
    theirs = roots.BoardKey(roots.sign_public(b"x" * 32), other.first, other.last, 0, bytes(32))
    papers.write_file(Path("board-x"), papers.BOARD_TITLE, encode(papers.board_file(theirs, b"x" * 32)))
    keys = "founder-1.key founder-2.key desk.key guardian-1.key guardian-2.key"
    five.type(f"tercet desk ceremony draft {keys} --board board-x --after root-1 --to draft-x")
    for n, by in enumerate(("founder-1.key", "desk.key", "guardian-2.key")):
        assert five.sign(f"tercet desk ceremony sign draft-x --to signed-x{n}", by).exit_code == 0
    five.type("tercet desk ceremony check signed-x0 signed-x1 signed-x2 --after root-1 --to root-x")
    failed(five.type("tercet desk ceremony load root-x"), "root_board", STATUS_REFUSED)
    assert five.type("tercet desk ceremony load root-1 root-2 root-f root-3").exit_code == 0


def begun_after(five: Five, first: str, last: str) -> None:
    """The guide from the line after one that ends so to another one, the desk's loading left away."""
    place = next(n for n, line in enumerate(LINES) if line.endswith(first)) + 1
    for line in LINES[place:]:
        if " load " not in line:
            assert five.play(line.partition("  #")[0]).exit_code in (0, STATUS_REFUSED), line
        if line.endswith(last):
            return


@pytest.mark.parametrize(
    "keys",
    [
        "founder-1.key founder-2.key desk.key guardian-1.key",
        "founder-1.key founder-1.key desk.key guardian-1.key guardian-2.key",
        "founder-1.key founder-2.key desk.key desk.key guardian-2.key",
    ],
)
def test_a_root_is_drafted_of_five_keys_in_their_seats_only(five: Five, keys: str) -> None:
    begun(five, "--to board-1")
    failed(five.type(f"tercet desk ceremony draft {keys} --board board-1 --to draft"), "root_five")


def test_signatures_of_two_drafts_are_not_put_together(five: Five) -> None:
    begun(five, "--to signed-2a")
    failed(five.type("tercet desk ceremony check signed-1a signed-2a"), "root_unlike")


@pytest.mark.parametrize("at", ["founder-1.key", "board-1"])
def test_a_file_changed_in_one_digit_is_no_file(five: Five, at: str) -> None:
    begun(five, "--to board-1")
    text = Path(at).read_text()
    for place in (len(text) - 10, 45):
        changed = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        with pytest.raises(ShellError) as failure:
            papers.parse_key(changed) if at.endswith("key") else papers.parse_board(changed)
        assert failure.value.code == "root_file"


def test_a_file_of_another_kind_or_none_is_said(five: Five) -> None:
    begun(five, "--to board-1")
    Path("noise").write_bytes(b"\xff" * 20)
    for name in ("board-1", "noise"):
        failed(five.type(f"tercet desk ceremony check {name}"), "root_file")
        failed(five.type(f"tercet desk ceremony load {name}"), "root_file")


def test_the_titles_and_labels_of_the_spec_are_those_of_the_code() -> None:
    for title in (papers.KEY_TITLE, papers.BOARD_TITLE, papers.ROOT_TITLE):
        assert f"`{title}`" in SPEC
    for label in (papers._KEY_LABEL, papers._BOARD_LABEL):
        assert f'"{label.decode()}"' in SPEC
    assert f"{papers.FILE_MOST:,} characters" in SPEC
    assert f"{papers.LINE} digits a line" in SPEC


@settings(max_examples=50, deadline=None)
@property_of(st.binary(max_size=3_000))
def test_any_bytes_come_back_from_their_text(data: bytes) -> None:
    text = papers.to_text(papers.ROOT_TITLE, data)
    assert text.isascii()
    assert papers.parse_text(papers.ROOT_TITLE, text.replace("\n", "\r\n")) == data


def test_a_key_in_a_seat_that_is_none_is_no_key() -> None:
    text = papers.to_text(papers.KEY_TITLE, encode(papers.key_file("king", bytes(16))))
    with pytest.raises(ShellError):
        papers.parse_key(text)
    assert papers.parse_key(papers.to_text(papers.KEY_TITLE, encode(papers.key_file("desk", bytes(16)))))
