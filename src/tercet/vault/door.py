"""The door: how other processes of the same person ask the one that holds the vault.

Does        serves and dials a Unix socket for this user alone; carries messages (maps) both ways.
Does not    know what the messages mean, or whether the vault is open.
Spec        spec/71-door.md
Always      1. The socket is 0600 from its first moment.  2. Both sides check who the other is before a word.
            3. A file that is not a dead socket is never replaced.
Read first  serve_door(), knock(), Door.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import signal
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tercet.vault.errors import DoorError

MESSAGE = 16 * 1_048_576  # bytes; the longest message: the largest state and change
CONNECTIONS = 64  # at once; one person's processes
NAME = 80  # bytes; the longest name of a socket file, so that /proc/self/fd/N/NAME fits in 108

Handler = Callable[["Door"], Awaitable[None]]


def _refuse(code: int, data: memoryview) -> Any:
    raise ValueError("no extension types")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_refuse)


def write_message(message: Mapping[str, Any]) -> bytes:
    """Return u32be length ‖ MessagePack map.

    Raises:
        DoorError: door_too_long, above 16 MiB.
        TypeError: a value that MessagePack has no type for.

    Source: spec/71-door.md, 3.
    """
    body = _encoder.encode(message)
    if len(body) > MESSAGE:
        raise DoorError("door_too_long")
    return struct.pack(">I", len(body)) + body


def parse_message(body: bytes) -> dict[str, Any]:
    """Parse what follows the length: one map with text keys, and nothing behind it.

    Raises:
        DoorError: door_malformed.

    Source: spec/71-door.md, 3.
    """
    try:
        return _decoder.decode(body)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        raise DoorError("door_malformed") from None


class Door:
    """One connection, from either side; made by knock() or handed to a handler."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one message.

        Raises:
            DoorError: door_closed, door_too_long.
        """
        data = write_message(message)
        if self._writer.is_closing():
            raise DoorError("door_closed")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            raise DoorError("door_closed") from None

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None if the other side is done.

        Raises:
            DoorError: door_closed (cut in a message), door_malformed, door_too_long; the connection is over.
        """
        try:
            head = await self._reader.readexactly(4)
            (length,) = struct.unpack(">I", head)
            if length > MESSAGE:
                raise DoorError("door_too_long")
            return parse_message(await self._reader.readexactly(length))
        except asyncio.IncompleteReadError as cut:
            if not cut.partial and cut.expected == 4:
                return None
            self._writer.close()
            raise DoorError("door_closed") from None
        except OSError:
            raise DoorError("door_closed") from None
        except DoorError:
            self._writer.close()
            raise

    async def close(self) -> None:
        """End the connection; what was sent still arrives."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class DoorServer:
    """A door that is open to knocks; made by serve_door()."""

    def __init__(self, path: Path, handler: Handler, user: int) -> None:
        self._path, self._handler, self._user = path, handler, user
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self) -> None:
        """Bind the socket and begin to answer; used by serve_door()."""
        listener = _bind(self._path)
        self._inode = self._path.lstat().st_ino
        self._server = await asyncio.start_unix_server(self._meet, sock=listener)

    async def close(self) -> None:
        """Stop answering, end every connection and remove the socket file, if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._server = None

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        door = Door(reader, writer)
        if task is None or len(self._open) >= CONNECTIONS or peer_user(writer) != self._user:
            await door.close()
            return
        self._open.add(task)
        try:
            with contextlib.suppress(DoorError, asyncio.CancelledError):
                await self._handler(door)
        finally:
            self._open.discard(task)
            writer.close()


async def serve_door(path: str | Path, handler: Handler, *, user: int | None = None) -> DoorServer:
    """Answer at a path until the returned server is closed; one task runs `handler` for each connection.

    Args:
        path: the socket file, of any length; see door_path().
        handler: talks over the Door it gets; the connection ends when it returns.
        user: the only user id let in; this process's own by default.

    Raises:
        DoorError: door_in_use (somebody answers there), door_path (another kind of file is there, the folder
            cannot be written, or the name is above 80 bytes).

    Source: spec/71-door.md, 2.
    """
    server = DoorServer(Path(path), handler, os.geteuid() if user is None else user)
    await server.start()
    return server


async def knock(path: str | Path, *, user: int | None = None) -> Door:
    """Connect to a door.

    Raises:
        DoorError: door_closed (nobody there), door_stranger (another user serves it), door_path.

    Source: spec/71-door.md, 2.
    """
    try:
        with _short(Path(path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
    except OSError as error:
        raise DoorError("door_path" if error.errno == errno.EACCES else "door_closed") from None
    if peer_user(writer) != (os.geteuid() if user is None else user):
        writer.close()
        raise DoorError("door_stranger")
    return Door(reader, writer)


def door_path(vault: str | Path, runtime: str | Path | None = None) -> Path:
    """Return where the holder of a vault answers.

    Args:
        vault: the vault file.
        runtime: the user's runtime folder (in memory, gone at switch-off), if the system has one; else the
            door stands beside the vault.

    Source: spec/71-door.md, 1.
    """
    whole = Path(vault).resolve()
    name = hashlib.blake2b(os.fsencode(whole), digest_size=16, person=b"tercet door").hexdigest()
    return Path(runtime) / name if runtime else whole.parent / f".{name}"


def peer_user(writer: asyncio.StreamWriter) -> int:
    """Return the user id of the process at the other end, as the kernel knows it (SO_PEERCRED)."""
    return _peer(writer)[1]


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Process id and user id of who listens, or calls, at the other end."""
    their_socket = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    process, user, _ = struct.unpack("3i", their_socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(process), int(user)


async def turn_out(path: str | Path) -> None:
    """End the process of our own account that answers at a vault's door, as SIGTERM ends one.

    For whoever holds the vault itself: then nobody who answers there does. This process is left alone, and so is
    whatever cannot be reached.

    Source: spec/71-door.md, 1.
    """
    try:
        with _short(Path(path)) as name:
            _, writer = await asyncio.open_unix_connection(name)
    except OSError:
        return
    process, user = _peer(writer)
    writer.close()
    if process != os.getpid() and user == os.geteuid():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGTERM)


def _bind(path: Path) -> socket.socket:
    """Return a bound socket, 0600 from its first moment; a dead socket in its place is removed."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o600)  # Linux gives the file the mode that the socket has at bind
        with _short(path) as name:
            try:
                listener.bind(name)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                _remove_dead(path, name)
                listener.bind(name)
    except OSError:
        listener.close()
        raise DoorError("door_path") from None
    except DoorError:
        listener.close()
        raise
    return listener


def _remove_dead(path: Path, name: str) -> None:
    """Remove a socket file that nobody listens at.

    Raises:
        DoorError: door_path (no socket), door_in_use (somebody listens).
    """
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise DoorError("door_path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # its queue is full: somebody is there
    raise DoorError("door_in_use")


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name of the path that fits in a socket address (108 bytes), through its open folder."""
    if len(os.fsencode(path.name)) > NAME:
        raise DoorError("door_path")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
