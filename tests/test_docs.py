"""The pages against the program: what a guide names is there, and what is there a guide names.

Run as a program, it writes the tables of docs/benchmarks.md anew from bench/results.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from tercet.cli import app
from tercet.sample import photo

HOUSE = Path(__file__).resolve().parent.parent
README = HOUSE / "README.md"
DOCS = HOUSE / "docs"
BENCHMARKS = DOCS / "benchmarks.md"
RESULTS = HOUSE / "bench" / "results"
GUIDES = {
    "member": "member.md",
    "desk": "desk.md",
    "relay": "relay.md",
    "carry": "carry.md",
    "lab": "lab.md",
    "up": "../README.md",
    "notebook": "notebook.md",
    "seize": "seize.md",
    "voice": "voice.md",
    "verify": "voice.md",
}
PAGES = [README, HOUSE / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")), HOUSE / "spec" / "90-limits.md"]
NOT_OURS = {"--full", "--record"}  # of `./tercet test` and of the benches, which are no commands of the app
MARKDOWN = sorted(
    {
        *HOUSE.glob("*.md"),
        *(p for f in ("docs", "spec", "src", "tests", "vectors", "bench") for p in HOUSE.glob(f"{f}/**/*.md")),
    }
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
MEASURED = re.compile(
    r"\d[\d,.]*\s?(?:ms|µs|us|ns|s|seconds?|minutes?|[kMG]i?B/s|[a-z]+/s|a second|per second|times|%)(?!\w)"
)


@cache
def whole_command() -> Any:
    """The tree of all commands."""
    return typer.main.get_command(app)


def ids(paths: list[Path]) -> list[str]:
    return [str(p.relative_to(HOUSE)) for p in paths]


# ---- commands and options


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the app that does something itself."""
    group = group or whole_command()
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def options_of(command: Any) -> set[str]:
    return {o for p in command.params if type(p).__name__ == "TyperOption" for o in (*p.opts, *p.secondary_opts)}


COMMANDS = dict(commands())


def guide_of(path: tuple[str, ...]) -> str:
    return (DOCS / GUIDES[path[0]]).read_text()


def test_the_app_has_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_guide_shows_every_command(path: tuple[str, ...]) -> None:
    wanted = re.compile(rf"tercet {' '.join(path)}(?![\w-])|^`{path[-1]}`|[. ]`{path[-1]}`", re.M)
    assert wanted.search(guide_of(path)), f"{' '.join(path)} is in no guide"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_guide_names_every_option(path: tuple[str, ...]) -> None:
    named = set(re.findall(r"--[a-z][a-z-]*", guide_of(path)))
    if path[0] == "notebook":  # `--vault` is for those who know the word
        named |= set(re.findall(r"--vault\b", (DOCS / "member.md").read_text()))
    if path[0] in ("desk", "voice", "verify"):
        named |= set(re.findall(r"--(?:json|answers)\b", (DOCS / "member.md").read_text()))
    assert options_of(COMMANDS[path]) <= named


def test_the_app_s_own_options_are_named() -> None:
    named = set(re.findall(r"--[a-z][a-z-]*", README.read_text()))
    assert options_of(whole_command()) <= named


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_a_page_names_no_option_that_is_not_there(page: Path) -> None:
    known = {"--help"} | NOT_OURS | options_of(whole_command())
    for command in COMMANDS.values():
        known |= options_of(command)
    text = re.sub(r"<!-- results -->.*<!-- /results -->", "", page.read_text(), flags=re.S)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text.replace("<!--", "").replace("-->", "")))
    assert named <= known


def shell_lines() -> list[tuple[str, str]]:
    """Every line in a block marked `sh` that calls tercet: page and line."""
    found = []
    for page in PAGES:
        for kind, block in FENCE.findall(page.read_text()):
            if kind == "sh":
                lines = [line.partition("  #")[0].strip() for line in block.splitlines()]
                found += [(page.name, line) for line in lines if line.startswith(("./tercet", "tercet"))]
    return found


def test_there_are_examples() -> None:
    assert len(shell_lines()) > 20


@pytest.mark.parametrize(("page", "line"), shell_lines())
def test_an_example_parses(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[:1] == ["test"]:
        assert set(words[1:]) <= NOT_OURS
        return
    command: Any = whole_command()
    while hasattr(command, "commands"):
        assert words, f"{page}: {line}: no command"
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)  # raises for an option, a value or a place that is not right


def test_an_example_with_a_wrong_option_does_not_parse() -> None:
    with pytest.raises(Exception, match=r"[Nn]o such option"):
        test_an_example_parses("here", "./tercet member report --phot x")


def test_nothing_that_a_device_says_as_a_service_stands_in_the_journal() -> None:
    """It names neighbours, and a journal is read with no passphrase."""
    lines = (DOCS / "systemd" / "tercet-member.service").read_text().splitlines()
    assert {"StandardOutput=null", "StandardError=null"} <= set(lines)


def test_the_readme_s_two_commands_are_the_entry_s() -> None:
    readme, entry = README.read_text(), (HOUSE / "tercet").read_text()
    section = readme.partition("## The two commands")[2]
    kind, block = FENCE.findall(section)[0]
    assert kind == "sh"
    assert [line.split("#")[0].split() for line in block.splitlines()] == [["./tercet", "up"], ["./tercet", "test"]]
    assert ("up",) in COMMANDS
    assert "= test ]" in entry
    assert '-m tercet "$@"' in entry
    assert "./tercet up" in entry and "./tercet test" in entry


def test_the_help_of_the_entry_names_what_the_entry_does_by_itself() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"], prog_name="./tercet").stdout.split())
    for word in ("./tercet up", "./tercet test", "--full", "PYTHON", ".venv"):
        assert word in shown
        assert word.removeprefix("./tercet ") in (HOUSE / "tercet").read_text()


def test_the_scene_in_the_readme_is_that_of_the_sample_photo() -> None:
    scene = next(block for kind, block in FENCE.findall(README.read_text()) if kind == "text")
    data = photo().read_bytes()
    assert scene.count(sha256(data).hexdigest()) == 2
    assert f"{photo().name}, {len(data):,} bytes" in scene
    source = "".join((HOUSE / "src" / "tercet" / name).read_text() for name in ("up.py", "scene/picture.py"))
    for said in (
        "The relay sees",
        "The desk sees",
        "sealed it. Not even this device can open it now.",
        "they confirm.",
    ):
        assert said in scene
        assert said in source


# ---- links, paths, codes


@pytest.mark.parametrize("page", MARKDOWN, ids=ids(MARKDOWN))
def test_every_relative_link_resolves(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path = target.partition("#")[0]
            assert (page.parent / path).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    for path in re.findall(r"`((?:spec|docs|src|tests|bench|requirements|vectors)/[\w./-]*)`", page.read_text()):
        found = (HOUSE / path).exists() or list((HOUSE / path).parent.glob(f"{Path(path).name}-*"))
        assert found or path == "bench/results/", f"{page.name}: {path}"


@cache
def source() -> str:
    return "\n".join(p.read_text() for p in sorted((HOUSE / "src").rglob("*.py")))


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_code_and_name_that_a_page_quotes_is_in_the_source(page: Path) -> None:
    for name in re.findall(r"`_?([A-Za-z]+(?:_[a-z]+)+)(?:\(\))?`", page.read_text()):
        assert name in source(), f"{page.name}: {name}"


SPECS = sorted((HOUSE / "spec").glob("*.md"))


@pytest.mark.parametrize("spec", SPECS, ids=ids(SPECS))
def test_every_spec_says_its_version_on_line_3(spec: Path) -> None:
    lines = spec.read_text().splitlines()
    assert re.fullmatch(r"Version [1-9][0-9]*", lines[2])
    assert re.match(r"[0-9]{2}-[a-z-]+\.md", spec.name)


DECISIONS = sorted((DOCS / "adr").glob("*.md"))


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [int(p.name[:4]) for p in DECISIONS]
    assert numbers == sorted(set(numbers))
    assert numbers


@pytest.mark.parametrize("decision", DECISIONS, ids=ids(DECISIONS))
def test_every_decision_says_problem_options_choice_and_cost(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {int(decision.name[:4])}. ")
    places = [text.find(f"\n## {part}") for part in ("Problem", "Options", "Choice", "What it costs")]
    assert -1 not in places
    assert places == sorted(places)


# ---- packages


def pinned() -> dict[str, tuple[str, bool]]:
    """Packages of requirements/run.txt: version, and whether they are for some systems only."""
    lines = re.findall(r"^([a-z0-9._-]+)==([^ ;]+)([^\\\n]*)", (HOUSE / "requirements" / "run.txt").read_text(), re.M)
    return {name: (version, ";" in rest) for name, version, rest in lines}


def tables() -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Both tables of docs/dependencies.md: package to version and licence."""
    ours, theirs = (DOCS / "dependencies.md").read_text().split("## Brought by them")
    row = re.compile(r"^\| ([a-z0-9-]+) \| ([0-9][\w.]*) \| ([^|]+) \|", re.M)
    return tuple({n: (v, lic.strip()) for n, v, lic in row.findall(part)} for part in (ours, theirs))  # type: ignore


def asked_for() -> set[str]:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["relay"], *extras["desk"]]
    return {re.match(r"[A-Za-z0-9._-]+", each)[0].lower() for each in named}  # type: ignore[index]


def test_every_package_has_its_line() -> None:
    ours, theirs = tables()
    assert {name: version for name, (version, _) in (ours | theirs).items()} == {
        name: version for name, (version, _) in pinned().items()
    }


def test_the_packages_named_by_us_are_those_of_the_project() -> None:
    ours, theirs = tables()
    assert set(ours) == asked_for()
    assert not set(ours) & set(theirs)


SAME = {
    "MIT License": "MIT",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
}


def licences_of(name: str) -> set[str]:
    """What the installed package says of its licence, in its metadata or else in its licence file."""
    about = metadata.metadata(name)
    said = {part.strip() for part in (about.get("License-Expression") or "").split(" OR ")}
    if said == {""}:
        said = {(about.get("License") or "").strip()} | {
            c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License")
        }
    if said <= {""}:
        files = [f for f in metadata.files(name) or () if f.name.startswith("LICENSE")]
        free = any("Permission is hereby granted, free of charge" in f.read_text() for f in files)
        said = {"MIT"} if free else set()
    return {SAME.get(each, each) for each in said} - {""}


@pytest.mark.parametrize("name", sorted(pinned()))
def test_a_package_s_licence_is_what_the_package_says(name: str) -> None:
    ours, theirs = tables()
    written = {part.strip() for part in (ours | theirs)[name][1].split(" OR ")}
    try:
        assert licences_of(name) == written
    except metadata.PackageNotFoundError:
        assert pinned()[name][1], f"{name} is not installed"


# ---- hard cases


def held() -> list[tuple[str, str]]:
    page = (HOUSE / "docs" / "hard-cases.md").read_text()
    return re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", page)


def test_the_page_of_hard_cases_names_tests() -> None:
    rows = [line for line in (HOUSE / "docs" / "hard-cases.md").read_text().splitlines() if line.startswith("| ")]
    assert len(held()) == len(rows) - 1


@pytest.mark.parametrize(("file", "name"), held())
def test_a_test_that_the_page_names_is_there(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (HOUSE / file).read_text(), re.M)


# ---- figures


EACH_ROW = {
    "command",
    "machine",
    "date",
    "seed",
    "kept",
    "new",
    "reached_with_new",
    "ended_well",
    "per_second",
}  # in the file


def table_of(value: Any, title: str = "") -> list[str]:
    """A result as Markdown: every figure exactly as its file has it."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        keys = [key for key in dict.fromkeys(key for row in value for key in row) if key not in EACH_ROW]
        lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
        return [*lines, *("| " + " | ".join(shown(row.get(key, "")) for key in keys) + " |" for row in value), ""]
    if not isinstance(value, dict):
        return [f"{title}: {shown(value)}", ""]
    plain = {key: each for key, each in value.items() if not isinstance(each, dict | list)}
    lines = ["| | |", "|---|---|", *(f"| {key} | {shown(each)} |" for key, each in plain.items()), ""] if plain else []
    for key, each in value.items():
        if key not in plain:
            lines += [f"**{key}**", "", *table_of(each, key)]
    return lines


def shown(value: Any) -> str:
    if isinstance(value, dict):  # of several shares, the least
        return json.dumps(min(value.values(), default=None))
    if isinstance(value, list):
        return str(len(value))
    return value.replace("|", "/") if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def recorded() -> str:
    """The part of docs/benchmarks.md between its marks, from the files there are."""
    files = sorted(RESULTS.glob("*.json"))
    if not files:
        return "No result is recorded yet.\n"
    parts = [[f"## {file.stem}", "", *table_of(json.loads(file.read_text()))] for file in files]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def split_benchmarks() -> tuple[str, str, str]:
    before, _, rest = BENCHMARKS.read_text().partition("<!-- results -->\n")
    inside, _, after = rest.partition("<!-- /results -->")
    return before, inside, after


def test_the_measurements_shown_are_those_recorded() -> None:
    assert split_benchmarks()[1] == recorded(), "run: .venv/bin/python tests/test_docs.py"


def test_no_figure_stands_on_the_page_that_no_file_holds() -> None:
    before, _, after = split_benchmarks()
    assert not re.search(r"\d", before + after)


def test_a_result_is_shown_figure_by_figure() -> None:
    rows = table_of({"machine": "two cores", "rows": [{"what": "put", "us": 12.5}, {"what": "read", "us": 3}]})
    assert "| put | 12.5 |" in rows
    assert "| machine | two cores |" in rows


def test_a_claim_of_speed_is_recognised() -> None:
    for claim in ("takes 0.4 ms", "5,500 frames/s", "62.3 s", "3 times", "12 a second", "40 MiB/s", "9 %"):
        assert MEASURED.search(claim), claim
    for none in ("64 MiB", "4,096 bytes", "30 days", "1 to 64 shards"):
        assert not MEASURED.search(none), none


@pytest.mark.parametrize("page", [README, *(DOCS / name for name in GUIDES.values() if ".." not in name)])
def test_a_page_claims_no_speed_that_no_file_holds(page: Path) -> None:
    held = set(re.findall(r"\d[\d.]*", recorded()))
    prose = FENCE.sub("", page.read_text())
    claims = [c for c in MEASURED.findall(prose) if not set(re.findall(r"\d[\d.]*", c)) <= held]
    assert claims == []


if __name__ == "__main__":
    head, _, tail = split_benchmarks()
    BENCHMARKS.write_text(f"{head}<!-- results -->\n{recorded()}<!-- /results -->{tail}")
