"""The TCP side of the bank: listens, and serves each connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from payseal_sandbox.connection import Connection, Desk

LOOPBACK: Final = "127.0.0.1"
CONNECTIONS_MAX: Final = 64
_log = logging.getLogger(__name__)


class Host:
    """Accepts acquirers on one port."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen, and say on which port; 0 picks a free one."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def stop(self) -> None:
        """Close every connection; what was taken for booking is booked all the same."""
        if self._server is None:
            return
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= CONNECTIONS_MAX:
            writer.close()
            return
        task = asyncio.create_task(Connection(self._desk, reader, writer).serve())
        self._serving.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        if not task.cancelled() and task.exception():
            _log.error("a connection ended by a bug or a broken book", exc_info=task.exception())
