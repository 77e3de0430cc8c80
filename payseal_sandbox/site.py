"""Site: an HTTP server on loopback."""

from __future__ import annotations

from aiohttp import web

from payseal_sandbox.host import LOOPBACK


class Site:
    """Serves an application on a port of its own."""

    def __init__(self, app: web.Application) -> None:
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
