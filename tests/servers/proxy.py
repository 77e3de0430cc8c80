"""A TCP proxy that loses what it is told to lose."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Stands before a server on 127.0.0.1. `lose` is what happens to the next thing that passes:

    "request"   it never reaches the server, and the connection is cut
    "answer"    the server has done it, and the connection is cut before the client hears
    "late"      as "request", but the server gets it when `deliver` is called

    While `is_down`, new connections are cut at once.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.lose = ""
        self.is_down = False
        self._late: tuple[asyncio.StreamWriter, bytes] | None = None
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        if self._late is not None:
            self._late[0].transport.abort()
        await asyncio.sleep(0)  # so that what was aborted is closed

    async def deliver(self) -> None:
        """What was late arrives, if anybody is there to take it."""
        assert self._late is not None, "nothing was late"
        sink, data = self._late
        sink.write(data)
        await asyncio.sleep(0.3)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            if not self.is_down:
                await self._join((reader, writer), await asyncio.open_connection(port=self._to))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._served.discard(task)
            writer.transport.abort()

    async def _join(self, client: Stream, server: Stream) -> None:
        pumps = [
            asyncio.create_task(self._pump(client[0], server[1], ("request", "late"))),
            asyncio.create_task(self._pump(server[0], client[1], ("answer",))),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            if self._late is None or self._late[0] is not server[1]:
                server[1].transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, losses: tuple[str, ...]
    ) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                if self.lose in losses:
                    if self.lose == "late":
                        self._late = sink, data
                    self.lose = ""
                    return
                sink.write(data)
                await sink.drain()
