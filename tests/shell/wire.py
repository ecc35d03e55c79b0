"""A proxy on loopback that counts the bytes of each direction, and can be slow."""

from __future__ import annotations

import asyncio
import contextlib


class CountingProxy:
    """Passes TCP on to one port, whoever listens there at the moment.

    Attributes:
        up: bytes that went to the port.
        down: bytes that came back.
        rate: bytes a second and direction of each connection; 0 for no limit.
    """

    def __init__(self, rate: int = 0) -> None:
        self.target = 0
        self.rate = rate
        self.up = 0
        self.down = 0
        self._more = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def went_up(self, count: int) -> None:
        """Wait until `count` bytes have gone up in all."""
        async with self._more:
            await self._more.wait_for(lambda: self.up >= count)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(self._pass(reader, back, True), self._pass(there, writer, False))
        writer.close()
        back.close()
        if task is not None:
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
                async with self._more:
                    if up:
                        self.up += len(data)
                    else:
                        self.down += len(data)
                    self._more.notify_all()
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
        writer.close()
