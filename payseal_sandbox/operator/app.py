"""The operator's HTTP server, on loopback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web

from payseal_sandbox.faults import Faults
from payseal_sandbox.operator import api, page, settlement
from payseal_sandbox.operator.desk import DESK, OperatorDesk
from payseal_sandbox.operator.guard import guard
from payseal_sandbox.reader import Reader
from payseal_sandbox.site import Site
from payseal_sandbox.writer import Writer

BODY_MAX: Final = 64 * 1024


class Operator(Site):
    """Shows the book, and lets people and programs set abilities and faults."""

    def __init__(
        self, reader: Reader, writer: Writer, faults: Faults, clock: Callable[[], datetime]
    ) -> None:
        app = web.Application(middlewares=[guard], client_max_size=BODY_MAX)
        app[DESK] = OperatorDesk(reader, writer, faults, clock)
        for routes in (api.routes, page.routes, settlement.routes):
            app.add_routes(routes)
        super().__init__(app)
