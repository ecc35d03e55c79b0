"""The voice: the guide's every line is run, in its order, by people with paper; and each way to fail."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tercet.cli import app
from tercet.core import statement as statements
from tercet.core.fields import encode
from tercet.desk import papers
from tercet.shell.failures import STATUS_FILE, STATUS_HERE, STATUS_REFUSED
from tests.shell.world import PASSPHRASE, answers

from .test_ceremony import Five, begun, failed
from .test_ceremony import five as five

GUIDE = (Path(__file__).parents[2] / "docs" / "voice.md").read_text()
LINES = [line for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.M | re.S) for line in block.splitlines()]
TEXT = "لم نطلق النار.\nWe did not fire."
SIGNERS = {
    **{"s1-a": "founder-1.key", "s1-b": "guardian-2.key", "s1-c": "desk.key"},
    **{"signed-va": "founder-1.key", "signed-vb": "guardian-1.key", "signed-vc": "desk.key"},
}


@pytest.fixture
def group(five: Five, monkeypatch: pytest.MonkeyPatch) -> Five:
    """Five people with a root that their desk holds, and a text that they agreed on."""
    monkeypatch.setattr("tercet.desk.voice.wall_clock", five.world.clock)
    begun(five, "load root-1")
    Path("words.txt").write_text(TEXT + "\n")
    return five


def root_words() -> str:
    return papers.compared_root(papers.read_root(Path("root-1")))


def play(group: Five, line: str) -> Result:
    """A line of the guide."""
    words = shlex.split(line)
    to = words[words.index("--to") + 1] if "--to" in words else ""
    if "sign" in words:
        return group.type(line, agreed="yes", paper=group.papers[SIGNERS[to]])
    if words[1:3] == ["desk", "statement"]:
        return group.type(f"{line} --dir {group.world.folder / 'desk'}", passphrase=PASSPHRASE)
    if "--root" in words and words[1] == "verify":
        words[words.index("--root") + 1] = root_words()
    return group.type(shlex.join(words), root=root_words())


def published(group: Five, last: str = "--to statement-1") -> None:
    for line in LINES:
        assert play(group, line.partition("  #")[0]).exit_code in (0, STATUS_HERE, STATUS_REFUSED), line
        if line.endswith(last):
            return
    raise AssertionError(last)


def verified(*words: str, **fields: str) -> Result:
    return CliRunner().invoke(app, ["verify", *words, "--answers", str(answers(fields))])


def test_the_guide_is_played_line_by_line_and_refuses_where_it_says_so(group: Five) -> None:
    for line in LINES:
        command, _, note = line.partition("  # refused: ")
        if "--also" in line:
            Path("statement-2").write_bytes(Path("statement-1").read_bytes())
        if "ceremony draft" in line:
            group.key("guardian", "guardian-3.key")
            group.type("tercet desk ceremony board --days 180 --to board-2")
        result = play(group, command)
        if note:
            failed(result, note, STATUS_REFUSED)
            assert not Path("statement-1").exists()
        else:
            assert result.exit_code == 0, (line, result.output)
    said = "".join(group.said)
    assert "IT HOLDS: enough of the five of root 1 have signed." in said
    assert "statements that go on counting: " in said
    again = verified("statement-1b", "--root", root_words())
    assert "the newest root known here is root 2" in again.stdout.lower()
    assert papers.read_statement(Path("statement-1b")).said.statement.text == TEXT


def test_each_signer_is_shown_every_word_before_a_paper_is_asked_for(group: Five) -> None:
    published(group, "--to draft-s1")
    result = group.type("tercet voice sign draft-s1 --to x", agreed="no")
    failed(result, "not_signed")
    for line in TEXT.split("\n"):
        assert line in result.output
    assert not Path("x").exists()


def test_a_paper_that_is_none_of_the_root_s_signs_nothing(group: Five) -> None:
    published(group, "--to draft-s1")
    group.key("guardian", "stranger.key")
    result = group.type("tercet voice sign draft-s1 --to x", agreed="yes", paper=group.papers["stranger.key"])
    failed(result, "paper_other")
    assert not Path("x").exists()


def test_after_the_keys_were_replaced_a_backdated_statement_of_theirs_is_refused_by_whoever_knows(group: Five) -> None:
    for line in LINES:
        if "ceremony draft" in line:
            group.key("guardian", "guardian-3.key")
            group.type("tercet desk ceremony board --days 180 --to board-2")
        if "--also" not in line:
            play(group, line.partition("  #")[0])
    Path("lie.txt").write_text("We fired first.")
    lie = "tercet voice propose --root root-1 --number 1 --from lie.txt --to lie"
    assert group.type(lie).exit_code == 0
    for to, by in (("lie-a", "founder-1.key"), ("lie-b", "founder-2.key"), ("lie-c", "guardian-2.key")):
        assert group.type(f"tercet voice sign lie --to {to}", agreed="yes", paper=group.papers[by]).exit_code == 0
    assert group.type("tercet voice publish lie-a lie-b lie-c --to lie-1").exit_code == 0
    words = root_words()
    alone = verified("lie-1", "--root", words)
    assert alone.exit_code == 0, "whoever knows only the old root cannot know"
    assert "If the group has a newer root" in alone.stdout
    failed(verified("lie-1", "--root", words, "--also", "statement-1b"), "voice_old", STATUS_REFUSED)
    assert verified("statement-1", "--root", words, "--also", "statement-1b").exit_code == 0, "the old true one holds"


@pytest.mark.parametrize(
    ("typed", "code", "status"),
    [
        ("abandon " * 8, "root_other", STATUS_REFUSED),
        ("abandon " * 7, "root_words", STATUS_HERE),
        ("tercet " * 8, "unknown_word", STATUS_REFUSED),
        ("00" * 32, "root_other", STATUS_REFUSED),
    ],
)
def test_without_the_right_words_nothing_holds(group: Five, typed: str, code: str, status: int) -> None:
    published(group)
    for result in (verified("statement-1", "--root", typed), verified("statement-1", root=typed)):
        failed(result, code, status)
        assert "IT HOLDS" not in result.output
    failed(verified("statement-1"), "no_answer")


def test_what_is_no_statement_file_is_refused(group: Five) -> None:
    published(group)
    good = Path("statement-1").read_text()
    for text in ("", "x", good.replace("statement", "root"), good[:-70], good + "0", good + "\n" * 300_001):
        Path("bad").write_text(text)
        failed(verified("bad", "--root", root_words()), "voice_file")
        failed(verified("statement-1", "--root", root_words(), "--also", "bad"), "voice_file")
    Path("bad").write_bytes(good.encode() + b"\xff")
    failed(verified("bad", "--root", root_words()), "voice_file")


def test_what_verify_says_to_a_program(group: Five) -> None:
    published(group)
    result = verified("statement-1", "--root", root_words(), "--json")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["what"] for one in said] == [
        *("statement", "statement_line", "statement_line", "statement_root", "statement_signed"),
        *("statement_holds", "newer_may_be"),
    ]
    assert [one["line"] for one in said if one["what"] == "statement_line"] == TEXT.split("\n")
    assert said[5]["words"] == root_words()
    refused = verified("s1-a", "--root", root_words(), "--json")
    assert json.loads(refused.stdout)["failed"] == "voice_few"
    assert refused.exit_code == STATUS_REFUSED


def test_files_of_two_statements_are_not_put_together(group: Five) -> None:
    published(group, "--to s1-c")
    group.type("tercet voice propose --root root-1 --number 2 --from words.txt --to other")
    result = group.type("tercet voice publish s1-a s1-b other --to x")
    failed(result, "voice_unlike")


@pytest.mark.parametrize(
    ("text", "code"),
    [("x" * 2_801, "voice_long"), ("a\u202eb", "voice_odd"), (" ", "voice_odd"), ("\x1b[2J", "voice_odd")],
)
def test_a_text_that_cannot_be_signed_is_refused_and_asked_for_again(group: Five, text: str, code: str) -> None:
    failed(group.type("tercet voice propose --root root-1 --number 1 --to x", text=text), code, STATUS_REFUSED)
    assert not Path("x").exists()


def test_nothing_is_written_over_and_a_text_file_must_be_one(group: Five) -> None:
    published(group)
    for line in (
        "sign draft-s1 --to root-1",
        "propose --root root-1 --number 1 --to root-1",
        "publish s1-a --to root-1",
    ):
        failed(group.type(f"tercet voice {line}", agreed="yes", text="x"), "file_there")
    Path("noise").write_bytes(b"\xff\xfe")
    failed(group.type("tercet voice propose --root root-1 --number 1 --from noise --to x"), "text_file")


def test_a_file_that_is_not_there_is_said_to_be_missing_and_not_to_be_forged(group: Five) -> None:
    published(group)
    for line in (
        "verify nowhere --root x",
        "verify s1-a --root-file nowhere",
        "verify s1-a --root x --also nowhere",
        "verify root-1/below --root x",
        "voice sign nowhere --to x",
        "voice publish nowhere --to x",
        "voice propose --root nowhere --number 1 --to x",
        "voice propose --root root-1 --number 1 --from nowhere --to x",
        "desk ceremony sign nowhere --to x",
        "desk ceremony check nowhere",
        "desk ceremony draft nowhere --board nowhere --to x",
        "desk ceremony load nowhere --dir desk",
        "desk statement nowhere --dir desk",
        "desk notice --until 3 --from nowhere --dir desk",
    ):
        failed(group.type(f"tercet {line}"), "file_missing", STATUS_FILE)


def test_no_word_of_a_paper_is_in_any_file_that_is_written(group: Five) -> None:
    published(group)
    written = "".join(path.read_text(errors="replace") for path in group.world.folder.iterdir() if path.is_file())
    for paper in group.papers.values():
        assert paper not in written
        assert papers.seed_from(paper).hex() not in written.replace("\n", "")


def test_a_draft_after_a_root_that_lists_names_the_same_list_unless_told_otherwise(group: Five) -> None:
    published(group)
    root = papers.read_root(Path("root-1"))
    five = [papers.parse_key(papers.read_file(Path(name))) for name in list(group.papers)[:5]]
    mark = papers.read_statement(Path("statement-1")).said.mark
    listed = statements.list_mark([mark])
    first = papers.draft(five, root.root.board, root, listed)
    again = papers.draft(five, root.root.board, first)
    other = papers.draft(five, root.root.board, first, bytes(32))
    found = [statements.list_of(each.root) for each in (root, first, again, other)]
    assert found == [None, listed, listed, bytes(32)]
    assert papers.parse_root_text(papers.to_text(papers.ROOT_TITLE, encode(first))) == first


def test_a_desk_posts_a_statement_and_no_draft(group: Five) -> None:
    published(group)
    where: dict[str, Any] = {"passphrase": PASSPHRASE}
    folder = group.world.folder / "desk"
    failed(group.type(f"tercet desk statement s1-a --dir {folder}", **where), "voice_few", STATUS_REFUSED)
    failed(group.type(f"tercet desk statement root-1 --dir {folder}", **where), "voice_file")
    done = group.type(f"tercet desk statement statement-1 --dir {folder} --json", **where)
    assert json.loads(done.stdout.splitlines()[-1])["number"] > 1
