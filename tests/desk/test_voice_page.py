"""The page in a real browser: it and `tercet verify` agree on every vector, and it asks nobody for anything."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tercet.cli import app
from tercet.core.wording import fit_for_all
from tercet.desk import page, papers
from tercet.desk.papers import STATEMENT_TITLE, to_text
from tercet.sealing import all_words
from tests.sealing.cases import VECTORS, bad_cases, cases

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
browser_is_there = pytest.mark.skipif(
    not CHROMIUM, reason="Chromium is not installed: the page was tried in no browser"
)
Case = dict[str, Any]
HOSTILE = '<img src="http://tercet.test/x" onerror="document.title=1"><script>document.title=1</script>'


class Opened:
    """The page, open in a browser from a file; what it asked the network for is counted."""

    def __init__(self, made: Any, asked: list[str], wrong: list[str]) -> None:
        self.made = made
        self.asked = asked
        self.wrong = wrong

    def verdict(self, case: Case) -> Case:
        """What the page makes of a case of the vectors."""
        given = case["input"]
        texts = [to_text(STATEMENT_TITLE, bytes.fromhex(each)) for each in (given["file"], *given["known"])]
        return self.check(given["first"], texts[0], texts[1:])

    def check(self, first: str, text: str, known: list[str] | None = None) -> Case:
        self.made.fill("#root", first)
        self.made.fill("#text", text)
        files = [{"name": "f", "mimeType": "text/plain", "buffer": each.encode()} for each in known or ()]
        self.made.set_input_files("#also", files)
        self.made.click("#check")
        self.made.wait_for_selector("#result[data-code]")
        data = self.made.eval_on_selector("#result", "r => ({...r.dataset})")
        return json.loads(data["facts"]) if data["code"] == "holds" else {"fails": data["code"]}


PATIENCE = 240_000  # milliseconds that a busy machine may take; nothing waits for it to pass


@pytest.mark.full
def test_the_page_and_the_command_call_the_same_characters_unfit() -> None:
    script = (Path(page.__file__).parent / "voice_page" / "page.js").read_text()
    unfit = "".join(re.findall(r'"(.*?)"', script.split("const UNFIT = ")[1].split(', "u");')[0])).replace("\\\\", "\\")
    seen = script.split("const SEEN = /")[1].split("/u;")[0]
    ours = re.compile(re.sub(r"\\u\{(\w+)\}", lambda found: f"\\U{int(found[1], 16):08x}", unfit))
    every = [chr(n) for n in range(0x11_0000)]
    assert {c for c in every if ours.search(c)} == {c for c in every if not fit_for_all("x" + c)}
    blank = {c for c in every if not ours.search(c) and not re.search(seen, c)}
    assert blank == {c for c in every if not fit_for_all(c) and fit_for_all("x" + c)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    place = tmp_path_factory.mktemp("page") / "verify.html"
    place.write_text(page.page_text())
    context = browser.new_context(offline=True)
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    asked: list[str] = []
    wrong: list[str] = []
    made.on("request", lambda request: asked.append(request.url))
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text))
    made.goto(place.as_uri())
    yield Opened(made, asked, wrong)
    context.close()


# ---- the parts


def test_the_policy_allows_the_page_s_own_script_and_style_and_nothing_else() -> None:
    text = page.page_text()
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    hashes = [
        b64encode(hashlib.sha256(re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1].encode()).digest()).decode()
        for tag in ("script", "style")
    ]
    assert policy == [
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    ]
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")
    assert "@" not in re.sub(r"@media", "", text)


def test_the_page_names_no_address_and_shows_text_as_text() -> None:
    text = page.page_text()
    assert not re.search(r"\b(?:https?|wss?|ftp)://|\bsrc=|\bhref=|@import|url\(", text)
    script = (page.PARTS / "page.js").read_text()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "import(",
    ):
        assert word not in script
    assert " ".join(all_words()) in text


def test_the_page_has_a_hint_for_every_code_that_it_comes_to() -> None:
    script = (page.PARTS / "page.js").read_text()
    said = set(re.findall(r'refuse\("(\w+)"\)', script)) | {"unforeseen"}
    assert said == set(page.hints())
    ended = {json.loads(path.read_text()).get("fails") for path in (VECTORS / "voice").glob("*.json")} - {None}
    assert ended <= said


def test_the_command_writes_the_page_and_says_its_hash(tmp_path: Path) -> None:
    place = tmp_path / "verify.html"
    result = typed("voice", "page", "--to", str(place), "--json")
    said = json.loads(result.stdout)
    assert said == {"what": "page_written", "sha256": hashlib.sha256(place.read_bytes()).hexdigest()}
    assert place.read_text() == page.page_text()
    assert typed("voice", "page", "--to", str(place)).stderr.strip().endswith("[file_there]")


# ---- in a browser


@browser_is_there
@pytest.mark.parametrize("case", cases("statement", "voice"))
def test_what_holds_holds_in_the_browser_with_the_same_facts(opened: Opened, case: Case) -> None:
    assert opened.verdict(case) == case["expected"]
    said = opened.made.locator("#said p").all_text_contents()
    assert said == case["expected"]["text"].split("\n")


@pytest.mark.full
@browser_is_there
@pytest.mark.parametrize("case", bad_cases("statement", "voice"))
def test_what_is_refused_is_refused_in_the_browser_for_the_same_reason(opened: Opened, case: Case) -> None:
    assert opened.verdict(case) == {"fails": case["fails"]}
    assert opened.made.locator("#said").count() == 0


def typed(*words: str) -> Result:
    """A command; a browser's loop may run in this thread."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(CliRunner().invoke, app, list(words)).result()


def by_command(folder: Path, first: str, text: str) -> Case:
    place = folder / "file"
    place.write_text(text)
    result = typed("verify", str(place), "--root", first, "--json")
    failed = [json.loads(line)["failed"] for line in result.stdout.splitlines() if '"failed"' in line]
    return {"fails": failed[0]} if failed else {"holds": result.exit_code == 0}


@pytest.mark.full
@browser_is_there
def test_the_page_and_the_command_agree_on_files_that_were_changed_anywhere(opened: Opened, tmp_path: Path) -> None:
    chance = random.Random(62)
    files = [bytes.fromhex(each.values[0]["input"]["file"]) for each in cases("statement", "voice")[:9]]
    first = cases("statement", "voice")[0].values[0]["input"]["first"]
    codes = set()
    for _ in range(150):
        data = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(min(len(data), chance.choice((8, 120, 10_000))))
            how = chance.randrange(3)
            if how == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif how == 1:
                del data[at : at + chance.randint(1, 3)]
            else:
                data[at:at] = chance.choice((b"\xc0", b"\x00", b"\xcc", b"\xd9", b"\x91", b"\xa0"))
        text = to_text(STATEMENT_TITLE, bytes(data))
        theirs, ours = opened.check(first, text), by_command(tmp_path, first, text)
        assert theirs.get("fails") == ours.get("fails"), text
        codes.add(ours.get("fails"))
    assert len(codes) > 3


@pytest.mark.full
@browser_is_there
@pytest.mark.parametrize(
    "first",
    [
        "",
        "abandon " * 7,
        "abandon " * 9,
        "abandon " * 8,
        "tercet " * 8,
        "ab" * 32,
        "ab" * 31,
        "ABAN-aban aban\naban " * 2,
    ],
)
def test_the_page_and_the_command_agree_on_what_was_typed_for_the_first_root(
    opened: Opened, tmp_path: Path, first: str
) -> None:
    text = to_text(STATEMENT_TITLE, bytes.fromhex(cases("statement", "voice")[0].values[0]["input"]["file"]))
    ours = by_command(tmp_path, first or " ", text)
    assert opened.check(first, text) == ours
    assert "fails" in ours


@browser_is_there
@pytest.mark.parametrize("text", ["\u0661", "x", "tercet statement, version 2\n00", "tercet statement, version 1\n0"])
def test_the_page_and_the_command_agree_on_what_is_no_file(opened: Opened, tmp_path: Path, text: str) -> None:
    first = cases("statement", "voice")[0].values[0]["input"]["first"]
    assert opened.check(first, text) == by_command(tmp_path, first, text) == {"fails": "voice_file"}


@browser_is_there
@pytest.mark.parametrize(
    ("first", "given", "code", "head"),
    [
        ("", False, "nothing_given", "Nothing was checked"),
        ("right", False, "nothing_given", "Nothing was checked"),
        ("", True, "root_words", "Nothing was checked"),
        ("abandon " * 7, True, "root_words", "Nothing was checked"),
        ("tercet " * 8, True, "unknown_word", "Nothing was checked"),
        ("abandon " * 8, True, "root_other", "Do not believe it"),
        ("right", True, "holds", "It holds"),
    ],
)
def test_what_a_reader_left_out_or_mistyped_says_nothing_of_the_statement(
    opened: Opened, first: str, given: bool, code: str, head: str
) -> None:
    case = cases("statement", "voice")[0].values[0]["input"]
    text = to_text(STATEMENT_TITLE, bytes.fromhex(case["file"])) if given else " "
    said = opened.check(case["first"] if first == "right" else first, text)
    assert said.get("fails", "holds") == code
    assert opened.made.locator("#result h2").text_content() == head
    marks = {"It holds": "yes", "Do not believe it": "no", "Nothing was checked": ""}
    assert opened.made.get_attribute("#result", "class") == marks[head]


@browser_is_there
def test_an_empty_file_is_no_statement(opened: Opened) -> None:
    opened.made.set_input_files("#file", [{"name": "f", "mimeType": "text/plain", "buffer": b""}])
    assert opened.check("abandon " * 8, "") == {"fails": "voice_file"}
    opened.made.set_input_files("#file", [])


@browser_is_there
def test_no_request_left_the_page_and_nothing_went_wrong_in_it(opened: Opened) -> None:
    opened.verdict(cases("statement", "voice")[0].values[0])
    assert len(opened.asked) == 1, "the page itself"
    assert opened.asked[0].startswith("file:")
    assert opened.wrong == []


@browser_is_there
@pytest.mark.parametrize("policy", [True, False])
def test_a_request_of_the_page_would_arrive_and_its_policy_lets_none_out(
    browser: Any, tmp_path: Path, policy: bool
) -> None:
    arrived: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arrived.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        planted = f'<main><img src="http://127.0.0.1:{server.server_port}/seen">'
        text = page.page_text().replace("<main>", planted)
        place = tmp_path / "verify.html"
        place.write_text(text if policy else re.sub(r"<meta http-equiv[^>]*>", "", text))
        made = browser.new_page()
        made.set_default_timeout(PATIENCE)
        made.goto(place.as_uri(), wait_until="load")
        made.close()
        server.shutdown()
    assert arrived == ([] if policy else ["/seen"])


@browser_is_there
def test_what_a_statement_says_is_never_markup(opened: Opened) -> None:
    made = opened.made.evaluate(
        """text => { const p = document.createElement("p"); p.textContent = text; return p.children.length }""", HOSTILE
    )
    assert made == 0
    assert opened.made.title() == "Check a statement"


@browser_is_there
def test_a_browser_without_ed25519_checks_nothing_and_says_so(browser: Any, tmp_path: Path) -> None:
    place = tmp_path / "verify.html"
    place.write_text(page.page_text())
    made = browser.new_page()
    made.set_default_timeout(PATIENCE)
    for broken in ("() => Promise.reject(new Error('none'))", "() => Promise.resolve(true)"):
        made.add_init_script(f"crypto.subtle.verify = {broken}")
        made.goto(place.as_uri())
        case = cases("statement", "voice")[0].values[0]
        assert Opened(made, [], []).verdict(case) == {"fails": "cannot_check"}
    made.close()


def test_the_titles_are_those_of_the_page() -> None:
    assert f'"{papers.STATEMENT_TITLE}"' in (page.PARTS / "page.js").read_text()
