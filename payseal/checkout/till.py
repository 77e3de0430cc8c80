"""Till: what taking a payment needs, and the calls that go on when their payer has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog

from payseal.core.errors import Problem, crash_facts
from payseal.core.ids import Mint
from payseal.core.store import Busy, Store
from payseal.issuers import Clock, Issuers
from payseal.risk import tries_left
from payseal.vault import Vault

STOP_WITHIN_S = 5
TURN_WITHIN_S = 5

log = structlog.get_logger("payseal.checkout")
T = TypeVar("T")


class _Queue:
    """One payer at one link: how many calls are open, have ended, and who waits for an end."""

    def __init__(self) -> None:
        self.open = self.ended = 0
        self.waiting: list[asyncio.Future[None]] = []

    def close(self) -> None:
        """One has ended: all who wait look again."""
        self.open -= 1
        self.ended += 1
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)
        self.waiting.clear()


class Till:
    """One for a process. Chance, keys, store and issuers come from outside."""

    def __init__(
        self,
        store: Store,
        issuers: Issuers,
        mint: Mint,
        payer_key: bytes,
        vault: Vault | None = None,
    ) -> None:
        self.store, self.issuers, self.mint, self.payer_key = store, issuers, mint, payer_key
        self.vault = vault
        self._calls: set[asyncio.Task[Any]] = set()
        self._queues: WeakValueDictionary[tuple[str, str], _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, link: str, payer: str, now: Clock) -> AsyncIterator[None]:
        """A payer's turn to try a card on a link; `Paused`, or `Busy` if it does not come.

        Calls that are open count as declines until they have ended otherwise: so no more cards
        can be tried side by side than one after the other.
        """
        queue = self._queues.get((link, payer))
        if queue is None:
            queue = self._queues[link, payer] = _Queue()
        if not await self._has_room(queue, link, payer, now):
            await self._wait(queue, link, payer, now)
        queue.open += 1
        try:
            yield
        finally:
            queue.close()

    async def _has_room(self, queue: _Queue, link: str, payer: str, now: Clock) -> bool:
        """Whether fewer calls are open than declines are left."""
        while True:
            ended = queue.ended
            left = await tries_left(self.store, link, payer, at=now())
            # A call that ended meanwhile may be a decline that was not read: then read again.
            if ended == queue.ended:
                return queue.open < left

    async def _wait(self, queue: _Queue, link: str, payer: str, now: Clock) -> None:
        """Until there is room."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TURN_WITHIN_S):
                while True:
                    ended: asyncio.Future[None] = loop.create_future()
                    queue.waiting.append(ended)
                    if await self._has_room(queue, link, payer, now):
                        return
                    await ended
        except TimeoutError:
            raise Busy("Many payments of this link are under way.", retryAfter=5) from None

    async def take(self, call: Coroutine[Any, Any, T], within_s: float) -> T | None:
        """The call's outcome; None when it takes longer: then it goes on by itself."""
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=within_s)
        return task.result() if done else None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Problem):
            log.error("call broke off", **crash_facts(error))  # the resolver goes on

    async def close(self) -> None:
        """Give open calls a moment; what is open after it is resolved after the next start."""
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
