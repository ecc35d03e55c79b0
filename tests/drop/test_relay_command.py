"""The operator's side of passes: one more, one less, and what keeps a relay from opening."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tercet.cli import _look_at, app
from tercet.drop import RelayAddress
from tercet.drop.address import base32
from tercet.drop.passes import SECRET, PassFile, read_passes


def relay(*words: str):
    return CliRunner().invoke(app, ["relay", *words])


def test_a_new_pass_is_added_to_the_file_and_printed_in_an_address(tmp_path: Path) -> None:
    addresses = []
    for _ in range(2):
        result = relay("--new-pass", "--dir", str(tmp_path), "--public", "relay.example:7443", "--json")
        assert result.exit_code == 0
        said = json.loads(result.stdout)
        assert said["what"] == "new_pass"
        addresses.append(RelayAddress.parse(said["address"]))
    assert read_passes((tmp_path / "pass").read_bytes()) == tuple(each.pass_ for each in addresses)
    assert addresses[0].identity == addresses[1].identity
    assert (tmp_path / "pass").stat().st_mode & 0o777 == (tmp_path / "relay.key").stat().st_mode & 0o777 == 0o600


def test_no_pass_is_drawn_for_an_address_that_cannot_be(tmp_path: Path) -> None:
    for place in ("127.0.0.1:0", "a" * 63 + ".example:7443"):
        result = relay("--new-pass", "--dir", str(tmp_path), "--listen", place)
        assert "[bad_address]" in result.stderr
    assert not (tmp_path / "pass").exists()


def test_a_relay_does_not_open_with_a_damaged_file_of_passes(tmp_path: Path) -> None:
    relay("--new-pass", "--dir", str(tmp_path))
    (tmp_path / "pass").write_text("nonsense\n")
    result = relay("--dir", str(tmp_path), "--listen", "127.0.0.1:0")
    assert result.exit_code != 0
    assert "[bad_pass]" in result.stderr


def test_open_to_all_and_a_new_pass_do_not_go_together(tmp_path: Path) -> None:
    assert relay("--open", "--new-pass", "--dir", str(tmp_path / "relay")).exit_code == 2
    assert not (tmp_path / "relay").exists()


@pytest.mark.parametrize(
    ("content", "count", "said"), [("a" * 26 + "\n", 1, "passes"), ("", 0, "passes"), ("x", 2, "bad_pass")]
)
def test_a_running_relay_takes_what_the_operator_changed(tmp_path: Path, content: str, count: int, said: str) -> None:
    told = []

    async def tell(what: str, **facts: object) -> None:
        told.append(what)

    passes, server = PassFile(tmp_path / "pass"), SimpleNamespace(passes=(bytes(16), bytes([1]) * 16))
    passes.load()
    (tmp_path / "pass").write_text(content)
    for _ in range(2):
        asyncio.run(_look_at("passes", passes, server, SimpleNamespace(tell=tell)))
    assert (len(server.passes), told) == (count, [said])


def test_a_weekly_secret_is_added_to_its_file_and_printed(tmp_path: Path) -> None:
    said = [json.loads(relay("--weekly", "--dir", str(tmp_path), "--json").stdout) for _ in range(2)]
    assert [one["what"] for one in said] == ["weekly_secret"] * 2
    held = read_passes((tmp_path / "weekly").read_bytes(), SECRET)
    assert [base32(each) for each in held] == [one["secret"] for one in said]
    assert (tmp_path / "weekly").stat().st_mode & 0o777 == 0o600


def test_passes_that_last_are_ended_only_where_those_of_a_week_are_taken(tmp_path: Path) -> None:
    relay("--new-pass", "--dir", str(tmp_path))
    before = (tmp_path / "pass").read_bytes()
    assert "[no_weekly]" in relay("--end-lasting", "--dir", str(tmp_path)).stderr
    assert (tmp_path / "pass").read_bytes() == before
    relay("--weekly", "--dir", str(tmp_path))
    assert json.loads(relay("--end-lasting", "--dir", str(tmp_path), "--json").stdout)["what"] == "lasting_ended"
    assert (tmp_path / "pass").read_bytes() == b""


def test_passes_that_were_ended_lie_aside_and_can_be_put_back(tmp_path: Path) -> None:
    relay("--new-pass", "--dir", str(tmp_path))
    before = PassFile(tmp_path / "pass").load()
    relay("--weekly", "--dir", str(tmp_path))
    relay("--end-lasting", "--dir", str(tmp_path))
    passes = PassFile(tmp_path / "pass")
    assert passes.load() == ()
    aside = tmp_path / "pass.ended"
    assert aside.stat().st_mode & 0o777 == 0o600
    aside.rename(tmp_path / "pass")
    assert passes.changed() == before


def test_a_running_relay_takes_the_weekly_secrets_that_the_operator_changed(tmp_path: Path) -> None:
    told = []

    async def tell(what: str, **facts: object) -> None:
        told.append(what)

    secrets, server = PassFile(tmp_path / "weekly", size=SECRET), SimpleNamespace(weekly=())
    secrets.load()
    (drawn,) = (PassFile(tmp_path / "weekly", size=SECRET).add() for _ in range(1))
    asyncio.run(_look_at("weekly", secrets, server, SimpleNamespace(tell=tell)))
    (tmp_path / "weekly").write_text("x")
    asyncio.run(_look_at("weekly", secrets, server, SimpleNamespace(tell=tell)))
    assert (server.weekly, told) == ((drawn,), ["weekly", "bad_pass"])
