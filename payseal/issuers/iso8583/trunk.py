"""Trunk: a few lines to each host, all signed on, echoed and opened again after they were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from payseal.issuers import Clock
from payseal.issuers.iso8583 import messages
from payseal.issuers.iso8583.address import Address
from payseal.issuers.iso8583.line import Line, Lost, Unsent
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.times import Times

LINES_MAX = 16
CONNECT_WITHIN_S = 5
PAUSE_FIRST_S, PAUSE_LAST_S = 0.2, 5.0
_DOUBLINGS_MAX = 10

_log = structlog.get_logger()


class Trunk:
    """Keeps the lines up from `start` to `stop`, and hands out the least busy one.

    Lines of the first address are preferred to those of the second, and so on: one that comes back
    is used again.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        terminal: Terminal,
        *,
        lines: int,
        times: Times,
        entropy: Callable[[int], bytes],
        now: Clock,
    ) -> None:
        assert 0 < lines <= LINES_MAX, f"there cannot be {lines} lines"
        assert addresses, "somebody is there to be called"
        self._addresses, self._terminal = tuple(addresses), terminal
        self._count, self._times = lines, times
        self._entropy, self._now = entropy, now
        self._lines: set[Line] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin to connect; it does not wait for the host."""
        assert not self._keepers, "it is started once"
        self._keepers = [
            asyncio.create_task(self._keep(address))
            for address in self._addresses
            for _ in range(self._count)
        ]

    async def stop(self) -> None:
        """Sign off and close. Who still waits for an answer is told that the line is lost."""
        lines, self._lines = self._lines, set()
        await asyncio.gather(*(self._sign_off(line) for line in lines))
        keepers, self._keepers = self._keepers, []
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self._changed.set()

    async def ready(self, within_s: float, where: Address | None = None) -> Line | None:
        """The signed-on line with the least in flight, or None when there is none in time.

        `where`: of that address only.
        """
        return self._least_busy(where) or await self._freed(within_s, where)

    async def _freed(self, within_s: float, where: Address | None) -> Line | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._keepers:
                    self._changed.clear()
                    await self._changed.wait()
                    if line := self._least_busy(where):
                        return line
        return None

    def _least_busy(self, where: Address | None) -> Line | None:
        free = [line for line in self._lines if line.is_open and where in (None, line.address)]
        return min(free, key=self._rank, default=None)

    def _rank(self, line: Line) -> tuple[int, int]:
        return self._addresses.index(line.address), line.in_flight

    async def _keep(self, address: Address) -> None:
        failures = 0
        while True:
            try:
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    streams = await asyncio.open_connection(*address)
                opened = Line(address, *streams, self._terminal, self._now, self._changed.set)
                async with opened as line:
                    await line.network(messages.SIGN_ON, self._times.network_within)
                    failures = 0
                    await self._serve(line)
            except (OSError, TimeoutError, Unsent, Lost) as error:
                _log.warning("line.down", host=address.host, port=address.port, why=str(error))
            await asyncio.sleep(self._pause_s(failures))
            failures += 1

    async def _serve(self, line: Line) -> None:
        _log.info("line.signed_on", host=line.address.host, port=line.address.port)
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
