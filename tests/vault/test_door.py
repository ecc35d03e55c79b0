"""The door: who may speak, and how a message gets across."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys

import pytest

from tercet.vault import DoorError, door_path, knock, serve_door, turn_out
from tercet.vault.door import CONNECTIONS, MESSAGE, parse_message, write_message
from tests.vault.cases import cases


async def _echo(door):
    while (message := await door.receive()) is not None:
        await door.send({"back": message})


def _with_door(path, talk, handler=_echo, **more):
    async def run():
        server = await serve_door(path, handler, **more)
        try:
            return await asyncio.wait_for(talk(), 10)
        finally:
            await server.close()

    return asyncio.run(run())


@pytest.mark.parametrize("case", cases("door"))
def test_a_message_is_read_by_the_rules_or_not_at_all(case):
    if "fails" in case:
        with pytest.raises(DoorError) as failure:
            parse_message(bytes.fromhex(case["input"]["body"]))
        assert failure.value.code == case["fails"]
        return
    message, wire = case["input"]["message"], bytes.fromhex(case["expected"]["wire"])
    assert write_message(message) == wire
    assert parse_message(wire[4:]) == message


def test_messages_go_both_ways_with_bytes_in_them(tmp_path):
    async def talk():
        door = await knock(tmp_path / "door")
        for n in range(3):
            await door.send({"n": n, "bytes": b"\x00\xff" * n})
            assert await door.receive() == {"back": {"n": n, "bytes": b"\x00\xff" * n}}
        await door.close()

    _with_door(tmp_path / "door", talk)


def test_two_programs_are_served_at_once(tmp_path):
    async def talk():
        one, two = await knock(tmp_path / "door"), await knock(tmp_path / "door")
        await two.send({"two": 2})
        assert await two.receive() == {"back": {"two": 2}}
        await one.send({"one": 1})
        assert await one.receive() == {"back": {"one": 1}}
        await one.close()
        await two.close()

    _with_door(tmp_path / "door", talk)


def test_the_socket_is_for_its_owner_alone_from_its_first_moment(tmp_path, monkeypatch):
    modes = []
    bind = socket.socket.bind

    class Watching(socket.socket):
        def bind(self, name):
            bind(self, name)
            modes.append(stat.S_IMODE(os.stat(name).st_mode))

    monkeypatch.setattr(socket, "socket", Watching)
    before = os.umask(0)
    try:

        async def talk():
            return stat.S_IMODE((tmp_path / "door").stat().st_mode)

        assert _with_door(tmp_path / "door", talk) == 0o600
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_the_holder_hears_nothing_from_another_user(tmp_path):
    heard = []

    async def hear(door):
        heard.append(await door.receive())

    async def talk():
        door = await knock(tmp_path / "door")
        try:
            await door.send({"hello": 1})
            assert await door.receive() is None
        except DoorError as failure:
            assert failure.code == "door_closed"
        await door.close()

    _with_door(tmp_path / "door", talk, hear, user=os.geteuid() + 1)
    assert heard == []


def test_nothing_is_said_to_a_holder_who_is_another_user(tmp_path):
    heard = []

    async def hear(door):
        heard.append(await door.receive())

    async def talk():
        with pytest.raises(DoorError) as failure:
            await knock(tmp_path / "door", user=os.geteuid() + 1)
        assert failure.value.code == "door_stranger"

    _with_door(tmp_path / "door", talk, hear)
    assert heard in ([], [None])


def test_nobody_at_the_door_is_said_so(tmp_path):
    for path in (tmp_path / "door", tmp_path / "no folder" / "door"):
        with pytest.raises(DoorError) as failure:
            asyncio.run(knock(path))
        assert failure.value.code == "door_closed"


def _dead_socket(path):
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))


def test_a_dead_socket_is_replaced(tmp_path):
    _dead_socket(tmp_path / "door")

    async def talk():
        door = await knock(tmp_path / "door")
        await door.send({})
        assert await door.receive() == {"back": {}}
        await door.close()

    _with_door(tmp_path / "door", talk)


def test_a_door_that_somebody_answers_is_left_alone(tmp_path):
    async def talk():
        with pytest.raises(DoorError) as failure:
            await serve_door(tmp_path / "door", _echo)
        assert failure.value.code == "door_in_use"
        door = await knock(tmp_path / "door")
        await door.send({})
        assert await door.receive() == {"back": {}}
        await door.close()

    _with_door(tmp_path / "door", talk)


def test_a_file_that_is_no_socket_is_never_replaced(tmp_path):
    (tmp_path / "door").write_bytes(b"letters")
    (tmp_path / "link").symlink_to(tmp_path / "door")
    for name in ("door", "link"):
        with pytest.raises(DoorError) as failure:
            asyncio.run(serve_door(tmp_path / name, _echo))
        assert failure.value.code == "door_path"
    assert (tmp_path / "door").read_bytes() == b"letters"
    assert (tmp_path / "link").is_symlink()


def test_closing_removes_our_socket_and_only_ours(tmp_path):
    async def run():
        server = await serve_door(tmp_path / "door", _echo)
        await server.close()
        assert not (tmp_path / "door").exists()
        server = await serve_door(tmp_path / "door", _echo)
        (tmp_path / "door").unlink()
        (tmp_path / "door").write_bytes(b"somebody else's")
        await server.close()
        await server.close()
        assert (tmp_path / "door").read_bytes() == b"somebody else's"

    asyncio.run(run())


def test_a_path_may_be_long_but_not_its_last_part(tmp_path):
    folder = tmp_path / ("d" * 150) / ("e" * 150)
    folder.mkdir(parents=True)

    async def talk():
        door = await knock(folder / ("n" * 80))
        await door.send({"a": 1})
        assert await door.receive() == {"back": {"a": 1}}
        await door.close()

    _with_door(folder / ("n" * 80), talk)
    with pytest.raises(DoorError) as failure:
        asyncio.run(serve_door(folder / ("n" * 81), _echo))
    assert failure.value.code == "door_path"


def test_closing_the_door_ends_every_connection(tmp_path):
    async def run():
        server = await serve_door(tmp_path / "door", _echo)
        door = await knock(tmp_path / "door")
        await door.send({})
        await door.receive()
        await server.close()
        assert await asyncio.wait_for(door.receive(), 10) is None
        with pytest.raises(DoorError) as failure:
            for _ in range(3):
                await door.send({})
        assert failure.value.code == "door_closed"
        await door.close()

    asyncio.run(run())


def _raw(path, data):
    """Send bytes as a broken program would, and return the code with which the holder's side ends."""
    codes = []

    async def handler(door):
        try:
            while await door.receive() is not None:
                pass
            codes.append(None)
        except DoorError as failure:
            codes.append(failure.code)
            raise

    async def talk():
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(data)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

    _with_door(path, talk, handler)
    return codes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),
        (write_message({"a": 1}), None),
        (b"\0\0", "door_closed"),
        (b"\0\0\0\x05abc", "door_closed"),
        (b"\0\0\0\x05", "door_closed"),
        (write_message({"a": 1})[:-1], "door_closed"),
        (b"\0\0\0\0", "door_malformed"),
        (b"\0\0\0\x01\x90", "door_malformed"),
        (struct.pack(">I", MESSAGE + 1), "door_too_long"),
        (b"\xff\xff\xff\xff" + bytes(64), "door_too_long"),
    ],
)
def test_a_connection_that_breaks_a_rule_is_over(tmp_path, data, code):
    assert _raw(tmp_path / "door", data) == [code]


def test_a_message_that_is_too_long_is_not_sent(tmp_path):
    async def talk():
        door = await knock(tmp_path / "door")
        with pytest.raises(DoorError) as failure:
            await door.send({"a": bytes(MESSAGE)})
        assert failure.value.code == "door_too_long"
        await door.send({"a": bytes(100_000)})
        assert await door.receive() == {"back": {"a": bytes(100_000)}}
        await door.close()

    _with_door(tmp_path / "door", talk)


def test_no_more_than_a_few_connections_are_kept(tmp_path):
    async def talk():
        doors = [await knock(tmp_path / "door") for _ in range(CONNECTIONS)]
        for door in doors:
            await door.send({})
            await door.receive()
        late = await knock(tmp_path / "door")
        assert await late.receive() is None
        await doors[0].close()
        for door in [late, *doors[1:]]:
            await door.close()

    _with_door(tmp_path / "door", talk)


def test_the_name_of_a_door_does_not_show_the_vault(tmp_path):
    beside = door_path(tmp_path / "vault")
    inside = door_path(tmp_path / "vault", tmp_path / "run")
    assert beside.parent == tmp_path and beside.name.startswith(".")
    assert inside == tmp_path / "run" / beside.name[1:]
    assert "vault" not in inside.name and len(inside.name) == 32
    assert door_path(tmp_path / "x" / ".." / "vault") == beside
    assert door_path(tmp_path / "other") != beside
    assert json.dumps(inside.name).isascii()


LISTENS = """
import socket, sys
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen()
print("ready", flush=True)
while True:
    door.accept()
"""


def test_who_answers_at_the_door_is_turned_out_and_the_door_is_free(tmp_path):
    place = tmp_path / "door"
    with subprocess.Popen([sys.executable, "-c", LISTENS, str(place)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        asyncio.run(turn_out(place))
        assert other.wait(20) == -signal.SIGTERM
    assert _with_door(place, lambda: asyncio.sleep(0, "free")) == "free"


def test_nobody_turns_itself_out_or_minds_that_nobody_is_there(tmp_path):
    place = tmp_path / "door"
    asyncio.run(turn_out(place))

    async def talk():
        await turn_out(place)
        return "still here"

    assert _with_door(place, talk) == "still here"
