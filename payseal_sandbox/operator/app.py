"""The operator's HTTP server, on loopback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web

from payseal_sandbox.faults import Faults
from payseal_sandbox.host import LOOPBACK
from payseal_sandbox.operator import api, page, settlement
from payseal_sandbox.operator.desk import DESK, OperatorDesk
from payseal_sandbox.operator.guard import guard
from payseal_sandbox.reader import Reader
from payseal_sandbox.writer import Writer

BODY_MAX: Final = 64 * 1024


class Operator:
    """Shows the book, and lets people and programs set abilities and faults."""

    def __init__(
        self, reader: Reader, writer: Writer, faults: Faults, clock: Callable[[], datetime]
    ) -> None:
        app = web.Application(middlewares=[guard], client_max_size=BODY_MAX)
        app[DESK] = OperatorDesk(reader, writer, faults, clock)
        for routes in (api.routes, page.routes, settlement.routes):
            app.add_routes(routes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self, port: int) -> int:
        """Listen, and say on which port; 0 picks a free one."""
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()
