"""Trunk: a few lines to one host, each signed on, echoed and opened again after it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from payseal.issuers import Clock
from payseal.issuers.iso8583 import messages
from payseal.issuers.iso8583.line import Line, Lost, Unsent
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.times import Times

LINES_MAX = 16
CONNECT_WITHIN_S = 5
PAUSE_FIRST_S, PAUSE_LAST_S = 0.2, 5.0
_DOUBLINGS_MAX = 10

_log = structlog.get_logger()


class Trunk:
    """Keeps the lines up from `start` to `stop`, and hands out the least busy one."""

    def __init__(
        self,
        host: str,
        port: int,
        terminal: Terminal,
        *,
        lines: int,
        times: Times,
        entropy: Callable[[int], bytes],
        now: Clock,
    ) -> None:
        assert 0 < lines <= LINES_MAX, f"there cannot be {lines} lines"
        self._host, self._port, self._terminal = host, port, terminal
        self._count, self._times = lines, times
        self._entropy, self._now = entropy, now
        self._lines: set[Line] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin to connect; it does not wait for the host."""
        assert not self._keepers, "it is started once"
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def stop(self) -> None:
        """Sign off and close. Who still waits for an answer is told that the line is lost."""
        lines, self._lines = self._lines, set()
        await asyncio.gather(*(self._sign_off(line) for line in lines))
        keepers, self._keepers = self._keepers, []
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self._changed.set()

    async def ready(self, within_s: float) -> Line:
        """The signed-on line with the least in flight; `Unsent` when there is none in time."""
        line = self._least_busy() or await self._freed(within_s)
        if line is None:
            raise Unsent("no_connection")
        return line

    async def _freed(self, within_s: float) -> Line | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._keepers:
                    self._changed.clear()
                    await self._changed.wait()
                    if line := self._least_busy():
                        return line
        return None

    def _least_busy(self) -> Line | None:
        free = [line for line in self._lines if line.is_open]
        return min(free, key=lambda line: line.in_flight, default=None)

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    streams = await asyncio.open_connection(self._host, self._port)
                async with Line(*streams, self._terminal, self._now, self._changed.set) as line:
                    await line.network(messages.SIGN_ON, self._times.network_within)
                    failures = 0
                    await self._serve(line)
            except (OSError, TimeoutError, Unsent, Lost) as error:
                _log.warning("line.down", host=self._host, port=self._port, why=str(error))
            await asyncio.sleep(self._pause_s(failures))
            failures += 1

    async def _serve(self, line: Line) -> None:
        _log.info("line.signed_on", host=self._host, port=self._port)
        self._lines.add(line)
        self._changed.set()
        try:
            await line.watch(self._times)
        finally:
            self._lines.discard(line)

    async def _sign_off(self, line: Line) -> None:
        with suppress(Unsent, Lost):
            await line.network(messages.SIGN_OFF, self._times.sign_off_within)

    def _pause_s(self, failures: int) -> float:
        # Jitter: many who lost the same host do not come back in step.
        longest: float = min(PAUSE_FIRST_S * 2 ** min(failures, _DOUBLINGS_MAX), PAUSE_LAST_S)
        return longest * (0.5 + self._entropy(1)[0] / 510)
